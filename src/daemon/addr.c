// SPDX-License-Identifier: BSD-2-Clause
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/addr.h"

#define BACKLOG 128

static int parse_unix(const char *path, struct s2v_addr *a, char *err, size_t errlen)
{
	struct sockaddr_un *un = (void *)&a->ss;
	size_t len = strlen(path);

	if (!len || len >= sizeof(un->sun_path)) {
		snprintf(err, errlen, "the path must have 1 to %zu bytes",
			 sizeof(un->sun_path) - 1);
		return -1;
	}
	un->sun_family = AF_UNIX;
	memcpy(un->sun_path, path, len + 1);
	a->len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len + 1);
	return 0;
}

static int parse_port(const char *s, in_port_t *port)
{
	char *end = NULL;
	unsigned long v = strtoul(s, &end, 10);

	if (*s < '0' || *s > '9' || *end || v > 65535)
		return -1;
	*port = htons((in_port_t)v);
	return 0;
}

static int set_host(const char *host, size_t len, bool v6, in_port_t port, struct s2v_addr *a)
{
	struct sockaddr_in6 *in6 = (void *)&a->ss;
	struct sockaddr_in *in = (void *)&a->ss;
	char buf[INET6_ADDRSTRLEN];

	if (len >= sizeof(buf))
		return -1;
	memcpy(buf, host, len);
	buf[len] = 0;
	if (v6 || !len) {
		a->any = !len && !v6;
		in6->sin6_family = AF_INET6;
		in6->sin6_port = port;
		in6->sin6_addr = in6addr_any;
		a->len = sizeof(*in6);
		return a->any || inet_pton(AF_INET6, buf, &in6->sin6_addr) == 1 ? 0 : -1;
	}
	in->sin_family = AF_INET;
	in->sin_port = port;
	a->len = sizeof(*in);
	return inet_pton(AF_INET, strcmp(buf, "localhost") ? buf : "127.0.0.1", &in->sin_addr) == 1
		       ? 0
		       : -1;
}

int s2v_addr_parse(const char *s, struct s2v_addr *a, char *err, size_t errlen)
{
	const char *colon = strrchr(s, ':'), *host = s;
	in_port_t port;
	size_t len;
	bool v6;

	*a = (struct s2v_addr){ 0 };
	if (!strncmp(s, "unix:", 5))
		return parse_unix(s + 5, a, err, errlen);
	if (!colon || parse_port(colon + 1, &port)) {
		snprintf(err, errlen,
			 "must be host:port, [v6]:port, :port or unix:PATH, such as "
			 "127.0.0.1:" S2V_WEB_PORT);
		return -1;
	}
	len = (size_t)(colon - s);
	v6 = len >= 2 && s[0] == '[' && s[len - 1] == ']';
	if (v6) {
		host++;
		len -= 2;
	}
	if (set_host(host, len, v6, port, a)) {
		snprintf(err, errlen,
			 "the host must be a numeric address, IPv6 in brackets, or localhost");
		return -1;
	}
	return 0;
}

/* A socket file without a listener was left by a daemon that was killed. */
static void remove_stale(const struct s2v_addr *a)
{
	const struct sockaddr_un *un = (const void *)&a->ss;
	struct stat st;
	int fd;

	if (lstat(un->sun_path, &st) || !S_ISSOCK(st.st_mode))
		return;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return;
	if (connect(fd, (const struct sockaddr *)&a->ss, a->len) && errno == ECONNREFUSED)
		unlink(un->sun_path);
	close(fd);
}

static int bind_to(const struct s2v_addr *a, const struct sockaddr *sa, socklen_t len)
{
	int one = 1, zero = 0, err;
	int fd = socket(sa->sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0)
		return -errno;
	if (sa->sa_family != AF_UNIX && setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)))
		goto failed;
	if (sa->sa_family == AF_INET6 &&
	    setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, a->any ? &zero : &one, sizeof(one)))
		goto failed;
	if (bind(fd, sa, len))
		goto failed;
	/* The group may scrape (Group= of the unit). Safe: no request changes anything. */
	if (sa->sa_family == AF_UNIX && chmod(((const struct sockaddr_un *)sa)->sun_path, 0660))
		goto failed;
	if (listen(fd, BACKLOG))
		goto failed;
	return fd;
failed:
	err = -errno;
	close(fd);
	return err;
}

int s2v_addr_listen(const struct s2v_addr *a)
{
	struct sockaddr_in in = { .sin_family = AF_INET };
	int fd;

	if (a->ss.ss_family == AF_UNIX)
		remove_stale(a);
	fd = bind_to(a, (const struct sockaddr *)&a->ss, a->len);
	if (!a->any || (fd != -EAFNOSUPPORT && fd != -EADDRNOTAVAIL))
		return fd;
	/* The host has no IPv6. */
	in.sin_port = ((const struct sockaddr_in6 *)&a->ss)->sin6_port;
	return bind_to(a, (const struct sockaddr *)&in, sizeof(in));
}

void s2v_addr_unlink(const struct s2v_addr *a)
{
	const struct sockaddr_un *un = (const void *)&a->ss;

	if (a->ss.ss_family == AF_UNIX)
		unlink(un->sun_path);
}

void s2v_addr_name(int fd, char *buf, size_t len)
{
	struct sockaddr_storage ss = { 0 };
	const struct sockaddr_in6 *in6 = (const void *)&ss;
	const struct sockaddr_in *in = (const void *)&ss;
	const struct sockaddr_un *un = (const void *)&ss;
	socklen_t sslen = sizeof(ss);
	char host[INET6_ADDRSTRLEN];

	snprintf(buf, len, "?");
	if (getsockname(fd, (struct sockaddr *)&ss, &sslen))
		return;
	if (ss.ss_family == AF_UNIX)
		snprintf(buf, len, "unix:%.*s", (int)sizeof(un->sun_path), un->sun_path);
	else if (ss.ss_family == AF_INET && inet_ntop(AF_INET, &in->sin_addr, host, sizeof(host)))
		snprintf(buf, len, "%s:%u", host, ntohs(in->sin_port));
	else if (ss.ss_family == AF_INET6 &&
		 inet_ntop(AF_INET6, &in6->sin6_addr, host, sizeof(host)))
		snprintf(buf, len, "[%s]:%u", host, ntohs(in6->sin6_port));
}
