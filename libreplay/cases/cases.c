/* cases.c - read a cases file, run each case in every way; see cases.h */
#include "cases/cases.h"

#include "apply/apply.h"
#include "base/file.h"
#include "base/mem.h"
#include "cases/internal.h"

struct variant {
	const char *name;
	size_t batch;  /* 0: all in one */
	bool twice;    /* every record twice, at the same offset */
	bool again;    /* every record again at a new offset (only with @dedupe) */
	bool restart;  /* close and open in the middle */
	bool exact;    /* nothing folded in memory */
};

static const struct variant variants[] = {
	{ .name = "in one batch" },
	{ .name = "by batches of one", .batch = 1 },
	{ .name = "by batches of seven", .batch = 7 },
	{ .name = "every record twice", .batch = 2, .twice = true },
	{ .name = "with a restart in the middle", .batch = 3, .restart = true },
	{ .name = "every record again at a new offset", .again = true },
	{ .name = "by statements, with nothing folded in memory", .exact = true },
};

/* The records as the variant gives them. Free the array. */
static struct ev_record *sequence(const struct ev_case *c, const struct variant *v, size_t *n)
{
	struct ev_record *out = ev_alloc((2 * c->n + 1) * sizeof(*out));

	*n = 0;
	for (size_t i = 0; i < c->n; i++) {
		out[*n] = c->records[i];
		if (v->again)
			out[*n].offset *= 2;
		++*n;
		if (!v->twice && !v->again)
			continue;
		out[*n] = out[*n - 1];
		out[*n].offset += v->again;
		++*n;
	}
	return out;
}

/* Partitions are numbered in the order they come up. */
static void number_partitions(struct ev_record *r, size_t n)
{
	uint32_t next = 0;

	for (size_t i = 0; i < n; i++) {
		size_t j;

		for (j = 0; j < i; j++)
			if (r[j].partition == r[i].partition && ev_slice_eq(r[j].topic, r[i].topic))
				break;
		r[i].part = j < i ? r[j].part : next++;
	}
}

static struct ev_apply *open_apply(struct ev_store *s, const struct ev_projection *p,
				   const struct ev_case *c, bool exact, const struct ev_record *r,
				   size_t n, struct ev_error *err)
{
	struct ev_apply_options opt = EV_APPLY_OPTIONS_INIT;
	struct ev_apply *a;

	opt.exact = exact;
	opt.dead = c->dead.type == EV_JSON_ARRAY;
	a = ev_apply_open(s, p, &opt, err);
	for (size_t i = 0; a && i < n; i++) {
		char *topic = ev_slice_dup(r[i].topic);

		ev_apply_partition(a, r[i].part, topic, r[i].partition, r[i].offset, NULL);
		free(topic);
	}
	return a;
}

static int feed(struct ev_store *s, const struct ev_projection *p, const struct ev_case *c,
		const struct variant *v, struct ev_error *err)
{
	size_t n, batch, middle;
	struct ev_record *r = sequence(c, v, &n);
	struct ev_apply *a;
	int rc;

	number_partitions(r, n);
	a = open_apply(s, p, c, v->exact, r, n, err);
	rc = a ? 0 : -1;
	batch = v->batch ? v->batch : n;
	middle = n / 2 / (batch ? batch : 1) * batch;
	for (size_t at = 0; rc == 0 && at < n; at += batch) {
		if (v->restart && at == middle) {
			ev_apply_close(a);
			a = open_apply(s, p, c, v->exact, r, n, err);
			if (!a) {
				rc = -1;
				break;
			}
		}
		rc = ev_apply_batch(a, r + at, n - at < batch ? n - at : batch, NULL, 0, false, false,
				    err);
	}
	ev_apply_close(a);
	free(r);
	return rc;
}

/* One variant on an empty store. What is wrong is appended to `out`; -1 when it could not run. */
static int run_variant(const struct ev_projection *p, const struct ev_case *c,
		       const struct ev_cases *how, const struct variant *v, struct ev_buf *dump,
		       struct ev_buf *out, struct ev_error *err)
{
	struct ev_store *s = how->open(how->open_ctx, p, err);
	struct ev_error bad = EV_ERROR_INIT;
	int rc = 0;

	if (!s)
		return -1;
	if (feed(s, p, c, v, &bad) < 0) {
		if (bad.class == EV_DATA)
			ev_buf_addf(out, "poison: %s\n", bad.text);
		else {
			*err = bad;
			rc = -1;
		}
	}
	if (rc == 0 && !out->len)
		rc = ev_case_compare(c, s, p, out, err);
	if (rc == 0 && !out->len)
		rc = ev_case_dump(s, p->name, dump, err);
	s->ops->close(s);
	return rc;
}

