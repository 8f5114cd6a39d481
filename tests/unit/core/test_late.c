/* needs: src/core src/host src/util */
/* SPDX-License-Identifier: BSD-2-Clause */
/* Mappings that the VMM makes behind a memslot after registration: findings and contract rows. */
#include "events.h"

static const struct mslot A = { 1, 0, 1, 0x40000000, 0x10000, 0xffff80000000, 0, 0 };

static size_t of_severity(enum s2v_severity s)
{
	size_t n = 0;

	for (size_t i = 0; i < w.n_f; i++)
		n += !w.f[i].update && s2v_finding_severity(&w.f[i]) == s;
	return n;
}

/* A buffer in a window that was registered empty is harmless; a conflict in the same window is not. */
static void harmless_or_not(void **state)
{
	(void)state;
	begin(make_host(LATEST, S2V_YES, S2V_YES));
	vm_new(1);
	create(&A, &hole, NO_PTE, S2V_NO_PA, 0);
	map_vma(&A, 0, 0x4000, &pfn_wb, WB, RAM_PA, WB);
	only(R(ATTR_DRIFT));
	assert_int_equal(of_severity(S2V_INFO), 1);
	map_vma(&A, 0, 0x4000, &pfn_wb, WB, RAM_PA, WB); /* again: counted in the same finding */
	assert_int_equal(w.n_f, 1);
	map_vma(&A, 0x4000, 0x4000, &pfn_nc, NC, RAM_PA + 0x4000, WB);
	assert_int_equal(reported(S2V_RULE_ATTR_DRIFT, 0), 2);
	assert_int_equal(of_severity(S2V_HIGH), 2); /* and s2-cacheable */
	end();
	assert_int_equal(w.sum.findings[S2V_INFO], 1);
	assert_int_equal(w.sum.findings[S2V_HIGH], 2);
}

/* ---- the contract's rows ---- */

#define ROW(i, off, len, what, attr1, attr2)                                      \
	do {                                                                      \
		const struct s2v_contract_row *r_ = &w.row[i];                    \
                                                                                  \
		assert_true(r_->gpa == A.gpa + (off) && r_->size == (len));       \
		assert_true(r_->hva == A.hva + (off));                            \
		assert_string_equal(r_->backing, what);                           \
		assert_string_equal(s2v_attr_name(r_->s1), s2v_attr_name(attr1)); \
		assert_string_equal(s2v_attr_name(r_->s2), s2v_attr_name(attr2)); \
	} while (0)

static void start(int fwb, int dic)
{
	begin(make_host(LATEST, fwb, dic));
	vm_new(1);
}

/* A failed fault reports another mapping: only the row of that mapping changes. */
static void after_a_failed_fault(void **state)
{
	static const struct kind no_access = { 0, WB };
	struct s2v_ev_page ev;

	(void)state;
	start(S2V_YES, S2V_YES);
	create(&A, &no_access, NO_PTE, S2V_NO_PA, 0);
	ev = page(S2V_EV_FAULT, &A, 0x5000, &pfn_nc);
	ev.vma.start = A.hva + 0x4000;
	ev.vma.end = A.hva + 0x8000;
	ev.vma.pte_attr = NC;
	ev.pa = RAM_PA;
	ev.err = -EFAULT;
	send_page(&ev);
	only(R(FAULT_FAILED));
	end();
	assert_int_equal(w.n_rows, 3);
	ROW(0, 0, 0x4000, "anonymous", WB, S2V_ATTR_NONE);
	ROW(1, 0x4000, 0x4000, "pfnmap", NC, S2V_ATTR_NONE);
	ROW(2, 0x8000, 0x8000, "anonymous", WB, S2V_ATTR_NONE);
	assert_int_equal(w.row[0].write_back_guaranteed, S2V_YES);
	assert_int_equal(w.row[1].write_back_guaranteed, S2V_UNKNOWN);
	assert_int_equal(w.row[1].vmm_cmo, S2V_CMO_UNKNOWN);
	assert_int_equal(w.row[1].needs_s2fwb, S2V_UNKNOWN);
	assert_string_equal(w.row[0].name, "memory");
	assert_string_equal(w.row[1].name, "");
}

/* Registered without a PTE: the memory type is known from the fault. */
static void attribute_from_a_failed_fault(void **state)
{
	(void)state;
	start(S2V_YES, S2V_YES);
	create(&A, &pfn_wb, NO_PTE, S2V_NO_PA, 0);
	fault(&A, 0, &pfn_wb, NC, DEV_PA, -EFAULT);
	end();
	assert_int_equal(w.n_rows, 1);
	ROW(0, 0, A.size, "pfnmap", NC, S2V_ATTR_NONE);
	assert_string_equal(w.row[0].driver, "driver");
}

