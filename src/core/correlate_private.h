/* SPDX-License-Identifier: BSD-2-Clause */
/* Shared by the files of the correlator. */
#ifndef S2V_CORRELATE_PRIVATE_H
#define S2V_CORRELATE_PRIVATE_H

#include "core/correlate.h"
#include "core/bounds.h"
#include "core/resets.h"

struct s2v_correlator {
	struct s2v_correlator_opts o;
	struct s2v_vm *vms; /* hash, by number */
	__u64 next_finding;
	__u64 findings[S2V_SEVERITY_NR];
	__u64 n_vms, n_preexisting, n_without_tables;
	__u64 last; /* time of the newest event, CLOCK_BOOTTIME ns */
	bool changed; /* a finding may have a new total since it was reported */
	__u64 malformed; /* events ignored as malformed */
	__u64 no_memory; /* failed allocations */
	size_t n_ranges; /* of all VMs */
	__u64 over_limit; /* items not kept because of a limit in bounds.h */
	__u64 ranges_missing; /* registrations with a missing VMA event */
	__u64 stale; /* page events of a replaced registration */
	__u64 unannounced; /* VMs that ended without a VM_NEW */
	bool fwb_disagrees; /* a vCPU's HCR_EL2.FWB against the host facts */
	/* Audits. */
	__u64 n_audited, shadow, protected_vms, unreadable, unmapped;
	struct s2v_unread unread; /* of `unreadable` */
	__u64 n_audits; /* ended, of all VMs */
	bool audit_seen; /* an audit of some VM has ended: later ones also began in this recording */
	__u64 leaves[S2V_ATTR_NR][S2V_ATTR_NR];
	struct s2v_alias *aliases;
	size_t n_aliases;
	enum s2v_contract_why why; /* of the contract that is being reported */
};

/* Where and how often a rule fired. */
struct s2v_occurrence {
	const struct s2v_ev_hdr *h;
	struct s2v_memslot *slot; /* NULL: it concerns the VM (a reset) */
	int vcpu; /* if page is NULL; -1: none */
	const struct s2v_ev_page *page; /* NULL: found at registration, or by an audit */
	__u64 count; /* if page is NULL; 0 means 1 */
	__u64 gpa, size, hva, pa;
	/* Not 0: count stands for ranges in [low, end), of these bytes. The newest replaces the one before. */
	__u64 low, end, bytes;
};

/* CLOCK_BOOTTIME to CLOCK_REALTIME, ns. */
static inline __u64 s2v_realtime(const struct s2v_correlator *c, __u64 boot)
{
	return boot + (__u64)c->o.boot_to_real;
}

/* findings.c: applies every rule for in->on; one that fires makes a finding, or adds to one. */
void s2v_eval_rules(struct s2v_correlator *c, struct s2v_vm *vm, const struct s2v_rule_in *in,
		    const struct s2v_occurrence *occ);
/* Reports new totals of a VM's findings. */
void s2v_report_updates(struct s2v_correlator *c, struct s2v_vm *vm);

/* The registration ends: reports new totals of its findings, and frees them. */
void s2v_findings_end(struct s2v_correlator *c, struct s2v_vm *vm, struct s2v_memslot *slot);

/* Makes a finding of a rule that fired, or adds to one. */
void s2v_add_finding(struct s2v_correlator *c, struct s2v_vm *vm, const struct s2v_rule *rule,
		     const struct s2v_rule_in *in, const struct s2v_occurrence *occ);
/* Returns whether a rule applies on this host, and is wanted on this trigger. */
bool s2v_rule_is_active(const struct s2v_correlator *c, const struct s2v_rule *r,
			enum s2v_trigger on);

/* ranges.c: returns whether the VM may have another range; counts it in over_limit if not. */
bool s2v_slot_range_has_room(struct s2v_correlator *c, const struct s2v_vm *vm);
/* contract.c: reports the contract of a VM; a final one includes deleted memslots. */
void s2v_contract_report(struct s2v_correlator *c, struct s2v_vm *vm, enum s2v_contract_why why);
/* Keeps the rows of a memslot that is deleted or replaced for the final contract. */
void s2v_contract_keep(const struct s2v_correlator *c, struct s2v_vm *vm,
		       const struct s2v_memslot *slot);

/* ranges.c: updates the attributes of a range by a mapping in it. */
void s2v_slot_range_note(struct s2v_slot_range *range, __u32 s1, const struct s2v_rule_in *in);

/* audit_events.c: leaves; the end of the audit of a VM, or of all VMs (vm 0). */
void s2v_audit_leaves(struct s2v_correlator *c, struct s2v_vm *vm, const struct s2v_ev_leaves *ev);
void s2v_audit_end(struct s2v_correlator *c, struct s2v_vm *vm, const struct s2v_ev_audit *ev);
void s2v_audit_all_end(struct s2v_correlator *c, const struct s2v_ev_audit *ev);
/* Report open findings of a memslot that is deleted or replaced; of a VM that ends. */
void s2v_audit_slot_gone(struct s2v_correlator *c, struct s2v_vm *vm, struct s2v_memslot *slot);
void s2v_audit_vm_gone(struct s2v_correlator *c, struct s2v_vm *vm);

/* guest_events.c: a vCPU's own translation; memory that it maps. */
void s2v_guest_vcpu(struct s2v_correlator *c, struct s2v_vm *vm, const struct s2v_ev_vcpu *ev);
void s2v_guest_pages(struct s2v_correlator *c, struct s2v_vm *vm, const struct s2v_ev_guest *ev);
/* Passes the vCPUs of the last audit to the sink. */
void s2v_guest_vcpus_report(struct s2v_correlator *c, struct s2v_vm *vm);

/* reset_events.c: an event of a reset; a page event, to follow pages unmapped and refaulted. */
void s2v_reset_event(struct s2v_correlator *c, struct s2v_vm *vm, const struct s2v_ev_reset *ev);
void s2v_reset_page(struct s2v_correlator *c, struct s2v_vm *vm, const struct s2v_ev_page *ev);
/* The host unmapped the range, or its memslot goes (5.17 on: KVM unmaps before this event). */
void s2v_reset_host_unmapped(struct s2v_correlator *c, struct s2v_vm *vm, __u64 gpa, __u64 size);
/* Reports a reset whose window is over at c->last. */
void s2v_reset_tick(struct s2v_correlator *c, struct s2v_vm *vm);
/* The VM or the run ends: reports an unfinished reset as it is, and the VM's total. */
void s2v_reset_end(struct s2v_correlator *c, struct s2v_vm *vm);

#endif
