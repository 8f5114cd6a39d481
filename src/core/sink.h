/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Room core: events in, findings out: model, correlator, rules, contract, resets, audits,
 * completeness. Uses host, util. Used by cmd, daemon, live, report, sink, trace.
 *
 * Results, and the interface that takes them. Every sink (text, NDJSON, metrics, report, exports)
 * is one of these; the correlator knows no other way out.
 */
#ifndef S2V_SINK_H
#define S2V_SINK_H

#include <stdio.h>

#include "core/rules.h"
#include "core/unread.h"

struct s2v_vm_ref {
	__u32 id; /* number in this run */
	__u32 pid; /* VMM process */
	char comm[S2V_COMM_LEN]; /* any bytes, NUL-terminated */
};

enum s2v_attr_source {
	S2V_SRC_NONE,
	S2V_SRC_VMA,
	S2V_SRC_PTE,
	S2V_SRC_GMEM,
	S2V_SRC_PROT,
	S2V_SRC_LEAF
};
const char *s2v_source_name(enum s2v_attr_source s); /* "vma", "pte", "guest_memfd", "prot", … */

/* Name of a backing by its S2V_VMA_* flags; nothing: there is no mapping. "anonymous", … */
const char *s2v_backing_name(__u32 flags, bool nothing);

const char *s2v_slot_change_name(__u32 change); /* enum s2v_slot_change: "create", … */

struct s2v_slot_ref {
	__s16 id; /* S2V_NO_SLOT: none */
	__u64 gpa, size, hva;
};

/* What a guest's own stage 1 maps, by an audit. Memory that it maps twice with different types counts for each. */
struct s2v_guest_bytes {
	__u64 bytes[S2V_ATTR_NR];
	__u64 alias; /* not cacheable, and cacheable, too */
	bool holes; /* bytes of a range with holes were shared out among several rows: they are at most as many */
};

static inline void s2v_guest_bytes_add(struct s2v_guest_bytes *to, const struct s2v_guest_bytes *x)
{
	for (int i = 0; i < S2V_ATTR_NR; i++)
		to->bytes[i] += x->bytes[i];
	to->alias += x->alias;
	to->holes |= x->holes;
}

/* A vCPU's own translation, as an audit found it. */
struct s2v_vcpu_row {
	struct s2v_vm_ref vm;
	__u64 time; /* of its registers, CLOCK_REALTIME ns */
	int vcpu;
	__u32 flags; /* S2V_VC_* */
	__u64 sctlr, tcr, mair, ttbr0, ttbr1;
	__u64 tables, leaves, absent; /* as in struct s2v_ev_vcpu */
};

/* The row of an event, without VM and time. */
static inline struct s2v_vcpu_row s2v_vcpu_row_of(const struct s2v_ev_vcpu *ev)
{
	return (struct s2v_vcpu_row){
		.vcpu = ev->vcpu,
		.flags = ev->flags,
		.sctlr = ev->sctlr,
		.tcr = ev->tcr,
		.mair = ev->mair,
		.ttbr0 = ev->ttbr0,
		.ttbr1 = ev->ttbr1,
		.tables = ev->tables,
		.leaves = ev->leaves,
		.absent = ev->absent,
	};
}

/*
 * Returns whether the event lies in the memslot at gpa, and has a type that stage 1 can have. The caller checks the
 * registration.
 */
static inline bool s2v_guest_event_fits(const struct s2v_ev_guest *ev, __u64 gpa, __u64 size)
{
	return ev->attr < S2V_ATTR_NR && ev->attr != S2V_ATTR_NONE && ev->attr != S2V_ATTR_AS_S1 &&
	       ev->size && ev->alias <= ev->bytes && ev->bytes <= ev->size && ev->size <= size &&
	       ev->gpa >= gpa && ev->gpa - gpa <= size - ev->size && ev->gpa + ev->size >= ev->gpa;
}

/* Calls fn for each flag in `flags`, in order, with its name in JSON ("mmu-off") and its words ("MMU off"). */
void s2v_vcpu_flags(__u32 flags, void (*fn)(void *arg, const char *name, const char *words),
		    void *arg);
