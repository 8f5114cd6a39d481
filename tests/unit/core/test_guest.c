/* needs: src/core src/host src/util */
/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Findings on the guest's own stage 1: without S2FWB, memory that the VMM and stage 2 map Write-Back and the guest
 * does not. Expected values are worked out from the events by hand.
 */
#include "guest_steps.h"

#define NGNRNE S2V_ATTR_DEVICE_nGnRnE

/* One finding a memslot, at the end of its VM's audit. */
static void one_a_memslot(void **state)
{
	const struct s2v_finding *f;
	struct s2v_ev_guest ev;

	(void)state;
	begin_wb(S2V_NO);
	found(&B, &file);
	report_leaves(&B, 0, 256, WB, WB, RAM_PA + 0x400000);
	vcpu(1, 0, 0);
	ev = guest(&A, 0x10000, 0x4000, NC, HIGH);
	send_guest(&ev);
	ev = guest(&A, 0x200000, 0x1000, NC, LOW);
	send_guest(&ev);
	ev = guest(&A, 0x8000, 0x2000, NGNRNE, LOW + 0x8000);
	send_guest(&ev);
	ev = guest(&A, 0, 0x400000, WB, HIGH);
	send_guest(&ev);
	ev = guest(&B, 0, 0x1000, S2V_ATTR_DEVICE_GRE, LOW);
	send_guest(&ev);
	assert_int_equal(w.n_f, 0);
	end_audit();
	assert_int_equal(w.n_f, 2);
	f = w.f[0].slot.id == A.id ? &w.f[0] : &w.f[1];
	assert_string_equal(f->rule->name, "guest-noncacheable");
	assert_int_equal(s2v_finding_severity(f), S2V_MEDIUM);
	assert_false(f->update);
	assert_int_equal(f->vm.id, 1);
	assert_int_equal(f->vcpu, GUEST_VCPU);
	assert_int_equal(f->count, 3);
	assert_int_equal(f->bytes, 0x7000);
	/* The first range, and the bounds of all. */
	assert_int_equal(f->gpa, A.gpa + 0x10000);
	assert_int_equal(f->size, 0x4000);
	assert_int_equal(f->hva, A.hva + 0x10000);
	assert_int_equal(f->gpa_low, A.gpa + 0x8000);
	assert_int_equal(f->gpa_end, A.gpa + 0x201000);
	assert_int_equal(f->guest, NC);
	assert_true(f->guest_va == HIGH);
	assert_int_equal(f->guest_alias, 0);
	assert_int_equal(f->s1, WB);
	assert_int_equal(f->s2, WB);
	assert_int_equal(f->s2_source, S2V_SRC_LEAF);
	assert_true(f->pa == S2V_NO_PA);
	assert_non_null(strstr(f->explain, "maps it normal-nc (VA 0xffff000010000000, TTBR1_EL1), "
					   "the VMM normal-wb"));
	assert_null(strstr(f->explain, "linear map"));
	f = w.f[0].slot.id == B.id ? &w.f[0] : &w.f[1];
	assert_int_equal(f->slot.id, B.id);
	assert_int_equal(f->count, 1);
	assert_int_equal(f->bytes, 0x1000);
	assert_int_equal(f->guest, S2V_ATTR_DEVICE_GRE);
	assert_non_null(strstr(f->explain, "device-GRE (VA 0xaaaa00000000, TTBR0_EL1)"));
	end();
	assert_int_equal(w.n_f, 2);
	assert_true(w.sum.complete);
}

/* Each VM has its own. */
static void of_two_vms(void **state)
{
	(void)state;
	begin_wb(S2V_YES);
	found(&OTHER, &anon);
	vcpu(1, 0, 0);
	guest_maps(&A, 0, 0x1000, NC);
	audited(1, 0, 0);
	assert_int_equal(reported(S2V_RULE_GUEST_NONCACHEABLE, 1), 1);
	vcpu(2, 0, 0);
	guest_maps(&OTHER, 0x1000, 0x3000, NC);
	audited(2, 0, 0);
	audited(0, 0, 0);
	end();
	assert_int_equal(reported(S2V_RULE_GUEST_NONCACHEABLE, 1), 1);
	assert_int_equal(reported(S2V_RULE_GUEST_NONCACHEABLE, 2), 1);
	assert_int_equal(w.f[1].bytes, 0x3000);
}

