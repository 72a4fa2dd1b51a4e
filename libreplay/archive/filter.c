/* filter.c - what the options that stand in a manifest's filter have done to the records; see archive.h */
#include "archive/archive.h"

/* Of one option, `--name value`, or of any other text: nobody shall take a part for the whole. */
static unsigned kind_of(struct ev_slice option)
{
	static const struct {
		const char *begin;
		unsigned kind;
	} known[] = {
		{ "--redact ", EV_ARCHIVE_CHANGED },
		{ "--hash ", EV_ARCHIVE_CHANGED },
		{ "--key-file ", EV_ARCHIVE_CHANGED },
		{ "--redact-other pass", 0 },
		{ "--timestamps ", EV_ARCHIVE_CHANGED | EV_ARCHIVE_RETIMED },
		{ "--envelope ", 0 },
		{ "-X isolation.level=read_uncommitted", EV_ARCHIVE_UNCOMMITTED },
	};

	for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++) {
		size_t n = strlen(known[i].begin);

		if (option.len >= n && !memcmp(option.ptr, known[i].begin, n))
			return known[i].kind;
	}
	return EV_ARCHIVE_PART;
}

static const char *next_option(const char *p)
{
	for (; *p; p++)
		if (!strncmp(p, " --", 3) || !strncmp(p, " -X ", 4))
			break;
	return p;
}

unsigned ev_manifest_kind(const struct ev_manifest *m)
{
	unsigned kind = 0;

	for (const char *p = m->filter; p && *p;) {
		const char *end = next_option(p);

		kind |= kind_of(ev_slice(p, (size_t)(end - p)));
		p = *end ? end + 1 : end;
	}
	return kind;
}

void ev_manifest_tell(const struct ev_manifest *m, struct ev_buf *out)
{
	unsigned kind = ev_manifest_kind(m);
	bool changed = kind & EV_ARCHIVE_CHANGED, uncommitted = kind & EV_ARCHIVE_UNCOMMITTED;

	if (kind & EV_ARCHIVE_PART)
		ev_buf_addf(out, "only part of the records%s", changed ? ", and those changed" : "");
	else if (changed)
		ev_buf_adds(out, "changed records");
	if (uncommitted)
		ev_buf_addf(out, "%srecords of aborted transactions", out->len ? ", and " : "also ");
	ev_buf_addf(out, " (%s)", m->filter);
}
