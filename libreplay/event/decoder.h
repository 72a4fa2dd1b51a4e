/*
 * decoder.h - from a record's bytes to a JSON document; one file per format
 *
 * A decoder gives the JSON text of a value; paths are extracted from that (json.h). For JSON
 * values it is the value itself, borrowed. Binary formats (Avro, Protobuf) write into the
 * decoder's own buffer, valid until its next call.
 */
#ifndef EV_DECODER_H
#define EV_DECODER_H

#include "base/error.h"
#include "record/record.h"

struct ev_decoder;

struct ev_decoder_ops {
	const char *name;
	/* 0 and *json; -1 EV_DATA when the value is not of this format (a poison record). */
	int (*decode)(struct ev_decoder *d, const struct ev_record *r, struct ev_slice *json,
		      struct ev_error *err);
	void (*free)(struct ev_decoder *d);
};

struct ev_decoder {
	const struct ev_decoder_ops *ops;
};

struct ev_decoder *ev_decoder_json(void); /* never NULL; ops->free it */

#endif
