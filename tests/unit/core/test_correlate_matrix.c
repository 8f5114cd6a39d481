/* needs: src/core src/host src/util */
/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The matrix of kernels and CPUs: the events that each combination produces, by what its kernel maps or
 * refuses, and the findings that must follow.
 */
#include "events.h"

static const struct mslot A = { 1, 0, 1, 0x40000000, 0x10000, 0xffff80000000, 0, 0 };

static bool both;
static enum kernel kernel;

static void start(enum kernel k, int fwb, int dic)
{
	kernel = k;
	both = fwb && dic;
	begin(make_host(k, fwb, dic));
	vm_new(1);
	send_cap(1, S2V_CAP_CACHEABLE_PFNMAP);
}

static void each(void (*scenario)(void))
{
	for (int k = OLD; k <= LATEST; k++) {
		for (int fwb = 0; fwb < 2; fwb++) {
			for (int dic = 0; dic < 2; dic++) {
				start((enum kernel)k, fwb, dic);
				scenario();
				if (w.core)
					end();
			}
		}
	}
}

/* Up to 6.16 all memory outside the kernel's map is Device; from 6.17 on pgprot decides. */
static bool refuses(void)
{
	return kernel == LATEST && !both;
}

static __u32 s2_of_cacheable_outside(void)
{
	return kernel == LATEST ? WB : DEV;
}

static void cacheable_pfnmap_(void)
{
	create(&A, &pfn_wb, WB, DEV_PA, refuses() ? -EINVAL : 0);
	if (refuses()) {
		only(R(PFNMAP_REFUSED));
		assert_string_equal(finding(S2V_RULE_PFNMAP_REFUSED)->at, "memslot");
		assert_int_equal(finding(S2V_RULE_PFNMAP_REFUSED)->err, -EINVAL);
		assert_true(finding(S2V_RULE_PFNMAP_REFUSED)->gpa == A.gpa);
		assert_int_equal(finding(S2V_RULE_PFNMAP_REFUSED)->s2, S2V_ATTR_NONE);
		return;
	}
	map(&A, 0, &pfn_wb, WB, DEV_PA, s2_of_cacheable_outside());
	if (kernel == LATEST) {
		only(R(MIGRATION_PINNED)); /* nothing unsafe */
		end();
		assert_int_equal(row_at(1, A.gpa)->write_back_guaranteed, S2V_YES);
		assert_int_equal(row_at(1, A.gpa)->needs_s2fwb, S2V_YES);
		assert_int_equal(row_at(1, A.gpa)->vmm_cmo, S2V_CMO_NONE);
	} else {
		only(R(S2_NONCACHEABLE) | R(PFNMAP_ADMITTED)); /* with S2FWB and DIC, too */
	}
}

static void cacheable_pfnmap(void **state)
{
	(void)state;
	each(cacheable_pfnmap_);
}

/* Pages are mapped on first access: the address is known at the mapping, not at registration. */
static void cacheable_pfnmap_lazily_(void)
{
	if (refuses())
		return;
	create(&A, &pfn_wb, NO_PTE, S2V_NO_PA, 0);
	only(0);
	map(&A, 0x3000, &pfn_wb, WB, DEV_PA, s2_of_cacheable_outside());
	if (kernel == LATEST)
		only(R(MIGRATION_PINNED));
	else
		only(R(S2_NONCACHEABLE) | R(PFNMAP_ADMITTED)); /* with S2FWB and DIC, too */
}

static void cacheable_pfnmap_lazily(void **state)
{
	(void)state;
	each(cacheable_pfnmap_lazily_);
}

static void mapped_over_a_memslot_(void)
{
	create(&A, &anon, WB, RAM_PA, 0);
	map(&A, 0, &anon, NO_PTE, RAM_PA, WB);
	only(0);
	if (refuses()) {
		fault(&A, 0x2000, &pfn_wb, WB, DEV_PA, -EFAULT);
		only(R(PFNMAP_REFUSED));
		assert_string_equal(finding(S2V_RULE_PFNMAP_REFUSED)->at, "fault");
		assert_int_equal(finding(S2V_RULE_PFNMAP_REFUSED)->err, -EFAULT);
		assert_true(finding(S2V_RULE_PFNMAP_REFUSED)->gpa == A.gpa + 0x2000);
		return;
	}
	map(&A, 0x2000, &pfn_wb, WB, DEV_PA, s2_of_cacheable_outside());
	only(kernel == LATEST ? R(ATTR_DRIFT) | R(MIGRATION_PINNED)
			      : R(ATTR_DRIFT) | R(S2_NONCACHEABLE));
}

