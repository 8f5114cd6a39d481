/* SPDX-License-Identifier: BSD-2-Clause */
/* Setup that all live commands share: host facts, choice of hooks, coverage of rules. */
#ifndef S2V_SESSION_H
#define S2V_SESSION_H

#include "core/run.h"

struct s2v_session {
	struct s2v_host host;
	struct s2v_kallsyms *ks;
	struct s2v_hook hooks[S2V_OBS_NR];
	struct s2v_rule_state rules[S2V_RULE_NR];
	char hidden[512]; /* why files of VMs cannot be recognised, or "" */
	char line[256]; /* of s2v_session_hooks_line() */
};

/* Preflight, host facts, hooks (every_fault as in observe.h). 0, or -1 with a message for the user in err (exit 3). */
int s2v_session_prepare(struct s2v_session *s, enum s2v_attach_mode mode, bool every_fault,
			char *err, size_t errlen);

/* The same without hooks, for an audit. */
int s2v_session_prepare_audit(struct s2v_session *s, char *err, size_t errlen);

/* Determines which rules are covered (by: S2V_BY_* of run.h). Call after attaching and calibrating. */
void s2v_session_cover(struct s2v_session *s, unsigned int by);

/* CLOCK_REALTIME minus CLOCK_BOOTTIME, ns. */
__s64 s2v_boot_to_real(void);

/* Reports on stderr that s2v_live_start() failed with err, so that no VM was listed, and why. */
void s2v_session_report_unlisted(const struct s2v_session *s, int err);

/* Returns whether no hook is attached at all, with a message in err (exit 3). */
bool s2v_session_no_hooks(const struct s2v_session *s, char *err, size_t errlen);

/* Reports host, hooks and rules to a sink. */
void s2v_session_announce(const struct s2v_session *s, struct s2v_sink *sink);

/* "6 hooks by fentry", "5 hooks by kprobe, 1 not attached"; the text is in *s. */
const char *s2v_session_hooks_line(struct s2v_session *s);

void s2v_session_free(struct s2v_session *s);

#endif
