/* SPDX-License-Identifier: BSD-2-Clause */
/* A set of page numbers: those mapped at stage 2, or unmapped by a reset. */
#ifndef S2V_PAGESET_H
#define S2V_PAGESET_H

#include "util/types.h"

struct s2v_pageset {
	struct s2v_pageset_chunk *chunks; /* hash */
	struct s2v_pageset_chunk *last; /* cache: the last chunk that was looked up */
	__u64 pages; /* number of pages in the set */
};

/* Adds n pages from page number `first`; 0, or -1 when out of memory (some may have been added). */
int s2v_pageset_add(struct s2v_pageset *s, __u64 first, __u64 n);

/* Removes n pages from page number `first`; returns how many of them were in the set. */
__u64 s2v_pageset_remove(struct s2v_pageset *s, __u64 first, __u64 n);

/* Moves all pages of `from`; 0, or -1 when out of memory (some pages are lost). */
int s2v_pageset_move(struct s2v_pageset *to, struct s2v_pageset *from);

void s2v_pageset_clear(struct s2v_pageset *s);

#endif
