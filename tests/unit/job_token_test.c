/* What an exactly-once copy keeps of itself: written and read, and what is no token. */
#include "test.h"

#include <string.h>

#include "sink/job_token.h"

static bool is_token(const char *json)
{
	struct ev_job_token t = { 0 };
	struct ev_error err = EV_ERROR_INIT;
	bool is = !ev_job_token_read(&t, ev_slice_str(json), &err);

	ev_job_token_release(&t);
	return is || err.class != EV_DATA;
}

static void test_read(void)
{
	CHECK(is_token("{\"position\":{}}"), "the position is enough");
	CHECK(!is_token("{}") && !is_token("") && !is_token("[]") && !is_token("x"), "nothing less is");
	CHECK(!is_token("{\"position\":{\"a\":{\"0\":-1}}}"), "a position below 0 is none");
	CHECK(!is_token("{\"position\":null}") && !is_token("{\"position\":{},\"ends\":7}"), "nor is another type");
	CHECK(!is_token("{\"position\":{},\"source\":1}") && !is_token("{\"position\":{},\"how\":[]}"),
	      "texts are texts");
	CHECK(!is_token("{\"position\":{},\"into\":{\"a\":\"b/c\"}}"), "a topic is a topic");
	CHECK(!is_token("{\"position\":{},\"partitions\":{\"b\":0}}") &&
	      !is_token("{\"position\":{},\"partitions\":{\"b\":\"3\"}}"), "no topic has no partitions");
	CHECK(!is_token("{\"position\":{},\"position\":{}}"), "a doubled name is refused");
}

static void test_round(void)
{
	struct ev_job_token t = { 0 }, u = { 0 };
	struct ev_buf text = EV_BUF_INIT;
	struct ev_error err = EV_ERROR_INIT;

	ev_position_set(&t.next, "a", 0, 12);
	ev_job_token_set_route(&t, "a", "b");
	ev_job_token_set_route(&t, "a", "c");
	ev_job_token_set_first(&t, "a", 0, 3, 8);
	ev_job_token_set_first(&t, "a", 0, 11, 9);
	ev_job_token_set_last(&t, "a", 0, 11, UINT64_MAX);
	ev_position_set(&t.ends, "b", 3, 40);
	ev_job_token_set_witness(&t, "b", 3, 39, 5);
	ev_job_token_set_partitions(&t, "b", 3);
	ev_job_token_set_partitions(&t, "b", 4);
	ev_job_token_print(&t, &text);
	CHECK(!ev_job_token_read(&u, ev_buf_slice(&text), &err), "what was printed is read");
	CHECK(!strcmp(ev_job_token_route(&u, "a"), "b"), "with the first route of a topic");
	CHECK(!ev_job_token_route(&u, "b"), "and no other");
	CHECK(ev_job_token_partitions(&u, "b") == 4 && !ev_job_token_partitions(&u, "a"),
	      "with the target's partitions");
	CHECK(ev_job_token_wrote(&u, "b") && !ev_job_token_wrote(&u, "a"), "with what was written");
	CHECK(ev_position_get(&u.first, "a", 0) == 3 && ev_job_token_is_first(&u, "a", 0, 8) &&
	      !ev_job_token_is_first(&u, "a", 0, 9), "with the very first record");
	CHECK(ev_job_token_is_last(&u, "a", 0, UINT64_MAX) && !ev_job_token_is_last(&u, "a", 0, 5),
	      "with the hash of the last record");
	CHECK(!ev_job_token_is_last(&u, "a", 1, 5), "of that partition alone");
	CHECK(ev_position_get(&u.witness, "b", 3) == 39 && ev_job_token_is_witness(&u, "b", 3, 5) &&
	      !ev_job_token_is_witness(&u, "b", 3, 6), "with a record of the target");
	ev_buf_release(&text);
	ev_job_token_release(&t);
	ev_job_token_release(&u);
}

static void test_advance(void)
{
	struct ev_position to = EV_POSITION_INIT, from = EV_POSITION_INIT;

	ev_position_set(&to, "a", 0, 5);
	ev_position_set(&to, "b", 0, 7);
	ev_position_set(&from, "b", 0, 6);
	ev_position_set(&from, "c", 0, 0);
	ev_job_token_advance(&to, &from);
	CHECK(ev_position_get(&to, "a", 0) == 5, "what is not read now stays");
	CHECK(ev_position_get(&to, "b", 0) == 7, "nothing goes back");
	CHECK(ev_position_get(&to, "c", 0) == 0, "what is new comes in");
	ev_position_release(&to);
	ev_position_release(&from);
}

int main(void)
{
	test_read();
	test_round();
	test_advance();
	return test_done();
}
