/* source_options.c - see source_options.h */
#include "common/source_options.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "event/time.h"

#define LEAST_MEMORY (64ull << 20)

const char *const ev_tombstone_words[] = { "yes", "only", "no", NULL };

void ev_source_args_init(struct ev_source_args *a)
{
	a->spec = (struct ev_source_spec)EV_SOURCE_SPEC_INIT;
	a->range = (struct ev_range_args)EV_RANGE_ARGS_INIT;
	a->timeout_ms = a->spec.timeout_ms;
	a->txn_wait_ms = a->spec.txn_wait_ms;
}

static void warn(void *ctx, const char *text)
{
	ev_warn(ctx, "%s", text);
}

void ev_source_args_notes(struct ev_source_args *a, struct ev_messages *msg)
{
	a->spec.note = warn;
	a->spec.note_ctx = msg;
}

void ev_source_args_release(struct ev_source_args *a)
{
	ev_source_spec_release(&a->spec);
	ev_point_release(&a->range.from);
	ev_point_release(&a->range.to);
}

/* The first number of a small file, 0 when there is none ("max"). */
static uint64_t file_number(const char *path)
{
	FILE *f = fopen(path, "re");
	char text[64] = "";
	uint64_t v = 0;

	if (!f)
		return 0;
	if (fgets(text, sizeof(text), f))
		v = strtoull(text, NULL, 10);
	fclose(f);
	return v;
}

/* The smallest limit of our cgroup and those above it (v2), or of the root (v1); 0 without one. */
static uint64_t cgroup_limit(void)
{
	uint64_t least = file_number("/sys/fs/cgroup/memory/memory.limit_in_bytes");
	FILE *f = fopen("/proc/self/cgroup", "re");
	char line[1024], path[1200];
	char *end, *group = NULL;

	while (f && fgets(line, sizeof(line), f)) {
		if (!strncmp(line, "0::", 3)) {
			line[strcspn(line, "\n")] = '\0';
			group = line + 3;
			break;
		}
	}
	if (f)
		fclose(f);
	while (group) {
		uint64_t v;

		snprintf(path, sizeof(path), "/sys/fs/cgroup%s/memory.max", group);
		v = file_number(path);
		if (v && (!least || v < least))
			least = v;
		end = strrchr(group, '/');
		if (!end)
			break;
		*end = '\0';
	}
	return least;
}

uint64_t ev_default_memory(void)
{
	uint64_t ram = (uint64_t)sysconf(_SC_PHYS_PAGES) * (uint64_t)sysconf(_SC_PAGESIZE);
	uint64_t limit = cgroup_limit();

	if (limit && limit < ram)
		ram = limit;
	return ram / 4 > LEAST_MEMORY ? ram / 4 : LEAST_MEMORY;
}

bool ev_source_args_ranged(const struct ev_source_args *a)
{
	return a->from || a->to || a->since || a->until;
}

static int option_context(struct ev_error *err, const char *option)
{
	err->class = EV_USAGE;
	return ev_context(err, "option '%s'", option);
}

static int parse_range(struct ev_source_args *a, int64_t now_ms, struct ev_error *err)
{
	struct ev_range_args *r = &a->range;

	if (a->from && a->since && !a->since_filters)
		return ev_fail(err, EV_USAGE, "options '--from' and '--since' cannot be used together");
	if (a->to && a->until)
		return ev_fail(err, EV_USAGE, "options '--to' and '--until' cannot be used together");
	if (a->from && ev_point_parse(&r->from, a->from, now_ms, err))
		return option_context(err, "--from");
	if (a->to && ev_point_parse(&r->to, a->to, now_ms, err))
		return option_context(err, "--to");
	if (a->since && ev_time_parse(a->since, now_ms, &r->since, err))
		return option_context(err, "--since");
	if (a->until && ev_time_parse(a->until, now_ms, &r->until, err))
		return option_context(err, "--until");
	r->has_since = a->since != NULL;
	r->has_until = a->until != NULL;
	if (r->has_since && r->has_until && r->since > r->until)
		return ev_fail(err, EV_USAGE, "--since '%s' is later than --until '%s'", a->since,
			       a->until);
	return 0;
}

static int fill_spec(struct ev_source_args *a, struct ev_error *err)
{
	struct ev_source_spec *spec = &a->spec;
	const char *broker = a->broker ? a->broker : getenv("EV_BROKERS");

	spec->timeout_ms = (int)a->timeout_ms;
	spec->txn_wait_ms = (int)a->txn_wait_ms;
	spec->stopped = ev_stopped;
	if (broker && *broker)
		spec->brokers = ev_strdup(broker);
	spec->properties_file = ev_strdup(a->properties_file);
	spec->properties = ev_alloc((a->properties.n + 1) * sizeof(char *));
	for (size_t i = 0; i < a->properties.n; i++) {
		if (!strchr(a->properties.v[i], '='))
			return ev_fail(err, EV_USAGE, "option '--property' takes NAME=VALUE, not '%s'",
				       a->properties.v[i]);
		spec->properties[spec->nproperties++] = ev_strdup(a->properties.v[i]);
	}
	if (!a->memory)
		a->memory = ev_default_memory();
	spec->memory = a->memory;
	return 0;
}

int ev_source_args_finish(struct ev_source_args *a, const struct ev_operands *rest, int64_t now_ms,
			  struct ev_error *err)
{
	if (parse_range(a, now_ms, err) || fill_spec(a, err))
		return -1;
	a->spec.lines_topic = ev_strdup(a->lines);
	for (size_t i = 0; i < rest->n; i++) {
		if (ev_source_spec_add(&a->spec, rest->v[i], err))
			return -1;
	}
	a->spec.archive_map = ev_strdup(a->archive_map);
	if (a->archive_map && !(a->spec.archive && a->spec.ntopics))
		return ev_fail(err, EV_USAGE, "option '--archive-map' is for an archive and the topic that it "
			       "was restored into");
	if (a->lines && a->spec.archive)
		return ev_fail(err, EV_USAGE, "option '--lines' reads files, and '%s' is an archive",
			       a->spec.archive);
	if (a->lines && a->spec.ntopics)
		return ev_fail(err, EV_USAGE, "option '--lines' reads files, and '%s' is a topic",
			       a->spec.topics[0].topic);
	return 0;
}
