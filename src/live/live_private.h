/* SPDX-License-Identifier: BSD-2-Clause */
/* Private to the live source. */
#ifndef S2V_LIVE_PRIVATE_H
#define S2V_LIVE_PRIVATE_H

#include "live/brief.h"
#include "live/kinds.h"
#include "live/live.h"
#include "s2v_shared.h"
#include "s2verify.skel.h"

struct s2v_kept_vm; /* keep.c */

/* How much one turn may still read from the ring buffer. */
struct s2v_ring_budget {
	__u64 bytes; /* of the ring buffer */
	__u64 until; /* CLOCK_MONOTONIC ns; 0: no limit */
	unsigned int events; /* events read: the clock is not read for each */
};

/* Result of comparing with KVM's own list of VMs: see census.h. */
struct s2v_live_census {
	__u64 hidden; /* VMs that exist and that no open file shows */
	__u32 creator; /* the thread that created one of them */
	int err; /* of reading the list */
};

struct s2v_live {
	struct s2verify_bpf *skel;
	struct ring_buffer *ring;
	struct s2v_ring_budget budget;
	s2v_event_fn fn;
	void *arg;
	struct bpf_link *links[S2V_OBS_NR][2]; /* entry, return */
	struct bpf_program *progs[2 * S2V_OBS_NR]; /* attached */
	size_t n_progs;
	const struct s2v_host *host;
	bool audit;
	bool all; /* every event is reported */
	bool timed; /* faults and unmaps are timed */
	struct bpf_link *timer;
	/* Range of PAs in the kernel's map that leaves other than Write-Back reach; hi 0: none. */
	__u64 not_wb_lo, not_wb_hi;
	struct s2v_briefs briefs; /* with `all` */
	struct s2v_live_census census; /* the last one */
	__u64 malformed;
	__u64 unread_slots; /* registrations whose VMAs were not all read */
	struct s2v_unread unread; /* of which VMs */
	int err; /* the first error of reading what an ended VM or memslot left */
	struct s2v_kept_vm *vms; /* hash: VMs that were reported and have not ended */
	__u64 lost; /* lost events at the last s2v_keep_reconcile() */
	struct s2v_kinds kinds; /* the BPF side's memslots and kinds of mappings */
	__u64 kinds_read_lost; /* lost events when `kinds` was last read from the maps */
	__u64 kinds_read_after; /* earliest time of the next reading, CLOCK_MONOTONIC ns */
	struct s2v_kinds_end *queued_ends; /* ended since the last reading */
	size_t n_queued_ends, cap_queued_ends;
	struct bpf_link *pending; /* iterator of pending.c; NULL: with `all`, nothing is pending */
	int pending_fd; /* a read of it that is not finished, or -1 */
	int kvm, switches[2]; /* of health.c; -1: not open */
};

/* ring.c: handles one record of the ring buffer; -ECANCELED if the turn is over. arg: the struct s2v_live. */
int s2v_ring_event(void *arg, void *data, size_t len);

/* ring.c: reports VMs that open files show and that were not reported yet, as preexisting. */
int s2v_live_inventory(struct s2v_live *l);

#endif
