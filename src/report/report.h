/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Room report: the HTML report, and the HTML that the daemon's page shares with it. Uses core,
 * host, sink, util. Used by cmd, daemon.
 *
 * What the HTML report shows, gathered while events and results come in: VMs, their memslots with
 * what was mapped where, findings, resets, and how often what happened over time. Everything
 * here has a limit; what is beyond it is counted, and the report says so.
 */
#ifndef S2V_REPORT_H
#define S2V_REPORT_H

#include <uthash.h>

#include "core/sink.h"

#define S2V_RP_VMS 4096 /* VMs kept one by one */
#define S2V_RP_SLOTS 65536 /* registrations of memslots kept, of all VMs */
#define S2V_RP_VM_SLOTS 4096 /* registrations kept of one VM */
#define S2V_RP_GONE 32 /* deleted memslots without findings or unsafe ranges, for each VM */
#define S2V_RP_SLOT_BINS 128 /* parts of a memslot, each with its enum s2v_rp_seen */
#define S2V_RP_RANGES \
	64 /* incoherent ranges of a memslot kept exactly; as many that the guest maps not cacheable */
#define S2V_RP_BACKINGS 64 /* kinds of backing of a memslot kept */
#define S2V_RP_VCPUS 64 /* groups of neighbouring vCPUs of a VM that are in one state */
#define S2V_RP_FINDINGS 2000 /* of each severity */
#define S2V_RP_RESETS 500 /* the most expensive */
#define S2V_RP_BINS 256 /* of the timeline of all VMs */
#define S2V_RP_VM_BINS 128 /* of the timeline of one VM */

/* Kinds of mappings in a part of a memslot: bits, as there may be several. */
enum s2v_rp_seen {
	S2V_RP_CACHED = 1 << 0, /* cacheable on both sides */
	S2V_RP_UNCACHED = 1 << 1, /* cacheable on neither side */
	S2V_RP_UNSAFE = 1 << 2, /* the sides conflict */
	S2V_RP_UNCLEAR = 1 << 3, /* the attribute of one side is not known */
};

/* Neighbouring mappings that conflict, with the same attributes. */
struct s2v_rp_range {
	__u64 gpa, end, hva, pa; /* hva, pa: of the first page; pa may be S2V_NO_PA */
	__u32 s1, s2;
	__u64 count; /* mappings */
};

struct s2v_rp_backing {
	struct s2v_contract_row row;
	bool judged; /* row is from the contract; else from the registration, without a verdict */
};

/* Memory that the guest's own stage 1 maps, and not cacheable. */
struct s2v_rp_guest_range {
	__u64 gpa, end;
	__u64 bytes, alias; /* as in struct s2v_ev_guest */
	__u64 va; /* maps gpa */
	__u32 attr;
	int vcpu;
};

/* The guest's own stage 1 in a memslot, by the last audit. */
struct s2v_rp_guest {
	__u8 seen
		[S2V_RP_SLOT_BINS]; /* S2V_RP_CACHED, S2V_RP_UNCACHED, S2V_RP_UNCLEAR: as the guest maps it */
	struct s2v_guest_bytes sum;
	struct s2v_rp_guest_range *range; /* by address; owned */
	__u32 n_range;
	__u64 more_ranges; /* not kept */
};

/* Neighbouring vCPUs in one state, by the last audit. */
struct s2v_rp_vcpus {
	int first, last;
	__u32 flags; /* S2V_VC_*, without S2V_VC_SHARED */
	__u64 tables, leaves, absent; /* of all of them */
};

