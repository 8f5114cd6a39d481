/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Room live: BPF programs loaded, attached and read on this host, and its audits. Uses core,
 * host, util. Used by cmd, daemon.
 *
 * The live source: BPF programs loaded and attached to the hooks that were chosen, their events,
 * their counters. One a process.
 */
#ifndef S2V_LIVE_H
#define S2V_LIVE_H

#include "host/host.h"
#include "host/observe.h"
#include "core/sink.h"

struct s2v_live;

struct s2v_live_opts {
	__u32 pid; /* only VMs of this process; 0: all */
	bool all; /* every event, not only what matters */
	__u32 buffer; /* bytes of the ring buffer, a power of two and of pages */
	bool audit; /* s2v_live_audit() will be called */
	bool timed; /* faults and unmaps are timed, for histograms; not with `all` */
	bool verbose; /* libbpf's own messages on stderr */
	const struct s2v_kallsyms *ks; /* needed by s2v_live_open() only */
};

/* Takes events, in the order of the ring buffer. */
typedef void (*s2v_event_fn)(void *arg, const struct s2v_ev_hdr *ev);

/*
 * Load, calibrate host->s1_attr, attach. A hook that does not attach after all becomes METHOD_NONE
 * with the reason. NULL with the one sentence that helps in err.
 */
struct s2v_live *s2v_live_open(const struct s2v_live_opts *o, struct s2v_host *host,
			       struct s2v_hook hooks[S2V_OBS_NR], s2v_event_fn fn, void *arg,
			       char *err, size_t errlen);

/* Observe from now on; VMs that are there already are told of first. 0 or -errno; then once more. */
int s2v_live_start(struct s2v_live *l);

/* Readable when there are events; with `all` when there are many: the rest is to be asked for now and then. */
int s2v_live_fd(const struct s2v_live *l);
#define S2V_LIVE_LOOK_NS 50000000 /* how often */
/*
 * Hands out what is in the ring buffer, for some milliseconds at most: where events come faster than they are
 * taken there is more. 0 or -errno.
 */
int s2v_live_consume(struct s2v_live *l);
/* Hands out all that is there when it is called, and at most as much as the ring buffer holds. 0 or -errno. */
int s2v_live_drain(struct s2v_live *l);
/* The same in shares as s2v_live_consume() takes, with go_on(arg) between them; -EINTR where that is false. */
int s2v_live_drain_by_turns(struct s2v_live *l, bool (*go_on)(void *arg), void *arg);

/*
 * To be called about every second: what is pending of kinds of mappings goes to the ring buffer, as far as half of that has room;
 * nothing is done where nothing is. 0 or -errno.
 */
int s2v_pending_report(struct s2v_live *l);

/* Stop observing, then hand out all that is left, pending aggregates included. 0 or -errno. */
int s2v_live_stop(struct s2v_live *l);

/*
 * Counters since start: cnt, maps, missed_probes, unread of *sum; none of it goes back. at_end: maps whose VMA is still to be
 * looked at, since the host was changing it, are unread. 0 or -errno.
 */
int s2v_live_counters(struct s2v_live *l, struct s2v_summary *sum, bool at_end);

void s2v_live_close(struct s2v_live *l); /* NULL is fine */

#endif
