/* needs: src/core/summary.c src/core/unread.c src/core/names.c */
/* SPDX-License-Identifier: BSD-2-Clause */
/* Each reason why a run is incomplete, alone, and its text. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

#include "core/correlate.h"

static struct s2v_rule_state rules[S2V_RULE_NR];

/* s2v_unread_add() of reads that failed and of items over the limit. */
static bool add_unread(struct s2v_summary *s, __u32 vm, __u32 tgid, __u64 times, __u64 over_limit)
{
	return s2v_unread_add(&s->unread, &(struct s2v_unread_vm){ .vm = vm,
								   .tgid = tgid,
								   .times = times,
								   .over_limit = over_limit });
}

static struct s2v_summary fresh(void)
{
	struct s2v_summary s = { .rules = rules, .vms = 3, .duration_ns = 1 };

	memset(rules, 0, sizeof(rules)); /* S2V_COVERED */
	/* None of these makes a run incomplete. */
	s.cnt[S2V_CNT_FAULTS] = 100;
	s.cnt[S2V_CNT_FAULT_ERRORS] = 2;
	s.cnt[S2V_CNT_MAPS] = 200;
	s.cnt[S2V_CNT_MAP_ERRORS] = 3;
	s.cnt[S2V_CNT_PERMS] = 4;
	s.cnt[S2V_CNT_NO_SLOT] = 5;
	s.findings[S2V_CRITICAL] = 1;
	s.maps[S2V_ATTR_NORMAL_WB][S2V_ATTR_NORMAL_WB] = 200;
	strcpy(s.incomplete, "left from before");
	return s;
}

static void is_incomplete(struct s2v_summary *s, const char *text)
{
	s2v_summary_judge(s);
	assert_false(s->complete);
	assert_string_equal(s->incomplete, text);
}

static void complete(void **state)
{
	struct s2v_summary s = fresh();

	(void)state;
	s2v_summary_judge(&s);
	assert_true(s.complete);
	assert_string_equal(s.incomplete, "");
	assert_int_equal(s.lost, 0);
	assert_int_equal(s.unreadable, 0);
	assert_int_equal(s.missed_probes, 0);
}

static void hooks_gone(void **state)
{
	struct s2v_summary s = fresh();

	(void)state;
	s.gaps = 1;
	is_incomplete(&s, "hooks were gone for a while, 1 time");
	s.gaps = 2;
	is_incomplete(&s, "hooks were gone for a while, 2 times");
}

static void rules_not_covered(void **state)
{
	struct s2v_summary s = fresh();

	(void)state;
	/* Not applicable is no gap. */
	for (int i = 0; i < S2V_RULE_NR; i++)
		rules[i].coverage = S2V_NOT_APPLICABLE;
	s2v_summary_judge(&s);
	assert_true(s.complete);
	for (int i = 0; i < S2V_RULE_NR; i++) {
		s = fresh();
		rules[i].coverage = S2V_NOT_COVERED;
		is_incomplete(&s, "1 rule not covered (s2verify check says why)");
	}
	s = fresh();
	rules[0].coverage = rules[S2V_RULE_NR - 1].coverage = S2V_NOT_COVERED;
	is_incomplete(&s, "2 rules not covered (s2verify check says why)");
}

#define MAPPED " (an audit verifies what is still mapped)"
#define READ " (an audit may read them)"

