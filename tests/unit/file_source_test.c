/* file_source_test.c - record lines and other lines from files, gzip and pipes */
#include "test.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include "base/mem.h"
#include "merge/merge.h"
#include "record/line.h"
#include "source/lines.h"
#include "source/source.h"
#include "source/spec.h"

static char dir[] = "/tmp/evfile.XXXXXX";

static void put_file(const char *name, struct ev_slice bytes)
{
	FILE *f = fopen(name, "wb");

	if (!f || fwrite(bytes.ptr, 1, bytes.len, f) != bytes.len || fclose(f))
		abort();
}

/* Append `bytes` to `out` as one gzip member. */
static void add_member(struct ev_buf *out, struct ev_slice bytes)
{
	z_stream z = { 0 };

	if (deflateInit2(&z, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) != Z_OK)
		abort();
	if (!ev_buf_reserve(out, deflateBound(&z, bytes.len)))
		abort();
	z.next_in = (unsigned char *)(uintptr_t)bytes.ptr;
	z.avail_in = (uInt)bytes.len;
	z.next_out = (unsigned char *)out->data + out->len;
	z.avail_out = (uInt)(out->cap - out->len);
	if (deflate(&z, Z_FINISH) != Z_STREAM_END)
		abort();
	out->len += z.total_out;
	deflateEnd(&z);
}

/* `words` are file names separated by spaces; a NULL source has filled `err`. */
static struct ev_source *open_files(const char *words, const char *lines, struct ev_error *err)
{
	struct ev_source_spec spec = EV_SOURCE_SPEC_INIT;
	struct ev_source *s = NULL;
	char *copy = ev_strdup(words), *save = NULL;
	int rc = 0;

	for (char *w = strtok_r(copy, " ", &save); w && !rc; w = strtok_r(NULL, " ", &save))
		rc = ev_source_spec_add(&spec, w, err);
	spec.lines_topic = ev_strdup(lines);
	if (!rc)
		s = ev_source_open(&spec, err);
	ev_source_spec_release(&spec);
	free(copy);
	return s;
}

/* What a whole read gave: record lines in order, and how it ended. */
struct outcome {
	struct ev_buf text;
	size_t n;
	struct ev_error err; /* class EV_OK: it ended well */
};

static void outcome_release(struct outcome *o)
{
	ev_buf_release(&o->text);
}

/* Read lane 0 to its end, holding all batches until then, as a merge may. */
static void read_lane(struct ev_source *s, struct outcome *o)
{
	struct ev_batch *held = NULL, batch;
	size_t n = 0, cap = 0;
	enum ev_fetch rc;

	while ((rc = s->ops->fetch(s, 0, &batch, 1000, &o->err)) != EV_FETCH_DONE) {
		if (rc == EV_FETCH_ERROR)
			break;
		if (rc == EV_FETCH_SOME) {
			EV_GROW(held, n, cap);
			held[n++] = batch;
		}
	}
	for (size_t i = 0; i < n; i++)
		for (size_t k = 0; k < held[i].n; k++, o->n++)
			ev_line_write(&o->text, &held[i].records[k]);
	while (n-- > 0)
		s->ops->release(s, &held[n]);
	free(held);
}

static struct outcome read_whole(const char *words, const char *lines)
{
	struct outcome o = { .err = EV_ERROR_INIT };
	struct ev_span spans[1] = { { 0, INT64_MAX } }; /* used by --lines only */
	struct ev_source *s = open_files(words, lines, &o.err);

	if (!s)
		return o;
	if (s->ops->start(s, spans, true, false, &o.err) == 0)
		read_lane(s, &o);
	s->ops->close(s);
	return o;
}

static bool starts_with(struct ev_slice whole, struct ev_slice part)
{
	return part.len <= whole.len && memcmp(whole.ptr, part.ptr, part.len) == 0;
}

