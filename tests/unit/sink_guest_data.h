/* SPDX-License-Identifier: BSD-2-Clause */
/* The guest's own stage 1 for tests of sinks: a vCPU, memory that it maps, a finding; and a sink that writes to memory. */
#ifndef S2V_TEST_SINK_GUEST_DATA_H
#define S2V_TEST_SINK_GUEST_DATA_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "sink/sinks.h"
#include "sink_data.h"
#include "sink_out.h"

#define WB S2V_ATTR_NORMAL_WB
#define NC S2V_ATTR_NORMAL_NC

static const struct s2v_rule test_guest_rule = {
	.id = S2V_RULE_GUEST_NONCACHEABLE,
	.name = "guest-noncacheable",
	.severity = S2V_MEDIUM,
};

static const struct s2v_ev_vcpu vcpu_event = {
	.h = { .type = S2V_EV_VCPU, .len = sizeof(vcpu_event), .vm = 1 },
	.vcpu = 5,
	.flags = S2V_VC_TVM | S2V_VC_MMU_OFF,
	.sctlr = 0x30d0591d,
	.tcr = 0x32b5103510,
	.mair = 0xffULL << 56,
	.ttbr0 = 0,
	.ttbr1 = 0xabcd000041000001,
	.tables = 21,
	.leaves = 22,
	.absent = 23,
};

static const struct s2v_ev_guest guest_event = {
	.h = { .type = S2V_EV_GUEST, .len = sizeof(guest_event), .vm = 1 },
	.slot = 3,
	.as_id = 1,
	.gen = 9,
	.gpa = 0x50001000,
	.size = 0x8000,
	.bytes = 0x3000,
	.alias = 0x2000,
	.va = 0xffff000012345000,
	.vcpu = 5,
	.attr = S2V_ATTR_DEVICE_nGRE,
};

static inline struct s2v_vcpu_row vcpu_row(int vcpu, __u32 flags, __u64 tables, __u64 leaves,
					   __u64 absent)
{
	return (struct s2v_vcpu_row){ .vm = { .id = 1, .pid = 1234, .comm = HOSTILE },
				      .time = 1735689599123456789ULL,
				      .vcpu = vcpu,
				      .flags = flags,
				      .sctlr = 0x30d0591d,
				      .tables = tables,
				      .leaves = leaves,
				      .absent = absent };
}

/* A row of memory that the guest maps. */
static inline struct s2v_contract_row walked_row(void)
{
	struct s2v_contract_row r = test_row;

	r.audited = r.guest_walked = true;
	r.s2 = WB;
	r.vmm_cmo = S2V_CMO_DATA_ICACHE;
	r.vmm_cmo_now = S2V_CMO_ICACHE;
	r.guest.bytes[WB] = 0x10000;
	return r;
}

static inline struct s2v_finding guest_finding(void)
{
	struct s2v_finding f = test_finding;

	f.rule = &test_guest_rule;
	f.s1_vma = S2V_ATTR_NONE;
	f.s2 = WB;
	f.s2_source = S2V_SRC_LEAF;
	f.guest = NC;
	f.guest_va = 0xffff000012345000;
	f.guest_alias = 0x800;
	return f;
}

#endif
