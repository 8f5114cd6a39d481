/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The rules. Command line, documentation, metrics and the correlator all use the catalogue
 * s2v_rules[]. A rule is a pure function of struct s2v_rule_in: no I/O, no state, no clock.
 */
#ifndef S2V_RULES_H
#define S2V_RULES_H

#include "host/host.h"
#include "host/observe.h"

enum s2v_severity { S2V_INFO, S2V_LOW, S2V_MEDIUM, S2V_HIGH, S2V_CRITICAL, S2V_SEVERITY_NR };

enum s2v_rule_id {
#define RULE(id, object) S2V_RULE_##id,
#include "core/rules_table.h"
#undef RULE
	S2V_RULE_NR,
};

/* Occasions on which rules are applied. */
enum s2v_trigger {
	S2V_ON_SLOT = 1 << 0, /* memslot registered or refused; once for each of its ranges */
	S2V_ON_MAP = 1 << 1, /* stage-2 mapping installed, or its permissions relaxed */
	S2V_ON_FAULT = 1 << 2, /* stage-2 fault ended with an error */
	S2V_ON_UNMAP = 1 << 3, /* stage2_unmap_vm() in a reset */
	S2V_ON_INIT = 1 << 4, /* a vCPU that had run was initialised again */
	S2V_ON_LEAF = 1 << 5, /* an audit found stage-2 leaves */
	S2V_ON_FOUND = 1 << 6, /* an audit found a memslot; once for each of its ranges */
	S2V_ON_GUEST = 1 << 7, /* an audit found how the guest's own stage 1 maps memory */
};

/* Another stage-2 leaf that maps the same physical memory. */
struct s2v_other_leaf {
	__u32 vm; /* its number in this run */
	__u64 gpa;
	__u32 s2; /* enum s2v_attr */
};

/* The input of a rule. */
struct s2v_rule_in {
	enum s2v_trigger on;
	const struct s2v_host *host;
	const struct s2v_vma *vma; /* current backing; never NULL */
	const struct s2v_vma *registered; /* backing at registration; NULL: not seen */
	enum s2v_where where; /* physical address inside or outside the kernel's memory map */
	enum s2v_where registered_where; /* the same, as known at registration */
	bool vm_watched_from_start; /* since its creation: no call of the VMM was missed */
	bool cap_queried; /* KVM_CAP_ARM_CACHEABLE_PFNMAP_SUPPORTED was queried */
	__u32 slot_flags; /* S2V_MEM_* */
	bool vm_mte;
	bool slot_accepted; /* the registration was seen, and succeeded */
	__u32 s2; /* enum s2v_attr installed (ON_MAP, ON_LEAF) */
	bool exec; /* executable at stage 2 (ON_MAP, ON_LEAF) */
	/* ON_LEAF: confirmed by a second read; ON_MAP: compared while KVM mapped it. */
	bool pa_differs; /* stage 2 leads to pa, the host PTE to host_pa */
	bool absent; /* the host maps nothing there */
	__u64 pa, host_pa;
	/* ON_LEAF: */
	const struct s2v_other_leaf *other; /* with another s2; NULL: none found */
	/* ON_GUEST: */
	__u32 guest; /* enum s2v_attr, by the guest's stage 1 */
	__u64 guest_va; /* one address of the guest's that maps it; bit 55: by TTBR1_EL1 */
	__u64 guest_bytes, guest_alias; /* in this memslot; of them, bytes also mapped cacheable */
	int err; /* -errno (ON_SLOT, ON_FAULT) */
	/* ON_FAULT: */
	const char *driver; /* of vma; NULL or "": none, or not known */
	__u32 page_flags; /* S2V_PG_*: the guest's access, what VMA and PTE permit, whether they were read */
	/* ON_UNMAP, ON_INIT: the reset so far, this event included. */
	unsigned int reset_unmaps, reset_inits;
	bool reset_mapped; /* something was mapped between this unmap and the one before */
	bool reset_known; /* no event of this reset is missing */
};

struct s2v_rule {
	enum s2v_rule_id id;
	const char *name; /* "s2-noncacheable" */
	enum s2v_severity severity;
	/* Returns whether the finding is harmless on this host; its severity is `mild` then. NULL: never. */
	bool (*is_mild)(const struct s2v_rule_in *in);
	enum s2v_severity mild;
	const char *fires; /* one line, after "Fires when" */
	unsigned int on; /* enum s2v_trigger bits */
	unsigned int observes; /* 1 << enum s2v_observe: all are needed */
	unsigned int host_needs; /* S2V_NEED_* */
	/* Why the rule cannot fire on this host, or NULL: it can. */
	const char *(*not_applicable)(const struct s2v_host *h);
	bool (*decide)(const struct s2v_rule_in *in);
	/* A few sentences: what happens, why it is unsafe on this host, what to do. */
	void (*why)(const struct s2v_rule_in *in, char *buf, size_t len);
	const char *explain; /* the long form, with references (s2verify explain) */
};

#define S2V_NEED_S1 (1U << 0) /* the host's AttrIndx table is calibrated */
#define S2V_NEED_RAM (1U << 1) /* the kernel's memory map is known */
#define S2V_NEED_FWB (1U << 2) /* S2FWB is known */
#define S2V_NEED_DIC (1U << 3) /* CTR_EL0.DIC is known */
#define S2V_NEED_INIT_TEXT (1U << 4) /* the vCPU-init path's text was read */

extern const struct s2v_rule *const s2v_rules[S2V_RULE_NR];

/* Classification of a leaf over memory that the host does not map. */
enum s2v_absent { S2V_ABSENT_NOT, S2V_ABSENT_FOREIGN, S2V_ABSENT_UNVERIFIED };
enum s2v_absent s2v_absent_leaf(const struct s2v_rule_in *in);

enum s2v_coverage { S2V_COVERED, S2V_NOT_COVERED, S2V_NOT_APPLICABLE };

/* Returns whether only an audit can find it. */
static inline bool s2v_rule_is_of_audits(const struct s2v_rule *r)
{
	return !(r->on & ~(unsigned int)(S2V_ON_LEAF | S2V_ON_GUEST));
}

/*
 * The coverage of a rule with this host and n hooks. Fills reason for NOT_COVERED and NOT_APPLICABLE;
 * it is empty for COVERED.
 */
enum s2v_coverage s2v_rule_coverage(const struct s2v_rule *r, const struct s2v_host *h,
				    const struct s2v_hook *hooks, size_t n, char *reason,
				    size_t len);
/* The same for an audit, which needs no hooks. */
enum s2v_coverage s2v_rule_audit_coverage(const struct s2v_rule *r, const struct s2v_host *h,
					  char *reason, size_t len);

const char *s2v_severity_name(enum s2v_severity s); /* "info" … "critical" */
int s2v_severity_parse(const char *s); /* enum s2v_severity, or -1 */
const struct s2v_rule *s2v_rule_find(const char *name); /* or NULL */

/* The host attribute: of the PTE if it was read, else of the VMA's pgprot. */
__u32 s2v_vma_s1(const struct s2v_vma *v);

#endif
