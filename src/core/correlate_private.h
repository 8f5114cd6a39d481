/* SPDX-License-Identifier: BSD-2-Clause */
/* Inside of the correlator: what its parts share. */
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
	bool changed; /* some finding may have gone on since it was told */
	__u64 malformed; /* events that could not be taken */
	__u64 no_memory; /* events that were not taken for want of memory */
	size_t n_ranges; /* of all VMs */
	__u64 over_limit; /* what was not kept, by bounds.h */
	__u64 runs_missing; /* registrations of which a part was not told */
	__u64 stale; /* page events of a registration that had been replaced */
	__u64 unannounced; /* VMs that are gone, and of which no VM_NEW came */
	bool fwb_disagrees; /* a vCPU's HCR_EL2.FWB against the host facts */
	/* Of audits. */
	__u64 n_audited, shadow, protected_vms, unreadable, unmapped;
	struct s2v_unread unread; /* of `unreadable` */
	__u64 n_audits; /* that have ended */
	bool audit_seen; /* that of some VM has ended: those that end from now on began here, too */
	__u64 leaves[S2V_ATTR_NR][S2V_ATTR_NR];
	struct s2v_alias *aliases;
	size_t n_aliases;
};

/* What a finding says beside its rule. */
struct s2v_place {
	const struct s2v_ev_hdr *h;
	struct s2v_memslot *slot; /* NULL: it is about the VM (a reset) */
	int vcpu; /* where there is no page; -1: none */
	const struct s2v_ev_page *page; /* NULL: found at registration, or by an audit */
	__u64 count; /* where there is no page; 0 is 1 */
	__u64 gpa, size, hva, pa;
};

/* CLOCK_BOOTTIME to CLOCK_REALTIME, ns. */
static inline __u64 s2v_realtime(const struct s2v_correlator *c, __u64 boot)
{
	return boot + (__u64)c->o.boot_to_real;
}

/* findings.c: asks every rule for in->on; what fires becomes a finding, or adds to one. */
void s2v_ask_rules(struct s2v_correlator *c, struct s2v_vm *vm, const struct s2v_rule_in *in,
		   const struct s2v_place *w);
/* Tells the totals of findings that went on since they were told. */
void s2v_report_updates(struct s2v_correlator *c, struct s2v_vm *vm);

/* Nothing is added to those of a registration that is gone: told for the last time, and let go. */
void s2v_findings_end(struct s2v_correlator *c, struct s2v_vm *vm, struct s2v_memslot *slot);

/* As s2v_ask_rules() for one rule, which has been asked: it fires. */
void s2v_found(struct s2v_correlator *c, struct s2v_vm *vm, const struct s2v_rule *rule,
	       const struct s2v_rule_in *in, const struct s2v_place *w);
bool s2v_rule_is_asked(const struct s2v_correlator *c, const struct s2v_rule *r,
		       enum s2v_trigger on);

/* correlate.c: is there room for another run of the VM's? Counts it if not. */
bool s2v_slot_range_has_room(struct s2v_correlator *c, const struct s2v_vm *vm);
/* contract.c: the contract of a VM; the final one has memslots that are gone, too. */
void s2v_contract_report(struct s2v_correlator *c, struct s2v_vm *vm, bool final);
/* A memslot goes, or is replaced: what its contract was is kept for the final one. */
void s2v_contract_keep(const struct s2v_correlator *c, struct s2v_vm *vm,
		       const struct s2v_memslot *slot);

/* correlate.c: of a mapping that is there, what the run is known by. */
void s2v_slot_range_note(struct s2v_slot_range *run, __u32 s1, const struct s2v_rule_in *in);

/* audit_events.c: leaves; the end of a VM's audit, or (vm 0) of all; a VM that goes. */
void s2v_audit_leaves(struct s2v_correlator *c, struct s2v_vm *vm, const struct s2v_ev_leaves *ev);
void s2v_audit_end(struct s2v_correlator *c, struct s2v_vm *vm, const struct s2v_ev_audit *ev);
void s2v_audit_all_end(struct s2v_correlator *c, const struct s2v_ev_audit *ev);
/* What was found in a memslot was there: told before it goes, or is replaced. */
void s2v_audit_slot_gone(struct s2v_correlator *c, struct s2v_vm *vm,
			 const struct s2v_memslot *slot);
void s2v_audit_vm_gone(struct s2v_correlator *c, struct s2v_vm *vm);

/* reset_events.c: an event of a reset; pages, for what was unmapped and comes back. */
void s2v_reset_event(struct s2v_correlator *c, struct s2v_vm *vm, const struct s2v_ev_reset *ev);
void s2v_reset_page(struct s2v_correlator *c, struct s2v_vm *vm, const struct s2v_ev_page *ev);
/* What lay there was unmapped by the host, or its memslot goes (5.17 on: before this is told). */
void s2v_reset_host_unmapped(struct s2v_correlator *c, struct s2v_vm *vm, __u64 gpa, __u64 size);
/* Time has passed: a reset whose window is over is told. */
void s2v_reset_tick(struct s2v_correlator *c, struct s2v_vm *vm);
/* The VM, or the run, is at its end: what is under way is told as it stands. */
void s2v_reset_end(struct s2v_correlator *c, struct s2v_vm *vm);

#endif
