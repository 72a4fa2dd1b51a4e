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
	EV_STRING(0, "into-broker", "HOST:PORT", struct replay_args, into_broker,
		  "brokers of the target, where they are others"),
	EV_STRING(0, "into-config", "FILE", struct replay_args, into_config,
		  "file of librdkafka properties of the target"),
	EV_STRING(0, "partition", "HOW", struct replay_args, partition,
		  "key (default), keep, librdkafka, or pairs like 0=3,1=4"),
	EV_LIST(0, "map", "PATTERN=NAME", struct replay_args, maps,
		"topics by other names: 'orders.*=test.\\1'; repeatable"),
	EV_FLAG(0, "create", struct replay_args, create,
		"make topics that are not there, partitions and settings as the source's"),
	EV_FLAG(0, "lossy", struct replay_args, lossy, "leave out what cannot be produced as it is"),
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
