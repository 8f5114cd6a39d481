/* needs: src/core src/host src/util */
/* SPDX-License-Identifier: BSD-2-Clause */
/* vCPUs, the contract's side of the guest, and guests whose tables could not be walked. */
#include "core/bounds.h"
#include "core/correlate_private.h"
#include "guest_steps.h"

static struct s2v_vcpu_row vcpus[8];
static size_t n_vcpus;

static void keep_vcpu(struct s2v_sink *s, const struct s2v_vcpu_row *r)
{
	(void)s;
	assert_true(n_vcpus < S2V_ARRAY_SIZE(vcpus));
	/* Before the rows of its VM. */
	for (size_t i = 0; i < w.n_rows; i++)
		assert_int_not_equal(w.row[i].vm.id, r->vm.id);
	vcpus[n_vcpus++] = *r;
}

/* As begin_wb(). */
static void start(int dic)
{
	n_vcpus = 0;
	begin_wb(dic);
	w.sink.vcpu = keep_vcpu;
}

static const struct s2v_contract_row *row(void)
{
	end_audit();
	end();
	assert_int_equal(w.sum.lost, 0);
	return row_at(1, A.gpa);
}

/* ---- vCPUs ---- */

/* Those of the last audit, in its order, whatever their numbers. */
static void vcpus_of_the_last_audit(void **state)
{
	(void)state;
	start(S2V_NO);
	for (int i = 0; i < 5; i++)
		vcpu(1, i, S2V_VC_MMU_OFF);
	end_audit();
	vcpu(1, 7, S2V_VC_TVM);
	vcpu(1, 3, S2V_VC_SHARED | S2V_VC_STALE);
	vcpu(1, 4, 0);
	row();
	assert_int_equal(n_vcpus, 3);
	assert_int_equal(vcpus[0].vcpu, 7);
	assert_int_equal(vcpus[0].flags, S2V_VC_TVM);
	assert_int_equal(vcpus[1].vcpu, 3);
	assert_int_equal(vcpus[1].flags, S2V_VC_SHARED | S2V_VC_STALE);
	assert_int_equal(vcpus[2].vcpu, 4);
	for (int i = 0; i < 3; i++) {
		const struct s2v_vcpu_row *v = &vcpus[i];

		assert_int_equal(v->vm.id, 1);
		assert_int_equal(v->vm.pid, 1001);
		assert_string_equal(v->vm.comm, "vmm");
		assert_true(v->time > BOOT_TO_REAL);
		assert_true(v->sctlr == 0x30d0591d && v->tcr == 0x32b5103510 &&
			    v->mair == 0x4404ff && v->ttbr0 == 0x41000000 &&
			    v->ttbr1 == 0x42000000);
		assert_true(v->tables == 5 && v->leaves == 6 && v->absent == 7);
	}
}

/* Without memslots, and of a VM that another audit did not find any of. */
static void vcpus_without_rows(void **state)
{
	(void)state;
	start(S2V_NO);
	vcpu(2, 0, 0);
	vcpu(2, 1, 0);
	end_audit();
	s2v_correlator_contract(w.core);
	assert_int_equal(n_vcpus, 2);
	assert_int_equal(vcpus[1].vm.id, 2);
	end_audit(); /* neither a leaf nor a vCPU */
	n_vcpus = 0;
	end();
	assert_int_equal(n_vcpus, 0);
	assert_false(row_at(1, A.gpa)->guest_walked);
}

static void too_many_vcpus(void **state)
{
	(void)state;
	start(S2V_NO);
	w.sink.vcpu = NULL;
	for (unsigned int i = 0; i < S2V_VCPUS_MOST; i++)
		vcpu(1, (int)i, 0);
	assert_int_equal(w.core->over_limit, 0);
	vcpu(1, S2V_VCPUS_MOST, 0);
	end_audit();
	end();
	assert_int_equal(w.sum.over_limit, 1);
	assert_false(w.sum.complete);
	assert_true(w.sum.only_unread_vms);
}

/* ---- rows ---- */

