/* log_options.c - see log_options.h */
#include "evverify/log_options.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

const char *const ev_against_words[] = { "partition", "key", NULL };

bool ev_log_args_any(const struct ev_log_args *a)
{
	return a->log || a->against.n;
}

static int belongs(bool given, const char *option, bool mode, const char *to, struct ev_error *err)
{
	if (!given || mode)
		return 0;
	return ev_fail(err, EV_USAGE, "option '--%s' belongs to '--%s'", option, to);
}

int ev_log_args_check(const struct ev_log_args *a, const struct ev_source_args *src,
		      struct ev_error *err)
{
	bool against = a->against.n;

	if (belongs(a->sequence, "sequence", a->log, "log", err) ||
	    belongs(a->contiguous, "contiguous", a->log, "log", err) ||
	    belongs(a->strict_time, "strict-time", a->log, "log", err) ||
	    belongs(src->envelope, "envelope", a->log, "log", err) ||
	    belongs(a->by, "by", against, "against", err) ||
	    belongs(a->same_offsets, "same-offsets", against, "against", err) ||
	    belongs(a->against_broker, "against-broker", against, "against", err) ||
	    belongs(a->against_config, "against-config", against, "against", err))
		return -1;
	if (a->same_offsets && a->by)
		return ev_fail(err, EV_USAGE,
			       "options '--same-offsets' and '--by key' cannot be used together");
	return 0;
}

static int add_sequence(const char *path, struct ev_paths *paths, struct ev_log_mode *m,
			struct ev_error *err)
{
	m->sequence = path;
	if (!path)
		return 0;
	m->log.sequence = ev_paths_add(paths, path, strlen(path), err);
	return m->log.sequence < 0 ? ev_context(err, "option '--sequence'") : 0;
}

static int check_log(const struct ev_log_args *a, struct ev_source_args *args,
		     struct ev_source *src, struct ev_projection *p, struct ev_log_mode *m,
		     struct ev_verdict *v, struct ev_error *err)
{
	struct ev_paths *own = p ? NULL : ev_paths_new(), *paths = p ? p->paths : own;
	struct ev_envelope env = EV_ENVELOPE_INIT;
	struct ev_range_args range = args->range;
	int rc = 0;

	range.prefix = true; /* offsets are counted, so a time is an offset */
	if (p)
		env = p->envelope;
	if (!p || args->envelope)
		rc = ev_envelope_parse(&env, paths, args->envelope ? args->envelope : "default",
				       err);
	if (rc)
		ev_context(err, "option '--envelope'");
	if (!rc)
		rc = add_sequence(a->sequence, paths, m, err);
	m->must_have_ids = args->envelope || (p && p->envelope.path[EV_FIELD_ID] >= 0);
	m->log.paths = paths;
	m->log.envelope = &env;
	m->log.dedupe = p && p->dedupe;
	m->log.across = p && p->dedupe_across;
	m->log.partial = src->one_sequence && ev_source_args_ranged(args);
	if (!rc)
		rc = ev_log_mode(src, &args->spec, &range, m, v, err);
	ev_paths_free(own);
	return rc;
}

/*
 * The other source: its own words, and the first one's broker and properties unless others are
 * given.
 */
static int other_spec(const struct ev_log_args *a, const struct ev_source_args *args,
		      struct ev_source_spec *spec, struct ev_error *err)
{
	const struct ev_source_spec *from = &args->spec;

	spec->timeout_ms = from->timeout_ms;
	spec->txn_wait_ms = from->txn_wait_ms;
	spec->memory = from->memory / 2;
	spec->stopped = from->stopped;
	spec->need_headers = true;
	spec->brokers = ev_strdup(a->against_broker   ? a->against_broker
				  : a->against_config ? NULL
						      : from->brokers);
	spec->properties_file = ev_strdup(a->against_config ? a->against_config
							    : from->properties_file);
	spec->properties = ev_alloc((from->nproperties + 1) * sizeof(char *));
	for (size_t i = 0; !a->against_config && i < from->nproperties; i++)
		spec->properties[spec->nproperties++] = ev_strdup(from->properties[i]);
	for (size_t i = 0; i < a->against.n; i++)
		if (ev_source_spec_add(spec, a->against.v[i], err))
			return ev_context(err, "option '--against'");
	return 0;
}

static int check_against(const struct ev_log_args *a, struct ev_source_args *args,
			 struct ev_source *src, const struct ev_against_mode *m,
			 struct ev_verdict *v, struct ev_error *err)
{
	struct ev_source_spec spec = EV_SOURCE_SPEC_INIT;
	struct ev_source *other = NULL;
	int rc = other_spec(a, args, &spec, err);

	if (!rc && !(other = ev_source_open(&spec, err))) {
		rc = -1;
		if (err->class != EV_USAGE) {
			ev_mode_unproven(ev_verdict_mode(v, "against", "records"), err);
			rc = 0;
		}
	}
	if (other) {
		rc = ev_against_mode(src, other, &args->range, m, v, err);
		other->ops->close(other);
	}
	ev_source_spec_release(&spec);
	return rc;
}

int ev_log_args_run(const struct ev_log_args *a, struct ev_source_args *args, struct ev_source *src,
		    struct ev_projection *p, int64_t max_diffs, bool allow_empty,
		    const struct ev_read_hooks *hooks, struct ev_verdict *v, struct ev_error *err)
{
	struct ev_log_mode log = { .log = EV_LOG_OPTIONS_INIT,
				   .allow_empty = allow_empty,
				   .max_diffs = max_diffs,
				   .hooks = hooks };
	struct ev_against_mode against = { .allow_empty = allow_empty, .max_diffs = max_diffs };

	log.log.memory = args->spec.memory / 2;
	log.log.strict_time = a->strict_time;
	log.log.contiguous = a->contiguous;
	against.against = (struct ev_against_options){ .by_key = a->by,
						       .offsets = a->same_offsets,
						       .memory = args->spec.memory / 2,
						       .hooks = hooks };
	if (a->log && check_log(a, args, src, p, &log, v, err))
		return -1;
	return a->against.n ? check_against(a, args, src, &against, v, err) : 0;
}
