/* needs: src/core src/host src/util */
/* SPDX-License-Identifier: BSD-2-Clause */
/* VMs, memslots and registrations are kept apart; unknown ones and lost events are handled. */
#include "events.h"

static const struct mslot A = { 1, 0, 1, 0x40000000, 0x10000, 0xffff80000000, 0, 0 };

/* A host up to 6.16 with S2FWB and DIC: a cacheable PFNMAP is s2-noncacheable. */
static void start(void)
{
	begin(make_host(OLD, S2V_YES, S2V_YES));
	/* Registrations have tests of their own. */
	w.rules[S2V_RULE_PFNMAP_ADMITTED].coverage = S2V_NOT_APPLICABLE;
	vm_new(1);
}

/* In a memslot registered with ordinary memory: drift to Device, and a conflict. */
static void map_bad(const struct mslot *s, __u64 off)
{
	map(s, off, &pfn_wb, WB, DEV_PA + off, DEV);
}

/* ---- VMs ---- */

static void vms_with_equal_slots(void **state)
{
	struct mslot b = A;

	(void)state;
	start();
	vm_new(2);
	b.vm = 2;
	create(&A, &anon, WB, RAM_PA, 0);
	create(&b, &pfn_wb, WB, DEV_PA, 0);
	map(&A, 0, &anon, NO_PTE, RAM_PA, WB);
	map_bad(&b, 0);
	assert_int_equal(w.n_f, 1);
	assert_int_equal(w.f[0].rule->id, S2V_RULE_S2_NONCACHEABLE);
	assert_int_equal(w.f[0].vm.id, 2);
	assert_int_equal(w.f[0].vm.pid, 1002);
	map_bad(&A, 0x1000); /* slot 0 of the other VM was anonymous: no drift here */
	assert_int_equal(reported(S2V_RULE_ATTR_DRIFT, 1), 1);
	assert_int_equal(reported(S2V_RULE_ATTR_DRIFT, 2), 0);
	assert_int_equal(reported(S2V_RULE_S2_NONCACHEABLE, 1), 1);
	end();
	assert_int_equal(w.sum.vms, 2);
	assert_int_equal(w.sum.findings[S2V_CRITICAL], 2);
	assert_int_equal(w.sum.findings[S2V_HIGH], 1);
	assert_string_equal(row_at(1, A.gpa)->backing, "pfnmap");
	assert_int_equal(row_at(2, A.gpa)->vm.pid, 1002);
}

static void names_of_vms(void **state)
{
	struct s2v_ev_vm ev;

	(void)state;
	begin(make_host(OLD, S2V_YES, S2V_YES));
	ev = (struct s2v_ev_vm){ .h = head(S2V_EV_VM_NEW, sizeof(ev), 1) };
	memset(ev.comm, 'x', sizeof(ev.comm)); /* no NUL: a broken source */
	s2v_correlator_event(w.core, &ev.h);
	create(&A, &pfn_wb, WB, DEV_PA, 0);
	map_bad(&A, 0);
	assert_int_equal(strlen(w.f[0].vm.comm), S2V_COMM_LEN - 1);
	assert_int_equal(w.f[0].vm.pid, 1001);
	end();
}

/* A VM that ends takes its memslots and findings with it; its number is not used again. */
static void vm_dies(void **state)
{
	struct mslot b = A;
	size_t n;

	(void)state;
	start();
	create(&A, &pfn_wb, WB, DEV_PA, 0);
	map_bad(&A, 0);
	map_bad(&A, 0x1000);
	assert_int_equal(w.n_f, 1);
	assert_int_equal(w.n_rows, 0);
	vm_dead(1);
	assert_int_equal(w.n_f, 2); /* the total, once */
	assert_true(w.f[1].update);
	assert_int_equal(w.f[1].id, w.f[0].id);
	assert_int_equal(w.f[1].count, 2);
	assert_int_equal(w.n_rows, 1); /* and its contract */
	assert_int_equal(w.row[0].why, S2V_CONTRACT_VM_GONE);
	assert_int_equal(w.row_ends, 1);
	assert_int_equal(row_at(1, A.gpa)->vmm_cmo, S2V_CMO_UNSAFE);
	vm_new(2); /* the next VM of the same VMM, with memslots like it */
	b.vm = 2;
	create(&b, &anon, WB, RAM_PA, 0);
	map(&b, 0, &anon, NO_PTE, RAM_PA, WB);
	n = w.n_f;
	vm_dead(7); /* never seen */
	end();
	assert_int_equal(w.n_f, n);
	assert_int_equal(w.n_rows, 2); /* the row of the ended VM is not reported again */
	assert_int_equal(w.row[1].vm.id, 2);
	assert_int_equal(w.sum.vms, 2);
	assert_true(w.sum.complete);
}

