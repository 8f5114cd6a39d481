// SPDX-License-Identifier: BSD-2-Clause
#include <event2/event.h>
#include <signal.h>
#include <string.h>

#include "live/audit.h"
#include "cmd/cmd.h"
#include "live/exit_cost.h"
#include "live/health.h"
#include "live/interrupt.h"
#include "live/live.h"
#include "core/run.h"
#include "live/bypass.h"
#include "util/util.h"
#include "cmd/watch.h"

/* What the loop waits for: indices of struct watch, ev. */
enum waited {
	W_RING,
	W_SIGINT,
	W_SIGTERM,
	W_SIGUSR1,
	W_SIGUSR2,
	W_DURATION, /* timer: ends the run */
	W_RECORD, /* timer: gives the recording the counters */
	W_POLL, /* timer: reads the ring buffer */
	W_CHECK, /* timer: checks the hooks, reports pending counts */
	W_NR
};

struct watch {
	struct s2v_session ses;
	const struct s2v_cmd_opts *o;
	const bool *stop; /* set by the sink to end; may be NULL */
	struct s2v_live *live;
	struct s2v_correlator *core;
	struct s2v_sink *sink;
	struct s2v_recording *rec;
	struct event_base *base;
	struct event *ev[W_NR];
	__u64 start; /* CLOCK_BOOTTIME ns */
	bool inventory_failed, audit_failed;
	int err; /* of the ring buffer */
	bool hooks_gone; /* hooks do not observe */
	__u64 gaps; /* how often that began */
	char gap_why[160]; /* the reason, the last time */
};

static void on_event(void *arg, const struct s2v_ev_hdr *ev)
{
	struct watch *t = arg;

	s2v_recording_event(t->rec, ev);
	s2v_correlator_event(t->core, ev);
}

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
	struct watch *t = arg;

	(void)fd;
	(void)what;
	t->err = s2v_live_consume(t->live);
	if (t->err || t->sink->failed || (t->stop && *t->stop))
		event_base_loopbreak(t->base);
}

static void on_stop(evutil_socket_t fd, short what, void *arg)
{
	struct watch *t = arg;

	(void)fd;
	(void)what;
	event_base_loopbreak(t->base);
}

static void on_contract(evutil_socket_t fd, short what, void *arg)
{
	struct watch *t = arg;

	(void)fd;
	(void)what;
	s2v_recording_mark(t->rec, S2T_REC_CONTRACT, s2v_clock_ns(CLOCK_BOOTTIME));
	s2v_correlator_contract(t->core);
}

/* Checks whether the hooks still observe. A gap between two checks is not noticed. */
static void check_hooks(struct watch *t)
{
	struct s2v_health h;

	s2v_live_check(t->live, t->ses.hooks, &h);
	if (!h.well && !t->hooks_gone) {
		t->gaps++;
		snprintf(t->gap_why, sizeof(t->gap_why), "%s", s2v_health_reason(&h));
		s2v_err("hooks are gone: calls are missed until they are back: %s", t->gap_why);
	} else if (h.well && t->hooks_gone) {
		s2v_err("hooks are back: VMs are numbered anew");
		t->err = s2v_live_restart(t->live);
	}
	t->hooks_gone = !h.well;
}

/* Reads pending counts, and reports findings whose counts have grown. */
static void update(struct watch *t)
{
	__u64 now = s2v_clock_ns(CLOCK_BOOTTIME);
	int err = s2v_pending_report(t->live);

	if (!err)
		err = s2v_live_consume(t->live);
	if (!err && s2v_correlator_updates(t->core, now))
		s2v_recording_mark(t->rec, S2T_REC_UPDATES, now);
	t->err = err;
}

/* Runs one of the checks of bypass.h. If a signal interrupts it, s2v_bypass_finish() makes up for it. */
static void check_bypass(struct watch *t, int (*fn)(struct s2v_live *l))
{
	int err = fn(t->live);

	if (err && err != -EINTR && !t->err)
		t->err = err;
}

static void on_second(evutil_socket_t fd, short what, void *arg)
{
	struct watch *t = arg;

	(void)fd;
	(void)what;
	check_hooks(t);
	if (!t->err)
		update(t);
	if (!t->err)
		check_bypass(t, s2v_bypass_check);
	if (t->err || t->sink->failed || (t->stop && *t->stop))
		event_base_loopbreak(t->base);
}

