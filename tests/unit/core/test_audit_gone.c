// SPDX-License-Identifier: BSD-2-Clause
/* needs: src/core src/host src/util */
/* VMs that start and end during an audit. */
#include "core/correlate_private.h"
#include "events.h"

static size_t n_rows;

static void count_row(struct s2v_sink *s, const struct s2v_audit_row *r)
{
	(void)s;
	(void)r;
	n_rows++;
}

/* VMs 1 and 2 are preexisting. */
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

/* Without snapshot, the mappings of a VM that ended before its audit were not seen. */
static void vm_ended_before_its_audit(void **state)
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
 * A VM with nothing mapped when first seen has nothing unverified, and its audit does not count for
 * another VM. A VM without memory is no guest. Neither holds for a VM reported again in a recording.
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

/* The end of an audit after the end of its VM adds no VM, and no audited one. */
static void audit_ends_after_its_vm(void **state)
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
			    "1 VM was already running: what was mapped before was not seen "
			    "(an audit may read it)");
}

/* The audit of a VM without VM_NEW does not count for a preexisting VM. */
static void audited_unannounced(void **state)
{
	(void)state;
	begin_audit();
	send_cap(3, 1);
	audited(3, 0);
	audited(1, 0);
	assert_int_equal(w.core->n_audited, 1);
	send_vm(S2V_EV_VM_NEW, 3, true); /* reported after all, and audited next time */
	audited(3, 0);
	assert_int_equal(w.core->n_audited, 2);
	end();
	assert_int_equal(w.sum.preexisting, 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(vm_ended_before_its_audit),
		cmocka_unit_test(nothing_before),
		cmocka_unit_test(audit_ends_after_its_vm),
		cmocka_unit_test(audited_unannounced),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