/* Of memory that the guest maps cacheable, too: all of it, or a part. */
static void aliases(void **state)
{
	struct s2v_ev_guest ev;

	(void)state;
	for (int all = 0; all < 2; all++) {
		begin_wb(S2V_NO);
		vcpu(1, 0, 0);
		ev = guest(&A, 0, 0x4000, NC, HIGH);
		ev.alias = 0x4000;
		send_guest(&ev);
		ev = guest(&A, 0x10000, 0x4000, NC, HIGH);
		ev.alias = all ? 0x4000 : 0x3000;
		send_guest(&ev);
		end_audit();
		end();
		assert_int_equal(w.f[0].guest_alias, all ? 0x8000 : 0x7000);
		assert_non_null(strstr(w.f[0].explain, all ? "maps all of it cacheable"
							   : "maps a part of it cacheable"));
	}
}

/* One memory with two types that are not cacheable: bytes are not more than there are. */
static void two_types(void **state)
{
	struct s2v_ev_guest ev;

	(void)state;
	begin_wb(S2V_NO);
	vcpu(1, 0, 0);
	ev = guest(&A, 0, 0x4000, NC, HIGH);
	ev.alias = 0x4000;
	send_guest(&ev);
	ev.attr = NGNRNE;
	send_guest(&ev);
	end_audit();
	end();
	assert_int_equal(w.n_f, 1);
	assert_int_equal(w.f[0].count, 2);
	assert_int_equal(w.f[0].bytes, 0x4000);
	assert_int_equal(w.f[0].guest_alias, 0x4000);
	assert_non_null(strstr(w.f[0].explain, "maps all of it cacheable"));
}

/* ---- no finding ---- */

/* A memslot of one kind, which stage 2 maps s2 (NONE: nothing), and the guest with one type. */
static unsigned int fired(struct s2v_host host, const struct kind *k, __u8 pte, __u64 pa, __u8 s2,
			  __u32 attr)
{
	unsigned int rules = 0;

	begin_guest(host);
	found(&A, k);
	if (s2 != S2V_ATTR_NONE)
		report_leaves(&A, 0, 1024, pte, s2, pa);
	vcpu(1, 0, 0);
	guest_maps(&A, 0x10000, 0x1000, attr);
	end_audit();
	end();
	assert_int_equal(w.sum.lost, 0);
	for (size_t i = 0; i < w.n_f; i++)
		rules |= 1U << w.f[i].rule->id;
	return rules;
}

static void types(void **state)
{
	static const char fires[S2V_ATTR_NR] = {
		[S2V_ATTR_NORMAL_NC] = 1,     [S2V_ATTR_DEVICE_GRE] = 1,
		[S2V_ATTR_DEVICE_nGRE] = 1,   [S2V_ATTR_DEVICE_nGnRE] = 1,
		[S2V_ATTR_DEVICE_nGnRnE] = 1,
	};

	(void)state;
	for (__u32 attr = S2V_ATTR_NORMAL_WB; attr < S2V_ATTR_NR; attr++) {
		if (attr == S2V_ATTR_AS_S1) /* of stage 2 alone */
			continue;
		assert_int_equal(fired(make_host(LATEST, S2V_NO, S2V_YES), &anon, WB, RAM_PA, WB,
				       attr),
				 fires[attr] ? R(GUEST_NONCACHEABLE) : 0);
		/* An encoding that nobody knows was not verified. */
		assert_int_equal(w.sum.complete, attr != S2V_ATTR_UNKNOWN);
	}
}

