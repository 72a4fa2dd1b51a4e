/*
 * preview.h - what a rebuild would do, without doing any of it (rebuild --dry-run)
 *
 * The new version is made in a scratch store, the preflight is run against the live one, which is only
 * read, and a short sample of the log is applied to tell how fast it goes.
 */
#ifndef EV_PREVIEW_H
#define EV_PREVIEW_H

#include "rebuild/rebuild.h"

struct ev_preview_part {
	char *topic;
	int32_t partition;
	int64_t begin;   /* first offset that would be read */
	int64_t serving; /* where the old view stands; -1: it does not know the partition */
	int64_t end;     /* the first offset that would not be */
};

struct ev_preview {
	struct ev_plan plan;           /* of a rebuild that is under way; phase NONE: none */
	struct ev_ledger old;          /* exists = false: no view serves */
	bool serves;                   /* the file's version serves, so nothing would be done */
	bool kept;                     /* a version is kept, which the swap would drop */
	struct ev_preview_part *parts;
	size_t nparts;
	int64_t records;               /* offsets to pass, at most so many records */
	int64_t sample, sample_bytes, sample_ms; /* records, bytes of keys and values, time */
	int64_t dead, held, decided;   /* letters of the old view */
	bool keeps_dead;               /* poison records would be kept */
	struct ev_buf old_letters;     /* some of them with their reasons, a line each */
	int64_t new_dead;              /* poison in the sample that the old view has no letter of */
	struct ev_buf new_letters;
	struct ev_buf stops;           /* what of the sample's poison would end the rebuild; empty: nothing */
	struct ev_shadow_report report;
};

/*
 * `sh` is opened dry, on a store that may be read-only. Fails as a rebuild would whose file, version, log or old
 * tables will not do; of the hooks only `note` is called. `out` is released whatever is returned.
 */
int ev_rebuild_preview(struct ev_shadow *sh, const struct ev_projection *p, struct ev_source *src,
		       const struct ev_rebuild_options *opt, const struct ev_rebuild_hooks *hooks,
		       struct ev_preview *out, struct ev_error *err);
void ev_preview_release(struct ev_preview *v);

#endif
