/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The correlator: events in, findings out. It keeps the model, asks the rules, and knows nothing
 * of where events come from or where results go.
 */
#ifndef S2V_CORRELATE_H
#define S2V_CORRELATE_H

#include "core/model.h"

struct s2v_correlator;

struct s2v_correlator_opts {
	const struct s2v_host *host; /* must outlive the correlator */
	const struct s2v_rule_state *rules; /* S2V_RULE_NR of them; must outlive it, too */
	struct s2v_sink *sink; /* must outlive it, too */
	__s64 boot_to_real; /* CLOCK_REALTIME minus CLOCK_BOOTTIME, ns */
	bool events; /* pass every event to the sink, too (--all) */
	unsigned int only; /* enum s2v_trigger bits on which rules are applied; 0: all */
	bool snapshot; /* only existing mappings matter: a VM that ends before its audit is no gap */
	bool every_map; /* the source reports every map and fault, so pages can be followed */
	__u64 refault_window; /* ns after a reset in which refaults are counted */
};

/* NULL when out of memory. */
struct s2v_correlator *s2v_correlator_new(const struct s2v_correlator_opts *opts);
void s2v_correlator_free(struct s2v_correlator *c);

/* Processes one event. A malformed event, or one of an unknown type, is counted and ignored. */
void s2v_correlator_event(struct s2v_correlator *c, const struct s2v_ev_hdr *ev);

/* Reports the coherence contract of every existing VM to the sink (SIGUSR1, end of run). */
void s2v_correlator_contract(struct s2v_correlator *c);

/* The first VM of the model, the others by ->hh.next; valid until the next event. NULL: no VM. */
const struct s2v_vm *s2v_correlator_vms(const struct s2v_correlator *c);

/* Reports resets that are over at `now` (CLOCK_BOOTTIME ns; 0: not known). */
void s2v_correlator_tick(struct s2v_correlator *c, __u64 now);

/*
 * Reports new totals of findings to the sink; returns how many. now 0: all of them. Otherwise call it about
 * every second, with ns of one clock: a finding is due again after a tenth of its age, at most 10 s.
 */
unsigned int s2v_correlator_updates(struct s2v_correlator *c, __u64 now);

/* Completes *sum as s2v_correlator_finish() does, without ending the run. */
void s2v_correlator_totals(const struct s2v_correlator *c, struct s2v_summary *sum);

/*
 * Ends the run: reports new totals of findings, the contract and *sum to the sink. The source has
 * filled cnt, maps, lost, missed_probes and duration_ns of *sum; this completes it.
 */
void s2v_correlator_finish(struct s2v_correlator *c, struct s2v_summary *sum);

/* Sets sum->complete, and sum->incomplete to the reasons. Pure. */
void s2v_summary_judge(struct s2v_summary *sum);
/* Of sum->unreadable in a judged summary, the part that no VM accounts for. */
__u64 s2v_summary_unread(const struct s2v_summary *sum);
/* Adds a reason that s2v_summary_judge() does not know. */
void s2v_summary_add_reason(struct s2v_summary *sum, const char *why);

#endif
