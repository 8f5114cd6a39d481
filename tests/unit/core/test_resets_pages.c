/* needs: src/core src/host src/util */
/* SPDX-License-Identifier: BSD-2-Clause */
/* Pages that resets unmap, refaults of them, and the time of these. */
#include "reset_steps.h"

static void refaults(void **state)
{
	(void)state;
	start(S2V_NO, S2V_NO);
	boot(1, 1);
	flush();
	for (int i = 0; i < 3; i++)
		touch((__u64)i * PAGE, PAGE, &anon, 7);
	touch(0x200000, 0x200000, &anon, 7);
	touch(0x10000, PAGE, &pfn_wb, 7); /* stays mapped */
	reset(1, 1, true);
	flush();
	touch(0, PAGE, &anon, 5);
	touch(0, PAGE, &anon, 5); /* counts only once */
	touch(0x8000, PAGE, &anon, 5); /* was not mapped */
	touch(0x10000, PAGE, &pfn_wb, 5);
	touch(0x201000, 0x200000, &anon, 11); /* all of the block is back */
	touch(0x202000, PAGE, &anon, 5);
	touch(PAGE, PAGE, &anon, 5);
	assert_int_equal(n_rows, 0);
	touch(2 * PAGE, PAGE, &anon, 5);
	assert_int_equal(n_rows, 1); /* the working set is back */
	touch(0x9000, PAGE, &anon, 5);
	assert_int_equal(rows[0].unmapped_bytes, 0x203000);
	assert_int_equal(rows[0].refaults, 4);
	assert_int_equal(rows[0].refault_ns, 26);
	assert_true(rows[0].window_ns > 0 && rows[0].window_ns < 100);
	/* After the window there are no refaults. */
	reset(1, 1, true);
	flush();
	touch(0, PAGE, &anon, 5);
	w.clock += WINDOW;
	touch(PAGE, PAGE, &anon, 5);
	assert_int_equal(n_rows, 2);
	assert_int_equal(rows[1].refaults, 1);
	assert_int_equal(rows[1].window_ns, WINDOW);
	end();
	assert_int_equal(totals[0].refault_ns, 31);
	assert_int_equal(totals[0].tax_ns, 231);
}

/*
 * The time of a refault is that of its fault, less the overhead of probes (probe_ns), plus that of the
 * guest's exit (exit_ns); for a fault shorter than probe_ns, exit_ns alone.
 */
static void what_fwb_saves(void **state)
{
	(void)state;
	for (int fwb = -1; fwb < 2; fwb++) {
		start(fwb, S2V_YES);
		w.host.exit_ns = 3;
		w.host.probe_ns = 2;
		boot(1, 2);
		flush();
		touch(0, PAGE, &anon, 7);
		touch(PAGE, PAGE, &anon, 7);
		reset(1, 2, true);
		flush();
		touch(0, PAGE, &anon, 50);
		touch(PAGE, PAGE, &anon, 2);
		end();
		assert_int_equal(n_rows, 1);
		assert_int_equal(rows[0].refault_ns, 50 - 2 + 3 + 3);
		assert_int_equal(rows[0].fwb_known, fwb != S2V_UNKNOWN);
		assert_int_equal(totals[0].fwb_known, fwb != S2V_UNKNOWN);
		assert_int_equal(rows[0].fwb_saves_ns, fwb == S2V_NO ? 110 + 54 : 0);
		assert_int_equal(totals[0].fwb_saves_ns, fwb == S2V_NO ? 110 + 54 : 0);
		if (fwb == S2V_UNKNOWN)
			assert_non_null(strstr(totals[0].advice, "not known"));
	}
}

/* The pages of a preexisting VM are known from its first unmap on, which leaves none mapped. */
static void preexisting_vm(void **state)
{
	(void)state;
	start(S2V_NO, S2V_NO);
	send_vm(S2V_EV_VM_NEW, 1, true);
	touch(0, PAGE, &anon, 7);
	reset(1, 1, true);
	flush();
	touch(0, PAGE, &anon, 5);
	touch(PAGE, PAGE, &anon, 5);
	reset(1, 1, true);
	flush();
	touch(0, PAGE, &anon, 5);
	end();
	assert_int_equal(n_rows, 2);
	row(0, 1, 1, 0, S2V_RESET_NEEDED);
	assert_false(rows[0].pages_known);
	assert_int_equal(rows[0].refaults, 0);
	assert_false(rows[0].fwb_known);
	assert_true(rows[1].pages_known);
	assert_int_equal(rows[1].unmapped_bytes, 2 * PAGE);
	assert_int_equal(rows[1].refaults, 1);
	assert_int_equal(rows[1].fwb_saves_ns, 105);
	assert_false(totals[0].pages_known);
	assert_false(totals[0].fwb_known);
}

static void mapped_between_unmaps(void **state)
{
	(void)state;
	start(S2V_NO, S2V_NO);
	boot(1, 2);
	flush();
	touch(0, PAGE, &anon, 7);
	unmap(1, true, 10);
	put(S2V_EV_INIT, 1, 0);
	flush();
	touch(PAGE, PAGE, &anon, 7);
	unmap(1, true, 10);
	put(S2V_EV_INIT, 1, 1);
	put(S2V_EV_RUN, 1, 0);
	flush();
	touch(0, PAGE, &anon, 7);
	touch(PAGE, PAGE, &anon, 7);
	end();
	assert_int_equal(n_rows, 1);
	row(0, 2, 2, 0, S2V_RESET_NEEDED);
	assert_int_equal(rows[0].unmapped_bytes, 2 * PAGE);
	assert_int_equal(rows[0].refaults, 2);
}

