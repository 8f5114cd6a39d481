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
	const struct s2v_rule_state *rules; /* S2V_RULE_NR of them; likewise */
	struct s2v_sink *sink; /* likewise */
	__s64 boot_to_real; /* CLOCK_REALTIME minus CLOCK_BOOTTIME, ns */
	bool events; /* tell the sink of every event, too (--all) */
	unsigned int only; /* enum s2v_trigger bits: ask rules on these alone; 0: on all */
	bool snapshot; /* asked for is what exists: a VM that went before it was audited is no gap */
	bool every_map; /* the source tells every map and fault, so pages can be followed */
	__u64 refault_window; /* ns that refaults are counted after a reset */
};

/* NULL when out of memory. */
struct s2v_correlator *s2v_correlator_new(const struct s2v_correlator_opts *opts);
void s2v_correlator_free(struct s2v_correlator *c);

/* Takes one event; one that is malformed or of an unknown type is counted and left out. */
void s2v_correlator_event(struct s2v_correlator *c, const struct s2v_ev_hdr *ev);

/* Tells the sink the coherence contract of every VM that is there (SIGUSR1, end of run). */
void s2v_correlator_contract(struct s2v_correlator *c);

/* The model as it is: the first VM, more by ->hh.next; until the next event. NULL: there is none. */
const struct s2v_vm *s2v_correlator_vms(const struct s2v_correlator *c);

/* It is now (CLOCK_BOOTTIME ns; 0: not known) so late: resets that are over are told. */
void s2v_correlator_tick(struct s2v_correlator *c, __u64 now);

/*
 * Tells the sink the totals of findings that went on since they were told; how many. now 0: of all. Else it is now so late
 * (ns, of one clock, about every second): each is told again when a tenth of its age has passed, or 10 s.
 */
unsigned int s2v_correlator_updates(struct s2v_correlator *c, __u64 now);

/* What is known by now: completes *sum as s2v_correlator_finish() does, and ends nothing. */
void s2v_correlator_totals(const struct s2v_correlator *c, struct s2v_summary *sum);

/*
 * Ends the run: totals of findings that went on, contract, and *sum, of which the source has
 * filled cnt, maps, lost, missed_probes and duration_ns. Completes *sum and tells the sink.
 */
void s2v_correlator_finish(struct s2v_correlator *c, struct s2v_summary *sum);

/* The clause of a summary that says why a run is incomplete; sets sum->complete. Pure. */
void s2v_summary_judge(struct s2v_summary *sum);
/* Of what was unreadable in a judged summary, what is no single VM's. */
__u64 s2v_summary_unread(const struct s2v_summary *sum);
/* One more reason, of which s2v_summary_judge() knows nothing. */
void s2v_summary_because(struct s2v_summary *sum, const char *why);

#endif
