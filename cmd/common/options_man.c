/* options_man.c - the body of a man page's OPTIONS section, in mdoc */
#include <ctype.h>
#include <string.h>

#include "common/options.h"

/*
 * Words for a macro line: what mdoc could take for a macro (two or three letters) or an escape is
 * guarded. Punctuation alone never occurs here.
 */
static void mdoc_word(struct ev_buf *out, const char *s)
{
	if (isalpha((unsigned char)*s) && strlen(s) <= 3)
		ev_buf_adds(out, "\\&");
	for (; *s; s++) {
		if (*s == '\\')
			ev_buf_adds(out, "\\e");
		else if (*s == '-')
			ev_buf_adds(out, "\\-");
		else
			ev_buf_addc(out, *s);
	}
}

/* Text lines must not start with a dot or quote, and are a sentence here. */
static void mdoc_text(struct ev_buf *out, const char *s)
{
	size_t n = strlen(s);

	if (*s == '.' || *s == '\'')
		ev_buf_adds(out, "\\&");
	if (islower((unsigned char)*s))
		ev_buf_addc(out, (char)toupper((unsigned char)*s++));
	for (; *s; s++) {
		if (*s == '\\')
			ev_buf_adds(out, "\\e");
		else
			ev_buf_addc(out, *s);
	}
	ev_buf_adds(out, n ? ".\n" : "\n");
}

static void man_option(const struct ev_option *o, struct ev_buf *out)
{
	ev_buf_adds(out, ".It");
	if (o->key)
		ev_buf_addf(out, " Fl %c", o->key);
	if (o->key && o->name)
		ev_buf_adds(out, " ,");
	if (o->name) {
		ev_buf_adds(out, " Fl \\-");
		mdoc_word(out, o->name);
	}
	if (o->arg) {
		ev_buf_adds(out, " Ar ");
		mdoc_word(out, o->arg);
	}
	ev_buf_addc(out, '\n');
	mdoc_text(out, o->help);
	if (o->type == EV_OPT_LIST && !strstr(o->help, "repeatable"))
		ev_buf_adds(out, "May be given several times.\n");
}

/* `first`: nothing stands above it in its section, and mdoc wants no paragraph there. */
static void man_table(const struct ev_option *table, bool first, struct ev_buf *out)
{
	bool open = false;

	for (const struct ev_option *o = table; o && o->type; o++) {
		bool heading = o->type == EV_OPT_GROUP || o->type == EV_OPT_BRIEF;

		if (heading && open)
			ev_buf_adds(out, ".El\n");
		if (heading)
			ev_buf_addf(out, "%s%s:\n", first && !open ? "" : ".Pp\n", o->name);
		if (heading || !open)
			ev_buf_adds(out, ".Bl -tag -width Ds\n");
		open = true;
		if (!heading)
			man_option(o, out);
	}
	if (open)
		ev_buf_adds(out, ".El\n");
}

void ev_options_man(const struct ev_command *cmd, const struct ev_command *parent,
		    struct ev_buf *out)
{
	(void)parent;
	if (cmd->run || !cmd->subs)
		man_table(cmd->options, true, out);
	for (size_t i = 0; cmd->subs && cmd->subs[i]; i++) {
		ev_buf_addf(out, ".Ss %s %s\n", cmd->name, cmd->subs[i]->name);
		mdoc_text(out, cmd->subs[i]->about);
		man_table(cmd->subs[i]->options, false, out);
	}
	ev_buf_adds(out, cmd->subs ? ".Ss all commands\n" : ".Pp\nGeneral:\n");
	man_table(ev_builtin_options, true, out);
}
