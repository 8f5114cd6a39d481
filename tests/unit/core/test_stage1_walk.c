/* needs: src/core/stage1.c src/core/names.c */
/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The walk of a guest's stage-1 tables, which the tests write into a fake memory by hand: Arm ARM DDI 0487 D8.2
 * (translation process), D8.3 (descriptor formats).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "core/stage1.h"
#include "stage1_tables.h"

/* ---- levels ---- */

/* A page of 4K through four levels, of each memory type. */
static void pages(void **state)
{
	struct s2v_regime r = regime(0, 48, ROOT);
	const __u64 va = 1ULL << 39 | 2ULL << 30 | 3ULL << 21;

	(void)state;
	put(ROOT, 1, TABLE(0x50000000));
	put(0x50000000, 2, TABLE(0x50001000));
	put(0x50001000, 3, TABLE(0x50002000));
	for (__u64 i = 0; i < 8; i++)
		put(0x50002000, 8 + i, PAGE(0x80000000 + (i << 12), i));
	walk(&r);
	assert_int_equal(w.tables, 4);
	assert_int_equal(w.leaves, 8);
	assert_int_equal(got.n, 8);
	for (__u64 i = 0; i < 8; i++)
		has(va + ((8 + i) << 12), 0x80000000 + (i << 12), 4096, 1, type_of[i]);
}

/*
 * D8.3.1: blocks are at levels 1 and 2 of 4K, at level 2 of 16K and 64K; with 52-bit addresses also one level above.
 * What they map: 4K 512G, 1G, 2M; 16K 64G, 32M; 64K 4T, 512M.
 */
static void blocks(void **state)
{
	static const struct {
		__u64 tcr;
		unsigned int bits;
		int start, level;
		__u64 size; /* 0: reserved */
	} t[] = {
		{ 0, 48, 0, 0, 0 },
		{ 0, 48, 0, 1, 1ULL << 30 },
		{ 0, 48, 0, 2, 1ULL << 21 },
		{ DS, 52, -1, -1, 0 },
		{ DS, 52, -1, 0, 1ULL << 39 },
		{ DS, 52, -1, 1, 1ULL << 30 },
		{ DS, 52, -1, 2, 1ULL << 21 },
		{ TG0_16K, 48, 0, 0, 0 },
		{ TG0_16K, 48, 0, 1, 0 },
		{ TG0_16K, 48, 0, 2, 1ULL << 25 },
		{ TG0_16K | DS, 52, 0, 0, 0 },
		{ TG0_16K | DS, 52, 0, 1, 1ULL << 36 },
		{ TG0_16K | DS, 52, 0, 2, 1ULL << 25 },
		{ TG0_64K, 48, 1, 1, 0 },
		{ TG0_64K, 48, 1, 2, 1ULL << 29 },
		{ TG0_64K | IPS_52, 52, 1, 1, 1ULL << 42 },
		{ TG0_64K | IPS_52, 52, 1, 2, 1ULL << 29 },
	};

	(void)state;
	for (size_t i = 0; i < S2V_ARRAY_SIZE(t); i++) {
		struct s2v_regime r = regime(t[i].tcr, t[i].bits, ROOT);
		__u64 table = ROOT;

		/* Entry 1 of each table; the block has IPA 3 times its size, and attributes in high bits. */
		for (int level = t[i].start; level < t[i].level; level++, table += 0x10000)
			put(table, 1, TABLE(table + 0x10000));
		put(table, 1, BLOCK(3 * t[i].size, 1) | 3ULL << 53);
		put(table, 0, BLOCK(0, 1) & ~1ULL); /* invalid: bits 1:0 are 00 and 10 */
		put(table, 2, PAGE(0, 1) & ~1ULL);
		walk(&r);
		if (got.n != (t[i].size != 0))
			fail_msg("case %zu: %zu runs", i, got.n);
		if (t[i].size)
			assert_true(got.run[0].ipa == 3 * t[i].size &&
				    got.run[0].size == t[i].size && got.run[0].leaves == 1 &&
				    got.run[0].attr == S2V_ATTR_NORMAL_NC);
		/* VA: index 1 of each level; the lowest is the size of the block. */
		if (t[i].size)
			assert_true(got.run[0].va % (t[i].size * 2) == t[i].size);
	}
}

