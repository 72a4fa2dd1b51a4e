/*
 * archive_fault_test.c - an archive's writer failed, killed or cut off from power at every step
 *
 * A scenario writes, flushes and rolls over segments; it is run again and again, with its n-th call
 * that changes the file system failing (a full disk, a bad one), or the process ending in its middle
 * (after half of a write), with what was not synced lost or kept. After each the archive must hold
 * all that was flushed, be valid, and be gone on with to the same end.
 */
#include "test.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "archive/archive.h"
#include "archive/writer.h"
#include "base/mem.h"
#include "merge/merge.h"
#include "record/line.h"
#include "source/spec.h"

enum how { COUNT, FAIL, KILL_BEFORE, KILL_AFTER, POWER };
static const char *const names[] = { "", "an error", "a kill before", "a kill behind", "a power cut at" };

struct shim {
	enum how how;
	long n, at;
	char path[1024][64]; /* by descriptor */
	struct { char path[64]; off_t size; bool named; } file[256]; /* what is safe of each */
	size_t nfiles;
};

/* What the child has flushed, where the parent sees it. */
static struct seen { int64_t flushed[2]; long steps; } *seen;

static size_t file_of(struct shim *s, const char *path)
{
	size_t i = 0;

	while (i < s->nfiles && strcmp(s->file[i].path, path))
		i++;
	if (i == s->nfiles) {
		if (++s->nfiles > 256)
			abort();
		snprintf(s->file[i].path, sizeof(s->file[i].path), "%s", path);
		s->file[i].size = 0;
		s->file[i].named = false;
	}
	return i;
}

/* What was not synced is lost: bytes of files, and names of new ones. */
static void lose(struct shim *s)
{
	for (size_t i = 0; i < s->nfiles; i++) {
		struct stat st;

		if (stat(s->file[i].path, &st) || S_ISDIR(st.st_mode))
			continue;
		if (!s->file[i].named)
			unlink(s->file[i].path);
		else if (st.st_size > s->file[i].size && truncate(s->file[i].path, s->file[i].size))
			abort();
	}
}

static void die(struct shim *s)
{
	if (s->how == POWER)
		lose(s);
	_exit(9);
}

/* 1: the call fails, by errno. */
static int step(struct shim *s)
{
	s->n++;
	if (s->how == COUNT || s->n != s->at)
		return 0;
	if (s->how == KILL_BEFORE || s->how == POWER)
		die(s);
	errno = s->at % 2 ? ENOSPC : EIO;
	return s->how == FAIL;
}

static int done(struct shim *s, int rc)
{
	if (s->how == KILL_AFTER && s->n == s->at)
		die(s);
	return rc;
}

/* What is there and was not written by this run is safe. */
static int shim_open(void *ctx, const char *path, int flags)
{
	struct shim *s = ctx;
	size_t known = s->nfiles, i = file_of(s, path);
	struct stat st;
	int fd;

	if (i == known && !stat(path, &st)) {
		s->file[i].size = st.st_size;
		s->file[i].named = true;
	}
	fd = step(s) ? -1 : ev_archive_real.open(NULL, path, flags);
	if (fd >= 1024)
		abort();
	if (fd >= 0)
		snprintf(s->path[fd], sizeof(s->path[fd]), "%s", path);
	if (fd >= 0 && flags & O_TRUNC)
		s->file[i].size = 0;
	return done(s, fd);
}

static ssize_t shim_pwrite(void *ctx, int fd, const void *data, size_t n, off_t at)
{
	struct shim *s = ctx;

	s->n++;
	if (s->how != COUNT && s->n == s->at) {
		size_t half = n / 2;

		if (ev_archive_real.pwrite(NULL, fd, data, s->how == KILL_AFTER ? n : half, at) < 0)
			abort();
		if (s->how != FAIL)
			die(s);
		errno = ENOSPC;
		return -1;
	}
	/* short writes are gone on with */
	return ev_archive_real.pwrite(NULL, fd, data, n > 100 ? 100 : n, at);
}

