// SPDX-License-Identifier: BSD-2-Clause
/* fault-failed: which of KVM's checks failed. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "core/rules_private.h"
#include "core/sink.h"

static bool decide_fault_failed(const struct s2v_rule_in *in)
{
	return in->err < 0 && !s2v_decide_pfnmap_refused(in);
}

/* How the VMM's mapping forbids the guest's access; NULL: it does not, or that is not known. */
static const char *why_vma_forbids(const struct s2v_rule_in *in)
{
	__u32 f = in->page_flags;

	if (!(f & S2V_PG_PROT))
		return NULL;
	if (!(f & (S2V_PG_VMA_READ | S2V_PG_VMA_WRITE)))
		return "The VMM's mapping allows no access (PROT_NONE).";
	return (f & S2V_PG_WRITE) && !(f & S2V_PG_VMA_WRITE)
		       ? "The VMM's mapping is read-only, and the guest wrote."
		       : NULL;
}

static const char read_only_pte[] =
	"hva_to_pfn_remapped() refuses a guest's write through a read-only PTE, even if the "
	"driver would make the PTE writable when the VMM writes.";

/* EFAULT of a driver's mapping with a PTE: checks of hva_to_pfn_remapped(), then of user_mem_abort(). */
static const char *why_driver_page(const struct s2v_rule_in *in)
{
	bool known = in->page_flags & S2V_PG_PROT;

	if (s2v_pte_forbids(in))
		return read_only_pte;
	if (in->vm_mte)
		return known ? "The VM has MTE, and user_mem_abort() refuses memory without tags."
			     : "The VM has MTE, and user_mem_abort() refuses memory without tags; or the "
			       "PTE is read-only and the guest wrote (hva_to_pfn_remapped()).";
	if (in->where == S2V_WHERE_UNKNOWN && s2v_attr_is_cacheable(in->vma->attr) &&
	    !s2v_na_pfnmap_refused(in->host))
		return "user_mem_abort() refuses cacheable device memory here, or the PTE is read-only and "
		       "the guest wrote: which of the two is not known without the kernel's memory map.";
	if (in->host->pfnmap_cap < 0 && in->where != S2V_WHERE_OUTSIDE)
		return "hva_to_pfn_remapped() refuses a page without a reference count (part of a larger "
		       "allocation; up to 6.12), and a guest's write through a read-only PTE.";
	return known ? "" : read_only_pte;
}

static const char *why_driver_map(const struct s2v_rule_in *in)
{
	const char *vma = why_vma_forbids(in);

	if (vma)
		return vma;
	if (in->page_flags & S2V_PG_NO_PTE)
		return "The host's page tables cannot be read here, so which of KVM's checks failed is not "
		       "known.";
	if (in->vma->pte_attr != S2V_ATTR_NONE)
		return why_driver_page(in);
	return in->page_flags & S2V_PG_PROT
		       ? "hva_to_pfn_remapped() got no page: the driver's fault handler gave none."
		       : "hva_to_pfn_remapped() got no page: the VMM's mapping is read-only and the guest "
			 "wrote, or the driver's fault handler gave none.";
}

static const char *why_ordinary(const struct s2v_rule_in *in)
{
	const char *vma = why_vma_forbids(in);
	bool known = in->page_flags & S2V_PG_PROT;

	if (vma)
		return vma;
	if (in->page_flags & S2V_PG_NO_PTE)
		return "get_user_pages() gave no page, or MTE forbids it.";
	if (in->vma->pte_attr == S2V_ATTR_NONE)
		return known ? "get_user_pages() gave no page: the file ends before it, or memory was short."
			     : "get_user_pages() gave no page: the VMM's mapping forbids the access (no "
			       "access, or read-only and the guest wrote), the file ends before it, or memory "
			       "was short.";
	if (in->vm_mte)
		return known ? "The VM has MTE, and user_mem_abort() refuses memory without tags (up to 6.1 "
			       "any shared mapping)."
			     : "The VM has MTE, and user_mem_abort() refuses memory without tags (up to 6.1 "
			       "any shared mapping); or the VMM's mapping is read-only and the guest wrote.";
	return known ? ""
		     : "get_user_pages() refused the access: the VMM's mapping is read-only and the guest wrote.";
}

