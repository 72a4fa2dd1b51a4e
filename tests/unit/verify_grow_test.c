/* verify_grow_test.c - an archive that grows while its files are looked at is whole; and an index stays small */
#include "test.h"

#include <dirent.h>
#include <ftw.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "archive/verify.h"
#include "archive/writer.h"
#include "base/mem.h"

static struct ev_archive_writer *writer; /* at work whenever a folder is read; NULL: none */
static int64_t next;

static void put(struct ev_archive_writer *w, const char *topic, int32_t partition, int64_t offset)
{
	struct ev_record r = { .topic = ev_slice_str(topic), .partition = partition, .offset = offset,
			       .timestamp = 1 + offset, .value = EV_LITERAL("1") };
	struct ev_error err;

	if (ev_archive_writer_put(w, &r, &err))
		abort();
}

static void grow(void)
{
	struct ev_error err;
	char topic[32];

	if (!writer)
		return;
	snprintf(topic, sizeof(topic), "t%d", (int)next);
	for (int i = 0; i < 3; i++)
		put(writer, "t", 0, next++);
	put(writer, "t", (int32_t)next, 0);
	put(writer, topic, 0, 0);
	if (ev_archive_writer_flush(writer, &err))
		abort();
}

static void sort(struct dirent **v, int n, int (*order)(const struct dirent **, const struct dirent **))
{
	for (int i = 1; i < n; i++)
		for (int k = i; k && order((const struct dirent **)&v[k - 1], (const struct dirent **)&v[k]) > 0; k--) {
			struct dirent *e = v[k];

			v[k] = v[k - 1];
			v[k - 1] = e;
		}
}

/* This stands before libc's own: the library is linked to what the program has. */
int scandir(const char *folder, struct dirent ***names, int (*want)(const struct dirent *),
	    int (*order)(const struct dirent **, const struct dirent **))
{
	DIR *d;
	struct dirent *e;
	int n = 0;

	grow();
	d = opendir(folder);
	if (!d)
		return -1;
	*names = NULL;
	while ((e = readdir(d)))
		if (!want || want(e)) {
			*names = ev_realloc_n(*names, (size_t)n + 1, sizeof(**names));
			(*names)[n] = ev_alloc(sizeof(*e));
			memcpy((*names)[n++], e, e->d_reclen); /* which is not all of the struct */
		}
	closedir(d);
	sort(*names, n, order);
	return n;
}

static void tell(void *ctx, const char *text)
{
	(void)ctx;
	printf("# %s\n", text);
}

static int64_t verify(void)
{
	struct ev_archive_check c = { .dir = "a", .fault = tell };
	struct ev_error err = EV_ERROR_INIT;

	if (ev_archive_verify(&c, &err)) {
		tell(NULL, err.text);
		return -1;
	}
	return (int64_t)c.faults;
}

static int remove_one(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
	(void)st, (void)flag, (void)ftw;
	return remove(path);
}

static void test_grow(void)
{
	struct ev_archive_options opt = EV_ARCHIVE_OPTIONS_INIT;
	struct ev_error err = EV_ERROR_INIT;
	FILE *f;

	opt.segment_records = 1;
	opt.member_bytes = 1;
	writer = ev_archive_writer_open("a", &opt, &err);
	if (!writer)
		abort();
	grow();
	CHECK(verify() == 0, "segments, partitions and topics that a writer makes meanwhile are no fault");
	CHECK(verify() == 0, "nor the next time");
	f = fopen("a/t/0/x", "w");
	if (!f || fclose(f))
		abort();
	CHECK(verify() == 1, "a file that is not its own is, all the same");
	ev_archive_writer_close(writer);
	writer = NULL;
	CHECK(verify() == 1, "and when the writer has gone");
}

/* Every second offset is empty: many runs, and little in the segment. */
static void test_index(void)
{
	struct ev_archive_options opt = EV_ARCHIVE_OPTIONS_INIT;
	struct ev_error err = EV_ERROR_INIT;
	const struct ev_archive_part *p;
	int64_t most = 0;

	nftw("a", remove_one, 16, FTW_DEPTH | FTW_PHYS);
	opt.member_bytes = 500;
	opt.index_bytes = 1000;
	for (int run = 0; run < 2; run++) {
		opt.append = run > 0;
		writer = ev_archive_writer_open("a", &opt, &err);
		if (!writer)
			abort();
		for (int i = 0; i < 300; i++)
			put(writer, "t", 0, 600 * run + 2 * i);
		CHECK(!ev_archive_writer_flush(writer, &err), "many empty offsets are archived: %s", err.text);
		p = ev_manifest_part(ev_manifest_topic(ev_archive_writer_manifest(writer), EV_LITERAL("t")), 0);
		CHECK(p->nsegments > 1, "in more than one segment (%zu)", p->nsegments);
		for (size_t i = 0; i < p->nsegments; i++)
			most = p->segments[i].index_bytes > most ? p->segments[i].index_bytes : most;
		ev_archive_writer_close(writer);
		writer = NULL;
		CHECK(verify() == 0, "and whole");
	}
	CHECK(most < 2000, "no index is much larger than it may be: %d bytes", (int)most);
}

int main(void)
{
	char shm[] = "/dev/shm/evgrow.XXXXXX", tmp[] = "/tmp/evgrow.XXXXXX", *dir = mkdtemp(shm);

	dir = dir ? dir : mkdtemp(tmp);
	if (!dir || chdir(dir))
		abort();
	test_grow();
	test_index();
	nftw("a", remove_one, 16, FTW_DEPTH | FTW_PHYS);
	if (chdir("/") || rmdir(dir))
		abort();
	return test_done();
}
