/* needs: src/core/names.c src/host/observe.c */
/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Every encoding that the decoders of s2v_attr.h can meet. What is expected is written from the
 * Arm ARM (DDI 0487) and the kernel's tables, bit by bit, not from the decoders.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

#include "core/sink.h"

#define BIT(n) (1ULL << (n))

/* ---- MAIR_EL1 ---- */

enum cache { BAD, NC, WT, WB };

/* One half of a Normal attribute byte: 0booRW in the table "Attr<n>[7:4]" and "[3:0]". */
static const enum cache half[16] = {
	[0x0] = BAD, /* upper half: Device; lower half: see below */
	[0x1] = WT,  [0x2] = WT, [0x3] = WT, /* 0b00RW, RW not 00: Write-Through Transient */
	[0x4] = NC, /* 0b0100 */
	[0x5] = WB,  [0x6] = WB, [0x7] = WB, /* 0b01RW, RW not 00: Write-Back Transient */
	[0x8] = WT,  [0x9] = WT, [0xa] = WT, [0xb] = WT, /* 0b10RW: Write-Through */
	[0xc] = WB,  [0xd] = WB, [0xe] = WB, [0xf] = WB, /* 0b11RW: Write-Back */
};

static __u32 mair_expected(unsigned int byte)
{
	static const __u32 device[4] = { S2V_ATTR_DEVICE_nGnRnE, S2V_ATTR_DEVICE_nGnRE,
					 S2V_ATTR_DEVICE_nGRE, S2V_ATTR_DEVICE_GRE };
	enum cache outer = half[byte >> 4], inner = half[byte & 0xf], weaker;

	if (byte == 0xf0) /* Tagged Normal, Write-Back (FEAT_MTE2) */
		return S2V_ATTR_NORMAL_TAGGED;
	if (byte >> 4 == 0) /* 0b0000dd00; dd01 is XS=0 (FEAT_XS), dd1x UNPREDICTABLE */
		return byte % 4 < 2 ? device[byte / 4] : S2V_ATTR_UNKNOWN;
	if (byte == 0x40) /* FEAT_XS: Normal Non-cacheable, XS=0 */
		return S2V_ATTR_NORMAL_NC;
	if (byte == 0xa0) /* FEAT_XS: Normal Write-Through, XS=0 */
		return S2V_ATTR_NORMAL_WT;
	if (outer == BAD || inner == BAD) /* other 0bxxxx0000: UNPREDICTABLE */
		return S2V_ATTR_UNKNOWN;
	weaker = outer < inner ? outer : inner;
	return weaker == NC   ? S2V_ATTR_NORMAL_NC
	       : weaker == WT ? S2V_ATTR_NORMAL_WT
			      : S2V_ATTR_NORMAL_WB;
}

static void mair_all_256(void **state)
{
	(void)state;
	for (unsigned int byte = 0; byte < 256; byte++) {
		__u32 got = s2v_attr_from_mair(byte);

		if (got != mair_expected(byte))
			fail_msg("MAIR byte 0x%02x: %s, expected %s", byte, s2v_attr_name(got),
				 s2v_attr_name(mair_expected(byte)));
	}
}

/* What Linux programs (arch/arm64/mm/proc.S), 5.10 on. */
static void mair_of_linux(void **state)
{
	(void)state;
	assert_int_equal(s2v_attr_from_mair(0x00), S2V_ATTR_DEVICE_nGnRnE);
	assert_int_equal(s2v_attr_from_mair(0x04), S2V_ATTR_DEVICE_nGnRE);
	assert_int_equal(s2v_attr_from_mair(0x0c), S2V_ATTR_DEVICE_GRE);
	assert_int_equal(s2v_attr_from_mair(0x44), S2V_ATTR_NORMAL_NC);
	assert_int_equal(s2v_attr_from_mair(0xbb), S2V_ATTR_NORMAL_WT);
	assert_int_equal(s2v_attr_from_mair(0xf0), S2V_ATTR_NORMAL_TAGGED);
	assert_int_equal(s2v_attr_from_mair(0xff), S2V_ATTR_NORMAL_WB);
}

/* ---- stage-2 MemAttr ---- */

