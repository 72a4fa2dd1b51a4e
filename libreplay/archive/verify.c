/* verify.c - see verify.h; verify_files.c looks for what should not be there */
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <sys/stat.h>
#include <unistd.h>

#include "archive/scan.h"
#include "archive/verify_impl.h"
#include "base/plural.h"

static void tell(struct ev_archive_verify *v, void (*to)(void *, const char *), const char *fmt,
		 va_list ap)
{
	char text[1024];

	vsnprintf(text, sizeof(text), fmt, ap);
	if (to)
		to(v->check->ctx, text);
}

void ev_verify_fault(struct ev_archive_verify *v, const char *fmt, ...)
{
	va_list ap;

	v->check->faults++;
	va_start(ap, fmt);
	tell(v, v->check->fault, fmt, ap);
	va_end(ap);
}

void ev_verify_note(struct ev_archive_verify *v, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	tell(v, v->check->note, fmt, ap);
	va_end(ap);
}

/* Bad data is a fault, and the check goes on; what cannot be read ends it. */
static int take_fault(struct ev_archive_verify *v, const struct ev_error *why, struct ev_error *err)
{
	if (why->class != EV_DATA) {
		*err = *why;
		return -1;
	}
	ev_verify_fault(v, "%s", why->text);
	return 0;
}

static const char *path_of(struct ev_archive_verify *v, const struct ev_archive_segment *s,
			   const char *suffix)
{
	ev_archive_path(&v->path, v->check->dir, v->topic->name, v->part->partition, s->offset, suffix);
	return ev_buf_str(&v->path);
}

/* Bytes that the manifest does not count. */
static void check_size(struct ev_archive_verify *v, const char *path, int64_t bytes)
{
	struct stat st;

	if (!stat(path, &st) && st.st_size > bytes)
		ev_verify_note(v, "'%s': %" PRId64 " bytes from byte %" PRId64 " on were not flushed; the "
			       "next writer cuts them off", path, (int64_t)st.st_size - bytes, bytes);
}

enum { GAP_MAX = 16 }; /* members that may be missing in a row; more are told one by one */

/* Does a later member stand where member `i` should, `gone` bytes too early? How many are missing then; else 0. */
static size_t missing_at(const struct ev_archive_verify *v, const char *path, size_t i, int64_t gone)
{
	for (size_t k = i + 1; k < v->members.n && k - i <= GAP_MAX; k++) {
		struct ev_archive_member m = v->members.v[k];
		struct ev_error ignored;

		m.position = v->members.v[i].position - gone;
		if (!ev_member_check(path, &m, &ignored))
			return k - i;
	}
	return 0;
}

/* The next `n` from member `i` on are not there; how many bytes they had. */
static int64_t tell_missing(struct ev_archive_verify *v, const char *path, size_t i, size_t n,
			    int64_t gone)
{
	const struct ev_archive_member *first = &v->members.v[i], *behind = &v->members.v[i + n];

	ev_verify_fault(v, "'%s': %zu gzip member%s missing at byte %" PRId64 " (offsets %" PRId64 "..%" PRId64
			"): there the one that begins at offset %" PRId64 " stands", path, n,
			ev_agree(n, " is", "s are"), first->position - gone, first->offset,
			behind->offset - 1, behind->offset);
	return behind->position - first->position;
}

/* Every member by its CRC: so all that are damaged are named. The number of those. */
static int check_members(struct ev_archive_verify *v, const struct ev_archive_segment *s,
			 uint64_t *damaged, struct ev_error *err)
{
	const char *path = path_of(v, s, EV_ARCHIVE_DATA);
	struct ev_error why;
	int64_t gone = 0;

	*damaged = 0;
	for (size_t i = 0; i < v->members.n; i++) {
		struct ev_archive_member m = v->members.v[i];
		size_t missing;

		m.position -= gone;
		if (!ev_member_check(path, &m, &why))
			continue;
		++*damaged;
		missing = missing_at(v, path, i, gone);
		if (missing) {
			gone += tell_missing(v, path, i, missing, gone);
			i += missing; /* which was found */
			continue;
		}
		if (take_fault(v, &why, err))
			return -1;
		if (access(path, F_OK)) /* said once */
			break;
	}
	return 0;
}

/* The line where two texts begin to differ: its number from 1, and the bytes of it in `text`. */
static size_t differing(const struct ev_buf *a, const struct ev_buf *b, struct ev_slice *line)
{
	size_t at = 0, start = 0, number = 1;
	const char *lf;

	for (; at < a->len && at < b->len && a->data[at] == b->data[at]; at++)
		if (a->data[at] == '\n') {
			start = at + 1;
			number++;
		}
	lf = start < b->len ? memchr(b->data + start, '\n', b->len - start) : NULL;
	*line = lf ? ev_slice(b->data + start, (size_t)(lf - b->data) - start) : ev_slice("", 0);
	return number;
}

/* The index of the file against what the members hold. */
static void check_index(struct ev_archive_verify *v, const struct ev_archive_segment *s)
{
	struct ev_slice line;
	size_t number;

	if (ev_slice_eq(ev_buf_slice(&v->text), ev_buf_slice(&v->found)))
		return;
	number = differing(&v->text, &v->found, &line);
	if (line.len > 300)
		line.len = 300;
	ev_verify_fault(v, "'%s': line %zu is wrong: the segment says %.*s",
			path_of(v, s, EV_ARCHIVE_INDEX), number,
			line.len ? (int)line.len : (int)sizeof("no such member") - 1,
			line.len ? line.ptr : "no such member");
}

