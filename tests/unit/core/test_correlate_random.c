/* needs: src/core src/host src/util */
/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Random streams of events, plausible and not: the correlator survives them, and its reports add up.
 * The seeds are fixed, so failures can be reproduced.
 */
#include <stdlib.h>

#include "events.h"

#define EVENTS 100000

static __u64 rng;

static __u32 lot(__u32 n)
{
	rng ^= rng << 13; /* xorshift64 */
	rng ^= rng >> 7;
	rng ^= rng << 17;
	return (rng >> 16) % n;
}

static __u64 any64(void)
{
	static const __u64 edge[] = { 0, 1, ~0ULL, 1ULL << 63, 0xfff, 0xffff80000000 };

	return lot(2) ? edge[lot(S2V_ARRAY_SIZE(edge))] : (__u64)lot(~0U) << 32 | lot(~0U);
}

/* ---- reports to the sink, checked for consistency ---- */

struct reported {
	__u64 count; /* as last reported */
	__u32 vm;
	enum s2v_rule_id rule;
	int updates;
};

static struct {
	struct reported *f; /* by number - 1 */
	size_t n, room;
	__u64 by_severity[S2V_SEVERITY_NR];
	size_t rows;
	struct s2v_contract_row last; /* of this contract */
	bool sound; /* the stream is plausible, so rows lie in their memslots */
	bool summed;
} tally;

static void tally_finding(struct s2v_sink *s, const struct s2v_finding *f)
{
	struct reported *t;

	(void)s;
	assert_ptr_equal(f->rule, s2v_rules[f->rule->id]);
	assert_non_null(memchr(f->explain, 0, sizeof(f->explain)));
	assert_true(f->explain[0] != 0);
	assert_non_null(memchr(f->vm.comm, 0, sizeof(f->vm.comm)));
	assert_true(f->id != 0);
	if (!f->update) {
		assert_int_equal(f->id, tally.n + 1);
		if (tally.n == tally.room) {
			tally.room = tally.room ? 2 * tally.room : 64;
			tally.f = realloc(tally.f, tally.room * sizeof(*tally.f));
			assert_non_null(tally.f);
		}
		tally.f[tally.n++] = (struct reported){ f->count, f->vm.id, f->rule->id, 0 };
		tally.by_severity[s2v_finding_severity(f)]++;
		return;
	}
	assert_true(f->id <= tally.n);
	t = &tally.f[f->id - 1];
	assert_int_equal(t->vm, f->vm.id);
	assert_int_equal(t->rule, f->rule->id);
	assert_true(f->count > t->count);
	t->count = f->count;
	assert_int_equal(++t->updates, 1); /* at the end of its VM or of the run, not at both */
}

static void tally_row(struct s2v_sink *s, const struct s2v_contract_row *r)
{
	(void)s;
	assert_non_null(r->backing);
	assert_true(s2v_attr_name(r->s1) && s2v_attr_name(r->s2));
	assert_true(r->write_back_guaranteed >= S2V_UNKNOWN && r->write_back_guaranteed <= S2V_YES);
	assert_true(r->needs_s2fwb >= S2V_UNKNOWN && r->needs_s2fwb <= S2V_YES);
	assert_true(r->vmm_cmo <= S2V_CMO_UNKNOWN);
	if (s2v_attr_conflict(r->s1, r->s2))
		assert_int_equal(r->vmm_cmo, S2V_CMO_UNSAFE);
	if (r->write_back_guaranteed == S2V_YES)
		assert_true(s2v_attr_is_cacheable(r->s1) && w.host.fwb == S2V_YES);
	assert_non_null(memchr(r->name, 0, sizeof(r->name)));
	assert_non_null(memchr(r->driver, 0, sizeof(r->driver)));
	assert_true(!tally.sound || r->size);
	if (tally.sound && tally.last.vm.id == r->vm.id && tally.last.id == r->id && !r->gone)
		assert_true(r->gpa >= tally.last.gpa + tally.last.size);
	/* Rows of deleted memslots come last. */
	assert_true(r->gone || !tally.last.gone);
	tally.last = *r;
	tally.rows++;
}

static void tally_rows_end(struct s2v_sink *s)
{
	(void)s;
	memset(&tally.last, 0, sizeof(tally.last));
}

