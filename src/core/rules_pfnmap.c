// SPDX-License-Identifier: BSD-2-Clause
/* Rules on cacheable device memory, accepted or refused, if host or kernel cannot keep it coherent. */
#include <errno.h>
#include <stdio.h>

#include "core/rules_private.h"

/* Returns whether the host is known to lack one of the two. */
static bool host_lacks_fwb_or_dic(const struct s2v_host *h)
{
	return h->fwb == S2V_NO || h->dic == S2V_NO;
}

/* What the host lacks to keep such a mapping coherent; claims no more than is known. */
static const char *host_lacks(const struct s2v_host *h)
{
	if (h->fwb == S2V_NO)
		return h->dic == S2V_NO ? "has neither S2FWB nor CTR_EL0.DIC" : "has no S2FWB";
	if (h->dic == S2V_NO)
		return h->fwb == S2V_YES ? "has S2FWB but not CTR_EL0.DIC" : "has no CTR_EL0.DIC";
	return "is not known to have S2FWB and CTR_EL0.DIC";
}

/* Returns whether the kernel lacks the capability and its checks: it maps such memory Device. */
static bool is_old_kernel(const struct s2v_host *h)
{
	return h->pfnmap_cap < 0;
}

static const char *na_pfnmap_admitted(const struct s2v_host *h)
{
	return s2v_has_fwb_and_dic(h) && !is_old_kernel(h)
		       ? "the host has S2FWB and DIC, and the kernel uses them: it is safe here"
		       : NULL;
}

static bool decide_pfnmap_admitted(const struct s2v_rule_in *in)
{
	if (!host_lacks_fwb_or_dic(in->host) &&
	    !(s2v_has_fwb_and_dic(in->host) && is_old_kernel(in->host)))
		return false;
	if (in->where != S2V_WHERE_OUTSIDE || in->err)
		return false;
	if (in->on == S2V_ON_SLOT)
		return s2v_is_cacheable_pfnmap(in->vma);
	/* A newer kernel refuses at the fault what was mapped there after registration. */
	if (in->on == S2V_ON_FOUND)
		return s2v_is_cacheable_pfnmap(in->vma) && is_old_kernel(in->host);
	/* No page was mapped at registration: the physical address is known only now. */
	return in->slot_accepted && in->registered && s2v_is_cacheable_pfnmap(in->registered) &&
	       in->registered_where == S2V_WHERE_UNKNOWN && s2v_is_cacheable_pfnmap(in->vma);
}

static void why_pfnmap_admitted(const struct s2v_rule_in *in, char *buf, size_t len)
{
	const char *verb = in->on == S2V_ON_FOUND ? "has" : "accepted";

	if (s2v_has_fwb_and_dic(in->host))
		snprintf(
			buf, len,
			"The kernel %s a memslot over device memory that the host maps cacheable, and "
			"maps it Device into the guest, although this host has S2FWB and CTR_EL0.DIC: it "
			"lacks KVM_CAP_ARM_CACHEABLE_PFNMAP_SUPPORTED (%d). The guest's accesses "
			"will bypass the cache. Use Linux 6.17 or later; until then do not give such "
			"memory to guests on this host.",
			verb, S2V_CAP_CACHEABLE_PFNMAP);
	else
		snprintf(
			buf, len,
			"The kernel %s a memslot over device memory that the host maps cacheable, on "
			"a host that %s: the guest's accesses to it cannot be kept coherent with the "
			"host's. Linux 6.17 and later refuse it (EINVAL); until then do not give such "
			"memory to guests on this host.",
			verb, host_lacks(in->host));
}

