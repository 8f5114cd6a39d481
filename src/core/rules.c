// SPDX-License-Identifier: BSD-2-Clause
/* The catalogue of rules, and some of its decisions as pure functions. Long texts: rules_text.h. */
#include <stdio.h>
#include <string.h>

#include "core/rules_private.h"
#include "core/rules_reset.h"
#include "core/rules_text.h"

__u32 s2v_vma_s1(const struct s2v_vma *v)
{
	return v->pte_attr != S2V_ATTR_NONE ? v->pte_attr : v->attr;
}

static bool decide_s2_noncacheable(const struct s2v_rule_in *in)
{
	return s2v_attr_is_cacheable(s2v_vma_s1(in->vma)) && s2v_attr_is_noncacheable(in->s2);
}

static void why_s2_noncacheable(const struct s2v_rule_in *in, char *buf, size_t len)
{
	const char *s1 = s2v_attr_name(s2v_vma_s1(in->vma)), *s2 = s2v_attr_name(in->s2);
	int n;

	n = snprintf(
		buf, len,
		"The VMM's accesses (%s) go through the cache, the guest's (%s) bypass it: data "
		"that the VMM wrote may still be in a cache line, and the guest then reads the old "
		"contents of memory. ",
		s1, s2);
	if (n < 0 || (size_t)n >= len)
		return;
	if (s2v_attr_is_noncacheable(in->vma->attr))
		snprintf(buf + n, len - n,
			 "The driver's PTEs are Write-Back, but vm_page_prot, which KVM uses, says "
			 "%s: fix the driver.",
			 s2v_attr_name(in->vma->attr));
	else
		snprintf(buf + n, len - n,
			 "Use a kernel that follows the VMA's pgprot or refuses (6.17 on, "
			 "2a8dfab26677), or have the driver map it non-cacheable.");
}

static bool decide_s2_cacheable(const struct s2v_rule_in *in)
{
	return s2v_attr_is_noncacheable(s2v_vma_s1(in->vma)) && s2v_attr_is_cacheable(in->s2);
}

static void why_s2_cacheable(const struct s2v_rule_in *in, char *buf, size_t len)
{
	snprintf(
		buf, len,
		"The guest's accesses go through the cache, the VMM's (%s) bypass it: data "
		"that the guest wrote may not be in memory yet when the VMM or its device reads it. "
		"%sDo not give this mapping to a guest, or map it cacheable in the host.",
		s2v_attr_name(s2v_vma_s1(in->vma)),
		s2v_is_driver_map(in->vma) && in->where == S2V_WHERE_INSIDE
			? "KVM does not look at the pgprot of memory in the kernel's map. "
			: "");
}

static __u32 memory_type(__u32 attr)
{
	return attr == S2V_ATTR_NORMAL_TAGGED ? S2V_ATTR_NORMAL_WB : attr;
}

static bool decide_attr_drift(const struct s2v_rule_in *in)
{
	const struct s2v_vma *was = in->registered, *now = in->vma;

	if (!was || now->attr == S2V_ATTR_NONE)
		return false;
	if (s2v_is_driver_map(now) && !s2v_is_driver_map(was))
		return true;
	/* KVM checks VM_PFNMAP at registration, but not VM_MIXEDMAP. */
	if ((now->flags & S2V_VMA_PFNMAP) && !(was->flags & S2V_VMA_PFNMAP))
		return true;
	if (was->attr == S2V_ATTR_NONE) /* nothing was there */
		return !s2v_attr_is_cacheable(now->attr);
	return memory_type(was->attr) != memory_type(now->attr);
}

/* Why the new backing is verified and coherent on this host; "" if it may not be. */
static const char *why_drift_is_harmless(const struct s2v_rule_in *in)
{
	__u32 s1 = s2v_vma_s1(in->vma);
	bool driver_map = s2v_is_driver_map(in->vma);

	/* The PTEs of a driver's mapping may differ from its VMA. */
	if (driver_map && in->vma->pte_attr == S2V_ATTR_NONE)
		return "";
	if (s2v_attr_is_noncacheable(s1) && s2v_attr_is_noncacheable(in->s2))
		return "neither side uses the cache";
	if (!s2v_attr_is_cacheable(s1) || !s2v_attr_is_cacheable(in->s2))
		return "";
	if (!driver_map || in->where == S2V_WHERE_INSIDE)
		return "both sides use the cache, and the kernel can maintain it for memory in its map";
	return s2v_has_fwb_and_dic(in->host)
		       ? "both sides use the cache, and this host has S2FWB and DIC"
		       : "";
}

