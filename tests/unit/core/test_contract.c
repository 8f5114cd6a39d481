/* needs: src/core src/host src/util */
/* SPDX-License-Identifier: BSD-2-Clause */
/* The coherence contract: every combination, and no guarantee without grounds. */
#include "events.h"

static const struct mslot A = { 1, 3, 1, 0x40000000, 0x10000, 0xffff80000000, 0, 0 };

static const struct s2v_contract_row *after(void)
{
	end();
	assert_int_equal(w.n_rows, 1);
	assert_int_equal(w.row_ends, 1);
	assert_true(w.row[0].gpa == A.gpa && w.row[0].size == A.size && w.row[0].hva == A.hva);
	assert_int_equal(w.row[0].id, A.id);
	assert_int_equal(w.row[0].vm.id, 1);
	return &w.row[0];
}

static void start(int fwb, int dic)
{
	begin(make_host(OLD, fwb, dic));
	vm_new(1);
}

/* One memslot with one backing and one mapping; s2 NONE: no mapping. */
static const struct s2v_contract_row *row(int fwb, int dic, const struct kind *k, __u8 pte,
					  __u64 pa, __u32 s2)
{
	start(fwb, dic);
	create(&A, k, pte, pa, 0);
	if (s2 != S2V_ATTR_NONE)
		map(&A, 0, k, pte, pa, s2);
	return after();
}

static void expect(const struct s2v_contract_row *r, int wb, enum s2v_cmo cmo, int fwb)
{
	if (r->write_back_guaranteed != wb || r->vmm_cmo != cmo || r->needs_s2fwb != fwb)
		fail_msg("host fwb %d dic %d, %s / %s: guaranteed %d, owed %s, needs %d; "
			 "expected %d, %s, %d",
			 w.host.fwb, w.host.dic, s2v_attr_name(r->s1), s2v_attr_name(r->s2),
			 r->write_back_guaranteed, s2v_cmo_name(r->vmm_cmo), r->needs_s2fwb, wb,
			 s2v_cmo_name(cmo), fwb);
}

/* The cache maintenance for memory that is Write-Back on both sides. */
static const struct {
	int fwb, dic, guaranteed;
	enum s2v_cmo cmo;
} hosts[] = {
	{ S2V_YES, S2V_YES, S2V_YES, S2V_CMO_NONE },
	{ S2V_YES, S2V_NO, S2V_YES, S2V_CMO_ICACHE },
	{ S2V_NO, S2V_YES, S2V_NO, S2V_CMO_DATA },
	{ S2V_NO, S2V_NO, S2V_NO, S2V_CMO_DATA_ICACHE },
	/* No guarantee for what is not known. */
	{ S2V_YES, S2V_UNKNOWN, S2V_YES, S2V_CMO_UNKNOWN },
	{ S2V_NO, S2V_UNKNOWN, S2V_NO, S2V_CMO_UNKNOWN },
	{ S2V_UNKNOWN, S2V_YES, S2V_UNKNOWN, S2V_CMO_UNKNOWN },
	{ S2V_UNKNOWN, S2V_UNKNOWN, S2V_UNKNOWN, S2V_CMO_UNKNOWN },
};

static void both_write_back(void **state)
{
	static const struct kind *const ordinary[] = { &anon, &file };

	(void)state;
	for (size_t i = 0; i < S2V_ARRAY_SIZE(hosts); i++) {
		for (size_t k = 0; k < S2V_ARRAY_SIZE(ordinary); k++) {
			const struct s2v_contract_row *r =
				row(hosts[i].fwb, hosts[i].dic, ordinary[k], WB, RAM_PA, WB);

			assert_int_equal(r->s1, WB);
			assert_int_equal(r->s2, WB);
			expect(r, hosts[i].guaranteed, hosts[i].cmo, S2V_NO);
			/* Tagged is Write-Back. */
			r = row(hosts[i].fwb, hosts[i].dic, ordinary[k], S2V_ATTR_NORMAL_TAGGED,
				RAM_PA, WB);
			expect(r, hosts[i].guaranteed, hosts[i].cmo, S2V_NO);
		}
		/* Outside the kernel's map it depends on S2FWB. */
		expect(row(hosts[i].fwb, hosts[i].dic, &pfn_wb, WB, DEV_PA, WB),
		       hosts[i].guaranteed, hosts[i].cmo, S2V_YES);
		expect(row(hosts[i].fwb, hosts[i].dic, &mix_wb, WB, DEV_PA, WB),
		       hosts[i].guaranteed, hosts[i].cmo, S2V_YES);
		expect(row(hosts[i].fwb, hosts[i].dic, &pfn_wb, WB, RAM_PA, WB),
		       hosts[i].guaranteed, hosts[i].cmo, S2V_NO);
	}
}

