/* needs: src/core src/host src/util */
/* SPDX-License-Identifier: BSD-2-Clause */
/* Findings of an audit besides conflicts: memslots not touched yet, leaves without a host page. */
#include "audit_steps.h"

static const struct mslot A = { 1, 0, 1, 0x40000000, 0x200000, 0xffff80000000, 0, 0 };

/* An audit of such a host, without hooks. */
static void begin_audit(struct s2v_host host)
{
	begin(host);
	for (int i = 0; i < S2V_RULE_NR; i++)
		w.rules[i].coverage = s2v_rule_audit_coverage(
			s2v_rules[i], &w.host, w.rules[i].reason, sizeof(w.rules[i].reason));
	send_vm(S2V_EV_VM_NEW, 1, true);
}

static void end_audit(void)
{
	audited(1, 0, 0);
	audited(0, 0, 0);
	end();
}

/* Registered and not touched: on a kernel without capability 243 it is known what KVM will do. */
static void admitted_and_not_touched(void **state)
{
	(void)state;
	for (int k = OLD; k <= LATEST; k++) {
		for (int fwb = 0; fwb < 2; fwb++) {
			for (int dic = 0; dic < 2; dic++) {
				begin_audit(make_host((enum kernel)k, fwb, dic));
				found_page(&A, &pfn_wb, WB, DEV_PA);
				only(k == OLD ? R(PFNMAP_ADMITTED) : 0);
				end_audit();
				assert_true(w.sum.complete);
			}
		}
	}
	begin_audit(make_host(OLD, S2V_YES, S2V_NO));
	found_page(&A, &pfn_wb, WB, DEV_PA);
	assert_true(w.f[0].gpa == A.gpa && w.f[0].size == A.size);
	assert_null(w.f[0].at);
	end_audit();
	/* Memory in the kernel's map, write-combined memory, memory without a known address. */
	begin_audit(make_host(OLD, S2V_YES, S2V_NO));
	found_page(&A, &pfn_wb, WB, RAM_PA);
	only(0);
	end_audit();
	begin_audit(make_host(OLD, S2V_YES, S2V_NO));
	found_page(&A, &pfn_nc, NC, DEV_PA);
	only(0);
	end_audit();
	begin_audit(make_host(OLD, S2V_YES, S2V_NO));
	found_page(&A, &pfn_wb, NO_PTE, S2V_NO_PA);
	only(0);
	end_audit();
}

/* Leaves of pages from byte `off`; the flags say what the host maps there. */
static void report_flagged(__u64 off, __u64 pages, __u8 s1, __u8 s2, __u64 pa, __u32 flags)
{
	struct s2v_ev_leaves ev = leaves(&A, off, pages, s1, s2, pa);

	ev.flags |= flags;
	if (s1 == NO_PTE) {
		ev.host_pa = S2V_NO_PA;
		ev.host_level = S2V_NO_LEVEL;
	}
	send_leaves(&ev);
}

/* A dma-buf of RAM that KVM took for contiguous: only its first page is the buffer's. */
static void udmabuf(void **state)
{
	const struct s2v_finding *f;

	(void)state;
	begin_audit(make_host(OLD, S2V_YES, S2V_NO));
	found_page(&A, &pfn_wb, NO_PTE, S2V_NO_PA);
	report_flagged(0, 1, WB, WB, RAM_PA + 0x123000, S2V_LF_SPECIAL);
	report_flagged(PAGE, 511, NO_PTE, WB, RAM_PA + 0x124000, S2V_LF_ABSENT);
	end_audit();
	only(R(FOREIGN_MEMORY));
	f = finding(S2V_RULE_FOREIGN_MEMORY);
	assert_true(f->gpa == A.gpa + PAGE && f->size == 511 * PAGE && f->pa == RAM_PA + 0x124000);
	assert_int_equal(f->count, 511);
	assert_int_equal(s2v_finding_severity(f), S2V_CRITICAL);
	assert_true(w.sum.complete);
	/* Populated and scattered: pages not mapped and pages elsewhere are two findings. */
	begin_audit(make_host(OLD, S2V_YES, S2V_NO));
	found_page(&A, &pfn_wb, NO_PTE, S2V_NO_PA);
	report_flagged(0, 2, NO_PTE, WB, RAM_PA, S2V_LF_ABSENT);
	report_flagged(2 * PAGE, 2, WB, WB, RAM_PA + 2 * PAGE, S2V_LF_PA_DIFFERS);
	end_audit();
	assert_int_equal(reported(S2V_RULE_FOREIGN_MEMORY, 0), 2);
}

/* A device's memory, mapped by its driver on demand: no finding, but not verified. */
static void not_verified(void **state)
{
	struct s2v_ev_audit again = { .leaves = 1, .dur = 1000 };

	(void)state;
	begin_audit(make_host(OLD, S2V_YES, S2V_NO));
	found_page(&A, &pfn_nc, NO_PTE, S2V_NO_PA);
	report_flagged(0, 1, NC, DEV, DEV_PA, S2V_LF_SPECIAL);
	report_flagged(PAGE, 511, NO_PTE, DEV, DEV_PA + PAGE, S2V_LF_ABSENT);
	end_audit();
	only(0);
	assert_false(w.sum.complete);
	assert_int_equal(w.sum.unmapped, 511);
	assert_int_equal(w.sum.unreadable, 0);
	assert_non_null(
		strstr(w.sum.incomplete, "511 pages of device memory not mapped by the host"));
	assert_int_equal(w.row[0].unreadable, 511 * PAGE);
	/* The next audit finds them mapped, so verified. */
	begin_audit(make_host(OLD, S2V_YES, S2V_NO));
	found_page(&A, &pfn_nc, NO_PTE, S2V_NO_PA);
	report_flagged(0, 512, NO_PTE, DEV, DEV_PA, S2V_LF_ABSENT);
	again.h = head(S2V_EV_AUDIT, sizeof(again), 1);
	s2v_correlator_event(w.core, &again.h);
	report_flagged(0, 512, NC, DEV, DEV_PA, S2V_LF_SPECIAL);
	end_audit();
	assert_true(w.sum.complete);
	assert_int_equal(w.sum.unmapped, 0);
	/* A BAR of vfio-pci is contiguous. */
	begin_audit(make_host(OLD, S2V_YES, S2V_NO));
	found_page(&A, &vfio, NO_PTE, S2V_NO_PA);
	report_flagged(0, 512, NO_PTE, NC, DEV_PA, S2V_LF_ABSENT);
	end_audit();
	only(0);
	assert_true(w.sum.complete);
}

/* Swapped, migrated, protected: no PTE to compare the leaf with, and no finding. */
static void not_empty(void **state)
{
	(void)state;
	begin_audit(make_host(OLD, S2V_YES, S2V_NO));
	found_page(&A, &anon, NO_PTE, S2V_NO_PA);
	report_flagged(0, 8, NO_PTE, WB, RAM_PA, S2V_LF_SWAPPED);
	end_audit();
	only(0);
	assert_true(w.sum.complete);
	begin_audit(make_host(OLD, S2V_YES, S2V_NO));
	found_page(&A, &anon, NO_PTE, S2V_NO_PA);
	report_flagged(0, 8, NO_PTE, WB, RAM_PA, S2V_LF_ABSENT);
	end_audit();
	only(R(FOREIGN_MEMORY));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(admitted_and_not_touched),
		cmocka_unit_test(udmabuf),
		cmocka_unit_test(not_verified),
		cmocka_unit_test(not_empty),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
