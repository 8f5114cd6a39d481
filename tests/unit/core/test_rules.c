/* needs: src/core src/host src/util */
/* SPDX-License-Identifier: BSD-2-Clause */
/* Each rule: a case in which it fires, then each condition changed alone. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <errno.h>
#include <string.h>
#include <cmocka.h>

#include "rules_input.h"

static void nothing_fires_on_sound_memory(void **state)
{
	(void)state;
	for (int r = 0; r < S2V_RULE_NR; r++) {
		struct t x = sound;

		x.what = "sound";
		silent((enum s2v_rule_id)r, &x);
		x.fwb = x.dic = S2V_NO;
		silent((enum s2v_rule_id)r, &x);
		x.exec = true;
		silent((enum s2v_rule_id)r, &x);
		x.vma.pte_attr = TAGGED;
		silent((enum s2v_rule_id)r, &x);
		x.on = S2V_ON_SLOT;
		x.s2 = NONE;
		silent((enum s2v_rule_id)r, &x);
		x.on = S2V_ON_FAULT;
		x.err = -EFAULT;
		(r == S2V_RULE_FAULT_FAILED ? fires : silent)((enum s2v_rule_id)r, &x);
	}
}

/* Every pair of stage 1 and stage 2, against both rules of conflicts. */
static void s1_against_s2(void **state)
{
	(void)state;
	for (__u32 s1 = 0; s1 < S2V_ATTR_NR; s1++) {
		for (__u32 s2 = 0; s2 < S2V_ATTR_NR; s2++) {
			bool c1 = s1 == WB || s1 == TAGGED || s1 == WT;
			bool c2 = s2 == WB || s2 == TAGGED || s2 == WT;
			bool n1 = s1 >= NC && s1 <= nGnRnE, n2 = s2 >= NC && s2 <= nGnRnE;

			for (int pte = 0; pte < 2; pte++) {
				struct t x = sound;

				x.what = s2v_attr_name(s1);
				x.vma.attr = pte ? NONE : s1;
				x.vma.pte_attr = pte ? s1 : NONE;
				x.s2 = s2;
				assert_int_equal(decide(S2V_RULE_S2_NONCACHEABLE, &x), c1 && n2);
				assert_int_equal(decide(S2V_RULE_S2_CACHEABLE, &x), n1 && c2);
			}
		}
	}
}

static void s2_noncacheable(void **state)
{
	struct t x = sound;

	(void)state;
	x.s2 = nGnRE;
	FIRES(S2_NONCACHEABLE, x, );
	FIRES(S2_NONCACHEABLE, x, x.s2 = NC);
	SILENT(S2_NONCACHEABLE, x, x.s2 = WB);
	SILENT(S2_NONCACHEABLE, x, x.s2 = AS_S1);
	/* It fires on any host and address; S2FWB does not help, it forces Non-cacheable. */
	FIRES(S2_NONCACHEABLE, x, x.fwb = S2V_NO);
	FIRES(S2_NONCACHEABLE, x, x.where = S2V_WHERE_UNKNOWN);
	FIRES(S2_NONCACHEABLE, x, x.vma.flags = PFNMAP | S2V_VMA_ANY_UNCACHED; x.s2 = NC);
	/* The PTE overrides the VMA, either way. */
	SILENT(S2_NONCACHEABLE, x, x.vma.pte_attr = NC);
	FIRES(S2_NONCACHEABLE, x, x.vma.attr = NC; x.vma.pte_attr = WB);
	assert_non_null(strstr(why, "PTE"));
	SILENT(S2_NONCACHEABLE, x, x.vma.attr = NC);
	SILENT(S2_NONCACHEABLE, x, x.vma.attr = NONE); /* counted as unreadable, not guessed */
}

