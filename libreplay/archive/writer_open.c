/* writer_open.c - open an archive to write: the lock, and what a crash has left; close */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "archive/writer_impl.h"
#include "base/clock.h"
#include "base/mem.h"

static const char *path_in(struct ev_archive_writer *w, const char *name)
{
	ev_buf_clear(&w->path);
	ev_buf_addf(&w->path, "%s/%s", w->dir, name);
	return ev_buf_str(&w->path);
}

static bool is_ours(const char *name)
{
	return strcmp(name, ".") == 0 || strcmp(name, "..") == 0 ||
	       strcmp(name, EV_ARCHIVE_LOCK) == 0 || strcmp(name, EV_ARCHIVE_MANIFEST ".tmp") == 0 ||
	       strcmp(name, EV_ARCHIVE_MOUNT) == 0;
}

/* Nothing but what a writer killed in its first steps leaves, or a file system has. */
static int check_empty(struct ev_archive_writer *w, struct ev_error *err)
{
	DIR *d = opendir(w->dir);
	struct dirent *e;
	int rc = 0;

	if (!d)
		return ev_writer_fail(w, "open", w->dir, err);
	while (!rc && (e = readdir(d)))
		if (!is_ours(e->d_name))
			rc = ev_fail(err, EV_USAGE, "cannot write an archive into '%s': it is no "
				     "archive, and holds '%s'", w->dir, e->d_name);
	closedir(d);
	return rc;
}

/* The folder that `dir` is to stand in. */
static char *parent_of(const char *dir)
{
	size_t n = strlen(dir);

	while (n > 1 && dir[n - 1] == '/')
		n--;
	while (n && dir[n - 1] != '/')
		n--;
	return n ? ev_strndup(dir, n) : ev_strdup(".");
}

/* A new one in the folders of another would be strange to that, which were not whole any more. */
static int check_outside(const char *dir, struct ev_error *err)
{
	char *in = parent_of(dir), *path = realpath(in, NULL), *slash = path;
	int rc = 0;

	while (slash && !rc) { /* that it is not there the system says */
		if (ev_archive_is(path)) {
			rc = ev_fail(err, EV_USAGE, "cannot write an archive into '%s': it would lie in archive '%s'",
				     dir, path);
			ev_hint(err, "a folder beside it takes one");
		}
		slash = strrchr(path, '/');
		if (slash)
			*slash = '\0';
	}
	free(in);
	free(path);
	return rc;
}

static int make_dir(struct ev_archive_writer *w, struct ev_error *err)
{
	struct ev_buf parent = EV_BUF_INIT;
	int rc = 0;

	if (!ev_archive_is(w->dir) && check_outside(w->dir, err))
		return -1;
	if (w->sys->mkdir(w->sys->ctx, w->dir)) {
		if (errno != EEXIST)
			return ev_writer_fail(w, "make folder", w->dir, err);
		return ev_archive_is(w->dir) ? 0 : check_empty(w, err);
	}
	ev_buf_addf(&parent, "%s/..", w->dir);
	if (ev_sys_sync_folder(w->sys, ev_buf_str(&parent)) && errno != EACCES)
		rc = ev_writer_fail(w, "sync", ev_buf_str(&parent), err);
	ev_buf_release(&parent);
	return rc;
}

static int held(struct ev_archive_writer *w, struct ev_error *err)
{
	char text[32] = "";
	ssize_t n = pread(w->lock, text, sizeof(text) - 1, 0);

	text[n > 0 ? strspn(text, "0123456789") : 0] = '\0';
	return ev_fail(err, EV_HELD, "archive '%s' is being written by %s%s", w->dir,
		       *text ? "process " : "another process", text);
}

/* The file stays when the writer ends: to remove it would let two in. */
static int take_lock(struct ev_archive_writer *w, struct ev_error *err)
{
	const char *path = path_in(w, EV_ARCHIVE_LOCK);
	char text[32];
	int n = snprintf(text, sizeof(text), "%ld\n", (long)getpid());

	w->lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
	if (w->lock < 0)
		return ev_writer_fail(w, "open", path, err);
	if (flock(w->lock, LOCK_EX | LOCK_NB))
		return errno == EWOULDBLOCK ? held(w, err) : ev_writer_fail(w, "lock", path, err);
	/* only for the message of another one; on a full disk it does without */
	if (ftruncate(w->lock, 0) || pwrite(w->lock, text, (size_t)n, 0) != n)
		errno = 0;
	return 0;
}

static bool same_text(const char *a, const char *b)
{
	return a && b ? strcmp(a, b) == 0 : !a && !b;
}

