/*
 * kafka_markers.c - how many control records did a read meet? see kafka.h
 *
 * A client hands out no control records and has no call that counts them. What it has is a line of
 * its debug log for each answer to a fetch, which says how many there were in it, and where it ends:
 *
 *   ... Enqueue 7 message(s) (6 bytes, 7 ops) on orders [0] fetch queue (qlen 0, v2, last_offset 9, 4 ctrl msgs, ...
 *
 * A version that writes it otherwise is found out, and then nothing is known.
 */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "source/kafka.h"

struct met {
	char *topic;
	int32_t partition;
	int64_t n, upto; /* offsets below it were looked at */
};

struct kafka_markers {
	pthread_mutex_t lock; /* librdkafka logs from threads of its own */
	struct met *v;
	size_t n;
	bool strange; /* a line that we cannot read */
};

struct kafka_markers *ev_kafka_markers_new(void)
{
	struct kafka_markers *m = ev_alloc(sizeof(*m));

	pthread_mutex_init(&m->lock, NULL);
	return m;
}

static void forget(struct kafka_markers *m)
{
	for (size_t i = 0; i < m->n; i++)
		free(m->v[i].topic);
	free(m->v);
	m->v = NULL;
	m->n = 0;
}

void ev_kafka_markers_free(struct kafka_markers *m)
{
	if (!m)
		return;
	forget(m);
	pthread_mutex_destroy(&m->lock);
	free(m);
}

void ev_kafka_markers_reset(struct kafka_markers *m)
{
	pthread_mutex_lock(&m->lock);
	forget(m);
	pthread_mutex_unlock(&m->lock);
}

static struct met *met_of(struct kafka_markers *m, const char *topic, size_t len, int32_t partition)
{
	struct met *at;

	for (size_t i = 0; i < m->n; i++)
		if (m->v[i].partition == partition && strlen(m->v[i].topic) == len &&
		    memcmp(m->v[i].topic, topic, len) == 0)
			return &m->v[i];
	at = EV_PUSH(m->v, m->n);
	at->topic = ev_strndup(topic, len);
	at->partition = partition;
	at->upto = 0;
	return at;
}

static bool parse(const char *text, struct ev_slice *topic, int32_t *partition, int64_t *last, int64_t *n)
{
	static const char behind[] = " last_offset ";
	const char *on = strstr(text, " ops) on "), *name = on ? on + strlen(" ops) on ") : NULL;
	const char *number = name ? strstr(name, " [") : NULL, *count, *end;

	if (!number || number == name)
		return false;
	*partition = (int32_t)strtol(number + 2, (char **)(uintptr_t)&end, 10);
	if (end == number + 2 || strncmp(end, "] fetch queue (", 15) != 0)
		return false;
	end = strstr(end, behind);
	if (!end)
		return false;
	*last = strtoll(end + strlen(behind), NULL, 10);
	count = strstr(end, " ctrl msgs");
	if (!count || count[-1] < '0' || count[-1] > '9')
		return false;
	while (count[-1] >= '0' && count[-1] <= '9')
		count--;
	*topic = ev_slice(name, (size_t)(number - name));
	*n = strtoll(count, NULL, 10);
	return true;
}

void ev_kafka_markers_line(void *markers, const char *fac, const char *text)
{
	struct kafka_markers *m = markers;
	struct ev_slice topic;
	int64_t n, last;
	int32_t partition;

	if (strcmp(fac, "CONSUME") != 0 || !strstr(text, ": Enqueue "))
		return;
	pthread_mutex_lock(&m->lock);
	if (parse(text, &topic, &partition, &last, &n)) {
		struct met *at = met_of(m, topic.ptr, topic.len, partition);

		at->n += n;
		at->upto = last >= at->upto ? last + 1 : at->upto;
	} else {
		m->strange = true;
	}
	pthread_mutex_unlock(&m->lock);
}

int64_t ev_kafka_markers(struct ev_source *s, uint32_t part, int64_t *upto)
{
	struct kafka_markers *m = ((struct ev_kafka *)s)->markers;
	const struct ev_partition *p = &s->parts[part];
	int64_t n = -1;

	if (!m)
		return -1;
	pthread_mutex_lock(&m->lock);
	for (size_t i = 0; i < m->n && !m->strange; i++)
		if (m->v[i].partition == p->partition && strcmp(m->v[i].topic, p->topic) == 0) {
			n = m->v[i].n;
			*upto = m->v[i].upto;
		}
	pthread_mutex_unlock(&m->lock);
	return n;
}
