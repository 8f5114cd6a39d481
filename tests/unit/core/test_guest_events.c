/* needs: src/core src/host src/util */
/* SPDX-License-Identifier: BSD-2-Clause */
/* Events on the guest's own stage 1 that are malformed, late, or over several ranges; VMs that end meanwhile. */
#include "core/correlate_private.h"
#include "guest_steps.h"

static const struct s2v_guest_bytes *bytes_at(__u64 gpa)
{
	const struct s2v_contract_row *r = row_at(1, gpa);

	assert_true(r->guest_walked);
	return &r->guest;
}

/* ---- over several VMAs ---- */

/* Memslot A over VMAs of these kinds, each of 0x10000 bytes; NULL: a hole. */
static void begin_vmas(const struct kind *const *k, unsigned int n)
{
	struct s2v_ev_slot ev;
	unsigned int vmas = 0;

	begin_guest(make_host(OLD, S2V_NO, S2V_NO));
	ev = (struct s2v_ev_slot){ .h = head(S2V_EV_SLOT, sizeof(ev), 1),
				   .slot = A.id,
				   .gen = A.gen,
				   .change = S2V_SLOT_FOUND,
				   .gpa = A.gpa,
				   .size = n * 0x10000,
				   .hva = A.hva };
	for (unsigned int i = 0; i < n; i++) {
		if (!k[i])
			continue;
		send_vma(&A, i * 0x10000, 0x10000, k[i], NO_PTE, S2V_NO_PA);
		vmas++;
	}
	ev.runs = ev.vmas = vmas;
	s2v_correlator_event(w.core, &ev.h);
	vcpu(1, 0, 0);
}

/* The parts of one event are ranges of their own, in a finding and in rows. */
static void split_by_vma(void **state)
{
	const struct kind *const k[] = { &anon, &file, &pfn_nc, &mix_wb };
	const struct s2v_finding *f;

	(void)state;
	begin_vmas(k, 4);
	guest_maps(&A, 0x8000, 0x2a000, NC); /* to 0x32000 */
	end_audit();
	end();
	assert_int_equal(w.sum.lost, 0);
	only(R(GUEST_NONCACHEABLE));
	f = finding(S2V_RULE_GUEST_NONCACHEABLE);
	assert_int_equal(f->count, 3);
	assert_int_equal(f->bytes, 0x8000 + 0x10000 + 0x2000); /* without pfn_nc */
	assert_int_equal(f->gpa, A.gpa + 0x8000);
	assert_int_equal(f->size, 0x8000);
	assert_int_equal(f->gpa_low, A.gpa + 0x8000);
	assert_int_equal(f->gpa_end, A.gpa + 0x32000);
	assert_true(f->guest_va == HIGH + 0x8000);
	assert_int_equal(bytes_at(A.gpa)->bytes[NC], 0x8000);
	assert_int_equal(bytes_at(A.gpa + 0x10000)->bytes[NC], 0x10000);
	assert_int_equal(bytes_at(A.gpa + 0x20000)->bytes[NC], 0x10000);
	assert_int_equal(bytes_at(A.gpa + 0x30000)->bytes[NC], 0x2000);
}

/* The address of a part that does not begin where the event does. */
static void address_of_a_part(void **state)
{
	const struct kind *const k[] = { &pfn_nc, &anon };
	const struct s2v_finding *f;

	(void)state;
	begin_vmas(k, 2);
	guest_maps(&A, 0x8000, 0x10000, NC);
	end_audit();
	end();
	f = finding(S2V_RULE_GUEST_NONCACHEABLE);
	assert_int_equal(f->gpa, A.gpa + 0x10000);
	assert_int_equal(f->hva, A.hva + 0x10000);
	assert_int_equal(f->size, 0x8000);
	assert_true(f->guest_va == HIGH + 0x10000);
}

/* Where the VMM maps nothing there is nothing to compare with. */
static void over_a_hole(void **state)
{
	const struct kind *const k[] = { &anon, NULL, &anon };

	(void)state;
	begin_vmas(k, 3);
	guest_maps(&A, 0, 0x30000, NC);
	end_audit();
	end();
	assert_int_equal(finding(S2V_RULE_GUEST_NONCACHEABLE)->bytes, 0x20000);
	assert_int_equal(finding(S2V_RULE_GUEST_NONCACHEABLE)->count, 2);
	assert_int_equal(bytes_at(A.gpa)->bytes[NC], 0x10000);
	assert_int_equal(bytes_at(A.gpa + 0x20000)->bytes[NC], 0x10000);
	/* In it alone, and beginning in it. */
	begin_vmas(k, 3);
	guest_maps(&A, 0x14000, 0x1000, NC);
	guest_maps(&A, 0x18000, 0x9000, NC); /* 0x1000 of it behind the hole */
	end_audit();
	end();
	assert_int_equal(finding(S2V_RULE_GUEST_NONCACHEABLE)->count, 1);
	assert_int_equal(finding(S2V_RULE_GUEST_NONCACHEABLE)->bytes, 0x1000);
	assert_int_equal(finding(S2V_RULE_GUEST_NONCACHEABLE)->gpa, A.gpa + 0x20000);
	assert_int_equal(w.sum.lost, 0);
}

