// SPDX-License-Identifier: BSD-2-Clause
/*
 * Clients that mean no good, beside some that do: client PORT SECONDS RATE
 *
 * 200 slow ones, each a byte at a time; some that ask and never read; headers without end; some that
 * close their half; some that go at once. And RATE proper requests a second. Prints what became of
 * them: "asked N answered N short N slow N" - short: a proper request whose answer was not whole.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#define SLOW 200
#define ASKERS 4

static struct sockaddr_in to;
static double until;
static unsigned int rate;
static atomic_ulong asked, answered, cut, slow;

static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static void rest(double s)
{
	struct timespec ts = { .tv_sec = (time_t)s };

	if (s <= 0)
		return;
	ts.tv_nsec = (long)((s - (double)ts.tv_sec) * 1e9);
	nanosleep(&ts, NULL);
}

static int dial(void)
{
	struct timeval tv = { .tv_sec = 5 };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -1;
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &tv, sizeof(tv));
	if (connect(fd, (struct sockaddr *)&to, sizeof(to))) {
		close(fd);
		return -1;
	}
	return fd;
}

static int send_all(int fd, const char *s, size_t n)
{
	return send(fd, s, n, MSG_NOSIGNAL) == (ssize_t)n ? 0 : -1;
}

/* One request; 0: its answer was whole. */
static int ask(const char *path)
{
	static _Thread_local char buf[1 << 18];
	char req[256];
	size_t have = 0, want;
	const char *body, *len;
	ssize_t n;
	int fd = dial();

	if (fd < 0)
		return -1;
	snprintf(req, sizeof(req), "GET %s HTTP/1.1\r\nHost: x\r\n\r\n", path);
	if (send_all(fd, req, strlen(req))) {
		close(fd);
		return -1;
	}
	while (have < sizeof(buf) - 1 && (n = recv(fd, buf + have, sizeof(buf) - 1 - have, 0)) > 0)
		have += (size_t)n;
	close(fd);
	buf[have] = 0;
	body = strstr(buf, "\r\n\r\n");
	len = strstr(buf, "Content-Length: ");
	if (!body || !len || strncmp(buf, "HTTP/1.1 200", 12))
		return -1;
	want = strtoul(len + 16, NULL, 10);
	return (size_t)(buf + have - body) - 4 == want ? 0 : -1;
}

static void *asker(void *arg)
{
	static const char *const path[] = { "/-/healthy", "/metrics", "/-/ready", "/findings",
					    "/" };
	double start = now();

	for (unsigned long n = (unsigned long)(size_t)arg; now() < until; n++) {
		asked++;
		if (ask(path[n % 8 < 4 ? 0 : n % 8 - 3]))
			cut++;
		else
			answered++;
		rest(start + (double)(n * ASKERS) / rate - now());
	}
	return NULL;
}

/* A byte now and then, of a request that never ends; anew when it was closed. */
static void *slow_ones(void *arg)
{
	static const char text[] =
		"GET /metrics HTTP/1.1\r\nX-Slow: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
	int fd[SLOW];
	size_t at[SLOW] = { 0 };

	(void)arg;
	for (int i = 0; i < SLOW; i++)
		fd[i] = -1;
	while (now() < until) {
		for (int i = 0; i < SLOW && now() < until; i++) {
			if (fd[i] < 0) {
				fd[i] = dial();
				at[i] = 0;
				slow += fd[i] >= 0;
			}
			if (fd[i] >= 0 && send_all(fd[i], &text[at[i]++ % (sizeof(text) - 1)], 1)) {
				close(fd[i]);
				fd[i] = -1;
			}
			rest(0.001);
		}
	}
	for (int i = 0; i < SLOW; i++)
		if (fd[i] >= 0)
			close(fd[i]);
	return NULL;
}

static void *odd_ones(void *arg)
{
	static const char get[] = "GET / HTTP/1.1\r\nHost: x\r\n\r\n";
	static char big[65536];
	int stuck[16];
	unsigned int n = 0;
	int small = 1, fd;

	(void)arg;
	memset(big, 'a', sizeof(big));
	for (size_t i = 0; i < 16; i++)
		stuck[i] = -1;
	for (; now() < until; n++, rest(0.02)) {
		fd = dial();
		if (fd < 0)
			continue;
		switch (n % 5) {
		case 0: /* a header without end */
			send_all(fd, "GET / HTTP/1.1\r\nX: ", 19);
			send_all(fd, big, sizeof(big));
			break;
		case 1: /* says that a body comes, which is too large */
			send_all(fd, "POST / HTTP/1.1\r\nContent-Length: 999999999\r\n\r\n", 47);
			send_all(fd, big, sizeof(big));
			break;
		case 2: /* closes its half */
			send_all(fd, get, sizeof(get) - 1);
			shutdown(fd, SHUT_WR);
			recv(fd, big, sizeof(big), 0);
			break;
		case 3: /* asks, and never reads */
			setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
			send_all(fd, get, sizeof(get) - 1);
			if (stuck[n / 5 % 16] >= 0)
				close(stuck[n / 5 % 16]);
			stuck[n / 5 % 16] = fd;
			continue;
		default: /* goes at once, and what is no HTTP */
			send_all(fd, "\x16\x03\x01\x02\x00\x01\x00", 7);
		}
		close(fd);
	}
	for (size_t i = 0; i < 16; i++)
		if (stuck[i] >= 0)
			close(stuck[i]);
	return NULL;
}

int main(int argc, char **argv)
{
	pthread_t t[ASKERS + 2];
	size_t i;

	if (argc != 4) {
		fprintf(stderr, "usage: %s PORT SECONDS RATE\n", argv[0]);
		return 2;
	}
	to.sin_family = AF_INET;
	to.sin_port = htons((uint16_t)atoi(argv[1]));
	to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	until = now() + atof(argv[2]);
	rate = (unsigned int)atoi(argv[3]);
	for (i = 0; i < ASKERS + 2; i++)
		if (pthread_create(&t[i], NULL,
				   i < ASKERS	 ? asker
				   : i == ASKERS ? slow_ones
						 : odd_ones,
				   NULL))
			return 1;
	for (i = 0; i < ASKERS + 2; i++)
		pthread_join(t[i], NULL);
	printf("asked %lu answered %lu short %lu slow %lu\n", asked, answered, cut, slow);
	return 0;
}
