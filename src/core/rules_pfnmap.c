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

const char *s2v_na_pfnmap_admitted(const struct s2v_host *h)
{
	return s2v_has_fwb_and_dic(h) && !is_old_kernel(h)
		       ? "the host has S2FWB and DIC, and the kernel uses them: it is safe here"
		       : NULL;
}

bool s2v_decide_pfnmap_admitted(const struct s2v_rule_in *in)
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

void s2v_why_pfnmap_admitted(const struct s2v_rule_in *in, char *buf, size_t len)
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

void s2v_why_pfnmap_refused(const struct s2v_rule_in *in, char *buf, size_t len)
{
	snprintf(
		buf, len,
		"The kernel refused device memory that the host maps cacheable%s, because this "
		"host %s. That is safe; the VMM must map it non-cacheable, or the VM must run on a "
		"host that has both.",
		in->on == S2V_ON_SLOT ? "" : " when the guest touched it", host_lacks(in->host));
}
