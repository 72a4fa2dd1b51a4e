/* change.c - what a copy changes in a record, and when it is due */
#include "evreplay/replay.h"

#include <inttypes.h>
#include <time.h>

#include "base/clock.h"
#include "base/file.h"
#include "event/time.h"

const char *const replay_other_words[] = { "refuse", "drop", "pass", NULL };

enum { SLEEP_US = 20000, KEY_MAX = 4096 };

static int read_key(struct replay *r, struct ev_error *err)
{
	struct ev_buf key = EV_BUF_INIT;
	int rc;

	if (!r->args->key_file) {
		ev_fail(err, EV_USAGE, "option '--hash' needs a key: --key-file FILE");
		return ev_hint(err, "head -c 32 /dev/urandom | base64 >FILE makes one");
	}
	rc = ev_file_read(r->args->key_file, KEY_MAX, &key, err);
	if (!rc && key.len && key.data[key.len - 1] == '\n')
		key.len--;
	if (!rc)
		rc = ev_redact_key(r->redact, ev_buf_slice(&key), err);
	ev_buf_release(&key);
	return rc;
}

static int prepare_redaction(struct replay *r, struct ev_error *err)
{
	const struct replay_args *a = r->args;

	if (!a->redacts.n && !a->hashes.n && a->redact_other)
		return ev_fail(err, EV_USAGE, "option '--redact-other' belongs to '--redact' and '--hash'");
	if (!a->redacts.n && !a->hashes.n)
		return a->key_file ? ev_fail(err, EV_USAGE, "option '--key-file' belongs to '--hash'") : 0;
	r->redact = ev_redact_new();
	for (size_t i = 0; i < a->redacts.n; i++)
		if (ev_redact_add(r->redact, a->redacts.v[i], false, err))
			return -1;
	for (size_t i = 0; i < a->hashes.n; i++)
		if (ev_redact_add(r->redact, a->hashes.v[i], true, err))
			return -1;
	return a->hashes.n ? read_key(r, err) : 0;
}

const char *replay_path(const struct replay *r, size_t i)
{
	const struct replay_args *a = r->args;

	return i < a->redacts.n ? a->redacts.v[i] : a->hashes.v[i - a->redacts.n];
}

static int prepare_start(struct replay *r, struct ev_error *err)
{
	int64_t now = ev_now_ms(), at;

	if (!r->args->start_at)
		return 0;
	if (ev_time_parse(r->args->start_at, now, &at, err))
		return ev_context(err, "option '--start-at'");
	if (at < now)
		return ev_fail(err, EV_USAGE, "option '--start-at': '%s' is over", r->args->start_at);
	r->pace.start_us = ev_clock_us() + (at - now) * 1000;
	return 0;
}

int replay_prepare_changes(struct replay *r, struct ev_error *err)
{
	const struct replay_args *a = r->args;

	if ((a->rate && ev_pace_rate(&r->pace, a->rate, err)) ||
	    (a->speed && ev_pace_speed(&r->pace, a->speed, err)))
		return -1;
	if (a->max_idle_ms && !a->speed)
		return ev_fail(err, EV_USAGE, "option '--max-idle' belongs to '--speed'");
	r->pace.max_idle_ms = a->max_idle_ms;
	if (a->timestamps == TIMESTAMPS_SHIFT && (a->exactly_once || a->append))
		return ev_fail(err, EV_USAGE, "options '--timestamps shift' and '--%s' cannot be used together: each "
			       "run would shift by another time", a->append ? "append" : "exactly-once");
	return prepare_start(r, err) ? -1 : prepare_redaction(r, err);
}

/* 0; 1 dropped; -1. */
static int redact(struct replay *r, struct ev_record *rec, struct ev_error *err)
{
	int rc;

	if (!r->redact || !rec->value.ptr)
		return 0; /* a tombstone holds nothing */
	ev_buf_clear(&r->changed);
	rc = ev_redact_value(r->redact, rec->value, &r->changed);
	if (rc > 0) {
		if (r->changed.failed)
			return ev_fail(err, EV_STORE, "out of memory in a value of %zu bytes", rec->value.len);
		rec->value = ev_buf_slice(&r->changed);
	}
	if (rc >= 0 || r->args->redact_other == OTHER_PASS)
		return 0;
	if (r->args->redact_other == OTHER_DROP) {
		r->dropped++;
		return 1;
	}
	if (r->args->dry_run) { /* the plan has it against it, and goes on */
		r->unredacted++;
		return 0;
	}
	ev_fail(err, EV_DATA, "cannot redact this record: its value is no JSON");
	return ev_hint(err, "--redact-other drop leaves such records out, pass copies them as they are");
}

