// SPDX-License-Identifier: BSD-2-Clause
/* When the daemon is ready, and which reasons it gives if not. */
/* needs: src/core src/host src/util src/daemon/now.c */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "daemon/daemon.h"
#include "sink_data.h"

static struct s2v_hook hooks[S2V_OBS_NR];
static struct s2v_figures fig;
static int fig_err;
static struct s2v_daemon_opts opts;
static struct s2v_source src;
static struct s2v_sink sink;
static struct s2v_daemon d;
static struct s2v_now now;

static int figures(struct s2v_source *s, struct s2v_figures *f)
{
	(void)s;
	*f = fig;
	return fig_err;
}

static int begin(void **state)
{
	struct s2v_correlator_opts co = { .host = &test_host, .rules = d.rules, .sink = &sink };

	(void)state;
	for (int i = 0; i < S2V_OBS_NR; i++)
		hooks[i] = (struct s2v_hook){ .observe = (enum s2v_observe)i,
					      .function = "f",
					      .method = S2V_METHOD_FENTRY };
	memset(&fig, 0, sizeof(fig));
	fig_err = 0;
	opts = (struct s2v_daemon_opts){ .audit_interval = 1 };
	src = (struct s2v_source){ .host = &test_host,
				   .hooks = hooks,
				   .by = S2V_BY_HOOKS | S2V_BY_AUDIT,
				   .name = "test",
				   .can_audit = true,
				   .figures = figures };
	d = (struct s2v_daemon){ .o = &opts, .src = &src };
	d.core = s2v_correlator_new(&co);
	return d.core ? 0 : -1;
}

static int end(void **state)
{
	(void)state;
	s2v_correlator_free(d.core);
	return 0;
}

static const char *unready(void)
{
	assert_int_equal(s2v_daemon_now(&d, &now), 0);
	return now.unready;
}

static void first_audit(void **state)
{
	(void)state;
	assert_string_equal(unready(), "the first audit has not ended yet\n");
	d.audit_failed = true;
	assert_string_equal(unready(), "the first audit failed; it is tried again\n");
	d.n.audited_at = 1;
	assert_string_equal(unready(), "the last audit failed; it is tried again\n");
	opts.audit_interval = 0;
	assert_string_equal(unready(),
			    "the last audit failed; an audit makes up for it (SIGHUP)\n");
	opts.audit_interval = 1;
	d.audit_failed = false;
	assert_string_equal(unready(), "");
	d.n.audited_at = 0;
	opts.audit_interval = 0; /* --audit-interval never */
	assert_string_equal(unready(), "");
	opts.audit_interval = 1;
	src.can_audit = false; /* a recording */
	assert_string_equal(unready(), "");
}

static void losses(void **state)
{
	(void)state;
	d.n.audited_at = 1;
	fig.sum.cnt[S2V_CNT_LOST_RINGBUF] = 1;
	assert_string_equal(unready(), "1 event was lost; the next audit makes up for it\n");
	assert_false(now.sum.complete);
	fig.sum.cnt[S2V_CNT_LOST_AGG] = 2;
	fig.sum.missed_probes = 4;
	assert_string_equal(unready(), "3 events were lost; the next audit makes up for it\n"
				       "4 probes were missed; the next audit makes up for it\n");
	/* An audit that began then has ended. */
	d.repaired = now.lost;
	assert_string_equal(unready(), "");
	assert_false(now.sum.complete); /* for the whole run */
	fig.sum.cnt[S2V_CNT_LOST_RINGBUF] = 2;
	assert_string_equal(unready(), "1 event was lost; the next audit makes up for it\n");
	opts.audit_interval = 0;
	assert_string_equal(unready(), "1 event was lost; an audit makes up for it (SIGHUP)\n");
	src.can_audit = false;
	assert_string_equal(unready(), "1 event was lost\n");
}

static void vm(__u32 type, __u32 id, bool preexisting)
{
	struct s2v_ev_vm ev = { .h = { .type = type, .len = sizeof(ev), .vm = id },
				.preexisting = preexisting };

	s2v_correlator_event(d.core, &ev.h);
}

static void audit_of(__u32 id, __u32 flags)
{
	struct s2v_ev_audit ev = { .h = { .type = S2V_EV_AUDIT, .len = sizeof(ev), .vm = id },
				   .flags = flags };

	s2v_correlator_event(d.core, &ev.h);
}

