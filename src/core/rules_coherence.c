// SPDX-License-Identifier: BSD-2-Clause
/* Rules on one mapping: host stage 1 and stage 2 disagree, or Device memory is executable. */
#include <stdio.h>

#include "core/rules_private.h"

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

const struct s2v_rule s2v_rule_s2_noncacheable = {
	.id = S2V_RULE_S2_NONCACHEABLE,
	.name = "s2-noncacheable",
	.severity = S2V_CRITICAL,
	.fires = "host stage 1 is Normal Write-Back and stage 2 is Device or Normal-NC",
	.on = S2V_ON_MAP | S2V_ON_LEAF,
	.observes = OBS(MAP),
	.host_needs = S2V_NEED_S1,
	.decide = decide_s2_noncacheable,
	.why = why_s2_noncacheable,
	.explain =
		"The host process that owns this memory (the VMM) maps it Normal Write-Back: its "
		"loads and stores go through the cache. KVM mapped it at stage 2 as Device or "
		"Normal-NC: the guest's accesses bypass the cache. Two mappings of one location "
		"with mismatched cacheability are not coherent (Arm ARM DDI 0487, B2.16 "
		"'Mismatched memory attributes'): a line that the VMM dirtied, for example when "
		"it zeroed the memory for its next owner, may be written back after the guest "
		"has read or written. The guest then reads stale data, possibly another guest's, "
		"or loses what it wrote.\n"
		"\n"
		"How it comes about: a driver maps device memory into the VMM with "
		"remap_pfn_range() and an unchanged, cacheable pgprot. Up to Linux 6.16 "
		"KVM/arm64 maps all memory outside the kernel's memory map as Device (from 6.9 "
		"on as Normal-NC if the VMA has VM_ALLOW_ANY_UNCACHED) and does not look at "
		"vm_page_prot. From 6.17 on it does (2a8dfab26677). There this finding means "
		"that the PTEs differ from vm_page_prot: nothing compares the prot of "
		"remap_pfn_range() with the VMA, so a driver can map Write-Back under a "
		"write-combined vm_page_prot.\n"
		"\n"
		"What to do: use a kernel from 6.17 on; or a driver that maps memory for VMMs "
		"non-cacheable (pgprot_writecombine, pgprot_noncached), in both vm_page_prot and "
		"PTEs.",
};

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

const struct s2v_rule s2v_rule_s2_cacheable = {
	.id = S2V_RULE_S2_CACHEABLE,
	.name = "s2-cacheable",
	.severity = S2V_HIGH,
	.fires = "host stage 1 is Device or Normal-NC and stage 2 is Normal Write-Back",
	.on = S2V_ON_MAP | S2V_ON_LEAF,
	.observes = OBS(MAP),
	.host_needs = S2V_NEED_S1,
	.decide = decide_s2_cacheable,
	.why = why_s2_cacheable,
	.explain =
		"The VMM maps this memory Device or Normal-NC, KVM mapped it Normal Write-Back: the "
		"reverse of s2-noncacheable, and just as incoherent (Arm ARM DDI 0487, B2.16). The "
		"guest's writes stay in the cache while the VMM, or the device for which the host maps "
		"the memory non-cacheable, reads memory.\n"
		"\n"
		"How it comes about: KVM decides by the PFN. For memory in the kernel's map "
		"(pfn_is_map_memory()) it does not look at the pgprot, up to and including 7.3. Buffers "
		"of non-coherent devices (dma_mmap_attrs, GEM objects such as vgem's, /dev/mem with "
		"O_SYNC) are ordinary RAM mapped write-combined, and become Write-Back at stage 2.\n"
		"\n"
		"What to do: do not register such a mapping as a memslot; copy the data, or let the "
		"driver map it cacheable and do the cache maintenance. Host Device under stage-2 "
		"Normal-NC (vfio-pci with VM_ALLOW_ANY_UNCACHED) is by design and not reported.",
};

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

const struct s2v_rule s2v_rule_device_exec = {
	.id = S2V_RULE_DEVICE_EXEC,
	.name = "device-exec",
	.severity = S2V_HIGH,
	.fires = "a stage-2 mapping of Device memory is executable",
	.on = S2V_ON_MAP | S2V_ON_LEAF,
	.observes = OBS(MAP) | OBS(PERM),
	.decide = decide_device_exec,
	.why = why_device_exec,
	.explain =
		"An executable stage-2 mapping of Device memory allows speculative instruction fetches "
		"from a device (Arm ARM DDI 0487, B2.7.2: fetching from Device memory may access any "
		"location in it). KVM never makes such a mapping: user_mem_abort() answers an instruction "
		"abort there with an abort to the guest (-ENOEXEC), and stage2_set_prot_attr() refuses "
		"the combination. So the kernel was modified, or memory is corrupted.\n"
		"\n"
		"What to do: compare the kernel with its distributor's; report it.",
};
