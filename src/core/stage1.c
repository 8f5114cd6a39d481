// SPDX-License-Identifier: BSD-2-Clause
/* Walks a guest's stage-1 tables; see stage1.h. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/stage1.h"

#include "s2v_attr.h"

#define WORDS (S2V_TABLE_CHUNK / 8)

/* TCR_EL1 (Arm ARM DDI 0487, TCR_EL1). The fields for TTBR1 are 16 bits above, but for TG, EPD and TBI. */
#define TCR_TXSZ(tcr, which) ((__u32)((tcr) >> ((which) ? 16 : 0)) & 0x3f)
#define TCR_EPD(tcr, which) ((tcr) >> ((which) ? 23 : 7) & 1)
#define TCR_TG(tcr, which) ((__u32)((tcr) >> ((which) ? 30 : 14)) & 3)
#define TCR_IPS(tcr) ((__u32)((tcr) >> 32) & 7)
#define TCR_DS (1ULL << 59)
#define TCR2_D128 (1ULL << 5)
#define TCR2_AIE (1ULL << 4)
#define SCTLR_EE (1ULL << 25)
#define IPS_52 6

/* Page shift by TG0 and TG1, which are encoded differently; 0: reserved. */
static __u32 granule(__u64 tcr, int which)
{
	static const __u32 shift[2][4] = { { 12, 16, 14, 0 }, { 0, 14, 12, 16 } };

	return shift[which][TCR_TG(tcr, which)];
}

/*
 * Input address bits. TxSZ below the smallest valid value counts as that value, above the largest as that
 * (Arm ARM D8.2.4: the CPU may do this, or fault).
 */
static __u32 input_bits(__u64 tcr, int which, __u32 page_shift)
{
	__u32 txsz = TCR_TXSZ(tcr, which);
	/* 52 bits need TCR_EL1.DS (FEAT_LPA2), or 64K pages (FEAT_LVA). */
	__u32 least = (tcr & TCR_DS) || page_shift == 16 ? 12 : 16;
	__u32 most = page_shift == 16 ? 47 : 48; /* FEAT_TTST */

	if (txsz < least)
		txsz = least;
	if (txsz > most)
		txsz = most;
	return 64 - txsz;
}

/* IPA of the root, which is aligned to its size; with 52-bit addresses also to 64 bytes, and TTBR[5:2] is IPA[51:48]. */
static __u64 root_ipa(const struct s2v_regime *r, __u64 ttbr)
{
	__u64 ipa = ttbr & ((1ULL << 48) - 1) & ~(r->root_size - 1);

	return r->wide ? (ipa & ~0x3fULL) | (ttbr >> 2 & 0xf) << 48 : ipa;
}

enum s2v_regime_kind s2v_regime_of(const struct s2v_stage1_regs *regs, int which,
				   struct s2v_regime *r)
{
	__u32 top;

	memset(r, 0, sizeof(*r));
	if (!(regs->sctlr & S2V_SCTLR_M) || !(regs->sctlr & S2V_SCTLR_C) ||
	    TCR_EPD(regs->tcr, which))
		return S2V_REGIME_NONE;
	r->t.page_shift = granule(regs->tcr, which);
	if (!r->t.page_shift || (regs->tcr2 & (TCR2_D128 | TCR2_AIE)))
		return S2V_REGIME_FORMAT;
	r->t.ia_bits = input_bits(regs->tcr, which, r->t.page_shift);
	r->t.ds = r->t.page_shift < 16 && (regs->tcr & TCR_DS);
	r->t.start_level = s2v_start_level(r->t.page_shift, r->t.ia_bits);
	top = r->t.ia_bits - s2v_level_shift(&r->t, r->t.start_level);
	r->root_size = 8ULL << top;
	r->wide = r->t.page_shift == 16 ? TCR_IPS(regs->tcr) == IPS_52 : r->t.ds;
	r->root = root_ipa(r, regs->ttbr[which]);
	r->va = which ? ~0ULL << r->t.ia_bits : 0;
	r->mair = regs->mair;
	r->big_endian = regs->sctlr & SCTLR_EE;
	return S2V_REGIME_TABLES;
}

/* A chunk of a table that is still to be read. */
struct todo {
	__u64 ipa, va; /* va: of its first entry */
	__u32 entries;
	__s32 level;
};

struct walker {
	const struct s2v_regime *r;
	struct s2v_stage1_walk *w;
	struct todo *todo; /* a stack: the newest first, so it stays small */
	size_t n, cap;
	struct s2v_stage1_run run;
};