static void both_non_cacheable(void **state)
{
	(void)state;
	for (size_t i = 0; i < S2V_ARRAY_SIZE(hosts); i++) {
		int f = hosts[i].fwb, d = hosts[i].dic;

		expect(row(f, d, &pfn_nc, NC, DEV_PA, DEV), S2V_NO, S2V_CMO_NONE, S2V_NO);
		expect(row(f, d, &pfn_nc, NC, DEV_PA, NC), S2V_NO, S2V_CMO_NONE, S2V_NO);
		expect(row(f, d, &pfn_dev, S2V_ATTR_DEVICE_nGnRnE, DEV_PA, DEV), S2V_NO,
		       S2V_CMO_NONE, S2V_NO);
		expect(row(f, d, &vfio, S2V_ATTR_DEVICE_nGnRnE, DEV_PA, NC), S2V_NO, S2V_CMO_NONE,
		       S2V_NO);
	}
}

static void mismatched(void **state)
{
	(void)state;
	for (size_t i = 0; i < S2V_ARRAY_SIZE(hosts); i++) {
		int f = hosts[i].fwb, d = hosts[i].dic;

		expect(row(f, d, &pfn_wb, WB, DEV_PA, DEV), S2V_NO, S2V_CMO_UNSAFE, S2V_NO);
		expect(row(f, d, &pfn_wb, WB, DEV_PA, NC), S2V_NO, S2V_CMO_UNSAFE, S2V_NO);
		expect(row(f, d, &pfn_nc, NC, RAM_PA, WB), S2V_NO, S2V_CMO_UNSAFE, S2V_NO);
		/* by the PTE, whatever vm_page_prot says */
		expect(row(f, d, &pfn_nc, WB, DEV_PA, DEV), S2V_NO, S2V_CMO_UNSAFE, S2V_NO);
		assert_int_equal(w.row[0].s1, WB);
		expect(row(f, d, &pfn_wb, NC, DEV_PA, DEV), S2V_NO, S2V_CMO_NONE, S2V_NO);
	}
}

static void not_understood(void **state)
{
	static const struct kind unread = { 0, S2V_ATTR_NONE };
	struct s2v_ev_page ev;

	(void)state;
	expect(row(1, 1, &anon, WB, RAM_PA, S2V_ATTR_UNKNOWN), S2V_UNKNOWN, S2V_CMO_UNKNOWN,
	       S2V_NO);
	expect(row(1, 1, &anon, WB, RAM_PA, S2V_ATTR_AS_S1), S2V_UNKNOWN, S2V_CMO_UNKNOWN, S2V_NO);
	expect(row(1, 1, &anon, S2V_ATTR_UNKNOWN, RAM_PA, WB), S2V_UNKNOWN, S2V_CMO_UNKNOWN,
	       S2V_NO);
	/* A page whose VMA could not be read, in a memslot whose registration was not seen. */
	start(S2V_YES, S2V_YES);
	ev = page(S2V_EV_MAP, &A, 0x3000, &unread);
	ev.gen = 0;
	ev.flags = S2V_PG_NO_VMA | S2V_PG_NO_PTE;
	ev.s2 = WB;
	send_page(&ev);
	end();
	assert_int_equal(w.n_rows, 1);
	assert_true(w.row[0].size == PAGE && w.row[0].gpa == A.gpa + 0x3000);
	assert_int_equal(w.row[0].s1, S2V_ATTR_NONE);
	assert_int_equal(w.row[0].write_back_guaranteed, S2V_UNKNOWN);
	assert_int_equal(w.row[0].vmm_cmo, S2V_CMO_UNKNOWN);
}

/* How KVM will map memory is known in advance for ordinary memory, not for a driver's. */
static void before_the_first_fault(void **state)
{
	const struct s2v_contract_row *r;

	(void)state;
	for (size_t i = 0; i < S2V_ARRAY_SIZE(hosts); i++) {
		int f = hosts[i].fwb, d = hosts[i].dic;

		r = row(f, d, &anon, NO_PTE, S2V_NO_PA, S2V_ATTR_NONE);
		assert_int_equal(r->s1, WB);
		assert_int_equal(r->s2, S2V_ATTR_NONE);
		expect(r, hosts[i].guaranteed, hosts[i].cmo, S2V_NO);
		r = row(f, d, &pfn_wb, WB, DEV_PA, S2V_ATTR_NONE);
		assert_int_equal(r->s1, WB);
		assert_int_equal(r->s2, S2V_ATTR_NONE);
		expect(r, S2V_UNKNOWN, S2V_CMO_UNKNOWN, S2V_UNKNOWN);
		r = row(f, d, &mix_wb, WB, DEV_PA, S2V_ATTR_NONE);
		expect(r, S2V_UNKNOWN, S2V_CMO_UNKNOWN, S2V_UNKNOWN);
		r = row(f, d, &pfn_nc, NC, DEV_PA, S2V_ATTR_NONE);
		assert_int_equal(r->s1, NC);
		expect(r, S2V_UNKNOWN, S2V_CMO_UNKNOWN, S2V_UNKNOWN);
		r = row(f, d, &hole, NO_PTE, S2V_NO_PA, S2V_ATTR_NONE);
		assert_int_equal(r->s1, S2V_ATTR_NONE);
		expect(r, S2V_UNKNOWN, S2V_CMO_UNKNOWN, S2V_UNKNOWN);
		/* A DAX file: no driver's VMA, but up to 6.16 KVM maps it Device. */
		r = row(f, d, &file, WB, DEV_PA, S2V_ATTR_NONE);
		expect(r, S2V_UNKNOWN, S2V_CMO_UNKNOWN, S2V_UNKNOWN);
	}
	/* A fault that failed has mapped nothing. */
	begin(make_host(LATEST, S2V_NO, S2V_NO));
	vm_new(1);
	create(&A, &anon, WB, RAM_PA, 0);
	fault(&A, 0, &pfn_wb, WB, DEV_PA, -EFAULT);
	assert_int_equal(after()->s2, S2V_ATTR_NONE);
}

