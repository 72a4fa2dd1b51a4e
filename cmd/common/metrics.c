/* metrics.c - see metrics.h */
#include "common/metrics.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void ev_metrics_init(struct ev_metrics *m)
{
	*m = (struct ev_metrics){ .text = EV_BUF_INIT };
}

void ev_metrics_release(struct ev_metrics *m)
{
	ev_buf_release(&m->text);
}

void ev_metric(struct ev_metrics *m, const char *name, const char *type, const char *help)
{
	m->name = name;
	ev_buf_addf(&m->text, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static void label_value(struct ev_buf *out, const char *s)
{
	for (; *s; s++) {
		if (*s == '\n')
			ev_buf_adds(out, "\\n");
		else if (*s == '"' || *s == '\\')
			ev_buf_addf(out, "\\%c", *s);
		else
			ev_buf_addc(out, *s);
	}
}

void ev_metric_value(struct ev_metrics *m, double value, ...)
{
	const char *label, *sep = "{";
	va_list ap;

	ev_buf_adds(&m->text, m->name);
	va_start(ap, value);
	while ((label = va_arg(ap, const char *))) {
		ev_buf_addf(&m->text, "%s%s=\"", sep, label);
		label_value(&m->text, va_arg(ap, const char *));
		ev_buf_addc(&m->text, '"');
		sep = ",";
	}
	va_end(ap);
	ev_buf_addf(&m->text, "%s %.17g\n", *sep == ',' ? "}" : "", value);
}

static int write_file(int fd, const struct ev_buf *text)
{
	for (size_t at = 0; at < text->len;) {
		ssize_t w = write(fd, text->data + at, text->len - at);

		if (w < 0 && errno == EINTR)
			continue;
		if (w < 0)
			return -1;
		at += (size_t)w;
	}
	return fsync(fd);
}

int ev_metrics_save(const struct ev_metrics *m, const char *file, struct ev_error *err)
{
	struct ev_buf tmp = EV_BUF_INIT;
	int fd, rc = -1;

	/* not *.prom, so that a collector never reads the half of it */
	ev_buf_addf(&tmp, "%s.%ld.tmp", file, (long)getpid());
	fd = open(ev_buf_str(&tmp), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	if (fd >= 0) {
		rc = write_file(fd, &m->text);
		if (close(fd))
			rc = -1;
	}
	if (!rc)
		rc = rename(ev_buf_str(&tmp), file);
	if (rc) {
		ev_fail(err, EV_STORE, "cannot write metrics '%s': %s", file, strerror(errno));
		if (fd >= 0)
			unlink(ev_buf_str(&tmp));
	}
	ev_buf_release(&tmp);
	return rc ? -1 : 0;
}
