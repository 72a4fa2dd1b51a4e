/* archive_test.c - archives written and read: hostile records, ranges, times, manifests, indexes */
#include "test.h"

#include <ftw.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include "archive/archive.h"
#include "archive/writer.h"
#include "source/range.h"
#include "base/file.h"
#include "base/mem.h"
#include "merge/merge.h"
#include "record/line.h"
#include "source/spec.h"

static char dir[] = "/tmp/evarch.XXXXXX";

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

static struct ev_source *open_source(const char *words, struct ev_error *err)
{
	struct ev_source_spec spec = EV_SOURCE_SPEC_INIT;
	struct ev_source *s = NULL;
	char *copy = ev_strdup(words), *save = NULL;
	int rc = 0;

	for (char *w = strtok_r(copy, " ", &save); w && !rc; w = strtok_r(NULL, " ", &save))
		rc = ev_source_spec_add(&spec, w, err);
	if (!rc)
		s = ev_source_open(&spec, err);
	ev_source_spec_release(&spec);
	free(copy);
	return s;
}

/* Lines of what `args` names of the source, in merge order; a failure is the last line. */
static void read_range(const char *words, const struct ev_range_args *args, struct ev_buf *out)
{
	struct ev_range_args all = EV_RANGE_ARGS_INIT;
	struct ev_merge_options opt = { .merge = true };
	struct ev_error err = EV_ERROR_INIT;
	struct ev_source *s = open_source(words, &err);
	struct ev_span *spans = NULL;
	struct ev_merge *m = NULL;
	struct ev_record r[7];
	bool done = false;
	int n = 0;

	ev_buf_clear(out);
	if (s && !ev_range_resolve(s, args ? args : &all, NULL, &spans, &err))
		m = ev_merge_new(s, spans, &opt, &err);
	while (m && !done && (n = ev_merge_read(m, r, 7, 1 << 20, 100, &done, &err)) >= 0)
		for (int i = 0; i < n; i++)
			ev_line_write(out, &r[i]);
	if (err.class)
		ev_buf_addf(out, "%d %s\n", err.class, err.text);
	ev_merge_free(m);
	free(spans);
	if (s)
		s->ops->close(s);
}

static struct ev_archive_options options(void)
{
	struct ev_archive_options opt = EV_ARCHIVE_OPTIONS_INIT;

	opt.written_by = "evtools test";
	return opt;
}

/* All `lines` into a new archive, or behind one. */
static void write_lines(const char *path, const struct ev_archive_options *opt, struct ev_slice lines)
{
	struct ev_line_reader *lr = ev_line_reader_new();
	struct ev_error err = EV_ERROR_INIT;
	struct ev_archive_writer *w = ev_archive_writer_open(path, opt, &err);
	const char *p = lines.ptr, *end = lines.ptr + lines.len, *lf;
	struct ev_record r;
	int rc = w ? 0 : -1;

	for (; !rc && p < end && (lf = memchr(p, '\n', (size_t)(end - p))); p = lf + 1)
		rc = ev_line_read(lr, ev_slice(p, (size_t)(lf - p)), &r, &err) ||
		     ev_archive_writer_put(w, &r, &err);
	if (rc || ev_archive_writer_flush(w, &err))
		printf("# %s\n", err.text);
	ev_archive_writer_close(w);
	ev_line_reader_free(lr);
}

static void random_bytes(struct ev_buf *b, uint64_t *seed, size_t max)
{
	size_t n = test_rand(seed) % (max + 1);

	ev_buf_clear(b);
	ev_buf_adds(b, "");
	ev_buf_reserve(b, 1);
	for (size_t i = 0; i < n; i++)
		ev_buf_addc(b, (char)test_rand(seed));
}

