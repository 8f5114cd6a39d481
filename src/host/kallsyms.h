/* SPDX-License-Identifier: BSD-2-Clause */
/* The kernel's symbol table: which functions exist, and whether a name means one of them. */
#ifndef S2V_KALLSYMS_H
#define S2V_KALLSYMS_H

#include <stdio.h>

#include "util/types.h"

struct s2v_kallsyms; /* opaque */

/* What the table has for a function's name. */
struct s2v_ksym {
	__u64 addr; /* of the first of them; 0 where kptr_restrict hides addresses */
	unsigned int count; /* text symbols of exactly this name */
	/* Copies by the compiler, NAME.isra.0 and the like, whose arguments may differ: */
	unsigned int copies;
	char copy[96]; /* the first of them, "" when there is none */
};

/* Text symbols that are kept; Debian's kernels have some 60,000. */
#define S2V_KSYMS_MOST (1U << 21)

/*
 * Reads a table in the format of /proc/kallsyms up to the end of the kernel's own text (KVM for arm64 is no module); only
 * text symbols are kept. Returns 0 or
 * -errno, -ENODATA for a table without any, -E2BIG for one with more than S2V_KSYMS_MOST. Free it
 * with s2v_kallsyms_free().
 */
int s2v_kallsyms_read(FILE *f, struct s2v_kallsyms **ks);

/* Looks func up; *sym is filled in any case, with zeroes where there is none. */
void s2v_kallsyms_find(const struct s2v_kallsyms *ks, const char *func, struct s2v_ksym *sym);

/* Bytes from addr to the next text symbol behind it, 0 where there is none. */
__u64 s2v_kallsyms_room(const struct s2v_kallsyms *ks, __u64 addr);

/*
 * Are all addresses hidden? Then the sentence that says by what, and what helps, is in buf. proc: where
 * procfs is mounted, for kernel.kptr_restrict.
 */
bool s2v_kallsyms_hidden(const struct s2v_kallsyms *ks, const char *proc, char *buf, size_t len);

void s2v_kallsyms_free(struct s2v_kallsyms *ks); /* NULL is fine */

#endif
