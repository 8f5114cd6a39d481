// SPDX-License-Identifier: BSD-2-Clause
/* What stage-2 leaves lead to: memory that is not the VMM's, memory that another leaf has otherwise. */
#include <stdio.h>

#include "core/rules_private.h"

/*
 * A leaf over memory of which the host has no PTE. KVM maps what a host PTE says, and takes it away before
 * that goes (MMU notifiers), so of memory that Linux manages there is none: not for what is swapped,
 * migrated or protected (those PTEs are not empty). What a driver maps page by page on demand KVM may have mapped
 * as one block, up to 7.1: of RAM that is foreign memory as soon as the pages are no neighbours, of a
 * device's it may be the rest of the same BAR.
 */
enum s2v_absent s2v_absent_leaf(const struct s2v_rule_in *in)
{
	if (!in->absent || (in->vma->flags & S2V_VMA_GMEM))
		return S2V_ABSENT_NOT;
	if (in->where == S2V_WHERE_INSIDE)
		return S2V_ABSENT_FOREIGN;
	if (in->vma->attr != S2V_ATTR_NONE && !s2v_is_driver_map(in->vma))
		return S2V_ABSENT_FOREIGN;
	/* vfio-pci and nvgrace-gpu alone set it, and map one stretch of a device's memory. */
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
		"Stop the VM; upgrade the kernel if it maps what is not contiguous as a block "
		"(up to 7.1).";

	if (in->pa_differs)
		snprintf(
			buf, len,
			"Stage 2 leads to PA 0x%llx, the host's page tables lead to 0x%llx: the guest "
			"reaches other memory than the VMM has there, and nobody may know that it does. "
			"%s",
			in->pa, in->host_pa, what);
	else
		snprintf(
			buf, len,
			"Stage 2 leads to PA 0x%llx%s, and the host's page tables map nothing there: the "
			"guest reaches memory that the VMM does not have, and nobody may know that it "
			"does. %s",
			in->pa, in->where == S2V_WHERE_INSIDE ? ", which is RAM" : "", what);
}

bool s2v_decide_alias_conflict(const struct s2v_rule_in *in)
{
	return in->other;
}

void s2v_why_alias_conflict(const struct s2v_rule_in *in, char *buf, size_t len)
{
	snprintf(
		buf, len,
		"The same physical memory is mapped %s here and %s at GPA 0x%llx of VM %u: with "
		"mismatched attributes neither is coherent with the other. The driver behind one of "
		"them is to map it as the other does.",
		s2v_attr_name(in->s2), s2v_attr_name(in->other->s2), in->other->gpa, in->other->vm);
}