static void s2_cacheable(void **state)
{
	struct t x = sound;

	(void)state;
	x.vma.attr = NC;
	FIRES(S2_CACHEABLE, x, );
	FIRES(S2_CACHEABLE, x, x.vma.attr = nGnRnE);
	FIRES(S2_CACHEABLE, x, x.vma.flags = PFNMAP);
	assert_non_null(strstr(why, "kernel's map"));
	FIRES(S2_CACHEABLE, x, x.vma.flags = PFNMAP; x.where = S2V_WHERE_OUTSIDE);
	assert_null(strstr(why, "kernel's map"));
	/* By design: VM_ALLOW_ANY_UNCACHED, host Device, stage 2 Normal-NC; and Device of both. */
	SILENT(S2_CACHEABLE, x, x.vma.flags = PFNMAP | S2V_VMA_ANY_UNCACHED; x.vma.attr = nGnRnE;
	       x.s2 = NC);
	SILENT(S2_CACHEABLE, x, x.vma.attr = nGnRnE; x.s2 = nGnRE);
	/* The flag does not allow a cacheable stage 2. */
	FIRES(S2_CACHEABLE, x, x.vma.flags = PFNMAP | S2V_VMA_ANY_UNCACHED; x.vma.attr = nGnRnE);
	SILENT(S2_CACHEABLE, x, x.vma.pte_attr = WB);
	FIRES(S2_CACHEABLE, x, x.vma.attr = WB; x.vma.pte_attr = NC);
}

static void pfnmap_admitted(void **state)
{
	struct t x = admitted();

	(void)state;
	FIRES(PFNMAP_ADMITTED, x, );
	assert_non_null(strstr(why, "no S2FWB"));
	FIRES(PFNMAP_ADMITTED, x, x.fwb = S2V_YES; x.dic = S2V_NO); /* S2FWB alone is not enough */
	assert_non_null(strstr(why, "not CTR_EL0.DIC"));
	FIRES(PFNMAP_ADMITTED, x, x.dic = S2V_NO);
	assert_non_null(strstr(why, "neither"));
	SILENT(PFNMAP_ADMITTED, x, x.fwb = S2V_YES);
	SILENT(PFNMAP_ADMITTED, x, x.err = -EINVAL);
	SILENT(PFNMAP_ADMITTED, x, x.where = S2V_WHERE_INSIDE);
	SILENT(PFNMAP_ADMITTED, x, x.where = S2V_WHERE_UNKNOWN);
	SILENT(PFNMAP_ADMITTED, x, x.vma.attr = NC);
	SILENT(PFNMAP_ADMITTED, x, x.vma.attr = nGnRnE);
	SILENT(PFNMAP_ADMITTED, x, x.vma.flags = MIXEDMAP); /* VM_PFNMAP only */
	SILENT(PFNMAP_ADMITTED, x, x.vma.flags = 0);
	FIRES(PFNMAP_ADMITTED, x, x.vma.attr = TAGGED);
	/* kvm_vma_is_cacheable() uses vm_page_prot, not the PTE */
	FIRES(PFNMAP_ADMITTED, x, x.vma.pte_attr = NC);
	SILENT(PFNMAP_ADMITTED, x, x.vma.attr = NC; x.vma.pte_attr = WB);
}

/* A kernel before 6.17 maps it Device, whatever the CPU has. */
static void pfnmap_admitted_by_an_old_kernel(void **state)
{
	struct t x = admitted();

	(void)state;
	x.fwb = x.dic = S2V_YES;
	x.cap = -1;
	FIRES(PFNMAP_ADMITTED, x, );
	SAYS("243");
	SAYS("Device");
	NOT("that has");
	SILENT(PFNMAP_ADMITTED, x, x.cap = 1);
	SILENT(PFNMAP_ADMITTED, x, x.cap = 0);
	SILENT(PFNMAP_ADMITTED, x, x.where = S2V_WHERE_INSIDE);
	SILENT(PFNMAP_ADMITTED, x, x.where = S2V_WHERE_UNKNOWN);
	SILENT(PFNMAP_ADMITTED, x, x.vma.attr = NC);
	SILENT(PFNMAP_ADMITTED, x, x.err = -EINVAL);
	/* No finding if the host is not known to have or lack them. */
	SILENT(PFNMAP_ADMITTED, x, x.fwb = S2V_UNKNOWN);
	SILENT(PFNMAP_ADMITTED, x, x.dic = S2V_UNKNOWN);
	/* An audit finds the memslot, touched by the guest or not. */
	x.on = S2V_ON_FOUND;
	x.accepted = x.seen = false;
	FIRES(PFNMAP_ADMITTED, x, );
	SAYS("The kernel has a memslot");
	FIRES(PFNMAP_ADMITTED, x, x.dic = S2V_NO);
	SAYS("S2FWB but not CTR_EL0.DIC");
	SILENT(PFNMAP_ADMITTED, x, x.vma.flags = 0);
	SILENT(PFNMAP_ADMITTED, x, x.where = S2V_WHERE_UNKNOWN);
	/* A newer kernel would refuse it at the fault. */
	SILENT(PFNMAP_ADMITTED, x, x.cap = 0; x.dic = S2V_NO);
	SILENT(PFNMAP_ADMITTED, x, x.cap = 1);
	/* No other rule is applied to a memslot that an audit finds. */
	for (int r = 0; r < S2V_RULE_NR; r++)
		assert_int_equal((s2v_rules[r]->on & S2V_ON_FOUND) != 0,
				 r == S2V_RULE_PFNMAP_ADMITTED);
}

