// SPDX-License-Identifier: BSD-2-Clause
/* The model of the report: merging of ranges, deleted memslots, limits, folding of timelines. */
/* needs: src/core src/host src/util src/report/report.c src/report/slots.c src/report/guest.c src/report/bins.c */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <errno.h>
#include <string.h>
#include <cmocka.h>

#include "report/report.h"

static struct s2v_report rp;
static const struct s2v_vm_ref ref = { .id = 1, .pid = 100, .comm = "vmm" };
static __u64 now;

static int begin(void **state)
{
	(void)state;
	memset(&rp, 0, sizeof(rp));
	now = 1000000000000ULL;
	return 0;
}

static int end(void **state)
{
	(void)state;
	assert_int_equal(rp.failed, 0);
	s2v_report_free(&rp);
	return 0;
}

static struct s2v_rp_vm *vm(void)
{
	assert_non_null(rp.vms);
	return rp.vms;
}

static struct s2v_ev_hdr head(__u32 type, size_t len)
{
	return (struct s2v_ev_hdr){ .type = type, .len = (__u32)len, .time = ++now, .vm = 1 };
}

static void slot(__s16 id, __u32 gen, __u32 change, int err, __u64 gpa, __u64 size)
{
	struct s2v_ev_slot ev = { .h = head(S2V_EV_SLOT, sizeof(ev)),
				  .err = err,
				  .slot = id,
				  .gen = gen,
				  .change = change,
				  .gpa = gpa,
				  .size = size,
				  .hva = 0x100000000ULL + gpa };

	s2v_report_event(&rp, &ev.h, &ref, now);
}

static void map(__s16 id, __u32 gen, __u64 base, __u64 off, __u64 size, __u32 s1, __u32 s2)
{
	struct s2v_ev_page ev = { .h = head(S2V_EV_MAP, sizeof(ev)),
				  .slot = id,
				  .gen = gen,
				  .slot_gpa = base,
				  .slot_size = 1 << 20,
				  .slot_hva = 0x100000000ULL + base,
				  .gpa = base + off,
				  .gpa_last = base + off,
				  .size = size,
				  .hva = 0x100000000ULL + base + off,
				  .pa = 0x4000000000ULL + off,
				  .count = 1,
				  .s2 = s2,
				  .vma = { .attr = (__u8)s1 } };

	s2v_report_event(&rp, &ev.h, &ref, now);
}

#define WB S2V_ATTR_NORMAL_WB
#define DEV S2V_ATTR_DEVICE_nGnRE

static void unsafe(__u64 off, __u64 size)
{
	map(1, 1, 0x80000000, off, size, WB, DEV);
}

static void test_ranges_merge(void **state)
{
	const struct s2v_rp_slot *s;

	(void)state;
	slot(1, 1, S2V_SLOT_CREATE, 0, 0x80000000, 1 << 20);
	unsafe(0x3000, 0x1000);
	unsafe(0x1000, 0x1000);
	s = vm()->slots;
	assert_int_equal(s->n_range, 2);
	assert_int_equal(s->range[0].gpa, 0x80001000);
	unsafe(0x2000, 0x1000); /* the gap */
	assert_int_equal(s->n_range, 1);
	assert_int_equal(s->range[0].gpa, 0x80001000);
	assert_int_equal(s->range[0].end, 0x80004000);
	assert_int_equal(s->range[0].count, 3);
	assert_int_equal(s->range[0].pa, 0x4000001000);
	assert_int_equal(vm()->unsafe_bytes, 0x3000);
	unsafe(0x2000, 0x1000); /* again: one more mapping, no more memory */
	assert_int_equal(vm()->unsafe_bytes, 0x3000);
	assert_int_equal(vm()->unsafe_maps, 4);
	/* An adjacent conflict with other attributes is another range. */
	map(1, 1, 0x80000000, 0x4000, 0x1000, WB, S2V_ATTR_NORMAL_NC);
	assert_int_equal(s->n_range, 2);
	assert_int_equal(vm()->unsafe_bytes, 0x4000);
}

static void test_too_many_ranges_are_counted(void **state)
{
	const struct s2v_rp_slot *s;

	(void)state;
	slot(1, 1, S2V_SLOT_CREATE, 0, 0x80000000, 1 << 20);
	for (__u64 i = 0; i < S2V_RP_RANGES + 10; i++)
		unsafe(i * 0x2000, 0x1000);
	s = vm()->slots;
	assert_int_equal(s->n_range, S2V_RP_RANGES);
	assert_int_equal(s->more_ranges, 10);
	assert_int_equal(vm()->unsafe_maps, S2V_RP_RANGES + 10);
	/* The bar still shows where: 1 MiB in 128 parts of 8 KiB. */
	assert_true(s->seen[S2V_RP_RANGES + 9] & S2V_RP_UNSAFE);
}