/* Each counter of losses: its total and its text. */
static void counters(void **state)
{
	static const struct {
		enum s2v_counter c;
		size_t total; /* offset in struct s2v_summary of the total it counts for; 0: none */
		const char *one, *many;
	} t[] = {
		{ S2V_CNT_LOST_RINGBUF, offsetof(struct s2v_summary, lost),
		  "1 event lost (use a larger --buffer)", "7 events lost (use a larger --buffer)" },
		{ S2V_CNT_LOST_AGG, offsetof(struct s2v_summary, lost), "1 event lost" MAPPED,
		  "7 events lost" MAPPED },
		{ S2V_CNT_LOST_SCRATCH, offsetof(struct s2v_summary, lost), "1 event lost" MAPPED,
		  "7 events lost" MAPPED },
		{ S2V_CNT_LOST_VM, offsetof(struct s2v_summary, lost), "1 event lost" MAPPED,
		  "7 events lost" MAPPED },
		{ S2V_CNT_LOST_CALL, offsetof(struct s2v_summary, missed_probes),
		  "1 probe missed" MAPPED, "7 probes missed" MAPPED },
		{ S2V_CNT_ENTERED, offsetof(struct s2v_summary, missed_probes),
		  "1 probe missed" MAPPED,
		  "7 probes missed" MAPPED }, /* as many as did not return */
		{ S2V_CNT_UNREAD_VMA, offsetof(struct s2v_summary, unreadable),
		  "host attributes unreadable 1 time" READ,
		  "host attributes unreadable 7 times" READ },
		{ S2V_CNT_UNREAD_PTE, offsetof(struct s2v_summary, unreadable),
		  "host attributes unreadable 1 time" READ,
		  "host attributes unreadable 7 times" READ },
		{ S2V_CNT_UNREAD_READ, offsetof(struct s2v_summary, unreadable),
		  "host attributes unreadable 1 time" READ,
		  "host attributes unreadable 7 times" READ },
		{ S2V_CNT_UNKNOWN_ATTR, 0,
		  "1 mapping with an attribute that is not understood (a newer s2verify may know it)",
		  "7 mappings with an attribute that is not understood (a newer s2verify may know it)" },
		{ S2V_CNT_NESTED, 0, "1 mapping of nested guests not verified (not supported)",
		  "7 mappings of nested guests not verified (not supported)" },
	};

	(void)state;
	for (size_t i = 0; i < S2V_ARRAY_SIZE(t); i++) {
		struct s2v_summary s = fresh();

		s.cnt[t[i].c] = 1;
		is_incomplete(&s, t[i].one);
		s = fresh();
		s.cnt[t[i].c] = 7;
		is_incomplete(&s, t[i].many);
		if (t[i].total)
			assert_int_equal(*(__u64 *)((char *)&s + t[i].total), 7);
	}
}

/* Equal returns and entries are no miss; more returns (of calls in progress at the start) neither. */
static void returns(void **state)
{
	struct s2v_summary s = fresh();

	(void)state;
	s.cnt[S2V_CNT_ENTERED] = s.cnt[S2V_CNT_RETURNED] = 9;
	s2v_summary_judge(&s);
	assert_true(s.complete);
	s = fresh();
	s.cnt[S2V_CNT_ENTERED] = 8;
	s.cnt[S2V_CNT_RETURNED] = 9;
	s2v_summary_judge(&s);
	assert_true(s.complete);
	assert_int_equal(s.missed_probes, 0);
}

/* A new counter must be added to one of these tests. */
static void every_counter_is_known(void **state)
{
	(void)state;
	/* 6 in fresh(), 11 in counters(), RETURNED in returns() */
	assert_int_equal(S2V_CNT_NR, 18);
}

static void fields_of_the_source(void **state)
{
	struct s2v_summary s = fresh();

	(void)state;
	s.lost = 2;
	s.cnt[S2V_CNT_LOST_RINGBUF] = 3;
	is_incomplete(&s, "5 events lost (use a larger --buffer)");
	s = fresh();
	s.missed_probes = 2;
	s.cnt[S2V_CNT_LOST_CALL] = 3;
	is_incomplete(&s, "5 probes missed" MAPPED);
	s = fresh();
	s.unreadable = 2;
	s.cnt[S2V_CNT_UNREAD_VMA] = 1;
	s.cnt[S2V_CNT_UNREAD_PTE] = 1;
	s.cnt[S2V_CNT_UNREAD_READ] = 1;
	is_incomplete(&s, "host attributes unreadable 5 times" READ);
	s = fresh();
	s.preexisting = 1;
	is_incomplete(
		&s,
		"1 VM was already running: what was mapped before was not seen (an audit may read it)");
	s = fresh();
	s.preexisting = 2;
	is_incomplete(
		&s,
		"2 VMs were already running: what was mapped before was not seen (an audit may read it)");
	s = fresh();
	s.inventory_failed = true;
	is_incomplete(&s,
		      "which VMs were running before is not known (s2verify check may say why)");
	s = fresh();
	s.gaps = 1;
	is_incomplete(&s, "hooks were gone for a while, 1 time");
	snprintf(s.gap_why, sizeof(s.gap_why), "kprobes are disabled");
	s.gaps = 2;
	is_incomplete(&s, "hooks were gone for a while, 2 times (kprobes are disabled)");
	s = fresh();
	s.fwb_disagrees = true;
	is_incomplete(&s, "a vCPU's HCR_EL2.FWB contradicts the host's S2FWB (run s2verify check)");
	s = fresh();
	s.damaged = 1;
	is_incomplete(&s, "the recording is damaged in 1 place (copy it again or record again)");
	s = fresh();
	s.cut_short = true;
	is_incomplete(&s, "the recording's end is missing (copy it again or record again)");
	s = fresh();
	s.cut_short = true;
	s.stopped = 28;
	is_incomplete(&s, "recording was stopped: No space left on device");
}

