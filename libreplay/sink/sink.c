/* sink.c - what all sinks share; see sink.h */
#include "sink/sink.h"

void ev_sink_count(struct ev_sink *s, const struct ev_record *r)
{
	s->records++;
	s->bytes += r->key.len + r->value.len;
	for (size_t i = 0; i < r->nheaders; i++)
		s->bytes += r->headers[i].name.len + r->headers[i].value.len;
}
