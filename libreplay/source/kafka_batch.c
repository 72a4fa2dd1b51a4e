/* kafka_batch.c - batches of the Kafka source: records that point into librdkafka's messages */
#include "base/mem.h"
#include "source/kafka.h"

enum { HEADERS_AT_ONCE = 256 };

/* Released batches that wait for ev_kafka_tidy, at most; then who needs one does it. */
enum { MOST_SPENT = 16 };

static void drop_headers(struct kafka_batch *b)
{
	while (b->headers && b->headers->next) {
		struct kafka_headers *h = b->headers;

		b->headers = h->next;
		free(h);
	}
	if (b->headers)
		b->headers->n = 0;
}

static void empty(struct kafka_batch *b)
{
	for (size_t i = 0; i < b->nmessages; i++)
		rd_kafka_message_destroy(b->messages[i]);
	b->nmessages = 0;
	drop_headers(b);
}

/* One that was released, with its messages; NULL where there are no more than `left`. */
static struct kafka_batch *take_spent(struct ev_kafka *k, size_t left)
{
	struct kafka_batch *b = NULL;

	pthread_mutex_lock(&k->rest_lock);
	if (k->nspent > left) {
		b = k->spent;
		k->spent = b->free;
		k->nspent--;
	}
	pthread_mutex_unlock(&k->rest_lock);
	return b;
}

static struct kafka_batch *take_free(struct ev_kafka *k)
{
	struct kafka_batch *b;

	pthread_mutex_lock(&k->rest_lock);
	b = k->free_batches && k->free_batches->cap >= k->batch_size ? k->free_batches : NULL;
	if (b)
		k->free_batches = b->free;
	pthread_mutex_unlock(&k->rest_lock);
	return b;
}

static struct kafka_batch *at_rest(struct ev_kafka *k)
{
	struct kafka_batch *b = take_free(k);

	if (!b && (b = take_spent(k, MOST_SPENT))) {
		ev_kafka_batch_rest(k, b);
		b = take_free(k);
	}
	return b;
}

struct kafka_batch *ev_kafka_batch(struct ev_kafka *k)
{
	struct kafka_batch *b = at_rest(k);

	if (b)
		return b;
	b = ev_alloc(sizeof(*b));
	b->cap = k->batch_size ? k->batch_size : 1;
	b->messages = ev_alloc(b->cap * sizeof(*b->messages));
	b->records = ev_alloc(b->cap * sizeof(*b->records));
	b->all = k->batches;
	k->batches = b;
	return b;
}

static struct ev_header *header_room(struct kafka_batch *b, size_t n)
{
	struct kafka_headers *h = b->headers;

	if (!h || h->cap - h->n < n) {
		size_t cap = n > HEADERS_AT_ONCE ? n : HEADERS_AT_ONCE;

		h = ev_alloc(sizeof(*h) + cap * sizeof(h->v[0]));
		h->cap = cap;
		h->next = b->headers;
		b->headers = h;
	}
	h->n += n;
	return h->v + h->n - n;
}

static void take_headers(struct kafka_batch *b, const rd_kafka_message_t *m, struct ev_record *r)
{
	rd_kafka_headers_t *hs;
	struct ev_header *v;
	size_t n;

	if (rd_kafka_message_headers(m, &hs))
		return; /* none, or not readable as headers: librdkafka has checked the record's CRC */
	n = rd_kafka_header_cnt(hs);
	v = header_room(b, n);
	for (size_t i = 0; i < n; i++) {
		const char *name = NULL;
		const void *value = NULL;
		size_t size = 0;

		rd_kafka_header_get_all(hs, i, &name, &value, &size);
		v[i].name = ev_slice_str(name ? name : "");
		v[i].value = ev_slice(value, value ? size : 0);
	}
	r->headers = v;
	r->nheaders = n;
}

void ev_kafka_batch_add(struct ev_kafka *k, struct kafka_batch *b, rd_kafka_message_t *m,
			uint32_t part, bool headers)
{
	struct ev_record *r = &b->records[b->nmessages];
	const struct ev_partition *p = &k->base.parts[part];
	rd_kafka_timestamp_type_t type;
	int64_t ms = rd_kafka_message_timestamp(m, &type);

	b->messages[b->nmessages++] = m;
	r->topic = ev_slice_str(p->topic);
	r->partition = p->partition;
	r->offset = m->offset;
	r->timestamp = type == RD_KAFKA_TIMESTAMP_NOT_AVAILABLE || ms < 0 ? EV_NO_TIMESTAMP : ms;
	r->log_append = type == RD_KAFKA_TIMESTAMP_LOG_APPEND_TIME;
	r->key = ev_slice(m->key, m->key_len);
	r->value = ev_slice(m->payload, m->len);
	r->headers = NULL;
	r->nheaders = 0;
	r->part = part;
	if (headers)
		take_headers(b, m, r);
}

void ev_kafka_batch_rest(struct ev_kafka *k, struct kafka_batch *b)
{
	empty(b);
	pthread_mutex_lock(&k->rest_lock);
	b->free = k->free_batches;
	k->free_batches = b;
	pthread_mutex_unlock(&k->rest_lock);
}

void ev_kafka_release(struct ev_source *s, struct ev_batch *batch)
{
	struct ev_kafka *k = (struct ev_kafka *)s;
	struct kafka_batch *b = batch->owner;
	bool later;

	*batch = (struct ev_batch){ 0 };
	if (!b)
		return;
	pthread_mutex_lock(&k->rest_lock);
	later = k->tidied;
	if (later) {
		b->free = k->spent;
		k->spent = b;
		k->nspent++;
	}
	pthread_mutex_unlock(&k->rest_lock);
	if (!later)
		ev_kafka_batch_rest(k, b);
}

bool ev_kafka_tidy(struct ev_source *s)
{
	struct ev_kafka *k = (struct ev_kafka *)s;
	struct kafka_batch *b;

	pthread_mutex_lock(&k->rest_lock);
	k->tidied = true;
	pthread_mutex_unlock(&k->rest_lock);
	b = take_spent(k, 0);
	if (b)
		ev_kafka_batch_rest(k, b);
	return b;
}

void ev_kafka_batches_reset(struct ev_kafka *k)
{
	while (ev_kafka_tidy(&k->base))
		;
	k->tidied = false;
	k->free_batches = NULL;
}

void ev_kafka_batches_free(struct ev_kafka *k)
{
	while (k->batches) {
		struct kafka_batch *b = k->batches;

		k->batches = b->all;
		ev_kafka_batch_rest(k, b);
		free(b->headers);
		free(b->messages);
		free(b->records);
		free(b);
	}
	k->free_batches = NULL;
}
