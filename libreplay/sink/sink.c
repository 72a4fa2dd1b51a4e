/* sink.c - what all sinks share; see sink.h */
#include "sink/sink.h"

void ev_sink_count(struct ev_sink *s, const struct ev_record *r)
{
	s->records++;
	s->bytes += ev_record_bytes(r);
}
