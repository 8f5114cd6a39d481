/* needs: src/core src/host src/util */
/* SPDX-License-Identifier: BSD-2-Clause */
/* Resets from events: their grouping, their cost, and no verdict that may be wrong. */
#include "reset_steps.h"

static void without_fwb(void **state)
{
	(void)state;
	start(S2V_NO, S2V_NO);
	boot(1, 4);
	for (int i = 0; i < 3; i++)
		reset(1, 4, true);
	flush();
	end();
	assert_int_equal(n_rows, 3);
	for (size_t i = 0; i < 3; i++) {
		row(i, 4, 4, 3, S2V_RESET_REDUNDANT_REPEAT);
		assert_int_equal(rows[i].unmap_ns, 130);
		assert_int_equal(rows[i].longest_unmap_ns, 100);
		assert_int_equal(rows[i].avoidable_ns, 30);
	}
	only(R(RESET_UNMAP_REPEATED));
	assert_int_equal(w.f[w.n_f - 1].count, 9);
	assert_int_equal(n_totals, 1);
	assert_int_equal(totals[0].resets, 3);
	assert_int_equal(totals[0].tax_ns, 390);
	assert_int_equal(totals[0].avoidable_ns, 90);
	assert_non_null(strstr(totals[0].advice, "one unmap"));
}

static void with_fwb(void **state)
{
	(void)state;
	for (int dic = 0; dic < 2; dic++) {
		start(S2V_YES, dic);
		boot(1, 4);
		for (int i = 0; i < 3; i++)
			reset(1, 4, false);
		flush();
		end();
		assert_int_equal(n_rows, 3);
		for (size_t i = 0; i < 3; i++)
			row(i, 4, 0, 0, S2V_RESET_NO_UNMAP);
		only(dic ? 0 : R(RESET_ICACHE_REPEATED));
		if (!dic)
			assert_int_equal(w.f[w.n_f - 1].count, 9);
		assert_string_equal(totals[0].advice, "");
	}
	start(S2V_YES, S2V_YES);
	boot(1, 2);
	reset(1, 2, true);
	flush();
	end();
	assert_int_equal(n_rows, 1);
	row(0, 2, 2, 2, S2V_RESET_REDUNDANT_FWB);
	assert_int_equal(rows[0].avoidable_ns, 110);
	only(R(RESET_UNMAP_FWB));
	assert_non_null(strstr(totals[0].advice, "892713e97ca1"));
}

/* A kernel that does not invalidate: one finding per VM; none after an unmap, or with DIC. */
static void icache_missing(void **state)
{
	(void)state;
	for (int i = 0; i < 3; i++) {
		bool unmaps = i == 1, dic = i == 2;

		start(S2V_YES, dic);
		w.host.init_icache = S2V_NO;
		boot(1, 2);
		reset(1, 2, unmaps);
		flush();
		end();
		only(unmaps ? R(RESET_UNMAP_FWB) : dic ? 0 : R(RESET_ICACHE_MISSING));
	}
}

static void missing(void **state)
{
	(void)state;
	start(S2V_NO, S2V_NO);
	boot(1, 2);
	reset(1, 2, false);
	reset(1, 1, true);
	flush();
	end();
	assert_int_equal(n_rows, 2);
	row(0, 2, 0, 0, S2V_RESET_MISSING);
	row(1, 1, 1, 0, S2V_RESET_NEEDED);
	only(R(RESET_UNMAP_MISSING));
	assert_int_equal(finding(S2V_RULE_RESET_UNMAP_MISSING)->rule->severity, S2V_CRITICAL);
	/* S2FWB not known: no finding. */
	start(S2V_UNKNOWN, S2V_UNKNOWN);
	boot(1, 2);
	reset(1, 2, false);
	reset(1, 2, true);
	flush();
	end();
	assert_int_equal(n_rows, 2);
	assert_int_equal(rows[0].verdict, S2V_RESET_UNKNOWN);
	assert_int_equal(rows[1].verdict, S2V_RESET_UNKNOWN);
	only(0);
}

static void not_a_reset(void **state)
{
	(void)state;
	start(S2V_NO, S2V_NO);
	boot(1, 4);
	put(S2V_EV_INIT, 1, 0); /* refused */
	q[n_q - 1].err = -EINVAL;
	put(S2V_EV_INIT, 1, 3); /* never ran */
	q[n_q - 1].ran = 0;
	put(S2V_EV_RUN, 1, 0);
	flush();
	end();
	assert_int_equal(n_rows, 0);
	assert_int_equal(n_totals, 0);
	only(0);
}

static void separated_by_runs(void **state)
{
	(void)state;
	start(S2V_NO, S2V_NO);
	boot(1, 2);
	reset(1, 1, true);
	reset(1, 1, true);
	unmap(1, true, 10); /* the same vCPU twice, with a map in between */
	put(S2V_EV_INIT, 1, 0);
	unmap(1, true, 10);
	put(S2V_EV_INIT, 1, 0);
	flush(); /* the run ends here */
	end();
	assert_int_equal(n_rows, 3);
	row(0, 1, 1, 0, S2V_RESET_NEEDED);
	row(1, 1, 1, 0, S2V_RESET_NEEDED);
	row(2, 1, 2, 0, S2V_RESET_NEEDED);
	assert_int_equal(rows[2].inits, 2);
	only(0);
}

