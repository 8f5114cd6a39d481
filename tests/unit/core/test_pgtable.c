/* needs: src/core/names.c */
/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Arithmetic of translation tables. Expected values are worked out by hand from Arm ARM DDI 0487
 * D8.2 (translation process, one table per granule) and D8.3 (descriptor formats).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

#include "util/types.h"

#include "s2v_pgtable.h"

#define BIT(n) (1ULL << (n))
#define BITS(hi, lo) ((BIT((hi) - (lo) + 1) - 1) << (lo))

static void same(__u64 got, __u64 want, const char *what, unsigned int a, int b)
{
	if (got != want)
		fail_msg("%s (%u, %d): 0x%llx, expected 0x%llx", what, a, b,
			 (unsigned long long)got, (unsigned long long)want);
}

/*
 * D8.2.6 to D8.2.8: what one entry of each level maps.
 *	4K:  L3 4K  L2 2M   L1 1G   L0 512G  L-1 256T
 *	16K: L3 16K L2 32M  L1 64G  L0 128T
 *	64K: L3 64K L2 512M L1 4T
 */
static void level_shift(void **state)
{
	static const struct {
		__u32 page_shift;
		int level;
		__u32 shift;
	} t[] = {
		{ 12, 3, 12 },	{ 12, 2, 21 }, { 12, 1, 30 }, { 12, 0, 39 },
		{ 12, -1, 48 }, { 14, 3, 14 }, { 14, 2, 25 }, { 14, 1, 36 },
		{ 14, 0, 47 },	{ 16, 3, 16 }, { 16, 2, 29 }, { 16, 1, 42 },
	};

	(void)state;
	for (size_t i = 0; i < S2V_ARRAY_SIZE(t); i++) {
		struct s2v_tables s = { .page_shift = t[i].page_shift };

		same(s2v_level_shift(&s, t[i].level), t[i].shift, "level shift", t[i].page_shift,
		     t[i].level);
		if (t[i].level == 2)
			same(s2v_last_table_size(t[i].page_shift), 1ULL << t[i].shift,
			     "what a table of level 3 maps", t[i].page_shift, 3);
	}
}

/*
 * CONFIG_ARM64_VA_BITS of each page size, and every bound at which another level is needed:
 * a table resolves 9, 11 or 13 bits, the root the remaining ones.
 */
static void start_level(void **state)
{
	static const struct {
		__u32 page_shift, ia_bits;
		int level;
	} t[] = {
		{ 12, 36, 1 },	{ 12, 39, 1 }, /* 39 = 12 + 3*9 */
		{ 12, 40, 0 },	{ 12, 42, 0 },	{ 12, 47, 0 }, { 12, 48, 0 }, /* 48 = 12 + 4*9 */
		{ 12, 49, -1 }, { 12, 52, -1 }, /* FEAT_LPA2 */
		{ 12, 30, 2 },	{ 12, 31, 1 }, /* 30 = 12 + 2*9 */
		{ 14, 36, 2 }, /* 36 = 14 + 2*11: the smallest user space of 16K pages */
		{ 14, 37, 1 },	{ 14, 39, 1 },	{ 14, 42, 1 }, { 14, 47, 1 }, /* 47 = 14 + 3*11 */
		{ 14, 48, 0 },	{ 14, 52, 0 },	{ 16, 36, 2 }, { 16, 39, 2 },
		{ 16, 42, 2 }, /* 42 = 16 + 2*13 */
		{ 16, 43, 1 },	{ 16, 47, 1 },	{ 16, 48, 1 }, { 16, 52, 1 },
	};

	(void)state;
	for (size_t i = 0; i < S2V_ARRAY_SIZE(t); i++)
		same((__u64)(__s64)s2v_start_level(t[i].page_shift, t[i].ia_bits),
		     (__u64)(__s64)t[i].level, "start level", t[i].page_shift, t[i].ia_bits);
}

