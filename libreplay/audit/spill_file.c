/* spill_file.c - see spill_file.h; an item is its length in four bytes, then its bytes */
#include "audit/spill_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"

static int trouble(struct ev_error *err, const char *verb, const char *why)
{
	ev_fail(err, EV_STORE, "cannot %s a temporary file: %s", verb, why);
	return ev_hint(err, "TMPDIR says where they are; more --memory makes them smaller");
}

int spill_run_create(struct spill_run *r, const char *dir, struct ev_error *err)
{
	char path[4096];

	*r = (struct spill_run){ .fd = open(dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600) };
	if (r->fd >= 0)
		return 0;
	/* a file system without nameless files */
	if ((size_t)snprintf(path, sizeof(path), "%s/evtools.XXXXXX", dir) >= sizeof(path))
		return trouble(err, "create", "the folder's name is too long");
	r->fd = mkostemp(path, O_CLOEXEC);
	if (r->fd >= 0 && unlink(path) == 0)
		return 0;
	ev_fail(err, EV_STORE, "cannot create a temporary file in '%s': %s", dir, strerror(errno));
	spill_run_close(r);
	return ev_hint(err, "TMPDIR says where they are");
}

void spill_run_close(struct spill_run *r)
{
	if (r->fd >= 0)
		close(r->fd);
	free(r->buf);
	*r = (struct spill_run){ .fd = -1 };
}

int spill_run_flush(struct spill_run *r, struct ev_buf *buf, struct ev_error *err)
{
	size_t at = 0;

	if (buf->failed)
		return ev_fail(err, EV_STORE, "out of memory for a temporary file");
	while (at < buf->len) {
		ssize_t n = write(r->fd, buf->data + at, buf->len - at);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return trouble(err, "write", n ? strerror(errno) : "nothing was taken");
		at += (size_t)n;
	}
	r->bytes += (int64_t)buf->len;
	ev_buf_clear(buf);
	return 0;
}

int spill_run_put(struct spill_run *r, struct ev_buf *buf, size_t limit, struct ev_slice item,
		  struct ev_error *err)
{
	uint32_t n = (uint32_t)item.len;

	ev_buf_add(buf, &n, sizeof(n));
	ev_buf_add_slice(buf, item);
	r->items++;
	return buf->len >= limit || buf->failed ? spill_run_flush(r, buf, err) : 0;
}

void spill_run_rewind(struct spill_run *r, size_t size)
{
	free(r->buf);
	r->cap = size;
	r->buf = ev_realloc_n(NULL, size, 1);
	r->at = r->len = 0;
	r->offset = 0;
	r->left = r->items;
}

/* At least `want` bytes from r->at on; the file has them, or it is not what was written. */
static int fill(struct spill_run *r, size_t want, struct ev_error *err)
{
	memmove(r->buf, r->buf + r->at, r->len - r->at);
	r->len -= r->at;
	r->at = 0;
	if (want > r->cap) {
		r->cap = want;
		r->buf = ev_realloc_n(r->buf, r->cap, 1);
	}
	while (r->len < want) {
		ssize_t n = pread(r->fd, r->buf + r->len, r->cap - r->len, (off_t)r->offset);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return trouble(err, "read", n ? strerror(errno) : "it was cut short");
		r->len += (size_t)n;
		r->offset += n;
	}
	return 0;
}

int spill_run_next(struct spill_run *r, struct ev_error *err)
{
	uint32_t n;

	if (!r->left)
		return 0;
	if (r->len - r->at < sizeof(n) && fill(r, sizeof(n), err))
		return -1;
	memcpy(&n, r->buf + r->at, sizeof(n));
	if (r->len - r->at < sizeof(n) + n && fill(r, sizeof(n) + n, err))
		return -1;
	r->item = ev_slice(r->buf + r->at + sizeof(n), n);
	r->at += sizeof(n) + n;
	r->left--;
	return 1;
}
