/* command.c - from argv to the exit status: the part of main() that all commands share */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>
#include <libpq-fe.h>
#include <librdkafka/rdkafka.h>
#include <sqlite3.h>
#include <xxhash.h>
#include <zlib.h>

#include "base/mem.h"
#include "base/suggest.h"
#include "common/options.h"
#include "common/secrets.h"

static void version_text(const struct ev_command *root, struct ev_buf *out)
{
	ev_buf_addf(out, "%s %s\n", root->name, EV_VERSION);
	ev_buf_addf(out, "librdkafka %s, SQLite %s, libpq %d.%d, jansson %s, zlib %s, "
		    "libxxhash %u.%u.%u\n",
		    rd_kafka_version_str(), sqlite3_libversion(), PQlibVersion() / 10000,
		    PQlibVersion() % 10000, JANSSON_VERSION, zlibVersion(),
		    XXH_versionNumber() / 10000, XXH_versionNumber() / 100 % 100,
		    XXH_versionNumber() % 100);
}

/* What was asked instead of work: help, versions, a dump of the table. */
static void show(const struct ev_command *cmd, const struct ev_command *parent,
		 const struct ev_builtin_args *b)
{
	struct ev_buf out = EV_BUF_INIT;

	if (b->help)
		ev_options_help(cmd, parent, &out);
	else if (b->version)
		version_text(parent ? parent : cmd, &out);
	else if (b->dump == 1)
		ev_options_man(cmd, parent, &out);
	else if (b->dump == 2)
		ev_options_bash(parent ? parent : cmd, &out);
	else if (b->dump == 3)
		ev_options_zsh(parent ? parent : cmd, &out);
	else if (b->dump == 4)
		ev_options_fish(parent ? parent : cmd, &out);
	else
		ev_options_json(cmd, &out);
	fwrite(ev_buf_str(&out), 1, out.len, stdout);
	ev_buf_release(&out);
}

static int finish(struct ev_messages *msg, int status)
{
	struct ev_error err = EV_ERROR_INIT;

	if (ev_stdout_finish(&err) < 0 && (status == 0 || status == EV_NO))
		return ev_report(msg, &err);
	/* what was printed is not whole: no verdict, and no plan */
	return ev_stdout_cut() && (status == 0 || status == EV_NO) ? ev_stop_status(false) : status;
}

/* A signal that ended the wait for a source, or a store that is held or away, counts for more than what it was for. */
static int report(struct ev_messages *msg, const struct ev_error *err)
{
	int status = ev_report(msg, err);
	bool waited = status == EV_SOURCE || ((status == EV_HELD || status == EV_STORE) && err->retriable);

	return waited && ev_stopped() ? ev_stop_status(false) : status;
}

static void usage_hint(struct ev_error *err, const char *name)
{
	if (!err->hint[0])
		ev_hint(err, "'%s --help' shows the options", name);
}

/* One command without subcommands; argv without its name. */
static int run_leaf(const struct ev_command *cmd, const struct ev_command *parent,
		    struct ev_messages *msg, int argc, char **argv)
{
	struct ev_operands rest = { ev_alloc(((size_t)argc + 1) * sizeof(char *)), 0 };
	struct ev_builtin_args builtin = { 0 };
	struct ev_error err = EV_ERROR_INIT;
	void *args = ev_alloc(cmd->args_size ? cmd->args_size : 1);
	char **words = rest.v; /* a command may take operands from the front of rest */
	int status;

	if (cmd->init)
		cmd->init(args);
	status = ev_options_parse(cmd, args, &builtin, argc, argv, &rest, &err);
	if (!status)
		msg->json = builtin.log_format == 1;
	if (builtin.help || builtin.version || builtin.dump) {
		show(cmd, parent, &builtin);
		status = 0;
	} else if (status) {
		usage_hint(&err, msg->command);
	} else {
		status = cmd->run(args, &rest, msg, &err);
	}
	if (status < 0)
		status = report(msg, &err);
	status = finish(msg, status);
	if (cmd->release)
		cmd->release(args);
	ev_options_release(cmd, args);
	free(args);
	free(words);
	return status;
}