/* An address with a different index at each level, composed of these indices. */
static void index_4k(void **state)
{
	struct s2v_tables t = { .page_shift = 12, .start_level = 0, .ia_bits = 48 };
	/* IA[47:39] L0, [38:30] L1, [29:21] L2, [20:12] L3, [11:0] offset */
	__u64 ia = 0x101ULL << 39 | 0x0feULL << 30 | 0x155ULL << 21 | 0x0aaULL << 12 | 0xfff;

	(void)state;
	same(s2v_index(&t, 0, ia), 0x101, "index", 12, 0);
	same(s2v_index(&t, 1, ia), 0x0fe, "index", 12, 1);
	same(s2v_index(&t, 2, ia), 0x155, "index", 12, 2);
	same(s2v_index(&t, 3, ia), 0x0aa, "index", 12, 3);
	/* 39 bits: root at level 1; bits above 38 are ignored */
	t.start_level = 1;
	t.ia_bits = 39;
	same(s2v_index(&t, 1, ia), 0x0fe, "index", 12, 1);
	same(s2v_index(&t, 2, ia), 0x155, "index", 12, 2);
	/* 36 bits: the root has IA[35:30], 64 entries */
	t.ia_bits = 36;
	same(s2v_index(&t, 1, ~0ULL), 0x3f, "index", 12, 1);
	/* 52 bits (LPA2): the root at level -1 has IA[51:48], 16 entries */
	t.start_level = -1;
	t.ia_bits = 52;
	ia |= 0xbULL << 48;
	same(s2v_index(&t, -1, ia), 0xb, "index", 12, -1);
	same(s2v_index(&t, 0, ia), 0x101, "index", 12, 0);
	same(s2v_index(&t, 3, ia), 0x0aa, "index", 12, 3);
}

static void index_16k_64k(void **state)
{
	struct s2v_tables t = { .page_shift = 14, .start_level = 1, .ia_bits = 47 };
	/* 16K: [46:36] L1, [35:25] L2, [24:14] L3 */
	__u64 ia = 0x401ULL << 36 | 0x2aaULL << 25 | 0x7feULL << 14 | 0x3fff;

	(void)state;
	same(s2v_index(&t, 1, ia), 0x401, "index", 14, 1);
	same(s2v_index(&t, 2, ia), 0x2aa, "index", 14, 2);
	same(s2v_index(&t, 3, ia), 0x7fe, "index", 14, 3);
	/* 48 bits: level 0 holds IA[47] alone; 52: IA[51:47] */
	t.start_level = 0;
	t.ia_bits = 48;
	same(s2v_index(&t, 0, ia | BIT(47)), 1, "index", 14, 0);
	same(s2v_index(&t, 1, ia | BIT(47)), 0x401, "index", 14, 1);
	t.ia_bits = 52;
	same(s2v_index(&t, 0, ia | 0x15ULL << 47), 0x15, "index", 14, 0);
	/* 36: root at level 2, IA[35:25] */
	t.start_level = 2;
	t.ia_bits = 36;
	same(s2v_index(&t, 2, ia), 0x2aa, "index", 14, 2);

	/* 64K: [51:42] L1, [41:29] L2, [28:16] L3 */
	t = (struct s2v_tables){ .page_shift = 16, .start_level = 1, .ia_bits = 52 };
	ia = 0x3a5ULL << 42 | 0x1aaaULL << 29 | 0x1001ULL << 16 | 0xffff;
	same(s2v_index(&t, 1, ia), 0x3a5, "index", 16, 1);
	same(s2v_index(&t, 2, ia), 0x1aaa, "index", 16, 2);
	same(s2v_index(&t, 3, ia), 0x1001, "index", 16, 3);
	t.ia_bits = 48; /* IA[47:42] */
	same(s2v_index(&t, 1, ia), 0x25, "index", 16, 1);
	t.start_level = 2;
	t.ia_bits = 42;
	same(s2v_index(&t, 2, ia), 0x1aaa, "index", 16, 2);
}