static void test_no_conflict(void **state)
{
	const struct s2v_rp_slot *s;

	(void)state;
	slot(1, 1, S2V_SLOT_CREATE, 0, 0x80000000, 1 << 20);
	map(1, 1, 0x80000000, 0, 0x1000, WB, WB);
	map(1, 1, 0x80000000, 0x80000, 0x1000, DEV, S2V_ATTR_NORMAL_NC);
	map(1, 1, 0x80000000, 0xff000, 0x1000, S2V_ATTR_UNKNOWN, WB);
	map(1, 1, 0x80000000, 0x100000, 0x1000, WB, DEV); /* outside */
	s = vm()->slots;
	assert_int_equal(s->seen[0], S2V_RP_CACHED);
	assert_int_equal(s->seen[64], S2V_RP_UNCACHED);
	assert_int_equal(s->seen[127], S2V_RP_UNCLEAR);
	assert_int_equal(s->n_range, 0);
	assert_int_equal(vm()->unsafe_maps, 0);
}

static void test_delete_and_register_again(void **state)
{
	(void)state;
	slot(1, 1, S2V_SLOT_CREATE, 0, 0x80000000, 1 << 20);
	unsafe(0, 0x1000);
	slot(1, 0, S2V_SLOT_DELETE, -EBUSY, 0x80000000, 1 << 20); /* it still exists */
	assert_int_equal(HASH_COUNT(vm()->slots), 1);
	slot(1, 0, S2V_SLOT_DELETE, 0, 0x80000000, 1 << 20);
	assert_null(vm()->slots);
	assert_non_null(vm()->gone);
	assert_int_equal(vm()->gone->n_range, 1);
	assert_true(vm()->gone->gone != 0);
	slot(1, 2, S2V_SLOT_CREATE, 0, 0x80000000, 1 << 20);
	unsafe(0x1000, 0x1000); /* of the first registration: ignored */
	assert_int_equal(vm()->slots->n_range, 0);
	/* The unsafe one is kept, and the last S2V_RP_GONE of the others. */
	for (__u32 gen = 3; gen < 103; gen++)
		slot(1, gen, S2V_SLOT_CREATE, 0, 0x80000000, 1 << 20);
	assert_int_equal(vm()->n_slots, 1 + 1 + S2V_RP_GONE);
	assert_int_equal(vm()->more_slots, 101 - 1 - S2V_RP_GONE);
	assert_int_equal(rp.n_slots, vm()->n_slots);
}

static void test_refused_with_finding(void **state)
{
	struct s2v_finding f = { .id = 1,
				 .rule = s2v_rules[S2V_RULE_PFNMAP_REFUSED],
				 .vm = ref,
				 .slot = { .id = 5, .gpa = 0x1000, .size = 0x1000 },
				 .err = -EINVAL,
				 .at = "memslot",
				 .count = 1 };

	(void)state;
	slot(5, 1, S2V_SLOT_CREATE, -EINVAL, 0x1000, 0x1000);
	assert_null(vm()->slots);
	s2v_report_finding(&rp, &f);
	assert_ptr_equal(vm()->first->slot, vm()->refused);
	assert_int_equal(vm()->refused->err, -EINVAL);
	/* The refused memslot with a finding is kept, however many follow. */
	for (__u32 gen = 2; gen < 200; gen++)
		slot(6, gen, S2V_SLOT_CREATE, -EINVAL, 0x1000, 0x1000);
	assert_int_equal(vm()->first->slot->id, 5);
	f.update = true;
	f.count = 77;
	s2v_report_finding(&rp, &f);
	assert_int_equal(vm()->first->f.count, 77);
	assert_int_equal(rp.n_findings[S2V_INFO], 1);
}

static void test_too_many_findings_are_counted(void **state)
{
	struct s2v_finding f = { .rule = s2v_rules[S2V_RULE_MIGRATION_PINNED],
				 .vm = ref,
				 .slot = { .id = S2V_NO_SLOT },
				 .time = 1,
				 .count = 1 };

	(void)state;
	for (f.id = 1; f.id <= S2V_RP_FINDINGS + 5; f.id++)
		s2v_report_finding(&rp, &f);
	assert_int_equal(HASH_COUNT(rp.findings), S2V_RP_FINDINGS);
	assert_int_equal(rp.n_findings[S2V_INFO], S2V_RP_FINDINGS + 5);
	/* Each severity has its own limit. */
	f.rule = s2v_rules[S2V_RULE_S2_NONCACHEABLE];
	s2v_report_finding(&rp, &f);
	assert_int_equal(rp.n_kept[S2V_CRITICAL], 1);
}

