/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * What was counted and not yet told of kinds of mappings: the fault that comes next tells it, and where none comes
 * user space, which reads this iterator every second (src/live/pending.c).
 */
#ifndef S2V_BPF_PENDING_H
#define S2V_BPF_PENDING_H

__u32 pending_left; /* kinds that this read may still look at */

/*
 * 1 ends the read(): for as long as there is no room for what faults tell, or enough was done. The next one goes on
 * with the kind that this one ended at.
 */
SEC("iter/bpf_map_elem")
int pending_tell(struct bpf_iter__bpf_map_elem *ctx)
{
	struct s2v_agg *a = ctx->value;
	struct s2v_ev_page ev;

	if (!a)
		return 0;
	if (!pending_left || bpf_ringbuf_query(&events, BPF_RB_AVAIL_DATA) >
				     bpf_ringbuf_query(&events, BPF_RB_RING_SIZE) / 2)
		return 1;
	pending_left--;
	if (!a->pending)
		return 0;
	ev = a->ev;
	ev.h.time = a->last;
	agg_tell(&ev, a, bpf_ktime_get_boot_ns());
	return 0;
}

#endif