/* A BAR mapped late over ordinary memory that the guest used before. */
static void mapped_late(void **state)
{
	(void)state;
	start(S2V_YES, S2V_YES);
	create(&A, &anon, WB, RAM_PA, 0);
	map(&A, 0, &anon, NO_PTE, RAM_PA, WB);
	map_vma(&A, 0x6000, 0x2000, &vfio, S2V_ATTR_DEVICE_nGnRnE, DEV_PA, NC);
	s2v_correlator_contract(w.core);
	assert_int_equal(w.n_rows, 3);
	ROW(0, 0, 0x6000, "anonymous", WB, WB);
	ROW(1, 0x6000, 0x2000, "pfnmap", S2V_ATTR_DEVICE_nGnRnE, NC);
	ROW(2, 0x8000, 0x8000, "anonymous", WB, WB);
	for (int i = 0; i < 3; i++)
		assert_false(w.row[i].s2_mixed);
	assert_int_equal(w.row[1].vmm_cmo, S2V_CMO_NONE);
	/* Unmapped again: no row of it is left. */
	w.n_rows = 0;
	map_vma(&A, 0x6000, 0x2000, &anon, NO_PTE, RAM_PA, WB);
	end();
	assert_int_equal(w.n_rows, 1 + 1 + 1);
	ROW(1, 0x6000, 0x2000, "anonymous", WB, WB);
	assert_string_equal(w.row[1].name, "");
}

/* A mapping over several earlier ones becomes one row. */
static void over_several_ranges(void **state)
{
	(void)state;
	start(S2V_YES, S2V_YES);
	send_vma(&A, 0x0, 0x4000, &anon, WB, RAM_PA);
	send_vma(&A, 0x4000, 0x4000, &file, WB, RAM_PA);
	send_vma(&A, 0x8000, 0x4000, &anon, WB, RAM_PA);
	send_vma(&A, 0xc000, 0x4000, &hole, NO_PTE, S2V_NO_PA);
	send_slot(&A, S2V_SLOT_CREATE, 4, 0);
	map_vma(&A, 0x2000, 0xe000, &pfn_nc, NC, DEV_PA, NC);
	end();
	ROW(0, 0, 0x2000, "anonymous", WB, S2V_ATTR_NONE);
	for (size_t i = 1; i < w.n_rows; i++)
		assert_string_equal(w.row[i].backing, "pfnmap");
}

/* Holes are rows with backing "none"; equal neighbours are one row. */
static void holes_and_neighbours(void **state)
{
	(void)state;
	start(S2V_YES, S2V_YES);
	send_vma(&A, 0x0, 0x2000, &anon, WB, RAM_PA);
	send_vma(&A, 0x2000, 0x2000, &anon, WB, RAM_PA + 0x8000);
	send_vma(&A, 0x4000, 0x4000, &hole, NO_PTE, S2V_NO_PA);
	send_vma(&A, 0x8000, 0x4000, &pfn_nc, NC, DEV_PA);
	send_vma(&A, 0xc000, 0x4000, &pfn_nc, NC, DEV_PA + 0x4000);
	send_slot(&A, S2V_SLOT_CREATE, 5, 0);
	s2v_correlator_contract(w.core);
	assert_int_equal(w.n_rows, 3);
	ROW(0, 0, 0x4000, "anonymous", WB, S2V_ATTR_NONE);
	ROW(1, 0x4000, 0x4000, "none", S2V_ATTR_NONE, S2V_ATTR_NONE);
	ROW(2, 0x8000, 0x8000, "pfnmap", NC, S2V_ATTR_NONE);
	/* Half of it is mapped: two rows, until the other half is. */
	w.n_rows = 0;
	map_vma(&A, 0x8000, 0x4000, &pfn_nc, NC, DEV_PA, NC);
	s2v_correlator_contract(w.core);
	assert_int_equal(w.n_rows, 4);
	w.n_rows = 0;
	map_vma(&A, 0xc000, 0x4000, &pfn_nc, NC, DEV_PA + 0x4000, NC);
	end();
	assert_int_equal(w.n_rows, 3);
	ROW(2, 0x8000, 0x8000, "pfnmap", NC, NC);
}

/* A late event with a count, older than the current backing, changes no row. */
static void reported_late(void **state)
{
	struct s2v_ev_page old;

	(void)state;
	start(S2V_YES, S2V_YES);
	create(&A, &pfn_nc, NC, DEV_PA, 0);
	old = page(S2V_EV_MAP, &A, 0, &pfn_nc);
	old.s2 = WB;
	old.vma.pte_attr = NC;
	old.pa = RAM_PA;
	send_page(&old);
	map(&A, 0x3000, &anon, NO_PTE, RAM_PA, WB);
	old.count = 16;
	send_page(&old);
	end();
	assert_int_equal(w.n_rows, 1);
	ROW(0, 0, A.size, "anonymous", WB, WB);
	assert_int_equal(finding(S2V_RULE_S2_CACHEABLE)->count, 1);
	assert_int_equal(w.f[w.n_f - 1].count, 17); /* but the finding counts it */
}

