/* receipt.c - a receipt is made and printed; see receipt.h */
#include "verify/receipt.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <xxhash.h>

#include "base/file.h"
#include "base/mem.h"
#include "event/time.h"
#include "json/json.h"
#include "verify/receipt_impl.h"

static void release_texts(char **v, size_t n)
{
	for (size_t i = 0; i < n; i++)
		free(v[i]);
	free(v);
}

static void release_mode(struct ev_receipt_mode *m)
{
	for (size_t i = 0; i < m->nlines; i++) {
		for (size_t k = 0; k < m->lines[i].nterms; k++)
			free(m->lines[i].terms[k].name);
		free(m->lines[i].terms);
		free(m->lines[i].of);
		free(m->lines[i].what);
	}
	free(m->lines);
	free(m->name);
	free(m->unit);
}

void ev_receipt_release(struct ev_receipt *r)
{
	for (size_t i = 0; i < r->nparts; i++)
		free(r->parts[i].topic);
	for (size_t i = 0; i < r->ntables; i++) {
		release_texts(r->tables[i].columns, r->tables[i].ncolumns);
		release_texts(r->tables[i].ignored, r->tables[i].nignored);
		free(r->tables[i].table);
	}
	for (size_t i = 0; i < r->nmodes; i++)
		release_mode(&r->modes[i]);
	free(r->parts);
	free(r->tables);
	free(r->modes);
	free(r->written_by);
	free(r->store);
	free(r->schema);
	free(r->dialect);
	free(r->projection);
	free(r->fingerprint);
	*r = (struct ev_receipt){ 0 };
}

static void add_line(struct ev_receipt_mode *m, const struct ev_equation *e)
{
	struct ev_receipt_line *l = EV_PUSH(m->lines, m->nlines);

	l->of = ev_strdup(e->subject);
	l->what = ev_strdup(e->what);
	l->total = e->total;
	for (size_t i = 0; i < e->nterms; i++)
		*EV_PUSH(l->terms, l->nterms) =
			(struct ev_receipt_term){ ev_strdup(e->terms[i].name), e->terms[i].n };
}

void ev_receipt_add_verdict(struct ev_receipt *r, const struct ev_verdict *v)
{
	r->started = v->started_at;
	r->ended = v->ended_at;
	for (size_t i = 0; i < v->nmodes; i++) {
		const struct ev_mode *from = v->modes[i];
		struct ev_receipt_mode *m = EV_PUSH(r->modes, r->nmodes);

		m->name = ev_strdup(from->name);
		m->unit = ev_strdup(from->unit);
		m->checked = from->checked;
		for (size_t k = 0; k < from->nequations; k++)
			add_line(m, &from->equations[k]);
	}
}

static void text(struct ev_buf *out, const char *name, const char *value)
{
	ev_buf_addf(out, ",\n\"%s\":", name);
	ev_json_quote_text(out, value);
}

static void number(struct ev_buf *out, const char *name, int64_t value)
{
	ev_buf_addf(out, ",\n\"%s\":%" PRId64, name, value);
}

static void moment(struct ev_buf *out, const char *name, int64_t ms)
{
	char iso[EV_TIME_TEXT];

	ev_time_format(ms, iso);
	text(out, name, iso);
}

static void boolean(struct ev_buf *out, const char *name, bool value)
{
	ev_buf_addf(out, ",\n\"%s\":%s", name, value ? "true" : "false");
}

static void print_part(const struct ev_receipt_part *p, struct ev_buf *out)
{
	ev_buf_adds(out, " {\"topic\":");
	ev_json_quote(out, ev_slice_str(p->topic));
	ev_buf_addf(out, ",\"partition\":%" PRId32 ",\"begin\":%" PRId64 ",\"next\":%" PRId64, p->partition,
		    p->begin, p->next);
	if (p->last_offset >= 0)
		ev_buf_addf(out, ",\"last_offset\":%" PRId64 ",\"last_hash\":\"%016" PRIx64 "\"}", p->last_offset,
			    p->last_hash);
	else
		ev_buf_adds(out, ",\"last_offset\":null,\"last_hash\":null}");
}

static void texts(struct ev_buf *out, const char *name, char *const *v, size_t n)
{
	ev_buf_addf(out, ",\"%s\":[", name);
	for (size_t i = 0; i < n; i++) {
		ev_buf_adds(out, i ? "," : "");
		ev_json_quote(out, ev_slice_str(v[i]));
	}
	ev_buf_addc(out, ']');
}

static void print_table(const struct ev_receipt_table *t, struct ev_buf *out)
{
	ev_buf_adds(out, " {\"table\":");
	ev_json_quote(out, ev_slice_str(t->table));
	ev_buf_addf(out, ",\"rows\":%" PRId64 ",\"digest\":\"%s\"", t->rows, t->digest);
	texts(out, "columns", t->columns, t->ncolumns);
	ev_buf_addf(out, ",\"key\":%zu", t->nkeys);
	texts(out, "ignored", t->ignored, t->nignored);
	ev_buf_addc(out, '}');
}

