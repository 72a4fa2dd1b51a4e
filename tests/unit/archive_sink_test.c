/* archive_sink_test.c - a copy into an archive: it goes on where it ended, and only from its log */
#include "test.h"

#include <ftw.h>
#include <unistd.h>

#include "base/mem.h"
#include "merge/merge.h"
#include "sink/archive.h"
#include "source/range.h"

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

/* Records [from, to) of t/0 at every second offset, and of t/1 at every third. */
static void write_lines(const char *path, int from, int to, int changed)
{
	FILE *f = fopen(path, "w");

	for (int i = from; i < to; i++)
		for (int p = 0; p < 2; p++)
			if (i % (p + 2) == 0)
				fprintf(f, "{\"topic\":\"t\",\"partition\":%d,\"offset\":%d,\"timestamp\":%d,"
					"\"value\":%d}\n", p, i, i * 10, i == changed ? -1 : i);
	fclose(f);
}

/* As evreplay does: -1, or the number of records that were put. Ends without a flush after `stop`. */
static long copy(const char *word, const char *dir, const char *cluster, long stop, struct ev_error *err)
{
	struct ev_source_spec spec = EV_SOURCE_SPEC_INIT;
	struct ev_archive_options opt = EV_ARCHIVE_OPTIONS_INIT;
	struct ev_range_args range = EV_RANGE_ARGS_INIT;
	struct ev_position stored = EV_POSITION_INIT, next = EV_POSITION_INIT;
	struct ev_merge_options mo = { .merge = true };
	struct ev_span *spans = NULL;
	struct ev_source *src = NULL;
	struct ev_sink *s = NULL;
	struct ev_merge *m = NULL;
	struct ev_archive_log log;
	struct ev_record r[16];
	bool known = false, done = false;
	long put = -1;
	int n = 0;

	opt.append = true;
	opt.cluster_id = cluster;
	opt.written_by = "test";
	opt.member_bytes = 200;
	if (!ev_source_spec_add(&spec, word, err))
		src = ev_source_open(&spec, err);
	if (src)
		s = ev_archive_sink_open(dir, &opt, src, err);
	if (s && !s->ops->resume(s, &stored, &known, err) &&
	    !ev_range_resolve(src, &range, known ? &stored : NULL, &spans, err)) {
		log = (struct ev_archive_log){ .src = src, .spans = spans, .nspans = src->nparts, .spec = &spec };
		if (!ev_archive_sink_begin(s, &log, err))
			m = ev_merge_new(src, spans, &mo, err);
	}
	while (m && !done && n >= 0 && (!stop || (long)s->records < stop)) {
		n = ev_merge_read(m, r, 16, 1 << 20, 0, &done, err);
		for (int i = 0; i < n && n > 0; i++)
			if (s->ops->put(s, &r[i], err))
				n = -1;
	}
	for (uint32_t i = 0; m && i < src->nparts; i++)
		ev_position_set(&next, src->parts[i].topic, src->parts[i].partition, ev_merge_next(m, i));
	if (m && n >= 0 && (stop || !s->ops->flush(s, &next, err)))
		put = (long)s->records;
	ev_merge_free(m);
	if (s)
		s->ops->close(s);
	if (src)
		src->ops->close(src);
	ev_source_spec_release(&spec);
	ev_position_release(&stored);
	ev_position_release(&next);
	free(spans);
	return put;
}

static int count(const char *dir)
{
	struct ev_manifest m = { 0 };
	struct ev_error err;
	int64_t n = 0;

	if (ev_manifest_load(&m, dir, &err))
		return -1;
	for (size_t i = 0; i < m.ntopics; i++)
		for (size_t k = 0; k < m.topics[i].nparts; k++)
			n += m.topics[i].parts[k].records;
	ev_manifest_release(&m);
	return (int)n;
}

static void test_file(void)
{
	struct ev_error err = EV_ERROR_INIT;

	write_lines("x.ndjson", 0, 100, -1);
	CHECK(copy("./x.ndjson", "a", NULL, 0, &err) == 84 && count("a") == 84, "a file is copied");
	CHECK(copy("./x.ndjson", "a", NULL, 0, &err) == 0 && count("a") == 84, "again nothing is put");
	write_lines("x.ndjson", 90, 130, -1);
	CHECK(copy("./x.ndjson", "a", NULL, 0, &err) == 25 && count("a") == 109, "one that overlaps is gone on with");
	write_lines("x.ndjson", 140, 150, -1);
	CHECK(copy("./x.ndjson", "a", NULL, 0, &err) == -1 && err.class == EV_DATA &&
	      strstr(err.text, "offsets 129..139 of t/0 would be missing"), "one that leaves a gap is refused");
	CHECK(copy("./x.ndjson", "a", "other", 0, &err) == -1 && err.class == EV_DATA, "so is another cluster");
}

static void test_archive(void)
{
	struct ev_error err = EV_ERROR_INIT;

	write_lines("x.ndjson", 0, 100, -1);
	remove_all("a");
	copy("./x.ndjson", "a", "c", 0, &err);
	CHECK(copy("./a", "b", "c", 30, &err) >= 30 && count("b") == 0, "what was not flushed is not there");
	CHECK(copy("./a", "b", "c", 0, &err) == 84 && count("b") == 84, "the next run copies all of it");
	write_lines("x.ndjson", 0, 130, -1);
	copy("./x.ndjson", "a", "c", 0, &err);
	CHECK(copy("./a", "b", "c", 0, &err) == 25 && count("b") == 109, "and what comes later");
	remove_all("a");
	write_lines("x.ndjson", 0, 150, 128);
	copy("./x.ndjson", "a", "c", 0, &err);
	CHECK(copy("./a", "b", "c", 0, &err) == -1 && err.class == EV_DATA &&
	      strstr(err.text, "another record stands at offset 128"), "another log is refused");
	remove_all("a");
	write_lines("x.ndjson", 0, 100, -1);
	copy("./x.ndjson", "a", "c", 0, &err);
	CHECK(copy("./a", "b", "c", 0, &err) == -1 && err.class == EV_DATA, "and one that ends before");
	if (err.class)
		printf("# %s\n", err.text);
}

int main(void)
{
	char shm[] = "/dev/shm/evsink.XXXXXX", tmp[] = "/tmp/evsink.XXXXXX", *dir = mkdtemp(shm);

	dir = dir ? dir : mkdtemp(tmp);
	if (!dir || chdir(dir))
		abort();
	test_file();
	test_archive();
	if (chdir("/"))
		abort();
	remove_all(dir);
	return test_done();
}
