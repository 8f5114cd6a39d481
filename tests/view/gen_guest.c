// SPDX-License-Identifier: BSD-2-Clause
/* Generates an audit that finds the guests' own stage 1. look.py and sqlite.bats expect what is written here. */
#include "gen.h"

#define WHOLE (2ULL << 30) /* memslot 0, from GPA 0x40000000 */
#define LINEAR 0xffff000040000000ULL /* where the guest maps GPA 0x40000000 */
#define VMALLOC 0xffff800010000000ULL

/* Leaves of memslot 0, so that it counts as audited. */
static void leaves(const struct gvm *vm)
{
	const struct gslot *s = &vm->slot[0];
	struct s2v_ev_leaves ev = {
		.h = gen_head(S2V_EV_LEAVES, sizeof(ev), vm, g.now),
		.slot = s->id,
		.gen = s->gen,
		.gpa = s->gpa,
		.size = WHOLE,
		.hva = s->hva,
		.pa = 0x100000000ULL,
		.host_pa = 0x100000000ULL,
		.leaves = WHOLE >> 12,
		.s1 = S2V_ATTR_NORMAL_WB,
		.s2 = S2V_ATTR_NORMAL_WB,
		.level = 3,
		.host_level = 3,
		.flags = S2V_LF_PA_RUN,
	};

	gen_send(&ev.h);
}

static void vcpu(const struct gvm *vm, int id, uint32_t flags, uint64_t tables, uint64_t n,
		 uint64_t absent)
{
	struct s2v_ev_vcpu ev = {
		.h = gen_head(S2V_EV_VCPU, sizeof(ev), vm, g.now),
		.vcpu = id,
		.flags = flags,
		.sctlr = 0x30d00805,
		.tcr = 0x280100010,
		.mair = 0x44ff,
		.ttbr0 = 0x41000000,
		.ttbr1 = 0x41001000,
		.tables = tables,
		.leaves = n,
		.absent = absent,
	};

	gen_send(&ev.h);
}

static void maps(const struct gvm *vm, uint64_t gpa, uint64_t size, uint64_t bytes, uint64_t alias,
		 uint64_t va, uint8_t attr)
{
	struct s2v_ev_guest ev = {
		.h = gen_head(S2V_EV_GUEST, sizeof(ev), vm, g.now),
		.slot = vm->slot[0].id,
		.gen = vm->slot[0].gen,
		.gpa = gpa,
		.size = size,
		.bytes = bytes,
		.alias = alias,
		.va = va,
		.attr = attr,
	};

	gen_send(&ev.h);
}

static void end(const struct gvm *vm)
{
	struct s2v_ev_audit ev = {
		.h = gen_head(S2V_EV_AUDIT, sizeof(ev), vm, g.now),
		.leaves = WHOLE >> 12,
		.steps = 1,
		.dur = 1000000,
	};

	gen_send(&ev.h);
	g.now += 1000000;
}

/* VM 1: Linux, with 64 KiB and 4 KiB that it maps twice. */
static void linux_guest(const struct gvm *vm)
{
	vcpu(vm, 0, 0, 1100, 524305, 0);
	vcpu(vm, 1, S2V_VC_SHARED, 0, 0, 0);
	vcpu(vm, 2, S2V_VC_OFF, 0, 0, 0);
	maps(vm, 0x40000000, WHOLE, WHOLE, 0, LINEAR, S2V_ATTR_NORMAL_WB);
	maps(vm, 0x50000000, 0x10000, 0x10000, 0x10000, VMALLOC, S2V_ATTR_NORMAL_NC);
	maps(vm, 0x60000000, 0x1000, 0x1000, 0x1000, VMALLOC + 0x100000, S2V_ATTR_DEVICE_nGnRE);
}

/* VM 5: 70 pages, each two pages from the next; and a range with a hole, by TTBR0_EL1. */
static void many_ranges(const struct gvm *vm)
{
	vcpu(vm, 0, S2V_VC_TVM, 300, 70, 2);
	maps(vm, 0x48000000, 0x300000, 0x200000, 0, 0x10000000, S2V_ATTR_NORMAL_WB);
	for (uint64_t i = 0; i < 70; i++)
		maps(vm, 0x40000000 + i * 0x2000, 0x1000, 0x1000, 0, 0x20000000 + i * 0x2000,
		     S2V_ATTR_DEVICE_nGnRnE);
}

static void one(const struct gvm *vm)
{
	leaves(vm);
	switch (vm->id) {
	case 1:
		linux_guest(vm);
		break;
	case 2:
		vcpu(vm, 0, S2V_VC_MMU_OFF, 0, 0, 0);
		vcpu(vm, 1, S2V_VC_MMU_OFF, 0, 0, 0);
		break;
	case 3:
		vcpu(vm, 0, S2V_VC_NOT_RAM | S2V_VC_STALE, 3, 512, 0);
		maps(vm, 0x40000000, 0x200000, 0x200000, 0, LINEAR, S2V_ATTR_NORMAL_WB);
		break;
	case 4:
		vcpu(vm, 0, S2V_VC_NESTED, 0, 0, 0);
		break;
	case 5:
		many_ranges(vm);
		break;
	}
	end(vm);
}

void gen_guest(void)
{
	for (uint32_t i = 0; i < g.n_vms && i < 5; i++)
		one(&g.vm[i]);
}
