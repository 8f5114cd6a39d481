/* needs: src/core/stage1.c src/core/names.c */
/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A guest's own stage 1: regimes from registers, and the walk of tables in a fake memory. Expected values are
 * worked out by hand from Arm ARM DDI 0487: TCR_EL1, TTBR0_EL1, D8.2 (translation process), D8.3 (descriptors).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "core/stage1.h"

#define TG0_4K 0ULL
#define TG0_64K (1ULL << 14)
#define TG0_16K (2ULL << 14)
#define TG0_RESERVED (3ULL << 14)
#define TG1_RESERVED 0ULL
#define TG1_16K (1ULL << 30)
#define TG1_4K (2ULL << 30)
#define TG1_64K (3ULL << 30)
#define EPD0 (1ULL << 7)
#define EPD1 (1ULL << 23)
#define IPS(n) ((__u64)(n) << 32)
#define IPS_48 IPS(5)
#define IPS_52 IPS(6)
#define DS (1ULL << 59)
#define T0SZ(n) ((__u64)(n))
#define T1SZ(n) ((__u64)(n) << 16)
#define ASID (0xabcdULL << 48)
#define CNP 1ULL

#define M (1ULL << 0)
#define C (1ULL << 2)
#define EE (1ULL << 25)
#define AIE (1ULL << 4)
#define D128 (1ULL << 5)

/* ---- registers ---- */

