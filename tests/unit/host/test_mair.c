/* needs: src/host/mair.c src/core/names.c */
/* SPDX-License-Identifier: BSD-2-Clause */
/* Reading MAIR_EL1 from code. The macros assemble words by the tables of Arm ARM C4.1. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

#include "host/mair.h"

/*
 * Move wide (immediate): sf [31] opc [30:29] 100101 [28:23] hw [22:21] imm16 [20:5] Rd [4:0];
 * opc 00 MOVN, 10 MOVZ, 11 MOVK; hw counts 16 bits of shift.
 */
#define MOVW(sf, opc, hw, imm, rd)                                                  \
	((__u32)(sf) << 31 | (__u32)(opc) << 29 | 0x25U << 23 | (__u32)(hw) << 21 | \
	 (__u32)(imm) << 5 | (__u32)(rd))
#define MOVN(rd, imm, hw) MOVW(1, 0, hw, imm, rd)
#define MOVZ(rd, imm, hw) MOVW(1, 2, hw, imm, rd)
#define MOVK(rd, imm, hw) MOVW(1, 3, hw, imm, rd)
/*
 * MSR (register): 1101010100 [31:22] L=0 [21] 1 [20] o0 [19] op1 [18:16] CRn [15:12] CRm [11:8]
 * op2 [7:5] Rt [4:0]; o0 is op0 - 2. MRS has L=1.
 */
#define MSR(o0, op1, crn, crm, op2, rt)                                              \
	(0xd5100000U | (__u32)(o0) << 19 | (__u32)(op1) << 16 | (__u32)(crn) << 12 | \
	 (__u32)(crm) << 8 | (__u32)(op2) << 5 | (__u32)(rt))
#define MSR_MAIR(rt) MSR(1, 0, 10, 2, 0, rt) /* MAIR_EL1: 3, 0, c10, c2, 0 */
#define MSR_TCR(rt) MSR(1, 0, 2, 0, 2, rt) /* TCR_EL1: 3, 0, c2, c0, 2 */
#define MSR_AMAIR(rt) MSR(1, 0, 10, 3, 0, rt) /* AMAIR_EL1: 3, 0, c10, c3, 0 */
#define MRS_MAIR(rt) (MSR_MAIR(rt) | 1U << 21)
/*
 * Bitfield: sf [31] opc [30:29] 100110 [28:23] N [22] immr [21:16] imms [15:10] Rn [9:5] Rd [4:0]; opc
 * 01 BFM. BFI to bit lsb is immr = -lsb MOD 64, imms = width - 1; BFXIL from lsb immr = lsb, imms = lsb + width - 1.
 */
#define BFM(rd, rn, immr, imms) \
	(0xb3400000U | (__u32)(immr) << 16 | (__u32)(imms) << 10 | (__u32)(rn) << 5 | (__u32)(rd))
#define BFI(rd, rn, lsb, width) BFM(rd, rn, (64 - (lsb)) % 64, (width)-1)
#define BFXIL(rd, rn, lsb, width) BFM(rd, rn, lsb, (lsb) + (width)-1)
#define NOP 0xd503201fU
#define RET 0xd65f03c0U

/* Linux 5.14 on: NORMAL ff, TAGGED f0 (ff without MTE), NC 44, nGnRnE 00, nGnRE 04. */
#define LINUX 0x040044f0ffULL

static void check(const __u32 *code, size_t n, bool found, __u64 want)
{
	__u64 mair = 0x5a5a;
	bool got = s2v_mair_from_code(code, n, &mair);

	assert_int_equal(got, found);
	assert_true(mair == (found ? want : 0x5a5a));
}

#define CHECK(found, want, ...)                                   \
	do {                                                      \
		static const __u32 code_[] = { __VA_ARGS__ };     \
		check(code_, S2V_ARRAY_SIZE(code_), found, want); \
	} while (0)