/* `n` records in random order of partitions, with holes; canonical lines. */
static void make_lines(struct ev_buf *out, int n, size_t max_value, uint64_t *seed)
{
	int64_t next[6] = { 0 };
	char *value = ev_alloc(max_value + 1);

	for (int i = 0; i < n; i++) {
		unsigned p = (unsigned)(test_rand(seed) % 6);
		struct ev_header h = { EV_LITERAL("h\n"), EV_LITERAL("\xff") };
		struct ev_record r = { .topic = ev_slice_str(p < 3 ? "orders" : "payments"),
				       .partition = (int32_t)(p % 3), .timestamp = 1000 + i };

		next[p] += 1 + (int64_t)(test_rand(seed) % 3);
		r.offset = next[p];
		r.value.len = test_rand(seed) % (max_value + 1);
		memset(value, test_rand(seed) % 2 ? 'x' : '\n', max_value);
		r.value.ptr = value;
		r.headers = &h;
		r.nheaders = test_rand(seed) % 2;
		ev_line_write(out, &r);
	}
	free(value);
}

static void check_whole(const char *words, struct ev_slice expected, const char *what)
{
	struct outcome o = read_whole(words, NULL);

	CHECK(o.err.class == EV_OK && ev_slice_eq(ev_buf_slice(&o.text), expected), "%s is read whole (%s)",
	      what, o.err.text);
	outcome_release(&o);
}

static void test_forms(uint64_t *seed)
{
	struct ev_buf lines = EV_BUF_INIT, gz = EV_BUF_INIT;
	struct ev_slice all, half;

	make_lines(&lines, 20000, 300, seed);
	all = ev_buf_slice(&lines);
	half = ev_slice(all.ptr, all.len / 2);
	put_file("plain.ndjson", all);
	check_whole("./plain.ndjson", all, "a plain file");
	add_member(&gz, all);
	put_file("one.ndjson.gz", ev_buf_slice(&gz));
	check_whole("./one.ndjson.gz", all, "a gzip file");
	put_file("hidden", ev_buf_slice(&gz));
	check_whole("./hidden", all, "a gzip file of another name");
	ev_buf_clear(&gz);
	add_member(&gz, half);
	add_member(&gz, EV_LITERAL(""));
	add_member(&gz, ev_slice(all.ptr + half.len, all.len - half.len));
	put_file("members.gz", ev_buf_slice(&gz));
	check_whole("./members.gz", all, "a gzip file of three members, cut inside of a line,");
	put_file("nolf", ev_slice(all.ptr, all.len - 1));
	check_whole("./nolf", all, "a file whose last line has no LF");
	put_file("empty", EV_LITERAL(""));
	check_whole("./empty", EV_LITERAL(""), "an empty file");
	ev_buf_release(&lines);
	ev_buf_release(&gz);
}

static void test_long_lines(uint64_t *seed)
{
	struct ev_buf lines = EV_BUF_INIT;

	make_lines(&lines, 12, 3 << 20, seed);
	put_file("long", ev_buf_slice(&lines));
	check_whole("./long", ev_buf_slice(&lines), "a file of lines longer than any block");
	ev_buf_release(&lines);
}

static void check_error(const char *words, int class, const char *text)
{
	struct outcome o = read_whole(words, NULL);

	if (!CHECK((int)o.err.class == class && strstr(o.err.text, text), "an error says: %s", text))
		printf("#   class %d: %s\n", o.err.class, o.err.text);
	outcome_release(&o);
}

/* Wherever a file is cut, whole lines before the cut are given, and the rest is never silent. */
static void test_cut_plain(uint64_t *seed)
{
	struct ev_buf lines = EV_BUF_INIT;
	int bad = 0, torn = 0;

	make_lines(&lines, 8, 30, seed);
	for (size_t n = 0; n <= lines.len; n++) {
		struct outcome o;
		bool at_end = n == 0 || lines.data[n - 1] == '\n' || lines.data[n] == '\n';

		put_file("cut", ev_slice(lines.data, n));
		o = read_whole("./cut", NULL);
		bad += !starts_with(ev_buf_slice(&lines), ev_buf_slice(&o.text));
		if (at_end)
			bad += o.err.class != EV_OK || o.text.len + 1 < n;
		else
			bad += o.err.class != EV_DATA || !strstr(o.err.text, "cut short");
		torn += !at_end;
		outcome_release(&o);
	}
	CHECK(bad == 0 && torn > 100, "a file cut at any of its %zu bytes is told (%d wrong)", lines.len, bad);
	ev_buf_release(&lines);
}

