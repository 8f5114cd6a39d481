// SPDX-License-Identifier: BSD-2-Clause
#include <errno.h>

#include "trace/analyze.h"

#define PROGRESS_EVENTS 65536U

static void feed(struct s2t_reader *r, const struct s2v_analysis *a, struct s2v_correlator *core)
{
	const struct s2v_ev_hdr *ev;

	for (__u32 n = 1; (ev = s2t_next(r)) && !a->sink->failed; n++) {
		if (a->progress && n % PROGRESS_EVENTS == 0)
			a->progress(a->arg, s2t_state(r)->bytes);
		if (ev->type == S2T_REC_CONTRACT)
			s2v_correlator_contract(core);
		else if (ev->type == S2T_REC_UPDATES && ev->time)
			s2v_correlator_updates(core, ev->time);
		else if (ev->type < S2T_REC_FIRST)
			s2v_correlator_event(core, ev);
	}
}

int s2v_analyze(struct s2t_reader *r, const struct s2v_analysis *a, struct s2v_summary *sum)
{
	const struct s2t_info *info = s2t_info(r);
	const struct s2t_state *st = s2t_state(r);
	struct s2v_rule_state rules[S2V_RULE_NR];
	struct s2v_correlator_opts co = {
		.host = &info->host,
		.rules = rules,
		.sink = a->sink,
		.boot_to_real = info->boot_to_real,
		.events = a->events,
		.only = s2v_run_only(a->resets),
		.every_map = info->all,
		.refault_window = a->refault_window,
	};
	struct s2v_correlator *core;

	*sum = (struct s2v_summary){ 0 };
	s2v_run_cover(&info->host, info->hooks,
		      S2V_BY_HOOKS | (info->audit ? S2V_BY_AUDIT : 0) |
			      (a->resets ? S2V_OF_RESETS : 0),
		      rules);
	if (a->tell)
		s2v_run_announce(a->sink, &info->host, info->hooks, rules);
	core = s2v_correlator_new(&co);
	if (!core)
		return -ENOMEM;
	feed(r, a, core);
	s2t_totals(r, sum);
	sum->lost += st->lost;
	sum->damaged = st->damaged;
	sum->cut_short = !st->closed;
	sum->stopped = st->stopped;
	s2v_correlator_finish(core, sum);
	s2v_correlator_free(core);
	sum->rules = NULL; /* it points to a local array */
	return s2t_error(r);
}
