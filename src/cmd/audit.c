// SPDX-License-Identifier: BSD-2-Clause
/* s2verify audit: reads every existing mapping once. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "live/audit.h"
#include "cmd/cmd.h"
#include "cmd/watch.h"
#include "sink/sinks.h"
#include "live/interrupt.h"
#include "core/run.h"
#include "live/session.h"
#include "cmd/opts.h"
#include "util/util.h"

struct audit {
	struct s2v_session ses;
	struct s2v_cmd_opts o;
	struct s2v_live *live;
	struct s2v_correlator *core;
	struct s2v_sink *sink;
};

#define PROGRESS_NS 200000000ULL

struct progress {
	bool terminal, shown;
	__u64 last;
};

static bool go_on(void *arg, unsigned int vm, unsigned int vms, unsigned int permille)
{
	struct progress *p = arg;
	__u64 t = s2v_clock_ns(CLOCK_BOOTTIME);

	if (p->terminal && t - p->last > PROGRESS_NS) {
		p->last = t;
		p->shown = true;
		fprintf(stderr, "\raudit: VM %u of %u, its memslot at %u %%\033[K", vm + 1, vms,
			permille / 10);
	}
	return !s2v_interrupted();
}

int s2v_audit_progress(struct s2v_live *l, const struct s2v_audit_opts *opts)
{
	struct progress p = { .terminal = isatty(STDERR_FILENO),
			      .last = s2v_clock_ns(CLOCK_BOOTTIME) };
	struct s2v_audit_opts o = *opts;
	int err;

	o.go_on = go_on;
	o.arg = &p;
	err = s2v_live_audit(l, &o);
	if (p.shown)
		fputs("\r\033[K", stderr);
	if (err == -EINTR)
		s2v_err("the audit was ended early: mappings that it did not reach are not "
			"verified");
	else if (err)
		s2v_err("the audit failed: %s; mappings that it did not reach are not verified",
			strerror(-err));
	return err;
}

static void on_event(void *arg, const struct s2v_ev_hdr *ev)
{
	struct audit *a = arg;

	s2v_correlator_event(a->core, ev);
}

static int run(struct audit *a)
{
	struct s2v_audit_opts o = { .each = a->o.leaves, .rate = a->o.rate };
	struct s2v_summary sum = { 0 };
	__u64 start = s2v_clock_ns(CLOCK_BOOTTIME);
	int err;

	s2v_interrupt_catch();
	err = s2v_live_start(a->live);
	if (err)
		s2v_session_report_unlisted(&a->ses, err);
	sum.inventory_failed = err != 0;
	sum.audit_failed = s2v_audit_progress(a->live, &o) != 0;
	s2v_interrupt_now();
	err = s2v_live_stop(a->live);
	sum.duration_ns = s2v_clock_ns(CLOCK_BOOTTIME) - start;
	if (!err)
		err = s2v_live_counters(a->live, &sum, true);
	if (err) {
		s2v_err("reading from the kernel failed: %s; the results are incomplete",
			strerror(-err));
		sum.lost++;
	}
	s2v_correlator_finish(a->core, &sum);
	return s2v_run_status(sum.findings, sum.complete && !a->sink->failed, a->o.fail_on);
}

static int audit(struct audit *a)
{
	struct s2v_correlator_opts co = {
		.host = &a->ses.host,
		.rules = a->ses.rules,
		.sink = a->sink,
		.boot_to_real = s2v_boot_to_real(),
		.events = a->o.leaves,
		.snapshot = true,
	};
	struct s2v_live_opts lo = {
		.pid = a->o.pid, .buffer = 1U << 20, .audit = true, .verbose = a->o.verbose
	};
	char err[512];

	if (s2v_session_prepare_audit(&a->ses, err, sizeof(err)))
		goto cannot;
	lo.ks = a->ses.ks;
	a->live = s2v_live_open(&lo, &a->ses.host, a->ses.hooks, on_event, a, err, sizeof(err));
	if (!a->live)
		goto cannot;
	s2v_session_cover(&a->ses, S2V_BY_AUDIT);
	a->sink->hook = NULL; /* an audit has no hooks */
	if (a->o.json)
		s2v_session_announce(&a->ses, a->sink);
	a->core = s2v_correlator_new(&co);
	if (!a->core) {
		s2v_err("out of memory");
		return S2V_EXIT_CANNOT;
	}
	return run(a);
cannot:
	s2v_err("%s", err);
	return S2V_EXIT_CANNOT;
}

int s2v_cmd_audit(int argc, char **argv)
{
	struct audit a = { 0 };
	int status;

	if (s2v_audit_opts_parse(argc, argv, &a.o))
		return S2V_EXIT_USAGE;
	a.sink = a.o.json ? s2v_sink_json() : s2v_sink_text(isatty(STDOUT_FILENO));
	if (!a.sink) {
		s2v_err("out of memory");
		return S2V_EXIT_CANNOT;
	}
	status = audit(&a);
	s2v_correlator_free(a.core);
	s2v_live_close(a.live);
	s2v_session_free(&a.ses);
	return s2v_run_close(a.sink, status);
}
