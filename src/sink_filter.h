/* SPDX-License-Identifier: BSD-2-Clause */
/* A sink before another, that lets pass what was asked for. The verdicts are made of everything. */
#ifndef S2V_SINK_FILTER_H
#define S2V_SINK_FILTER_H

#include "sink.h"

struct s2v_filter {
	__u64 since, until; /* CLOCK_REALTIME ns, both included; 0 and ~0: no limit */
	const struct s2v_rule *rule; /* findings of this one alone; NULL: of all */
};

struct s2v_sink_filter {
	struct s2v_sink sink; /* first; its close() is to's, too */
	struct s2v_sink *to;
	struct s2v_filter f;
	__u64 findings[S2V_SEVERITY_NR]; /* that passed */
};

/* Initialises *s before `to`, which must outlive it. Nothing to be freed. */
void s2v_sink_filter(struct s2v_sink_filter *s, struct s2v_sink *to, const struct s2v_filter *f);

#endif
