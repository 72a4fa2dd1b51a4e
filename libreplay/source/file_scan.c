/* file_scan.c - what a file source can only tell by reading all of it */
#include "base/mem.h"
#include "source/file_impl.h"

/* Called with each record; not 0 stops the walk. */
typedef int walk_fn(void *arg, const struct ev_record *r);

/* Everything from the beginning, file by file. Returns -1, or 0, or what stopped it. */
static int walk(struct ev_file_source *fs, walk_fn *fn, void *arg, struct ev_error *err)
{
	struct ev_batch batch;
	enum ev_fetch rc;
	int stop = 0;

	if (ev_file_rewind(fs, err))
		return -1;
	fs->whole = true;
	for (size_t i = 0; i < fs->base.nlanes; i++) {
		while ((rc = ev_file_fetch(&fs->base, i, &batch, 1000, err)) != EV_FETCH_DONE) {
			if (rc == EV_FETCH_ERROR)
				return -1;
			if (fs->stopped && fs->stopped()) {
				if (rc == EV_FETCH_SOME)
					ev_file_release(&fs->base, &batch);
				return ev_fail(err, EV_SOURCE, "stopped while '%s' was looked through",
					       ev_input_name(fs->lanes[i].in));
			}
			for (size_t k = 0; k < batch.n && !stop && rc == EV_FETCH_SOME; k++)
				stop = fn(arg, &batch.records[k]);
			if (stop) {
				fs->held = batch.owner; /* the record stays valid */
				return stop;
			}
			if (rc == EV_FETCH_SOME)
				ev_file_release(&fs->base, &batch);
		}
	}
	return 0;
}

static int refuse_pipes(struct ev_file_source *fs, struct ev_error *err)
{
	for (size_t i = 0; i < fs->base.nlanes; i++) {
		if (ev_input_regular(fs->lanes[i].in))
			continue;
		ev_fail(err, EV_USAGE, "cannot look for the ends of '%s': a pipe is read only once",
			ev_input_name(fs->lanes[i].in));
		return ev_hint(err, "write it to a file first, and give that as the source");
	}
	return 0;
}

static int no_record(void *arg, const struct ev_record *r)
{
	(void)arg;
	(void)r;
	return 0;
}

int ev_file_scan(struct ev_source *s, struct ev_error *err)
{
	struct ev_file_source *fs = (struct ev_file_source *)s;

	if (refuse_pipes(fs, err) || walk(fs, no_record, NULL, err))
		return -1;
	for (size_t i = 0; i < s->nparts; i++)
		s->parts[i].high = s->parts[i].stable = fs->state[i].last + 1;
	return ev_file_rewind(fs, err);
}

struct time_walk {
	int64_t ms;
	int64_t *offsets;
	size_t n; /* partitions that the caller knows */
};

static int note_first(void *arg, const struct ev_record *r)
{
	struct time_walk *w = arg;

	if (r->part < w->n && w->offsets[r->part] < 0 && r->timestamp != EV_NO_TIMESTAMP &&
	    r->timestamp >= w->ms)
		w->offsets[r->part] = r->offset;
	return 0;
}

int ev_file_offsets_for_time(struct ev_source *s, int64_t ms, int64_t *offsets,
			     struct ev_error *err)
{
	struct ev_file_source *fs = (struct ev_file_source *)s;
	struct time_walk w = { ms, offsets, s->nparts };

	for (size_t i = 0; i < w.n; i++)
		offsets[i] = -1;
	if (refuse_pipes(fs, err) || walk(fs, note_first, &w, err))
		return -1;
	for (size_t i = 0; i < w.n; i++)
		if (offsets[i] < 0)
			offsets[i] = s->parts[i].high;
	return ev_file_rewind(fs, err);
}

struct at_walk {
	uint32_t part;
	int64_t offset;
	struct ev_record *rec;
};

static int take_record(void *arg, const struct ev_record *r)
{
	struct at_walk *w = arg;

	if (r->part != w->part || r->offset < w->offset)
		return 0;
	if (r->offset > w->offset)
		return 2; /* passed it */
	*w->rec = *r;
	return 1;
}

int ev_file_record_at(struct ev_source *s, uint32_t part, int64_t offset, struct ev_record *rec,
		      bool *found, struct ev_error *err)
{
	struct ev_file_source *fs = (struct ev_file_source *)s;
	struct at_walk w = { part, offset, rec };
	int rc;

	*found = false;
	for (size_t i = 0; i < s->nlanes; i++)
		if (!ev_input_regular(fs->lanes[i].in))
			return 0; /* a pipe cannot be asked */
	rc = walk(fs, take_record, &w, err);
	*found = rc == 1;
	return rc < 0 ? -1 : 0;
}