/*
 * D8.2.2: stage 2 may start a level lower with up to 16 concatenated tables; the index of the root
 * then has up to 4 bits more than a table resolves.
 */
static void concatenated(void **state)
{
	/* 4K, 40 bits of IPA, start at level 1: IA[39:30], two tables */
	struct s2v_tables t = { .page_shift = 12, .start_level = 1, .ia_bits = 40 };

	(void)state;
	same(s2v_index(&t, 1, 0xffffffffffULL), 0x3ff, "index", 12, 1);
	same(s2v_index(&t, 1, 0x8000000000ULL), 0x200, "index", 12, 1);
	same(s2v_index(&t, 2, 0xffffffffffULL), 0x1ff, "index", 12, 2); /* below: one table */
	/* 43 bits: sixteen tables */
	t.ia_bits = 43;
	same(s2v_index(&t, 1, BITS(42, 30)), 0x1fff, "index", 12, 1);
	/* 4K, 33 bits, start at level 2: IA[32:21], eight tables */
	t.start_level = 2;
	t.ia_bits = 33;
	same(s2v_index(&t, 2, BIT(32) | BIT(21)), 0x801, "index", 12, 2);
	/* 16K, 40 bits, start at level 2: IA[39:25], sixteen tables of 2^11 */
	t = (struct s2v_tables){ .page_shift = 14, .start_level = 2, .ia_bits = 40 };
	same(s2v_index(&t, 2, 0xffffffffffULL), 0x7fff, "index", 14, 2);
	/* 16K, 48 bits, start at level 1: IA[47:36], two tables */
	t = (struct s2v_tables){ .page_shift = 14, .start_level = 1, .ia_bits = 48 };
	same(s2v_index(&t, 1, BIT(47) | BIT(36)), 0x801, "index", 14, 1);
	/* 64K, 46 bits, start at level 2: IA[45:29], sixteen tables of 2^13 */
	t = (struct s2v_tables){ .page_shift = 16, .start_level = 2, .ia_bits = 46 };
	same(s2v_index(&t, 2, BITS(45, 29) | 0x1fffffffULL), 0x1ffff, "index", 16, 2);
}

/* The bits of a descriptor that are no address: 63:50 and 11:0, all set. */
#define ATTRS (BITS(63, 52) | BITS(7, 2) | BITS(11, 10) | 3)

static void pa_48(void **state)
{
	struct s2v_tables t = { .page_shift = 12 };

	(void)state;
	/* 4K, 48 bits: [47:12]; 49:48 are RES0 and 9:8 shareability, so neither is address */
	same(s2v_desc_pa(&t, ATTRS | BITS(9, 8) | BITS(51, 48) | 0x123456789000ULL, 12),
	     0x123456789000ULL, "pa", 12, 0);
	/* a 2M block has [47:21]; 20:12 are nT, PBHA and RES0 */
	same(s2v_desc_pa(&t, ATTRS | 0x1234567fffffULL, 21), 0x123456600000ULL, "pa", 12, 0);
	same(s2v_desc_pa(&t, ATTRS | 0xffffffffffffULL, 30), 0xffffc0000000ULL, "pa", 12, 0);
	t.page_shift = 14; /* [47:14] */
	same(s2v_desc_pa(&t, ATTRS | BITS(51, 48) | 0x12345678ffffULL, 14), 0x12345678c000ULL, "pa",
	     14, 0);
	same(s2v_desc_pa(&t, ATTRS | 0xffffffffffffULL, 25), 0xfffffe000000ULL, "pa", 14, 0);
}

