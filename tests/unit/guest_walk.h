/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The guest's side of an audit over a fake memory: the BPF side and the reading of registers are faked. For one file
 * of tests each, which includes it once.
 */
#ifndef GUEST_WALK_H
#define GUEST_WALK_H

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "live/guest.h"
#include "live/keep.h"
#include "live/vcpu_regs.h"
#include "stage1_tables.h"

#define WB S2V_ATTR_NORMAL_WB
#define NC S2V_ATTR_NORMAL_NC
#define EVENTS 1024

/* TCR_EL1: 4K pages, 39 bits for TTBR0 and TTBR1. So a root is at level 1, and its entries map 1G. */
#define TCR (25ULL | 25ULL << 16 | 2ULL << 30)
#define EPD0 (1ULL << 7)
#define EPD1 (1ULL << 23)
#define G(n) ((__u64)(n) << 30)
#define RAM_GPA G(1)

static struct {
	struct s2verify_bss bss;
	struct s2verify_bpf skel;
	struct s2v_live live;
	struct s2v_guest_slot slot[4];
	size_t n_slots;
	struct s2v_audit_vcpu vcpu[4];
	unsigned int n_vcpus, reads, steps; /* of registers; of memory */
	void (*before_step)(void), (*before_read)(void);
	__u32 bad_state; /* of the chunk at bad_ipa, so often */
	__u64 bad_ipa;
	unsigned int bad_times;
	int step_err;
	unsigned int pace_ends; /* at that step; 0: never */
	bool vm_gone;
	struct s2v_ev_vcpu vc[4];
	struct s2v_ev_guest ev[EVENTS];
	size_t n_vc, n_ev;
} x;

int s2v_vcpu_regs(const struct s2v_guest_audit *o, struct s2v_audit_vcpu *r)
{
	__u32 i = r->index;

	(void)o;
	x.reads++;
	if (x.before_read)
		x.before_read();
	if (i < x.n_vcpus)
		*r = x.vcpu[i];
	r->index = i;
	r->found = i < x.n_vcpus;
	return 0;
}

bool s2v_keep_has_vm(const struct s2v_live *l, __u32 vm)
{
	assert_ptr_equal(l, &x.live);
	assert_int_equal(vm, 7);
	return !x.vm_gone;
}

static inline void take(void *arg, const struct s2v_ev_hdr *ev)
{
	(void)arg;
	assert_int_equal(ev->vm, 7);
	assert_int_equal(ev->tgid, 70);
	assert_true(ev->time > 0);
	assert_int_equal(ev->len, s2v_event_size(ev->type));
	if (ev->type == S2V_EV_VCPU) {
		assert_int_equal(x.n_ev, 0); /* vCPUs come first */
		memcpy(&x.vc[x.n_vc++], ev, sizeof(x.vc[0]));
		return;
	}
	assert_int_equal(ev->type, S2V_EV_GUEST);
	assert_true(x.n_ev < EVENTS);
	memcpy(&x.ev[x.n_ev++], ev, sizeof(x.ev[0]));
}

static inline int step(void *arg, enum s2v_audit_op op)
{
	struct s2v_audit_guest *g = &x.bss.audit_guest;

	assert_ptr_equal(arg, &x);
	assert_int_equal(op, S2V_AUDIT_GUEST);
	assert_true(g->n > 0 && g->n <= S2V_CHUNKS);
	x.steps++;
	if (x.before_step)
		x.before_step();
	for (__u32 i = 0; i < g->n; i++) {
		const __u64 *page = page_at(g->ipa[i]);

		g->state[i] = page ? S2V_CHUNK_READ : S2V_CHUNK_ABSENT;
		if (page)
			memcpy(g->data[i], page, S2V_CHUNK_SIZE);
		if (g->ipa[i] != x.bad_ipa || !x.bad_times)
			continue;
		x.bad_times--;
		g->state[i] = x.bad_state;
	}
	return x.step_err;
}

static inline bool pace(void *arg, __u64 leaves)
{
	assert_ptr_equal(arg, &x);
	assert_true(leaves > 0);
	return x.steps != x.pace_ends;
}

/* One memslot of 1G at RAM_GPA, one vCPU whose TTBR1 is ROOT and whose TTBR0 is not used, an empty memory. */
static inline void begin(void)
{
	memset(&x, 0, sizeof(x));
	mem.n = 0;
	x.skel.bss = &x.bss;
	x.live.skel = &x.skel;
	x.live.fn = take;
	x.slot[0] = (struct s2v_guest_slot){ .gpa = RAM_GPA, .size = G(1), .gen = 4, .id = 2 };
	x.n_slots = 1;
	x.n_vcpus = 1;
	for (__u32 i = 0; i < 4; i++)
		x.vcpu[i] = (struct s2v_audit_vcpu){ .id = (__s32)(10 + i),
						     .cpu = -1,
						     .sctlr = S2V_SCTLR_M | S2V_SCTLR_C,
						     .tcr = TCR | EPD0,
						     .mair = mair,
						     .ttbr = { 0, ROOT } };
}

static inline int audit(void)
{
	const struct s2v_guest_audit o = { .l = &x.live,
					   .vm = 7,
					   .tgid = 70,
					   .slot = x.slot,
					   .n_slots = x.n_slots,
					   .step = step,
					   .pace = pace,
					   .arg = &x };

	x.n_vc = x.n_ev = 0;
	x.steps = x.reads = 0;
	return s2v_guest_audit(&o);
}

/* Tables of a root, by the indexes that lead to them. */
#define L2(root, i) ((root) + 0x100000 + ((__u64)(i) << 12))
#define L3(root, i, k) ((root) + 0x200000 + ((__u64)(i) << 20) + ((__u64)(k) << 12))

/* Maps a page. */
static inline void map(__u64 root, __u64 va, __u64 gpa, unsigned int type)
{
	__u64 i = va >> 30 & 511, k = va >> 21 & 511;

	put(root, i, TABLE(L2(root, i)));
	put(L2(root, i), k, TABLE(L3(root, i, k)));
	put(L3(root, i, k), va >> 12 & 511, PAGE(gpa, type));
}

#define HIGH 0xffffff8000000000ULL
#define TYPE_WB 0 /* of `mair` */
#define TYPE_NC 1
#define TYPE_TAGGED 3

/* Asserts what event n says, of memslot i. */
static inline void event_is(size_t n, unsigned int i, __u64 gpa, __u64 size, __u32 attr, __u64 va)
{
	const struct s2v_ev_guest *e = &x.ev[n];

	assert_true(n < x.n_ev);
	if (e->gpa != gpa || e->size != size || e->bytes != size || e->attr != attr || e->va != va)
		fail_msg("event %zu: gpa 0x%llx size 0x%llx bytes 0x%llx %s va 0x%llx", n,
			 ULL(e->gpa), ULL(e->size), ULL(e->bytes), s2v_attr_name(e->attr),
			 ULL(e->va));
	assert_int_equal(e->slot, x.slot[i].id);
	assert_int_equal(e->gen, x.slot[i].gen);
}

#endif
