/* SPDX-License-Identifier: BSD-2-Clause */
/* A guest's memory with stage-1 tables that a test writes by hand, and a walk of them that keeps what it is given. */
#ifndef S2V_TEST_STAGE1_TABLES_H
#define S2V_TEST_STAGE1_TABLES_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

#include "core/stage1.h"

/* ---- guest memory: pages of 4096 bytes; others cannot be read ---- */

#define PAGES 128

static struct {
	__u64 ipa[PAGES], word[PAGES][512];
	unsigned int n;
} mem;

static inline __u64 *page_at(__u64 ipa)
{
	for (unsigned int i = 0; i < mem.n; i++)
		if (mem.ipa[i] == ipa)
			return mem.word[i];
	return NULL;
}

/* Writes entry `index` of the table at `ipa`. */
static inline void put(__u64 ipa, __u64 index, __u64 desc)
{
	__u64 at = ipa + 8 * index, page = at & ~0xfffULL, *to = page_at(page);

	if (!to) {
		assert_true(mem.n < PAGES);
		mem.ipa[mem.n] = page;
		to = mem.word[mem.n++];
		memset(to, 0, 4096);
	}
	to[at % 4096 / 8] = desc;
}

/* Descriptors: bits 1:0, AttrIndx in 4:2, AF. */
#define TABLE(ipa) ((ipa) | 3)
#define AF (1ULL << 10)
#define PAGE(ipa, i) ((ipa) | AF | (__u64)(i) << 2 | 3)
#define BLOCK(ipa, i) ((ipa) | AF | (__u64)(i) << 2 | 1)

/* MAIR_EL1: from index 7 down nGnRnE, nGRE, GRE, nGnRE, tagged, WT, NC, WB. */
static const __u64 mair = 0x00080c04f0bb44ffULL;
static const __u32 type_of[8] = {
	S2V_ATTR_NORMAL_WB,    S2V_ATTR_NORMAL_NC,  S2V_ATTR_NORMAL_WT,	  S2V_ATTR_NORMAL_TAGGED,
	S2V_ATTR_DEVICE_nGnRE, S2V_ATTR_DEVICE_GRE, S2V_ATTR_DEVICE_nGRE, S2V_ATTR_DEVICE_nGnRnE,
};

/* ---- a walk, and what it reported ---- */

#define RUNS 16384

static struct {
	struct s2v_stage1_run run[RUNS];
	size_t n;
	__u64 reads, chunks; /* calls of read(), and what they asked for */
	__u64 buf[S2V_BATCH_MOST][512];
	unsigned int batch;
	int read_err, run_err; /* to be returned by call number … */
	__u64 read_ends, run_ends; /* … counted from 1; 0: never */
	bool over;
} got;

static inline int read_fake(void *arg, const __u64 *ipa, unsigned int n, const __u64 **data)
{
	assert_ptr_equal(arg, &got);
	assert_false(got.over);
	assert_true(n > 0 && n <= got.batch);
	got.reads++;
	got.chunks += n;
	/* What the call before returned is no longer valid. */
	memset(got.buf, 0xff, sizeof(got.buf));
	for (unsigned int i = 0; i < n; i++) {
		const __u64 *from = page_at(ipa[i]);

		assert_int_equal(ipa[i] % 4096, 0);
		data[i] = from ? memcpy(got.buf[i], from, 4096) : NULL;
	}
	got.over = got.reads == got.read_ends;
	return got.over ? got.read_err : 0;
}

static inline int take_run(void *arg, const struct s2v_stage1_run *run)
{
	assert_ptr_equal(arg, &got);
	assert_false(got.over);
	assert_true(run->leaves > 0 && run->size > 0);
	if (got.n < RUNS)
		got.run[got.n] = *run;
	got.n++;
	got.over = got.n == got.run_ends;
	return got.over ? got.run_err : 0;
}

static struct s2v_stage1_walk w;

static inline int walk_batch(const struct s2v_regime *r, unsigned int batch, __u64 most)
{
	got.n = 0;
	got.reads = got.chunks = 0;
	got.over = false;
	got.batch = batch;
	w = (struct s2v_stage1_walk){
		.read = read_fake, .run = take_run, .arg = &got, .batch = batch, .most = most
	};
	return s2v_stage1_walk(r, &w);
}

static inline void walk(const struct s2v_regime *r)
{
	__u64 leaves = 0;

	assert_int_equal(walk_batch(r, S2V_BATCH_MOST, 1000000), 0);
	assert_int_equal(w.tables, got.chunks);
	assert_true(got.n <= RUNS);
	for (size_t i = 0; i < got.n; i++)
		leaves += got.run[i].leaves;
	assert_int_equal(w.leaves, leaves);
}

/* Asserts that a run was reported, wherever. */
static inline void has(__u64 va, __u64 ipa, __u64 size, __u64 leaves, __u32 attr)
{
	for (size_t i = 0; i < got.n; i++) {
		const struct s2v_stage1_run *r = &got.run[i];

		if (r->va == va && r->ipa == ipa && r->size == size && r->leaves == leaves &&
		    r->attr == attr)
			return;
	}
	for (size_t i = 0; i < got.n; i++)
		print_message("va 0x%llx ipa 0x%llx size 0x%llx: %llu leaves, %s\n",
			      ULL(got.run[i].va), ULL(got.run[i].ipa), ULL(got.run[i].size),
			      ULL(got.run[i].leaves), s2v_attr_name(got.run[i].attr));
	fail_msg("no run of va 0x%llx, ipa 0x%llx, size 0x%llx", ULL(va), ULL(ipa), ULL(size));
}

/* ---- regimes ---- */

#define T0SZ_MASK 0x3fULL
#define TG0_64K (1ULL << 14)
#define TG0_16K (2ULL << 14)
#define TG1_4K (2ULL << 30)
#define IPS_52 (6ULL << 32)
#define DS (1ULL << 59)
#define EE (1ULL << 25)
#define ROOT 0x40000000ULL

/* The regime of TTBR0, with an empty memory. */
static inline struct s2v_regime regime(__u64 tcr, unsigned int bits, __u64 ttbr)
{
	struct s2v_stage1_regs regs = { .sctlr = S2V_SCTLR_M | S2V_SCTLR_C,
					.tcr = tcr | ((64 - bits) & T0SZ_MASK),
					.mair = mair,
					.ttbr = { ttbr, 0 } };
	struct s2v_regime r;

	mem.n = 0;
	memset(&got, 0, sizeof(got));
	assert_int_equal(s2v_regime_of(&regs, 0, &r), S2V_REGIME_TABLES);
	assert_int_equal(r.t.ia_bits, bits);
	return r;
}

#endif