static void test_cut_gzip(uint64_t *seed)
{
	struct ev_buf lines = EV_BUF_INIT, gz = EV_BUF_INIT;
	size_t first, half;
	int bad = 0;

	make_lines(&lines, 60, 60, seed);
	half = lines.len / 3; /* inside a line, not at its end */
	while (lines.data[half - 1] == '\n' || lines.data[half] == '\n')
		half++;
	add_member(&gz, ev_slice(lines.data, half));
	first = gz.len;
	add_member(&gz, ev_slice(lines.data + half, lines.len - half));
	for (size_t n = 0; n < gz.len; n++) {
		struct outcome o;

		put_file("cut.gz", ev_slice(gz.data, n));
		o = read_whole("./cut.gz", NULL);
		/* Between members the gzip data is whole, but the line that spans them is not. */
		bad += o.err.class != EV_DATA || !strstr(o.err.text, "cut short") ||
		       !strstr(o.err.text, n == first ? "the last line is" : "gzip data is") ||
		       !starts_with(ev_buf_slice(&lines), ev_buf_slice(&o.text));
		outcome_release(&o);
	}
	CHECK(bad == 0, "gzip data cut at any of its %zu bytes is told (%d wrong)", gz.len, bad);
	ev_buf_release(&lines);
	ev_buf_release(&gz);
}

/* A flipped bit is found, or is one that means nothing (time and system in the header, padding). */
static void test_corrupt_gzip(uint64_t *seed)
{
	struct ev_buf lines = EV_BUF_INIT, gz = EV_BUF_INIT;
	int bad = 0, found = 0;

	make_lines(&lines, 40, 60, seed);
	add_member(&gz, ev_buf_slice(&lines));
	for (size_t n = 0; n < gz.len; n++) {
		struct outcome o;

		gz.data[n] ^= 1 << n % 8;
		put_file("flip.gz", ev_buf_slice(&gz));
		gz.data[n] ^= 1 << n % 8;
		o = read_whole("./flip.gz", NULL);
		if (o.err.class == EV_OK)
			bad += !ev_slice_eq(ev_buf_slice(&lines), ev_buf_slice(&o.text));
		else
			found += o.err.class == EV_DATA && strncmp(o.err.text, "./flip.gz:", 10) == 0;
		outcome_release(&o);
	}
	CHECK(bad == 0 && found > (int)gz.len - 13, "a flipped bit in gzip data is found (%d wrong)", bad);
	ev_buf_clear(&gz);
	add_member(&gz, ev_buf_slice(&lines));
	ev_buf_adds(&gz, "garbage");
	put_file("tail.gz", ev_buf_slice(&gz));
	check_error("./tail.gz", EV_DATA, "./tail.gz:41: gzip data is corrupt: incorrect header check");
	put_file("plain.gz", ev_buf_slice(&lines));
	check_error("./plain.gz", EV_DATA, "./plain.gz:1: not gzip data");
	ev_buf_release(&lines);
	ev_buf_release(&gz);
}

#define LINE(topic, part, off, ts)                                                                  \
	"{\"topic\":\"" topic "\",\"partition\":" #part ",\"offset\":" #off ",\"timestamp\":" #ts         \
	",\"key\":null,\"headers\":[],\"value\":1}\n"

