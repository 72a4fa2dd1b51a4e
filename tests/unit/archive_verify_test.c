/* archive_verify_test.c - every kind of damage to an archive is found, and named */
#include "test.h"

#include <ftw.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include "archive/verify.h"
#include "archive/writer.h"
#include "base/file.h"
#include "base/mem.h"

static char told[8192];

static void tell(void *ctx, const char *text)
{
	size_t n = strlen(told);

	snprintf(told + n, sizeof(told) - n, "%s%s\n", (const char *)ctx, text);
}

static void fault(void *ctx, const char *text)
{
	(void)ctx;
	tell("", text);
}

static void note(void *ctx, const char *text)
{
	(void)ctx;
	tell("note ", text);
}

/* The number of faults; -1 when it could not be checked. What was told is in `told`. */
static int64_t verify(struct ev_archive_check *c)
{
	struct ev_error err = EV_ERROR_INIT;

	told[0] = '\0';
	*c = (struct ev_archive_check){ .dir = "a", .fault = fault, .note = note };
	if (!ev_archive_verify(c, &err))
		return (int64_t)c->faults;
	snprintf(told, sizeof(told), "%d %s", err.class, err.text);
	return -1;
}

static int remove_one(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
	(void)st;
	(void)flag;
	(void)ftw;
	return remove(path);
}