/* Several stage-2 types in one range: the row has the conflict, else the cacheable one; no guarantee. */
static void mixed(void **state)
{
	static const struct {
		__u8 s1[3];
		__u32 s2[3];
		__u32 reported;
		enum s2v_cmo cmo;
	} t[] = {
		{ { WB, WB, WB }, { WB, DEV, WB }, DEV, S2V_CMO_UNSAFE },
		{ { WB, WB, WB }, { DEV, WB, WB }, DEV, S2V_CMO_UNSAFE },
		{ { NC, NC, NC }, { NC, DEV, WB }, WB, S2V_CMO_UNSAFE },
		{ { WB, NC, WB }, { WB, DEV, WB }, WB, S2V_CMO_DATA },
		{ { NC, WB, NC }, { DEV, WB, DEV }, WB, S2V_CMO_DATA },
		{ { NC, NC, NC }, { DEV, NC, DEV }, DEV, S2V_CMO_NONE },
	};

	(void)state;
	for (int fwb = 0; fwb < 2; fwb++) {
		for (size_t i = 0; i < S2V_ARRAY_SIZE(t); i++) {
			const struct s2v_contract_row *r;

			start(fwb, S2V_YES);
			create(&A, &pfn_nc, NO_PTE, S2V_NO_PA, 0);
			for (int j = 0; j < 3; j++)
				map(&A, j * PAGE, &pfn_nc, t[i].s1[j], DEV_PA, t[i].s2[j]);
			r = after();
			assert_true(r->s2_mixed);
			assert_int_equal(r->s2, t[i].reported);
			assert_int_equal(r->write_back_guaranteed, S2V_NO);
			assert_int_equal(r->vmm_cmo,
					 fwb && t[i].cmo == S2V_CMO_DATA ? S2V_CMO_NONE : t[i].cmo);
		}
	}
	/* One type, mapped repeatedly, is not mixed. */
	start(S2V_YES, S2V_YES);
	create(&A, &anon, WB, RAM_PA, 0);
	for (int j = 0; j < 3; j++)
		map(&A, j * PAGE, &anon, NO_PTE, RAM_PA, WB);
	assert_false(after()->s2_mixed);
}

/* Without the memory map it is not known whether the range depends on S2FWB. */
static void needs_s2fwb_unknown(void **state)
{
	struct s2v_host h = make_host(LATEST, S2V_YES, S2V_YES);

	(void)state;
	h.n_ram = 0;
	begin(h);
	vm_new(1);
	create(&A, &pfn_wb, WB, DEV_PA, 0);
	map(&A, 0, &pfn_wb, WB, DEV_PA, WB);
	expect(after(), S2V_YES, S2V_CMO_NONE, S2V_UNKNOWN);
	begin(h);
	vm_new(1);
	create(&A, &anon, WB, RAM_PA, 0);
	map(&A, 0, &anon, NO_PTE, RAM_PA, WB);
	expect(after(), S2V_YES, S2V_CMO_NONE, S2V_NO);
}

