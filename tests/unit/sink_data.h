/* SPDX-License-Identifier: BSD-2-Clause */
/* Shared by the tests of sinks: rules, a host, and results with hostile names. */
#ifndef S2V_TEST_SINK_DATA_H
#define S2V_TEST_SINK_DATA_H

#include "core/sink.h"

/* A comm and file name with quote, newline, escape sequence, and bytes that are not UTF-8. */
#define HOSTILE "\"\n\033[2J\\\xff\xc3\xa9\xc2\x9b"
#define HOSTILE_UTF8 "\"\n\033[2J\\\xef\xbf\xbd\xc3\xa9\xc2\x9b"

static const struct s2v_rule test_rule = {
	.id = S2V_RULE_S2_NONCACHEABLE,
	.name = "s2-noncacheable",
	.severity = S2V_CRITICAL,
};

static const struct s2v_rule test_refused = {
	.id = S2V_RULE_PFNMAP_REFUSED,
	.name = "pfnmap-cacheable-refused",
	.severity = S2V_INFO,
};

static struct s2v_range test_ram[] = { { 0x40000000, 0x80000000 } };

static const struct s2v_host test_host = {
	.kernel = "6.12.0",
	.machine = "aarch64",
	.fwb = S2V_NO,
	.dic = S2V_YES,
	.idc = S2V_UNKNOWN,
	.kvm_mode = S2V_KVM_VHE,
	.pfnmap_cap = -1,
	.page_shift = 14,
	.s1_attr = { S2V_ATTR_NORMAL_WB, S2V_ATTR_NORMAL_TAGGED, S2V_ATTR_NORMAL_NC,
		     S2V_ATTR_DEVICE_nGnRnE, S2V_ATTR_DEVICE_nGnRE, S2V_ATTR_UNKNOWN,
		     S2V_ATTR_UNKNOWN, S2V_ATTR_UNKNOWN },
	.s1_calibrated = 1,
	.s1_source = "test",
	.ram = test_ram,
	.n_ram = 1,
};

/* All values differ, so that none can be mistaken for another. */
static const struct s2v_reset test_reset = {
	.vm = { .id = 1, .pid = 1234, .comm = HOSTILE },
	.time = 1735689599123456789ULL,
	.vcpus = 2,
	.inits = 3,
	.unmaps = 4,
	.redundant = 5,
	.unmap_ns = 6000000,
	.longest_unmap_ns = 7000,
	.pages_known = true,
	.unmapped_bytes = 8 << 20,
	.refaults = 9,
	.refault_ns = 10000000,
	.fwb_known = true,
	.fwb_saves_ns = 11000000,
	.window_ns = 12000000,
	.verdict = S2V_RESET_REDUNDANT_REPEAT,
	.avoidable_ns = 13000000,
};

static const struct s2v_reset_total test_total = {
	.vm = { .id = 1, .pid = 1234, .comm = HOSTILE },
	.resets = 21,
	.unmap_ns = 22000000,
	.avoidable_ns = 23000000,
	.pages_known = true,
	.refault_ns = 24000000,
	.tax_ns = 25000000,
	.fwb_known = true,
	.fwb_saves_ns = 26000000,
	.advice = "ADVICE",
};

static const struct s2v_finding test_finding = {
	.id = 7,
	.rule = &test_rule,
	.time = 1735689599123456789ULL,
	.vm = { .id = 1, .pid = 1234, .comm = HOSTILE },
	.vcpu = 2,
	.slot = { .id = 3, .gpa = 0x50000000, .size = 0x10000, .hva = 0xffff80000000 },
	.has_page = true,
	.gpa = 0x50001000,
	.gpa_last = 0x50001000,
	.size = 0x1000,
	.gpa_low = 0x50001000,
	.gpa_end = 0x50002000,
	.bytes = 0x1000,
	.hva = ~0xfffULL,
	.pa = 0x80000000,
	.s1 = S2V_ATTR_NORMAL_WB,
	.s1_vma = S2V_ATTR_NORMAL_NC,
	.s1_source = S2V_SRC_PTE,
	.s2 = S2V_ATTR_DEVICE_nGnRE,
	.s2_source = S2V_SRC_PROT,
	.count = ~0ULL,
	.explain = "It says \"" HOSTILE "\".",
};

/* Refused at registration: no page, no vCPU, no stage 2. */
static const struct s2v_finding test_refusal = {
	.id = 8,
	.rule = &test_refused,
	.vm = { .id = 2, .pid = 5, .comm = "fifteen-letters" },
	.vcpu = -1,
	.slot = { .id = 0, .gpa = 0, .size = 0x1000, .hva = 0x1000 },
	.pa = S2V_NO_PA,
	.err = -22,
	.at = "memslot",
	.count = 1,
	.explain = "Refused.",
};

static const struct s2v_contract_row test_row = {
	.vm = { .id = 1, .pid = 1234, .comm = HOSTILE },
	.id = 3,
	.gpa = 0x50000000,
	.size = 0x10000,
	.hva = 0xffff80000000,
	.backing = "pfnmap",
	.name = HOSTILE,
	.driver = "s2v_fixture",
	.s1 = S2V_ATTR_NORMAL_WB,
	.s2 = S2V_ATTR_NONE,
	.write_back_guaranteed = S2V_UNKNOWN,
	.vmm_cmo = S2V_CMO_UNSAFE,
	.needs_s2fwb = S2V_YES,
};

#endif
