/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Distinguishes missed returns of probed calls from calls that just take long, over months. The smallest number
 * of calls inside during a minute counts as missed returns.
 */
#ifndef S2V_LIVE_INSIDE_H
#define S2V_LIVE_INSIDE_H

#include <linux/types.h>

#define S2V_INSIDE_LOOKS 12 /* one every 5 s */

struct s2v_inside {
	__u64 seen[S2V_INSIDE_LOOKS];
	unsigned int n; /* looks since s2v_inside_forget() */
	__u64 before; /* missed before that */
	__u64 missed; /* never decreases */
};

/* now: calls that are inside. */
void s2v_inside_look(struct s2v_inside *in, __u64 now);
/* left: calls that did not return within a second after entries were detached: missed. */
void s2v_inside_end(struct s2v_inside *in, __u64 left);
/* The counters start again from 0 (s2v_live_forget_inside()). */
void s2v_inside_forget(struct s2v_inside *in);

#endif
