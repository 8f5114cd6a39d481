// SPDX-License-Identifier: BSD-2-Clause
/* Expanding short records to whole events. */
/* needs: src/live/brief.c */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "live/brief.h"

#define CPUS 3
#define GPA 0x40000000ULL
#define HVA 0x7f0000000000ULL

static struct s2v_briefs briefs(__u32 page_shift)
{
	struct s2v_briefs b;

	assert_int_equal(s2v_briefs_init(&b, CPUS, page_shift), 0);
	return b;
}

/* A map of the first page of a memslot, reported in full under a name. */
static struct s2v_named_page map_of(__u32 name, __u32 vm)
{
	return (struct s2v_named_page){ .ev = {
		.h = { .type = S2V_EV_MAP,
		       .len = sizeof(struct s2v_ev_page),
		       .time = 1000,
		       .vm = vm,
		       .tgid = 77 },
		.vcpu = 0,
		.slot = 5,
		.gen = 9,
		.slot_gpa = GPA,
		.slot_size = 64ULL << 20,
		.slot_hva = HVA,
		.gpa = GPA,
		.gpa_last = GPA,
		.size = 4096,
		.hva = HVA,
		.pa = 0x80000000,
		.prot = 7,
		.count = 1,
		.flags = S2V_PG_FIRST | S2V_PG_ALL | S2V_PG_HCR | S2V_PG_FWB | S2V_PG_EXEC,
		.s2 = S2V_ATTR_NORMAL_WB,
		.vma = { .start = HVA, .end = HVA + (64ULL << 20), .attr = S2V_ATTR_NORMAL_WB },
		}, .window = name,
	};
}

static struct s2v_brief brief_of(__u32 name)
{
	return (struct s2v_brief){
		.type = S2V_EV_BRIEF,
		.flags = S2V_PG_WRITE,
		.time = 5000,
		.window = name,
		.vcpu = 3,
		.gpa = GPA + 0x200000,
		.size = 0x200000,
		.pa = 0x90000000,
		.prot = 6,
		.fault = GPA + 0x230000,
		.dur = 321,
	};
}

static void note(struct s2v_briefs *b, __u32 name, __u32 vm)
{
	struct s2v_named_page ev = map_of(name, vm);

	s2v_brief_note(b, &ev, sizeof(ev));
}

static void a_map_and_its_fault(void **state)
{
	struct s2v_brief in = brief_of(S2V_WINDOW_NAME(1, 4));
	struct s2v_briefs b = briefs(16);
	struct s2v_ev_page out[2];

	(void)state;
	note(&b, in.window, 2);
	assert_true(s2v_brief_expand(&b, &in, out));

	/* The map: addresses, size and protection from the short record, all else from the earlier map. */
	assert_int_equal(out[0].h.type, S2V_EV_MAP);
	assert_int_equal(out[0].h.len, sizeof(out[0]));
	assert_int_equal(out[0].h.time, 5000);
	assert_int_equal(out[0].h.vm, 2);
	assert_int_equal(out[0].h.tgid, 77);
	assert_int_equal(out[0].vcpu, 3);
	assert_int_equal(out[0].gpa, GPA + 0x200000);
	assert_int_equal(out[0].gpa_last, GPA + 0x200000);
	assert_int_equal(out[0].hva, HVA + 0x200000);
	assert_int_equal(out[0].size, 0x200000);
	assert_int_equal(out[0].pa, 0x90000000);
	assert_int_equal(out[0].prot, 6);
	assert_int_equal(out[0].count, 1);
	assert_int_equal(out[0].slot, 5);
	assert_int_equal(out[0].gen, 9);
	assert_int_equal(out[0].s2, S2V_ATTR_NORMAL_WB);
	assert_int_equal(out[0].vma.start, HVA);
	assert_int_equal(out[0].vma.attr, S2V_ATTR_NORMAL_WB);
	/* Not the first, not executable, HCR_EL2 not read. */
	assert_int_equal(out[0].flags, S2V_PG_ALL | S2V_PG_WRITE);

	/* The fault: of one page, with no attributes of the mapping. */
	assert_int_equal(out[1].h.type, S2V_EV_FAULT);
	assert_int_equal(out[1].h.len, sizeof(out[1]));
	assert_int_equal(out[1].h.time, 5000);
	assert_int_equal(out[1].h.vm, 2);
	assert_int_equal(out[1].vcpu, 3);
	assert_int_equal(out[1].gpa, GPA + 0x230000);
	assert_int_equal(out[1].hva, HVA + 0x230000);
	assert_int_equal(out[1].size, 65536);
	assert_int_equal(out[1].slot_gpa, GPA);
	assert_int_equal(out[1].slot_size, 64ULL << 20);
	assert_int_equal(out[1].gen, 9);
	assert_true(out[1].pa == S2V_NO_PA);
	assert_int_equal(out[1].prot, 0);
	assert_int_equal(out[1].dur, 321);
	assert_int_equal(out[1].err, 0);
	assert_int_equal(out[1].flags, S2V_PG_ALL);
	assert_int_equal(out[1].s2, S2V_ATTR_NONE);
	assert_int_equal(out[1].vma.end, 0);
	s2v_briefs_free(&b);
}