static void remove_all(const char *path)
{
	nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

/* Offsets 3, 4, 6, 7, 9, ... of t/0; segments of 9 records, members of three or so. */
static void write_archive(void)
{
	struct ev_archive_options opt = EV_ARCHIVE_OPTIONS_INIT;
	struct ev_error err = EV_ERROR_INIT;
	struct ev_archive_writer *w;
	char value[32];

	remove_all("a");
	opt.member_bytes = 300;
	opt.segment_records = 9;
	w = ev_archive_writer_open("a", &opt, &err);
	for (int i = 0; w && i < 20; i++) {
		struct ev_record r = { .topic = EV_LITERAL("t"), .offset = 3 + i / 2 * 3 + i % 2, .timestamp = i };

		snprintf(value, sizeof(value), "%d", i * 7);
		r.value = ev_slice_str(value);
		if (ev_archive_writer_put(w, &r, &err))
			abort();
	}
	if (!w || ev_archive_writer_flush(w, &err))
		abort();
	ev_archive_writer_close(w);
}

static const char data[] = "a/t/0/00000000000000000003.ndjson.gz", index_file[] = "a/t/0/00000000000000000003.index";

static void get(const char *path, struct ev_buf *out)
{
	struct ev_error err;

	ev_buf_clear(out);
	if (ev_file_read(path, 1 << 20, out, &err))
		abort();
}

static void put(const char *path, const char *bytes, size_t n)
{
	FILE *f = fopen(path, "wb");

	if (!f || fwrite(bytes, 1, n, f) != n || fclose(f))
		abort();
}

static void check_fault(const char *why, const char *what)
{
	struct ev_archive_check c;

	if (!CHECK(verify(&c) > 0 && strstr(told, why), "%s is found: %s", what, why))
		printf("# %s\n", told);
}

/* Each of these changes to a file is found, and the file is named. */
static void check_bytes(const char *path, const char *what)
{
	struct ev_buf was = EV_BUF_INIT;
	struct ev_archive_check c;
	size_t flips = 0, cuts = 0, drops = 0;

	get(path, &was);
	for (size_t i = 0; i < was.len; i++) {
		was.data[i] ^= (char)(1 << i % 8);
		put(path, was.data, was.len);
		was.data[i] ^= (char)(1 << i % 8);
		flips += verify(&c) > 0 && strstr(told, path + 2);
		put(path, was.data, i);
		cuts += verify(&c) > 0 && strstr(told, path + 2);
		put(path, was.data, i);
		if (i + 1 < was.len) {
			FILE *f = fopen(path, "ab");

			fwrite(was.data + i + 1, 1, was.len - i - 1, f);
			fclose(f);
		}
		drops += verify(&c) > 0 && strstr(told, path + 2);
	}
	CHECK(flips == was.len, "a flipped bit in each of %zu bytes of %s is found", was.len, what);
	CHECK(cuts == was.len, "%s cut short anywhere is found", what);
	CHECK(drops == was.len, "a byte missing anywhere in %s is found", what);
	put(path, was.data, was.len);
	CHECK(!verify(&c), "and it is whole again");
	ev_buf_release(&was);
}

/* The manifest with `from` replaced, and a right CRC. */
static void edit_manifest(const char *from, const char *to)
{
	struct ev_buf was = EV_BUF_INIT, text = EV_BUF_INIT;
	const char *at, *crc;

	get("a/archive.json", &was);
	at = strstr(was.data, from);
	crc = strstr(was.data, "\"crc32\":\"");
	while (crc && strstr(crc + 1, "\"crc32\":\""))
		crc = strstr(crc + 1, "\"crc32\":\"");
	if (!at || !crc)
		abort();
	ev_buf_add(&text, was.data, (size_t)(at - was.data));
	ev_buf_adds(&text, to);
	ev_buf_add(&text, at + strlen(from), (size_t)(crc - at) - strlen(from));
	ev_buf_addf(&text, "\"crc32\":\"%08lx\"}\n", crc32(0, (unsigned char *)text.data, (uInt)text.len));
	put("a/archive.json", text.data, text.len);
	ev_buf_release(&was);
	ev_buf_release(&text);
}

/* The index with `from` replaced by as many bytes, and the manifest's CRC of it right. */
static void edit_index(const char *from, const char *to)
{
	struct ev_buf was = EV_BUF_INIT;
	char old[9], new[9];
	char *at;

	get(index_file, &was);
	snprintf(old, sizeof(old), "%08lx", crc32(0, (unsigned char *)was.data, (uInt)was.len));
	at = strstr(was.data, from);
	if (!at || strlen(from) != strlen(to))
		abort();
	memcpy(at, to, strlen(to));
	snprintf(new, sizeof(new), "%08lx", crc32(0, (unsigned char *)was.data, (uInt)was.len));
	put(index_file, was.data, was.len);
	edit_manifest(old, new);
	ev_buf_release(&was);
}

/* The first member of the segment is gone from data, index and manifest's sizes: all else says so. */
static void drop_member(void)
{
	struct ev_buf d = EV_BUF_INIT, x = EV_BUF_INIT;
	char *lf, *bytes;
	long n;

	get(data, &d);
	get(index_file, &x);
	lf = strchr(x.data, '\n');
	bytes = strstr(x.data, "\"bytes\":");
	n = strtol(bytes + 8, NULL, 10);
	put(data, d.data + n, d.len - (size_t)n);
	put(index_file, lf + 1, x.len - (size_t)(lf + 1 - x.data));
	ev_buf_release(&d);
	ev_buf_release(&x);
}

/* A member's bytes are gone from the segment alone, or those of the last one. */
static void cut_member(int number)
{
	struct ev_buf d = EV_BUF_INIT, x = EV_BUF_INIT;
	char *line;
	long at, n;

	get(data, &d);
	get(index_file, &x);
	line = x.data;
	for (int i = 0; i < number; i++)
		line = strchr(line, '\n') + 1;
	at = strtol(strstr(line, "\"position\":") + 11, NULL, 10);
	n = strtol(strstr(line, "\"bytes\":") + 8, NULL, 10);
	memmove(d.data + at, d.data + at + n, d.len - (size_t)(at + n));
	put(data, d.data, d.len - (size_t)n);
	ev_buf_release(&d);
	ev_buf_release(&x);
}

static void test_missing(void)
{
	struct ev_archive_check c;

	write_archive();
	cut_member(1);
	check_fault("00003.ndjson.gz': 1 gzip member is missing at byte", "a member that is not there");
	CHECK(verify(&c) == 1, "and is told once: %s", told);
	write_archive();
	cut_member(0);
	check_fault("1 gzip member is missing at byte 0 (offsets 3..", "the first one");
	write_archive();
	cut_member(2);
	check_fault("00003.ndjson.gz' is cut short", "the last one");
	CHECK(verify(&c) == 1, "as one fault");
}

static void test_whole(void)
{
	struct ev_archive_check c;
	FILE *f;

	write_archive();
	CHECK(!verify(&c) && c.partitions == 1 && c.segments == 2 && c.members == 5 && c.records == 20 &&
	      c.empty == 9 && !*told, "a whole archive has no faults, and all of it is counted");
	f = fopen(index_file, "ab");
	fputs("{\"off", f);
	fclose(f);
	f = fopen("a/t/0/00000000000000000032.ndjson.gz", "wb");
	fclose(f);
	CHECK(!verify(&c) && strstr(told, "note 'a/t/0/00000000000000000003.index': 5 bytes from byte") &&
	      strstr(told, "note 'a/t/0/00000000000000000032.ndjson.gz' was not flushed"),
	      "what a crash has left is noted, and no fault");
	remove_all("a");
	CHECK(verify(&c) == -1 && !strncmp(told, "3 ", 2), "no archive cannot be checked");
}

static void test_bytes(void)
{
	write_archive();
	check_bytes(data, "a segment");
	check_bytes(index_file, "an index");
	check_bytes("a/archive.json", "the manifest");
}

static void test_lies(void)
{
	struct ev_archive_check c;

	write_archive();
	edit_index("\"records\":4", "\"records\":3");
	check_fault("a/t/0/00000000000000000003.index': line 1 is wrong: the segment says {\"offset\":3,",
		    "a wrong count in an index");
	write_archive();
	edit_index("\"oldest\":0", "\"oldest\":1");
	check_fault("line 1 is wrong", "a wrong time in an index");
	write_archive();
	edit_index("\"empty\":[[5,6]]", "\"empty\":[[6,7]]");
	check_fault("line 1 is wrong", "a wrong hole in an index");
	write_archive();
	edit_index("\"position\":0", "\"position\":1");
	check_fault(".index': line 1: a member stands at byte 1, not at 0", "a wrong position in an index");
	write_archive();
	edit_manifest("\"newest\":11", "\"newest\":12");
	check_fault("the manifest's times are wrong", "a wrong time in the manifest");
	write_archive();
	edit_manifest("\"last_hash\":\"", "\"last_hash\":\"0123456789abcdef\",\"x\":\"");
	check_fault("the hash of the last record of t/0 is wrong", "a wrong hash in the manifest");
	write_archive();
	edit_manifest("\"records\":20,\"empty\":9", "\"records\":19,\"empty\":10");
	check_fault("its segments hold 20 records, not 19", "a wrong sum in the manifest");
	write_archive();
	drop_member();
	check_fault("00003.index' is cut short", "a member taken out with its line");
	check_fault("00003.ndjson.gz' is cut short", "a member taken out with its line");
	write_archive();
	rename("a/t/0/00000000000000000020.ndjson.gz", "x");
	rename("x", data);
	check_fault("00003.ndjson.gz': gzip member at byte 0", "a segment in another's place");
	check_fault("00020.ndjson.gz': ", "and its absence");
	CHECK(verify(&c) > 1, "each of them");
}

static void test_files(void)
{
	struct ev_archive_check c;

	write_archive();
	unlink(data);
	check_fault("cannot read 'a/t/0/00000000000000000003.ndjson.gz'", "a missing segment");
	CHECK(verify(&c) == 1, "and is told once");
	write_archive();
	unlink(index_file);
	check_fault("'a/t/0/00000000000000000003.index' is missing", "a missing index");
	CHECK(verify(&c) == 1 && c.records == 20, "and the segment is checked all the same");
	write_archive();
	remove_all("a/t/0");
	CHECK(verify(&c) == 4, "a missing folder is all of its files");
	write_archive();
	put("a/t/0/00000000000000000004.ndjson.gz", "", 0);
	check_fault("'a/t/0/00000000000000000004.ndjson.gz' is not of the archive", "a foreign segment");
	put("a/t/0/x", "", 0);
	check_fault("'a/t/0/x' is not of the archive", "a foreign file");
	put("a/y", "", 0);
	check_fault("'a/y' is not of the archive", "one at the top");
	if (mkdir("a/t/1", 0777) || mkdir("a/t/00", 0777))
		abort();
	check_fault("'a/t/1' is not of the archive", "a foreign partition");
	check_fault("'a/t/00' is not of the archive", "one by another spelling");
	CHECK(verify(&c) == 5 && c.records == 20, "and nothing else is wrong");
}

int main(void)
{
	char shm[] = "/dev/shm/evverify.XXXXXX", tmp[] = "/tmp/evverify.XXXXXX", *dir = mkdtemp(shm);

	dir = dir ? dir : mkdtemp(tmp);
	if (!dir || chdir(dir))
		abort();
	test_whole();
	test_bytes();
	test_lies();
	test_missing();
	test_files();
	if (chdir("/"))
		abort();
	remove_all(dir);
	return test_done();
}
