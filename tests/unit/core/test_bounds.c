// SPDX-License-Identifier: BSD-2-Clause
/* needs: src/core src/host src/util */
/* Limits on ranges, findings and aliases: what exceeds them is counted, and the run is incomplete. */
#include "core/correlate_private.h"
#include "events.h"

/* Room for one range or leaf per page. */
static const struct mslot A = { 1, 1, 1, 0x40000000, 0x100000000, 0x7f0000000000, 0, 0 };

static __u64 n_findings, n_rows;
static struct s2v_finding latest;

static void count_finding(struct s2v_sink *s, const struct s2v_finding *f)
{
	(void)s;
	n_findings += !f->update;
	latest = *f;
}

static void count_row(struct s2v_sink *s, const struct s2v_contract_row *r)
{
	(void)s;
	(void)r;
	n_rows++;
}

static void begin_counting(void)
{
	begin(make_host(LATEST, S2V_YES, S2V_YES));
	n_findings = n_rows = 0;
	w.sink.finding = count_finding;
	w.sink.memslot = count_row;
	send_vm(S2V_EV_VM_NEW, 1, false);
}

/* A memslot with n ranges, alternating between two backings. */
static void create_striped(__u32 n)
{
	for (__u32 i = 0; i < n; i++)
		send_vma(&A, i * PAGE, PAGE, i & 1 ? &file : &anon, NO_PTE, S2V_NO_PA);
	send_slot(&A, S2V_SLOT_CREATE, n, 0);
}

static void ranges(void **state)
{
	(void)state;
	begin_counting();
	create_striped(S2V_RANGES_MOST);
	assert_int_equal(w.core->over_limit, 0);
	/* These replace the deleted ones. */
	send_slot(&A, S2V_SLOT_DELETE, 0, 0);
	create_striped(S2V_RANGES_MOST);
	assert_int_equal(w.core->over_limit, 0);
	end();
	assert_int_equal(n_rows, S2V_RANGES_MOST);
	assert_true(w.sum.complete);
	begin_counting();
	create_striped(S2V_RANGES_MOST + 10);
	end();
	assert_int_equal(n_rows, S2V_RANGES_MOST);
	assert_false(w.sum.complete);
	assert_int_equal(w.sum.over_limit, 10);
	assert_non_null(strstr(w.sum.incomplete, "is not verified: 10 memslots or ranges of "
						 "memory over the limit"));
	assert_true(w.sum.only_unread_vms);
}

static void leaf(__u64 i, __u8 s1, __u8 s2, __u64 pa)
{
	struct s2v_ev_leaves ev = { .h = head(S2V_EV_LEAVES, sizeof(ev), A.vm),
				    .slot = A.id,
				    .gen = A.gen,
				    .gpa = A.gpa + i * PAGE,
				    .size = PAGE,
				    .hva = A.hva + i * PAGE,
				    .pa = pa,
				    .host_pa = pa,
				    .leaves = 1,
				    .s1 = s1,
				    .s2 = s2,
				    .level = 3,
				    .host_level = 3,
				    .flags = S2V_LF_READ | S2V_LF_PA_RUN };

	s2v_correlator_event(w.core, &ev.h);
}

static void audited(__u32 vm)
{
	struct s2v_ev_audit ev = { .h = head(S2V_EV_AUDIT, sizeof(ev), vm) };

	s2v_correlator_event(w.core, &ev.h);
}

/* Every other page conflicts: each is a range of its own. */
static void audit_conflicts(__u64 n)
{
	for (__u64 i = 0; i < n; i++)
		leaf(2 * i, WB, DEV, DEV_PA + 2 * i * PAGE);
	audited(1);
	audited(0);
}

static void findings(void **state)
{
	struct s2v_summary sum = { 0 };
	__u64 before, further;

	(void)state;
	begin_counting();
	create(&A, &pfn_wb, NO_PTE, S2V_NO_PA, 0);
	before = n_findings; /* findings of the registration count, too */
	further = 100 + before;
	audit_conflicts(S2V_FINDINGS_MOST + 100);
	assert_int_equal(n_findings, S2V_FINDINGS_MOST + 1);
	s2v_correlator_updates(w.core, 0);
	assert_int_equal(latest.count, further); /* the last finding is for all further ranges */
	assert_int_equal(latest.gpa_last, A.gpa + 2 * (S2V_FINDINGS_MOST + 99) * PAGE);
	/* Another audit finds the same: no new finding, no double count. */
	audit_conflicts(S2V_FINDINGS_MOST + 100);
	s2v_correlator_updates(w.core, 0);
	assert_int_equal(n_findings, S2V_FINDINGS_MOST + 1);
	assert_int_equal(latest.count, further);
	s2v_correlator_finish(w.core, &sum);
	s2v_correlator_free(w.core);
	w.core = NULL;
}

static void aliases(void **state)
{
	(void)state;
	begin_counting();
	create(&A, &pfn_nc, NO_PTE, S2V_NO_PA, 0);
	for (__u64 i = 0; i < S2V_ALIASES_MOST + 5; i++)
		leaf(i, NC, NC, DEV_PA + 2 * i * PAGE);
	audited(1);
	audited(0);
	assert_int_equal(w.core->over_limit, 5);
	end();
	assert_false(w.sum.complete);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ranges),
		cmocka_unit_test(findings),
		cmocka_unit_test(aliases),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
