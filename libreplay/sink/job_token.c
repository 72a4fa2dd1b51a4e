/* job_token.c - see job_token.h */
#include "sink/job_token.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "json/json.h"
#include "record/record.h"

void ev_job_token_release(struct ev_job_token *t)
{
	for (size_t i = 0; i < t->nroutes; i++) {
		free(t->routes[i].from);
		free(t->routes[i].into);
	}
	for (size_t i = 0; i < t->ntopics; i++)
		free(t->topics[i].name);
	free(t->routes);
	free(t->topics);
	free(t->source);
	free(t->how);
	free(t->chosen);
	ev_position_release(&t->next);
	ev_position_release(&t->first);
	ev_position_release(&t->first_hash);
	ev_position_release(&t->last);
	ev_position_release(&t->last_hash);
	ev_position_release(&t->ends);
	ev_position_release(&t->witness);
	ev_position_release(&t->witness_hash);
	*t = (struct ev_job_token){ 0 };
}

/* ---- reading ---- */

static int no_text(const char *name, struct ev_error *err)
{
	return ev_fail(err, EV_DATA, "\"%s\" is no text", name);
}

/* A text, null, or not there. */
static int read_text(json_t *root, const char *name, char **out, struct ev_error *err)
{
	json_t *v = json_object_get(root, name);

	if (v && !json_is_string(v) && !json_is_null(v))
		return no_text(name, err);
	*out = ev_strdup(json_string_value(v));
	return 0;
}

static int read_position(json_t *root, const char *name, struct ev_position *out, struct ev_error *err)
{
	json_t *v = json_object_get(root, name);
	char *text = v ? json_dumps(v, JSON_COMPACT | JSON_ENCODE_ANY) : NULL;
	int rc = v && !text ? ev_fail(err, EV_DATA, "it cannot be read") : 0;

	if (text && ev_position_read(out, ev_slice_str(text), err)) {
		err->class = EV_DATA;
		rc = ev_context(err, "\"%s\"", name);
	}
	free(text);
	return rc;
}

static int read_routes(json_t *root, struct ev_job_token *t, struct ev_error *err)
{
	json_t *all = json_object_get(root, "into"), *v;
	const char *from;

	if (all && !json_is_object(all))
		return ev_fail(err, EV_DATA, "\"into\" is no object");
	json_object_foreach(all, from, v) {
		const char *into = json_string_value(v);

		if (!into || !ev_topic_valid(ev_slice_str(from)) || !ev_topic_valid(ev_slice_str(into)))
			return ev_fail(err, EV_DATA, "\"into\" holds what is no topic");
		ev_job_token_set_route(t, from, into);
	}
	return 0;
}

static int read_partitions(json_t *root, struct ev_job_token *t, struct ev_error *err)
{
	json_t *all = json_object_get(root, "partitions"), *v;
	const char *topic;

	if (all && !json_is_object(all))
		return ev_fail(err, EV_DATA, "\"partitions\" is no object");
	json_object_foreach(all, topic, v) {
		json_int_t n = json_integer_value(v);

		if (n < 1 || n > INT32_MAX || !ev_topic_valid(ev_slice_str(topic)))
			return ev_fail(err, EV_DATA, "\"partitions\" holds what is no topic with a number of them");
		ev_job_token_set_partitions(t, topic, (int32_t)n);
	}
	return 0;
}

static bool read_ms(json_t *root, const char *name, int64_t *out)
{
	json_t *v = json_object_get(root, name);

	*out = json_integer_value(v);
	return json_is_integer(v);
}

static int read_members(struct ev_job_token *t, json_t *root, struct ev_error *err)
{
	if (!json_object_get(root, "position"))
		return ev_fail(err, EV_DATA, "it holds no position");
	t->begun = json_integer_value(json_object_get(root, "begun"));
	t->mapped = !json_is_false(json_object_get(root, "mapped"));
	t->bounds.has_since = read_ms(root, "since", &t->bounds.since);
	t->bounds.has_until = read_ms(root, "until", &t->bounds.until);
	if (read_text(root, "source", &t->source, err) || read_text(root, "how", &t->how, err) ||
	    read_text(root, "chosen", &t->chosen, err) || read_routes(root, t, err) || read_partitions(root, t, err) ||
	    read_position(root, "position", &t->next, err) ||
	    read_position(root, "first", &t->first, err) ||
	    read_position(root, "first_hash", &t->first_hash, err) ||
	    read_position(root, "last", &t->last, err) ||
	    read_position(root, "last_hash", &t->last_hash, err) ||
	    read_position(root, "ends", &t->ends, err) ||
	    read_position(root, "witness", &t->witness, err) ||
	    read_position(root, "witness_hash", &t->witness_hash, err))
		return -1;
	return 0;
}

int ev_job_token_read(struct ev_job_token *t, struct ev_slice json, struct ev_error *err)
{
	json_t *root = json_loadb(json.len ? json.ptr : "", json.len, JSON_REJECT_DUPLICATES, NULL);
	int rc = read_members(t, root, err);

	json_decref(root);
	if (rc)
		ev_job_token_release(t);
	return rc;
}

/* ---- writing ---- */

static void print_text(struct ev_buf *out, const char *name, const char *text)
{
	ev_buf_addf(out, "\"%s\":", name);
	ev_json_quote_text(out, text);
	ev_buf_addc(out, ',');
}