/* The totals so far. 0 or -errno. */
static int totals(struct watch *t, struct s2v_summary *sum)
{
	sum->inventory_failed = t->inventory_failed;
	sum->audit_failed = t->audit_failed;
	sum->gaps = t->gaps;
	memcpy(sum->gap_why, t->gap_why, sizeof(sum->gap_why));
	sum->duration_ns = s2v_clock_ns(CLOCK_BOOTTIME) - t->start;
	return s2v_live_counters(t->live, sum, true);
}

/* Every second: gives the recording the events and counters so far. */
static void on_record_second(evutil_socket_t fd, short what, void *arg)
{
	struct watch *t = arg;
	struct s2v_summary sum = { 0 };

	if (t->o->all)
		on_readable(fd, what, arg);
	if (!totals(t, &sum))
		s2v_recording_counters(t->rec, &sum);
	if (t->rec->failed && t->o->record)
		event_base_loopbreak(t->base);
}

static bool add(struct watch *t, enum waited i, evutil_socket_t fd, short what,
		event_callback_fn fn, const struct timeval *tv)
{
	t->ev[i] = event_new(t->base, fd, what, fn, t);
	return t->ev[i] && event_add(t->ev[i], tv) == 0;
}

static bool make_loop(struct watch *t)
{
	struct timeval tv = { .tv_sec = t->o->duration / 1000000000ULL,
			      .tv_usec = t->o->duration % 1000000000ULL / 1000 };
	const struct timeval second = { .tv_sec = 1 },
			     interval = { .tv_usec = S2V_LIVE_POLL_NS / 1000 };

	t->base = event_base_new();
	return t->base &&
	       add(t, W_RING, s2v_live_fd(t->live), EV_READ | EV_PERSIST, on_readable, NULL) &&
	       add(t, W_SIGUSR1, SIGUSR1, EV_SIGNAL | EV_PERSIST, on_contract, NULL) &&
	       (!t->o->duration || add(t, W_DURATION, -1, 0, on_stop, &tv)) &&
	       (!t->o->record ||
		add(t, W_SIGUSR2, SIGUSR2, EV_SIGNAL | EV_PERSIST, on_stop, NULL)) &&
	       add(t, W_CHECK, -1, EV_PERSIST, on_second, &second) &&
	       (!t->o->output || add(t, W_RECORD, -1, EV_PERSIST, on_record_second, &second)) &&
	       (!t->o->all || t->o->record ||
		add(t, W_POLL, -1, EV_PERSIST, on_readable, &interval));
}

/* From now on signals go to the event loop; for earlier ones see s2v_interrupted(). */
static bool catch_signals(struct watch *t)
{
	return add(t, W_SIGINT, SIGINT, EV_SIGNAL | EV_PERSIST, on_stop, NULL) &&
	       add(t, W_SIGTERM, SIGTERM, EV_SIGNAL | EV_PERSIST, on_stop, NULL);
}

static void drop_signals(struct watch *t)
{
	if (t->ev[W_SIGINT])
		event_del(t->ev[W_SIGINT]);
	if (t->ev[W_SIGTERM])
		event_del(t->ev[W_SIGTERM]);
}

static void free_loop(struct watch *t)
{
	for (size_t i = 0; i < S2V_ARRAY_SIZE(t->ev); i++)
		if (t->ev[i])
			event_free(t->ev[i]);
	if (t->base)
		event_base_free(t->base);
}

/* Runs from attached hooks to the summary. Returns the exit status. */
static int run(struct watch *t)
{
	struct s2v_summary sum = { 0 };
	int audited = 0, err, stopped;

	t->start = s2v_clock_ns(CLOCK_BOOTTIME);
	s2v_interrupt_catch();
	err = s2v_live_start(t->live);
	s2v_health_open(t->live);
	check_hooks(t);
	if (err)
		s2v_session_report_unlisted(&t->ses, err);
	t->inventory_failed = err != 0;
	/* Hooks are attached and see what is mapped during the audit. */
	if (!err && t->o->audit)
		audited = s2v_audit_progress(t->live, &(struct s2v_audit_opts){ .rate = 0 });
	t->audit_failed = audited != 0;
	err = catch_signals(t) ? 0 : -ENOMEM;
	if (!err && !s2v_interrupted()) {
		fprintf(stderr, "ready: %s; stop with Ctrl-C\n", s2v_session_hooks_line(&t->ses));
		event_base_dispatch(t->base);
	}
	drop_signals(t);
	check_bypass(t, s2v_bypass_finish);
	check_hooks(t);
	s2v_interrupt_now();
	stopped = s2v_live_stop(t->live);
	if (!err)
		err = stopped ? stopped : t->err;
	if (!err)
		err = totals(t, &sum);
	if (err) {
		s2v_err("reading from the kernel failed: %s; the results are incomplete",
			strerror(-err));
		sum.lost++;
	}
	s2v_recording_end(t->rec, &sum);
	s2v_correlator_finish(t->core, &sum);
	return s2v_run_status(sum.findings,
			      sum.complete && !t->sink->failed && s2v_recording_whole(t->rec),
			      t->o->fail_on);
}

