/*
 * archive_join_test.c - an archive before its topic; another archive plays the topic
 *
 * What stands for the topic is a source with its own low and high, and lanes: all that a join asks
 * of one.
 */
#include "test.h"

#include <ftw.h>
#include <unistd.h>

#include "archive/writer.h"
#include "base/mem.h"
#include "merge/merge.h"
#include "source/join.h"

static char said[1000];

static void notice(void *ctx, const char *text)
{
	(void)ctx;
	snprintf(said, sizeof(said), "%s", text);
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

/* The record at an offset of t/`partition`; every third offset is a hole. */
static bool record_of(int32_t partition, int64_t offset, int changed, struct ev_record *r, char value[32])
{
	snprintf(value, 32, "%d", (int)offset * 10 + (offset == changed ? 1 : 0));
	*r = (struct ev_record){
		.topic = EV_LITERAL("t"), .partition = partition, .offset = offset,
		.timestamp = offset * 10 + partition, .value = ev_slice_str(value),
	};
	return offset % 3 != 2;
}

struct log {
	int64_t low[2], high[2];
	int changed;         /* the value at this offset is another */
	int missing, extra;  /* no record at this offset; one in this hole */
	const char *cluster, *filter;
	bool one;            /* partition 0 only */
};

static void write_log(const char *dir, const struct log *l)
{
	struct ev_archive_options opt = EV_ARCHIVE_OPTIONS_INIT;
	struct ev_error err = EV_ERROR_INIT;
	struct ev_archive_writer *w;
	int rc = 0;

	remove_all(dir);
	opt.member_bytes = 500;
	opt.segment_records = 11;
	opt.cluster_id = l->cluster ? l->cluster : "c";
	opt.filter = l->filter;
	w = ev_archive_writer_open(dir, &opt, &err);
	for (int32_t p = 0; w && p < 2 - l->one; p++) {
		rc |= ev_archive_writer_begin(w, EV_LITERAL("t"), p, l->low[p], 0, &err);
		for (int64_t o = l->low[p]; o < l->high[p]; o++) {
			struct ev_record r;
			char value[32];

			if ((record_of(p, o, l->changed, &r, value) && o != l->missing) || o == l->extra)
				rc |= ev_archive_writer_put(w, &r, &err);
		}
		rc |= ev_archive_writer_pass(w, EV_LITERAL("t"), p, l->high[p], &err);
	}
	if (!w || rc || ev_archive_writer_flush(w, &err))
		abort();
	ev_archive_writer_close(w);
}

static struct ev_source *open_one(const char *word)
{
	struct ev_source_spec spec = EV_SOURCE_SPEC_INIT;
	struct ev_error err;
	struct ev_source *s = ev_source_spec_add(&spec, word, &err) ? NULL : ev_archive_open(&spec, &err);

	ev_source_spec_release(&spec);
	if (!s)
		abort();
	return s;
}

static struct ev_source *join(struct ev_error *err)
{
	struct ev_source_spec spec = EV_SOURCE_SPEC_INIT;

	spec.archive = "./a";
	spec.note = notice;
	said[0] = '\0';
	return ev_join_new(open_one("./a"), open_one("./b"), &spec, err);
}

/* Offsets of a bounded read as "partition@offset " in merge order; an error at the end. */
static const char *offsets_of(struct ev_source *s, int64_t from, int64_t to)
{
	static char text[8192];
	struct ev_merge_options opt = { .merge = true };
	struct ev_span spans[2] = { { s->parts[0].low, s->parts[0].high }, { 0, 0 } };
	struct ev_error err = EV_ERROR_INIT;
	struct ev_record r[5], want;
	struct ev_merge *m;
	char value[32];
	bool done = false;
	size_t at = 0;
	int n;

	text[0] = '\0';
	if (s->nparts > 1)
		spans[1] = (struct ev_span){ s->parts[1].low, s->parts[1].high };
	for (size_t i = 0; i < s->nparts; i++) {
		spans[i].begin = from > spans[i].begin ? from : spans[i].begin;
		spans[i].end = to < spans[i].end ? to : spans[i].end;
	}
	m = ev_merge_new(s, spans, &opt, &err);
	while (m && !done && (n = ev_merge_read(m, r, 5, 1 << 20, 0, &done, &err)) >= 0)
		for (int i = 0; i < n; i++) {
			record_of(r[i].partition, r[i].offset, -1, &want, value);
			at += (size_t)snprintf(text + at, sizeof(text) - at, "%d@%d%s ", (int)r[i].part,
					       (int)r[i].offset,
					       ev_record_hash(&want) == ev_record_hash(&r[i]) ? "" : "!");
		}
	for (uint32_t i = 0; done && i < s->nparts; i++)
		if (ev_merge_next(m, i) != spans[i].end)
			snprintf(text, sizeof(text), "partition %d passed %d", (int)i, (int)ev_merge_next(m, i));
	ev_merge_free(m);
	if (err.class)
		snprintf(text + at, sizeof(text) - at, "%d %s", err.class, err.text);
	return text;
}

/* As offsets_of would tell it of a log without anything odd. */
static const char *expected(int64_t from, int64_t to, int skip)
{
	static char text[8192];
	size_t at = 0;

	text[0] = '\0';
	for (int64_t o = from; o < to; o++)
		for (int p = 0; p < 2 && o % 3 != 2; p++)
			if (o != skip)
				at += (size_t)snprintf(text + at, sizeof(text) - at, "%d@%d ", p, (int)o);
	return text;
}

static void check_whole(const struct log *a, const struct log *b, int64_t from, int64_t to, const char *what)
{
	struct ev_error err = EV_ERROR_INIT;
	struct ev_source *s;
	const char *got;

	write_log("a", a);
	write_log("b", b);
	s = join(&err);
	if (!CHECK(s != NULL, "%s: they are one source", what)) {
		printf("# %s\n", err.text);
		return;
	}
	got = offsets_of(s, from, to);
	if (!CHECK(!strcmp(got, expected(from, to, -1)), "%s: each record once, in order", what))
		printf("# got  %s\n# want %s\n", got, expected(from, to, -1));
	s->ops->close(s);
}

static void check_fails(const struct log *a, const struct log *b, const char *why)
{
	struct ev_error err = EV_ERROR_INIT;
	struct ev_source *s;

	write_log("a", a);
	write_log("b", b);
	s = join(&err);
	if (!CHECK(!s && err.class == EV_DATA && strstr(err.text, why), "it is refused: %s", why))
		printf("# %s\n", err.text);
	if (s)
		s->ops->close(s);
}

static void check_differs(const struct log *a, const struct log *b, const char *before, const char *why)
{
	struct ev_error err = EV_ERROR_INIT;
	struct ev_source *s;
	const char *got;

	write_log("a", a);
	write_log("b", b);
	s = join(&err);
	got = s ? offsets_of(s, 0, 1000) : err.text;
	if (!CHECK(strstr(got, why) && !strstr(got, before), "a difference is found before it is given: %s", why))
		printf("# %s\n", got);
	if (s)
		s->ops->close(s);
}

#define SPANS(l0, h0, l1, h1) .low = { (l0), (l1) }, .high = { (h0), (h1) }, .changed = -1, .missing = -1, .extra = -1

static void test_spans(void)
{
	check_whole(&(struct log){ SPANS(0, 60, 0, 60) }, &(struct log){ SPANS(40, 100, 30, 100) }, 0, 100,
		    "an overlap");
	check_whole(&(struct log){ SPANS(0, 60, 0, 60) }, &(struct log){ SPANS(60, 100, 60, 100) }, 0, 100,
		    "the one ends where the other starts");
	check_whole(&(struct log){ SPANS(0, 60, 0, 60) }, &(struct log){ SPANS(0, 100, 0, 100) }, 0, 100,
		    "a topic that still has all");
	check_whole(&(struct log){ SPANS(0, 100, 0, 100) }, &(struct log){ SPANS(100, 100, 70, 100) }, 0, 100,
		    "an archive that has all");
	check_whole(&(struct log){ SPANS(10, 60, 20, 60) }, &(struct log){ SPANS(0, 100, 0, 100) }, 0, 100,
		    "an archive that begins behind the topic");
	check_whole(&(struct log){ SPANS(0, 60, 0, 60) }, &(struct log){ SPANS(40, 100, 30, 100) }, 10, 35,
		    "a range in the archive");
	check_whole(&(struct log){ SPANS(0, 60, 0, 60) }, &(struct log){ SPANS(40, 100, 30, 100) }, 45, 58,
		    "a range in the overlap");
	check_whole(&(struct log){ SPANS(0, 60, 0, 60) }, &(struct log){ SPANS(40, 100, 30, 100) }, 59, 100,
		    "a range that begins in the overlap");
	check_whole(&(struct log){ SPANS(0, 60, 0, 60) }, &(struct log){ SPANS(40, 100, 30, 100) }, 60, 100,
		    "a range in the topic");
	check_whole(&(struct log){ SPANS(0, 60, 0, 60), .one = true },
		    &(struct log){ SPANS(40, 100, 0, 100) }, 0, 100, "a partition that the archive lacks");
	check_whole(&(struct log){ SPANS(0, 0, 0, 0) }, &(struct log){ SPANS(0, 50, 0, 50) }, 0, 50,
		    "an empty archive");
}

static void test_refusals(void)
{
	check_fails(&(struct log){ SPANS(0, 60, 0, 60) }, &(struct log){ SPANS(60, 100, 62, 100) },
		    "t/1: offsets 60..61 are lost: the archive ends at 60, the topic starts at 62");
	check_fails(&(struct log){ SPANS(0, 60, 0, 60) }, &(struct log){ SPANS(0, 59, 0, 100) },
		    "t/0: the archive ends at offset 60, the topic already at 59");
	check_fails(&(struct log){ SPANS(0, 60, 0, 60) }, &(struct log){ SPANS(0, 100, 0, 100), .cluster = "d" },
		    "is of cluster 'c', and the topic of 'd'");
	check_fails(&(struct log){ SPANS(0, 60, 0, 60), .filter = "type x" },
		    &(struct log){ SPANS(0, 100, 0, 100) }, "has only part of the records (type x)");
}

static void test_differences(void)
{
	struct log b = { SPANS(40, 100, 30, 100) };
	struct ev_error err = EV_ERROR_INIT;
	struct ev_source *s;
	const char *got;

	b.changed = 45;
	check_differs(&(struct log){ SPANS(0, 60, 0, 60) }, &b, " 0@45",
		      "@45: the archive has another record there than the topic");
	b.changed = -1;
	b.extra = 44;
	check_differs(&(struct log){ SPANS(0, 60, 0, 60) }, &b, " 0@45 ",
		      "@44: the archive has no record there, and the topic has one");
	b.extra = 59;
	check_differs(&(struct log){ SPANS(0, 60, 0, 60) }, &b, " 0@59 ", "@59: the archive has no record there");
	b.extra = 62;
	check_differs(&(struct log){ SPANS(0, 63, 0, 63) }, &b, " 0@63 ", "@62: the archive has no record there");
	b.extra = -1;
	b.missing = 51;
	write_log("a", &(struct log){ SPANS(0, 60, 0, 60) });
	write_log("b", &b);
	s = join(&err);
	got = offsets_of(s, 0, 100);
	CHECK(!strcmp(got, expected(0, 100, -1)), "what the topic has compacted away comes from the archive");
	CHECK(!strcmp(said, "t/1: 1 record that the topic does not have any more is the archive's") ||
	      !strcmp(said, "t/0: 1 record that the topic does not have any more is the archive's"),
	      "and is counted");
	s->ops->close(s);
}

static int add_found(void *ctx, const struct ev_record *r, struct ev_error *err)
{
	int64_t *found = ctx;

	(void)err;
	found[r->part] = r->offset;
	return 0;
}

static void test_questions(void)
{
	struct ev_error err = EV_ERROR_INIT;
	struct ev_span spans[2] = { { 60, 100 }, { 60, 100 } };
	struct ev_source *s;
	struct ev_record r;
	int64_t at[2], found_at[2];
	bool found;

	write_log("a", &(struct log){ SPANS(0, 60, 0, 60) });
	write_log("b", &(struct log){ SPANS(40, 100, 30, 100) });
	s = join(&err);
	CHECK(s->nparts == 2 && s->parts[0].low == 0 && s->parts[1].high == 100 && !strcmp(s->cluster_id, "c"),
	      "the log is from the archive's start to the topic's end");
	CHECK(!s->ops->record_at(s, 1, 10, &r, &found, &err) && found && r.offset == 10 && r.part == 1,
	      "a record of the archive is found");
	CHECK(!s->ops->record_at(s, 1, 90, &r, &found, &err) && found && r.offset == 90, "and one of the topic");
	CHECK(!s->ops->record_at(s, 1, 44, &r, &found, &err) && !found, "and none in a hole");
	found_at[0] = found_at[1] = -1;
	CHECK(!ev_source_records_at(s, (int64_t[]){ 90, 10 }, add_found, found_at, &err) && found_at[0] == 90 &&
	      found_at[1] == 10, "so are both at once");
	CHECK(!s->ops->offsets_for_time(s, 105, at, &err) && at[0] == 12 && at[1] == 12, "a time in the archive");
	CHECK(!s->ops->offsets_for_time(s, 905, at, &err) && at[0] == 91 && at[1] == 91, "a time in the topic");
	CHECK(!s->ops->offsets_for_time(s, 9999, at, &err) && at[0] == 100, "and none is the end");
	CHECK(!s->ops->refresh(s, &err) && s->parts[0].low == 0, "a refresh changes nothing");
	CHECK(s->ops->start(s, spans, true, true, &err) == -1, "a follower asks the topic");
	spans[0].begin = 3;
	CHECK(s->ops->start(s, spans, true, true, &err) == -1 && err.class == EV_USAGE &&
	      strstr(err.text, "from offset 3, which only the archive has"), "not for what the archive has");
	s->ops->close(s);
}

int main(void)
{
	char shm[] = "/dev/shm/evjoin.XXXXXX", tmp[] = "/tmp/evjoin.XXXXXX", *dir = mkdtemp(shm);

	dir = dir ? dir : mkdtemp(tmp);
	if (!dir || chdir(dir))
		abort();
	test_spans();
	test_refusals();
	test_differences();
	test_questions();
	if (chdir("/"))
		abort();
	remove_all(dir);
	return test_done();
}