/* Level 3: bits 1:0 of 01 are reserved, 11 a page; nothing is a table. */
static void last_level(void **state)
{
	struct s2v_regime r = regime(0, 16, ROOT);

	(void)state;
	put(ROOT, 0, PAGE(0x80000000, 0));
	put(ROOT, 2, BLOCK(0x90000000, 0));
	put(ROOT, 4, PAGE(0xa0000000, 0) & ~1ULL);
	put(ROOT, 15, PAGE(0xb0000000, 0));
	put(ROOT, 16, PAGE(0xc0000000, 0)); /* 16 bits: 16 pages */
	walk(&r);
	assert_int_equal(w.tables, 1);
	assert_int_equal(got.n, 2);
	has(0, 0x80000000, 4096, 1, S2V_ATTR_NORMAL_WB);
	has(0xf000, 0xb0000000, 4096, 1, S2V_ATTR_NORMAL_WB);
}

/* The top of TTBR1: its last page is the last page of all. */
static void ttbr1(void **state)
{
	struct s2v_stage1_regs regs = { .sctlr = S2V_SCTLR_M | S2V_SCTLR_C,
					.tcr = TG1_4K | 25 << 16 | 1 << 7,
					.mair = mair,
					.ttbr = { 0, ROOT } };
	struct s2v_regime r;

	(void)state;
	mem.n = 0;
	assert_int_equal(s2v_regime_of(&regs, 1, &r), S2V_REGIME_TABLES);
	put(ROOT, 0, BLOCK(0x40000000, 0)); /* 39 bits: level 1, 1G */
	put(ROOT, 511, TABLE(0x50000000));
	put(0x50000000, 511, TABLE(0x50001000));
	put(0x50001000, 511, PAGE(0x80000000, 1));
	walk(&r);
	assert_int_equal(got.n, 2);
	has(0xffffff8000000000, 0x40000000, 1ULL << 30, 1, S2V_ATTR_NORMAL_WB);
	has(0xfffffffffffff000, 0x80000000, 4096, 1, S2V_ATTR_NORMAL_NC);
}

/* ---- addresses of 52 bits ---- */

/* DS: bits 9:8 of a descriptor are IPA[51:50], bits 49:48 are in place; without, 9:8 are shareability. */
static void lpa2(void **state)
{
	struct s2v_regime r = regime(DS, 52, ROOT | 0x5 << 2);
	const __u64 root = 0x5ULL << 48 | ROOT, next = 0xeULL << 48 | 0x50000000;

	(void)state;
	put(root, 3, TABLE(2ULL << 48 | 3 << 8 | 0x50000000)); /* 0b11 in 51:50, 0b10 in 49:48 */
	put(next, 0, BLOCK(1ULL << 48 | 2 << 8 | 1ULL << 39, 1)); /* level 0 */
	put(next, 1, TABLE(0x60000000));
	put(0x60000000, 0, TABLE(0x60001000));
	put(0x60001000, 0, TABLE(0x60002000));
	put(0x60002000, 1, PAGE(3ULL << 48 | 1 << 8 | 0x7000, 0));
	walk(&r);
	assert_int_equal(w.tables, 5);
	assert_int_equal(got.n, 2);
	has(3ULL << 48, 0x9ULL << 48 | 1ULL << 39, 1ULL << 39, 1, S2V_ATTR_NORMAL_NC);
	has(3ULL << 48 | 1ULL << 39 | 0x1000, 0x7ULL << 48 | 0x7000, 4096, 1, S2V_ATTR_NORMAL_WB);

	r = regime(0, 39, ROOT);
	put(ROOT, 0, TABLE(3ULL << 8 | 0x50000000));
	put(0x50000000, 0, BLOCK(3ULL << 8 | 0x80000000, 0));
	walk(&r);
	assert_int_equal(got.n, 1);
	has(0, 0x80000000, 1 << 21, 1, S2V_ATTR_NORMAL_WB);
}

/* 64K: bits 15:12 are IPA[51:48]. Tables of 16 chunks, a root of two. */
static void lpa_64k(void **state)
{
	struct s2v_regime r = regime(TG0_64K | IPS_52, 52, ROOT | 0xc << 2);
	const __u64 root = 0xcULL << 48 | ROOT;

	(void)state;
	put(root, 1023, TABLE(0x50000000 | 0xaULL << 12)); /* the last of the second chunk */
	put(0xaULL << 48 | 0x50000000, 8191, TABLE(0x60000000)); /* the last of the 16th */
	put(0x60000000, 512, PAGE(0x70000 | 0x3ULL << 12, 1)); /* the first of the second */
	put(0xaULL << 48 | 0x50000000, 0, BLOCK(1ULL << 29 | 0xfULL << 12, 0));
	walk(&r);
	assert_int_equal(w.tables, 2 + 16 + 16);
	assert_int_equal(got.n, 2);
	has(1023ULL << 42, 0xfULL << 48 | 1ULL << 29, 1ULL << 29, 1, S2V_ATTR_NORMAL_WB);
	has(1023ULL << 42 | 8191ULL << 29 | 512 << 16, 0x3ULL << 48 | 0x70000, 0x10000, 1,
	    S2V_ATTR_NORMAL_NC);
}

