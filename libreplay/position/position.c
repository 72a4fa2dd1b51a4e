/* position.c - see position.h; files are position_file.c's */
#include "position/position.h"

#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "base/mem.h"

void ev_position_release(struct ev_position *p)
{
	for (size_t i = 0; i < p->n; i++)
		free(p->v[i].topic);
	free(p->v);
	*p = (struct ev_position)EV_POSITION_INIT;
}

static int entry_cmp(const struct ev_position_entry *e, const char *topic, int32_t partition)
{
	int c = strcmp(e->topic, topic);

	return c ? c : (e->partition > partition) - (e->partition < partition);
}

/* The index of the entry, or of the place where it belongs. */
static size_t find(const struct ev_position *p, const char *topic, int32_t partition, bool *found)
{
	size_t low = 0, high = p->n;

	*found = false;
	/* entries mostly come in order */
	if (p->n && entry_cmp(&p->v[p->n - 1], topic, partition) < 0)
		return p->n;
	while (low < high) {
		size_t mid = low + (high - low) / 2;
		int c = entry_cmp(&p->v[mid], topic, partition);

		if (c == 0) {
			*found = true;
			return mid;
		}
		if (c < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

void ev_position_set(struct ev_position *p, const char *topic, int32_t partition, int64_t offset)
{
	bool found;
	size_t at = find(p, topic, partition, &found);

	if (!found) {
		EV_GROW(p->v, p->n, p->cap);
		memmove(p->v + at + 1, p->v + at, (p->n - at) * sizeof(*p->v));
		p->n++;
		p->v[at].topic = ev_strdup(topic);
		p->v[at].partition = partition;
	}
	p->v[at].offset = offset;
}

int64_t ev_position_get(const struct ev_position *p, const char *topic, int32_t partition)
{
	bool found;
	size_t at = find(p, topic, partition, &found);

	return found ? p->v[at].offset : -1;
}

void ev_position_copy(struct ev_position *to, const struct ev_position *from)
{
	struct ev_position copy = EV_POSITION_INIT;

	for (size_t i = 0; i < from->n; i++)
		ev_position_set(&copy, from->v[i].topic, from->v[i].partition, from->v[i].offset);
	ev_position_release(to);
	*to = copy;
}

bool ev_position_eq(const struct ev_position *a, const struct ev_position *b)
{
	if (a->n != b->n)
		return false;
	for (size_t i = 0; i < a->n; i++)
		if (entry_cmp(&a->v[i], b->v[i].topic, b->v[i].partition) ||
		    a->v[i].offset != b->v[i].offset)
			return false;
	return true;
}

static void quote(struct ev_buf *out, const char *topic)
{
	json_t *string = json_string(topic);
	char *text = json_dumps(string, JSON_ENCODE_ANY);

	if (text)
		ev_buf_adds(out, text);
	else
		out->failed = true;
	free(text);
	json_decref(string);
}

void ev_position_print(const struct ev_position *p, struct ev_buf *out)
{
	const char *topic = NULL;

	ev_buf_addc(out, '{');
	for (size_t i = 0; i < p->n; i++) {
		const struct ev_position_entry *e = &p->v[i];

		if (!topic || strcmp(topic, e->topic) != 0) {
			ev_buf_adds(out, topic ? "}," : "");
			quote(out, e->topic);
			ev_buf_adds(out, ":{");
			topic = e->topic;
		} else {
			ev_buf_addc(out, ',');
		}
		ev_buf_addc(out, '"');
		ev_buf_add_i64(out, e->partition);
		ev_buf_adds(out, "\":");
		ev_buf_add_i64(out, e->offset);
	}
	ev_buf_adds(out, topic ? "}}" : "}");
}

/* A partition's number as we print it: no sign, no leading zero, so no two names are one number. */
static bool read_partition(const char *s, int32_t *partition)
{
	int64_t v = 0;

	if (!*s || (*s == '0' && s[1]))
		return false;
	for (; *s; s++) {
		if (*s < '0' || *s > '9')
			return false;
		v = v * 10 + (*s - '0');
		if (v > INT32_MAX)
			return false;
	}
	*partition = (int32_t)v;
	return true;
}

static int read_topic(struct ev_position *p, const char *topic, json_t *partitions,
		      struct ev_error *err)
{
	const char *name;
	json_t *offset;

	if (!*topic)
		return ev_fail(err, EV_USAGE, "a topic without a name");
	if (!json_is_object(partitions))
		return ev_fail(err, EV_USAGE, "topic '%s' is no object of partitions", topic);
	json_object_foreach(partitions, name, offset) {
		int32_t partition;

		if (!read_partition(name, &partition))
			return ev_fail(err, EV_USAGE, "'%s' of topic '%s' is no partition", name, topic);
		if (!json_is_integer(offset) || json_integer_value(offset) < 0)
			return ev_fail(err, EV_USAGE, "the offset of %s/%s is no integer from 0", topic,
				       name);
		ev_position_set(p, topic, partition, json_integer_value(offset));
	}
	return 0;
}

int ev_position_read(struct ev_position *p, struct ev_slice json, struct ev_error *err)
{
	struct ev_position read = EV_POSITION_INIT;
	json_error_t jerr;
	json_t *root = json_loadb(json.ptr ? json.ptr : "", json.len, JSON_REJECT_DUPLICATES, &jerr);
	json_t *partitions;
	const char *topic;
	int rc = 0;

	if (!root) {
		ev_fail(err, EV_USAGE, "no position: line %d, column %d: %s", jerr.line, jerr.column,
			jerr.text);
	} else if (!json_is_object(root)) {
		ev_fail(err, EV_USAGE, "no position: no JSON object");
	} else {
		json_object_foreach(root, topic, partitions) {
			rc = read_topic(&read, topic, partitions, err);
			if (rc)
				break;
		}
		if (!rc) {
			json_decref(root);
			ev_position_release(p);
			*p = read;
			return 0;
		}
		ev_context(err, "no position");
	}
	json_decref(root);
	ev_position_release(&read);
	return ev_hint(err, "a position is the next offset of each partition: "
			    "{\"orders\":{\"0\":12,\"1\":7}}");
}
