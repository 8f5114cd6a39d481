/* needs: src/rules.c src/rules_reset.c src/names.c src/host.c */
/* SPDX-License-Identifier: BSD-2-Clause */
/* Each rule's decision: a case in which it fires, then each of its conditions changed alone. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <errno.h>
#include <string.h>
#include <cmocka.h>

#include "rules.h"

/* The parts of an input that a rule may look at; the pointers are set by decide(). */
struct t {
	const char *what;
	enum s2v_trigger on;
	struct s2v_vma vma, was;
	bool seen; /* was holds what lay there at registration */
	enum s2v_where where, was_where;
	bool from_start, queried;
	__u32 slot_flags;
	bool mte, accepted, exec;
	__u32 s2;
	int err;
	int fwb, dic;
};

static char why[4096];

static struct s2v_rule_in input(const struct t *t, struct s2v_host *h)
{
	*h = (struct s2v_host){ .fwb = t->fwb, .dic = t->dic, .s1_calibrated = 1 };
	return (struct s2v_rule_in){
		.on = t->on,
		.host = h,
		.vma = &t->vma,
		.registered = t->seen ? &t->was : NULL,
		.where = t->where,
		.registered_where = t->was_where,
		.vm_watched_from_start = t->from_start,
		.cap_queried = t->queried,
		.slot_flags = t->slot_flags,
		.vm_mte = t->mte,
		.slot_accepted = t->accepted,
		.s2 = t->s2,
		.exec = t->exec,
		.err = t->err,
	};
}

/* Decides; of an input that fires, the reason must be sound at any length of buffer. */
static bool decide(enum s2v_rule_id rule, const struct t *t)
{
	const struct s2v_rule *r = &s2v_rules[rule];
	struct s2v_host h;
	struct s2v_rule_in in = input(t, &h);
	char tiny[64];

	if (!r->decide(&in))
		return false;
	memset(why, '#', sizeof(why));
	r->why(&in, why, sizeof(why));
	assert_true(strlen(why) > 40);
	/* It ends as a sentence, fits what a finding has for it, and all its names are names. */
	assert_true(strlen(why) < 512);
	assert_int_equal(why[strlen(why) - 1], '.');
	assert_null(strstr(why, "(null)"));
	for (size_t len = 1; len < sizeof(tiny) - 1; len++) {
		memset(tiny, '#', sizeof(tiny));
		r->why(&in, tiny, len);
		assert_int_equal(strlen(tiny), len - 1);
		assert_memory_equal(tiny, why, len - 1);
		assert_int_equal(tiny[len], '#');
	}
	return true;
}

static void fires(enum s2v_rule_id rule, const struct t *t)
{
	if (!decide(rule, t))
		fail_msg("%s: %s: does not fire", s2v_rules[rule].name, t->what);
}

static void silent(enum s2v_rule_id rule, const struct t *t)
{
	if (decide(rule, t))
		fail_msg("%s: %s: fires", s2v_rules[rule].name, t->what);
}

/* A copy of x (of the caller's) with some fields changed, given as statements on x. */
#define CHANGED(check, rule, base, ...)      \
	do {                                 \
		const struct t base_ = base; \
		struct t x = base_;          \
		x.what = #__VA_ARGS__;       \
		__VA_ARGS__;                 \
		check(S2V_RULE_##rule, &x);  \
	} while (0)
#define FIRES(rule, base, ...) CHANGED(fires, rule, base, __VA_ARGS__)
#define SILENT(rule, base, ...) CHANGED(silent, rule, base, __VA_ARGS__)

#define WB S2V_ATTR_NORMAL_WB
#define TAGGED S2V_ATTR_NORMAL_TAGGED
#define WT S2V_ATTR_NORMAL_WT
#define NC S2V_ATTR_NORMAL_NC
#define nGnRnE S2V_ATTR_DEVICE_nGnRnE
#define nGnRE S2V_ATTR_DEVICE_nGnRE
#define GRE S2V_ATTR_DEVICE_GRE
#define nGRE S2V_ATTR_DEVICE_nGRE
#define AS_S1 S2V_ATTR_AS_S1
#define UNKNOWN S2V_ATTR_UNKNOWN
#define NONE S2V_ATTR_NONE
#define PFNMAP S2V_VMA_PFNMAP
#define MIXEDMAP S2V_VMA_MIXEDMAP

/* Anonymous memory, mapped Write-Back at both stages, on a host that has everything. */
static const struct t sound = {
	.on = S2V_ON_MAP,
	.vma = { .attr = WB },
	.was = { .attr = WB },
	.seen = true,
	.where = S2V_WHERE_INSIDE,
	.was_where = S2V_WHERE_INSIDE,
	.from_start = true,
	.accepted = true,
	.s2 = WB,
	.fwb = S2V_YES,
	.dic = S2V_YES,
};

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
		silent((enum s2v_rule_id)r, &x);
	}
}