static void not_the_guests_fault(void **state)
{
	const struct s2v_host h = make_host(OLD, S2V_NO, S2V_NO);

	(void)state;
	/* The VMM bypasses the cache, too. */
	assert_int_equal(fired(h, &pfn_nc, NC, DEV_PA, NC, NC), 0);
	assert_int_equal(fired(h, &pfn_dev, NGNRNE, DEV_PA, DEV, NGNRNE), 0);
	/* By its PTE, whatever its VMA says. */
	assert_int_equal(fired(h, &anon, NC, RAM_PA, NC, NC), 0);
	assert_int_equal(fired(h, &anon, NC, RAM_PA, WB, NC), R(S2_CACHEABLE));
	assert_int_equal(fired(h, &pfn_nc, WB, RAM_PA, WB, NC), R(GUEST_NONCACHEABLE));
	/* Stage 2 is not cacheable: another rule says so. */
	assert_int_equal(fired(h, &anon, WB, RAM_PA, DEV, NC), R(S2_NONCACHEABLE));
	assert_int_equal(fired(h, &anon, WB, RAM_PA, NC, NGNRNE), R(S2_NONCACHEABLE));
	/* The VMM maps nothing there. */
	assert_int_equal(fired(h, &hole, NO_PTE, 0, S2V_ATTR_NONE, NC), 0);
	/* The first fault is still to come: KVM will map it Write-Back. */
	assert_int_equal(fired(h, &anon, NO_PTE, 0, S2V_ATTR_NONE, NC), R(GUEST_NONCACHEABLE));
	assert_int_equal(finding(S2V_RULE_GUEST_NONCACHEABLE)->s2, S2V_ATTR_NONE);
	assert_int_equal(fired(h, &file, S2V_ATTR_NORMAL_TAGGED, RAM_PA, WB, NC),
			 R(GUEST_NONCACHEABLE));
	assert_int_equal(fired(h, &pfn_wb, WB, RAM_PA, WB, NC), R(GUEST_NONCACHEABLE));
}

/* guest_memfd has no VMAs: the kernel maps it Write-Back. */
static void guest_memfd(void **state)
{
	(void)state;
	begin_guest(make_host(LATEST, S2V_NO, S2V_NO));
	found_slot(&A, 0, S2V_MEM_GUEST_MEMFD);
	vcpu(1, 0, 0);
	guest_maps(&A, 0, 0x1000, NC);
	end_audit();
	end();
	only(R(GUEST_NONCACHEABLE));
	assert_int_equal(w.f[0].s1_source, S2V_SRC_GMEM);
}

/* With S2FWB, or where that is not known. */
static void hosts(void **state)
{
	(void)state;
	assert_int_equal(fired(make_host(LATEST, S2V_YES, S2V_NO), &anon, WB, RAM_PA, WB, NC), 0);
	assert_true(w.sum.complete);
	assert_int_equal(fired(make_host(LATEST, S2V_UNKNOWN, S2V_NO), &anon, WB, RAM_PA, WB, NC),
			 R(GUEST_NONCACHEABLE));
	assert_false(w.sum.complete);
}

/* ---- another audit ---- */

/* Another audit finds two ranges of NC, of these sizes, at 0x10000 and 0x20000. */
static void again(__u64 first, __u64 second, __u64 alias)
{
	struct s2v_ev_guest ev;

	report_leaves(&A, 0, 1024, WB, WB, RAM_PA);
	vcpu(1, 0, 0);
	if (first) {
		ev = guest(&A, 0x10000, first, NC, HIGH);
		ev.alias = alias;
		send_guest(&ev);
	}
	if (second) {
		ev = guest(&A, 0x20000, second, NC, HIGH);
		send_guest(&ev);
	}
	end_audit();
	s2v_correlator_updates(w.core, 0);
}

/* Asserts the totals of the last report. */
static void totals(size_t reports, __u64 count, __u64 bytes, __u64 low, __u64 end, __u64 alias)
{
	const struct s2v_finding *f = &w.f[w.n_f - 1];

	assert_int_equal(w.n_f, reports);
	assert_int_equal(f->id, 1);
	assert_int_equal(f->update, reports > 1);
	assert_int_equal(f->count, count);
	assert_int_equal(f->bytes, bytes);
	assert_int_equal(f->gpa_low, A.gpa + low);
	assert_int_equal(f->gpa_end, A.gpa + end);
	assert_int_equal(f->guest_alias, alias);
	assert_true(f->gpa >= f->gpa_low && f->gpa < f->gpa_end);
	assert_int_equal(f->hva - A.hva, f->gpa - A.gpa);
}