static void mapped_by_another_function(void **state)
{
	struct s2v_summary s = fresh();

	(void)state;
	s.bypassed = 1;
	s.bypassed_vm = 3;
	s.bypassed_tgid = 812;
	is_incomplete(
		&s,
		"the memory of 1 VM is mapped by a function that no hook observes (one is VM 3, "
		"of process 812): only audits see it");
	s = fresh();
	s.bypassed = 2;
	s.bypassed_vm = 3;
	s.bypassed_tgid = 812;
	is_incomplete(
		&s,
		"the memory of 2 VMs is mapped by a function that no hook observes (one is VM 3, "
		"of process 812): only audits see it");
}

/* Failures of single VMs do not affect others; failures of no known VM affect the whole run. */
static void single_vms(void **state)
{
	struct s2v_summary s = fresh();

	(void)state;
	s.cnt[S2V_CNT_UNREAD_VMA] = 117;
	s.unreadable = 1;
	assert_true(add_unread(&s, 3, 812, 118, 0));
	is_incomplete(&s, "complete but for this: VM 3 (process 812) is not verified: "
			  "host attributes unreadable 118 times" READ);
	assert_true(s.only_unread_vms);
	s2v_summary_add_reason(&s, "another reason");
	assert_false(s.only_unread_vms);

	s = fresh();
	s.unreadable = 118;
	s.over_limit = 3;
	assert_true(add_unread(&s, 3, 812, 117, 1));
	is_incomplete(&s, "2 ranges of memory over the limit (audit one process: -p PID); "
			  "host attributes unreadable 1 time" READ
			  "; VM 3 (process 812) is not verified: "
			  "host attributes unreadable 117 times" READ ", "
			  "1 memslot or range of memory over the limit (its VMM must use fewer)");
	assert_false(s.only_unread_vms);

	s = fresh();
	s.unreadable = 5;
	s.over_limit = 14;
	for (__u32 vm = 1; vm <= 5; vm++)
		assert_true(add_unread(&s, vm, 10 * vm, vm == 1 ? 5 : 0, vm == 1 ? 0 : vm));
	is_incomplete(
		&s,
		"complete but for this: VM 1 (process 10) is not verified: "
		"host attributes unreadable 5 times" READ "; VM 2 (process 20) is not verified: "
		"2 memslots or ranges of memory over the limit (its VMM must use fewer); "
		"VM 3 (process 30) is not verified: "
		"3 memslots or ranges of memory over the limit (its VMM must use fewer); 2 more VMs are not verified");
}

/* More VMs than there is room for: the rest counts for the whole run. */
static void too_many_vms(void **state)
{
	struct s2v_summary s = fresh();

	(void)state;
	s.unreadable = S2V_UNREAD_MOST + 1;
	for (__u32 vm = 1; vm <= S2V_UNREAD_MOST; vm++)
		assert_true(add_unread(&s, vm, 1, 1, 0));
	assert_false(add_unread(&s, S2V_UNREAD_MOST + 1, 1, 1, 0));
	assert_true(add_unread(&s, S2V_UNREAD_MOST, 1, 0, 0));
	s2v_summary_judge(&s);
	assert_false(s.only_unread_vms);
	assert_int_equal(s2v_summary_unread(&s), 1);
}

