/* fields.c - see fields.h */
#include "archive/fields.h"

#include <inttypes.h>

#include "base/mem.h"
#include "event/time.h"
#include "record/record.h"

int ev_fields_count(json_t *o, const char *name, int64_t *out, struct ev_error *err)
{
	json_t *v = json_object_get(o, name);

	if (!json_is_integer(v) || json_integer_value(v) < 0 || json_integer_value(v) == INT64_MAX)
		return ev_fail(err, EV_DATA, "\"%s\" is no number from 0", name);
	*out = json_integer_value(v);
	return 0;
}

bool ev_fields_hex(const char *text, int digits, uint64_t *out)
{
	uint64_t v = 0;

	for (int i = 0; i < digits; i++) {
		char c = text[i];

		if (c >= '0' && c <= '9')
			v = v << 4 | (uint64_t)(c - '0');
		else if (c >= 'a' && c <= 'f')
			v = v << 4 | (uint64_t)(c - 'a' + 10);
		else
			return false; /* the end of the text too */
	}
	*out = v;
	return true;
}

int ev_fields_crc(json_t *o, const char *name, uint32_t *out, struct ev_error *err)
{
	json_t *v = json_object_get(o, name);
	uint64_t crc;

	if (!json_is_string(v) || json_string_length(v) != 8 ||
	    !ev_fields_hex(json_string_value(v), 8, &crc))
		return ev_fail(err, EV_DATA, "\"%s\" is no CRC", name);
	*out = (uint32_t)crc;
	return 0;
}

int ev_fields_text(json_t *o, const char *name, char **out, struct ev_error *err)
{
	json_t *v = json_object_get(o, name);

	if (!json_is_string(v) && !json_is_null(v))
		return ev_fail(err, EV_DATA, "\"%s\" is neither text nor null", name);
	*out = ev_strdup(json_string_value(v));
	return 0;
}

int ev_fields_time(json_t *o, const char *name, int64_t *ms, struct ev_error *err)
{
	json_t *v = json_object_get(o, name);
	const char *why;

	if (!json_is_string(v) || ev_time_iso(ev_slice_str(json_string_value(v)), ms, &why))
		return ev_fail(err, EV_DATA, "\"%s\" is no time", name);
	return 0;
}

int ev_fields_times(json_t *o, int64_t *oldest, int64_t *newest, struct ev_error *err)
{
	json_t *a = json_object_get(o, "oldest"), *b = json_object_get(o, "newest");

	*oldest = *newest = EV_NO_TIMESTAMP;
	if (json_is_null(a) && json_is_null(b))
		return 0;
	if (!json_is_integer(a) || !json_is_integer(b) ||
	    json_integer_value(a) == EV_NO_TIMESTAMP || json_integer_value(a) > json_integer_value(b))
		return ev_fail(err, EV_DATA, "\"oldest\" and \"newest\" are no span of time");
	*oldest = json_integer_value(a);
	*newest = json_integer_value(b);
	return 0;
}

void ev_fields_print_times(struct ev_buf *out, int64_t oldest, int64_t newest)
{
	if (oldest == EV_NO_TIMESTAMP)
		ev_buf_adds(out, ",\"oldest\":null,\"newest\":null");
	else
		ev_buf_addf(out, ",\"oldest\":%" PRId64 ",\"newest\":%" PRId64, oldest, newest);
}

bool ev_fields_partition(const char *text, int32_t *partition)
{
	int64_t v = 0;

	if (!*text || (*text == '0' && text[1]))
		return false;
	for (; *text; text++) {
		if (*text < '0' || *text > '9')
			return false;
		v = v * 10 + (*text - '0');
		if (v > INT32_MAX)
			return false;
	}
	*partition = (int32_t)v;
	return true;
}