/* What the members sum up to, against the manifest. */
static void check_sums(struct ev_archive_verify *v, const struct ev_archive_segment *s)
{
	struct ev_archive_segment sum = { .oldest = EV_NO_TIMESTAMP, .newest = EV_NO_TIMESTAMP };

	for (size_t i = 0; i < v->members.n; i++) {
		const struct ev_archive_member *m = &v->members.v[i];

		sum.next = m->next;
		sum.records += m->records;
		if (m->oldest != EV_NO_TIMESTAMP &&
		    (sum.oldest == EV_NO_TIMESTAMP || m->oldest < sum.oldest))
			sum.oldest = m->oldest;
		if (m->newest > sum.newest)
			sum.newest = m->newest;
		v->check->lines += (uint64_t)m->size;
	}
	v->check->members += v->members.n;
	v->check->records += (uint64_t)sum.records;
	if (sum.records != s->records || sum.next != s->next)
		ev_verify_fault(v, "'%s' holds %" PRId64 " record%s up to offset %" PRId64
				", the manifest says %" PRId64 " up to %" PRId64,
				path_of(v, s, EV_ARCHIVE_DATA), sum.records, ev_plural(sum.records), sum.next - 1,
				s->records, s->next - 1);
	else if (sum.oldest != s->oldest || sum.newest != s->newest)
		ev_verify_fault(v, "'%s': the manifest's times are wrong: the records' are %" PRId64 " to %"
				PRId64, path_of(v, s, EV_ARCHIVE_DATA), sum.oldest, sum.newest);
}

static int remember(void *ctx, const struct ev_record *rec, struct ev_error *err)
{
	struct ev_archive_verify *v = ctx;

	(void)err;
	if (rec->offset == v->part->last_offset)
		v->last_hash = ev_record_hash(rec);
	return 0;
}

static int scan(struct ev_archive_verify *v, const struct ev_archive_segment *s, bool indexed,
		struct ev_error *err)
{
	struct ev_scan_args args = {
		.topic = v->topic->name, .partition = v->part->partition, .segment = s,
		.stopped = v->check->stopped, .record = remember, .ctx = v,
	};
	struct ev_error why;

	args.path = path_of(v, s, EV_ARCHIVE_DATA);
	ev_buf_clear(&v->found);
	if (ev_archive_scan(&args, &v->members, &v->found, &why)) {
		if (take_fault(v, &why, err))
			return -1;
		ev_verify_note(v, "'%s': nothing was looked at behind that", args.path);
		return 0;
	}
	if (indexed)
		check_index(v, s);
	check_sums(v, s);
	return 0;
}

static int check_segment(struct ev_archive_verify *v, const struct ev_archive_segment *s,
			 struct ev_error *err)
{
	struct ev_error why;
	uint64_t damaged = 0;
	bool indexed = !ev_index_load(&v->members, path_of(v, s, EV_ARCHIVE_INDEX), s, &v->text, &why);

	v->check->segments++;
	v->check->bytes += (uint64_t)s->bytes;
	check_size(v, path_of(v, s, EV_ARCHIVE_INDEX), s->index_bytes);
	check_size(v, path_of(v, s, EV_ARCHIVE_DATA), s->bytes);
	if (!indexed && take_fault(v, &why, err))
		return -1;
	if (indexed && check_members(v, s, &damaged, err))
		return -1;
	/* behind a damaged member nothing is known but the CRCs */
	if (!damaged)
		return scan(v, s, indexed, err);
	if (!access(path_of(v, s, EV_ARCHIVE_DATA), F_OK))
		ev_verify_note(v, "'%s': every member was looked at by its CRC, and none of their records",
			       path_of(v, s, EV_ARCHIVE_DATA));
	return 0;
}

static int check_part(struct ev_archive_verify *v, struct ev_error *err)
{
	const struct ev_archive_part *p = v->part;
	uint64_t before = v->check->faults;

	v->check->partitions++;
	v->check->empty += (uint64_t)(p->next - p->first - p->records);
	v->last_hash = 0;
	for (size_t i = 0; i < p->nsegments; i++) {
		if (check_segment(v, &p->segments[i], err))
			return -1;
		if (v->check->stopped && v->check->stopped())
			return ev_fail(err, EV_SOURCE, "stopped while '%s' was checked",
				       v->check->dir);
	}
	if (p->records && v->check->faults == before && v->last_hash != p->last_hash)
		ev_verify_fault(v, "'%s/" EV_ARCHIVE_MANIFEST "': the hash of the last record of %s/%" PRId32
				" is wrong: it is %016" PRIx64, v->check->dir, v->topic->name,
				p->partition, v->last_hash);
	return 0;
}

static int check_all(struct ev_archive_verify *v, struct ev_error *err)
{
	const char *dir = v->check->dir;
	struct ev_error why;

	if (!access(dir, F_OK) && !ev_archive_is(dir) ? ev_archive_none(dir, &why) :
							ev_manifest_load(&v->manifest, dir, &why)) {
		v->check->blind = true;
		return take_fault(v, &why, err);
	}
	for (size_t i = 0; i < v->manifest.ntopics; i++) {
		v->topic = &v->manifest.topics[i];
		for (size_t k = 0; k < v->topic->nparts; k++) {
			v->part = &v->topic->parts[k];
			if (check_part(v, err))
				return -1;
		}
	}
	return ev_verify_files(v, err);
}

int ev_archive_verify(struct ev_archive_check *check, struct ev_error *err)
{
	struct ev_archive_verify v = { .check = check };
	int rc = check_all(&v, err);

	ev_manifest_release(&v.manifest);
	ev_index_release(&v.members);
	ev_buf_release(&v.path);
	ev_buf_release(&v.text);
	ev_buf_release(&v.found);
	return rc;
}