static int push(struct walker *x, __u64 ipa, __u64 va, __u64 bytes, __s32 level)
{
	__u32 shift = s2v_level_shift(&x->r->t, level);

	for (__u64 at = 0; at < bytes; at += S2V_TABLE_CHUNK) {
		__u64 left = (bytes - at) / 8;

		if (x->w->tables == x->w->most)
			return -E2BIG;
		if (x->n == x->cap) {
			size_t cap = x->cap ? 2 * x->cap : 1024;
			struct todo *t = reallocarray(x->todo, cap, sizeof(*t));

			if (!t)
				return -ENOMEM;
			x->todo = t;
			x->cap = cap;
		}
		x->w->tables++;
		x->todo[x->n++] = (struct todo){
			.ipa = ipa + at,
			.va = va + (at / 8 << shift),
			.entries = left < WORDS ? (__u32)left : WORDS,
			.level = level,
		};
	}
	return 0;
}

static int end_run(struct walker *x)
{
	int err = x->run.leaves ? x->w->run(x->w->arg, &x->run) : 0;

	x->w->leaves += x->run.leaves;
	x->run.leaves = 0;
	return err;
}

/* Whether a block may be at this level (Arm ARM D8.3.1): others are reserved, and fault. */
static bool level_has_blocks(const struct s2v_regime *r, __s32 level)
{
	if (r->t.page_shift == 12)
		return level == 1 || level == 2 || (level == 0 && r->wide);
	return level == 2 || (level == 1 && r->wide);
}

static int add_leaf(struct walker *x, const struct todo *t, __u64 desc, __u64 va)
{
	__u32 shift = s2v_level_shift(&x->r->t, t->level), attr;
	__u64 ipa = s2v_desc_pa(&x->r->t, desc, shift);
	struct s2v_stage1_run *run = &x->run;
	int err;

	attr = s2v_attr_from_mair(x->r->mair >> (8 * s2v_attrindx(desc)) & 0xff);
	if (run->leaves && run->attr == attr && run->level == t->level &&
	    run->va + run->size == va && run->ipa + run->size == ipa) {
		run->size += 1ULL << shift;
		run->leaves++;
		return 0;
	}
	err = end_run(x);
	*run = (struct s2v_stage1_run){
		.va = va,
		.ipa = ipa,
		.size = 1ULL << shift,
		.leaves = 1,
		.attr = attr,
		.level = t->level,
	};
	return err;
}

static int walk_entry(struct walker *x, const struct todo *t, __u64 desc, __u64 va)
{
	const struct s2v_tables *g = &x->r->t;

	if (!(desc & S2V_DESC_VALID))
		return 0;
	if (t->level == S2V_LEAF_LEVEL || !(desc & S2V_DESC_TABLE)) {
		if (t->level == S2V_LEAF_LEVEL ? !(desc & S2V_DESC_TABLE)
					       : !level_has_blocks(x->r, t->level))
			return 0; /* reserved */
		return add_leaf(x, t, desc, va);
	}
	return push(x, s2v_desc_pa(g, desc, g->page_shift), va, 1ULL << g->page_shift,
		    t->level + 1);
}

static int walk_chunk(struct walker *x, const struct todo *t, const __u64 *data)
{
	__u32 shift = s2v_level_shift(&x->r->t, t->level);
	/* A root of less than a chunk is aligned to its size, and begins in it. */
	__u64 first = t->ipa % S2V_TABLE_CHUNK / 8;
	int err = 0;

	for (__u64 i = 0; i < t->entries && !err; i++) {
		__u64 desc = data[first + i];

		if (x->r->big_endian)
			desc = __builtin_bswap64(desc);
		err = walk_entry(x, t, desc, t->va + (i << shift));
	}
	return err;
}

/* Reads the newest chunks, and walks them. */
static int walk_batch(struct walker *x)
{
	const __u64 *data[S2V_BATCH_MOST];
	struct todo now[S2V_BATCH_MOST];
	__u64 ipa[S2V_BATCH_MOST] = { 0 };
	unsigned int n = x->n < x->w->batch ? (unsigned int)x->n : x->w->batch;
	int err;

	x->n -= n;
	for (unsigned int i = 0; i < n; i++) {
		now[i] = x->todo[x->n + n - 1 - i];
		ipa[i] = now[i].ipa & ~(S2V_TABLE_CHUNK - 1ULL);
	}
	err = x->w->read(x->w->arg, ipa, n, data);
	for (unsigned int i = 0; i < n && !err; i++)
		if (data[i])
			err = walk_chunk(x, &now[i], data[i]);
	return err;
}

int s2v_stage1_walk(const struct s2v_regime *r, struct s2v_stage1_walk *w)
{
	struct walker x = { .r = r, .w = w };
	int err;

	w->tables = w->leaves = 0;
	err = push(&x, r->root, r->va, r->root_size, r->t.start_level);
	while (!err && x.n)
		err = walk_batch(&x);
	if (!err)
		err = end_run(&x);
	free(x.todo);
	return err;
}