/* The finding names only what the host is known to lack. */
static void pfnmap_admitted_unknown_host(void **state)
{
	struct t x = admitted();

	(void)state;
	SILENT(PFNMAP_ADMITTED, x, x.fwb = x.dic = S2V_UNKNOWN);
	SILENT(PFNMAP_ADMITTED, x, x.fwb = S2V_UNKNOWN; x.dic = S2V_YES);
	SILENT(PFNMAP_ADMITTED, x, x.fwb = S2V_YES; x.dic = S2V_UNKNOWN);
	FIRES(PFNMAP_ADMITTED, x, x.fwb = S2V_UNKNOWN; x.dic = S2V_NO);
	assert_null(strstr(why, "S2FWB,")); /* S2FWB is not known */
	assert_null(strstr(why, "neither"));
	FIRES(PFNMAP_ADMITTED, x, x.fwb = S2V_NO; x.dic = S2V_UNKNOWN);
	assert_null(strstr(why, "neither"));
}

/* Registered before its pages were mapped: the address is known at the first mapping. */
static void pfnmap_admitted_late(void **state)
{
	struct t x = admitted();

	(void)state;
	x.on = S2V_ON_MAP;
	x.seen = true;
	x.was.flags = PFNMAP;
	x.was_where = S2V_WHERE_UNKNOWN;
	x.s2 = nGnRE;
	FIRES(PFNMAP_ADMITTED, x, );
	SILENT(PFNMAP_ADMITTED, x, x.was_where = S2V_WHERE_OUTSIDE); /* reported at registration */
	SILENT(PFNMAP_ADMITTED, x, x.seen = false);
	SILENT(PFNMAP_ADMITTED, x, x.accepted = false);
	SILENT(PFNMAP_ADMITTED, x, x.was.flags = 0); /* another mapping now: attr-drift */
	SILENT(PFNMAP_ADMITTED, x, x.was.attr = NC);
	SILENT(PFNMAP_ADMITTED, x, x.vma.flags = 0);
	SILENT(PFNMAP_ADMITTED, x, x.vma.attr = NC);
	SILENT(PFNMAP_ADMITTED, x, x.where = S2V_WHERE_INSIDE);
	SILENT(PFNMAP_ADMITTED, x, x.where = S2V_WHERE_UNKNOWN);
	SILENT(PFNMAP_ADMITTED, x, x.fwb = S2V_YES);
}