static void print_line(const struct ev_receipt_line *l, struct ev_buf *out)
{
	ev_buf_adds(out, "  {\"of\":");
	ev_json_quote(out, ev_slice_str(l->of));
	ev_buf_adds(out, ",\"what\":");
	ev_json_quote(out, ev_slice_str(l->what));
	ev_buf_addf(out, ",\"total\":%" PRId64 ",\"terms\":{", l->total);
	for (size_t i = 0; i < l->nterms; i++) {
		ev_buf_adds(out, i ? "," : "");
		ev_json_quote(out, ev_slice_str(l->terms[i].name));
		ev_buf_addf(out, ":%" PRId64, l->terms[i].n);
	}
	ev_buf_adds(out, "}}");
}

static void print_mode(const struct ev_receipt_mode *m, struct ev_buf *out)
{
	ev_buf_adds(out, " {\"mode\":");
	ev_json_quote(out, ev_slice_str(m->name));
	ev_buf_adds(out, ",\"unit\":");
	ev_json_quote(out, ev_slice_str(m->unit));
	ev_buf_addf(out, ",\"checked\":%" PRId64 ",\"coverage\":[", m->checked);
	for (size_t i = 0; i < m->nlines; i++) {
		ev_buf_adds(out, i ? ",\n" : "\n");
		print_line(&m->lines[i], out);
	}
	ev_buf_adds(out, "]}");
}

#define LIST(out, name, n, print) \
	do { \
		ev_buf_addf(out, ",\n\"%s\":[", name); \
		for (size_t i_ = 0; i_ < (n); i_++) { \
			ev_buf_adds(out, i_ ? ",\n" : "\n"); \
			print; \
		} \
		ev_buf_addc(out, ']'); \
	} while (0)

static void sum(struct ev_buf *out, const char *name, int64_t rows, const char *digest)
{
	if (*digest)
		ev_buf_addf(out, ",\n\"%s\":{\"rows\":%" PRId64 ",\"digest\":\"%s\"}", name, rows, digest);
	else
		ev_buf_addf(out, ",\n\"%s\":null", name);
}

static void print_digests(const struct ev_receipt *r, struct ev_buf *out)
{
	text(out, "algorithm", EV_DIGEST_ALGORITHM);
	text(out, "seed", r->seed);
	boolean(out, "portable", r->portable);
	LIST(out, "tables", r->ntables, print_table(&r->tables[i_], out));
	sum(out, "ledger", r->ledger, r->ledger_digest);
	sum(out, "letters", r->letters, r->letters_digest);
	sum(out, "ids", r->ids, r->ids_digest);
}

void ev_receipt_seal(struct ev_slice bytes, char out[EV_RECEIPT_HEX])
{
	XXH128_hash_t h = XXH3_128bits(bytes.ptr, bytes.len);

	snprintf(out, EV_RECEIPT_HEX, "%016" PRIx64 "%016" PRIx64, (uint64_t)h.high64, (uint64_t)h.low64);
}

void ev_receipt_print(struct ev_receipt *r, struct ev_buf *out)
{
	size_t start = out->len;

	ev_buf_addf(out, EV_RECEIPT_HEAD "%d", EV_RECEIPT_VERSION);
	text(out, "written_by", r->written_by);
	moment(out, "started", r->started);
	moment(out, "ended", r->ended);
	text(out, "store", r->store);
	text(out, "schema", r->schema);
	text(out, "dialect", r->dialect);
	text(out, "projection", r->projection);
	number(out, "projection_version", r->version);
	text(out, "fingerprint", r->fingerprint);
	number(out, "generation", r->generation);
	LIST(out, "partitions", r->nparts, print_part(&r->parts[i_], out));
	print_digests(r, out);
	boolean(out, "independent", r->independent);
	ev_buf_addf(out, ",\n\"sample\":%.17g", r->sample);
	LIST(out, "modes", r->nmodes, print_mode(&r->modes[i_], out));
	text(out, "base", *r->base ? r->base : NULL);
	ev_buf_adds(out, ",\n");
	if (out->failed)
		return;
	ev_receipt_seal(ev_slice(out->data + start, out->len - start), r->digest);
	ev_buf_addf(out, EV_RECEIPT_SEAL "%s\"}\n", r->digest);
}

int ev_receipt_save(struct ev_receipt *r, const char *file, struct ev_error *err)
{
	struct ev_buf out = EV_BUF_INIT;
	int rc;

	ev_receipt_print(r, &out);
	rc = out.failed ? ev_fail(err, EV_STORE, "no memory for the receipt")
			: ev_file_replace(file, ev_buf_slice(&out), err);
	ev_buf_release(&out);
	return rc;
}