/* The weakest type that it maps; NONE: nothing. *mixed: there are others, too. */
__u32 s2v_guest_weakest(const struct s2v_guest_bytes *g, bool *mixed);
/*
 * Its name. Where nothing is mapped, what the vCPUs' flags say (guest_flags of struct s2v_contract_row): "?" (not all
 * was walked), "off", "MMU off", "caches off", or "-".
 */
const char *s2v_guest_name(const struct s2v_guest_bytes *g, __u32 flags, bool *mixed);

/* The words of all flags, separated by ", ". */
void s2v_vcpu_words(__u32 flags, char *buf, size_t len);

struct s2v_finding {
	__u64 id; /* number in this run, from 1; an update repeats it */
	bool update; /* totals of a finding that was reported before */
	const struct s2v_rule *rule;
	bool mild; /* harmless on this host, by rule->is_mild */
	__u64 time; /* ns, CLOCK_REALTIME */
	struct s2v_vm_ref vm;
	int vcpu; /* -1: none */
	struct s2v_slot_ref slot;
	bool has_page; /* gpa … s2 are valid */
	__u64 gpa, gpa_last, size, hva; /* of the first occurrence; gpa_last: of the last */
	__u64 gpa_low, gpa_end; /* all occurrences are in [gpa_low, gpa_end) */
	__u64 bytes; /* sum over all occurrences, at most gpa_end - gpa_low */
	__u64 pa; /* S2V_NO_PA: not known */
	__u32 s1; /* enum s2v_attr */
	__u32 s1_vma; /* of vm_page_prot, if it differs from s1; else NONE */
	enum s2v_attr_source s1_source;
	__u32 s2; /* NONE: nothing was installed */
	enum s2v_attr_source s2_source;
	__u32 guest; /* enum s2v_attr, by the guest's own stage 1; NONE: not looked at */
	__u64 guest_va, guest_alias; /* as in struct s2v_rule_in */
	int err; /* 0 or -errno */
	const char *at; /* for errors: "memslot" or "fault"; else NULL */
	__u64 count;
	char explain[512];
};

static inline enum s2v_severity s2v_finding_severity(const struct s2v_finding *f)
{
	return f->mild ? f->rule->mild : f->rule->severity;
}

enum s2v_cmo {
	S2V_CMO_NONE,
	S2V_CMO_ICACHE,
	S2V_CMO_DATA,
	S2V_CMO_DATA_ICACHE,
	S2V_CMO_UNSAFE,
	S2V_CMO_UNKNOWN
};
const char *s2v_cmo_name(enum s2v_cmo c); /* "none", "icache", "data", "data+icache", … */

/* Stage-2 leaves of one kind. */
struct s2v_leaf_count {
	__s8 level;
	__u8 s1,
		s2; /* enum s2v_attr; s1 NONE: the host maps nothing there, or it could not be read */
	__u64 n;
};

/* Why a contract is reported: on request (SIGUSR1), or as the final one of a VM. */
enum s2v_contract_why { S2V_CONTRACT_ASKED, S2V_CONTRACT_VM_GONE, S2V_CONTRACT_RUN_ENDS };

/* One row of the coherence contract: one or more neighbouring ranges of a memslot. */
struct s2v_contract_row {
	enum s2v_contract_why why;
	struct s2v_vm_ref vm;
	int id; /* memslot */
	bool readonly;
	bool gone; /* its memslot was deleted or replaced since */
	__u64 gpa, size, hva;
	const char *backing; /* "anonymous", "file", "hugetlb", "pfnmap", "guest_memfd", … */
	char name[S2V_NAME_LEN]; /* the file's name; "" for anonymous memory */
	char driver[S2V_NAME_LEN]; /* kernel module behind a pfnmap; "" if built in or none */
	__u32 s1; /* enum s2v_attr; NONE: not known */
	__u32 s2; /* NONE: nothing mapped yet */
	/* More than one s2 was seen: s2 is the one that conflicts with s1, else the cacheable one. */
	bool s2_mixed;
	int write_back_guaranteed; /* enum s2v_tri */
	enum s2v_cmo vmm_cmo;
	int needs_s2fwb; /* enum s2v_tri */
	/* An audit counted stage-2 leaves; `leaves` is valid during the call. */
	bool audited;
	const struct s2v_leaf_count *leaves;
	size_t n_leaves;
	/* The audit walked the guest's own tables: guest and vmm_cmo_now are valid. */
	bool guest_walked;
	struct s2v_guest_bytes guest;
	__u32 guest_flags; /* S2V_VC_* of all vCPUs that are not off; S2V_VC_OFF: all are */
	/* As the guest maps it at this time; vmm_cmo is what it may come to. */
	enum s2v_cmo vmm_cmo_now;
	__u64 present, unreadable; /* bytes mapped at stage 2; of these, with unknown attributes */
};