/* No VMA at all, KVM allocates: Write-Back, before the first fault and after. */
static void guest_memfd(void **state)
{
	struct mslot g = A;

	(void)state;
	g.flags = S2V_MEM_GUEST_MEMFD;
	for (int fwb = 0; fwb < 2; fwb++) {
		for (int mapped = 0; mapped < 3; mapped++) {
			start(fwb, S2V_NO);
			g.gen = mapped == 2 ? 0 : 1; /* 2: registered before the hooks */
			if (mapped < 2)
				send_slot(&g, S2V_SLOT_CREATE, 0, 0);
			if (mapped)
				map(&g, 0x3000, &gmem, NO_PTE, RAM_PA, WB);
			only(0);
			expect(after(), fwb, fwb ? S2V_CMO_ICACHE : S2V_CMO_DATA_ICACHE, S2V_NO);
			assert_string_equal(w.row[0].backing, "guest_memfd");
			assert_int_equal(w.row[0].s1, WB);
			assert_int_equal(w.row[0].s2, mapped ? WB : S2V_ATTR_NONE);
			assert_true(w.sum.complete);
		}
	}
	/* Refused: no memslot. */
	start(S2V_YES, S2V_YES);
	g.gen = 1;
	send_slot(&g, S2V_SLOT_CREATE, 0, -EINVAL);
	end();
	assert_int_equal(w.n_rows, 0);
	assert_int_equal(w.n_f, 0);
}

static void backings(void **state)
{
	static const struct {
		__u32 flags;
		const char *name;
	} t[] = {
		{ 0, "anonymous" },
		{ S2V_VMA_SHARED, "anonymous" },
		{ S2V_VMA_FILE, "file" },
		{ S2V_VMA_FILE | S2V_VMA_SHARED, "file" },
		{ S2V_VMA_HUGETLB | S2V_VMA_FILE, "hugetlb" },
		{ S2V_VMA_PFNMAP | S2V_VMA_FILE, "pfnmap" },
		{ S2V_VMA_MIXEDMAP | S2V_VMA_FILE, "mixedmap" },
	};

	(void)state;
	for (size_t i = 0; i < S2V_ARRAY_SIZE(t); i++) {
		struct kind k = { t[i].flags, WB };

		assert_string_equal(row(1, 1, &k, WB, RAM_PA, S2V_ATTR_NONE)->backing, t[i].name);
		assert_string_equal(row(1, 1, &k, WB, RAM_PA, WB)->backing, t[i].name);
		assert_string_equal(w.row[0].name, "memory");
	}
	assert_string_equal(row(1, 1, &pfn_nc, NC, DEV_PA, DEV)->driver, "driver");
	/* Another mapping later: the row has it. */
	start(S2V_YES, S2V_YES);
	create(&A, &anon, WB, RAM_PA, 0);
	map(&A, 0, &anon, NO_PTE, RAM_PA, WB);
	map(&A, 0x1000, &pfn_wb, WB, DEV_PA, WB);
	expect(after(), S2V_YES, S2V_CMO_NONE, S2V_YES);
	assert_string_equal(w.row[0].backing, "pfnmap");
}

static void names_without_nul(void **state)
{
	struct s2v_ev_vma ev;

	(void)state;
	start(S2V_YES, S2V_YES);
	ev = (struct s2v_ev_vma){ .h = head(S2V_EV_VMA, sizeof(ev), 1),
				  .vma = { .start = A.hva, .end = A.hva + A.size, .attr = WB },
				  .pa = S2V_NO_PA,
				  .slot = A.id,
				  .gen = 1 };
	memset(ev.name, 'n', sizeof(ev.name));
	memset(ev.driver, 'd', sizeof(ev.driver));
	s2v_correlator_event(w.core, &ev.h);
	send_slot(&A, S2V_SLOT_CREATE, 1, 0);
	assert_int_equal(strlen(after()->name), S2V_NAME_LEN - 1);
	assert_int_equal(strlen(w.row[0].driver), S2V_NAME_LEN - 1);
}

/* A contract during the run (SIGUSR1) equals that at the end, and changes nothing. */
static void reported_twice(void **state)
{
	(void)state;
	start(S2V_YES, S2V_YES);
	create(&A, &anon, WB, RAM_PA, 0);
	s2v_correlator_contract(w.core);
	assert_int_equal(w.n_rows, 1);
	assert_int_equal(w.row[0].s2, S2V_ATTR_NONE);
	map(&A, 0, &anon, NO_PTE, RAM_PA, WB);
	s2v_correlator_contract(w.core);
	s2v_correlator_contract(w.core);
	end();
	assert_int_equal(w.n_rows, 4);
	assert_int_equal(w.row[1].s2, WB);
	assert_int_equal(w.row[1].vmm_cmo, w.row[3].vmm_cmo);
	assert_int_equal(w.row[2].why, S2V_CONTRACT_ASKED);
	assert_int_equal(w.row[3].why, S2V_CONTRACT_RUN_ENDS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(both_write_back),
		cmocka_unit_test(both_non_cacheable),
		cmocka_unit_test(mismatched),
		cmocka_unit_test(not_understood),
		cmocka_unit_test(before_the_first_fault),
		cmocka_unit_test(mixed),
		cmocka_unit_test(needs_s2fwb_unknown),
		cmocka_unit_test(guest_memfd),
		cmocka_unit_test(backings),
		cmocka_unit_test(names_without_nul),
		cmocka_unit_test(reported_twice),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