static void test_most_expensive_resets_are_kept(void **state)
{
	struct s2v_reset r = { .vm = ref };
	__u64 least = ~0ULL;

	(void)state;
	for (__u64 i = 0; i < 2 * S2V_RP_RESETS; i++) {
		r.time = 1000 + i;
		r.unmap_ns = (i * 7919) % (2 * S2V_RP_RESETS); /* each cost occurs once */
		s2v_report_reset(&rp, &r);
	}
	assert_int_equal(rp.n_resets, 2 * S2V_RP_RESETS);
	assert_int_equal(rp.n_reset, S2V_RP_RESETS);
	for (__u32 i = 0; i < rp.n_reset; i++)
		if (rp.reset[i].r.unmap_ns < least)
			least = rp.reset[i].r.unmap_ns;
	assert_int_equal(least, S2V_RP_RESETS);
	assert_int_equal(rp.reset_tax_ns, (2ULL * S2V_RP_RESETS - 1) * S2V_RP_RESETS);
}

static void test_time_folds(void **state)
{
	struct s2v_rp_time t = { .t0 = 1000 };
	__u64 sum = 0, last = 0;

	(void)state;
	for (__u64 i = 0; i < 10000; i++) {
		last = 1000 + i * i * 1000;
		s2v_rp_bin_at(&t, last, 64)->faults++;
	}
	s2v_rp_bin_at(&t, 5, 64)->faults++; /* before the first time: in the first bin */
	for (__u32 i = 0; i < t.n; i++)
		sum += t.bin[i].faults;
	assert_int_equal(sum, 10001);
	assert_int_equal(t.n, 64);
	assert_true((last - t.t0) / t.width < 64);
	assert_true((last - t.t0) / t.width >= 32); /* not wider than necessary */
	/* Times are 0, 1, 4, 9, … thousand ns: count those in the first bin. */
	sum = 0;
	for (__u64 i = 0; 1000 + i * i * 1000 < t.t0 + t.width; i++)
		sum++;
	assert_int_equal(t.bin[0].faults, sum + 1);
	/* The largest time. */
	assert_non_null(s2v_rp_bin_at(&t, ~0ULL, 64));
	free(t.bin);
}

static void test_contract_replaces_registration(void **state)
{
	struct s2v_ev_vma v = { .h = head(S2V_EV_VMA, sizeof(v)),
				.vma = { .start = 0x180000000, .end = 0x180100000, .attr = WB },
				.slot = 1,
				.gen = 1,
				.driver = "drv" };
	struct s2v_contract_row row = { .vm = ref,
					.id = 1,
					.gpa = 0x80000000,
					.size = 1 << 20,
					.hva = 0x180000000,
					.backing = "pfnmap",
					.driver = "drv",
					.vmm_cmo = S2V_CMO_UNSAFE };
	const struct s2v_rp_backing *b;

	(void)state;
	s2v_report_event(&rp, &v.h, &ref, now);
	slot(1, 1, S2V_SLOT_CREATE, 0, 0x80000000, 1 << 20);
	b = s2v_rp_backing_at(vm()->slots, 0x80000000);
	assert_non_null(b);
	assert_false(b->judged);
	assert_string_equal(b->row.driver, "drv");
	assert_string_equal(b->row.backing, "anonymous");
	s2v_report_memslot(&rp, &row);
	s2v_report_memslot(&rp, &row); /* the contract may be reported more than once */
	assert_int_equal(vm()->slots->n_backing, 1);
	b = s2v_rp_backing_at(vm()->slots, 0x800fffff);
	assert_true(b->judged);
	assert_int_equal(b->row.vmm_cmo, S2V_CMO_UNSAFE);
	assert_null(s2v_rp_backing_at(vm()->slots, 0x80100000));
}

/* A contract row of a deleted memslot must not go to the memslot that replaced it. */
static void test_contract_of_deleted_memslot(void **state)
{
	struct s2v_contract_row row = { .vm = ref,
					.id = 1,
					.gone = true,
					.gpa = 0x80000000,
					.size = 1 << 20,
					.hva = 0x180000000,
					.backing = "pfnmap",
					.vmm_cmo = S2V_CMO_UNSAFE };

	(void)state;
	slot(1, 1, S2V_SLOT_CREATE, 0, 0x80000000, 1 << 20);
	slot(1, 2, S2V_SLOT_DELETE, 0, 0x80000000, 1 << 20);
	slot(1, 3, S2V_SLOT_CREATE, 0, 0x80000000, 1 << 20);
	s2v_report_memslot(&rp, &row);
	assert_int_equal(vm()->slots->n_backing, 0);
	assert_non_null(vm()->gone);
	assert_int_equal(vm()->gone->n_backing, 1);
	assert_int_equal(vm()->gone->backing[0].row.vmm_cmo, S2V_CMO_UNSAFE);
	row.id = 2; /* an unknown memslot: the row does not create it */
	s2v_report_memslot(&rp, &row);
	assert_int_equal(HASH_COUNT(vm()->slots), 1);
}

