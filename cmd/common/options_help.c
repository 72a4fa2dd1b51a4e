/* options_help.c - --help, on one screen, and the table as JSON */
#include <string.h>

#include "common/options.h"
#include "common/term.h"

#define HELP_WIDTH 79
#define HELP_COLUMN 28

/* `-n, --count N` */
static void synopsis(const struct ev_option *o, struct ev_buf *out)
{
	if (o->key)
		ev_buf_addf(out, "-%c", o->key);
	if (o->key && o->name)
		ev_buf_adds(out, ", ");
	if (o->name)
		ev_buf_addf(out, "%s--%s", o->key ? "" : "    ", o->name);
	if (o->arg)
		ev_buf_addf(out, " %s", o->arg);
}

static void pad_to(struct ev_buf *out, size_t line_start, size_t column)
{
	while (out->len - line_start < column)
		ev_buf_addc(out, ' ');
}

static void help_row(const struct ev_option *o, struct ev_buf *out)
{
	size_t start = out->len;

	ev_buf_adds(out, "  ");
	synopsis(o, out);
	if (out->len - start > HELP_COLUMN - 2)
		ev_buf_addc(out, ' ');
	pad_to(out, start, HELP_COLUMN);
	ev_buf_addf(out, "%s\n", o->help);
}

/* The options of a brief group, wrapped: `Filters: --type GLOB, --key GLOB, ...` */
static const struct ev_option *help_brief(const struct ev_option *o, struct ev_buf *out)
{
	size_t start = out->len, indent;
	bool first = true;

	ev_buf_addf(out, "%s: ", o->name);
	indent = out->len - start;
	for (o++; o->type && o->type != EV_OPT_GROUP && o->type != EV_OPT_BRIEF; o++) {
		struct ev_buf one = EV_BUF_INIT;

		if (o->key)
			ev_buf_addf(&one, "-%c", o->key);
		else
			ev_buf_addf(&one, "--%s", o->name);
		if (o->arg)
			ev_buf_addf(&one, " %s", o->arg);
		if (!first)
			ev_buf_addc(out, ',');
		if (out->len - start + one.len + 2 > HELP_WIDTH) {
			ev_buf_addc(out, '\n');
			start = out->len;
			pad_to(out, start, indent);
		} else if (!first) {
			ev_buf_addc(out, ' ');
		}
		ev_buf_add_slice(out, ev_buf_slice(&one));
		ev_buf_release(&one);
		first = false;
	}
	ev_buf_addc(out, '\n');
	return o - 1;
}

static void help_options(const struct ev_option *table, struct ev_buf *out)
{
	for (const struct ev_option *o = table; o && o->type; o++) {
		if (o->type == EV_OPT_GROUP)
			ev_buf_addf(out, "%s:\n", o->name);
		else if (o->type == EV_OPT_BRIEF)
			o = help_brief(o, out);
		else
			help_row(o, out);
	}
}

static void help_subs(const struct ev_command *cmd, struct ev_buf *out)
{
	for (size_t i = 0; cmd->subs[i]; i++)
		ev_buf_addf(out, "  %-10s %s\n", cmd->subs[i]->name, cmd->subs[i]->about);
}

void ev_options_help(const struct ev_command *cmd, const struct ev_command *parent,
		     struct ev_buf *out)
{
	ev_buf_addf(out, "usage: %s%s%s %s\n", parent ? parent->name : "", parent ? " " : "", cmd->name,
		    cmd->synopsis);
	ev_buf_addf(out, "%s\n", cmd->about);
	if (cmd->subs)
		help_subs(cmd, out);
	help_options(cmd->options, out);
	ev_buf_addf(out, "General: --log-format text|json, --help, --version; see %s(1), evtools(7)\n",
		    parent ? parent->name : cmd->name);
	if (cmd->notes)
		ev_buf_adds(out, cmd->notes);
}

/* ---- json ---- */

static const char *type_name(enum ev_option_type type)
{
	static const char *const names[] = {
		[EV_OPT_GROUP] = "group",     [EV_OPT_BRIEF] = "group",       [EV_OPT_FLAG] = "flag",
		[EV_OPT_STRING] = "string",   [EV_OPT_INT] = "integer",       [EV_OPT_SIZE] = "size",
		[EV_OPT_DURATION] = "duration", [EV_OPT_PERCENT] = "percent", [EV_OPT_LIST] = "list",
		[EV_OPT_ENUM] = "enum",
	};

	return names[type];
}

static void json_option(const struct ev_option *o, const char *group, struct ev_buf *out)
{
	char key[2] = { o->key, '\0' };

	ev_buf_addf(out, "{\"type\":\"%s\",\"group\":", type_name(o->type));
	ev_message_quote(out, group);
	if (o->name) {
		ev_buf_adds(out, ",\"name\":");
		ev_message_quote(out, o->name);
	}
	if (o->key) {
		ev_buf_adds(out, ",\"key\":");
		ev_message_quote(out, key);
	}
	if (o->arg) {
		ev_buf_adds(out, ",\"argument\":");
		ev_message_quote(out, o->arg);
	}
	ev_buf_adds(out, ",\"help\":");
	ev_message_quote(out, o->help);
	for (size_t i = 0; o->words && o->words[i]; i++) {
		ev_buf_adds(out, i ? "," : ",\"words\":[");
		ev_message_quote(out, o->words[i]);
	}
	ev_buf_adds(out, o->words ? "]}" : "}");
}

static void json_table(const struct ev_option *table, const char *group, bool *first,
		       struct ev_buf *out)
{
	for (const struct ev_option *o = table; o && o->type; o++) {
		if (o->type == EV_OPT_GROUP || o->type == EV_OPT_BRIEF) {
			group = o->name;
			continue;
		}
		ev_buf_adds(out, *first ? "\n" : ",\n");
		json_option(o, group, out);
		*first = false;
	}
}

static void json_command(const struct ev_command *cmd, struct ev_buf *out)
{
	bool first = true;

	ev_buf_adds(out, "{\"name\":");
	ev_message_quote(out, cmd->name);
	ev_buf_adds(out, ",\"about\":");
	ev_message_quote(out, cmd->about);
	ev_buf_adds(out, ",\"synopsis\":");
	ev_message_quote(out, cmd->synopsis);
	ev_buf_adds(out, ",\"options\":[");
	json_table(cmd->options, "", &first, out);
	json_table(ev_builtin_options, "General", &first, out);
	ev_buf_adds(out, "]");
	for (size_t i = 0; cmd->subs && cmd->subs[i]; i++) {
		ev_buf_adds(out, i ? ",\n" : ",\"commands\":[\n");
		json_command(cmd->subs[i], out);
	}
	ev_buf_adds(out, cmd->subs ? "]}" : "}");
}

void ev_options_json(const struct ev_command *cmd, struct ev_buf *out)
{
	json_command(cmd, out);
	ev_buf_addc(out, '\n');
}
