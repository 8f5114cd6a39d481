/* needs: src/correlate.c src/findings.c src/reset_events.c src/pageset.c src/model.c src/summary.c src/rules.c src/rules_reset.c src/names.c src/host.c */
/* SPDX-License-Identifier: BSD-2-Clause */
/* Resets out of events: which belong together, what they cost, and no verdict that may be wrong. */
#include "events.h"

#define WINDOW 1000000ULL

static struct s2v_reset rows[64];
static struct s2v_reset_total totals[64];
static size_t n_rows, n_totals;
static __u32 seq[8];

static void keep_reset(struct s2v_sink *s, const struct s2v_reset *r)
{
	(void)s;
	assert_true(n_rows < 64);
	rows[n_rows++] = *r;
}

static void keep_total(struct s2v_sink *s, const struct s2v_reset_total *t)
{
	(void)s;
	assert_true(n_totals < 64);
	totals[n_totals++] = *t;
}

static void start(int fwb, int dic)
{
	struct s2v_correlator_opts o = { .host = &w.host,
					 .rules = w.rules,
					 .sink = &w.sink,
					 .boot_to_real = BOOT_TO_REAL,
					 .every_map = true,
					 .refault_window = WINDOW };

	begin(make_host(LATEST, fwb, dic));
	s2v_correlator_free(w.core);
	w.sink.reset = keep_reset;
	w.sink.reset_total = keep_total;
	w.core = s2v_correlator_new(&o);
	assert_non_null(w.core);
	w.clock = 1000000;
	n_rows = n_totals = 0;
	memset(seq, 0, sizeof(seq));
}

static struct s2v_ev_reset step(__u32 type, __u32 vm, int vcpu)
{
	struct s2v_ev_reset ev = {
		.h = head(type, sizeof(ev), vm), .seq = ++seq[vm], .vcpu = vcpu, .ran = 1
	};

	return ev;
}

/* Steps wait here, so that a test may drop, swap or repeat them. */
static struct s2v_ev_reset q[256];
static size_t n_q;

static void put(__u32 type, __u32 vm, int vcpu)
{
	q[n_q++] = step(type, vm, vcpu);
}

static void unmap(__u32 vm, bool mapped, __u64 dur)
{
	struct s2v_ev_reset *ev = &q[n_q];

	put(S2V_EV_UNMAP, vm, -1);
	w.clock += dur;
	ev->h.time = w.clock;
	ev->mapped = mapped;
	ev->dur = dur;
}

static void flush(void)
{
	for (size_t i = 0; i < n_q; i++)
		s2v_correlator_event(w.core, &q[i].h);
	n_q = 0;
}

/* A reset of n vCPUs, as QEMU makes it, and the run that ends it. */
static void reset(__u32 vm, int n, bool unmaps)
{
	for (int i = 0; i < n; i++) {
		if (unmaps)
			unmap(vm, i == 0, i == 0 ? 100 : 10);
		put(S2V_EV_INIT, vm, i);
	}
	put(S2V_EV_RUN, vm, 0);
}

static void boot(__u32 vm, int n)
{
	vm_new(vm);
	for (int i = 0; i < n; i++) {
		put(S2V_EV_INIT, vm, i);
		q[n_q - 1].ran = 0;
	}
	put(S2V_EV_RUN, vm, 0);
}

static const struct mslot A = { 1, 1, 1, 0x40000000, 0x400000, 0x7f0000000000, 0, 0 };

static void touch(__u64 off, __u64 size, const struct kind *k, __u64 dur)
{
	struct s2v_ev_page ev = page(S2V_EV_MAP, &A, off & ~(size - 1), k);

	ev.size = size;
	ev.pa = RAM_PA;
	ev.s2 = WB;
	ev.flags = S2V_PG_ALL;
	send_page(&ev);
	ev = page(S2V_EV_FAULT, &A, off, k);
	ev.flags = S2V_PG_ALL;
	ev.dur = dur;
	send_page(&ev);
}