static int shim_truncate(void *ctx, int fd, off_t size)
{
	struct shim *s = ctx;

	return step(s) ? -1 : done(s, ev_archive_real.truncate(NULL, fd, size));
}

static int shim_sync(void *ctx, int fd)
{
	struct shim *s = ctx;
	char path[64], name[64];
	struct stat st;
	ssize_t n;

	if (step(s))
		return -1;
	snprintf(name, sizeof(name), "/proc/self/fd/%d", fd);
	n = readlink(name, path, sizeof(path) - 1);
	if (n < 0 || fstat(fd, &st))
		abort();
	path[n] = '\0';
	if (S_ISDIR(st.st_mode)) { /* names in it */
		for (size_t i = 0; i < s->nfiles; i++) {
			char *slash, full[128];

			if (!realpath(s->file[i].path, full))
				continue;
			slash = strrchr(full, '/');
			*slash = '\0';
			s->file[i].named |= !strcmp(full, path);
		}
	} else {
		s->file[file_of(s, s->path[fd])].size = st.st_size;
	}
	return done(s, 0);
}

static int shim_rename(void *ctx, const char *from, const char *to)
{
	struct shim *s = ctx;
	size_t a, b;

	if (step(s))
		return -1;
	a = file_of(s, from);
	b = file_of(s, to);
	s->file[b].size = s->file[a].size;
	s->file[b].named = true; /* the file systems that lose a rename keep the old file whole */
	return done(s, ev_archive_real.rename(NULL, from, to));
}

static int shim_unlink(void *ctx, const char *path)
{
	struct shim *s = ctx;

	return step(s) ? -1 : done(s, ev_archive_real.unlink(NULL, path));
}

static int shim_mkdir(void *ctx, const char *path)
{
	struct shim *s = ctx;

	return step(s) ? -1 : done(s, ev_archive_real.mkdir(NULL, path));
}

static struct ev_archive_sys shim_sys(struct shim *s)
{
	return (struct ev_archive_sys){ shim_open, shim_pwrite, shim_truncate, shim_sync, shim_rename,
					shim_unlink, shim_mkdir, s };
}

enum { RECORDS = 18, END = 100 };

static void record_of(int i, struct ev_record *r, char value[64])
{
	snprintf(value, 64, "{\"n\":%d,\"x\":\"%d\"}", i, i * 7919);
	*r = (struct ev_record){
		.topic = EV_LITERAL("t"), .partition = i % 2, .offset = i / 2 * 3 + 1, .timestamp = i * 10,
		.key = i % 3 ? EV_LITERAL("k") : EV_NULL_SLICE, .value = ev_slice_str(value),
	};
}

/* The whole scenario from wherever the archive stands; 0 when it came to its end. */
static int scenario(const struct ev_archive_sys *sys, int threads, struct ev_error *err)
{
	struct ev_archive_options opt = EV_ARCHIVE_OPTIONS_INIT;
	struct ev_position at = EV_POSITION_INIT;
	struct ev_archive_writer *w;
	int rc;

	opt.append = true;
	opt.sys = sys;
	opt.threads = threads;
	opt.member_bytes = 250;
	opt.segment_records = 5;
	w = ev_archive_writer_open("a", &opt, err);
	if (!w)
		return -1;
	rc = ev_archive_writer_begin(w, EV_LITERAL("t"), 0, 0, 2, err) ||
	     ev_archive_writer_begin(w, EV_LITERAL("t"), 1, 0, 2, err);
	ev_archive_writer_position(w, &at);
	for (int i = 0; i <= RECORDS && !rc; i++) {
		char value[64];
		struct ev_record r;

		record_of(i, &r, value);
		if (i < RECORDS && r.offset >= at.v[r.partition].offset)
			rc = ev_archive_writer_put(w, &r, err);
		if (i == RECORDS)
			rc = rc || ev_archive_writer_pass(w, EV_LITERAL("t"), 0, END, err) ||
			     ev_archive_writer_pass(w, EV_LITERAL("t"), 1, END, err);
		if (!rc && (i % 8 == 7 || i == RECORDS)) {
			rc = ev_archive_writer_flush(w, err);
			ev_archive_writer_position(w, &at);
			for (int p = 0; p < 2 && !rc; p++)
				seen->flushed[p] = at.v[p].offset;
		}
	}
	if (rc) {
		struct ev_error same = EV_ERROR_INIT;

		if (ev_archive_writer_flush(w, &same) != -1 || strcmp(same.text, err->text))
			rc = 2;
	}
	ev_archive_writer_close(w);
	ev_position_release(&at);
	return rc;
}

