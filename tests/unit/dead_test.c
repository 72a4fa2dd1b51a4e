/* dead_test.c - dead letters in the store: whom they hold back, in which order they are walked */
#include "test.h"

#include "base/buf.h"
#include "store/dead.h"
#include "store/ledger.h"

static struct ev_store *memory(void)
{
	struct ev_store_options so = EV_STORE_OPTIONS_INIT;
	struct ev_error err = EV_ERROR_INIT;
	struct ev_store *s = ev_sqlite_open(":memory:", &so, &err);

	return s && ev_ledger_create(s, &err) == 0 && ev_dead_create(s, &err) == 0 ? s : NULL;
}

static struct ev_record rec(const char *topic, int32_t partition, int64_t offset, const char *key)
{
	return (struct ev_record){
		.topic = ev_slice_str(topic), .partition = partition, .offset = offset,
		.timestamp = 1, .key = key ? ev_slice_str(key) : EV_NULL_SLICE,
		.value = EV_LITERAL("{}"),
	};
}

/* Keep it: dead where nothing holds it back, else held. What blocked it, or -1. */
static int64_t keep(struct ev_store *s, const char *projection, struct ev_record r)
{
	struct ev_error err = EV_ERROR_INIT;
	int64_t behind = ev_dead_blocking(s, projection, &r, NULL, &err);

	return ev_dead_add(s, projection, &r, behind, "because", &err) < 0 ? -3 : behind;
}

static int64_t blocking(struct ev_store *s, const char *projection, struct ev_record r)
{
	struct ev_error err = EV_ERROR_INIT;

	return ev_dead_blocking(s, projection, &r, NULL, &err);
}

static int add_place(void *ctx, const struct ev_dead_letter *d)
{
	ev_buf_addf(ctx, "%.*s/%d@%d ", (int)d->topic.len, d->topic.ptr, d->partition,
		    (int)d->offset);
	return 0;
}

static bool chain_is(struct ev_store *s, const char *topic, int32_t partition, int64_t offset,
		     const char *want)
{
	struct ev_buf got = EV_BUF_INIT;
	struct ev_error err = EV_ERROR_INIT;
	bool same = ev_dead_chain(s, "p", ev_slice_str(topic), partition, offset, add_place, &got,
				  &err) == 0 &&
		    strcmp(ev_buf_str(&got), want) == 0;

	if (!same)
		printf("#   got  %s%s\n#   want %s\n", ev_buf_str(&got), err.text, want);
	ev_buf_release(&got);
	return same;
}

static void test_blocking(struct ev_store *s)
{
	CHECK(keep(s, "p", rec("a", 0, 5, "k")) == -1, "the first of a key is a letter");
	CHECK(blocking(s, "p", rec("a", 0, 6, "k")) == 5, "it holds back the later ones");
	CHECK(blocking(s, "p", rec("a", 3, 0, "k")) == 5, "of every partition");
	CHECK(blocking(s, "p", rec("a", 0, 6, "K")) == -1, "but not another key");
	CHECK(blocking(s, "p", rec("a", 0, 6, "k ")) == -1, "nor a longer one");
	CHECK(blocking(s, "p", rec("b", 0, 6, "k")) == -1, "nor another topic");
	CHECK(blocking(s, "q", rec("a", 0, 6, "k")) == -1, "nor another projection");
	CHECK(keep(s, "p", rec("a", 0, 7, NULL)) == -1 &&
		      blocking(s, "p", rec("a", 0, 8, NULL)) == -1,
	      "null keys hold nothing back");
	CHECK(keep(s, "p", rec("a", 0, 9, "")) == -1 && blocking(s, "p", rec("a", 0, 10, "")) == 9,
	      "the empty key is a key");
}

/* Held records come back in the order in which they came, whatever their places. */
static void test_chain(struct ev_store *s)
{
	struct ev_error err = EV_ERROR_INIT;
	int64_t dead, held;

	CHECK(keep(s, "p", rec("a", 2, 4, "k")) == 5 && keep(s, "p", rec("a", 0, 11, "k")) == 5 &&
		      keep(s, "p", rec("a", 1, 900, "k")) == 5 &&
		      keep(s, "p", rec("a", 1, 901, "")) == 9,
	      "followers from three partitions");
	CHECK(chain_is(s, "a", 0, 5, "a/0@5 a/2@4 a/0@11 a/1@900 "),
	      "the letter, then its followers");
	CHECK(chain_is(s, "a", 0, 9, "a/0@9 a/1@901 "), "another's are not among them");
	CHECK(chain_is(s, "a", 0, 7, "a/0@7 "), "a letter without a key stands alone");
	CHECK(chain_is(s, "a", 2, 4, ""), "a held record has no chain");
	CHECK(chain_is(s, "a", 1, 5, "") && chain_is(s, "b", 0, 5, ""),
	      "nor has a place without a letter");
	CHECK(ev_dead_count(s, "p", &dead, &held, &err) == 0 && dead == 3 && held == 4,
	      "all are counted");
	CHECK(ev_dead_count(s, "q", &dead, &held, &err) == 0 && dead == 0 && held == 0,
	      "and none for another projection");
}

static int take_one(void *ctx, const struct ev_dead_letter *d)
{
	*(struct ev_dead_letter *)ctx = *d;
	return 1;
}

static int note(void *ctx, const struct ev_dead_letter *d)
{
	ev_buf_addf(ctx, "%.*s %d %d %.*s", (int)d->state.len, d->state.ptr, (int)d->tries,
		    (int)d->decided_seq, (int)d->reason.len, d->reason.ptr);
	return 0;
}

static void test_states(struct ev_store *s)
{
	struct ev_error err = EV_ERROR_INIT;
	struct ev_buf got = EV_BUF_INIT;
	struct ev_dead_letter d;

	CHECK(ev_dead_tried(s, "p", EV_LITERAL("a"), 0, 5, INT64_MAX, "cut in a letter: \xc3", &err) == 0 &&
		      ev_dead_set_state(s, "p", EV_LITERAL("a"), 0, 5, "retried", 17, &err) == 0 &&
		      ev_dead_each(s, "p", "retried", note, &got, &err) == 0 &&
		      strcmp(ev_buf_str(&got), "retried 2 17 cut in a letter: ?") == 0,
	      "a try and a decision are kept, the reason as UTF-8: %s", ev_buf_str(&got));
	CHECK(blocking(s, "p", rec("a", 0, 12, "k")) == -1, "what is retried holds nothing back");
	CHECK(chain_is(s, "a", 0, 5, "a/2@4 a/0@11 a/1@900 "),
	      "followers not decided yet stay its own");
	CHECK(ev_dead_each(s, "p", NULL, take_one, &d, &err) == 1, "a walk can be stopped");
	CHECK(ev_dead_set_state(s, "p", EV_LITERAL("a"), 0, 6, "dropped", 1, &err) < 0 &&
		      err.class == EV_STORE && strstr(err.text, "a/0@6"),
	      "a letter that is gone is an error: %s", err.text);
	ev_buf_release(&got);
}

int main(void)
{
	struct ev_store *s = memory();

	if (!CHECK(s != NULL, "a store in memory"))
		return test_done();
	test_blocking(s);
	test_chain(s);
	test_states(s);
	s->ops->close(s);
	return test_done();
}
