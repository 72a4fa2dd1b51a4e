/* offset_map.c - writing the map of a copy; see offset_map.h */
#include "position/offset_map.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"

#define FULL (1u << 20)

struct ev_map_writer {
	int fd;
	char *path;
	struct ev_buf out;
	struct open_run { /* one for each partition of the target */
		struct ev_map_run run; /* slices point to the strings beside */
		char *topic, *into;
	} *open;
	size_t nopen, recent;
	struct ev_position end, next; /* as the file says; as it is to say */
	bool failed;
	int error;
};

static void put_run(struct ev_map_writer *w, const struct ev_map_run *r)
{
	ev_buf_addf(&w->out, "{\"from\":\"%.*s\",\"partition\":%" PRId32 ",\"offset\":%" PRId64
		    ",\"into\":\"%.*s\",\"into_partition\":%" PRId32 ",\"into_offset\":%" PRId64
		    ",\"count\":%" PRId64 "}\n", (int)r->topic.len, r->topic.ptr, r->partition, r->offset,
		    (int)r->into.len, r->into.ptr, r->into_partition, r->into_offset, r->count);
}

static void write_out(struct ev_map_writer *w)
{
	const char *at = w->out.data;
	size_t left = w->out.len;

	if (w->out.failed && !w->failed) {
		w->failed = true;
		w->error = ENOMEM;
	}
	while (left && !w->failed) {
		ssize_t n = write(w->fd, at, left);

		if (n < 0 && errno == EINTR)
			continue;
		w->failed = n < 0;
		w->error = errno;
		at += n;
		left -= n > 0 ? (size_t)n : 0;
	}
	ev_buf_clear(&w->out);
}

/* "MEMBER":"NAME", with odd bytes as in a URL. */
static void put_name(struct ev_buf *out, const char *member, const char *name)
{
	if (!name)
		return;
	ev_buf_addf(out, "\"%s\":\"", member);
	for (; *name; name++) {
		bool plain = (unsigned char)*name > ' ' && (unsigned char)*name < 0x7f && !strchr("\"\\%", *name);

		if (plain)
			ev_buf_addc(out, *name);
		else
			ev_buf_addf(out, "%%%02x", (unsigned)(unsigned char)*name);
	}
	ev_buf_adds(out, "\",");
}

static bool begins_with(const char *text, size_t len, const struct ev_buf *with)
{
	return with->len <= len && !memcmp(text, with->data, with->len);
}

/* The file is the map of that job on that cluster: one that was killed before it had committed anything. */
static bool is_of_job(int fd, const struct ev_map_spec *spec)
{
	struct ev_buf head = EV_BUF_INIT, cluster = EV_BUF_INIT;
	char text[2048];
	ssize_t len = pread(fd, text, sizeof(text), 0);
	bool is;

	ev_buf_addc(&head, '{');
	put_name(&head, "job", spec->job);
	ev_buf_adds(&cluster, "\"cluster\":\"");
	is = spec->job && len > 0 && begins_with(text, (size_t)len, &head);
	if (is && spec->cluster && begins_with(text + head.len, (size_t)len - head.len, &cluster)) {
		put_name(&head, "cluster", spec->cluster);
		is = begins_with(text, (size_t)len, &head);
	}
	ev_buf_release(&head);
	ev_buf_release(&cluster);
	return is;
}

/* Where the last whole line ends; -1. */
static off_t end_of_lines(int fd)
{
	off_t end = lseek(fd, 0, SEEK_END);
	char block[4096];

	while (end > 0) {
		size_t n = end < (off_t)sizeof(block) ? (size_t)end : sizeof(block);
		const char *lf;

		if (pread(fd, block, n, end - (off_t)n) != (ssize_t)n)
			return -1;
		lf = memrchr(block, '\n', n);
		if (lf)
			return end - (off_t)n + (lf - block) + 1;
		end -= (off_t)n;
	}
	return end;
}

static int no_writer(int fd, const char *path, struct ev_error *err)
{
	ev_fail(err, EV_STORE, "cannot write offset map '%s': %s", path, strerror(errno));
	if (fd >= 0)
		close(fd);
	return -1;
}

/* What is there already has to be of the same job, on the same cluster. */
static int refuse_other(int fd, const struct ev_map_spec *spec, struct ev_error *err)
{
	struct stat st;

	if (fstat(fd, &st) || !S_ISREG(st.st_mode) || !st.st_size || is_of_job(fd, spec))
		return 0;
	ev_fail(err, EV_USAGE, "cannot write offset map '%s': it is there already", spec->path);
	return ev_hint(err, "it is the map of another copy; a job that goes on continues its own");
}

int ev_map_writer_check(const struct ev_map_spec *spec, struct ev_error *err)
{
	int fd = open(spec->path, O_RDWR | O_CLOEXEC), rc;

	if (fd < 0)
		return errno == ENOENT ? 0 : no_writer(fd, spec->path, err);
	rc = refuse_other(fd, spec, err);
	close(fd);
	return rc;
}

