/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where a daemon's events come from: this host (live.c, arm64), or a recorded file
 * (replay.c, any machine). The daemon owns the event loop, the correlator and the sinks; a source
 * puts its own events into the loop and hands out what it observes, in the loop's thread alone.
 */
#ifndef S2V_DAEMON_SOURCE_H
#define S2V_DAEMON_SOURCE_H

#include "core/run.h"
#include "live/figures.h"
#include "s2v_hist.h"

struct event_base;

#define S2V_PROGS_MAX 32

/* Priorities of events in the loop. A scrape must never make the ring buffer overflow. */
enum { S2V_PRIO_SOURCE, S2V_PRIO_NORMAL, S2V_PRIO_LAST, S2V_PRIO_NR };

/* What is read from a source when somebody asks. */
struct s2v_figures {
	struct s2v_summary
		sum; /* cnt, maps, lost, missed_probes, inventory_failed, audit_failed so far */
	struct s2v_hist hist[S2V_HIST_NR];
	struct s2v_prog_cost prog[S2V_PROGS_MAX];
	__u32 n_progs; /* 0: the kernel does not count (or a replay) */
	/* A hook that was attached and does not observe any more: why; "" for those that are well. */
	char gone[S2V_OBS_NR][160];
	/* Hooks were gone, and no audit since has looked at what happened meanwhile: when; else "". */
	char gap[160];
};

struct s2v_source {
	/* Facts, from before start() on; they outlive it. */
	const struct s2v_host *host;
	const struct s2v_hook *hooks; /* [S2V_OBS_NR] */
	unsigned int by; /* S2V_BY_* of run.h */
	__s64 boot_to_real;
	bool every_map; /* it tells every map and fault */
	const char *name; /* "live", or the file's */
	bool can_audit;

	/* Observes from now on; each event goes to fn. 0 or -errno (then free() all the same). */
	int (*start)(struct s2v_source *s, struct event_base *base,
		     void (*fn)(void *arg, const struct s2v_ev_hdr *ev), void *arg);
	/* 0 or -errno. Cheap enough for every scrape. */
	int (*figures)(struct s2v_source *s, struct s2v_figures *f);
	/*
	 * An audit of all VMs, its events to fn. Between steps go_on() is asked, which runs the event
	 * loop; false ends it. 0, -EINTR, -EAGAIN (hooks were gone and have come back: once more), or
	 * -errno. NULL where can_audit is false.
	 */
	int (*audit)(struct s2v_source *s, __u64 rate, bool (*go_on)(void *arg), void *arg);
	/* Stops observing, hands out what is left. 0 or -errno. */
	int (*stop)(struct s2v_source *s);
	void (*free)(struct s2v_source *s);
};

/* What the live source does not need any more once it is attached, in words for the landing page. */
struct s2v_privileges {
	char kept[256]; /* "CAP_BPF, CAP_PERFMON: …" */
};

/*
 * The source that is this host. NULL with the one sentence that helps in err (elsewhere than on arm64
 * always). buffer: bytes of the ring buffer.
 */
struct s2v_source *s2v_source_live(enum s2v_attach_mode mode, __u32 buffer, bool verbose, char *err,
				   size_t errlen);

/*
 * Gives up what is not needed after start() and the listening sockets are there. Says what is kept.
 * 0 or -errno.
 */
int s2v_privileges_drop(struct s2v_privileges *p);

/* Live: the kernel counts runs and time of BPF programs from now on. 0 or -errno. */
int s2v_bpf_stats(void);

/* Elsewhere than on arm64: why the command cannot run on this machine. */
void s2v_not_here(const char *command, char *err, size_t errlen);

/* A recorded file; repeat: from its start again at its end, for ever. speed: 0 as fast as it goes, 1 as recorded. */
struct s2v_source *s2v_source_replay(const char *path, double speed, bool repeat, char *err,
				     size_t errlen);

#endif
