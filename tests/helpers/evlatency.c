/*
 * evlatency.c - how long an event takes from its producer to a row that a reader sees
 *
 *   evlatency [-b BROKERS] [-X name=value]... STORE TOPIC PARTITIONS RATE SECONDS
 *
 * Produces an event and waits until it is visible, so that all are awake; then RATE events of the
 * stream `shop` (stream.h) a second, for a second that is not counted and SECONDS that are. A thread
 * asks the store each millisecond how far it is: the table marks (part, seq) holds for each partition
 * the `seq` of the last event applied, as tests/bench/latency.sql keeps it. An event's time starts when
 * it is handed to the producer, so linger and broker are in it, and ends when the answer that covers
 * it is there. Prints "P50 P95 P99 MAX RATE ACK REST": milliseconds, and events a second as they were
 * reached. ACK and REST are 95th percentiles of the time until the broker had acknowledged an event,
 * and from then on: the shares of producer and follower. What never came within 30 s is an error.
 */
#include "client.h"
#include "stream.h"

#include <libpq-fe.h>
#include <pthread.h>
#include <sqlite3.h>
#include <stdatomic.h>
#include <time.h>

enum { MAX_PARTITIONS = 64, PATIENCE_MS = 30000 };

static const char question[] = "SELECT part, seq FROM marks";

struct lane { /* the events of a partition in order; the producer adds, the watcher follows */
	uint64_t *seq;
	atomic_ullong n;
	uint64_t seen;
};

struct watch {
	const char *store;
	double *sent, *took, *acked; /* by seq, ms */
	struct lane lanes[MAX_PARTITIONS];
	int64_t partitions;
	uint64_t total;
	atomic_ullong visible;
	atomic_int ended; /* all is produced */
	double ended_at;
	sqlite3 *db;
	sqlite3_stmt *st;
	PGconn *pg;
};

static double now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static void sleep_ms(double ms)
{
	struct timespec t = { .tv_sec = (time_t)(ms / 1e3) };

	t.tv_nsec = (long)((ms - (double)t.tv_sec * 1e3) * 1e6);
	if (ms > 0)
		nanosleep(&t, NULL);
}

static void covered(struct watch *w, int64_t part, uint64_t upto, double at)
{
	struct lane *l;

	if (part < 0 || part >= w->partitions)
		die("marks", "a partition that was not asked for");
	l = &w->lanes[part];
	for (uint64_t n = atomic_load(&l->n); l->seen < n && l->seq[l->seen] <= upto; l->seen++) {
		w->took[l->seq[l->seen]] = at - w->sent[l->seq[l->seen]];
		atomic_fetch_add(&w->visible, 1);
	}
}

static void ask_postgres(struct watch *w)
{
	PGresult *r = PQexecPrepared(w->pg, "q", 0, NULL, NULL, NULL, 0);
	double at = now_ms();

	if (PQresultStatus(r) != PGRES_TUPLES_OK)
		die("marks", PQerrorMessage(w->pg));
	for (int i = 0; i < PQntuples(r); i++)
		covered(w, number(PQgetvalue(r, i, 0)), (uint64_t)number(PQgetvalue(r, i, 1)), at);
	PQclear(r);
}

static void ask_sqlite(struct watch *w)
{
	int64_t part[MAX_PARTITIONS], seq[MAX_PARTITIONS];
	int n = 0, rc;
	double at;

	while ((rc = sqlite3_step(w->st)) == SQLITE_ROW && n < MAX_PARTITIONS) {
		part[n] = sqlite3_column_int64(w->st, 0);
		seq[n++] = sqlite3_column_int64(w->st, 1);
	}
	at = now_ms();
	if (rc != SQLITE_DONE)
		die("marks", sqlite3_errmsg(w->db));
	sqlite3_reset(w->st);
	for (int i = 0; i < n; i++)
		covered(w, part[i], (uint64_t)seq[i], at);
}

static void open_store(struct watch *w)
{
	if (!strncmp(w->store, "postgres", 8)) {
		w->pg = PQconnectdb(w->store);
		PQclear(PQprepare(w->pg, "q", question, 0, NULL));
		if (PQstatus(w->pg) != CONNECTION_OK)
			die(w->store, PQerrorMessage(w->pg));
		return;
	}
	if (sqlite3_open_v2(w->store, &w->db, SQLITE_OPEN_READONLY, NULL) ||
	    sqlite3_prepare_v2(w->db, question, -1, &w->st, NULL))
		die(w->store, sqlite3_errmsg(w->db));
	sqlite3_busy_timeout(w->db, 10000);
}

static void *watch(void *ctx)
{
	struct watch *w = ctx;

	open_store(w);
	while (atomic_load(&w->visible) < w->total) {
		double start = now_ms();

		(w->pg ? ask_postgres : ask_sqlite)(w);
		if (atomic_load(&w->ended) && now_ms() > w->ended_at + PATIENCE_MS)
			die("events", "did not become visible within 30 s");
		sleep_ms(1 - (now_ms() - start));
	}
	sqlite3_finalize(w->st);
	sqlite3_close(w->db);
	PQfinish(w->pg);
	return NULL;
}

