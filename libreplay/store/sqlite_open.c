/* sqlite_open.c - the connection to an SQLite file: how it is opened, and in which mode it is left */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "store/sqlite_internal.h"

#define CACHE ((size_t)64 << 20)
#define STOPPED_WAIT_MS 500
#define LOOK_STEPS 100000 /* of the virtual machine, some milliseconds */

/*
 * Called by SQLite while somebody else holds a lock. Who is told to stop still waits a moment, as most locks are held
 * for less, and the transaction at hand is better finished.
 */
static int wait_for_others(void *ctx, int tries)
{
	static const int pauses_ms[] = { 1, 2, 5, 10, 15, 20, 25, 50, 100 };
	const int last = (int)(sizeof(pauses_ms) / sizeof(*pauses_ms)) - 1;
	const struct timespec pause = { .tv_nsec = pauses_ms[tries < last ? tries : last] * 1000000L };
	struct ev_sqlite *s = ctx;
	int64_t waited;

	if (!tries)
		s->busy_since = ev_clock_ms();
	waited = ev_clock_ms() - s->busy_since;
	if (waited >= s->lock_wait_ms || (waited >= STOPPED_WAIT_MS && s->give_up && s->give_up()))
		return 0;
	nanosleep(&pause, NULL);
	return 1;
}

void ev_sqlite_wait(struct ev_sqlite *s)
{
	sqlite3_busy_handler(s->db, wait_for_others, s);
}

/*
 * Into WAL mode, once nobody else is in the file: others who open a new store at the same time, or, in a
 * file that is not in that mode, anybody who reads.
 */
static int set_wal(struct ev_sqlite *s, int wait_ms, struct ev_error *err)
{
	const struct timespec pause = { .tv_nsec = 10 * 1000000 };
	int64_t until = ev_clock_ms() + wait_ms;
	int rc;

	sqlite3_busy_timeout(s->db, 0); /* or each try would wait for as long as all of them may */
	for (;;) {
		/* NORMAL: a power cut may take back the last commits, rows and ledger together, so
		 * the next run reads those records again; nothing is ever torn */
		rc = sqlite3_exec(s->db, "PRAGMA main.journal_mode=WAL; PRAGMA main.synchronous=NORMAL", NULL, NULL,
				  NULL);
		if ((rc & 0xff) != SQLITE_BUSY || ev_clock_ms() >= until || (s->give_up && s->give_up()))
			break;
		nanosleep(&pause, NULL);
	}
	if (rc != SQLITE_OK)
		ev_sqlite_error(s, rc, false, err);
	if ((rc & 0xff) == SQLITE_BUSY)
		ev_hint(err, "where the file is not in WAL mode, anybody who is in a transaction on it holds it, "
			     "also to read; a longer --lock-wait waits longer");
	ev_sqlite_wait(s);
	return rc == SQLITE_OK ? 0 : -1;
}

void ev_sqlite_use_wal(struct ev_sqlite *s)
{
	struct ev_error ignored = EV_ERROR_INIT; /* somebody reads: after the next commit then */

	if (s->wal_due && set_wal(s, 0, &ignored) == 0)
		s->wal_due = false;
}

/*
 * A database without our tables may be anybody's: it is left in its own mode until the first commit,
 * so that a refused run has changed nothing.
 */
static int choose_mode(struct ev_sqlite *s, struct ev_error *err)
{
	int ours = ev_sqlite_has_table(&s->base, "ev_projection", err);

	if (ours < 0)
		return -1;
	s->wal_due = !ours;
	/* who only reads may sort whole tables, on disk; who writes has triggers there */
	sqlite3_exec(s->db, "PRAGMA temp_store=MEMORY", NULL, NULL, NULL);
	return ours ? set_wal(s, s->lock_wait_ms, err) : 0;
}

/* What an event holds must fit, and texts are to be ordered by the bytes that they have everywhere else. */
static int check_encoding(struct ev_sqlite *s, struct ev_error *err)
{
	sqlite3_stmt *stmt = NULL;
	int rc = sqlite3_prepare_v2(s->db, "PRAGMA encoding", -1, &stmt, NULL);

	if (rc == SQLITE_OK && (rc = sqlite3_step(stmt)) == SQLITE_ROW) {
		rc = strcmp((const char *)sqlite3_column_text(stmt, 0), "UTF-8") != 0;
		if (rc)
			ev_fail(err, EV_USAGE, "store '%s': the database's encoding is %s, UTF-8 is needed", s->path,
				sqlite3_column_text(stmt, 0));
	} else {
		ev_sqlite_error(s, rc, false, err);
	}
	sqlite3_finalize(stmt);
	return rc ? -1 : 0;
}

