/* evtail.c - print the records of a source between two positions */
#include "evtail/tail.h"

static const char *const formats[] = { "text", "json", NULL };

static void init(void *args)
{
	struct tail_args *a = args;

	ev_source_args_init(&a->src);
}

static void release(void *args)
{
	struct tail_args *a = args;

	ev_source_args_release(&a->src);
}

static const struct ev_option options[] = {
	EV_STRING('n', NULL, "N", struct tail_args, count, "the last N records (10); +N: from record N on"),
	EV_FLAG('f', "follow", struct tail_args, follow, "go on with new records as they come"),
	EV_STRING('o', "output", "FORMAT", struct tail_args, output,
		  "as json, pretty, value, key, or like '%T %k %v'"),
	EV_FLAG('0', "null", struct tail_args, nul, "end each record by NUL instead of LF"),
	EV_FLAG('c', "count", struct tail_args, counting, "count per topic and partition, by reading"),
	EV_FLAG(0, "summary", struct tail_args, summary, "a table per event type, records over time"),
	EV_FLAG(0, "paths", struct tail_args, paths, "with --summary: each JSON path and its types"),
	EV_FLAG('v', "verbose", struct tail_args, verbose, "say what was seen of each partition"),
	EV_GROUP("Range"),
	EV_RANGE_ROWS(struct tail_args, src),
	EV_BRIEF("Filters"),
	EV_FILTER_ROWS(struct tail_args, src),
	EV_ENVELOPE_ROW(struct tail_args, src),
	EV_BRIEF("More"),
	EV_ENUM(0, "format", "text|json", struct tail_args, format, formats,
		"how --summary and --count look"),
	EV_STRING(0, "position", "FILE", struct tail_args, position,
		  "save the position after the last record read"),
	EV_FLAG('q', "quiet", struct tail_args, quiet, "no progress, no closing report"),
	EV_BRIEF("Source"),
	EV_SOURCE_ROWS(struct tail_args, src),
	EV_END,
};

static const struct ev_command evtail = {
	.name = "evtail",
	.about = "print the records of a source (topics, files, -) between two positions",
	.synopsis = "[OPTION]... TOPIC[/PARTITIONS]...|FILE.ndjson[.gz]...|-",
	.options = options,
	.args_size = sizeof(struct tail_args),
	.init = init,
	.release = release,
	.run = tail_run,
};

int main(int argc, char **argv)
{
	return ev_command_main(&evtail, argc, argv);
}
