/* receipt_test.c - a receipt comes back as it was written; cut, flipped, foreign or newer it is refused */
#include "test.h"

#include "base/mem.h"
#include "verify/receipt_impl.h"

static void add_mode(struct ev_verdict *v, const char *name, int64_t n)
{
	struct ev_mode *m = ev_verdict_mode(v, name, "rows");
	struct ev_equation *e = ev_mode_equation(m, "orders", "store rows", n);

	ev_equation_term(e, "matched", n - 1);
	ev_equation_term(e, "not in the sample", 1);
	m->checked = n - 1;
}

static void fill(struct ev_receipt *r)
{
	struct ev_receipt_table *t;
	struct ev_verdict v;

	*r = (struct ev_receipt){ .generation = 3, .version = 2, .sample = 1, .letters = 1 };
	r->written_by = ev_strdup("evtools test");
	r->store = ev_strdup("a \"store\"");
	r->dialect = ev_strdup("sqlite");
	r->projection = ev_strdup("orders");
	r->fingerprint = ev_strdup("0123456789abcdef");
	memset(r->seed, 'a', sizeof(r->seed) - 1);
	r->ledger = 2;
	memset(r->ledger_digest, '3', sizeof(r->ledger_digest) - 1);
	memset(r->letters_digest, '1', sizeof(r->letters_digest) - 1);
	*EV_PUSH(r->parts, r->nparts) = (struct ev_receipt_part){ ev_strdup("t"), 1, 5, 9, 8, 77 };
	*EV_PUSH(r->parts, r->nparts) = (struct ev_receipt_part){ ev_strdup("t"), 2, 0, 0, -1, 0 };
	t = EV_PUSH(r->tables, r->ntables);
	t->table = ev_strdup("orders");
	t->rows = 12;
	memset(t->digest, '2', sizeof(t->digest) - 1);
	*EV_PUSH(t->columns, t->ncolumns) = ev_strdup("id text");
	t->nkeys = 1;
	ev_verdict_init(&v, 10);
	v.ended_at = v.started_at + 5;
	add_mode(&v, "rows", 12);
	add_mode(&v, "counts", 4);
	ev_receipt_add_verdict(r, &v);
	ev_verdict_release(&v);
}

static bool refused(const char *p, size_t n, const char *why)
{
	struct ev_receipt r = { 0 };
	struct ev_error err = EV_ERROR_INIT;
	int rc = ev_receipt_read(&r, ev_slice(p, n), &err);

	ev_receipt_release(&r);
	return rc < 0 && err.class == EV_DATA && (!why || strstr(err.text, why));
}

static void test_damage(const struct ev_buf *text)
{
	size_t cut = 0, flipped = 0;

	for (size_t n = 0; n < text->len; n++) {
		cut += refused(text->data, n, NULL);
		text->data[n] ^= 1;
		flipped += refused(text->data, text->len, NULL);
		text->data[n] ^= 1;
	}
	CHECK(cut == text->len, "cut short anywhere it is refused");
	CHECK(flipped == text->len, "with any bit flipped, too");
	CHECK(refused("", 0, "it is no receipt"), "nothing is no receipt");
	CHECK(refused("{\"rows\":1}\n", 11, "it is no receipt"), "other JSON is none");
}

/* Somebody who computes the digest anew finds that the numbers are looked at. */
static void test_edited(const struct ev_buf *text, const char *from, const char *to, const char *why)
{
	struct ev_buf b = EV_BUF_INIT;
	const char *at = strstr(ev_buf_str(text), from);
	size_t end = text->len - (sizeof(EV_RECEIPT_SEAL) - 1 + 32 + 3);
	char seal[EV_RECEIPT_HEX];

	if (!CHECK(at, "the receipt has '%s'", from))
		return;
	ev_buf_add(&b, text->data, (size_t)(at - text->data));
	ev_buf_adds(&b, to);
	at += strlen(from);
	ev_buf_add(&b, at, end - (size_t)(at - text->data));
	ev_receipt_seal(ev_buf_slice(&b), seal);
	ev_buf_addf(&b, EV_RECEIPT_SEAL "%s\"}\n", seal);
	CHECK(refused(b.data, b.len, why), "%s instead of %s: %s", to, from, why);
	ev_buf_release(&b);
}

static void test_whole(struct ev_receipt *r)
{
	struct ev_error err = EV_ERROR_INIT;

	CHECK(ev_receipt_whole(r, &err) == 0, "one of rows and counts is whole");
	r->sample = 0.5;
	CHECK(ev_receipt_whole(r, &err) < 0 && strstr(err.text, "sample"), "one of a sample is not");
	r->sample = 1;
	*EV_PUSH(r->tables[0].ignored, r->tables[0].nignored) = ev_strdup("note");
	CHECK(ev_receipt_whole(r, &err) < 0 && strstr(err.text, "left columns"), "nor one that ignored a column");
	r->letters_digest[0] = '\0';
	CHECK(ev_receipt_whole(r, &err) < 0 && strstr(err.text, "counts"), "nor one without the dead letters");
}

int main(void)
{
	struct ev_buf text = EV_BUF_INIT, again = EV_BUF_INIT;
	struct ev_error err = EV_ERROR_INIT;
	struct ev_receipt r, back = { 0 };

	fill(&r);
	ev_receipt_print(&r, &text);
	CHECK(ev_receipt_read(&back, ev_buf_slice(&text), &err) == 0, "it is read back (%s)", err.text);
	CHECK(strcmp(r.digest, back.digest) == 0, "its own digest is known on both sides");
	ev_receipt_print(&back, &again);
	CHECK(ev_slice_eq(ev_buf_slice(&text), ev_buf_slice(&again)), "and says the same");
	test_damage(&text);
	test_edited(&text, "\"version\":1", "\"version\":2", "of another version");
	test_edited(&text, "\"version\":1", "\"version\":10", "of another version");
	test_edited(&text, "evtools receipt", "evtools archive", "no receipt");
	test_edited(&text, "ev-digest-1", "ev-digest-2", "another algorithm");
	test_edited(&text, "\"matched\":11", "\"matched\":12", "does not add up");
	test_edited(&text, "\"matched\":11", "\"matched\":-1", "does not add up");
	test_edited(&text, "\"next\":9", "\"next\":4", "a partition that is none");
	test_edited(&text, "\"next\":9", "\"next\":8", "the last record");
	test_edited(&text, "\"partition\":2", "\"partition\":1", "twice");
	test_edited(&text, "\"key\":1", "\"key\":2", "fewer columns");
	test_edited(&text, "\"generation\":3", "\"generation\":\"3\"", "\"generation\" is no number");
	test_edited(&text, "\"sample\":1", "\"sample\":0", "no share");
	test_whole(&back);
	ev_receipt_release(&r);
	ev_receipt_release(&back);
	ev_buf_release(&text);
	ev_buf_release(&again);
	return test_done();
}
