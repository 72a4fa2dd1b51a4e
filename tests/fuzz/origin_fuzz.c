/* origin_fuzz.c - headers of any bytes name an origin that can be written to, or none */
#include <stdlib.h>

#include "record/line.h"
#include "sink/origin.h"

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
	struct ev_line_reader *lr = ev_line_reader_new();
	struct ev_error err = EV_ERROR_INIT;
	struct ev_origin o;
	struct ev_record r;

	if (ev_line_read(lr, ev_slice((const char *)data, size), &r, &err) == 0) {
		ev_origin_of(&r, &o);
		if ((o.kind != EV_ORIGIN_NONE) != (o.topic.ptr && ev_topic_valid(o.topic)))
			abort();
		if (o.partition < -1 || o.offset < -1 || o.tries < 0)
			abort();
	}
	ev_line_reader_free(lr);
	return 0;
}
