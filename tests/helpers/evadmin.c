/*
 * evadmin.c - make, change and look at topics of a real broker (for tests)
 *
 *   evadmin [-b BROKERS] [-X name=value]... VERB ARGS...     EV_BROKERS is the default of -b
 *
 *   create TOPIC PARTITIONS [config=value...]  and wait until every partition has a leader
 *   alter TOPIC config=value...                these, and the defaults of all others
 *   delete TOPIC                               and wait until it is gone
 *   grow TOPIC PARTITIONS                      to that many, and wait for them
 *   trim TOPIC/PARTITION OFFSET                DeleteRecords: the log then starts at OFFSET
 *   deny TOPIC [read|write]                    nobody may (write) it (a broker with an authorizer)
 *   veil TOPIC|@                               nobody may see its settings, or those of the brokers (likewise)
 *   shut GROUP                                 nobody may read in that group, so none joins it (likewise)
 *   set TOPIC|@BROKER config=value             a setting of the topic, or of the broker with that number
 *   marks TOPIC/PARTITION                      prints low, last stable and high offset
 *   commit GROUP TOPIC/PARTITION=OFFSET...     a consumer group's offsets
 *   committed GROUP TOPIC/PARTITION            prints the committed offset, -1 when there is none
 */
#include "client.h"

enum { WAIT_MS = 30000 };

static void check_topics(const rd_kafka_topic_result_t **v, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (rd_kafka_topic_result_error(v[i]))
			die(rd_kafka_topic_result_name(v[i]), rd_kafka_topic_result_error_string(v[i]));
}

static void check_event(rd_kafka_event_t *ev)
{
	const rd_kafka_topic_result_t **v = NULL;
	size_t n = 0;

	if (!ev || rd_kafka_event_error(ev))
		die("broker", ev ? rd_kafka_event_error_string(ev) : "no answer");
	if (rd_kafka_event_type(ev) == RD_KAFKA_EVENT_CREATETOPICS_RESULT)
		v = rd_kafka_CreateTopics_result_topics(rd_kafka_event_CreateTopics_result(ev), &n);
	else if (rd_kafka_event_type(ev) == RD_KAFKA_EVENT_DELETETOPICS_RESULT)
		v = rd_kafka_DeleteTopics_result_topics(rd_kafka_event_DeleteTopics_result(ev), &n);
	else if (rd_kafka_event_type(ev) == RD_KAFKA_EVENT_CREATEPARTITIONS_RESULT)
		v = rd_kafka_CreatePartitions_result_topics(
			rd_kafka_event_CreatePartitions_result(ev), &n);
	check_topics(v, n);
	rd_kafka_event_destroy(ev);
}

/* Partitions of the topic that have a leader; 0 when there is no such topic. */
static int leaders(rd_kafka_t *rk, const char *topic)
{
	rd_kafka_topic_t *rkt = rd_kafka_topic_new(rk, topic, NULL);
	const struct rd_kafka_metadata *md = NULL;
	int n = 0;

	if (!rd_kafka_metadata(rk, 0, rkt, &md, WAIT_MS) && md->topic_cnt == 1 && !md->topics[0].err)
		for (int i = 0; i < md->topics[0].partition_cnt; i++)
			n += md->topics[0].partitions[i].leader >= 0;
	if (md)
		rd_kafka_metadata_destroy(md);
	rd_kafka_topic_destroy(rkt);
	return n;
}

static void await_leaders(rd_kafka_t *rk, const char *topic, int want)
{
	for (int ms = 0; leaders(rk, topic) != want; ms += 10) {
		if (ms > WAIT_MS)
			die(topic, "did not get its partitions");
		usleep(10000);
	}
}

