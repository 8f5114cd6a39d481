/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The guest's side of an audit, on hosts without S2FWB: walks the tables of each vCPU's own stage 1. Private to the
 * audit (audit.c).
 */
#ifndef S2V_LIVE_GUEST_H
#define S2V_LIVE_GUEST_H

#include "live/live_private.h"

struct s2v_guest_slot {
	__u64 gpa, size;
	__u32 gen;
	__s16 id;
	__u16 as_id;
};

struct s2v_guest_audit {
	struct s2v_live *l;
	__u32 vm, tgid;
	const struct s2v_guest_slot *slot; /* all memslots, ascending */
	size_t n_slots;
	bool each; /* report GUEST_LEAVES events, too */
	/* Runs one step of the audit. 0 or -errno. */
	int (*step)(void *arg, enum s2v_audit_op op);
	/* Called after each step with the guest's leaves since; false ends the audit. */
	bool (*pace)(void *arg, __u64 leaves);
	void *arg;
};

/*
 * Reports a VCPU event for each vCPU, and GUEST events of what they map. 0 or -errno; -EINTR: pace() returned
 * false. What could not be walked is a flag of the VCPU event, and no error.
 */
int s2v_guest_audit(const struct s2v_guest_audit *o);

#endif
