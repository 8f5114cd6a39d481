// SPDX-License-Identifier: BSD-2-Clause
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/run.h"
#include "util/util.h"

void s2v_run_cover(const struct s2v_host *host, const struct s2v_hook hooks[S2V_OBS_NR],
		   unsigned int by, struct s2v_rule_state *rules)
{
	for (int i = 0; i < S2V_RULE_NR; i++) {
		struct s2v_rule_state *st = &rules[i];

		st->rule = s2v_rules[i];
		if ((by & S2V_OF_RESETS) && !(st->rule->on & s2v_run_only(true))) {
			st->coverage = S2V_NOT_APPLICABLE;
			snprintf(st->reason, sizeof(st->reason), "only the rules of resets apply");
			continue;
		}
		if (!(by & S2V_BY_HOOKS) ||
		    ((by & S2V_BY_AUDIT) && s2v_rule_is_of_audits(st->rule)))
			st->coverage = s2v_rule_audit_coverage(st->rule, host, st->reason,
							       sizeof(st->reason));
		else
			st->coverage = s2v_rule_coverage(st->rule, host, hooks, S2V_OBS_NR,
							 st->reason, sizeof(st->reason));
	}
}

void s2v_run_announce(struct s2v_sink *sink, const struct s2v_host *host,
		      const struct s2v_hook hooks[S2V_OBS_NR], const struct s2v_rule_state *rules)
{
	if (sink->host)
		sink->host(sink, host);
	for (int i = 0; sink->hook && i < S2V_OBS_NR; i++)
		if (!hooks[i].idle)
			sink->hook(sink, &hooks[i]);
	for (int i = 0; sink->rule && i < S2V_RULE_NR; i++)
		sink->rule(sink, &rules[i]);
}

void s2v_run_narrow(struct s2v_sink *sink, bool resets)
{
	if (!resets) {
		sink->reset = NULL;
		sink->reset_total = NULL;
		return;
	}
	sink->vcpu = NULL;
	sink->memslot = NULL;
	sink->memslots_end = NULL;
	sink->audit = NULL;
}

unsigned int s2v_run_only(bool resets)
{
	return resets ? S2V_ON_UNMAP | S2V_ON_INIT : 0;
}

int s2v_run_status(const __u64 *findings, bool complete, enum s2v_severity fail_on)
{
	for (int s = fail_on; s < S2V_SEVERITY_NR; s++)
		if (findings[s])
			return S2V_EXIT_FINDINGS;
	return complete ? S2V_EXIT_OK : S2V_EXIT_INCOMPLETE;
}

int s2v_run_close(struct s2v_sink *sink, int status)
{
	sink->close(sink);
	if (sink->failed) {
		s2v_err("results could not be written: %s", strerror(sink->failed));
		if (status == S2V_EXIT_OK)
			status = S2V_EXIT_INCOMPLETE;
	}
	free(sink);
	return status;
}