static void preexisting_vm(void **state)
{
	struct mslot a = A;

	(void)state;
	begin(make_host(LATEST, S2V_YES, S2V_YES));
	send_vm(S2V_EV_VM_NEW, 1, true);
	a.gen = 0; /* registered before the hooks */
	map(&a, 0, &pfn_wb, WB, DEV_PA, WB);
	only(R(MIGRATION_PINNED)); /* the current backing is known, that at registration is not */
	a.gen = 1;
	create(&a, &pfn_wb, WB, DEV_PA, 0);
	assert_int_equal(reported(S2V_RULE_CAP_UNQUERIED, 0), 0); /* it may have asked before */
	end();
	assert_false(w.sum.complete);
	assert_int_equal(w.sum.preexisting, 1);
	assert_non_null(strstr(w.sum.incomplete, "already running"));
}

/*
 * VM_NEW lost: rules are applied to what is seen; what the VM did before is unknown. In a recording
 * that starts in the middle (a ring of events) nothing else shows it.
 */
static void unannounced_vm(void **state)
{
	(void)state;
	for (int i = 0; i < 4; i++) {
		begin(make_host(LATEST, S2V_YES, S2V_YES));
		if (i & 1) {
			map(&A, 0, &anon, NO_PTE, RAM_PA, WB);
		} else {
			create(&A, &pfn_wb, WB, DEV_PA, 0);
			assert_int_equal(reported(S2V_RULE_CAP_UNQUERIED, 0), 0);
			map(&A, 0, &pfn_wb, WB, DEV_PA, WB);
			only(R(MIGRATION_PINNED));
			assert_int_equal(w.f[0].vm.pid, 1001);
			assert_string_equal(w.f[0].vm.comm, "");
		}
		if (i & 2)
			vm_dead(1);
		end();
		assert_int_equal(w.sum.vms, 1);
		assert_false(w.sum.complete);
		assert_true(w.sum.lost > 0);
	}
}

/* Another CPU may deliver an event of a VM shortly before its VM_NEW: nothing is lost. */
static void announced_late(void **state)
{
	(void)state;
	begin(make_host(LATEST, S2V_YES, S2V_YES));
	send_cap(1, S2V_CAP_CACHEABLE_PFNMAP);
	vm_new(1);
	create(&A, &pfn_wb, WB, DEV_PA, 0);
	map(&A, 0, &pfn_wb, WB, DEV_PA, WB);
	only(R(MIGRATION_PINNED)); /* the query counts */
	assert_string_equal(w.f[0].vm.comm, "vmm");
	end();
	assert_int_equal(w.sum.vms, 1);
	assert_true(w.sum.complete);
}

/* ---- memslots ---- */

