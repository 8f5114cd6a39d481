/* needs: src/core src/host src/util */
/* SPDX-License-Identifier: BSD-2-Clause */
/* Mappings that differ from the host's page tables, found by hooks: finding, not verified, or neither. */
#include "events.h"

static const struct mslot A = { 1, 0, 1, 0x40000000, 0x200000, 0xffff80000000, 0, 0 };

/* A block over a driver's mapping; the flags are the result of comparing all of it. */
static void map_block(__u64 pa, __u32 flags)
{
	struct s2v_ev_page ev = page(S2V_EV_MAP, &A, 0, &pfn_nc);

	ev.size = A.size;
	ev.pa = pa;
	ev.s2 = DEV;
	ev.vma.pte_attr = NC;
	ev.flags = S2V_PG_FIRST | flags;
	if (flags & S2V_PG_PA_DIFFERS) {
		ev.differs_pa = pa + 0x7000;
		ev.host_pa = RAM_PA + 0x123000;
	}
	send_page(&ev);
}

static void start(void)
{
	begin(make_host(LATEST, S2V_NO, S2V_NO));
	vm_new(1);
	create(&A, &pfn_nc, NC, DEV_PA, 0);
}

static void another_page(void **state)
{
	(void)state;
	start();
	map_block(DEV_PA, S2V_PG_PA_DIFFERS);
	only(R(FOREIGN_MEMORY));
	assert_non_null(
		strstr(finding(S2V_RULE_FOREIGN_MEMORY)->explain,
		       "leads to PA 0x4000007000, the host's page tables lead to 0x40123000"));
	end();
	assert_true(w.sum.complete);
}

static void nothing_there(void **state)
{
	(void)state;
	start();
	map_block(RAM_PA, S2V_PG_ABSENT);
	only(R(FOREIGN_MEMORY));
	end();
	start();
	map_block(DEV_PA, S2V_PG_ABSENT);
	only(0);
	end();
	assert_false(w.sum.complete);
	assert_non_null(strstr(w.sum.incomplete, "not mapped by the host"));
}

static void same_as_the_host(void **state)
{
	(void)state;
	start();
	map_block(DEV_PA, 0);
	only(0);
	end();
	assert_true(w.sum.complete);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(another_page),
		cmocka_unit_test(nothing_there),
		cmocka_unit_test(same_as_the_host),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