/* An event with holes, which does not say where: the first ranges get all that fits. */
static void with_holes(void **state)
{
	const struct kind *const k[] = { &anon, &file, &anon };
	struct s2v_ev_guest ev;

	(void)state;
	begin_vmas(k, 3);
	ev = guest(&A, 0x8000, 0x28000, NC, HIGH);
	ev.bytes = 0xa000;
	ev.alias = 0x9000;
	send_guest(&ev);
	end_audit();
	end();
	/* Where the holes are is not known: the third range gets a page, so that the rule sees it. */
	assert_int_equal(finding(S2V_RULE_GUEST_NONCACHEABLE)->bytes, 0xa000 + PAGE);
	assert_int_equal(finding(S2V_RULE_GUEST_NONCACHEABLE)->guest_alias, 0x9000);
	assert_int_equal(finding(S2V_RULE_GUEST_NONCACHEABLE)->count, 3);
	assert_int_equal(bytes_at(A.gpa)->bytes[NC], 0x8000);
	assert_int_equal(bytes_at(A.gpa)->alias, 0x8000);
	assert_int_equal(bytes_at(A.gpa + 0x10000)->bytes[NC], 0x2000);
	assert_int_equal(bytes_at(A.gpa + 0x10000)->alias, 0x1000);
	assert_int_equal(bytes_at(A.gpa + 0x20000)->bytes[NC], PAGE);
	assert_true(bytes_at(A.gpa + 0x20000)->holes);
}

/* ---- malformed and late ---- */

static void malformed(void **state)
{
	static const struct {
		const char *what;
		__u64 off, size, bytes, alias;
		__u8 attr;
	} t[] = {
		{ "bytes above size", 0, 0x1000, 0x1001, 0, NC },
		{ "no size", 0x1000, 0, 0, 0, NC },
		{ "before the memslot", -0x1000ULL, 0x1000, 0x1000, 0, NC },
		{ "into the memslot", -0x1000ULL, 0x2000, 0x1000, 0, NC },
		{ "behind it", 0x400000, 0x1000, 0x1000, 0, NC },
		{ "out of it", 0x3ff000, 0x2000, 0x1000, 0, NC },
		{ "larger", 0, 0x401000, 0x1000, 0, NC },
		{ "over the end of the address space", 0x1000, ~0ULL, 0x1000, 0, NC },
		{ "alias above bytes", 0, 0x2000, 0x1000, 0x1001, NC },
		{ "no type", 0, 0x1000, 0x1000, 0, S2V_ATTR_NONE },
		{ "a type of stage 2 alone", 0, 0x1000, 0x1000, 0, S2V_ATTR_AS_S1 },
		{ "type above the last", 0, 0x1000, 0x1000, 0, S2V_ATTR_NR },
		{ "type 255", 0, 0x1000, 0x1000, 0, 255 },
	};

	(void)state;
	for (size_t i = 0; i < S2V_ARRAY_SIZE(t); i++) {
		struct s2v_ev_guest ev;

		begin_wb(S2V_NO);
		vcpu(1, 0, 0);
		ev = guest(&A, t[i].off, t[i].size, t[i].attr, HIGH);
		ev.bytes = t[i].bytes;
		ev.alias = t[i].alias;
		send_guest(&ev);
		end_audit();
		end();
		only(0);
		if (w.sum.lost != 1)
			fail_msg("%s: %llu lost", t[i].what, ULL(w.sum.lost));
		for (__u32 a = 0; a < S2V_ATTR_NR; a++)
			assert_int_equal(bytes_at(A.gpa)->bytes[a], 0);
	}
	/* A memslot that no event made. */
	begin_wb(S2V_NO);
	guest_maps(&B, 0, 0x1000, NC);
	end();
	assert_int_equal(w.sum.lost, 1);
}

/* The largest that is valid, with all that it can have. */
static void whole_memslot(void **state)
{
	struct s2v_ev_guest ev;

	(void)state;
	begin_wb(S2V_NO);
	vcpu(1, 0, 0);
	ev = guest(&A, 0, A.size, NC, HIGH);
	ev.alias = A.size;
	send_guest(&ev);
	end_audit();
	end();
	assert_int_equal(w.sum.lost, 0);
	assert_int_equal(w.f[0].bytes, A.size);
	assert_int_equal(bytes_at(A.gpa)->alias, A.size);
}

