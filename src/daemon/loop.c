// SPDX-License-Identifier: BSD-2-Clause
/* The daemon: an event loop for the source, HTTP, timers and signals. Audits run between its turns. */
#include <errno.h>
#include <malloc.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "daemon/daemon.h"
#include "daemon/notify.h"
#include "util/util.h"

#define SECOND 1000000000ULL
#define RETRY_NS (60 * SECOND) /* at most, after an audit that failed */
#define UPDATES_S 1 /* between reports of findings that occurred again and are due */
#define TICK_S 2
#define RESPOND_NS 20000000 /* longest that HTTP events keep the source's events waiting */

/* ---- the correlator's sink ---- */

static void on_finding(struct s2v_sink *s, const struct s2v_finding *f)
{
	struct s2v_daemon *d = (struct s2v_daemon *)s;

	s2v_vms_finding(&d->vms, f);
	s2v_log_finding(&d->log, f, s2v_clock_ns(CLOCK_MONOTONIC));
}

static void on_reset(struct s2v_sink *s, const struct s2v_reset *r)
{
	struct s2v_counts *n = &((struct s2v_daemon *)s)->n;
	__u64 redundant = r->redundant < r->unmaps ? r->redundant : r->unmaps;

	n->avoidable_ns += r->avoidable_ns;
	if (r->verdict == S2V_RESET_UNKNOWN) {
		n->unmaps[S2V_UNMAP_UNKNOWN] += r->unmaps;
		return;
	}
	n->unmaps[S2V_UNMAP_NEEDED] += r->unmaps - redundant;
	n->unmaps[r->verdict == S2V_RESET_REDUNDANT_FWB ? S2V_UNMAP_REDUNDANT_FWB
							: S2V_UNMAP_REDUNDANT_REPEAT] += redundant;
}

/* ---- events ---- */

static void on_event(void *arg, const struct s2v_ev_hdr *ev)
{
	const struct s2v_ev_reset *reset = (const void *)ev;
	struct s2v_daemon *d = arg;

	d->n.events++;
	if (ev->type == S2V_EV_INIT && ev->len >= sizeof(*reset))
		d->n.vcpu_resets += reset->ran && !reset->err;
	/* The only audit of a recording is the recorded one. */
	if (ev->type == S2V_EV_AUDIT && !ev->vm && !d->src->can_audit) {
		d->n.audits++;
		d->n.audited_at = s2v_clock_ns(CLOCK_REALTIME);
	}
	s2v_vms_event(&d->vms, ev);
	s2v_correlator_event(d->core, ev);
	s2v_vms_gone(&d->vms, ev);
}

/* ---- audits ---- */

/* Plus or minus 10 %, so that hosts started together do not audit together. */
static void schedule_audit(struct s2v_daemon *d)
{
	__u64 ns = d->o->audit_interval, tenth = ns / 10;
	struct timeval tv;

	if (!ns || !d->src->can_audit)
		return;
	ns += (__u64)((double)random() / RAND_MAX * 2 * (double)tenth) - tenth;
	if (d->audit_failed && ns > RETRY_NS)
		ns = RETRY_NS;
	tv.tv_sec = (time_t)(ns / SECOND);
	tv.tv_usec = (suseconds_t)(ns % SECOND / 1000);
	if (event_add(d->audit_timer, &tv))
		s2v_err("no further audit: out of memory");
}

/* Runs between two steps of an audit. Returns whether to continue. */
static bool go_on(void *arg)
{
	struct s2v_daemon *d = arg;

	/* Each pass runs the events of one priority. */
	for (int i = 0; i < S2V_PRIO_NR && !d->stop; i++)
		event_base_loop(d->base, EVLOOP_NONBLOCK);
	return !d->stop;
}

static void run_audit(struct s2v_daemon *d)
{
	__u64 began = s2v_clock_ns(CLOCK_MONOTONIC);
	struct s2v_now *now = malloc(sizeof(*now));
	struct s2v_losses before;
	int err = now ? s2v_daemon_now(d, now) : -ENOMEM;

	d->audit_due = false;
	d->auditing = true;
	if (!err) {
		before = now->lost;
		err = d->src->audit(d->src, d->o->audit_rate, go_on, d);
		if (!err)
			err = s2v_daemon_audited(d, &before, now);
	}
	free(now);
	d->auditing = false;
	d->audit_failed = err && err != -EINTR && err != -EAGAIN;
	if (!err) {
		d->n.audits++;
		d->n.audit_ns = s2v_clock_ns(CLOCK_MONOTONIC) - began;
		d->n.audited_at = s2v_clock_ns(CLOCK_REALTIME);
	} else if (d->audit_failed) {
		d->n.audits_failed++;
		s2v_err("the audit failed: %s; %s", strerror(-err),
			d->o->audit_interval ? "it is tried again" : "SIGHUP starts another");
	}
	if (err == -EAGAIN)
		d->audit_due = true;
	malloc_trim(0); /* its memory is not needed until the next one */
	schedule_audit(d);
}