static void pa_52(void **state)
{
	struct s2v_tables t = { .page_shift = 12, .ds = 1 };

	(void)state;
	/* DS, 4K: [49:12], and PA[51:50] in 9:8 */
	same(s2v_desc_pa(&t, ATTRS | BIT(9) | 0x2123456789000ULL, 12), 0xa123456789000ULL, "pa", 12,
	     1);
	same(s2v_desc_pa(&t, ATTRS | BIT(8) | 0x1123456789000ULL, 12), 0x5123456789000ULL, "pa", 12,
	     1);
	same(s2v_desc_pa(&t, ~0ULL, 12), 0xffffffffff000ULL, "pa", 12, 1);
	same(s2v_desc_pa(&t, ~0ULL, 39), 0xfff8000000000ULL, "pa", 12, 1); /* L0 block */
	t.page_shift = 14; /* DS, 16K: [49:14] and 9:8 */
	same(s2v_desc_pa(&t, ~0ULL, 14), 0xfffffffffc000ULL, "pa", 14, 1);
	same(s2v_desc_pa(&t, ATTRS | BIT(48) | BIT(9), 36), BIT(48) | BIT(51), "pa", 14, 1);
	/* 64K (FEAT_LPA): [47:16], and PA[51:48] in 15:12, whatever DS */
	for (t.ds = 0; t.ds < 2; t.ds++) {
		t.page_shift = 16;
		same(s2v_desc_pa(&t, ATTRS | BITS(9, 8) | 0x12345678a000ULL, 16),
		     0xa123456780000ULL, "pa", 16, (int)t.ds);
		same(s2v_desc_pa(&t, ~0ULL, 29), 0xfffffe0000000ULL, "pa", 16, (int)t.ds);
		/* none of 51:48 set: a host without FEAT_LPA */
		same(s2v_desc_pa(&t, ATTRS | 0x123456780000ULL, 16), 0x123456780000ULL, "pa", 16,
		     (int)t.ds);
	}
}

/* D8.3.1: bit 1 is set for a table at levels up to 2, for a page at level 3; clear: block. */
static void leaves(void **state)
{
	(void)state;
	for (int level = 1; level < 3; level++) {
		assert_true(s2v_desc_is_leaf(0x1, level));
		assert_false(s2v_desc_is_leaf(0x3, level));
	}
	assert_false(s2v_desc_is_leaf(0x3, 0));
	assert_false(s2v_desc_is_leaf(0x3, -1));
	assert_true(s2v_desc_is_leaf(0x3, 3));
	assert_false(s2v_desc_is_leaf(0x1, 3)); /* 0b01 at level 3 is reserved: invalid */
	assert_true(s2v_desc_is_leaf(~0ULL & ~2ULL, 2));
	assert_false(s2v_desc_is_leaf(~0ULL, 2));
}

/* Bits 5:2 MemAttr, 54:53 XN: 00 all, 01 EL0 only, 10 none, 11 EL1 only (FEAT_XNX). */
static void stage2_fields(void **state)
{
	(void)state;
	for (__u64 m = 0; m < 16; m++) {
		same(s2v_desc_memattr(m << 2), m, "MemAttr", 0, 0);
		same(s2v_desc_memattr(m << 2 | ~0x3cULL), m, "MemAttr", 0, 0);
	}
	assert_true(s2v_desc_s2_exec(0));
	assert_true(s2v_desc_s2_exec(BIT(53)));
	assert_false(s2v_desc_s2_exec(BIT(54))); /* also XN as it was before FEAT_XNX */
	assert_true(s2v_desc_s2_exec(BIT(54) | BIT(53)));
	assert_false(s2v_desc_s2_exec(~BIT(53)));
	assert_true(s2v_desc_s2_exec(~BIT(54)));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(level_shift),	 cmocka_unit_test(start_level),
		cmocka_unit_test(index_4k),	 cmocka_unit_test(index_16k_64k),
		cmocka_unit_test(concatenated),	 cmocka_unit_test(pa_48),
		cmocka_unit_test(pa_52),	 cmocka_unit_test(leaves),
		cmocka_unit_test(stage2_fields),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