/* Every pair of stage 1 and stage 2, as the design's two rules read. */
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
	/* No fact about host or address excuses it: S2FWB cannot either, it *makes* it NC. */
	FIRES(S2_NONCACHEABLE, x, x.fwb = S2V_NO);
	FIRES(S2_NONCACHEABLE, x, x.where = S2V_WHERE_UNKNOWN);
	FIRES(S2_NONCACHEABLE, x, x.vma.flags = PFNMAP | S2V_VMA_ANY_UNCACHED; x.s2 = NC);
	/* The PTE has the last word, either way. */
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
	/* But the flag does not excuse a stage 2 that is cacheable. */
	FIRES(S2_CACHEABLE, x, x.vma.flags = PFNMAP | S2V_VMA_ANY_UNCACHED; x.vma.attr = nGnRnE);
	SILENT(S2_CACHEABLE, x, x.vma.pte_attr = WB);
	FIRES(S2_CACHEABLE, x, x.vma.attr = WB; x.vma.pte_attr = NC);
}

/* A cacheable PFNMAP outside the kernel's map, accepted by a host without S2FWB. */
static struct t admitted(void)
{
	struct t x = sound;

	x.on = S2V_ON_SLOT;
	x.vma.flags = PFNMAP;
	x.seen = false;
	x.where = S2V_WHERE_OUTSIDE;
	x.s2 = NONE;
	x.fwb = S2V_NO;
	return x;
}

static void pfnmap_admitted(void **state)
{
	struct t x = admitted();

	(void)state;
	FIRES(PFNMAP_ADMITTED, x, );
	assert_non_null(strstr(why, "no S2FWB"));
	FIRES(PFNMAP_ADMITTED, x, x.fwb = S2V_YES; x.dic = S2V_NO); /* S2FWB alone will not do */
	assert_non_null(strstr(why, "not CTR_EL0.DIC"));
	FIRES(PFNMAP_ADMITTED, x, x.dic = S2V_NO);
	assert_non_null(strstr(why, "neither"));
	SILENT(PFNMAP_ADMITTED, x, x.fwb = S2V_YES);
	SILENT(PFNMAP_ADMITTED, x, x.err = -EINVAL);
	SILENT(PFNMAP_ADMITTED, x, x.where = S2V_WHERE_INSIDE);
	SILENT(PFNMAP_ADMITTED, x, x.where = S2V_WHERE_UNKNOWN);
	SILENT(PFNMAP_ADMITTED, x, x.vma.attr = NC);
	SILENT(PFNMAP_ADMITTED, x, x.vma.attr = nGnRnE);
	SILENT(PFNMAP_ADMITTED, x, x.vma.flags = MIXEDMAP); /* the rule is of VM_PFNMAP */
	SILENT(PFNMAP_ADMITTED, x, x.vma.flags = 0);
	FIRES(PFNMAP_ADMITTED, x, x.vma.attr = TAGGED);
	/* kvm_vma_is_cacheable() goes by vm_page_prot, not by the PTE */
	FIRES(PFNMAP_ADMITTED, x, x.vma.pte_attr = NC);
	SILENT(PFNMAP_ADMITTED, x, x.vma.attr = NC; x.vma.pte_attr = WB);
}

