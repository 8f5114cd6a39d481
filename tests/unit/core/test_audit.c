// SPDX-License-Identifier: BSD-2-Clause
/* needs: src/core src/host src/util */
/*
 * Findings, contract and completeness from the events of an audit. Expected values are worked out
 * from the events by hand: 4 KiB pages, a range of RAM, device memory outside.
 */
#include "core/correlate_private.h"
#include "audit_steps.h"

static const struct mslot A = { 1, 1, 1, 0x40000000, 0x400000, 0x7f0000000000, 0, 0 };
static const struct mslot B = { 2, 7, 1, 0x80000000, 0x400000, 0x7e0000000000, 0, 0 };

static struct s2v_audit_row rows[8];
static size_t n_rows;

static void keep_audit(struct s2v_sink *s, const struct s2v_audit_row *r)
{
	(void)s;
	assert_true(n_rows < S2V_ARRAY_SIZE(rows));
	rows[n_rows++] = *r;
}

static void begin_audit(struct s2v_host host)
{
	begin(host);
	n_rows = 0;
	w.sink.audit = keep_audit;
	for (int i = 0; i < S2V_RULE_NR; i++)
		w.rules[i].coverage = s2v_rule_audit_coverage(
			s2v_rules[i], &w.host, w.rules[i].reason, sizeof(w.rules[i].reason));
	send_vm(S2V_EV_VM_NEW, 1, true);
	send_vm(S2V_EV_VM_NEW, 2, true);
}

/* The end of a whole audit: of both VMs, then of all. */
static void end_audit(void)
{
	audited(1, 0, 0);
	audited(2, 0, 0);
	audited(0, 0, 0);
	end();
}

static void ordinary(void **state)
{
	const struct s2v_contract_row *r;

	(void)state;
	begin_audit(make_host(LATEST, S2V_YES, S2V_YES));
	found(&A, &anon);
	report_leaves(&A, 0, 512, WB, WB, RAM_PA);
	report_leaves(&A, 0x300000, 1, WB, WB, RAM_PA + 0x10000);
	end_audit();
	only(0);
	assert_true(w.sum.complete);
	assert_int_equal(w.sum.preexisting, 2);
	assert_int_equal(w.sum.audited, 2);
	assert_int_equal(w.sum.leaves[WB][WB], 513);
	r = row_at(1, A.gpa);
	assert_true(r->audited);
	assert_int_equal(r->n_leaves, 1);
	assert_int_equal(r->present, 513 * PAGE);
	assert_int_equal(r->unreadable, 0);
	assert_string_equal(r->backing, "anonymous");
	assert_int_equal(r->write_back_guaranteed, S2V_YES);
	assert_int_equal(n_rows, 2);
	assert_int_equal(rows[0].leaves, 5);
	assert_int_equal(s2v_audit_speed(&rows[0]), 5000000);
}

/* The same verdicts as trace, on leaves: one finding for each range. */
static void verdicts(void **state)
{
	const struct s2v_finding *f;

	(void)state;
	begin_audit(make_host(OLD, S2V_YES, S2V_NO));
	found(&A, &pfn_wb);
	found(&B, &pfn_nc);
	report_leaves(&A, 0x10000, 16, WB, DEV, DEV_PA);
	report_leaves(&B, 0, 4, NC, WB, RAM_PA);
	end_audit();
	only(R(S2_NONCACHEABLE) | R(S2_CACHEABLE));
	f = finding(S2V_RULE_S2_NONCACHEABLE);
	assert_int_equal(f->vm.id, 1);
	assert_int_equal(f->gpa, A.gpa + 0x10000);
	assert_int_equal(f->size, 16 * PAGE);
	assert_int_equal(f->hva, A.hva + 0x10000);
	assert_int_equal(f->pa, DEV_PA);
	assert_int_equal(f->count, 16);
	assert_int_equal(f->s1_source, S2V_SRC_PTE);
	assert_int_equal(f->s2_source, S2V_SRC_LEAF);
	assert_int_equal(f->slot.id, 1);
	assert_true(w.sum.complete);
	assert_int_equal(row_at(1, A.gpa)->vmm_cmo, S2V_CMO_UNSAFE);
}

