/* client.c - see client.h */
#include "source/client.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/mem.h"

enum { ASK_MS = 1000, ASK_MOST_MS = 4000, ASK_PAUSE_MS = 50, DESTROY_S = 5 };

struct kafka_log {
	pthread_mutex_t lock; /* librdkafka logs from threads of its own */
	char last[512];
	void (*debug)(void *ctx, const char *fac, const char *text); /* NULL: not wanted */
	void *debug_ctx;
	int64_t down_since; /* touched only by the thread that uses the source */
	bool used;          /* by a client that did not come to its end */
};

struct kafka_log *ev_kafka_log_new(void)
{
	struct kafka_log *log = ev_alloc(sizeof(*log));

	pthread_mutex_init(&log->lock, NULL);
	return log;
}

bool ev_kafka_log_free(struct kafka_log *log)
{
	if (log->used)
		return false;
	pthread_mutex_destroy(&log->lock);
	free(log);
	return true;
}

void ev_kafka_log_clear(struct kafka_log *log)
{
	pthread_mutex_lock(&log->lock);
	log->last[0] = '\0';
	pthread_mutex_unlock(&log->lock);
	log->down_since = 0;
}

/*
 * Keep the last error line, without the thread's name before it. Only real failures: a closed
 * connection is normal, and a line about a property could hold a secret.
 */
static void on_log(const rd_kafka_t *rk, int level, const char *fac, const char *text)
{
	struct kafka_log *log = rd_kafka_opaque(rk);
	const char *end;

	if (log && log->debug && level == 7)
		log->debug(log->debug_ctx, fac, text);
	if (!log || level > 3 || strstr(text, "oauthbearer.config"))
		return;
	if (!strncmp(text, "[thrd:", 6) && (end = strstr(text, "]: ")))
		text = end + 3;
	pthread_mutex_lock(&log->lock);
	snprintf(log->last, sizeof(log->last), "%s", text);
	pthread_mutex_unlock(&log->lock);
}

static void on_error(rd_kafka_t *rk, int e, const char *reason, void *opaque)
{
	struct kafka_log *log = opaque;

	(void)rk, (void)reason;
	if (e == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN && !log->down_since)
		log->down_since = ev_clock_ms();
}

void ev_kafka_log_debug(struct kafka_log *log,
			void (*fn)(void *ctx, const char *fac, const char *text), void *ctx)
{
	log->debug = fn;
	log->debug_ctx = ctx;
}

void ev_kafka_log_install(struct kafka_log *log, rd_kafka_conf_t *conf)
{
	rd_kafka_conf_set_log_cb(conf, on_log);
	rd_kafka_conf_set_error_cb(conf, on_error);
	rd_kafka_conf_set_opaque(conf, log);
}

/* What the client said last, or `otherwise`, copied to `out`. */
static void said_last(struct kafka_log *log, const char *otherwise, char *out, size_t size)
{
	pthread_mutex_lock(&log->lock);
	snprintf(out, size, "%s", log->last[0] ? log->last : otherwise);
	pthread_mutex_unlock(&log->lock);
}

int ev_kafka_log_fail(struct kafka_log *log, enum ev_class class, struct ev_error *err,
		      rd_kafka_resp_err_t e, const char *fmt, va_list ap)
{
	char what[512], why[512];

	vsnprintf(what, sizeof(what), fmt, ap);
	said_last(log, rd_kafka_err2str(e), why, sizeof(why));
	ev_fail(err, class, "%s: %s", what, why);
	err->retriable = true;
	err->silent = ev_kafka_is_passing(e) || e == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN ||
		      e == RD_KAFKA_RESP_ERR__PARTIAL;
	return -1;
}

int64_t ev_kafka_log_down_since(const struct kafka_log *log)
{
	return log->down_since;
}

