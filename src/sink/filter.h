/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A sink before another, that lets pass what was asked for. The verdicts are made of everything; what
 * of them is not shown is no "all clear": of a VM or a rule that was not asked for nothing is said, but
 * what began at another time may be there still.
 */
#ifndef S2V_SINK_FILTER_H
#define S2V_SINK_FILTER_H

#include "core/correlate.h"

struct s2v_filter {
	__u64 since, until; /* CLOCK_REALTIME ns, both included; 0 and ~0: no limit */
	const struct s2v_rule *rule; /* findings of this one alone; NULL: of all */
	__u32 vm, pid; /* only this VM, only those of this process; 0: all */
	bool alone; /* `to` is read by itself: whatever was found and is not shown, it is to say so */
};

struct s2v_sink_filter {
	struct s2v_sink sink; /* first; its close() is to's, too */
	struct s2v_sink *to;
	struct s2v_filter f;
	__u64 findings[S2V_SEVERITY_NR]; /* that passed */
	__u64 at_other_times, of_others; /* that did not: of what was asked for, and of all else */
	bool met; /* a VM that was asked for (by an event: the correlator is to tell of them) */
	bool complete; /* as `to` was told */
};

/* Initialises *s before `to`, which must outlive it. Nothing to be freed. */
void s2v_sink_filter(struct s2v_sink_filter *s, struct s2v_sink *to, const struct s2v_filter *f);

/* Is there nothing of what was asked for? Then for people: "the recording has no VM 9". */
bool s2v_sink_filter_missed(const struct s2v_sink_filter *s, char *buf, size_t len);

#endif