/* Neighbours of one kind are one finding, however many events report them; a gap begins another. */
static void coalesced(void **state)
{
	(void)state;
	begin_audit(make_host(OLD, S2V_NO, S2V_NO));
	found(&A, &pfn_wb);
	report_leaves(&A, 0, 2, WB, DEV, DEV_PA);
	report_leaves(&A, 2 * PAGE, 3, WB, DEV, DEV_PA + 0x100000);
	report_leaves(&A, 5 * PAGE, 1, WB, DEV, DEV_PA + 0x200000);
	report_leaves(&A, 7 * PAGE, 1, WB, DEV, DEV_PA);
	report_leaves(&A, 8 * PAGE, 1, WB, NC, DEV_PA);
	end_audit();
	assert_int_equal(reported(S2V_RULE_S2_NONCACHEABLE, 1), 3);
	assert_int_equal(w.f[0].gpa, A.gpa);
	assert_int_equal(w.f[0].size, 6 * PAGE);
	assert_int_equal(w.f[0].count, 6);
	assert_int_equal(w.f[1].gpa, A.gpa + 7 * PAGE);
	assert_int_equal(w.f[1].size, PAGE);
	assert_int_equal(w.f[2].gpa, A.gpa + 8 * PAGE);
	assert_int_equal(w.f[2].s2, NC);
}

/* Leaves over two kinds of VMAs are counted in each range, a block in the range where it begins. */
static void split_by_vma(void **state)
{
	struct s2v_ev_leaves ev;

	(void)state;
	begin_audit(make_host(LATEST, S2V_YES, S2V_YES));
	send_vma(&A, 0, 0x210000, &anon, NO_PTE, S2V_NO_PA);
	send_vma(&A, 0x210000, A.size - 0x210000, &file, NO_PTE, S2V_NO_PA);
	found_slot(&A, 2, 0);
	ev = leaves(&A, 0, 1024, WB, WB, RAM_PA);
	ev.level = 2;
	ev.leaves = 2;
	send_leaves(&ev);
	end_audit();
	assert_int_equal(row_at(1, A.gpa)->present, 0x210000);
	assert_int_equal(row_at(1, A.gpa)->size, 0x210000);
	assert_int_equal(row_at(1, A.gpa + 0x210000)->present, A.size - 0x210000);
	assert_string_equal(row_at(1, A.gpa + 0x210000)->backing, "file");
	assert_int_equal(w.sum.leaves[WB][WB], 2);
	assert_true(w.sum.complete);
}

static void other_page(void **state)
{
	struct s2v_ev_leaves ev;

	(void)state;
	begin_audit(make_host(LATEST, S2V_YES, S2V_YES));
	found(&A, &pfn_wb);
	ev = leaves(&A, PAGE, 1, WB, WB, DEV_PA);
	ev.host_pa = DEV_PA + 0x5000;
	ev.flags |= S2V_LF_PA_DIFFERS;
	send_leaves(&ev);
	end_audit();
	only(R(FOREIGN_MEMORY) | R(MIGRATION_PINNED));
	assert_non_null(strstr(finding(S2V_RULE_FOREIGN_MEMORY)->explain, "0x4000000000"));
	assert_non_null(strstr(finding(S2V_RULE_FOREIGN_MEMORY)->explain, "0x4000005000"));
}

/* Device memory that one VM maps Write-Back and the other Device: a finding for each, naming the other. */
static void alias(void **state)
{
	(void)state;
	begin_audit(make_host(LATEST, S2V_YES, S2V_YES));
	found(&A, &pfn_wb);
	found(&B, &pfn_dev);
	report_leaves(&A, 0, 16, WB, WB, DEV_PA);
	report_leaves(&B, 0, 4, S2V_ATTR_DEVICE_nGnRnE, DEV, DEV_PA + 0x3000);
	report_leaves(&B, 0x100000, 4, S2V_ATTR_DEVICE_nGnRnE, DEV, DEV_PA + 0x100000);
	end_audit();
	assert_int_equal(reported(S2V_RULE_ALIAS_CONFLICT, 1), 1);
	assert_int_equal(reported(S2V_RULE_ALIAS_CONFLICT, 2), 1);
	for (size_t i = 0; i < w.n_f; i++) {
		const struct s2v_finding *f = &w.f[i];

		if (f->rule->id != S2V_RULE_ALIAS_CONFLICT)
			continue;
		assert_int_equal(f->pa, DEV_PA + 0x3000);
		assert_int_equal(f->size, 4 * PAGE);
		assert_int_equal(f->gpa, f->vm.id == 1 ? A.gpa + 0x3000 : B.gpa);
		assert_non_null(strstr(f->explain, f->vm.id == 1 ? "0x80000000 of VM 2"
								 : "0x40003000 of VM 1"));
	}
}

