/* SPDX-License-Identifier: BSD-2-Clause */
/* Addresses to listen on. Numeric only: names need a resolver, which a static program does not have. */
#ifndef S2V_DAEMON_ADDR_H
#define S2V_DAEMON_ADDR_H

#include <sys/socket.h>
#include <sys/un.h>

#include "util/types.h"

#define S2V_WEB_PORT "9899"

struct s2v_addr {
	struct sockaddr_storage ss;
	socklen_t len;
	bool any; /* ":port": all addresses of both families */
};

/* "host:port", "[v6]:port", ":port", "unix:PATH". 0, or -1 with the reason in err. No I/O. */
int s2v_addr_parse(const char *s, struct s2v_addr *a, char *err, size_t errlen);

/*
 * Returns a listening, non-blocking socket, or -errno. Replaces a stale Unix socket, that is a
 * socket file without a listener. The caller removes the path (s2v_addr_unlink()).
 */
int s2v_addr_listen(const struct s2v_addr *a);
void s2v_addr_unlink(const struct s2v_addr *a);

/* The address of a listening socket, as s2v_addr_parse() takes it: "127.0.0.1:9899". "?" on errors. */
void s2v_addr_name(int fd, char *buf, size_t len);

#endif