static void *destroy(void *rk)
{
	rd_kafka_destroy_flags(rk, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
	return NULL;
}

void ev_kafka_destroy(rd_kafka_t *rk, struct kafka_log *log)
{
	struct timespec until;
	pthread_t thread;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += DESTROY_S;
	if (pthread_create(&thread, NULL, destroy, rk)) {
		destroy(rk);
		return;
	}
	if (!pthread_clockjoin_np(thread, NULL, CLOCK_MONOTONIC, &until))
		return;
	pthread_detach(thread);
	if (log)
		log->used = true;
}

bool ev_kafka_is_gone(rd_kafka_resp_err_t e)
{
	return e == RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC || e == RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION ||
	       e == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART;
}

static bool secret(const char *name)
{
	return strstr(name, "password") || strstr(name, "secret") || strstr(name, ".pem") ||
	       strstr(name, "oauthbearer.config");
}

int ev_property_set(rd_kafka_conf_t *conf, const struct kafka_property *p, struct ev_error *err)
{
	char why[512];

	if (rd_kafka_conf_set(conf, p->name, p->value, why, sizeof(why)) == RD_KAFKA_CONF_OK)
		return 0;
	if (secret(p->name) && !strstr(why, "No such"))
		return ev_fail(err, EV_USAGE, "cannot set property '%s': its value is refused", p->name);
	return ev_fail(err, EV_USAGE, "cannot set property '%s': %s", p->name, why);
}

int ev_properties_add(struct ev_properties *p, rd_kafka_conf_t *conf, const char *text,
		      struct ev_error *err)
{
	const char *eq = strchr(text, '='), *end, *v;
	struct kafka_property *added;

	if (!eq || eq == text)
		return ev_fail(err, EV_USAGE, "cannot use a property without '=': NAME=VALUE expected");
	for (end = eq; end > text && strchr(" \t", end[-1]); end--)
		;
	EV_GROW(p->v, p->n, p->cap);
	added = &p->v[p->n];
	added->name = ev_strndup(text, (size_t)(end - text));
	for (v = eq + 1; *v == ' ' || *v == '\t'; v++)
		;
	for (end = v + strlen(v); end > v && strchr(" \t\r\n", end[-1]); end--)
		;
	added->value = ev_strndup(v, (size_t)(end - v));
	p->n++;
	return ev_property_set(conf, added, err);
}

int ev_properties_file(struct ev_properties *p, rd_kafka_conf_t *conf, const char *path,
		       struct ev_error *err)
{
	FILE *f = fopen(path, "re");
	char *line = NULL, *at;
	size_t cap = 0, n = 0;
	int rc = 0;

	if (!f)
		return ev_fail(err, EV_USAGE, "cannot open properties file '%s': %s", path, strerror(errno));
	while (!rc && getline(&line, &cap, f) >= 0) {
		n++;
		at = line + strspn(line, " \t\r\n");
		if (*at && *at != '#' && (rc = ev_properties_add(p, conf, at, err)))
			ev_context(err, "%s:%zu", path, n);
	}
	if (!rc && ferror(f))
		rc = ev_fail(err, EV_USAGE, "cannot read properties file '%s': %s", path, strerror(errno));
	free(line);
	fclose(f);
	return rc;
}

int ev_property_refuse(const struct kafka_property *p, const char *const *forced, struct ev_error *err)
{
	for (; forced && forced[0]; forced += 2)
		if (!strcmp(p->name, forced[0]) && (!forced[1] || strcmp(p->value, forced[1])))
			return ev_fail(err, EV_USAGE, forced[1] ? "cannot set property '%s': it has to be '%s'" :
				       "cannot set property '%s'", p->name, forced[1]);
	return 0;
}

void ev_properties_ours(rd_kafka_conf_t *conf, const char *const *pairs)
{
	char why[256];

	for (; pairs && pairs[0]; pairs += 2)
		rd_kafka_conf_set(conf, pairs[0], pairs[1], why, sizeof(why));
}

const char *ev_property_of(rd_kafka_conf_t *conf, const char *name, char *out, size_t size)
{
	return rd_kafka_conf_get(conf, name, out, &size) == RD_KAFKA_CONF_OK ? out : "";
}

void ev_properties_release(struct ev_properties *p)
{
	for (size_t i = 0; i < p->n; i++) {
		free((void *)(uintptr_t)p->v[i].name);
		free((void *)(uintptr_t)p->v[i].value);
	}
	free(p->v);
	*p = (struct ev_properties){ 0 };
}

static const struct rd_kafka_group_info *listed(const struct rd_kafka_group_list *l, const char *group)
{
	for (int i = l->group_cnt; i-- > 0;)
		if (!strcmp(l->groups[i].group, group))
			return &l->groups[i];
	return NULL;
}

/* Has the group members, by the state that the cluster lists it with? */
static rd_kafka_resp_err_t has_members(const rd_kafka_ListConsumerGroups_result_t *res, const char *group, bool *out)
{
	size_t n, errors;
	const rd_kafka_ConsumerGroupListing_t **v = rd_kafka_ListConsumerGroups_result_valid(res, &n);
	const rd_kafka_error_t **e = rd_kafka_ListConsumerGroups_result_errors(res, &errors);

	for (size_t i = 0; i < n; i++) {
		rd_kafka_consumer_group_state_t is = rd_kafka_ConsumerGroupListing_state(v[i]);

		if (strcmp(rd_kafka_ConsumerGroupListing_group_id(v[i]), group))
			continue;
		/* the client does not know all states: the others are of groups that have some */
		*out = is != RD_KAFKA_CONSUMER_GROUP_STATE_EMPTY && is != RD_KAFKA_CONSUMER_GROUP_STATE_DEAD;
		return 0;
	}
	return errors ? rd_kafka_error_code(e[0]) : 0;
}

/* Asked in a way that tells of all kinds of groups, though not who is in them. */
static rd_kafka_resp_err_t ask_state(rd_kafka_t *rk, const char *group, int timeout_ms, bool *members)
{
	rd_kafka_AdminOptions_t *o = rd_kafka_AdminOptions_new(rk, RD_KAFKA_ADMIN_OP_LISTCONSUMERGROUPS);
	rd_kafka_queue_t *q = rd_kafka_queue_new(rk);
	rd_kafka_resp_err_t e = RD_KAFKA_RESP_ERR__TIMED_OUT;
	rd_kafka_event_t *ev;
	char why[128];

	rd_kafka_AdminOptions_set_request_timeout(o, timeout_ms, why, sizeof(why));
	rd_kafka_ListConsumerGroups(rk, o, q);
	ev = rd_kafka_queue_poll(q, timeout_ms + ASK_MS);
	if (ev)
		e = rd_kafka_event_error(ev);
	if (ev && !e)
		e = has_members(rd_kafka_event_ListConsumerGroups_result(ev), group, members);
	rd_kafka_event_destroy(ev);
	rd_kafka_queue_destroy(q);
	rd_kafka_AdminOptions_destroy(o);
	return e;
}

/*
 * One round: 0 and the list, or why it says nothing of the group. One of Kafka 4's own protocol is listed, and
 * described in this way as one that is dead.
 */
static rd_kafka_resp_err_t ask_once(rd_kafka_t *rk, const char *group, int timeout_ms,
				    const struct rd_kafka_group_list **l, bool *nameless)
{
	rd_kafka_resp_err_t e, answer = rd_kafka_list_groups(rk, group, l, timeout_ms);
	const struct rd_kafka_group_info *is;

	*nameless = false;
	if (answer && answer != RD_KAFKA_RESP_ERR__PARTIAL)
		return answer;
	is = listed(*l, group);
	e = is ? is->err : answer;
	if (!e && is && !strcmp(is->state, "Dead"))
		e = ask_state(rk, group, timeout_ms, nameless);
	if (e)
		rd_kafka_group_list_destroy(*l);
	return e;
}

rd_kafka_resp_err_t ev_kafka_ask_group(rd_kafka_t *rk, const char *group, int timeout_ms, bool (*stopped)(void),
				       const struct rd_kafka_group_list **l, bool *nameless)
{
	int64_t until = ev_clock_ms() + timeout_ms, left = timeout_ms;
	struct timespec pause = { .tv_nsec = ASK_PAUSE_MS * 1000000L };
	int64_t round = ASK_MS; /* longer each time: the brokers may be slow */

	for (;;) {
		rd_kafka_resp_err_t e = ask_once(rk, group, (int)(left < round ? left : round), l, nameless);

		left = until - ev_clock_ms();
		if (!e || e == RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED || left <= ASK_PAUSE_MS)
			return e;
		if (stopped && stopped())
			return RD_KAFKA_RESP_ERR__INTR;
		nanosleep(&pause, NULL);
		if (round < ASK_MOST_MS)
			round *= 2;
	}
}

bool ev_kafka_is_passing(rd_kafka_resp_err_t e)
{
	return e == RD_KAFKA_RESP_ERR__WAIT_COORD || e == RD_KAFKA_RESP_ERR__TRANSPORT ||
	       e == RD_KAFKA_RESP_ERR__TIMED_OUT || e == RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT ||
	       e == RD_KAFKA_RESP_ERR_NOT_COORDINATOR ||
	       e == RD_KAFKA_RESP_ERR_COORDINATOR_NOT_AVAILABLE ||
	       e == RD_KAFKA_RESP_ERR_COORDINATOR_LOAD_IN_PROGRESS;
}

rd_kafka_resp_err_t ev_kafka_committed(rd_kafka_t *rk, rd_kafka_topic_partition_list_t *l, int timeout_ms)
{
	int64_t until = ev_clock_ms() + timeout_ms, left = timeout_ms;
	struct timespec pause = { .tv_nsec = ASK_PAUSE_MS * 1000000L };

	for (;;) {
		rd_kafka_resp_err_t e = rd_kafka_committed(rk, l, (int)left);

		for (int i = 0; !e && i < l->cnt; i++)
			e = l->elems[i].err;
		left = until - ev_clock_ms();
		if (!ev_kafka_is_passing(e) || left <= ASK_PAUSE_MS)
			return e;
		nanosleep(&pause, NULL);
	}
}