/* Three VMs overlap: the middle one is reported, too, although the first ends behind it. */
static void alias_of_three(void **state)
{
	static const struct mslot third = { 3, 1, 1, 0xc0000000, 0x400000, 0x7d0000000000, 0, 0 };

	(void)state;
	begin_audit(make_host(LATEST, S2V_YES, S2V_YES));
	send_vm(S2V_EV_VM_NEW, 3, true);
	found(&A, &pfn_wb);
	found(&B, &pfn_wb);
	found(&third, &pfn_dev);
	report_leaves(&A, 0, 100, WB, WB, DEV_PA);
	report_leaves(&B, 0, 40, WB, WB, DEV_PA + 16 * PAGE);
	report_leaves(&B, 0x200000, 4, WB, WB, DEV_PA + 80 * PAGE);
	report_leaves(&third, 0, 4, S2V_ATTR_DEVICE_nGnRnE, DEV, DEV_PA + 24 * PAGE);
	audited(3, 0, 0);
	end_audit();
	for (__u32 vm = 1; vm <= 3; vm++)
		assert_int_equal(reported(S2V_RULE_ALIAS_CONFLICT, vm), 1);
}

/* The same page twice with one type (shared memory, KSM, the zero page) is no conflict. */
static void shared(void **state)
{
	struct s2v_ev_leaves zero;

	(void)state;
	begin_audit(make_host(LATEST, S2V_YES, S2V_YES));
	found(&A, &pfn_wb);
	found(&B, &pfn_wb);
	report_leaves(&A, 0, 4, WB, WB, DEV_PA);
	report_leaves(&B, 0, 4, WB, WB, DEV_PA);
	zero = leaves(&A, 0x100000, 64, WB, WB, RAM_PA);
	zero.flags = S2V_LF_READ | S2V_LF_SPECIAL | S2V_LF_PA_SAME;
	send_leaves(&zero);
	end_audit();
	assert_int_equal(reported(S2V_RULE_ALIAS_CONFLICT, 0), 0);
}

/* Ordinary memory that another leaf maps with another type: a second pass reports its addresses. */
static void alias_in_ram(void **state)
{
	struct s2v_ev_leaves again;

	(void)state;
	begin_audit(make_host(OLD, S2V_NO, S2V_NO));
	found(&A, &anon);
	found(&B, &pfn_nc);
	report_leaves(&A, 0, 16, WB, WB, RAM_PA);
	report_leaves(&B, 0, 1, NC, NC, RAM_PA + 0x1000);
	audited(1, 0, 0);
	audited(2, 0, 0);
	again = leaves(&A, 0x1000, 1, WB, WB, RAM_PA + 0x1000);
	again.flags |= S2V_LF_AGAIN;
	send_leaves(&again);
	audited(0, 0, 0);
	end();
	assert_int_equal(reported(S2V_RULE_ALIAS_CONFLICT, 1), 1);
	assert_int_equal(reported(S2V_RULE_ALIAS_CONFLICT, 2), 1);
	assert_int_equal(w.sum.leaves[WB][WB], 16); /* not counted again */
}

/* Without a host PTE the VMA's attribute counts. If the PTE cannot be read, the run is incomplete. */
static void host_side_missing(void **state)
{
	struct s2v_ev_leaves ev;

	(void)state;
	begin_audit(make_host(LATEST, S2V_YES, S2V_YES));
	found(&A, &anon);
	ev = leaves(&A, 0, 3, NO_PTE, WB, RAM_PA);
	ev.host_pa = S2V_NO_PA;
	ev.flags |= S2V_LF_SWAPPED;
	send_leaves(&ev);
	end_audit();
	only(0);
	assert_true(w.sum.complete);
	assert_int_equal(w.sum.leaves[NO_PTE][WB], 3);

	begin_audit(make_host(LATEST, S2V_YES, S2V_YES));
	found(&A, &anon);
	ev = leaves(&A, 0, 3, NO_PTE, WB, RAM_PA);
	ev.host_pa = S2V_NO_PA;
	ev.flags |= S2V_LF_UNREAD;
	send_leaves(&ev);
	end_audit();
	only(0);
	assert_false(w.sum.complete);
	assert_int_equal(w.sum.unreadable, 3);
	assert_int_equal(row_at(1, A.gpa)->unreadable, 3 * PAGE);
}

