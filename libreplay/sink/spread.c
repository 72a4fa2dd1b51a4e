/* spread.c - see spread.h */
#include "sink/spread.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "source/partitioner.h"

/* Decimal digits; moves *p behind them. -1 when there are none, or too many. */
static int32_t number(const char **p)
{
	const char *first = *p;
	int64_t n = 0;

	for (; **p >= '0' && **p <= '9' && n <= INT32_MAX; (*p)++)
		n = n * 10 + (**p - '0');
	return *p == first || n > INT32_MAX ? -1 : (int32_t)n;
}

static bool doubled(const struct ev_spread *s, int32_t from)
{
	for (size_t i = 0; i + 1 < s->n; i++)
		if (s->pairs[i].from == from)
			return true;
	return false;
}

static bool read_list(struct ev_spread *s, const char *text)
{
	const char *p = text;

	for (;;) {
		struct ev_spread_pair *pair = EV_PUSH(s->pairs, s->n);

		pair->from = number(&p);
		if (pair->from < 0 || *p++ != '=')
			return false;
		pair->to = number(&p);
		if (pair->to < 0 || (*p && *p != ',') || doubled(s, pair->from))
			return false;
		if (!*p++)
			return true;
	}
}

int ev_spread_parse(struct ev_spread *s, const char *text, struct ev_error *err)
{
	*s = (struct ev_spread){ 0 };
	if (!text || !strcmp(text, "key"))
		return 0;
	s->kind = !strcmp(text, "keep") ? EV_SPREAD_KEEP :
		  !strcmp(text, "librdkafka") ? EV_SPREAD_LIBRDKAFKA : EV_SPREAD_LIST;
	if (s->kind != EV_SPREAD_LIST || read_list(s, text))
		return 0;
	ev_spread_release(s);
	ev_fail(err, EV_USAGE, "option '--partition' does not take '%s'", text);
	return ev_hint(err, "one of key, keep, librdkafka, or pairs of source and target: 0=3,1=4");
}

void ev_spread_release(struct ev_spread *s)
{
	free(s->pairs);
	*s = (struct ev_spread){ 0 };
}

static int32_t listed(const struct ev_spread *s, int32_t from)
{
	for (size_t i = 0; i < s->n; i++)
		if (s->pairs[i].from == from)
			return s->pairs[i].to;
	return -1;
}

int32_t ev_spread_of(const struct ev_spread *s, const struct ev_record *r, int32_t partitions)
{
	enum ev_spread_kind kind = s->keyed && ev_slice_is(r->topic, s->keyed) ? EV_SPREAD_KEY : s->kind;
	int32_t at = r->partition;

	if (kind == EV_SPREAD_KEY && r->key.ptr)
		return ev_partition_of(EV_MURMUR2, r->key, partitions);
	if (kind == EV_SPREAD_LIBRDKAFKA && r->key.len)
		return ev_partition_of(EV_CONSISTENT, r->key, partitions);
	if (kind == EV_SPREAD_LIST)
		at = listed(s, r->partition);
	else if (kind != EV_SPREAD_KEEP || s->wrap)
		at = r->partition % partitions;
	return at < partitions ? at : -1;
}
