/* target.c - the sink that --into names */
#include "evreplay/replay.h"

#include <string.h>
#include <unistd.h>

int replay_open_target(struct replay *r, struct ev_error *err)
{
	const char *into = r->args->into;

	if (!into) {
		ev_fail(err, EV_USAGE, "a target is missing");
		return ev_hint(err, "--into names a topic, a folder for an archive (./x), or - for "
			       "record lines");
	}
	if (strcmp(into, "-") == 0) {
		r->sink = ev_lines_sink_open(STDOUT_FILENO, "standard output");
		return 0;
	}
	if (*into == '/' || *into == '.')
		return ev_fail(err, EV_USAGE, "cannot write archive '%s': not built yet", into);
	return ev_fail(err, EV_USAGE, "cannot write topic '%s': not built yet", into);
}
