/* message.c - see message.h */
#include "common/message.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/clock.h"
#include "common/secrets.h"
#include "common/term.h"

enum { GRACE_MS = 1000 };

static void write_all(int fd, const char *p, size_t n)
{
	while (n) {
		ssize_t w = write(fd, p, n);

		if (w < 0 && errno == EINTR)
			continue;
		if (w <= 0)
			return; /* nowhere left to complain */
		p += w;
		n -= (size_t)w;
	}
}

void ev_messages_clear(struct ev_messages *m)
{
	if (m->live)
		write_all(STDERR_FILENO, "\r\x1b[K", 4);
	m->live = false;
}

void ev_messages_line(struct ev_messages *m, const struct ev_buf *line)
{
	ev_messages_clear(m);
	write_all(STDERR_FILENO, ev_buf_str(line), line->len);
}

void ev_message_quote(struct ev_buf *out, const char *s)
{
	struct ev_slice rest = ev_slice_str(s);

	ev_buf_addc(out, '"');
	while (rest.len) {
		size_t n;
		int32_t c = ev_utf8_next(rest, &n);

		if (c < 0)
			ev_buf_adds(out, "\xef\xbf\xbd");
		else if (c == '"' || c == '\\')
			ev_buf_addf(out, "\\%c", (int)c);
		else if (c == '\n')
			ev_buf_adds(out, "\\n");
		else if (c < 0x20 || c == 0x7f)
			ev_buf_addf(out, "\\u%04x", (unsigned)c);
		else
			ev_buf_add(out, rest.ptr, n);
		rest.ptr += n;
		rest.len -= n;
	}
	ev_buf_addc(out, '"');
}

static void add_text(struct ev_messages *m, struct ev_buf *line, const char *level, const char *text,
		     const char *hint, int status)
{
	if (m->json) {
		ev_buf_addf(line, "{\"level\":\"%s\",\"command\":", level);
		ev_message_quote(line, m->command);
		if (status)
			ev_buf_addf(line, ",\"status\":%d", status);
		ev_buf_adds(line, ",\"message\":");
		ev_message_quote(line, text);
		if (hint && *hint) {
			ev_buf_adds(line, ",\"hint\":");
			ev_message_quote(line, hint);
		}
		ev_buf_adds(line, "}\n");
		return;
	}
	ev_buf_addf(line, "%s: ", m->command);
	if (!strcmp(level, "warning"))
		ev_buf_adds(line, "warning: ");
	ev_term_escape(line, ev_slice_str(text));
	ev_buf_addc(line, '\n');
	if (hint && *hint) {
		ev_buf_adds(line, "hint: ");
		ev_term_escape(line, ev_slice_str(hint));
		ev_buf_addc(line, '\n');
	}
}

static void say(struct ev_messages *m, const char *level, const char *text, const char *hint, int status)
{
	struct ev_buf line = EV_BUF_INIT, public = EV_BUF_INIT;

	ev_secrets_mask(&public, text); /* a word of the command line that is quoted may hold one */
	add_text(m, &line, level, ev_buf_str(&public), hint, status);
	ev_messages_line(m, &line);
	ev_buf_release(&line);
	ev_buf_release(&public);
}

void ev_say(struct ev_messages *m, const char *fmt, ...)
{
	char text[2048];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	say(m, "info", text, NULL, 0);
}

void ev_warn(struct ev_messages *m, const char *fmt, ...)
{
	char text[2048];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	say(m, "warning", text, NULL, 0);
}

void ev_warn_of(struct ev_messages *m, const char *text, const char *hint)
{
	say(m, "warning", text, hint, 0);
}

int ev_report(struct ev_messages *m, const struct ev_error *err)
{
	int status = err->class == EV_OK ? EV_BUG : (int)err->class;

	say(m, "error", err->text[0] ? err->text : "failed without a reason", err->hint, status);
	return status;
}

/* ---- signals: the one place where state must be global ---- */

static volatile sig_atomic_t stop_signal, writing; /* to stdout, which may take for ever */
static volatile sig_atomic_t cut;                   /* it was not waited for any more */

/* The signal may have come after the writer had looked, and before it began to wait. */
static void on_alarm(int sig)
{
	(void)sig;
	if (writing)
		alarm(1);
}

/* Until a signal has come SIGALRM is whose it was. */
static void tick(void)
{
	struct sigaction act = { .sa_handler = on_alarm };

	sigemptyset(&act.sa_mask);
	sigaction(SIGALRM, &act, NULL);
	alarm(1);
}

static void on_signal(int sig)
{
	stop_signal = sig;
	if (writing)
		tick();
}

void ev_descriptors_claim(void)
{
	/* the other direction, so that to use it is an error as it was */
	if (fcntl(STDIN_FILENO, F_GETFD) < 0)
		open("/dev/null", O_WRONLY);
	if (fcntl(STDOUT_FILENO, F_GETFD) < 0)
		open("/dev/null", O_RDONLY);
	if (fcntl(STDERR_FILENO, F_GETFD) < 0)
		open("/dev/null", O_RDONLY);
}