/* Every record below the archive's end, no other, and nothing is lost that was flushed. */
static bool valid(char why[200])
{
	struct ev_source_spec spec = EV_SOURCE_SPEC_INIT;
	struct ev_error err = EV_ERROR_INIT;
	struct ev_source *s = NULL;
	int64_t n[2] = { 0, 0 }, expected;
	struct ev_batch b;
	enum ev_fetch rc = EV_FETCH_DONE;

	why[0] = '\0';
	if (!ev_archive_is("a")) {
		if (seen->flushed[0] || seen->flushed[1])
			snprintf(why, 200, "the manifest is lost");
		return !*why;
	}
	if (!ev_source_spec_add(&spec, "./a", &err))
		s = ev_source_open(&spec, &err);
	ev_source_spec_release(&spec);
	if (s && s->nparts) {
		struct ev_span spans[2] = { { s->parts[0].low, s->parts[0].high }, { 0, 0 } };

		if (s->nparts > 1)
			spans[1] = (struct ev_span){ s->parts[1].low, s->parts[1].high };
		s->ops->start(s, spans, true, false, &err);
		for (size_t p = 0; p < s->nparts; p++) {
			while ((rc = s->ops->fetch(s, p, &b, 0, &err)) == EV_FETCH_SOME) {
				for (size_t i = 0; i < b.n; i++, n[p]++) {
					char value[64];
					struct ev_record r;

					record_of((int)(2 * n[p]) + (int)p, &r, value);
					if (ev_record_hash(&r) != ev_record_hash(&b.records[i]) ||
					    r.offset != b.records[i].offset)
						snprintf(why, 200, "another record at %d", (int)n[p]);
				}
				s->ops->release(s, &b);
			}
			expected = (s->parts[p].high + 1) / 3;
			expected = expected > RECORDS / 2 ? RECORDS / 2 : expected;
			if (n[p] != expected)
				snprintf(why, 200, "%d records up to %d", (int)n[p], (int)s->parts[p].high);
			if (s->parts[p].high < seen->flushed[p])
				snprintf(why, 200, "%d were flushed, %d are there", (int)seen->flushed[p],
					 (int)s->parts[p].high);
		}
	} else if (seen->flushed[0]) {
		snprintf(why, 200, "nothing is left");
	}
	if (err.class)
		snprintf(why, 200, "%.190s", err.text);
	if (s)
		s->ops->close(s);
	return !*why;
}

static int remove_one(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
	(void)st;
	(void)flag;
	(void)ftw;
	return remove(path);
}

/* Files of the archive besides those that its manifest names. */
static int strangers(void)
{
	struct ev_manifest m = { 0 };
	struct ev_error err;
	size_t files = 0, segments = 0;

	if (ev_manifest_load(&m, "a", &err))
		return -1;
	for (int p = 0; p < 2; p++) {
		DIR *d = opendir(p ? "a/t/1" : "a/t/0");
		struct dirent *e;

		while (d && (e = readdir(d)))
			files += e->d_name[0] != '.';
		closedir(d);
		segments += m.topics[0].parts[p].nsegments;
	}
	ev_manifest_release(&m);
	return (int)files - 2 * (int)segments;
}

