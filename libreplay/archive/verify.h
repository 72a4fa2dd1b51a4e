/*
 * verify.h - is an archive whole? Manifest, indexes, members, records and files, against each other
 *
 * Everything is read. A fault is told by file and byte, and the check goes on behind it where it can.
 * What a crash has left behind the end that the manifest knows is no fault, but noted. An archive
 * that is being written may be checked: what counts is the manifest as it is when the check begins.
 */
#ifndef EV_ARCHIVE_VERIFY_H
#define EV_ARCHIVE_VERIFY_H

#include "archive/archive.h"

struct ev_archive_check {
	const char *dir;
	void (*fault)(void *ctx, const char *text); /* each; may be NULL */
	void (*note)(void *ctx, const char *text);  /* likewise */
	void *ctx;
	bool (*stopped)(void); /* NULL: never */

	/* filled */
	uint64_t faults, partitions, segments, members, records, empty;
	uint64_t bytes, lines; /* packed; of record lines */
	bool blind;            /* the manifest could not be read, and so nothing else */
};

/*
 * 0 when all of it could be checked, whatever was found; -1 EV_USAGE of a folder that holds no
 * archive; EV_SOURCE where there is none, it cannot be read, or `stopped`: then the numbers say how far it came.
 */
int ev_archive_verify(struct ev_archive_check *check, struct ev_error *err);

#endif
