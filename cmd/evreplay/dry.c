/* dry.c - what a copy would do: --dry-run */
#include "evreplay/replay.h"

#include <inttypes.h>

#include "base/clock.h"
#include "base/plural.h"
#include "common/term.h"
#include "event/time.h"

/* What the broker's limit counts beside key, value and headers: at least the head of a batch. */
enum { BATCH_HEAD = 61 };

void replay_dry_count(struct replay *r, struct replay_part *p, struct replay_topic *target, const struct ev_record *rec)
{
	const char *why = r->kafka && !r->args->lossy ? ev_kafka_unproducible(rec) : NULL;
	uint64_t bytes = ev_record_bytes(rec);

	p->copied++;
	p->bytes += bytes;
	if (target && bytes + BATCH_HEAD > (uint64_t)target->most_bytes) {
		target->large++;
		target->largest = bytes > target->largest ? bytes : target->largest;
	}
	if (rec->timestamp != EV_NO_TIMESTAMP && rec->timestamp < p->oldest)
		p->oldest = rec->timestamp;
	if (rec->timestamp > p->newest)
		p->newest = rec->timestamp;
	p->unproducible += why != NULL;
	if (why && !r->unproducible)
		r->unproducible = why;
}

static void time_cell(struct ev_table *tb, int64_t ms)
{
	char text[EV_TIME_TEXT];

	if (ms == INT64_MAX || ms == INT64_MIN) {
		ev_table_add(tb, "-");
		return;
	}
	ev_time_show(ms, text);
	ev_table_add(tb, text);
}

static void row(struct ev_table *tb, const struct replay *r, size_t i)
{
	const struct ev_partition *at = &r->src->parts[i];
	const struct replay_part *p = i < r->nparts ? &r->parts[i] : NULL;
	struct ev_buf bytes = EV_BUF_INIT;
	struct ev_merge_seen seen;

	ev_merge_seen(r->merge, (uint32_t)i, &seen);
	ev_table_addf(tb, "%s/%d", at->topic, (int)at->partition);
	ev_table_addf(tb, "%" PRId64, seen.begin);
	ev_table_addf(tb, "%" PRId64, seen.next);
	ev_table_addf(tb, "%" PRIu64, p ? p->copied : 0);
	ev_term_bytes(&bytes, p ? p->bytes : 0);
	ev_table_add(tb, ev_buf_str(&bytes));
	time_cell(tb, p ? p->oldest : INT64_MAX);
	time_cell(tb, p ? p->newest : INT64_MIN);
	ev_table_add(tb, !r->kafka ? r->args->into : p && p->topic ? p->topic : "-");
	ev_buf_release(&bytes);
}

static void print_parts(struct replay *r, const struct ev_term *term, struct ev_buf *out)
{
	static const char *const heads[] = { "partition", "from", "to", "records", "bytes", "oldest",
					     "newest", "into" };
	struct ev_table tb;

	ev_table_init(&tb, "lrrrrlll");
	for (size_t i = 0; i < 8; i++)
		ev_table_add(&tb, heads[i]);
	for (size_t i = 0; i < r->src->nparts; i++)
		row(&tb, r, i);
	ev_table_print(&tb, term, true, out);
	ev_table_release(&tb);
}

/* What stands against a topic, and what would but for --allow; the number of conflicts. */
static uint64_t print_conflicts(const struct replay *r, const struct replay_topic *t, struct ev_buf *out)
{
	uint64_t all = 0;

	for (size_t c = 0; c < NCONFLICTS; c++) {
		bool allowed = r->allowed & 1u << c;

		if (!t->conflicts[c])
			continue;
		ev_buf_addf(out, "%s: topic %s: %s", allowed ? "allowed" : "conflict", t->name,
			    replay_allow_words[c]);
		if (c == ALLOW_OTHER_JOB)
			ev_buf_addf(out, " (%s)", t->other);
		if (c >= ALLOW_RETENTION)
			ev_buf_addf(out, " (%" PRIu64 " record%s)", t->conflicts[c],
				    ev_plural(t->conflicts[c]));
		if (!allowed)
			ev_buf_addf(out, "; --allow %s %s all the same", replay_allow_words[c], replay_allow_verb(c));
		ev_buf_addc(out, '\n');
		all += allowed ? 0 : t->conflicts[c];
	}
	return all;
}