static void stream(void)
{
	boot(1, 2);
	for (int i = 0; i < 3; i++)
		reset(1, 3, true);
	reset(1, 1, true);
}

/* The order of events (within 16) and repeated events make no difference. */
static void out_of_order(void **state)
{
	(void)state;
	for (unsigned int seed = 1; seed < 200; seed++) {
		unsigned int x = seed;

		start(S2V_NO, S2V_NO);
		stream();
		for (size_t b = 0; b < n_q; b += 16) {
			size_t n = n_q - b < 16 ? n_q - b : 16;

			for (size_t i = n - 1; i > 0; i--) {
				struct s2v_ev_reset t = q[b + i];
				size_t j = (x = x * 1103515245 + 12345) / 65536 % (i + 1);

				q[b + i] = q[b + j];
				q[b + j] = t;
			}
		}
		for (size_t i = 0; i < n_q; i++) {
			s2v_correlator_event(w.core, &q[i].h);
			s2v_correlator_event(w.core, &q[i / 2].h);
		}
		n_q = 0;
		end();
		assert_int_equal(n_rows, 4);
		for (size_t i = 0; i < 3; i++)
			row(i, 3, 3, 2, S2V_RESET_REDUNDANT_REPEAT);
		row(3, 1, 1, 0, S2V_RESET_NEEDED);
		assert_int_equal(reported(S2V_RULE_RESET_UNMAP_MISSING, 0), 0);
		assert_int_equal(w.f[w.n_f - 1].count, 6);
	}
}

/* Any two steps lost: verdicts are those of the whole stream, or unknown. */
static void lost(void **state)
{
	size_t n = 0;

	(void)state;
	for (size_t a = 0; !n || a < n; a++) {
		for (size_t b = a; !n || b < n; b++) {
			bool unknown = false;

			start(S2V_NO, S2V_NO);
			stream();
			n = n_q;
			for (size_t i = 0; i < n_q; i++)
				if (i != a && i != b)
					s2v_correlator_event(w.core, &q[i].h);
			n_q = 0;
			end();
			assert_true(n_rows <= 5 + 2);
			for (size_t i = 0; i < n_rows; i++) {
				unknown |= rows[i].verdict == S2V_RESET_UNKNOWN;
				if (rows[i].verdict == S2V_RESET_UNKNOWN)
					assert_int_equal(rows[i].avoidable_ns, 0);
				else if (rows[i].verdict == S2V_RESET_REDUNDANT_REPEAT)
					assert_true(rows[i].vcpus >= 1 && rows[i].redundant);
				else
					row(i, rows[i].vcpus, 1, 0, S2V_RESET_NEEDED);
			}
			assert_true(unknown ||
				    a + 2 >= n); /* losing the last steps leaves no gap */
			assert_int_equal(reported(S2V_RULE_RESET_UNMAP_MISSING, 0), 0);
		}
	}
}

/* The run between two resets is lost: they are one reset with verdict unknown. */
static void run_lost(void **state)
{
	(void)state;
	start(S2V_NO, S2V_NO);
	boot(1, 2);
	reset(1, 2, true);
	n_q--;
	reset(1, 2, true);
	reset(1, 1, true);
	flush();
	end();
	assert_int_equal(n_rows, 2);
	row(0, 2, 4, 2, S2V_RESET_UNKNOWN);
	assert_false(rows[0].fwb_known);
	row(1, 1, 1, 0, S2V_RESET_NEEDED);
	only(R(RESET_UNMAP_REPEATED)); /* of the first reset, which was complete up to there */
}

static void unfinished(void **state)
{
	(void)state;
	start(S2V_NO, S2V_NO);
	send_vm(S2V_EV_VM_NEW, 1, true);
	unmap(1, true, 10);
	put(S2V_EV_INIT, 1, 0);
	flush();
	vm_dead(1); /* in the middle of a reset */
	assert_int_equal(n_rows, 1);
	assert_int_equal(n_totals, 1);
	row(0, 1, 1, 0, S2V_RESET_NEEDED);
	assert_false(rows[0].pages_known);
	assert_int_equal(rows[0].window_ns, 0);
	for (__u32 vm = 2; vm < 6; vm++)
		boot(vm, 2);
	for (int i = 0; i < 2; i++)
		for (__u32 vm = 2; vm < 6; vm++)
			reset(vm, 2, true);
	flush();
	end();
	assert_int_equal(n_rows, 9);
	assert_int_equal(n_totals, 5);
	for (size_t i = 1; i < n_rows; i++)
		row(i, 2, 2, 1, S2V_RESET_REDUNDANT_REPEAT);
	for (size_t i = 1; i < n_totals; i++)
		assert_int_equal(totals[i].resets, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(without_fwb),	  cmocka_unit_test(with_fwb),
		cmocka_unit_test(icache_missing), cmocka_unit_test(missing),
		cmocka_unit_test(not_a_reset),	  cmocka_unit_test(separated_by_runs),
		cmocka_unit_test(out_of_order),	  cmocka_unit_test(lost),
		cmocka_unit_test(run_lost),	  cmocka_unit_test(unfinished),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
