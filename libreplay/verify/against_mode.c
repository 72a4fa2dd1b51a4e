/* against_mode.c - two sources side by side as a mode of the verdict; see log_mode.h */
#include <inttypes.h>
#include <stdlib.h>

#include "base/plural.h"
#include "verify/log_mode.h"
#include "verify/mode_faults.h"

enum { MOST_PARTS = 20 }; /* told one by one */

static void cover_side(struct ev_mode *m, const struct ev_against_result *r, int side)
{
	struct ev_equation *e = ev_mode_equation(m, side ? "the second source" : "the first source",
						 "records", r->records[side]);

	ev_equation_term(e, "matched", r->matched);
	ev_equation_term(e, "changed", r->changed);
	ev_equation_term(e, side ? "extra" : "missing", side ? r->extra : r->missing);
}

static void tell_part(struct ev_mode *m, const struct ev_against_part *p)
{
	if (p->records[0] == p->records[1] && strcmp(p->hash[0], p->hash[1]) == 0)
		ev_mode_note(m, "%s/%d: %" PRId64 " record%s, %" PRId64 " bytes, hash %s", p->topic,
			     (int)p->partition, p->records[0], ev_plural(p->records[0]), p->bytes[0],
			     p->records[0] ? p->hash[0] : "none");
	else
		ev_mode_note(m,
			     "%s/%d: %" PRId64 " record%s, %" PRId64
			     " bytes, hash %s; second source: %" PRId64 ", %" PRId64 ", %s",
			     p->topic, (int)p->partition, p->records[0], ev_plural(p->records[0]), p->bytes[0],
			     p->records[0] ? p->hash[0] : "none", p->records[1], p->bytes[1],
			     p->records[1] ? p->hash[1] : "none");
}

static void cover(struct ev_mode *m, const struct ev_against_result *r)
{
	cover_side(m, r, 0);
	cover_side(m, r, 1);
	m->checked = r->matched + r->changed + r->missing + r->extra;
	for (size_t i = 0; i < r->nparts && i < MOST_PARTS; i++)
		tell_part(m, &r->parts[i]);
	if (r->nparts > MOST_PARTS)
		ev_mode_note(m, "and %zu partition%s more", r->nparts - MOST_PARTS,
			     ev_plural(r->nparts - MOST_PARTS));
}

/* Only one side has anything of the topic that begins at part `i`; the index behind it. */
static size_t tell_lonely(struct ev_mode *m, const struct ev_against_result *r, size_t i)
{
	const char *topic = r->parts[i].topic;
	int64_t records[2] = { 0, 0 };

	for (; i < r->nparts && strcmp(r->parts[i].topic, topic) == 0; i++) {
		records[0] += r->parts[i].records[0];
		records[1] += r->parts[i].records[1];
	}
	if (!records[0] != !records[1])
		ev_mode_note(m, "%s: only the %s source has records of it; the sources can name topics: ./archive/%s",
			     topic, records[0] ? "first" : "second", topic);
	return i;
}

/* What looks like loss, and is often another question than the one that was meant. */
static void advise(struct ev_mode *m, const struct ev_against_result *r, const struct ev_against_options *opt)
{
	for (size_t i = 0; i < r->nparts;)
		i = tell_lonely(m, r, i);
	if (r->missing && r->extra && !opt->by_key)
		ev_mode_note(m, "where a copy has spread the keys over its partitions anew, --by key compares");
}

static int compare(struct ev_source *first, struct ev_source *second,
		   const struct ev_range_args *range, const struct ev_against_options *opt,
		   struct ev_faults *faults, struct ev_against_result *r, struct ev_error *err)
{
	struct ev_range_args whole = EV_RANGE_ARGS_INIT;
	struct ev_against_options times = *opt;
	struct ev_span *spans[2] = { NULL, NULL };
	int rc = ev_range_resolve(first, range, NULL, &spans[0], err);

	times.has_since = range->has_since;
	times.has_until = range->has_until;
	times.since = range->since;
	times.until = range->until;
	if (!rc)
		rc = ev_range_resolve(second, &whole, NULL, &spans[1], err);
	if (!rc)
		rc = ev_against_run(
			(struct ev_against_side[]){ { first, spans[0] }, { second, spans[1] } },
			&times, faults, r, err);
	free(spans[0]);
	free(spans[1]);
	ev_point_release(&whole.from);
	ev_point_release(&whole.to);
	return rc;
}

int ev_against_mode(struct ev_source *first, struct ev_source *second,
		    const struct ev_range_args *range, const struct ev_against_mode *opt,
		    struct ev_verdict *v, struct ev_error *err)
{
	struct ev_mode *m = ev_verdict_mode(v, "against", "records");
	struct ev_against_result r = { 0 };
	struct ev_faults faults;
	int rc;

	m->allow_empty = opt->allow_empty;
	ev_mode_faults(&faults, m, opt->max_diffs);
	rc = compare(first, second, range, &opt->against, &faults, &r, err);
	ev_mode_faults_end(&faults, m);
	if (!rc) {
		cover(m, &r);
		advise(m, &r, &opt->against);
		ev_mode_done(m);
	}
	ev_against_release(&r);
	return ev_mode_settle(m, rc, err);
}