static void bytes(void **state)
{
	struct s2v_ev_guest ev;
	const struct s2v_contract_row *r;

	(void)state;
	start(S2V_NO);
	vcpu(1, 0, 0);
	guest_maps(&A, 0, 0x300000, WB);
	guest_maps(&A, 0x300000, 0x100000, WB);
	ev = guest(&A, 0x1000, 0x2000, NC, LOW);
	ev.alias = 0x2000;
	send_guest(&ev);
	guest_maps(&A, 0x8000, 0x1000, DEV);
	r = row();
	assert_true(r->guest_walked);
	assert_int_equal(r->guest.bytes[WB], 0x400000);
	assert_int_equal(r->guest.bytes[NC], 0x2000);
	assert_int_equal(r->guest.bytes[DEV], 0x1000);
	assert_int_equal(r->guest.alias, 0x2000);
}

/* The next audit's replace them, also where it finds nothing. */
static void bytes_of_the_last_audit(void **state)
{
	(void)state;
	start(S2V_NO);
	vcpu(1, 0, 0);
	guest_maps(&A, 0, 0x1000, NC);
	end_audit();
	vcpu(1, 0, 0);
	guest_maps(&A, 0, 0x3000, NC);
	end_audit();
	s2v_correlator_contract(w.core);
	assert_int_equal(row_at(1, A.gpa)->guest.bytes[NC], 0x3000);
	vcpu(1, 0, 0);
	n_vcpus = 0;
	w.n_rows = 0;
	assert_int_equal(row()->guest.bytes[NC], 0);
}

/* A part that got another backing since is not what was walked; nor is a memslot that came since. */
static void changed_since(void **state)
{
	(void)state;
	start(S2V_NO);
	vcpu(1, 0, 0);
	guest_maps(&A, 0, 0x400000, WB);
	end_audit();
	map_vma(&A, 0x100000, 0x100000, &pfn_nc, NC, DEV_PA, NC);
	create(&B, &anon, WB, RAM_PA, 0);
	end();
	for (__u64 off = 0; off < 0x400000; off += 0x100000) {
		assert_false(row_at(1, A.gpa + off)->guest_walked);
		assert_int_equal(row_at(1, A.gpa + off)->guest.bytes[WB], 0);
	}
	assert_false(row_at(1, B.gpa)->guest_walked);
	assert_int_equal(row_at(1, B.gpa)->vmm_cmo, S2V_CMO_DATA_ICACHE);
	assert_int_equal(row_at(1, B.gpa)->vmm_cmo_now, S2V_CMO_DATA_ICACHE);
	assert_int_equal(w.sum.lost, 0);
}

/* Equal neighbours are one row: with the bytes of both, and what the weaker of both owes. */
static void folded(void **state)
{
	(void)state;
	for (int first = 0; first < 2; first++) {
		n_vcpus = 0;
		begin_guest(make_host(LATEST, S2V_NO, S2V_YES));
		send_vma(&A, 0, 0x200000, &anon, NO_PTE, S2V_NO_PA);
		send_vma(&A, 0x200000, 0x200000, &anon, NO_PTE, S2V_NO_PA);
		found_slot(&A, 2, 0);
		vcpu(1, 0, 0);
		guest_maps(&A, 0, 0x200000, first ? NC : WB);
		guest_maps(&A, 0x200000, 0x200000, first ? WB : NC);
		row();
		assert_int_equal(w.n_rows, 1);
		assert_int_equal(w.row[0].size, A.size);
		assert_int_equal(w.row[0].guest.bytes[WB], 0x200000);
		assert_int_equal(w.row[0].guest.bytes[NC], 0x200000);
		assert_int_equal(w.row[0].vmm_cmo_now, S2V_CMO_DATA);
	}
}

/* A deleted memslot is no longer walked. */
static void gone(void **state)
{
	(void)state;
	start(S2V_NO);
	vcpu(1, 0, 0);
	guest_maps(&A, 0, 0x400000, WB);
	end_audit();
	send_slot(&A, S2V_SLOT_DELETE, 0, 0);
	end();
	assert_true(row_at(1, A.gpa)->gone);
	assert_false(row_at(1, A.gpa)->guest_walked);
}