static void slot_moved_deleted_created_again(void **state)
{
	struct mslot a = A;

	(void)state;
	start();
	create(&a, &anon, WB, RAM_PA, 0);
	map_bad(&a, 0);
	assert_int_equal(w.n_f, 2); /* drift and conflict */
	/* Moved: the kernel checks it again, so the current backing is the registered one. */
	a.gen = 2;
	a.gpa = 0x80000000;
	send_vma(&a, 0, a.size, &pfn_wb, WB, DEV_PA);
	send_slot(&a, S2V_SLOT_MOVE, 1, 0);
	map_bad(&a, 0x1000);
	assert_int_equal(reported(S2V_RULE_ATTR_DRIFT, 0), 1);
	assert_int_equal(reported(S2V_RULE_S2_NONCACHEABLE, 0), 2);
	assert_true(w.f[w.n_f - 1].slot.gpa == 0x80000000);
	assert_true(w.f[w.n_f - 1].gpa == 0x80001000);
	/* Deleted and created again, smaller and elsewhere, over ordinary memory */
	send_slot(&a, S2V_SLOT_DELETE, 0, 0);
	a.gen = 3;
	a.gpa = 0x90000000;
	a.size = 0x4000;
	create(&a, &anon, WB, RAM_PA, 0);
	map(&a, 0, &anon, NO_PTE, RAM_PA, WB);
	assert_int_equal(w.n_f, 3);
	map_bad(&a, 0x2000);
	assert_int_equal(reported(S2V_RULE_ATTR_DRIFT, 0), 2);
	assert_int_equal(reported(S2V_RULE_S2_NONCACHEABLE, 0), 3);
	end();
	/* Each finding occurred once: no updates, and each has its own number. */
	assert_int_equal(w.n_f, 5);
	for (size_t i = 0; i < w.n_f; i++) {
		assert_false(w.f[i].update);
		assert_int_equal(w.f[i].id, i + 1);
		assert_int_equal(w.f[i].count, 1);
	}
	/* Rows of the existing and of the replaced memslots. */
	assert_int_equal(w.n_rows, 3);
	assert_true(w.row[0].gpa == 0x90000000 && w.row[0].size == 0x4000 && !w.row[0].gone);
	assert_true(w.row[1].gpa == A.gpa && w.row[1].gone);
	assert_true(w.row[2].gpa == 0x80000000 && w.row[2].gone);
	assert_int_equal(w.row[2].vmm_cmo, S2V_CMO_UNSAFE);
	assert_int_equal(w.row_ends, 1);
	assert_true(w.sum.complete);
}

static void row_of_a_deleted_slot(void **state)
{
	struct mslot b = A;

	(void)state;
	start();
	b.id = 1;
	b.gen = 2;
	b.gpa = 0;
	create(&A, &anon, WB, RAM_PA, 0);
	create(&b, &anon, WB, RAM_PA, 0);
	send_slot(&A, S2V_SLOT_DELETE, 0, -EPERM); /* refused: it stays */
	s2v_correlator_contract(w.core);
	assert_int_equal(w.n_rows, 2);
	assert_true(w.row[0].gpa < w.row[1].gpa); /* by address, not by age */
	send_slot(&A, S2V_SLOT_DELETE, 0, 0);
	send_slot(&A, S2V_SLOT_DELETE, 0, 0); /* already deleted */
	s2v_correlator_contract(w.core); /* the current contract, without it */
	assert_int_equal(w.n_rows, 3);
	end();
	assert_int_equal(w.n_rows, 5);
	assert_int_equal(w.row[2].id, 1);
	assert_int_equal(w.row[3].id, 1);
	assert_int_equal(w.row[4].id, 0);
	assert_true(w.row[4].gone && !w.row[3].gone);
}

static void flags_change(void **state)
{
	struct mslot a = A;

	(void)state;
	start();
	create(&a, &anon, WB, RAM_PA, 0);
	map(&a, 0, &anon, NO_PTE, RAM_PA, WB);
	a.flags = S2V_MEM_READONLY;
	send_slot(&a, S2V_SLOT_FLAGS, 0, -EINVAL);
	s2v_correlator_contract(w.core);
	assert_false(row_at(1, a.gpa)->readonly);
	send_slot(&a, S2V_SLOT_FLAGS, 0, 0); /* has no VMAs and changes no registration */
	map(&a, 0x1000, &anon, NO_PTE, RAM_PA, WB);
	only(0);
	map_bad(&a, 0x2000);
	only(R(ATTR_DRIFT) | R(S2_NONCACHEABLE));
	end();
	assert_true(row_at(1, a.gpa)->readonly);
	assert_true(w.sum.complete);
}