/* The check of KVM that failed; "" if it is not known. */
static const char *which_check(const struct s2v_rule_in *in)
{
	bool protected_kvm = in->host->kvm_mode == S2V_KVM_PROTECTED;

	if (in->vma->flags & S2V_VMA_GMEM)
		return "guest_memfd gave no page (kvm_gmem_get_pfn()).";
	switch (in->err) {
	case -ENOMEM:
		return "There was no memory for the page or for stage-2 tables.";
	case -EHWPOISON:
		return "The page has failed (hardware poison).";
	case -ENOSYS:
		return in->slot_flags & S2V_MEM_READONLY
			       ? "The guest wrote to a read-only memslot with an instruction that KVM does not "
				 "decode (io_mem_abort())."
			       : "";
	case -EPERM:
	case -EINVAL:
		return protected_kvm ? "Protected KVM gives guests only ordinary memory "
				       "(__pkvm_host_share_guest())."
				     : "";
	case -EFAULT:
		if (in->vma->attr == S2V_ATTR_NONE)
			return "user_mem_abort() finds no VMA there: the VMM has unmapped it or never mapped "
			       "it, or the VMA could not be read.";
		return s2v_is_driver_map(in->vma) ? why_driver_map(in) : why_ordinary(in);
	}
	return "";
}

static const char *vma_permission(const struct s2v_rule_in *in)
{
	__u32 f = in->page_flags;

	if (!(f & S2V_PG_PROT) || (f & S2V_PG_VMA_WRITE))
		return "";
	return f & S2V_PG_VMA_READ ? " read-only" : " no access";
}

static const char *access_name(const struct s2v_rule_in *in)
{
	if (!(in->page_flags & S2V_PG_PROT))
		return "access";
	if (in->page_flags & S2V_PG_EXEC)
		return "instruction fetch";
	return in->page_flags & S2V_PG_WRITE ? "store" : "load";
}

/* The backing: "pfnmap of udmabuf, VMA normal-wb, PTE normal-wb, inside the kernel's map". */
static void describe_backing(const struct s2v_rule_in *in, char *buf, size_t len)
{
	const struct s2v_vma *v = in->vma;
	const char *driver = in->driver ? in->driver : "", *where = "", *pte;

	if (v->attr == S2V_ATTR_NONE) {
		snprintf(buf, len, "nothing that could be read");
		return;
	}
	pte = in->page_flags & S2V_PG_NO_PTE ? "PTE not readable"
	      : v->pte_attr == S2V_ATTR_NONE ? "no PTE"
					     : s2v_attr_name(v->pte_attr);
	if (in->where != S2V_WHERE_UNKNOWN)
		where = in->where == S2V_WHERE_INSIDE ? ", inside the kernel's map"
						      : ", outside the kernel's map";
	if (v->flags & S2V_VMA_GMEM)
		snprintf(buf, len, "guest_memfd");
	else
		snprintf(buf, len, "%s%s%.31s, VMA %s%s, %s%s%s", s2v_backing_name(v->flags, false),
			 *driver ? " of " : "", driver, s2v_attr_name(v->attr), vma_permission(in),
			 v->pte_attr == S2V_ATTR_NONE ? "" : "PTE ", pte, where);
}

static void why_fault_failed(const struct s2v_rule_in *in, char *buf, size_t len)
{
	const char *check = which_check(in);
	char there[160];

	describe_backing(in, there, sizeof(there));
	snprintf(buf, len,
		 "A guest's %s made KVM_RUN fail: the kernel mapped nothing. Backing: %s. %s",
		 access_name(in), there,
		 *check ? check : "Which of KVM's checks failed is not known.");
}

const struct s2v_rule s2v_rule_fault_failed = {
	.id = S2V_RULE_FAULT_FAILED,
	.name = "fault-failed",
	.severity = S2V_INFO,
	.fires = "a fault on a memslot failed: the finding names the backing and the check of KVM "
		 "that refused it",
	.on = S2V_ON_FAULT,
	.observes = OBS(FAULT),
	.decide = decide_fault_failed,
	.why = why_fault_failed,
	.explain =
		"A guest touched memory of a memslot and KVM could not map it: KVM_RUN returned "
		"the error to the VMM, which usually ends the VM. Nothing was mapped, so nothing "
		"is unsafe. It is reported because the error itself gives no reason.\n"
		"\n"
		"The finding describes the backing when KVM_RUN returned (kind of mapping, "
		"memory type of its VMA and PTE, inside or outside the kernel's map), and names "
		"the check of KVM that may have failed. KVM checks in this order. "
		"user_mem_abort() needs a VMA. get_user_pages() needs an access that the VMA "
		"allows, and a page. For VM_PFNMAP, hva_to_pfn_remapped() needs a PTE that the "
		"driver has made or makes on demand. It must be writable if the guest writes: "
		"KVM does not make a read-only PTE writable, so buffers of drivers that track "
		"writes fail, such as those of GEM's shmem helpers from 7.1 on. Up to 6.12 the "
		"page also needs a reference count. From 6.17 on, cacheable device memory needs "
		"S2FWB and DIC (reported as pfnmap-cacheable-refused). A VM with MTE needs "
		"memory that can have tags.\n"
		"\n"
		"What to do: the VMM must map memory writable if the guest writes to it, "
		"populate memory that a driver does not fault in, and register no memory that it "
		"does not map.",
};