static void known_words(void **state)
{
	(void)state;
	/* The macros above against words from an assembler (clang). */
	assert_int_equal(MOVZ(5, 0x44, 1), 0xd2a00885); /* mov x5, #0x440000 */
	assert_int_equal(MOVK(5, 0xf0ff, 0), 0xf29e1fe5); /* movk x5, #0xf0ff */
	assert_int_equal(MOVN(0, 0, 0), 0x92800000); /* mov x0, #-1 */
	assert_int_equal(MSR_MAIR(5), 0xd518a205); /* msr mair_el1, x5 */
	assert_int_equal(BFI(17, 9, 16, 8), 0xb3701d31); /* bfi x17, x9, #16, #8 */
	assert_int_equal(BFXIL(16, 9, 0, 6), 0xb3401530); /* bfxil x16, x9, #0, #6 */
	assert_int_equal(BFI(17, 31, 16, 8), 0xb3701ff1); /* bfc x17, #16, #8 */
	assert_true(LINUX == S2V_MAIR_LINUX);
}

static void built_in_a_register(void **state)
{
	(void)state;
	/* mov_q of arch/arm64: MOVZ for the top part, MOVK for the rest */
	CHECK(true, LINUX, NOP, MOVZ(5, 0x04, 2), MOVK(5, 0x0044, 1), MOVK(5, 0xf0ff, 0), NOP,
	      MSR_MAIR(5), RET);
	CHECK(true, LINUX, MOVZ(17, 0x04, 2), MOVK(17, 0x0044, 1), MOVK(17, 0xf0ff, 0),
	      MSR_MAIR(17));
	/* ~0xff00 << 0 = …ffff00ff, then bits 63:16 overwritten */
	CHECK(true, LINUX, MOVN(3, 0xff00, 0), MOVK(3, 0xf0ff, 0), MOVK(3, 0x0044, 1),
	      MOVK(3, 0x04, 2), MOVK(3, 0, 3), MSR_MAIR(3));
	/* MOVN with a shift: ~(0x1234 << 32) */
	CHECK(true, 0xffffedcbffffffffULL, MOVN(3, 0x1234, 2), MSR_MAIR(3));
	/* All parts, also the highest */
	CHECK(true, 0x0123456789abcdefULL, MOVZ(0, 0xcdef, 0), MOVK(0, 0x89ab, 1),
	      MOVK(0, 0x4567, 2), MOVK(0, 0x0123, 3), MSR_MAIR(0));
	/* MOVZ clears the old value */
	CHECK(true, 0x44, MOVZ(1, 0xffff, 3), MOVZ(1, 0x44, 0), MSR_MAIR(1));
}

static void another_register_in_between(void **state)
{
	(void)state;
	CHECK(true, LINUX, MOVZ(5, 0x04, 2), MOVZ(10, 0xdead, 0), MOVK(5, 0x0044, 1),
	      MOVK(10, 0xbeef, 1), MOVK(5, 0xf0ff, 0), MSR_TCR(10), MSR_AMAIR(10), MSR_MAIR(5));
	/* The register of the MSR counts, not the one built last. */
	CHECK(true, 0xff, MOVZ(1, 0xff, 0), MOVZ(2, 0x44, 0), MSR_MAIR(1));
	/* The first write counts: later code may be of another function. */
	CHECK(true, 0xff, MOVZ(1, 0xff, 0), MSR_MAIR(1), MOVZ(1, 0x44, 0), MSR_MAIR(1));
}