static const __u32 memattr_plain[16] = {
	/* MemAttr[3:2] = 00: Device, by [1:0] */
	S2V_ATTR_DEVICE_nGnRnE,
	S2V_ATTR_DEVICE_nGnRE,
	S2V_ATTR_DEVICE_nGRE,
	S2V_ATTR_DEVICE_GRE,
	/* 01: Outer Non-cacheable; 0100 is NoTagAccess Write-Back (FEAT_MTE_PERM) */
	S2V_ATTR_NORMAL_WB,
	S2V_ATTR_NORMAL_NC,
	S2V_ATTR_NORMAL_NC,
	S2V_ATTR_NORMAL_NC,
	/* 10: Outer Write-Through; inner reserved, NC, WT, WB */
	S2V_ATTR_UNKNOWN,
	S2V_ATTR_NORMAL_NC,
	S2V_ATTR_NORMAL_WT,
	S2V_ATTR_NORMAL_WT,
	/* 11: Outer Write-Back */
	S2V_ATTR_UNKNOWN,
	S2V_ATTR_NORMAL_NC,
	S2V_ATTR_NORMAL_WT,
	S2V_ATTR_NORMAL_WB,
};

static const __u32 memattr_fwb[16] = {
	/* 00xx: Device */
	S2V_ATTR_DEVICE_nGnRnE,
	S2V_ATTR_DEVICE_nGnRE,
	S2V_ATTR_DEVICE_nGRE,
	S2V_ATTR_DEVICE_GRE,
	/* 0100 reserved, 0101 Non-cacheable, 0110 Write-Back forced, 0111 stage 1 decides */
	S2V_ATTR_UNKNOWN,
	S2V_ATTR_NORMAL_NC,
	S2V_ATTR_NORMAL_WB,
	S2V_ATTR_AS_S1,
	/* bit 3: reserved but for 1110, NoTagAccess Write-Back (FEAT_MTE_PERM) */
	S2V_ATTR_UNKNOWN,
	S2V_ATTR_UNKNOWN,
	S2V_ATTR_UNKNOWN,
	S2V_ATTR_UNKNOWN,
	S2V_ATTR_UNKNOWN,
	S2V_ATTR_UNKNOWN,
	S2V_ATTR_NORMAL_WB,
	S2V_ATTR_UNKNOWN,
};

static void memattr_all(void **state)
{
	(void)state;
	for (__u32 m = 0; m < 16; m++) {
		if (s2v_attr_from_memattr(m, false) != memattr_plain[m])
			fail_msg("MemAttr 0x%x: %s", m,
				 s2v_attr_name(s2v_attr_from_memattr(m, false)));
		if (s2v_attr_from_memattr(m, true) != memattr_fwb[m])
			fail_msg("MemAttr 0x%x with FWB: %s", m,
				 s2v_attr_name(s2v_attr_from_memattr(m, true)));
	}
}

/* KVM's own (arch/arm64/include/asm/memory.h, MT_S2_*): NORMAL, NORMAL_NC, DEVICE_nGnRE, AS_S1. */
static void memattr_of_kvm(void **state)
{
	(void)state;
	assert_int_equal(s2v_attr_from_memattr(0xf, false), S2V_ATTR_NORMAL_WB);
	assert_int_equal(s2v_attr_from_memattr(0x5, false), S2V_ATTR_NORMAL_NC);
	assert_int_equal(s2v_attr_from_memattr(0x1, false), S2V_ATTR_DEVICE_nGnRE);
	assert_int_equal(s2v_attr_from_memattr(6, true), S2V_ATTR_NORMAL_WB);
	assert_int_equal(s2v_attr_from_memattr(5, true), S2V_ATTR_NORMAL_NC);
	assert_int_equal(s2v_attr_from_memattr(1, true), S2V_ATTR_DEVICE_nGnRE);
	assert_int_equal(s2v_attr_from_memattr(7, true), S2V_ATTR_AS_S1);
}

/* ---- enum kvm_pgtable_prot: the four layouts that kernels have ---- */

#define SW (BIT(55) | BIT(56) | BIT(57) | BIT(58))

static const struct layout {
	const char *kernels;
	struct s2v_prot_bits b;
} layouts[] = {
	{ "5.10", { .x = 1, .w = 2, .r = 4, .device = 8, .nc = 0, .known = 0xf } },
	{ "5.15 to 6.6", { .x = 1, .w = 2, .r = 4, .device = 8, .nc = 0, .known = 0xf | SW } },
	{ "6.12 to 6.18", { .x = 1, .w = 2, .r = 4, .device = 8, .nc = 0x10, .known = 0x1f | SW } },
	{ "6.19 to 7.3",
	  { .x = 3, .w = 4, .r = 8, .device = 0x10, .nc = 0x20, .known = 0x3f | SW } },
};