/* 16K: four chunks a table; nT (bit 16) and what is below the block are no address. */
static void chunks_16k(void **state)
{
	struct s2v_regime r = regime(TG0_16K, 47, ROOT);

	(void)state;
	for (__u64 chunk = 0; chunk < 4; chunk++)
		put(ROOT, 512 * chunk + 1, TABLE(0x50000000));
	put(0x50000000, 2047, BLOCK(3ULL << 25 | 1 << 16, 0));
	walk(&r);
	assert_int_equal(w.tables, 4 + 4 * 4);
	assert_int_equal(got.n, 4);
	for (__u64 chunk = 0; chunk < 4; chunk++)
		has((512 * chunk + 1) << 36 | 2047ULL << 25, 3ULL << 25, 1 << 25, 1,
		    S2V_ATTR_NORMAL_WB);
}

/* ---- runs ---- */

/* A run goes on if va, ipa and type do. */
static void runs(void **state)
{
	struct s2v_regime r = regime(0, 16, ROOT);
	static const struct {
		__u64 page; /* output address; 0: nothing */
		int type;
	} t[] = { { 0x100, 0 }, { 0x101, 0 }, { 0x105, 0 }, /* another ipa */
		  { 0x106, 0 }, { 0, 0 },     { 0x107, 0 }, /* another va */
		  { 0x108, 1 }, { 0x109, 1 }, /* another type */
		  { 0x108, 1 }, { 0x107, 1 }, /* descending */
		  { 0x107, 1 } }; /* the same page */

	(void)state;
	for (size_t i = 0; i < S2V_ARRAY_SIZE(t); i++)
		put(ROOT, i, t[i].page ? PAGE(t[i].page << 12, t[i].type) : 0);
	walk(&r);
	assert_int_equal(w.leaves, 10);
	assert_int_equal(got.n, 7);
	has(0x0000, 0x100000, 0x2000, 2, S2V_ATTR_NORMAL_WB);
	has(0x2000, 0x105000, 0x2000, 2, S2V_ATTR_NORMAL_WB);
	has(0x5000, 0x107000, 0x1000, 1, S2V_ATTR_NORMAL_WB);
	has(0x6000, 0x108000, 0x2000, 2, S2V_ATTR_NORMAL_NC);
	has(0x8000, 0x108000, 0x1000, 1, S2V_ATTR_NORMAL_NC);
	has(0x9000, 0x107000, 0x1000, 1, S2V_ATTR_NORMAL_NC);
	has(0xa000, 0x107000, 0x1000, 1, S2V_ATTR_NORMAL_NC);
}

/* Two MAIR indexes of one type are one type. */
static void equal_types_join(void **state)
{
	struct s2v_regime r = regime(0, 16, ROOT);

	(void)state;
	r.mair = 0x44444444444444ffULL;
	put(ROOT, 0, PAGE(0x100000, 1));
	put(ROOT, 1, PAGE(0x101000, 7));
	walk(&r);
	assert_int_equal(got.n, 1);
	has(0, 0x100000, 0x2000, 2, S2V_ATTR_NORMAL_NC);
}

/* Entries of the chunk around a small root do not belong to it. */
static void small_roots(void **state)
{
	static const struct {
		unsigned int bits;
		__u64 at, entries;
	} t[] = {
		{ 36, 0x200, 64 }, { 36, 0xe00, 64 },
		{ 36, 0, 64 },	   { 31, 0xff0, 2 }, /* the last two entries */
		{ 33, 0x040, 8 },
	};

	(void)state;
	for (size_t i = 0; i < S2V_ARRAY_SIZE(t); i++) {
		struct s2v_regime r = regime(0, t[i].bits, ROOT + t[i].at);
		__u64 first = t[i].at / 8;

		/* Level 1: blocks of 1G, each with the IPA of its index. */
		for (__u64 k = 0; k < 512; k++)
			put(ROOT, k, BLOCK(k << 30, 0));
		walk(&r);
		assert_int_equal(w.tables, 1);
		assert_int_equal(got.n, 1);
		has(0, first << 30, t[i].entries << 30, t[i].entries, S2V_ATTR_NORMAL_WB);
	}
}

static void big_endian(void **state)
{
	struct s2v_regime r = regime(0, 39, ROOT);

	(void)state;
	r.big_endian = true;
	put(ROOT, 1, __builtin_bswap64(TABLE(0x50000000)));
	put(0x50000000, 2, __builtin_bswap64(BLOCK(0x12200000ULL, 1)));
	put(0x50000000, 3, BLOCK(0x12400000ULL, 1)); /* its last byte, 0x00, has no bit 0 */
	walk(&r);
	assert_int_equal(got.n, 1);
	has(1 << 30 | 2 << 21, 0x12200000, 1 << 21, 1, S2V_ATTR_NORMAL_NC);
}

