/* SPDX-License-Identifier: BSD-2-Clause */
/* What is seen, written to a trace file beside what else is done with it. */
#ifndef S2V_RECORDING_H
#define S2V_RECORDING_H

#include "trace/s2t.h"
#include "live/session.h"
#include "cmd/opts.h"

struct s2v_recording {
	const struct s2v_trace_opts *o;
	struct s2t_writer *w; /* NULL: nothing is recorded (any more) */
	bool failed; /* and the user was told */
	struct s2t_facts facts; /* once ended */
};

/* Opens o->output, if there is one. 0, or -1 with the sentence that helps in err (exit 3). */
int s2v_recording_begin(struct s2v_recording *r, const struct s2v_trace_opts *o,
			const struct s2v_session *ses, __u64 boot, __s64 boot_to_real, char *err,
			size_t errlen);
void s2v_recording_event(struct s2v_recording *r, const struct s2v_ev_hdr *ev);
/* S2T_REC_CONTRACT, S2T_REC_UPDATES */
void s2v_recording_mark(struct s2v_recording *r, __u32 type, __u64 time);
/* Counters so far; says once where writing has failed. */
void s2v_recording_counters(struct s2v_recording *r, const struct s2v_summary *sum);
/* The counters of the whole run, before s2v_correlator_finish(). Says where writing has failed. */
void s2v_recording_end(struct s2v_recording *r, const struct s2v_summary *sum);
/* Was all written that was seen? */
bool s2v_recording_whole(const struct s2v_recording *r);

#endif