static void test_bad_lines(void)
{
	struct outcome o;

	put_file("bad", EV_LITERAL(LINE("t", 0, 1, 1) LINE("t", 0, 2, 1) "{\"topic\":1}\n" LINE("t", 0, 3, 1)));
	o = read_whole("./bad", NULL);
	CHECK(o.err.class == EV_DATA && strcmp(o.err.text, "./bad:3: byte 10: expected a string") == 0,
	      "a bad line is named by file, line and byte (%s)", o.err.text);
	CHECK(ev_slice_is(ev_buf_slice(&o.text), LINE("t", 0, 1, 1) LINE("t", 0, 2, 1)),
	      "what stands before a bad line is given, nothing after it");
	outcome_release(&o);
	put_file("bad", EV_LITERAL(LINE("t", 0, 1, 1) "\n"));
	check_error("./bad", EV_DATA, "./bad:2: byte 1: expected '{'");
	put_file("bad", EV_LITERAL(LINE("t", 0, 5, 1) LINE("t", 1, 2, 1) LINE("t", 0, 4, 1)));
	check_error("./bad", EV_DATA, "./bad:3: offset 4 of t/0 stands after offset 5");
	put_file("bad", EV_LITERAL(LINE("t", 0, 5, 1) LINE("t", 0, 5, 1)));
	check_error("./bad", EV_DATA, "./bad:2: offset 5 of t/0 stands after offset 5");
	check_error("./missing", EV_SOURCE, "cannot open './missing': No such file or directory");
	check_error(".", EV_USAGE, "it holds no archive");
}

#define LOG(off, value)                                                                             \
	"{\"topic\":\"log\",\"partition\":0,\"offset\":" #off ",\"timestamp\":null,\"key\":null,"     \
	"\"headers\":[]," value "}\n"

static void test_lines_mode(void)
{
	static const char want[] =
		LOG(1, "\"text\":\"a\\r\"")
		LOG(2, "\"text\":\"\"")
		LOG(3, "\"text\":\"\\u0000 b\"")
		LOG(4, "\"value\":{\"c\":1}");
	struct ev_error err = EV_ERROR_INIT;
	struct outcome o;

	put_file("text", EV_LITERAL("a\r\n\n\0 b\n{\"c\":1}"));
	o = read_whole("./text", "log");
	CHECK(o.err.class == EV_OK && ev_slice_is(ev_buf_slice(&o.text), want),
	      "each line is a record, the last one without LF too");
	outcome_release(&o);
	put_file("text", EV_LITERAL("\n\n"));
	o = read_whole("./text", "log");
	CHECK(o.n == 2, "two empty lines are two records");
	outcome_release(&o);
	CHECK(!open_files("./text", "a b", &err) && err.class == EV_USAGE, "a bad topic name is refused");
	CHECK(!open_files("./text ./bad", "log", &err) && err.class == EV_USAGE,
	      "two files cannot be lines of one partition");
}

/* The offsets of a read, "topic/partition@offset" by spaces. */
static const char *offsets_of(struct ev_source *s, const struct ev_span *spans)
{
	static char out[2048];
	struct ev_merge_options opt = { .merge = true };
	struct ev_error err = EV_ERROR_INIT;
	struct ev_merge *m = ev_merge_new(s, spans, &opt, &err);
	struct ev_buf b = EV_BUF_INIT;
	struct ev_record r[2];
	bool done = false;
	int n = 0;

	while (m && !done && n >= 0) {
		n = ev_merge_read(m, r, 2, 1 << 20, 1000, &done, &err);
		for (int i = 0; i < n; i++)
			ev_buf_addf(&b, "%.*s/%d@%d ", (int)r[i].topic.len, r[i].topic.ptr, r[i].partition,
				    (int)r[i].offset);
	}
	if (err.class)
		ev_buf_addf(&b, "exit %d: %s", err.class, err.text);
	if (m)
		ev_merge_free(m);
	snprintf(out, sizeof(out), "%s", ev_buf_str(&b));
	ev_buf_release(&b);
	return out;
}

