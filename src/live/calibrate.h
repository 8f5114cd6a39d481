/* SPDX-License-Identifier: BSD-2-Clause */
/* What is read from the running kernel before hooks are attached. */
#ifndef S2V_CALIBRATE_H
#define S2V_CALIBRATE_H

#include "host/host.h"
#include "host/kallsyms.h"

struct s2verify_bpf;

/* Address of the text symbol with this name; 0 if there is none, or several. */
__u64 s2v_kernel_symbol(const struct s2v_kallsyms *ks, const char *name);

/* Reads kernel memory, of any length, with ask_peek of the loaded skeleton. 0 or -errno. */
int s2v_peek(struct s2verify_bpf *skel, __u64 addr, void *to, size_t len);

/*
 * Fills host->s1_attr, s1_source and s1_calibrated. The meaning of AttrIndx comes from the kernel's
 * own code, else from its release. It is checked on an anonymous page of this process, which is
 * Normal Write-Back; if that does not agree, all are UNKNOWN and not calibrated.
 */
void s2v_calibrate(struct s2verify_bpf *skel, const struct s2v_kallsyms *ks, struct s2v_host *host);

#endif
