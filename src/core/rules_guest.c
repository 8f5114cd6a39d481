// SPDX-License-Identifier: BSD-2-Clause
/* Rules on the guest's own stage 1, which decides on hosts without S2FWB. */
#include <stdio.h>

#include "core/rules_private.h"

static const char *na_with_fwb(const struct s2v_host *h)
{
	return h->fwb == S2V_YES ? "S2FWB forces Write-Back, whatever the guest's own stage 1 says"
				 : NULL;
}

/* If stage 2 is not cacheable, s2-noncacheable reports it: the guest cannot make it worse. */
static bool decide_guest_noncacheable(const struct s2v_rule_in *in)
{
	/* Where nothing is mapped yet, KVM will map ordinary memory Write-Back. */
	__u32 s2 = in->s2 == S2V_ATTR_NONE ? S2V_ATTR_NORMAL_WB : in->s2;

	return s2v_attr_is_cacheable(s2v_vma_s1(in->vma)) && !s2v_attr_is_noncacheable(s2) &&
	       s2v_attr_is_noncacheable(s2v_attr_combine(in->guest, s2));
}

static void why_guest_noncacheable(const struct s2v_rule_in *in, char *buf, size_t len)
{
	const char *alias =
		!in->guest_alias ? ""
		: in->guest_alias == in->guest_bytes
			? " The guest also maps all of it cacheable, as Linux does with "
			  "its linear map."
			: " The guest also maps a part of it cacheable, as Linux does with "
			  "its linear map.";

	snprintf(
		buf, len,
		"The guest maps it %s (VA 0x%llx, TTBR%d_EL1), the VMM %s, and without S2FWB the "
		"weaker type counts: the guest bypasses the cache lines that the VMM writes and "
		"reads.%s If it is shared with a device of the VMM, tell the guest that this device "
		"is coherent (dma-coherent, _CCA).",
		s2v_attr_name(in->guest), ULL(in->guest_va), in->guest_va >> 55 & 1 ? 1 : 0,
		s2v_attr_name(s2v_vma_s1(in->vma)), alias);
}

const struct s2v_rule s2v_rule_guest_noncacheable = {
	.id = S2V_RULE_GUEST_NONCACHEABLE,
	.name = "guest-noncacheable",
	.severity = S2V_MEDIUM,
	.fires = "on a host without S2FWB the guest's own stage 1 maps memory Normal-NC or Device "
		 "that the host maps cacheable",
	.on = S2V_ON_GUEST,
	.host_needs = S2V_NEED_S1 | S2V_NEED_FWB | S2V_NEED_RAM,
	.not_applicable = na_with_fwb,
	.decide = decide_guest_noncacheable,
	.why = why_guest_noncacheable,
	.explain =
		"Three translations decide how a page is reached: the host's stage 1 for the VMM, "
		"the guest's own stage 1, and stage 2. Without S2FWB the guest's accesses have the "
		"weaker type of its stage 1 and stage 2 (Arm ARM DDI 0487 D8.6, combining stage 1 "
		"and stage 2 attributes). Here stage 2 is Write-Back (or maps nothing yet), and so "
		"is the VMM's mapping, but the guest chose Normal Non-cacheable or Device. The guest's loads and stores "
		"bypass the cache, and the VMM's do not: each may see the other's data late, or "
		"never.\n"
		"\n"
		"How it comes about: the guest believes that a device is not coherent. Linux maps "
		"the rings of virtio-mmio and of fw_cfg Normal-NC (dma_alloc_coherent()) if the "
		"device tree lacks 'dma-coherent', or ACPI has _CCA 0: 'id 0 is not a head!'. "
		"Frame buffers that the guest maps write-combined are another case. So is a flash "
		"device that the guest maps as Device while the VMM backs it with memory.\n"
		"\n"
		"An audit reads the registers of each vCPU and walks its tables through stage 2. It "
		"reports only what two walks found while the vCPU used the same tables. Tables of "
		"processes that no vCPU runs at that time are not seen. A vCPU with its MMU off "
		"reaches all memory as Device: firmware and boot code do so, the contract shows it, "
		"and it is no finding. Nor are the pools that Linux reserves for DMA in atomic context, as "
		"long as they hold nothing but zero: it maps them Normal-NC in any case.\n"
		"\n"
		"What to do: tell the guest the truth about the device (dma-coherent, _CCA 1), or "
		"have the VMM clean and invalidate around each access, or give such memory to "
		"guests only on hosts with S2FWB.",
};