/* An unmap that began before, or a late fault from before, the run that ended a reset. */
static void older_than_the_run(void **state)
{
	(void)state;
	start(S2V_NO, S2V_NO);
	boot(1, 2);
	flush();
	touch(0, PAGE, &anon, 7);
	touch(PAGE, PAGE, &anon, 7);
	reset(1, 1, true);
	q[n_q - 1].h.time += 100;
	flush();
	touch(0, PAGE, &anon, 7);
	assert_int_equal(n_rows, 0);
	unmap(1, true, 5);
	put(S2V_EV_INIT, 1, 1);
	flush();
	end();
	assert_int_equal(n_rows, 2);
	assert_int_equal(rows[0].refaults, 1);
	assert_int_equal(rows[0].window_ns, 0);
}

/* Events behind a gap are processed after LATE_NS, so that refaults are counted. */
static void gap_ends(void **state)
{
	(void)state;
	start(S2V_NO, S2V_NO);
	boot(1, 1);
	flush();
	touch(0, PAGE, &anon, 7);
	reset(1, 1, true);
	q[0] = q[1]; /* the unmap is lost */
	flush();
	w.clock += 2000000000;
	touch(0, PAGE, &anon, 7);
	reset(1, 1, true);
	flush();
	touch(0, PAGE, &anon, 7);
	reset(1, 1, true);
	flush();
	touch(0, PAGE, &anon, 7);
	end();
	assert_int_equal(n_rows, 3);
	row(0, 1, 0, 0, S2V_RESET_UNKNOWN);
	assert_false(rows[0].pages_known);
	row(1, 1, 1, 0, S2V_RESET_NEEDED); /* the pages that it unmapped are not known */
	assert_false(rows[1].pages_known);
	assert_int_equal(rows[2].refaults, 1);
	only(0);
}

static void host_unmaps(__u32 vm, __u64 gpa, __u64 size)
{
	struct s2v_ev_range ev = { .h = head(S2V_EV_HOST_UNMAP, sizeof(ev), vm),
				   .gpa = gpa,
				   .size = size };

	s2v_correlator_event(w.core, &ev.h);
}

/* Pages that the host unmaps before the reset are not unmapped by it; after it, no refaults. */
static void unmapped_by_the_host(void **state)
{
	(void)state;
	start(S2V_NO, S2V_NO);
	boot(1, 1);
	flush();
	host_unmaps(1, A.gpa, A.size); /* nothing is mapped */
	for (int i = 0; i < 8; i++)
		touch((__u64)i * PAGE, PAGE, &anon, 7);
	host_unmaps(1, A.gpa + PAGE, 2 * PAGE);
	touch(2 * PAGE, PAGE, &anon, 7);
	host_unmaps(2, A.gpa, A.size); /* another VM's */
	reset(1, 1, true);
	flush();
	touch(0, PAGE, &anon, 5);
	touch(PAGE, PAGE, &anon, 5);
	host_unmaps(1, A.gpa + 3 * PAGE, PAGE);
	touch(2 * PAGE, PAGE, &anon, 5);
	touch(3 * PAGE, PAGE, &anon, 5);
	for (int i = 4; i < 7; i++)
		touch((__u64)i * PAGE, PAGE, &anon, 5);
	assert_int_equal(n_rows, 0);
	host_unmaps(1, A.gpa + 7 * PAGE, PAGE); /* the last page that was not back */
	assert_int_equal(n_rows, 1);
	assert_int_equal(rows[0].unmapped_bytes, 7 * PAGE);
	assert_int_equal(rows[0].refaults, 5);
	end();
	assert_int_equal(w.sum.lost, 1); /* VM 2 had no VM_NEW */
}

/* KVM unmaps a memslot that is deleted or moved before the event, even if the call fails. */
static void memslot_deleted_or_moved(void **state)
{
	static const __u32 change[] = { S2V_SLOT_DELETE, S2V_SLOT_MOVE, S2V_SLOT_FLAGS };

	(void)state;
	for (size_t i = 0; i < S2V_ARRAY_SIZE(change); i++) {
		struct mslot to = A;

		start(S2V_NO, S2V_NO);
		boot(1, 1);
		flush();
		create(&A, &anon, WB, RAM_PA, 0);
		touch(0, PAGE, &anon, 7);
		if (change[i] == S2V_SLOT_MOVE)
			to.gpa += A.size;
		send_slot(&to, change[i], 0, change[i] == S2V_SLOT_MOVE ? -ENOMEM : 0);
		reset(1, 1, true);
		flush();
		end();
		assert_int_equal(n_rows, 1);
		assert_int_equal(rows[0].unmapped_bytes, change[i] == S2V_SLOT_FLAGS ? PAGE : 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(refaults),
		cmocka_unit_test(what_fwb_saves),
		cmocka_unit_test(preexisting_vm),
		cmocka_unit_test(mapped_between_unmaps),
		cmocka_unit_test(older_than_the_run),
		cmocka_unit_test(gap_ends),
		cmocka_unit_test(unmapped_by_the_host),
		cmocka_unit_test(memslot_deleted_or_moved),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