static void pfnmap_refused_at_the_memslot(void **state)
{
	struct t x = admitted();

	(void)state;
	x.err = -EINVAL;
	x.accepted = false;
	FIRES(PFNMAP_REFUSED, x, );
	FIRES(PFNMAP_REFUSED, x, x.fwb = S2V_YES; x.dic = S2V_NO);
	/* KVM does not look at the address there, so the rule does not either. */
	FIRES(PFNMAP_REFUSED, x, x.where = S2V_WHERE_UNKNOWN);
	SILENT(PFNMAP_REFUSED, x, x.err = 0);
	SILENT(PFNMAP_REFUSED, x, x.err = -EFAULT); /* beyond the IPA size */
	SILENT(PFNMAP_REFUSED, x, x.err = -ENOMEM);
	SILENT(PFNMAP_REFUSED, x, x.fwb = S2V_YES);
	SILENT(PFNMAP_REFUSED, x, x.vma.attr = NC);
	SILENT(PFNMAP_REFUSED, x, x.vma.flags = MIXEDMAP); /* not checked there, 6.17 on */
	SILENT(PFNMAP_REFUSED, x, x.vma.flags = 0);
	/* Other reasons for EINVAL: dirty logging of PFNMAP, MTE */
	SILENT(PFNMAP_REFUSED, x, x.slot_flags = S2V_MEM_LOG_DIRTY_PAGES);
	FIRES(PFNMAP_REFUSED, x, x.slot_flags = S2V_MEM_READONLY);
	SILENT(PFNMAP_REFUSED, x, x.mte = true);
	FIRES(PFNMAP_REFUSED, x, x.fwb = x.dic = S2V_UNKNOWN);
	assert_null(strstr(why, "neither")); /* that is not known */
}

static void pfnmap_refused_at_the_fault(void **state)
{
	struct t x = admitted();

	(void)state;
	x.on = S2V_ON_FAULT;
	x.err = -EFAULT;
	x.seen = true;
	FIRES(PFNMAP_REFUSED, x, );
	assert_non_null(strstr(why, "touched"));
	FIRES(PFNMAP_REFUSED, x, x.vma.flags = MIXEDMAP);
	/* KVM checks a page that it has; without one the reason is another (a buffer mapped read-only). */
	SILENT(PFNMAP_REFUSED, x, x.where = S2V_WHERE_UNKNOWN);
	SILENT(PFNMAP_REFUSED, x, x.where = S2V_WHERE_INSIDE); /* KVM maps these Write-Back */
	SILENT(PFNMAP_REFUSED, x, x.cap = -1); /* no such kernel refuses it */
	SILENT(PFNMAP_REFUSED, x, x.vma.flags = 0);
	SILENT(PFNMAP_REFUSED, x, x.vma.attr = NC);
	SILENT(PFNMAP_REFUSED, x, x.vma.attr = NONE);
	SILENT(PFNMAP_REFUSED, x, x.fwb = S2V_YES);
	SILENT(PFNMAP_REFUSED, x, x.err = -EINVAL);
	SILENT(PFNMAP_REFUSED, x, x.err = -ENOEXEC);
	SILENT(PFNMAP_REFUSED, x, x.err = -ENOMEM);
	/* Dirty logging is no reason for EFAULT. MTE is, but KVM checks for cacheable PFNMAP first. */
	FIRES(PFNMAP_REFUSED, x, x.slot_flags = S2V_MEM_LOG_DIRTY_PAGES);
	FIRES(PFNMAP_REFUSED, x, x.mte = true);
}

static void attr_drift(void **state)
{
	struct t x = sound;

	(void)state;
	x.vma.flags = PFNMAP;
	FIRES(ATTR_DRIFT, x, ); /* became PFNMAP, the type is the same */
	FIRES(ATTR_DRIFT, x, x.vma.flags = MIXEDMAP);
	FIRES(ATTR_DRIFT, x, x.was.flags = MIXEDMAP); /* KVM checks VM_PFNMAP at registration */
	SILENT(ATTR_DRIFT, x, x.vma.flags = 0);
	SILENT(ATTR_DRIFT, x, x.was.flags = PFNMAP);
	SILENT(ATTR_DRIFT, x, x.was.flags = PFNMAP; x.vma.flags = 0); /* became ordinary */
	SILENT(ATTR_DRIFT, x, x.seen = false);
	SILENT(ATTR_DRIFT, x, x.vma.attr = NONE); /* cannot be read now */
	/* Another memory type, PFNMAP or not */
	x.vma.flags = 0;
	FIRES(ATTR_DRIFT, x, x.vma.attr = NC);
	FIRES(ATTR_DRIFT, x, x.vma.attr = nGnRnE);
	FIRES(ATTR_DRIFT, x, x.was.attr = NC);
	FIRES(ATTR_DRIFT, x, x.was.attr = NC; x.vma.attr = nGnRE);
	SILENT(ATTR_DRIFT, x, x.was.attr = x.vma.attr = NC);
	/* mprotect(PROT_MTE) makes Write-Back Tagged, which is the same memory type. */
	SILENT(ATTR_DRIFT, x, x.vma.attr = TAGGED);
	SILENT(ATTR_DRIFT, x, x.was.attr = TAGGED);
	FIRES(ATTR_DRIFT, x, x.was.attr = TAGGED; x.vma.attr = NC);
	/* Another file, or other flags: no drift. */
	SILENT(ATTR_DRIFT, x, x.vma.flags = S2V_VMA_FILE | S2V_VMA_HUGETLB | S2V_VMA_SHARED);
	/* A PTE that differs is no drift: s2-noncacheable reports it. */
	SILENT(ATTR_DRIFT, x, x.vma.pte_attr = NC);
}