/* Each reason why an audit could not see something makes the run incomplete. */
static void incomplete(void **state)
{
	static const struct {
		__u32 flags, shadow;
		const char *why;
	} t[] = {
		{ S2V_AU_PROTECTED, 0, "protected" },
		{ S2V_AU_UNREAD, 0, "already running" },
		{ 0, 3, "3 shadow tables" },
	};

	(void)state;
	for (size_t i = 0; i < S2V_ARRAY_SIZE(t); i++) {
		begin_audit(make_host(LATEST, S2V_YES, S2V_YES));
		audited(1, t[i].flags, t[i].shadow);
		audited(2, 0, 0);
		audited(0, 0, 0);
		end();
		assert_false(w.sum.complete);
		assert_non_null(strstr(w.sum.incomplete, t[i].why));
	}
	/* snapshot: VM 1, which has ended, does not matter; VM 2 was not audited. */
	begin_audit(make_host(LATEST, S2V_YES, S2V_YES));
	w.core->o.snapshot = true;
	audited(1, S2V_AU_GONE, 0);
	end();
	assert_false(w.sum.complete);
	assert_non_null(strstr(w.sum.incomplete, "1 VM was already running"));
}

/* Leaves outside any known memslot count as lost events. */
static void malformed(void **state)
{
	struct s2v_ev_leaves ev;

	(void)state;
	begin_audit(make_host(LATEST, S2V_YES, S2V_YES));
	found(&A, &anon);
	ev = leaves(&A, 0, 1, WB, DEV, RAM_PA);
	ev.slot = 5;
	send_leaves(&ev);
	ev = leaves(&A, 0, 1, WB, DEV, RAM_PA);
	ev.gen = 2;
	send_leaves(&ev);
	ev = leaves(&A, A.size, 1, WB, DEV, RAM_PA);
	send_leaves(&ev);
	ev = leaves(&A, 0, 1025, WB, DEV, RAM_PA);
	send_leaves(&ev);
	ev = leaves(&A, 0, 1, WB, DEV, RAM_PA);
	ev.level = 4;
	send_leaves(&ev);
	ev = leaves(&A, 0, 1, WB, DEV, RAM_PA);
	ev.hva += PAGE;
	send_leaves(&ev);
	end_audit();
	only(0);
	assert_int_equal(w.sum.lost, 6);
	assert_false(w.sum.complete);
}

/* Leaves of a memslot that was deleted during the walk are ignored. */
static void deleted_during_the_walk(void **state)
{
	(void)state;
	begin_audit(make_host(OLD, S2V_NO, S2V_NO));
	found(&A, &pfn_wb);
	send_slot(&A, S2V_SLOT_DELETE, 0, 0);
	report_leaves(&A, 0, 4, WB, DEV, DEV_PA);
	end_audit();
	only(0);
	assert_int_equal(w.sum.lost, 0);
	assert_true(w.sum.complete);
}

/* Findings in a memslot that is deleted later are reported. */
static void deleted_after_the_walk(void **state)
{
	(void)state;
	begin_audit(make_host(OLD, S2V_NO, S2V_NO));
	found(&A, &pfn_wb);
	report_leaves(&A, 0, 4, WB, DEV, DEV_PA);
	send_slot(&A, S2V_SLOT_DELETE, 0, 0);
	end_audit();
	only(R(S2_NONCACHEABLE));
	assert_int_equal(w.sum.lost, 0);
}

/* A fault in progress when the audit found the memslot belongs to that memslot. */
static void fault_in_progress(void **state)
{
	struct s2v_ev_page ev;

	(void)state;
	begin_audit(make_host(LATEST, S2V_YES, S2V_YES));
	found(&A, &anon);
	ev = page(S2V_EV_MAP, &A, 0, &anon);
	ev.gen = 0;
	ev.s2 = WB;
	send_page(&ev);
	end_audit();
	only(0);
	assert_int_equal(w.sum.lost, 0);
	assert_true(w.sum.complete);
}

/* One whole audit of VM 1: pages of device memory that the host maps cacheable. */
static void audit_of(__u64 pages)
{
	report_leaves(&A, 0x10000, pages, WB, DEV, DEV_PA);
	audited(1, 0, 0);
	audited(2, 0, 0);
	audited(0, 0, 0);
}

/* Repeated audits of a daemon: no new finding for what is still there, and no double counts. */
static void repeated_audits(void **state)
{
	(void)state;
	begin_audit(make_host(OLD, S2V_YES, S2V_NO));
	found(&A, &pfn_wb);
	audit_of(16);
	audit_of(16);
	assert_int_equal(w.n_f, 1);
	audit_of(20);
	end();
	assert_int_equal(reported(S2V_RULE_S2_NONCACHEABLE, 1), 1);
	assert_int_equal(w.n_f, 2);
	assert_true(w.f[1].update);
	assert_int_equal(w.f[1].count, 20);
	assert_int_equal(row_at(1, A.gpa)->present, 20 * PAGE);
	assert_int_equal(row_at(1, A.gpa)->n_leaves, 1);
	assert_int_equal(w.sum.leaves[WB][DEV], 52);
}

