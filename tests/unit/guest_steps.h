/* SPDX-License-Identifier: BSD-2-Clause */
/* Events of an audit of a guest's own stage 1. */
#ifndef S2V_TEST_GUEST_STEPS_H
#define S2V_TEST_GUEST_STEPS_H

#include "audit_steps.h"

static const struct mslot A = { 1, 1, 1, 0x40000000, 0x400000, 0x7f0000000000, 0, 0 };
static const struct mslot B = { 1, 2, 2, 0x80000000, 0x100000, 0x7e0000000000, 0, 0 };
static const struct mslot OTHER = { 2, 1, 1, 0x40000000, 0x400000, 0x7d0000000000, 0, 0 };

/* The guest's addresses: of TTBR1_EL1, and of TTBR0_EL1. */
#define HIGH 0xffff000010000000ULL
#define LOW 0x0000aaaa00000000ULL
#define GUEST_VCPU 3

/* An audit of VMs 1 and 2, which ran before. */
static inline void begin_guest(struct s2v_host host)
{
	begin(host);
	for (int i = 0; i < S2V_RULE_NR; i++)
		w.rules[i].coverage = s2v_rule_audit_coverage(
			s2v_rules[i], &w.host, w.rules[i].reason, sizeof(w.rules[i].reason));
	send_vm(S2V_EV_VM_NEW, 1, true);
	send_vm(S2V_EV_VM_NEW, 2, true);
}

/* A host on which the guest's stage 1 decides, and memslot A over anonymous memory, mapped Write-Back. */
static inline void begin_wb(int dic)
{
	begin_guest(make_host(LATEST, S2V_NO, dic));
	found(&A, &anon);
	report_leaves(&A, 0, 1024, WB, WB, RAM_PA);
}

static inline void vcpu(__u32 vm, int id, __u32 flags)
{
	struct s2v_ev_vcpu ev = { .h = head(S2V_EV_VCPU, sizeof(ev), vm),
				  .vcpu = id,
				  .flags = flags,
				  .sctlr = 0x30d0591d,
				  .tcr = 0x32b5103510,
				  .mair = 0x4404ff,
				  .ttbr0 = 0x41000000,
				  .ttbr1 = 0x42000000,
				  .tables = 5,
				  .leaves = 6,
				  .absent = 7 };

	s2v_correlator_event(w.core, &ev.h);
}

/* Guest memory at byte `off` of a memslot, without holes or alias; callers change and send it. */
static inline struct s2v_ev_guest guest(const struct mslot *s, __u64 off, __u64 size, __u32 attr,
					__u64 va)
{
	return (struct s2v_ev_guest){ .h = head(S2V_EV_GUEST, sizeof(struct s2v_ev_guest), s->vm),
				      .slot = s->id,
				      .gen = s->gen,
				      .gpa = s->gpa + off,
				      .size = size,
				      .bytes = size,
				      .va = va,
				      .vcpu = GUEST_VCPU,
				      .attr = (__u8)attr };
}

static inline void send_guest(const struct s2v_ev_guest *ev)
{
	s2v_correlator_event(w.core, &ev->h);
}

static inline void guest_maps(const struct mslot *s, __u64 off, __u64 size, __u32 attr)
{
	struct s2v_ev_guest ev = guest(s, off, size, attr, HIGH + off);

	send_guest(&ev);
}

static inline void end_audit(void)
{
	audited(1, 0, 0);
	audited(2, 0, 0);
	audited(0, 0, 0);
}

#endif
