/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Limits for the connections of the HTTP server: how long each lasts, and how many there are.
 * libevent has neither: its timeouts restart with every byte. A new connection is always accepted;
 * above the limit the oldest is closed, since a well-behaved client needs only milliseconds.
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
		bool closing; /* shut down by us, not yet freed by evhttp */
	} c[S2V_CONNS_MAX];
	unsigned int n;
	__u64 over_limit, timeouts;
};

/* 0 or -errno. */
int s2v_conns_open(struct s2v_conns *s, struct event_base *base);
/* Call after evhttp_free(): drops the references to its connections. */
void s2v_conns_close(struct s2v_conns *s);

/* For evhttp_set_bevcb(). arg: struct s2v_conns. */
struct bufferevent *s2v_conns_new(struct event_base *base, void *arg);

#endif
