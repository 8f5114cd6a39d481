/* SPDX-License-Identifier: BSD-2-Clause */
/* The meaning of the kernel's AttrIndx values: MAIR_EL1, as the start-up code sets it. */
#ifndef S2V_MAIR_H
#define S2V_MAIR_H

#include "util/types.h"

/*
 * Evaluates A64 code that builds constants (MOVZ, MOVN, MOVK, and BFM with its aliases) up to the
 * first write of MAIR_EL1. False if there is none in the n instructions, or if the value of its
 * register is not known. Treats branches as not taken.
 */
bool s2v_mair_from_code(const __u32 *insn, size_t n, __u64 *mair);

/* AttrIndx → enum s2v_attr, from the eight bytes of MAIR_EL1. */
void s2v_mair_decode(__u64 mair, __u8 s1_attr[8]);

/*
 * MAIR_EL1 of Linux 5.14 to 7.3 (arch/arm64/include/asm/memory.h, 58cc6b72a212), for kernels
 * whose code cannot be read: indices 0 to 4 are NORMAL, TAGGED, NC, nGnRnE, nGnRE.
 */
#define S2V_MAIR_LINUX 0x040044f0ffULL

#endif
