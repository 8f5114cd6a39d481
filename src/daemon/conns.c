// SPDX-License-Identifier: BSD-2-Clause
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include "daemon/conns.h"
#include "util/util.h"

#define LIFE_NS 10000000000ULL /* of a connection */
#define SWEEP_MS 50

/*
 * Returns whether evhttp has freed it. bufferevent_free() clears the callbacks, and evhttp always
 * sets one for errors. Our reference keeps the rest, including the descriptor, until we check.
 */
static bool is_freed(struct bufferevent *bev)
{
	bufferevent_event_cb err = NULL;

	bufferevent_getcb(bev, NULL, NULL, &err, NULL);
	return !err;
}

static void drop(struct s2v_conns *s, unsigned int i)
{
	bufferevent_decref(s->c[i].bev);
	s->c[i] = s->c[--s->n];
	memset(&s->c[s->n], 0, sizeof(s->c[s->n]));
}

/* evhttp then reads the end of the stream, and frees the connection. */
static void shut_down(struct s2v_conns *s, unsigned int i)
{
	evutil_socket_t fd = bufferevent_getfd(s->c[i].bev);

	s->c[i].closing = true;
	if (fd >= 0)
		shutdown(fd, SHUT_RDWR);
}

static void drop_freed(struct s2v_conns *s)
{
	for (unsigned int i = s->n; i-- > 0;)
		if (is_freed(s->c[i].bev))
			drop(s, i);
}

static void arm_sweep(struct s2v_conns *s)
{
	const struct timeval tv = { .tv_usec = SWEEP_MS * 1000 };

	if (s->n && !evtimer_pending(s->sweep, NULL))
		evtimer_add(s->sweep, &tv);
}

static void on_sweep(evutil_socket_t fd, short what, void *arg)
{
	__u64 now = s2v_clock_ns(CLOCK_MONOTONIC);
	struct s2v_conns *s = arg;

	(void)fd;
	(void)what;
	drop_freed(s);
	for (unsigned int i = 0; i < s->n; i++) {
		if (s->c[i].closing || now - s->c[i].since < LIFE_NS)
			continue;
		s->timeouts++;
		shut_down(s, i);
	}
	arm_sweep(s);
}

/* Ends the oldest connection, and drops our reference even if evhttp has not freed it yet. */
static void make_room(struct s2v_conns *s)
{
	unsigned int oldest = 0;

	for (unsigned int i = 1; i < s->n; i++)
		if (s->c[i].since < s->c[oldest].since)
			oldest = i;
	if (!s->c[oldest].closing) {
		s->over_limit++;
		shut_down(s, oldest);
	}
	drop(s, oldest);
}

struct bufferevent *s2v_conns_new(struct event_base *base, void *arg)
{
	struct bufferevent *bev = bufferevent_socket_new(base, -1, BEV_OPT_CLOSE_ON_FREE);
	struct s2v_conns *s = arg;

	if (!bev)
		return NULL;
	drop_freed(s);
	if (s->n == S2V_CONNS_MAX)
		make_room(s);
	bufferevent_incref(bev);
	s->c[s->n].bev = bev;
	s->c[s->n].since = s2v_clock_ns(CLOCK_MONOTONIC);
	s->n++;
	arm_sweep(s);
	return bev;
}

int s2v_conns_open(struct s2v_conns *s, struct event_base *base)
{
	*s = (struct s2v_conns){ .base = base };
	s->sweep = evtimer_new(base, on_sweep, s);
	return s->sweep ? 0 : -ENOMEM;
}

void s2v_conns_close(struct s2v_conns *s)
{
	while (s->n)
		drop(s, s->n - 1);
	if (s->sweep)
		event_free(s->sweep);
	s->sweep = NULL;
}
