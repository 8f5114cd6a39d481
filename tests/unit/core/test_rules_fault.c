/* needs: src/core src/host src/util */
/* SPDX-License-Identifier: BSD-2-Clause */
/* Failed faults: the rule that reports them, and the check of the kernel that it names. */
#include "rules_input.h"

/* Exactly one of the two rules fires on a failed fault. */
static void either_refused_or_failed(void **state)
{
	static const int errs[] = { 0, -EFAULT, -EINVAL, -ENOMEM, -EPERM };
	static const __u32 flags[] = { 0, PFNMAP, MIXEDMAP, S2V_VMA_GMEM };
	struct t x = admitted();

	(void)state;
	x.on = S2V_ON_FAULT;
	for (unsigned int i = 0; i < S2V_ARRAY_SIZE(errs) * S2V_ARRAY_SIZE(flags) * 3 * 2 * 2;
	     i++) {
		unsigned int n = i;
		bool refused;

		x.err = errs[n % S2V_ARRAY_SIZE(errs)];
		n /= S2V_ARRAY_SIZE(errs);
		x.vma.flags = flags[n % S2V_ARRAY_SIZE(flags)];
		n /= S2V_ARRAY_SIZE(flags);
		x.where = (enum s2v_where)(n % 3);
		x.cap = n / 3 % 2 ? -1 : 0;
		x.vma.attr = n / 6 % 2 ? NC : WB;
		x.what = "a failed fault";
		refused = decide(S2V_RULE_PFNMAP_REFUSED, &x);
		assert_int_equal(decide(S2V_RULE_FAULT_FAILED, &x), x.err && !refused);
	}
}

/* A dma-buf that the VMM mapped read-only, on a host that refuses cacheable device memory. */
static struct t failed(void)
{
	struct t x = admitted();

	x.on = S2V_ON_FAULT;
	x.err = -EFAULT;
	x.where = S2V_WHERE_UNKNOWN;
	x.driver = "udmabuf";
	return x;
}

static void fault_failed_in_a_driver_map(void **state)
{
	struct t x = failed();

	(void)state;
	FIRES(FAULT_FAILED, x, );
	SAYS("pfnmap of udmabuf, VMA normal-wb, no PTE. hva_to_pfn_remapped() got no page");
	SAYS("read-only");
	NOT("S2FWB");
	FIRES(FAULT_FAILED, x, x.vma.pte_attr = WB; x.where = S2V_WHERE_INSIDE);
	SAYS("PTE normal-wb, inside the kernel's map");
	SAYS("read-only PTE");
	NOT("reference count");
	/* Up to 6.12 KVM needs a reference to a page in the kernel's map. */
	FIRES(FAULT_FAILED, x, x.vma.pte_attr = WB; x.where = S2V_WHERE_INSIDE; x.cap = -1);
	SAYS("reference count");
	FIRES(FAULT_FAILED, x, x.vma.pte_attr = nGnRE; x.vma.attr = nGnRnE;
	      x.where = S2V_WHERE_OUTSIDE; x.cap = -1);
	SAYS("VMA device-nGnRnE, PTE device-nGnRE, outside the kernel's map");
	NOT("reference count");
	FIRES(FAULT_FAILED, x, x.vma.flags = MIXEDMAP; x.driver = NULL);
	SAYS("Backing: mixedmap, VMA");
	FIRES(FAULT_FAILED, x, x.page_flags = S2V_PG_NO_PTE);
	SAYS("PTE not readable");
	SAYS("cannot be read here");
	FIRES(FAULT_FAILED, x, x.mte = true; x.vma.pte_attr = WB; x.where = S2V_WHERE_INSIDE);
	SAYS("MTE");
	/* Without /proc/iomem it may be what pfnmap-cacheable-refused reports. */
	FIRES(FAULT_FAILED, x, x.vma.pte_attr = WB);
	SAYS("refuses cacheable device memory");
	FIRES(FAULT_FAILED, x, x.vma.pte_attr = WB; x.fwb = x.dic = S2V_YES);
	NOT("refuses cacheable device memory");
	FIRES(FAULT_FAILED, x, x.vma.pte_attr = x.vma.attr = NC);
	NOT("refuses cacheable device memory");
}

