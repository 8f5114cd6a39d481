/* needs: src/core src/host src/util */
/* SPDX-License-Identifier: BSD-2-Clause */
/* Random audits of guests while memslots and VMs come and go: what is reported holds together, and nothing leaks. */
#include "core/correlate_private.h"
#include "guest_steps.h"

#define VMS 3
#define SLOTS 3
#define SLOT_PAGES 64

static __u64 dice = 88172645463325252ULL;

static __u64 roll(__u64 n)
{
	dice ^= dice << 13;
	dice ^= dice >> 7;
	dice ^= dice << 17;
	return dice % n;
}

static struct {
	struct mslot slot[VMS][SLOTS];
	bool there[VMS][SLOTS];
	__u32 gen[VMS];
	__u64 lost; /* events that must count as lost */
	/* Per finding: its last report. */
	struct s2v_finding last[4096];
	size_t reports;
} r;

static void check_finding(struct s2v_sink *s, const struct s2v_finding *f)
{
	struct s2v_finding *was = &r.last[f->id];

	(void)s;
	assert_true(f->id > 0 && f->id < S2V_ARRAY_SIZE(r.last));
	r.reports++;
	assert_int_equal(f->update, was->id != 0);
	if (f->rule->id == S2V_RULE_GUEST_NONCACHEABLE) {
		assert_true(f->count > 0 && f->bytes > 0);
		assert_true(f->gpa_low <= f->gpa && f->gpa + f->size <= f->gpa_end);
		assert_true(f->bytes <= f->gpa_end - f->gpa_low);
		assert_true(f->guest_alias <= f->bytes);
		assert_true(f->gpa_low >= f->slot.gpa);
		assert_true(f->gpa_end <= f->slot.gpa + f->slot.size);
		assert_true(s2v_attr_is_noncacheable(f->guest));
		assert_true(s2v_attr_is_cacheable(f->s1));
		/* An update has something new. */
		assert_false(f->update && f->count == was->count && f->bytes == was->bytes &&
			     f->gpa_low == was->gpa_low && f->gpa_end == was->gpa_end &&
			     f->guest == was->guest && f->guest_alias == was->guest_alias);
	}
	*was = *f;
}

static void check_row(struct s2v_sink *s, const struct s2v_contract_row *row)
{
	(void)s;
	if (!row->guest_walked)
		return;
	assert_true(row->guest.alias <= SLOT_PAGES * PAGE * 1000);
	assert_int_equal(row->guest.bytes[S2V_ATTR_NONE], 0);
	assert_int_equal(row->guest.bytes[S2V_ATTR_AS_S1], 0);
}

static struct mslot *pick(__u32 *vm, int *i)
{
	*vm = 1 + (__u32)roll(VMS);
	*i = (int)roll(SLOTS);
	return &r.slot[*vm - 1][*i];
}

/* Registers, deletes, or gives a part of it another backing. */
static void change_slot(void)
{
	__u32 vm;
	int i;
	struct mslot *s = pick(&vm, &i);
	bool *there = &r.there[vm - 1][i];

	if (*there && roll(3) == 0) {
		send_slot(s, S2V_SLOT_DELETE, 0, 0);
		*there = false;
		return;
	}
	if (*there && roll(2)) {
		map_vma(s, roll(SLOT_PAGES / 2) * PAGE, (1 + roll(SLOT_PAGES / 2)) * PAGE,
			roll(2) ? &file : &pfn_nc, (__u8)(roll(2) ? WB : NC), RAM_PA,
			roll(2) ? WB : NC);
		return;
	}
	*s = (struct mslot){ .vm = vm,
			     .id = (__s16)i,
			     .gen = ++r.gen[vm - 1],
			     .gpa = 0x40000000 + (__u64)i * SLOT_PAGES * PAGE,
			     .size = SLOT_PAGES * PAGE,
			     .hva = 0x7f0000000000 + ((__u64)vm << 32) + ((__u64)i << 24) };
	*there = true;
	create(s, roll(4) ? &anon : &pfn_nc, NO_PTE, S2V_NO_PA, 0);
}

/* An event on guest memory, of this registration, of the one before, or malformed. */
static void send_pages(void)
{
	__u32 vm;
	int i;
	const struct mslot *s = pick(&vm, &i);
	__u64 off = roll(SLOT_PAGES), n = 1 + roll(SLOT_PAGES - off);
	struct s2v_ev_guest ev;

	if (!r.there[vm - 1][i])
		return;
	ev = guest(s, off * PAGE, n * PAGE, 1 + (__u32)roll(S2V_ATTR_DEVICE_nGnRnE), HIGH);
	ev.bytes = roll(2) ? n * PAGE : (1 + roll(n)) * PAGE;
	ev.alias = roll(2) ? 0 : roll(ev.bytes + 1);
	switch (roll(20)) {
	case 0:
		ev.gen--; /* has been replaced */
		break;
	case 1:
		ev.gen++;
		r.lost++;
		break;
	case 2:
		ev.bytes = ev.size + 1;
		r.lost++;
		break;
	case 3:
		ev.size = (SLOT_PAGES - off + 1) * PAGE;
		r.lost++;
		break;
	}
	send_guest(&ev);
}

static void any_step(void)
{
	static const __u32 flags[] = { 0, S2V_VC_OFF, S2V_VC_BOUND, S2V_VC_MMU_OFF };
	__u32 vm;
	int i;
	const struct mslot *s = pick(&vm, &i);

	switch (roll(16)) {
	case 0:
	case 1:
		change_slot();
		break;
	case 2:
		if (r.there[vm - 1][i])
			report_leaves(s, 0, SLOT_PAGES, WB, roll(5) ? WB : NC, RAM_PA);
		break;
	case 3:
	case 4:
		audited(vm, 0, 0);
		break;
	case 5:
		audited(0, roll(2) ? S2V_AU_STOPPED : 0, 0);
		break;
	case 6:
		vcpu(vm, (int)roll(4), flags[roll(4)]);
		break;
	case 7:
		s2v_correlator_updates(w.core, 0);
		if (roll(4) == 0)
			s2v_correlator_contract(w.core);
		break;
	case 8:
		if (roll(20))
			break;
		vm_dead(vm);
		send_vm(S2V_EV_VM_NEW, vm, true);
		memset(r.there[vm - 1], 0, sizeof(r.there[0]));
		break;
	default:
		send_pages();
	}
}

/* As end(), which counts the findings that events.h keeps. */
static void finish(void)
{
	struct s2v_summary sum = { 0 };

	s2v_correlator_finish(w.core, &sum);
	s2v_correlator_free(w.core);
	w.core = NULL;
	assert_int_equal(w.sum.lost, r.lost);
}

static void random_audits(void **state)
{
	size_t reports = 0;

	(void)state;
	for (int round = 0; round < 60; round++) {
		memset(&r, 0, sizeof(r));
		begin_guest(make_host(LATEST, S2V_NO, (int)roll(2)));
		send_vm(S2V_EV_VM_NEW, 3, true);
		w.sink.finding = check_finding;
		w.sink.memslot = check_row;
		for (int i = 0; i < 1500; i++)
			any_step();
		finish();
		reports += r.reports;
	}
	assert_true(reports > 1000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(random_audits),
	};

	return cmocka_run_group_tests_name("guest_random", tests, NULL, NULL);
}