static void create(rd_kafka_t *rk, rd_kafka_queue_t *q, int argc, char **argv)
{
	char why[256];
	rd_kafka_NewTopic_t *t = rd_kafka_NewTopic_new(argv[1], (int)number(argv[2]), 1, why, sizeof(why));

	if (!t)
		die(argv[1], why);
	for (int i = 3; i < argc; i++) {
		char *eq = strchr(argv[i], '=');

		if (!eq)
			die("config=value expected", argv[i]);
		*eq = '\0';
		rd_kafka_NewTopic_set_config(t, argv[i], eq + 1);
	}
	rd_kafka_CreateTopics(rk, &t, 1, NULL, q);
	check_event(rd_kafka_queue_poll(q, WAIT_MS));
	rd_kafka_NewTopic_destroy(t);
	await_leaders(rk, argv[1], (int)number(argv[2]));
}

static void alter(rd_kafka_t *rk, rd_kafka_queue_t *q, int argc, char **argv)
{
	rd_kafka_ConfigResource_t *r = rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, argv[1]);
	const rd_kafka_ConfigResource_t **v;
	rd_kafka_event_t *ev;
	size_t n;

	for (int i = 2; i < argc; i++) {
		char *eq = strchr(argv[i], '=');

		if (!eq)
			die("config=value expected", argv[i]);
		*eq = '\0';
		rd_kafka_ConfigResource_set_config(r, argv[i], eq + 1);
	}
	rd_kafka_AlterConfigs(rk, &r, 1, NULL, q);
	ev = rd_kafka_queue_poll(q, WAIT_MS);
	if (!ev || rd_kafka_event_error(ev))
		die("broker", ev ? rd_kafka_event_error_string(ev) : "no answer");
	v = rd_kafka_AlterConfigs_result_resources(rd_kafka_event_AlterConfigs_result(ev), &n);
	if (n != 1 || rd_kafka_ConfigResource_error(v[0]))
		die(argv[1], n == 1 ? rd_kafka_ConfigResource_error_string(v[0]) : "no answer");
	rd_kafka_event_destroy(ev);
	rd_kafka_ConfigResource_destroy(r);
}

static void delete(rd_kafka_t *rk, rd_kafka_queue_t *q, char **argv)
{
	rd_kafka_DeleteTopic_t *t = rd_kafka_DeleteTopic_new(argv[1]);

	rd_kafka_DeleteTopics(rk, &t, 1, NULL, q);
	check_event(rd_kafka_queue_poll(q, WAIT_MS));
	rd_kafka_DeleteTopic_destroy(t);
	await_leaders(rk, argv[1], 0);
}

static void grow(rd_kafka_t *rk, rd_kafka_queue_t *q, char **argv)
{
	char why[256];
	rd_kafka_NewPartitions_t *p =
		rd_kafka_NewPartitions_new(argv[1], (size_t)number(argv[2]), why, sizeof(why));

	if (!p)
		die(argv[1], why);
	rd_kafka_CreatePartitions(rk, &p, 1, NULL, q);
	check_event(rd_kafka_queue_poll(q, WAIT_MS));
	rd_kafka_NewPartitions_destroy(p);
	await_leaders(rk, argv[1], (int)number(argv[2]));
}

/* Alters one setting; the others that were set for the topic go back to their defaults. */
static void set_config(rd_kafka_t *rk, rd_kafka_queue_t *q, char **argv)
{
	bool broker = argv[1][0] == '@';
	rd_kafka_ConfigResource_t *c = rd_kafka_ConfigResource_new(broker ? RD_KAFKA_RESOURCE_BROKER
									  : RD_KAFKA_RESOURCE_TOPIC, argv[1] + broker);
	char *eq = strchr(argv[2], '=');

	if (!eq)
		die("config=value expected", argv[2]);
	*eq = '\0';
	rd_kafka_ConfigResource_set_config(c, argv[2], eq + 1);
	rd_kafka_AlterConfigs(rk, &c, 1, NULL, q);
	check_event(rd_kafka_queue_poll(q, WAIT_MS));
	rd_kafka_ConfigResource_destroy(c);
}