/* The audit of one VM. */
struct s2v_audit_row {
	struct s2v_vm_ref vm;
	__u64 time; /* CLOCK_REALTIME ns, of its end */
	__u32 flags; /* S2V_AU_* */
	__u32 shadow; /* shadow tables of nested guests, not audited */
	__u64 leaves, rereads, steps, dur; /* dur in ns */
};

enum s2v_reset_verdict {
	S2V_RESET_UNKNOWN, /* an event was lost, or S2FWB is not known */
	S2V_RESET_NO_UNMAP, /* none needed, none made: S2FWB */
	S2V_RESET_NEEDED,
	S2V_RESET_REDUNDANT_FWB,
	S2V_RESET_REDUNDANT_REPEAT,
	S2V_RESET_MISSING,
};
const char *s2v_reset_verdict_name(enum s2v_reset_verdict v); /* "needed", … */

/* One reset of a VM. Times in ns. */
struct s2v_reset {
	struct s2v_vm_ref vm;
	__u64 time; /* CLOCK_REALTIME, of its first step */
	__u32 vcpus; /* re-initialised, each counted once */
	__u32 inits; /* their KVM_ARM_VCPU_INITs */
	__u32 unmaps; /* calls of stage2_unmap_vm() */
	__u32 redundant; /* of them */
	__u64 unmap_ns, longest_unmap_ns;
	bool pages_known; /* every map was reported: the next three are valid */
	__u64 unmapped_bytes;
	__u64 refaults, refault_ns; /* faults on what was unmapped */
	bool fwb_known; /* pages_known, no event lost, S2FWB known: the next is valid */
	__u64 fwb_saves_ns; /* cost that S2FWB would save; 0 if the host has it */
	__u64 window_ns; /* how long refaults were counted */
	enum s2v_reset_verdict verdict;
	__u64 avoidable_ns; /* on this host, with a better kernel */
};

/* All resets of a VM, at its end. */
struct s2v_reset_total {
	struct s2v_vm_ref vm;
	__u64 resets, unmap_ns, avoidable_ns;
	bool pages_known; /* of every reset: the next two are valid */
	__u64 refault_ns, tax_ns; /* tax: unmap_ns + refault_ns */
	bool fwb_known; /* of every reset: the next is valid */
	__u64 fwb_saves_ns;
	const char *advice; /* how to avoid the cost; "" if there is none */
};

struct s2v_rule_state {
	const struct s2v_rule *rule;
	enum s2v_coverage coverage;
	char reason[320];
};

