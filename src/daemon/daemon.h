/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Room daemon: one event loop around a source of events, with HTTP, metrics, page and journal.
 * Uses core, host, live, report, sink, trace, util. Used by cmd.
 *
 * Inside of the daemon: what its parts share. One thread; all of it is the event loop's.
 */
#ifndef S2V_DAEMON_H
#define S2V_DAEMON_H

#include <event2/event.h>

#include "core/correlate.h"
#include "daemon/opts.h"
#include "daemon/source.h"
#include "daemon/finding_log.h"
#include "daemon/vms.h"
#include "daemon/web.h"

/* Verdicts on the unmaps of a reset (s2verify_reset_unmaps_total). */
enum s2v_unmap_verdict {
	S2V_UNMAP_NEEDED,
	S2V_UNMAP_REDUNDANT_FWB,
	S2V_UNMAP_REDUNDANT_REPEAT,
	S2V_UNMAP_UNKNOWN,
	S2V_UNMAP_NR
};

/* Totals since the start. */
struct s2v_counts {
	__u64 events;
	__u64 vcpu_resets;
	__u64 unmaps[S2V_UNMAP_NR];
	__u64 avoidable_ns;
	__u64 audits, audits_failed;
	__u64 audit_ns; /* duration of the last complete audit */
	__u64 audited_at; /* CLOCK_REALTIME ns of its end; 0: none yet */
};

/*
 * Totals of what was lost or unreadable. An audit that ends and could read everything makes up for
 * all losses from before it began.
 */
struct s2v_losses {
	__u64 events, probes, unread;
	__u64 by_audits; /* part of unread: in audits */
};

/* vCPUs, by what the last audit found of their own stage 1. */
enum s2v_vcpu_state {
	S2V_VCPU_WALKED,
	S2V_VCPU_NO_TABLES, /* powered off, MMU off or caches off */
	S2V_VCPU_UNWALKED, /* its tables could not be walked, or not wholly */
	S2V_VCPU_STATES
};

/* Counts of what is in the model. */
struct s2v_model_counts {
	__u64 memslots[3]; /* index: 1 + enum s2v_tri of write_back_guaranteed */
	struct s2v_guest_bytes guest;
	__u64 vcpus[S2V_VCPU_STATES];
};

/* The daemon's state at one moment, about 30 KiB. The state of the rules is in daemon.rules. */
struct s2v_now {
	__u64 realtime;
	struct s2v_figures fig;
	struct s2v_summary sum; /* with complete and incomplete set */
	struct s2v_losses lost;
	__u64 vms;
	struct s2v_model_counts model;
	char unready[1024]; /* why not ready, a line per reason; "" if ready */
};

struct s2v_daemon {
	struct s2v_sink sink; /* first; the correlator's sink */
	const struct s2v_daemon_opts *o;
	struct s2v_source *src;
	struct event_base *base;
	struct event *ev[8];
	struct event *audit_timer;
	struct s2v_correlator *core;
	struct s2v_rule_state rules[S2V_RULE_NR]; /* as of the last s2v_daemon_now() */
	struct s2v_counts n;
	struct s2v_finding_log log;
	struct s2v_vm_stats vms;
	struct s2v_web *web;
	struct s2v_now now; /* for the request being answered */
	struct s2v_privileges priv;
	__u64 started; /* CLOCK_REALTIME ns */
	struct s2v_model_counts model; /* at counted_at, CLOCK_MONOTONIC ns */
	__u64 counted_at;
	bool stop, audit_due, auditing, audit_failed;
	struct s2v_losses repaired; /* before the start of the last audit that read everything */
};

/* now.c: fills *now. 0 or -errno. */
int s2v_daemon_now(struct s2v_daemon *d, struct s2v_now *now);
/* For the end of an audit. before: losses when it began. Overwrites *now. 0 or -errno. */
int s2v_daemon_audited(struct s2v_daemon *d, const struct s2v_losses *before, struct s2v_now *now);
/* Sets now->model. Separate because it walks the model, at most once a second. */
void s2v_daemon_count_model(struct s2v_daemon *d, struct s2v_now *now);
/* Adds what the VM's own stage 1 maps, by the last audit. */
void s2v_vm_guest_bytes(const struct s2v_vm *vm, struct s2v_guest_bytes *to);

/* Returns whether Write-Back is guaranteed in all of the memslot (enum s2v_tri). */
int s2v_slot_write_back(const struct s2v_host *h, const struct s2v_vm *vm,
			const struct s2v_memslot *slot);

/* loop.c: runs until SIGINT or SIGTERM. Returns an exit status. */
int s2v_daemon_run(const struct s2v_daemon_opts *o, struct s2v_source *src);

/* metrics.c */
struct s2v_expo;
void s2v_metrics_write(struct s2v_expo *x, const struct s2v_daemon *d, const struct s2v_now *now);
void s2v_metrics_list(FILE *f); /* a line per metric: name, type, labels, help, separated by tabs */

/* routes.c: the paths of the web server; arg is the struct s2v_daemon. */
extern const struct s2v_route s2v_routes[];

/* page.c: the start page, HTML. 0, or -1: out of memory. */
int s2v_page_write(FILE *f, const struct s2v_daemon *d, const struct s2v_now *now);

#endif