/* The memslot was deleted or replaced after the walk: no loss, and no finding on the new one. */
static void of_an_old_registration(void **state)
{
	struct mslot next = A;

	(void)state;
	for (int replaced = 0; replaced < 2; replaced++) {
		begin_wb(S2V_NO);
		vcpu(1, 0, 0);
		send_slot(&A, S2V_SLOT_DELETE, 0, 0);
		next.gen = A.gen + 1;
		if (replaced)
			create(&next, &anon, WB, RAM_PA, 0);
		guest_maps(&A, 0, 0x1000, NC);
		end_audit();
		end();
		only(0);
		assert_int_equal(w.sum.lost, 0);
		/* Of one that is still to come: malformed. */
		begin_wb(S2V_NO);
		guest_maps(&next, 0, 0x1000, NC);
		end();
		assert_int_equal(w.sum.lost, 1);
	}
}

/* ---- what ends between the walk and the end of the audit ---- */

static void deleted_before_the_end(void **state)
{
	struct mslot next = A;

	(void)state;
	for (int replaced = 0; replaced < 2; replaced++) {
		begin_wb(S2V_NO);
		vcpu(1, 0, 0);
		guest_maps(&A, 0x1000, 0x2000, NC);
		next.gen = A.gen + 1;
		if (replaced)
			create(&next, &anon, WB, RAM_PA, 0);
		else
			send_slot(&A, S2V_SLOT_DELETE, 0, 0);
		end_audit();
		end();
		only(R(GUEST_NONCACHEABLE));
		assert_int_equal(w.f[0].bytes, 0x2000);
		assert_int_equal(w.f[0].gpa, A.gpa + 0x1000);
		assert_int_equal(w.sum.lost, 0);
	}
	/* A refused registration, and new flags, end nothing. */
	begin_wb(S2V_NO);
	vcpu(1, 0, 0);
	guest_maps(&A, 0x1000, 0x2000, NC);
	create(&next, &anon, WB, RAM_PA, -EINVAL);
	send_slot(&A, S2V_SLOT_FLAGS, 0, 0);
	assert_int_equal(reported(S2V_RULE_GUEST_NONCACHEABLE, 1), 0);
	guest_maps(&A, 0x8000, 0x2000, NC);
	end_audit();
	end();
	assert_int_equal(finding(S2V_RULE_GUEST_NONCACHEABLE)->bytes, 0x4000);
}

static void vm_gone_before_the_end(void **state)
{
	(void)state;
	begin_wb(S2V_NO);
	vcpu(1, 0, 0);
	guest_maps(&A, 0, 0x1000, NC);
	vm_dead(1);
	assert_int_equal(reported(S2V_RULE_GUEST_NONCACHEABLE, 1), 1);
	audited(1, S2V_AU_GONE, 0);
	audited(2, 0, 0);
	audited(0, 0, 0);
	end();
	assert_int_equal(w.n_f, 1);
	assert_int_equal(w.sum.lost, 0);
}

/* The audit was ended early, or the recording: what it found holds. */
static void ended_early(void **state)
{
	(void)state;
	begin_wb(S2V_NO);
	vcpu(1, 0, 0);
	guest_maps(&A, 0, 0x1000, NC);
	audited(0, S2V_AU_STOPPED, 0);
	assert_int_equal(reported(S2V_RULE_GUEST_NONCACHEABLE, 1), 1);
	/* The next one begins anew. */
	vcpu(1, 0, 0);
	guest_maps(&A, 0, 0x1000, NC);
	end_audit();
	end();
	assert_int_equal(w.n_f, 1);
	assert_int_equal(bytes_at(A.gpa)->bytes[NC], 0x1000);
	begin_wb(S2V_NO);
	vcpu(1, 0, 0);
	guest_maps(&A, 0, 0x1000, NC);
	end();
	assert_int_equal(w.n_f, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(split_by_vma),
		cmocka_unit_test(address_of_a_part),
		cmocka_unit_test(over_a_hole),
		cmocka_unit_test(with_holes),
		cmocka_unit_test(malformed),
		cmocka_unit_test(whole_memslot),
		cmocka_unit_test(ended_early),
		cmocka_unit_test(of_an_old_registration),
		cmocka_unit_test(deleted_before_the_end),
		cmocka_unit_test(vm_gone_before_the_end),
	};

	return cmocka_run_group_tests_name("guest_events", tests, NULL, NULL);
}
