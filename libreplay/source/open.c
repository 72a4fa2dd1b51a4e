/* open.c - from a spec to the source that reads it; see spec.h */
#include "source/spec.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

struct ev_source *ev_source_open(const struct ev_source_spec *spec, struct ev_error *err)
{
	if (!spec->nfiles && !spec->ntopics && !spec->archive) {
		ev_fail(err, EV_USAGE, "no source given");
		ev_hint(err, "name a topic, a file or an archive (starts with '/' or '.'), or '-' for "
			     "stdin");
		return NULL;
	}
	if (spec->nfiles)
		return ev_file_open(spec, err);
	if (spec->lines_topic) {
		ev_fail(err, EV_USAGE, "--lines reads files and standard input, not topics");
		return NULL;
	}
	if (spec->archive)
		return spec->ntopics ? ev_join_open(spec, err) : ev_archive_open(spec, err);
	return ev_kafka_open(spec, err);
}

bool ev_source_kept(struct ev_source *s, uint32_t part, int64_t offset)
{
	int *possible;
	bool keeps;

	if (!s->ops->compaction || offset < s->parts[part].low)
		return false;
	possible = ev_alloc((s->nparts + 1) * sizeof(*possible));
	s->ops->compaction(s, possible);
	keeps = possible[part] == 0;
	free(possible);
	return keeps;
}

bool *ev_source_keeps(struct ev_source *s, const int64_t *offsets, const bool *found)
{
	size_t n = s->nparts; /* the table may grow */
	bool *keeps = ev_alloc((n + 1) * sizeof(*keeps)), any = false;
	struct ev_error ignored = EV_ERROR_INIT;
	int *possible;

	for (size_t i = 0; i < n; i++)
		any |= offsets[i] >= 0 && !found[i];
	if (!any || !s->ops->compaction || s->ops->refresh(s, &ignored))
		return keeps;
	possible = ev_alloc((s->nparts + 1) * sizeof(*possible));
	s->ops->compaction(s, possible);
	for (size_t i = 0; i < n; i++)
		keeps[i] = offsets[i] >= 0 && !found[i] && offsets[i] >= s->parts[i].low && possible[i] == 0;
	free(possible);
	return keeps;
}

const struct ev_partition *ev_source_partition(const struct ev_source *s, const char *topic, int32_t partition)
{
	for (size_t i = 0; i < s->nparts; i++)
		if (s->parts[i].partition == partition && strcmp(s->parts[i].topic, topic) == 0)
			return &s->parts[i];
	return NULL;
}

bool ev_source_has_topic(const struct ev_source *s, const char *topic)
{
	for (size_t i = 0; i < s->nparts; i++)
		if (strcmp(s->parts[i].topic, topic) == 0)
			return true;
	return false;
}

int ev_source_records_at(struct ev_source *s, const int64_t *offsets, ev_source_take *each, void *ctx,
			 struct ev_error *err)
{
	if (s->ops->records_at)
		return s->ops->records_at(s, offsets, each, ctx, err);
	for (uint32_t i = 0; i < s->nparts; i++) {
		struct ev_record rec;
		bool found;

		if (offsets[i] < 0)
			continue;
		if (s->ops->record_at(s, i, offsets[i], &rec, &found, err) || (found && each(ctx, &rec, err)))
			return -1;
	}
	return 0;
}

int ev_source_still(struct ev_source *s, bool must, struct ev_error *err)
{
	return s->ops->still ? s->ops->still(s, must, err) : 0;
}

int ev_source_still_at_stop(struct ev_source *s, struct ev_error *err)
{
	struct ev_error why = EV_ERROR_INIT;

	if (!ev_source_still(s, false, &why) || why.class != EV_DATA)
		return 0;
	*err = why;
	return -1;
}

void ev_source_release_table(struct ev_source *s)
{
	for (size_t i = 0; i < s->nparts; i++)
		free(s->parts[i].topic);
	free(s->parts);
	free(s->cluster_id);
}
