/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * Arithmetic of VMSAv8-64 translation tables (Arm ARM D8.2, D8.3), for stage 1 and stage 2.
 * The caller reads the descriptors: BPF and tests do it differently.
 */
#ifndef S2V_PGTABLE_H
#define S2V_PGTABLE_H

/* Geometry of one set of tables. */
struct s2v_tables {
	__u32 page_shift; /* 12, 14 or 16 */
	__s32 start_level; /* -1 … 3 */
	__u32 ia_bits; /* input address bits */
	__u32 ds; /* 52-bit descriptors of 4K and 16K granules: TCR_ELx.DS, VTCR_EL2.DS */
};

#define S2V_LEAF_LEVEL 3
#define S2V_DESC_VALID 1ULL
#define S2V_DESC_TABLE 2ULL /* a table, or at level 3 a page; clear: a block */

/* Lowest bit of the index of `level`, and so log2 of the bytes that one entry maps. */
static inline __u32 s2v_level_shift(const struct s2v_tables *t, __s32 level)
{
	return t->page_shift + (__u32)(S2V_LEAF_LEVEL - level) * (t->page_shift - 3);
}

/* First level of stage-1 tables for ia_bits. Stage 2 concatenates tables: read it from KVM. */
static inline __s32 s2v_start_level(__u32 page_shift, __u32 ia_bits)
{
	__u32 stride = page_shift - 3;

	return S2V_LEAF_LEVEL + 1 - (__s32)((ia_bits - page_shift + stride - 1) / stride);
}

/* Index into the table at `level`; the root uses all higher bits (concatenated stage-2 roots). */
static inline __u64 s2v_index(const struct s2v_tables *t, __s32 level, __u64 ia)
{
	__u64 i = (ia & ((1ULL << t->ia_bits) - 1)) >> s2v_level_shift(t, level);

	if (level != t->start_level)
		i &= (1ULL << (t->page_shift - 3)) - 1;
	return i;
}

/* The output address bits of a descriptor. */
struct s2v_pa_bits {
	__u64 low; /* bits in place */
	__u64 high; /* bits to shift left by `up` */
	__u32 up;
};

/* For descriptors whose address field starts at bit `shift`. */
static inline struct s2v_pa_bits s2v_pa_bits(const struct s2v_tables *t, __u32 shift)
{
	__u64 top = t->page_shift < 16 && t->ds ? 50 : 48;
	struct s2v_pa_bits b = { .low = ((1ULL << top) - 1) & ~((1ULL << shift) - 1) };

	if (t->page_shift == 16) { /* FEAT_LPA: bits 15:12 are PA[51:48]; else RES0 */
		b.high = 0xf000;
		b.up = 36;
	} else if (t->ds) { /* FEAT_LPA2: bits 9:8 are PA[51:50]; else shareability */
		b.high = 0x300;
		b.up = 42;
	}
	return b;
}

static inline __u64 s2v_pa(const struct s2v_pa_bits *b, __u64 desc)
{
	return (desc & b->low) | ((desc & b->high) << b->up);
}

/* Output address of a descriptor whose address field starts at bit `shift`. */
static inline __u64 s2v_desc_pa(const struct s2v_tables *t, __u64 desc, __u32 shift)
{
	struct s2v_pa_bits b = s2v_pa_bits(t, shift);

	return s2v_pa(&b, desc);
}

static inline bool s2v_desc_is_leaf(__u64 desc, __s32 level)
{
	return level == S2V_LEAF_LEVEL ? (desc & S2V_DESC_TABLE) != 0 : !(desc & S2V_DESC_TABLE);
}

/* Bytes that one last-level table translates. */
static inline __u64 s2v_last_table_size(__u32 page_shift)
{
	return 1ULL << (page_shift + page_shift - 3);
}

/* MemAttr[3:0] of a stage-2 leaf. */
static inline __u32 s2v_desc_memattr(__u64 desc)
{
	return (desc >> 2) & 0xf;
}

/* XN[1:0], bits 54:53: executable at any exception level? 0b10 is the only "never". */
static inline bool s2v_desc_s2_exec(__u64 desc)
{
	return ((desc >> 53) & 3) != 2;
}

#endif