static int check_same(struct ev_archive_writer *w, struct ev_error *err)
{
	const struct ev_manifest *m = &w->manifest;

	if (!w->opt.append) {
		ev_fail(err, EV_USAGE, "'%s' holds an archive already", w->dir);
		return ev_hint(err, "--append goes on where it ends");
	}
	if (!same_text(m->cluster_id, w->opt.cluster_id)) {
		ev_fail(err, EV_DATA, "archive '%s' is of cluster '%s', and the records are of '%s'",
			w->dir, m->cluster_id ? m->cluster_id : "(not known)",
			w->opt.cluster_id ? w->opt.cluster_id : "(not known)");
		return ev_hint(err, "write another archive");
	}
	if (!same_text(m->filter, w->opt.filter)) {
		ev_fail(err, EV_USAGE, "archive '%s' was written with filter '%s', and this is '%s'",
			w->dir, m->filter ? m->filter : "", w->opt.filter ? w->opt.filter : "");
		return ev_hint(err, "give the same filter, or write another archive");
	}
	return 0;
}

/* Has the file what the manifest counts of it? *more: and what a crash has left behind that. */
static int check_file(const char *path, int64_t bytes, bool *more, struct ev_error *err)
{
	struct stat st;

	if (stat(path, &st))
		return ev_fail(err, EV_DATA, "cannot go on with '%s': %s", path, strerror(errno));
	if (st.st_size < bytes)
		return ev_fail(err, EV_DATA, "'%s' is cut short: it has %" PRId64 " bytes, the manifest "
			       "counts %" PRId64, path, (int64_t)st.st_size, bytes);
	*more = st.st_size > bytes;
	return 0;
}

/* Cut a file to what the manifest counts of it. */
static int cut_file(struct ev_archive_writer *w, const char *path, int64_t bytes,
		    struct ev_error *err)
{
	bool more;
	int fd, rc = 0;

	if (check_file(path, bytes, &more, err))
		return -1;
	if (!more)
		return 0;
	fd = w->sys->open(w->sys->ctx, path, O_WRONLY);
	if (fd < 0)
		return ev_writer_fail(w, "open", path, err);
	if (w->sys->truncate(w->sys->ctx, fd, (off_t)bytes))
		rc = ev_writer_fail(w, "cut", path, err);
	close(fd);
	return rc;
}

static int remove_file(struct ev_archive_writer *w, const char *path, struct ev_error *err)
{
	if (access(path, F_OK) == 0 && w->sys->unlink(w->sys->ctx, path))
		return ev_writer_fail(w, "remove", path, err);
	return 0;
}

/* What a crash has left: bytes behind the last segment, and the segment that would have been next. */
static int cut_part(struct ev_archive_writer *w, const struct ev_wpart *p, struct ev_error *err)
{
	static const char *const suffixes[] = { EV_ARCHIVE_DATA, EV_ARCHIVE_INDEX };

	for (int i = 0; i < 2; i++) {
		int64_t bytes = i ? p->seg.index_bytes : p->seg.bytes;

		if (bytes) {
			ev_archive_path(&w->path, w->dir, p->topic, p->partition, p->seg.offset,
					suffixes[i]);
			if (cut_file(w, ev_buf_str(&w->path), bytes, err))
				return -1;
		}
		ev_archive_path(&w->path, w->dir, p->topic, p->partition, p->behind, suffixes[i]);
		if (remove_file(w, ev_buf_str(&w->path), err))
			return -1;
	}
	return 0;
}

static int go_on_part(struct ev_archive_writer *w, const struct ev_archive_topic *t,
		      const struct ev_archive_part *m, struct ev_error *err)
{
	struct ev_wpart *p;

	EV_GROW(w->parts, w->nparts, w->parts_cap);
	p = &w->parts[w->nparts++];
	*p = (struct ev_wpart){
		.topic = ev_strdup(t->name), .topic_len = strlen(t->name),
		.partition = m->partition, .count = t->partition_count, .done = *m,
		.next = m->next, .behind = m->first, .fd = -1,
	};
	p->done.segments = NULL;
	if (m->nsegments) {
		p->seg = m->segments[m->nsegments - 1];
		p->seg_listed = true;
		p->behind = p->seg.next;
	}
	if (cut_part(w, p, err))
		return -1;
	if (ev_writer_is_full(w, p))
		p->seg = (struct ev_archive_segment){ 0 };
	return 0;
}

/* The tables of manifest and writer have the same order. */
static int go_on(struct ev_archive_writer *w, struct ev_error *err)
{
	if (ev_manifest_load(&w->manifest, w->dir, err) || check_same(w, err))
		return -1;
	for (size_t i = 0; i < w->manifest.ntopics; i++) {
		const struct ev_archive_topic *t = &w->manifest.topics[i];

		for (size_t k = 0; k < t->nparts; k++)
			if (go_on_part(w, t, &t->parts[k], err))
				return -1;
	}
	free(w->manifest.written_by);
	w->manifest.written_by = ev_strdup(w->opt.written_by);
	return 0;
}

static int begin_new(struct ev_archive_writer *w, struct ev_error *err)
{
	w->manifest.created = ev_now_ms();
	w->manifest.written_by = ev_strdup(w->opt.written_by);
	w->manifest.cluster_id = ev_strdup(w->opt.cluster_id);
	w->manifest.filter = ev_strdup(w->opt.filter);
	return ev_writer_save(w, err);
}

