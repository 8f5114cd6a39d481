/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * Pending counts of kinds of mappings. The next map of the kind reports them; if none comes, user space does, which
 * reads this iterator every second (src/live/pending.c).
 */
#ifndef S2V_BPF_PENDING_H
#define S2V_BPF_PENDING_H

__u32 pending_left; /* kinds that this read() may still look at */

/*
 * Returns whether the kind's VM exists and its registration is in force. If not, the end of these was reported or is
 * about to be, and user space then reports what was pending: no page event may follow that.
 */
static __always_inline bool kind_is_current(__u64 kvm, const struct s2v_ev_page *ev)
{
	struct s2v_slot_state *st = slot_state(ev->h.vm, ev->slot, ev->as_id);
	struct s2v_vm_state *vm = bpf_map_lookup_elem(&vms, &kvm);

	return vm && vm->id == ev->h.vm && ev->gen == (st ? st->gen : 0);
}

/*
 * Returns 1 to end the read(): half of the ring buffer is left to the faults, or enough kinds were looked at. The next
 * read() continues with this kind. Room is reserved before the kind is looked at, so that an event of the kind's end
 * that comes meanwhile is behind this one.
 */
SEC("iter/bpf_map_elem")
int pending_report(struct bpf_iter__bpf_map_elem *ctx)
{
	struct s2v_agg *a = ctx->value;
	struct s2v_ev_page *ev;

	if (!a)
		return 0;
	if (!pending_left || bpf_ringbuf_query(&events, BPF_RB_AVAIL_DATA) >
				     bpf_ringbuf_query(&events, BPF_RB_RING_SIZE) / 2)
		return 1;
	pending_left--;
	if (!a->pending)
		return 0;
	ev = bpf_ringbuf_reserve(&events, sizeof(*ev), 0);
	if (!ev)
		return 1;
	*ev = a->ev;
	ev->h.time = a->last;
	if (!kind_is_current(a->kvm, ev) || !agg_take_pending(ev, a)) {
		bpf_ringbuf_discard(ev, BPF_RB_NO_WAKEUP);
		return 0;
	}
	a->reported = bpf_ktime_get_boot_ns();
	bpf_ringbuf_submit(ev, 0);
	return 0;
}

#endif