/* Reasons of VMs that a host or an audit cannot show. */
static void not_shown(void **state)
{
	struct s2v_summary s = fresh();

	(void)state;
	s.hidden = 2;
	s.hidden_creator = 812;
	is_incomplete(&s, "KVM has 2 VMs that no open file shows (one created by thread 812)");
	s = fresh();
	s.census_errno = ENOENT;
	is_incomplete(&s,
		      "whether KVM has VMs that no open file shows is not known: debugfs, No such "
		      "file or directory (mount it on /sys/kernel/debug)");
	s = fresh();
	s.census_errno = EACCES;
	is_incomplete(&s, "whether KVM has VMs that no open file shows is not known: debugfs, "
			  "Permission denied");
	s = fresh();
	s.shadow = 1;
	is_incomplete(&s, "1 shadow table of nested guests not audited (not supported)");
	s = fresh();
	s.protected_vms = 2;
	is_incomplete(&s, "2 protected VMs not audited: only EL2 has their tables");
	s = fresh();
	s.audit_failed = true;
	is_incomplete(&s, "the audit did not finish (run another)");
	s = fresh();
	s.unmapped = 7;
	is_incomplete(&s,
		      "7 pages of device memory not mapped by the host, so not verified (an audit "
		      "verifies what the VMM has accessed)");
}

/* All reasons at once, with long numbers: the last one still fits. */
static void all_at_once(void **state)
{
	static const char last[] = "; 253 more VMs are not verified";
	static const char *const part[] = {
		"not covered",	  "lost",	    "missed",
		"over the limit", "for a while",    "times",
		"not mapped",	  "understood",	    "nested guests not verified",
		"no open file",	  "debugfs",	    "4294967295): ",
		"not seen",	  "protected VMs",  "shadow tables",
		"not known",	  "did not finish", "contradicts",
		"damaged",	  "stopped",	    "VM 1 ",
		"VM 3 "
	};
	struct s2v_summary s = fresh();
	const char *p = s.incomplete;

	(void)state;
	for (int i = 0; i < S2V_RULE_NR; i++)
		rules[i].coverage = S2V_NOT_COVERED;
	for (__u32 vm = 1; vm <= S2V_UNREAD_MOST; vm++)
		assert_true(add_unread(&s, vm, ~0U, 1ULL << 54, 1ULL << 54));
	s.lost = s.missed_probes = s.preexisting = s.hidden = s.shadow = s.protected_vms = 1ULL
											   << 63;
	s.unreadable = s.over_limit = ~0ULL;
	s.unmapped = s.damaged = 1ULL << 63;
	s.cnt[S2V_CNT_UNKNOWN_ATTR] = s.cnt[S2V_CNT_NESTED] = 1ULL << 63;
	s.inventory_failed = s.audit_failed = s.fwb_disagrees = true;
	s.census_errno = ENOENT;
	s.stopped = ENOSPC;
	s.bypassed = 1ULL << 63;
	s.bypassed_vm = s.bypassed_tgid = s.hidden_creator = ~0U;
	s.gaps = 1ULL << 63;
	memset(s.gap_why, 'x', sizeof(s.gap_why) - 1);
	s2v_summary_judge(&s);
	assert_false(s.complete);
	for (size_t i = 0; i < S2V_ARRAY_SIZE(part); i++) {
		p = strstr(p, part[i]);
		if (!p)
			fail_msg("no \"%s\" there: %s", part[i], s.incomplete);
	}
	assert_true(strlen(s.incomplete) < sizeof(s.incomplete) - 1);
	assert_string_equal(s.incomplete + strlen(s.incomplete) - strlen(last), last);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(complete),
		cmocka_unit_test(hooks_gone),
		cmocka_unit_test(single_vms),
		cmocka_unit_test(too_many_vms),
		cmocka_unit_test(rules_not_covered),
		cmocka_unit_test(counters),
		cmocka_unit_test(returns),
		cmocka_unit_test(every_counter_is_known),
		cmocka_unit_test(fields_of_the_source),
		cmocka_unit_test(mapped_by_another_function),
		cmocka_unit_test(not_shown),
		cmocka_unit_test(all_at_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
