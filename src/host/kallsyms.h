/* SPDX-License-Identifier: BSD-2-Clause */
/* The kernel's symbol table: which functions exist, and whether a name is unique. */
#ifndef S2V_KALLSYMS_H
#define S2V_KALLSYMS_H

#include <stdio.h>

#include "util/types.h"

struct s2v_kallsyms; /* opaque */

/* The symbols of a function's name. */
struct s2v_ksym {
	__u64 addr; /* of the first of `count`; 0 if the kernel hides addresses */
	unsigned int count; /* text symbols of exactly this name */
	unsigned int copies; /* by the compiler, as NAME.isra.0, whose arguments may differ */
	char copy[96]; /* the first of them; "": none */
};

/* Limit of text symbols; Debian's kernels have some 60,000. */
#define S2V_KSYMS_MOST (1U << 21)

/*
 * Reads a table in the format of /proc/kallsyms up to the end of the kernel's own text (KVM for
 * arm64 is no module). Keeps text symbols only. Returns 0 or -errno: -ENODATA without text symbols,
 * -E2BIG with more than S2V_KSYMS_MOST. Free it with s2v_kallsyms_free().
 */
int s2v_kallsyms_read(FILE *f, struct s2v_kallsyms **ks);

/* Looks func up; *sym is zeroed if there is none. */
void s2v_kallsyms_find(const struct s2v_kallsyms *ks, const char *func, struct s2v_ksym *sym);

/* Bytes from addr to the next text symbol; 0: there is none. */
__u64 s2v_kallsyms_room(const struct s2v_kallsyms *ks, __u64 addr);

/*
 * Whether all addresses are hidden; if so, buf gets the reason and the remedy. proc: mount point of
 * procfs, for kernel.kptr_restrict.
 */
bool s2v_kallsyms_hidden(const struct s2v_kallsyms *ks, const char *proc, char *buf, size_t len);

void s2v_kallsyms_free(struct s2v_kallsyms *ks); /* NULL is fine */

#endif
