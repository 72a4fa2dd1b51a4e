/*
 * evmeasure.c - run a command and say what it took
 *
 *   evmeasure FILE COMMAND ARGS...    writes "SECONDS PEAK-KIB STATUS CPU-SECONDS" to FILE,
 *                                      SECONDS by the wall clock, the others of the command alone
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static double seconds(struct timeval t)
{
	return (double)t.tv_sec + (double)t.tv_usec / 1e6;
}

int main(int argc, char **argv)
{
	double start = now();
	struct rusage ru;
	int status;
	pid_t pid;
	FILE *f;

	if (argc < 3)
		return 2;
	pid = fork();
	if (pid == 0) {
		execvp(argv[2], argv + 2);
		perror(argv[2]);
		_exit(127);
	}
	if (pid < 0 || wait4(pid, &status, 0, &ru) < 0) {
		perror("evmeasure");
		return 2;
	}
	status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
	f = fopen(argv[1], "w");
	if (!f || fprintf(f, "%.3f %ld %d %.3f\n", now() - start, ru.ru_maxrss, status,
			  seconds(ru.ru_utime) + seconds(ru.ru_stime)) < 0 || fclose(f)) {
		perror(argv[1]);
		return 2;
	}
	return status;
}