struct s2v_rp_slot {
	int id;
	__u32 gen;
	__u64 gpa, size, hva;
	__u32 flags; /* S2V_MEM_* */
	int err; /* 0, or why it was refused (-errno) */
	__u64 gone; /* when it was deleted, moved or replaced, CLOCK_REALTIME ns; 0: it exists */
	__u8 seen[S2V_RP_SLOT_BINS]; /* enum s2v_rp_seen */
	struct s2v_rp_backing *backing; /* by address; owned */
	struct s2v_rp_range *range; /* by address; owned */
	__u32 n_backing, n_range;
	__u64 more_backings, more_ranges; /* not kept */
	__u32 findings; /* kept findings on this memslot */
	int worst; /* the highest enum s2v_severity of its findings; -1: none */
	bool walked; /* the last audit looked what the guest's own stage 1 maps of it */
	struct s2v_rp_guest *guest; /* NULL: nothing. Owned */
	__u32 nr; /* number in its VM's part of the page, from 1; 0: not shown */
	struct s2v_rp_slot *next; /* in the VM's `gone` */
	UT_hash_handle hh; /* in the VM's `slots`, by id */
};

struct s2v_rp_bin {
	__u32 faults, maps, unmaps, resets, refaults, findings;
	__u64 fault_ns, unmap_ns;
};

/* Bins of equal width from t0 on; the width doubles when an event is later than the last bin. */
struct s2v_rp_time {
	__u64 t0, width; /* CLOCK_REALTIME ns; width 0: no bins yet */
	__u32 n;
	struct s2v_rp_bin *bin; /* owned */
};

struct s2v_rp_vm {
	__u32 id;
	struct s2v_vm_ref ref;
	bool preexisting, dead;
	__u64 born, last; /* CLOCK_REALTIME ns of its first and last event; 0: none */
	struct s2v_rp_bin sum; /* except faults and maps, which need 64 bits: */
	__u64 faults, maps, fault_errors, unsafe_maps, unsafe_bytes;
	__u64 findings[S2V_SEVERITY_NR];
	struct s2v_reset_total total;
	__u64 ran_at; /* when its guest last ran again after a KVM_ARM_VCPU_INIT */
	struct s2v_rp_slot *slots, *gone; /* hash; list, the newest first */
	struct s2v_rp_slot *last_slot, *refused; /* the last that was looked up, the last refused */
	__u32 n_slots; /* in slots and gone */
	__u64 more_slots; /* registrations not kept */
	struct s2v_rp_backing *pending; /* of the next registration; owned */
	__u32 n_pending, pending_gen;
	__u64 more_pending;
	struct s2v_rp_vcpus
		*vcpus; /* n_vcpus 0: no audit looked at the guest's own stage 1. Owned */
	__u32 n_vcpus;
	__u32 guest_flags; /* S2V_VC_* of all vCPUs that are not off; S2V_VC_OFF: all are */
	__u64 more_vcpus; /* not kept */
	bool audit_over; /* the next vCPU belongs to another audit */
	struct s2v_rp_time time;
	struct s2v_rp_finding *first, *latest; /* its kept findings */
	UT_hash_handle hh;
};

struct s2v_rp_finding {
	struct s2v_finding f;
	struct s2v_rp_vm *vm; /* NULL: not kept */
	struct s2v_rp_slot *slot; /* NULL: not kept, or a finding on the VM */
	char driver[S2V_NAME_LEN], name[S2V_NAME_LEN]; /* of its backing */
	struct s2v_rp_finding *next; /* of the VM */
	UT_hash_handle hh; /* by f.id */
};

struct s2v_rp_reset {
	struct s2v_reset r;
	__u64 ran_at; /* start of its refault window, CLOCK_REALTIME ns */
};

