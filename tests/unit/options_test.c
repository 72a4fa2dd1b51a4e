/* options_test.c - the option parser: every way to write a value, and every way to be wrong */
#include "test.h"

#include "common/options.h"

struct args {
	bool flag, other;
	const char *text;
	int64_t n, wait;
	uint64_t size;
	double part, some;
	struct ev_list list;
	int word;
};

static const char *const words[] = { "red", "green", NULL };
static const char *const hues[] = { "light", "dark", NULL };
static const struct ev_option table[] = {
	EV_GROUP("Things"),
	EV_FLAG('f', "flag", struct args, flag, "a flag"),
	EV_FLAG('g', "other", struct args, other, "another"),
	EV_STRING('t', "text", "TEXT", struct args, text, "a text"),
	EV_INT('n', "number", "N", struct args, n, -10, 100, "a number"),
	EV_SIZE(0, "size", "SIZE", struct args, size, 1024, INT64_MAX, "a size"),
	EV_SIZE(0, "large", "SIZE", struct args, size, 16 << 20, INT64_MAX, "a size of some bytes"),
	EV_PERCENT(0, "part", "PCT", struct args, part, 0, "a part"),
	EV_PERCENT(0, "some", "PCT", struct args, some, 1, "not nothing"),
	EV_DURATION(0, "wait", "TIME", struct args, wait, "a duration"),
	EV_LIST('x', "list", "NAME", struct args, list, "repeatable"),
	EV_STRING(0, "target", "TARGET", struct args, text, "a file, or something else"),
	EV_BRIEF("Words"),
	EV_ENUM(0, "word", "red|green", struct args, word, words, "a word"),
	EV_STRING_WORDS(0, "shade", "SHADE", struct args, text, hues, "light, dark, or a number"),
	EV_END,
};
static const struct ev_command command = { .name = "evx", .about = "About.", .synopsis = "[OPTION]...",
					   .options = table, .args_size = sizeof(struct args) };

static struct args a;
static struct ev_builtin_args builtin;
static struct ev_error err;
static char *rest_words[16];
static struct ev_operands rest = { rest_words, 0 };

static int parse(int n, const char *const *argv)
{
	static char text[16][64];
	char *copy[16];

	ev_options_release(&command, &a);
	memset(&a, 0, sizeof(a));
	memset(&builtin, 0, sizeof(builtin));
	memset(&err, 0, sizeof(err));
	for (int i = 0; i < n; i++) {
		snprintf(text[i], sizeof(text[i]), "%s", argv[i]);
		copy[i] = text[i];
	}
	return ev_options_parse(&command, &a, &builtin, n, copy, &rest, &err);
}
#define PARSE(...) \
	parse((int)(sizeof((const char *const[]){ __VA_ARGS__ }) / sizeof(char *)), \
	      (const char *const[]){ __VA_ARGS__ })

static void refused(int rc, const char *text)
{
	CHECK(rc == -1 && err.class == EV_USAGE && !strcmp(err.text, text), "refused: %s (got: %s)", text,
	      err.text);
}

static void good(void)
{
	CHECK(!PARSE("--number=5") && a.n == 5, "--name=value");
	CHECK(!PARSE("--number", "6") && a.n == 6, "--name value");
	CHECK(!PARSE("-n7") && a.n == 7, "-n7");
	CHECK(!PARSE("-n", "-5") && a.n == -5, "a negative value is a value");
	CHECK(!PARSE("-fgn8") && a.flag && a.other && a.n == 8, "bundled flags, then a value");
	CHECK(!PARSE("-f", "x", "-", "--", "-g") && a.flag && !a.other && rest.n == 3 &&
		      !strcmp(rest.v[1], "-") && !strcmp(rest.v[2], "-g"),
	      "operands between, - is one, -- ends options");
	CHECK(!PARSE("--text=a=b") && !strcmp(a.text, "a=b"), "only the first = separates");
	CHECK(!PARSE("--text=") && !strcmp(a.text, ""), "an empty value is a value");
	CHECK(!PARSE("-x1", "--list", "2", "--list=3") && a.list.n == 3 && !strcmp(a.list.v[2], "3"),
	      "a list keeps all values in order");
	CHECK(!PARSE("--size=2K") && a.size == 2048, "K is 1024");
	CHECK(!PARSE("--size=3G") && a.size == 3ull << 30, "G");
	CHECK(!PARSE("--wait=1m30s") && a.wait == 90000, "a duration");
	CHECK(!PARSE("--word=green") && a.word == 1, "a word");
	CHECK(!PARSE("-h") && builtin.help, "-h is --help");
	CHECK(!PARSE("--part=5", "--some", "0.5 %") && a.part == 5 && a.some == 0.5,
	      "a percentage with or without its sign");
	CHECK(!PARSE("--part=0", "--some=100%") && a.part == 0 && a.some == 100, "its ends");
	CHECK(!PARSE("--log-format=json") && builtin.log_format == 1, "every command has --log-format");
}