static int run_case(const struct ev_projection *p, const struct ev_case *c, const struct ev_cases *how,
		    struct ev_buf *failure, struct ev_error *err)
{
	struct ev_buf first = EV_BUF_INIT, dump = EV_BUF_INIT;
	int rc = 0;

	for (size_t i = 0; i < sizeof(variants) / sizeof(*variants) && rc == 0; i++) {
		if (variants[i].again && !p->dedupe)
			continue;
		ev_buf_clear(&dump);
		rc = run_variant(p, c, how, &variants[i], i ? &dump : &first, failure, err);
		if (rc == 0 && i && !failure->len && !ev_slice_eq(ev_buf_slice(&first),
								    ev_buf_slice(&dump)))
			ev_buf_addf(failure, "the tables differ from those in one batch:\n%s"
					     "against\n%s", ev_buf_str(&dump), ev_buf_str(&first));
		if (failure->len && i) {
			ev_buf_addf(failure, "(%s)\n", variants[i].name);
			break;
		}
		if (failure->len)
			break;
	}
	ev_buf_release(&first);
	ev_buf_release(&dump);
	return rc;
}

static int fill(struct ev_case *c, const struct ev_value *object, size_t index, struct ev_error *err)
{
	struct ev_value name, v;
	struct ev_each it;

	if (object->type != EV_JSON_OBJECT)
		return ev_fail(err, EV_USAGE, "case %zu is not an object", index + 1);
	ev_each_begin(&it, object);
	while (ev_member_next(&it, &name, &v)) {
		if (ev_slice_is(name.raw, "name") && v.type == EV_JSON_STRING) {
			free(c->name);
			c->name = ev_slice_dup(v.raw);
		} else if (ev_slice_is(name.raw, "given") && v.type == EV_JSON_ARRAY) {
			c->given = v;
		} else if (ev_slice_is(name.raw, "expect") && v.type == EV_JSON_OBJECT) {
			c->expect = v;
		} else if (ev_slice_is(name.raw, "dead") && v.type == EV_JSON_ARRAY) {
			c->dead = v;
		} else if (ev_slice_is(name.raw, "held") && v.type == EV_JSON_NUMBER) {
			c->held = v;
		} else {
			return ev_fail(err, EV_USAGE, "case %zu: '%.*s' is unknown or of a wrong type "
				       "(allowed: name, given, expect, dead, held)", index + 1,
				       (int)name.raw.len, name.raw.ptr);
		}
	}
	if (!c->name || c->given.type != EV_JSON_ARRAY ||
	    (c->expect.type != EV_JSON_OBJECT && c->dead.type != EV_JSON_ARRAY))
		return ev_fail(err, EV_USAGE, "case %zu wants a name, given, and expect or dead",
			       index + 1);
	return 0;
}

static int one(const struct ev_projection *p, const struct ev_value *object, size_t index,
	       const struct ev_cases *how, struct ev_error *err)
{
	struct ev_buf failure = EV_BUF_INIT;
	struct ev_case c = { 0 };
	int rc = fill(&c, object, index, err);

	if (rc == 0)
		rc = ev_case_given(&c, p, err);
	if (rc == 0) {
		rc = run_case(p, &c, how, &failure, err);
		if (rc < 0)
			ev_context(err, "case '%s'", c.name);
	}
	if (rc == 0) {
		how->report(how->ctx, c.name, ev_buf_str(&failure));
		rc = failure.len > 0;
	}
	ev_case_release(&c);
	ev_buf_release(&failure);
	return rc;
}

int ev_cases_run(const struct ev_projection *p, const char *file, const struct ev_cases *how,
		 struct ev_error *err)
{
	struct ev_buf text = EV_BUF_INIT;
	struct ev_json_error je;
	struct ev_value top, v;
	struct ev_each it;
	int failed = ev_file_read(file, EV_CASES_MAX_SIZE, &text, err);

	if (failed == 0 && ev_json_validate(ev_buf_slice(&text), &top, &je) < 0)
		failed = ev_fail(err, EV_USAGE, "%s: not JSON: %s at byte %zu", file, je.what, je.at);
	else if (failed == 0 && top.type != EV_JSON_ARRAY)
		failed = ev_fail(err, EV_USAGE, "%s: not an array of cases", file);
	if (failed == 0)
		ev_each_begin(&it, &top);
	for (size_t i = 0; failed >= 0 && ev_each_next(&it, &v); i++) {
		int rc = one(p, &v, i, how, err);

		failed = rc < 0 ? ev_context(err, "%s", file) : failed + rc;
	}
	ev_buf_release(&text);
	return failed;
}
