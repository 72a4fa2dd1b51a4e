/* receipt_holds.c - a store's rows digested again, with the seed that a receipt names */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/mem.h"
#include "store/ledger.h"
#include "verify/internal.h"
#include "verify/receipt.h"

static int add(void *ctx, const struct ev_scanned *row, struct ev_error *err)
{
	(void)err;
	ev_digest_add(ctx, row->row);
	return 0;
}

static bool same_sum(const struct ev_digest *d, int64_t rows, const char *digest)
{
	struct ev_buf text = EV_BUF_INIT;
	bool same;

	ev_digest_print(d, &text);
	same = (int64_t)d->count == rows && strcmp(ev_buf_str(&text), digest) == 0;
	ev_buf_release(&text);
	return same;
}

static bool same_columns(const struct ev_receipt_table *t, const struct ev_shape *shape)
{
	struct ev_buf text = EV_BUF_INIT;
	bool same = t->ncolumns == shape->ncolumns && t->nkeys == shape->nkeys;

	for (size_t i = 0; i < t->ncolumns && same; i++) {
		ev_buf_clear(&text);
		ev_buf_addf(&text, "%s %s", shape->columns[i].name, shape->columns[i].type);
		same = strcasecmp(t->columns[i], ev_buf_str(&text)) == 0;
	}
	ev_buf_release(&text);
	return same;
}

static int check_table(const struct ev_receipt *r, const struct ev_receipt_table *t, const struct ev_digest_key *key,
		       struct ev_store *s, struct ev_error *err)
{
	struct ev_digest sum = { 0 };
	struct ev_shape shape;
	bool unused[1];
	int rc = ev_shape_load(&shape, s, t->table, NULL, 0, unused, err);

	shape.portable = r->portable;
	if (rc == 0)
		rc = ev_fail(err, EV_DATA, "it is of a table '%s', which is not there", t->table);
	else if (rc > 0 && !same_columns(t, &shape))
		rc = ev_fail(err, EV_DATA, "it is of another schema: table '%s' has other columns", t->table);
	else if (rc > 0)
		rc = ev_table_scan(s, &shape, key, NULL, add, &sum, err);
	if (rc == 0 && !same_sum(&sum, t->rows, t->digest))
		rc = ev_fail(err, EV_DATA, "the rows of table '%s' are not those that it is of", t->table);
	ev_shape_release(&shape);
	return rc;
}

static int check_letters(const struct ev_receipt *r, const struct ev_projection *p, const struct ev_digest_key *key,
			 struct ev_store *s, struct ev_error *err)
{
	struct ev_digest sum;

	if (ev_counts_letters(key, p, s, &sum, err) < 0)
		return -1;
	return same_sum(&sum, r->letters, r->letters_digest)
		       ? 0
		       : ev_fail(err, EV_DATA, "the dead letters are not those that it is of");
}

static int check_ledger(const struct ev_receipt *r, const struct ev_ledger *l, const struct ev_digest_key *key,
			struct ev_error *err)
{
	struct ev_digest sum;

	if (!*r->ledger_digest)
		return ev_fail(err, EV_DATA, "it does not speak of the ledger's counts");
	if (ev_counts_ledger(key, l, &sum, err) < 0)
		return -1;
	return same_sum(&sum, r->ledger, r->ledger_digest)
		       ? 0
		       : ev_fail(err, EV_DATA, "the counts of the ledger are not those that it is of");
}

static int check_ids(const struct ev_receipt *r, const struct ev_projection *p, const struct ev_ledger *l,
		     const struct ev_digest_key *key, struct ev_store *s, struct ev_error *err)
{
	struct ev_ids ids = { 0 };
	int rc;

	if (!p->dedupe)
		return 0;
	if (!*r->ids_digest)
		return ev_fail(err, EV_DATA, "the projection has @dedupe, and it does not speak of the ids that were "
			       "seen");
	rc = ev_ids_digest(key, p, s, l->watermark, &ids, err);
	if (rc == 0 && !same_sum(&ids.sum, r->ids, r->ids_digest))
		rc = ev_fail(err, EV_DATA, "the ids that were seen are not those that it is of");
	ev_ids_release(&ids);
	return rc;
}

/* A table that the receipt does not speak of would be taken on trust. */
static int check_tables(const struct ev_receipt *r, struct ev_store *s, struct ev_error *err)
{
	struct ev_table_info info;
	struct ev_buf names = EV_BUF_INIT;
	int rc = ev_ledger_tables(s, r->projection, &names, err);

	for (const char *t = ev_buf_str(&names), *end = t + names.len; rc == 0 && t < end; t += strlen(t) + 1) {
		size_t i = 0;
		int is = s->ops->describe(s, t, &info, err);

		ev_table_info_release(&info);
		while (i < r->ntables && strcasecmp(r->tables[i].table, t) != 0)
			i++;
		if (is < 0)
			rc = -1;
		else if (is && i == r->ntables)
			rc = ev_fail(err, EV_DATA, "it is of another schema: it does not speak of table '%s'", t);
	}
	ev_buf_release(&names);
	return rc;
}

int ev_receipt_holds(const struct ev_receipt *r, const struct ev_projection *p, struct ev_store *s,
		     struct ev_error *err)
{
	struct ev_ledger l = { 0 };
	struct ev_digest_key key;
	int rc = check_tables(r, s, err);

	ev_digest_key_init(&key, r->seed, sizeof(r->seed) - 1);
	for (size_t i = 0; i < r->ntables && rc == 0; i++)
		rc = check_table(r, &r->tables[i], &key, s, err);
	if (rc == 0)
		rc = ev_ledger_load(s, p->name, &l, err);
	if (rc == 0 && (check_ledger(r, &l, &key, err) < 0 || check_letters(r, p, &key, s, err) < 0 ||
			check_ids(r, p, &l, &key, s, err) < 0))
		rc = -1;
	ev_ledger_release(&l);
	return rc;
}