static void bad(void)
{
	refused(PARSE("--flga"), "unknown option '--flga' (did you mean '--flag'?)");
	refused(PARSE("--zzzzzz"), "unknown option '--zzzzzz'");
	refused(PARSE("--num=1"), "unknown option '--num'");
	refused(PARSE("-fz"), "unknown option '-z'");
	refused(PARSE("--number", "5x"), "option '--number' takes an integer from -10 to 100, not '5x'");
	refused(PARSE("--number=101"), "option '--number' takes an integer from -10 to 100, not '101'");
	refused(PARSE("--number="), "option '--number' takes an integer from -10 to 100, not ''");
	refused(PARSE("--number= 5"), "option '--number' takes an integer from -10 to 100, not ' 5'");
	refused(PARSE("--number=99999999999999999999"),
		"option '--number' takes an integer from -10 to 100, not '99999999999999999999'");
	refused(PARSE("--size=1"), "option '--size' takes a size of at least 1024 bytes, like 512M, not '1'");
	refused(PARSE("--size=16777216T"),
		"option '--size' takes a size of at least 1024 bytes, like 512M, not '16777216T'");
	refused(PARSE("--large=1k"), "option '--large' takes a size of at least 16M, like 512M, not '1k'");
	refused(PARSE("--part=101%"), "option '--part' takes a percentage from 0 to 100, not '101%'");
	refused(PARSE("--part=-1"), "option '--part' takes a percentage from 0 to 100, not '-1'");
	refused(PARSE("--part=nan"), "option '--part' takes a percentage from 0 to 100, not 'nan'");
	refused(PARSE("--part=1%%"), "option '--part' takes a percentage from 0 to 100, not '1%%'");
	refused(PARSE("--part=%"), "option '--part' takes a percentage from 0 to 100, not '%'");
	refused(PARSE("--some=0"), "option '--some' takes a percentage above 0 and up to 100, not '0'");
	refused(PARSE("--word=blue"), "option '--word' takes red or green, not 'blue'");
	refused(PARSE("--flag=yes"), "option '--flag' takes no value");
	refused(PARSE("--text"), "option '--text' needs a value (TEXT)");
	refused(PARSE("-t"), "option '-t' needs a value (TEXT)");
	CHECK(PARSE("--wait=soon") == -1 && strstr(err.text, "--wait"), "a bad duration names its option: %s",
	      err.text);
}

static void texts(void)
{
	struct ev_buf out = EV_BUF_INIT;

	ev_options_help(&command, NULL, &out);
	CHECK(strstr(out.data, "  -n, --number N            a number\n"), "help has a row per option");
	CHECK(strstr(out.data, "Words: --word red|green, --shade SHADE\n"), "a brief group is one line");
	ev_buf_clear(&out);
	ev_options_man(&command, NULL, &out);
	CHECK(strstr(out.data, ".It Fl n , Fl \\-number Ar \\&N\nA number.\n"), "mdoc has an item per option");
	ev_buf_clear(&out);
	ev_options_bash(&command, &out);
	CHECK(strstr(out.data, "--word) COMPREPLY=($(compgen -W 'red green'"), "bash completes words");
	CHECK(strstr(out.data, "--shade) COMPREPLY=($(compgen -W 'light dark'"), "also where there are others");
	CHECK(strstr(out.data, "--target) COMPREPLY=($(compgen -f"), "and files where one may be meant");
	ev_buf_clear(&out);
	ev_options_fish(&command, &out);
	CHECK(strstr(out.data, "complete -c evx -l word -x -a 'red green' -d 'a word'\n"), "fish completes words");
	ev_buf_release(&out);
}

int main(void)
{
	good();
	bad();
	texts();
	ev_options_release(&command, &a);
	return test_done();
}