struct s2v_summary {
	bool complete;
	char incomplete[4096]; /* reasons, as text; "" when complete */
	__u64 findings[S2V_SEVERITY_NR];
	__u64 vms;
	__u64 preexisting; /* VMs whose earlier mappings only an audit can see */
	__u64 without_tables; /* VMs without tables when first seen: their process has ended */
	__u64 audited; /* of preexisting: an audit saw all mappings */
	__u64 shadow,
		protected_vms; /* tables of nested guests, and VMs, that an audit cannot read */
	__u64 leaves[S2V_ATTR_NR][S2V_ATTR_NR]; /* [s1][s2], of audits */
	__u64 cnt[S2V_CNT_NR]; /* kernel side */
	__u64 maps[S2V_ATTR_NR][S2V_ATTR_NR]; /* [s1][s2] */
	__u64 lost; /* events lost at any stage, user space included */
	__u64 unreadable; /* pages or ranges whose host attributes could not be read */
	struct s2v_unread unread; /* the VMs of unreadable and over_limit, as far as known */
	bool only_unread_vms; /* incomplete, and only because of the VMs in unread */
	__u64 unmapped; /* pages of device memory that stage 2 maps and the host does not (yet) */
	__u64 missed_probes; /* kprobe and kretprobe misses */
	__u64 hidden; /* VMs in KVM's list that no open file shows */
	__u32 hidden_creator; /* the thread that created one of them */
	int census_errno; /* from reading KVM's list of VMs; 0: none */
	__u64 bypassed; /* VMs that KVM maps by a function that no hook observes */
	__u32 bypassed_vm, bypassed_tgid; /* one of them, and its process */
	__u64 over_limit; /* items not kept because of a limit: src/core/bounds.h */
	__u64 gaps; /* times that hooks were gone for a while */
	char gap_why[160]; /* of the last gap: which, and what to do; or "" */
	bool inventory_failed; /* preexisting VMs are not known */
	bool audit_failed; /* an audit did not finish */
	bool fwb_disagrees; /* a vCPU's HCR_EL2.FWB contradicts the host's S2FWB */
	/* Of a recording: damaged places; end missing; errno that stopped it. */
	__u64 damaged;
	bool cut_short;
	int stopped;
	const struct s2v_rule_state *rules; /* S2V_RULE_NR of them */
	__u64 duration_ns;
};

struct s2v_sink {
	/* Any of these may be NULL. Called in the order of what happened. */
	void (*host)(struct s2v_sink *s, const struct s2v_host *h);
	void (*hook)(struct s2v_sink *s, const struct s2v_hook *k);
	void (*rule)(struct s2v_sink *s, const struct s2v_rule_state *r);
	/* Every event, for --all. ev is one of include/s2v_event.h; time in CLOCK_REALTIME. */
	void (*event)(struct s2v_sink *s, const struct s2v_ev_hdr *ev, const struct s2v_vm_ref *vm,
		      __u64 time);
	void (*finding)(struct s2v_sink *s, const struct s2v_finding *f);
	/* Before the rows of the VM's contract, if an audit read them. */
	void (*vcpu)(struct s2v_sink *s, const struct s2v_vcpu_row *r);
	void (*memslot)(struct s2v_sink *s, const struct s2v_contract_row *r);
	void (*reset)(struct s2v_sink *s, const struct s2v_reset *r);
	void (*reset_total)(struct s2v_sink *s, const struct s2v_reset_total *t);
	void (*audit)(struct s2v_sink *s, const struct s2v_audit_row *r);
	/* After the last row of a contract: a sink that formats a table prints it now. */
	void (*memslots_end)(struct s2v_sink *s);
	void (*summary)(struct s2v_sink *s, const struct s2v_summary *sum);
	/* The last call: flushes, sets failed, frees what the sink holds. The caller then frees s. */
	void (*close)(struct s2v_sink *s);
	int failed; /* errno of a failed write: results were lost, which the exit status must reflect */
};

/* Events lost in the kernel. */
static inline __u64 s2v_lost_in_kernel(const __u64 cnt[S2V_CNT_NR])
{
	return cnt[S2V_CNT_LOST_RINGBUF] + cnt[S2V_CNT_LOST_AGG] + cnt[S2V_CNT_LOST_SCRATCH] +
	       cnt[S2V_CNT_LOST_VM];
}

/* Host attributes that could not be read in the kernel. */
static inline __u64 s2v_unread_in_kernel(const __u64 cnt[S2V_CNT_NR])
{
	return cnt[S2V_CNT_UNREAD_VMA] + cnt[S2V_CNT_UNREAD_PTE] + cnt[S2V_CNT_UNREAD_READ];
}

/* Leaves per second; 0 if dur is 0. */
static inline __u64 s2v_audit_speed(const struct s2v_audit_row *r)
{
	return r->dur ? (__u64)((double)r->leaves * 1e9 / (double)r->dur) : 0;
}

#endif