/* Nothing is mapped any more. */
static void repeated_audit_without_leaves(void **state)
{
	(void)state;
	begin_audit(make_host(OLD, S2V_YES, S2V_NO));
	found(&A, &anon);
	report_leaves(&A, 0, 3, WB, WB, RAM_PA);
	audited(1, 0, 2);
	audited(1, 0, 1);
	end();
	assert_int_equal(row_at(1, A.gpa)->n_leaves, 0);
	assert_int_equal(row_at(1, A.gpa)->present, 0);
	assert_int_equal(w.sum.shadow, 1);
}

/* The next audit does not repeat a finding of a hook. */
static void found_by_a_hook_before(void **state)
{
	struct s2v_ev_page ev;

	(void)state;
	begin_audit(make_host(OLD, S2V_YES, S2V_NO));
	found(&A, &pfn_wb);
	ev = page(S2V_EV_MAP, &A, 0x10000, &pfn_wb);
	ev.s2 = DEV;
	ev.pa = DEV_PA;
	send_page(&ev);
	assert_int_equal(reported(S2V_RULE_S2_NONCACHEABLE, 1), 1);
	audit_of(16);
	end();
	assert_int_equal(reported(S2V_RULE_S2_NONCACHEABLE, 1), 1);
	assert_int_equal(finding(S2V_RULE_S2_NONCACHEABLE)->count, 1);
}

/* An audit that is ended early: its findings hold, its aliases are dropped. */
static void audit_abandoned(void **state)
{
	(void)state;
	begin_audit(make_host(LATEST, S2V_YES, S2V_YES));
	found(&A, &pfn_wb);
	found(&B, &pfn_dev);
	report_leaves(&A, 0, 16, WB, WB, DEV_PA);
	report_leaves(&A, 0x20000, 2, WB, DEV, DEV_PA + 0x20000);
	audited(0, S2V_AU_STOPPED, 0);
	assert_int_equal(reported(S2V_RULE_S2_NONCACHEABLE, 1), 1);
	report_leaves(&B, 0, 4, S2V_ATTR_DEVICE_nGnRnE, DEV, DEV_PA + 0x3000);
	audited(2, 0, 0);
	audited(0, 0, 0);
	end();
	assert_int_equal(reported(S2V_RULE_ALIAS_CONFLICT, 0), 0);
	assert_int_equal(row_at(1, A.gpa)->present, 18 * PAGE);
}

/* After lost events an audit reports memslots again: known ones are not changed. */
static void memslots_reported_again(void **state)
{
	(void)state;
	begin_audit(make_host(LATEST, S2V_YES, S2V_YES));
	found(&A, &anon);
	report_leaves(&A, 0, 3, WB, WB, RAM_PA);
	found(&A, &anon);
	report_leaves(&A, 0x100000, 1, WB, WB, RAM_PA);
	end_audit();
	assert_int_equal(row_at(1, A.gpa)->present, 4 * PAGE);
	assert_true(w.sum.complete);
}

/* A protected VM counts once, however many audits skip it. */
static void protected_twice(void **state)
{
	(void)state;
	begin_audit(make_host(LATEST, S2V_YES, S2V_YES));
	audited(1, S2V_AU_PROTECTED, 0);
	audited(1, S2V_AU_PROTECTED, 0);
	end();
	assert_int_equal(w.sum.protected_vms, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ordinary),
		cmocka_unit_test(verdicts),
		cmocka_unit_test(coalesced),
		cmocka_unit_test(split_by_vma),
		cmocka_unit_test(other_page),
		cmocka_unit_test(alias),
		cmocka_unit_test(alias_of_three),
		cmocka_unit_test(shared),
		cmocka_unit_test(alias_in_ram),
		cmocka_unit_test(host_side_missing),
		cmocka_unit_test(incomplete),
		cmocka_unit_test(malformed),
		cmocka_unit_test(fault_in_progress),
		cmocka_unit_test(deleted_during_the_walk),
		cmocka_unit_test(deleted_after_the_walk),
		cmocka_unit_test(repeated_audits),
		cmocka_unit_test(repeated_audit_without_leaves),
		cmocka_unit_test(found_by_a_hook_before),
		cmocka_unit_test(audit_abandoned),
		cmocka_unit_test(memslots_reported_again),
		cmocka_unit_test(protected_twice),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
