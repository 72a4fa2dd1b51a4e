/* options.c - the parser of the option tables; see options.h */
#include "common/options.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/suggest.h"
#include "event/time.h"

static const char *const log_formats[] = { "text", "json", NULL };
static const char *const dump_formats[] = { "man", "bash", "zsh", "fish", "json", NULL };

const struct ev_option ev_builtin_options[] = {
	EV_ENUM(0, "log-format", "text|json", struct ev_builtin_args, log_format, log_formats,
		"how messages on stderr look"),
	EV_FLAG('h', "help", struct ev_builtin_args, help, "show this help"),
	EV_FLAG(0, "version", struct ev_builtin_args, version, "show versions"),
	EV_END,
};

#define MIB ((int64_t)1 << 20)

struct parse {
	const struct ev_command *cmd;
	void *args;
	struct ev_builtin_args *builtin;
	char **argv;
	int argc, at; /* the next word */
	struct ev_error *err;
};

/* Strict decimal: an optional sign, digits to the end. */
bool ev_parse_i64(const char *text, int64_t *out)
{
	const char *p = text + (*text == '-' || *text == '+');
	char *end;
	long long v;

	if (!isdigit((unsigned char)*p))
		return false;
	errno = 0;
	v = strtoll(text, &end, 10);
	if (*end || errno)
		return false;
	*out = v;
	return true;
}

bool ev_parse_size(const char *text, uint64_t *out)
{
	static const char units[] = "KMGT";
	char *end;
	unsigned long long v;
	const char *u;
	int shift = 0;

	if (!isdigit((unsigned char)*text))
		return false;
	errno = 0;
	v = strtoull(text, &end, 10);
	if (errno)
		return false;
	if (*end && (u = strchr(units, toupper((unsigned char)*end)))) {
		shift = 10 * (int)(u - units + 1);
		end++;
		if (!strcmp(end, "iB"))
			end += 2;
	}
	if (*end || (v << shift) >> shift != v || v << shift > INT64_MAX)
		return false;
	*out = v << shift;
	return true;
}

/* 1, 1% and 0.5 %. */
static bool parse_percent(const char *text, bool above, double *out)
{
	char *end;
	double v;

	if (!isdigit((unsigned char)*text) && *text != '.')
		return false;
	v = strtod(text, &end);
	end += strspn(end, " ");
	end += *end == '%';
	if (end == text || *end || !(v <= 100) || (above && v <= 0))
		return false;
	*out = v;
	return true;
}

/* `--name`, or `-c` where there is no long name. */
static void option_label(const struct ev_option *o, char *out, size_t size)
{
	if (o->name)
		snprintf(out, size, "--%s", o->name);
	else
		snprintf(out, size, "-%c", o->key);
}

static void words_list(const char *const *words, struct ev_buf *out)
{
	for (size_t i = 0; words[i]; i++) {
		if (i)
			ev_buf_adds(out, words[i + 1] ? ", " : " or ");
		ev_buf_adds(out, words[i]);
	}
}

static int bad_value(const struct parse *p, const struct ev_option *o, const char *value)
{
	struct ev_buf want = EV_BUF_INIT;
	char label[64];

	option_label(o, label, sizeof(label));
	if (o->type == EV_OPT_ENUM)
		words_list(o->words, &want);
	else if (o->type == EV_OPT_SIZE)
		ev_buf_addf(&want, "a size of at least %" PRId64 "%s, like 512M",
			    o->min % MIB ? o->min : o->min / MIB, o->min % MIB ? " bytes" : "M");
	else if (o->type == EV_OPT_PERCENT)
		ev_buf_addf(&want, "a percentage %s 100", o->min ? "above 0 and up to" : "from 0 to");
	else if (o->max == INT64_MAX)
		ev_buf_addf(&want, "an integer of at least %" PRId64, o->min);
	else
		ev_buf_addf(&want, "an integer from %" PRId64 " to %" PRId64, o->min, o->max);
	ev_fail(p->err, EV_USAGE, "option '%s' takes %s, not '%s'", label, ev_buf_str(&want), value);
	ev_buf_release(&want);
	return -1;
}

