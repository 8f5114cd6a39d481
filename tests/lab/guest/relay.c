// SPDX-License-Identifier: BSD-2-Clause
/*
 * relay TTY PORT - connects a serial line to a TCP server on this machine, for tests/lab/run --forward: the
 * lab's kernels have no network driver built in. It handles requests one after the other: when the server
 * has closed a connection, the next byte on the line opens another. It cannot see that the client has gone.
 */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <termios.h>
#include <unistd.h>

static int open_line(const char *path)
{
	struct termios raw;
	int fd = open(path, O_RDWR | O_NOCTTY | O_CLOEXEC);

	if (fd < 0 || tcgetattr(fd, &raw))
		return -1;
	cfmakeraw(&raw);
	cfsetspeed(&raw, B115200);
	raw.c_cflag |= CLOCAL;
	return tcsetattr(fd, TCSANOW, &raw) ? -1 : fd;
}

static int open_server(int port)
{
	struct sockaddr_in to = { .sin_family = AF_INET,
				  .sin_port = htons((uint16_t)port),
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd >= 0 && connect(fd, (struct sockaddr *)&to, sizeof(to))) {
		close(fd);
		fd = -1;
	}
	return fd;
}

/* Copies the available bytes. Returns 0 when either side has ended. */
static int pass(int from, int to)
{
	char buf[4096];
	ssize_t n = read(from, buf, sizeof(buf)), at = 0, put;

	while (at < n) {
		put = write(to, buf + at, (size_t)(n - at));
		if (put < 0 && errno != EINTR)
			return 0;
		at += put > 0 ? put : 0;
	}
	return n > 0 || (n < 0 && errno == EINTR);
}

int main(int argc, char **argv)
{
	struct pollfd p[2];
	int line, server = -1;

	line = argc == 3 ? open_line(argv[1]) : -1;
	if (line < 0) {
		fprintf(stderr, "relay: %s: %s\n", argc == 3 ? argv[1] : "usage: relay TTY PORT",
			strerror(errno));
		return 1;
	}
	for (;;) {
		p[0] = (struct pollfd){ .fd = line, .events = POLLIN };
		p[1] = (struct pollfd){ .fd = server, .events = POLLIN };
		if (poll(p, 2, -1) < 0)
			continue;
		if (p[0].revents && server < 0)
			server = open_server(atoi(argv[2]));
		/* Without a server the request is dropped. */
		if (p[0].revents && server < 0)
			tcflush(line, TCIFLUSH);
		else if (p[0].revents && !pass(line, server))
			return 1;
		if (server >= 0 && p[1].revents && !pass(server, line)) {
			close(server);
			server = -1;
		}
	}
}