static void acl(rd_kafka_t *rk, rd_kafka_queue_t *q, rd_kafka_ResourceType_t what, const char *name,
		rd_kafka_AclOperation_t op, rd_kafka_AclPermissionType_t type)
{
	char why[256];
	rd_kafka_AclBinding_t *a = rd_kafka_AclBinding_new(what, name,
							   RD_KAFKA_RESOURCE_PATTERN_LITERAL, "User:*",
							   "*", op, type, why, sizeof(why));
	const rd_kafka_acl_result_t **v;
	rd_kafka_event_t *ev;
	size_t n;

	if (!a)
		die(name, why);
	rd_kafka_CreateAcls(rk, &a, 1, NULL, q);
	ev = rd_kafka_queue_poll(q, WAIT_MS);
	if (!ev || rd_kafka_event_error(ev))
		die("broker", ev ? rd_kafka_event_error_string(ev) : "no answer");
	v = rd_kafka_CreateAcls_result_acls(rd_kafka_event_CreateAcls_result(ev), &n);
	if (n != 1 || rd_kafka_acl_result_error(v[0]))
		die(name, n ? rd_kafka_error_string(rd_kafka_acl_result_error(v[0])) : "no result");
	rd_kafka_event_destroy(ev);
	rd_kafka_AclBinding_destroy(a);
}

static void deny(rd_kafka_t *rk, rd_kafka_queue_t *q, char **argv)
{
	bool read = argv[2] && !strcmp(argv[2], "read");

	acl(rk, q, RD_KAFKA_RESOURCE_TOPIC, argv[1],
	    read ? RD_KAFKA_ACL_OPERATION_WRITE : RD_KAFKA_ACL_OPERATION_DESCRIBE, RD_KAFKA_ACL_PERMISSION_TYPE_ALLOW);
	acl(rk, q, RD_KAFKA_RESOURCE_TOPIC, argv[1],
	    read ? RD_KAFKA_ACL_OPERATION_READ : RD_KAFKA_ACL_OPERATION_WRITE, RD_KAFKA_ACL_PERMISSION_TYPE_DENY);
}

static void veil(rd_kafka_t *rk, rd_kafka_queue_t *q, char **argv)
{
	bool brokers = !strcmp(argv[1], "@");
	rd_kafka_ResourceType_t what = brokers ? RD_KAFKA_RESOURCE_BROKER : RD_KAFKA_RESOURCE_TOPIC;
	const char *name = brokers ? "kafka-cluster" : argv[1];

	acl(rk, q, what, name, RD_KAFKA_ACL_OPERATION_ALL, RD_KAFKA_ACL_PERMISSION_TYPE_ALLOW);
	acl(rk, q, what, name, RD_KAFKA_ACL_OPERATION_DESCRIBE_CONFIGS, RD_KAFKA_ACL_PERMISSION_TYPE_DENY);
}

static void trim(rd_kafka_t *rk, rd_kafka_queue_t *q, char **argv)
{
	rd_kafka_topic_partition_list_t *l = rd_kafka_topic_partition_list_new(1);
	int32_t partition = cut_partition(argv[1]);
	int64_t offset = number(argv[2]), low = -1, high;
	rd_kafka_DeleteRecords_t *d;

	rd_kafka_topic_partition_list_add(l, argv[1], partition)->offset = offset;
	d = rd_kafka_DeleteRecords_new(l);
	rd_kafka_DeleteRecords(rk, &d, 1, NULL, q);
	check_event(rd_kafka_queue_poll(q, WAIT_MS));
	rd_kafka_DeleteRecords_destroy(d);
	rd_kafka_topic_partition_list_destroy(l);
	rd_kafka_query_watermark_offsets(rk, argv[1], partition, &low, &high, WAIT_MS);
	if (low < offset)
		die(argv[1], "was not trimmed");
}

static int64_t mark(const struct setup *su, const char *isolation, char *topic, int32_t partition,
		    int64_t *low)
{
	const char *extra[] = { "isolation.level", isolation, NULL };
	rd_kafka_t *rk = client(su, RD_KAFKA_CONSUMER, extra);
	int64_t high;
	rd_kafka_resp_err_t e =
		rd_kafka_query_watermark_offsets(rk, topic, partition, low, &high, WAIT_MS);

	if (e)
		die(topic, rd_kafka_err2str(e));
	rd_kafka_destroy(rk);
	return high;
}

