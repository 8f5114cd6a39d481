// SPDX-License-Identifier: BSD-2-Clause
/*
 * Misbehaving clients, and well-behaved ones: client PORT SECONDS RATE
 *
 * 200 slow clients that send a byte at a time; clients that send a request and never read, endless
 * headers, half-closed connections, clients that close at once. And RATE well-behaved requests a
 * second. Prints "asked N answered N short N slow N": well-behaved requests, those with a complete
 * answer, those without; connections of slow clients.
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
#define GOOD_CLIENTS 4

static struct sockaddr_in daemon_addr;
static double end_time;
static unsigned int rate;
static atomic_ulong sent, answered, incomplete, slow;

static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static void sleep_for(double s)
{
	struct timespec ts = { .tv_sec = (time_t)s };

	if (s <= 0)
		return;
	ts.tv_nsec = (long)((s - (double)ts.tv_sec) * 1e9);
	nanosleep(&ts, NULL);
}

static int connect_to_daemon(void)
{
	struct timeval tv = { .tv_sec = 5 };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -1;
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &tv, sizeof(tv));
	if (connect(fd, (struct sockaddr *)&daemon_addr, sizeof(daemon_addr))) {
		close(fd);
		return -1;
	}
	return fd;
}

static int send_all(int fd, const char *s, size_t n)
{
	return send(fd, s, n, MSG_NOSIGNAL) == (ssize_t)n ? 0 : -1;
}

/* Sends a request. 0 if the answer is complete, else -1. */
static int request(const char *path)
{
	static _Thread_local char buf[1 << 18];
	char req[256];
	size_t have = 0, want;
	const char *body, *len;
	ssize_t n;
	int fd = connect_to_daemon();

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

static void *good_client(void *arg)
{
	static const char *const path[] = { "/-/healthy", "/metrics", "/-/ready", "/findings",
					    "/" };
	double start = now();

	for (unsigned long n = (unsigned long)(size_t)arg; now() < end_time; n++) {
		sent++;
		if (request(path[n % 8 < 4 ? 0 : n % 8 - 3]))
			incomplete++;
		else
			answered++;
		sleep_for(start + (double)(n * GOOD_CLIENTS) / rate - now());
	}
	return NULL;
}

/* Each sends a request without end, byte by byte, and reconnects when it is closed. */
static void *slow_clients(void *arg)
{
	static const char text[] =
		"GET /metrics HTTP/1.1\r\nX-Slow: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
	int fd[SLOW];
	size_t at[SLOW] = { 0 };

	(void)arg;
	for (int i = 0; i < SLOW; i++)
		fd[i] = -1;
	while (now() < end_time) {
		for (int i = 0; i < SLOW && now() < end_time; i++) {
			if (fd[i] < 0) {
				fd[i] = connect_to_daemon();
				at[i] = 0;
				slow += fd[i] >= 0;
			}
			if (fd[i] >= 0 && send_all(fd[i], &text[at[i]++ % (sizeof(text) - 1)], 1)) {
				close(fd[i]);
				fd[i] = -1;
			}
			sleep_for(0.001);
		}
	}
	for (int i = 0; i < SLOW; i++)
		if (fd[i] >= 0)
			close(fd[i]);
	return NULL;
}

static void *bad_clients(void *arg)
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
	for (; now() < end_time; n++, sleep_for(0.02)) {
		fd = connect_to_daemon();
		if (fd < 0)
			continue;
		switch (n % 5) {
		case 0: /* an endless header */
			send_all(fd, "GET / HTTP/1.1\r\nX: ", 19);
			send_all(fd, big, sizeof(big));
			break;
		case 1: /* announces a body that is too large */
			send_all(fd, "POST / HTTP/1.1\r\nContent-Length: 999999999\r\n\r\n", 47);
			send_all(fd, big, sizeof(big));
			break;
		case 2: /* half-closed */
			send_all(fd, get, sizeof(get) - 1);
			shutdown(fd, SHUT_WR);
			recv(fd, big, sizeof(big), 0);
			break;
		case 3: /* never reads the answer */
			setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
			send_all(fd, get, sizeof(get) - 1);
			if (stuck[n / 5 % 16] >= 0)
				close(stuck[n / 5 % 16]);
			stuck[n / 5 % 16] = fd;
			continue;
		default: /* not HTTP, and closes at once */
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
	pthread_t t[GOOD_CLIENTS + 2];
	size_t i;

	if (argc != 4) {
		fprintf(stderr, "usage: %s PORT SECONDS RATE\n", argv[0]);
		return 2;
	}
	daemon_addr.sin_family = AF_INET;
	daemon_addr.sin_port = htons((uint16_t)atoi(argv[1]));
	daemon_addr.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	end_time = now() + atof(argv[2]);
	rate = (unsigned int)atoi(argv[3]);
	for (i = 0; i < GOOD_CLIENTS + 2; i++)
		if (pthread_create(&t[i], NULL,
				   i < GOOD_CLIENTS    ? good_client
				   : i == GOOD_CLIENTS ? slow_clients
						       : bad_clients,
				   NULL))
			return 1;
	for (i = 0; i < GOOD_CLIENTS + 2; i++)
		pthread_join(t[i], NULL);
	printf("asked %lu answered %lu short %lu slow %lu\n", sent, answered, incomplete, slow);
	return 0;
}
