/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Inside of the correlator: what it keeps of an audit. Leaves are counted in their memslots; what
 * a rule says of neighbours becomes one finding; and of leaves that are not ordinary memory it is
 * kept which physical memory they reach, until the audit of all VMs is over.
 */
#ifndef S2V_AUDITS_H
#define S2V_AUDITS_H

#include "core/correlate_private.h"
#include "s2v_pgtable.h"

/* What a rule found on leaves, as long as the next ones may add to it. */
struct s2v_leaf_finding {
	bool open;
	struct s2v_rule_in in; /* .vma and .other point to the two below */
	struct s2v_vma vma;
	struct s2v_other_leaf other;
	struct s2v_ev_hdr h;
	struct s2v_slot_id slot;
	__u32 gen;
	__u64 gpa, size, hva, pa, leaves;
};

struct s2v_leaf_findings {
	struct s2v_leaf_finding f[S2V_RULE_NR];
};

/* Physical memory that leaves of one memory type reach. */
struct s2v_alias {
	__u64 pa, size;
	__u32 vm;
	struct s2v_slot_id slot;
	__u32 gen;
	__u32 s2;
	__u64 gpa, hva, leaves;
	struct s2v_vma vma;
	__u64 time;
	bool reported;
};

#endif
