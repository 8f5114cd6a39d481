/* needs: src/core src/host src/util */
/* SPDX-License-Identifier: BSD-2-Clause */
/* Totals of findings, and events that are lost, malformed or incomplete. */
#include "events.h"

static const struct mslot A = { 1, 0, 1, 0x40000000, 0x10000, 0xffff80000000, 0, 0 };

static void start(void)
{
	begin(make_host(OLD, S2V_YES, S2V_YES));
	/* Registrations have tests of their own. */
	w.rules[S2V_RULE_PFNMAP_ADMITTED].coverage = S2V_NOT_APPLICABLE;
	vm_new(1);
}

static void send_counted(const struct mslot *s, __u64 off, __u64 last, __u64 count)
{
	struct s2v_ev_page ev = page(S2V_EV_MAP, s, off, &pfn_wb);

	ev.vma.pte_attr = WB;
	ev.pa = DEV_PA + off;
	ev.s2 = DEV;
	ev.count = count;
	ev.gpa_last = s->gpa + last;
	send_page(&ev);
}

static void incomplete(const char *text)
{
	assert_false(w.sum.complete);
	if (!strstr(w.sum.incomplete, text))
		fail_msg("\"%s\" does not say \"%s\"", w.sum.incomplete, text);
}

/* ---- findings ---- */

static void repeated(void **state)
{
	const struct s2v_finding *f = &w.f[0], *u = &w.f[1];

	(void)state;
	start();
	create(&A, &pfn_wb, WB, DEV_PA, 0);
	send_counted(&A, 0x1000, 0x1000, 1);
	assert_int_equal(w.n_f, 1);
	send_counted(&A, 0x1000, 0x7000, 40);
	send_counted(&A, 0x1000, 0x5000, 1ULL << 40);
	assert_int_equal(w.n_f, 1); /* repeats make no new finding */
	s2v_correlator_contract(w.core); /* SIGUSR1 reports the contract, no totals */
	assert_int_equal(w.n_f, 1);
	end();
	assert_int_equal(w.n_f, 2);
	assert_false(f->update);
	assert_true(u->update);
	assert_int_equal(f->id, 1);
	assert_int_equal(u->id, 1);
	assert_int_equal(f->count, 1);
	assert_true(u->count == 41 + (1ULL << 40));
	assert_true(f->gpa == A.gpa + 0x1000 && f->gpa_last == f->gpa);
	assert_true(u->gpa == f->gpa && u->gpa_last == A.gpa + 0x5000);
	assert_true(u->time == f->time); /* when it began */
	assert_true(f->time == 4 + (__u64)BOOT_TO_REAL); /* VM, VMA, memslot, this */
	assert_true(f->pa == DEV_PA + 0x1000 && f->hva == A.hva + 0x1000 && f->size == PAGE);
	assert_int_equal(f->vcpu, 1);
	assert_true(f->has_page);
	assert_int_equal(f->slot.id, A.id);
	assert_true(f->slot.gpa == A.gpa && f->slot.size == A.size && f->slot.hva == A.hva);
	assert_string_equal(f->explain, u->explain);
	assert_int_equal(w.sum.findings[S2V_CRITICAL], 1);
}

/* The extent is from the lowest to the highest address, in any order; each byte counts at most once. */
static void extent(void **state)
{
	const struct s2v_finding *u;

	(void)state;
	start();
	create(&A, &pfn_wb, WB, DEV_PA, 0);
	send_counted(&A, 0x8000, 0x8000, 1);
	assert_true(w.f[0].gpa_low == A.gpa + 0x8000 && w.f[0].gpa_end == A.gpa + 0x9000);
	assert_int_equal(w.f[0].bytes, PAGE);
	send_counted(&A, 0x7000, 0x7000, 1);
	send_counted(&A, 0xa000, 0x2000, 2); /* gpa_last is below gpa */
	send_counted(&A, 0x9000, 0x9000, 1);
	end();
	u = &w.f[w.n_f - 1];
	assert_true(u->gpa == A.gpa + 0x8000 && u->gpa_last == A.gpa + 0x9000);
	assert_true(u->gpa_low == A.gpa + 0x2000 && u->gpa_end == A.gpa + 0xb000);
	assert_int_equal(u->bytes, 5 * PAGE);
	/* One page, mapped a million times, is one page. */
	start();
	create(&A, &pfn_wb, WB, DEV_PA, 0);
	send_counted(&A, 0x1000, 0x1000, 1);
	send_counted(&A, 0x1000, 0x1000, ~0ULL);
	end();
	u = &w.f[w.n_f - 1];
	assert_true(u->gpa_low == A.gpa + 0x1000 && u->gpa_end == A.gpa + 0x2000);
	assert_int_equal(u->bytes, PAGE);
}

