// SPDX-License-Identifier: BSD-2-Clause
/* needs: src/live/kinds.c */
/* Kinds of an ended memslot or VM: each comes back with its own key, and no others do. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

#include "live/kinds.h"

static struct s2v_kinds x;
static struct s2v_agg_key got[64];
static unsigned int n_got, n_slots;

static void take(void *arg, const struct s2v_agg_key *key)
{
	(void)arg;
	got[n_got++ % S2V_ARRAY_SIZE(got)] = *key;
}

static void take_slot(void *arg, const struct s2v_slot_key *key)
{
	(void)arg;
	(void)key;
	n_slots++;
}

static const struct s2v_kinds_fn fn = { take, take_slot, NULL };

static void ends(struct s2v_kinds_end end)
{
	n_got = n_slots = 0;
	s2v_kinds_end(&x, &end, &fn);
}

static struct s2v_ev_page an_event(__u32 vm, __s16 slot, __u32 gen)
{
	struct s2v_ev_page ev;

	memset(&ev, 0xa5, sizeof(ev)); /* fields that are not part of the key do not matter */
	ev.h.type = S2V_EV_MAP;
	ev.h.vm = vm;
	ev.slot = slot;
	ev.as_id = 0;
	ev.gen = gen;
	ev.err = 0;
	ev.s2 = S2V_ATTR_NORMAL_WB;
	ev.flags = S2V_PG_FIRST | S2V_PG_WRITE | S2V_PG_ANY_VMA;
	ev.vma.flags = S2V_VMA_FILE;
	ev.vma.attr = S2V_ATTR_NORMAL_WB;
	ev.vma.pte_attr = S2V_ATTR_NONE;
	return ev;
}

static void add(__u32 vm, __s16 slot, __u32 gen)
{
	const struct s2v_ev_page ev = an_event(vm, slot, gen);

	s2v_kinds_page(&x, &ev);
}

/* All bytes of the key must be equal: the BPF map compares them all. */
static void keys_come_back(void **state)
{
	struct s2v_ev_page ev = an_event(7, -1, 0xfffffff0);
	struct s2v_agg_key key;

	(void)state;
	ev.h.type = S2V_EV_FAULT;
	ev.err = -14;
	ev.flags = S2V_PG_FIRST | S2V_PG_EXEC | S2V_PG_NO_VMA | S2V_PG_NO_PTE | S2V_PG_HCR;
	ev.vma.flags = S2V_VMA_GMEM | S2V_VMA_PFNMAP;
	ev.vma.start = 0xffff800000001000;
	ev.vma.attr = S2V_ATTR_NORMAL_NC;
	ev.vma.pte_attr = S2V_ATTR_UNKNOWN;
	ev.s2 = S2V_ATTR_DEVICE_nGnRE;
	s2v_kinds_page(&x, &ev);
	memset(&key, 0x5a, sizeof(key));
	s2v_agg_key_of(&key, &ev);
	assert_int_equal(key.vma_start, ev.vma.start);
	assert_int_equal(key.pg_flags, S2V_PG_EXEC | S2V_PG_NO_VMA | S2V_PG_NO_PTE);
	ends((struct s2v_kinds_end){ .vm = 7, .all = true });
	assert_int_equal(n_got, 1);
	assert_memory_equal(&got[0], &key, sizeof(key));
	/* With ANY_VMA the key has no VMA; without FIRST the event adds no kind. */
	ev.flags |= S2V_PG_ANY_VMA;
	s2v_agg_key_of(&key, &ev);
	assert_int_equal(key.vma_start, 0);
	ev.flags &= ~S2V_PG_FIRST;
	s2v_kinds_page(&x, &ev);
	assert_null(x.vms);
}

static void one_memslot(void **state)
{
	(void)state;
	for (__s16 slot = 0; slot < 5; slot++)
		for (__u32 vm = 1; vm <= 2; vm++)
			add(vm, slot, 1 + (__u32)slot);
	add(1, 3, 4);
	add(1, 3, 9); /* registered again */
	ends((struct s2v_kinds_end){ .vm = 1, .slot = 3, .gen = 4 });
	assert_int_equal(n_got, 2);
	for (int i = 0; i < 2; i++)
		assert_true(got[i].vm == 1 && got[i].slot == 3 && got[i].gen == 4);
	ends((struct s2v_kinds_end){ .vm = 1, .slot = 3, .gen = 4 });
	assert_int_equal(n_got, 0);
	ends((struct s2v_kinds_end){ .vm = 1, .slot = 3, .as_id = 1, .gen = 100 });
	assert_int_equal(n_got, 0);
	ends((struct s2v_kinds_end){ .vm = 1, .slot = 3, .gen = 9 });
	assert_int_equal(n_got, 1);
	ends((struct s2v_kinds_end){ .vm = 1, .all = true });
	assert_int_equal(n_got, 4);
	ends((struct s2v_kinds_end){ .vm = 2, .all = true });
	assert_int_equal(n_got, 5);
	assert_null(x.vms);
}

/* Registered memslots, with and without mappings. */
static void memslots(void **state)
{
	(void)state;
	for (__s16 slot = 0; slot < 3; slot++)
		s2v_kinds_slot(&x, &(struct s2v_slot_key){ .vm = 1, .slot = slot });
	add(1, 0, 1);
	add(1, S2V_NO_SLOT, 0); /* outside memslots: there is no registration to delete */
	ends((struct s2v_kinds_end){ .vm = 1, .slot = 2, .gen = 3 });
	assert_int_equal(n_slots, 0); /* the BPF side has deleted it */
	ends((struct s2v_kinds_end){ .vm = 1, .all = true });
	assert_int_equal(n_got, 2);
	assert_int_equal(n_slots, 2);
	add(1, 0, 1);
	s2v_kinds_free(&x);
	assert_null(x.vms);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(keys_come_back),
		cmocka_unit_test(one_memslot),
		cmocka_unit_test(memslots),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
