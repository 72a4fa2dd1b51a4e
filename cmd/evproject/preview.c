/* preview.c - the plan of a rebuild on stdout (rebuild --dry-run) */
#include <inttypes.h>
#include <stdio.h>

#include "base/plural.h"
#include "common/term.h"
#include "evproject/evproject.h"
#include "evproject/preview.h"

static void line(const char *head, const char *text)
{
	printf("%-10s %s\n", head, text);
}

static void print_versions(const struct ev_projection *p, const struct ev_preview *v)
{
	struct ev_buf b = EV_BUF_INIT;

	if (v->old.exists)
		ev_buf_addf(&b, "version %" PRId64 "%s", v->old.version,
			    strcmp(v->old.fingerprint, p->fingerprint) == 0 ? ", the same as in the file" : "");
	else
		ev_buf_adds(&b, "none that a ledger of ours describes");
	line("serving", ev_buf_str(&b));
	ev_buf_clear(&b);
	ev_buf_addf(&b, "version %" PRId64 ", fingerprint %s", p->version, p->fingerprint);
	line("new", ev_buf_str(&b));
	if (v->serves)
		line("", "NOTHING WOULD BE DONE, as it serves already; with --again:");
	if (v->kept)
		line("kept", "a version is kept for rollback, which the swap drops");
	if (v->plan.phase != EV_PHASE_NONE) {
		ev_buf_clear(&b);
		ev_buf_addf(&b, "a rebuild to version %" PRId64 " is under way: %s", v->plan.version,
			    ev_plan_word(&v->plan));
		line("under way", ev_buf_str(&b));
	}
	ev_buf_release(&b);
}

/* Texts with a line feed each, all but the first without a head. */
static void print_lines(const char *head, const struct ev_buf *text)
{
	const char *p = ev_buf_str(text), *end;

	for (; (end = strchr(p, '\n')); p = end + 1, head = "")
		printf("%-10s %.*s\n", head, (int)(end - p), p);
}

static void print_tables(const struct ev_preview *v)
{
	const char *t = ev_buf_str(&v->report.tables), *end = t + v->report.tables.len;
	struct ev_buf b = EV_BUF_INIT;

	for (; t < end; t += strlen(t) + 1)
		ev_buf_addf(&b, "%s%s", b.len ? ", " : "", t);
	line("tables", ev_buf_str(&b));
	ev_buf_release(&b);
	print_lines("survive", &v->report.survive);
}

/* Lines under a head, and how many more there are; reasons are from events, so they are escaped. */
static void print_some(const char *head, const struct ev_buf *lines, int64_t all)
{
	const char *p = ev_buf_str(lines), *end;
	struct ev_buf text = EV_BUF_INIT;

	for (; (end = strchr(p, '\n')); p = end + 1, all--, head = "") {
		ev_buf_clear(&text);
		ev_term_escape(&text, ev_slice(p, (size_t)(end - p)));
		line(head, ev_buf_str(&text));
	}
	if (all > 0)
		printf("%-10s ... and %" PRId64 " more\n", "", all);
	ev_buf_release(&text);
}

static void print_letters(const struct ev_preview *v)
{
	struct ev_buf b = EV_BUF_INIT;

	ev_buf_adds(&b, v->keeps_dead ? "is kept as dead letters" : "stops the rebuild");
	if (v->dead || v->held || v->decided)
		ev_buf_addf(&b, "; the old view has %" PRId64 " dead letter%s%s, %" PRId64 " record%s held behind "
			    "them, and %" PRId64 " decided, which are decided again",
			    v->dead, ev_plural(v->dead),
			    v->keeps_dead || !v->dead ? "" : " (each that is still poison stops it)", v->held,
			    ev_plural(v->held), v->decided);
	line("poison", ev_buf_str(&b));
	print_some("dead now", &v->old_letters, v->dead);
	ev_buf_clear(&b);
	ev_buf_addf(&b, "%" PRId64 " among the %" PRId64 " record%s of the sample%s", v->new_dead, v->sample,
		    ev_plural(v->sample), v->stops.len ? ": THE REBUILD WOULD STOP" : "");
	line("new poison", ev_buf_str(&b));
	print_some("", &v->new_letters, v->new_dead);
	ev_buf_release(&b);
}

static void print_ranges(const struct ev_preview *v, const struct ev_term *term)
{
	struct ev_buf out = EV_BUF_INIT;
	struct ev_table tb;

	ev_table_init(&tb, "lrrr");
	tb.columns = 4;
	ev_table_add(&tb, "topic/partition");
	ev_table_add(&tb, "from");
	ev_table_add(&tb, "old view");
	ev_table_add(&tb, "end");
	for (size_t i = 0; i < v->nparts; i++) {
		const struct ev_preview_part *q = &v->parts[i];

		ev_table_addf(&tb, "%s/%d", q->topic, q->partition);
		ev_table_addf(&tb, "%" PRId64, q->begin);
		if (q->serving >= 0)
			ev_table_addf(&tb, "%" PRId64, q->serving);
		else
			ev_table_add(&tb, "-");
		ev_table_addf(&tb, "%" PRId64, q->end);
	}
	puts("");
	ev_table_print(&tb, term, true, &out);
	fwrite(ev_buf_str(&out), 1, out.len, stdout);
	ev_table_release(&tb);
	ev_buf_release(&out);
}

static void print_effort(const struct ev_preview *v)
{
	struct ev_buf b = EV_BUF_INIT;
	int64_t ms = v->sample_ms > 0 ? v->sample_ms : 1;

	ev_buf_addf(&b, "up to %" PRId64 " record%s", v->records, ev_plural(v->records));
	if (v->sample) {
		ev_buf_adds(&b, ", about ");
		ev_term_bytes(&b, (uint64_t)((double)v->sample_bytes / (double)v->sample * (double)v->records));
		ev_buf_adds(&b, ", about ");
		ev_term_duration(&b, (int64_t)((double)v->records / (double)v->sample * (double)ms));
		ev_buf_addf(&b, " to load (the first %" PRId64 " at %.0f/s, in a scratch store)", v->sample,
			    (double)v->sample * 1000 / (double)ms);
	}
	line("log", ev_buf_str(&b));
	ev_buf_clear(&b);
	if (v->report.bytes >= 0 && v->report.free_bytes >= 0) {
		ev_buf_adds(&b, "the store has ");
		ev_term_bytes(&b, (uint64_t)v->report.bytes);
		ev_buf_adds(&b, "; ");
		ev_term_bytes(&b, (uint64_t)v->report.free_bytes);
		ev_buf_adds(&b, " are free beside it; the new version is there twice while it is copied");
		line("disk", ev_buf_str(&b));
	} else if (v->report.bytes >= 0) {
		ev_buf_adds(&b, "the tables that serve have ");
		ev_term_bytes(&b, (uint64_t)v->report.bytes);
		line("disk", ev_buf_str(&b));
	}
	print_lines("locks", &v->report.locks);
	ev_buf_release(&b);
}

static void print_ddl(const struct ev_projection *p, enum ev_dialect d)
{
	for (size_t i = 0; i < p->nschemas; i++)
		if (p->schemas[i].any || p->schemas[i].dialect == d)
			printf("\n%s\n", p->schemas[i].sql);
}

void ev_preview_print(const struct ev_projection *p, enum ev_dialect d, const struct ev_preview *v)
{
	struct ev_term term;

	ev_term_init(&term, 1);
	printf("projection %s\n", p->name);
	print_versions(p, v);
	print_tables(v);
	print_letters(v);
	print_effort(v);
	print_ranges(v, &term);
	print_ddl(p, d);
}
