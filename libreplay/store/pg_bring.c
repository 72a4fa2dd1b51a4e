/* pg_bring.c - rows of a table of another schema or database: one COPY into another */
#include "store/pg_internal.h"

static int begin(struct ev_pg *s, const char *sql, ExecStatusType wanted, struct ev_error *err)
{
	PGresult *res = PQexec(s->conn, sql);
	int rc = PQresultStatus(res) == wanted ? 0 : ev_pg_error(s, res, false, err);

	PQclear(res);
	return rc;
}

static int copy_rows(struct ev_pg *to, struct ev_pg *from, struct ev_error *err)
{
	char *line;
	int n, rc = 0;

	while ((n = PQgetCopyData(from->conn, &line, 0)) > 0) {
		if (rc == 0 && PQputCopyData(to->conn, line, n) != 1)
			rc = ev_pg_error(to, NULL, false, err);
		PQfreemem(line);
	}
	return rc == 0 && n == -2 ? ev_pg_error(from, NULL, false, err) : rc;
}

/* What a COPY came to, to its last result. */
static int end(struct ev_pg *s, int rc, struct ev_error *err)
{
	PGresult *res;

	while ((res = PQgetResult(s->conn))) {
		if (rc == 0 && PQresultStatus(res) != PGRES_COMMAND_OK)
			rc = ev_pg_error(s, res, false, err);
		PQclear(res);
	}
	return rc;
}

int ev_pg_bring(struct ev_store *to, struct ev_store *from, const char *copy_out, const char *copy_in,
		struct ev_error *err)
{
	struct ev_pg *t = ev_pg_of(to), *f = ev_pg_of(from);
	int rc;

	if (ev_pg_sync(to, err) < 0 || ev_pg_sync(from, err) < 0 || begin(f, copy_out, PGRES_COPY_OUT, err) < 0)
		return -1;
	if (begin(t, copy_in, PGRES_COPY_IN, err) < 0) {
		copy_rows(t, f, &(struct ev_error)EV_ERROR_INIT); /* so that the connection can be used */
		return end(f, -1, err);
	}
	rc = end(f, copy_rows(t, f, err), err);
	if (PQputCopyEnd(t->conn, rc < 0 ? "given up" : NULL) != 1 && rc == 0)
		rc = ev_pg_error(t, NULL, false, err);
	return end(t, rc, err);
}