static void repeated(void **state)
{
	(void)state;
	begin_wb(S2V_NO);
	again(0x4000, 0x1000, 0x2000);
	totals(1, 2, 0x5000, 0x10000, 0x21000, 0x2000);
	again(0x4000, 0x1000, 0x2000); /* equal */
	totals(1, 2, 0x5000, 0x10000, 0x21000, 0x2000);
	again(0x8000, 0x1000, 0x2000); /* more: the new totals, not the sum */
	totals(2, 2, 0x9000, 0x10000, 0x21000, 0x2000);
	again(0x8000, 0x1000, 0x2000);
	totals(2, 2, 0x9000, 0x10000, 0x21000, 0x2000);
	again(0x1000, 0, 0x1000); /* less */
	totals(3, 1, 0x1000, 0x10000, 0x11000, 0x1000);
	assert_non_null(strstr(w.f[2].explain, "maps all of it cacheable"));
	again(0x1000, 0, 0); /* another alias alone */
	totals(4, 1, 0x1000, 0x10000, 0x11000, 0);
	again(0, 0x1000, 0); /* elsewhere: the first range, too */
	totals(5, 1, 0x1000, 0x20000, 0x21000, 0);
	again(0, 0, 0); /* nothing: what was found stays */
	totals(5, 1, 0x1000, 0x20000, 0x21000, 0);
	again(0, 0x1000, 0);
	totals(5, 1, 0x1000, 0x20000, 0x21000, 0);
	end();
	assert_int_equal(w.n_f, 5);
	assert_int_equal(w.sum.findings[S2V_MEDIUM], 1);
	assert_true(w.sum.complete);
}

/* Memory with two types, for which bytes are less than the sum of the events. */
static void repeated_two_types(void **state)
{
	(void)state;
	begin_wb(S2V_NO);
	for (int i = 0; i < 3; i++) {
		vcpu(1, 0, 0);
		guest_maps(&A, 0, 0x4000, NC);
		guest_maps(&A, 0, 0x4000, NGNRNE);
		end_audit();
	}
	end();
	assert_int_equal(w.n_f, 1);
}

/* The first range is another one, and all else is the same. */
static void moved(void **state)
{
	(void)state;
	begin_wb(S2V_NO);
	for (int i = 0; i < 2; i++) {
		vcpu(1, 0, 0);
		guest_maps(&A, i ? 0x8000 : 0x10000, 0x1000, NC);
		guest_maps(&A, 0x20000, 0x1000, NC);
		end_audit();
	}
	end();
	totals(2, 2, 0x2000, 0x8000, 0x21000, 0);
	assert_int_equal(w.f[1].gpa, A.gpa + 0x8000);
	assert_true(w.f[1].guest_va == HIGH + 0x8000);
}

/* The same memory with another type. */
static void another_type(void **state)
{
	(void)state;
	begin_wb(S2V_NO);
	for (int i = 0; i < 3; i++) {
		vcpu(1, 0, 0);
		guest_maps(&A, 0, 0x4000, i ? NGNRNE : NC);
		end_audit();
		s2v_correlator_updates(w.core, 0);
	}
	end();
	assert_int_equal(w.n_f, 2);
	assert_int_equal(w.f[1].guest, NGNRNE);
	assert_non_null(strstr(w.f[1].explain, "device-nGnRnE"));
	assert_int_equal(w.f[1].count, 1);
	assert_true(w.f[1].time == w.f[0].time);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_a_memslot), cmocka_unit_test(of_two_vms),
		cmocka_unit_test(aliases),	 cmocka_unit_test(two_types),
		cmocka_unit_test(types),	 cmocka_unit_test(not_the_guests_fault),
		cmocka_unit_test(guest_memfd),	 cmocka_unit_test(hosts),
		cmocka_unit_test(repeated),	 cmocka_unit_test(repeated_two_types),
		cmocka_unit_test(another_type),	 cmocka_unit_test(moved),
	};

	return cmocka_run_group_tests_name("guest", tests, NULL, NULL);
}
