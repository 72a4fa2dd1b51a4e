/* time_fuzz.c - times of events and of persons, and durations */
#include <stdlib.h>

#include "base/mem.h"
#include "event/time.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What is read must print as a time that reads the same. */
static void check(int64_t ms)
{
	char text[EV_TIME_TEXT];
	const char *why;
	int64_t back;

	ev_time_format(ms, text);
	if (ev_time_iso(ev_slice_str(text), &back, &why) || back != ms)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	/* a value as the extractor gives it has whole escapes; so strings without any here */
	struct ev_value v = { EV_JSON_STRING, false, { (const char *)data, size } };
	struct ev_error err = EV_ERROR_INIT;
	const char *why = NULL;
	char *text = ev_strndup((const char *)data, size);
	int64_t ms;

	if (!ev_time_of_value(&v, &ms, &why))
		check(ms);
	else if (!why)
		abort();
	if (!ev_time_parse(text, 1732190400123, &ms, &err))
		check(ms);
	if (!ev_duration_parse(text, &ms, &err) && ms <= 0)
		abort();
	free(text);
	return 0;
}