static void prot_layouts(void **state)
{
	(void)state;
	for (size_t i = 0; i < S2V_ARRAY_SIZE(layouts); i++) {
		const struct s2v_prot_bits *b = &layouts[i].b;
		const __u64 rwx = b->r | b->w | b->x;

		/* Every combination of the other bits. */
		for (__u64 p = 0; p < 0x40; p++) {
			if (p & ~rwx)
				continue;
			assert_int_equal(s2v_attr_from_prot(p, b), S2V_ATTR_NORMAL_WB);
			assert_int_equal(s2v_attr_from_prot(p | b->device, b),
					 S2V_ATTR_DEVICE_nGnRE);
			if (!b->nc)
				continue;
			assert_int_equal(s2v_attr_from_prot(p | b->nc, b), S2V_ATTR_NORMAL_NC);
			/* KVM refuses this with -EINVAL */
			assert_int_equal(s2v_attr_from_prot(p | b->nc | b->device, b),
					 S2V_ATTR_UNKNOWN);
		}
	}
}

/* A bit that the running kernel does not name: NXP's 5.15 uses 4 and 5 in ways of its own. */
static void prot_unknown_bits(void **state)
{
	(void)state;
	for (size_t i = 0; i < S2V_ARRAY_SIZE(layouts); i++) {
		const struct s2v_prot_bits *b = &layouts[i].b;

		for (unsigned int bit = 0; bit < 64; bit++) {
			if (b->known & BIT(bit))
				continue;
			assert_int_equal(s2v_attr_from_prot(b->r | BIT(bit), b), S2V_ATTR_UNKNOWN);
			assert_int_equal(s2v_attr_from_prot(b->device | BIT(bit), b),
					 S2V_ATTR_UNKNOWN);
		}
		for (unsigned int bit = 55; bit <= 58 && b->known & SW; bit++)
			assert_int_equal(s2v_attr_from_prot(b->r | BIT(bit), b),
					 S2V_ATTR_NORMAL_WB);
	}
}

/* ---- AttrIndx, predicates, names ---- */

static void attrindx_bits(void **state)
{
	(void)state;
	for (__u64 i = 0; i < 8; i++) {
		assert_int_equal(s2v_attrindx(i << 2), i);
		assert_int_equal(s2v_attrindx(~0x1cULL | i << 2), i);
	}
}

static void conflicts(void **state)
{
	static const char kind[S2V_ATTR_NR] = {
		[S2V_ATTR_NONE] = '?',		[S2V_ATTR_NORMAL_WB] = 'c',
		[S2V_ATTR_NORMAL_TAGGED] = 'c', [S2V_ATTR_NORMAL_WT] = 'c',
		[S2V_ATTR_NORMAL_NC] = 'n',	[S2V_ATTR_DEVICE_GRE] = 'n',
		[S2V_ATTR_DEVICE_nGRE] = 'n',	[S2V_ATTR_DEVICE_nGnRE] = 'n',
		[S2V_ATTR_DEVICE_nGnRnE] = 'n', [S2V_ATTR_AS_S1] = '?',
		[S2V_ATTR_UNKNOWN] = '?',
	};

	(void)state;
	for (__u32 a = 0; a < S2V_ATTR_NR; a++) {
		assert_int_equal(s2v_attr_is_cacheable(a), kind[a] == 'c');
		assert_int_equal(s2v_attr_is_noncacheable(a), kind[a] == 'n');
		assert_int_equal(s2v_attr_is_device(a), kind[a] == 'n' && a != S2V_ATTR_NORMAL_NC);
		for (__u32 b = 0; b < S2V_ATTR_NR; b++)
			assert_int_equal(s2v_attr_conflict(a, b),
					 (kind[a] == 'c' && kind[b] == 'n') ||
						 (kind[a] == 'n' && kind[b] == 'c'));
	}
}

/*
 * Arm ARM D8.6.4: if either stage has a Device type the result is Device, of the type that allows least; else the
 * weaker cacheability of both. Tags are not kept.
 */