static void delivered(rd_kafka_t *rk, const rd_kafka_message_t *m, void *opaque)
{
	double *acked = m->_private;

	(void)rk, (void)opaque;
	if (m->err)
		die("record was not taken", rd_kafka_err2str(m->err));
	*acked += now_ms();
}

static void send_one(struct watch *w, rd_kafka_t *rk, rd_kafka_topic_t *topic, struct stream *s)
{
	struct stream_event e;
	uint64_t seq = s->i;
	struct lane *l;
	char key[32];
	int32_t p;
	int n;

	stream_next(s, &e);
	p = stream_partition(e.order, w->partitions);
	n = snprintf(key, sizeof(key), "o-%" PRIu64, e.order);
	l = &w->lanes[p];
	l->seq[atomic_load(&l->n)] = seq;
	w->sent[seq] = now_ms();
	w->acked[seq] = -w->sent[seq];
	atomic_fetch_add(&l->n, 1);
	if (rd_kafka_producev(rk, RD_KAFKA_V_RKT(topic), RD_KAFKA_V_PARTITION(p),
			      RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_KEY(key, (size_t)n),
			      RD_KAFKA_V_VALUE(e.value, e.len), RD_KAFKA_V_OPAQUE(&w->acked[seq]),
			      RD_KAFKA_V_END))
		die("produce", "the local queue is full: the rate is more than the broker takes");
}

/* Every millisecond what is due by then; returns the rate that was reached. */
static double produce(struct watch *w, const struct setup *su, const char *name, int64_t rate)
{
	static const char *const properties[] = {
		"acks", "1", "compression.codec", "lz4", /* linger.ms is the default, 5 */
		"queue.buffering.max.messages", "2000000", NULL };
	rd_kafka_t *rk = client(su, RD_KAFKA_PRODUCER, properties);
	rd_kafka_topic_t *topic = rd_kafka_topic_new(rk, name, NULL);
	double start, took;
	struct stream s;

	stream_init(&s, STREAM_SHOP, w->total, 1 + w->total / 3, 1);
	send_one(w, rk, topic, &s);
	for (start = now_ms(); !atomic_load(&w->visible); sleep_ms(1))
		if (now_ms() > start + PATIENCE_MS)
			die("the first event", "did not become visible within 30 s");
	start = now_ms();
	while (s.i < w->total) {
		uint64_t due = (uint64_t)((now_ms() - start) * (double)rate / 1e3) + 1;

		while (s.i < due && s.i < w->total)
			send_one(w, rk, topic, &s);
		rd_kafka_poll(rk, 0);
		sleep_ms(start + (double)s.i * 1e3 / (double)rate - now_ms());
	}
	took = now_ms() - start;
	if (rd_kafka_flush(rk, PATIENCE_MS))
		die("flush", "time is out");
	w->ended_at = now_ms();
	atomic_store(&w->ended, 1);
	rd_kafka_topic_destroy(topic);
	rd_kafka_destroy(rk);
	return (double)w->total * 1e3 / took;
}

static int ascending(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

int main(int argc, char **argv)
{
	static struct watch w;
	struct setup su;
	int at = setup_options(&su, argc, argv);
	uint64_t rate, n;
	pthread_t watcher;
	double reached, *v, *rest, *acked;

	if (argc - at != 5)
		die("STORE TOPIC PARTITIONS RATE SECONDS expected", argv[at]);
	w.store = argv[at];
	w.partitions = number(argv[at + 2]);
	rate = (uint64_t)number(argv[at + 3]);
	w.total = rate * (1 + (uint64_t)number(argv[at + 4]));
	if (w.partitions < 1 || w.partitions > MAX_PARTITIONS || rate < 1 || w.total > UINT64_C(100000000))
		die("too many", "partitions or events");
	w.sent = ev_alloc(w.total * sizeof(*w.sent));
	w.acked = ev_alloc(w.total * sizeof(*w.acked));
	w.took = ev_alloc(w.total * sizeof(*w.took));
	for (int64_t i = 0; i < w.partitions; i++)
		w.lanes[i].seq = ev_alloc(w.total * sizeof(*w.lanes[i].seq));
	su.delivered = delivered;
	if (pthread_create(&watcher, NULL, watch, &w))
		die("thread", "cannot be started");
	reached = produce(&w, &su, argv[at + 1], (int64_t)rate);
	pthread_join(watcher, NULL);
	v = w.took + rate;
	acked = w.acked + rate;
	n = w.total - rate;
	rest = ev_alloc(n * sizeof(*rest));
	for (uint64_t i = 0; i < n; i++)
		rest[i] = v[i] > acked[i] ? v[i] - acked[i] : 0;
	qsort(v, n, sizeof(*v), ascending);
	qsort(rest, n, sizeof(*rest), ascending);
	qsort(acked, n, sizeof(*acked), ascending);
	printf("%.1f %.1f %.1f %.1f %.0f %.1f %.1f\n", v[n / 2], v[n * 95 / 100], v[n * 99 / 100], v[n - 1], reached,
	       acked[n * 95 / 100], rest[n * 95 / 100]);
	return 0;
}