static void row(size_t i, __u32 vcpus, __u32 unmaps, __u32 redundant, int verdict)
{
	assert_true(i < n_rows);
	if (rows[i].vcpus != vcpus || rows[i].unmaps != unmaps || rows[i].redundant != redundant ||
	    (int)rows[i].verdict != verdict)
		fail_msg("row %zu: %u vCPUs, %u unmaps, %u redundant, %s", i, rows[i].vcpus,
			 rows[i].unmaps, rows[i].redundant,
			 s2v_reset_verdict_name(rows[i].verdict));
}

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

/* A kernel that does not invalidate: told once a VM; not where an unmap took its place, or DIC. */
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
	/* S2FWB not known: nothing is accused */
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

static void what_is_none(void **state)
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

static void told_apart_by_runs(void **state)
{
	(void)state;
	start(S2V_NO, S2V_NO);
	boot(1, 2);
	reset(1, 1, true);
	reset(1, 1, true);
	unmap(1, true, 10); /* the same vCPU twice, and something mapped in between */
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
	touch(0, PAGE, &anon, 5); /* not twice */
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
	/* The window's end: what comes then is no refault */
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
 * A refault takes its fault's time, less what a probe and the half of another add, and that of the
 * exit by which the guest got there; of a fault that is shorter than that, the exit alone.
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
		assert_int_equal(rows[0].refault_ns, 50 - 2 - 1 + 3 + 3);
		assert_int_equal(rows[0].fwb_known, fwb != S2V_UNKNOWN);
		assert_int_equal(totals[0].fwb_known, fwb != S2V_UNKNOWN);
		assert_int_equal(rows[0].fwb_saves_ns, fwb == S2V_NO ? 110 + 53 : 0);
		assert_int_equal(totals[0].fwb_saves_ns, fwb == S2V_NO ? 110 + 53 : 0);
		if (fwb == S2V_UNKNOWN)
			assert_non_null(strstr(totals[0].advice, "not known"));
	}
}

/* Of a VM that was there before, all is known from its first unmap on: then nothing is mapped. */
static void there_before(void **state)
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

/* An unmap that began, or a fault that is told, a little before the run that ended a reset. */
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

static void stream(void)
{
	boot(1, 2);
	for (int i = 0; i < 3; i++)
		reset(1, 3, true);
	reset(1, 1, true);
}

/* Any order within 16, and steps told twice, are all the same. */
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
		assert_int_equal(told(S2V_RULE_RESET_UNMAP_MISSING, 0), 0);
		assert_int_equal(w.f[w.n_f - 1].count, 6);
	}
}

/* Each pair of steps lost: verdicts are those of the whole, or unknown. */
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
			assert_true(unknown || a + 2 >= n); /* the last leave no gap */
			assert_int_equal(told(S2V_RULE_RESET_UNMAP_MISSING, 0), 0);
		}
	}
}

/* What is behind a gap and late is taken without waiting for more, so refaults are seen. */
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
	row(1, 1, 1, 0, S2V_RESET_NEEDED); /* and what it found mapped is not known */
	assert_false(rows[1].pages_known);
	assert_int_equal(rows[2].refaults, 1);
	only(0);
}

static void ends(void **state)
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
		cmocka_unit_test(without_fwb),
		cmocka_unit_test(with_fwb),
		cmocka_unit_test(icache_missing),
		cmocka_unit_test(missing),
		cmocka_unit_test(what_is_none),
		cmocka_unit_test(told_apart_by_runs),
		cmocka_unit_test(refaults),
		cmocka_unit_test(what_fwb_saves),
		cmocka_unit_test(there_before),
		cmocka_unit_test(mapped_between_unmaps),
		cmocka_unit_test(older_than_the_run),
		cmocka_unit_test(out_of_order),
		cmocka_unit_test(lost),
		cmocka_unit_test(gap_ends),
		cmocka_unit_test(ends),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
