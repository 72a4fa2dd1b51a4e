/*
 * writer_impl.h - what the writer's files share; internal
 *
 *   writer.c       records and positions
 *   writer_file.c  members into segments, segments into the manifest
 *   writer_open.c  open: the lock, what a crash has left; close
 */
#ifndef EV_WRITER_IMPL_H
#define EV_WRITER_IMPL_H

#include "archive/gzip.h"
#include "archive/writer.h"
#include "record/line.h"

struct ev_wpart {
	char *topic;
	size_t topic_len;
	int32_t partition, count; /* of the topic's partitions; 0 not known */

	int64_t next;   /* behind all that was put or passed */
	int64_t behind; /* behind the last record put: the next member's span begins at or below */
	struct ev_buf lines, empty; /* of the member that is gathered */
	struct ev_archive_member member;

	struct ev_archive_part done;   /* what is written; its segments are in the manifest only */
	struct ev_archive_segment seg; /* being written; bytes == 0: none */
	bool seg_listed;               /* the manifest has it, as of its last commit */
	struct ev_buf index;           /* its lines that are not written yet */
	int fd;                        /* of it; -1 closed, and synced then */
	bool folder, new_file;         /* the folder is there; a name in it is not synced yet */
	bool dirty;                    /* something of it is not in the manifest yet */
};

struct ev_archive_writer {
	char *dir;
	struct ev_archive_options opt;
	const struct ev_archive_sys *sys;
	int lock;
	struct ev_manifest manifest; /* as it stands in the file */
	bool stale;                  /* the file is not as the manifest here is */
	struct ev_gzip *gzip;
	struct ev_wpart *parts; /* by topic, partition */
	size_t nparts, parts_cap;
	size_t last, hand;      /* found last; whose file is closed next when too many are open */
	size_t nopen;
	size_t gathered;        /* bytes in all lines */
	struct ev_line_reader *reader;
	struct ev_buf path;     /* scratch */
	struct ev_error failed; /* stays */
};

/* EV_STORE "cannot VERB 'path': errno"; -1. */
int ev_writer_fail(struct ev_archive_writer *w, const char *verb, const char *path,
		   struct ev_error *err);

/* writer_file.c: is the segment that is being written large enough? */
bool ev_writer_is_full(const struct ev_archive_writer *w, const struct ev_wpart *p);
/* A packed member goes to the end of its partition. */
int ev_writer_write(struct ev_archive_writer *w, struct ev_gzip_job *job, struct ev_error *err);
/* All that is written, safe; then in the manifest (in memory). */
int ev_writer_sync(struct ev_archive_writer *w, struct ev_wpart *p, struct ev_error *err);
void ev_writer_commit(struct ev_archive_writer *w, struct ev_wpart *p);
int ev_writer_save(struct ev_archive_writer *w, struct ev_error *err);
void ev_writer_close_file(struct ev_archive_writer *w, struct ev_wpart *p);

#endif