static int set_up(struct ev_sqlite *s, const struct ev_store_options *opt, struct ev_error *err)
{
	static const char pragmas[] =
		/*
		 * an index of others may be of JSON, whose functions SQLite before 3.41 takes for unsafe there; what
		 * views call is held to our own list (sqlite_auth.c)
		 */
		"PRAGMA foreign_keys=ON; PRAGMA trusted_schema=ON; PRAGMA cell_size_check=ON;"
		"PRAGMA schema_version;"
		/* their first use declares them, which a handler might not */
		"SELECT 1 FROM json_each('[]'), json_tree('[]');";
	char cache[64];
	int rc;

	snprintf(cache, sizeof(cache), "PRAGMA cache_size=-%zu", (opt->cache ? opt->cache : CACHE) >> 10);
	sqlite3_extended_result_codes(s->db, 1);
	ev_sqlite_wait(s);
	sqlite3_db_config(s->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
	/* "odd" is a name; SQLite would take one that it does not know for a text */
	sqlite3_db_config(s->db, SQLITE_DBCONFIG_DQS_DML, 0, NULL);
	sqlite3_db_config(s->db, SQLITE_DBCONFIG_DQS_DDL, 0, NULL);
	if (check_encoding(s, err) < 0 || (!opt->read_only && choose_mode(s, err) < 0))
		return -1;
	rc = sqlite3_exec(s->db, cache, NULL, NULL, NULL);
	if (rc == SQLITE_OK)
		rc = sqlite3_exec(s->db, pragmas, NULL, NULL, NULL);
	if (rc != SQLITE_OK)
		return ev_sqlite_error(s, rc, false, err);
	sqlite3_set_authorizer(s->db, ev_sqlite_authorize, s);
	return ev_sqlite_time_install(s, err);
}

/* SQLite would wait for ever on a named pipe, deaf to signals, and write into a device. */
static int check_file(const char *path, struct ev_error *err)
{
	struct stat st;

	if (stat(path, &st) < 0 || S_ISREG(st.st_mode)) /* what is not there yet is made */
		return 0;
	return ev_fail(err, EV_STORE, "cannot open store '%s': %s", path,
		       S_ISDIR(st.st_mode) ? "it is a directory" : "it is no regular file");
}

static bool folder_writable(const char *path)
{
	const char *slash = strrchr(path, '/');
	char *folder = !slash ? ev_strdup(".") :
		       slash == path ? ev_strdup("/") : ev_strndup(path, (size_t)(slash - path));
	bool yes = access(folder, W_OK) == 0;

	free(folder);
	return yes;
}

bool ev_sqlite_absent(const char *path)
{
	return access(path, F_OK) != 0 && folder_writable(path);
}

/* The size of the WAL beside a file; -1: there is none, -2: nobody can tell. */
static int64_t wal_size(const char *path)
{
	struct ev_buf name = EV_BUF_INIT;
	struct stat st;
	int64_t size;

	ev_buf_addf(&name, "%s-wal", path);
	size = stat(ev_buf_str(&name), &st) == 0 ? (int64_t)st.st_size : errno == ENOENT ? -1 : -2;
	ev_buf_release(&name);
	return size;
}

/* Is nothing but the file itself needed to read it: no WAL that is still to be brought in? */
static bool no_wal(const char *path)
{
	int64_t size = wal_size(path);

	return size == -1 || size == 0;
}

/*
 * To read a file in WAL mode SQLite wants to make two files beside it. Where we may not, and nobody
 * is at work on it, it is opened as one that does not change; ev_sqlite_unchanged proves that.
 */
static bool must_stand_still(struct ev_sqlite *s, const char *path)
{
	return path && !folder_writable(path) && no_wal(path) && stat(path, &s->file) == 0;
}

int ev_sqlite_unchanged(struct ev_sqlite *s, struct ev_error *err)
{
	struct stat now;

	if (!s->still)
		return 0;
	if (stat(s->path, &now) == 0 && now.st_ino == s->file.st_ino && now.st_size == s->file.st_size &&
	    now.st_mtim.tv_sec == s->file.st_mtim.tv_sec && now.st_mtim.tv_nsec == s->file.st_mtim.tv_nsec)
		return 0;
	ev_fail(err, EV_STORE, "store '%s' was written to while it was read", s->base.url);
	return ev_hint(err, "a user who may write in its folder can read it at the same time");
}

/* An absolute path as an URI; what has a meaning there is written as %XX. */
static void add_uri(const char *path, const char *query, struct ev_buf *out)
{
	ev_buf_adds(out, "file://");
	for (const char *p = path; *p; p++) {
		if (strchr("%?#", *p))
			ev_buf_addf(out, "%%%02X", (unsigned)*p);
		else
			ev_buf_addc(out, *p);
	}
	ev_buf_adds(out, query);
}

static int is_stopped(void *ctx)
{
	const struct ev_sqlite *s = ctx;

	return s->stopped();
}

static int open_failed(struct ev_sqlite *s, const struct ev_store_options *opt, struct ev_error *err)
{
	bool absent = access(s->path, F_OK) != 0 && errno == ENOENT;

	if (!absent || !opt->read_only)
		ev_fail(err, EV_STORE, "cannot open store '%s': %s", s->path, sqlite3_errmsg(s->db));
	else
		ev_fail(err, EV_STORE, "cannot open store '%s': there is no such file", s->path);
	if (absent)
		ev_hint(err, opt->read_only ? "evproject run makes it; was another file or folder meant?"
					    : "is its folder there?");
	return -1;
}

static int open_file(struct ev_sqlite *s, const struct ev_store_options *opt, struct ev_error *err)
{
	int flags = opt->read_only ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE;
	char *real = opt->read_only ? realpath(s->path, NULL) : NULL; /* beside which the WAL is */
	struct ev_buf uri = EV_BUF_INIT;
	int rc;

	flags |= SQLITE_OPEN_NOMUTEX; /* a store is used by one thread at a time */
	if (s->path[0] == '/') /* for ATTACH, later */
		flags |= SQLITE_OPEN_URI;
	s->still = must_stand_still(s, real);
	s->tidy = real && wal_size(real) == -1 && folder_writable(real) && access(real, W_OK) == 0;
	if (s->still) {
		add_uri(real, "?immutable=1", &uri);
		rc = sqlite3_open_v2(ev_buf_str(&uri), &s->db, flags | SQLITE_OPEN_URI, NULL);
	} else {
		rc = sqlite3_open_v2(s->path, &s->db, flags, NULL);
	}
	ev_buf_release(&uri);
	free(real);
	if (rc == SQLITE_OK && opt->read_only && opt->stopped) {
		s->stopped = opt->stopped;
		sqlite3_progress_handler(s->db, LOOK_STEPS, is_stopped, s);
	}
	return rc == SQLITE_OK ? 0 : open_failed(s, opt, err);
}

/*
 * To read a file in WAL mode takes two files beside it, which who only reads may not remove. The last one to close it
 * for writing does, if there is nothing in them and nobody else is in the file.
 */
void ev_sqlite_tidy(const char *path)
{
	sqlite3 *db = NULL;

	if (wal_size(path) == 0 && sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE, NULL) == SQLITE_OK)
		sqlite3_exec(db, "SELECT 1 FROM sqlite_schema", NULL, NULL, NULL);
	sqlite3_close_v2(db);
}

