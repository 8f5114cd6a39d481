// SPDX-License-Identifier: BSD-2-Clause
/* The daemon's live source: this host. */
#include <errno.h>
#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "live/audit.h"
#include "live/figures.h"
#include "live/health.h"
#include "live/inside.h"
#include "live/session.h"
#include "daemon/source.h"
#include "live/bypass.h"
#include "util/util.h"

#define CHECK_S 5 /* between checks of the hooks */
#define CHECK_NS 1000000000ULL /* at least, between checks by figures() */
#define PENDING_S 1 /* between reports of pending counts */

struct live {
	struct s2v_source s; /* first */
	struct s2v_session ses;
	struct s2v_live *live;
	bool verbose;
	struct event *readable, *tick, *pending;
	void (*fn)(void *arg, const struct s2v_ev_hdr *ev);
	void *arg;
	bool inventory_failed, audit_failed;
	int err; /* reading from the kernel failed: results are unreliable from then on */
	struct s2v_health health;
	__u64 checked; /* CLOCK_BOOTTIME ns, as all times here */
	__u64 gone_at, gap_end; /* of the last gap in observation; gone_at 0: all hooks observe */
	bool gap; /* hooks were gone, and no audit has ended since */
	__u64 gaps; /* number so far */
	char gap_why[160]; /* reason of the last gap */
	struct s2v_inside inside;
	bool stopped;
	bool auditing;
	bool start_over_due; /* start_over() as soon as the running audit has stopped */
	bool (*go_on)(void *arg);
	void *go_on_arg;
};

static struct live *to_live(struct s2v_source *s)
{
	return (struct live *)s;
}

static void on_live_event(void *arg, const struct s2v_ev_hdr *ev)
{
	struct live *l = arg;

	l->fn(l->arg, ev);
}

static void note_failure(struct live *l, int err, const char *what)
{
	if (!err || l->err)
		return;
	l->err = err;
	s2v_err("%s failed: %s; results are incomplete from now on: restart the daemon", what,
		strerror(-err));
}

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
	struct live *l = arg;

	(void)fd;
	(void)what;
	note_failure(l, s2v_live_consume(l->live), "reading from the kernel");
}

static void on_pending(evutil_socket_t fd, short what, void *arg)
{
	struct live *l = arg;

	(void)fd;
	(void)what;
	note_failure(l, s2v_pending_report(l->live), "reading pending counts from the kernel");
}

/* ---- gaps in observation ---- */

/* After a gap: forgets all VMs and memslots, since some may have come and gone unseen. */
static void start_over(struct live *l)
{
	int err;

	l->start_over_due = false;
	s2v_inside_forget(&l->inside);
	err = s2v_live_restart(l->live);
	l->inventory_failed = err != 0;
	note_failure(l, err, "starting over after hooks were gone");
}

static void check_hooks(struct live *l)
{
	l->checked = s2v_clock_ns(CLOCK_BOOTTIME);
	s2v_live_check(l->live, l->ses.hooks, &l->health);
	if (!l->health.well && !l->gone_at) {
		l->gone_at = l->checked;
		l->gap = true;
		l->gaps++;
		snprintf(l->gap_why, sizeof(l->gap_why), "%s", s2v_health_reason(&l->health));
		s2v_err("hooks are gone: %s", l->gap_why);
	}
}

static void on_record_second(evutil_socket_t fd, short what, void *arg)
{
	struct live *l = arg;

	(void)fd;
	(void)what;
	check_hooks(l);
	note_failure(l, s2v_bypass_check(l->live), "checking what VMs have mapped");
	if (l->health.well && !l->gone_at)
		s2v_inside_look(&l->inside, s2v_live_inside(l->live));
	if (!l->health.well || !l->gone_at)
		return;
	s2v_err("hooks are back: VMs get new numbers, and an audit has to find what is mapped");
	l->gone_at = 0;
	l->gap_end = l->checked;
	l->start_over_due = true;
	if (!l->auditing)
		start_over(l);
}

static void describe_gap(const struct live *l, char *to, size_t len)
{
	char when[S2V_RFC3339_LEN];

	if (!l->gap)
		return;
	s2v_rfc3339((__u64)((__s64)l->gap_end + l->s.boot_to_real), when);
	if (l->gone_at)
		snprintf(to, len, "hooks are gone: calls are missed until they are back");
	else
		snprintf(to, len, "hooks were gone until %.19sZ: calls were missed", when);
}

/* ---- the source's methods ---- */

static int add(struct event *ev, int prio, const struct timeval *tv)
{
	return !ev || event_priority_set(ev, prio) || event_add(ev, tv) ? -ENOMEM : 0;
}

static int on_start(struct s2v_source *s, struct event_base *base,
		    void (*fn)(void *arg, const struct s2v_ev_hdr *ev), void *arg)
{
	const struct timeval tv = { .tv_sec = CHECK_S }, second = { .tv_sec = PENDING_S };
	struct live *l = to_live(s);
	int err;

	l->fn = fn;
	l->arg = arg;
	s2v_health_open(l->live);
	l->readable = event_new(base, s2v_live_fd(l->live), EV_READ | EV_PERSIST, on_readable, l);
	l->tick = event_new(base, -1, EV_PERSIST, on_record_second, l);
	l->pending = event_new(base, -1, EV_PERSIST, on_pending, l);
	if (add(l->readable, S2V_PRIO_SOURCE, NULL) || add(l->tick, S2V_PRIO_NORMAL, &tv) ||
	    add(l->pending, S2V_PRIO_NORMAL, &second))
		return -ENOMEM;
	err = s2v_live_start(l->live);
	if (err)
		s2v_session_report_unlisted(&l->ses, err);
	l->inventory_failed = err != 0;
	return 0;
}

