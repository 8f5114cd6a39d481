/* needs: src/sink/json.c src/sink/json_event.c src/sink/json_object.c src/core/names.c src/host/observe.c src/util/util.c src/util/utf8.c src/host/host.c */
/* libs: -ljson-c */
/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <errno.h>
#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "sink_data.h"
#include "sink_json_out.h"

static struct s2v_sink *start(void)
{
	out.s = s2v_sink_json_to(memory());
	assert_non_null(out.s);
	return out.s;
}

static void finding(void **state)
{
	struct s2v_sink *s = start();
	json_object *j, *sub;

	(void)state;
	s->finding(s, &test_finding);
	j = end_json();
	has_str(j, "type", "finding");
	has_num(j, "id", 7);
	lacks(j, "update");
	has_str(j, "rule", "s2-noncacheable");
	has_str(j, "severity", "critical");
	has_str(j, "time", "2024-12-31T23:59:59.123456789Z");
	has_num(j, "vcpu", 2);
	has_str(j, "gpa", "0x50001000");
	lacks(j, "gpa_last");
	has_str(j, "gpa_low", "0x50001000");
	has_str(j, "gpa_high", "0x50001fff");
	has_num(j, "bytes", 0x1000);
	has_num(j, "size", 4096);
	has_str(j, "hva", "0xfffffffffffff000");
	has_str(j, "pa", "0x80000000");
	lacks(j, "errno");
	lacks(j, "errno_at");
	has_num(j, "count", UINT64_MAX);
	has_str(j, "explain", "It says \"" HOSTILE_UTF8 "\".");
	sub = at(j, "vm");
	has_num(sub, "pid", 1234);
	has_num(sub, "id", 1);
	has_str(sub, "comm", HOSTILE_UTF8);
	sub = at(j, "memslot");
	has_num(sub, "id", 3);
	has_str(sub, "gpa", "0x50000000");
	has_num(sub, "size", 0x10000);
	has_str(sub, "hva", "0xffff80000000");
	sub = at(j, "s1");
	has_str(sub, "attr", "normal-wb");
	has_str(sub, "source", "pte");
	has_str(sub, "vma", "normal-nc");
	sub = at(j, "s2");
	has_str(sub, "attr", "device-nGnRE");
	has_str(sub, "source", "prot");
	json_object_put(j);
}

static void finding_without_page(void **state)
{
	static const char *const absent[] = { "update", "vcpu", "gpa", "gpa_last", "size",
					      "hva",	"pa",	"s1",  "s2" };
	struct s2v_sink *s = start();
	json_object *j;

	(void)state;
	s->finding(s, &test_refusal);
	j = end_json();
	has_str(j, "errno", "EINVAL");
	has_str(j, "errno_at", "memslot");
	has_str(at(j, "vm"), "comm", "fifteen-letters");
	has_num(at(j, "memslot"), "id", 0); /* slot 0 is valid */
	has_str(at(j, "memslot"), "gpa", "0x0");
	for (size_t i = 0; i < S2V_ARRAY_SIZE(absent); i++)
		lacks(j, absent[i]);
	json_object_put(j);
}

static void finding_updated(void **state)
{
	struct s2v_finding f = test_finding;
	struct s2v_sink *s = start();
	json_object *j;

	(void)state;
	f.update = true;
	f.slot.id = S2V_NO_SLOT;
	f.gpa_last = 0x50002000;
	f.pa = S2V_NO_PA;
	f.s1_vma = S2V_ATTR_NONE;
	f.s2 = S2V_ATTR_NONE;
	f.err = -512; /* ERESTARTSYS */
	memset(f.vm.comm, 'x', sizeof(f.vm.comm)); /* not terminated */
	s->finding(s, &f);
	j = end_json();
	has_bool(j, "update", true);
	has_str(j, "gpa_last", "0x50002000");
	lacks(j, "memslot");
	lacks(j, "pa");
	lacks(j, "s2");
	lacks(at(j, "s1"), "vma");
	has_str(j, "errno", "errno 512");
	has_str(at(j, "vm"), "comm", "xxxxxxxxxxxxxxxx");
	json_object_put(j);
}

