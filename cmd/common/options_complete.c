/* options_complete.c - completion files for bash, zsh and fish */
#include <string.h>

#include "common/options.h"

typedef void (*option_fn)(const struct ev_option *o, const char *sub, struct ev_buf *out);

/* Call fn for each option of a table, then for those that every command has. */
static void each_option(const struct ev_command *cmd, const char *sub, option_fn fn, struct ev_buf *out)
{
	const struct ev_option *tables[] = { cmd->options, ev_builtin_options };

	for (size_t t = 0; t < 2; t++) {
		for (const struct ev_option *o = tables[t]; o && o->type; o++) {
			if (o->type != EV_OPT_GROUP && o->type != EV_OPT_BRIEF)
				fn(o, sub, out);
		}
	}
}

static void add_joined(const char *const *words, const char *between, struct ev_buf *out)
{
	for (size_t i = 0; words[i]; i++)
		ev_buf_addf(out, "%s%s", i ? between : "", words[i]);
}

static void add_words(const char *const *words, struct ev_buf *out)
{
	add_joined(words, " ", out);
}

/* Also where a file, or a folder, is one of the things that may be meant. */
static bool takes_file(const struct ev_option *o)
{
	static const char *const args[] = { "FILE", "PATH", "TARGET", "SOURCE", "URL" };

	for (size_t i = 0; o->arg && i < sizeof(args) / sizeof(*args); i++)
		if (strstr(o->arg, args[i]))
			return true;
	return false;
}

/* ---- bash ---- */

static void bash_name(const struct ev_option *o, const char *sub, struct ev_buf *out)
{
	(void)sub;
	if (o->name)
		ev_buf_addf(out, " --%s", o->name);
	if (o->key)
		ev_buf_addf(out, " -%c", o->key);
}

static void bash_value(const struct ev_option *o, const char *sub, struct ev_buf *out)
{
	(void)sub;
	if (o->type == EV_OPT_FLAG)
		return;
	ev_buf_adds(out, "\t");
	if (o->key)
		ev_buf_addf(out, "-%c%s", o->key, o->name ? "|" : "");
	if (o->name)
		ev_buf_addf(out, "--%s", o->name);
	ev_buf_adds(out, ") ");
	if (o->words) {
		ev_buf_adds(out, "COMPREPLY=($(compgen -W '");
		add_words(o->words, out);
		ev_buf_adds(out, "' -- \"$cur\"));");
	} else if (takes_file(o)) {
		ev_buf_adds(out, "COMPREPLY=($(compgen -f -- \"$cur\"));");
	} else {
		ev_buf_adds(out, "COMPREPLY=();");
	}
	ev_buf_adds(out, " return ;;\n");
}

static void bash_operand(const char *const *first, struct ev_buf *out)
{
	static const char files[] = "COMPREPLY=($(compgen -f -- \"$cur\"))";

	if (!first) {
		ev_buf_addf(out, "\t\t%s\n", files);
	} else if (!*first) {
		ev_buf_adds(out, "\t\tCOMPREPLY=()\n");
	} else {
		ev_buf_adds(out, "\t\tCOMPREPLY=($(compgen -W '");
		add_words(first, out);
		ev_buf_adds(out, "' -- \"$cur\"))\n\t\tlocal word\n"
				 "\t\tfor word in \"${COMP_WORDS[@]:2:COMP_CWORD-2}\"; do\n\t\t\tcase $word in ");
		add_joined(first, "|", out);
		ev_buf_addf(out, ") %s ;; esac\n\t\tdone\n", files);
	}
}

static void bash_leaf(const struct ev_command *cmd, struct ev_buf *out)
{
	ev_buf_adds(out, "\tcase $prev in\n");
	each_option(cmd, NULL, bash_value, out);
	ev_buf_adds(out, "\tesac\n\tif [[ $cur == -* ]]; then\n\t\tCOMPREPLY=($(compgen -W '");
	each_option(cmd, NULL, bash_name, out);
	ev_buf_adds(out, "' -- \"$cur\"))\n\telse\n");
	bash_operand(cmd->first, out);
	ev_buf_adds(out, "\tfi\n");
}

