/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Loads fentry and fexit programs as kprobe programs, for the verifier only: they need no function of
 * the running kernel, and work where BPF trampolines are not allowed.
 */
#ifndef AS_KPROBE_H
#define AS_KPROBE_H

/* Affects all objects opened until as_kprobe_unregister(). */
void as_kprobe_register(void);
void as_kprobe_unregister(void);

#endif