static bool attr_drift_is_mild(const struct s2v_rule_in *in)
{
	return *why_drift_is_harmless(in);
}

static const char *driver_map_name(const struct s2v_vma *v)
{
	return v->flags & S2V_VMA_PFNMAP ? " PFNMAP" : s2v_is_driver_map(v) ? " MIXEDMAP" : "";
}

static void why_attr_drift(const struct s2v_rule_in *in, char *buf, size_t len)
{
	const struct s2v_vma *was = in->registered;
	const char *harmless = why_drift_is_harmless(in);
	int n;

	n = snprintf(
		buf, len,
		"When the memslot was registered (or found by an audit) this part of it was %s%s, "
		"now it is %s%s: another mapping was put at the same address, and the kernel's check "
		"no longer holds. ",
		was->attr == S2V_ATTR_NONE ? "not mapped" : s2v_attr_name(was->attr),
		driver_map_name(was), s2v_attr_name(in->vma->attr), driver_map_name(in->vma));
	if (n < 0 || (size_t)n >= len)
		return;
	if (*harmless)
		snprintf(buf + n, len - n,
			 "It is harmless on this host, because %s; on another host it may not be.",
			 harmless);
	else
		snprintf(
			buf + n, len - n,
			"The VMM must delete the memslot, map the memory, and register the memslot "
			"again.");
}

static bool decide_device_exec(const struct s2v_rule_in *in)
{
	return in->exec && s2v_attr_is_device(in->s2);
}

static void why_device_exec(const struct s2v_rule_in *in, char *buf, size_t len)
{
	snprintf(buf, len,
		 "The guest may fetch instructions from memory that is %s at stage 2: speculative "
		 "fetches reach the device, and may have side effects. KVM itself refuses such "
		 "mappings: find out how this kernel was modified.",
		 s2v_attr_name(in->s2));
}

static bool decide_cap_unqueried(const struct s2v_rule_in *in)
{
	return !in->err && in->vm_watched_from_start && !in->cap_queried &&
	       s2v_is_cacheable_pfnmap(in->vma);
}

static void why_cap_unqueried(const struct s2v_rule_in *in, char *buf, size_t len)
{
	snprintf(
		buf, len,
		"The VMM registered cacheable device memory without asking for "
		"KVM_CAP_ARM_CACHEABLE_PFNMAP_SUPPORTED (%d) on this VM: it works on this host%s but "
		"may fail on another. It must ask, and map the memory non-cacheable if the answer is "
		"0.",
		S2V_CAP_CACHEABLE_PFNMAP,
		s2v_has_fwb_and_dic(in->host) ? ", which has S2FWB and DIC," : "");
}

static bool decide_migration_pinned(const struct s2v_rule_in *in)
{
	return s2v_is_driver_map(in->vma) && in->where == S2V_WHERE_OUTSIDE &&
	       s2v_attr_is_cacheable(s2v_vma_s1(in->vma)) && s2v_attr_is_cacheable(in->s2);
}

static void why_migration_pinned(const struct s2v_rule_in *in, char *buf, size_t len)
{
	(void)in;
	snprintf(
		buf, len,
		"This memory is coherent only because S2FWB forces the guest's accesses to be "
		"cacheable and DIC makes instruction-cache maintenance unnecessary: do not move the "
		"VM to a host without both.");
}

static const char *na_no_cap(const struct s2v_host *h)
{
	return h->pfnmap_cap < 0 ? "this kernel has no such capability (6.17 and later have it)"
				 : NULL;
}

static const char *na_no_fwb(const struct s2v_host *h)
{
	return h->fwb == S2V_NO ? "the host has no S2FWB: nothing can depend on it" : NULL;
}

#define OBS(o) (1U << S2V_OBS_##o)