static void bash_function(const struct ev_command *cmd, const char *name, const char *sub,
			  struct ev_buf *out)
{
	ev_buf_addf(out, "_%s%s%s() {\n", name, sub ? "_" : "", sub ? sub : "");
	ev_buf_adds(out, "\tlocal cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]}\n");
	if (!cmd->subs) {
		bash_leaf(cmd, out);
	} else {
		ev_buf_adds(out, "\tif [[ $COMP_CWORD -gt 1 ]]; then\n\t\tcase ${COMP_WORDS[1]} in\n");
		for (size_t i = 0; cmd->subs[i]; i++)
			ev_buf_addf(out, "\t\t%s) _%s_%s; return ;;\n", cmd->subs[i]->name, name,
				    cmd->subs[i]->name);
		ev_buf_adds(out, "\t\tesac\n\tfi\n");
		if (cmd->run)
			bash_leaf(cmd, out);
		ev_buf_adds(out, cmd->run ? "\t[[ $COMP_CWORD -eq 1 ]] && COMPREPLY+=($(compgen -W '" :
					    "\tCOMPREPLY=($(compgen -W 'help");
		for (size_t i = 0; cmd->subs[i]; i++)
			ev_buf_addf(out, " %s", cmd->subs[i]->name);
		if (!cmd->run)
			each_option(cmd, NULL, bash_name, out);
		ev_buf_adds(out, "' -- \"$cur\"))\n");
	}
	ev_buf_adds(out, "}\n");
}

void ev_options_bash(const struct ev_command *cmd, struct ev_buf *out)
{
	ev_buf_addf(out, "# bash completion of %s; made by: %s --dump-options bash\n", cmd->name,
		    cmd->name);
	ev_buf_adds(out, "# shellcheck shell=bash disable=SC2207\n");
	for (size_t i = 0; cmd->subs && cmd->subs[i]; i++)
		bash_function(cmd->subs[i], cmd->name, cmd->subs[i]->name, out);
	bash_function(cmd, cmd->name, NULL, out);
	ev_buf_addf(out, "complete -o filenames -F _%s %s\n", cmd->name, cmd->name);
}

/* ---- zsh ---- */

/* Inside '...[help]': brackets, colons and quotes are special. */
static void zsh_text(const char *s, struct ev_buf *out)
{
	for (; *s; s++) {
		if (*s == '\'')
			ev_buf_adds(out, "'\\''");
		else if (strchr("[]:\\", *s))
			ev_buf_addf(out, "\\%c", *s);
		else
			ev_buf_addc(out, *s);
	}
}

static void zsh_spec(const struct ev_option *o, const char *dashes, const char *name,
		     struct ev_buf *out)
{
	ev_buf_addf(out, "\t\t'%s%s%s%s[", o->type == EV_OPT_LIST ? "*" : "", dashes, name,
		    o->type == EV_OPT_FLAG ? "" : dashes[1] ? "=" : "+");
	zsh_text(o->help, out);
	ev_buf_addc(out, ']');
	if (o->type != EV_OPT_FLAG) {
		ev_buf_addc(out, ':');
		zsh_text(o->arg, out);
		ev_buf_addc(out, ':');
		if (o->words) {
			ev_buf_addc(out, '(');
			add_words(o->words, out);
			ev_buf_addc(out, ')');
		} else if (takes_file(o)) {
			ev_buf_adds(out, "_files");
		}
	}
	ev_buf_adds(out, "' \\\n");
}

static void zsh_option(const struct ev_option *o, const char *sub, struct ev_buf *out)
{
	char key[2] = { o->key, '\0' };

	(void)sub;
	if (o->key)
		zsh_spec(o, "-", key, out);
	if (o->name)
		zsh_spec(o, "--", o->name, out);
}

static void zsh_function(const struct ev_command *cmd, const char *name, const char *sub,
			 struct ev_buf *out)
{
	ev_buf_addf(out, "_%s%s%s() {\n", name, sub ? "_" : "", sub ? sub : "");
	if (cmd->subs && cmd->run) {
		ev_buf_addf(out, "\tif (( CURRENT > 2 && $+functions[_%s_${words[2]}] )); then\n", name);
		ev_buf_addf(out, "\t\tlocal sub=${words[2]}\n\t\tshift words\n\t\t(( CURRENT-- ))\n"
				 "\t\t_%s_$sub\n\t\treturn\n\tfi\n", name);
	} else if (cmd->subs) {
		ev_buf_adds(out, "\tif (( CURRENT > 2 )); then\n"
				 "\t\tlocal sub=${words[2]}\n\t\tshift words\n\t\t(( CURRENT-- ))\n");
		ev_buf_addf(out, "\t\t(( $+functions[_%s_$sub] )) && _%s_$sub\n\t\treturn\n\tfi\n", name,
			    name);
		ev_buf_adds(out, "\tlocal -a subs=(\n");
		for (size_t i = 0; cmd->subs[i]; i++) {
			ev_buf_addf(out, "\t\t'%s:", cmd->subs[i]->name);
			zsh_text(cmd->subs[i]->about, out);
			ev_buf_adds(out, "'\n");
		}
		ev_buf_adds(out, "\t)\n\t_describe command subs\n}\n");
		return;
	}
	ev_buf_adds(out, "\t_arguments -s \\\n");
	each_option(cmd, sub, zsh_option, out);
	if (cmd->first && !*cmd->first) {
		ev_buf_adds(out, "\t\t'1:name: '\n}\n");
		return;
	}
	if (cmd->first) {
		ev_buf_adds(out, "\t\t'1:action:(");
		add_words(cmd->first, out);
		ev_buf_adds(out, ")' \\\n");
	}
	ev_buf_adds(out, "\t\t'*:source:_files'\n}\n");
}

