// SPDX-License-Identifier: BSD-2-Clause
/* needs: src/live/guest.c src/live/guest_read.c src/core/stage1.c src/core/names.c src/util/intervals.c src/util/util.c src/util/utf8.c */
/*
 * The guest's side of an audit: vCPUs, their tables in a fake memory, and the events. The BPF side and the reading of
 * registers are faked.
 */
#include "guest_walk.h"

/* ---- what is found ---- */

static void one_page(void **state)
{
	(void)state;
	begin();
	map(ROOT, HIGH + 0x3000, RAM_GPA + 0x5000, TYPE_NC);
	map(ROOT, HIGH + 0x4000, RAM_GPA + 0x6000, TYPE_NC);
	map(ROOT, HIGH + 0x5000, 0x5000, TYPE_NC); /* in no memslot */
	assert_int_equal(audit(), 0);
	assert_int_equal(x.n_vc, 1);
	assert_int_equal(x.vc[0].vcpu, 10);
	assert_int_equal(x.vc[0].flags, 0);
	assert_int_equal(x.vc[0].tables, 3);
	assert_int_equal(x.vc[0].leaves, 3);
	assert_int_equal(x.vc[0].absent, 0);
	assert_int_equal(x.vc[0].tcr, TCR | EPD0);
	assert_int_equal(x.vc[0].ttbr1, ROOT);
	assert_int_equal(x.n_ev, 1);
	event_is(0, 0, RAM_GPA + 0x5000, 0x2000, NC, HIGH + 0x3000);
	assert_int_equal(x.ev[0].vcpu, 10);
	assert_int_equal(x.ev[0].alias, 0);
	/* Cacheable memory is reported, too, and walked once. */
	begin();
	map(ROOT, HIGH, RAM_GPA, TYPE_WB);
	assert_int_equal(audit(), 0);
	assert_int_equal(x.n_ev, 1);
	event_is(0, 0, RAM_GPA, 0x1000, WB, HIGH);
	assert_int_equal(x.steps, 3);
}

/* A block over the end of a memslot, over a gap and over two that touch. */
static void memslots(void **state)
{
	(void)state;
	begin();
	x.slot[0].size = 0x100000;
	x.slot[1] = (struct s2v_guest_slot){
		.gpa = RAM_GPA + 0x100000, .size = 0x80000, .gen = 5, .id = 3
	};
	x.slot[2] = (struct s2v_guest_slot){
		.gpa = RAM_GPA + 0x190000, .size = 0x1000, .gen = 6, .id = 4
	};
	x.n_slots = 3;
	put(ROOT, 0, BLOCK(RAM_GPA, TYPE_NC));
	assert_int_equal(audit(), 0);
	assert_int_equal(x.n_ev, 3);
	event_is(0, 0, RAM_GPA, 0x100000, NC, HIGH);
	event_is(1, 1, RAM_GPA + 0x100000, 0x80000, NC, HIGH + 0x100000);
	event_is(2, 2, RAM_GPA + 0x190000, 0x1000, NC, HIGH + 0x190000);
}

/* Adjacent memslots whose pages are at unrelated addresses. */
static void adjacent_memslots(void **state)
{
	(void)state;
	begin();
	x.slot[0].size = 0x2000;
	x.slot[1] = (struct s2v_guest_slot){
		.gpa = RAM_GPA + 0x2000, .size = 0x2000, .gen = 5, .id = 3
	};
	x.n_slots = 2;
	map(ROOT, HIGH + 0x7000, RAM_GPA + 0x1000, TYPE_NC);
	map(ROOT, HIGH + 0x1000, RAM_GPA + 0x2000, TYPE_NC);
	map(ROOT, HIGH + 0x9000, RAM_GPA + 0x2000, TYPE_WB);
	assert_int_equal(audit(), 0);
	assert_int_equal(x.n_ev, 3);
	event_is(0, 0, RAM_GPA + 0x1000, 0x1000, NC, HIGH + 0x7000);
	assert_int_equal(x.ev[0].alias, 0);
	event_is(1, 1, RAM_GPA + 0x2000, 0x1000, WB, HIGH + 0x9000);
	event_is(2, 1, RAM_GPA + 0x2000, 0x1000, NC, HIGH + 0x1000);
	assert_int_equal(x.ev[2].alias, 0x1000);
}