/* It is the batch that is measured, as it is packed. */
static uint64_t print_large(const struct replay_topic *t, struct ev_buf *out)
{
	if (t->large)
		ev_buf_addf(out, "conflict: topic %s: %" PRIu64 " record%s above its max.message.bytes, %" PRId64
			    " (the largest: %" PRIu64 "); it takes only what compression makes smaller\n", t->name,
			    t->large, ev_agree(t->large, " is", "s are"), t->most_bytes, t->largest);
	return t->large;
}

uint64_t replay_dry_conflicts(const struct replay *r, bool topics, struct ev_buf *out)
{
	uint64_t all = 0, odd = 0;

	for (size_t i = 0; i < r->ntopics; i++) {
		const struct replay_topic *t = r->topics[i];

		if (!t->info.partitions) {
			ev_buf_addf(out, "conflict: topic %s: it is not there, or may not be seen; ", t->name);
			replay_missing_way(r, t, out);
			ev_buf_addc(out, '\n');
			all++;
		} else if (topics) {
			ev_buf_addf(out, "topic %s: %d partition%s%s\n", t->name, (int)t->info.partitions,
				    ev_plural(t->info.partitions), t->create ? ", to be made" : "");
		}
		if (t->unseen)
			ev_buf_addf(out, "unchecked: topic %s: its settings may not be seen\n", t->name);
		all += print_conflicts(r, t, out) + print_large(t, out);
	}
	for (size_t i = 0; i < r->nparts; i++)
		odd += r->parts[i].unproducible;
	if (odd)
		ev_buf_addf(out, "conflict: %" PRIu64 " record%s cannot be produced as %s (the first: %s); "
			    "--lossy copies %s\n", odd, ev_plural(odd),
			    ev_agree(odd, "it is", "they are"), r->unproducible,
			    ev_agree(odd, "it", "them"));
	if (r->unredacted)
		ev_buf_addf(out, "conflict: %" PRIu64 " record%s cannot be redacted: no JSON; --redact-other drop "
			    "leaves %s out, pass copies %s as %s\n", r->unredacted, ev_plural(r->unredacted),
			    ev_agree(r->unredacted, "it", "them"), ev_agree(r->unredacted, "it", "them"),
			    ev_agree(r->unredacted, "it is", "they are"));
	if (r->lossy) {
		ev_buf_addf(out, "%" PRIu64 " record%s not be produced as %s", r->lossy,
			    ev_agree(r->lossy, " would", "s would"), ev_agree(r->lossy, "it is", "they are"));
		replay_print_losses(r, out);
		ev_buf_addc(out, '\n');
	}
	return all + odd + r->unredacted;
}

/* How long it takes: by the pace that was asked for; else about as long as reading it just took, twice. */
static int64_t estimate_ms(const struct replay *r)
{
	int64_t ms = 2 * (ev_clock_ms() - r->start_ms);
	int64_t paced = r->planned_us ? (r->planned_us - r->pace.start_us) / 1000 : 0;

	return paced > ms ? paced : ms;
}

int replay_dry_print(struct replay *r, struct ev_error *err)
{
	uint64_t records = 0, bytes = 0, held = 0, conflicts;
	struct ev_buf out = EV_BUF_INIT;
	struct ev_term term;
	int rc;

	for (size_t i = 0; i < r->nparts; i++) {
		const struct replay_part *p = &r->parts[i];

		records += p->copied;
		bytes += p->bytes;
		held += p->held;
	}
	ev_term_init(&term, 1);
	print_parts(r, &term, &out);
	conflicts = replay_dry_conflicts(r, true, &out);
	if (held)
		ev_buf_addf(&out, "%" PRIu64 " record%s that the archive holds would be passed over\n", held,
			    ev_plural(held));
	if (r->dropped)
		ev_buf_addf(&out, "%" PRIu64 " record%s no JSON and would be dropped\n", r->dropped,
			    ev_agree(r->dropped, " is", "s are"));
	for (size_t i = 0; r->redact && i < r->args->redacts.n + r->args->hashes.n; i++)
		ev_buf_addf(&out, "%s: changes %" PRIu64 " value%s\n", replay_path(r, i), ev_redact_met(r->redact, i),
			    ev_plural(ev_redact_met(r->redact, i)));
	ev_buf_addf(&out, "%" PRIu64 " record%s, ", records, ev_plural(records));
	ev_term_bytes(&out, bytes);
	ev_buf_adds(&out, ", about ");
	ev_term_duration(&out, estimate_ms(r));
	ev_buf_adds(&out, "\n");
	rc = ev_stdout_write(out.data, out.len, err);
	ev_buf_release(&out);
	return rc < 0 ? -1 : conflicts ? EV_NO : 0;
}