/* Nothing was mapped at registration: ordinary memory there is no drift. */
static void attr_drift_into_a_hole(void **state)
{
	struct t x = sound;

	(void)state;
	x.was.attr = NONE;
	SILENT(ATTR_DRIFT, x, );
	SILENT(ATTR_DRIFT, x, x.vma.attr = TAGGED);
	SILENT(ATTR_DRIFT, x, x.vma.flags = S2V_VMA_FILE | S2V_VMA_HUGETLB);
	FIRES(ATTR_DRIFT, x, x.vma.flags = PFNMAP);
	FIRES(ATTR_DRIFT, x, x.vma.flags = MIXEDMAP);
	FIRES(ATTR_DRIFT, x, x.vma.attr = NC);
	FIRES(ATTR_DRIFT, x, x.vma.attr = nGnRE; x.vma.flags = PFNMAP);
	SILENT(ATTR_DRIFT, x, x.vma.flags = PFNMAP; x.seen = false);
}

/* High only if the new backing may be incoherent on this host, or is not verified. */
static void attr_drift_severity(void **state)
{
	struct t x = sound;

	(void)state;
	/* A GPU's buffer, mapped into a window that was registered empty. */
	x.was.attr = NONE;
	x.vma.flags = PFNMAP;
	x.vma.pte_attr = WB;
	x.where = S2V_WHERE_OUTSIDE;
	INFO(ATTR_DRIFT, x, );
	SAYS("S2FWB and DIC");
	NOT("delete the memslot");
	INFO(ATTR_DRIFT, x, x.where = S2V_WHERE_UNKNOWN);
	HIGH(ATTR_DRIFT, x, x.dic = S2V_NO);
	SAYS("delete the memslot");
	HIGH(ATTR_DRIFT, x, x.fwb = S2V_NO);
	HIGH(ATTR_DRIFT, x, x.fwb = S2V_UNKNOWN);
	HIGH(ATTR_DRIFT, x, x.dic = S2V_NO; x.where = S2V_WHERE_UNKNOWN);
	/* The kernel can maintain the cache for memory in its map. */
	INFO(ATTR_DRIFT, x, x.fwb = x.dic = S2V_NO; x.where = S2V_WHERE_INSIDE);
	HIGH(ATTR_DRIFT, x, x.vma.pte_attr = NONE); /* the driver's PTEs were not seen */
	HIGH(ATTR_DRIFT, x, x.s2 = nGnRE); /* one side uses the cache */
	HIGH(ATTR_DRIFT, x, x.vma.pte_attr = NC);
	HIGH(ATTR_DRIFT, x, x.vma.pte_attr = UNKNOWN);
	HIGH(ATTR_DRIFT, x, x.s2 = UNKNOWN);
	HIGH(ATTR_DRIFT, x, x.s2 = AS_S1);
	/* A BAR, mapped by vfio-pci over a memslot of ordinary memory. */
	x.was.attr = WB;
	x.vma.flags = PFNMAP | S2V_VMA_ANY_UNCACHED;
	x.vma.attr = x.vma.pte_attr = nGnRnE;
	x.s2 = NC;
	x.fwb = x.dic = S2V_NO;
	INFO(ATTR_DRIFT, x, );
	SAYS("neither side uses the cache");
	HIGH(ATTR_DRIFT, x, x.s2 = WB);
	/* Device memory was registered, and is ordinary now. */
	x.was.attr = NC;
	x.was.flags = PFNMAP;
	x.vma.flags = 0;
	x.vma.attr = WB;
	x.vma.pte_attr = NONE;
	x.s2 = WB;
	INFO(ATTR_DRIFT, x, );
	SAYS("kernel can maintain");
}

