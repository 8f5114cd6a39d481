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
	bool all; /* report every event */
	__u32 buffer; /* bytes of the ring buffer, a power of two and a multiple of the page size */
	bool audit; /* s2v_live_audit() will be called */
	bool timed; /* faults and unmaps are timed, for histograms; not with `all` */
	bool verbose; /* libbpf's own messages on stderr */
	const struct s2v_kallsyms *ks; /* needed by s2v_live_open() only */
};

/* Receives events in the order of the ring buffer. */
typedef void (*s2v_event_fn)(void *arg, const struct s2v_ev_hdr *ev);

/*
 * Loads, calibrates host->s1_attr, attaches. A hook that does not attach after all becomes METHOD_NONE
 * with the reason. NULL with a message for the user in err.
 */
struct s2v_live *s2v_live_open(const struct s2v_live_opts *o, struct s2v_host *host,
			       struct s2v_hook hooks[S2V_OBS_NR], s2v_event_fn fn, void *arg,
			       char *err, size_t errlen);

/* Starts observing; reports existing VMs first. 0 or -errno; may be called again. */
int s2v_live_start(struct s2v_live *l);

/* Readable if there are events; with `all` only if there are many: then poll, too. */
int s2v_live_fd(const struct s2v_live *l);
#define S2V_LIVE_POLL_NS 50000000 /* interval of polling */
/*
 * Hands out what is in the ring buffer, for some milliseconds at most: if events come faster than that, some stay.
 * 0 or -errno.
 */
int s2v_live_consume(struct s2v_live *l);
/* Hands out all events present at the call, at most as much as the ring buffer holds. 0 or -errno. */
int s2v_live_drain(struct s2v_live *l);
/* The same in turns as long as those of s2v_live_consume(), with go_on(arg) between them; -EINTR if that is false. */
int s2v_live_drain_by_turns(struct s2v_live *l, bool (*go_on)(void *arg), void *arg);

/*
 * To be called about every second: writes the pending counts of kinds of mappings to the ring buffer, while half of it
 * is free. Does nothing if none are pending. 0 or -errno.
 */
int s2v_pending_report(struct s2v_live *l);

/* Stops observing, then hands out all that is left, including pending counts. 0 or -errno. */
int s2v_live_stop(struct s2v_live *l);

/*
 * Counters since the start: cnt, maps, missed_probes, unread of *sum; they never decrease. at_end: deferred events
 * count as unread. 0 or -errno.
 */
int s2v_live_counters(struct s2v_live *l, struct s2v_summary *sum, bool at_end);

void s2v_live_close(struct s2v_live *l); /* NULL is fine */

#endif
