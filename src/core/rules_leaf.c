// SPDX-License-Identifier: BSD-2-Clause
/* Rules on the memory that stage-2 leaves map: not the VMM's, or mapped differently by another leaf. */
#include <stdio.h>

#include "core/rules_private.h"

/*
 * Classifies a leaf over memory for which the host has no PTE. KVM maps what a host PTE says, and unmaps
 * it before that PTE goes (MMU notifiers), so no such leaf exists for memory that Linux manages; PTEs of
 * swapped, migrated or protected memory are not empty. Up to 7.1 KVM may map as one block what a driver
 * maps page by page on demand: of RAM that is foreign memory if the pages are not contiguous; of a
 * device's memory it may be the rest of the same BAR.
 */
enum s2v_absent s2v_absent_leaf(const struct s2v_rule_in *in)
{
	if (!in->absent || (in->vma->flags & S2V_VMA_GMEM))
		return S2V_ABSENT_NOT;
	if (in->where == S2V_WHERE_INSIDE)
		return S2V_ABSENT_FOREIGN;
	if (in->vma->attr != S2V_ATTR_NONE && !s2v_is_driver_map(in->vma))
		return S2V_ABSENT_FOREIGN;
	/* Only vfio-pci and nvgrace-gpu set it; they map one contiguous range of a device's memory. */
	if (in->where == S2V_WHERE_OUTSIDE && (in->vma->flags & S2V_VMA_ANY_UNCACHED))
		return S2V_ABSENT_NOT;
	return S2V_ABSENT_UNVERIFIED;
}

static bool decide_foreign_memory(const struct s2v_rule_in *in)
{
	return in->pa_differs || s2v_absent_leaf(in) == S2V_ABSENT_FOREIGN;
}

static void why_foreign_memory(const struct s2v_rule_in *in, char *buf, size_t len)
{
	const char *what =
		"Stop the VM. Kernels up to 7.1 may map memory as one block although it is not "
		"contiguous: upgrade such a kernel.";

	if (in->pa_differs)
		snprintf(buf, len,
			 "Stage 2 leads to PA 0x%llx, the host's page tables lead to 0x%llx: the "
			 "guest accesses other memory than the VMM does there, and nothing else "
			 "may report it. %s",
			 in->pa, in->host_pa, what);
	else
		snprintf(buf, len,
			 "Stage 2 leads to PA 0x%llx%s, and the host's page tables map nothing "
			 "there: the guest accesses memory that the VMM does not have, and "
			 "nothing else may report it. %s",
			 in->pa, in->where == S2V_WHERE_INSIDE ? ", which is RAM" : "", what);
}

const struct s2v_rule s2v_rule_foreign_memory = {
	.id = S2V_RULE_FOREIGN_MEMORY,
	.name = "foreign-memory",
	.severity = S2V_CRITICAL,
	.fires = "stage 2 maps a page that the host's page tables do not map at the same address "
		 "of the VMM",
	.on = S2V_ON_MAP | S2V_ON_LEAF,
	.observes = OBS(MAP),
	.decide = decide_foreign_memory,
	.why = why_foreign_memory,
	.explain =
		"Stage 2 maps another page than the host's page tables do for the same memory of "
		"the VMM, or maps a page where these have none: the guest reads and writes "
		"memory that may belong to anybody.\n"
		"\n"
		"How it comes about: up to 7.1 KVM treats some mappings of drivers as contiguous "
		"although they are not. A VM_PFNMAP range whose vm_pgoff and address are "
		"congruent modulo 2 MiB, such as a dma-buf of udmabuf or a GEM object, is mapped "
		"as a block by its first page. Or a page was migrated or replaced, and stage 2 "
		"was not updated.\n"
		"\n"
		"Hooks compare all that KVM maps with the host's page tables, except ordinary "
		"memory behind an ordinary VMA. They do it while KVM holds its MMU lock, so the "
		"host cannot remove the page. An audit reads each leaf twice, and the host's "
		"tables with it, while KVM's own counter of invalidations does not change. "
		"Neither finding can come from a race. Memory that is swapped out, migrated or "
		"protected is not reported: its PTEs are not empty. If a driver maps on demand, "
		"the host may have no PTE yet for device memory that stage 2 already maps, and "
		"s2verify cannot tell whether the driver would map the same. This is no finding, "
		"but makes the run incomplete, except for vfio-pci, whose mappings are "
		"contiguous.\n"
		"\n"
		"What to do: stop the VM, because other memory may be damaged; use a kernel that "
		"does not map such ranges as blocks; report it with the finding's addresses.",
};

static bool decide_alias_conflict(const struct s2v_rule_in *in)
{
	return in->other;
}

static void why_alias_conflict(const struct s2v_rule_in *in, char *buf, size_t len)
{
	snprintf(buf, len,
		 "The same physical memory is mapped %s here and %s at GPA 0x%llx of VM %u: with "
		 "mismatched attributes neither is coherent with the other. One of the two drivers "
		 "must map it as the other does.",
		 s2v_attr_name(in->s2), s2v_attr_name(in->other->s2), in->other->gpa,
		 in->other->vm);
}

const struct s2v_rule s2v_rule_alias_conflict = {
	.id = S2V_RULE_ALIAS_CONFLICT,
	.name = "alias-conflict",
	.severity = S2V_HIGH,
	.fires = "two stage-2 leaves reach one physical page with different attributes",
	.on = S2V_ON_LEAF,
	.decide = decide_alias_conflict,
	.why = why_alias_conflict,
	.explain =
		"An audit found two stage-2 leaves, of one VM or of two, that map one page of physical "
		"memory with different memory types: accesses with mismatched attributes are not coherent "
		"with each other (Arm ARM DDI 0487, 'Mismatched memory attributes').\n"
		"\n"
		"How it comes about: two drivers hand out one device's memory, or one driver does so "
		"twice with different pgprots.\n"
		"\n"
		"What to do: find the two drivers by the findings' addresses; one of them must map the "
		"memory as the other does.",
};
