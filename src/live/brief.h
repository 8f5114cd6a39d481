/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where every event is told, the BPF side is brief about maps, and their faults, that are as one before them but for
 * a few numbers (include/s2v_shared.h). Here they are made whole again.
 */
#ifndef S2V_BRIEF_H
#define S2V_BRIEF_H

#include <stdbool.h>
#include <stddef.h>

#include "util/types.h"
#include "s2v_shared.h"

/* What each CPU told of last in full and by name. All zero: none, and nothing is noted. */
struct s2v_briefs {
	struct s2v_named_page *last; /* two a CPU: the last but one, too */
	unsigned int cpus;
	__u32 page_shift;
};

/* cpus: how many there may be; below 0: not known. 0 or -errno. */
int s2v_briefs_init(struct s2v_briefs *b, int cpus, __u32 page_shift);
void s2v_briefs_free(struct s2v_briefs *b);

/* Takes note of what came out of the ring buffer (len bytes), if it has a name. */
void s2v_brief_note(struct s2v_briefs *b, const void *data, size_t len);

/* Is what came out of the ring buffer (len bytes) a brief event? */
bool s2v_is_brief(const void *data, size_t len);

/* The two whole events, the map first. False: what it refers to was not told. */
bool s2v_brief_expand(const struct s2v_briefs *b, const struct s2v_brief *in,
		      struct s2v_ev_page out[2]);

#endif
