/* SPDX-License-Identifier: BSD-2-Clause */
/* A recorded file through the correlator into a sink: what analyze and export share. */
#ifndef S2V_ANALYZE_H
#define S2V_ANALYZE_H

#include "core/run.h"
#include "trace/s2t.h"

struct s2v_analysis {
	struct s2v_sink *sink; /* told of host, hooks and rules first, if `tell` */
	bool tell;
	bool events; /* tell it of every event */
	bool resets; /* as `resets` does: rows of resets, and their rules only */
	__u64 refault_window; /* ns */
	/* Called now and then, with the bytes read so far. May be NULL. */
	void (*progress)(void *arg, __u64 bytes);
	void *arg;
};

/* Reads to the end. *sum is as the sink was told. 0 or -errno (of memory, of reading). */
int s2v_analyze(struct s2t_reader *r, const struct s2v_analysis *a, struct s2v_summary *sum);

#endif