/* Calls that are still inside their function are not missed. */
static void count_missed(struct live *l, __u64 cnt[S2V_CNT_NR])
{
	if (l->stopped && cnt[S2V_CNT_ENTERED] > cnt[S2V_CNT_RETURNED])
		s2v_inside_end(&l->inside, cnt[S2V_CNT_ENTERED] - cnt[S2V_CNT_RETURNED]);
	cnt[S2V_CNT_ENTERED] = cnt[S2V_CNT_RETURNED] + l->inside.missed;
}

static int on_figures(struct s2v_source *s, struct s2v_figures *f)
{
	struct live *l = to_live(s);
	int err;

	memset(f, 0, sizeof(*f));
	if (!l->stopped && s2v_clock_ns(CLOCK_BOOTTIME) - l->checked >= CHECK_NS)
		check_hooks(l);
	memcpy(f->gone, l->health.why, sizeof(f->gone));
	describe_gap(l, f->gap, sizeof(f->gap));
	f->sum.inventory_failed = l->inventory_failed;
	f->sum.audit_failed = l->audit_failed;
	f->sum.gaps = l->gaps;
	memcpy(f->sum.gap_why, l->gap_why, sizeof(f->sum.gap_why));
	err = s2v_live_counters(l->live, &f->sum, false);
	count_missed(l, f->sum.cnt);
	if (!err)
		err = s2v_live_hists(l->live, f->hist);
	f->n_progs = (__u32)s2v_live_costs(l->live, f->prog, S2V_PROGS_MAX);
	return l->err ? l->err : err;
}

static bool go_on(void *arg, unsigned int vm, unsigned int vms, unsigned int permille)
{
	struct live *l = arg;

	(void)vm;
	(void)vms;
	(void)permille;
	return l->go_on(l->go_on_arg) && !l->start_over_due && !l->err;
}

static void print_entries(struct live *l)
{
	struct s2v_live_entries e;

	s2v_live_entries(l->live, &e);
	fprintf(stderr,
		"kept in the kernel: VMs: %llu, memslots: %llu, kinds of mappings: %llu; shares of %u and %u\n",
		(unsigned long long)e.vms, (unsigned long long)e.slots, (unsigned long long)e.kinds,
		e.shares[S2V_SHARED_SLOTS], e.shares[S2V_SHARED_KINDS]);
}

static int on_audit(struct s2v_source *s, __u64 rate, bool (*fn)(void *arg), void *arg)
{
	struct live *l = to_live(s);
	struct s2v_audit_opts o = { .rate = rate, .go_on = go_on, .arg = l };
	bool was_gone = l->gone_at != 0;
	int err;

	l->go_on = fn;
	l->go_on_arg = arg;
	/* An audit covers only VMs that are known. */
	if (l->inventory_failed)
		l->inventory_failed = s2v_live_start(l->live) != 0;
	l->auditing = true;
	err = s2v_live_audit(l->live, &o);
	l->auditing = false;
	if (l->start_over_due) { /* its results are of VMs that get new numbers */
		start_over(l);
		return -EAGAIN;
	}
	l->audit_failed = err != 0;
	if (!err && !was_gone && !l->gone_at)
		l->gap = false;
	if (l->verbose)
		print_entries(l);
	return err;
}

static int on_stop(struct s2v_source *s)
{
	struct live *l = to_live(s);
	int err;

	l->stopped = true;
	event_del(l->readable);
	event_del(l->tick);
	event_del(l->pending);
	s2v_bypass_finish(l->live);
	err = s2v_live_stop(l->live);
	return l->err ? l->err : err;
}

static void on_free(struct s2v_source *s)
{
	struct live *l = to_live(s);

	if (l->readable)
		event_free(l->readable);
	if (l->tick)
		event_free(l->tick);
	if (l->pending)
		event_free(l->pending);
	s2v_live_close(l->live);
	s2v_session_free(&l->ses);
	free(l);
}

struct s2v_source *s2v_source_live(enum s2v_attach_mode mode, __u32 buffer, bool verbose, char *err,
				   size_t errlen)
{
	struct live *l = calloc(1, sizeof(*l));
	struct s2v_live_opts o = {
		.buffer = buffer, .audit = true, .timed = true, .verbose = verbose
	};

	if (!l) {
		snprintf(err, errlen, "out of memory");
		return NULL;
	}
	l->verbose = verbose;
	l->s = (struct s2v_source){
		.host = &l->ses.host,
		.hooks = l->ses.hooks,
		.by = S2V_BY_HOOKS | S2V_BY_AUDIT,
		.boot_to_real = s2v_boot_to_real(),
		.name = "live",
		.can_audit = true,
		.start = on_start,
		.figures = on_figures,
		.audit = on_audit,
		.stop = on_stop,
		.free = on_free,
	};
	if (s2v_session_prepare(&l->ses, mode, false, err, errlen))
		goto fail;
	/* MMU notifiers are frequent, and the daemon does not follow pages. */
	l->ses.hooks[S2V_OBS_HOST_UNMAP].idle = true;
	o.ks = l->ses.ks;
	l->live = s2v_live_open(&o, &l->ses.host, l->ses.hooks, on_live_event, l, err, errlen);
	if (!l->live || s2v_session_no_hooks(&l->ses, err, errlen))
		goto fail;
	return &l->s;
fail:
	on_free(&l->s);
	return NULL;
}

int s2v_bpf_stats(void)
{
	int fd = s2v_live_stats();

	return fd < 0 ? fd : 0; /* kept open: closing it would stop the counting */
}
