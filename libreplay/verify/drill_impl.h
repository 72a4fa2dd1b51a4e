/* drill_impl.h - what the files of the drill share; of drill*.c alone */
#ifndef EV_DRILL_IMPL_H
#define EV_DRILL_IMPL_H

#include "verify/drill.h"

/* The copies: `pristine` is the store as it was, `work` what is damaged. */
struct ev_drill_copy {
	struct ev_store_options opt;  /* to open `work` */
	const char *scratch;          /* PostgreSQL: the database; NULL: SQLite */
	char *dir;                    /* SQLite: the folder of both files */
	char *pristine, *work;        /* paths, or schemas */
	const char *url;              /* of `work` */
	struct ev_store *holder[2];   /* PostgreSQL: whose schemas these are */
	char **tables;                /* of the projection */
	size_t ntables;
	char **ledgers;               /* the ev_ tables that are there */
	size_t nledgers;
};

/* To be released, whatever is returned. */
int ev_drill_copy_take(struct ev_drill_copy *c, const struct ev_projection *p, const struct ev_verify_options *opt,
		       struct ev_error *err);
/* `work` anew: as `pristine`, or empty. */
int ev_drill_copy_renew(struct ev_drill_copy *c, bool empty, struct ev_error *err);
/* The ledger of `work` becomes that of `pristine`. */
int ev_drill_copy_ledger(struct ev_drill_copy *c, struct ev_store *work, struct ev_error *err);
/* Does a table of `work` differ from that of `pristine`? Told by the store itself. 1, 0, -1. */
int ev_drill_copy_differs(struct ev_drill_copy *c, struct ev_error *err);
void ev_drill_copy_release(struct ev_drill_copy *c);
struct ev_store *ev_drill_copy_open(struct ev_drill_copy *c, struct ev_error *err);

/* drill_sqlite.c, drill_pg.c: of drill_copy.c alone. */
int ev_drill_copy_tables(struct ev_drill_copy *c, struct ev_store *s, const char *projection, struct ev_error *err);
void ev_drill_copy_place(struct ev_buf *sql, const char *schema, const char *table);
int ev_drill_sqlite_take(struct ev_drill_copy *c, const struct ev_projection *p, const struct ev_verify_options *opt,
			 struct ev_error *err);
int ev_drill_sqlite_renew(struct ev_drill_copy *c, bool empty, struct ev_error *err);
void ev_drill_sqlite_release(struct ev_drill_copy *c);
int ev_drill_pg_take(struct ev_drill_copy *c, const struct ev_projection *p, const struct ev_verify_options *opt,
		     struct ev_error *err);
int ev_drill_pg_renew(struct ev_drill_copy *c, bool empty, struct ev_error *err);

/*
 * Do it to `work`: 1 and where it was done into `where`; 0 where this view has no place for it; -1.
 */
int ev_drill_sql(struct ev_drill_copy *c, const struct ev_projection *p, const struct ev_drill_kind *k,
		 struct ev_buf *where, struct ev_error *err);
int ev_drill_event(struct ev_drill_copy *c, const struct ev_projection *p, const struct ev_drill_kind *k,
		   struct ev_source *src, const struct ev_replay_hooks *hooks, struct ev_buf *where,
		   struct ev_error *err);

#endif