static const struct want {
	const char *what;
	int which;
	__u64 tcr, ttbr;
	__u32 page_shift, ia_bits;
	int level;
	__u64 root, root_size;
	bool wide, ds;
} regimes[] = {
	/* 4K: a table resolves 9 bits; 48 = 12 + 4*9, 39 = 12 + 3*9, 36 = 39 - 3 */
	{ "48 bits", 0, TG0_4K | T0SZ(16), ASID | 0x123456789000 | CNP, 12, 48, 0, 0x123456789000,
	  4096, false, false },
	{ "39 bits", 0, TG0_4K | T0SZ(25), ASID | 0x40000000, 12, 39, 1, 0x40000000, 4096, false,
	  false },
	{ "36 bits", 0, TG0_4K | T0SZ(28), 0x40000200 | CNP, 12, 36, 1, 0x40000200, 512, false,
	  false },
	{ "bits below the root's size", 0, TG0_4K | T0SZ(28), 0x400003ff, 12, 36, 1, 0x40000200,
	  512, false, false },
	{ "31 bits: 2 entries", 0, TG0_4K | T0SZ(33), 0x40000050 | CNP, 12, 31, 1, 0x40000050, 16,
	  false, false },
	{ "25 bits: level 2", 0, TG0_4K | T0SZ(39), 0x40000080, 12, 25, 2, 0x40000080, 128, false,
	  false },
	{ "16 bits: level 3, 16 pages", 0, TG0_4K | T0SZ(48), 0x40000080, 12, 16, 3, 0x40000080,
	  128, false, false },
	{ "TxSZ above the largest", 0, TG0_4K | T0SZ(63), 0x40000080, 12, 16, 3, 0x40000080, 128,
	  false, false },
	{ "TxSZ below the smallest", 0, TG0_4K | T0SZ(0), 0x40000000, 12, 48, 0, 0x40000000, 4096,
	  false, false },
	{ "12 without DS", 0, TG0_4K | T0SZ(12) | IPS_52, 0x40000000, 12, 48, 0, 0x40000000, 4096,
	  false, false },
	/* DS: the root has IA[51:48], 16 entries; TTBR[5:2] is IPA[51:48]; at least 64 bytes */
	{ "52 bits", 0, TG0_4K | T0SZ(12) | DS, ASID | 0x40000080 | 0xb << 2 | CNP, 12, 52, -1,
	  0xbULL << 48 | 0x40000080, 128, true, true },
	{ "DS, TxSZ below 12", 0, TG0_4K | T0SZ(11) | DS, 0x40000080, 12, 52, -1, 0x40000080, 128,
	  true, true },
	{ "DS, 48 bits", 0, TG0_4K | T0SZ(16) | DS, 0x40000000 | 0x3 << 2, 12, 48, 0,
	  0x3ULL << 48 | 0x40000000, 4096, true, true },
	{ "DS, 2 entries", 0, TG0_4K | T0SZ(33) | DS, 0x400000c0 | 0xf << 2 | CNP, 12, 31, 1,
	  0xfULL << 48 | 0x400000c0, 16, true, true },
	/* 16K: 11 bits; 47 = 14 + 3*11, 36 = 14 + 2*11 */
	{ "16K, 48 bits: 2 entries", 0, TG0_16K | T0SZ(16), 0x40000010, 14, 48, 0, 0x40000010, 16,
	  false, false },
	{ "16K, 47 bits", 0, TG0_16K | T0SZ(17), 0x40004000, 14, 47, 1, 0x40004000, 16384, false,
	  false },
	{ "16K, 36 bits", 0, TG0_16K | T0SZ(28), 0x40004000, 14, 36, 2, 0x40004000, 16384, false,
	  false },
	{ "16K, 16 bits", 0, TG0_16K | T0SZ(63), 0x40000020, 14, 16, 3, 0x40000020, 32, false,
	  false },
	{ "16K, 12 without DS", 0, TG0_16K | T0SZ(12), 0x40000010, 14, 48, 0, 0x40000010, 16, false,
	  false },
	{ "16K, 52 bits: IA[51:47]", 0, TG0_16K | T0SZ(12) | DS, 0x40000100 | 0x9 << 2, 14, 52, 0,
	  0x9ULL << 48 | 0x40000100, 256, true, true },
	/* 64K: 13 bits; 42 = 16 + 2*13. 52 bits by IPS, not by DS */
	{ "64K, 48 bits", 0, TG0_64K | T0SZ(16) | IPS_48, 0x40000200, 16, 48, 1, 0x40000200, 512,
	  false, false },
	{ "64K, 42 bits", 0, TG0_64K | T0SZ(22), 0x40010000, 16, 42, 2, 0x40010000, 65536, false,
	  false },
	{ "64K, 52 bits of input", 0, TG0_64K | T0SZ(12) | IPS_48, 0x40002000, 16, 52, 1,
	  0x40002000, 8192, false, false },
	{ "64K, 52 bits of output", 0, TG0_64K | T0SZ(16) | IPS_52, 0x40000200 | 0xa << 2 | CNP, 16,
	  48, 1, 0xaULL << 48 | 0x40000200, 512, true, false },
	{ "64K, 52 bits both", 0, TG0_64K | T0SZ(12) | IPS_52 | DS, 0x40002000 | 0x1 << 2, 16, 52,
	  1, 0x1ULL << 48 | 0x40002000, 8192, true, false },
	{ "64K, DS alone", 0, TG0_64K | T0SZ(16) | IPS_48 | DS, 0x40000200 | 0xa << 2, 16, 48, 1,
	  0x40000200, 512, false, false },
	{ "64K, 17 bits: 2 pages", 0, TG0_64K | T0SZ(63), 0x40000010, 16, 17, 3, 0x40000010, 16,
	  false, false },
	/* TTBR1: the fields of TTBR0 must not matter */
	{ "TTBR1, 4K", 1, TG1_4K | T1SZ(16) | TG0_64K | T0SZ(25) | EPD0, ASID | 0x5000 | CNP, 12,
	  48, 0, 0x5000, 4096, false, false },
	{ "TTBR1, 16K", 1, TG1_16K | T1SZ(17) | TG0_4K | T0SZ(16), 0x8000, 14, 47, 1, 0x8000, 16384,
	  false, false },
	{ "TTBR1, 64K", 1, TG1_64K | T1SZ(16) | TG0_16K | T0SZ(16), 0x200, 16, 48, 1, 0x200, 512,
	  false, false },
	{ "TTBR1, 39 bits", 1, TG1_4K | T1SZ(25) | T0SZ(12), 0x5000, 12, 39, 1, 0x5000, 4096, false,
	  false },
	{ "TTBR1, 52 bits", 1, TG1_4K | T1SZ(12) | T0SZ(25) | DS, 0x5000 | 0x7 << 2, 12, 52, -1,
	  0x7ULL << 48 | 0x5000, 128, true, true },
	{ "TTBR0, beside TTBR1", 0, TG0_16K | T0SZ(17) | TG1_4K | T1SZ(25) | EPD1, 0x8000, 14, 47,
	  1, 0x8000, 16384, false, false },
};

static struct s2v_stage1_regs regs_of(int which, __u64 tcr, __u64 ttbr)
{
	struct s2v_stage1_regs r = { .sctlr = M | C, .tcr = tcr, .mair = 0x0123456789abcdefULL };

	r.ttbr[which] = ttbr;
	r.ttbr[!which] = 0x7777777777777777ULL;
	return r;
}

static void formats(void **state)
{
	(void)state;
	for (size_t i = 0; i < S2V_ARRAY_SIZE(regimes); i++) {
		const struct want *x = &regimes[i];
		struct s2v_stage1_regs regs = regs_of(x->which, x->tcr, x->ttbr);
		__u64 va = x->which ? 0 - (1ULL << x->ia_bits) : 0;
		struct s2v_regime r;

		assert_int_equal(s2v_regime_of(&regs, x->which, &r), S2V_REGIME_TABLES);
		if (r.t.page_shift != x->page_shift || r.t.ia_bits != x->ia_bits ||
		    r.t.start_level != x->level || !r.t.ds != !x->ds || r.root != x->root ||
		    r.root_size != x->root_size || r.wide != x->wide || r.va != va || r.big_endian)
			fail_msg("%s: pages of 2^%u, %u bits, level %d, ds %u, root 0x%llx of %llu "
				 "bytes, wide %d, va 0x%llx",
				 x->what, r.t.page_shift, r.t.ia_bits, r.t.start_level, r.t.ds,
				 ULL(r.root), ULL(r.root_size), r.wide, ULL(r.va));
		assert_true(r.mair == 0x0123456789abcdefULL);
	}
}