static void check_offsets(struct ev_source *s, const struct ev_span *spans, const char *want,
			  const char *what)
{
	const char *got = offsets_of(s, spans);

	if (!CHECK(strcmp(got, want) == 0, "%s", what))
		printf("#   got  %s\n#   want %s\n", got, want);
}

static const char five[] = LINE("a", 0, 3, 10) LINE("b", 1, 7, 30) LINE("a", 0, 5, 20) LINE("b", 1, 8, 25)
	LINE("a", 0, 9, 40);

static void test_bounds(void)
{
	struct ev_error err = EV_ERROR_INIT;
	struct ev_position from = EV_POSITION_INIT, to = EV_POSITION_INIT;
	int64_t done, total;
	struct ev_source *s;

	put_file("five", ev_slice_str(five));
	s = open_files("./five", NULL, &err);
	CHECK(s->one_sequence && s->nparts == 0 && s->nlanes == 1, "no partition is known before the read");
	CHECK(s->ops->share(s, &done, &total) && done == 0 && total == (int64_t)strlen(five),
	      "how long it is in bytes");
	check_offsets(s, NULL, "a/0@3 b/1@7 a/0@5 b/1@8 a/0@9 ", "a file is read as it stands, not by time");
	CHECK(s->ops->share(s, &done, &total) && done == total, "and that it was read to its end");
	CHECK(s->nparts == 2 && s->ops->passed(s, 0) == 10 && s->ops->passed(s, 1) == 9,
	      "at its end every partition has passed its last record");
	s->ops->close(s);

	s = open_files("./five", NULL, &err);
	ev_position_set(&from, "a", 0, 4);
	ev_position_set(&to, "a", 0, 9);
	ev_position_set(&to, "b", 1, 8);
	s->ops->bounds(s, &from, &to, 0, 0);
	check_offsets(s, NULL, "b/1@7 a/0@5 ", "positions bound partitions that show up later");
	CHECK(s->ops->passed(s, 0) == 9 && s->ops->passed(s, 1) == 8, "and they pass exactly their ends");
	s->ops->close(s);

	s = open_files("./five", NULL, &err);
	s->ops->bounds(s, NULL, NULL, 8, 9);
	check_offsets(s, NULL, "b/1@8 ", "an offset bounds all partitions");
	s->ops->close(s);

	s = open_files("./five", NULL, &err);
	s->ops->bounds(s, &from, NULL, 100, INT64_MAX);
	check_offsets(s, NULL, "a/0@5 a/0@9 ", "a partition that a position lacks follows the default");
	CHECK(s->ops->passed(s, 1) == 100, "and stands at its begin when nothing of it was read");
	s->ops->close(s);
	ev_position_release(&from);
	ev_position_release(&to);
}

static void test_scan(void)
{
	struct ev_error err = EV_ERROR_INIT;
	struct ev_source *s = open_files("./five", NULL, &err);
	struct ev_span spans[2] = { { 5, 9 }, { 8, INT64_MAX } };
	struct ev_record r;
	int64_t offsets[2];
	bool found;

	CHECK(s->ops->scan(s, &err) == 0 && s->nparts == 2 && s->parts[0].high == 10 &&
	      s->parts[1].high == 9 && s->parts[1].low == 0 && strcmp(s->parts[1].topic, "b") == 0,
	      "a scan finds partitions and their ends");
	check_offsets(s, spans, "a/0@5 b/1@8 ", "spans of known partitions hold");
	spans[0] = (struct ev_span){ 0, 4 };
	spans[1] = (struct ev_span){ 9, 9 };
	check_offsets(s, spans, "a/0@3 ", "a file is read again from its beginning");
	CHECK(s->ops->offsets_for_time(s, 30, offsets, &err) == 0 && offsets[0] == 9 && offsets[1] == 7,
	      "the first record at or after a time is found");
	CHECK(s->ops->offsets_for_time(s, 31, offsets, &err) == 0 && offsets[0] == 9 && offsets[1] == 9,
	      "and none is the end");
	CHECK(s->ops->record_at(s, 1, 8, &r, &found, &err) == 0 && found && r.timestamp == 25 &&
	      ev_slice_is(r.value, "1"), "a single record is found");
	CHECK(s->ops->record_at(s, 0, 4, &r, &found, &err) == 0 && !found, "a hole is not");
	CHECK(s->ops->record_at(s, 0, 99, &r, &found, &err) == 0 && !found, "nor what is past the end");
	spans[1] = spans[0] = (struct ev_span){ 0, INT64_MAX };
	check_offsets(s, spans, "a/0@3 b/1@7 a/0@5 b/1@8 a/0@9 ", "after all that the whole is read");
	CHECK(s->ops->start(s, spans, true, true, &err) == -1 && err.class == EV_USAGE,
	      "a regular file cannot be followed");
	s->ops->close(s);
	s = open_files("./text", "log", &err);
	CHECK(s->nparts == 1 && s->parts[0].low == 1 && s->ops->scan(s, &err) == 0 && s->parts[0].high == 3,
	      "lines are counted from 1 by a scan");
	s->ops->close(s);
}

