/* SPDX-License-Identifier: BSD-2-Clause */
/* Inside of the live source. */
#ifndef S2V_LIVE_PRIVATE_H
#define S2V_LIVE_PRIVATE_H

#include "live/brief.h"
#include "live/kinds.h"
#include "live/live.h"
#include "s2v_shared.h"
#include "s2verify.skel.h"

struct s2v_kept_vm; /* keep.c */

/* What one reading of the ring buffer may still take. */
struct s2v_live_share {
	__u64 bytes; /* of the ring buffer */
	__u64 until; /* CLOCK_MONOTONIC ns; 0: however long that takes */
	unsigned int events; /* so many were taken: the clock is not asked for each */
};

/* What KVM's own list of VMs says: see census.h. */
struct s2v_live_census {
	__u64 hidden; /* VMs that are there and that no open file shows */
	__u32 creator; /* the thread that created one of them */
	int err; /* the list could not be read */
};

struct s2v_live {
	struct s2verify_bpf *skel;
	struct ring_buffer *ring;
	struct s2v_live_share share;
	s2v_event_fn fn;
	void *arg;
	struct bpf_link *links[S2V_OBS_NR][2]; /* entry, return */
	struct bpf_program *progs[2 * S2V_OBS_NR]; /* attached */
	size_t n_progs;
	const struct s2v_host *host;
	bool audit;
	bool all; /* every event is told */
	bool timed; /* faults and unmaps are */
	struct bpf_link *timer;
	/* Memory of the kernel's map that some leaf reaches other than Write-Back; hi 0: none. */
	__u64 other_lo, other_hi;
	struct s2v_briefs briefs; /* with `all` */
	struct s2v_live_census census; /* of the last time */
	__u64 malformed;
	/* Registrations whose VMAs were not all read; of which VMs. */
	__u64 unread_slots;
	struct s2v_unread unread;
	int err; /* of reading what a VM that is gone left */
	struct s2v_kept_vm *vms; /* hash: VMs whose events were handed out, and that are there */
	__u64 lost; /* events that had been lost when all was put in order last */
	struct s2v_kinds kinds; /* what is kept in the kernel of memslots */
	__u64 kinds_lost; /* events that had been lost when they were read last, … */
	__u64 kinds_rest; /* … which is not done again before (CLOCK_MONOTONIC ns) */
	struct s2v_kinds_end *owed; /* ended meanwhile */
	size_t n_owed, cap_owed;
	struct bpf_link *pending; /* iterator of pending.c; NULL: nothing is ever pending */
	int pending_fd; /* a read of it that is not through, or -1 */
	int kvm, switches[2]; /* of health.c; -1 where not open */
};

/* ring.c: takes one record out of the ring buffer; -ECANCELED when a turn is over. arg: the struct s2v_live. */
int s2v_ring_event(void *arg, void *data, size_t len);

/* ring.c: reports the VMs that open files show and that were not reported yet as VMs that were there before. */
int s2v_live_inventory(struct s2v_live *l);

#endif