/* __cpu_setup() of NVIDIA's kernels for the GB10, after alternatives were applied. */
static void bit_field_move(void **state)
{
	__u64 mair = 0;
	__u8 attr[8];
	static const __u32 gb10[] = { MOVZ(17, 0xffff, 0), MOVK(17, 0x0044, 1), MOVK(17, 0x4404, 2),
				      MOVZ(9, 4, 0),	   BFI(17, 9, 16, 8),	MSR_MAIR(17) };

	(void)state;
	assert_true(s2v_mair_from_code(gb10, S2V_ARRAY_SIZE(gb10), &mair));
	assert_true(mair == 0x000044040004ffffULL);
	s2v_mair_decode(mair, attr);
	assert_int_equal(attr[2], S2V_ATTR_DEVICE_nGnRE); /* MT_NORMAL_NC is no Normal-NC */
	assert_int_equal(attr[4], S2V_ATTR_DEVICE_nGnRE);
	assert_int_equal(attr[5], S2V_ATTR_NORMAL_NC);
	/* On other CPUs the alternative is NOPs. */
	CHECK(true, 0x000044040044ffffULL, MOVZ(17, 0xffff, 0), MOVK(17, 0x0044, 1),
	      MOVK(17, 0x4404, 2), NOP, NOP, MSR_MAIR(17));
	/* A field to bit 0; cleared; the whole register; a W register, whose upper half is 0. */
	CHECK(true, 0x1234560000007834, MOVZ(1, 0x1234, 3), MOVK(1, 0x5600, 2), MOVK(1, 0x7812, 0),
	      MOVZ(2, 0x3456, 1), BFXIL(1, 2, 24, 8), MSR_MAIR(1));
	CHECK(true, 0xff00ff, MOVZ(1, 0xffff, 0), MOVK(1, 0xff, 1), BFI(1, 31, 8, 8), MSR_MAIR(1));
	CHECK(true, 0x44, MOVZ(1, 0xffff, 0), MOVZ(2, 0x44, 0), BFI(1, 2, 0, 64), MSR_MAIR(1));
	CHECK(true, 0x44, MOVZ(1, 0xffff, 3), MOVW(0, 2, 0, 0x44, 1), MSR_MAIR(1));
	CHECK(true, 0xfffffffb, MOVW(0, 0, 0, 4, 1), MSR_MAIR(1));
	/* A field of an unknown register is unknown. */
	CHECK(false, 0, MOVZ(1, 0xffff, 0), BFI(1, 2, 16, 8), MSR_MAIR(1));
	CHECK(false, 0, MOVZ(2, 0xffff, 0), BFI(1, 2, 16, 8), MSR_MAIR(1));
}

/* Other instructions may write the register: its value is then unknown. */
static void written_otherwise(void **state)
{
	(void)state;
#define THEN(insn) CHECK(false, 0, MOVZ(5, 0xff, 0), insn, MSR_MAIR(5))
	THEN(0xb27d00a5); /* orr x5, x5, #8 */
	THEN(0xaa0603e5); /* mov x5, x6 */
	THEN(0x8b0600a5); /* add x5, x5, x6 */
	THEN(0xd3441ca5); /* ubfx x5, x5, #4, #4 */
	THEN(0x9a8680c5); /* csel x5, x6, x6, hi */
	THEN(0xd53800a5); /* mrs x5, mpidr_el1 */
	THEN(0xf94000c5); /* ldr x5, [x6] */
	THEN(0xa94014c6); /* ldp x6, x5, [x6] */
	THEN(0xf84084a6); /* ldr x6, [x5], #8 */
	THEN(0x94000010); /* bl */
	THEN(0xd63f00c0); /* blr x6 */
#undef THEN
	/* These do not: compare, branch, barrier, another register. */
#define THEN(insn) CHECK(true, 0xff, MOVZ(5, 0xff, 0), insn, MSR_MAIR(5))
	THEN(0xf10000bf); /* cmp x5, #0 */
	THEN(0xfa4518a5); /* ccmp x5, x5, #5, ne */
	THEN(0xb40000a5); /* cbz x5, 20 */
	THEN(0x54000045); /* b.pl 8 */
	THEN(0x14000005); /* b 20 */
	THEN(0xd5033fdf); /* isb */
	THEN(0xd50348ff); /* msr daifclr, #8 */
	THEN(0xd51b9ca5); /* msr pmselr_el0, x5 */
	THEN(0xd5380506); /* mrs x6, id_aa64dfr0_el1 */
	THEN(0xd61f00a0); /* br x5 */
#undef THEN
}

