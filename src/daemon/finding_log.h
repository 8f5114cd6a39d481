/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Findings of the daemon. All are counted. Lines to standard output or the journal are limited in
 * rate, so that a million findings neither fill a disk nor block the daemon. The last findings are
 * kept for /findings and the start page.
 */
#ifndef S2V_DAEMON_FINDING_LOG_H
#define S2V_DAEMON_FINDING_LOG_H

#include "core/sink.h"

#define S2V_LOG_KEPT 100

/* A token bucket: at most `burst` at once, and `rate` a second in the long run. */
struct s2v_bucket {
	double tokens, burst, rate;
	__u64 at; /* CLOCK_MONOTONIC ns */
};

struct s2v_finding_log {
	struct s2v_finding kept[S2V_LOG_KEPT];
	/* Not written yet in its newest state, because of the limit. */
	bool late[S2V_LOG_KEPT];
	__u8 order[S2V_LOG_KEPT]; /* indexes into kept[], the oldest first */
	unsigned int n;
	__u64 total[S2V_RULE_NR]; /* findings, without repeats */
	__u64 mild[S2V_RULE_NR]; /* part of total: harmless on this host */
	__u64 suppressed, unwritten; /* lines: over the limit; failed, or no reader */
	struct s2v_bucket severe, minor, repeats; /* new from high on; other new; updates */
	struct s2v_bucket errors; /* messages about failed writes */
	struct s2v_sink *json; /* on stdout */
	int journal; /* a socket; -1: none */
	int failed; /* errno of the last write, or 0 */
	bool partial; /* the last write may have left a partial line */
};

/* 0 or -errno. */
int s2v_log_open(struct s2v_finding_log *t);
void s2v_log_close(struct s2v_finding_log *t);

/* now: CLOCK_MONOTONIC ns. */
void s2v_log_finding(struct s2v_finding_log *t, const struct s2v_finding *f, __u64 now);

/* Writes findings that are late, as far as the limits allow. */
void s2v_log_flush(struct s2v_finding_log *t, __u64 now);

/* The i-th finding kept, the newest first; NULL at the end. */
const struct s2v_finding *s2v_log_kept(const struct s2v_finding_log *t, unsigned int i);

#endif