const struct s2v_rule s2v_rule_pfnmap_admitted = {
	.id = S2V_RULE_PFNMAP_ADMITTED,
	.name = "pfnmap-cacheable-admitted",
	.severity = S2V_CRITICAL,
	.fires = "a memslot over cacheable PFNMAP memory outside the kernel's map was accepted "
		 "on a host without S2FWB or without DIC, or by a kernel that maps it Device "
		 "anyway (before 6.17)",
	.on = S2V_ON_SLOT | S2V_ON_MAP | S2V_ON_FOUND,
	.observes = OBS(SLOT) | OBS(MAP),
	.host_needs = S2V_NEED_S1 | S2V_NEED_RAM | S2V_NEED_FWB | S2V_NEED_DIC,
	.not_applicable = na_pfnmap_admitted,
	.decide = decide_pfnmap_admitted,
	.why = why_pfnmap_admitted,
	.explain =
		"A memslot was accepted over a VM_PFNMAP mapping that is cacheable and lies outside the "
		"kernel's memory map, on a host without FEAT_S2FWB or without CTR_EL0.DIC. KVM cannot "
		"keep such memory coherent: it has no struct page and no kernel mapping through which to "
		"clean the cache. Only hardware that forces the guest's accesses cacheable (S2FWB) and "
		"needs no instruction-cache maintenance (DIC) keeps it coherent.\n"
		"\n"
		"Linux 6.17 and later refuse it with EINVAL in kvm_arch_prepare_memory_region() "
		"(2a8dfab26677, 0c67288e0c8b). Earlier kernels accept it and map it Device, which is "
		"s2-noncacheable as soon as the guest touches it. They do so even with S2FWB and DIC, "
		"which only a kernel with KVM_CAP_ARM_CACHEABLE_PFNMAP_SUPPORTED (243) uses. On such an "
		"older kernel an audit reports every such memslot that it finds, touched or not.\n"
		"\n"
		"What to do: upgrade the kernel; do not assign such devices on this host; or have the "
		"driver map them non-cacheable.",
};

const char *s2v_na_pfnmap_refused(const struct s2v_host *h)
{
	if (h->pfnmap_cap < 0)
		return "this kernel does not refuse cacheable PFNMAP (6.17 and later do)";
	return s2v_has_fwb_and_dic(h) ? "the host has S2FWB and DIC: nothing is refused" : NULL;
}

bool s2v_decide_pfnmap_refused(const struct s2v_rule_in *in)
{
	if (s2v_na_pfnmap_refused(in->host))
		return false;
	if (in->on == S2V_ON_SLOT) /* KVM also returns EINVAL for dirty logging and MTE */
		return in->err == -EINVAL && s2v_is_cacheable_pfnmap(in->vma) && !in->vm_mte &&
		       !(in->slot_flags & S2V_MEM_LOG_DIRTY_PAGES);
	/*
	 * KVM makes this check on a page that it has, so there is a PTE and the address is known. It
	 * returns the same error for other reasons before (hva_to_pfn_remapped() refuses a write
	 * through a read-only PTE) and after (MTE).
	 */
	if (s2v_pte_forbids(in))
		return false;
	return in->err == -EFAULT && s2v_is_driver_map(in->vma) &&
	       s2v_attr_is_cacheable(in->vma->attr) && in->where == S2V_WHERE_OUTSIDE;
}

static void why_pfnmap_refused(const struct s2v_rule_in *in, char *buf, size_t len)
{
	snprintf(
		buf, len,
		"The kernel refused device memory that the host maps cacheable%s, because this "
		"host %s. That is safe; the VMM must map it non-cacheable, or the VM must run on a "
		"host that has both.",
		in->on == S2V_ON_SLOT ? "" : " when the guest touched it", host_lacks(in->host));
}

