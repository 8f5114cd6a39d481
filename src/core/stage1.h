/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A guest's own stage 1: translation regimes by the registers of a vCPU, and the walk of their tables (VMSAv8-64,
 * Arm ARM DDI 0487 D8). The caller reads the tables, so this serves a live host and a dump.
 */
#ifndef S2V_STAGE1_H
#define S2V_STAGE1_H

#include "util/types.h"

#include "s2v_pgtable.h"

/* EL1 registers of a vCPU. */
struct s2v_stage1_regs {
	__u64 sctlr, tcr, tcr2, mair, ttbr[2];
};

#define S2V_SCTLR_M (1ULL << 0)
#define S2V_SCTLR_C (1ULL << 2)

/* The tables behind one of the two TTBRs. Equal regimes map alike. */
struct s2v_regime {
	struct s2v_tables t;
	__u64 root; /* IPA of the first table */
	__u64 root_size; /* bytes */
	__u64 va; /* the first address that it translates: 0 for TTBR0 */
	__u64 mair;
	bool big_endian; /* SCTLR_EL1.EE: so are the tables */
	bool wide; /* output addresses of 52 bits */
};

enum s2v_regime_kind {
	S2V_REGIME_TABLES,
	S2V_REGIME_NONE, /* MMU or caches off, which needs no walk, or the walk is disabled (TCR_EL1.EPDn) */
	S2V_REGIME_FORMAT, /* a format that is not walked: reserved granule, D128, AIE */
};

/* The regime of TTBR0_EL1 (which 0) or TTBR1_EL1 (1). Sets all bytes of *r. */
enum s2v_regime_kind s2v_regime_of(const struct s2v_stage1_regs *regs, int which,
				   struct s2v_regime *r);

/* Tables are read in chunks of this many bytes: the smallest table. */
#define S2V_TABLE_CHUNK 4096

/* Adjacent leaves of one type and level; their output addresses ascend with va. */
struct s2v_stage1_run {
	__u64 va, ipa, size, leaves;
	__u32 attr; /* enum s2v_attr */
	__s32 level;
};

struct s2v_stage1_walk {
	/*
	 * Reads n (at most `batch`) chunks at ipa[i] and sets data[i] to S2V_TABLE_CHUNK bytes, valid until the next
	 * call, or to NULL if there is nothing to walk, which the function has counted. 0, or a value other than 0,
	 * which ends the walk.
	 */
	int (*read)(void *arg, const __u64 *ipa, unsigned int n, const __u64 **data);
	/* Takes a run; 0, or a value other than 0, which ends the walk. The order is not by address. */
	int (*run)(void *arg, const struct s2v_stage1_run *run);
	void *arg;
	unsigned int batch; /* at most S2V_BATCH_MOST */
	__u64 most; /* chunks to read at most: tables may lead to each other */
	__u64 tables, leaves; /* results: chunks asked for, leaves reported */
};

#define S2V_BATCH_MOST 64

/* Returns 0; -E2BIG: more than w->most; -ENOMEM; or the value with which a function ended the walk. */
int s2v_stage1_walk(const struct s2v_regime *r, struct s2v_stage1_walk *w);

#endif
