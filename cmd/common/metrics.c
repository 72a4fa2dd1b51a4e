/* metrics.c - see metrics.h */
#include "common/metrics.h"

#include <stdarg.h>

#include "base/file.h"

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
	ev_buf_addf(&m->text, "%s %.15g\n", *sep == ',' ? "}" : "", value);
}

int ev_metrics_save(const struct ev_metrics *m, const char *file, struct ev_error *err)
{
	return ev_file_replace(file, ev_buf_slice(&m->text), err);
}
