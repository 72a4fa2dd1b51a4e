/*
 * receipt.h - a file that says what was proven: of which view, at which position, by which digests
 *
 * JSON, written when a verdict is "consistent" and never else, in one piece (base/file.h):
 *
 *   {"format":"evtools receipt","version":1,
 *    "written_by", "started", "ended",                      who and when
 *    "store", "schema", "dialect",                          where; schema null but on PostgreSQL
 *    "projection", "projection_version", "fingerprint", "generation",
 *    "partitions":[{"topic","partition","begin","next","last_offset","last_hash"}],   the position
 *    "algorithm", "seed", "portable",                       of the digests (digest.h)
 *    "tables":[{"table","rows","digest","columns":["order_id text"],"key":1,"ignored":["note"]}],
 *    "ledger":{"rows","digest"},                            the partitions: counts and last records
 *    "letters":{"rows","digest"},                           the dead letters
 *    "ids":{"rows","digest"},                               that @dedupe has seen (ids.h); null without
 *    "independent", "sample",                               how the rows were looked at
 *    "modes":[{"mode","unit","checked","coverage":[{"of","what","total","terms":{}}]}],
 *    "base":null,                                           or the digest of the receipt that it rests on
 *    "digest"}                                              of all bytes before it
 *
 * Digests are keyed: with the seed whoever has the rows makes the same ones again. The digest at the end is no
 * signature: it finds what was cut off, damaged or edited, not who computes it anew.
 */
#ifndef EV_RECEIPT_H
#define EV_RECEIPT_H

#include "position/position.h"
#include "verify/digest.h"
#include "verify/verdict.h"

#define EV_RECEIPT_VERSION 1
#define EV_RECEIPT_MAX (64u << 20) /* bytes of a file */
#define EV_RECEIPT_HEX 33          /* of 128 bits, with the NUL */

struct ev_receipt_part {
	char *topic;
	int32_t partition;
	int64_t begin, next;
	int64_t last_offset; /* -1: none, and then there is no hash */
	uint64_t last_hash;
};

struct ev_receipt_table {
	char *table;
	int64_t rows;
	char digest[EV_RECEIPT_HEX];
	char **columns; /* "name type", those of the key first */
	size_t ncolumns, nkeys;
	char **ignored; /* names */
	size_t nignored;
};

struct ev_receipt_line { /* an equation of the coverage: total = sum of the terms */
	char *of, *what;
	int64_t total;
	struct ev_receipt_term {
		char *name;
		int64_t n;
	} *terms;
	size_t nterms;
};

struct ev_receipt_mode {
	char *name, *unit;
	int64_t checked;
	struct ev_receipt_line *lines;
	size_t nlines;
};

struct ev_receipt {
	char *written_by;
	int64_t started, ended; /* ms */
	char *store, *schema, *dialect;
	char *projection, *fingerprint;
	int64_t version, generation;
	struct ev_receipt_part *parts;
	size_t nparts;
	char seed[EV_DIGEST_SEED_TEXT];
	bool portable; /* rows were read as a fold in memory has them (table.h) */
	struct ev_receipt_table *tables;
	size_t ntables;
	int64_t ledger;
	char ledger_digest[EV_RECEIPT_HEX]; /* "": written before evtools knew how */
	int64_t letters;
	char letters_digest[EV_RECEIPT_HEX]; /* "": not looked at */
	int64_t ids;
	char ids_digest[EV_RECEIPT_HEX]; /* "": none, or not looked at, as before evtools knew how */
	bool independent;
	double sample; /* of the keys: (0, 1] */
	struct ev_receipt_mode *modes;
	size_t nmodes;
	char base[EV_RECEIPT_HEX];   /* "": none */
	char digest[EV_RECEIPT_HEX]; /* of itself; set by print and read */
};

void ev_receipt_release(struct ev_receipt *r);

/* The modes and the times of a verdict; what is of the view is there already (ev_verify). */
void ev_receipt_add_verdict(struct ev_receipt *r, const struct ev_verdict *v);

void ev_receipt_print(struct ev_receipt *r, struct ev_buf *out);
/* EV_STORE. */
int ev_receipt_save(struct ev_receipt *r, const char *file, struct ev_error *err);

/*
 * EV_DATA: it is none of ours, of a version that this program does not know, cut short, damaged or edited, or
 * its numbers do not add up. Load: EV_USAGE too, where the file cannot be read.
 */
int ev_receipt_read(struct ev_receipt *r, struct ev_slice text, struct ev_error *err);
int ev_receipt_load(struct ev_receipt *r, const char *file, struct ev_error *err);

struct ev_ledger; /* store/ledger.h */

struct ev_receipt_view {
	const struct ev_projection *p;
	const struct ev_ledger *ledger; /* where it stands now */
	struct ev_store *store;         /* where it lies */
};

/*
 * Is it of this view, as it was at this position or before? EV_DATA says why not: another projection or fingerprint,
 * another generation, another kind of store, a position that the view has not reached or that is of
 * another log; with `same_place` also another store or schema.
 */
int ev_receipt_fits(const struct ev_receipt *r, const struct ev_receipt_view *v, bool same_place,
		    struct ev_error *err);
/* Does the view stand just there? */
bool ev_receipt_is_at(const struct ev_receipt *r, const struct ev_ledger *l);
/*
 * Are rows, the ledger's counts, dead letters and ids seen in the store, which stands still, those that the receipt is
 * of? EV_DATA says which table is not, or has other columns.
 */
int ev_receipt_holds(const struct ev_receipt *r, const struct ev_projection *p, struct ev_store *s,
		     struct ev_error *err);
/* The schema that a store's tables are in, NULL but on PostgreSQL; the caller's. */
int ev_receipt_schema(struct ev_store *s, char **schema, struct ev_error *err);

/* Did it look at all there is: every row and column, and every offset? If not, EV_DATA. */
int ev_receipt_whole(const struct ev_receipt *r, struct ev_error *err);

#endif
