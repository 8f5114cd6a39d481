/* SPDX-License-Identifier: BSD-2-Clause */
/* The daemon's HTTP server: sockets, connections, headers. The caller gives a table of routes. */
#ifndef S2V_DAEMON_WEB_H
#define S2V_DAEMON_WEB_H

#include <stdio.h>

#include "daemon/opts.h"

struct event_base;
struct s2v_web;

struct s2v_web_counts {
	__u64 ok, refused, failed; /* answers 2xx, 4xx, 5xx */
	__u64 over_limit, timeouts; /* connections */
};

/* An answer; its body is written to f. */
struct s2v_answer {
	FILE *f;
	char *body;
	size_t len;
	const char *type; /* Content-Type; "text/plain" unless it is set */
	int code; /* HTTP status; 200 unless it is set */
	const char *csp;
};

/* A path and the function that writes its answer. accept: the request's Accept header, or NULL. */
struct s2v_route {
	const char *path; /* NULL ends the table */
	void (*write)(void *arg, const char *accept, struct s2v_answer *a);
};

/*
 * Listens on the addresses of the options and on inherited sockets, by default on loopback. NULL with
 * a sentence for the user in err. arg is passed to the routes; both must outlive the server.
 */
struct s2v_web *s2v_web_open(const struct s2v_daemon_opts *o, const struct s2v_route *routes,
			     void *arg, struct event_base *base, char *err, size_t errlen);
void s2v_web_close(struct s2v_web *w); /* NULL is fine */

/* Current counts; owned by w. */
const struct s2v_web_counts *s2v_web_counts(struct s2v_web *w);

/* The i-th address that it listens on; NULL at the end. */
const char *s2v_web_where(const struct s2v_web *w, unsigned int i);

#endif
