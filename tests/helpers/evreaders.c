/*
 * evreaders.c - readers of a store who note how long each answer took
 *
 *   evreaders STORE SQL READERS     until standard input ends; STORE is postgresql://... or an SQLite file
 *
 * Each reader asks the same question again and again on a connection of its own. Prints
 * "ANSWERS P50 P99 MAX ERRORS", times in milliseconds.
 */
#include <libpq-fe.h>
#include <pthread.h>
#include <sqlite3.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static atomic_int ended;

struct reader {
	pthread_t thread;
	const char *store, *sql;
	double *took;
	size_t n, cap;
	long errors;
};

static double now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static void note(struct reader *r, double start, int good)
{
	if (r->n == r->cap) {
		r->cap = r->cap ? r->cap * 2 : 4096;
		r->took = realloc(r->took, r->cap * sizeof(*r->took));
		if (!r->took)
			abort();
	}
	r->took[r->n++] = now_ms() - start;
	r->errors += !good;
}

static void read_postgres(struct reader *r)
{
	PGconn *c = PQconnectdb(r->store);

	while (!atomic_load(&ended)) {
		double start = now_ms();
		PGresult *res = PQexec(c, r->sql);

		note(r, start, PQresultStatus(res) == PGRES_TUPLES_OK);
		PQclear(res);
	}
	PQfinish(c);
}

static void read_sqlite(struct reader *r)
{
	sqlite3 *db = NULL;

	if (sqlite3_open_v2(r->store, &db, SQLITE_OPEN_READONLY, NULL) != SQLITE_OK)
		r->errors++;
	sqlite3_busy_timeout(db, 60000);
	while (!atomic_load(&ended)) {
		double start = now_ms();

		note(r, start, sqlite3_exec(db, r->sql, NULL, NULL, NULL) == SQLITE_OK);
	}
	sqlite3_close(db);
}

static void *run(void *ctx)
{
	struct reader *r = ctx;

	(strncmp(r->store, "postgres", 8) == 0 ? read_postgres : read_sqlite)(r);
	return NULL;
}

static int ascending(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

int main(int argc, char **argv)
{
	struct reader all = { 0 }, *readers;
	long count = argc == 4 ? strtol(argv[3], NULL, 10) : 0;
	char c;

	if (count < 1 || count > 100)
		return fprintf(stderr, "usage: evreaders STORE SQL READERS\n"), 2;
	readers = calloc((size_t)count, sizeof(*readers));
	for (long i = 0; readers && i < count; i++) {
		readers[i].store = argv[1];
		readers[i].sql = argv[2];
		if (pthread_create(&readers[i].thread, NULL, run, &readers[i]))
			return 1;
	}
	while (read(STDIN_FILENO, &c, 1) > 0)
		;
	atomic_store(&ended, 1);
	for (long i = 0; readers && i < count; i++) {
		pthread_join(readers[i].thread, NULL);
		all.errors += readers[i].errors;
		for (size_t k = 0; k < readers[i].n; k++)
			note(&all, now_ms() - readers[i].took[k], 1);
		free(readers[i].took);
	}
	qsort(all.took, all.n, sizeof(*all.took), ascending);
	if (all.n)
		printf("%zu %.2f %.2f %.2f %ld\n", all.n, all.took[all.n / 2], all.took[all.n * 99 / 100],
		       all.took[all.n - 1], all.errors);
	free(all.took);
	free(readers);
	return 0;
}
