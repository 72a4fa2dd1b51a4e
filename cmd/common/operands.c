/* operands.c - see operands.h */
#include "common/operands.h"

#include <string.h>
#include <unistd.h>

#include "apply/identity.h"

char *ev_operand_shift(struct ev_operands *rest)
{
	char *first = rest->n ? rest->v[0] : NULL;

	if (first)
		memmove(rest->v, rest->v + 1, --rest->n * sizeof(*rest->v));
	return first;
}

struct ev_projection *ev_operand_projection(struct ev_operands *rest, struct ev_error *err)
{
	const char *file = ev_operand_shift(rest);
	struct ev_projection *p;

	if (file) {
		p = ev_projection_load(file, err);
		if (!p && !strpbrk(file, "./") && access(file, F_OK) < 0) /* as it is called in the store */
			ev_hint(err, "the projection is given by its file, for example %s.sql", file);
		return p;
	}
	ev_fail(err, EV_USAGE, "which projection file?");
	ev_hint(err, "name it first, for example view.sql; evproject draft writes one from a source");
	return NULL;
}

int ev_no_operands(const struct ev_operands *rest, struct ev_error *err)
{
	if (rest->n)
		return ev_fail(err, EV_USAGE, "unexpected argument '%s'", rest->v[0]);
	return 0;
}

void ev_warn_unread(const struct ev_projection *p, const struct ev_source *src, struct ev_messages *msg)
{
	struct ev_buf text = EV_BUF_INIT;

	for (size_t i = 0; ev_identity_unread(p, src, &i, &text); ev_buf_clear(&text))
		ev_warn(msg, "%s", ev_buf_str(&text));
	ev_buf_release(&text);
}

int ev_use_topics(struct ev_source_args *src, const struct ev_projection *p, struct ev_error *err)
{
	/* also where no handler asks: they are in the last record's hash, in dead and held records */
	src->spec.need_headers = true;
	if (src->spec.ntopics || src->spec.nfiles || src->spec.archive)
		return 0;
	for (size_t i = 0; i < p->ntopics; i++)
		if (ev_source_spec_add(&src->spec, p->topics[i], err) < 0)
			return -1;
	return 0;
}