/* An event with the extent and bytes of all of its kind. */
static void extent_from_the_event(void **state)
{
	struct s2v_ev_page ev = page(S2V_EV_MAP, &A, 0x8000, &pfn_wb);
	const struct s2v_finding *u;

	(void)state;
	start();
	create(&A, &pfn_wb, WB, DEV_PA, 0);
	ev.vma.pte_attr = WB;
	ev.pa = DEV_PA + 0x8000;
	ev.s2 = DEV;
	send_page(&ev);
	ev.count = 3;
	ev.gpa_last = A.gpa + 0x4000;
	ev.gpa_low = A.gpa + 0x1000;
	ev.gpa_end = A.gpa + 0xc000;
	ev.bytes = 0x4000; /* one of them is larger than the first */
	send_page(&ev);
	end();
	u = &w.f[w.n_f - 1];
	assert_int_equal(u->count, 4);
	assert_true(u->gpa_low == A.gpa + 0x1000 && u->gpa_end == A.gpa + 0xc000);
	assert_int_equal(u->bytes, PAGE + 0x4000);
}

/* Updates become rarer as a finding gets older; the end of its registration always makes one. */
static void update_intervals(void **state)
{
	const __u64 second = 1000000000ULL;
	unsigned int n = 0;

	(void)state;
	start();
	create(&A, &pfn_wb, WB, DEV_PA, 0);
	send_counted(&A, 0x1000, 0x1000, 1);
	assert_int_equal(s2v_correlator_updates(w.core, second), 0);
	send_counted(&A, 0x2000, 0x2000, 1);
	assert_int_equal(s2v_correlator_updates(w.core, 2 * second), 1);
	assert_int_equal(w.f[1].count, 2);
	assert_int_equal(s2v_correlator_updates(w.core, 3 * second), 0);
	for (__u64 t = 4; t < 12; t++) {
		send_counted(&A, 0x2000, 0x2000, 1);
		n += s2v_correlator_updates(w.core, t * second);
	}
	assert_int_equal(n, 8);
	for (n = 0; n < 90; n++) {
		send_counted(&A, 0x2000, 0x2000, 1);
		s2v_correlator_updates(w.core, (1000 + n) * second);
	}
	assert_int_equal(w.n_f, 1 + 1 + 8 + 9);
	/* No new occurrences: the last total is reported when it is due. */
	assert_int_equal(s2v_correlator_updates(w.core, 1090 * second), 1);
	assert_int_equal(w.f[w.n_f - 1].count, 2 + 8 + 90);
	assert_int_equal(s2v_correlator_updates(w.core, 2000 * second), 0);
	send_counted(&A, 0x2000, 0x2000, 1);
	assert_int_equal(s2v_correlator_updates(w.core, 2000 * second), 1);
	send_counted(&A, 0x2000, 0x2000, 1);
	assert_int_equal(s2v_correlator_updates(w.core, 2001 * second), 0);
	assert_int_equal(s2v_correlator_updates(w.core, 0), 1); /* all, now */
	end();
	assert_int_equal(w.f[w.n_f - 1].count, 2 + 8 + 90 + 2);
}

