/* spec_test.c - the positional words that name a source */
#include "test.h"

#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "source/spec.h"

/* Add all words (separated by spaces), and show what the spec then holds, or the error. */
static const char *show(const char *words)
{
	static char out[4096];
	struct ev_source_spec spec = EV_SOURCE_SPEC_INIT;
	struct ev_error err = EV_ERROR_INIT;
	struct ev_buf b = EV_BUF_INIT;
	char *copy = ev_strdup(words), *save = NULL;
	int rc = 0;

	for (char *w = strtok_r(copy, " ", &save); w && !rc; w = strtok_r(NULL, " ", &save))
		rc = ev_source_spec_add(&spec, w, &err);
	for (size_t i = 0; !rc && i < spec.ntopics; i++) {
		ev_buf_addf(&b, "%s%s", b.len ? " " : "", spec.topics[i].topic);
		for (size_t k = 0; k < spec.topics[i].npartitions; k++)
			ev_buf_addf(&b, "%c%d", k ? ',' : '/', spec.topics[i].partitions[k]);
		if (spec.topics[i].partitions && !spec.topics[i].npartitions)
			ev_buf_adds(&b, " broken");
	}
	for (size_t i = 0; !rc && i < spec.nfiles; i++)
		ev_buf_addf(&b, "%sfile:%s", b.len ? " " : "", spec.files[i]);
	if (rc)
		ev_buf_addf(&b, "exit %d: %s", err.class, err.text);
	snprintf(out, sizeof(out), "%s", ev_buf_str(&b));
	ev_buf_release(&b);
	ev_source_spec_release(&spec);
	free(copy);
	return out;
}

static void check_show(const char *words, const char *expected)
{
	const char *got = show(words);

	if (!CHECK(strcmp(got, expected) == 0, "'%s' is read as it should be", words))
		printf("#   got  %s\n#   want %s\n", got, expected);
}

static void check_refused(const char *words, int class, const char *reason)
{
	const char *got = show(words);
	char start[32];

	snprintf(start, sizeof(start), "exit %d: ", class);
	if (!CHECK(strncmp(got, start, strlen(start)) == 0 && strstr(got, reason), "'%s' is refused: %s", words,
		   reason))
		printf("#   got  %s\n", got);
}

static void test_topics(void)
{
	check_show("orders", "orders");
	check_show("orders payments", "orders payments");
	check_show("orders/0,2-5", "orders/0,2,3,4,5");
	check_show("orders/5,3-4,3,4-5,0", "orders/0,3,4,5");
	check_show("orders/2147483647", "orders/2147483647");
	check_show("orders/1 payments/0 orders/0", "orders/0,1 payments/0");
	check_show("orders/1 orders", "orders");
	check_show("orders orders/1", "orders");
	check_refused("orders/", EV_USAGE, "bad list of partitions");
	check_refused("orders/x", EV_USAGE, "bad list of partitions");
	check_refused("orders/3-1", EV_USAGE, "bad list of partitions");
	check_refused("orders/1,", EV_USAGE, "bad list of partitions");
	check_refused("orders/,1", EV_USAGE, "bad list of partitions");
	check_refused("orders/1-", EV_USAGE, "bad list of partitions");
	check_refused("orders/-1", EV_USAGE, "bad list of partitions");
	check_refused("orders/1-2-3", EV_USAGE, "bad list of partitions");
	check_refused("orders/1/2", EV_USAGE, "bad list of partitions");
	check_refused("orders/+1", EV_USAGE, "bad list of partitions");
	check_refused("orders/2147483648", EV_USAGE, "bad list of partitions");
	check_refused("orders/0-2147483647", EV_USAGE, "more than 65536 partitions");
	check_refused("orders/0-65535 orders/a", EV_USAGE, "bad list");
	check_refused("a:b", EV_USAGE, "not a topic name");
	check_refused("a+b/1", EV_USAGE, "not a topic name");
}

static void test_long_names(void)
{
	char name[252];

	memset(name, 'n', sizeof(name));
	name[249] = '\0';
	check_show(name, name);
	name[249] = 'n';
	name[250] = '\0';
	check_refused(name, EV_USAGE, "not a topic name");
}

static void test_files(void)
{
	char dir[] = "/tmp/evspec.XXXXXX", words[600];
	FILE *f;

	if (!mkdtemp(dir) || chdir(dir))
		abort();
	f = fopen("a.ndjson", "w");
	fclose(f);
	check_show("-", "file:-");
	check_show("./a.ndjson", "file:./a.ndjson");
	snprintf(words, sizeof(words), "%s/a.ndjson -", dir);
	CHECK(strncmp(show(words), "file:/tmp/evspec.", 17) == 0, "a path from the root is a file");
	check_refused("a.ndjson", EV_USAGE, "names a topic, and is a file");
	check_show("b.ndjson", "b.ndjson");
	check_refused("./b.ndjson", EV_SOURCE, "cannot open './b.ndjson': No such file");
	check_refused(".", EV_USAGE, "holds no archive");
	check_refused("./a.ndjson ./a.ndjson", EV_USAGE, "given twice");
	check_refused("- -", EV_USAGE, "given twice");
	check_refused("orders -", EV_USAGE, "cannot be mixed");
	check_refused("./a.ndjson orders", EV_USAGE, "cannot be mixed");
	unlink("a.ndjson");
	if (chdir("/") || rmdir(dir))
		abort();
}