/* An audit updates a registered memslot with its current backing and names. */
static void found_again(void **state)
{
	struct s2v_ev_slot ev = { 0 };

	(void)state;
	start(S2V_YES, S2V_YES);
	create(&A, &anon, WB, RAM_PA, 0);
	map(&A, 0, &anon, NO_PTE, RAM_PA, WB);
	send_vma(&A, 0, 0x4000, &anon, NO_PTE, S2V_NO_PA);
	send_vma(&A, 0x4000, 0x4000, &pfn_nc, NO_PTE, S2V_NO_PA);
	send_vma(&A, 0x8000, 0x8000, &hole, NO_PTE, S2V_NO_PA);
	ev.h = head(S2V_EV_SLOT, sizeof(ev), A.vm);
	ev.change = S2V_SLOT_FOUND;
	ev.slot = A.id;
	ev.gen = A.gen;
	ev.gpa = A.gpa;
	ev.size = A.size;
	ev.hva = A.hva;
	ev.runs = 3;
	s2v_correlator_event(w.core, &ev.h);
	end();
	assert_int_equal(w.n_rows, 3);
	ROW(0, 0, 0x4000, "anonymous", WB, WB);
	ROW(1, 0x4000, 0x4000, "pfnmap", NC, S2V_ATTR_NONE);
	assert_string_equal(w.row[1].driver, "driver");
	ROW(2, 0x8000, 0x8000, "none", S2V_ATTR_NONE, S2V_ATTR_NONE);
}

/* ---- deleted memslots ---- */

/* Many memslots are deleted: the newest and the unsafe rows are kept. */
static void many_deleted(void **state)
{
	struct mslot s = A;
	size_t unsafe = 0;

	(void)state;
	begin(make_host(OLD, S2V_YES, S2V_NO));
	vm_new(1);
	for (__u32 i = 0; i < 3 * S2V_GONE_ROWS; i++) {
		s.gen = i + 1;
		s.gpa = 0x100000000 + i * 0x100000;
		create(&s, i ? &anon : &pfn_wb, WB, i ? RAM_PA : DEV_PA, 0);
		if (!i)
			map(&s, 0, &pfn_wb, WB, DEV_PA, DEV);
		send_slot(&s, S2V_SLOT_DELETE, 0, 0);
	}
	end();
	assert_int_equal(w.n_rows, S2V_GONE_ROWS);
	for (size_t i = 0; i < w.n_rows; i++) {
		assert_true(w.row[i].gone);
		unsafe += w.row[i].vmm_cmo == S2V_CMO_UNSAFE;
	}
	assert_int_equal(unsafe, 1);
	assert_true(w.row[w.n_rows - 1].gpa == s.gpa);
}

/* A memslot that is deleted and registered again unchanged, as QEMU's ROMs are, is one row. */
static void deleted_and_registered_again(void **state)
{
	struct mslot s = A;

	(void)state;
	start(S2V_YES, S2V_YES);
	for (__u32 i = 0; i < 10; i++) {
		s.gen = i + 1;
		create(&s, &anon, WB, RAM_PA, 0);
		if (i % 2)
			map(&s, 0, &anon, NO_PTE, RAM_PA, WB);
		if (i < 9)
			send_slot(&s, S2V_SLOT_DELETE, 0, 0);
	}
	end();
	assert_int_equal(w.n_rows, 2); /* the current row, and the one before the first mapping */
	assert_false(w.row[0].gone);
	assert_int_equal(w.row[0].s2, WB);
	assert_int_equal(w.row[1].s2, S2V_ATTR_NONE);
	/* Rows of a VM that ended are final, too. */
	start(S2V_YES, S2V_YES);
	create(&A, &anon, WB, RAM_PA, 0);
	send_slot(&A, S2V_SLOT_DELETE, 0, 0);
	vm_dead(1);
	assert_int_equal(w.n_rows, 1);
	assert_true(w.row[0].gone);
	end();
	assert_int_equal(w.n_rows, 1);
}

/* Buffers of all sizes at all places, for months: the ranges of a memslot are limited. */
static void many_splits(void **state)
{
	struct mslot big = A;
	__u64 n = 20000;

	(void)state;
	start(S2V_YES, S2V_YES);
	w.sink.memslot = NULL; /* more rows than KEEP */
	big.size = n * 2 * PAGE;
	create(&big, &hole, NO_PTE, S2V_NO_PA, 0);
	for (__u64 i = 0; i < n; i++)
		map_vma(&big, i * 2 * PAGE, PAGE, &pfn_nc, NC, RAM_PA, NC);
	assert_true(s2v_correlator_vms(w.core)->slots->n_ranges <= 4200);
	/* Each address still has a range. */
	assert_non_null(
		s2v_slot_range_find(s2v_correlator_vms(w.core)->slots, big.hva + big.size - 1));
	end();
	assert_true(w.sum.complete);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(harmless_or_not),
		cmocka_unit_test(after_a_failed_fault),
		cmocka_unit_test(attribute_from_a_failed_fault),
		cmocka_unit_test(mapped_late),
		cmocka_unit_test(over_several_ranges),
		cmocka_unit_test(holes_and_neighbours),
		cmocka_unit_test(reported_late),
		cmocka_unit_test(found_again),
		cmocka_unit_test(many_deleted),
		cmocka_unit_test(deleted_and_registered_again),
		cmocka_unit_test(many_splits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