int ev_sqlite_look_beyond(struct ev_store *store, const char *path, struct ev_error *err)
{
	struct ev_sqlite *s = ev_sqlite_of(store);
	struct ev_buf uri = EV_BUF_INIT, sql = EV_BUF_INIT;
	int rc;

	/* read-only, or our own BEGIN IMMEDIATE would lock it as well */
	add_uri(path, "?mode=ro", &uri);
	ev_buf_adds(&sql, "ATTACH ");
	ev_buf_add_quoted(&sql, ev_buf_str(&uri), '\'');
	ev_buf_adds(&sql, " AS ev_beyond");
	rc = sqlite3_exec(s->db, ev_buf_str(&sql), NULL, NULL, NULL);
	ev_buf_release(&uri);
	ev_buf_release(&sql);
	return rc == SQLITE_OK ? 0 : ev_sqlite_error(s, rc, false, err);
}

static int set_up_failed(struct ev_sqlite *s, struct ev_error *err)
{
	int rc = sqlite3_errcode(s->db) & 0xff;

	if (err->class != EV_STORE)
		return -1;
	ev_fail(err, EV_STORE, "cannot open store '%s': %s", s->path, sqlite3_errmsg(s->db));
	if ((rc == SQLITE_READONLY || rc == SQLITE_CANTOPEN) && !folder_writable(s->path))
		ev_hint(err, "its folder cannot be written: a store that is at work, or was killed, can "
			     "only be read by a user who may write there");
	return -1;
}

/* A first load was killed (sqlite_load.c): who only reads cannot take back what it left in the file. */
static bool take_back(struct ev_sqlite *s)
{
	sqlite3 *db = NULL;
	bool done;

	if (sqlite3_extended_errcode(s->db) != SQLITE_READONLY_ROLLBACK)
		return false;
	done = sqlite3_open_v2(s->path, &db, SQLITE_OPEN_READWRITE, NULL) == SQLITE_OK &&
	       sqlite3_busy_timeout(db, s->lock_wait_ms) == SQLITE_OK &&
	       sqlite3_exec(db, "SELECT 1 FROM sqlite_schema", NULL, NULL, NULL) == SQLITE_OK;
	sqlite3_close_v2(db);
	return done;
}

struct ev_store *ev_sqlite_open(const char *path, const struct ev_store_options *opt,
				struct ev_error *err)
{
	struct ev_sqlite *s = ev_alloc(sizeof(*s));

	s->base.ops = &ev_sqlite_ops;
	s->base.url = ev_strdup(path);
	s->path = ev_strdup(path);
	s->lock_fd = -1;
	s->lock_wait_ms = opt->lock_wait_ms;
	s->give_up = opt->give_up;
	s->c_locale = newlocale(LC_ALL_MASK, "C", (locale_t)0);
	if (check_file(path, err) == 0 && open_file(s, opt, err) == 0) {
		if (set_up(s, opt, err) == 0 || (take_back(s) && set_up(s, opt, err) == 0)) {
			*err = (struct ev_error)EV_ERROR_INIT;
			return &s->base;
		}
		set_up_failed(s, err);
	}
	ev_sqlite_close(&s->base);
	return NULL;
}
