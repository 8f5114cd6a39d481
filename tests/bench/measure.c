// SPDX-License-Identifier: BSD-2-Clause
/*
 *   measure COMMAND ARG...   runs it on one CPU without output; prints "CPU-SECONDS WALL-SECONDS PEAK-KIB"
 *   measure --touch N        a workload: N page faults on sequential pages
 */
#define _GNU_SOURCE /* sched_setaffinity */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define TOUCH_BYTES (64UL << 20)

static double now(void)
{
	struct timespec ts = { 0 };

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static int touch(unsigned long n)
{
	volatile char *p =
		mmap(NULL, TOUCH_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED || madvise((void *)p, TOUCH_BYTES, MADV_NOHUGEPAGE))
		return 1;
	for (unsigned long i = 0, at = 0; i < n; i++, at = (at + 4096) % TOUCH_BYTES) {
		if (!at)
			madvise((void *)p, TOUCH_BYTES, MADV_DONTNEED);
		p[at] = 1;
	}
	return 0;
}

static void run(char **argv)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	cpu_set_t one;

	CPU_ZERO(&one);
	CPU_SET(0, &one);
	sched_setaffinity(0, sizeof(one), &one);
	if (null >= 0)
		dup2(null, STDOUT_FILENO);
	execvp(argv[0], argv);
	fprintf(stderr, "%s: %s\n", argv[0], strerror(errno));
	_exit(127);
}

int main(int argc, char **argv)
{
	struct rusage u = { 0 };
	double start = now();
	int status = 0;
	pid_t pid;

	if (argc == 3 && !strcmp(argv[1], "--touch"))
		return touch(strtoul(argv[2], NULL, 10));
	if (argc < 2)
		return 2;
	pid = fork();
	if (pid == 0)
		run(argv + 1);
	if (pid < 0 || wait4(pid, &status, 0, &u) < 0)
		return 1;
	printf("%.2f %.2f %ld\n",
	       (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
		       (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6,
	       now() - start, u.ru_maxrss);
	return WIFEXITED(status) && WEXITSTATUS(status) != 127 ? 0 : 1;
}
