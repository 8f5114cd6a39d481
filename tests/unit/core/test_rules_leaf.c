/* needs: src/core src/host src/util */
/* SPDX-License-Identifier: BSD-2-Clause */
/* Leaves that differ from the host's page tables: foreign memory, or not verified. */
#include "rules_input.h"

/* A leaf over anonymous memory without a host PTE. */
static struct t absent(void)
{
	struct t x = sound;

	x.on = S2V_ON_LEAF;
	x.seen = false;
	x.absent = true;
	return x;
}

static enum s2v_absent taken_for(const struct t *t)
{
	struct s2v_host h;
	struct s2v_rule_in in = input(t, &h);
	enum s2v_absent a = s2v_absent_leaf(&in);

	assert_int_equal(decide(S2V_RULE_FOREIGN_MEMORY, t), a == S2V_ABSENT_FOREIGN);
	return a;
}

#define TAKEN_FOR(verdict, base, ...)                                       \
	do {                                                                \
		const struct t base_ = base;                                \
		struct t x = base_;                                         \
		x.what = #__VA_ARGS__;                                      \
		__VA_ARGS__;                                                \
		if (taken_for(&x) != S2V_ABSENT_##verdict)                  \
			fail_msg("%s: is not taken for " #verdict, x.what); \
	} while (0)

static void another_page(void **state)
{
	struct t x = sound;

	(void)state;
	x.on = S2V_ON_LEAF;
	x.differs = true;
	FIRES(FOREIGN_MEMORY, x, );
	SAYS("the host's page tables lead to 0x");
	FIRES(FOREIGN_MEMORY, x, x.vma.flags = PFNMAP; x.where = S2V_WHERE_OUTSIDE);
	FIRES(FOREIGN_MEMORY, x, x.where = S2V_WHERE_UNKNOWN; x.vma.attr = NONE);
	SILENT(FOREIGN_MEMORY, x, x.differs = false);
	SILENT(ALIAS_CONFLICT, x, ); /* needs another leaf */
}

static void no_page(void **state)
{
	struct t x = absent();

	(void)state;
	TAKEN_FOR(FOREIGN, x, );
	SAYS("map nothing there");
	SAYS("which is RAM");
	TAKEN_FOR(NOT, x, x.absent = false);
	/* RAM is foreign, whatever the VMA: udmabuf, GEM. */
	TAKEN_FOR(FOREIGN, x, x.vma.flags = PFNMAP);
	TAKEN_FOR(FOREIGN, x, x.vma.flags = MIXEDMAP; x.vma.attr = NC);
	TAKEN_FOR(FOREIGN, x, x.vma.flags = PFNMAP | S2V_VMA_ANY_UNCACHED);
	TAKEN_FOR(FOREIGN, x, x.vma.attr = NONE); /* no VMA is left, the leaf is */
	/* Ordinary memory that is not RAM: a DAX file */
	TAKEN_FOR(FOREIGN, x, x.where = S2V_WHERE_OUTSIDE);
	NOT("which is RAM");
	TAKEN_FOR(FOREIGN, x, x.where = S2V_WHERE_UNKNOWN);
	/* Device memory that its driver maps page by page may be contiguous or not. */
	x.where = S2V_WHERE_OUTSIDE;
	x.vma.attr = NC;
	x.s2 = NC;
	TAKEN_FOR(UNVERIFIED, x, x.vma.flags = PFNMAP);
	TAKEN_FOR(UNVERIFIED, x, x.vma.flags = MIXEDMAP);
	TAKEN_FOR(UNVERIFIED, x, x.vma.flags = PFNMAP; x.where = S2V_WHERE_UNKNOWN);
	TAKEN_FOR(UNVERIFIED, x, x.vma.attr = NONE); /* nothing is known about it */
	/* vfio-pci's is contiguous. */
	TAKEN_FOR(NOT, x, x.vma.flags = PFNMAP | S2V_VMA_ANY_UNCACHED);
	TAKEN_FOR(UNVERIFIED, x, x.vma.flags = PFNMAP | S2V_VMA_ANY_UNCACHED;
		  x.where = S2V_WHERE_UNKNOWN);
	/* guest_memfd is not mapped in the host. */
	TAKEN_FOR(NOT, x, x.vma.flags = S2V_VMA_GMEM; x.where = S2V_WHERE_INSIDE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(another_page),
		cmocka_unit_test(no_page),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