/* The scenario in a child that the shim ends, or here with an error. 0 when it came to its end. */
static int run(struct shim *s, int threads)
{
	struct ev_archive_sys sys = shim_sys(s);
	struct ev_error err = EV_ERROR_INIT;
	int status, rc;
	pid_t pid;

	if (s->how == FAIL || s->how == COUNT) {
		rc = scenario(&sys, threads, &err);
		if (rc == -1 && err.class != EV_STORE)
			return 3;
		return rc;
	}
	fflush(stdout);
	pid = fork();
	if (!pid)
		_exit(scenario(&sys, threads, &err) ? 7 : 0);
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		abort();
	return WIFEXITED(status) ? WEXITSTATUS(status) : 8;
}

/* `again`: the interrupted run goes on where another was interrupted before, at this step. */
static void check_all(enum how how, long steps, long again, int threads)
{
	long bad = 0, runs = 0;
	char why[200], first[300] = "";

	for (long at = 1; at <= steps; at++, runs++) {
		struct shim s = { .how = how, .at = at }, t = { .how = KILL_BEFORE, .at = again };
		struct shim calm = { .how = COUNT };
		struct ev_archive_sys sys = shim_sys(&calm); /* no fsync: it takes long */
		struct ev_error err = EV_ERROR_INIT;
		int rc, strange;

		memset(seen, 0, sizeof(*seen));
		nftw("a", remove_one, 16, FTW_DEPTH | FTW_PHYS);
		if (again)
			run(&t, threads);
		rc = run(&s, threads);
		if (rc == 2 || rc == 3 || rc == 7 || rc == 8)
			snprintf(why, sizeof(why), "it ended with %d", rc);
		else if (valid(why) && scenario(&sys, threads, &err))
			snprintf(why, sizeof(why), "it does not go on: %.150s", err.text);
		else if (!*why && valid(why) && (seen->flushed[0] != END || seen->flushed[1] != END))
			snprintf(why, sizeof(why), "it ends too early");
		else if (!*why && (strange = strangers()))
			snprintf(why, sizeof(why), "%d files are too many", strange);
		if (*why && !bad++)
			snprintf(first, sizeof(first), "step %ld: %s", at, why);
	}
	if (!CHECK(!bad, "%s each of %ld steps%s leaves a valid archive that is gone on with", names[how], runs,
		   again ? " of a second run" : ""))
		printf("# %ld times; %s\n", bad, first);
}

int main(void)
{
	char shm[] = "/dev/shm/evfault.XXXXXX", tmp[] = "/tmp/evfault.XXXXXX", *dir = mkdtemp(shm);
	struct shim s = { .how = COUNT };
	struct ev_archive_sys sys = shim_sys(&s);
	struct ev_error err = EV_ERROR_INIT;
	long more = test_effort() > 1 ? test_effort() : 1;

	seen = mmap(NULL, sizeof(*seen), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	dir = dir ? dir : mkdtemp(tmp);
	if (seen == MAP_FAILED || !dir || chdir(dir))
		abort();
	CHECK(!scenario(&sys, 0, &err) && strangers() == 0, "the scenario comes to its end");
	check_all(FAIL, s.n, 0, 0);
	check_all(KILL_BEFORE, s.n, 0, 0);
	check_all(POWER, s.n, 0, 0);
	check_all(KILL_AFTER, s.n, s.n / 2, 2);
	if (more > 1)
		check_all(KILL_AFTER, s.n, 0, 0);
	for (long i = 1; i < more; i++)
		check_all(POWER, s.n, s.n * i / more, 1);
	nftw("a", remove_one, 16, FTW_DEPTH | FTW_PHYS);
	if (chdir("/"))
		abort();
	rmdir(dir);
	return test_done();
}