const struct s2v_rule s2v_rules[S2V_RULE_NR] = {
	{
		.id = S2V_RULE_S2_NONCACHEABLE,
		.name = "s2-noncacheable",
		.severity = S2V_CRITICAL,
		.fires = "host stage 1 is Normal Write-Back, stage 2 is Device or Normal-NC",
		.on = S2V_ON_MAP | S2V_ON_LEAF,
		.observes = OBS(MAP),
		.host_needs = S2V_NEED_S1,
		.decide = decide_s2_noncacheable,
		.why = why_s2_noncacheable,
		.explain = TEXT_S2_NONCACHEABLE,
	},
	{
		.id = S2V_RULE_S2_CACHEABLE,
		.name = "s2-cacheable",
		.severity = S2V_HIGH,
		.fires = "host stage 1 is Device or Normal-NC, stage 2 is Normal Write-Back",
		.on = S2V_ON_MAP | S2V_ON_LEAF,
		.observes = OBS(MAP),
		.host_needs = S2V_NEED_S1,
		.decide = decide_s2_cacheable,
		.why = why_s2_cacheable,
		.explain = TEXT_S2_CACHEABLE,
	},
	{
		.id = S2V_RULE_PFNMAP_ADMITTED,
		.name = "pfnmap-cacheable-admitted",
		.severity = S2V_CRITICAL,
		.fires =
			"a memslot over cacheable PFNMAP memory outside the kernel's map was accepted "
			"on a host without S2FWB or without DIC, or by a kernel that maps it Device "
			"anyway (before 6.17)",
		.on = S2V_ON_SLOT | S2V_ON_MAP | S2V_ON_FOUND,
		.observes = OBS(SLOT) | OBS(MAP),
		.host_needs = S2V_NEED_S1 | S2V_NEED_RAM | S2V_NEED_FWB | S2V_NEED_DIC,
		.not_applicable = s2v_na_pfnmap_admitted,
		.decide = s2v_decide_pfnmap_admitted,
		.why = s2v_why_pfnmap_admitted,
		.explain = TEXT_PFNMAP_ADMITTED,
	},
	{
		.id = S2V_RULE_PFNMAP_REFUSED,
		.name = "pfnmap-cacheable-refused",
		.severity = S2V_INFO,
		.fires =
			"the kernel refused cacheable PFNMAP memory, at the memslot or at the fault",
		.on = S2V_ON_SLOT | S2V_ON_FAULT,
		.observes = OBS(SLOT) | OBS(FAULT),
		.host_needs = S2V_NEED_S1 | S2V_NEED_RAM | S2V_NEED_FWB | S2V_NEED_DIC,
		.not_applicable = s2v_na_pfnmap_refused,
		.decide = s2v_decide_pfnmap_refused,
		.why = s2v_why_pfnmap_refused,
		.explain = TEXT_PFNMAP_REFUSED,
	},
	{
		.id = S2V_RULE_ATTR_DRIFT,
		.name = "attr-drift",
		.severity = S2V_HIGH,
		.is_mild = attr_drift_is_mild,
		.mild = S2V_INFO,
		.fires =
			"the backing of a memslot changed its memory type, or became PFNMAP, after "
			"registration (info if the two sides agree now and this host keeps them "
			"coherent)",
		.on = S2V_ON_MAP,
		.observes = OBS(SLOT) | OBS(MAP),
		.host_needs = S2V_NEED_S1,
		.decide = decide_attr_drift,
		.why = why_attr_drift,
		.explain = TEXT_ATTR_DRIFT,
	},
	{
		.id = S2V_RULE_DEVICE_EXEC,
		.name = "device-exec",
		.severity = S2V_HIGH,
		.fires = "an executable stage-2 mapping of Device memory",
		.on = S2V_ON_MAP | S2V_ON_LEAF,
		.observes = OBS(MAP) | OBS(PERM),
		.decide = decide_device_exec,
		.why = why_device_exec,
		.explain = TEXT_DEVICE_EXEC,
	},
	{
		.id = S2V_RULE_CAP_UNQUERIED,
		.name = "cap-unqueried",
		.severity = S2V_LOW,
		.fires = "the VMM registered a cacheable PFNMAP memslot without asking for "
			 "KVM_CAP_ARM_CACHEABLE_PFNMAP_SUPPORTED",
		.on = S2V_ON_SLOT,
		.observes = OBS(SLOT) | OBS(CAP) |
			    OBS(VM_GONE), /* else one VM's queries would count for another */
		.host_needs = S2V_NEED_S1,
		.not_applicable = na_no_cap,
		.decide = decide_cap_unqueried,
		.why = why_cap_unqueried,
		.explain = TEXT_CAP_UNQUERIED,
	},
	{
		.id = S2V_RULE_MIGRATION_PINNED,
		.name = "migration-pinned",
		.severity = S2V_INFO,
		.fires = "the VM has ranges whose coherence depends on S2FWB and DIC",
		.on = S2V_ON_MAP | S2V_ON_LEAF,
		.observes = OBS(MAP),
		.host_needs = S2V_NEED_S1 | S2V_NEED_RAM,
		.not_applicable = na_no_fwb,
		.decide = decide_migration_pinned,
		.why = why_migration_pinned,
		.explain = TEXT_MIGRATION_PINNED,
	},
	{
		.id = S2V_RULE_RESET_UNMAP_FWB,
		.name = "reset-unmap-fwb",
		.severity = S2V_MEDIUM,
		.fires =
			"stage2_unmap_vm() from vCPU init on a host with S2FWB: redundant by architecture",
		.on = S2V_ON_UNMAP,
		.observes = OBS(UNMAP),
		.host_needs = S2V_NEED_FWB,
		.not_applicable = s2v_na_without_fwb,
		.decide = s2v_decide_unmap_fwb,
		.why = s2v_why_unmap_fwb,
		.explain = TEXT_RESET_UNMAP_FWB,
	},
	{
		.id = S2V_RULE_RESET_UNMAP_REPEATED,
		.name = "reset-unmap-repeated",
		.severity = S2V_LOW,
		.fires =
			"another stage2_unmap_vm() in one reset, with nothing mapped since the last",
		.on = S2V_ON_UNMAP,
		.observes = OBS(INIT) | OBS(UNMAP) | OBS(RUN) | OBS(MAP),
		.host_needs = S2V_NEED_FWB,
		.not_applicable = s2v_na_with_fwb,
		.decide = s2v_decide_unmap_repeated,
		.why = s2v_why_unmap_repeated,
		.explain = TEXT_RESET_UNMAP_REPEATED,
	},
	{
		.id = S2V_RULE_RESET_UNMAP_MISSING,
		.name = "reset-unmap-missing",
		.severity = S2V_CRITICAL,
		.fires =
			"no S2FWB, and a vCPU that had run was re-initialised with no unmap since it last ran",
		.on = S2V_ON_INIT,
		.observes = OBS(INIT) | OBS(UNMAP) | OBS(RUN),
		.host_needs = S2V_NEED_FWB,
		.not_applicable = s2v_na_with_fwb,
		.decide = s2v_decide_unmap_missing,
		.why = s2v_why_unmap_missing,
		.explain = TEXT_RESET_UNMAP_MISSING,
	},
	{
		.id = S2V_RULE_RESET_ICACHE_MISSING,
		.name = "reset-icache-missing",
		.severity = S2V_CRITICAL,
		.fires =
			"S2FWB without DIC, and the running kernel's vCPU-init path does not invalidate the "
			"instruction cache",
		.on = S2V_ON_INIT,
		.observes = OBS(INIT) | OBS(UNMAP) | OBS(RUN),
		.host_needs = S2V_NEED_FWB | S2V_NEED_DIC | S2V_NEED_INIT_TEXT,
		.not_applicable = s2v_na_icache,
		.decide = s2v_decide_icache_missing,
		.why = s2v_why_icache_missing,
		.explain = TEXT_RESET_ICACHE_MISSING,
	},
	{
		.id = S2V_RULE_RESET_ICACHE_REPEATED,
		.name = "reset-icache-repeated",
		.severity = S2V_LOW,
		.fires =
			"S2FWB without DIC: an invalidation of all instruction caches for every vCPU of one reset",
		.on = S2V_ON_INIT,
		.observes = OBS(INIT) | OBS(RUN),
		.host_needs = S2V_NEED_FWB | S2V_NEED_DIC | S2V_NEED_INIT_TEXT,
		.not_applicable = s2v_na_icache,
		.decide = s2v_decide_icache_repeated,
		.why = s2v_why_icache_repeated,
		.explain = TEXT_RESET_ICACHE_REPEATED,
	},
	{
		.id = S2V_RULE_ALIAS_CONFLICT,
		.name = "alias-conflict",
		.severity = S2V_HIGH,
		.fires = "two stage-2 leaves reach one physical page with different attributes",
		.on = S2V_ON_LEAF,
		.decide = s2v_decide_alias_conflict,
		.why = s2v_why_alias_conflict,
		.explain = TEXT_ALIAS_CONFLICT,
	},
	{
		.id = S2V_RULE_FAULT_FAILED,
		.name = "fault-failed",
		.severity = S2V_INFO,
		.fires =
			"a fault on a memslot failed; the finding names the backing and the check of the "
			"kernel that failed",
		.on = S2V_ON_FAULT,
		.observes = OBS(FAULT),
		.decide = s2v_decide_fault_failed,
		.why = s2v_why_fault_failed,
		.explain = TEXT_FAULT_FAILED,
	},
	{
		.id = S2V_RULE_FOREIGN_MEMORY,
		.name = "foreign-memory",
		.severity = S2V_CRITICAL,
		.fires = "the guest reaches a page that the host does not map at that address",
		.on = S2V_ON_MAP | S2V_ON_LEAF,
		.observes = OBS(MAP),
		.decide = s2v_decide_foreign_memory,
		.why = s2v_why_foreign_memory,
		.explain = TEXT_FOREIGN_MEMORY,
	},
};