static int64_t plus(int64_t a, int64_t b) /* what a record says of its time can be any number */
{
	int64_t sum;

	return __builtin_add_overflow(a, b, &sum) ? (b < 0 ? INT64_MIN : INT64_MAX) : sum;
}

int64_t replay_writing_ms(const struct replay *r)
{
	int64_t due_us = r->planned_us ? r->planned_us : r->pace.start_us;
	int64_t left_us = due_us ? due_us - ev_clock_us() : 0;

	return ev_now_ms() + (left_us > 0 ? left_us / 1000 : 0);
}

static void set_timestamp(struct replay *r, struct ev_record *rec)
{
	if (r->args->timestamps == TIMESTAMPS_KEEP)
		return;
	rec->log_append = false;
	if (r->args->timestamps == TIMESTAMPS_NOW || rec->timestamp == EV_NO_TIMESTAMP) {
		rec->timestamp = replay_writing_ms(r);
		return;
	}
	if (r->shift_ms == INT64_MIN)
		r->shift_ms = plus(ev_age_ms(rec->timestamp), replay_writing_ms(r) - ev_now_ms());
	rec->timestamp = plus(rec->timestamp, r->shift_ms);
}

int replay_change(struct replay *r, struct ev_record *rec, struct ev_error *err)
{
	int rc = redact(r, rec, err);

	if (!rc)
		set_timestamp(r, rec); /* now: again when it is due */
	return rc;
}

void replay_note_losses(struct replay *r, const struct ev_record *rec)
{
	unsigned losses = r->kafka && r->args->lossy ? ev_kafka_losses(rec) : 0;

	r->lossy += losses != 0;
	for (size_t i = 0; losses && i < EV_NLOSSES; i++)
		r->losses[i] += losses >> i & 1;
}

void replay_print_losses(const struct replay *r, struct ev_buf *out)
{
	static const char *const what[EV_NLOSSES] = { "with the time of writing", "with the broker's time as their own",
						      "without headers whose names hold a NUL" };
	const char *sep = ": ";

	for (size_t i = 0; i < EV_NLOSSES; i++) {
		if (!r->losses[i])
			continue;
		ev_buf_addf(out, "%s%" PRIu64 " %s", sep, r->losses[i], what[i]);
		sep = ", ";
	}
}

/* When it is due, by the pace; 0: at once. */
static int64_t due_us(struct replay *r, const struct ev_record *rec, int64_t original_ms, int64_t now_us)
{
	struct ev_record clocked = *rec;

	if (!ev_pace_on(&r->pace) && !r->pace.start_us)
		return 0;
	clocked.timestamp = original_ms;
	return ev_pace_due(&r->pace, &clocked, now_us);
}

void replay_plan_time(struct replay *r, struct ev_record *rec, int64_t original_ms)
{
	int64_t now = r->planned_us ? r->planned_us : ev_clock_us(), due = due_us(r, rec, original_ms, now);

	if (due)
		r->planned_us = due > now ? due : now;
	if (r->args->timestamps == TIMESTAMPS_NOW)
		rec->timestamp = replay_writing_ms(r);
}

int replay_wait(struct replay *r, struct ev_record *rec, int64_t original_ms, struct ev_error *err)
{
	int64_t due = due_us(r, rec, original_ms, ev_clock_us()), now;

	while (due && (now = ev_clock_us()) < due) {
		int64_t left = due - now < SLEEP_US ? due - now : SLEEP_US;
		struct timespec t = { 0, (long)left * 1000 };

		/* nothing lies around while we wait, however short it is */
		if ((r->sink->ops->turn && r->sink->ops->turn(r->sink, 1, err)) || replay_flush_due(r, err))
			return -1;
		if (ev_stopped() || r->sink->closed)
			return 1;
		nanosleep(&t, NULL);
	}
	if (r->args->timestamps == TIMESTAMPS_NOW)
		rec->timestamp = ev_now_ms();
	return 0;
}
