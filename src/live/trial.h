/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Checks whether a probe attaches to a kernel function, by attaching a program of two instructions
 * (return 0) and detaching it. Live only; needs the privileges for that.
 */
#ifndef S2V_TRIAL_H
#define S2V_TRIAL_H

#include <bpf/btf.h>

#include "util/types.h"

/* Loads a program and unloads it: 0, or -errno if BPF programs cannot be loaded at all. */
int s2v_trial_load(void);

/*
 * Loads a program that reads kernel memory: 0 or -errno. Lockdown in confidentiality mode
 * forbids the helper at load (ff40e51043af, 5.13; before, the helper fails when it runs).
 */
int s2v_trial_read(void);

/*
 * fentry, or fexit for ret, on func of vmlinux. Returns 0 or -errno. why: the verifier's message if
 * the verifier refused it, else "".
 */
int s2v_trial_tracing(const struct btf *vmlinux, const char *func, bool ret, char *why, size_t len);

/* kprobe, or kretprobe for ret, through the perf PMU (4.17 on). Returns 0 or -errno. */
int s2v_trial_kprobe(const char *func, bool ret);

/* A tracepoint, with its raw arguments. Returns 0 or -errno. */
int s2v_trial_tracepoint(const char *name);

/*
 * strerror() that knows the kernel's own ENOTSUPP, which a refused fentry returns. Takes errno or
 * -errno. The text is valid until the next call.
 */
const char *s2v_errno_text(int err);

#endif