const struct s2v_rule *s2v_rule_find(const char *name)
{
	for (int i = 0; i < S2V_RULE_NR; i++)
		if (!strcmp(s2v_rules[i].name, name))
			return &s2v_rules[i];
	return NULL;
}

/* What a rule needs to know of the host and is not known; NULL: nothing. */
static const char *host_gap(const struct s2v_rule *r, const struct s2v_host *h)
{
	if ((r->host_needs & S2V_NEED_S1) && !h->s1_calibrated)
		return "the host's page attributes (AttrIndx) could not be calibrated";
	if ((r->host_needs & S2V_NEED_RAM) && !h->n_ram)
		return "the kernel's memory map could not be read from /proc/iomem";
	if ((r->host_needs & S2V_NEED_FWB) && h->fwb == S2V_UNKNOWN)
		return "whether the host has S2FWB is not known";
	if ((r->host_needs & S2V_NEED_DIC) && h->dic == S2V_UNKNOWN)
		return "whether the host has CTR_EL0.DIC is not known";
	if ((r->host_needs & S2V_NEED_INIT_TEXT) && h->init_icache == S2V_UNKNOWN)
		return "the kernel's vCPU-init path could not be read";
	return NULL;
}

/* The coverage as far as the host alone decides it. */
static enum s2v_coverage host_coverage(const struct s2v_rule *r, const struct s2v_host *h,
				       char *reason, size_t len)
{
	const char *s = r->not_applicable ? r->not_applicable(h) : NULL, *gap = NULL;

	if (!s)
		gap = host_gap(r, h);
	snprintf(reason, len, "%s", s ? s : gap ? gap : "");
	return s ? S2V_NOT_APPLICABLE : gap ? S2V_NOT_COVERED : S2V_COVERED;
}