static void mapped_over_a_memslot(void **state)
{
	(void)state;
	each(mapped_over_a_memslot_);
}

static void non_cacheable_(void)
{
	struct mslot b = A, c = A;

	b.id = 1;
	b.gen = 2;
	b.gpa += A.size;
	c.id = 2;
	c.gen = 3;
	c.gpa += 2 * A.size;
	create(&A, &pfn_nc, NC, DEV_PA, 0);
	create(&b, &pfn_dev, S2V_ATTR_DEVICE_nGnRnE, DEV_PA, 0);
	create(&c, &vfio, S2V_ATTR_DEVICE_nGnRnE, DEV_PA, 0);
	map(&A, 0, &pfn_nc, NC, DEV_PA, DEV);
	map(&b, 0, &pfn_dev, S2V_ATTR_DEVICE_nGnRnE, DEV_PA, DEV);
	map(&c, 0, &vfio, S2V_ATTR_DEVICE_nGnRnE, DEV_PA, NC); /* 6.9 on, by design */
	map(&c, 0x1000, &vfio, S2V_ATTR_DEVICE_nGnRnE, DEV_PA, DEV); /* before */
	only(0);
	end();
	assert_true(w.sum.complete);
}

static void non_cacheable(void **state)
{
	(void)state;
	each(non_cacheable_);
}

/* No kernel up to 7.3 looks at the pgprot of RAM. */
static void ram_write_combined_(void)
{
	create(&A, &pfn_nc, NC, RAM_PA, 0);
	only(0);
	map(&A, 0, &pfn_nc, NC, RAM_PA, WB);
	only(R(S2_CACHEABLE));
	assert_int_equal(finding(S2V_RULE_S2_CACHEABLE)->s1, NC);
	assert_int_equal(finding(S2V_RULE_S2_CACHEABLE)->s2, WB);
	assert_int_equal(finding(S2V_RULE_S2_CACHEABLE)->s1_source, S2V_SRC_PTE);
}

static void ram_write_combined(void **state)
{
	(void)state;
	each(ram_write_combined_);
}

static void ram_cacheable_(void)
{
	create(&A, &pfn_wb, WB, RAM_PA, refuses() ? -EINVAL : 0);
	if (refuses()) { /* by the VMA alone, inside or outside the kernel's map */
		only(R(PFNMAP_REFUSED));
		return;
	}
	map(&A, 0, &pfn_wb, WB, RAM_PA, WB);
	only(0);
}

static void ram_cacheable(void **state)
{
	(void)state;
	each(ram_cacheable_);
}

/* vm_page_prot is write-combined, so no kernel refuses it; the PTEs are Write-Back. */
static void ptes_differ_(void)
{
	const struct s2v_finding *f;

	create(&A, &pfn_nc, WB, DEV_PA, 0);
	only(0);
	map(&A, 0, &pfn_nc, WB, DEV_PA, DEV);
	only(R(S2_NONCACHEABLE));
	f = finding(S2V_RULE_S2_NONCACHEABLE);
	assert_int_equal(f->s1, WB);
	assert_int_equal(f->s1_source, S2V_SRC_PTE);
	assert_int_equal(f->s1_vma, NC);
	assert_int_equal(f->s2, DEV);
	assert_int_equal(f->s2_source, S2V_SRC_PROT);
	assert_non_null(strstr(f->explain, "PTE"));
}

static void ptes_differ(void **state)
{
	(void)state;
	each(ptes_differ_);
}

/* Three resets repeat the same mappings three times. */
static void ordinary_(void)
{
	struct mslot b = A;

	b.id = 1;
	b.gen = 2;
	b.gpa = 0x80000000;
	b.hva += 0x100000;
	create(&A, &anon, WB, RAM_PA, 0);
	create(&b, &file, NO_PTE, S2V_NO_PA, 0);
	for (int reset = 0; reset <= 3; reset++) {
		for (__u64 off = 0; off < A.size; off += PAGE) {
			struct s2v_ev_page ev = page(S2V_EV_MAP, &A, off, &anon);

			ev.pa = RAM_PA + off;
			ev.s2 = WB;
			ev.flags = off & PAGE ? S2V_PG_EXEC : S2V_PG_WRITE;
			send_page(&ev);
			map(&b, off, &file, NO_PTE, RAM_PA + off, WB);
			fault(&b, off, &file, NO_PTE, RAM_PA + off, 0);
		}
	}
	only(0);
	end();
	assert_true(w.sum.complete);
	assert_string_equal(w.sum.incomplete, "");
	assert_int_equal(w.sum.vms, 1);
	assert_int_equal(w.n_rows, 2);
}