static const char *show_archive(const char *words)
{
	static char out[1024];
	struct ev_source_spec spec = EV_SOURCE_SPEC_INIT;
	struct ev_error err = EV_ERROR_INIT;
	struct ev_buf b = EV_BUF_INIT;
	char *copy = ev_strdup(words), *save = NULL;
	int rc = 0;

	for (char *w = strtok_r(copy, " ", &save); w && !rc; w = strtok_r(NULL, " ", &save))
		rc = ev_source_spec_add(&spec, w, &err);
	if (rc)
		ev_buf_addf(&b, "exit %d: %s", err.class, err.text);
	else
		ev_buf_addf(&b, "%s%s", spec.archive ? spec.archive : "none", spec.archive_whole ? " whole" : "");
	for (size_t i = 0; !rc && i < spec.nselected; i++) {
		ev_buf_addf(&b, " %s", spec.selected[i].topic);
		for (size_t k = 0; k < spec.selected[i].npartitions; k++)
			ev_buf_addf(&b, "%c%d", k ? ',' : '/', spec.selected[i].partitions[k]);
	}
	for (size_t i = 0; !rc && i < spec.ntopics; i++)
		ev_buf_addf(&b, " + %s", spec.topics[i].topic);
	snprintf(out, sizeof(out), "%s", ev_buf_str(&b));
	ev_buf_release(&b);
	ev_source_spec_release(&spec);
	free(copy);
	return out;
}

static void check_archive(const char *words, const char *expected)
{
	const char *got = show_archive(words);

	if (!CHECK(strstr(got, expected) == got, "'%s' is read as it should be", words))
		printf("#   got  %s\n#   want %s\n", got, expected);
}

static void test_archives(void)
{
	char dir[] = "/tmp/evspec.XXXXXX";
	FILE *f;

	if (!mkdtemp(dir) || chdir(dir) || mkdir("a", 0777) || mkdir("a/t", 0777) || mkdir("a/t/0", 0777) ||
	    mkdir("b", 0777))
		abort();
	f = fopen("a/archive.json", "w");
	fclose(f);
	f = fopen("b/archive.json", "w");
	fclose(f);
	f = fopen("a/t/0/x.ndjson.gz", "w");
	fclose(f);
	check_archive("./a", "./a whole");
	check_archive("./a/", "./a whole");
	check_archive("./a/t", "./a t");
	check_archive("./a/t/", "./a t");
	check_archive("./a/t/0", "./a t/0");
	check_archive("./a/t/0,2-3", "./a t/0,2,3");
	check_archive("./a/t/1 ./a/t/0 ./a/u", "./a t/0,1 u");
	check_archive("./a/u ./a", "./a whole u");
	check_archive("./a orders", "./a whole + orders");
	check_archive("orders ./a", "./a whole + orders");
	check_archive("./a/t/0/x.ndjson.gz", "none");
	check_archive("./a/t/x", "exit 2: cannot read source './a/t/x': bad list");
	check_archive("./a/@", "exit 2: cannot read source './a/@': not a topic name");
	check_archive("./a/t orders", "exit 2: cannot read 'orders' beside a part of an archive");
	check_archive("orders ./a/t", "exit 2: cannot read './a/t' beside a topic");
	check_archive("./a ./b", "exit 2: cannot read archives './a' and './b' as one");
	check_archive("./a -", "exit 2: cannot read '-': archives and files cannot be mixed");
	check_archive("- ./a", "exit 2: cannot read './a': archives and files cannot be mixed");
	check_archive("./a/t/0/1", "exit 3: cannot open");
	check_archive("./c/t", "exit 3: cannot open './c/t'");
	if (chdir("a"))
		abort();
	check_archive("./t", ". t");
	check_archive(".", ". whole");
	unlink("t/0/x.ndjson.gz");
	unlink("archive.json");
	unlink("../b/archive.json");
	if (rmdir("t/0") || rmdir("t") || chdir("..") || rmdir("a") || rmdir("b") || chdir("/") || rmdir(dir))
		abort();
}

static void test_open(void)
{
	struct ev_source_spec spec = EV_SOURCE_SPEC_INIT;
	struct ev_error err = EV_ERROR_INIT;

	CHECK(!ev_source_open(&spec, &err) && err.class == EV_USAGE, "no source at all is a usage error");
	ev_source_spec_add(&spec, "orders", &err);
	spec.lines_topic = ev_strdup("x");
	CHECK(!ev_source_open(&spec, &err) && err.class == EV_USAGE && strstr(err.text, "--lines"),
	      "--lines of a topic is a usage error");
	ev_source_spec_release(&spec);
}

int main(void)
{
	test_topics();
	test_long_names();
	test_files();
	test_archives();
	test_open();
	return test_done();
}
