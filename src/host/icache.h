/* SPDX-License-Identifier: BSD-2-Clause */
/* Whether the kernel's vCPU-init path invalidates the instruction cache, from the kernel's text. */
#ifndef S2V_ICACHE_H
#define S2V_ICACHE_H

#include "util/types.h"

#define S2V_ICACHE_CALLS 128 /* calls that are kept; Linux's vCPU-init path has 50 to 60 */

/* A branch that is not in the words: from one byte offset to another. */
struct s2v_icache_edge {
	__u32 from, to;
};

/*
 * A function's text, from the running kernel or from an Image. In an Image the alternatives are not
 * patched: at boot a NOP may become a branch, and a branch a NOP. `edges` (in any order) are the
 * branches after patching; present branches are followed as they are.
 */
struct s2v_icache_code {
	const char *name; /* "kvm_arch_vcpu_ioctl" */
	__u64 addr;
	const __u32 *insn;
	size_t n;
	__u64 unmap; /* address of stage2_unmap_vm(); 0: not known */
	const __u64 *inval; /* functions that invalidate the whole instruction cache */
	size_t n_inval;
	const struct s2v_icache_edge *edges;
	size_t n_edges;
};

enum s2v_icache_how {
	S2V_ICACHE_NONE, /* no invalidation in these words */
	S2V_ICACHE_INSN, /* ic ialluis */
	S2V_ICACHE_CALL, /* a call of one of `inval` */
};

/* How the kernel skips the invalidation if CTR_EL0.DIC says that it is not needed. */
enum s2v_icache_bypass {
	S2V_BYPASS_NONE, /* not recognised, or none */
	S2V_BYPASS_NOP, /* a NOP just before it: an alternative, not taken */
	S2V_BYPASS_TAKEN, /* a branch just before it, over it: an alternative, taken */
	S2V_BYPASS_TEST, /* a conditional branch */
};

struct s2v_icache_call {
	__u32 at; /* offset of the BL */
	__u64 target;
};

/* All "at" are byte offsets into the function. */
struct s2v_icache {
	char function[96]; /* "": no text was read */
	__u64 addr;
	__u32 size;
	__u8 how; /* enum s2v_icache_how, of the first reachable invalidation, else of the first */
	__u8 bypass; /* enum s2v_icache_bypass */
	bool reachable; /* from the entry, as if S2V_BYPASS_TAKEN were not taken */
	bool completed; /* a DSB ISH or SY follows it; always true for a call */
	__u32 at, bypass_at;
	bool unmap, unmap_reachable; /* a call of stage2_unmap_vm() */
	__u32 unmap_at;
	bool indirect; /* there is a reachable BR; it may go anywhere */
	bool leaves; /* there is a reachable branch, not a call, out of the function */
	__u32 n_calls; /* reachable calls; may exceed S2V_ICACHE_CALLS */
	struct s2v_icache_call calls[S2V_ICACHE_CALLS];
};

/* 0, or -ENOMEM with a zeroed *ic. */
int s2v_icache_scan(const struct s2v_icache_code *code, struct s2v_icache *ic);

/*
 * Whether text was read, and neither a complete invalidation of the instruction cache is reachable
 * nor the unmap of stage 2 (after an unmap, KVM invalidates it when guest code is mapped again).
 * Relevant on hosts with S2FWB and without CTR_EL0.DIC.
 */
bool s2v_icache_missing(const struct s2v_icache *ic);

/* "ic ialluis at kvm_arch_vcpu_ioctl+0x8b0, bypassed by the branch at +0x8ac" */
void s2v_icache_text(const struct s2v_icache *ic, char *text, size_t len);

#endif
