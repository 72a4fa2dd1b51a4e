/* fault.c - see fault.h */
#include "audit/fault.h"

#include "base/mem.h"
#include "base/utf8.h"

const char *const ev_fault_names[EV_FAULTS] = {
	[EV_FAULT_HOLE] = "hole",	[EV_FAULT_DUPLICATE] = "duplicate",
	[EV_FAULT_GAP] = "gap",		[EV_FAULT_REPEAT] = "repeat",
	[EV_FAULT_REORDER] = "reorder", [EV_FAULT_CAUSATION] = "causation",
	[EV_FAULT_TIME] = "time",	[EV_FAULT_COUNT] = "count",
	[EV_FAULT_LETTER] = "letter",	[EV_FAULT_MISSING] = "missing",
	[EV_FAULT_EXTRA] = "extra",	[EV_FAULT_CHANGED] = "changed",
	[EV_FAULT_MOVED] = "moved",
};

bool ev_fault_wanted(const struct ev_faults *fs, enum ev_fault_kind kind)
{
	int64_t seen = fs->found[kind] + fs->information[kind];

	return fs->fn && (fs->max < 0 || seen - fs->hidden[kind] < fs->max);
}

int ev_fault_add(struct ev_faults *fs, const struct ev_fault *f, struct ev_error *err)
{
	bool wanted = ev_fault_wanted(fs, f->kind);

	*(f->information ? &fs->information[f->kind] : &fs->found[f->kind]) += 1;
	fs->hidden[f->kind] += !wanted;
	return wanted ? fs->fn(fs->ctx, f, err) : 0;
}

int64_t ev_faults_found(const struct ev_faults *fs)
{
	int64_t sum = 0;

	for (int i = 0; i < EV_FAULTS; i++)
		sum += fs->found[i];
	return sum;
}

enum { MOST = 64 };

void ev_fault_name(struct ev_buf *out, struct ev_slice name)
{
	size_t n = name.len < MOST ? name.len : MOST;
	char *text;

	if (!name.ptr) {
		ev_buf_adds(out, "null");
		return;
	}
	while (n < name.len && n > MOST - 4 && ((unsigned char)name.ptr[n] & 0xc0) == 0x80)
		n--; /* not in the middle of a letter */
	text = ev_strndup(name.ptr, n);
	for (size_t i = 0; i < n; i++)
		if (!text[i])
			text[i] = '?';
	ev_buf_addc(out, '\'');
	ev_utf8_clean(text, out);
	ev_buf_adds(out, n < name.len ? "...'" : "'");
	free(text);
}