static void test_audit_leaves(void **state)
{
	struct s2v_ev_leaves ev = { .h = head(S2V_EV_LEAVES, sizeof(ev)),
				    .slot = 1,
				    .gen = 1,
				    .gpa = 0x80010000,
				    .size = 0x20000,
				    .hva = 0x180010000,
				    .pa = 0x4000000000,
				    .leaves = 32,
				    .s1 = WB,
				    .s2 = DEV };

	(void)state;
	s2v_report_event(&rp, &ev.h, &ref, now); /* before its memslot is known */
	slot(1, 1, S2V_SLOT_FOUND, 0, 0x80000000, 1 << 20);
	s2v_report_event(&rp, &ev.h, &ref, now);
	assert_int_equal(vm()->slots->n_range, 1);
	assert_int_equal(vm()->slots->range[0].end, 0x80030000);
	assert_int_equal(vm()->unsafe_maps, 32);
	assert_int_equal(vm()->unsafe_bytes, 0x20000);
	ev.gen = 2; /* of another registration */
	s2v_report_event(&rp, &ev.h, &ref, now);
	assert_int_equal(vm()->unsafe_maps, 32);
}

/* ---- the guest's own stage 1 ---- */

static void vcpu(int id, __u32 flags, __u64 tables)
{
	struct s2v_ev_vcpu ev = {
		.h = head(S2V_EV_VCPU, sizeof(ev)), .vcpu = id, .flags = flags, .tables = tables
	};

	s2v_report_event(&rp, &ev.h, &ref, now);
}

/* Memory of memslot 1, registration 1, at 0x80000000. */
static void guest(__u64 off, __u64 size, __u64 alias, __u8 attr)
{
	struct s2v_ev_guest ev = { .h = head(S2V_EV_GUEST, sizeof(ev)),
				   .slot = 1,
				   .gen = 1,
				   .gpa = 0x80000000 + off,
				   .size = size,
				   .bytes = size,
				   .alias = alias,
				   .va = 0xffff000000000000ULL + off,
				   .attr = attr };

	s2v_report_event(&rp, &ev.h, &ref, now);
}

static void audited(void)
{
	struct s2v_ev_audit ev = { .h = head(S2V_EV_AUDIT, sizeof(ev)) };

	s2v_report_event(&rp, &ev.h, &ref, now);
}

static void test_guest_vcpus(void **state)
{
	const struct s2v_rp_vcpus *v;

	(void)state;
	/* Neighbours in one state are one group; to share tables is no other state. */
	vcpu(0, 0, 5);
	vcpu(1, S2V_VC_SHARED, 0);
	vcpu(2, S2V_VC_MMU_OFF, 0);
	vcpu(3, S2V_VC_OFF | S2V_VC_NESTED, 0);
	vcpu(5, S2V_VC_OFF | S2V_VC_NESTED, 0); /* no neighbour: there is no 4 */
	assert_int_equal(vm()->n_vcpus, 4);
	v = vm()->vcpus;
	assert_int_equal(v[0].first, 0);
	assert_int_equal(v[0].last, 1);
	assert_int_equal(v[0].flags, 0);
	assert_int_equal(v[0].tables, 5);
	assert_int_equal(v[1].first, 2);
	assert_int_equal(v[3].first, 5);
	/* What is off does not count. */
	assert_int_equal(vm()->guest_flags, S2V_VC_MMU_OFF);
	for (int i = 6; i < 6 + 2 * S2V_RP_VCPUS; i += 2)
		vcpu(i, 0, 0);
	assert_int_equal(vm()->n_vcpus, S2V_RP_VCPUS);
	assert_int_equal(vm()->more_vcpus, 4);
}

static void test_guest_all_off(void **state)
{
	(void)state;
	vcpu(0, S2V_VC_OFF, 0);
	vcpu(1, S2V_VC_OFF | S2V_VC_AARCH32, 0);
	assert_int_equal(vm()->guest_flags, S2V_VC_OFF);
	vcpu(2, S2V_VC_STALE, 0);
	assert_int_equal(vm()->guest_flags, S2V_VC_STALE);
}