/* Memory that is mapped Write-Back, and tagged by the linear map, is an alias once. */
static void alias(void **state)
{
	(void)state;
	begin();
	for (__u64 i = 0; i < 6; i++) {
		map(ROOT, HIGH + (i << 12), RAM_GPA + (i << 12), TYPE_NC);
		if (i == 1 || i == 2)
			map(ROOT, HIGH + 0x10000 + (i << 12), RAM_GPA + (i << 12), TYPE_WB);
		if (i >= 2 && i != 4)
			map(ROOT, HIGH + 0x20000 + (i << 12), RAM_GPA + (i << 12), TYPE_TAGGED);
	}
	assert_int_equal(audit(), 0);
	for (size_t i = 0; i < x.n_ev; i++) {
		assert_true(x.ev[i].alias <= x.ev[i].bytes);
		if (x.ev[i].attr == NC) /* pages 1, 2, 3 and 5 */
			assert_int_equal(x.ev[i].alias, 0x4000);
		else
			assert_int_equal(x.ev[i].alias, 0);
	}
	assert_int_equal(x.n_ev, 1 + 1 + 2);
}

/* Beyond the bound of events the last one covers the rest, with holes. */
static void many_ranges(void **state)
{
	const unsigned int types[2] = { TYPE_WB, TYPE_NC }, most[2] = { 16, 256 };

	(void)state;
	for (int t = 0; t < 2; t++) {
		const struct s2v_ev_guest *last;
		__u64 bytes = 0;

		begin();
		for (__u64 i = 0; i < 300; i++) /* every other page */
			map(ROOT, HIGH + (i << 13), RAM_GPA + (i << 13), types[t]);
		assert_int_equal(audit(), 0);
		assert_int_equal(x.n_ev, most[t]);
		for (size_t i = 0; i + 1 < x.n_ev; i++)
			event_is(i, 0, RAM_GPA + (i << 13), 0x1000, t ? NC : WB, HIGH + (i << 13));
		last = &x.ev[x.n_ev - 1];
		assert_int_equal(last->gpa, RAM_GPA + ((most[t] - 1ULL) << 13));
		assert_int_equal(last->gpa + last->size, RAM_GPA + (299 << 13) + 0x1000);
		for (size_t i = 0; i < x.n_ev; i++)
			bytes += x.ev[i].bytes;
		assert_int_equal(bytes, 300 << 12);
	}
}

/* ---- vCPUs ---- */

#define OTHER_ROOT (ROOT + 0x10000000)

static void equal_vcpus_are_walked_once(void **state)
{
	(void)state;
	begin();
	x.n_vcpus = 4;
	x.vcpu[1].ttbr[1] |= 0x1234ULL << 48 | 1; /* ASID, CnP */
	x.vcpu[2].mair = 0x44ff;
	x.vcpu[3].ttbr[1] = OTHER_ROOT;
	map(ROOT, HIGH, RAM_GPA, TYPE_WB);
	map(OTHER_ROOT, HIGH, RAM_GPA + 0x10000, TYPE_WB);
	assert_int_equal(audit(), 0);
	assert_int_equal(x.n_vc, 4);
	for (__u32 i = 0; i < 4; i++) {
		assert_int_equal(x.vc[i].vcpu, 10 + i);
		assert_int_equal(x.vc[i].flags, i == 1 ? S2V_VC_SHARED : 0);
		assert_int_equal(x.vc[i].tables, i == 1 ? 0 : 3);
	}
	assert_int_equal(x.n_ev, 2);
}

static void vcpus_without_tables(void **state)
{
	static const struct {
		__u64 sctlr, tcr, tcr2;
		__u32 flags, want;
	} t[] = {
		{ 0, TCR, 0, 0, S2V_VC_MMU_OFF },
		{ S2V_SCTLR_C, TCR, 0, S2V_VC_TVM, S2V_VC_MMU_OFF | S2V_VC_TVM },
		{ S2V_SCTLR_M, TCR, 0, 0, S2V_VC_CACHE_OFF },
		{ S2V_SCTLR_M | S2V_SCTLR_C, TCR, 0, S2V_VC_OFF, S2V_VC_OFF },
		{ S2V_SCTLR_M | S2V_SCTLR_C, TCR, 0, S2V_VC_NESTED, S2V_VC_NESTED },
		{ 0, 0, 0, S2V_VC_NO_REGS, S2V_VC_NO_REGS },
		{ S2V_SCTLR_M | S2V_SCTLR_C, TCR, 1 << 5 /* D128 */, 0, S2V_VC_FORMAT },
		{ S2V_SCTLR_M | S2V_SCTLR_C, TCR | EPD0 | EPD1, 0, 0, 0 },
	};

	(void)state;
	for (size_t i = 0; i < S2V_ARRAY_SIZE(t); i++) {
		begin();
		map(ROOT, HIGH, RAM_GPA, TYPE_NC);
		x.vcpu[0].sctlr = t[i].sctlr;
		x.vcpu[0].tcr = t[i].tcr;
		x.vcpu[0].tcr2 = t[i].tcr2;
		x.vcpu[0].flags = t[i].flags;
		assert_int_equal(audit(), 0);
		assert_int_equal(x.n_vc, 1);
		assert_int_equal(x.vc[0].flags, t[i].want);
		assert_int_equal(x.n_ev, 0);
		assert_int_equal(x.steps, 0);
	}
	begin();
	x.n_vcpus = 0;
	assert_int_equal(audit(), 0);
	assert_int_equal(x.n_vc + x.n_ev, 0);
}

