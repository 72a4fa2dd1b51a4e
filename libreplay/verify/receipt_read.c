/* receipt_read.c - a receipt is read back, and nothing of it is believed before all of it adds up */
#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "archive/fields.h"
#include "base/file.h"
#include "base/mem.h"
#include "record/record.h"
#include "verify/receipt_impl.h"

#define TAIL (sizeof(EV_RECEIPT_SEAL) - 1 + 32 + sizeof("\"}\n") - 1)

/* A text that is there. */
static int text(json_t *o, const char *name, char **out, struct ev_error *err)
{
	free(*out);
	*out = NULL;
	if (ev_fields_text(o, name, out, err))
		return -1;
	return *out ? 0 : ev_fail(err, EV_DATA, "\"%s\" is null", name);
}

static int boolean(json_t *o, const char *name, bool *out, struct ev_error *err)
{
	json_t *v = json_object_get(o, name);

	*out = json_is_true(v);
	return json_is_boolean(v) ? 0 : ev_fail(err, EV_DATA, "\"%s\" is neither true nor false", name);
}

static int hex(json_t *v, const char *name, size_t digits, char *out, struct ev_error *err)
{
	const char *s = json_string_value(v);

	if (!s || strlen(s) != digits || strspn(s, "0123456789abcdef") != digits)
		return ev_fail(err, EV_DATA, "\"%s\" is not %zu hex digits", name, digits);
	memcpy(out, s, digits + 1);
	return 0;
}

static int list(json_t *o, const char *name, json_t **out, struct ev_error *err)
{
	*out = json_object_get(o, name);
	return json_is_array(*out) ? 0 : ev_fail(err, EV_DATA, "\"%s\" is no array", name);
}

static int read_part(struct ev_receipt *r, json_t *o, struct ev_error *err)
{
	struct ev_receipt_part *p = EV_PUSH(r->parts, r->nparts);
	json_t *hash = json_object_get(o, "last_hash");
	int64_t partition;

	p->last_offset = -1;
	if (text(o, "topic", &p->topic, err) || ev_fields_count(o, "partition", &partition, err) ||
	    ev_fields_count(o, "begin", &p->begin, err) || ev_fields_count(o, "next", &p->next, err))
		return -1;
	p->partition = (int32_t)partition;
	if (partition > INT32_MAX || !ev_topic_valid(ev_slice_str(p->topic)) || p->next < p->begin)
		return ev_fail(err, EV_DATA, "a partition that is none");
	for (size_t i = 0; i + 1 < r->nparts; i++)
		if (r->parts[i].partition == p->partition && strcmp(r->parts[i].topic, p->topic) == 0)
			return ev_fail(err, EV_DATA, "%s/%" PRId32 " stands there twice", p->topic, p->partition);
	if (json_is_null(hash) && json_is_null(json_object_get(o, "last_offset")))
		return 0;
	if (ev_fields_count(o, "last_offset", &p->last_offset, err))
		return -1;
	if (p->last_offset >= p->next || !json_is_string(hash) || json_string_length(hash) != 16 ||
	    !ev_fields_hex(json_string_value(hash), 16, &p->last_hash))
		return ev_fail(err, EV_DATA, "the last record of %s/%" PRId32 " is none", p->topic, p->partition);
	return 0;
}

static int read_texts(json_t *o, const char *name, char ***v, size_t *n, struct ev_error *err)
{
	json_t *all, *one;
	size_t i;

	if (list(o, name, &all, err))
		return -1;
	json_array_foreach(all, i, one) {
		if (!json_is_string(one) || strlen(json_string_value(one)) != json_string_length(one))
			return ev_fail(err, EV_DATA, "\"%s\" has something that is no text", name);
		*EV_PUSH(*v, *n) = ev_strdup(json_string_value(one));
	}
	return 0;
}

static int read_table(struct ev_receipt *r, json_t *o, struct ev_error *err)
{
	struct ev_receipt_table *t = EV_PUSH(r->tables, r->ntables);
	int64_t keys;

	if (text(o, "table", &t->table, err) || ev_fields_count(o, "rows", &t->rows, err) ||
	    hex(json_object_get(o, "digest"), "digest", 32, t->digest, err) ||
	    read_texts(o, "columns", &t->columns, &t->ncolumns, err) || ev_fields_count(o, "key", &keys, err) ||
	    read_texts(o, "ignored", &t->ignored, &t->nignored, err))
		return -1;
	t->nkeys = (size_t)keys;
	if (t->nkeys > t->ncolumns || t->nignored > t->ncolumns)
		return ev_fail(err, EV_DATA, "table '%s' has fewer columns than that", t->table);
	return 0;
}

