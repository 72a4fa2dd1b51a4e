/* input.c - see input.h */
#include "source/input.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include "base/file.h"
#include "base/mem.h"

struct ev_input {
	char *path;
	int fd;         /* -1: parked */
	bool regular;
	dev_t dev;
	ino_t ino;
	off_t begin;    /* of a regular file: where it stood when opened */
	off_t given;    /* bytes read from there on */
	off_t size;     /* of a regular file, when it was opened */
	off_t end;      /* of a part of it; 0: its own */
	bool consumed;  /* something was read since the begin */
	bool sniffed;   /* it is known whether it is gzip */
	bool gzip;
	bool eof;       /* of the file */
	bool in_member; /* gzip: some bytes of a member were read, and its end was not */
	const char *broken; /* gzip: what is wrong behind what was given */
	z_stream z;
	unsigned char *raw; /* read but not given: raw[at..have) */
	size_t at, have, cap;
};

static bool is_stdin(const struct ev_input *in)
{
	return strcmp(in->path, "-") == 0;
}

const char *ev_input_name(const struct ev_input *in)
{
	return is_stdin(in) ? "stdin" : in->path;
}

static int open_file(struct ev_input *in, struct stat *st, struct ev_error *err)
{
	int e;

	in->fd = is_stdin(in) ? STDIN_FILENO : open(in->path, O_RDONLY | O_CLOEXEC);
	e = in->fd < 0 || fstat(in->fd, st) ? errno : S_ISDIR(st->st_mode) ? EISDIR : 0;
	if (!e)
		return 0;
	ev_fail(err, EV_SOURCE, "cannot open '%s': %s", ev_input_name(in), strerror(e));
	return ev_file_advise(e, err);
}

struct ev_input *ev_input_open(const char *path, size_t room, struct ev_error *err)
{
	struct ev_input *in = ev_alloc(sizeof(*in));
	struct stat st;

	in->path = ev_strdup(path);
	if (open_file(in, &st, err)) {
		ev_input_close(in);
		return NULL;
	}
	in->regular = S_ISREG(st.st_mode);
	in->dev = st.st_dev;
	in->ino = st.st_ino;
	in->size = st.st_size;
	if (in->regular) {
		in->begin = lseek(in->fd, 0, SEEK_CUR);
		(void)posix_fadvise(in->fd, 0, 0, POSIX_FADV_SEQUENTIAL);
	}
	/* 15 bits of window, plus 16: gzip only. */
	if (inflateInit2(&in->z, 15 + 16) != Z_OK)
		abort();
	in->cap = room;
	in->raw = ev_alloc(room);
	return in;
}

void ev_input_park(struct ev_input *in)
{
	if (!in->regular || in->fd < 0 || is_stdin(in))
		return;
	close(in->fd);
	in->fd = -1;
}

/* Where it stood. */
static int unpark(struct ev_input *in, struct ev_error *err)
{
	struct stat st;

	if (in->fd >= 0)
		return 0;
	if (open_file(in, &st, err))
		return -1;
	if (st.st_dev != in->dev || st.st_ino != in->ino)
		return ev_fail(err, EV_SOURCE, "cannot read '%s': it was replaced", ev_input_name(in));
	if (lseek(in->fd, in->begin + in->given, SEEK_SET) < 0)
		return ev_fail(err, EV_SOURCE, "cannot read '%s': %s", ev_input_name(in), strerror(errno));
	return 0;
}

void ev_input_close(struct ev_input *in)
{
	if (!in)
		return;
	if (in->fd >= 0 && !is_stdin(in))
		close(in->fd);
	if (in->raw)
		inflateEnd(&in->z);
	free(in->raw);
	free(in->path);
	free(in);
}

bool ev_input_regular(const struct ev_input *in)
{
	return in->regular;
}

bool ev_input_share(const struct ev_input *in, int64_t *done, int64_t *total)
{
	*done = in->given;
	*total = (in->end ? in->end : in->size) - in->begin;
	return in->regular && *total > 0;
}

static int seek(struct ev_input *in, struct ev_error *err)
{
	if (unpark(in, err))
		return -1;
	if (lseek(in->fd, in->begin, SEEK_SET) < 0)
		return ev_fail(err, EV_SOURCE, "cannot read '%s' again: %s", ev_input_name(in),
			       strerror(errno));
	inflateReset(&in->z);
	in->consumed = in->sniffed = in->gzip = in->eof = in->in_member = false;
	in->broken = NULL;
	in->at = in->have = 0;
	in->given = 0;
	return 0;
}