/* ---- what the VMM owes now ---- */

/*
 * Two vCPUs, of which one has flags; the guest maps all Write-Back, and a page with another type. Light: nothing is due
 * but for code.
 */
static const struct {
	const char *what;
	__u32 flags;
	bool all_off;
	__u32 other; /* NONE: nothing but Write-Back */
	bool light;
} now[] = {
	{ "Write-Back alone", 0, false, S2V_ATTR_NONE, true },
	{ "tagged", 0, false, S2V_ATTR_NORMAL_TAGGED, true },
	{ "Write-Through", 0, false, S2V_ATTR_NORMAL_WT, true },
	{ "Non-cacheable", 0, false, S2V_ATTR_NORMAL_NC, false },
	{ "GRE", 0, false, S2V_ATTR_DEVICE_GRE, false },
	{ "nGnRnE", 0, false, S2V_ATTR_DEVICE_nGnRnE, false },
	{ "not understood", 0, false, S2V_ATTR_UNKNOWN, false },
	{ "TVM", S2V_VC_TVM, false, S2V_ATTR_NONE, true },
	{ "shared", S2V_VC_SHARED, false, S2V_ATTR_NONE, true },
	{ "MMU off", S2V_VC_MMU_OFF, false, S2V_ATTR_NONE, false },
	{ "caches off", S2V_VC_CACHE_OFF, false, S2V_ATTR_NONE, false },
	{ "stale", S2V_VC_STALE, false, S2V_ATTR_NONE, false },
	{ "AArch32", S2V_VC_AARCH32, false, S2V_ATTR_NONE, false },
	{ "nested", S2V_VC_NESTED, false, S2V_ATTR_NONE, false },
	{ "format", S2V_VC_FORMAT, false, S2V_ATTR_NONE, false },
	{ "not RAM", S2V_VC_NOT_RAM, false, S2V_ATTR_NONE, false },
	{ "failed", S2V_VC_FAILED, false, S2V_ATTR_NONE, false },
	{ "bound", S2V_VC_BOUND, false, S2V_ATTR_NONE, false },
	{ "changed", S2V_VC_CHANGED, false, S2V_ATTR_NONE, false },
	{ "no registers", S2V_VC_NO_REGS, false, S2V_ATTR_NONE, false },
	{ "no kernel", S2V_VC_USER | S2V_VC_NO_KERNEL, false, S2V_ATTR_NONE, false },
	{ "user", S2V_VC_USER, false, S2V_ATTR_NONE, true },
	{ "one that is off", S2V_VC_OFF | S2V_VC_MMU_OFF, false, S2V_ATTR_NONE, true },
	{ "off, and unread", S2V_VC_OFF | S2V_VC_NESTED, false, S2V_ATTR_NONE, true },
	/* The first one to run will have its MMU off. */
	{ "all are off", S2V_VC_OFF, true, S2V_ATTR_NONE, false },
};

static void owed_now(void **state)
{
	(void)state;
	for (size_t i = 0; i < S2V_ARRAY_SIZE(now); i++) {
		for (int dic = S2V_NO; dic <= S2V_YES; dic++) {
			enum s2v_cmo all = dic ? S2V_CMO_DATA : S2V_CMO_DATA_ICACHE;
			enum s2v_cmo light = dic ? S2V_CMO_NONE : S2V_CMO_ICACHE;
			const struct s2v_contract_row *r;

			start(dic);
			vcpu(1, 0, now[i].all_off ? S2V_VC_OFF : 0);
			vcpu(1, 1, now[i].flags);
			guest_maps(&A, 0, A.size, WB);
			if (now[i].other != S2V_ATTR_NONE)
				guest_maps(&A, 0x1000, PAGE, now[i].other);
			r = row();
			assert_int_equal(r->vmm_cmo, all);
			if (r->vmm_cmo_now != (now[i].light ? light : all))
				fail_msg("%s: owed now %s", now[i].what,
					 s2v_cmo_name(r->vmm_cmo_now));
		}
	}
}