/* The file, open behind its last whole line. */
static int open_file(const struct ev_map_spec *spec, struct ev_error *err)
{
	const char *path = spec->path;
	int fd = open(path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
	struct stat st;
	off_t end;

	if (fd < 0 || fstat(fd, &st))
		return no_writer(fd, path, err);
	if (!S_ISREG(st.st_mode) || !st.st_size)
		return fd;
	if (refuse_other(fd, spec, err)) {
		close(fd);
		return -1;
	}
	end = end_of_lines(fd);
	return end < 0 || (end < st.st_size && ftruncate(fd, end)) ? no_writer(fd, path, err) : fd;
}

static void put_begin(struct ev_map_writer *w, const struct ev_position *begin)
{
	ev_buf_adds(&w->out, "\"begin\":");
	ev_position_print(begin, &w->out);
	ev_buf_adds(&w->out, "}\n");
}

struct ev_map_writer *ev_map_writer_open(const struct ev_map_spec *spec, const struct ev_position *begin,
					 struct ev_error *err)
{
	int fd = open_file(spec, err);
	struct ev_map_writer *w;

	if (fd < 0)
		return NULL;
	w = ev_alloc(sizeof(*w));
	w->fd = fd;
	w->path = ev_strdup(spec->path);
	ev_buf_addc(&w->out, '{');
	put_name(&w->out, "job", spec->job);
	put_name(&w->out, "cluster", spec->cluster);
	if (spec->begun)
		ev_buf_addf(&w->out, "\"begun\":%" PRId64 ",", spec->begun);
	if (spec->unmapped)
		ev_buf_adds(&w->out, "\"unmapped\":true,");
	put_begin(w, begin);
	return w;
}

void ev_map_writer_skip(struct ev_map_writer *w, const char *topic, int32_t partition, int64_t to)
{
	struct ev_position begin = EV_POSITION_INIT;

	ev_position_set(&begin, topic, partition, to);
	ev_buf_addc(&w->out, '{');
	put_begin(w, &begin);
	ev_position_release(&begin);
}

static struct open_run *open_of(struct ev_map_writer *w, const struct ev_map_run *one)
{
	struct open_run *o;

	for (size_t i = 0; i < w->nopen; i++) {
		o = &w->open[(w->recent + i) % w->nopen];
		if (o->run.into_partition == one->into_partition && ev_slice_is(one->into, o->into)) {
			w->recent = (size_t)(o - w->open);
			return o;
		}
	}
	o = EV_PUSH(w->open, w->nopen);
	o->into = ev_slice_dup(one->into);
	return o;
}

void ev_map_writer_add(struct ev_map_writer *w, const struct ev_map_run *one)
{
	struct open_run *o = open_of(w, one);
	struct ev_map_run *r = &o->run;

	if (r->count && r->partition == one->partition && r->offset + r->count == one->offset &&
	    r->into_offset + r->count == one->into_offset && ev_slice_is(one->topic, o->topic)) {
		r->count++;
		return;
	}
	if (r->count)
		put_run(w, r);
	if (!o->topic || !ev_slice_is(one->topic, o->topic)) {
		free(o->topic);
		o->topic = ev_slice_dup(one->topic);
	}
	*r = *one;
	r->count = 1;
	r->topic = ev_slice_str(o->topic);
	r->into = ev_slice_str(o->into);
	if (w->out.len > FULL)
		write_out(w);
}

void ev_map_writer_end(struct ev_map_writer *w, const struct ev_position *end)
{
	ev_position_copy(&w->next, end);
}

static void put_end(struct ev_map_writer *w)
{
	struct ev_position moved = EV_POSITION_INIT;

	for (size_t i = 0; i < w->next.n; i++) {
		const struct ev_position_entry *e = &w->next.v[i];

		/* a stop tells what is behind the last record, where a flush before was behind marks, too */
		if (ev_position_get(&w->end, e->topic, e->partition) >= e->offset)
			continue;
		ev_position_set(&w->end, e->topic, e->partition, e->offset);
		ev_position_set(&moved, e->topic, e->partition, e->offset);
	}
	if (moved.n) {
		ev_buf_adds(&w->out, "{\"end\":");
		ev_position_print(&moved, &w->out);
		ev_buf_adds(&w->out, "}\n");
	}
	ev_position_release(&moved);
}

int ev_map_writer_flush(struct ev_map_writer *w, struct ev_error *err)
{
	for (size_t i = 0; i < w->nopen; i++) {
		if (w->open[i].run.count)
			put_run(w, &w->open[i].run);
		w->open[i].run.count = 0;
	}
	put_end(w);
	write_out(w);
	if (!w->failed && fdatasync(w->fd) && errno != EINVAL) {
		w->failed = true;
		w->error = errno;
	}
	if (!w->failed)
		return 0;
	return ev_fail(err, EV_STORE, "cannot write offset map '%s': %s", w->path, strerror(w->error));
}

void ev_map_writer_settled(struct ev_map_writer *w)
{
	ev_buf_adds(&w->out, "{\"settled\":true}\n");
	write_out(w);
}

bool ev_map_writer_too_large(const struct ev_map_writer *w)
{
	struct stat st;

	return !fstat(w->fd, &st) && st.st_size > (off_t)EV_MAP_MAX;
}

void ev_map_writer_close(struct ev_map_writer *w)
{
	if (!w)
		return;
	for (size_t i = 0; i < w->nopen; i++) {
		free(w->open[i].topic);
		free(w->open[i].into);
	}
	close(w->fd);
	free(w->open);
	free(w->path);
	ev_position_release(&w->end);
	ev_position_release(&w->next);
	ev_buf_release(&w->out);
	free(w);
}
