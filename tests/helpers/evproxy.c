/*
 * evproxy.c - a TCP proxy that loses answers to COMMIT, for tests of what came of a transaction; or a slow line
 *
 * usage: evproxy HOST:PORT before|after|cut|swallow|slow N
 *   before:  the connection is cut before each Nth COMMIT reaches the server
 *   after:   each Nth COMMIT is done by the server, and its answer is swallowed with the connection
 *   cut:     the connection is cut before the Nth message of all, whatever it is, reaches the server; once
 *   swallow: the same, and the server has done it
 *   slow:    the first N connections whose client sends over 1 MiB, as a COPY does, go on at 64 KiB in 100 ms
 *            until the server says something: time enough for a test to come into the midst of it
 * Prints the port it listens on; runs until it is killed. One process per connection. It knows just
 * enough of PostgreSQL's protocol: COMMIT is a simple query, 'Q', length, "COMMIT", NUL.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

static const char commit_message[] = { 'Q', 0, 0, 0, 11, 'C', 'O', 'M', 'M', 'I', 'T', 0 };

static int dial(const char *host, int port)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };
	int fd = socket(AF_INET, SOCK_STREAM, 0), on = 1;

	inet_pton(AF_INET, host, &a.sin_addr);
	if (connect(fd, (struct sockaddr *)&a, sizeof(a)) < 0)
		return -1;
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	return fd;
}

static int send_all(int fd, const char *p, size_t n)
{
	while (n) {
		ssize_t w = send(fd, p, n, MSG_NOSIGNAL);

		if (w <= 0)
			return -1;
		p += w;
		n -= (size_t)w;
	}
	return 0;
}

struct plan {
	int any;   /* any message, once; else each `every`th COMMIT */
	int after; /* when the server has done it */
	int slow;
	unsigned every;
};

/* A slow line: wait a while, unless the server speaks, which ends this. */
static void dawdles(struct pollfd *server, size_t sent, unsigned *count, const struct plan *plan)
{
	static int mine;

	if (!plan->slow || sent < 1 << 20)
		return;
	if (!mine)
		mine = __sync_add_and_fetch(count, 1) <= plan->every ? 1 : -1;
	if (mine > 0 && poll(server, 1, 100) > 0)
		mine = -1;
}

/* Is this the message that is to be cut? */
static int is_victim(const char *buf, ssize_t n, unsigned *count, const struct plan *plan)
{
	if (plan->slow)
		return 0;
	if (plan->any)
		return ++*count == plan->every;
	return n >= (ssize_t)sizeof(commit_message) &&
	       memcmp(buf + n - sizeof(commit_message), commit_message, sizeof(commit_message)) == 0 &&
	       ++*count % plan->every == 0;
}

static void serve(int client, int server, unsigned *count, const struct plan *plan)
{
	static char buf[1 << 16];
	struct pollfd p[2] = { { client, POLLIN, 0 }, { server, POLLIN, 0 } };
	size_t sent = 0;

	while (poll(p, 2, -1) > 0) {
		for (int i = 0; i < 2; i++) {
			ssize_t n;

			if (!p[i].revents)
				continue;
			n = recv(p[i].fd, buf, sizeof(buf), 0);
			if (n <= 0)
				return;
			if (i == 0 && is_victim(buf, n, count, plan)) {
				/* the server's answer says that it is done; a part of a pipeline has none */
				if (plan->after && send_all(server, buf, (size_t)n) == 0 && poll(&p[1], 1, 500) > 0)
					(void)!recv(server, buf, sizeof(buf), 0);
				return;
			}
			if (i == 0)
				dawdles(&p[1], sent += (size_t)n, count, plan);
			if (send_all(p[!i].fd, buf, (size_t)n) < 0)
				return;
		}
	}
}

int main(int argc, char **argv)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr = { htonl(INADDR_LOOPBACK) } };
	socklen_t len = sizeof(a);
	int listener = socket(AF_INET, SOCK_STREAM, 0), client;
	unsigned *count = mmap(NULL, sizeof(*count), PROT_READ | PROT_WRITE,
			       MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	char *colon = argc == 4 ? strrchr(argv[1], ':') : NULL;

	if (!colon || count == MAP_FAILED)
		return fprintf(stderr, "usage: evproxy HOST:PORT before|after|cut|swallow|slow N\n"), 2;
	const struct plan plan = {
		strcmp(argv[2], "cut") == 0 || strcmp(argv[2], "swallow") == 0,
		strcmp(argv[2], "after") == 0 || strcmp(argv[2], "swallow") == 0,
		strcmp(argv[2], "slow") == 0,
		(unsigned)strtoul(argv[3], NULL, 10),
	};

	*colon = '\0';
	if (bind(listener, (struct sockaddr *)&a, sizeof(a)) < 0 || listen(listener, 16) < 0)
		return perror("evproxy"), 1;
	getsockname(listener, (struct sockaddr *)&a, &len);
	signal(SIGCHLD, SIG_IGN);
	printf("%d\n", ntohs(a.sin_port));
	fflush(stdout);
	while ((client = accept(listener, NULL, NULL)) >= 0) {
		if (fork() == 0) {
			int server = dial(argv[1], (int)strtol(colon + 1, NULL, 10));

			close(listener);
			if (server >= 0)
				serve(client, server, count, &plan);
			_exit(0);
		}
		close(client);
	}
	return 0;
}
