/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * State of an audit in the correlator. Leaves are counted in their ranges; neighbours on which one
 * rule fires become one finding; the physical memory of leaves that are not ordinary memory is kept
 * until the audit of all VMs ends.
 */
#ifndef S2V_AUDITS_H
#define S2V_AUDITS_H

#include "core/correlate_private.h"
#include "s2v_pgtable.h"

/* A finding on leaves that is not reported yet: the next leaves may extend it. */
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

/* Physical memory that leaves of one memory type map. */
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

/* audits.c: counts memory of the VM whose attributes are not known, as unreadable. */
void s2v_audit_unreadable(struct s2v_correlator *c, const struct s2v_vm *vm, __u64 times);
/* audits.c: another audit of this VM may begin: drops the counts of the one before, if that is over. */
void s2v_audit_begins(struct s2v_correlator *c, struct s2v_vm *vm);

/*
 * guest_events.c: reports what the audit in progress found of the guest's own stage 1, in all memslots, or in one that
 * ends.
 */
void s2v_guest_findings(struct s2v_correlator *c, struct s2v_vm *vm);
void s2v_guest_slot_gone(struct s2v_correlator *c, struct s2v_vm *vm, struct s2v_memslot *slot);
/* The VM's audit ended: counts the vCPUs that it could not walk. */
void s2v_guest_end(struct s2v_correlator *c, struct s2v_vm *vm);

#endif
