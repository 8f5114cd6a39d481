/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The connections of the HTTP server, each with an end: libevent's timeouts begin anew with every
 * byte, and it sets no limit to how many there are. Whoever comes is let in; where that is one too
 * many, the oldest has to go: a client that means well is through in milliseconds.
 */
#ifndef S2V_DAEMON_CONNS_H
#define S2V_DAEMON_CONNS_H

#include <event2/bufferevent.h>
#include <event2/event.h>

#include "util/types.h"

#define S2V_CONNS_MAX 64

struct s2v_conns {
	struct event_base *base;
	struct event *sweep;
	struct {
		struct bufferevent *bev; /* a reference; NULL: free */
		__u64 since; /* CLOCK_MONOTONIC ns */
		bool asked; /* to end */
	} c[S2V_CONNS_MAX];
	unsigned int n;
	__u64 over_limit, timeouts;
};

/* 0 or -errno. */
int s2v_conns_open(struct s2v_conns *s, struct event_base *base);
/* After the server, whose connections it then lets go. */
void s2v_conns_close(struct s2v_conns *s);

/* For evhttp_set_bevcb(). arg: struct s2v_conns. */
struct bufferevent *s2v_conns_new(struct event_base *base, void *arg);

#endif