struct s2v_report {
	struct s2v_host host; /* its ram is NULL: see below */
	struct s2v_range *ram; /* owned */
	size_t n_ram;
	bool has_host, has_summary;
	struct s2v_hook hooks[S2V_OBS_NR];
	size_t n_hooks;
	struct s2v_rule_state rules[S2V_RULE_NR];
	bool has_rule[S2V_RULE_NR];
	struct s2v_summary sum; /* its rules are NULL: see above */
	struct s2v_rp_vm *vms; /* hash */
	__u32 n_vms, n_slots;
	__u64 more_vms; /* events and results of VMs that are not kept */
	struct s2v_rp_finding *findings; /* hash, in the order of their reports */
	__u64 n_findings[S2V_SEVERITY_NR], n_kept[S2V_SEVERITY_NR];
	struct s2v_rp_reset *reset; /* owned; S2V_RP_RESETS at most */
	__u32 n_reset;
	__u64 n_resets, reset_tax_ns, reset_avoidable_ns; /* of all resets, kept or not */
	struct s2v_rp_time time;
	__u64 first, last; /* CLOCK_REALTIME ns of events; 0: none */
	__u64 events, faults, unmaps, refaults, unsafe_maps;
	int failed; /* ENOMEM: something is missing and not counted */
};

void s2v_report_free(struct s2v_report *rp);

/* See the functions of struct s2v_sink. */
void s2v_report_host(struct s2v_report *rp, const struct s2v_host *h);
void s2v_report_event(struct s2v_report *rp, const struct s2v_ev_hdr *ev,
		      const struct s2v_vm_ref *ref, __u64 time);
void s2v_report_finding(struct s2v_report *rp, const struct s2v_finding *f);
void s2v_report_memslot(struct s2v_report *rp, const struct s2v_contract_row *r);
void s2v_report_reset(struct s2v_report *rp, const struct s2v_reset *r);
void s2v_report_reset_total(struct s2v_report *rp, const struct s2v_reset_total *t);

/* slots.c: the VM's memslots. */
void s2v_rp_slot_event(struct s2v_report *rp, struct s2v_rp_vm *vm, const struct s2v_ev_slot *ev,
		       __u64 time);
void s2v_rp_vma_event(struct s2v_report *rp, struct s2v_rp_vm *vm, const struct s2v_ev_vma *ev);
void s2v_rp_map_event(struct s2v_report *rp, struct s2v_rp_vm *vm, const struct s2v_ev_page *ev);
void s2v_rp_leaves_event(struct s2v_report *rp, struct s2v_rp_vm *vm,
			 const struct s2v_ev_leaves *ev);
void s2v_rp_row(struct s2v_report *rp, struct s2v_rp_vm *vm, const struct s2v_contract_row *r);
/* The memslot that a finding names; NULL: it is not kept, or the finding is on the VM. */
struct s2v_rp_slot *s2v_rp_slot_of(struct s2v_rp_vm *vm, const struct s2v_finding *f);
/* The backing at a GPA of a memslot; NULL: not known. */
const struct s2v_rp_backing *s2v_rp_backing_at(const struct s2v_rp_slot *s, __u64 gpa);
void s2v_rp_slots_free(struct s2v_rp_vm *vm);
/* The memslot that is registered with this number, or NULL. */
struct s2v_rp_slot *s2v_rp_slot_find(struct s2v_rp_vm *vm, int id);
/* Adds `what` to the parts of the memslot in [gpa, gpa + size). seen: [S2V_RP_SLOT_BINS]. */
void s2v_rp_mark(const struct s2v_rp_slot *s, __u8 *seen, __u64 gpa, __u64 size,
		 enum s2v_rp_seen what);

/* guest.c: the guest's own stage 1. */
void s2v_rp_vcpu_event(struct s2v_report *rp, struct s2v_rp_vm *vm, const struct s2v_ev_vcpu *ev);
void s2v_rp_guest_event(struct s2v_report *rp, struct s2v_rp_vm *vm, const struct s2v_ev_guest *ev);
/* The audit of the VM ended. */
void s2v_rp_audit_event(struct s2v_rp_vm *vm);

/* bins.c: the bin that t falls into, NULL when out of memory. n: number of bins to allocate if there are none. */
struct s2v_rp_bin *s2v_rp_bin_at(struct s2v_rp_time *time, __u64 t, __u32 n);
void s2v_rp_add(__u32 *to, __u64 n); /* stays at the maximum instead of wrapping */

#endif
