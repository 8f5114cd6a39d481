/* SPDX-License-Identifier: BSD-2-Clause */
/* Runs the live source, the correlator, a sink and an optional recording in one event loop. */
#ifndef S2V_WATCH_H
#define S2V_WATCH_H

#include "cmd/recording.h"
#include "live/audit.h"

/*
 * Watches until a signal, o->duration, or *stop is set (by the sink; may be NULL). *rec: the result of
 * the recording. Returns the exit status. The caller keeps the sink.
 */
int s2v_watch(const struct s2v_cmd_opts *o, struct s2v_sink *sink, const bool *stop,
	      struct s2v_recording *rec);

/*
 * audit.c: s2v_live_audit() with progress on stderr if that is a terminal. SIGINT or SIGTERM end it if they are
 * caught (interrupt.h). 0 or -errno, -EINTR if it was ended; errors are reported on stderr.
 */
int s2v_audit_progress(struct s2v_live *l, const struct s2v_audit_opts *o);

#endif
