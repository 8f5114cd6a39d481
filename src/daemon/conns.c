// SPDX-License-Identifier: BSD-2-Clause
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include "daemon/conns.h"
#include "util/util.h"

#define LIFE_NS 10000000000ULL /* of a connection, from its first moment to its last */
#define SWEEP_MS 50

/*
 * Has evhttp let go of it? bufferevent_free() takes the callbacks away, and evhttp has always one for
 * errors; our reference keeps the rest there, the descriptor included, until we look.
 */
static bool is_gone(struct bufferevent *bev)
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

/* evhttp sees its peer go, and frees the connection. */
static void tell_to_end(struct s2v_conns *s, unsigned int i)
{
	evutil_socket_t fd = bufferevent_getfd(s->c[i].bev);

	s->c[i].asked = true;
	if (fd >= 0)
		shutdown(fd, SHUT_RDWR);
}

static void collect(struct s2v_conns *s)
{
	for (unsigned int i = s->n; i-- > 0;)
		if (is_gone(s->c[i].bev))
			drop(s, i);
}

static void again(struct s2v_conns *s)
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
	collect(s);
	for (unsigned int i = 0; i < s->n; i++) {
		if (s->c[i].asked || now - s->c[i].since < LIFE_NS)
			continue;
		s->timeouts++;
		tell_to_end(s, i);
	}
	again(s);
}

/* Makes room. The one that was there longest ends; if it is still not gone, it is let go of here. */
static void make_room(struct s2v_conns *s)
{
	unsigned int oldest = 0;

	for (unsigned int i = 1; i < s->n; i++)
		if (s->c[i].since < s->c[oldest].since)
			oldest = i;
	if (!s->c[oldest].asked) {
		s->over_limit++;
		tell_to_end(s, oldest);
	}
	drop(s, oldest);
}

struct bufferevent *s2v_conns_new(struct event_base *base, void *arg)
{
	struct bufferevent *bev = bufferevent_socket_new(base, -1, BEV_OPT_CLOSE_ON_FREE);
	struct s2v_conns *s = arg;

	if (!bev)
		return NULL;
	collect(s);
	if (s->n == S2V_CONNS_MAX)
		make_room(s);
	bufferevent_incref(bev);
	s->c[s->n].bev = bev;
	s->c[s->n].since = s2v_clock_ns(CLOCK_MONOTONIC);
	s->n++;
	again(s);
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
