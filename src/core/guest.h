/* SPDX-License-Identifier: BSD-2-Clause */
/* What the last audit found of a VM's own stage 1, in the model. */
#ifndef S2V_GUEST_STATE_H
#define S2V_GUEST_STATE_H

#include "core/sink.h"

/* A finding of guest-noncacheable in one memslot, which grows until the VM's audit ends. */
struct s2v_guest_finding {
	struct s2v_ev_hdr h;
	struct s2v_rule_in in; /* .vma points to the next member */
	struct s2v_vma vma;
	__u64 gpa, size, hva; /* of the first range */
	__u64 ranges, bytes, low, end;
	int vcpu;
};

struct s2v_guest_state {
	struct s2v_vcpu_row *vcpu; /* in the order of their vcpu_idx */
	size_t n;
};

#endif
