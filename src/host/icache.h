/* SPDX-License-Identifier: BSD-2-Clause */
/* Whether the kernel's vCPU-init path invalidates the instruction cache, read out of its text. */
#ifndef S2V_ICACHE_H
#define S2V_ICACHE_H

#include "util/types.h"

#define S2V_ICACHE_CALLS 128 /* calls that are kept; Linux's vCPU-init path has 50 to 60 */

/* Where control goes besides what the words say: from one byte offset to another. */
struct s2v_icache_edge {
	__u32 from, to;
};

/*
 * A function's text: that of the running kernel, or of an Image, whose alternatives are not yet
 * patched. In the latter a NOP may be replaced by a branch, and a branch by a NOP, when the kernel
 * boots: edges (sorted or not) tell the branches that there will be; what a branch is now is
 * followed as it is.
 */
struct s2v_icache_code {
	const char *name; /* "kvm_arch_vcpu_ioctl" */
	__u64 addr;
	const __u32 *insn;
	size_t n;
	__u64 unmap; /* stage2_unmap_vm(), 0 where it is not known */
	const __u64 *inval; /* functions that invalidate the whole instruction cache */
	size_t n_inval;
	const struct s2v_icache_edge *edges;
	size_t n_edges;
};

enum s2v_icache_how {
	S2V_ICACHE_NONE, /* no invalidation in these words */
	S2V_ICACHE_INSN, /* ic ialluis */
	S2V_ICACHE_CALL, /* a call of one of the functions that invalidate */
};

/* How the invalidation is passed by where CTR_EL0.DIC says that it is not needed. */
enum s2v_icache_bypass {
	S2V_BYPASS_NONE, /* not recognised, or none */
	S2V_BYPASS_NOP, /* an alternative not taken: a NOP just before it */
	S2V_BYPASS_TAKEN, /* an alternative taken: a branch just before it, to what follows it */
	S2V_BYPASS_TEST, /* a conditional branch */
};

struct s2v_icache_call {
	__u32 at; /* offset of the BL */
	__u64 target;
};

/* All "at" are byte offsets into the function. */
struct s2v_icache {
	char function[96]; /* "" where no text was looked at */
	__u64 addr;
	__u32 size;
	__u8 how; /* enum s2v_icache_how: of the first that is reachable, else of the first */
	__u8 bypass; /* enum s2v_icache_bypass */
	bool reachable; /* from the entry, a bypass that is taken passed over */
	bool completed; /* DSB ISH (or SY) follows it (of a call: taken for granted) */
	__u32 at, bypass_at;
	bool unmap, unmap_reachable; /* stage2_unmap_vm() is called */
	__u32 unmap_at;
	bool indirect; /* a reachable BR: where it goes is not known, so anywhere */
	bool leaves; /* a reachable branch to outside of the function, other than a call */
	__u32 n_calls; /* that are reachable; may be more than are kept */
	struct s2v_icache_call calls[S2V_ICACHE_CALLS];
};

/* What is there. 0 or -ENOMEM, and then *ic says that nothing was looked at. */
int s2v_icache_scan(const struct s2v_icache_code *code, struct s2v_icache *ic);

/*
 * Text was looked at, and no way through it leads to a complete invalidation of the instruction cache,
 * nor to the unmap of stage 2, after which it is invalidated when the guest's code is mapped again.
 * It matters on a host with S2FWB and without CTR_EL0.DIC.
 */
bool s2v_icache_missing(const struct s2v_icache *ic);

/* "ic ialluis at kvm_arch_vcpu_ioctl+0x8b0, bypassed by the branch at +0x8ac" */
void s2v_icache_text(const struct s2v_icache *ic, char *text, size_t len);

#endif