const struct s2v_rule s2v_rule_pfnmap_refused = {
	.id = S2V_RULE_PFNMAP_REFUSED,
	.name = "pfnmap-cacheable-refused",
	.severity = S2V_INFO,
	.fires = "the kernel refused cacheable PFNMAP memory, at the memslot or at the fault",
	.on = S2V_ON_SLOT | S2V_ON_FAULT,
	.observes = OBS(SLOT) | OBS(FAULT),
	.host_needs = S2V_NEED_S1 | S2V_NEED_RAM | S2V_NEED_FWB | S2V_NEED_DIC,
	.not_applicable = s2v_na_pfnmap_refused,
	.decide = s2v_decide_pfnmap_refused,
	.why = why_pfnmap_refused,
	.explain =
		"The kernel refused cacheable device memory on a host that cannot keep it coherent (see "
		"pfnmap-cacheable-admitted). It refuses the memslot, with EINVAL, if the VMA is cacheable "
		"VM_PFNMAP at registration. It refuses the fault, with EFAULT from KVM_RUN, if such a "
		"mapping was put behind an existing memslot later, or is VM_MIXEDMAP.\n"
		"\n"
		"This is correct behaviour of the kernel (6.17 on). It is reported because the VMM sees "
		"only an errno, without a reason. Other reasons for the same errno (dirty logging of "
		"PFNMAP, MTE) are distinguished from this one.\n"
		"\n"
		"What to do: the VMM must ask for KVM_CAP_ARM_CACHEABLE_PFNMAP_SUPPORTED, and map such "
		"memory non-cacheable if the answer is 0.",
};

static const char *na_no_cap(const struct s2v_host *h)
{
	return h->pfnmap_cap < 0 ? "this kernel has no such capability (6.17 and later have it)"
				 : NULL;
}

static const char *na_no_fwb(const struct s2v_host *h)
{
	return h->fwb == S2V_NO ? "the host has no S2FWB: nothing can depend on it" : NULL;
}

static bool decide_cap_unqueried(const struct s2v_rule_in *in)
{
	return !in->err && in->vm_watched_from_start && !in->cap_queried &&
	       s2v_is_cacheable_pfnmap(in->vma);
}

static void why_cap_unqueried(const struct s2v_rule_in *in, char *buf, size_t len)
{
	snprintf(buf, len,
		 "The VMM registered cacheable device memory without querying "
		 "KVM_CAP_ARM_CACHEABLE_PFNMAP_SUPPORTED (%d) on this VM: it works on this host%s "
		 "but may fail on another. It must query it, and map the memory non-cacheable if "
		 "the answer is 0.",
		 S2V_CAP_CACHEABLE_PFNMAP,
		 s2v_has_fwb_and_dic(in->host) ? ", which has S2FWB and DIC," : "");
}

const struct s2v_rule s2v_rule_cap_unqueried = {
	.id = S2V_RULE_CAP_UNQUERIED,
	.name = "cap-unqueried",
	.severity = S2V_LOW,
	.fires = "the VMM registered a cacheable PFNMAP memslot without querying "
		 "KVM_CAP_ARM_CACHEABLE_PFNMAP_SUPPORTED",
	.on = S2V_ON_SLOT,
	.observes = OBS(SLOT) | OBS(CAP) |
		    OBS(VM_GONE), /* else one VM's queries would count for another */
	.host_needs = S2V_NEED_S1,
	.not_applicable = na_no_cap,
	.decide = decide_cap_unqueried,
	.why = why_cap_unqueried,
	.explain =
		"From Linux 6.17 on, KVM_CHECK_EXTENSION(KVM_CAP_ARM_CACHEABLE_PFNMAP_SUPPORTED, 243) on "
		"a VM file says whether cacheable PFNMAP memslots are supported: 1 if the host has S2FWB "
		"and DIC (f55ce5a6cd33). A VMM that registers one without asking works by luck: on a host "
		"without them the memslot is refused, after the VM was started or while it is migrated.\n"
		"\n"
		"What to do: the VMM must ask before it registers cacheable device memory.",
};

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

const struct s2v_rule s2v_rule_migration_pinned = {
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
	.explain =
		"The VM has device memory that is Write-Back on both sides. KVM allows that only with "
		"FEAT_S2FWB and CTR_EL0.DIC, because it cannot maintain the caches for memory that is not "
		"in the kernel's map. On a host without them the memslot is refused (6.17 on) or is "
		"incoherent (before).\n"
		"\n"
		"What to do: restrict the placement of this VM to hosts with both; `s2verify check` shows "
		"whether a host has them, as does KVM_CAP_ARM_CACHEABLE_PFNMAP_SUPPORTED.",
};