/* A slot of four VMAs: only changed parts drift; each VMA has its row, and so has each replaced part. */
static void slot_over_several_vmas(void **state)
{
	struct mslot a = A;
	const struct s2v_contract_row *r;

	(void)state;
	start();
	send_vma(&a, 0x0, 0x4000, &anon, WB, RAM_PA);
	send_vma(&a, 0x4000, 0x4000, &pfn_nc, NC, DEV_PA);
	send_vma(&a, 0x8000, 0x4000, &hole, NO_PTE, S2V_NO_PA);
	send_vma(&a, 0xc000, 0x4000, &file, WB, RAM_PA + 0x4000);
	send_slot(&a, S2V_SLOT_CREATE, 4, 0);
	map_vma(&a, 0x0, 0x4000, &anon, NO_PTE, RAM_PA, WB);
	map_vma(&a, 0x7000, 0x4000, &pfn_nc, NC, DEV_PA, DEV);
	map_vma(&a, 0x8000, 0x4000, &anon, NO_PTE, RAM_PA, WB); /* the hole was filled */
	map_vma(&a, 0xf000, 0x4000, &file, NO_PTE, RAM_PA, WB);
	only(0);
	map_vma(&a, 0xd000, 0x4000, &pfn_nc, NC, DEV_PA, DEV); /* the last one was replaced */
	only(R(ATTR_DRIFT));
	assert_true(w.f[0].gpa == a.gpa + 0xd000);
	end();
	assert_int_equal(w.n_rows, 5);
	for (size_t i = 0; i < 4; i++) {
		assert_true(w.row[i].gpa == a.gpa + i * 0x4000);
		assert_true(w.row[i].hva == a.hva + i * 0x4000);
		assert_true(w.row[i].size == (i == 3 ? 0x1000 : 0x4000));
	}
	assert_true(w.row[4].gpa == a.gpa + 0xd000 && w.row[4].size == 0x3000);
	assert_string_equal(w.row[3].backing, "file");
	assert_int_equal(w.row[3].s2, WB);
	assert_string_equal(w.row[4].backing, "pfnmap");
	assert_int_equal(w.row[4].s2, DEV);
	r = &w.row[1];
	assert_string_equal(r->backing, "pfnmap");
	assert_string_equal(r->driver, "driver");
	assert_int_equal(r->vmm_cmo, S2V_CMO_NONE);
	assert_int_equal(r->write_back_guaranteed, S2V_NO);
	assert_int_equal(w.row[0].write_back_guaranteed, S2V_YES);
	assert_string_equal(w.row[0].backing, "anonymous");
	assert_string_equal(w.row[2].backing, "anonymous");
}

/* A second registration of the id is refused: the existing slot does not change. */
static void refused_slot_leaves_the_old_one(void **state)
{
	struct mslot b = A;

	(void)state;
	begin(make_host(LATEST, S2V_NO, S2V_YES));
	vm_new(1);
	create(&A, &anon, WB, RAM_PA, 0);
	b.gen = 2;
	b.gpa = 0x80000000;
	b.hva += 0x100000;
	create(&b, &pfn_wb, WB, DEV_PA, -EINVAL);
	only(R(PFNMAP_REFUSED));
	assert_true(w.f[0].slot.gpa == b.gpa && w.f[0].slot.hva == b.hva);
	assert_int_equal(w.f[0].vcpu, -1);
	map(&A, 0, &anon, NO_PTE, RAM_PA, WB);
	fault(&A, 0x1000, &pfn_wb, WB, DEV_PA, -EFAULT);
	assert_int_equal(w.n_f, 2); /* the finding at the fault is another one */
	assert_int_equal(reported(S2V_RULE_PFNMAP_REFUSED, 0), 2);
	/* Also if a move is refused. */
	b.gen = 3;
	send_vma(&b, 0, b.size, &anon, WB, RAM_PA);
	send_slot(&b, S2V_SLOT_MOVE, 1, -EFAULT);
	map(&A, 0x2000, &pfn_nc, NC, DEV_PA, DEV);
	assert_int_equal(reported(S2V_RULE_ATTR_DRIFT, 0), 1);
	end();
	assert_int_equal(w.n_rows, 1);
	assert_true(w.row[0].gpa == A.gpa);
	assert_true(w.sum.complete);
}

/* Ranges of one registration are not taken for those of the next. */
static void ranges_belong_to_their_registration(void **state)
{
	struct mslot a = A, b = A;

	(void)state;
	start();
	a.gen = 1;
	send_vma(&a, 0, 0x8000, &pfn_wb, WB, DEV_PA); /* its slot event was lost */
	b.gen = 2;
	create(&b, &anon, WB, RAM_PA, 0);
	only(0);
	map(&b, 0, &anon, NO_PTE, RAM_PA, WB);
	only(0);
	end();
	assert_int_equal(w.n_rows, 1);
	assert_string_equal(w.row[0].backing, "anonymous");
}

/* ---- page events of unknown memslots and registrations ---- */

