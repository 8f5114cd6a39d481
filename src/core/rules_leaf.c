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

bool s2v_decide_foreign_memory(const struct s2v_rule_in *in)
{
	return in->pa_differs || s2v_absent_leaf(in) == S2V_ABSENT_FOREIGN;
}

void s2v_why_foreign_memory(const struct s2v_rule_in *in, char *buf, size_t len)
{
	const char *what =
		"Stop the VM; upgrade the kernel if it maps memory that is not contiguous as a block "
		"(up to 7.1).";

	if (in->pa_differs)
		snprintf(
			buf, len,
			"Stage 2 leads to PA 0x%llx, the host's page tables lead to 0x%llx: the guest "
			"reaches other memory than the VMM does there, and this may go unnoticed. "
			"%s",
			in->pa, in->host_pa, what);
	else
		snprintf(
			buf, len,
			"Stage 2 leads to PA 0x%llx%s, and the host's page tables map nothing there: the "
			"guest reaches memory that the VMM does not have, and this may go unnoticed. %s",
			in->pa, in->where == S2V_WHERE_INSIDE ? ", which is RAM" : "", what);
}

bool s2v_decide_alias_conflict(const struct s2v_rule_in *in)
{
	return in->other;
}

void s2v_why_alias_conflict(const struct s2v_rule_in *in, char *buf, size_t len)
{
	snprintf(buf, len,
		 "The same physical memory is mapped %s here and %s at GPA 0x%llx of VM %u: with "
		 "mismatched attributes neither is coherent with the other. One of the two drivers "
		 "must map it as the other does.",
		 s2v_attr_name(in->s2), s2v_attr_name(in->other->s2), in->other->gpa,
		 in->other->vm);
}