/* ---- timers and signals ---- */

static void on_stop(evutil_socket_t fd, short what, void *arg)
{
	struct s2v_daemon *d = arg;

	(void)fd;
	(void)what;
	d->stop = true;
}

static void on_audit(evutil_socket_t fd, short what, void *arg)
{
	struct s2v_daemon *d = arg;

	(void)fd;
	(void)what;
	d->audit_due = true;
}

static void on_hup(evutil_socket_t fd, short what, void *arg)
{
	struct s2v_daemon *d = arg;

	(void)fd;
	(void)what;
	s2v_notify("RELOADING=1\nMONOTONIC_USEC=%llu", ULL(s2v_clock_ns(CLOCK_MONOTONIC) / 1000));
	if (d->src->can_audit)
		d->audit_due = true;
	else
		s2v_err("SIGHUP: a recording cannot be audited");
	s2v_correlator_updates(d->core, 0);
	s2v_notify("READY=1");
}

static void on_watchdog(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	(void)arg;
	s2v_notify("WATCHDOG=1");
}

static void on_updates(evutil_socket_t fd, short what, void *arg)
{
	struct s2v_daemon *d = arg;

	(void)fd;
	(void)what;
	s2v_correlator_updates(d->core, s2v_clock_ns(CLOCK_MONOTONIC));
	s2v_log_flush(&d->log, s2v_clock_ns(CLOCK_MONOTONIC));
}

static __u64 total_findings(const struct s2v_daemon *d)
{
	__u64 n = 0;

	for (int i = 0; i < S2V_RULE_NR; i++)
		n += d->log.total[i];
	return n;
}

static void on_status(evutil_socket_t fd, short what, void *arg)
{
	struct s2v_daemon *d = arg;
	const struct s2v_vm *vms = s2v_correlator_vms(d->core);
	unsigned int n_vms = vms ? HASH_COUNT(vms) : 0;
	__u64 n_findings = total_findings(d);

	(void)fd;
	(void)what;
	/* Events of a recording have the times of the recording. */
	s2v_correlator_tick(d->core, d->o->replay ? 0 : s2v_clock_ns(CLOCK_BOOTTIME));
	s2v_notify("STATUS=%u VM%s, %llu finding%s%s", n_vms, n_vms == 1 ? "" : "s",
		   ULL(n_findings), n_findings == 1 ? "" : "s", d->auditing ? ", auditing" : "");
}

/* ---- from start to end ---- */

static bool add(struct s2v_daemon *d, int i, int signal, event_callback_fn fn, __u64 usec)
{
	const struct timeval tv = { .tv_sec = (time_t)(usec / 1000000),
				    .tv_usec = (suseconds_t)(usec % 1000000) };

	d->ev[i] = event_new(d->base, signal, (signal >= 0 ? EV_SIGNAL : 0) | EV_PERSIST, fn, d);
	return d->ev[i] && event_add(d->ev[i], usec ? &tv : NULL) == 0;
}

static bool make_loop(struct s2v_daemon *d)
{
	const struct timeval respond = { .tv_usec = RESPOND_NS / 1000 };
	struct event_config *cfg = event_config_new();
	__u64 watchdog = s2v_watchdog_usec() / 2;

	/* After 8 other callbacks, or RESPOND_NS, the loop checks the source again. */
	if (cfg && !event_config_set_max_dispatch_interval(cfg, &respond, 8, S2V_PRIO_NORMAL))
		d->base = event_base_new_with_config(cfg);
	if (cfg)
		event_config_free(cfg);
	if (!d->base || event_base_priority_init(d->base, S2V_PRIO_NR))
		return false;
	d->audit_timer = evtimer_new(d->base, on_audit, d);
	return d->audit_timer && add(d, 0, SIGINT, on_stop, 0) && add(d, 1, SIGTERM, on_stop, 0) &&
	       add(d, 2, SIGHUP, on_hup, 0) && add(d, 3, -1, on_updates, UPDATES_S * 1000000) &&
	       add(d, 4, -1, on_status, TICK_S * 1000000) &&
	       (!watchdog || add(d, 5, -1, on_watchdog, watchdog));
}

