// SPDX-License-Identifier: BSD-2-Clause
/* s2verify trace: the live source, the correlator and a sink in one event loop. */
#include <event2/event.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "audit.h"
#include "cmd.h"
#include "correlate.h"
#include "exit_cost.h"
#include "live.h"
#include "session.h"
#include "trace_opts.h"
#include "util.h"

struct trace {
	struct s2v_session ses;
	struct s2v_trace_opts o;
	struct s2v_live *live;
	struct s2v_correlator *core;
	struct s2v_sink *sink;
	struct event_base *base;
	struct event *ev[5]; /* ring buffer, SIGINT, SIGTERM, SIGUSR1, duration */
	int err; /* of the ring buffer */
};

static void take(void *arg, const struct s2v_ev_hdr *ev)
{
	struct trace *t = arg;

	s2v_correlator_event(t->core, ev);
}

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
	struct trace *t = arg;

	(void)fd;
	(void)what;
	t->err = s2v_live_consume(t->live);
	if (t->err || t->sink->failed)
		event_base_loopbreak(t->base);
}

static void on_stop(evutil_socket_t fd, short what, void *arg)
{
	struct trace *t = arg;

	(void)fd;
	(void)what;
	event_base_loopbreak(t->base);
}

static void on_contract(evutil_socket_t fd, short what, void *arg)
{
	struct trace *t = arg;

	(void)fd;
	(void)what;
	s2v_correlator_contract(t->core);
}

static bool add(struct trace *t, int i, evutil_socket_t fd, short what, event_callback_fn fn,
		const struct timeval *tv)
{
	t->ev[i] = event_new(t->base, fd, what, fn, t);
	return t->ev[i] && event_add(t->ev[i], tv) == 0;
}

static bool make_loop(struct trace *t)
{
	struct timeval tv = { .tv_sec = t->o.duration / 1000000000ULL,
			      .tv_usec = t->o.duration % 1000000000ULL / 1000 };

	t->base = event_base_new();
	return t->base &&
	       add(t, 0, s2v_live_fd(t->live), EV_READ | EV_PERSIST, on_readable, NULL) &&
	       add(t, 1, SIGINT, EV_SIGNAL | EV_PERSIST, on_stop, NULL) &&
	       add(t, 2, SIGTERM, EV_SIGNAL | EV_PERSIST, on_stop, NULL) &&
	       add(t, 3, SIGUSR1, EV_SIGNAL | EV_PERSIST, on_contract, NULL) &&
	       (!t->o.duration || add(t, 4, -1, 0, on_stop, &tv));
}

static void free_loop(struct trace *t)
{
	for (size_t i = 0; i < S2V_ARRAY_SIZE(t->ev); i++)
		if (t->ev[i])
			event_free(t->ev[i]);
	if (t->base)
		event_base_free(t->base);
}

/* From attached to summary. Returns the exit status. */
static int run(struct trace *t)
{
	struct s2v_summary sum = { 0 };
	__u64 start = s2v_boottime();
	int err = s2v_live_start(t->live);

	if (err)
		s2v_err("VMs that are running already could not be listed: %s; none is taken for "
			"verified",
			strerror(-err));
	sum.inventory_failed = err != 0;
	if (!err && t->o.audit_first)
		sum.audit_failed = !s2v_audit_progress(t->live, &(struct s2v_audit_opts){ 0 });
	fprintf(stderr, "ready: %s; stop with Ctrl-C\n", s2v_session_hooks_line(&t->ses));
	event_base_dispatch(t->base);
	err = s2v_live_stop(t->live);
	if (!err)
		err = t->err;
	sum.duration_ns = s2v_boottime() - start;
	if (!err)
		err = s2v_live_counters(t->live, &sum);
	if (err) {
		s2v_err("reading from the kernel failed: %s; the results are not complete",
			strerror(-err));
		sum.lost++;
	}
	s2v_correlator_finish(t->core, &sum);
	return s2v_exit_status(&sum, t->o.fail_on, t->sink);
}

