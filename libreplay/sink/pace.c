/* pace.c - see pace.h */
#include "sink/pace.h"

#include <stdlib.h>
#include <string.h>

enum { OWED_US = 100000 };
#define FAR_US 9e18

/* Digits with an optional fraction; strtod also takes hex, signs, nan and exponents. */
static bool positive(const char *text, char **end, double *out)
{
	size_t n = strspn(text, "0123456789.");

	*out = strtod(text, end);
	return n && *end == text + n && *out > 0;
}

int ev_pace_rate(struct ev_pace *p, const char *text, struct ev_error *err)
{
	static const struct {
		const char *name;
		double factor;
	} units[] = { { "B", 1 }, { "kB", 1e3 }, { "KB", 1e3 }, { "MB", 1e6 }, { "GB", 1e9 },
		      { "KiB", 1024 }, { "MiB", 1048576 }, { "GiB", 1073741824 } };
	double n, factor = 0, per = 1;
	size_t len;
	char *end;

	if (positive(text, &end, &n)) {
		len = strcspn(end, "/");
		for (size_t i = 0; len && i < sizeof(units) / sizeof(units[0]); i++)
			if (strlen(units[i].name) == len && !strncmp(units[i].name, end, len))
				factor = units[i].factor;
		if (!strcmp(end + len, "/m"))
			per = 60;
		if ((!len || factor > 0) && (!end[len] || !strcmp(end + len, "/s") || per > 1)) {
			*(len ? &p->bytes : &p->records) = n * (len ? factor : 1) / per;
			return 0;
		}
	}
	ev_fail(err, EV_USAGE, "option '--rate' does not take '%s'", text);
	return ev_hint(err, "records or bytes: 5000/s, 300/m, 10MB/s, 512KiB/s");
}

int ev_pace_speed(struct ev_pace *p, const char *text, struct ev_error *err)
{
	char *end;

	if (positive(text, &end, &p->speed) && (!*end || !strcmp(end, "x")))
		return 0;
	p->speed = 0;
	ev_fail(err, EV_USAGE, "option '--speed' does not take '%s'", text);
	return ev_hint(err, "1x is the original pace, 10x ten times as fast, 0.5x half as fast");
}

static double by_time(struct ev_pace *p, int64_t ms)
{
	double gap_us;

	if (p->latest_ms == EV_NO_TIMESTAMP)
		p->latest_ms = ms;
	if (ms > p->latest_ms) {
		gap_us = ((double)ms - (double)p->latest_ms) * 1000 / p->speed; /* any two int64_t */
		if (p->max_idle_ms && gap_us > (double)p->max_idle_ms * 1000)
			gap_us = (double)p->max_idle_ms * 1000;
		p->at_us += gap_us;
		p->latest_ms = ms;
	}
	return (double)p->start_us + p->at_us;
}

static double by_rate(struct ev_pace *p, const struct ev_record *r, int64_t now_us)
{
	double cost = p->records > 0 ? 1e6 / p->records : 0, due, bytes;

	bytes = p->bytes > 0 ? (double)ev_record_bytes(r) * 1e6 / p->bytes : 0;
	if (p->next_us < (double)(now_us - OWED_US))
		p->next_us = (double)(now_us - OWED_US);
	if (p->next_us < (double)p->start_us)
		p->next_us = (double)p->start_us;
	due = p->next_us;
	p->next_us += cost > bytes ? cost : bytes;
	return due;
}

int64_t ev_pace_due(struct ev_pace *p, const struct ev_record *r, int64_t now_us)
{
	double due = 0, other;

	if (!p->start_us)
		p->start_us = now_us;
	if (p->speed > 0 && r->timestamp != EV_NO_TIMESTAMP)
		due = by_time(p, r->timestamp);
	if (p->records > 0 || p->bytes > 0) {
		other = by_rate(p, r, now_us);
		if (other > due)
			due = other;
	}
	if (due > FAR_US) /* a very slow speed */
		due = FAR_US;
	return due > (double)p->start_us ? (int64_t)due : p->start_us;
}
