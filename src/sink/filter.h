/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A sink that passes selected results on to another sink. All events are verified, selected or not.
 * A finding outside the selected times may still apply, so it makes the summary incomplete. Findings of
 * other VMs or rules do not, unless `alone` is set.
 */
#ifndef S2V_SINK_FILTER_H
#define S2V_SINK_FILTER_H

#include "core/correlate.h"

struct s2v_filter {
	__u64 since, until; /* CLOCK_REALTIME ns, both included; 0 and ~0: no limit */
	const struct s2v_rule *rule; /* only findings of this rule; NULL: of all */
	__u32 vm, pid; /* only this VM, only VMs of this process; 0: all */
	bool alone; /* the output stands alone, so its summary must mention all findings not shown */
};

struct s2v_sink_filter {
	struct s2v_sink sink; /* first; its close() also closes `to` */
	struct s2v_sink *to;
	struct s2v_filter f;
	__u64 findings[S2V_SEVERITY_NR]; /* that passed */
	__u64 outside_time, other_findings; /* that did not pass: by time; by VM or rule */
	bool found; /* an event of a selected VM came (needs the correlator's option `events`) */
	bool complete; /* as in the summary passed on */
};

/* Initialises *s as a filter in front of `to`, which must outlive it. Nothing to free. */
void s2v_sink_filter(struct s2v_sink_filter *s, struct s2v_sink *to, const struct s2v_filter *f);

/* Returns whether no selected VM was found; buf then has a sentence: "the recording has no VM 9". */
bool s2v_sink_filter_missed(const struct s2v_sink_filter *s, char *buf, size_t len);

#endif
