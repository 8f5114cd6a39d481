/* needs: src/mair.c src/names.c */
/* SPDX-License-Identifier: BSD-2-Clause */
/* Reading MAIR_EL1 out of code. The words are assembled here by the tables of Arm ARM C4.1. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

#include "mair.h"

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
	/* The helpers above against words of an assembler (clang). */
	assert_int_equal(MOVZ(5, 0x44, 1), 0xd2a00885); /* mov x5, #0x440000 */
	assert_int_equal(MOVK(5, 0xf0ff, 0), 0xf29e1fe5); /* movk x5, #0xf0ff */
	assert_int_equal(MOVN(0, 0, 0), 0x92800000); /* mov x0, #-1 */
	assert_int_equal(MSR_MAIR(5), 0xd518a205); /* msr mair_el1, x5 */
	assert_true(LINUX == S2V_MAIR_LINUX);
}

static void built_in_a_register(void **state)
{
	(void)state;
	/* mov_q of arch/arm64: MOVZ with the top part, MOVK with the rest */
	CHECK(true, LINUX, NOP, MOVZ(5, 0x04, 2), MOVK(5, 0x0044, 1), MOVK(5, 0xf0ff, 0), NOP,
	      MSR_MAIR(5), RET);
	CHECK(true, LINUX, MOVZ(17, 0x04, 2), MOVK(17, 0x0044, 1), MOVK(17, 0xf0ff, 0),
	      MSR_MAIR(17));
	/* ~0xff00 << 0 = …ffff00ff, then bits 63:16 written over */
	CHECK(true, LINUX, MOVN(3, 0xff00, 0), MOVK(3, 0xf0ff, 0), MOVK(3, 0x0044, 1),
	      MOVK(3, 0x04, 2), MOVK(3, 0, 3), MSR_MAIR(3));
	/* MOVN with a shift: ~(0x1234 << 32) */
	CHECK(true, 0xffffedcbffffffffULL, MOVN(3, 0x1234, 2), MSR_MAIR(3));
	/* Every part, the highest too */
	CHECK(true, 0x0123456789abcdefULL, MOVZ(0, 0xcdef, 0), MOVK(0, 0x89ab, 1),
	      MOVK(0, 0x4567, 2), MOVK(0, 0x0123, 3), MSR_MAIR(0));
	/* MOVZ clears what was there before */
	CHECK(true, 0x44, MOVZ(1, 0xffff, 3), MOVZ(1, 0x44, 0), MSR_MAIR(1));
}

static void another_register_in_between(void **state)
{
	(void)state;
	CHECK(true, LINUX, MOVZ(5, 0x04, 2), MOVZ(10, 0xdead, 0), MOVK(5, 0x0044, 1),
	      MOVK(10, 0xbeef, 1), MOVK(5, 0xf0ff, 0), MSR_TCR(10), MSR_AMAIR(10), MSR_MAIR(5));
	/* Its own register counts, not the one built last. */
	CHECK(true, 0xff, MOVZ(1, 0xff, 0), MOVZ(2, 0x44, 0), MSR_MAIR(1));
	/* The first write counts: what follows is somebody else's code. */
	CHECK(true, 0xff, MOVZ(1, 0xff, 0), MSR_MAIR(1), MOVZ(1, 0x44, 0), MSR_MAIR(1));
}

static void not_to_be_had(void **state)
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
	CHECK(false, 0, MSR_MAIR(5)); /* a register that nobody built */
	CHECK(false, 0, MOVZ(5, 0xff, 0), MSR_MAIR(6));
	CHECK(false, 0, MOVK(5, 0xff, 0), MSR_MAIR(5)); /* three quarters are unknown */
	CHECK(false, 0, MSR_MAIR(31)); /* XZR */
	/* Unknown at the first write: a later one does not make up for it. */
	CHECK(false, 0, MSR_MAIR(6), MOVZ(6, 0xff, 0), MSR_MAIR(6));
}

/* Only n words may be read, and the write in the word behind is not seen. */
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
	/* Without MTE, index 1 is what index 0 is. The last byte is index 7. */
	s2v_mair_decode(0xff0000040044ffffULL & ~0xff00000000ULL, got);
	assert_int_equal(got[1], S2V_ATTR_NORMAL_WB);
	assert_int_equal(got[7], S2V_ATTR_NORMAL_WB);
	/* 0x40 is an encoding with an inner half of 0000: not one of ours */
	s2v_mair_decode(0x40, got);
	assert_int_equal(got[0], S2V_ATTR_UNKNOWN);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(known_words),
		cmocka_unit_test(built_in_a_register),
		cmocka_unit_test(another_register_in_between),
		cmocka_unit_test(not_to_be_had),
		cmocka_unit_test(stops_at_the_end),
		cmocka_unit_test(decode),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
