/* offset_map_fuzz.c - any bytes are an offset map or an error; what is read can be translated */
#include <stdlib.h>

#include "position/offset_map.h"

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
	struct ev_position group = EV_POSITION_INIT, out = EV_POSITION_INIT;
	struct ev_error err = EV_ERROR_INIT;
	struct ev_map *m = ev_map_read(ev_slice((const char *)data, size), "map", &err);
	int64_t again = 0;

	if (!m && err.class != EV_DATA)
		abort();
	if (m) {
		ev_map_sources(m, &group);
		ev_map_translate(m, &group, &out, &again);
		if (again < 0)
			abort();
	}
	ev_position_release(&group);
	ev_position_release(&out);
	ev_map_free(m);
	return 0;
}