static void device_exec(void **state)
{
	struct t x = sound;

	(void)state;
	x.s2 = nGnRE;
	x.exec = true;
	FIRES(DEVICE_EXEC, x, );
	FIRES(DEVICE_EXEC, x, x.s2 = nGnRnE);
	FIRES(DEVICE_EXEC, x, x.s2 = GRE);
	FIRES(DEVICE_EXEC, x, x.s2 = nGRE);
	FIRES(DEVICE_EXEC, x, x.vma.attr = NONE); /* relax_perms: no host attributes */
	SILENT(DEVICE_EXEC, x, x.exec = false);
	SILENT(DEVICE_EXEC, x, x.s2 = NC);
	SILENT(DEVICE_EXEC, x, x.s2 = WB);
	SILENT(DEVICE_EXEC, x, x.s2 = UNKNOWN);
	SILENT(DEVICE_EXEC, x, x.s2 = NONE);
}

static void cap_unqueried(void **state)
{
	struct t x = admitted();

	(void)state;
	x.fwb = S2V_YES;
	FIRES(CAP_UNQUERIED, x, );
	assert_non_null(strstr(why, "243"));
	assert_non_null(strstr(why, "which has S2FWB and DIC"));
	FIRES(CAP_UNQUERIED, x, x.fwb = S2V_NO);
	assert_null(strstr(why, "which has S2FWB"));
	FIRES(CAP_UNQUERIED, x, x.where = S2V_WHERE_UNKNOWN);
	SILENT(CAP_UNQUERIED, x, x.queried = true);
	SILENT(CAP_UNQUERIED, x, x.from_start = false); /* it may have asked before */
	SILENT(CAP_UNQUERIED, x, x.err = -EINVAL);
	SILENT(CAP_UNQUERIED, x, x.vma.attr = NC);
	SILENT(CAP_UNQUERIED, x, x.vma.flags = 0);
	SILENT(CAP_UNQUERIED, x, x.vma.flags = MIXEDMAP);
}

static void migration_pinned(void **state)
{
	struct t x = sound;

	(void)state;
	x.vma.flags = PFNMAP;
	x.where = S2V_WHERE_OUTSIDE;
	FIRES(MIGRATION_PINNED, x, );
	FIRES(MIGRATION_PINNED, x, x.vma.flags = MIXEDMAP);
	FIRES(MIGRATION_PINNED, x, x.vma.pte_attr = TAGGED);
	SILENT(MIGRATION_PINNED, x, x.vma.flags = 0);
	SILENT(MIGRATION_PINNED, x, x.where = S2V_WHERE_INSIDE); /* KVM can clean the cache there */
	SILENT(MIGRATION_PINNED, x, x.where = S2V_WHERE_UNKNOWN);
	SILENT(MIGRATION_PINNED, x, x.s2 = nGnRE);
	SILENT(MIGRATION_PINNED, x, x.s2 = NC);
	SILENT(MIGRATION_PINNED, x, x.vma.attr = NC);
	SILENT(MIGRATION_PINNED, x, x.vma.pte_attr = NC);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_fires_on_sound_memory),
		cmocka_unit_test(s1_against_s2),
		cmocka_unit_test(s2_noncacheable),
		cmocka_unit_test(s2_cacheable),
		cmocka_unit_test(pfnmap_admitted),
		cmocka_unit_test(pfnmap_admitted_unknown_host),
		cmocka_unit_test(pfnmap_admitted_by_an_old_kernel),
		cmocka_unit_test(pfnmap_admitted_late),
		cmocka_unit_test(pfnmap_refused_at_the_memslot),
		cmocka_unit_test(pfnmap_refused_at_the_fault),
		cmocka_unit_test(attr_drift),
		cmocka_unit_test(attr_drift_into_a_hole),
		cmocka_unit_test(attr_drift_severity),
		cmocka_unit_test(device_exec),
		cmocka_unit_test(cap_unqueried),
		cmocka_unit_test(migration_pinned),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