static const struct ev_command *find_sub(const struct ev_command *cmd, const char *name)
{
	for (size_t i = 0; cmd->subs[i]; i++) {
		if (!strcmp(cmd->subs[i]->name, name))
			return cmd->subs[i];
	}
	return NULL;
}

static int unknown_sub(const struct ev_command *cmd, struct ev_messages *msg, const char *word)
{
	struct ev_error err = EV_ERROR_INIT;
	const char *names[64];
	const char *best;
	size_t n = 0;

	for (; n < 63 && cmd->subs[n]; n++)
		names[n] = cmd->subs[n]->name;
	names[n] = NULL;
	best = ev_suggest(word, names);
	if (best)
		ev_fail(&err, EV_USAGE, "unknown command '%s' (did you mean '%s'?)", word, best);
	else
		ev_fail(&err, EV_USAGE, "unknown command '%s'", word);
	usage_hint(&err, cmd->name);
	return ev_report(msg, &err);
}

/* No subcommand in front: only --help and the like make sense. */
static int run_bare(const struct ev_command *cmd, struct ev_messages *msg, int argc, char **argv)
{
	struct ev_operands rest = { ev_alloc(((size_t)argc + 1) * sizeof(char *)), 0 };
	struct ev_builtin_args builtin = { 0 };
	struct ev_error err = EV_ERROR_INIT;
	int status = ev_options_parse(cmd, NULL, &builtin, argc, argv, &rest, &err);

	free(rest.v);
	if (!status && (builtin.help || builtin.version || builtin.dump)) {
		show(cmd, NULL, &builtin);
		return finish(msg, 0);
	}
	if (!status)
		ev_fail(&err, EV_USAGE, "a command is missing");
	usage_hint(&err, cmd->name);
	return ev_report(msg, &err);
}

static int run_subs(const struct ev_command *cmd, struct ev_messages *msg, int argc, char **argv)
{
	const struct ev_command *sub;
	static char *const help_words[] = { "--help", NULL };
	char *ask[2] = { help_words[0], NULL };
	char name[128];

	if (argc < 1 || argv[0][0] == '-')
		return run_bare(cmd, msg, argc, argv);
	if (!strcmp(argv[0], "help") && argc == 1)
		return run_bare(cmd, msg, 1, ask);
	if (!strcmp(argv[0], "help")) {
		argv[0] = argv[1];
		argv[1] = ask[0];
		argc = 2;
	}
	sub = find_sub(cmd, argv[0]);
	if (!sub)
		return unknown_sub(cmd, msg, argv[0]);
	snprintf(name, sizeof(name), "%s %s", cmd->name, sub->name);
	msg->command = name;
	return run_leaf(sub, cmd, msg, argc - 1, argv + 1);
}

/* Asked for before the options are parsed: what is wrong with them is told that way, too. */
static bool asks_json(int argc, char **argv)
{
	for (int i = 1; i < argc && strcmp(argv[i], "--"); i++)
		if (!strcmp(argv[i], "--log-format=json") ||
		    (!strcmp(argv[i - 1], "--log-format") && !strcmp(argv[i], "json")))
			return true;
	return false;
}

/* A command that does something itself has subcommands only where the first word names one. */
static bool is_sub(const struct ev_command *cmd, int argc, char **argv)
{
	return cmd->subs && (!cmd->run || (argc > 0 && find_sub(cmd, argv[0])));
}

int ev_command_main(const struct ev_command *cmd, int argc, char **argv)
{
	struct ev_messages msg = { .command = cmd->name, .json = asks_json(argc, argv) };
	char **secrets = ev_secrets_take(argc, argv);
	int status;

	ev_descriptors_claim();
	ev_descriptors_raise();
	ev_signals_install();
	ev_stdout_claim();
	if (argc > 0) {
		argc--;
		argv++;
	}
	status = is_sub(cmd, argc, argv) ? run_subs(cmd, &msg, argc, argv) :
					   run_leaf(cmd, NULL, &msg, argc, argv);
	ev_secrets_free(secrets);
	return status;
}
