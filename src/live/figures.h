/* SPDX-License-Identifier: BSD-2-Clause */
/* What the BPF side has counted, beside s2v_live_counters(). Inside of the live source. */
#ifndef S2V_LIVE_FIGURES_H
#define S2V_LIVE_FIGURES_H

#include "live/live.h"
#include "s2v_shared.h"
#include "s2v_hist.h"

/* What one attached BPF program has taken, as the kernel counts it. */
struct s2v_prog_cost {
	char name[16]; /* as attached: "map_fexit" */
	__u64 runs, ns;
};

/* Durations that were measured so far; zeros where nothing is. 0 or -errno. */
int s2v_live_hists(struct s2v_live *l, struct s2v_hist hist[S2V_HIST_NR]);

/*
 * Has the kernel count runs and run time of all BPF programs of the host, until the descriptor that is
 * returned is closed: two readings of a clock for each run. -errno; -EPERM: wants CAP_SYS_ADMIN.
 */
int s2v_live_stats(void);

/* Of each attached program, at most max; how many. All zero unless somebody has the kernel count. */
size_t s2v_live_costs(struct s2v_live *l, struct s2v_prog_cost *cost, size_t max);

/* How many entries the maps hold that come and go with VMs. Reads every key. */
struct s2v_live_entries {
	__u64 vms, slots, kinds;
	/* Taken of slots and of kinds: as many, or a share was not given back. */
	__u32 shares[S2V_SHARED_NR];
};
void s2v_live_entries(struct s2v_live *l, struct s2v_live_entries *e);

/* A VM is gone: if all of it was read, nothing is kept of that. */
void s2v_live_unread_end(struct s2v_live *l, __u32 vm);

/* Events that did not reach us, at any stage. 0 or -errno. */
int s2v_live_lost(struct s2v_live *l, __u64 *lost);

/* Probed calls that were entered and have not returned, where there are kprobes. */
__u64 s2v_live_inside(struct s2v_live *l);
/* Those that are inside now are not waited for: their returns will not be seen. 0 or -errno. */
int s2v_live_forget_inside(struct s2v_live *l);

#endif