static void owed_now_of_other_rows(void **state)
{
	static const struct {
		int dic;
		const struct kind *k;
		__u8 s1, s2;
		__u32 guest;
		enum s2v_cmo cmo;
	} t[] = {
		{ S2V_NO, &pfn_nc, NC, NC, WB, S2V_CMO_NONE }, /* stage 2 makes it NC */
		{ S2V_NO, &pfn_nc, NC, NC, NC, S2V_CMO_NONE },
		{ S2V_NO, &pfn_wb, WB, NC, WB, S2V_CMO_UNSAFE },
		{ S2V_NO, &pfn_nc, NC, WB, WB, S2V_CMO_UNSAFE },
		{ S2V_UNKNOWN, &anon, WB, WB, WB, S2V_CMO_UNKNOWN },
		{ S2V_UNKNOWN, &anon, WB, WB, NC, S2V_CMO_UNKNOWN },
	};

	(void)state;
	for (size_t i = 0; i < S2V_ARRAY_SIZE(t); i++) {
		begin_guest(make_host(OLD, S2V_NO, t[i].dic));
		found(&A, t[i].k);
		report_leaves(&A, 0, 1024, t[i].s1, t[i].s2, RAM_PA);
		vcpu(1, 0, 0);
		guest_maps(&A, 0, A.size, t[i].guest);
		assert_int_equal(row()->vmm_cmo_now, t[i].cmo);
		assert_int_equal(w.row[0].vmm_cmo, t[i].cmo);
	}
	/* Nothing was walked. */
	start(S2V_YES);
	assert_int_equal(row()->vmm_cmo_now, S2V_CMO_DATA);
	assert_false(w.row[0].guest_walked);
	/* The guest maps nothing of it, or all but a page: what it does not map it may map in the next moment. */
	start(S2V_YES);
	vcpu(1, 0, 0);
	assert_int_equal(row()->vmm_cmo_now, S2V_CMO_DATA);
	assert_true(w.row[0].guest_walked);
	start(S2V_YES);
	vcpu(1, 0, 0);
	guest_maps(&A, 0, A.size - PAGE, WB);
	assert_int_equal(row()->vmm_cmo_now, S2V_CMO_DATA);
}

/* ---- not walked ---- */

#define NOT_VERIFIED "complete but for this: VM 1 (process 1001) is not verified: "

/* One audit of both VMs, with these flags of VM 1's vCPUs. */
static void audit_flags(__u32 flags0, __u32 flags1)
{
	report_leaves(&A, 0, 1024, WB, WB, RAM_PA);
	vcpu(1, 0, flags0);
	vcpu(1, 1, flags1);
	vcpu(2, 0, 0);
	end_audit();
}

static void unread(void **state)
{
	static const struct {
		__u32 flags[2];
		const char *why; /* NULL: complete */
	} t[] = {
		{ { 0, S2V_VC_BOUND },
		  "the guest's own tables on 1 vCPU "
		  "(more tables than its memory needs (they lead to each other?))" },
		{ { S2V_VC_NOT_RAM, S2V_VC_FAILED },
		  "the guest's own tables on 2 vCPUs "
		  "(a table outside the host's RAM, not read, a table that could not be read)" },
		{ { S2V_VC_CHANGED | S2V_VC_STALE, 0 },
		  "the guest's own tables on 1 vCPU (tables that kept changing)" },
		{ { S2V_VC_OFF, S2V_VC_MMU_OFF }, NULL },
		{ { S2V_VC_CACHE_OFF, S2V_VC_TVM }, NULL },
		{ { S2V_VC_STALE, S2V_VC_SHARED }, NULL },
		{ { S2V_VC_OFF | S2V_VC_NESTED, 0 }, NULL }, /* has nothing to walk */
	};
	char want[512];

	(void)state;
	for (size_t i = 0; i < S2V_ARRAY_SIZE(t); i++) {
		start(S2V_NO);
		audit_flags(t[i].flags[0], t[i].flags[1]);
		end();
		snprintf(want, sizeof(want), "%s%s", t[i].why ? NOT_VERIFIED : "",
			 t[i].why ? t[i].why : "");
		assert_string_equal(w.sum.incomplete, want);
		assert_int_equal(w.sum.complete, !t[i].why);
		assert_int_equal(w.sum.only_unread_vms, t[i].why != NULL);
	}
	/* With S2FWB they have no say. */
	begin_guest(make_host(LATEST, S2V_YES, S2V_NO));
	found(&A, &anon);
	audit_flags(S2V_VC_BOUND, S2V_VC_FAILED);
	end();
	assert_true(w.sum.complete);
}