static void nothing_to_walk(void **state)
{
	static const struct {
		__u64 sctlr, tcr, tcr2;
		enum s2v_regime_kind kind[2];
	} t[] = {
#define BOTH_4K (TG0_4K | TG1_4K | T0SZ(16) | T1SZ(16))
		{ M | C, BOTH_4K, 0, { S2V_REGIME_TABLES, S2V_REGIME_TABLES } },
		{ 0, BOTH_4K, 0, { S2V_REGIME_NONE, S2V_REGIME_NONE } },
		{ M, BOTH_4K, 0, { S2V_REGIME_NONE, S2V_REGIME_NONE } },
		{ C, BOTH_4K, 0, { S2V_REGIME_NONE, S2V_REGIME_NONE } },
		{ M | C, BOTH_4K | EPD0, 0, { S2V_REGIME_NONE, S2V_REGIME_TABLES } },
		{ M | C, BOTH_4K | EPD1, 0, { S2V_REGIME_TABLES, S2V_REGIME_NONE } },
		{ M | C, BOTH_4K | EPD0 | EPD1, 0, { S2V_REGIME_NONE, S2V_REGIME_NONE } },
		{ M | C, TG0_RESERVED | TG1_4K, 0, { S2V_REGIME_FORMAT, S2V_REGIME_TABLES } },
		{ M | C, TG0_4K | TG1_RESERVED, 0, { S2V_REGIME_TABLES, S2V_REGIME_FORMAT } },
		{ M | C, TG0_RESERVED | TG1_4K | EPD0, 0, { S2V_REGIME_NONE, S2V_REGIME_TABLES } },
		{ M | C, BOTH_4K, D128, { S2V_REGIME_FORMAT, S2V_REGIME_FORMAT } },
		{ M | C, BOTH_4K, AIE, { S2V_REGIME_FORMAT, S2V_REGIME_FORMAT } },
		{ M | C, BOTH_4K | EPD0, D128, { S2V_REGIME_NONE, S2V_REGIME_FORMAT } },
		{ C, TG0_RESERVED, D128, { S2V_REGIME_NONE, S2V_REGIME_NONE } },
		/* PnCH, PIE, E0POE, POE, and what is above D128 */
		{ M | C, BOTH_4K, 0xf | ~0x3fULL, { S2V_REGIME_TABLES, S2V_REGIME_TABLES } },
	};

	(void)state;
	for (size_t i = 0; i < S2V_ARRAY_SIZE(t); i++) {
		struct s2v_stage1_regs regs = { .sctlr = t[i].sctlr,
						.tcr = t[i].tcr,
						.tcr2 = t[i].tcr2 };
		struct s2v_regime r;

		for (int which = 0; which < 2; which++)
			if (s2v_regime_of(&regs, which, &r) != t[i].kind[which])
				fail_msg("case %zu, TTBR%d", i, which);
	}
}

/* Regimes that map alike are equal byte by byte, whatever was in the memory, the ASID and CnP. */
static void equal_regimes(void **state)
{
	struct s2v_stage1_regs regs = regs_of(1, BOTH_4K, 0x5000);
	struct s2v_regime a, b;

	(void)state;
	memset(&a, 0xff, sizeof(a));
	memset(&b, 0x55, sizeof(b));
	assert_int_equal(s2v_regime_of(&regs, 1, &a), S2V_REGIME_TABLES);
	regs.ttbr[0] = 0;
	regs.ttbr[1] |= ASID | CNP;
	regs.sctlr |= 1ULL << 1 | 1ULL << 12; /* A, I */
	assert_int_equal(s2v_regime_of(&regs, 1, &b), S2V_REGIME_TABLES);
	assert_memory_equal(&a, &b, sizeof(a));
	regs.mair++;
	s2v_regime_of(&regs, 1, &b);
	assert_memory_not_equal(&a, &b, sizeof(a));
	regs.mair--;
	regs.sctlr |= EE;
	s2v_regime_of(&regs, 1, &b);
	assert_true(b.big_endian);
	assert_memory_not_equal(&a, &b, sizeof(a));
	regs.sctlr = 0; /* also of regimes without tables */
	memset(&a, 0xff, sizeof(a));
	assert_int_equal(s2v_regime_of(&regs, 0, &a), S2V_REGIME_NONE);
	assert_int_equal(s2v_regime_of(&regs, 1, &b), S2V_REGIME_NONE);
	assert_memory_equal(&a, &b, sizeof(a));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(formats),
		cmocka_unit_test(nothing_to_walk),
		cmocka_unit_test(equal_regimes),
	};

	return cmocka_run_group_tests_name("stage1", tests, NULL, NULL);
}
