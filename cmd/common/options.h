/*
 * options.h - one typed option table per command is the only declaration
 *
 * A command is a `struct ev_command`: a name, a synopsis, a table of options, and either `run` or a
 * list of subcommands. Tables are static and const; a row names the member of the command's own
 * arguments struct that it fills. main() is one line:
 *
 *   struct my_args { bool follow; int64_t n; struct ev_list defs; };
 *   static const struct ev_option my_options[] = {
 *           EV_GROUP("Output"),
 *           EV_FLAG('f', "follow", struct my_args, follow, "go on with new records"),
 *           EV_INT('n', "count", "N", struct my_args, n, 0, 1000000, "at most N"),
 *           EV_LIST('X', NULL, "NAME=VALUE", struct my_args, defs, "any librdkafka property"),
 *           EV_END,
 *   };
 *   static int my_run(void *args, struct ev_operands *rest, struct ev_messages *msg, struct ev_error *err);
 *   static const struct ev_command me = { .name = "evx", .about = "...", .synopsis = "[OPTION]... FILE",
 *           .options = my_options, .args_size = sizeof(struct my_args), .run = my_run };
 *   int main(int argc, char **argv) { return ev_command_main(&me, argc, argv); }
 *
 * Words: --name=value, --name value, -n5, -n 5, bundled flags -fv; `--` ends options, `-` is an
 * operand, options and operands may be mixed. An option that takes a value takes the next word
 * whatever it looks like, so `-n -5` and `--since -90m` work. No abbreviations. A scalar given twice:
 * the last one counts; a flag given twice is still on.
 *
 * From the same table: --help (one screen), man pages and completions. The hidden contract, which a
 * drift test checks against the committed files:
 *   evx --dump-options man   the body of the OPTIONS section in mdoc: a `.Bl -tag` list; with
 *                            subcommands, one `.Ss evx SUB` each; `evx SUB --dump-options man` one alone
 *   evx --dump-options bash|zsh|fish   the complete completion file of the command
 *   evx --dump-options json  the table for other programs
 * Every command also has --help (-h), --version and --log-format without declaring them.
 */
#ifndef EV_OPTIONS_H
#define EV_OPTIONS_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/error.h"
#include "common/message.h"

enum ev_option_type {
	EV_OPT_END = 0,
	EV_OPT_GROUP,    /* a heading; rows below belong to it */
	EV_OPT_BRIEF,    /* the same, but --help lists its options without their help lines */
	EV_OPT_FLAG,     /* bool */
	EV_OPT_STRING,   /* const char *, borrowed from argv */
	EV_OPT_INT,      /* int64_t, min..max */
	EV_OPT_SIZE,     /* uint64_t, bytes with suffix K M G T (powers of 1024), min..max */
	EV_OPT_DURATION, /* int64_t ms (ev_duration_parse: 250ms, 10s, 5m, 2h), at most max where that is not 0 */
	EV_OPT_PERCENT,  /* double, 0 to 100, with or without % behind it; more than 0 where min is not 0 */
	EV_OPT_LIST,     /* struct ev_list: repeatable string */
	EV_OPT_ENUM,     /* int: index into words */
};

struct ev_list {
	const char **v; /* each borrowed from argv; the array is freed by ev_command_main */
	size_t n, cap;
};

struct ev_option {
	enum ev_option_type type;
	char key;         /* short name, 0: none */
	const char *name; /* long name without --, NULL: none; of a group its heading */
	const char *arg;  /* name of the argument, NULL for flags */
	const char *help; /* one line, lower case, no full stop */
	size_t offset;    /* of the member in the arguments struct */
	int64_t min, max; /* INT, SIZE, PERCENT */
	const char *const *words; /* NULL-terminated; ENUM: all that it takes; STRING, LIST: what completion offers */
};

/* `offsetof`, and a compile error when the member has not the type that the option fills. */
#define EV_OPT_AT(S, m, T) (offsetof(S, m) + 0 * sizeof((T *)0 == &((S *)0)->m))
#define EV_END { .type = EV_OPT_END }
#define EV_GROUP(title) { .type = EV_OPT_GROUP, .name = title }
#define EV_BRIEF(title) { .type = EV_OPT_BRIEF, .name = title }
#define EV_FLAG(c, n, S, m, h) \
	{ .type = EV_OPT_FLAG, .key = c, .name = n, .help = h, .offset = EV_OPT_AT(S, m, bool) }
#define EV_STRING(c, n, a, S, m, h)                                        \
	{ .type = EV_OPT_STRING, .key = c, .name = n, .arg = a, .help = h, \
	  .offset = EV_OPT_AT(S, m, const char *) }
#define EV_STRING_WORDS(c, n, a, S, m, w, h)                               \
	{ .type = EV_OPT_STRING, .key = c, .name = n, .arg = a, .help = h, \
	  .offset = EV_OPT_AT(S, m, const char *), .words = w }
