/* capabilities.c - which mode sees which corruption: the table that the drill goes by */
#include "common/message.h"
#include "evverify/evverify.h"
#include "verify/drill.h"

static const char *store_of(const struct ev_drill_kind *k)
{
	return !k->postgres ? "SQLite" : !k->sqlite ? "PostgreSQL" : "";
}

static void add_text(struct ev_buf *out)
{
	size_t width = 0;

	for (size_t i = 0; i < ev_drill_nkinds; i++)
		width = strlen(ev_drill_kinds[i].what) > width ? strlen(ev_drill_kinds[i].what) : width;
	ev_buf_addf(out, "%-*s", (int)width, "corruption");
	for (int m = 0; m < EV_DRILL_MODES; m++)
		ev_buf_addf(out, "  %s", ev_drill_modes[m]);
	ev_buf_adds(out, "  of\n");
	for (size_t i = 0; i < ev_drill_nkinds; i++) {
		const struct ev_drill_kind *k = &ev_drill_kinds[i];

		ev_buf_addf(out, "%-*s", (int)width, k->what);
		for (int m = 0; m < EV_DRILL_MODES; m++)
			ev_buf_addf(out, "  %-*c", m < EV_DRILL_MODES - 1 || *store_of(k) ?
				    (int)strlen(ev_drill_modes[m]) : 1, k->sees[m]);
		ev_buf_addf(out, "%s%s\n", *store_of(k) ? "  " : "", store_of(k));
	}
	ev_buf_adds(out, "+ always, - never, ~ depends on the view (its checks, its other rows),\n"
			 "! says that it cannot look\n");
}

static const char *word(char sees)
{
	switch (sees) {
	case EV_DRILL_SEES:
		return "sees";
	case EV_DRILL_BLIND:
		return "never";
	case EV_DRILL_STOPS:
		return "stops";
	default:
		return "maybe";
	}
}

static void add_json(struct ev_buf *out)
{
	ev_buf_addc(out, '[');
	for (size_t i = 0; i < ev_drill_nkinds; i++) {
		const struct ev_drill_kind *k = &ev_drill_kinds[i];

		ev_buf_adds(out, i ? ",\n{\"corruption\":" : "{\"corruption\":");
		ev_message_quote(out, k->what);
		for (int m = 0; m < EV_DRILL_MODES; m++)
			ev_buf_addf(out, ",\"%s\":\"%s\"", ev_drill_modes[m],
				    word(k->sees[m]));
		ev_buf_addf(out, ",\"sqlite\":%s,\"postgresql\":%s}", k->sqlite ? "true" : "false",
			    k->postgres ? "true" : "false");
	}
	ev_buf_adds(out, "]\n");
}

int ev_print_capabilities(enum ev_verdict_format format, struct ev_buf *out, struct ev_error *err)
{
	if (format != EV_FORMAT_TEXT && format != EV_FORMAT_JSON)
		return ev_fail(err, EV_USAGE, "option '--capabilities' prints text or json");
	if (format == EV_FORMAT_JSON)
		add_json(out);
	else
		add_text(out);
	return out->failed ? ev_fail(err, EV_STORE, "no memory for the table") : 0;
}