/* Records that no log should hold, and some does. */
static void hostile(struct ev_buf *out, uint64_t *seed, int n)
{
	static const int64_t times[] = { EV_NO_TIMESTAMP, 0, -1, -86400000000, 5, 1732190400123, INT64_MAX };
	static const char *const texts[] = {
		"", "null", "{}", "{\"a\": [1, 2]}", "{\"a\":1}\n", " 1", "\"x", "\xff\xfe", "a\0b", "\xe2\x80\xa8",
	};
	struct ev_header h[1000];
	struct ev_buf big = EV_BUF_INIT, bytes = EV_BUF_INIT;
	int64_t offset[3] = { 0, 7, 1 };

	while (big.len < 1 << 20)
		ev_buf_add_i64(&big, (int64_t)test_rand(seed));
	for (int i = 0; i < 1000; i++)
		h[i] = (struct ev_header){
			ev_slice_str(texts[i % 10]), i % 3 ? ev_slice_str(texts[i % 7]) : EV_NULL_SLICE,
		};
	for (int i = 0; i < n; i++) {
		int p = (int)(test_rand(seed) % 3);
		struct ev_record r = { .topic = EV_LITERAL("t.-_1"), .partition = p, .headers = h };

		random_bytes(&bytes, seed, 40);
		offset[p] += 1 + (int64_t)(test_rand(seed) % 4 == 0 ? test_rand(seed) % 1000 : 0);
		r.offset = offset[p];
		r.timestamp = times[test_rand(seed) % 7];
		r.log_append = test_rand(seed) % 5 == 0;
		r.nheaders = test_rand(seed) % 20 == 0 ? 1000 : test_rand(seed) % 4;
		r.key = test_rand(seed) % 2 ? ev_slice_str(texts[test_rand(seed) % 10]) : EV_NULL_SLICE;
		switch (test_rand(seed) % 5) {
		case 0: break;
		case 1: r.value = ev_buf_slice(&bytes); break;
		case 2: r.value = i % 20 ? EV_LITERAL("a\0b") : ev_buf_slice(&big); break;
		default: r.value = ev_slice_str(texts[test_rand(seed) % 10]);
		}
		ev_line_write(out, &r);
	}
	ev_buf_release(&big);
	ev_buf_release(&bytes);
}

