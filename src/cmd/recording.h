/* SPDX-License-Identifier: BSD-2-Clause */
/* Writes the events of a run to a trace file. */
#ifndef S2V_RECORDING_H
#define S2V_RECORDING_H

#include "trace/s2t.h"
#include "live/session.h"
#include "cmd/opts.h"

struct s2v_recording {
	const struct s2v_cmd_opts *o;
	struct s2t_writer *w; /* NULL: nothing is recorded (any more) */
	bool failed; /* writing failed, and that was reported */
	struct s2t_facts facts; /* once ended */
};

/* Opens o->output, if set. 0, or -1 with a message for the user in err (exit 3). */
int s2v_recording_begin(struct s2v_recording *r, const struct s2v_cmd_opts *o,
			const struct s2v_session *ses, __u64 boot, __s64 boot_to_real, char *err,
			size_t errlen);
void s2v_recording_event(struct s2v_recording *r, const struct s2v_ev_hdr *ev);
/* type: S2T_REC_CONTRACT, S2T_REC_UPDATES */
void s2v_recording_mark(struct s2v_recording *r, __u32 type, __u64 time);
/* Writes the counters so far; reports once if writing has failed. */
void s2v_recording_counters(struct s2v_recording *r, const struct s2v_summary *sum);
/* Writes the counters of the whole run and closes; before s2v_correlator_finish(). Reports a failed write. */
void s2v_recording_end(struct s2v_recording *r, const struct s2v_summary *sum);
/* Returns whether every event was written. */
bool s2v_recording_whole(const struct s2v_recording *r);

#endif
