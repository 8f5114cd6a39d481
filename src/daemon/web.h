/* SPDX-License-Identifier: BSD-2-Clause */
/* The daemon's HTTP server. */
#ifndef S2V_DAEMON_WEB_H
#define S2V_DAEMON_WEB_H

#include "util/types.h"

struct event_base;
struct s2v_daemon;
struct s2v_web;

struct s2v_web_counts {
	__u64 ok, refused, failed; /* answers 2xx, 4xx, 5xx */
	__u64 over_limit, timeouts; /* connections */
};

/*
 * Opens all that the options and the service manager ask for. NULL with the one sentence that helps in
 * err.
 */
struct s2v_web *s2v_web_open(struct s2v_daemon *d, struct event_base *base, char *err,
			     size_t errlen);
void s2v_web_close(struct s2v_web *w); /* NULL is fine */

/* As of now; the web's. */
const struct s2v_web_counts *s2v_web_counts(struct s2v_web *w);

/* Where it listens, one by one; NULL: no more. */
const char *s2v_web_where(const struct s2v_web *w, unsigned int i);

#endif
