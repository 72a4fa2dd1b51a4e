/*
 * envelope.h - where the fields of an event are found in its JSON
 *
 * Mapping text: `id=$.event_id type=$.event_type time=$.produced_at`, separated by spaces or
 * commas, or one of the ready mappings `default` (event_id, event_type, produced_at, source,
 * version, correlation_id, causation_id) and `cloudevents` (JSON format of CloudEvents 1.0: id,
 * type, time, source; correlationid, causationid extensions; version from specversion is NOT taken,
 * dataschema is), which later name=path pairs override. Fields: id type time source version
 * correlation causation.
 */
#ifndef EV_ENVELOPE_H
#define EV_ENVELOPE_H

#include "json/json.h"
#include "record/record.h"

enum ev_field {
	EV_FIELD_ID,
	EV_FIELD_TYPE,
	EV_FIELD_TIME,
	EV_FIELD_SOURCE,
	EV_FIELD_VERSION,
	EV_FIELD_CORRELATION,
	EV_FIELD_CAUSATION,
	EV_FIELDS
};

extern const char *const ev_field_names[EV_FIELDS];

struct ev_envelope {
	int path[EV_FIELDS]; /* index into the ev_paths it was parsed with, -1 when not mapped */
};

#define EV_ENVELOPE_INIT { { -1, -1, -1, -1, -1, -1, -1 } }

/* Parse a mapping, adding its paths to `paths`. Later mappings of a field replace earlier ones. */
int ev_envelope_parse(struct ev_envelope *env, struct ev_paths *paths, const char *text,
		      struct ev_error *err);

/*
 * The event's time in ms: the mapped field, or the record's timestamp when time is not mapped.
 * Mapped but missing or no time, or no timestamp at all: -1 with a constant text.
 */
int ev_envelope_time(const struct ev_envelope *env, const struct ev_record *r,
		     const struct ev_value *values, int64_t *ms, const char **why);

/*
 * The event's type as text (STRING only, decoded into `scratch` where escaped); a null slice when
 * missing, null or not a string.
 */
struct ev_slice ev_envelope_type(const struct ev_envelope *env, const struct ev_value *values,
				 struct ev_buf *scratch);

#endif
