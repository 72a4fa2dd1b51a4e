/* evreplay - copy the records of a source to another topic, an archive or a pipe (evreplay(1)) */
#include "evreplay/replay.h"

static void init(void *args)
{
	struct replay_args *a = args;

	ev_source_args_init(&a->src);
}

static void release(void *args)
{
	struct replay_args *a = args;

	ev_source_args_release(&a->src);
}

static const struct ev_option options[] = {
	EV_STRING('t', "into", "TARGET", struct replay_args, into,
		  "a topic, a folder for an archive, or - for record lines"),
	EV_FLAG('f', "follow", struct replay_args, follow, "go on with new records as they come"),
	EV_STRING(0, "position", "FILE", struct replay_args, position,
		  "save the position up to which all is safe in the target"),
	EV_FLAG('q', "quiet", struct replay_args, quiet, "no progress, no closing report"),
	EV_FLAG('v', "verbose", struct replay_args, verbose, "say what was copied of each partition"),
	EV_GROUP("Range"),
	EV_RANGE_ROWS(struct replay_args, src),
	EV_BRIEF("Filters"),
	EV_FILTER_ROWS(struct replay_args, src),
	EV_ENVELOPE_ROW(struct replay_args, src),
	EV_BRIEF("Source"),
	EV_SOURCE_ROWS(struct replay_args, src),
	EV_END,
};

static const struct ev_command evreplay = {
	.name = "evreplay",
	.about = "copy the records of a source to another topic, an archive or a pipe",
	.synopsis = "[OPTION]... SOURCE... --into TARGET",
	.options = options,
	.args_size = sizeof(struct replay_args),
	.init = init,
	.release = release,
	.run = replay_run,
};

int main(int argc, char **argv)
{
	return ev_command_main(&evreplay, argc, argv);
}
