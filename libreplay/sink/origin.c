/* origin.c - see origin.h */
#include "sink/origin.h"

#include <stdint.h>
#include <stdio.h>

static struct ev_slice text_of(const struct ev_record *r, const char *name)
{
	const struct ev_header *h = ev_record_header(r, name);

	return h ? h->value : EV_NULL_SLICE;
}

/* Decimal digits; -1 when it is no such number. */
static int64_t number_of(struct ev_slice s, int64_t max)
{
	int64_t n = 0;

	if (!s.len || s.len > 18)
		return -1;
	for (size_t i = 0; i < s.len; i++) {
		if (s.ptr[i] < '0' || s.ptr[i] > '9')
			return -1;
		n = n * 10 + (s.ptr[i] - '0');
	}
	return n > max ? -1 : n;
}

static bool digits(struct ev_slice s)
{
	for (size_t i = 0; i < s.len; i++)
		if (s.ptr[i] < '0' || s.ptr[i] > '9')
			return false;
	return s.len > 0;
}

/* Most significant byte first, `len` bytes exactly. */
static int64_t bytes_of(struct ev_slice s, size_t len, int64_t max)
{
	uint64_t n = 0;

	if (s.len != len)
		return -1;
	for (size_t i = 0; i < len; i++)
		n = n << 8 | (unsigned char)s.ptr[i];
	return n > (uint64_t)max ? -1 : (int64_t)n;
}

/* The kind whose topic stands last: whoever puts a letter aside adds its own to those that are there. */
static void take_topic(const struct ev_record *r, struct ev_origin *out)
{
	static const struct {
		const char *name;
		enum ev_origin_kind kind;
	} kinds[] = { { EV_DEAD_TOPIC, EV_ORIGIN_EVPROJECT },
		      { "__connect.errors.topic", EV_ORIGIN_CONNECT },
		      { "kafka_dlt-original-topic", EV_ORIGIN_SPRING },
		      { "kafka_original-topic", EV_ORIGIN_SPRING_RETRY } };
	const struct ev_header *last = NULL;

	for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++) {
		const struct ev_header *h = ev_record_header(r, kinds[i].name);

		if (!h || (last && h < last) || !h->value.ptr || !ev_topic_valid(h->value))
			continue;
		last = h;
		out->topic = h->value;
		out->kind = kinds[i].kind;
	}
}

static struct ev_slice first_of(struct ev_slice a, struct ev_slice b)
{
	return a.len ? a : b;
}

/* The most that any of them says; a number past all numbers is many, too. */
static int64_t tries_of(const struct ev_record *r)
{
	int64_t tries = 0;

	for (size_t i = 0; i < r->nheaders; i++) {
		struct ev_slice text = r->headers[i].value;
		int64_t n;

		if (!ev_slice_is(r->headers[i].name, EV_TRIES_HEADER) || !digits(text))
			continue;
		n = number_of(text, INT32_MAX);
		if (n < 0)
			n = INT32_MAX;
		tries = n > tries ? n : tries;
	}
	return tries;
}

static struct ev_slice spring(const struct ev_record *r, const char *prefix, const char *rest)
{
	char name[64];

	snprintf(name, sizeof(name), "%s%s", prefix, rest);
	return text_of(r, name);
}

static void take_spring(const struct ev_record *r, const char *prefix, struct ev_origin *out)
{
	out->partition = (int32_t)bytes_of(spring(r, prefix, "original-partition"), 4, INT32_MAX);
	out->offset = bytes_of(spring(r, prefix, "original-offset"), 8, INT64_MAX);
	out->error = first_of(spring(r, prefix, "exception-cause-fqcn"), spring(r, prefix, "exception-fqcn"));
	out->reason = spring(r, prefix, "exception-message");
}

void ev_origin_of(const struct ev_record *r, struct ev_origin *out)
{
	*out = (struct ev_origin){ .partition = -1, .offset = -1 };
	out->tries = tries_of(r);
	take_topic(r, out);
	switch (out->kind) {
	case EV_ORIGIN_NONE:
		break;
	case EV_ORIGIN_EVPROJECT:
		out->partition = (int32_t)number_of(text_of(r, EV_DEAD_PARTITION), INT32_MAX);
		out->offset = number_of(text_of(r, EV_DEAD_OFFSET), INT64_MAX);
		out->reason = text_of(r, EV_DEAD_REASON);
		break;
	case EV_ORIGIN_CONNECT:
		out->partition = (int32_t)number_of(text_of(r, "__connect.errors.partition"), INT32_MAX);
		out->offset = number_of(text_of(r, "__connect.errors.offset"), INT64_MAX);
		out->error = text_of(r, "__connect.errors.exception.class.name");
		out->reason = text_of(r, "__connect.errors.exception.message");
		break;
	case EV_ORIGIN_SPRING:
		take_spring(r, "kafka_dlt-", out);
		break;
	case EV_ORIGIN_SPRING_RETRY:
		take_spring(r, "kafka_", out);
		break;
	}
}
