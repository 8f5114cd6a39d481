/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * With `all`, the BPF side sends a short record for a map and its fault that differ from an earlier map only in a few
 * numbers (include/s2v_shared.h). This expands the record to two whole events.
 */
#ifndef S2V_BRIEF_H
#define S2V_BRIEF_H

#include <stdbool.h>
#include <stddef.h>

#include "util/types.h"
#include "s2v_shared.h"

/* The last maps that each CPU reported in full, by name. All zero: none are stored. */
struct s2v_briefs {
	struct s2v_named_page *last; /* two for each CPU: the last and the one before */
	unsigned int cpus;
	__u32 page_shift;
};

/* cpus: number of possible CPUs, or -errno, which is returned. 0 or -errno. */
int s2v_briefs_init(struct s2v_briefs *b, int cpus, __u32 page_shift);
void s2v_briefs_free(struct s2v_briefs *b);

/* Stores a record of the ring buffer (len bytes) if it is a map with a name. */
void s2v_brief_note(struct s2v_briefs *b, const void *data, size_t len);

/* Returns whether a record of the ring buffer (len bytes) is a short one. */
bool s2v_is_brief(const void *data, size_t len);

/* The two whole events, the map first. Returns false if the map that it refers to is not stored. */
bool s2v_brief_expand(const struct s2v_briefs *b, const struct s2v_brief *in,
		      struct s2v_ev_page out[2]);

#endif
