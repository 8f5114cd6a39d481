/* SPDX-License-Identifier: BSD-2-Clause */
/* What every live command starts with: host facts, the choice of hooks, the rules' coverage. */
#ifndef S2V_SESSION_H
#define S2V_SESSION_H

#include "core/run.h"

struct s2v_session {
	struct s2v_host host;
	struct s2v_kallsyms *ks;
	struct s2v_hook hooks[S2V_OBS_NR];
	struct s2v_rule_state rules[S2V_RULE_NR];
	char hidden[512]; /* why the files of VMs cannot be told from others, or "" */
	char line[256];
};

/* Preflight, host facts, hooks (every_fault as in observe.h). 0, or -1 with the one sentence that helps in err (exit 3). */
int s2v_session_prepare(struct s2v_session *s, enum s2v_attach_mode mode, bool every_fault,
			char *err, size_t errlen);

/* The same for an audit, which needs no hooks. */
int s2v_session_prepare_audit(struct s2v_session *s, char *err, size_t errlen);

/* Once attached and calibrated: which rules are covered (S2V_BY_* of run.h). */
void s2v_session_cover(struct s2v_session *s, unsigned int by);

/* CLOCK_REALTIME minus CLOCK_BOOTTIME, ns. */
__s64 s2v_boot_to_real(void);

/* Says on stderr that s2v_live_start() failed by err: no VM was listed, and why. */
void s2v_session_unlisted(const struct s2v_session *s, int err);

/* Did no hook attach at all? Then nothing can be observed: said in err (exit 3). */
bool s2v_session_blind(const struct s2v_session *s, char *err, size_t errlen);

/* Host, hooks and rules to a sink. */
void s2v_session_announce(const struct s2v_session *s, struct s2v_sink *sink);

/* "6 hooks by fentry", "5 hooks by kprobe, 1 not attached": lives in *s. */
const char *s2v_session_hooks_line(struct s2v_session *s);

void s2v_session_free(struct s2v_session *s);

#endif
