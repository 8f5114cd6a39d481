/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Start and end of a run, shared by live commands and analyze: coverage of rules, what a sink gets
 * before the events, exit status.
 */
#ifndef S2V_RUN_H
#define S2V_RUN_H

#include "core/correlate.h"
#include "s2v_hist.h"

/* Exit status of a command. */
enum s2v_exit {
	S2V_EXIT_OK = 0, /* complete, nothing at or above --fail-on */
	S2V_EXIT_FINDINGS = 1, /* findings at or above it */
	S2V_EXIT_USAGE = 2,
	S2V_EXIT_CANNOT = 3, /* could not run; one sentence on stderr says why */
	S2V_EXIT_INCOMPLETE = 4, /* nothing at or above it, but not everything was seen */
};

#define S2V_REFAULT_WINDOW S2V_REFAULT_NS /* the default of --refault-window */

/* How a run observes. */
#define S2V_BY_HOOKS (1U << 0)
#define S2V_BY_AUDIT (1U << 1) /* of existing mappings */
#define S2V_OF_RESETS (1U << 2) /* applies only the rules of resets, see s2v_run_only() */

/* Fills rules[S2V_RULE_NR] with the coverage of every rule; `by`: S2V_BY_*, S2V_OF_RESETS. */
void s2v_run_cover(const struct s2v_host *host, const struct s2v_hook hooks[S2V_OBS_NR],
		   unsigned int by, struct s2v_rule_state *rules);

/* Passes host, hooks (except idle ones) and rules to a sink. */
void s2v_run_announce(struct s2v_sink *sink, const struct s2v_host *host,
		      const struct s2v_hook hooks[S2V_OBS_NR], const struct s2v_rule_state *rules);

/*
 * Removes the callbacks that a command does not use: `resets` shows resets and the findings of their
 * rules (s2v_run_only()), `trace` everything else.
 */
void s2v_run_narrow(struct s2v_sink *sink, bool resets);
unsigned int s2v_run_only(bool resets); /* s2v_correlator_opts.only */

/* Exit status (enum s2v_exit) by findings[S2V_SEVERITY_NR], and whether everything was seen. */
int s2v_run_status(const __u64 *findings, bool complete, enum s2v_severity fail_on);

/* Closes and frees a sink. A failed write is reported, and makes status 0 S2V_EXIT_INCOMPLETE. */
int s2v_run_close(struct s2v_sink *sink, int status);

#endif
