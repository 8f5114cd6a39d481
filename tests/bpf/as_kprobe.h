/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fentry and fexit programs loaded as kprobe programs: for the verifier alone, without a function
 * of the running kernel to attach them to, and where BPF trampolines are not allowed.
 */
#ifndef AS_KPROBE_H
#define AS_KPROBE_H

/* For all objects opened from now on. */
void as_kprobe_register(void);
void as_kprobe_unregister(void);

#endif
