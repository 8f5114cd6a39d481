/* needs: src/core src/host src/util */
/* SPDX-License-Identifier: BSD-2-Clause */
/* Failed faults, as events: their findings and explanations. */
#include "events.h"

static const struct mslot A = { 1, 0, 1, 0x40000000, 0x10000, 0xffff80000000, 0, 0 };

/* Memslot flags and MTE of the VM reach the rules: EINVAL has other reasons then. */
static void other_reasons_to_refuse(void **state)
{
	struct mslot a = A;

	(void)state;
	for (int mte = 0; mte < 2; mte++) {
		begin(make_host(LATEST, S2V_NO, S2V_NO));
		vm_new(1);
		a = A;
		a.flags = mte ? 0 : S2V_MEM_LOG_DIRTY_PAGES;
		a.mte = mte;
		create(&a, &pfn_wb, WB, DEV_PA, -EINVAL);
		only(0);
		a.gen = 2;
		create(&a, &anon, WB, RAM_PA, 0);
		/* KVM got no page to check, for example of a buffer that the VMM mapped read-only. */
		fault(&a, 0, &pfn_wb, NO_PTE, S2V_NO_PA, -EFAULT);
		only(R(FAULT_FAILED));
		fault(&a, 0, &pfn_wb, WB, DEV_PA, -EFAULT);
		only(R(FAULT_FAILED) | R(PFNMAP_REFUSED));
		end();
	}
}

/* The driver is known for the registered backing, not for one mapped there later. */
static void a_failed_fault_names_the_driver(void **state)
{
	struct s2v_ev_page ev;
	struct mslot b = A;

	(void)state;
	begin(make_host(LATEST, S2V_YES, S2V_YES));
	vm_new(1);
	create(&A, &pfn_nc, NC, RAM_PA, 0);
	fault(&A, 0, &pfn_nc, NC, RAM_PA, -EFAULT);
	only(R(FAULT_FAILED));
	assert_non_null(
		strstr(w.f[0].explain, "pfnmap of driver, VMA normal-nc, PTE normal-nc, inside"));
	assert_string_equal(w.f[0].at, "fault");
	b.id = 9;
	b.gpa = 0x200000000;
	create(&b, &anon, WB, RAM_PA, 0);
	fault(&b, 0, &pfn_nc, NC, RAM_PA, -EFAULT);
	assert_non_null(
		strstr(w.f[1].explain, "Backing: pfnmap, VMA normal-nc, PTE normal-nc, inside"));
	ev = page(S2V_EV_FAULT, &b, 0x1000, &pfn_nc);
	ev.err = -EINVAL;
	ev.flags = S2V_PG_NO_PTE;
	send_page(&ev);
	assert_non_null(strstr(w.f[2].explain, "PTE not readable"));
	end();
	assert_true(w.sum.complete);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(other_reasons_to_refuse),
		cmocka_unit_test(a_failed_fault_names_the_driver),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