static void test_files(void)
{
	struct ev_error err = EV_ERROR_INIT;
	struct ev_source *s;

	put_file("c", EV_LITERAL(LINE("c", 0, 1, 15) LINE("c", 0, 2, 22) LINE("c", 0, 3, 1)));
	s = open_files("./five ./c", NULL, &err);
	check_offsets(s, NULL, "a/0@3 c/0@1 c/0@2 c/0@3 b/1@7 a/0@5 b/1@8 a/0@9 ", "files merge by their heads");
	s->ops->close(s);
	put_file("d", EV_LITERAL(LINE("d", 0, 1, 15) LINE("b", 1, 20, 50)));
	check_error("./d ./d2", EV_SOURCE, "./d2");
	s = open_files("./five ./d", NULL, &err);
	CHECK(strstr(offsets_of(s, NULL), "b/1 is in './five' and in './d' too"),
	      "a partition in two files is an error that names both");
	CHECK(s->ops->scan(s, &err) == -1 && err.class == EV_DATA, "a scan finds that too");
	s->ops->close(s);
}

/* Waits are seen, lines that are there are given at once, and a pipe is read once. */
static void check_pipe(struct ev_source *s, int fd, const char *what)
{
	struct ev_error err = EV_ERROR_INIT;
	struct ev_batch one, two;

	CHECK(s->ops->scan(s, &err) == -1 && err.class == EV_USAGE && err.hint[0], "%s cannot be scanned", what);
	CHECK(s->ops->start(s, NULL, true, true, &err) == 0, "%s can be followed", what);
	CHECK(s->ops->fetch(s, 0, &one, 0, &err) == EV_FETCH_WAIT, "an empty pipe is waited for");
	if (write(fd, five, strlen(LINE("a", 0, 3, 10)) + 20) < 0)
		abort();
	CHECK(s->ops->fetch(s, 0, &one, 1000, &err) == EV_FETCH_SOME && one.n == 1 &&
	      one.records[0].offset == 3, "a whole line is given at once");
	CHECK(s->ops->fetch(s, 0, &two, 0, &err) == EV_FETCH_WAIT, "half a line is not");
	if (write(fd, five + strlen(LINE("a", 0, 3, 10)) + 20, strlen(five) - strlen(LINE("a", 0, 3, 10)) - 20) < 0)
		abort();
	close(fd);
	CHECK(s->ops->fetch(s, 0, &two, 1000, &err) == EV_FETCH_SOME && two.n == 4 &&
	      two.records[0].offset == 7, "the rest comes with the next batch");
	CHECK(ev_slice_is(one.records[0].value, "1") && one.records[0].offset == 3,
	      "a batch stays valid while another is fetched");
	s->ops->release(s, &one);
	s->ops->release(s, &two);
	CHECK(s->ops->fetch(s, 0, &one, 1000, &err) == EV_FETCH_DONE, "a closed pipe is its end");
	CHECK(s->ops->start(s, NULL, true, false, &err) == -1 && err.class == EV_USAGE &&
	      strstr(err.text, "twice"), "%s cannot be read twice", what);
	s->ops->close(s);
}

