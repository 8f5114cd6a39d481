/* SPDX-License-Identifier: BSD-2-Clause */
/* A set of intervals of addresses, each with a note about its first address. Memory is bounded by what the set holds. */
#ifndef S2V_INTERVALS_H
#define S2V_INTERVALS_H

#include "util/types.h"

struct s2v_interval {
	__u64 start, end; /* end exclusive */
	__u64 note; /* another address, of start alone: intervals join whatever their notes */
	__s32 owner; /* of start: the caller's */
	__s32 pad;
};

struct s2v_intervals {
	struct s2v_interval *a;
	size_t n, cap;
	size_t sorted; /* a[0 … sorted) are ascending, and none could be joined with the next */
	bool by_note; /* intervals that touch are joined only if the note ascends over both; set by the caller */
	size_t most; /* elements of `a` at most; set by the caller */
};

/*
 * Adds [i->start, i->end). 0; -ENOMEM; -E2BIG: `most` elements are used, sorting them frees less than half, and it was
 * not added.
 */
int s2v_intervals_add(struct s2v_intervals *s, const struct s2v_interval *i);

/* Sorts, and joins what overlaps or touches (but see by_note). */
void s2v_intervals_sort(struct s2v_intervals *s);

/* Adds all of `from`, which stays as it is. As s2v_intervals_add(). */
int s2v_intervals_merge(struct s2v_intervals *s, const struct s2v_intervals *from);

/* Keeps of *s only what is also in *with; a note may be of either. Both must be sorted, and stay so. 0 or -ENOMEM. */
int s2v_intervals_intersect(struct s2v_intervals *s, const struct s2v_intervals *with);

/* Index of the first interval that ends after addr, or s->n. *s must be sorted. */
size_t s2v_intervals_after(const struct s2v_intervals *s, __u64 addr);

void s2v_intervals_free(struct s2v_intervals *s);

#endif
