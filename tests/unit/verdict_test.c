/* verdict_test.c - the exit status: nothing that was not checked to its end is 0 or 1 */
#include "test.h"

#include "verify/verdict.h"

/* A verdict of two modes: the status when the first ends as `how` and the second is consistent. */
enum how { FINE, FINDING, UNPROVEN, FINDING_UNPROVEN, BEGUN, EMPTY, EMPTY_ALLOWED, BAD_EQUATION };

static int status_of(enum how how, enum ev_class class)
{
	struct ev_error e = EV_ERROR_INIT, why;
	struct ev_verdict v;
	struct ev_mode *a, *b;
	int status;

	ev_verdict_init(&v, 3);
	a = ev_verdict_mode(&v, "rows", "rows");
	b = ev_verdict_mode(&v, "counts", "offsets");
	a->checked = how == EMPTY || how == EMPTY_ALLOWED ? 0 : 5;
	a->allow_empty = how == EMPTY_ALLOWED;
	b->checked = 1;
	ev_equation_term(ev_mode_equation(a, "t", "store rows", 5), "matched", how == BAD_EQUATION ? 4 : 5);
	if (how == FINDING || how == FINDING_UNPROVEN)
		ev_finding_text(ev_mode_finding(a, "changed", "t"), "x");
	if (how == UNPROVEN || how == FINDING_UNPROVEN) {
		ev_fail(&e, class, "why");
		ev_mode_unproven(a, &e);
	}
	if (how != BEGUN)
		ev_mode_done(a);
	ev_mode_done(b);
	status = ev_verdict_status(&v, &why);
	ev_verdict_release(&v);
	return status;
}

static void statuses(void)
{
	CHECK(status_of(FINE, 0) == 0, "all that was asked is consistent: 0");
	CHECK(status_of(FINDING, 0) == 1, "a finding: 1");
	CHECK(status_of(UNPROVEN, EV_DATA) == 5 && status_of(UNPROVEN, EV_STORE) == 4 &&
	      status_of(UNPROVEN, EV_SOURCE) == 3 && status_of(UNPROVEN, EV_HELD) == 6,
	      "a mode that could not be checked gives its reason");
	CHECK(status_of(FINDING_UNPROVEN, EV_DATA) == 5, "also where it had found something");
	CHECK(status_of(UNPROVEN, EV_NO) == 70 && status_of(UNPROVEN, EV_OK) == 70,
	      "a reason that would be 0 or 1 is a bug");
	CHECK(status_of(BEGUN, 0) == 70, "a mode that nobody ended is a bug");
	CHECK(status_of(BAD_EQUATION, 0) == 70, "coverage that does not add up is a bug");
	CHECK(status_of(EMPTY, 0) == 5 && status_of(EMPTY_ALLOWED, 0) == 0, "nothing checked is no pass");
}

static void caps(void)
{
	struct ev_verdict v;
	struct ev_mode *m;

	ev_verdict_init(&v, 2);
	CHECK(ev_verdict_status(&v, NULL) == 70, "no mode at all is a bug");
	m = ev_verdict_mode(&v, "rows", "rows");
	for (int i = 0; i < 5; i++)
		ev_finding_text(ev_mode_finding(m, i < 3 ? "missing" : "extra", "t"), "%d", i);
	CHECK(m->found == 5 && m->nfindings == 2, "findings past the cap are counted");
	CHECK(m->nkinds == 2 && m->kinds[0].n == 3 && m->kinds[1].n == 2, "by kind");
	CHECK(ev_verdict_mode(&v, "rows", "rows") == m, "a mode is one by its name");
	ev_verdict_release(&v);
}

int main(void)
{
	statuses();
	caps();
	return test_done();
}