static void group(const struct setup *su, bool set, int argc, char **argv)
{
	const char *extra[] = { "group.id", argv[1], NULL };
	rd_kafka_t *rk = client(su, RD_KAFKA_CONSUMER, extra);
	rd_kafka_topic_partition_list_t *l = rd_kafka_topic_partition_list_new(argc);
	rd_kafka_resp_err_t e;

	for (int i = 2; i < argc; i++) {
		char *eq = strchr(argv[i], '=');
		int64_t offset = RD_KAFKA_OFFSET_INVALID;
		int32_t partition;

		if (set && !eq)
			die("TOPIC/PARTITION=OFFSET expected", argv[i]);
		if (set) {
			*eq = '\0';
			offset = number(eq + 1);
		}
		partition = cut_partition(argv[i]);
		rd_kafka_topic_partition_list_add(l, argv[i], partition)->offset = offset;
	}
	e = set ? rd_kafka_commit(rk, l, 0) : rd_kafka_committed(rk, l, WAIT_MS);
	if (e)
		die(argv[1], rd_kafka_err2str(e));
	for (int i = 0; !set && i < l->cnt; i++)
		printf("%" PRId64 "\n", l->elems[i].offset < 0 ? -1 : l->elems[i].offset);
	rd_kafka_topic_partition_list_destroy(l);
	rd_kafka_destroy(rk);
}

static void marks(const struct setup *su, char **argv)
{
	int32_t partition = cut_partition(argv[1]);
	int64_t low, high = mark(su, "read_uncommitted", argv[1], partition, &low);
	int64_t stable = mark(su, "read_committed", argv[1], partition, &low);

	printf("%" PRId64 " %" PRId64 " %" PRId64 "\n", low, stable, high);
}

static int topics(const struct setup *su, int argc, char **argv)
{
	rd_kafka_t *rk = client(su, RD_KAFKA_PRODUCER, NULL);
	rd_kafka_queue_t *q = rd_kafka_queue_new(rk);
	int rc = 0;

	if (!strcmp(argv[0], "create") && argc >= 3)
		create(rk, q, argc, argv);
	else if (!strcmp(argv[0], "alter") && argc >= 3)
		alter(rk, q, argc, argv);
	else if (!strcmp(argv[0], "delete") && argc == 2)
		delete(rk, q, argv);
	else if (!strcmp(argv[0], "grow") && argc == 3)
		grow(rk, q, argv);
	else if (!strcmp(argv[0], "deny") && (argc == 2 || argc == 3))
		deny(rk, q, argv);
	else if (!strcmp(argv[0], "veil") && argc == 2)
		veil(rk, q, argv);
	else if (!strcmp(argv[0], "shut") && argc == 2)
		acl(rk, q, RD_KAFKA_RESOURCE_GROUP, argv[1], RD_KAFKA_ACL_OPERATION_READ,
		    RD_KAFKA_ACL_PERMISSION_TYPE_DENY);
	else if (!strcmp(argv[0], "set") && argc == 3)
		set_config(rk, q, argv);
	else if (!strcmp(argv[0], "trim") && argc == 3)
		trim(rk, q, argv);
	else
		rc = 2;
	rd_kafka_queue_destroy(q);
	rd_kafka_destroy(rk);
	if (rc)
		fprintf(stderr, "evadmin: unknown verb or wrong arguments: %s\n", argv[0]);
	return rc;
}

int main(int argc, char **argv)
{
	struct setup su;
	int at = setup_options(&su, argc, argv), rc = 0;

	argv += at;
	argc -= at;
	if (!strcmp(argv[0], "marks") && argc == 2)
		marks(&su, argv);
	else if (!strcmp(argv[0], "commit") && argc >= 3)
		group(&su, true, argc, argv);
	else if (!strcmp(argv[0], "committed") && argc == 3)
		group(&su, false, argc, argv);
	else
		rc = topics(&su, argc, argv);
	free(su.properties);
	return rc;
}