static void host(void **state)
{
	struct s2v_host h = test_host;
	struct s2v_sink *s = start();
	json_object *j;

	(void)state;
	s->host(s, &h);
	j = end_json();
	has_str(j, "kernel", "6.12.0");
	has_bool(j, "s2fwb", false);
	has_bool(j, "ctr_dic", true);
	has_null(j, "ctr_idc");
	has_str(j, "kvm_mode", "vhe");
	has_null(j, "cacheable_pfnmap_cap");
	has_num(j, "page_size", 16384);
	has_null(j, "lockdown");
	has_null(j, "vm_exit_ns");
	has_null(j, "probe_ns");
	has_null(j, "disagreement");
	assert_int_equal(json_object_array_length(at(j, "s1_attr")), 8);
	has_str(json_object_array_get_idx(at(j, "ram"), 0), "end", "0x80000000");
	json_object_put(j);

	h.pfnmap_cap = 0;
	h.n_ram = 0;
	h.exit_ns = 3636;
	h.probe_ns = 466;
	strcpy(h.lockdown, "integrity");
	strcpy(h.disagreement, HOSTILE);
	s = start();
	s->host(s, &h);
	j = end_json();
	has_bool(j, "cacheable_pfnmap_cap", false);
	has_null(j, "ram");
	has_num(j, "vm_exit_ns", 3636);
	has_num(j, "probe_ns", 466);
	has_str(j, "lockdown", "integrity");
	has_str(j, "disagreement", HOSTILE_UTF8);
	json_object_put(j);
}

static void resets(void **state)
{
	struct s2v_reset r = test_reset;
	struct s2v_sink *s = start();
	json_object *j;

	(void)state;
	s->reset(s, &r);
	j = end_json();
	has_str(at(j, "vm"), "comm", HOSTILE_UTF8);
	has_num(j, "vcpus", 2);
	has_num(j, "inits", 3);
	has_num(j, "unmaps", 4);
	has_num(j, "redundant", 5);
	has_num(j, "unmap_ns", 6000000);
	has_num(j, "longest_unmap_ns", 7000);
	has_num(j, "unmapped_bytes", 8 << 20);
	has_num(j, "refaults", 9);
	has_num(j, "refault_ns", 10000000);
	has_num(j, "s2fwb_saves_ns", 11000000);
	has_num(j, "window_ns", 12000000);
	has_str(j, "verdict", "redundant-repeat");
	has_num(j, "avoidable_ns", 13000000);
	json_object_put(j);
	/* Unknown values are null, not 0. */
	r.pages_known = r.fwb_known = false;
	s = start();
	s->reset(s, &r);
	j = end_json();
	has_null(j, "unmapped_bytes");
	has_null(j, "refaults");
	has_null(j, "refault_ns");
	has_null(j, "s2fwb_saves_ns");
	json_object_put(j);
}

static void reset_totals(void **state)
{
	struct s2v_reset_total t = test_total;
	struct s2v_sink *s = start();
	json_object *j;

	(void)state;
	s->reset_total(s, &t);
	j = end_json();
	has_num(j, "resets", 21);
	has_num(j, "unmap_ns", 22000000);
	has_num(j, "avoidable_ns", 23000000);
	has_num(j, "refault_ns", 24000000);
	has_num(j, "tax_ns", 25000000);
	has_num(j, "s2fwb_saves_ns", 26000000);
	has_str(j, "advice", "ADVICE");
	json_object_put(j);
	t.pages_known = t.fwb_known = false;
	s = start();
	s->reset_total(s, &t);
	j = end_json();
	has_null(j, "refault_ns");
	has_null(j, "tax_ns");
	has_null(j, "s2fwb_saves_ns");
	json_object_put(j);
}

static void contract(void **state)
{
	struct s2v_contract_row row = test_row;
	struct s2v_sink *s = start();
	json_object *j;

	(void)state;
	s->memslot(s, &test_row);
	j = end_json();
	has_str(j, "type", "memslot");
	has_num(j, "id", 3);
	lacks(j, "gone");
	has_str(j, "backing", "pfnmap");
	has_str(j, "name", HOSTILE_UTF8);
	has_str(j, "driver", "s2v_fixture");
	has_str(j, "s1", "normal-wb");
	has_null(j, "s2");
	has_bool(j, "s2_mixed", false);
	has_null(j, "write_back_guaranteed");
	has_str(j, "vmm_cmo_required", "unsafe");
	has_bool(j, "needs_s2fwb", true);
	json_object_put(j);
	row.gone = true;
	s = start();
	s->memslot(s, &row);
	j = end_json();
	has_bool(j, "gone", true);
	json_object_put(j);
}

