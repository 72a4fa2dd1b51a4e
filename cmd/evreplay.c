/* evreplay.c - copy the records of a source to another topic, an archive or a pipe (evreplay(1)) */
#include "evreplay/redrive.h"

static void init(void *args)
{
	struct replay_args *a = args;

	ev_source_args_init(&a->src);
	a->src.since_filters = true;
	a->txn_records = REPLAY_TXN_RECORDS;
	a->txn_ms = REPLAY_TXN_MS;
	a->level = REPLAY_LEVEL;
	a->threads = -1;
}

static void release(void *args)
{
	struct replay_args *a = args;

	ev_source_args_release(&a->src);
}

static const char *const timestamp_words[] = { "keep", "now", "shift", NULL };

static const struct ev_option options[] = {
	EV_STRING('t', "into", "TARGET", struct replay_args, into,
		  "a topic, a folder (./x) for an archive, - for lines"),
	EV_STRING(0, "into-broker", "HOST:PORT", struct replay_args, into_broker,
		  "brokers of the target, where they are others"),
	EV_STRING(0, "into-config", "FILE", struct replay_args, into_config,
		  "file of librdkafka properties of the target"),
	EV_STRING_WORDS(0, "partition", "HOW", struct replay_args, partition, replay_partition_words,
		  "by key (default), keep, librdkafka, or 0=3,1=4"),
	EV_LIST(0, "map", "PATTERN=NAME", struct replay_args, maps,
		"other names of topics: 'eu.*=test.\\1'; repeatable"),
	EV_FLAG(0, "create", struct replay_args, create,
		"make missing topics, with the source's settings"),
	EV_FLAG('n', "dry-run", struct replay_args, dry_run,
		"read all, write nothing: the plan and its conflicts"),
	EV_LIST_WORDS(0, "allow", "CONFLICT", struct replay_args, allow, replay_allow_words,
		"write in spite of it (retention, ...); repeatable"),
	EV_FLAG(0, "lossy", struct replay_args, lossy, "write what cannot be produced as it is, changed"),
	EV_FLAG('f', "follow", struct replay_args, follow, "go on with new records as they come"),
	EV_STRING(0, "position", "FILE", struct replay_args, position,
		  "save the position up to which all is in the target"),
	EV_STRING(0, "offset-map", "FILE", struct replay_args, offset_map,
		  "write which offset of the target each record has"),
	EV_STRING(0, "metrics", "FILE", struct replay_args, metrics, "write a Prometheus textfile"),
	EV_FLAG('q', "quiet", struct replay_args, quiet, "no progress, no closing report"),
	EV_FLAG('v', "verbose", struct replay_args, verbose, "say what was copied of each partition"),
	EV_BRIEF("Archive"),
	EV_FLAG(0, "append", struct replay_args, append, "go on where the archive ends"),
	EV_INT(0, "level", "N", struct replay_args, level, 1, 9, "of gzip (1)"),
	EV_INT(0, "threads", "N", struct replay_args, threads, 0, 64, "that pack (one a core, to 16)"),
	EV_FLAG(0, "verify", struct replay_args, verify, "read archives and say whether they are whole"),
	EV_BRIEF("Exactly once"),
	EV_FLAG(0, "exactly-once", struct replay_args, exactly_once,
		"each record once for readers of committed records, whatever is killed"),
	EV_STRING(0, "job", "NAME", struct replay_args, job, "the name under which its position is stored"),
	EV_FLAG(0, "new-job", struct replay_args, new_job, "forget what is stored, and begin anew"),
	EV_FLAG(0, "accept-gap", struct replay_args, accept_gap,
		"go on though a file begins behind where the job stands"),
	EV_STRING(0, "group", "NAME", struct replay_args, group,
		  "with each transaction commit the position to this consumer group, too"),
	EV_INT(0, "txn-records", "N", struct replay_args, txn_records, 1, 10000000,
	       "records in a transaction (1000000)"),
	EV_DURATION(0, "txn-time", "TIME", struct replay_args, txn_ms, "how long one may last (1s; 30s at most)"),
	EV_BRIEF("Pace and changes"),
	EV_STRING(0, "rate", "RATE", struct replay_args, rate, "no faster: 5000/s, 300/m, 10MB/s"),
	EV_STRING(0, "speed", "SPEED", struct replay_args, speed,
		  "at the original pace (1x), or 10x, 0.5x"),
	EV_DURATION(0, "max-idle", "TIME", struct replay_args, max_idle_ms,
		    "with --speed: no silence lasts longer"),
	EV_STRING(0, "start-at", "TIME", struct replay_args, start_at, "begin to write at that time"),
	EV_ENUM(0, "timestamps", "keep|now|shift", struct replay_args, timestamps, timestamp_words,
		"as they are, the time of writing, or moved so that the first is now"),
	EV_LIST(0, "redact", "PATH", struct replay_args, redacts,
		"blank this part of JSON values: '$.data.email'; repeatable"),
	EV_LIST(0, "hash", "PATH", struct replay_args, hashes, "put a keyed hash in its place; repeatable"),
	EV_STRING(0, "key-file", "FILE", struct replay_args, key_file, "the key of --hash"),
	EV_ENUM(0, "redact-other", "refuse|drop|pass", struct replay_args, redact_other, replay_other_words,
		"what to do with values that are no JSON"),
	EV_BRIEF("Range"),
	EV_RANGE_ROWS(struct replay_args, src),
	EV_BRIEF("Filters"),
	EV_FILTER_ROWS(struct replay_args, src),
	EV_ENVELOPE_ROW(struct replay_args, src),
	EV_BRIEF("Source"),
	EV_SOURCE_ROWS(struct replay_args, src),
	EV_END,
};

static const struct ev_command *const subs[] = { &redrive_command, &offsets_command, NULL };

static const struct ev_command evreplay = {
	.name = "evreplay",
	.about = "copy the records of a source to another topic, an archive or a pipe",
	.synopsis = "[OPTION]... SOURCE... --into TARGET | --verify ARCHIVE...",
	.options = options,
	.args_size = sizeof(struct replay_args),
	.init = init,
	.release = release,
	.run = replay_run,
	.subs = subs,
};

int main(int argc, char **argv)
{
	return ev_command_main(&evreplay, argc, argv);
}
