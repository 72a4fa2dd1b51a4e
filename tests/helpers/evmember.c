/*
 * evmember.c - a member of a consumer group of Kafka 4's own protocol (group.protocol=consumer), which librdkafka 2.0
 * does not speak (for tests)
 *
 *   evmember GROUP TOPIC     at the broker of EV_BROKERS; prints "in" when it is a member, leaves at SIGTERM
 *
 * It keeps what it was given, whatever the broker says then: with a second one the group stays between two states.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { CONSUMER_GROUP_HEARTBEAT = 68, BEAT_S = 1, REBALANCE_MS = 600000, JOIN = 0, LEAVE = -1 };

struct message {
	unsigned char bytes[4096];
	size_t n;
};

struct member {
	int fd;
	const char *group, *topic;
	char id[256]; /* the broker's */
	int32_t epoch;
};

static void die(const char *what, const char *why)
{
	fprintf(stderr, "evmember: %s: %s\n", what, why);
	exit(1);
}

static void put(struct message *m, const void *bytes, size_t n)
{
	if (m->n + n > sizeof(m->bytes))
		die("request", "too long");
	memcpy(m->bytes + m->n, bytes, n);
	m->n += n;
}

static void put_int(struct message *m, uint32_t value, size_t bytes)
{
	while (bytes-- > 0)
		put(m, &(unsigned char){ (unsigned char)(value >> 8 * bytes) }, 1);
}

static void put_varint(struct message *m, uint32_t value)
{
	for (; value > 127; value >>= 7)
		put_int(m, (value & 127) | 128, 1);
	put_int(m, value, 1);
}

static void put_text(struct message *m, const char *text)
{
	put_varint(m, (uint32_t)strlen(text) + 1);
	put(m, text, strlen(text));
}

static void take(struct message *m, size_t *at, void *out, size_t n)
{
	if (m->n - *at < n)
		die("answer", "too short");
	memcpy(out, m->bytes + *at, n);
	*at += n;
}

static int32_t take_int(struct message *m, size_t *at, size_t bytes)
{
	unsigned char b[4];
	uint32_t value = 0;

	take(m, at, b, bytes);
	for (size_t i = 0; i < bytes; i++)
		value = value << 8 | b[i];
	return bytes == 2 ? (int16_t)value : (int32_t)value;
}

/* Short ones only. */
static void take_text(struct message *m, size_t *at, char *out, size_t size)
{
	size_t n = (size_t)take_int(m, at, 1) & 255;

	if (n > 127 || n > size)
		die("answer", "a long text");
	out[0] = '\0';
	if (!n)
		return;
	take(m, at, out, n - 1);
	out[n - 1] = '\0';
}

static void send_all(int fd, const void *bytes, size_t n)
{
	for (const char *p = bytes; n > 0;) {
		ssize_t w = write(fd, p, n);

		if (w <= 0)
			die("broker", strerror(errno));
		p += w;
		n -= (size_t)w;
	}
}

static void receive(int fd, void *bytes, size_t n)
{
	for (char *p = bytes; n > 0;) {
		ssize_t r = read(fd, p, n);

		if (r <= 0)
			die("broker", r ? strerror(errno) : "it has gone");
		p += r;
		n -= (size_t)r;
	}
}

static void request(const struct member *me, int32_t epoch, struct message *m)
{
	m->n = 0;
	put_int(m, CONSUMER_GROUP_HEARTBEAT, 2);
	put_int(m, 0, 2);         /* version */
	put_int(m, 1, 4);         /* correlation */
	put_int(m, 0, 2);         /* client: "" */
	put_varint(m, 0);
	put_text(m, me->group);
	put_text(m, me->id);
	put_int(m, (uint32_t)epoch, 4);
	put_varint(m, 0);         /* instance: null */
	put_varint(m, 0);         /* rack: null */
	put_int(m, epoch == JOIN ? REBALANCE_MS : UINT32_MAX, 4);
	put_varint(m, epoch == JOIN ? 2 : 0);
	if (epoch == JOIN)
		put_text(m, me->topic);
	put_varint(m, 0);         /* assignor: null */
	put_varint(m, epoch == JOIN); /* owns: none; later null, no change */
	put_varint(m, 0);
}

static void beat(struct member *me, int32_t epoch)
{
	struct message m;
	char why[128];
	uint32_t length;
	size_t at = 4 + 1 + 4; /* correlation, tags, throttle */
	int32_t error;

	request(me, epoch, &m);
	length = htonl((uint32_t)m.n);
	send_all(me->fd, &length, sizeof(length));
	send_all(me->fd, m.bytes, m.n);
	receive(me->fd, &length, sizeof(length));
	m.n = ntohl(length);
	if (m.n > sizeof(m.bytes))
		die("answer", "too long");
	receive(me->fd, m.bytes, m.n);
	error = take_int(&m, &at, 2);
	take_text(&m, &at, why, sizeof(why));
	if (error) {
		fprintf(stderr, "evmember: error %d: %s\n", (int)error, why);
		exit(1);
	}
	take_text(&m, &at, epoch == JOIN ? me->id : why, sizeof(why));
	me->epoch = take_int(&m, &at, 4);
}

static int connect_to(const char *address)
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM }, *found;
	char host[128];
	const char *colon = strrchr(address, ':');
	int fd = -1;

	if (!colon || (size_t)(colon - address) >= sizeof(host))
		die(address, "HOST:PORT expected");
	snprintf(host, sizeof(host), "%.*s", (int)(colon - address), address);
	if (getaddrinfo(host, colon + 1, &hints, &found))
		die(address, "unknown");
	for (struct addrinfo *a = found; a && fd < 0; a = a->ai_next) {
		fd = socket(a->ai_family, a->ai_socktype, 0);
		if (fd >= 0 && connect(fd, a->ai_addr, a->ai_addrlen)) {
			close(fd);
			fd = -1;
		}
	}
	freeaddrinfo(found);
	if (fd < 0)
		die(address, strerror(errno));
	return fd;
}

int main(int argc, char **argv)
{
	const char *brokers = getenv("EV_BROKERS");
	struct timespec turn = { .tv_sec = BEAT_S };
	struct member me = { 0 };
	sigset_t term;

	if (argc != 3 || !brokers) {
		fputs("usage: EV_BROKERS=HOST:PORT evmember GROUP TOPIC\n", stderr);
		return 2;
	}
	sigemptyset(&term);
	sigaddset(&term, SIGTERM);
	sigprocmask(SIG_BLOCK, &term, NULL);
	me.fd = connect_to(brokers);
	me.group = argv[1];
	me.topic = argv[2];
	beat(&me, JOIN);
	puts("in");
	fflush(stdout);
	while (sigtimedwait(&term, NULL, &turn) < 0)
		beat(&me, me.epoch);
	beat(&me, LEAVE);
	close(me.fd);
	return 0;
}