static void coverage(void **state)
{
	struct s2v_rule_state r = { .rule = &test_rule, .coverage = S2V_COVERED };
	struct s2v_sink *s = start();
	json_object *j;

	(void)state;
	s->rule(s, &r);
	j = end_json();
	has_bool(j, "covered", true);
	has_str(j, "reason", "");
	json_object_put(j);
	r.coverage = S2V_NOT_COVERED;
	strcpy(r.reason, HOSTILE);
	s = start();
	s->rule(s, &r);
	j = end_json();
	has_bool(j, "covered", false);
	has_str(j, "reason", HOSTILE_UTF8);
	json_object_put(j);
	r.coverage = S2V_NOT_APPLICABLE;
	s = start();
	s->rule(s, &r);
	j = end_json();
	has_null(j, "covered");
	json_object_put(j);
}

static void summary(void **state)
{
	struct s2v_rule_state r[S2V_RULE_NR];
	struct s2v_summary sum = { .incomplete = "because", .rules = r, .lost = 1 };
	struct s2v_sink *s = start();
	json_object *j, *m;

	(void)state;
	for (size_t i = 0; i < S2V_RULE_NR; i++)
		r[i] = (struct s2v_rule_state){ .rule = &test_rule };
	r[1] = (struct s2v_rule_state){ .rule = &test_refused, .coverage = S2V_NOT_COVERED };
	r[2].coverage = S2V_NOT_APPLICABLE;
	sum.findings[S2V_CRITICAL] = 3;
	sum.maps[S2V_ATTR_NORMAL_WB][S2V_ATTR_DEVICE_nGnRE] = 5;
	sum.maps[S2V_ATTR_UNKNOWN][S2V_ATTR_UNKNOWN] = UINT64_MAX;
	sum.cnt[S2V_CNT_FAULTS] = 9;
	sum.cnt[S2V_CNT_LOST_RINGBUF] = 1;
	s->summary(s, &sum);
	j = end_json();
	has_bool(j, "complete", false);
	has_str(j, "incomplete", "because");
	has_num(at(j, "findings"), "critical", 3);
	has_num(at(j, "findings"), "info", 0);
	has_num(j, "faults", 9);
	has_num(j, "lost", 1);
	has_num(at(j, "counters"), "lost_ringbuf", 1);
	assert_int_equal(json_object_array_length(at(j, "maps")), 2);
	m = json_object_array_get_idx(at(j, "maps"), 0);
	has_str(m, "s1", "normal-wb");
	has_str(m, "s2", "device-nGnRE");
	has_num(m, "count", 5);
	has_num(json_object_array_get_idx(at(j, "maps"), 1), "count", UINT64_MAX);
	assert_int_equal(json_object_array_length(at(j, "uncovered")), 1);
	assert_string_equal(
		json_object_get_string(json_object_array_get_idx(at(j, "uncovered"), 0)),
		"pfnmap-cacheable-refused");
	assert_int_equal(json_object_array_length(at(j, "not_applicable")), 1);
	json_object_put(j);

	sum.complete = true;
	s = start();
	s->summary(s, &sum);
	j = end_json();
	lacks(j, "incomplete");
	lacks(j, "unverified_vms");
	lacks(j, "complete_but_for_these");
	json_object_put(j);
}

/* unverified_vms exists only if there are such VMs. */
static void unverified(void **state)
{
	struct s2v_summary sum = { .incomplete = "because", .only_unread_vms = true };
	struct s2v_sink *s = start();
	json_object *j, *m;

	(void)state;
	sum.unread = (struct s2v_unread){ .n = 1, .vm = { { 3, 812, 118, 2 } } };
	s->summary(s, &sum);
	j = end_json();
	has_bool(j, "complete_but_for_these", true);
	assert_int_equal(json_object_array_length(at(j, "unverified_vms")), 1);
	m = json_object_array_get_idx(at(j, "unverified_vms"), 0);
	has_num(m, "id", 3);
	has_num(m, "pid", 812);
	has_num(m, "unreadable", 118);
	has_num(m, "not_kept", 2);
	json_object_put(j);
}