static void free_loop(struct s2v_daemon *d)
{
	for (size_t i = 0; i < S2V_ARRAY_SIZE(d->ev); i++)
		if (d->ev[i])
			event_free(d->ev[i]);
	if (d->audit_timer)
		event_free(d->audit_timer);
	if (d->base)
		event_base_free(d->base);
}

static void report_ready(const struct s2v_daemon *d)
{
	const char *where;

	for (unsigned int i = 0; (where = s2v_web_where(d->web, i)); i++)
		s2v_err("listening on %s", where);
	s2v_err("watching: %s%s", d->src->name,
		d->src->can_audit && d->o->audit_interval ? "; the first audit begins" : "");
	s2v_notify("READY=1\nSTATUS=watching");
}

/* Handles events and runs due audits until a signal ends it. */
static void main_loop(struct s2v_daemon *d)
{
	d->audit_due = d->src->can_audit && d->o->audit_interval;
	while (!d->stop) {
		if (d->audit_due)
			run_audit(d);
		else if (event_base_loop(d->base, EVLOOP_ONCE) < 0) {
			s2v_err("the event loop failed: %s", strerror(errno));
			break;
		}
	}
}

static void finish(struct s2v_daemon *d)
{
	struct s2v_figures *fig = calloc(1, sizeof(*fig));
	int err;

	s2v_notify("STOPPING=1");
	err = d->src->stop(d->src);
	if (!err)
		err = fig ? d->src->figures(d->src, fig) : -ENOMEM;
	if (fig) {
		fig->sum.lost += err != 0;
		s2v_correlator_finish(d->core, &fig->sum);
		s2v_err("ended: %llu finding%s; %s", ULL(total_findings(d)),
			total_findings(d) == 1 ? "" : "s",
			fig->sum.complete ? "complete" : fig->sum.incomplete);
	}
	if (err)
		s2v_err("reading from the source failed at the end: %s", strerror(-err));
	free(fig);
}

/* 0, or -1 after printing why. */
static int start(struct s2v_daemon *d)
{
	struct s2v_correlator_opts co = {
		.host = d->src->host,
		.rules = d->rules,
		.sink = &d->sink,
		.boot_to_real = d->src->boot_to_real,
		.every_map = d->src->every_map,
		.refault_window = S2V_REFAULT_WINDOW,
	};
	char why[512];
	int err;

	s2v_run_cover(d->src->host, d->src->hooks, d->src->by, d->rules);
	d->core = s2v_correlator_new(&co);
	err = s2v_log_open(&d->log);
	if (err || !d->core || !make_loop(d)) {
		s2v_err("cannot start: %s", strerror(err ? -err : ENOMEM));
		return -1;
	}
	d->web = s2v_web_open(d->o, s2v_routes, d, d->base, why, sizeof(why));
	if (!d->web) {
		s2v_err("%s", why);
		return -1;
	}
	err = d->o->bpf_stats ? s2v_bpf_stats() : 0;
	if (err)
		s2v_err("BPF programs are not timed: %s", strerror(-err));
	err = d->src->start(d->src, d->base, on_event, d);
	if (err) {
		s2v_err("cannot observe: %s", strerror(-err));
		return -1;
	}
	err = s2v_privileges_drop(&d->priv);
	if (err) {
		s2v_err("cannot give up privileges: %s", strerror(-err));
		return -1;
	}
	return 0;
}

int s2v_daemon_run(const struct s2v_daemon_opts *o, struct s2v_source *src)
{
	struct s2v_daemon *d = calloc(1, sizeof(*d));
	int status = S2V_EXIT_CANNOT;

	if (!d) {
		s2v_err("out of memory");
		return status;
	}
	d->o = o;
	d->src = src;
	d->sink = (struct s2v_sink){ .finding = on_finding, .reset = on_reset };
	d->started = s2v_clock_ns(CLOCK_REALTIME);
	d->vms.labels = o->vm_labels;
	d->log.journal = -1;
	srandom((unsigned int)(d->started ^ (__u64)getpid()));
	if (!start(d)) {
		report_ready(d);
		main_loop(d);
		finish(d);
		status = S2V_EXIT_OK;
	}
	s2v_web_close(d->web);
	src->free(src);
	free_loop(d);
	s2v_correlator_free(d->core);
	s2v_log_close(&d->log);
	s2v_vms_free(&d->vms);
	free(d);
	return status;
}