/* VMs from before the daemon, audited or not. */
static void preexisting_vms(void **state)
{
	(void)state;
	opts.audit_interval = 0; /* else "the first audit has not ended yet" comes first */
	vm(S2V_EV_VM_NEW, 1, false);
	assert_string_equal(unready(), "");
	vm(S2V_EV_VM_NEW, 2, true);
	vm(S2V_EV_VM_NEW, 3, true);
	assert_string_equal(unready(), "earlier mappings of 2 VMs are not known; "
				       "an audit makes up for it (SIGHUP)\n");
	audit_of(2, 0);
	audit_of(3, S2V_AU_UNREAD);
	d.repaired.unread = 1;
	d.n.audited_at = 1;
	opts.audit_interval = 1;
	assert_string_equal(unready(), "earlier mappings of 1 VM are not known; "
				       "the next audit makes up for it\n");
	/* No audit can read it: that makes the run incomplete, see not_repairable(). */
	audit_of(3, S2V_AU_PROTECTED);
	assert_string_equal(unready(), "");
	assert_false(now.sum.complete);
	vm(S2V_EV_VM_NEW, 4, true);
	vm(S2V_EV_VM_DEAD, 4, false);
	assert_string_equal(unready(), "");
}

/* An audit makes up for earlier losses, unless it could not read something. */
static void unreadable(void **state)
{
	struct s2v_losses before;

	(void)state;
	d.n.audited_at = 1;
	vm(S2V_EV_VM_NEW, 1, false);
	fig.sum.cnt[S2V_CNT_UNREAD_VMA] = 1;
	fig.sum.cnt[S2V_CNT_LOST_AGG] = 1;
	assert_string_equal(unready(), "1 event was lost; the next audit makes up for it\n"
				       "host attributes were unreadable 1 time; "
				       "the next audit makes up for it\n");
	/* The table of unread VMs is full: not attributed to a VM. */
	fig.sum.unread.n = S2V_UNREAD_MOST;
	before = now.lost;
	audit_of(1, S2V_AU_UNREAD);
	assert_int_equal(s2v_daemon_audited(&d, &before, &now), 0);
	assert_string_equal(unready(), "1 event was lost; the next audit makes up for it\n"
				       "host attributes were unreadable 2 times; "
				       "the next audit makes up for it\n");
	/* The next audit reads everything. A hook could not read something meanwhile: that remains. */
	before = now.lost;
	audit_of(1, 0);
	fig.sum.cnt[S2V_CNT_UNREAD_PTE] = 1;
	assert_int_equal(s2v_daemon_audited(&d, &before, &now), 0);
	assert_string_equal(unready(), "host attributes were unreadable 1 time; "
				       "the next audit makes up for it\n");
	before = now.lost;
	assert_int_equal(s2v_daemon_audited(&d, &before, &now), 0);
	assert_string_equal(unready(), "");
	fig_err = -EIO;
	assert_int_equal(s2v_daemon_audited(&d, &before, &now), -EIO);
}

/* Unreadable memory of single VMs, which their owners can cause: ready, but incomplete. */
static void unreadable_of_a_vm(void **state)
{
	struct s2v_losses before;

	(void)state;
	d.n.audited_at = 1;
	vm(S2V_EV_VM_NEW, 1, false);
	fig.sum.cnt[S2V_CNT_UNREAD_VMA] = 3;
	fig.sum.unread = (struct s2v_unread){ .n = 1, .vm = { { 1, 77, 2, 0 } } };
	assert_string_equal(unready(), "host attributes were unreadable 1 time; "
				       "the next audit makes up for it\n");
	before = now.lost;
	audit_of(1, S2V_AU_UNREAD);
	assert_int_equal(s2v_daemon_audited(&d, &before, &now), 0);
	assert_string_equal(unready(), "");
	assert_int_equal(now.sum.unread.n, 1);
	assert_int_equal(now.sum.unread.vm[0].times, 3);
	assert_int_equal(now.sum.unreadable, 4);
	assert_false(now.sum.complete);
}

/* Counts include unfinished calls, so they can decrease. Later losses must still show. */
static void counts_decrease(void **state)
{
	struct s2v_losses before;

	(void)state;
	d.n.audited_at = 1;
	fig.sum.cnt[S2V_CNT_UNREAD_VMA] = 2;
	fig.sum.missed_probes = 2;
	unready();
	before = now.lost;
	assert_int_equal(s2v_daemon_audited(&d, &before, &now), 0);
	assert_string_equal(unready(), "");
	fig.sum.cnt[S2V_CNT_UNREAD_VMA] = 0;
	fig.sum.missed_probes = 0;
	assert_string_equal(unready(), "");
	fig.sum.cnt[S2V_CNT_UNREAD_VMA] = 1;
	fig.sum.missed_probes = 1;
	assert_string_equal(unready(), "1 probe was missed; the next audit makes up for it\n"
				       "host attributes were unreadable 1 time; "
				       "the next audit makes up for it\n");
}

static void fwb_contradiction(void **state)
{
	struct s2v_ev_page ev = { .h = { .type = S2V_EV_MAP, .len = sizeof(ev), .vm = 1 },
				  .slot = S2V_NO_SLOT,
				  .flags = S2V_PG_HCR | S2V_PG_FWB };

	(void)state;
	d.n.audited_at = 1;
	vm(S2V_EV_VM_NEW, 1, false);
	s2v_correlator_event(d.core, &ev.h);
	assert_true(strstr(unready(), "HCR_EL2.FWB contradicts"));
}

