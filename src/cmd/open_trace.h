/* SPDX-License-Identifier: BSD-2-Clause */
/* A trace file of the command line: opened, with what its user is told on standard error. */
#ifndef S2V_OPEN_TRACE_H
#define S2V_OPEN_TRACE_H

#include "trace/s2t.h"

struct s2v_open_trace {
	const char *file;
	struct s2t_reader *reader;
	__u64 size; /* of the file; 0: not known */
	__u64 began; /* CLOCK_MONOTONIC ns */
	bool bar; /* a progress bar is on the terminal */
};

/* 0; or -1, and what is wrong has been said. "-" is standard input. */
int s2v_open_trace(struct s2v_open_trace *t, const char *file);
/* For struct s2v_analysis: a bar on a terminal, once it takes long. arg: struct s2v_open_trace. */
void s2v_open_trace_progress(void *arg, __u64 bytes);
/* It was read, with err as the outcome: says what is missing. 0, or -1 where it could not be read. */
int s2v_open_trace_end(struct s2v_open_trace *t, int err);
void s2v_close_trace(struct s2v_open_trace *t);

#endif