/* ---- tables that cannot be read ---- */

static void unread_tables(void **state)
{
	static const struct {
		__u32 state, flags;
		unsigned int times;
		__u64 absent;
	} t[] = {
		{ S2V_CHUNK_NOT_RAM, S2V_VC_NOT_RAM, ~0U, 0 },
		{ S2V_CHUNK_FAILED, S2V_VC_FAILED, ~0U, 0 },
		{ S2V_CHUNK_ABSENT, 0, ~0U, 1 },
		{ S2V_CHUNK_CHANGED, S2V_VC_CHANGED, ~0U, 0 },
		{ S2V_CHUNK_CHANGED, 0, 5, 0 }, /* settles */
	};

	(void)state;
	for (size_t i = 0; i < S2V_ARRAY_SIZE(t); i++) {
		begin();
		map(ROOT, HIGH, RAM_GPA, TYPE_NC);
		map(ROOT, HIGH + G(1), RAM_GPA + 0x10000, TYPE_NC);
		x.n_vcpus = 2;
		x.bad_ipa = L2(ROOT, 1);
		x.bad_state = t[i].state;
		x.bad_times = t[i].times;
		assert_int_equal(audit(), 0);
		assert_int_equal(x.vc[0].flags, t[i].flags);
		/* An equal vCPU is not walked either, or shares what was. */
		assert_int_equal(x.vc[1].flags, t[i].flags ? t[i].flags : S2V_VC_SHARED);
		/* It is read twice, and counts once. */
		assert_int_equal(x.vc[0].absent, t[i].absent);
		/* What can be read is reported. */
		assert_int_equal(x.n_ev, t[i].flags || t[i].absent ? 1 : 2);
		event_is(0, 0, RAM_GPA, 0x1000, NC, HIGH);
		assert_true(x.steps < 200);
	}
}

/* Tables that lead to each other: bounded, for all vCPUs together. */
static void loops(void **state)
{
	(void)state;
	begin();
	x.n_vcpus = 3;
	x.vcpu[1].ttbr[1] = OTHER_ROOT;
	x.vcpu[2].mair = 0x44ff;
	for (__u64 i = 0; i < 512; i++)
		put(ROOT, i, TABLE(ROOT));
	map(OTHER_ROOT, HIGH, RAM_GPA, TYPE_WB);
	assert_int_equal(audit(), 0);
	assert_int_equal(x.vc[0].flags, S2V_VC_BOUND);
	assert_int_equal(x.vc[2].flags, S2V_VC_BOUND);
	/* 1G has 512 tables of level 3: twice that and 4096 for each vCPU, and once more. */
	assert_true(x.vc[0].tables + x.vc[1].tables + x.vc[2].tables <= 4 * (4096 + 1024));
}

/* ---- while the guest runs ---- */

/* The first walk is steps 1 to 3. */
static void at_step_4(void)
{
	if (x.steps == 4)
		map(ROOT, HIGH, RAM_GPA, TYPE_WB);
}

/* A page that is not cacheable at the first walk, and is at the second. */
static void gone_at_the_second_walk(void **state)
{
	(void)state;
	begin();
	map(ROOT, HIGH, RAM_GPA, TYPE_NC);
	map(ROOT, HIGH + 0x2000, RAM_GPA + 0x2000, TYPE_NC);
	x.before_step = at_step_4;
	assert_int_equal(audit(), 0);
	assert_int_equal(x.vc[0].flags, 0);
	assert_int_equal(x.n_ev, 1);
	event_is(0, 0, RAM_GPA + 0x2000, 0x1000, NC, HIGH + 0x2000);
	assert_int_equal(x.vc[0].tables, 3);
}

static void another_root(void)
{
	/* 1: the vCPU, 2: there is no other, 3 to 5: to confirm */
	x.vcpu[0].ttbr[1] = x.reads == 1 || x.reads == 4 ? ROOT : OTHER_ROOT;
}