/* Reasons that neither an audit nor a restart can repair leave it ready. */
static void not_repairable(void **state)
{
	(void)state;
	d.n.audited_at = 1;
	fig.sum.cnt[S2V_CNT_NESTED] = 1;
	fig.sum.cnt[S2V_CNT_UNKNOWN_ATTR] = 1;
	hooks[S2V_OBS_UNMAP].method = S2V_METHOD_NONE;
	assert_string_equal(unready(), "");
	assert_false(now.sum.complete);
	assert_string_equal(
		now.sum.incomplete,
		"2 rules not covered (s2verify check says why); "
		"1 mapping with an attribute that is not understood (a newer s2verify may "
		"know it); 1 mapping of nested guests not verified (not supported)");
}

/* An audit finds mappings by such a function, but not later ones: not ready. */
static void unobserved_vms(void **state)
{
	(void)state;
	d.n.audited_at = 1;
	fig.sum.bypassed = 2;
	fig.sum.bypassed_vm = 5;
	fig.sum.bypassed_tgid = 77;
	assert_string_equal(unready(),
			    "the memory of 2 VMs is mapped by a function that no hook observes "
			    "(one is VM 5, of process 77): only audits see it\n");
	assert_false(now.sum.complete);
}

/* Fewer losses than when the audit began are no losses. */
static void fewer_losses(void **state)
{
	(void)state;
	d.n.audited_at = 1;
	fig.sum.cnt[S2V_CNT_ENTERED] = 102;
	fig.sum.cnt[S2V_CNT_RETURNED] = 100;
	assert_string_equal(unready(), "2 probes were missed; the next audit makes up for it\n");
	d.repaired = now.lost;
	fig.sum.cnt[S2V_CNT_RETURNED] = 102;
	assert_string_equal(unready(), "");
}

static void hooks_gone(void **state)
{
	(void)state;
	d.n.audited_at = 1;
	assert_string_equal(unready(), "");
	assert_int_equal(d.rules[S2V_RULE_RESET_UNMAP_MISSING].coverage, S2V_COVERED);
	snprintf(fig.gone[S2V_OBS_UNMAP], sizeof(fig.gone[0]), "kprobes are disabled");
	snprintf(fig.gap, sizeof(fig.gap), "hooks are gone");
	assert_string_equal(unready(),
			    "hook reset-unmap no longer observes: kprobes are disabled\n");
	assert_int_equal(d.rules[S2V_RULE_RESET_UNMAP_MISSING].coverage, S2V_NOT_COVERED);
	assert_false(now.sum.complete);
	/* It is back; the gap remains until an audit has ended. */
	fig.gone[S2V_OBS_UNMAP][0] = 0;
	snprintf(fig.gap, sizeof(fig.gap), "hooks were gone");
	assert_string_equal(unready(), "hooks were gone; the next audit makes up for it\n");
	fig.gap[0] = 0;
	assert_string_equal(unready(), "");
}

static void recordings(void **state)
{
	(void)state;
	src.can_audit = false;
	fig.sum.damaged = 2;
	assert_string_equal(unready(), "test is damaged in 2 places\n");
	fig.sum.damaged = 0;
	fig.sum.cut_short = true;
	assert_string_equal(unready(), "the end of test is missing\n");
	fig.sum.stopped = ENOSPC;
	assert_string_equal(unready(), "recording test was stopped: No space left on device\n");
	fig.sum.stopped = 0;
	fig.sum.cut_short = false;
	fig.sum.audit_failed = true;
	assert_string_equal(unready(), "the audit in test did not end\n");
	vm(S2V_EV_VM_NEW, 1, true);
	fig.sum.audit_failed = false;
	assert_string_equal(unready(), "earlier mappings of 1 VM are not known\n");
	fig_err = -EIO;
	assert_int_equal(s2v_daemon_now(&d, &now), -EIO);
}

/* Reasons that do not fit are truncated, without overflow. */
static void many_reasons(void **state)
{
	(void)state;
	for (int i = 0; i < S2V_OBS_NR; i++) {
		memset(fig.gone[i], 'a', sizeof(fig.gone[i]) - 1);
		fig.gone[i][sizeof(fig.gone[i]) - 1] = 0;
	}
	assert_true(strlen(unready()) < sizeof(now.unready));
	assert_true(strlen(unready()) > sizeof(now.unready) - 3);
}

#define T(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(first_audit),	       T(losses),	   T(preexisting_vms),	 T(unreadable),
		T(unreadable_of_a_vm), T(counts_decrease), T(fwb_contradiction), T(not_repairable),
		T(hooks_gone),	       T(recordings),	   T(many_reasons),	 T(fewer_losses),
		T(unobserved_vms),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
