/* needs: src/correlate.c src/audit_events.c src/findings.c src/reset_events.c src/pageset.c src/model.c src/summary.c src/rules.c src/rules_reset.c src/rules_fault.c src/names.c src/host.c */
/* SPDX-License-Identifier: BSD-2-Clause */
/* What the VMM maps under a memslot after its registration: findings, and the contract's rows. */
#include "events.h"

static const struct mslot A = { 1, 0, 1, 0x40000000, 0x10000, 0xffff80000000, 0, 0 };

static size_t of_severity(enum s2v_severity s)
{
	size_t n = 0;

	for (size_t i = 0; i < w.n_f; i++)
		n += !w.f[i].update && s2v_finding_severity(&w.f[i]) == s;
	return n;
}

/* A buffer in a window that was registered empty is no alarm; the same window misused is one. */
static void harmless_and_not(void **state)
{
	(void)state;
	begin(make_host(LATEST, S2V_YES, S2V_YES));
	vm_new(1);
	create(&A, &hole, NO_PTE, S2V_NO_PA, 0);
	map_vma(&A, 0, 0x4000, &pfn_wb, WB, RAM_PA, WB);
	only(R(ATTR_DRIFT));
	assert_int_equal(of_severity(S2V_INFO), 1);
	map_vma(&A, 0, 0x4000, &pfn_wb, WB, RAM_PA, WB); /* again: counted in it */
	assert_int_equal(w.n_f, 1);
	map_vma(&A, 0x4000, 0x4000, &pfn_nc, NC, RAM_PA + 0x4000, WB);
	assert_int_equal(told(S2V_RULE_ATTR_DRIFT, 0), 2);
	assert_int_equal(of_severity(S2V_HIGH), 2); /* and s2-cacheable */
	end();
	assert_int_equal(w.sum.findings[S2V_INFO], 1);
	assert_int_equal(w.sum.findings[S2V_HIGH], 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(harmless_and_not),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
