/*
 * stream_test.c - rows by stream are the rows by cursor, value for value, as far as digests go
 *
 * SQLite in a file; with EV_STREAM_POSTGRES=URL a temporary table there (COPY in binary against text).
 */
#include "test.h"

#include <unistd.h>

#include "base/mem.h"
#include "verify/digest.h"

static const char sqlite_rows[] =
	"CREATE TABLE x (a, b, c);"
	"INSERT INTO x VALUES (NULL, 0, 0.5), (1, -1, -0.0), ('', x'', x'00ff'), ('1', 9223372036854775807, 1e300),"
	" ('a' || char(0) || 'b', -9223372036854775808, 0.1 + 0.2), (char(233), '1.10', 1e-300)";
static const char sqlite_select[] = "SELECT a, b, c FROM x";

static const char pg_rows[] =
	"CREATE SCHEMA IF NOT EXISTS stream_test; DROP TABLE IF EXISTS stream_test.x;"
	"CREATE TABLE stream_test.x (n numeric, i smallint, j integer, k bigint, f double precision,"
	" t text, b bytea, y boolean);"
	"INSERT INTO stream_test.x SELECT v::numeric, -32768, 2147483647, -9223372036854775808, 'NaN', '',"
	" '', true FROM"
	" unnest('{0,-0.00,1,-1,10,9999,10000,10001,99990000,1e100,-1e100,1e-100,0.0001,0.00010,0.00001,1.10,1.1,"
	"123456789.000100,NaN,9223372036854775807,9223372036854775808,-0.5,1000000000000.5}'::text[]) v;"
	"INSERT INTO stream_test.x VALUES (NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL),"
	" (1, 1, 1, 1, '-0', 'a|b', '\\x00ff', false),"
	" (1, 1, 1, 1, 'Infinity', repeat('long', 100000), '\\x5c78', true);"
	"SELECT setseed(0.5);"
	"INSERT INTO stream_test.x SELECT"
	" round(((random() - 0.5) * power(10::numeric, (random() * 60)::int - 30)::float8)::numeric,"
	" (random() * 40)::int),"
	" g % 30000, g, g * 1e12::bigint, random() * 1e10, md5(g::text),"
	" decode(md5(g::text), 'hex'), g % 2 = 0 FROM generate_series(1, 20000) g;"
	"CREATE TABLE IF NOT EXISTS stream_test.r (r real)";
static const char pg_select[] = "SELECT n, i, j, k, f, t, b, y FROM stream_test.x";

static void encode(const struct ev_cell *cells, size_t n, struct ev_buf *out)
{
	for (size_t i = 0; i < n; i++)
		for (int as = EV_DIGEST_AS_IT_IS; as <= EV_DIGEST_BOOLEAN; as++) {
			/* an exact decimal is its text in a stream, and other numbers have none */
			if ((as == EV_DIGEST_DECIMAL) != (i == 0 && n == 8))
				continue;
			ev_digest_encode(out, (unsigned)i, (enum ev_digest_type)as, &cells[i]);
		}
}

static void compare(struct ev_store *s, const char *sql, size_t columns)
{
	struct ev_error err = EV_ERROR_INIT;
	struct ev_cursor *a = s->ops->cursor(s, sql, &err);
	struct ev_buf *rows = NULL, got = EV_BUF_INIT;
	const struct ev_cell *cells;
	size_t n = 0, at = 0, other = 0;

	while (a && s->ops->fetch(a, &cells, &err) > 0)
		encode(cells, columns, EV_PUSH(rows, n));
	s->ops->cursor_close(a);
	CHECK(err.class == EV_OK && n > 0, "%zu rows by cursor (%s)", n, err.text);
	a = s->ops->stream(s, sql, &err);
	for (; a && s->ops->fetch(a, &cells, &err) > 0; at++) {
		ev_buf_clear(&got);
		encode(cells, columns, &got);
		other += at >= n || !ev_slice_eq(ev_buf_slice(&got), ev_buf_slice(&rows[at]));
	}
	s->ops->cursor_close(a);
	CHECK(err.class == EV_OK && at == n, "%zu rows by stream (%s)", at, err.text);
	CHECK(other == 0, "each the same as by cursor");
	a = s->ops->stream(s, sql, &err);
	CHECK(a && s->ops->fetch(a, &cells, &err) == 1, "a stream of which one row is read");
	s->ops->cursor_close(a);
	for (size_t i = 0; i < n; i++)
		ev_buf_release(&rows[i]);
	free(rows);
	ev_buf_release(&got);
}

static void script(struct ev_store *s, const char *sql)
{
	struct ev_error err = EV_ERROR_INIT;

	CHECK(s->ops->script(s, sql, &err) == 0, "the rows are there (%s)", err.text);
}

static void refuse(struct ev_store *s)
{
	struct ev_error err = EV_ERROR_INIT;

	CHECK(!s->ops->stream(s, "SELECT nosuch FROM nosuch", &err) && err.class != EV_OK,
	      "what is not there is an error");
}

int main(void)
{
	const char *url = getenv("EV_STREAM_POSTGRES");
	struct ev_store_options opt = EV_STORE_OPTIONS_INIT;
	struct ev_error err = EV_ERROR_INIT;
	char path[] = "/tmp/evstream.XXXXXX";
	struct ev_store *s;

	if (!url)
		close(mkstemp(path));
	s = ev_store_open(url ? url : path, &opt, &err);
	CHECK(s != NULL, "a store (%s)", err.text);
	if (s) {
		script(s, url ? pg_rows : sqlite_rows);
		compare(s, url ? pg_select : sqlite_select, url ? 8 : 3);
		if (url) {
			script(s, "INSERT INTO stream_test.r VALUES (0.1), (NULL)");
			compare(s, "SELECT r FROM stream_test.r", 1);
			script(s, "DROP SCHEMA stream_test CASCADE");
		}
		refuse(s);
		s->ops->close(s);
	}
	if (!url)
		unlink(path);
	return test_done();
}
