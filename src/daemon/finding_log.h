/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Findings as the daemon tells them: counted always; on their way out (standard output, or the
 * journal) limited, so that a host with a million of them neither fills a disk nor holds us up; the
 * last ones kept for whoever asks.
 */
#ifndef S2V_DAEMON_FINDING_LOG_H
#define S2V_DAEMON_FINDING_LOG_H

#include "core/sink.h"

#define S2V_LOG_KEPT 100

/* So many at once, so many a second in the long run. */
struct s2v_bucket {
	double have, burst, rate;
	__u64 at; /* CLOCK_MONOTONIC ns */
};

struct s2v_finding_log {
	struct s2v_finding kept[S2V_LOG_KEPT];
	/* Whose newest total is not written yet: there were too many lines. */
	bool late[S2V_LOG_KEPT];
	__u8 order[S2V_LOG_KEPT]; /* where in kept[]: the oldest first */
	unsigned int n;
	__u64 total[S2V_RULE_NR]; /* findings, each once */
	__u64 mild[S2V_RULE_NR]; /* of them, harmless on this host */
	__u64 suppressed, unwritten; /* lines not written: too many; an error, or nobody reads */
	struct s2v_bucket grave, first, again; /* new ones from high on, other new ones, updates */
	struct s2v_bucket say; /* that they cannot be written */
	struct s2v_sink *json; /* on stdout */
	int journal; /* a socket; -1: none */
	int failed; /* errno of the last write, 0 when it went well */
	bool torn; /* half a line may be there */
};

/* 0 or -errno. */
int s2v_log_open(struct s2v_finding_log *t);
void s2v_log_close(struct s2v_finding_log *t);

/* now: CLOCK_MONOTONIC ns. */
void s2v_log_finding(struct s2v_finding_log *t, const struct s2v_finding *f, __u64 now);

/* Totals that are late are written, as many as may be. */
void s2v_log_late(struct s2v_finding_log *t, __u64 now);

/* The i-th of those kept, the newest first; NULL: there are no more. */
const struct s2v_finding *s2v_log_kept(const struct s2v_finding_log *t, unsigned int i);

#endif
