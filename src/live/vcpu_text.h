/* SPDX-License-Identifier: BSD-2-Clause */
/* Reads the running kernel's vCPU-init path from its text. */
#ifndef S2V_VCPU_TEXT_H
#define S2V_VCPU_TEXT_H

#include "host/icache.h"
#include "host/kallsyms.h"

struct s2verify_bpf;

/*
 * Finds the function with the path of KVM_ARM_VCPU_INIT, reads it and looks for the invalidation of
 * the instruction cache. skel must be loaded. 0 or -errno: -ENOENT if the symbol table has no such
 * function or hides its address. After an error *ic is empty: no text was read.
 */
int s2v_vcpu_text(struct s2verify_bpf *skel, const struct s2v_kallsyms *ks, struct s2v_icache *ic);

#endif