enum s2v_coverage s2v_rule_audit_coverage(const struct s2v_rule *r, const struct s2v_host *h,
					  char *reason, size_t len)
{
	if (r->on & (S2V_ON_LEAF | S2V_ON_FOUND))
		return host_coverage(r, h, reason, len);
	snprintf(reason, len, "an audit sees mappings, not how they came about (trace does)");
	return S2V_NOT_APPLICABLE;
}

enum s2v_coverage s2v_rule_coverage(const struct s2v_rule *r, const struct s2v_host *h,
				    const struct s2v_hook *hooks, size_t n, char *reason,
				    size_t len)
{
	enum s2v_coverage c = host_coverage(r, h, reason, len);
	unsigned int missing = r->observes;

	if (c != S2V_COVERED)
		return c;
	if (r->on == S2V_ON_LEAF) {
		snprintf(reason, len, "only an audit can find this (audit, trace --audit-first)");
		return S2V_NOT_APPLICABLE;
	}
	for (size_t i = 0; i < n; i++)
		if (hooks[i].method != S2V_METHOD_NONE)
			missing &= ~(1U << hooks[i].observe);
	for (size_t i = 0; i < n; i++) {
		if (!(missing & (1U << hooks[i].observe)))
			continue;
		snprintf(reason, len, "%s cannot be observed: %s",
			 s2v_observe_name(hooks[i].observe), hooks[i].reason);
		return S2V_NOT_COVERED;
	}
	if (missing) {
		snprintf(reason, len, "a hook that it needs is missing");
		return S2V_NOT_COVERED;
	}
	return S2V_COVERED;
}
