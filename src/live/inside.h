/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Probed calls that were entered and have not returned, over months: which are missed returns, and
 * which just take their time. A difference that never was smaller for a minute is of missed ones.
 */
#ifndef S2V_LIVE_INSIDE_H
#define S2V_LIVE_INSIDE_H

#include <linux/types.h>

#define S2V_INSIDE_LOOKS 12 /* one every 5 s */

struct s2v_inside {
	__u64 seen[S2V_INSIDE_LOOKS];
	unsigned int n; /* looks since the counters began */
	__u64 before; /* missed before that */
	__u64 missed; /* never falls */
};

/* So many are inside now. */
void s2v_inside_look(struct s2v_inside *in, __u64 now);
/* All had a second to return, and so many did not: they were missed. */
void s2v_inside_end(struct s2v_inside *in, __u64 left);
/* The counters begin anew (s2v_live_forget_inside()). */
void s2v_inside_forget(struct s2v_inside *in);

#endif
