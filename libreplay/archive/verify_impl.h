/* verify_impl.h - what verify.c and verify_files.c share; internal */
#ifndef EV_VERIFY_IMPL_H
#define EV_VERIFY_IMPL_H

#include <stdio.h>
#include <unistd.h>

#include "archive/verify.h"
#include "record/record.h"

struct ev_archive_verify {
	struct ev_archive_check *check;
	struct ev_manifest manifest;
	const struct ev_archive_topic *topic; /* being checked */
	const struct ev_archive_part *part;
	struct ev_archive_index members;
	uint64_t last_hash;
	struct ev_stranger *strangers; /* verify_files.c */
	size_t nstrangers, strangers_cap;
	struct ev_buf path, text, found; /* scratch; an index; what it should be */
};

void ev_verify_fault(struct ev_archive_verify *v, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
void ev_verify_note(struct ev_archive_verify *v, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/* Files and folders that are not of the archive. */
int ev_verify_files(struct ev_archive_verify *v, struct ev_error *err);

#endif
