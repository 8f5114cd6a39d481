// SPDX-License-Identifier: BSD-2-Clause
/* Reads the ring buffer; runs the inventory of VMs, whose events go there. */
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

/* Longest time of one turn, before the event loop handles other sources. */
#define TURN_NS 20000000ULL

static void handle_brief(struct s2v_live *l, const struct s2v_brief *in)
{
	struct s2v_ev_page whole[2];

	if (!s2v_brief_expand(&l->briefs, in, whole)) {
		l->malformed++;
		return;
	}
	l->fn(l->arg, &whole[0].h);
	l->fn(l->arg, &whole[1].h);
}

/* Completes a registration whose VMAs the BPF side did not all read. */
static const struct s2v_ev_hdr *finish_slot(struct s2v_live *l, const struct s2v_ev_hdr *ev,
					    size_t len, struct s2v_slot_left *left)
{
	if (ev->type != S2V_EV_SLOT || len < sizeof(*left))
		return ev;
	memcpy(left, ev, sizeof(*left));
	s2v_registration_finish(l, left);
	return &left->ev.h;
}

/* Extends [not_wb_lo, not_wb_hi) by a leaf that is not Write-Back and maps memory of the kernel's map. */
static void note_leaves(struct s2v_live *l, const struct s2v_ev_leaves *ev)
{
	__u64 end = ev->pa + (ev->flags & S2V_LF_PA_RUN ? ev->size : 1);

	if ((ev->flags & S2V_LF_AGAIN) || ev->s2 == S2V_ATTR_NORMAL_WB ||
	    s2v_host_where(l->host, ev->pa) != S2V_WHERE_INSIDE)
		return;
	if (!l->not_wb_hi || ev->pa < l->not_wb_lo)
		l->not_wb_lo = ev->pa;
	if (end > l->not_wb_hi)
		l->not_wb_hi = end;
}

static void handle_record(struct s2v_live *l, const void *data, size_t len)
{
	const struct s2v_ev_hdr *ev = data;
	struct s2v_slot_left left;

	if (s2v_is_brief(data, len)) {
		handle_brief(l, data);
		return;
	}
	if (len < sizeof(*ev) || ev->len > len) {
		l->malformed++;
		return;
	}
	s2v_brief_note(&l->briefs, data, len);
	ev = finish_slot(l, ev, len, &left);
	s2v_keep_event(l, ev);
	if (ev->type == S2V_EV_LEAVES)
		note_leaves(l, (const struct s2v_ev_leaves *)ev);
	l->fn(l->arg, ev);
}

/* Returns whether the turn is over. libbpf itself reads for as long as there are records. */
static bool budget_used_up(struct s2v_live *l, size_t len)
{
	struct s2v_ring_budget *s = &l->budget;

	len = (len + BPF_RINGBUF_HDR_SZ + 7) & ~7UL;
	s->bytes = s->bytes > len ? s->bytes - len : 0;
	return !s->bytes ||
	       (s->until && !(++s->events % 64) && s2v_clock_ns(CLOCK_MONOTONIC) > s->until);
}

int s2v_ring_event(void *arg, void *data, size_t len)
{
	struct s2v_live *l = arg;

	handle_record(l, data, len);
	return budget_used_up(l, len) ? -ECANCELED : 0;
}

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
	l->skel->bss->inventory_done = true; /* also after an error */
	if (!err)
		s2v_census(l, s2v_live_inventory);
	l->skel->bss->vms_unlisted = err || l->census.hidden;
	return err;
}

int s2v_live_fd(const struct s2v_live *l)
{
	return ring_buffer__epoll_fd(l->ring);
}

/* The size of the ring buffer: no more bytes can be in it now. */
static __u64 ring_bytes(const struct s2v_live *l)
{
	return bpf_map__max_entries(l->skel->maps.events);
}

/* Reads at most *left bytes, for ns (0: no limit). Updates *left to what may still be read; 0: all was read. */
static int consume(struct s2v_live *l, __u64 *left, __u64 ns)
{
	int n;

	l->budget.bytes = *left;
	l->budget.until = ns ? s2v_clock_ns(CLOCK_MONOTONIC) + ns : 0;
	n = ring_buffer__consume(l->ring);
	*left = n == -ECANCELED ? l->budget.bytes : 0;
	return n < 0 && n != -ECANCELED ? n : l->err;
}

int s2v_live_consume(struct s2v_live *l)
{
	__u64 left = ring_bytes(l);

	return consume(l, &left, TURN_NS);
}

int s2v_live_drain(struct s2v_live *l)
{
	__u64 left = ring_bytes(l);

	return consume(l, &left, 0);
}

int s2v_live_drain_by_turns(struct s2v_live *l, bool (*go_on)(void *arg), void *arg)
{
	__u64 left = ring_bytes(l);
	int err = consume(l, &left, TURN_NS);

	while (!err && left)
		err = go_on(arg) ? consume(l, &left, TURN_NS) : -EINTR;
	return err;
}
