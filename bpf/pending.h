/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * What was counted and not yet told of kinds of mappings: the fault that comes next tells it, and where none comes
 * user space, which reads this iterator every second (src/live/pending.c).
 */
#ifndef S2V_BPF_PENDING_H
#define S2V_BPF_PENDING_H

__u32 pending_left; /* kinds that this read may still look at */

/*
 * Is the VM there that a kind is of, and its registration in force? If not, their end has been told of, or will be at once, and
 * is when user space tells what was pending: no page may come behind that.
 */
static __always_inline bool kind_is_current(__u64 kvm, const struct s2v_ev_page *ev)
{
	struct s2v_slot_state *st = slot_kept(ev->h.vm, ev->slot, ev->as_id);
	struct s2v_vm_state *vm = bpf_map_lookup_elem(&vms, &kvm);

	return vm && vm->id == ev->h.vm && ev->gen == (st ? st->gen : 0);
}

/*
 * 1 ends the read(): for as long as there is no room for what faults tell, or enough was done. The next one goes on
 * with the kind that this one ended at. Room is taken before the kind is looked at: what is told of its end after that
 * comes behind it.
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
	if (!kind_is_current(a->kvm, ev) || !agg_take(ev, a)) {
		bpf_ringbuf_discard(ev, BPF_RB_NO_WAKEUP);
		return 0;
	}
	a->reported = bpf_ktime_get_boot_ns();
	bpf_ringbuf_submit(ev, 0);
	return 0;
}

#endif
