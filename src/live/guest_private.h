/* SPDX-License-Identifier: BSD-2-Clause */
/* The walk of a guest's own tables in progress, shared by the files of that walk: guest.c, guest_read.c. */
#ifndef S2V_LIVE_GUEST_PRIVATE_H
#define S2V_LIVE_GUEST_PRIVATE_H

#include "core/stage1.h"
#include "live/guest.h"
#include "util/intervals.h"

#define S2V_GUEST_POOLS 8 /* of a VM; Linux has at most three */

struct s2v_guest_sets {
	struct s2v_intervals of[S2V_ATTR_NR]; /* guest physical; note: the virtual address */
};

/* A vCPU, and how far its tables were walked. */
struct s2v_guest_vcpu {
	struct s2v_audit_vcpu r;
	struct s2v_ev_vcpu ev;
	struct s2v_regime regime[2]; /* by its registers now */
	enum s2v_regime_kind kind[2];
	struct s2v_regime walked[2]; /* zero: none */
	__u64 high; /* bytes that TTBR1_EL1 maps */
};

struct s2v_guest_walk {
	const struct s2v_guest_audit *o;
	struct s2v_audit_guest *io; /* shared with the BPF side */
	struct s2v_guest_vcpu *vcpu;
	unsigned int n;
	struct s2v_guest_sets all;
	struct s2v_guest_sets *to; /* of the walk in progress */
	struct s2v_guest_vcpu *now; /* the vCPU of that walk */
	__u64 mapped; /* bytes, by that walk */
	bool recheck; /* it only confirms what is not cacheable */
	__u64 left; /* chunks that may still be read of this VM */
	unsigned int pauses;
	__u64 pool[S2V_GUEST_POOLS]; /* GPAs of pools that nobody uses */
	unsigned int n_pools;
};

/* One step that reads chunks, again while KVM changes a stage-2 entry. 0 or -errno. */
int s2v_guest_read_step(struct s2v_guest_walk *g);

/* Bytes of [start, end) that the guest maps cacheable, with one type or several. The sets are sorted. */
__u64 s2v_guest_cacheable_bytes(const struct s2v_guest_walk *g, __u64 start, __u64 end);

/*
 * Finds the pools that nobody uses, and fills g->pool. The sets are
 * sorted. 0 or -errno.
 */
int s2v_guest_find_pools(struct s2v_guest_walk *g);
bool s2v_guest_is_pool(const struct s2v_guest_walk *g, __u64 gpa, __u32 attr);

#endif
