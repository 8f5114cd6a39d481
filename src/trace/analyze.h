/* SPDX-License-Identifier: BSD-2-Clause */
/* Reads a recording through the correlator into a sink, for analyze and export. */
#ifndef S2V_ANALYZE_H
#define S2V_ANALYZE_H

#include "core/run.h"
#include "trace/s2t.h"

struct s2v_analysis {
	struct s2v_sink *sink;
	bool tell; /* report host, hooks and rules to the sink first */
	bool events; /* report every event to the sink */
	bool resets; /* as for the command `resets`: rows of resets, and only their rules */
	__u64 refault_window; /* ns */
	/* Called every 65,536 events with the bytes read so far. May be NULL. */
	void (*progress)(void *arg, __u64 bytes);
	void *arg;
};

/* Reads to the end. *sum is the summary that the sink got. 0 or -errno (of memory, of reading). */
int s2v_analyze(struct s2t_reader *r, const struct s2v_analysis *a, struct s2v_summary *sum);

#endif