static void first_event_with_a_count(void **state)
{
	(void)state;
	start();
	create(&A, &pfn_wb, WB, DEV_PA, 0);
	send_counted(&A, 0x1000, 0x8000, 12);
	end();
	assert_int_equal(w.n_f, 1); /* it has the total: no update */
	assert_int_equal(w.f[0].count, 12);
	assert_true(w.f[0].gpa_last == A.gpa + 0x8000);
}

static void by_rule_and_memslot(void **state)
{
	struct mslot b = A;

	(void)state;
	start();
	b.id = 1;
	b.gen = 2;
	b.gpa = 0x80000000;
	create(&A, &anon, WB, RAM_PA, 0);
	create(&b, &anon, WB, RAM_PA, 0);
	for (int i = 0; i < 3; i++) {
		send_counted(&A, 0, 0, 1);
		send_counted(&b, 0, 0, 2);
	}
	assert_int_equal(w.n_f, 4); /* drift and conflict, of each */
	end();
	assert_int_equal(w.n_f, 8);
	for (size_t i = 4; i < 8; i++) {
		assert_true(w.f[i].update);
		assert_int_equal(w.f[i].count, w.f[i].slot.id ? 6 : 3);
		assert_true(w.f[i].id >= 1 && w.f[i].id <= 4);
	}
	assert_int_equal(w.sum.findings[S2V_CRITICAL], 2);
	assert_int_equal(w.sum.findings[S2V_HIGH], 2);
}

/* The same rule with another errno or on another occasion makes another finding. */
static void one_finding_per_error(void **state)
{
	struct mslot b = A;

	(void)state;
	begin(make_host(LATEST, S2V_NO, S2V_NO));
	vm_new(1);
	create(&A, &anon, WB, RAM_PA, 0);
	fault(&A, 0, &pfn_wb, WB, DEV_PA, -EFAULT);
	fault(&A, 0x1000, &pfn_wb, WB, DEV_PA, -EFAULT);
	b.gen = 2;
	create(&b, &pfn_wb, WB, DEV_PA, -EINVAL);
	assert_int_equal(w.n_f, 2);
	fault(&A, 0, &pfn_wb, WB, DEV_PA, -ENOMEM); /* another errno */
	fault(&A, 0, &pfn_wb, WB, DEV_PA, 1); /* no error: the guest resumes */
	fault(&A, 0, &pfn_wb, WB, DEV_PA, 0);
	assert_int_equal(w.n_f, 3);
	assert_int_equal(w.f[2].rule->id, S2V_RULE_FAULT_FAILED);
	assert_int_equal(w.f[2].err, -ENOMEM);
	end();
	assert_int_equal(w.n_f, 4);
	assert_int_equal(w.f[3].count, 2);
	assert_string_equal(w.f[3].at, "fault");
	assert_int_equal(w.f[3].rule->id, S2V_RULE_PFNMAP_REFUSED);
	assert_int_equal(w.sum.findings[S2V_INFO], 3);
	assert_true(w.sum.complete);
}

static void rule_that_does_not_apply(void **state)
{
	(void)state;
	start();
	w.rules[S2V_RULE_S2_NONCACHEABLE].coverage = S2V_NOT_APPLICABLE;
	w.rules[S2V_RULE_ATTR_DRIFT].coverage = S2V_NOT_COVERED; /* still applied */
	create(&A, &anon, WB, RAM_PA, 0);
	send_counted(&A, 0, 0, 1);
	only(R(ATTR_DRIFT));
	end();
	incomplete("1 rule not covered");
}

static void sink_without_callbacks(void **state)
{
	struct s2v_summary sum = { 0 };

	(void)state;
	start();
	memset(&w.sink, 0, sizeof(w.sink));
	create(&A, &anon, WB, RAM_PA, 0);
	send_counted(&A, 0, 0, 1);
	send_counted(&A, 0, 0, 1);
	s2v_correlator_contract(w.core);
	vm_dead(1);
	s2v_correlator_finish(w.core, &sum);
	assert_int_equal(sum.findings[S2V_CRITICAL], 1);
	s2v_correlator_free(w.core);
	s2v_correlator_free(NULL);
}