/* Every type of event gives a valid line, with all bytes 0 and all bytes 0xff. */
static void events(void **state)
{
	static const char *const names[] = { "unknown", "vm-new",	"vm-dead",    "memslot",
					     "vma",	"map",		"perm",	      "fault",
					     "cap",	"init",		"unmap",      "run",
					     "leaves",	"audit",	"host-unmap", "vcpu",
					     "guest",	"guest-leaves", "unknown" };
	union {
		struct s2v_ev_hdr h;
		struct s2v_ev_slot slot;
		struct s2v_ev_vma vma;
		struct s2v_ev_page page;
		struct s2v_ev_reset reset;
		struct s2v_ev_range range;
		struct s2v_ev_vcpu vcpu;
		struct s2v_ev_guest guest;
	} ev;

	(void)state;
	for (int fill = 0; fill <= 0xff; fill += 0xff) {
		for (__u32 type = 0; type < S2V_ARRAY_SIZE(names); type++) {
			struct s2v_sink *s = start();
			json_object *j;

			memset(&ev, fill, sizeof(ev));
			ev.h.type = type;
			s->event(s, &ev.h, &test_finding.vm, 0);
			j = end_json();
			has_str(j, "type", "event");
			has_str(j, "event", names[type]);
			has_str(j, "time", "1970-01-01T00:00:00.000000000Z");
			has_str(at(j, "vm"), "comm", HOSTILE_UTF8);
			json_object_put(j);
		}
	}
}

static void event_map(void **state)
{
	struct s2v_ev_page e = {
		.h.type = S2V_EV_MAP,
		.vcpu = 1,
		.slot = 3,
		.gpa = 0x1000,
		.gpa_last = 0x1000,
		.size = 0x1000,
		.pa = S2V_NO_PA,
		.prot = 0xf,
		.count = 1,
		.flags = S2V_PG_EXEC | S2V_PG_WRITE,
		.s2 = S2V_ATTR_NORMAL_WB,
		.vma = { .start = 0x1000,
			 .end = 0x2000,
			 .flags = S2V_VMA_FILE,
			 .attr = S2V_ATTR_NORMAL_WB },
	};
	struct s2v_sink *s = start();
	json_object *j, *flags;

	(void)state;
	s->event(s, &e.h, NULL, 0);
	j = end_json();
	lacks(j, "vm");
	lacks(j, "pa");
	lacks(j, "errno");
	lacks(j, "ret");
	has_num(at(j, "memslot"), "id", 3);
	has_str(j, "prot", "0xf");
	has_str(j, "s2", "normal-wb");
	has_str(at(j, "vma"), "attr", "normal-wb");
	lacks(at(j, "vma"), "pte_attr");
	flags = at(j, "flags");
	assert_int_equal(json_object_array_length(flags), 2);
	assert_string_equal(json_object_get_string(json_object_array_get_idx(flags, 0)), "exec");
	json_object_put(j);
}

/* A full disk: no crash, and nothing is written after the first error. */
static void full_disk(void **state)
{
	FILE *f = fopen("/dev/full", "w");
	struct s2v_sink *s;

	(void)state;
	assert_non_null(f);
	s = s2v_sink_json_to(f);
	assert_non_null(s);
	assert_int_equal(s->failed, 0);
	s->finding(s, &test_finding);
	assert_int_equal(s->failed, ENOSPC);
	s->finding(s, &test_refusal);
	s->close(s);
	assert_int_equal(s->failed, ENOSPC);
	free(s);
	fclose(f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(finding),	   cmocka_unit_test(finding_without_page),
		cmocka_unit_test(finding_updated), cmocka_unit_test(host),
		cmocka_unit_test(contract),	   cmocka_unit_test(coverage),
		cmocka_unit_test(summary),	   cmocka_unit_test(unverified),
		cmocka_unit_test(events),	   cmocka_unit_test(event_map),
		cmocka_unit_test(full_disk),	   cmocka_unit_test(resets),
		cmocka_unit_test(reset_totals),
	};

	return cmocka_run_group_tests_name("sink_json", tests, NULL, NULL);
}
