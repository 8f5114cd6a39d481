// SPDX-License-Identifier: BSD-2-Clause
/* needs: src/core/unread.c src/live/registration.c src/live/vmas.c */
/*
 * Registrations of which the BPF side did not read all VMAs: reading the rest, and when it must not be reported.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "core/bounds.h"
#include "live/iter.h"
#include "live/memory.h"
#include "live/registration.h"

#define MIB 0x100000ULL
#define HVA 0x40000000ULL
#define KVM 0xffff000012345000ULL

enum { VMS_FD = 1, SLOTS_FD };

static struct world {
	struct s2verify_bpf skel;
	struct s2v_live live;
	__u32 vm, vm_after; /* VM in the map before and after VMAs are read; 0: none */
	__u32 gen; /* of the memslot now; 0: there is no such memslot */
	int memory; /* result of s2v_memory_read() */
	unsigned int reads,
		many; /* many: this many VMAs of one page, alternating between two kinds */
	struct s2v_ev_vma reported[8];
	unsigned int n;
} w;

int bpf_map__fd(const struct bpf_map *map)
{
	return map == w.skel.maps.vms ? VMS_FD : SLOTS_FD;
}

int bpf_map_lookup_elem(int fd, const void *key, void *value)
{
	if (fd == VMS_FD) {
		assert_true(*(const __u64 *)key == KVM);
		*(struct s2v_vm_state *)value =
			(struct s2v_vm_state){ .id = w.reads ? w.vm_after : w.vm };
		return w.vm ? 0 : -ENOENT;
	}
	assert_int_equal(((const struct s2v_slot_key *)key)->vm, 7);
	assert_int_equal(((const struct s2v_slot_key *)key)->slot, 3);
	*(struct s2v_slot_state *)value = (struct s2v_slot_state){ .gen = w.gen };
	return w.gen ? 0 : -ENOENT;
}

int s2v_iter_run(struct bpf_link *link, const struct s2v_iter_opts *o)
{
	(void)link;
	(void)o;
	return -ENOSYS;
}

/* One VMA of 64 KiB, 512 MiB into the memslot. */
int s2v_memory_read(struct s2v_live *l, const struct s2v_memory_query *of, struct s2v_vmas *v)
{
	(void)l;
	assert_true(of->mm == 0x77 && of->tid == 55 && of->to_end);
	w.reads++;
	if (w.memory)
		return w.memory;
	v->n = w.many ? w.many : 1;
	v->v = calloc(v->n, sizeof(*v->v));
	assert_non_null(v->v);
	v->v[0].vma = (struct s2v_vma){ .start = HVA + 512 * MIB,
					.end = HVA + 512 * MIB + 0x10000,
					.attr = S2V_ATTR_NORMAL_WB };
	for (unsigned int i = 0; i < w.many; i++)
		v->v[i].vma = (struct s2v_vma){ .start = HVA + 16 * MIB + i * 0x1000ULL,
						.end = HVA + 16 * MIB + i * 0x1000ULL + 0x1000,
						.flags = i & 1 ? S2V_VMA_SHARED : 0 };
	return 0;
}

static void take(void *arg, const struct s2v_ev_hdr *ev)
{
	(void)arg;
	assert_int_equal(ev->type, S2V_EV_VMA);
	if (w.n < S2V_ARRAY_SIZE(w.reported))
		memcpy(&w.reported[w.n], ev, sizeof(w.reported[0]));
	w.n++;
}

/* 1 GiB, of which the first 16 MiB were read and are one hole. */
static struct s2v_slot_left begin(void)
{
	memset(&w, 0, sizeof(w));
	w.skel.maps.vms = (struct bpf_map *)&w;
	w.live.skel = &w.skel;
	w.live.fn = take;
	w.live.links[S2V_OBS_VM_GONE][0] = (struct bpf_link *)&w;
	w.vm = w.vm_after = 7;
	w.gen = 5;
	return (struct s2v_slot_left){
		.ev = { .h = { .type = S2V_EV_SLOT, .len = sizeof(struct s2v_ev_slot), .vm = 7 },
			.slot = 3,
			.gen = 5,
			.hva = HVA,
			.size = 1024 * MIB,
			.runs = 1,
			.unread = 1 },
		.from = HVA + 16 * MIB,
		.kvm = KVM,
		.mm = 0x77,
		.tid = 55,
	};
}