static void slot_never_seen_registered(void **state)
{
	struct mslot a = A;

	(void)state;
	start();
	a.gen = 0;
	map_vma(&a, 0x8000, 0x8000, &pfn_wb, WB, DEV_PA, DEV);
	only(R(S2_NONCACHEABLE)); /* no drift: the backing at registration is not known */
	map_vma(&a, 0x0, 0x8000, &anon, NO_PTE, RAM_PA, WB);
	assert_int_equal(w.n_f, 1);
	assert_true(w.f[0].slot.gpa == a.gpa && w.f[0].slot.size == a.size);
	/* The first backing seen is no registration: a change is no drift. */
	map_vma(&a, 0x1000, 0x8000, &pfn_nc, NC, DEV_PA, DEV);
	only(R(S2_NONCACHEABLE));
	a.gen = 1;
	create(&a, &anon, WB, RAM_PA, 0);
	map_bad(&a, 0);
	assert_int_equal(reported(S2V_RULE_ATTR_DRIFT, 0), 1);
	assert_int_equal(reported(S2V_RULE_S2_NONCACHEABLE, 0), 2);
	end();
	/* Rows of the replaced memslot that do not equal a new row. */
	assert_int_equal(w.n_rows, 3);
	assert_true(!w.row[0].gone && w.row[1].gone && w.row[2].gone);
	assert_string_equal(w.row[1].backing, "anonymous");
	assert_true(w.row[2].gpa == a.gpa + 0x1000 && w.row[2].size == 0x8000);
	assert_string_equal(w.row[2].backing, "pfnmap");
	assert_int_equal(w.row[2].s1, NC);
}

/*
 * A VMA that grew, or was replaced: a mapping without a range gets one that holds it, and ranges do not
 * overlap.
 */
static void vmas_that_change_under_an_unknown_slot(void **state)
{
	struct mslot a = A;

	(void)state;
	start();
	a.gen = 0;
	map_vma(&a, 0x4000, 0x2000, &anon, NO_PTE, RAM_PA, WB);
	for (int i = 0; i < 10; i++) {
		map_vma(&a, 0x8000, 0x4000, &file, NO_PTE, RAM_PA, WB);
		struct s2v_ev_page ev = page(S2V_EV_MAP, &a, 0xd000, &pfn_nc); /* all of the slot */

		ev.vma.pte_attr = NC;
		ev.pa = DEV_PA;
		ev.s2 = DEV;
		send_page(&ev);
		ev.hva = a.hva + 0x4800; /* in the first range */
		ev.gpa = a.gpa + 0x4800;
		send_page(&ev);
		ev.hva = a.hva + 0x7000; /* between the first two */
		ev.gpa = a.gpa + 0x7000;
		send_page(&ev);
		ev.hva = a.hva;
		ev.gpa = a.gpa;
		send_page(&ev);
	}
	only(0);
	end();
	/* Equal neighbours are joined: 0-8000, 8000-c000, c000-10000 */
	assert_int_equal(w.n_rows, 3);
	for (size_t i = 0; i < 2; i++)
		assert_true(w.row[i].gpa + w.row[i].size == w.row[i + 1].gpa);
	assert_true(w.row[0].gpa == a.gpa && w.row[1].gpa == a.gpa + 0x8000);
	assert_true(w.row[2].gpa + w.row[2].size == a.gpa + a.size);
	assert_int_equal(row_at(1, a.gpa + 0xd000)->s1, NC);
	assert_int_equal(row_at(1, a.gpa + 0x7000)->s1, NC);
	assert_int_equal(row_at(1, a.gpa + 0x8000)->s1, WB);
}

/* Relaxed permissions come without host attributes, so they make no range. */
static void permissions_before_the_first_map(void **state)
{
	struct mslot a = A;
	struct s2v_ev_page ev;

	(void)state;
	start();
	a.gen = 0;
	ev = page(S2V_EV_PERM, &a, 0, &hole);
	ev.flags = S2V_PG_EXEC;
	ev.s2 = DEV;
	send_page(&ev);
	only(R(DEVICE_EXEC));
	map_vma(&a, 0x8000, 0x8000, &pfn_nc, NC, DEV_PA, DEV);
	map_vma(&a, 0x0, 0x8000, &anon, NO_PTE, RAM_PA, WB);
	end();
	assert_int_equal(w.n_rows, 2);
	assert_string_equal(row_at(1, a.gpa)->backing, "anonymous");
	assert_string_equal(row_at(1, a.gpa + 0x8000)->backing, "pfnmap");
}

