/* SPDX-License-Identifier: BSD-2-Clause */
/* Counters of the BPF side beside s2v_live_counters(). */
#ifndef S2V_LIVE_FIGURES_H
#define S2V_LIVE_FIGURES_H

#include "live/live.h"
#include "s2v_shared.h"
#include "s2v_hist.h"

/* Runs and run time of one attached BPF program, as the kernel counts them. */
struct s2v_prog_cost {
	char name[16]; /* as attached: "map_fexit" */
	__u64 runs, ns;
};

/* The durations measured so far; all zero if none are measured. 0 or -errno. */
int s2v_live_hists(struct s2v_live *l, struct s2v_hist hist[S2V_HIST_NR]);

/*
 * Makes the kernel count runs and run time of all BPF programs of the host, which costs two clock reads
 * for each run. Returns a descriptor, whose close() ends it, or -errno; -EPERM: needs CAP_SYS_ADMIN.
 */
int s2v_live_stats(void);

/* One entry for each attached program, at most max. Returns the number. All zero unless the kernel counts. */
size_t s2v_live_costs(struct s2v_live *l, struct s2v_prog_cost *cost, size_t max);

/* Numbers of entries in the maps that grow and shrink with VMs. Reads every key. */
struct s2v_live_entries {
	__u64 vms, slots, kinds;
	/* Taken shares of slots and of kinds; more than slots and kinds: one was not given back. */
	__u32 shares[S2V_SHARED_NR];
};
void s2v_live_entries(struct s2v_live *l, struct s2v_live_entries *e);

/* A VM is gone: deletes its entry in unread_vms unless something of it was unread. */
void s2v_live_unread_end(struct s2v_live *l, __u32 vm);

/* Number of events lost at any stage. 0 or -errno. */
int s2v_live_lost(struct s2v_live *l, __u64 *lost);

/* With kprobes: probed calls that were entered and have not returned. */
__u64 s2v_live_inside(struct s2v_live *l);
/* Resets that count, for calls whose returns will not be seen. 0 or -errno. */
int s2v_live_forget_inside(struct s2v_live *l);

#endif
