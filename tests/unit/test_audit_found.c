/* needs: src/correlate.c src/audit_events.c src/findings.c src/reset_events.c src/pageset.c src/model.c src/runs.c src/contract.c src/summary.c src/rules.c src/rules_reset.c src/rules_fault.c src/rules_pfnmap.c src/names.c src/host.c */
/* SPDX-License-Identifier: BSD-2-Clause */
/* What an audit finds beside conflicts: memslots not touched yet, leaves without a page of the host's. */
#include "events.h"

static const struct mslot A = { 1, 0, 1, 0x40000000, 0x200000, 0xffff80000000, 0, 0 };

/* An audit of a host with these, and nothing attached. */
static void begin_audit(struct s2v_host host)
{
	begin(host);
	for (int i = 0; i < S2V_RULE_NR; i++)
		w.rules[i].coverage = s2v_rule_audit_coverage(
			&s2v_rules[i], &w.host, w.rules[i].reason, sizeof(w.rules[i].reason));
	send_vm(S2V_EV_VM_NEW, 1, true);
}

static void found(const struct mslot *s, const struct kind *k, __u8 pte, __u64 pa)
{
	struct s2v_ev_slot ev = { .slot = s->id,
				  .gen = s->gen,
				  .change = S2V_SLOT_FOUND,
				  .gpa = s->gpa,
				  .size = s->size,
				  .hva = s->hva,
				  .runs = 1,
				  .vmas = 1 };

	send_vma(s, 0, s->size, k, pte, pa);
	ev.h = head(S2V_EV_SLOT, sizeof(ev), s->vm);
	s2v_correlator_event(w.core, &ev.h);
}

static void end_audit(void)
{
	struct s2v_ev_audit ev = { .leaves = 1, .dur = 1000 };

	ev.h = head(S2V_EV_AUDIT, sizeof(ev), 1);
	s2v_correlator_event(w.core, &ev.h);
	ev.h.vm = 0;
	s2v_correlator_event(w.core, &ev.h);
	end();
}

/* Registered, and not touched: what KVM will do with it is known where the kernel is without 243. */
static void admitted_and_not_touched(void **state)
{
	(void)state;
	for (int k = OLD; k <= LATEST; k++) {
		for (int fwb = 0; fwb < 2; fwb++) {
			for (int dic = 0; dic < 2; dic++) {
				begin_audit(make_host((enum kernel)k, fwb, dic));
				found(&A, &pfn_wb, WB, DEV_PA);
				only(k == OLD ? R(PFNMAP_ADMITTED) : 0);
				end_audit();
				assert_true(w.sum.complete);
			}
		}
	}
	begin_audit(make_host(OLD, S2V_YES, S2V_NO));
	found(&A, &pfn_wb, WB, DEV_PA);
	assert_true(w.f[0].gpa == A.gpa && w.f[0].size == A.size);
	assert_null(w.f[0].at);
	end_audit();
	/* Memory in the kernel's map, write-combined memory, memory that nothing says where it is */
	begin_audit(make_host(OLD, S2V_YES, S2V_NO));
	found(&A, &pfn_wb, WB, RAM_PA);
	only(0);
	end_audit();
	begin_audit(make_host(OLD, S2V_YES, S2V_NO));
	found(&A, &pfn_nc, NC, DEV_PA);
	only(0);
	end_audit();
	begin_audit(make_host(OLD, S2V_YES, S2V_NO));
	found(&A, &pfn_wb, NO_PTE, S2V_NO_PA);
	only(0);
	end_audit();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(admitted_and_not_touched),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
