/* spec.c - see spec.h */
#include "source/spec.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"

static int bad_partitions(const char *word, struct ev_error *err)
{
	ev_fail(err, EV_USAGE, "cannot read source '%s': bad list of partitions", word);
	return ev_hint(err, "partitions are numbers and ranges, as in orders/0,2-5");
}

/* Decimal digits only; moves *p behind them. -1 when there are none, or too many. */
static int64_t read_number(const char **p)
{
	const char *first = *p;
	int64_t n = 0;

	for (; **p >= '0' && **p <= '9'; (*p)++) {
		n = n * 10 + (**p - '0');
		if (n > INT32_MAX)
			return -1;
	}
	return *p == first ? -1 : n;
}

static int by_number(const void *a, const void *b)
{
	int32_t x = *(const int32_t *)a, y = *(const int32_t *)b;

	return (x > y) - (x < y);
}

/* Append partitions `low` to `high`; false when the list would get too long. */
static bool add_range(struct ev_topic_spec *t, int64_t low, int64_t high)
{
	if (high - low >= EV_SPEC_MAX_PARTITIONS - (int64_t)t->npartitions)
		return false;
	t->partitions = ev_realloc_n(t->partitions, t->npartitions + (size_t)(high - low) + 1,
				     sizeof(*t->partitions));
	for (; low <= high; low++)
		t->partitions[t->npartitions++] = (int32_t)low;
	return true;
}

static void sort_partitions(struct ev_topic_spec *t)
{
	size_t n = 0;

	qsort(t->partitions, t->npartitions, sizeof(*t->partitions), by_number);
	for (size_t i = 0; i < t->npartitions; i++)
		if (!n || t->partitions[n - 1] != t->partitions[i])
			t->partitions[n++] = t->partitions[i];
	t->npartitions = n;
}

static int read_partitions(struct ev_topic_spec *t, const char *list, const char *word,
			   struct ev_error *err)
{
	const char *p = list;

	for (;;) {
		int64_t low = read_number(&p), high = low;

		if (*p == '-') {
			p++;
			high = read_number(&p);
		}
		if (low < 0 || high < low || (*p && *p != ','))
			return bad_partitions(word, err);
		if (!add_range(t, low, high))
			return ev_fail(err, EV_USAGE,
				       "cannot read source '%s': more than %d partitions", word,
				       EV_SPEC_MAX_PARTITIONS);
		if (!*p)
			break;
		p++;
	}
	sort_partitions(t);
	return 0;
}

/* Put `t` into the spec: a topic named before takes its partitions over. */
static void merge_topic(struct ev_source_spec *spec, struct ev_topic_spec *t)
{
	struct ev_topic_spec *old = NULL;

	for (size_t i = 0; i < spec->ntopics; i++)
		if (strcmp(spec->topics[i].topic, t->topic) == 0)
			old = &spec->topics[i];
	if (!old) {
		spec->topics = ev_realloc_n(spec->topics, spec->ntopics + 1, sizeof(*spec->topics));
		spec->topics[spec->ntopics++] = *t;
		return;
	}
	if (!t->partitions || !old->partitions) {
		free(old->partitions);
		old->partitions = NULL;
		old->npartitions = 0;
	} else {
		old->partitions = ev_realloc_n(old->partitions, old->npartitions + t->npartitions,
					       sizeof(*old->partitions));
		memcpy(old->partitions + old->npartitions, t->partitions,
		       t->npartitions * sizeof(*t->partitions));
		old->npartitions += t->npartitions;
		sort_partitions(old);
	}
	free(t->partitions);
	free(t->topic);
}

static bool ends_with(const char *s, const char *tail)
{
	size_t n = strlen(s), m = strlen(tail);

	return n >= m && strcmp(s + n - m, tail) == 0;
}

static int add_topic(struct ev_source_spec *spec, const char *word, struct ev_error *err)
{
	const char *slash = strchr(word, '/');
	struct ev_slice name = ev_slice(word, slash ? (size_t)(slash - word) : strlen(word));
	struct ev_topic_spec t = { NULL, NULL, 0 };

	if ((ends_with(word, ".ndjson") || ends_with(word, ".gz")) && access(word, F_OK) == 0) {
		ev_fail(err, EV_USAGE, "cannot read '%s': this names a topic, and is a file", word);
		return ev_hint(err, "write ./%s for the file", word);
	}
	if (!ev_topic_valid(name)) {
		ev_fail(err, EV_USAGE, "cannot read source '%s': not a topic name", word);
		return ev_hint(err, "a topic has 1 to 249 letters, digits, '.', '_' and '-'; "
			       "a file starts with '/' or '.'");
	}
	if (slash && read_partitions(&t, slash + 1, word, err)) {
		free(t.partitions);
		return -1;
	}
	t.topic = ev_slice_dup(name);
	merge_topic(spec, &t);
	return 0;
}

static int add_file(struct ev_source_spec *spec, const char *word, struct ev_error *err)
{
	struct stat st;

	for (size_t i = 0; i < spec->nfiles; i++)
		if (strcmp(spec->files[i], word) == 0)
			return ev_fail(err, EV_USAGE, "source '%s' is given twice", word);
	if (strcmp(word, "-") != 0) {
		if (stat(word, &st))
			return ev_fail(err, EV_SOURCE, "cannot open '%s': %s", word,
				       strerror(errno));
		if (S_ISDIR(st.st_mode))
			return ev_fail(err, EV_USAGE,
				       "cannot read folder '%s': archives are not built yet", word);
	}
	spec->files = ev_realloc_n(spec->files, spec->nfiles + 1, sizeof(*spec->files));
	spec->files[spec->nfiles++] = ev_strdup(word);
	return 0;
}

int ev_source_spec_add(struct ev_source_spec *spec, const char *word, struct ev_error *err)
{
	bool file = word[0] == '/' || word[0] == '.' || strcmp(word, "-") == 0;

	if (file ? spec->ntopics > 0 : spec->nfiles > 0)
		return ev_fail(err, EV_USAGE, "cannot read '%s': topics and files cannot be mixed",
			       word);
	return file ? add_file(spec, word, err) : add_topic(spec, word, err);
}

void ev_source_spec_release(struct ev_source_spec *spec)
{
	for (size_t i = 0; i < spec->ntopics; i++) {
		free(spec->topics[i].topic);
		free(spec->topics[i].partitions);
	}
	free(spec->topics);
	for (size_t i = 0; i < spec->nfiles; i++)
		free(spec->files[i]);
	free(spec->files);
	free(spec->lines_topic);
	free(spec->brokers);
	for (size_t i = 0; i < spec->nproperties; i++)
		free(spec->properties[i]);
	free(spec->properties);
	free(spec->properties_file);
	*spec = (struct ev_source_spec)EV_SOURCE_SPEC_INIT;
}