static int open_writer(struct ev_archive_writer *w, struct ev_error *err)
{
	if (make_dir(w, err) || take_lock(w, err))
		return -1;
	if (ev_archive_is(w->dir) ? go_on(w, err) : begin_new(w, err))
		return -1;
	w->gzip = ev_gzip_new(w->opt.level, w->opt.threads, err);
	return w->gzip ? 0 : -1;
}

/* Could a new one be made? */
static int check_room(struct ev_archive_writer *w, struct ev_error *err)
{
	bool there = access(w->dir, F_OK) == 0;
	char *in = there ? ev_strdup(w->dir) : parent_of(w->dir);
	int rc = check_outside(w->dir, err);

	if (!rc && access(in, W_OK | X_OK))
		rc = ev_writer_fail(w, there ? "write" : "make folder", w->dir, err);
	free(in);
	return rc ? rc : there ? check_empty(w, err) : 0;
}

/* May that be written, with the verb of what would fail? */
static int check_right(struct ev_archive_writer *w, const char *verb, const char *path, int mode, struct ev_error *err)
{
	return access(path, mode) && errno != ENOENT ? ev_writer_fail(w, verb, path, err) : 0;
}

/* The files that would be gone on with. */
static int peek_part(struct ev_archive_writer *w, const char *topic, const struct ev_archive_part *p,
		     struct ev_error *err)
{
	const struct ev_archive_segment *s = p->nsegments ? &p->segments[p->nsegments - 1] : NULL;
	bool more;

	for (int i = 0; s && i < 2; i++) {
		int64_t bytes = i ? s->index_bytes : s->bytes;

		ev_archive_path(&w->path, w->dir, topic, p->partition, s->offset,
				i ? EV_ARCHIVE_INDEX : EV_ARCHIVE_DATA);
		if (bytes && (check_file(ev_buf_str(&w->path), bytes, &more, err) ||
			      check_right(w, "open", ev_buf_str(&w->path), W_OK, err)))
			return -1;
	}
	ev_buf_clear(&w->path);
	ev_buf_addf(&w->path, "%s/%s/%" PRId32, w->dir, topic, p->partition);
	return check_right(w, "write", ev_buf_str(&w->path), W_OK | X_OK, err);
}

static int peek(struct ev_archive_writer *w, struct ev_error *err)
{
	if (check_right(w, "write", w->dir, W_OK | X_OK, err) ||
	    check_right(w, "open", path_in(w, EV_ARCHIVE_LOCK), W_OK, err) ||
	    ev_manifest_load(&w->manifest, w->dir, err) || check_same(w, err))
		return -1;
	for (size_t i = 0; i < w->manifest.ntopics; i++)
		for (size_t k = 0; k < w->manifest.topics[i].nparts; k++)
			if (peek_part(w, w->manifest.topics[i].name, &w->manifest.topics[i].parts[k], err))
				return -1;
	return 0;
}

int ev_archive_writer_peek(const char *dir, const struct ev_archive_options *opt, struct ev_manifest *out,
			   struct ev_error *err)
{
	struct ev_archive_writer w = { .dir = ev_strdup(dir), .opt = *opt, .lock = -1 };
	int rc = ev_archive_is(dir) ? peek(&w, err) : check_room(&w, err);

	if (rc)
		ev_manifest_release(&w.manifest);
	else
		*out = w.manifest;
	ev_buf_release(&w.path);
	free(w.dir);
	return rc;
}

struct ev_archive_writer *ev_archive_writer_open(const char *dir,
						 const struct ev_archive_options *opt,
						 struct ev_error *err)
{
	struct ev_archive_writer *w = ev_alloc(sizeof(*w));

	w->dir = ev_strdup(dir);
	w->opt = *opt;
	w->sys = opt->sys ? opt->sys : &ev_archive_real;
	w->lock = -1;
	w->reader = ev_line_reader_new();
	if (open_writer(w, err)) {
		ev_archive_writer_close(w);
		return NULL;
	}
	w->opt.written_by = w->opt.cluster_id = w->opt.filter = NULL; /* the caller's, and in the manifest by now */
	return w;
}

void ev_archive_writer_close(struct ev_archive_writer *w)
{
	if (!w)
		return;
	ev_gzip_free(w->gzip);
	for (size_t i = 0; i < w->nparts; i++) {
		struct ev_wpart *p = &w->parts[i];

		ev_writer_close_file(w, p);
		ev_buf_release(&p->lines);
		ev_buf_release(&p->empty);
		ev_buf_release(&p->index);
		free(p->topic);
	}
	free(w->parts);
	ev_manifest_release(&w->manifest);
	ev_line_reader_free(w->reader);
	ev_buf_release(&w->path);
	if (w->lock >= 0)
		close(w->lock);
	free(w->dir);
	free(w);
}
