/* spec.c - see spec.h */
#include "source/spec.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "archive/archive.h"
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

/* Put `t` into the list: a topic named before takes its partitions over. */
static void merge_topic(struct ev_topic_spec **v, size_t *n, struct ev_topic_spec *t)
{
	struct ev_topic_spec *old = NULL;

	for (size_t i = 0; i < *n; i++)
		if (strcmp((*v)[i].topic, t->topic) == 0)
			old = &(*v)[i];
	if (!old) {
		*v = ev_realloc_n(*v, *n + 1, sizeof(**v));
		(*v)[(*n)++] = *t;
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

/* TOPIC or TOPIC/LIST, of the whole `word`. */
static int read_topic(struct ev_topic_spec *t, const char *text, const char *word, struct ev_error *err)
{
	const char *slash = strchr(text, '/');
	struct ev_slice name = ev_slice(text, slash ? (size_t)(slash - text) : strlen(text));

	if (!ev_topic_valid(name)) {
		ev_fail(err, EV_USAGE, "cannot read source '%s': not a topic name", word);
		return ev_hint(err, "a topic has 1 to 249 letters, digits, '.', '_' and '-'; "
			       "a file starts with '/' or '.'");
	}
	if (slash && read_partitions(t, slash + 1, word, err)) {
		free(t->partitions);
		return -1;
	}
	t->topic = ev_slice_dup(name);
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
			return ev_archive_none(word, err);
	}
	spec->files = ev_realloc_n(spec->files, spec->nfiles + 1, sizeof(*spec->files));
	spec->files[spec->nfiles++] = ev_strdup(word);
	return 0;
}

/* Split `path` before its last component; false when there is none. */
static bool split(char *path)
{
	char *slash = strrchr(path, '/');

	if (!slash || slash == path)
		return false;
	*slash = '\0';
	return true;
}

/*
 * The archive that the word names, or that lies one or two folders above what it names: then
 * *selected is where in the word TOPIC or TOPIC/LIST begins. NULL: it is no archive.
 */
static char *find_archive(const char *word, const char **selected)
{
	size_t len = strlen(word);
	struct stat st;
	char *dir;

	*selected = NULL;
	if (strcmp(word, "-") == 0 || (stat(word, &st) == 0 && !S_ISDIR(st.st_mode)))
		return NULL;
	while (len > 1 && word[len - 1] == '/')
		len--;
	dir = ev_strndup(word, len);
	for (int up = 0; up < 3; up++) {
		if (ev_archive_is(dir)) {
			*selected = up ? word + strlen(dir) + 1 : NULL;
			return dir;
		}
		if (!split(dir))
			break;
	}
	free(dir);
	return NULL;
}

const char *ev_source_path_is(const char *word)
{
	const char *selected;
	char *archive = find_archive(word, &selected);
	struct stat st;

	free(archive);
	return archive ? "an archive" : stat(word, &st) == 0 && S_ISREG(st.st_mode) ? "a file" : NULL;
}

static int add_topic(struct ev_source_spec *spec, const char *word, struct ev_error *err)
{
	struct ev_topic_spec t = { NULL, NULL, 0 };
	const char *is = ev_source_path_is(word);

	if (is && (ends_with(word, ".ndjson") || ends_with(word, ".gz"))) {
		ev_fail(err, EV_USAGE, "cannot read '%s': this names a topic, and is %s", word, is);
		return ev_hint(err, "write ./%s for that", word);
	}
	if (read_topic(&t, word, word, err))
		return is ? ev_hint(err, "./%s is %s: a path starts with '/' or '.'", word, is) : -1;
	merge_topic(&spec->topics, &spec->ntopics, &t);
	return 0;
}

/* `dir` is taken over. */
static int add_archive(struct ev_source_spec *spec, char *dir, const char *selected, const char *word,
		       struct ev_error *err)
{
	struct ev_topic_spec t = { NULL, NULL, 0 };
	char *text = ev_strdup(selected);
	int rc = 0;

	if (spec->archive && strcmp(spec->archive, dir) != 0)
		rc = ev_fail(err, EV_USAGE, "cannot read archives '%s' and '%s' as one", spec->archive,
			     dir);
	else if (selected && spec->ntopics)
		rc = ev_fail(err, EV_USAGE, "cannot read '%s' beside a topic: name the archive alone, "
			     "the topics say what is read", word);
	if (!rc && text) {
		while (*text && text[strlen(text) - 1] == '/')
			text[strlen(text) - 1] = '\0';
		rc = read_topic(&t, text, word, err);
	}
	free(text);
	if (rc) {
		free(dir);
		return -1;
	}
	if (selected)
		merge_topic(&spec->selected, &spec->nselected, &t);
	else
		spec->archive_whole = true;
	free(spec->archive);
	spec->archive = dir;
	return 0;
}

int ev_source_spec_add(struct ev_source_spec *spec, const char *word, struct ev_error *err)
{
	bool path = word[0] == '/' || word[0] == '.' || strcmp(word, "-") == 0;
	const char *selected = NULL;
	char *archive = path ? find_archive(word, &selected) : NULL;
	bool file = path && !archive;

	if (file ? spec->ntopics || spec->archive : spec->nfiles > 0) {
		free(archive);
		if (file && *word != '-' && access(word, F_OK))
			return ev_fail(err, EV_SOURCE, "cannot open '%s': %s", word, strerror(errno));
		return ev_fail(err, EV_USAGE, "cannot read '%s': %s cannot be mixed", word,
			       spec->archive || archive ? "archives and files" : "topics and files");
	}
	if (archive)
		return add_archive(spec, archive, selected, word, err);
	if (file)
		return add_file(spec, word, err);
	if (spec->nselected)
		return ev_fail(err, EV_USAGE, "cannot read '%s' beside a part of an archive: name the "
			       "archive alone, the topics say what is read", word);
	return add_topic(spec, word, err);
}

static void free_topics(struct ev_topic_spec *v, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		free(v[i].topic);
		free(v[i].partitions);
	}
	free(v);
}

bool ev_source_spec_whole(const struct ev_source_spec *spec, const char *topic)
{
	for (size_t i = 0; i < spec->ntopics; i++)
		if (!strcmp(spec->topics[i].topic, topic))
			return !spec->topics[i].partitions;
	return false;
}

void ev_source_spec_release(struct ev_source_spec *spec)
{
	free_topics(spec->topics, spec->ntopics);
	free_topics(spec->selected, spec->nselected);
	free(spec->archive);
	free(spec->archive_map);
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