/* The time of refaults is told without what cannot be measured here. */
static void measure(__u64 *ns, int (*cost)(__u64 *ns), const char *what)
{
	int err = cost(ns);

	if (!err)
		return;
	*ns = 0;
	s2v_err("what %s costs could not be measured on /dev/kvm (%s): the time of refaults is told "
		"without regard to it",
		what, strerror(-err));
}

/* Once all is attached: a call that is hooked as the map is, against the same call before. */
static void measure_probe(struct s2v_session *ses, __u64 before)
{
	__u64 after;

	if (!before || ses->hooks[S2V_OBS_CAP].method != ses->hooks[S2V_OBS_MAP].method)
		return;
	measure(&after, s2v_call_cost, "a probe");
	ses->host.probe_ns = after > before ? after - before : 0;
}

static int trace(struct trace *t)
{
	struct s2v_correlator_opts co = {
		.host = &t->ses.host,
		.rules = t->ses.rules,
		.sink = t->sink,
		.boot_to_real = s2v_boot_to_real(),
		.events = t->o.all && !t->o.resets,
		.only = t->o.resets ? S2V_ON_UNMAP | S2V_ON_INIT : 0,
		.every_map = t->o.all,
		.refault_window = t->o.refault_window,
	};
	struct s2v_live_opts lo = {
		.pid = t->o.pid,
		.all = t->o.all,
		.buffer = t->o.buffer,
		.audit = t->o.audit_first,
		.verbose = t->o.verbose,
	};
	__u64 unhooked = 0;
	char err[512];

	if (s2v_session_prepare(&t->ses, t->o.attach, err, sizeof(err)))
		goto cannot;
	/* MMU notifiers are many: only where their pages are followed. */
	t->ses.hooks[S2V_OBS_HOST_UNMAP].idle = !t->o.resets;
	if (t->o.resets) {
		measure(&t->ses.host.exit_ns, s2v_exit_cost, "a guest's exit");
		measure(&unhooked, s2v_call_cost, "a probe");
	}
	lo.ks = t->ses.ks;
	t->live = s2v_live_open(&lo, &t->ses.host, t->ses.hooks, take, t, err, sizeof(err));
	if (!t->live)
		goto cannot;
	measure_probe(&t->ses, unhooked);
	if (s2v_session_blind(&t->ses, err, sizeof(err)))
		goto cannot;
	s2v_session_cover(&t->ses, S2V_BY_HOOKS | (t->o.audit_first ? S2V_BY_AUDIT : 0));
	if (t->o.json)
		s2v_session_tell(&t->ses, t->sink);
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

/* What a command is not about its sink is not told. */
static void narrow(struct trace *t)
{
	if (!t->o.resets) {
		t->sink->reset = NULL;
		t->sink->reset_total = NULL;
		return;
	}
	t->o.all = true;
	t->sink->memslot = NULL;
	t->sink->memslots_end = NULL;
}

static int run_command(struct trace *t)
{
	int status;

	t->sink = t->o.json ? s2v_sink_json() : s2v_sink_text(isatty(STDOUT_FILENO));
	if (!t->sink) {
		s2v_err("out of memory");
		return S2V_EXIT_CANNOT;
	}
	narrow(t);
	status = trace(t);
	free_loop(t);
	s2v_correlator_free(t->core);
	s2v_live_close(t->live);
	s2v_session_free(&t->ses);
	return s2v_sink_end(t->sink, status);
}

int s2v_cmd_trace(int argc, char **argv)
{
	struct trace t = { 0 };

	return s2v_trace_opts_parse(argc, argv, &t.o) ? S2V_EXIT_USAGE : run_command(&t);
}

int s2v_cmd_resets(int argc, char **argv)
{
	struct trace t = { 0 };

	return s2v_resets_opts_parse(argc, argv, &t.o) ? S2V_EXIT_USAGE : run_command(&t);
}