static void test_pipes(void)
{
	struct ev_error err = EV_ERROR_INIT;
	char path[32];
	int fd[2], saved;

	if (pipe(fd))
		abort();
	snprintf(path, sizeof(path), "/dev/fd/%d", fd[0]);
	check_pipe(open_files(path, NULL, &err), fd[1], "a pipe by its path");
	close(fd[0]);
	saved = dup(0);
	if (pipe(fd) || dup2(fd[0], 0) < 0)
		abort();
	check_pipe(open_files("-", NULL, &err), fd[1], "standard input");
	close(fd[0]);
	fd[0] = open("five", O_RDONLY);
	if (fd[0] < 0 || dup2(fd[0], 0) < 0)
		abort();
	check_whole("-", ev_slice_str(five), "a file as standard input");
	put_file("bad", EV_LITERAL("{\n"));
	dup2(open("bad", O_RDONLY), 0);
	check_error("-", EV_DATA, "stdin:1: byte 2:");
	dup2(saved, 0);
	close(saved);
	close(fd[0]);
}

/* How many lines of "x", LF, n bytes and perhaps an LF come in; -1 when the limit of 100 is hit. */
static int count_lines(size_t n, bool lf)
{
	struct ev_pool pool = { .block_size = 16 };
	struct ev_lines l = { 0 };
	struct ev_error err = EV_ERROR_INIT;
	struct ev_buf b = EV_BUF_INIT;
	struct ev_input *in;
	struct ev_slice line;
	enum ev_fetch rc;
	bool whole;
	int got = 0;

	ev_buf_addf(&b, "x\n%0*d%s", (int)n, 0, lf ? "\n" : "");
	put_file("limit", ev_buf_slice(&b));
	in = ev_input_open("./limit", 65536, &err);
	ev_lines_begin(&l, in, &pool, 100);
	while ((rc = ev_lines_fill(&l, 0, &err)) == EV_FETCH_SOME) {
		while (ev_lines_next(&l, &line, &whole))
			got++;
		ev_pool_put(&pool, ev_lines_take(&l));
	}
	if (rc == EV_FETCH_ERROR && got == 1 && strstr(err.text, "longer than 100 bytes"))
		got = -1;
	ev_input_close(in);
	ev_pool_release(&pool);
	ev_buf_release(&b);
	return got;
}

static void test_line_limit(void)
{
	int wrong = 0;

	for (size_t n = 1; n <= 300; n++)
		wrong += (count_lines(n, true) != (n <= 100 ? 2 : -1)) +
			 (count_lines(n, false) != (n <= 100 ? 2 : -1));
	CHECK(wrong == 0, "a line longer than the limit is an error, one as long is not (%d wrong)", wrong);
}

int main(void)
{
	uint64_t seed = test_seed();
	char *rm[] = { "plain.ndjson", "one.ndjson.gz", "hidden", "members.gz", "nolf", "empty", "long", "cut",
		       "cut.gz", "flip.gz", "tail.gz", "plain.gz", "bad", "text", "five", "c", "d", "limit" };

	if (!mkdtemp(dir) || chdir(dir))
		abort();
	test_forms(&seed);
	test_long_lines(&seed);
	test_cut_plain(&seed);
	test_cut_gzip(&seed);
	test_corrupt_gzip(&seed);
	test_bad_lines();
	test_lines_mode();
	test_bounds();
	test_scan();
	test_files();
	test_pipes();
	test_line_limit();
	for (size_t i = 0; i < sizeof(rm) / sizeof(rm[0]); i++)
		unlink(rm[i]);
	if (chdir("/") || rmdir(dir))
		abort();
	return test_done();
}