/* If a cost cannot be measured, the time of refaults is reported without it. */
static void measure(__u64 *ns, int (*cost)(__u64 *ns), const char *what)
{
	int err = cost(ns);

	if (!err)
		return;
	*ns = 0;
	s2v_err("the cost of %s could not be measured on /dev/kvm (%s): the reported time of refaults "
		"does not account for it",
		what, strerror(-err));
}

/* With hooks attached: compares a call that is hooked like stage2-map with the same call before. */
static void measure_probe(struct s2v_session *ses, __u64 before)
{
	__u64 after;

	if (!before || ses->hooks[S2V_OBS_CAP].method != ses->hooks[S2V_OBS_MAP].method)
		return;
	measure(&after, s2v_call_cost, "a probe");
	ses->host.probe_ns = after > before ? after - before : 0;
}

static int watch(struct watch *t)
{
	__u64 boot = s2v_clock_ns(CLOCK_BOOTTIME);
	struct s2v_correlator_opts co = {
		.host = &t->ses.host,
		.rules = t->ses.rules,
		.sink = t->sink,
		.boot_to_real = s2v_boot_to_real(),
		.events = t->o->all && !t->o->resets,
		.only = s2v_run_only(t->o->resets),
		.every_map = t->o->all,
		.refault_window = t->o->refault_window,
	};
	struct s2v_live_opts lo = {
		.pid = t->o->pid,
		.all = t->o->all,
		.buffer = t->o->buffer,
		.audit = t->o->audit,
		.verbose = t->o->verbose,
	};
	bool resets = t->o->resets || t->o->record; /* their cost is reported, now or by analyze */
	__u64 unhooked = 0;
	char err[512];

	if (s2v_session_prepare(&t->ses, t->o->attach, t->o->all || resets, err, sizeof(err)))
		goto cannot;
	/* MMU notifiers run often: hooked only if unmapped pages are followed. */
	t->ses.hooks[S2V_OBS_HOST_UNMAP].idle = !resets;
	if (resets) {
		measure(&t->ses.host.exit_ns, s2v_exit_cost, "a guest's exit");
		measure(&unhooked, s2v_call_cost, "a probe");
	}
	lo.ks = t->ses.ks;
	t->live = s2v_live_open(&lo, &t->ses.host, t->ses.hooks, on_event, t, err, sizeof(err));
	if (!t->live)
		goto cannot;
	measure_probe(&t->ses, unhooked);
	if (s2v_session_no_hooks(&t->ses, err, sizeof(err)))
		goto cannot;
	s2v_session_cover(&t->ses, S2V_BY_HOOKS | (t->o->audit ? S2V_BY_AUDIT : 0) |
					   (t->o->resets ? S2V_OF_RESETS : 0));
	if (s2v_recording_begin(t->rec, t->o, &t->ses, boot, co.boot_to_real, err, sizeof(err)))
		goto cannot;
	if (t->o->json)
		s2v_session_announce(&t->ses, t->sink);
	t->core = s2v_correlator_new(&co);
	if (!t->core || !make_loop(t)) {
		s2v_err("out of memory");
		return S2V_EXIT_CANNOT;
	}
	return run(t);
cannot:
	s2v_err("%s", err);
	return S2V_EXIT_CANNOT;
}

int s2v_watch(const struct s2v_cmd_opts *o, struct s2v_sink *sink, const bool *stop,
	      struct s2v_recording *rec)
{
	struct watch t = { .o = o, .sink = sink, .stop = stop, .rec = rec };
	struct s2v_summary none = { 0 };
	int status;

	*rec = (struct s2v_recording){ .o = o };
	status = watch(&t);
	s2v_recording_end(rec, &none); /* if run() did not */
	free_loop(&t);
	s2v_correlator_free(t.core);
	s2v_live_close(t.live);
	s2v_session_free(&t.ses);
	return status;
}