/* A host is "without" only what it is known to lack: a critical finding is no guess. */
static void pfnmap_admitted_unknown_host(void **state)
{
	struct t x = admitted();

	(void)state;
	SILENT(PFNMAP_ADMITTED, x, x.fwb = x.dic = S2V_UNKNOWN);
	SILENT(PFNMAP_ADMITTED, x, x.fwb = S2V_UNKNOWN; x.dic = S2V_YES);
	SILENT(PFNMAP_ADMITTED, x, x.fwb = S2V_YES; x.dic = S2V_UNKNOWN);
	FIRES(PFNMAP_ADMITTED, x, x.fwb = S2V_UNKNOWN; x.dic = S2V_NO);
	assert_null(strstr(why, "S2FWB,")); /* says nothing of it */
	assert_null(strstr(why, "neither"));
	FIRES(PFNMAP_ADMITTED, x, x.fwb = S2V_NO; x.dic = S2V_UNKNOWN);
	assert_null(strstr(why, "neither"));
}

/* Registered before its pages were there: the address is known at the first mapping. */
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
	SILENT(PFNMAP_ADMITTED, x, x.was_where = S2V_WHERE_OUTSIDE); /* told at registration */
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
	/* KVM does not look at the address there, so nor does this. */
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
	FIRES(PFNMAP_REFUSED, x, x.where = S2V_WHERE_UNKNOWN);
	SILENT(PFNMAP_REFUSED, x, x.where = S2V_WHERE_INSIDE); /* those are mapped Write-Back */
	SILENT(PFNMAP_REFUSED, x, x.vma.flags = 0);
	SILENT(PFNMAP_REFUSED, x, x.vma.attr = NC);
	SILENT(PFNMAP_REFUSED, x, x.vma.attr = NONE);
	SILENT(PFNMAP_REFUSED, x, x.fwb = S2V_YES);
	SILENT(PFNMAP_REFUSED, x, x.err = -EINVAL);
	SILENT(PFNMAP_REFUSED, x, x.err = -ENOEXEC);
	SILENT(PFNMAP_REFUSED, x, x.err = -ENOMEM);
	/* Dirty logging is no reason for EFAULT. MTE is, but the check for this comes before it. */
	FIRES(PFNMAP_REFUSED, x, x.slot_flags = S2V_MEM_LOG_DIRTY_PAGES);
	FIRES(PFNMAP_REFUSED, x, x.mte = true);
	SILENT(PFNMAP_REFUSED, x, x.mte = true; x.where = S2V_WHERE_UNKNOWN);
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
	/* mprotect(PROT_MTE) makes Write-Back Tagged: the memory type is Write-Back still. */
	SILENT(ATTR_DRIFT, x, x.vma.attr = TAGGED);
	SILENT(ATTR_DRIFT, x, x.was.attr = TAGGED);
	FIRES(ATTR_DRIFT, x, x.was.attr = TAGGED; x.vma.attr = NC);
	/* Other files, other flags that do not matter */
	SILENT(ATTR_DRIFT, x, x.vma.flags = S2V_VMA_FILE | S2V_VMA_HUGETLB | S2V_VMA_SHARED);
	/* The PTE alone is no drift of what is registered: s2-noncacheable tells of it. */
	SILENT(ATTR_DRIFT, x, x.vma.pte_attr = NC);
}

/* Nothing was mapped when the slot was registered: ordinary memory there is as usual. */
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
	FIRES(DEVICE_EXEC, x, x.vma.attr = NONE); /* relax_perms: the host side is not looked at */
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
	SILENT(MIGRATION_PINNED, x, x.where = S2V_WHERE_INSIDE); /* KVM can clean those */
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
		cmocka_unit_test(pfnmap_admitted_late),
		cmocka_unit_test(pfnmap_refused_at_the_memslot),
		cmocka_unit_test(pfnmap_refused_at_the_fault),
		cmocka_unit_test(attr_drift),
		cmocka_unit_test(attr_drift_into_a_hole),
		cmocka_unit_test(device_exec),
		cmocka_unit_test(cap_unqueried),
		cmocka_unit_test(migration_pinned),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
