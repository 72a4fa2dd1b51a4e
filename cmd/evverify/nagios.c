/* nagios.c - the verdict as one plugin line with performance data */
#include <inttypes.h>

#include "common/term.h"
#include "evverify/evverify.h"

static int64_t checked(const struct ev_verdict *v, const char *unit)
{
	int64_t n = 0;

	for (size_t i = 0; i < v->nmodes; i++)
		if (strcmp(v->modes[i]->unit, unit) == 0)
			n += v->modes[i]->checked;
	return n;
}

/* A bar would begin the performance data. */
static void add_plain(struct ev_buf *out, const char *text)
{
	struct ev_buf escaped = EV_BUF_INIT;

	ev_term_escape(&escaped, ev_slice_str(text));
	for (size_t i = 0; i < escaped.len; i++)
		ev_buf_addc(out, escaped.data[i] == '|' ? '/' : escaped.data[i]);
	ev_buf_release(&escaped);
}

void ev_print_nagios(const struct ev_verdict *v, int status, const struct ev_error *why, struct ev_buf *out)
{
	const char *name = v->projection ? v->projection : v->nmodes ? "log" : "";
	int64_t found = ev_verdict_found(v);
	struct ev_buf text = EV_BUF_INIT;

	ev_buf_addf(out, "EVVERIFY %s - ", status == 0 ? "OK" : status == 1 ? "CRITICAL" : "UNKNOWN");
	add_plain(out, name);
	if (status > 1) {
		ev_buf_adds(out, *name ? ": " : "");
		add_plain(out, why->text);
	} else {
		ev_buf_addf(out, " %s", ev_verdict_word(status));
	}
	for (size_t i = 0; i < v->nmodes && status == 1; i++) {
		if (!v->modes[i]->nfindings)
			continue;
		ev_finding_line(&v->modes[i]->findings[0], &text);
		ev_buf_adds(out, ": ");
		add_plain(out, ev_buf_str(&text));
		break;
	}
	ev_buf_addf(out, " | differences=%" PRId64 ";;0:0;0 rows=%" PRId64 ";;;0 offsets=%" PRId64
		    ";;;0 time=%.3fs;;;0\n", found, checked(v, "rows"), checked(v, "offsets"),
		    (double)(v->ended_at - v->started_at) / 1000);
	ev_buf_release(&text);
}