static int by_line(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The same lines, in whatever order: an archive and a file are merged by other rules. */
static bool same_lines(const struct ev_buf *a, const struct ev_buf *b)
{
	const struct ev_buf *text[2] = { a, b };
	char **v[2] = { NULL, NULL }, *copy[2], *save;
	size_t n[2] = { 0, 0 }, cap[2] = { 0, 0 };
	bool same = a->len == b->len;

	for (int k = 0; k < 2; k++) {
		copy[k] = ev_strdup(ev_buf_str(text[k])); /* lines hold no NUL */
		for (char *l = strtok_r(copy[k], "\n", &save); l; l = strtok_r(NULL, "\n", &save)) {
			EV_GROW(v[k], n[k], cap[k]);
			v[k][n[k]++] = l;
		}
		if (n[k])
			qsort(v[k], n[k], sizeof(char *), by_line);
	}
	same = same && n[0] == n[1];
	for (size_t i = 0; same && i < n[0]; i++)
		same = strcmp(v[0][i], v[1][i]) == 0;
	for (int k = 0; k < 2; k++) {
		free(v[k]);
		free(copy[k]);
	}
	return same;
}

static void read_file(const char *path, struct ev_buf *out)
{
	struct ev_error err;

	ev_buf_clear(out);
	if (ev_file_read(path, 1 << 28, out, &err))
		ev_buf_adds(out, err.text);
}

static void test_round_trip(uint64_t seed)
{
	struct ev_buf lines = EV_BUF_INIT, got = EV_BUF_INIT, again = EV_BUF_INIT, one = EV_BUF_INIT;
	struct ev_archive_options opt = options();
	struct ev_error err = EV_ERROR_INIT;
	struct ev_manifest m = { 0 };

	hostile(&lines, &seed, 300);
	opt.member_bytes = 5000;
	opt.segment_bytes = 60000;
	opt.segment_records = 30;
	opt.cluster_id = "the \"cluster\"";
	write_lines("a", &opt, ev_buf_slice(&lines));
	read_range("./a", NULL, &got);
	CHECK(same_lines(&lines, &got), "hostile records come back byte for byte");
	CHECK(!ev_manifest_load(&m, "a", &err) && m.ntopics == 1 && m.topics[0].nparts == 3 &&
	      m.topics[0].parts[0].nsegments > 1 && !strcmp(m.cluster_id, opt.cluster_id),
	      "the manifest has topics, partitions, segments and where it is from");
	write_lines("b", &opt, ev_buf_slice(&got));
	read_range("./b", NULL, &again);
	CHECK(ev_slice_eq(ev_buf_slice(&got), ev_buf_slice(&again)), "an archive of it is the same again");
	opt.threads = 3;
	write_lines("c", &opt, ev_buf_slice(&lines));
	for (size_t i = 0; i < m.topics[0].parts[1].nsegments; i++) {
		int64_t offset = m.topics[0].parts[1].segments[i].offset;
		struct ev_buf path = EV_BUF_INIT;

		ev_archive_path(&path, "a", "t.-_1", 1, offset, i % 2 ? EV_ARCHIVE_DATA : EV_ARCHIVE_INDEX);
		read_file(ev_buf_str(&path), &one);
		ev_archive_path(&path, "c", "t.-_1", 1, offset, i % 2 ? EV_ARCHIVE_DATA : EV_ARCHIVE_INDEX);
		read_file(ev_buf_str(&path), &again);
		CHECK(ev_slice_eq(ev_buf_slice(&one), ev_buf_slice(&again)),
		      "threads change no byte of segment %zu", i);
		ev_buf_release(&path);
	}
	opt.threads = 1;
	opt.append = true;
	write_lines("a", &opt, ev_slice("", 0));
	read_range("./a", NULL, &again);
	CHECK(ev_slice_eq(ev_buf_slice(&got), ev_buf_slice(&again)), "nothing appended is nothing changed");
	ev_manifest_release(&m);
	ev_buf_release(&lines);
	ev_buf_release(&got);
	ev_buf_release(&again);
	ev_buf_release(&one);
	remove_all("a");
	remove_all("b");
	remove_all("c");
}

/* Offsets 10, 12, 14, ... in partition 0 and 1 of t; timestamps go up by 10, with one out of order. */
static void make_even(struct ev_buf *out, int from, int n)
{
	for (int i = from; i < from + n; i++)
		ev_buf_addf(out, "{\"topic\":\"t\",\"partition\":%d,\"offset\":%d,\"timestamp\":%d,\"key\":null,"
			    "\"headers\":[],\"value\":%d}\n", i % 2, 10 + i / 2 * 2, i == 41 ? 5000 : i * 10, i);
}

static struct ev_range_args range_of(const char *from, const char *to)
{
	struct ev_range_args a = EV_RANGE_ARGS_INIT;
	struct ev_error err;

	if ((from && ev_point_parse(&a.from, from, 0, &err)) || (to && ev_point_parse(&a.to, to, 0, &err)))
		abort();
	return a;
}

static void check_range(const char *words, const char *from, const char *to, int first, int n, const char *what)
{
	struct ev_range_args args = range_of(from, to);
	struct ev_buf want = EV_BUF_INIT, got = EV_BUF_INIT;

	make_even(&want, first, n);
	read_range(words, &args, &got);
	if (!CHECK(same_lines(&want, &got), "%s", what))
		printf("# got %.300s\n", ev_buf_str(&got));
	ev_buf_release(&want);
	ev_buf_release(&got);
}

static void check_fails(const char *words, const char *from, const char *to, int class, const char *why)
{
	struct ev_range_args args = range_of(from, to);
	struct ev_buf got = EV_BUF_INIT;
	char start[16];

	read_range(words, &args, &got);
	snprintf(start, sizeof(start), "%d ", class);
	if (!CHECK(!strncmp(ev_buf_str(&got), start, strlen(start)) && strstr(ev_buf_str(&got), why),
		   "%s is refused: %s", words, why))
		printf("# got %.300s\n", ev_buf_str(&got));
	ev_buf_release(&got);
}

static void test_ranges(void)
{
	struct ev_archive_options opt = options();
	struct ev_buf lines = EV_BUF_INIT;
	struct ev_error err = EV_ERROR_INIT;
	struct ev_source *s;
	struct ev_record r;
	int64_t times[2];
	bool found;

	opt.member_bytes = 300;
	opt.segment_records = 20;
	opt.cluster_id = "c1";
	make_even(&lines, 0, 100);
	write_lines("a", &opt, ev_buf_slice(&lines));
	check_range("./a", NULL, NULL, 0, 100, "an archive is read whole");
	check_range("./a/t", "-1000", NULL, 0, 100, "more than there is is all");
	check_range("./a/t/0-1", "20", "30", 10, 10, "between two offsets");
	check_range("./a", "21", "31", 12, 10, "offsets that are empty bound as well");
	check_range("./a", "109", NULL, 0, 0, "the end is an empty range");
	check_range("./a", "108", NULL, 98, 2, "and the last record stands before it");
	check_range("./a", "@5001", NULL, 0, 0, "no time after the last is the end");
	check_fails("./a", "9", NULL, EV_DATA, "t/0: offsets 9..9 are not in the archive");
	check_fails("./a", "110", NULL, EV_USAGE, "past the end 109");
	check_fails("./a/x", NULL, NULL, EV_SOURCE, "archive './a' has no topic 'x'");
	check_fails("./a/t/1,2", NULL, NULL, EV_SOURCE, "archive './a' has no partition 't/2'");
	s = open_source("./a", &err);
	CHECK(s && !s->one_sequence && s->nparts == 2 && s->parts[0].low == 10 && s->parts[1].high == 109 &&
	      !strcmp(s->cluster_id, "c1"), "an archive knows its partitions when it is opened");
	CHECK(!s->ops->offsets_for_time(s, 200, times, &err) && times[0] == 30 && times[1] == 30,
	      "a time is found by the index");
	CHECK(!s->ops->offsets_for_time(s, 4999, times, &err) && times[0] == 109 && times[1] == 50,
	      "also where it stands out of order");
	CHECK(!s->ops->record_at(s, 1, 50, &r, &found, &err) && found && r.timestamp == 5000 && r.offset == 50 &&
	      ev_slice_is(r.value, "41") && r.part == 1, "a single record is found");
	CHECK(!s->ops->record_at(s, 1, 51, &r, &found, &err) && !found, "a hole is none");
	CHECK(!s->ops->record_at(s, 1, 109, &r, &found, &err) && !found, "nor is the end");
	make_even(&lines, 100, 10);
	opt.append = true;
	write_lines("a", &opt, ev_slice(lines.data, 0));
	CHECK(!s->ops->refresh(s, &err) && s->parts[0].high == 109, "a refresh finds nothing new");
	s->ops->close(s);
	ev_buf_release(&lines);
	remove_all("a");
}

/* The topic has grown, and a segment of another one is full before the next flush. */
static void check_grown(struct ev_archive_options opt)
{
	struct ev_error err = EV_ERROR_INIT;
	struct ev_archive_writer *w;

	opt.segment_bytes = 1;
	w = ev_archive_writer_open("a", &opt, &err);
	CHECK(w && !ev_archive_writer_begin(w, EV_LITERAL("t"), 0, 0, 6, &err) &&
	      !ev_archive_writer_put(w, &(struct ev_record){ .topic = EV_LITERAL("u"), .partition = 3,
							     .offset = 1000 }, &err) &&
	      !ev_archive_writer_flush(w, &err), "an archive goes on");
	ev_archive_writer_close(w);
	w = ev_archive_writer_open("a", &opt, &err);
	CHECK(ev_manifest_topic(ev_archive_writer_manifest(w), EV_LITERAL("t"))->partition_count == 6,
	      "the manifest has the topic's new number of partitions");
	ev_archive_writer_close(w);
}

static void test_append(void)
{
	struct ev_archive_options opt = options();
	struct ev_buf lines = EV_BUF_INIT;
	struct ev_error err = EV_ERROR_INIT;
	struct ev_position at = EV_POSITION_INIT;
	struct ev_archive_writer *w, *second;
	struct ev_source *s;

	opt.member_bytes = 300;
	make_even(&lines, 0, 50);
	write_lines("a", &opt, ev_buf_slice(&lines));
	CHECK(!ev_archive_writer_open("a", &opt, &err) && err.class == EV_USAGE && strstr(err.hint, "--append"),
	      "an archive that is there wants --append");
	s = open_source("./a", &err);
	opt.append = true;
	w = ev_archive_writer_open("a", &opt, &err);
	second = ev_archive_writer_open("a", &opt, &err);
	CHECK(w && !second && err.class == EV_HELD && strstr(err.text, "written by process"),
	      "a second writer is held off");
	ev_archive_writer_position(w, &at);
	CHECK(at.n == 2 && at.v[0].offset == 59 && at.v[1].offset == 59, "it stands where it ended");
	CHECK(ev_archive_writer_begin(w, EV_LITERAL("t"), 0, 61, 2, &err) == -1 && err.class == EV_DATA &&
	      strstr(err.text, "offsets 59..60 of t/0 would be missing"), "a gap is refused");
	CHECK(!ev_archive_writer_begin(w, EV_LITERAL("t"), 0, 12, 2, &err), "to begin earlier is fine");
	CHECK(!ev_archive_writer_pass(w, EV_LITERAL("t"), 0, 100, &err) && !ev_archive_writer_flush(w, &err) &&
	      !s->ops->refresh(s, &err) && s->parts[0].high == 100 && s->parts[1].high == 59,
	      "empty offsets at the end are of the archive");
	CHECK(!ev_archive_writer_begin(w, EV_LITERAL("u"), 3, 1000, 4, &err) &&
	      !ev_archive_writer_flush(w, &err) && !s->ops->refresh(s, &err) && s->nparts == 3 &&
	      s->parts[2].low == 1000 && s->parts[2].high == 1000,
	      "a partition without any record is there");
	CHECK(ev_archive_writer_put(w, &(struct ev_record){ .topic = EV_LITERAL("t"), .offset = 99 },
				    &err) == -1 && err.class == EV_DATA, "what was passed does not come back");
	CHECK(ev_archive_writer_flush(w, &err) == -1 && err.class == EV_DATA, "and the failure stays");
	ev_archive_writer_close(w);
	opt.cluster_id = "other";
	CHECK(!ev_archive_writer_open("a", &opt, &err) && err.class == EV_DATA && strstr(err.text, "'other'"),
	      "another cluster is refused");
	opt.cluster_id = NULL;
	opt.filter = "x";
	CHECK(!ev_archive_writer_open("a", &opt, &err) && err.class == EV_USAGE, "another filter is refused");
	opt.filter = NULL;
	check_grown(opt);
	ev_buf_clear(&lines);
	make_even(&lines, 100, 10);
	write_lines("a", &opt, ev_buf_slice(&lines));
	s->ops->close(s);
	check_range("./a/t", "100", NULL, 100, 10, "what is appended behind empty offsets is found");
	w = ev_archive_writer_open("a/t", &opt, &err);
	CHECK(!w && err.class == EV_USAGE && strstr(err.text, "it would lie in archive"),
	      "none is made inside another");
	w = ev_archive_writer_open("no/where", &opt, &err);
	CHECK(!w && err.class == EV_STORE, "nor one whose parent is missing");
	ev_position_release(&at);
	ev_buf_release(&lines);
	remove_all("a");
}

static void check_manifest(const char *text, const char *why)
{
	struct ev_manifest m = { 0 };
	struct ev_error err = EV_ERROR_INIT;
	struct ev_buf whole = EV_BUF_INIT;

	ev_buf_adds(&whole, "{\"format\":\"evtools archive\",\"version\":1,\"written_by\":null,\"cluster_id\":null,"
		    "\"filter\":null,\"created\":\"2026-11-21T13:00:00Z\",\"changed\":\"2026-11-21T13:00:00Z\",\n");
	ev_buf_adds(&whole, text);
	ev_buf_adds(&whole, ",\n");
	ev_buf_addf(&whole, "\"crc32\":\"%08lx\"}\n", crc32(0, (unsigned char *)whole.data, (uInt)whole.len));
	CHECK(ev_manifest_read(&m, ev_buf_slice(&whole), &err) == -1 && err.class == EV_DATA &&
	      strstr(err.text, why), "a manifest is refused: %s", why);
	if (!strstr(err.text, why))
		printf("# %s\n", err.text);
	ev_manifest_release(&m);
	ev_buf_release(&whole);
}

#define PART(text) "\"topics\":{\"t\":{\"partition_count\":null,\"partitions\":{\"0\":{" text "}}}}"

#define ONE(last)                                                                                \
	"\"first\":5,\"next\":9,\"records\":1,\"empty\":3,\"last_offset\":" last ","              \
	"\"last_hash\":\"0123456789abcdef\","
#define SEGMENT(offset, times)                                                                   \
	"\"segments\":[{\"offset\":" offset ",\"next\":9,\"records\":1,\"bytes\":1,\"index_bytes\":1," \
	"\"index_crc32\":\"00000000\",\"oldest\":" times "}]"

static void test_manifests(void)
{
	check_manifest("\"topics\":[]", "\"topics\" is no object");
	check_manifest("\"topics\":{\"../x\":{\"partition_count\":null,\"partitions\":{}}}", "whose name is none");
	check_manifest("\"topics\":{\"t\":{\"partition_count\":null,\"partitions\":{\"00\":{}}}}",
		       "partition that is no number");
	check_manifest("\"topics\":{\"t\":{\"partition_count\":\"4\",\"partitions\":{}}}",
		       "\"partition_count\" is no number");
	check_manifest(PART("\"first\":-1"), "t/0: \"first\" is no number");
	check_manifest(PART("\"first\":5,\"next\":4,\"records\":0"), "do not add up");
	check_manifest(PART("\"first\":5,\"next\":9,\"records\":5"), "do not add up");
	check_manifest(PART("\"first\":5,\"next\":9,\"records\":1,\"empty\":4"),
		       "\"empty\" is 4, and its span has 3 offsets");
	check_manifest(PART("\"first\":5,\"next\":9,\"records\":1,\"empty\":3,\"last_offset\":8,\"last_hash\":\"x\""),
		       "no hash");
	check_manifest(PART(ONE("8") "\"segments\":[]"), "hold 0 records, not 1");
	check_manifest(PART(ONE("8") SEGMENT("4", "null,\"newest\":null")), "does not follow");
	check_manifest(PART(ONE("7") SEGMENT("5", "null,\"newest\":null")), "is not where");
	check_manifest(PART(ONE("8") SEGMENT("5", "2,\"newest\":1")), "no span of time");
}

/* Every single byte of a manifest matters, and so does its length. */
static void test_manifest_bits(void)
{
	struct ev_archive_options opt = options();
	struct ev_buf lines = EV_BUF_INIT, text = EV_BUF_INIT;
	struct ev_error err = EV_ERROR_INIT;
	struct ev_manifest m = { 0 };
	size_t bad = 0;

	make_even(&lines, 0, 10);
	write_lines("a", &opt, ev_buf_slice(&lines));
	read_file("a/archive.json", &text);
	for (size_t i = 0; i < text.len * 8; i++) {
		text.data[i / 8] ^= (char)(1 << i % 8);
		bad += ev_manifest_read(&m, ev_buf_slice(&text), &err) == -1 && err.class == EV_DATA;
		text.data[i / 8] ^= (char)(1 << i % 8);
	}
	CHECK(bad == text.len * 8, "a flipped bit in the manifest is found, each of %zu", text.len * 8);
	for (bad = 0; text.len; text.len--)
		bad += !ev_manifest_read(&m, ev_slice(text.data, text.len - 1), &err);
	CHECK(bad == 0, "and so is a manifest cut short anywhere");
	ev_manifest_release(&m);
	ev_buf_release(&lines);
	ev_buf_release(&text);
	remove_all("a");
}

static void notice(void *ctx, const char *text)
{
	snprintf(ctx, 300, "%s", text);
}

static void damage(const char *path, long at, int mask)
{
	FILE *f = fopen(path, "r+b");
	int c;

	if (!f || fseek(f, at, SEEK_SET) || (c = fgetc(f)) == EOF || fseek(f, at, SEEK_SET) ||
	    fputc(c ^ mask, f) == EOF || fclose(f))
		abort();
}

static void test_damage(void)
{
	static const char data[] = "a/t/0/00000000000000000010.ndjson.gz";
	static const char index[] = "a/t/0/00000000000000000010.index";
	struct ev_archive_options opt = options();
	struct ev_source_spec spec = EV_SOURCE_SPEC_INIT;
	struct ev_buf lines = EV_BUF_INIT;
	struct ev_error err = EV_ERROR_INIT;
	struct ev_source *s;
	struct ev_record r;
	char said[300] = "";
	bool found;

	opt.member_bytes = 300;
	make_even(&lines, 0, 50);
	write_lines("a", &opt, ev_buf_slice(&lines));
	damage(index, 40, 1);
	check_range("./a", NULL, NULL, 0, 50, "a damaged index is done without");
	ev_source_spec_add(&spec, "./a", &err);
	spec.note = notice;
	spec.note_ctx = said;
	s = ev_source_open(&spec, &err);
	CHECK(!s->ops->record_at(s, 0, 12, &r, &found, &err) && found &&
	      strstr(said, "00010.index' is damaged: its CRC"), "and that is said");
	s->ops->close(s);
	ev_source_spec_release(&spec);
	unlink(index);
	check_range("./a", NULL, NULL, 0, 50, "so is a missing one");
	remove_all("a");
	write_lines("a", &opt, ev_buf_slice(&lines));
	damage(data, 100, 16);
	check_fails("./a/t/0", NULL, NULL, EV_DATA, "ndjson.gz': gzip member at byte 0 (offsets 10..16) is damaged");
	check_fails("./a/t/0", "10", "11", EV_DATA, "is damaged");
	unlink(index);
	check_fails("./a/t/0", NULL, NULL, EV_DATA, "00010.ndjson.gz': gzip member at byte 0: ");
	if (truncate(data, 110))
		abort();
	check_fails("./a/t/0", NULL, NULL, EV_DATA, "00010.ndjson.gz'");
	unlink(data);
	check_fails("./a/t/0", NULL, NULL, EV_DATA, "cannot open './a/t/0/00000000000000000010.ndjson.gz'");
	unlink("a/archive.json");
	check_fails("./a", NULL, NULL, EV_DATA, "it is not there, and the folder held an archive");
	remove_all("a");
	if (mkdir("a", 0777))
		abort();
	check_fails("./a", NULL, NULL, EV_USAGE, "holds no archive");
	ev_buf_release(&lines);
	remove_all("a");
}

int main(void)
{
	uint64_t seed = test_seed();

	if (!mkdtemp(dir) || chdir(dir))
		abort();
	for (int i = 0; i < test_effort(); i++)
		test_round_trip(seed + (uint64_t)i);
	test_ranges();
	test_append();
	test_manifests();
	test_manifest_bits();
	test_damage();
	if (chdir("/"))
		abort();
	remove_all(dir);
	return test_done();
}