/* The last audit counts. */
static void unread_once(void **state)
{
	(void)state;
	start(S2V_NO);
	audit_flags(S2V_VC_BOUND, S2V_VC_BOUND);
	audit_flags(S2V_VC_FORMAT, 0);
	assert_int_equal(w.core->unread.n, 1);
	assert_int_equal(w.core->unread.vm[0].guest, 1);
	assert_int_equal(w.core->unread.vm[0].guest_why, S2V_VC_FORMAT);
	audit_flags(0, 0);
	assert_int_equal(w.core->unread.n, 0);
	end();
	assert_true(w.sum.complete);
	/* What else is unread of the VM stays. */
	start(S2V_NO);
	report_leaves(&A, 0, 1, S2V_ATTR_UNKNOWN, WB, RAM_PA);
	audit_flags(S2V_VC_BOUND, 0);
	audit_flags(0, 0);
	end();
	assert_string_equal(w.sum.incomplete, NOT_VERIFIED
			    "host attributes unreadable 1 time (an audit may read them)");
	/* A VM that has ended was not verified. */
	start(S2V_NO);
	audit_flags(S2V_VC_BOUND, 0);
	vm_dead(1);
	end();
	assert_false(w.sum.complete);
}

/* Of three VMs, the one in the middle is walked at last. */
static void unread_of_others(void **state)
{
	struct s2v_unread u = { 0 };

	(void)state;
	for (__u32 vm = 1; vm <= 3; vm++)
		assert_true(s2v_unread_guest(&u, vm, 10 * vm, vm, S2V_VC_BOUND));
	assert_true(s2v_unread_guest(&u, 4, 40, 0, 0)); /* nothing to note */
	assert_int_equal(u.n, 3);
	assert_true(s2v_unread_guest(&u, 2, 20, 0, 0));
	assert_int_equal(u.n, 2);
	assert_true(u.vm[0].vm == 1 && u.vm[0].guest == 1 && u.vm[0].tgid == 10);
	assert_true(u.vm[1].vm == 3 && u.vm[1].guest == 3 && u.vm[1].tgid == 30);
	assert_true(s2v_unread_guest(&u, 3, 30, 0, 0));
	assert_true(s2v_unread_guest(&u, 1, 10, 0, 0));
	assert_int_equal(u.n, 0);
	for (__u32 vm = 1; vm <= S2V_UNREAD_MOST; vm++)
		assert_true(s2v_unread_guest(&u, vm, vm, 1, S2V_VC_FAILED));
	assert_false(s2v_unread_guest(&u, S2V_UNREAD_MOST + 1, 1, 1, S2V_VC_FAILED));
	assert_true(s2v_unread_guest(&u, S2V_UNREAD_MOST + 1, 1, 0, 0));
	assert_true(s2v_unread_guest(&u, S2V_UNREAD_MOST, 1, 2, S2V_VC_FAILED));
	assert_int_equal(u.vm[S2V_UNREAD_MOST - 1].guest, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(vcpus_of_the_last_audit),
		cmocka_unit_test(vcpus_without_rows),
		cmocka_unit_test(too_many_vcpus),
		cmocka_unit_test(bytes),
		cmocka_unit_test(bytes_of_the_last_audit),
		cmocka_unit_test(changed_since),
		cmocka_unit_test(folded),
		cmocka_unit_test(gone),
		cmocka_unit_test(owed_now),
		cmocka_unit_test(owed_now_of_other_rows),
		cmocka_unit_test(unread),
		cmocka_unit_test(unread_once),
		cmocka_unit_test(unread_of_others),
	};

	return cmocka_run_group_tests_name("guest_contract", tests, NULL, NULL);
}
