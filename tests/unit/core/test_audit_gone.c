// SPDX-License-Identifier: BSD-2-Clause
/* needs: src/core src/host src/util */
/* VMs that come and go while an audit is under way: which of them were seen, and which are there. */
#include "core/correlate_private.h"
#include "events.h"

static size_t n_rows;

static void count_row(struct s2v_sink *s, const struct s2v_audit_row *r)
{
	(void)s;
	(void)r;
	n_rows++;
}

/* VMs 1 and 2 were there before. */
static void begin_audit(void)
{
	begin(make_host(LATEST, S2V_YES, S2V_YES));
	n_rows = 0;
	w.sink.audit = count_row;
	send_vm(S2V_EV_VM_NEW, 1, true);
	send_vm(S2V_EV_VM_NEW, 2, true);
}

static void audited(__u32 vm, __u32 flags)
{
	struct s2v_ev_audit ev = { .h = head(S2V_EV_AUDIT, sizeof(ev), vm), .flags = flags };

	s2v_correlator_event(w.core, &ev.h);
}

/* What a VM had mapped that went before its turn nobody saw, where all is to be seen from then on. */
static void gone_before_its_turn(void **state)
{
	static const __u32 flags[] = { S2V_AU_GONE, S2V_AU_NO_TABLES };

	(void)state;
	for (size_t i = 0; i < S2V_ARRAY_SIZE(flags); i++) {
		begin_audit();
		audited(1, flags[i]);
		audited(2, 0);
		audited(0, 0);
		vm_dead(1);
		end();
		assert_int_equal(w.sum.audited, 1);
		assert_non_null(strstr(w.sum.incomplete, "1 VM was already running"));
	}
}

static void vm_with_nothing(__u32 vm, __u8 nothing, __u8 preexisting)
{
	struct s2v_ev_vm ev = { .h = head(S2V_EV_VM_NEW, sizeof(ev), vm),
				.preexisting = preexisting,
				.nothing = nothing };

	s2v_correlator_event(w.core, &ev.h);
}

/*
 * Of a VM in which nothing was mapped when it was seen first nothing is unverified, and it makes up for no other.
 * One without memory is no guest. What a part of a recording begins with says nothing of then.
 */
static void nothing_before(void **state)
{
	(void)state;
	begin_audit();
	vm_with_nothing(3, S2V_VM_NO_TABLES, 1);
	vm_with_nothing(4, S2V_VM_NO_MEMSLOTS, 1);
	vm_with_nothing(5, S2V_VM_NO_MEMSLOTS, 0);
	audited(1, 0);
	audited(3, S2V_AU_NO_TABLES);
	audited(4, 0);
	assert_int_equal(n_rows, 2);
	audited(0, 0);
	end();
	assert_int_equal(w.sum.vms, 3);
	assert_int_equal(w.sum.preexisting, 2);
	assert_int_equal(w.sum.audited, 1);
	assert_int_equal(w.sum.without_tables, 1);
	assert_non_null(strstr(w.sum.incomplete, "1 VM was already running"));
	begin_audit();
	vm_with_nothing(3, S2V_VM_NO_TABLES | S2V_VM_NO_MEMSLOTS, S2V_VM_REPORTED_AGAIN);
	end();
	assert_int_equal(w.sum.preexisting, 3);
}

/* The end of an audit that comes after that of its VM makes no VM, and none is audited by it. */
static void end_after_its_vm(void **state)
{
	(void)state;
	begin_audit();
	vm_new(3);
	vm_dead(3);
	audited(3, S2V_AU_GONE);
	audited(1, 0);
	assert_int_equal(HASH_COUNT(s2v_correlator_vms(w.core)), 2);
	end();
	assert_int_equal(n_rows, 1);
	assert_int_equal(w.sum.vms, 3);
	assert_int_equal(w.sum.lost, 0);
	assert_int_equal(w.sum.audited, 1);
	assert_string_equal(w.sum.incomplete,
			    "1 VM was already running: what was mapped before was not seen");
}

/* A VM whose announcement was lost stands for none of those that were there. */
static void audited_unannounced(void **state)
{
	(void)state;
	begin_audit();
	send_cap(3, 1);
	audited(3, 0);
	audited(1, 0);
	assert_int_equal(w.core->n_audited, 1);
	send_vm(S2V_EV_VM_NEW, 3, true); /* put in order: told again, and audited next time */
	audited(3, 0);
	assert_int_equal(w.core->n_audited, 2);
	end();
	assert_int_equal(w.sum.preexisting, 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(gone_before_its_turn),
		cmocka_unit_test(nothing_before),
		cmocka_unit_test(end_after_its_vm),
		cmocka_unit_test(audited_unannounced),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