/* Other tables after each walk: what is found cannot be confirmed. */
static void never_confirmed(void **state)
{
	(void)state;
	begin();
	map(ROOT, HIGH, RAM_GPA, TYPE_NC);
	map(OTHER_ROOT, HIGH, RAM_GPA, TYPE_NC);
	x.before_read = another_root;
	assert_int_equal(audit(), 0);
	assert_int_equal(x.vc[0].flags, S2V_VC_CHANGED);
	assert_int_equal(x.n_ev, 0);
}

static void mmu_off_from_read_3(void)
{
	if (x.reads == 3)
		x.vcpu[0].sctlr = 0;
}

/* The MMU is turned off before the second walk is over. */
static void turned_off(void **state)
{
	(void)state;
	begin();
	map(ROOT, HIGH, RAM_GPA, TYPE_NC);
	x.before_read = mmu_off_from_read_3;
	assert_int_equal(audit(), 0);
	assert_int_equal(x.vc[0].flags, S2V_VC_MMU_OFF);
	assert_int_equal(x.n_ev, 0);
}

static void running_at_read_3(void)
{
	if (x.reads == 3)
		x.vcpu[0].flags = S2V_VC_STALE;
}

/* Registers that are old when they confirm are old. */
static void stale(void **state)
{
	(void)state;
	begin();
	map(ROOT, HIGH, RAM_GPA, TYPE_NC);
	x.before_read = running_at_read_3;
	assert_int_equal(audit(), 0);
	assert_int_equal(x.vc[0].flags, S2V_VC_STALE);
	assert_int_equal(x.n_ev, 1);
}

#define LOW_A (ROOT + 0x20000000)
#define LOW_B (ROOT + 0x30000000)

static void switches(void)
{
	/* 1, 2: the vCPUs, 3: there is no other, 4: confirms TTBR1 */
	if (x.reads == 4)
		x.vcpu[0].ttbr[0] = LOW_B;
}

/*
 * vCPU 0 runs the process of LOW_A while its TTBR0 is walked, and that of LOW_B when its TTBR1 is confirmed. vCPU 1
 * runs that of LOW_B: nothing has walked it yet.
 */
static void walked_is_what_was_walked(void **state)
{
	(void)state;
	begin();
	x.n_vcpus = 2;
	for (int i = 0; i < 2; i++) {
		x.vcpu[i].tcr = TCR;
		x.vcpu[i].ttbr[0] = i ? LOW_B : LOW_A;
	}
	map(ROOT, HIGH, RAM_GPA, TYPE_NC);
	map(LOW_A, 0, RAM_GPA + 0x10000, TYPE_WB);
	map(LOW_B, 0, RAM_GPA + 0x20000, TYPE_WB);
	x.before_read = switches;
	assert_int_equal(audit(), 0);
	assert_int_equal(x.vc[1].flags, 0);
	assert_int_equal(x.vc[1].tables, 3);
	assert_int_equal(x.n_ev, 3);
	event_is(0, 0, RAM_GPA + 0x10000, 0x1000, WB, 0);
	event_is(1, 0, RAM_GPA + 0x20000, 0x1000, WB, 0);
}

/* ---- what ends an audit ---- */

static void ended(void **state)
{
	(void)state;
	begin();
	map(ROOT, HIGH, RAM_GPA, TYPE_NC);
	x.step_err = -ESRCH;
	assert_int_equal(audit(), -ESRCH);
	assert_int_equal(x.n_vc + x.n_ev, 0);
	x.step_err = 0;
	for (x.pace_ends = 1; x.pace_ends <= 6; x.pace_ends++) {
		assert_int_equal(audit(), -EINTR);
		assert_int_equal(x.n_vc + x.n_ev, 0);
	}
	assert_int_equal(audit(), 0);
	assert_int_equal(x.n_vc + x.n_ev, 2);
	x.vm_gone = true;
	assert_int_equal(audit(), 0);
	assert_int_equal(x.n_vc + x.n_ev, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_page),
		cmocka_unit_test(memslots),
		cmocka_unit_test(adjacent_memslots),
		cmocka_unit_test(alias),
		cmocka_unit_test(many_ranges),
		cmocka_unit_test(equal_vcpus_are_walked_once),
		cmocka_unit_test(vcpus_without_tables),
		cmocka_unit_test(unread_tables),
		cmocka_unit_test(loops),
		cmocka_unit_test(gone_at_the_second_walk),
		cmocka_unit_test(never_confirmed),
		cmocka_unit_test(turned_off),
		cmocka_unit_test(stale),
		cmocka_unit_test(walked_is_what_was_walked),
		cmocka_unit_test(ended),
	};

	return cmocka_run_group_tests_name("guest_walk", tests, NULL, NULL);
}
