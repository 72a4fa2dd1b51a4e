/*
 * digest_bench.c - how fast are the rows of a store turned into digests (evverify --rows, the store's half)?
 *
 *   digest_bench URL TABLE...    prints "ROWS SECONDS CPU-SECONDS DIGEST", of one read of each table in one
 *                                snapshot; a server's CPU is not in it
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "verify/table.h"

struct sum {
	struct ev_digest buckets[EV_DIGEST_BUCKETS], all;
};

static int add_row(void *ctx, const struct ev_scanned *row, struct ev_error *err)
{
	struct sum *s = ctx;

	(void)err;
	ev_digest_add(&s->all, row->row);
	ev_digest_add(&s->buckets[row->key.lo & (EV_DIGEST_BUCKETS - 1)], row->row);
	return 0;
}

static int read_table(struct ev_store *s, const char *table, const struct ev_digest_key *key, struct sum *sum,
		      struct ev_error *err)
{
	struct ev_shape shape;
	int rc = ev_shape_load(&shape, s, table, NULL, 0, NULL, err);

	if (rc > 0)
		rc = ev_table_scan(s, &shape, key, NULL, add_row, sum, err);
	else if (rc == 0)
		rc = ev_fail(err, EV_USAGE, "no table '%s'", table);
	ev_shape_release(&shape);
	return rc;
}

int main(int argc, char **argv)
{
	struct ev_store_options opt = EV_STORE_OPTIONS_INIT;
	struct ev_error err = EV_ERROR_INIT;
	struct timespec from, to;
	struct ev_digest_key key;
	static struct sum sum;
	struct ev_buf text = EV_BUF_INIT;
	struct ev_store *s;
	int rc;

	if (argc < 3)
		return 2;
	opt.read_only = true;
	ev_digest_key_init(&key, "evtools", 7);
	s = ev_store_open(argv[1], &opt, &err);
	rc = s ? s->ops->freeze(s, &err) : -1;
	clock_gettime(CLOCK_MONOTONIC, &from);
	for (int i = 2; i < argc && rc >= 0; i++)
		rc = read_table(s, argv[i], &key, &sum, &err);
	clock_gettime(CLOCK_MONOTONIC, &to);
	if (s)
		s->ops->close(s);
	if (rc < 0) {
		fprintf(stderr, "digest_bench: %s\n", err.text);
		return 1;
	}
	ev_digest_print(&sum.all, &text);
	printf("%llu %.3f %.3f %s\n", (unsigned long long)sum.all.count,
	       (double)(to.tv_sec - from.tv_sec) + (double)(to.tv_nsec - from.tv_nsec) / 1e9,
	       (double)clock() / CLOCKS_PER_SEC, ev_buf_str(&text));
	ev_buf_release(&text);
	return 0;
}
