/* verify_files.c - files in an archive that its manifest does not name; see verify.h */
#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "archive/fields.h"
#include "archive/verify_impl.h"
#include "base/mem.h"

/* A name that the manifest does not know, by its folders; `file` and `partition` may be NULL. */
struct ev_stranger {
	char *topic, *partition, *file;
};

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

static void note_stranger(struct ev_archive_verify *v, const char *topic, const char *partition, const char *file)
{
	struct ev_stranger *s;

	EV_GROW(v->strangers, v->nstrangers, v->strangers_cap);
	s = &v->strangers[v->nstrangers++];
	*s = (struct ev_stranger){ ev_strdup(topic), ev_strdup(partition), ev_strdup(file) };
}

static bool is_named(const struct ev_archive_part *p, int64_t offset)
{
	for (size_t i = 0; i < p->nsegments; i++)
		if (p->segments[i].offset == offset)
			return true;
	return false;
}

static int check_file(struct ev_archive_verify *v, const char *name, struct ev_error *err)
{
	char partition[16];
	int64_t offset;

	(void)err;
	if (read_name(name, &offset) && is_named(v->part, offset))
		return 0;
	snprintf(partition, sizeof(partition), "%" PRId32, v->part->partition);
	note_stranger(v, v->topic->name, partition, name);
	return 0;
}

static const struct ev_archive_part *part_named(const struct ev_archive_topic *t, const char *name)
{
	int32_t partition;

	return ev_fields_partition(name, &partition) ? ev_manifest_part(t, partition) : NULL;
}

static int check_partition(struct ev_archive_verify *v, const char *name, struct ev_error *err)
{
	struct ev_buf folder = EV_BUF_INIT;
	int rc = 0;

	v->part = part_named(v->topic, name);
	ev_buf_addf(&folder, "%s/%s/%s", v->check->dir, v->topic->name, name);
	if (v->part)
		rc = walk(v, ev_buf_str(&folder), check_file, err);
	else
		note_stranger(v, v->topic->name, name, NULL);
	ev_buf_release(&folder);
	return rc;
}

static int check_top(struct ev_archive_verify *v, const char *name, struct ev_error *err)
{
	struct ev_buf folder = EV_BUF_INIT;
	int rc = 0;

	if (strcmp(name, EV_ARCHIVE_MANIFEST) == 0 || strcmp(name, EV_ARCHIVE_LOCK) == 0 ||
	    strcmp(name, EV_ARCHIVE_MANIFEST ".tmp") == 0 || strcmp(name, EV_ARCHIVE_MOUNT) == 0)
		return 0;
	v->topic = ev_manifest_topic(&v->manifest, ev_slice_str(name));
	ev_buf_addf(&folder, "%s/%s", v->check->dir, name);
	if (v->topic)
		rc = walk(v, ev_buf_str(&folder), check_partition, err);
	else
		note_stranger(v, name, NULL, NULL);
	ev_buf_release(&folder);
	return rc;
}

static void judge_file(struct ev_archive_verify *v, const struct ev_archive_part *p, const struct ev_stranger *s)
{
	int64_t next = p->nsegments ? p->segments[p->nsegments - 1].next : p->first, offset;
	bool ours = read_name(s->file, &offset);

	if (ours && is_named(p, offset))
		return;
	if (ours && offset == next)
		ev_verify_note(v, "'%s/%s/%s/%s' was not flushed; the next writer removes it", v->check->dir, s->topic,
			       s->partition, s->file);
	else
		ev_verify_fault(v, "'%s/%s/%s/%s' is not of the archive: its manifest does not name it", v->check->dir,
				s->topic, s->partition, s->file);
}

/* By the manifest as it is now. What it names in the meantime was not looked into: it came after the check. */
static void judge(struct ev_archive_verify *v, const struct ev_stranger *s)
{
	const struct ev_archive_topic *t = ev_manifest_topic(&v->manifest, ev_slice_str(s->topic));
	const struct ev_archive_part *p = t && s->partition ? part_named(t, s->partition) : NULL;

	if (p && s->file)
		judge_file(v, p, s);
	else if (!p && !(t && !s->partition))
		ev_verify_fault(v, "'%s/%s%s%s' is not of the archive: its manifest does not name it", v->check->dir,
				s->topic, s->partition ? "/" : "", s->partition ? s->partition : "");
}

/*
 * A writer may be at work. It names a partition before it makes the folder, and a segment before it begins
 * the next one: a manifest that is read after the names were seen knows all that are its own.
 */
int ev_verify_files(struct ev_archive_verify *v, struct ev_error *err)
{
	int rc = walk(v, v->check->dir, check_top, err);

	if (!rc && v->nstrangers)
		rc = ev_manifest_load(&v->manifest, v->check->dir, err);
	for (size_t i = 0; i < v->nstrangers; i++) {
		struct ev_stranger *s = &v->strangers[i];

		if (!rc)
			judge(v, s);
		free(s->topic);
		free(s->partition);
		free(s->file);
	}
	free(v->strangers);
	v->strangers = NULL;
	v->nstrangers = v->strangers_cap = 0;
	return rc;
}