static int read_terms(struct ev_receipt_line *l, json_t *terms, struct ev_error *err)
{
	int64_t rest = l->total;
	const char *name;
	json_t *v;

	if (!json_is_object(terms))
		return ev_fail(err, EV_DATA, "\"terms\" is no object");
	json_object_foreach(terms, name, v) {
		struct ev_receipt_term *t = EV_PUSH(l->terms, l->nterms);

		t->name = ev_strdup(name);
		t->n = json_integer_value(v);
		if (!json_is_integer(v) || t->n < 0 || t->n > rest)
			return ev_fail(err, EV_DATA, "the coverage of '%s' does not add up", l->of);
		rest -= t->n;
	}
	return rest ? ev_fail(err, EV_DATA, "the coverage of '%s' does not add up", l->of) : 0;
}

static int read_line(struct ev_receipt_mode *m, json_t *o, struct ev_error *err)
{
	struct ev_receipt_line *l = EV_PUSH(m->lines, m->nlines);

	if (text(o, "of", &l->of, err) || text(o, "what", &l->what, err) ||
	    ev_fields_count(o, "total", &l->total, err))
		return -1;
	return read_terms(l, json_object_get(o, "terms"), err);
}

static int read_mode(struct ev_receipt *r, json_t *o, struct ev_error *err)
{
	struct ev_receipt_mode *m = EV_PUSH(r->modes, r->nmodes);
	json_t *lines, *one;
	size_t i;

	if (text(o, "mode", &m->name, err) || text(o, "unit", &m->unit, err) ||
	    ev_fields_count(o, "checked", &m->checked, err) || list(o, "coverage", &lines, err))
		return -1;
	json_array_foreach(lines, i, one)
		if (read_line(m, one, err))
			return -1;
	return 0;
}

static int read_lists(struct ev_receipt *r, json_t *root, struct ev_error *err)
{
	static const struct {
		const char *name;
		int (*read)(struct ev_receipt *r, json_t *o, struct ev_error *err);
	} lists[] = { { "partitions", read_part }, { "tables", read_table }, { "modes", read_mode } };
	json_t *all, *one;
	size_t i;

	for (size_t k = 0; k < sizeof(lists) / sizeof(*lists); k++) {
		if (list(root, lists[k].name, &all, err))
			return -1;
		json_array_foreach(all, i, one)
			if (lists[k].read(r, one, err))
				return -1;
	}
	return 0;
}

static int sum(json_t *o, int64_t *rows, char *digest, struct ev_error *err)
{
	if (json_is_null(o))
		return 0;
	return ev_fields_count(o, "rows", rows, err) || hex(json_object_get(o, "digest"), "digest", 32, digest, err);
}

static int read_digests(struct ev_receipt *r, json_t *root, struct ev_error *err)
{
	json_t *algorithm = json_object_get(root, "algorithm");
	json_t *base = json_object_get(root, "base"), *sample = json_object_get(root, "sample");

	if (!json_is_string(algorithm) || strcmp(json_string_value(algorithm), EV_DIGEST_ALGORITHM) != 0)
		return ev_fail(err, EV_DATA, "its digests are of another algorithm than " EV_DIGEST_ALGORITHM);
	if (hex(json_object_get(root, "seed"), "seed", sizeof(r->seed) - 1, r->seed, err) ||
	    boolean(root, "portable", &r->portable, err) || boolean(root, "independent", &r->independent, err))
		return -1;
	if (sum(json_object_get(root, "letters"), &r->letters, r->letters_digest, err))
		return -1;
	if (json_object_get(root, "ledger") && /* older ones have none */
	    sum(json_object_get(root, "ledger"), &r->ledger, r->ledger_digest, err))
		return -1;
	if (json_object_get(root, "ids") && /* nor this */
	    sum(json_object_get(root, "ids"), &r->ids, r->ids_digest, err))
		return -1;
	if (!json_is_null(base) && hex(base, "base", 32, r->base, err))
		return -1;
	r->sample = json_number_value(sample);
	if (!json_is_number(sample) || !(r->sample > 0 && r->sample <= 1))
		return ev_fail(err, EV_DATA, "\"sample\" is no share");
	return 0;
}