/* ---- gaps ---- */

static void ranges_missing(void **state)
{
	struct mslot b = A;

	(void)state;
	start();
	send_vma(&A, 0, 0x8000, &anon, WB, RAM_PA);
	send_slot(&A, S2V_SLOT_CREATE, 2, 0); /* the second range was lost */
	send_counted(&A, 0, 0, 1);
	only(R(S2_NONCACHEABLE)); /* no drift: the registration is not known completely */
	end();
	incomplete("1 event lost");
	/* All of them lost */
	start();
	send_slot(&A, S2V_SLOT_CREATE, 1, 0);
	end();
	incomplete("1 event lost");
	/* More than there are */
	start();
	send_vma(&A, 0, 0x8000, &anon, WB, RAM_PA);
	send_vma(&A, 0x8000, 0x8000, &file, WB, RAM_PA);
	send_slot(&A, S2V_SLOT_CREATE, 1, 0);
	end();
	incomplete("1 event lost");
	/* Of a refused registration: it may have been refused for the missing range. */
	begin(make_host(LATEST, S2V_NO, S2V_NO));
	vm_new(1);
	send_slot(&A, S2V_SLOT_CREATE, 1, -EINVAL);
	end();
	incomplete("1 event lost");
	/* Ranges of another registration do not count. */
	start();
	b.gen = 2;
	send_vma(&A, 0, A.size, &anon, WB, RAM_PA);
	send_slot(&b, S2V_SLOT_CREATE, 1, 0);
	end();
	incomplete("1 event lost");
}

/* Not all VMAs could be read at registration: mappings there have nothing to be compared with. */
static void unread_part(void **state)
{
	struct s2v_ev_slot ev;

	(void)state;
	begin(make_host(OLD, S2V_NO, S2V_NO));
	vm_new(1);
	send_vma(&A, 0, 0x8000, &anon, WB, RAM_PA);
	ev = (struct s2v_ev_slot){ .h = head(S2V_EV_SLOT, sizeof(ev), 1),
				   .gen = 1,
				   .gpa = A.gpa,
				   .size = A.size,
				   .hva = A.hva,
				   .runs = 1,
				   .vmas = 1,
				   .unread = 1 };
	s2v_correlator_event(w.core, &ev.h);
	map_vma(&A, 0xc000, 0x4000, &pfn_wb, WB, DEV_PA, DEV);
	only(R(S2_NONCACHEABLE)); /* neither drift nor admitted is known */
	map_vma(&A, 0xd000, 0x4000, &pfn_nc, NC, DEV_PA, DEV);
	only(R(S2_NONCACHEABLE));
	map_vma(&A, 0x1000, 0x1000, &pfn_nc, NC, DEV_PA, DEV); /* this part was read */
	only(R(S2_NONCACHEABLE) | R(ATTR_DRIFT));
	end();
}

static void ranges_that_do_not_fit(void **state)
{
	static const struct {
		__u64 off[2], len[2];
	} t[] = {
		{ { 0x8000, 0 }, { 0x8000, 0x8000 } }, /* not ascending */
		{ { 0, 0x4000 }, { 0x8000, 0x8000 } }, /* overlapping */
		{ { 0, 0x8000 }, { 0x8000, 0x9000 } }, /* beyond the end */
		{ { 0, 0x8000 }, { 0x8000, 0 } }, /* empty */
		{ { -0x1000ULL, 0x8000 }, { 0x8000, 0x8000 } }, /* before the beginning */
	};

	(void)state;
	for (size_t i = 0; i < S2V_ARRAY_SIZE(t); i++) {
		start();
		for (int j = 0; j < 2; j++)
			send_vma(&A, t[i].off[j], t[i].len[j], &anon, WB, RAM_PA);
		send_slot(&A, S2V_SLOT_CREATE, 2, 0);
		for (__u64 off = 0; off < A.size; off += PAGE)
			map(&A, off, &anon, NO_PTE, RAM_PA, WB);
		only(0);
		end();
		incomplete("1 event lost");
		assert_int_equal(w.n_rows, 1);
		assert_true(w.row[0].gpa == A.gpa && w.row[0].size == A.size);
	}
}

