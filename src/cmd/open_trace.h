/* SPDX-License-Identifier: BSD-2-Clause */
/* Opens a trace file of the command line, and reports its state on stderr. */
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

/* 0, or -1 after a message on stderr. "-" is standard input. */
int s2v_open_trace(struct s2v_open_trace *t, const char *file);
/* progress() of struct s2v_analysis: a bar on a terminal after a second. arg: struct s2v_open_trace. */
void s2v_open_trace_progress(void *arg, __u64 bytes);
/* Call after reading, with its result: reports on stderr what is missing. 0, or -1 if reading failed. */
int s2v_open_trace_end(struct s2v_open_trace *t, int err);
void s2v_close_trace(struct s2v_open_trace *t);

#endif