static void test_guest_ranges(void **state)
{
	const struct s2v_rp_guest *g;

	(void)state;
	slot(1, 1, S2V_SLOT_FOUND, 0, 0x80000000, 1 << 20);
	vcpu(0, 0, 1);
	guest(0, 1 << 20, 0, WB);
	guest(0x80000, 0x1000, 0x1000, DEV);
	guest(0x40000, 0x2000, 0x1000, S2V_ATTR_NORMAL_NC);
	guest(0xc0000, 0x1000, 0, S2V_ATTR_UNKNOWN);
	assert_false(vm()->slots->walked);
	audited();
	assert_true(vm()->slots->walked);
	g = vm()->slots->guest;
	assert_int_equal(g->sum.bytes[WB], 1 << 20);
	assert_int_equal(g->sum.bytes[DEV], 0x1000);
	assert_int_equal(g->sum.alias, 0x2000);
	/* By address, and only what is not cacheable. */
	assert_int_equal(g->n_range, 2);
	assert_int_equal(g->range[0].gpa, 0x80040000);
	assert_int_equal(g->range[0].end, 0x80042000);
	assert_int_equal(g->range[0].attr, S2V_ATTR_NORMAL_NC);
	assert_int_equal(g->range[1].va, 0xffff000000080000ULL);
	/* A part is 8 KiB: 0x40000 begins part 32, 0xc0000 part 96. */
	assert_int_equal(g->seen[0], S2V_RP_CACHED);
	assert_int_equal(g->seen[32], S2V_RP_CACHED | S2V_RP_UNCACHED);
	assert_int_equal(g->seen[33], S2V_RP_CACHED);
	assert_int_equal(g->seen[96], S2V_RP_CACHED | S2V_RP_UNCLEAR);
	for (int i = 0; i < S2V_RP_RANGES; i++)
		guest(0x1000, 0x1000, 0, DEV);
	assert_int_equal(g->n_range, S2V_RP_RANGES);
	assert_int_equal(g->more_ranges, 2);
}

static void test_guest_again(void **state)
{
	(void)state;
	slot(1, 1, S2V_SLOT_FOUND, 0, 0x80000000, 1 << 20);
	vcpu(0, S2V_VC_BOUND, 1);
	guest(0, 0x1000, 0, DEV);
	audited();
	vcpu(0, 0, 1);
	assert_int_equal(vm()->n_vcpus, 1);
	assert_int_equal(vm()->guest_flags, 0);
	assert_null(vm()->slots->guest);
	guest(0x2000, 0x1000, 0, DEV);
	audited();
	assert_int_equal(vm()->slots->guest->range[0].gpa, 0x80002000);
	/* An audit that looks at no vCPU: the host got S2FWB, or all memslots are gone. */
	audited();
	assert_int_equal(vm()->n_vcpus, 0);
	assert_false(vm()->slots->walked);
	assert_null(vm()->slots->guest);
}

static void test_guest_malformed(void **state)
{
	(void)state;
	vcpu(0, 0, 1);
	guest(0, 0x1000, 0, DEV); /* no such memslot */
	slot(1, 2, S2V_SLOT_FOUND, 0, 0x80000000, 1 << 20);
	guest(0, 0x1000, 0, DEV); /* another registration */
	slot(1, 1, S2V_SLOT_FOUND, 0, 0x80000000, 1 << 20);
	guest(0, 0, 0, DEV);
	guest(0, 0x1000, 0x2000, DEV); /* more alias than bytes */
	guest(0, 0x1000, 0, S2V_ATTR_NR);
	guest(0, 0x1000, 0, S2V_ATTR_NONE);
	guest(0xff000, 0x2000, 0, DEV); /* beyond the memslot */
	guest(~0ULL - 0x7fffffff, 0x1000, 0, DEV); /* below it */
	assert_null(vm()->slots->guest);
	guest(0xff000, 0x1000, 0x1000, DEV);
	assert_non_null(vm()->slots->guest);
}

#define T(f) cmocka_unit_test_setup_teardown(f, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_ranges_merge),
		T(test_too_many_ranges_are_counted),
		T(test_no_conflict),
		T(test_delete_and_register_again),
		T(test_refused_with_finding),
		T(test_too_many_findings_are_counted),
		T(test_most_expensive_resets_are_kept),
		T(test_time_folds),
		T(test_contract_replaces_registration),
		T(test_contract_of_deleted_memslot),
		T(test_audit_leaves),
		T(test_guest_vcpus),
		T(test_guest_all_off),
		T(test_guest_ranges),
		T(test_guest_again),
		T(test_guest_malformed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