#define EV_INT(c, n, a, S, m, lo, hi, h)                                \
	{ .type = EV_OPT_INT, .key = c, .name = n, .arg = a, .help = h, \
	  .offset = EV_OPT_AT(S, m, int64_t), .min = lo, .max = hi }
#define EV_SIZE(c, n, a, S, m, lo, hi, h)                                \
	{ .type = EV_OPT_SIZE, .key = c, .name = n, .arg = a, .help = h, \
	  .offset = EV_OPT_AT(S, m, uint64_t), .min = lo, .max = hi }
#define EV_DURATION(c, n, a, S, m, h)                                        \
	{ .type = EV_OPT_DURATION, .key = c, .name = n, .arg = a, .help = h, \
	  .offset = EV_OPT_AT(S, m, int64_t) }
#define EV_PERCENT(c, n, a, S, m, lo, h)                                    \
	{ .type = EV_OPT_PERCENT, .key = c, .name = n, .arg = a, .help = h, \
	  .offset = EV_OPT_AT(S, m, double), .min = lo }
/* One that somebody waits for: fits an int. */
#define EV_WAIT(c, n, a, S, m, h)                                            \
	{ .type = EV_OPT_DURATION, .key = c, .name = n, .arg = a, .help = h, \
	  .offset = EV_OPT_AT(S, m, int64_t), .max = 1000LL * 86400 * 20 }
#define EV_LIST(c, n, a, S, m, h)                                        \
	{ .type = EV_OPT_LIST, .key = c, .name = n, .arg = a, .help = h, \
	  .offset = EV_OPT_AT(S, m, struct ev_list) }
#define EV_LIST_WORDS(c, n, a, S, m, w, h)                               \
	{ .type = EV_OPT_LIST, .key = c, .name = n, .arg = a, .help = h, \
	  .offset = EV_OPT_AT(S, m, struct ev_list), .words = w }
#define EV_ENUM(c, n, a, S, m, w, h)                                     \
	{ .type = EV_OPT_ENUM, .key = c, .name = n, .arg = a, .help = h, \
	  .offset = EV_OPT_AT(S, m, int), .words = w }

struct ev_operands {
	char **v; /* borrowed from argv */
	size_t n;
};

struct ev_command {
	const char *name;     /* "evtail", or of a subcommand "run" */
	const char *about;    /* one line */
	const char *synopsis; /* what follows the name: "[OPTION]... SOURCE..." */
	const char *notes;    /* lines below the options in --help, or NULL */

	/* For completion, what the first operand is: one of these, then files; none: a name. NULL: files alone. */
	const char *const *first;

	const struct ev_option *options;
	size_t args_size;
	void (*init)(void *args);    /* defaults, over zeroed bytes; may be NULL */
	void (*release)(void *args); /* may be NULL */

	/*
	 * Do the work. Returns 0, another exit status of the table (1: the answer is no), or -1 with
	 * `err` filled: then the message is printed and err->class is the exit status. stdout is
	 * flushed and checked afterwards.
	 */
	int (*run)(void *args, struct ev_operands *rest, struct ev_messages *msg,
		   struct ev_error *err);

	const struct ev_command *const *subs; /* NULL-terminated; `run` is NULL, or what is done where
						 the first word names none of them */
};

/* Everything from argv to the exit status. */
int ev_command_main(const struct ev_command *cmd, int argc, char **argv);

/* What --help, --version, --dump-options and --log-format ask for. */
struct ev_builtin_args {
	bool help, version;
	int log_format; /* 0 text, 1 json */
	int dump;       /* index + 1 of man bash zsh fish json; 0: not asked */
};

/*
 * The parser alone (for tests): fills `args` and `builtin`, and moves the operands to rest->v, an
 * array of the caller with room for argc. EV_USAGE on error.
 */
int ev_options_parse(const struct ev_command *cmd, void *args, struct ev_builtin_args *builtin,
		     int argc, char **argv, struct ev_operands *rest, struct ev_error *err);
void ev_options_release(const struct ev_command *cmd, void *args); /* lists */

/* A strict integer or size text; false when it is none or does not fit. */
bool ev_parse_i64(const char *text, int64_t *out);
bool ev_parse_size(const char *text, uint64_t *out);

/* Texts of the table. `parent` is NULL or the command that `cmd` is a subcommand of. */
void ev_options_help(const struct ev_command *cmd, const struct ev_command *parent,
		     struct ev_buf *out);
void ev_options_man(const struct ev_command *cmd, const struct ev_command *parent,
		    struct ev_buf *out);
void ev_options_json(const struct ev_command *cmd, struct ev_buf *out);
void ev_options_bash(const struct ev_command *cmd, struct ev_buf *out);
void ev_options_zsh(const struct ev_command *cmd, struct ev_buf *out);
void ev_options_fish(const struct ev_command *cmd, struct ev_buf *out);

extern const struct ev_option ev_builtin_options[]; /* help, version, log-format */

#endif