/* An event of a replaced registration is counted, and not applied to the new one. */
static void stale_registration(void **state)
{
	struct mslot old = A, new = A;

	(void)state;
	start();
	create(&old, &anon, WB, RAM_PA, 0);
	new.gen = 2;
	new.gpa = 0x80000000;
	create(&new, &pfn_nc, NC, DEV_PA, 0);
	map(&old, 0, &anon, NO_PTE, RAM_PA, WB);
	only(0);
	map(&new, 0, &pfn_nc, NC, DEV_PA, DEV);
	only(0);
	end();
	assert_true(row_at(1, new.gpa)->s1 == NC);
	assert_false(w.sum.complete);
	assert_int_equal(w.sum.lost, 1);
}

/* The registration was lost: rules see only the current backing. */
static void registration_lost(void **state)
{
	struct mslot a = A;

	(void)state;
	start();
	create(&a, &anon, WB, RAM_PA, 0);
	a.gen = 5; /* 2 … 4 are other memslots, 5 was lost */
	a.gpa = 0x80000000;
	map_bad(&a, 0);
	only(R(S2_NONCACHEABLE));
	assert_true(w.f[0].slot.gpa == a.gpa);
	end();
}

/* The same at the same addresses: only gen shows that it is another registration. */
static void registration_lost_at_the_same_place(void **state)
{
	struct mslot a = A;

	(void)state;
	start();
	create(&a, &anon, WB, RAM_PA, 0);
	a.gen = 3;
	map_bad(&a, 0);
	only(R(S2_NONCACHEABLE));
	end();
	/* The same gen with another size. */
	start();
	create(&A, &anon, WB, RAM_PA, 0);
	a = A;
	a.size *= 2;
	map_bad(&a, 0);
	only(R(S2_NONCACHEABLE));
	assert_true(w.f[0].slot.size == a.size);
	end();
}

/* Rows are clipped to the memslot if its VMA is larger. */
static void vma_beyond_the_slot(void **state)
{
	struct mslot a = A;
	struct s2v_ev_page ev;

	(void)state;
	start();
	a.gen = 0;
	ev = page(S2V_EV_MAP, &a, 0x1000, &anon);
	ev.vma.start -= 0x100000;
	ev.vma.end += 0x100000;
	ev.s2 = WB;
	send_page(&ev);
	end();
	assert_int_equal(w.n_rows, 1);
	assert_true(w.row[0].gpa == a.gpa && w.row[0].size == a.size && w.row[0].hva == a.hva);
}

static void no_memslot(void **state)
{
	struct s2v_ev_page ev;

	(void)state;
	start();
	ev = page(S2V_EV_MAP, &A, 0, &hole); /* GICv2's CPU interface */
	ev.slot = S2V_NO_SLOT;
	ev.flags = S2V_PG_NO_SLOT;
	ev.s2 = DEV;
	send_page(&ev);
	end();
	assert_int_equal(w.n_f, 0);
	assert_int_equal(w.n_rows, 0);
	assert_true(w.sum.complete);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(vms_with_equal_slots),
		cmocka_unit_test(names_of_vms),
		cmocka_unit_test(vm_dies),
		cmocka_unit_test(preexisting_vm),
		cmocka_unit_test(unannounced_vm),
		cmocka_unit_test(announced_late),
		cmocka_unit_test(slot_moved_deleted_created_again),
		cmocka_unit_test(row_of_a_deleted_slot),
		cmocka_unit_test(flags_change),
		cmocka_unit_test(slot_over_several_vmas),
		cmocka_unit_test(refused_slot_leaves_the_old_one),
		cmocka_unit_test(ranges_belong_to_their_registration),
		cmocka_unit_test(slot_never_seen_registered),
		cmocka_unit_test(vmas_that_change_under_an_unknown_slot),
		cmocka_unit_test(permissions_before_the_first_map),
		cmocka_unit_test(stale_registration),
		cmocka_unit_test(registration_lost),
		cmocka_unit_test(registration_lost_at_the_same_place),
		cmocka_unit_test(vma_beyond_the_slot),
		cmocka_unit_test(no_memslot),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
