/* SPDX-License-Identifier: BSD-2-Clause */
/* Questions to the running kernel, before it is observed. */
#ifndef S2V_CALIBRATE_H
#define S2V_CALIBRATE_H

#include "host/host.h"
#include "host/kallsyms.h"

struct s2verify_bpf;

/* Address of the only text symbol of this name, or 0. */
__u64 s2v_kernel_symbol(const struct s2v_kallsyms *ks, const char *name);

/* Kernel memory, of any length: the loaded skeleton's ask_peek reads it. 0 or -errno. */
int s2v_peek(struct s2verify_bpf *skel, __u64 addr, void *to, size_t len);

/*
 * Fill host->s1_attr, s1_source and s1_calibrated: what AttrIndx means by the kernel's own code,
 * else by its release, held against an anonymous page of ours, which is Normal Write-Back.
 * All UNKNOWN and not calibrated where that does not agree.
 */
void s2v_calibrate(struct s2verify_bpf *skel, const struct s2v_kallsyms *ks, struct s2v_host *host);

#endif