int ev_input_rewind(struct ev_input *in, struct ev_error *err)
{
	if (!in->consumed)
		return 0;
	if (!in->regular) {
		ev_fail(err, EV_USAGE, "cannot read '%s' twice: it is a pipe", ev_input_name(in));
		return ev_hint(err, "write it to a file first, and give that as the source");
	}
	return seek(in, err);
}

int ev_input_part(struct ev_input *in, int64_t begin, int64_t end, struct ev_error *err)
{
	in->begin = (off_t)begin;
	in->end = (off_t)end;
	return seek(in, err);
}

/* From the file itself; results as of ev_input_read. */
static long read_raw(struct ev_input *in, void *buf, size_t cap, int timeout_ms,
		     struct ev_error *err)
{
	struct pollfd p = { .events = POLLIN };
	ssize_t n;

	if (in->eof)
		return EV_INPUT_END;
	if (unpark(in, err))
		return EV_INPUT_ERROR;
	p.fd = in->fd;
	if (!in->regular && poll(&p, 1, timeout_ms) <= 0)
		return EV_INPUT_WAIT; /* a signal too: the caller looks at its flags */
	if (in->end && cap > (size_t)(in->end - in->begin - in->given))
		cap = (size_t)(in->end - in->begin - in->given);
	n = read(in->fd, buf, cap);
	if (n < 0 && (errno == EINTR || errno == EAGAIN))
		return EV_INPUT_WAIT;
	if (n < 0)
		return ev_fail(err, EV_SOURCE, "cannot read: %s", strerror(errno));
	in->consumed = true;
	in->given += n;
	in->eof = n == 0;
	return n;
}

/* Find out what it is; 1 when that is known. */
static long sniff(struct ev_input *in, int timeout_ms, struct ev_error *err)
{
	size_t len = strlen(in->path);
	long n;

	while (in->have < 2 && !in->eof) {
		n = read_raw(in, in->raw + in->have, in->cap - in->have, timeout_ms, err);
		if (n < 0)
			return n;
		in->have += (size_t)n;
	}
	in->gzip = in->have >= 2 && in->raw[0] == 0x1f && in->raw[1] == 0x8b;
	if (!in->gzip && len > 3 && strcmp(in->path + len - 3, ".gz") == 0)
		return ev_fail(err, EV_DATA, "%s",
			       in->have < 2 ? "gzip data is cut short" : "not gzip data");
	in->sniffed = true;
	return 1;
}

/* One call of inflate; the number of bytes given, with broken and in_member brought up to date. */
static size_t unpack(struct ev_input *in, char *buf, size_t cap)
{
	z_stream *z = &in->z;
	uInt before = (uInt)(in->have - in->at), room = cap > (1u << 30) ? 1u << 30 : (uInt)cap;
	int rc;

	z->next_in = in->raw + in->at;
	z->avail_in = before;
	z->next_out = (unsigned char *)buf;
	z->avail_out = room;
	rc = inflate(z, Z_NO_FLUSH);
	in->at = in->have - z->avail_in;
	if (z->avail_in < before)
		in->in_member = true;
	if (rc == Z_STREAM_END) {
		inflateReset(z);
		in->in_member = false;
	} else if (rc != Z_OK && rc != Z_BUF_ERROR) {
		in->broken = z->msg ? z->msg : "unknown fault";
	}
	return room - z->avail_out;
}

static long read_gzip(struct ev_input *in, char *buf, size_t cap, int timeout_ms,
		      struct ev_error *err)
{
	size_t got;
	long n;

	for (;;) {
		if (in->broken)
			return ev_fail(err, EV_DATA, "gzip data is corrupt: %s", in->broken);
		got = unpack(in, buf, cap);
		if (got)
			return (long)got;
		if (in->broken || in->at < in->have)
			continue;
		n = read_raw(in, in->raw, in->cap, timeout_ms, err);
		if (n < 0)
			return n;
		if (n == 0 && in->in_member)
			return ev_fail(err, EV_DATA, "gzip data is cut short");
		if (n == 0)
			return EV_INPUT_END;
		in->at = 0;
		in->have = (size_t)n;
	}
}

long ev_input_read(struct ev_input *in, char *buf, size_t cap, int timeout_ms,
		   struct ev_error *err)
{
	size_t n = in->have - in->at;
	long rc;

	if (!in->sniffed) {
		rc = sniff(in, timeout_ms, err);
		if (rc < 0)
			return rc;
		n = in->have;
	}
	if (in->gzip)
		return read_gzip(in, buf, cap, timeout_ms, err);
	if (!n)
		return read_raw(in, buf, cap, timeout_ms, err);
	if (n > cap)
		n = cap;
	memcpy(buf, in->raw + in->at, n);
	in->at += n;
	return (long)n;
}