static void tally_summary(struct s2v_sink *s, const struct s2v_summary *sum)
{
	(void)s;
	assert_memory_equal(sum->findings, tally.by_severity, sizeof(sum->findings));
	assert_int_equal(sum->complete, sum->incomplete[0] == 0);
	tally.summed = true;
}

static void begin_tally(struct s2v_host h)
{
	free(tally.f);
	memset(&tally, 0, sizeof(tally));
	begin(h);
	w.sink.finding = tally_finding;
	w.sink.memslot = tally_row;
	w.sink.memslots_end = tally_rows_end;
	w.sink.event = NULL;
	w.sink.summary = tally_summary;
}

static __u64 end_tally(void)
{
	struct s2v_summary sum = { 0 };

	s2v_correlator_finish(w.core, &sum);
	assert_true(tally.summed);
	s2v_correlator_free(w.core);
	w.core = NULL;
	return sum.lost;
}

static struct s2v_host any_host(void)
{
	struct s2v_host h = make_host((enum kernel)lot(2), (int)lot(3) - 1, (int)lot(3) - 1);

	h.n_ram = lot(4) != 0;
	h.s1_calibrated = lot(4) != 0;
	return h;
}

/* ---- plausible events: VMs that start and end, memslots, faults ---- */

#define VMS 6
#define SLOTS 5

static struct {
	__u32 id, gen;
	struct mslot slot[SLOTS];
	bool there[SLOTS];
} vms[VMS];
static __u32 next_vm;

static const struct kind *any_kind(void)
{
	static const struct kind *const all[] = { &anon,    &file, &hole,   &pfn_wb, &pfn_nc,
						  &pfn_dev, &vfio, &mix_wb, &anon,   &anon };

	return all[lot(S2V_ARRAY_SIZE(all))];
}

static __u8 any_pte(const struct kind *k)
{
	return lot(3) ? k->attr : lot(2) ? S2V_ATTR_NONE : lot(S2V_ATTR_NR);
}

static __u64 any_pa(void)
{
	return lot(3) == 0 ? S2V_NO_PA : (lot(2) ? RAM_PA : DEV_PA) + lot(256) * PAGE;
}

static void new_vm(int i)
{
	if (vms[i].id)
		vm_dead(vms[i].id);
	memset(&vms[i], 0, sizeof(vms[i]));
	vms[i].id = ++next_vm;
	if (lot(8))
		send_vm(S2V_EV_VM_NEW, vms[i].id, lot(8) == 0);
}

static void register_slot(int i, int j)
{
	struct mslot s = { .vm = vms[i].id,
			   .id = j,
			   .gen = ++vms[i].gen,
			   .gpa = lot(1024) * 0x100000ULL,
			   .size = (1 + lot(16)) * PAGE,
			   .hva = 0xffff80000000 + lot(1024) * 0x100000ULL,
			   .flags = lot(8) ? 0 : lot(8),
			   .mte = lot(8) == 0 };
	__u64 off = 0, len;
	__u32 runs = 0;
	int err = lot(4) ? 0 : lot(2) ? -EINVAL : -EFAULT;

	while (off < s.size && !(s.flags & S2V_MEM_GUEST_MEMFD)) {
		const struct kind *k = any_kind();

		len = (1 + lot(8)) * PAGE;
		if (len > s.size - off)
			len = s.size - off;
		send_vma(&s, off, len, k, any_pte(k), any_pa());
		off += len;
		runs++;
	}
	send_slot(&s, vms[i].there[j] ? S2V_SLOT_MOVE : S2V_SLOT_CREATE, runs, err);
	if (!err) {
		vms[i].slot[j] = s;
		vms[i].there[j] = true;
	}
}

static void page_of_slot(int i, int j)
{
	static const __u32 types[] = { S2V_EV_MAP, S2V_EV_MAP, S2V_EV_MAP, S2V_EV_PERM,
				       S2V_EV_FAULT };
	struct mslot s = vms[i].slot[j];
	const struct kind *k = s.flags & S2V_MEM_GUEST_MEMFD ? &gmem : any_kind();
	__u64 n = s.size / PAGE, first, last;
	struct s2v_ev_page ev = page(types[lot(5)], &s, lot((__u32)n) * PAGE, k);

	if (k->attr != S2V_ATTR_NONE && k != &gmem) {
		first = lot((__u32)((ev.hva - s.hva) / PAGE) + 1);
		last = (ev.hva - s.hva) / PAGE + lot(4);
		ev.vma.start = s.hva + first * PAGE;
		ev.vma.end = s.hva + (last + 1) * PAGE; /* may be beyond the slot */
	}
	ev.vma.pte_attr = k == &gmem ? S2V_ATTR_NONE : any_pte(k);
	ev.pa = any_pa();
	ev.s2 = lot(3) ? WB : lot(S2V_ATTR_NR);
	ev.err = ev.h.type == S2V_EV_FAULT && lot(2) ? -EFAULT : 0;
	ev.count = 1 + lot(5);
	ev.flags = lot(512);
	send_page(&ev);
}