static int set_enum(const struct parse *p, const struct ev_option *o, int *target, const char *value)
{
	for (int i = 0; o->words[i]; i++) {
		if (!strcmp(o->words[i], value)) {
			*target = i;
			return 0;
		}
	}
	return bad_value(p, o, value);
}

static int set_duration(const struct parse *p, const struct ev_option *o, int64_t *target,
			const char *value)
{
	char label[64];

	int rc = ev_duration_parse(value, target, p->err);

	option_label(o, label, sizeof(label));
	if (!rc && o->max && *target > o->max)
		return ev_fail(p->err, EV_USAGE, "option '%s' takes at most %d days", label,
			       (int)(o->max / 1000 / 86400));
	if (!rc)
		return 0;
	p->err->class = EV_USAGE;
	return ev_context(p->err, "option '%s'", label);
}

static void list_add(struct ev_list *list, const char *value)
{
	EV_GROW(list->v, list->n, list->cap);
	list->v[list->n++] = value;
}

/* Put `value` (NULL for flags) where the row says. `base` is the struct of its table. */
static int set_value(const struct parse *p, const struct ev_option *o, void *base, const char *value)
{
	void *target = (char *)base + o->offset;
	uint64_t size;
	int64_t n;

	switch (o->type) {
	case EV_OPT_FLAG:
		*(bool *)target = true;
		return 0;
	case EV_OPT_STRING:
		*(const char **)target = value;
		return 0;
	case EV_OPT_LIST:
		list_add(target, value);
		return 0;
	case EV_OPT_INT:
		if (!ev_parse_i64(value, &n) || n < o->min || n > o->max)
			return bad_value(p, o, value);
		*(int64_t *)target = n;
		return 0;
	case EV_OPT_SIZE:
		if (!ev_parse_size(value, &size) || size < (uint64_t)o->min || size > (uint64_t)o->max)
			return bad_value(p, o, value);
		*(uint64_t *)target = size;
		return 0;
	case EV_OPT_PERCENT:
		return parse_percent(value, o->min > 0, target) ? 0 : bad_value(p, o, value);
	case EV_OPT_DURATION:
		return set_duration(p, o, target, value);
	case EV_OPT_ENUM:
		return set_enum(p, o, target, value);
	default:
		return ev_fail(p->err, EV_BUG, "option table: a row that is no option");
	}
}

static bool is_option(const struct ev_option *o)
{
	return o->type != EV_OPT_GROUP && o->type != EV_OPT_BRIEF;
}

static const struct ev_option *find_in(const struct ev_option *table, const char *name, size_t len,
				       char key)
{
	for (const struct ev_option *o = table; o && o->type; o++) {
		if (!is_option(o))
			continue;
		if (name ? o->name && strlen(o->name) == len && !memcmp(o->name, name, len) :
			   o->key && o->key == key)
			return o;
	}
	return NULL;
}

/* The row of a name or key, in the command's table or among those that every command has. */
static const struct ev_option *find(const struct parse *p, const char *name, size_t len, char key,
				    void **base)
{
	const struct ev_option *o = find_in(p->cmd->options, name, len, key);

	*base = p->args;
	if (!o) {
		o = find_in(ev_builtin_options, name, len, key);
		*base = p->builtin;
	}
	return o;
}

