/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A source of the daemon's events: this host (live.c, arm64), or a recording (replay.c, any machine).
 * The daemon owns the event loop, the correlator and the sinks. A source adds its own events to the
 * loop, and calls back only from the loop's thread.
 */
#ifndef S2V_DAEMON_SOURCE_H
#define S2V_DAEMON_SOURCE_H

#include "core/run.h"
#include "live/figures.h"
#include "s2v_hist.h"

struct event_base;

#define S2V_PROGS_MAX 32

/* Priorities in the event loop. The source is first: a scrape must not overflow the ring buffer. */
enum { S2V_PRIO_SOURCE, S2V_PRIO_NORMAL, S2V_PRIO_LAST, S2V_PRIO_NR };

/* State of a source, read on demand. */
struct s2v_figures {
	struct s2v_summary
		sum; /* cnt, maps, lost, missed_probes, inventory_failed, audit_failed so far */
	struct s2v_hist hist[S2V_HIST_NR];
	struct s2v_prog_cost prog[S2V_PROGS_MAX];
	__u32 n_progs; /* 0: the kernel does not count, or a replay */
	/* Why a hook that was attached no longer observes; else "". */
	char gone[S2V_OBS_NR][160];
	/* Hooks are or were gone, and no audit has ended since: a sentence; else "". */
	char gap[160];
};

struct s2v_source {
	/* Facts. Valid from before start() until free(). */
	const struct s2v_host *host;
	const struct s2v_hook *hooks; /* [S2V_OBS_NR] */
	unsigned int by; /* S2V_BY_* of run.h */
	__s64 boot_to_real;
	bool every_map; /* reports every map and fault */
	const char *name; /* "live", or the file's */
	bool can_audit;

	/* Begins to observe; calls fn with each event. 0 or -errno (free() is still needed). */
	int (*start)(struct s2v_source *s, struct event_base *base,
		     void (*fn)(void *arg, const struct s2v_ev_hdr *ev), void *arg);
	/* 0 or -errno. Cheap enough for every scrape. */
	int (*figures)(struct s2v_source *s, struct s2v_figures *f);
	/*
	 * Audits all VMs; events go to fn of start(). Calls go_on(), which runs the event loop, between
	 * steps, and ends if that returns false. rate: leaves a second. 0, -EINTR, -EAGAIN (hooks were
	 * gone and are back: audit again), or -errno. NULL if can_audit is false.
	 */
	int (*audit)(struct s2v_source *s, __u64 rate, bool (*go_on)(void *arg), void *arg);
	/* Stops observing, and hands out the remaining events. 0 or -errno. */
	int (*stop)(struct s2v_source *s);
	void (*free)(struct s2v_source *s);
};

/* The privileges that remain, as text for the start page. */
struct s2v_privileges {
	char kept[256]; /* "no capability, …" */
};

/*
 * The live source. NULL with a sentence for the user in err (always if not on arm64). buffer: size of
 * the ring buffer in bytes.
 */
struct s2v_source *s2v_source_live(enum s2v_attach_mode mode, __u32 buffer, bool verbose, char *err,
				   size_t errlen);

/*
 * Gives up the privileges that are not needed after start() and once the sockets listen. Fills *p.
 * 0 or -errno.
 */
int s2v_privileges_drop(struct s2v_privileges *p);

/* Live: makes the kernel count runs and time of BPF programs. 0 or -errno. */
int s2v_bpf_stats(void);

/* On machines other than arm64: why the command cannot run there. */
void s2v_needs_arm64(const char *command, char *err, size_t errlen);

/* The replay source. repeat: restart at the end of the file. speed: 1 as recorded, 0 unpaced. NULL with a sentence in err. */
struct s2v_source *s2v_source_replay(const char *path, double speed, bool repeat, char *err,
				     size_t errlen);

#endif