static void value_not_known(void **state)
{
	(void)state;
	check(NULL, 0, false, 0);
	CHECK(false, 0, NOP, RET);
	CHECK(false, 0, MOVZ(5, 0xff, 0), RET); /* no MSR */
	CHECK(false, 0, MOVZ(5, 0xff, 0), MSR_TCR(5)); /* another system register */
	CHECK(false, 0, MOVZ(5, 0xff, 0), MSR_AMAIR(5));
	CHECK(false, 0, MOVZ(5, 0xff, 0), MRS_MAIR(5)); /* read, not written */
	CHECK(false, 0, MOVZ(5, 0xff, 0), MSR(1, 4, 10, 2, 0, 5)); /* MAIR_EL2 */
	CHECK(false, 0, MOVZ(5, 0xff, 0), MSR(1, 5, 10, 2, 0, 5)); /* MAIR_EL12 */
	CHECK(false, 0, MSR_MAIR(5)); /* an unknown register */
	CHECK(false, 0, MOVZ(5, 0xff, 0), MSR_MAIR(6));
	CHECK(false, 0, MOVK(5, 0xff, 0), MSR_MAIR(5)); /* three quarters are unknown */
	CHECK(false, 0, MSR_MAIR(31)); /* XZR */
	/* Unknown at the first write: a later write does not count. */
	CHECK(false, 0, MSR_MAIR(6), MOVZ(6, 0xff, 0), MSR_MAIR(6));
}

/* Reads only n words: not the write in the word after them. */
static void stops_at_the_end(void **state)
{
	static const __u32 code[] = { MOVZ(5, 0xff, 0), NOP, MSR_MAIR(5) };

	(void)state;
	check(code, 2, false, 0);
	check(code, 3, true, 0xff);
}

static void decode(void **state)
{
	__u8 got[8];
	/* 5.10 to 5.13: NORMAL, TAGGED, NC, WT, nGnRnE, nGnRE, GRE; index 7 unused (00: nGnRnE) */
	static const __u8 v5_10[8] = { S2V_ATTR_NORMAL_WB,     S2V_ATTR_NORMAL_TAGGED,
				       S2V_ATTR_NORMAL_NC,     S2V_ATTR_NORMAL_WT,
				       S2V_ATTR_DEVICE_nGnRnE, S2V_ATTR_DEVICE_nGnRE,
				       S2V_ATTR_DEVICE_GRE,    S2V_ATTR_DEVICE_nGnRnE };
	static const __u8 v5_14[8] = { S2V_ATTR_NORMAL_WB,     S2V_ATTR_NORMAL_TAGGED,
				       S2V_ATTR_NORMAL_NC,     S2V_ATTR_DEVICE_nGnRnE,
				       S2V_ATTR_DEVICE_nGnRE,  S2V_ATTR_DEVICE_nGnRnE,
				       S2V_ATTR_DEVICE_nGnRnE, S2V_ATTR_DEVICE_nGnRnE };

	(void)state;
	s2v_mair_decode(0x000c0400bb44f0ffULL, got);
	assert_memory_equal(got, v5_10, sizeof(got));
	s2v_mair_decode(LINUX, got);
	assert_memory_equal(got, v5_14, sizeof(got));
	/* Without MTE, index 1 is the same as index 0. The last byte is index 7. */
	s2v_mair_decode(0xff0000040044ffffULL & ~0xff00000000ULL, got);
	assert_int_equal(got[1], S2V_ATTR_NORMAL_WB);
	assert_int_equal(got[7], S2V_ATTR_NORMAL_WB);
	/* 0x50 has an inner half of 0000, and is none of FEAT_XS: not decoded */
	s2v_mair_decode(0x50, got);
	assert_int_equal(got[0], S2V_ATTR_UNKNOWN);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(known_words),
		cmocka_unit_test(built_in_a_register),
		cmocka_unit_test(another_register_in_between),
		cmocka_unit_test(bit_field_move),
		cmocka_unit_test(written_otherwise),
		cmocka_unit_test(value_not_known),
		cmocka_unit_test(stops_at_the_end),
		cmocka_unit_test(decode),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