static void ordinary(void **state)
{
	(void)state;
	each(ordinary_);
}

/* VM_MIXEDMAP passes registration on every kernel, and is refused at the fault. */
static void mixedmap_(void)
{
	create(&A, &mix_wb, WB, DEV_PA, 0);
	only(0);
	if (refuses()) {
		fault(&A, 0, &mix_wb, WB, DEV_PA, -EFAULT);
		only(R(PFNMAP_REFUSED));
		return;
	}
	map(&A, 0, &mix_wb, WB, DEV_PA, s2_of_cacheable_outside());
	only(kernel == LATEST ? R(MIGRATION_PINNED) : R(S2_NONCACHEABLE));
}

static void mixedmap(void **state)
{
	(void)state;
	each(mixedmap_);
}

/* The VMM does not query the capability; a refused slot makes no finding. */
static void without_asking(void **state)
{
	(void)state;
	for (int fwb = 0; fwb < 2; fwb++) {
		for (int k = OLD; k <= LATEST; k++) {
			bool refused = k == LATEST && !fwb;

			begin(make_host((enum kernel)k, fwb, S2V_YES));
			vm_new(1);
			send_cap(1, S2V_CAP_CACHEABLE_PFNMAP - 1); /* another capability */
			create(&A, &pfn_wb, WB, DEV_PA, refused ? -EINVAL : 0);
			assert_int_equal(reported(S2V_RULE_CAP_UNQUERIED, 1), k == LATEST && fwb);
			end();
		}
	}
	/* Queried on one VM, not on the other. */
	begin(make_host(LATEST, S2V_YES, S2V_YES));
	vm_new(1);
	vm_new(2);
	send_cap(2, S2V_CAP_CACHEABLE_PFNMAP);
	for (__u32 vm = 1; vm <= 2; vm++) {
		struct mslot s = A;

		s.vm = vm;
		create(&s, &pfn_wb, WB, DEV_PA, 0);
	}
	assert_int_equal(reported(S2V_RULE_CAP_UNQUERIED, 1), 1);
	assert_int_equal(reported(S2V_RULE_CAP_UNQUERIED, 2), 0);
	end();
}

/* Device memory made executable, by the map and by relaxed permissions. */
static void device_exec(void **state)
{
	struct s2v_ev_page ev;

	(void)state;
	for (int perm = 0; perm < 2; perm++) {
		start(OLD, S2V_NO, S2V_NO);
		create(&A, &pfn_dev, S2V_ATTR_DEVICE_nGnRnE, DEV_PA, 0);
		map(&A, 0, &pfn_dev, S2V_ATTR_DEVICE_nGnRnE, DEV_PA, DEV);
		only(0);
		ev = page(perm ? S2V_EV_PERM : S2V_EV_MAP, &A, 0, perm ? &hole : &pfn_dev);
		ev.s2 = DEV;
		send_page(&ev);
		only(0);
		ev.flags = S2V_PG_EXEC;
		send_page(&ev);
		only(R(DEVICE_EXEC));
		assert_int_equal(finding(S2V_RULE_DEVICE_EXEC)->s2_source,
				 perm ? S2V_SRC_LEAF : S2V_SRC_PROT);
		ev.s2 = WB; /* executable Write-Back memory is normal */
		send_page(&ev);
		end();
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(cacheable_pfnmap),
		cmocka_unit_test(cacheable_pfnmap_lazily),
		cmocka_unit_test(mapped_over_a_memslot),
		cmocka_unit_test(non_cacheable),
		cmocka_unit_test(ram_write_combined),
		cmocka_unit_test(ram_cacheable),
		cmocka_unit_test(ptes_differ),
		cmocka_unit_test(ordinary),
		cmocka_unit_test(mixedmap),
		cmocka_unit_test(without_asking),
		cmocka_unit_test(device_exec),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
