/* SPDX-License-Identifier: BSD-2-Clause */
/* A set of guest pages: what is mapped at stage 2, what a reset unmapped. */
#ifndef S2V_PAGESET_H
#define S2V_PAGESET_H

#include "util/types.h"

struct s2v_pageset {
	struct s2v_pageset_chunk *chunks; /* hash */
	struct s2v_pageset_chunk *last; /* of them, that was asked for: mostly the next one, too */
	__u64 pages; /* how many are in the set */
};

/* Adds n pages from page number `first`; 0, or -1 when out of memory (some may be in). */
int s2v_pageset_add(struct s2v_pageset *s, __u64 first, __u64 n);

/* Takes n pages from `first` out; returns how many of them were in. */
__u64 s2v_pageset_remove(struct s2v_pageset *s, __u64 first, __u64 n);

/* Adds all of `from`, which is empty then; 0, or -1 when out of memory (some are lost). */
int s2v_pageset_move(struct s2v_pageset *to, struct s2v_pageset *from);

void s2v_pageset_clear(struct s2v_pageset *s);

#endif