static void reported_at(unsigned int i, __u64 start, __u64 end, __u32 attr)
{
	assert_true(w.reported[i].vma.start == start && w.reported[i].vma.end == end);
	assert_int_equal(w.reported[i].vma.attr, attr);
	assert_int_equal(w.reported[i].h.vm, 7);
	assert_int_equal(w.reported[i].slot, 3);
	assert_int_equal(w.reported[i].gen, 5);
}

/* The rest is reported to the memslot's end, with holes, and is no longer unread. */
static void the_rest(void **state)
{
	struct s2v_slot_left left = begin();

	(void)state;
	s2v_registration_finish(&w.live, &left);
	assert_int_equal(w.n, 3);
	reported_at(0, HVA + 16 * MIB, HVA + 512 * MIB, S2V_ATTR_NONE);
	reported_at(1, HVA + 512 * MIB, HVA + 512 * MIB + 0x10000, S2V_ATTR_NORMAL_WB);
	reported_at(2, HVA + 512 * MIB + 0x10000, HVA + 1024 * MIB, S2V_ATTR_NONE);
	assert_int_equal(left.ev.runs, 4);
	assert_int_equal(left.ev.vmas, 1);
	assert_int_equal(left.ev.unread, 0);
	assert_int_equal(w.live.unread_slots, 0);
}

static void unread(struct s2v_slot_left *left)
{
	s2v_registration_finish(&w.live, left);
	assert_int_equal(w.n, 0);
	assert_int_equal(left->ev.runs, 1);
	assert_int_equal(left->ev.unread, 1);
	assert_int_equal(w.live.unread_slots, 1);
}

/* The mm may belong to another process by now: it is not read, or not reported. */
static void vm_gone(void **state)
{
	struct s2v_slot_left left = begin();

	(void)state;
	w.vm = 0;
	unread(&left);
	assert_int_equal(w.reads, 0);
	left = begin();
	w.vm = 8; /* another VM at the same address */
	unread(&left);
	left = begin();
	w.vm_after = 0;
	unread(&left);
	left = begin();
	w.live.links[S2V_OBS_VM_GONE][0] = NULL; /* the VM's end would not be seen */
	unread(&left);
}

/* The memslot was deleted or replaced meanwhile. */
static void memslot_gone(void **state)
{
	struct s2v_slot_left left = begin();

	(void)state;
	w.gen = 0;
	unread(&left);
	left = begin();
	w.gen = 6;
	unread(&left);
}

/* A refused registration is read, too: its VMAs may show why. */
static void refused(void **state)
{
	struct s2v_slot_left left = begin();

	(void)state;
	left.ev.err = -EINVAL;
	w.gen = 0;
	s2v_registration_finish(&w.live, &left);
	assert_int_equal(w.n, 3);
	assert_int_equal(left.ev.unread, 0);
}

static void memory_unread(void **state)
{
	static const int how[] = { S2V_MEMORY_UNREAD, S2V_MEMORY_EXITED, -EPERM };

	(void)state;
	for (size_t i = 0; i < S2V_ARRAY_SIZE(how); i++) {
		struct s2v_slot_left left = begin();

		w.memory = how[i];
		unread(&left);
	}
}

static void too_many(void **state)
{
	struct s2v_slot_left left = begin();

	(void)state;
	w.many = S2V_RANGES_MOST + 1;
	left.ev.size = 4096ULL * MIB;
	s2v_registration_finish(&w.live, &left);
	assert_int_equal(w.n, S2V_RANGES_MOST);
	assert_int_equal(left.ev.runs, 1 + S2V_RANGES_MOST);
	assert_int_equal(left.ev.unread, 1);
	assert_int_equal(w.live.unread_slots, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_rest),	 cmocka_unit_test(vm_gone),
		cmocka_unit_test(memslot_gone),	 cmocka_unit_test(refused),
		cmocka_unit_test(memory_unread), cmocka_unit_test(too_many),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