void ev_descriptors_raise(void)
{
	const rlim_t enough = 65536;
	struct rlimit l;

	if (getrlimit(RLIMIT_NOFILE, &l) || l.rlim_cur >= enough)
		return;
	l.rlim_cur = l.rlim_max < enough ? l.rlim_max : enough;
	setrlimit(RLIMIT_NOFILE, &l);
}

void ev_signals_install(void)
{
	struct sigaction stop = { .sa_handler = on_signal, .sa_flags = (int)SA_RESETHAND };
	struct sigaction ignore = { .sa_handler = SIG_IGN }, is;

	sigemptyset(&stop.sa_mask);
	sigemptyset(&ignore.sa_mask);
	sigaction(SIGINT, &stop, NULL);
	sigaction(SIGTERM, &stop, NULL);
	if (!sigaction(SIGHUP, NULL, &is) && is.sa_handler != SIG_IGN) /* nohup(1) */
		sigaction(SIGHUP, &stop, NULL);
	sigaction(SIGPIPE, &ignore, NULL);
	sigaction(SIGXFSZ, &ignore, NULL);
}

bool ev_stopped(void)
{
	return stop_signal != 0;
}

int ev_stop_status(bool follow)
{
	return follow ? 0 : 128 + (int)stop_signal;
}

int ev_can_confirm(bool yes, struct ev_error *err)
{
	if (yes || (isatty(STDIN_FILENO) && isatty(STDERR_FILENO)))
		return 0;
	ev_fail(err, EV_USAGE, "this wants a yes, and there is no terminal to ask on");
	return ev_hint(err, "give --yes if you mean it");
}

int ev_declined(void)
{
	return ev_stopped() ? ev_stop_status(false) : EV_NO;
}

int ev_confirm(bool yes, const char *question, struct ev_error *err)
{
	char answer[16];

	if (yes)
		return 1;
	if (ev_can_confirm(false, err) < 0)
		return -1;
	fprintf(stderr, "%s [y/N] ", question);
	fflush(stderr);
	return fgets(answer, sizeof(answer), stdin) && (answer[0] == 'y' || answer[0] == 'Y');
}

/* ---- stdout ---- */

static int stdout_failed(struct ev_error *err)
{
	if (errno == EPIPE)
		return 1;
	return ev_fail(err, EV_STORE, "cannot write to standard output: %s", strerror(errno));
}

/* Does somebody take something within that time? */
static bool taken(int wait_ms)
{
	struct pollfd p = { .fd = STDOUT_FILENO, .events = POLLOUT };
	int64_t until = ev_clock_ms() + wait_ms, left = wait_ms;
	int n;

	while ((n = poll(&p, 1, (int)left)) < 0 && errno == EINTR) {
		left = until - ev_clock_ms();
		if (left < 0)
			left = 0;
	}
	return n != 0; /* an error write() will name */
}

/* A reader that is at work gets all of it, also after a signal; then little by little, so that none waits for long. */
static int stdout_all(const char *data, size_t n, struct ev_error *err)
{
	while (n) {
		bool stop = ev_stopped();
		ssize_t w;

		if (stop && !taken(GRACE_MS)) {
			cut = 1;
			return 1;
		}
		w = write(STDOUT_FILENO, data, stop && n > PIPE_BUF ? PIPE_BUF : n);
		if (w < 0 && errno == EAGAIN)
			taken(GRACE_MS);
		else if (w < 0 && errno != EINTR)
			return stdout_failed(err);
		data += w > 0 ? w : 0;
		n -= w > 0 ? (size_t)w : 0;
	}
	return 0;
}

int ev_stdout_write(const char *data, size_t n, struct ev_error *err)
{
	int rc;

	writing = 1; /* before the first look */
	if (ev_stopped())
		tick(); /* whoever shares the pipe may fill it after our look */
	rc = stdout_all(data, n, err);
	writing = 0;
	if (ev_stopped())
		alarm(0);
	return rc;
}

bool ev_stdout_cut(void)
{
	return cut != 0;
}

static struct ev_error stdio_error; /* of stdio, which keeps no reason; EV_OK: none */
static bool stdio_closed;

static ssize_t stdio_write(void *ctx, const char *data, size_t n)
{
	int rc = stdio_closed || stdio_error.class ? -1 : ev_stdout_write(data, n, &stdio_error);

	(void)ctx;
	stdio_closed |= rc > 0;
	return rc ? 0 : (ssize_t)n; /* 0 is an error to stdio */
}

void ev_stdout_claim(void)
{
	FILE *f = fopencookie(NULL, "w", (cookie_io_functions_t){ .write = stdio_write });

	if (!f)
		return; /* then it goes by write(2) alone, and waits */
	setvbuf(f, NULL, isatty(STDOUT_FILENO) ? _IOLBF : _IOFBF, BUFSIZ);
	stdout = f;
}

int ev_stdout_finish(struct ev_error *err)
{
	bool failed = fflush(stdout) || ferror(stdout);

	if (stdio_error.class) {
		*err = stdio_error;
		return -1;
	}
	if (failed)
		return stdio_closed ? 1 : stdout_failed(err);
	if (close(STDOUT_FILENO) && errno != EBADF)
		return stdout_failed(err);
	return 0;
}
