/* verify_files.c - files in an archive that its manifest does not name; see verify.h */
#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "archive/fields.h"
#include "archive/verify_impl.h"
#include "base/mem.h"

enum { TRIES = 3 };

/* Called with each name of a folder but `.` and `..`, in order. -1 ends the walk. */
typedef int name_fn(struct ev_archive_verify *v, const char *name, struct ev_error *err);

static int visible(const struct dirent *e)
{
	return strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0;
}

static int walk(struct ev_archive_verify *v, const char *folder, name_fn *fn, struct ev_error *err)
{
	struct dirent **names = NULL;
	int n = scandir(folder, &names, visible, alphasort), rc = 0;

	if (n < 0 && errno == ENOENT)
		return 0; /* what should be in it was missed before */
	if (n < 0 && errno == ENOTDIR) {
		ev_verify_fault(v, "'%s' is no folder", folder);
		return 0;
	}
	if (n < 0)
		return ev_fail(err, EV_SOURCE, "cannot read folder '%s': %s", folder, strerror(errno));
	for (int i = 0; i < n; i++) {
		if (!rc)
			rc = fn(v, names[i]->d_name, err);
		free(names[i]);
	}
	free(names);
	return rc;
}

/* A segment's file: its offset, and whether it is data or index. */
static bool read_name(const char *name, int64_t *offset)
{
	int64_t n = 0;

	for (int i = 0; i < 20; i++) {
		if (name[i] < '0' || name[i] > '9' || __builtin_mul_overflow(n, 10, &n) ||
		    __builtin_add_overflow(n, name[i] - '0', &n))
			return false;
	}
	*offset = n;
	return strcmp(name + 20, EV_ARCHIVE_DATA) == 0 || strcmp(name + 20, EV_ARCHIVE_INDEX) == 0;
}

static int check_file(struct ev_archive_verify *v, const char *name, struct ev_error *err)
{
	const struct ev_archive_part *p = v->part;
	int64_t next = p->nsegments ? p->segments[p->nsegments - 1].next : p->first, offset = -1;
	bool ours = read_name(name, &offset);

	(void)err;
	for (size_t i = 0; ours && i < p->nsegments; i++)
		if (p->segments[i].offset == offset)
			return 0;
	if (ours && offset == next)
		ev_verify_note(v, "'%s/%s/%" PRId32 "/%s' was not flushed; the next writer removes it",
			       v->check->dir, v->topic->name, p->partition, name);
	else
		ev_verify_fault(v, "'%s/%s/%" PRId32 "/%s' is not of the archive: its manifest does not "
				"name it", v->check->dir, v->topic->name, p->partition, name);
	return 0;
}

static int check_partition(struct ev_archive_verify *v, const char *name, struct ev_error *err)
{
	struct ev_buf folder = EV_BUF_INIT;
	int32_t partition;
	int rc = 0;

	v->part = ev_fields_partition(name, &partition) ? ev_manifest_part(v->topic, partition) : NULL;
	ev_buf_addf(&folder, "%s/%s/%s", v->check->dir, v->topic->name, name);
	if (v->part)
		rc = walk(v, ev_buf_str(&folder), check_file, err);
	else
		ev_verify_fault(v, "'%s' is not of the archive: its manifest does not name it",
				ev_buf_str(&folder));
	ev_buf_release(&folder);
	return rc;
}

static int check_top(struct ev_archive_verify *v, const char *name, struct ev_error *err)
{
	struct ev_buf folder = EV_BUF_INIT;
	int rc = 0;

	if (strcmp(name, EV_ARCHIVE_MANIFEST) == 0 || strcmp(name, EV_ARCHIVE_LOCK) == 0 ||
	    strcmp(name, EV_ARCHIVE_MANIFEST ".tmp") == 0)
		return 0;
	v->topic = ev_manifest_topic(&v->manifest, ev_slice_str(name));
	ev_buf_addf(&folder, "%s/%s", v->check->dir, name);
	if (v->topic)
		rc = walk(v, ev_buf_str(&folder), check_partition, err);
	else
		ev_verify_fault(v, "'%s' is not of the archive: its manifest does not name it",
				ev_buf_str(&folder));
	ev_buf_release(&folder);
	return rc;
}

/* A writer may be at work: what the manifest does not name now it may name when it is read again. */
int ev_verify_files(struct ev_archive_verify *v, struct ev_error *err)
{
	uint64_t faults = v->check->faults;

	for (int i = 0; i < TRIES; i++) {
		v->quiet = i < TRIES - 1;
		v->check->faults = faults;
		if (ev_manifest_load(&v->manifest, v->check->dir, err) ||
		    walk(v, v->check->dir, check_top, err))
			return -1;
		if (v->quiet && v->check->faults == faults)
			i = TRIES - 2; /* once more, for the notes */
	}
	return 0;
}