/* "did you mean": all long names in one NULL-terminated list. */
static int unknown_long(const struct parse *p, const char *name, size_t len)
{
	const char **words = NULL;
	size_t n = 0, cap = 0;
	char *typed = ev_strndup(name, len);
	const struct ev_option *tables[] = { p->cmd->options, ev_builtin_options };
	const char *best;

	for (size_t t = 0; t < 2; t++) {
		for (const struct ev_option *o = tables[t]; o && o->type; o++) {
			if (is_option(o) && o->name) {
				EV_GROW(words, n, cap);
				words[n++] = o->name;
			}
		}
	}
	EV_GROW(words, n, cap);
	words[n] = NULL;
	best = ev_suggest(typed, words);
	if (best)
		ev_fail(p->err, EV_USAGE, "unknown option '--%s' (did you mean '--%s'?)", typed, best);
	else
		ev_fail(p->err, EV_USAGE, "unknown option '--%s'", typed);
	free(words);
	free(typed);
	return -1;
}

static int dump_option(struct parse *p, const char *value)
{
	const struct ev_option row = { .type = EV_OPT_ENUM, .name = "dump-options", .words = dump_formats };
	int format = 0;

	if (!value)
		return ev_fail(p->err, EV_USAGE, "option '--dump-options' needs a value");
	if (set_enum(p, &row, &format, value))
		return -1;
	p->builtin->dump = format + 1;
	return 0;
}

static int parse_long(struct parse *p, const char *word)
{
	const char *eq = strchr(word, '=');
	size_t len = eq ? (size_t)(eq - word) : strlen(word);
	const char *value = eq ? eq + 1 : NULL;
	const struct ev_option *o;
	void *base;

	if (len == strlen("dump-options") && !strncmp(word, "dump-options", len))
		return dump_option(p, value ? value : p->at < p->argc ? p->argv[p->at++] : NULL);
	o = find(p, word, len, 0, &base);
	if (!o)
		return unknown_long(p, word, len);
	if (o->type == EV_OPT_FLAG && value)
		return ev_fail(p->err, EV_USAGE, "option '--%s' takes no value", o->name);
	if (o->type != EV_OPT_FLAG && !value) {
		if (p->at >= p->argc)
			return ev_fail(p->err, EV_USAGE, "option '--%s' needs a value (%s)", o->name,
				       o->arg);
		value = p->argv[p->at++];
	}
	return set_value(p, o, base, value);
}

/* `-fvn5`: flags, until one that takes the rest of the word or the next one. */
static int parse_short(struct parse *p, const char *word)
{
	for (; *word; word++) {
		void *base;
		const struct ev_option *o = find(p, NULL, 0, *word, &base);
		const char *value;

		if (!o)
			return ev_fail(p->err, EV_USAGE, "unknown option '-%c'", *word);
		if (o->type == EV_OPT_FLAG) {
			set_value(p, o, base, NULL);
			continue;
		}
		if (!word[1] && p->at >= p->argc)
			return ev_fail(p->err, EV_USAGE, "option '-%c' needs a value (%s)", o->key,
				       o->arg);
		value = word[1] ? word + 1 : p->argv[p->at++];
		return set_value(p, o, base, value);
	}
	return 0;
}

int ev_options_parse(const struct ev_command *cmd, void *args, struct ev_builtin_args *builtin,
		     int argc, char **argv, struct ev_operands *rest, struct ev_error *err)
{
	struct parse p = { cmd, args, builtin, argv, argc, 0, err };

	rest->n = 0;
	while (p.at < argc) {
		char *word = argv[p.at++];
		int rc = 0;

		if (!strcmp(word, "--")) {
			while (p.at < argc)
				rest->v[rest->n++] = argv[p.at++];
		} else if (word[0] != '-' || !word[1]) {
			rest->v[rest->n++] = word;
		} else {
			rc = word[1] == '-' ? parse_long(&p, word + 2) : parse_short(&p, word + 1);
		}
		if (rc)
			return -1;
	}
	return 0;
}

void ev_options_release(const struct ev_command *cmd, void *args)
{
	for (const struct ev_option *o = cmd->options; o && o->type; o++) {
		if (o->type == EV_OPT_LIST) {
			struct ev_list *list = (struct ev_list *)((char *)args + o->offset);

			free(list->v);
			*list = (struct ev_list){ NULL, 0, 0 };
		}
	}
}
