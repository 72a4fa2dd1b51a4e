/* position_test.c - positions in memory, as JSON and in files */
#include "test.h"

#include <dirent.h>
#include <sys/stat.h>
#include <unistd.h>

#include "position/position.h"

static void test_table(void)
{
	struct ev_position p = EV_POSITION_INIT, q = EV_POSITION_INIT;

	CHECK(ev_position_get(&p, "a", 0) == -1, "an empty position has no partition");
	ev_position_set(&p, "b", 10, 5);
	ev_position_set(&p, "b", 9, 4);
	ev_position_set(&p, "a", 2, 3);
	ev_position_set(&p, "b", 10, 6);
	CHECK(p.n == 3 && p.v[0].topic[0] == 'a' && p.v[1].partition == 9 && p.v[2].partition == 10,
	      "entries are sorted by topic and number");
	CHECK(ev_position_get(&p, "b", 10) == 6, "setting again replaces");
	ev_position_copy(&q, &p);
	CHECK(ev_position_eq(&p, &q), "a copy is equal");
	ev_position_set(&q, "b", 9, 5);
	CHECK(!ev_position_eq(&p, &q), "another offset is not equal");
	ev_position_copy(&q, &p);
	ev_position_set(&q, "c", 0, 0);
	CHECK(!ev_position_eq(&p, &q), "one partition more is not equal");
	ev_position_release(&p);
	ev_position_release(&q);
}

static void test_random_order(void)
{
	uint64_t rand = test_seed();
	struct ev_position p = EV_POSITION_INIT;
	int64_t want[50];
	int wrong = 0;

	for (int i = 0; i < 50; i++)
		want[i] = -1;
	for (int i = 0; i < 500; i++) {
		int32_t k = (int32_t)(test_rand(&rand) % 50);

		want[k] = (int64_t)(test_rand(&rand) >> 1);
		ev_position_set(&p, k % 2 ? "x" : "y", k, want[k]);
	}
	for (int32_t k = 0; k < 50; k++)
		wrong += ev_position_get(&p, k % 2 ? "x" : "y", k) != want[k];
	for (size_t i = 1; i < p.n; i++) {
		int c = strcmp(p.v[i - 1].topic, p.v[i].topic);

		wrong += c > 0 || (c == 0 && p.v[i - 1].partition >= p.v[i].partition);
	}
	CHECK(wrong == 0, "sets in any order give a sorted table without doubles");
	ev_position_release(&p);
}

static void check_read(const char *json, const char *want)
{
	struct ev_position p = EV_POSITION_INIT;
	struct ev_error err = EV_ERROR_INIT;
	struct ev_buf out = EV_BUF_INIT;
	int rc = ev_position_read(&p, ev_slice_str(json), &err);

	if (!rc)
		ev_position_print(&p, &out);
	if (want)
		CHECK(!rc && strcmp(ev_buf_str(&out), want) == 0, "%s reads as %s (%s%s)", json, want,
		      ev_buf_str(&out), err.text);
	else
		CHECK(rc && err.class == EV_USAGE && *err.text && *err.hint && !p.n,
		      "%s is refused (%s)", json, err.text);
	ev_position_release(&p);
	ev_buf_release(&out);
}

static void test_json(void)
{
	check_read("{\"orders\":{\"0\":12,\"1\":7}}", "{\"orders\":{\"0\":12,\"1\":7}}");
	check_read(" {\"b\":{\"10\":1,\"9\":2},\t\"a\":{\"0\":0}} ",
		   "{\"a\":{\"0\":0},\"b\":{\"9\":2,\"10\":1}}");
	check_read("{}", "{}");
	check_read("{\"a\":{}}", "{}");
	check_read("{\"\\u00e4\\\"\":{\"2147483647\":9223372036854775807}}",
		   "{\"\xc3\xa4\\\"\":{\"2147483647\":9223372036854775807}}");
	check_read("", NULL);
	check_read("12", NULL);
	check_read("[]", NULL);
	check_read("{\"a\":12}", NULL);
	check_read("{\"a\":{\"0\":-1}}", NULL);
	check_read("{\"a\":{\"0\":1.0}}", NULL);
	check_read("{\"a\":{\"0\":1e3}}", NULL);
	check_read("{\"a\":{\"0\":\"1\"}}", NULL);
	check_read("{\"a\":{\"0\":null}}", NULL);
	check_read("{\"a\":{\"0\":9223372036854775808}}", NULL);
	check_read("{\"a\":{\"2147483648\":1}}", NULL);
	check_read("{\"a\":{\"01\":1}}", NULL);
	check_read("{\"a\":{\"-1\":1}}", NULL);
	check_read("{\"a\":{\"+1\":1}}", NULL);
	check_read("{\"a\":{\" 1\":1}}", NULL);
	check_read("{\"a\":{\"\":1}}", NULL);
	check_read("{\"a\":{\"x\":1}}", NULL);
	check_read("{\"\":{\"0\":1}}", NULL);
	check_read("{\"a\":{\"0\":1,\"0\":1}}", NULL);
	check_read("{\"a\":{\"0\":1},\"a\":{\"1\":1}}", NULL);
	check_read("{\"a\":{\"0\":1}} x", NULL);
	check_read("{\"a\":{\"0\":1}", NULL);
	check_read("{\"a\\u0000b\":{\"0\":1}}", NULL);
}