/* Types of events that the correlator knows. */
static bool is_taken(__u32 type)
{
	return type >= S2V_EV_VM_NEW && type <= S2V_EV_GUEST_LEAVES;
}

static void malformed(void **state)
{
	struct s2v_ev_page ev;
	__u64 lost = 0;

	(void)state;
	start();
	create(&A, &anon, WB, RAM_PA, 0);
	ev = page(S2V_EV_MAP, &A, 0, &pfn_wb);
	ev.s2 = DEV;
	ev.h.len = sizeof(ev) - 1; /* too short */
	send_page(&ev);
	lost++;
	ev.h.len = sizeof(ev);
	for (__u32 type = 0; type < 40; type++) {
		if (is_taken(type))
			continue;
		ev.h.type = type;
		send_page(&ev);
		lost++;
	}
	ev.h.type = ~0U;
	send_page(&ev);
	lost++;
	for (__u32 type = 0; type < 40; type++) {
		if (!is_taken(type))
			continue;
		ev.h.type = type;
		ev.h.len = sizeof(ev.h);
		send_page(&ev);
		lost++;
	}
	/* A page outside of its memslot, or of size 0. */
	ev = page(S2V_EV_MAP, &A, A.size, &pfn_wb);
	send_page(&ev);
	ev = page(S2V_EV_MAP, &A, -PAGE, &pfn_wb);
	send_page(&ev);
	ev = page(S2V_EV_MAP, &A, 0, &pfn_wb);
	ev.size = 0;
	send_page(&ev);
	ev = page(S2V_EV_MAP, &A, 0, &pfn_wb);
	ev.slot_size = ~0ULL;
	send_page(&ev);
	lost += 4;
	only(0);
	end();
	assert_int_equal(w.sum.lost, lost);
	incomplete("events lost");
	assert_int_equal(w.events, 3); /* malformed ones are not passed on */
	assert_int_equal(w.sum.vms, 1);
}

/* A longer event comes from a newer source: its known fields are used. */
static void longer_events(void **state)
{
	struct {
		struct s2v_ev_vm ev;
		char more[64];
	} e = { .ev = { .h = { .type = S2V_EV_VM_NEW, .len = sizeof(e), .vm = 1 } } };

	(void)state;
	begin(make_host(OLD, S2V_YES, S2V_YES));
	s2v_correlator_event(w.core, &e.ev.h);
	end();
	assert_int_equal(w.sum.vms, 1);
	assert_true(w.sum.complete);
}

/* A vCPU's HCR_EL2.FWB against the host's S2FWB. */
static void fwb_disagrees(void **state)
{
	(void)state;
	for (int fwb = S2V_UNKNOWN; fwb <= S2V_YES; fwb++) {
		for (int look = 0; look < 2; look++) {
			for (int bit = 0; bit < 2; bit++) {
				struct s2v_ev_page ev;

				begin(make_host(LATEST, fwb, S2V_YES));
				for (int i = 0; i < S2V_RULE_NR; i++)
					w.rules[i].coverage = S2V_COVERED;
				vm_new(1);
				create(&A, &anon, WB, RAM_PA, 0);
				ev = page(S2V_EV_MAP, &A, 0, &anon);
				ev.s2 = WB;
				ev.flags = (look ? S2V_PG_HCR : 0) | (bit ? S2V_PG_FWB : 0);
				send_page(&ev);
				end();
				assert_int_equal(w.sum.complete,
						 !look || fwb == S2V_UNKNOWN || fwb == bit);
				if (!w.sum.complete)
					incomplete("HCR_EL2.FWB");
			}
		}
	}
}