/* Only the last two names of each CPU are known. */
static void names(void **state)
{
	struct s2v_briefs b = briefs(12);
	struct s2v_brief in[4];
	struct s2v_ev_page out[2];

	(void)state;
	for (__u32 i = 0; i < 4; i++)
		in[i] = brief_of(S2V_WINDOW_NAME(2, 100 + i));
	assert_false(s2v_brief_expand(&b, &in[0], out));
	note(&b, in[0].window, 1);
	note(&b, in[1].window, 2);
	note(&b, S2V_WINDOW_NAME(1, 101), 9);
	assert_true(s2v_brief_expand(&b, &in[0], out));
	assert_int_equal(out[0].h.vm, 1);
	assert_true(s2v_brief_expand(&b, &in[1], out));
	assert_int_equal(out[1].h.vm, 2);
	note(&b, in[2].window, 3);
	assert_false(s2v_brief_expand(&b, &in[0], out));
	assert_true(s2v_brief_expand(&b, &in[1], out));
	assert_true(s2v_brief_expand(&b, &in[2], out));
	assert_int_equal(out[0].h.vm, 3);
	assert_false(s2v_brief_expand(&b, &in[3], out));
	s2v_briefs_free(&b);
}

/* Records that the BPF side cannot have written are rejected. */
static void nonsense(void **state)
{
	struct s2v_brief in = brief_of(S2V_WINDOW_NAME(CPUS, 1));
	struct s2v_briefs b = briefs(12), none = { 0 };
	struct s2v_named_page ev = map_of(S2V_WINDOW_NAME(0, 1), 1);
	struct s2v_ev_page out[2];

	(void)state;
	note(&b, in.window, 1); /* no such CPU */
	assert_false(s2v_brief_expand(&b, &in, out));
	in.window = 0;
	note(&b, 0, 1);
	assert_false(s2v_brief_expand(&b, &in, out));
	/* Only maps have names; a truncated event is ignored. */
	in.window = ev.window;
	ev.ev.h.type = S2V_EV_PERM;
	s2v_brief_note(&b, &ev, sizeof(ev));
	assert_false(s2v_brief_expand(&b, &in, out));
	ev.ev.h.type = S2V_EV_MAP;
	s2v_brief_note(&b, &ev, sizeof(ev) - 8);
	assert_false(s2v_brief_expand(&b, &in, out));
	note(&none, in.window, 1);
	assert_false(s2v_brief_expand(&none, &in, out));
	s2v_briefs_free(&none);
	s2v_briefs_free(&b);

	assert_false(s2v_is_brief(&in, sizeof(in) - 1));
	assert_true(s2v_is_brief(&in, sizeof(in)));
	assert_false(s2v_is_brief(&ev, sizeof(ev)));
	assert_int_not_equal(s2v_briefs_init(&b, -1, 12), 0);
}

/* No name is 0, each has its CPU, and two successive names use different entries. */
static void names_wrap(void **state)
{
	__u32 most = 1U << S2V_WINDOW_BITS;

	(void)state;
	for (__u32 n = 0; n < 2 * most + 5; n++) {
		assert_int_not_equal(S2V_WINDOW_NAME(0, n), 0);
		assert_int_equal(S2V_WINDOW_NAME(7, n) >> S2V_WINDOW_BITS, 7);
		assert_int_not_equal(S2V_WINDOW_NAME(7, n) & 1, S2V_WINDOW_NAME(7, n + 1) & 1);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_map_and_its_fault),
		cmocka_unit_test(names),
		cmocka_unit_test(nonsense),
		cmocka_unit_test(names_wrap),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