static void print_position(struct ev_buf *out, const char *name, const struct ev_position *p)
{
	ev_buf_addf(out, ",\"%s\":", name);
	ev_position_print(p, out);
}

void ev_job_token_print(const struct ev_job_token *t, struct ev_buf *out)
{
	ev_buf_addc(out, '{');
	print_text(out, "source", t->source);
	print_text(out, "how", t->how);
	print_text(out, "chosen", t->chosen);
	ev_buf_adds(out, "\"into\":{");
	for (size_t i = 0; i < t->nroutes; i++) /* names of topics need no escapes */
		ev_buf_addf(out, "%s\"%s\":\"%s\"", i ? "," : "", t->routes[i].from, t->routes[i].into);
	ev_buf_addc(out, '}');
	print_position(out, "position", &t->next);
	print_position(out, "first", &t->first);
	print_position(out, "first_hash", &t->first_hash);
	print_position(out, "last", &t->last);
	print_position(out, "last_hash", &t->last_hash);
	print_position(out, "ends", &t->ends);
	print_position(out, "witness", &t->witness);
	print_position(out, "witness_hash", &t->witness_hash);
	ev_buf_adds(out, ",\"partitions\":{");
	for (size_t i = 0; i < t->ntopics; i++)
		ev_buf_addf(out, "%s\"%s\":%d", i ? "," : "", t->topics[i].name, (int)t->topics[i].partitions);
	ev_buf_addc(out, '}');
	if (t->bounds.has_since)
		ev_buf_addf(out, ",\"since\":%" PRId64, t->bounds.since);
	if (t->bounds.has_until)
		ev_buf_addf(out, ",\"until\":%" PRId64, t->bounds.until);
	ev_buf_addf(out, ",\"begun\":%" PRId64 ",\"mapped\":%s}", t->begun, t->mapped ? "true" : "false");
}

/* ---- parts ---- */

const char *ev_job_token_route(const struct ev_job_token *t, const char *from)
{
	for (size_t i = 0; i < t->nroutes; i++)
		if (!strcmp(t->routes[i].from, from))
			return t->routes[i].into;
	return NULL;
}

void ev_job_token_set_route(struct ev_job_token *t, const char *from, const char *into)
{
	struct ev_job_route *r;

	if (ev_job_token_route(t, from))
		return;
	r = EV_PUSH(t->routes, t->nroutes);
	r->from = ev_strdup(from);
	r->into = ev_strdup(into);
}

bool ev_job_token_wrote(const struct ev_job_token *t, const char *topic)
{
	for (size_t i = 0; i < t->ends.n; i++)
		if (!strcmp(t->ends.v[i].topic, topic))
			return true;
	return false;
}

static struct ev_job_topic *topic_of(const struct ev_job_token *t, const char *name)
{
	for (size_t i = 0; i < t->ntopics; i++)
		if (!strcmp(t->topics[i].name, name))
			return &t->topics[i];
	return NULL;
}

int32_t ev_job_token_partitions(const struct ev_job_token *t, const char *topic)
{
	const struct ev_job_topic *known = topic_of(t, topic);

	return known ? known->partitions : 0;
}

void ev_job_token_set_partitions(struct ev_job_token *t, const char *topic, int32_t partitions)
{
	struct ev_job_topic *known = topic_of(t, topic);

	if (!known) {
		known = EV_PUSH(t->topics, t->ntopics);
		known->name = ev_strdup(topic);
	}
	known->partitions = partitions;
}

/* A position holds numbers from 0. */
static int64_t kept(uint64_t hash)
{
	return (int64_t)(hash & INT64_MAX);
}

void ev_job_token_set_first(struct ev_job_token *t, const char *topic, int32_t partition, int64_t offset,
			    uint64_t hash)
{
	if (ev_position_get(&t->first, topic, partition) >= 0)
		return;
	ev_position_set(&t->first, topic, partition, offset);
	ev_position_set(&t->first_hash, topic, partition, kept(hash));
}

bool ev_job_token_is_first(const struct ev_job_token *t, const char *topic, int32_t partition,
			   uint64_t hash)
{
	return ev_position_get(&t->first_hash, topic, partition) == kept(hash);
}

void ev_job_token_set_last(struct ev_job_token *t, const char *topic, int32_t partition, int64_t offset,
			   uint64_t hash)
{
	ev_position_set(&t->last, topic, partition, offset);
	ev_position_set(&t->last_hash, topic, partition, kept(hash));
}

bool ev_job_token_is_last(const struct ev_job_token *t, const char *topic, int32_t partition,
			  uint64_t hash)
{
	return ev_position_get(&t->last_hash, topic, partition) == kept(hash);
}

void ev_job_token_set_witness(struct ev_job_token *t, const char *topic, int32_t partition,
			      int64_t offset, uint64_t hash)
{
	ev_position_set(&t->witness, topic, partition, offset);
	ev_position_set(&t->witness_hash, topic, partition, kept(hash));
}

bool ev_job_token_is_witness(const struct ev_job_token *t, const char *topic, int32_t partition,
			     uint64_t hash)
{
	return ev_position_get(&t->witness_hash, topic, partition) == kept(hash);
}

void ev_job_token_advance(struct ev_position *to, const struct ev_position *from)
{
	for (size_t i = 0; i < from->n; i++) {
		const struct ev_position_entry *e = &from->v[i];

		if (e->offset > ev_position_get(to, e->topic, e->partition))
			ev_position_set(to, e->topic, e->partition, e->offset);
	}
}
