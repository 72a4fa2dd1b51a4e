/*
 * ids.h - the ids that @dedupe has seen (store/seen.h): at a position they are a function of the log, as the rows are
 *
 * Compared are those that can still make a record a duplicate. What lies behind the watermark is swept at times that
 * differ from run to run, and no answer depends on it. The watermark itself is compared, too.
 */
#ifndef EV_VERIFY_IDS_H
#define EV_VERIFY_IDS_H

#include "verify/digest.h"

struct ev_ids {
	struct ev_digest sum;      /* of the rows, in which the watermark has a part */
	struct ev_digest *buckets; /* EV_DIGEST_BUCKETS, by the hash of scope and id */
	int64_t watermark;
};
void ev_ids_release(struct ev_ids *ids);

/* Of a store that stands still. To be released, whatever is returned. */
int ev_ids_digest(const struct ev_digest_key *key, const struct ev_projection *p, struct ev_store *s, int64_t watermark,
		  struct ev_ids *out, struct ev_error *err);

struct ev_verifying; /* internal.h */
struct ev_mode;

/* In the snapshot; and after the fold, while the reference stands where the snapshot does. */
int ev_ids_read(struct ev_verifying *w, struct ev_store *s, struct ev_error *err);
int ev_ids_judge(struct ev_verifying *w, struct ev_mode *m, struct ev_error *err);

/*
 * ids_tell.c: which ids of the buckets that differ from `log`, the reference's. The store is read once more, as it is
 * by now, without what came since.
 */
int ev_ids_tell(struct ev_verifying *w, const struct ev_ids *log, struct ev_mode *m, struct ev_error *err);

/* One row of ev_seen that counts. */
struct ev_seen_row {
	struct ev_slice key, rest; /* encoded: scope and id; first_ms, topic, partition and offset; borrowed */
	const struct ev_cell *cells; /* all six, in this order */
	struct ev_hash128 hash;
	size_t bucket;
};
typedef int (*ev_ids_fn)(void *ctx, const struct ev_seen_row *row, struct ev_error *err);
int ev_ids_scan(const struct ev_digest_key *key, const struct ev_projection *p, struct ev_store *s, int64_t watermark,
		ev_ids_fn fn, void *ctx, struct ev_error *err);

#endif