static void sound_step(void)
{
	int i = (int)lot(VMS), j = (int)lot(SLOTS);
	__u32 what = lot(1000);

	if (!vms[i].id || what < 5)
		new_vm(i);
	else if (what < 60 || (!vms[i].there[j] && what < 800))
		register_slot(i, j);
	else if (what < 70 && vms[i].there[j])
		send_slot(&vms[i].slot[j], S2V_SLOT_FLAGS, 0, 0);
	else if (what < 80)
		send_cap(vms[i].id, S2V_CAP_CACHEABLE_PFNMAP);
	else if (what < 100 && vms[i].there[j]) {
		send_slot(&vms[i].slot[j], S2V_SLOT_DELETE, 0, 0);
		vms[i].there[j] = false;
	} else if (vms[i].there[j])
		page_of_slot(i, j);
	if (what == 999)
		s2v_correlator_contract(w.core);
}

static void plausible(void **state)
{
	static const __u64 seeds[] = { 1, 0x9e3779b97f4a7c15, 20250708, 0xdeadbeef };
	size_t findings = 0, rows = 0;

	(void)state;
	for (size_t k = 0; k < S2V_ARRAY_SIZE(seeds); k++) {
		rng = seeds[k];
		memset(vms, 0, sizeof(vms));
		next_vm = 0;
		begin_tally(any_host());
		tally.sound = true;
		for (int n = 0; n < EVENTS; n++)
			sound_step();
		/* The stream loses no events: only VMs without VM_NEW count as lost. */
		assert_true(end_tally() < next_vm);
		findings += tally.n;
		rows += tally.rows;
	}
	/* The streams produce findings and contracts. */
	assert_true(findings > 1000);
	assert_true(rows > 1000);
	free(tally.f);
	tally.f = NULL;
}

/* ---- random bytes as events ---- */

static void noise(void **state)
{
	static const __u64 seeds[] = { 3, 0x123456789abcdef, 77, 0xfeedface };
	union {
		struct s2v_ev_hdr h;
		struct s2v_ev_vm vm;
		struct s2v_ev_slot slot;
		struct s2v_ev_vma vma;
		struct s2v_ev_page page;
		struct s2v_ev_cap cap;
		__u64 word[64];
	} e;

	(void)state;
	for (size_t k = 0; k < S2V_ARRAY_SIZE(seeds); k++) {
		rng = seeds[k];
		begin_tally(any_host());
		for (int n = 0; n < EVENTS / 4; n++) {
			for (size_t i = 0; i < S2V_ARRAY_SIZE(e.word); i++)
				e.word[i] = any64();
			e.h.type = lot(S2V_EV_CAP + 2);
			e.h.len = lot(8) ? sizeof(e) : lot(sizeof(e));
			e.h.vm = lot(4);
			if (e.h.type == S2V_EV_SLOT) {
				e.slot.slot = lot(3);
				e.slot.gen = lot(4);
				e.slot.change = lot(5);
				e.slot.err = lot(2) ? 0 : -EINVAL;
				e.slot.runs = lot(3);
			} else if (e.h.type == S2V_EV_VMA) {
				e.vma.gen = lot(4);
			} else if (e.h.type != S2V_EV_CAP && e.h.type > S2V_EV_VMA) {
				e.page.slot = (__s16)((int)lot(4) - 1);
				e.page.gen = lot(4);
				if (lot(2))
					e.page.hva = e.page.slot_hva;
				e.page.count = 1 + lot(3);
			}
			s2v_correlator_event(w.core, &e.h);
			if (lot(5000) == 0)
				s2v_correlator_contract(w.core);
		}
		assert_true(end_tally() > 0);
	}
	free(tally.f);
	tally.f = NULL;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(plausible),
		cmocka_unit_test(noise),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