static int entries(const char *folder)
{
	DIR *d = opendir(folder);
	int n = 0;

	while (d && readdir(d))
		n++;
	if (d)
		closedir(d);
	return n - 2;
}

static void save_and_load(const char *file, int64_t offset, const char *what)
{
	struct ev_position p = EV_POSITION_INIT, q = EV_POSITION_INIT;
	struct ev_error err = EV_ERROR_INIT;

	ev_position_set(&p, "orders", 3, offset);
	CHECK(!ev_position_save(&p, file, &err) && !ev_position_load(&q, file, &err) &&
	      ev_position_eq(&p, &q), "%s: what is saved is loaded %s", what, err.text);
	ev_position_release(&p);
	ev_position_release(&q);
}

static void save_fails(const char *file, const char *part)
{
	struct ev_position p = EV_POSITION_INIT;
	struct ev_error err = EV_ERROR_INIT;

	CHECK(ev_position_save(&p, file, &err) && err.class == EV_STORE && strstr(err.text, part),
	      "saving to '%s' fails: %s", file, err.text);
	ev_position_release(&p);
}

static void test_files(void)
{
	char folder[] = "/tmp/position_test.XXXXXX";
	struct ev_position p = EV_POSITION_INIT;
	struct ev_error err = EV_ERROR_INIT;
	struct stat st;
	mode_t mask;

	if (!CHECK(mkdtemp(folder) && !chdir(folder), "there is a scratch folder"))
		return;
	CHECK(ev_position_load(&p, "p.json", &err) && err.class == EV_USAGE && strstr(err.text, "p.json"),
	      "a missing file is named: %s", err.text);
	mask = umask(0027);
	save_and_load("p.json", 12, "a name without a slash");
	CHECK(!stat("p.json", &st) && (st.st_mode & 0777) == 0640, "the mode is what the umask leaves");
	umask(mask);
	save_and_load("./p.json", 13, "over an old file");
	CHECK(entries(".") == 1, "no temporary file stays");
	CHECK(!symlink("p.json", "link.json"), "there is a link");
	save_and_load("link.json", 14, "through a link");
	CHECK(!lstat("link.json", &st) && S_ISLNK(st.st_mode), "the link stays a link");
	CHECK(!ev_position_load(&p, "p.json", &err) && ev_position_get(&p, "orders", 3) == 14,
	      "what the link points to was replaced");
	CHECK(!mkdir("d", 0700) && !symlink("nowhere", "dangling.json"), "there are traps");
	save_fails("d", "directory");
	save_fails("dangling.json", "No such file");
	save_fails("missing/p.json", "No such file");
	save_fails("/dev/null", "not a regular file");
	save_fails("", "No such file");
	CHECK(entries(".") == 4 && entries("d") == 0, "failures leave nothing behind");
	CHECK(ev_position_load(&p, "d", &err), "a folder is no position: %s", err.text);
	CHECK(ev_position_get(&p, "orders", 3) == 14, "a failed load leaves the position alone");
	unlink("p.json");
	unlink("link.json");
	unlink("dangling.json");
	rmdir("d");
	CHECK(!chdir("/") && !rmdir(folder), "the scratch folder is empty again");
	ev_position_release(&p);
}

int main(void)
{
	test_table();
	test_random_order();
	test_json();
	test_files();
	return test_done();
}