static __u32 combined(__u32 a, __u32 b)
{
	static const __u32 weakest_first[] = {
		S2V_ATTR_DEVICE_nGnRnE, S2V_ATTR_DEVICE_nGnRE, S2V_ATTR_DEVICE_nGRE,
		S2V_ATTR_DEVICE_GRE,	S2V_ATTR_NORMAL_NC,    S2V_ATTR_NORMAL_WT,
	};
	static const __u32 no_type[] = { S2V_ATTR_NONE, S2V_ATTR_AS_S1, S2V_ATTR_UNKNOWN,
					 S2V_ATTR_NR, ~0U };

	for (size_t i = 0; i < S2V_ARRAY_SIZE(no_type); i++)
		if (a == no_type[i] || b == no_type[i])
			return S2V_ATTR_UNKNOWN;
	for (size_t i = 0; i < S2V_ARRAY_SIZE(weakest_first); i++)
		if (a == weakest_first[i] || b == weakest_first[i])
			return weakest_first[i];
	return S2V_ATTR_NORMAL_WB;
}

static void combinations(void **state)
{
	(void)state;
	for (__u32 a = 0; a <= S2V_ATTR_NR; a++) {
		for (__u32 b = 0; b <= S2V_ATTR_NR; b++) {
			__u32 got = s2v_attr_combine(a, b);

			if (got != combined(a, b))
				fail_msg("%s and %s: %s", s2v_attr_name(a), s2v_attr_name(b),
					 s2v_attr_name(got));
		}
	}
	assert_int_equal(s2v_attr_combine(~0U, S2V_ATTR_NORMAL_WB), S2V_ATTR_UNKNOWN);
	assert_int_equal(s2v_attr_combine(S2V_ATTR_NORMAL_WB, ~0U), S2V_ATTR_UNKNOWN);
}

/* The weakest type of some memory, and whether there are others. */
static void weakest(void **state)
{
	struct s2v_guest_bytes g = { 0 };
	bool mixed = true;

	(void)state;
	assert_int_equal(s2v_guest_weakest(&g, &mixed), S2V_ATTR_NONE);
	assert_false(mixed);
	for (__u32 a = S2V_ATTR_NORMAL_WB; a < S2V_ATTR_NR; a++) {
		g = (struct s2v_guest_bytes){ 0 };
		g.bytes[a] = 4096;
		assert_int_equal(s2v_guest_weakest(&g, &mixed), a);
		assert_false(mixed);
		for (__u32 b = S2V_ATTR_NORMAL_WB; b < a; b++) {
			g.bytes[b] = 1ULL << 40;
			/* UNKNOWN is weaker than all. */
			assert_int_equal(s2v_guest_weakest(&g, &mixed), a);
			assert_true(mixed);
		}
	}
}

static void names(void **state)
{
	(void)state;
	for (__u32 a = 0; a < S2V_ATTR_NR; a++) {
		for (__u32 b = 0; b < a; b++)
			assert_string_not_equal(s2v_attr_name(a), s2v_attr_name(b));
		if (a != S2V_ATTR_UNKNOWN)
			assert_string_not_equal(s2v_attr_name(a), "unknown");
	}
	assert_string_equal(s2v_attr_name(S2V_ATTR_DEVICE_nGnRE), "device-nGnRE");
	assert_string_equal(s2v_attr_name(S2V_ATTR_NR), "unknown");
	assert_string_equal(s2v_attr_name(~0U), "unknown");
	assert_string_equal(s2v_source_name((enum s2v_attr_source)99), "unknown");
	assert_string_equal(s2v_source_name(S2V_SRC_GMEM), "guest_memfd");
	assert_string_equal(s2v_cmo_name(S2V_CMO_DATA_ICACHE), "data+icache");
	assert_string_equal(s2v_observe_name(S2V_OBS_NR), "unknown");
	assert_string_equal(s2v_method_name(S2V_METHOD_NONE), "none");
	for (int s = 0; s < S2V_SEVERITY_NR; s++)
		assert_int_equal(s2v_severity_parse(s2v_severity_name((enum s2v_severity)s)), s);
	assert_int_equal(s2v_severity_parse("HIGH"), S2V_HIGH);
	assert_int_equal(s2v_severity_parse(""), -1);
	assert_int_equal(s2v_severity_parse("hig"), -1);
	assert_int_equal(s2v_severity_parse("highest"), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(mair_all_256),	 cmocka_unit_test(mair_of_linux),
		cmocka_unit_test(memattr_all),	 cmocka_unit_test(memattr_of_kvm),
		cmocka_unit_test(prot_layouts),	 cmocka_unit_test(prot_unknown_bits),
		cmocka_unit_test(attrindx_bits), cmocka_unit_test(conflicts),
		cmocka_unit_test(names),	 cmocka_unit_test(combinations),
		cmocka_unit_test(weakest),
	};

	return cmocka_run_group_tests_name("attr", tests, NULL, NULL);
}