void ev_options_zsh(const struct ev_command *cmd, struct ev_buf *out)
{
	ev_buf_addf(out, "#compdef %s\n# zsh completion of %s; made by: %s --dump-options zsh\n",
		    cmd->name, cmd->name, cmd->name);
	for (size_t i = 0; cmd->subs && cmd->subs[i]; i++)
		zsh_function(cmd->subs[i], cmd->name, cmd->subs[i]->name, out);
	zsh_function(cmd, cmd->name, NULL, out);
	ev_buf_addf(out, "_%s \"$@\"\n", cmd->name);
}

/* ---- fish ---- */

static void fish_text(const char *s, struct ev_buf *out)
{
	ev_buf_addc(out, '\'');
	for (; *s; s++) {
		if (*s == '\'' || *s == '\\')
			ev_buf_addc(out, '\\');
		ev_buf_addc(out, *s);
	}
	ev_buf_addc(out, '\'');
}

/* `sub` is "evproject run", or the plain name of a command without subcommands. */
static void fish_option(const struct ev_option *o, const char *sub, struct ev_buf *out)
{
	const char *space = strchr(sub, ' ');
	int len = (int)(space ? space - sub : (long)strlen(sub));

	ev_buf_addf(out, "complete -c %.*s", len, sub);
	if (space)
		ev_buf_addf(out, " -n '__fish_seen_subcommand_from %s'", space + 1);
	if (o->key)
		ev_buf_addf(out, " -s %c", o->key);
	if (o->name)
		ev_buf_addf(out, " -l %s", o->name);
	if (o->words) {
		ev_buf_adds(out, " -x -a '");
		add_words(o->words, out);
		ev_buf_addc(out, '\'');
	} else if (o->type != EV_OPT_FLAG) {
		ev_buf_adds(out, takes_file(o) ? " -r" : " -x");
	}
	ev_buf_adds(out, " -d ");
	fish_text(o->help, out);
	ev_buf_addc(out, '\n');
}

static void fish_operand(const struct ev_command *sub, const char *name, struct ev_buf *out)
{
	if (!sub->first)
		return;
	ev_buf_addf(out, "complete -c %s -n 'contains -- %s (commandline -opc)[2]", name, sub->name);
	if (*sub->first) {
		ev_buf_adds(out, "; and not __fish_seen_subcommand_from ");
		add_words(sub->first, out);
		ev_buf_adds(out, "' -f -a '");
		add_words(sub->first, out);
		ev_buf_adds(out, "'\n");
	} else {
		ev_buf_adds(out, "' -f\n");
	}
}

void ev_options_fish(const struct ev_command *cmd, struct ev_buf *out)
{
	struct ev_buf name = EV_BUF_INIT;

	ev_buf_addf(out, "# fish completion of %s; made by: %s --dump-options fish\n", cmd->name,
		    cmd->name);
	for (size_t i = 0; cmd->subs && cmd->subs[i]; i++) {
		const struct ev_command *sub = cmd->subs[i];

		ev_buf_addf(out, "complete -c %s -n __fish_use_subcommand -f -a %s -d ", cmd->name,
			    sub->name);
		fish_text(sub->about, out);
		ev_buf_addc(out, '\n');
		ev_buf_clear(&name);
		ev_buf_addf(&name, "%s %s", cmd->name, sub->name);
		each_option(sub, ev_buf_str(&name), fish_option, out);
		fish_operand(sub, cmd->name, out);
	}
	if (cmd->run || !cmd->subs)
		each_option(cmd, cmd->name, fish_option, out);
	ev_buf_release(&name);
}