static int read_members(struct ev_receipt *r, json_t *root, struct ev_error *err)
{
	if (text(root, "written_by", &r->written_by, err) || ev_fields_time(root, "started", &r->started, err) ||
	    ev_fields_time(root, "ended", &r->ended, err) || text(root, "store", &r->store, err) ||
	    ev_fields_text(root, "schema", &r->schema, err) || text(root, "dialect", &r->dialect, err) ||
	    text(root, "projection", &r->projection, err) ||
	    ev_fields_count(root, "projection_version", &r->version, err) ||
	    text(root, "fingerprint", &r->fingerprint, err) ||
	    ev_fields_count(root, "generation", &r->generation, err))
		return -1;
	return read_digests(r, root, err) || read_lists(r, root, err) ? -1 : 0;
}

/* What is ours is told by how it begins, so that a newer one is not taken for a damaged one. */
static int check_head(struct ev_slice s, struct ev_error *err)
{
	size_t n = sizeof(EV_RECEIPT_HEAD) - 1;
	long version;

	if (s.len < n + 2 || memcmp(s.ptr, EV_RECEIPT_HEAD, n) != 0)
		return ev_fail(err, EV_DATA, "it is no receipt of evverify");
	version = s.ptr[n] >= '0' && s.ptr[n] <= '9' ? s.ptr[n] - '0' : 0;
	if (version == EV_RECEIPT_VERSION && s.ptr[n + 1] == ',')
		return 0;
	ev_fail(err, EV_DATA, "it is a receipt of another version of evtools");
	return ev_hint(err, "this program reads version %d", EV_RECEIPT_VERSION);
}

static int check_seal(struct ev_receipt *r, struct ev_slice s, struct ev_error *err)
{
	size_t at = s.len - TAIL;
	char seal[EV_RECEIPT_HEX];

	if (s.len <= TAIL || memcmp(s.ptr + at, EV_RECEIPT_SEAL, sizeof(EV_RECEIPT_SEAL) - 1) != 0 ||
	    memcmp(s.ptr + s.len - 3, "\"}\n", 3) != 0)
		return ev_fail(err, EV_DATA, "it does not end in its digest: cut short, or edited");
	ev_receipt_seal(ev_slice(s.ptr, at), seal);
	if (memcmp(s.ptr + s.len - 3 - 32, seal, 32) != 0)
		return ev_fail(err, EV_DATA, "its digest is wrong: damaged, or edited");
	memcpy(r->digest, seal, sizeof(seal));
	return 0;
}

int ev_receipt_read(struct ev_receipt *r, struct ev_slice s, struct ev_error *err)
{
	struct ev_receipt read = { 0 };
	json_error_t jerr;
	json_t *root;
	int rc;

	if (check_head(s, err) || check_seal(&read, s, err))
		return -1;
	root = json_loadb(s.ptr, s.len, JSON_REJECT_DUPLICATES, &jerr);
	if (!root)
		return ev_fail(err, EV_DATA, "line %d: %s", jerr.line, jerr.text);
	rc = read_members(&read, root, err);
	json_decref(root);
	ev_receipt_release(rc ? &read : r);
	if (rc)
		return -1;
	*r = read;
	return 0;
}

int ev_receipt_load(struct ev_receipt *r, const char *file, struct ev_error *err)
{
	struct ev_buf text = EV_BUF_INIT;
	int rc = ev_file_read(file, EV_RECEIPT_MAX, &text, err);

	if (rc == 0 && ev_receipt_read(r, ev_buf_slice(&text), err))
		rc = ev_context(err, "cannot use receipt '%s'", file);
	ev_buf_release(&text);
	return rc;
}

static bool has_mode(const struct ev_receipt *r, const char *name)
{
	for (size_t i = 0; i < r->nmodes; i++)
		if (strcmp(r->modes[i].name, name) == 0)
			return true;
	return false;
}

int ev_receipt_whole(const struct ev_receipt *r, struct ev_error *err)
{
	if (!has_mode(r, "rows") || !has_mode(r, "counts") || !*r->letters_digest)
		return ev_fail(err, EV_DATA, "it does not speak of rows and counts");
	if (r->sample < 1)
		return ev_fail(err, EV_DATA, "it looked at a sample of the rows only");
	for (size_t i = 0; i < r->ntables; i++)
		if (r->tables[i].nignored)
			return ev_fail(err, EV_DATA, "it left columns of table '%s' out", r->tables[i].table);
	return 0;
}