/* Counters of the source reach the summary. */
static void counters_of_the_source(void **state)
{
	struct s2v_summary sum = { .lost = 2, .missed_probes = 3, .duration_ns = 5 };

	(void)state;
	start();
	sum.cnt[S2V_CNT_LOST_RINGBUF] = 4;
	sum.cnt[S2V_CNT_MAPS] = 100;
	sum.maps[WB][WB] = 100;
	send_slot(&A, S2V_SLOT_CREATE, 1, 0); /* and one lost event found by the correlator */
	s2v_correlator_finish(w.core, &sum);
	assert_int_equal(w.sum.lost, 7);
	assert_int_equal(w.sum.missed_probes, 3);
	assert_int_equal(w.sum.maps[WB][WB], 100);
	assert_int_equal(w.sum.duration_ns, 5);
	assert_ptr_equal(w.sum.rules, w.rules);
	assert_memory_equal(&w.sum, &sum, sizeof(sum)); /* the caller's summary is completed, too */
	incomplete("7 events lost");
	incomplete("3 probes missed");
	s2v_correlator_free(w.core);
}

static unsigned int kept(void)
{
	const struct s2v_vm *vm = s2v_correlator_vms(w.core);

	return HASH_COUNT(vm->findings);
}

/* At the end of a registration its findings are reported for the last time, and freed. */
static void findings_of_ended_registrations(void **state)
{
	const struct s2v_finding *u;
	struct mslot s = A, b = A;
	unsigned int each;

	(void)state;
	begin(make_host(LATEST, S2V_YES, S2V_NO)); /* each registration has findings */
	vm_new(1);
	b.id = 5;
	b.gen = 1000;
	b.gpa += 0x100000;
	create(&b, &pfn_wb, WB, DEV_PA, 0);
	each = kept();
	assert_true(each > 0);
	create(&s, &pfn_wb, WB, DEV_PA, 0);
	send_counted(&s, 0, 0, 1);
	send_counted(&s, PAGE, 2 * PAGE, 9);
	assert_int_equal(kept(), 2 * each + 1);
	send_slot(&s, S2V_SLOT_DELETE, 0, 0);
	assert_int_equal(kept(), each);
	u = &w.f[w.n_f - 1];
	assert_true(u->update);
	assert_int_equal(u->rule->id, S2V_RULE_S2_NONCACHEABLE);
	assert_int_equal(u->count, 10);
	for (s.gen = 2; s.gen < 10; s.gen++) { /* created; then moved, which replaces it */
		send_vma(&s, 0, s.size, &pfn_wb, WB, DEV_PA);
		send_slot(&s, s.gen == 2 ? S2V_SLOT_CREATE : S2V_SLOT_MOVE, 1, 0);
		assert_int_equal(kept(), 2 * each);
	}
	for (; s.gen < 20; s.gen++) { /* refused: the existing one stays */
		create(&s, &pfn_wb, WB, DEV_PA, -EINVAL);
		assert_int_equal(kept(), 2 * each);
	}
	vm_dead(1);
	end();
	assert_int_equal(reported(S2V_RULE_S2_NONCACHEABLE, 1), 1);
	assert_int_equal(reported(S2V_RULE_PFNMAP_REFUSED, 1), 10);
	assert_int_equal(w.sum.lost, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(repeated),
		cmocka_unit_test(extent),
		cmocka_unit_test(extent_from_the_event),
		cmocka_unit_test(update_intervals),
		cmocka_unit_test(first_event_with_a_count),
		cmocka_unit_test(by_rule_and_memslot),
		cmocka_unit_test(one_finding_per_error),
		cmocka_unit_test(rule_that_does_not_apply),
		cmocka_unit_test(sink_without_callbacks),
		cmocka_unit_test(findings_of_ended_registrations),
		cmocka_unit_test(ranges_missing),
		cmocka_unit_test(unread_part),
		cmocka_unit_test(ranges_that_do_not_fit),
		cmocka_unit_test(malformed),
		cmocka_unit_test(longer_events),
		cmocka_unit_test(fwb_disagrees),
		cmocka_unit_test(counters_of_the_source),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