/* ---- what cannot be walked ---- */

static void unreadable(void **state)
{
	struct s2v_regime r = regime(0, 39, ROOT);

	(void)state;
	for (__u64 i = 0; i < 512; i++) /* every other table is nowhere */
		put(ROOT, i, TABLE(i % 2 ? 0x50000000 : 0x60000000));
	put(0x50000000, 0, BLOCK(0x80000000, 0));
	walk(&r);
	assert_int_equal(w.tables, 1 + 512);
	assert_int_equal(w.leaves, 256);
	mem.n = 0; /* and the root */
	walk(&r);
	assert_int_equal(w.tables, 1);
	assert_int_equal(w.leaves, 0);
	assert_int_equal(got.n, 0);
}

/* All entries lead to the root: 512^3 paths. */
static void loops(void **state)
{
	static const __u64 most[] = { 0, 1, 2, 64, 65, 1000, 5000 };
	struct s2v_regime r = regime(0, 48, ROOT);

	(void)state;
	for (__u64 i = 0; i < 512; i++)
		put(ROOT, i, TABLE(ROOT));
	for (size_t i = 0; i < S2V_ARRAY_SIZE(most); i++) {
		for (unsigned int batch = 1; batch <= S2V_BATCH_MOST; batch *= 8) {
			assert_int_equal(walk_batch(&r, batch, most[i]), -E2BIG);
			assert_int_equal(w.tables, most[i]);
			assert_true(got.chunks <= most[i]);
		}
	}
	/* The same tables at level 3 are pages. */
	r = regime(0, 16, ROOT);
	put(ROOT, 0, TABLE(ROOT));
	walk(&r);
	assert_int_equal(w.leaves, 1);
}

/* Exactly as many as there are is no error; one less is. */
static void bound(void **state)
{
	struct s2v_regime r = regime(TG0_16K, 36, ROOT); /* 4 chunks, and 4 for each table */

	(void)state;
	put(ROOT, 0, TABLE(0x50000000));
	put(ROOT, 2047, TABLE(0x50000000));
	put(0x50000000, 0, PAGE(0x80000000, 0));
	for (unsigned int batch = 1; batch <= S2V_BATCH_MOST; batch *= 8) {
		assert_int_equal(walk_batch(&r, batch, 12), 0);
		assert_int_equal(w.tables, 12);
		assert_int_equal(got.chunks, 12);
		assert_int_equal(w.leaves, 2);
		for (__u64 most = 0; most < 12; most++) {
			assert_int_equal(walk_batch(&r, batch, most), -E2BIG);
			assert_int_equal(w.tables, most);
		}
	}
}

/* The value with which a function ends the walk, whatever it is; nothing is called after it. */
static void ended(void **state)
{
	struct s2v_regime r = regime(0, 39, ROOT);

	(void)state;
	for (__u64 i = 0; i < 16; i++) {
		put(ROOT, i, TABLE(0x50000000 + (i << 12)));
		put(0x50000000 + (i << 12), 2 * i, BLOCK(i << 21, 0));
		put(0x50000000 + (i << 12), 500, BLOCK(i << 21, 0));
	}
	for (unsigned int batch = 1; batch <= S2V_BATCH_MOST; batch *= 8) {
		__u64 calls;

		assert_int_equal(walk_batch(&r, batch, 1000), 0);
		assert_int_equal(got.n, 32);
		calls = got.reads;
		got.read_err = -EINTR;
		got.run_err = 7;
		for (got.read_ends = 1; got.read_ends <= calls; got.read_ends++)
			assert_int_equal(walk_batch(&r, batch, 1000), -EINTR);
		got.read_ends = 0;
		for (got.run_ends = 1; got.run_ends <= 32; got.run_ends++) {
			assert_int_equal(walk_batch(&r, batch, 1000), 7);
			assert_int_equal(got.n, got.run_ends);
		}
		got.run_ends = 0;
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pages),
		cmocka_unit_test(blocks),
		cmocka_unit_test(last_level),
		cmocka_unit_test(ttbr1),
		cmocka_unit_test(lpa2),
		cmocka_unit_test(lpa_64k),
		cmocka_unit_test(chunks_16k),
		cmocka_unit_test(runs),
		cmocka_unit_test(equal_types_join),
		cmocka_unit_test(small_roots),
		cmocka_unit_test(big_endian),
		cmocka_unit_test(unreadable),
		cmocka_unit_test(loops),
		cmocka_unit_test(bound),
		cmocka_unit_test(ended),
	};

	return cmocka_run_group_tests_name("stage1_walk", tests, NULL, NULL);
}
