// SPDX-License-Identifier: BSD-2-Clause
/* Reading the ring buffer, and the inventory of VMs whose events go into it. */
#include <bpf/libbpf.h>
#include <errno.h>
#include <string.h>
#include <time.h>

#include "live/census.h"
#include "live/iter.h"
#include "live/keep.h"
#include "live/live_private.h"
#include "live/registration.h"
#include "util/util.h"

/* How long events are taken in one go, before the loop's other events have their turn. */
#define SHARE_NS 20000000ULL

static void take_brief(struct s2v_live *l, const struct s2v_brief *in)
{
	struct s2v_ev_page whole[2];

	if (!s2v_brief_expand(&l->briefs, in, whole)) {
		l->malformed++;
		return;
	}
	l->fn(l->arg, &whole[0].h);
	l->fn(l->arg, &whole[1].h);
}

/* A memslot is told of once all is known of it that can be. */
static const struct s2v_ev_hdr *finished(struct s2v_live *l, const struct s2v_ev_hdr *ev,
					 size_t len, struct s2v_slot_left *left)
{
	if (ev->type != S2V_EV_SLOT || len < sizeof(*left))
		return ev;
	memcpy(left, ev, sizeof(*left));
	s2v_registration_finish(l, left);
	return &left->ev.h;
}

/* Remembers where leaves that are not Write-Back reach memory of the kernel's map. */
static void note_leaves(struct s2v_live *l, const struct s2v_ev_leaves *ev)
{
	__u64 end = ev->pa + (ev->flags & S2V_LF_PA_RUN ? ev->size : 1);

	if ((ev->flags & S2V_LF_AGAIN) || ev->s2 == S2V_ATTR_NORMAL_WB ||
	    s2v_host_where(l->host, ev->pa) != S2V_WHERE_INSIDE)
		return;
	if (!l->other_hi || ev->pa < l->other_lo)
		l->other_lo = ev->pa;
	if (end > l->other_hi)
		l->other_hi = end;
}

static void take(struct s2v_live *l, const void *data, size_t len)
{
	const struct s2v_ev_hdr *ev = data;
	struct s2v_slot_left left;

	if (s2v_is_brief(data, len)) {
		take_brief(l, data);
		return;
	}
	if (len < sizeof(*ev) || ev->len > len) {
		l->malformed++;
		return;
	}
	s2v_brief_note(&l->briefs, data, len);
	ev = finished(l, ev, len, &left);
	s2v_keep_event(l, ev);
	if (ev->type == S2V_EV_LEAVES)
		note_leaves(l, (const struct s2v_ev_leaves *)ev);
	l->fn(l->arg, ev);
}

/* Is what one reading of the ring buffer may take used up? libbpf itself goes on for as long as there is any. */
static bool used_up(struct s2v_live *l, size_t len)
{
	struct s2v_live_share *s = &l->share;

	len = (len + BPF_RINGBUF_HDR_SZ + 7) & ~7UL;
	s->bytes = s->bytes > len ? s->bytes - len : 0;
	return !s->bytes ||
	       (s->until && !(++s->events % 64) && s2v_clock_ns(CLOCK_MONOTONIC) > s->until);
}

int s2v_ring_event(void *arg, void *data, size_t len)
{
	struct s2v_live *l = arg;

	take(l, data, len);
	return used_up(l, len) ? -ECANCELED : 0;
}

/* Runs the inventory of VM files that are open now. */
int s2v_live_inventory(struct s2v_live *l)
{
	const struct s2v_iter_opts o = { 0 };
	struct bpf_link *link;
	int err;

	if (!l->skel->rodata->cfg.vm_release)
		return -ENOENT;
	link = s2v_iter_attach(l->skel->progs.inventory, 0, 0);
	if (!link)
		return -errno;
	l->skel->bss->inventory_done = false;
	err = s2v_iter_run(link, &o);
	l->skel->bss->inventory_done = true;
	bpf_link__destroy(link);
	return err;
}

int s2v_live_start(struct s2v_live *l)
{
	int err;

	l->skel->bss->inventory_done = l->skel->bss->vms_unlisted = false;
	l->skel->bss->ready = true;
	err = s2v_live_inventory(l);
	l->skel->bss->inventory_done = true; /* or was not to be had */
	if (!err)
		s2v_census(l, s2v_live_inventory);
	l->skel->bss->vms_unlisted = err || l->census.hidden;
	return err;
}

int s2v_live_fd(const struct s2v_live *l)
{
	return ring_buffer__epoll_fd(l->ring);
}

/* As many bytes as the ring buffer holds: what is there now. */
static __u64 all_of(const struct s2v_live *l)
{
	return bpf_map__max_entries(l->skel->maps.events);
}

/* At most *left bytes, for ns (0: however long that takes). Then *left is what of them is still to be taken. */
static int consume(struct s2v_live *l, __u64 *left, __u64 ns)
{
	int n;

	l->share.bytes = *left;
	l->share.until = ns ? s2v_clock_ns(CLOCK_MONOTONIC) + ns : 0;
	n = ring_buffer__consume(l->ring);
	*left = n == -ECANCELED ? l->share.bytes : 0;
	return n < 0 && n != -ECANCELED ? n : l->err;
}

int s2v_live_consume(struct s2v_live *l)
{
	__u64 left = all_of(l);

	return consume(l, &left, SHARE_NS);
}

int s2v_live_drain(struct s2v_live *l)
{
	__u64 left = all_of(l);

	return consume(l, &left, 0);
}

int s2v_live_drain_by_turns(struct s2v_live *l, bool (*go_on)(void *arg), void *arg)
{
	__u64 left = all_of(l);
	int err = consume(l, &left, SHARE_NS);

	while (!err && left)
		err = go_on(arg) ? consume(l, &left, SHARE_NS) : -EINTR;
	return err;
}
