// SPDX-License-Identifier: BSD-2-Clause
/* The rule on memslots whose backing changed after registration. */
#include <stdio.h>

#include "core/rules_private.h"

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

const struct s2v_rule s2v_rule_attr_drift = {
	.id = S2V_RULE_ATTR_DRIFT,
	.name = "attr-drift",
	.severity = S2V_HIGH,
	.is_mild = attr_drift_is_mild,
	.mild = S2V_INFO,
	.fires = "the backing of a memslot changed its memory type, or became PFNMAP, after "
		 "registration (info if the two sides agree now and this host keeps them "
		 "coherent)",
	.on = S2V_ON_MAP,
	.observes = OBS(SLOT) | OBS(MAP),
	.host_needs = S2V_NEED_S1,
	.decide = decide_attr_drift,
	.why = why_attr_drift,
	.explain =
		"The kernel checks the VMAs behind a memslot at registration. Nothing stops the VMM from "
		"mapping something else at the same addresses afterwards (mmap with MAP_FIXED): the "
		"mapping that the guest then faults in is not the one that was checked. This rule "
		"compares each stage-2 mapping with the backing at registration. It fires when the memory "
		"type of vm_page_prot has changed, or when the memory has become VM_PFNMAP or "
		"VM_MIXEDMAP.\n"
		"\n"
		"The severity is info if the new backing is verified and coherent on this host: both "
		"sides bypass the cache, or both use it and the memory is in the kernel's map or the host "
		"has S2FWB and CTR_EL0.DIC. VMMs give a guest GPU buffers in this way: they map them into "
		"a window that was registered empty. Otherwise the severity is high.\n"
		"\n"
		"From 6.17 on, without S2FWB and DIC, the kernel refuses the fault if the new backing is "
		"cacheable VM_PFNMAP or VM_MIXEDMAP memory outside the kernel's map (see "
		"pfnmap-cacheable-refused). It does not check for other drift.\n"
		"\n"
		"What to do: the VMM deletes the memslot, changes the mapping, and registers it again.",
};