static void fault_failed_elsewhere(void **state)
{
	struct t x = failed();

	(void)state;
	x.vma.flags = 0;
	x.driver = NULL;
	FIRES(FAULT_FAILED, x, );
	SAYS("Backing: anonymous, VMA normal-wb, no PTE. get_user_pages() gave no page");
	FIRES(FAULT_FAILED, x, x.vma.pte_attr = WB; x.where = S2V_WHERE_INSIDE);
	SAYS("read-only and the guest wrote");
	NOT("MTE");
	FIRES(FAULT_FAILED, x, x.vma.pte_attr = WB; x.mte = true);
	SAYS("MTE");
	FIRES(FAULT_FAILED, x, x.vma.flags = S2V_VMA_HUGETLB | S2V_VMA_FILE;
	      x.page_flags = S2V_PG_NO_PTE);
	SAYS("hugetlb");
	FIRES(FAULT_FAILED, x, x.vma.attr = NONE);
	SAYS("finds no VMA");
	FIRES(FAULT_FAILED, x, x.vma.flags = S2V_VMA_GMEM);
	SAYS("kvm_gmem_get_pfn()");
	FIRES(FAULT_FAILED, x, x.err = -ENOMEM);
	SAYS("no memory");
	FIRES(FAULT_FAILED, x, x.err = -EHWPOISON);
	SAYS("hardware poison");
	FIRES(FAULT_FAILED, x, x.err = -ENOSYS; x.slot_flags = S2V_MEM_READONLY);
	SAYS("io_mem_abort()");
	FIRES(FAULT_FAILED, x, x.err = -ENOSYS);
	SAYS("not known");
	FIRES(FAULT_FAILED, x, x.err = -EPERM; x.kvm_mode = S2V_KVM_PROTECTED);
	SAYS("__pkvm_host_share_guest()");
	FIRES(FAULT_FAILED, x, x.err = -EPERM; x.kvm_mode = S2V_KVM_VHE);
	SAYS("not known");
	FIRES(FAULT_FAILED, x, x.err = -E2BIG);
	SAYS("not known");
	SILENT(FAULT_FAILED, x, x.err = 0);
	/* A module's name of any length. */
	FIRES(FAULT_FAILED, x, x.vma.flags = PFNMAP;
	      x.driver = "a_driver_whose_name_takes_up_more_than_there_is_room_for_a_name");
}

/* If the access and the permissions are known, exactly one check is named. */
static void access_is_known(void **state)
{
	const __u32 rw = S2V_PG_PROT | S2V_PG_VMA_READ | S2V_PG_VMA_WRITE;
	struct t x = failed();

	(void)state;
	FIRES(FAULT_FAILED, x, x.page_flags = S2V_PG_PROT | S2V_PG_VMA_READ | S2V_PG_WRITE);
	SAYS("A guest's store");
	SAYS("VMA normal-wb read-only, no PTE. The VMM's mapping is read-only, and the guest wrote.");
	FIRES(FAULT_FAILED, x, x.page_flags = S2V_PG_PROT | S2V_PG_VMA_READ);
	SAYS("A guest's load");
	SAYS("the driver's fault handler gave none");
	NOT("wrote");
	FIRES(FAULT_FAILED, x, x.page_flags = S2V_PG_PROT);
	SAYS("VMA normal-wb no access");
	SAYS("PROT_NONE");
	/* A PTE that the driver makes writable only when the VMM writes. */
	x.vma.pte_attr = WB;
	x.where = S2V_WHERE_INSIDE;
	FIRES(FAULT_FAILED, x, x.page_flags = rw | S2V_PG_WRITE);
	SAYS("write through a read-only PTE");
	FIRES(FAULT_FAILED, x, x.page_flags = rw | S2V_PG_WRITE | S2V_PG_PTE_WRITE);
	NOT("read-only");
	SAYS("not known");
	FIRES(FAULT_FAILED, x, x.page_flags = rw | S2V_PG_WRITE | S2V_PG_PTE_WRITE; x.mte = true);
	SAYS("MTE");
	NOT("read-only");
	/* KVM checks that before it refuses cacheable device memory. */
	x.where = S2V_WHERE_OUTSIDE;
	FIRES(PFNMAP_REFUSED, x, x.page_flags = rw | S2V_PG_WRITE | S2V_PG_PTE_WRITE);
	FIRES(PFNMAP_REFUSED, x, x.page_flags = rw);
	SILENT(PFNMAP_REFUSED, x, x.page_flags = rw | S2V_PG_WRITE);
	FIRES(FAULT_FAILED, x, x.page_flags = rw | S2V_PG_WRITE);
	x = failed();
	x.vma.flags = 0;
	x.driver = NULL;
	FIRES(FAULT_FAILED, x, x.page_flags = rw | S2V_PG_EXEC);
	SAYS("A guest's instruction fetch");
	SAYS("the file ends before it, or memory was short");
	NOT("read-only");
	FIRES(FAULT_FAILED, x, x.page_flags = S2V_PG_PROT | S2V_PG_VMA_READ | S2V_PG_WRITE;
	      x.vma.pte_attr = WB);
	SAYS("anonymous, VMA normal-wb read-only, PTE normal-wb. The VMM's mapping is read-only");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(either_refused_or_failed),
		cmocka_unit_test(fault_failed_in_a_driver_map),
		cmocka_unit_test(fault_failed_elsewhere),
		cmocka_unit_test(access_is_known),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
