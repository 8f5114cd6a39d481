/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Helpers to build events, a correlator for them, and a sink that keeps its reports. One run at a time:
 * begin(), send_…(), end().
 */
#ifndef S2V_TEST_EVENTS_H
#define S2V_TEST_EVENTS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <errno.h>
#include <string.h>
#include <cmocka.h>

#include "core/correlate.h"

/* ---- a host: a range of RAM, and device memory outside ---- */

#define RAM_PA 0x40000000ULL
#define DEV_PA 0x4000000000ULL

static struct s2v_range ram[] = { { RAM_PA, 0x80000000ULL } };

/* As on Linux: 6.17 and later know the capability; it is 1 only with S2FWB and DIC. */
enum kernel { OLD, LATEST };

static inline struct s2v_host make_host(enum kernel k, int fwb, int dic)
{
	struct s2v_host h = {
		.kernel = "test",
		.machine = "aarch64",
		.fwb = fwb,
		.dic = dic,
		.idc = S2V_YES,
		.kvm_mode = S2V_KVM_VHE,
		.pfnmap_cap = k == OLD ? -1 : fwb == S2V_YES && dic == S2V_YES,
		.page_shift = 12,
		.s1_calibrated = 1,
		.init_icache = S2V_YES,
		.ram = ram,
		.n_ram = S2V_ARRAY_SIZE(ram),
	};

	return h;
}

static inline void all_hooks(struct s2v_hook hooks[S2V_OBS_NR])
{
	memset(hooks, 0, sizeof(*hooks) * S2V_OBS_NR);
	for (int i = 0; i < S2V_OBS_NR; i++) {
		hooks[i].observe = (enum s2v_observe)i;
		hooks[i].method = S2V_METHOD_FENTRY;
	}
}

/* ---- a sink that keeps everything ---- */

#define KEEP 256
#define BOOT_TO_REAL 1700000000000000000LL

static struct world {
	struct s2v_host host;
	struct s2v_rule_state rules[S2V_RULE_NR];
	struct s2v_sink sink;
	struct s2v_correlator *core;
	__u64 clock;
	struct s2v_finding f[KEEP]; /* in the order of reports, with updates */
	size_t n_f;
	struct s2v_contract_row row[KEEP];
	size_t n_rows, row_ends, events;
	struct s2v_summary sum;
	bool summed;
} w;

static inline void keep_finding(struct s2v_sink *s, const struct s2v_finding *f)
{
	(void)s;
	assert_false(w.summed);
	assert_true(w.n_f < KEEP);
	w.f[w.n_f++] = *f;
}

static inline void keep_row(struct s2v_sink *s, const struct s2v_contract_row *r)
{
	(void)s;
	assert_false(w.summed);
	assert_true(w.n_rows < KEEP);
	w.row[w.n_rows++] = *r;
}

static inline void keep_rows_end(struct s2v_sink *s)
{
	(void)s;
	w.row_ends++;
}

static inline void keep_event(struct s2v_sink *s, const struct s2v_ev_hdr *ev,
			      const struct s2v_vm_ref *vm, __u64 time)
{
	(void)s;
	assert_int_equal(vm->id, ev->vm);
	assert_true(time == ev->time + (__u64)BOOT_TO_REAL);
	w.events++;
}

static inline void keep_summary(struct s2v_sink *s, const struct s2v_summary *sum)
{
	(void)s;
	assert_false(w.summed);
	w.sum = *sum;
	w.summed = true;
}

static inline void begin(struct s2v_host host)
{
	struct s2v_correlator_opts o = {
		.host = &w.host,
		.rules = w.rules,
		.sink = &w.sink,
		.boot_to_real = BOOT_TO_REAL,
		.events = true,
	};
	struct s2v_hook hooks[S2V_OBS_NR];

	memset(&w, 0, sizeof(w));
	w.host = host;
	w.sink.finding = keep_finding;
	w.sink.memslot = keep_row;
	w.sink.memslots_end = keep_rows_end;
	w.sink.event = keep_event;
	w.sink.summary = keep_summary;
	all_hooks(hooks);
	for (int i = 0; i < S2V_RULE_NR; i++) {
		w.rules[i].rule = s2v_rules[i];
		w.rules[i].coverage = s2v_rule_coverage(s2v_rules[i], &w.host, hooks, S2V_OBS_NR,
							w.rules[i].reason,
							sizeof(w.rules[i].reason));
	}
	w.core = s2v_correlator_new(&o);
	assert_non_null(w.core);
}

/* Ends the run; w.sum and all kept reports stay. */
static inline void end(void)
{
	struct s2v_summary sum = { 0 };
	__u64 reported[S2V_SEVERITY_NR] = { 0 };

	s2v_correlator_finish(w.core, &sum);
	s2v_correlator_free(w.core);
	w.core = NULL;
	assert_true(w.summed);
	for (size_t i = 0; i < w.n_f; i++)
		if (!w.f[i].update)
			reported[s2v_finding_severity(&w.f[i])]++;
	assert_memory_equal(reported, w.sum.findings, sizeof(reported));
}

/* ---- kinds of backing ---- */

struct kind {
	__u32 flags;
	__u8 attr;
};

#define WB S2V_ATTR_NORMAL_WB
#define NC S2V_ATTR_NORMAL_NC
#define DEV S2V_ATTR_DEVICE_nGnRE
#define NO_PTE S2V_ATTR_NONE

static const struct kind anon = { 0, WB };
static const struct kind file = { S2V_VMA_FILE | S2V_VMA_SHARED, WB };
static const struct kind hole = { 0, S2V_ATTR_NONE };
static const struct kind pfn_wb = { S2V_VMA_PFNMAP | S2V_VMA_FILE | S2V_VMA_SHARED, WB };
static const struct kind pfn_nc = { S2V_VMA_PFNMAP | S2V_VMA_FILE | S2V_VMA_SHARED, NC };
static const struct kind pfn_dev = { S2V_VMA_PFNMAP | S2V_VMA_FILE | S2V_VMA_SHARED,
				     S2V_ATTR_DEVICE_nGnRnE };
static const struct kind vfio = { S2V_VMA_PFNMAP | S2V_VMA_FILE | S2V_VMA_SHARED |
					  S2V_VMA_ANY_UNCACHED,
				  S2V_ATTR_DEVICE_nGnRnE };
static const struct kind mix_wb = { S2V_VMA_MIXEDMAP | S2V_VMA_FILE, WB };
static const struct kind gmem = { S2V_VMA_GMEM, WB };

/* ---- events ---- */

/* A memslot in one registration. */
struct mslot {
	__u32 vm;
	__s16 id;
	__u32 gen;
	__u64 gpa, size, hva;
	__u32 flags, mte;
};

#define PAGE 0x1000ULL

static inline struct s2v_ev_hdr head(__u32 type, __u32 len, __u32 vm)
{
	struct s2v_ev_hdr h = {
		.type = type, .len = len, .time = ++w.clock, .vm = vm, .tgid = 1000 + vm
	};

	return h;
}

static inline void send_vm(__u32 type, __u32 vm, bool preexisting)
{
	struct s2v_ev_vm ev = { .h = head(type, sizeof(ev), vm), .preexisting = preexisting };

	memcpy(ev.comm, "vmm", 4);
	s2v_correlator_event(w.core, &ev.h);
}

static inline void vm_new(__u32 vm)
{
	send_vm(S2V_EV_VM_NEW, vm, false);
}

static inline void vm_dead(__u32 vm)
{
	send_vm(S2V_EV_VM_DEAD, vm, false);
}

static inline void send_cap(__u32 vm, __s64 cap)
{
	struct s2v_ev_cap ev = { .h = head(S2V_EV_CAP, sizeof(ev), vm), .cap = cap };

	s2v_correlator_event(w.core, &ev.h);
}

/* A range from byte `off` of the slot. */
static inline void send_vma(const struct mslot *s, __u64 off, __u64 len, const struct kind *k,
			    __u8 pte, __u64 pa)
{
	struct s2v_ev_vma ev = {
		.h = head(S2V_EV_VMA, sizeof(ev), s->vm),
		.vma = { .start = s->hva + off,
			 .end = s->hva + off + len,
			 .flags = k->flags,
			 .attr = k->attr,
			 .pte_attr = pte },
		.pa = pa,
		.slot = s->id,
		.gen = s->gen,
		.name = "memory",
	};

	if (k->flags & (S2V_VMA_PFNMAP | S2V_VMA_MIXEDMAP))
		memcpy(ev.driver, "driver", 7);
	s2v_correlator_event(w.core, &ev.h);
}

static inline void send_slot(const struct mslot *s, __u32 change, __u32 runs, int err)
{
	struct s2v_ev_slot ev = {
		.h = head(S2V_EV_SLOT, sizeof(ev), s->vm),
		.err = err,
		.slot = s->id,
		.gen = change == S2V_SLOT_CREATE || change == S2V_SLOT_MOVE ? s->gen : 0,
		.change = change,
		.gpa = s->gpa,
		.size = s->size,
		.hva = s->hva,
		.flags = s->flags,
		.vm_mte = s->mte,
		.runs = runs,
		.vmas = runs,
	};

	s2v_correlator_event(w.core, &ev.h);
}

/* Registers a slot with one backing. */
static inline void create(const struct mslot *s, const struct kind *k, __u8 pte, __u64 pa, int err)
{
	send_vma(s, 0, s->size, k, pte, pa);
	send_slot(s, S2V_SLOT_CREATE, 1, err);
}

/* A page event at byte `off` of the slot; callers change and send it. */
static inline struct s2v_ev_page page(__u32 type, const struct mslot *s, __u64 off,
				      const struct kind *k)
{
	struct s2v_ev_page ev = {
		.h = head(type, sizeof(ev), s->vm),
		.vcpu = 1,
		.slot = s->id,
		.gen = s->gen,
		.slot_gpa = s->gpa,
		.slot_size = s->size,
		.slot_hva = s->hva,
		.gpa = s->gpa + off,
		.size = PAGE,
		.hva = s->hva + off,
		.pa = S2V_NO_PA,
		.count = 1,
		.gpa_last = s->gpa + off,
		.vma = { .flags = k->flags, .attr = k->attr },
	};

	if (k->attr != S2V_ATTR_NONE && !(k->flags & S2V_VMA_GMEM)) {
		ev.vma.start = s->hva;
		ev.vma.end = s->hva + s->size;
	}
	return ev;
}

static inline void send_page(const struct s2v_ev_page *ev)
{
	s2v_correlator_event(w.core, &ev->h);
}

static inline void map(const struct mslot *s, __u64 off, const struct kind *k, __u8 pte, __u64 pa,
		       __u32 s2)
{
	struct s2v_ev_page ev = page(S2V_EV_MAP, s, off, k);

	ev.vma.pte_attr = pte;
	ev.pa = pa;
	ev.s2 = s2;
	send_page(&ev);
}

/* The same, in a VMA of len bytes from off. */
static inline void map_vma(const struct mslot *s, __u64 off, __u64 len, const struct kind *k,
			   __u8 pte, __u64 pa, __u32 s2)
{
	struct s2v_ev_page ev = page(S2V_EV_MAP, s, off, k);

	ev.vma.start = s->hva + off;
	ev.vma.end = s->hva + off + len;
	ev.vma.pte_attr = pte;
	ev.pa = pa;
	ev.s2 = s2;
	send_page(&ev);
}

static inline void fault(const struct mslot *s, __u64 off, const struct kind *k, __u8 pte, __u64 pa,
			 int err)
{
	struct s2v_ev_page ev = page(S2V_EV_FAULT, s, off, k);

	ev.vma.pte_attr = pte;
	ev.pa = pa;
	ev.err = err;
	send_page(&ev);
}

/* ---- results ---- */

/* Number of findings (not updates) of a rule in a VM; vm 0: in any. */
static inline size_t reported(enum s2v_rule_id rule, __u32 vm)
{
	size_t n = 0;

	for (size_t i = 0; i < w.n_f; i++)
		n += !w.f[i].update && w.f[i].rule->id == rule && (!vm || w.f[i].vm.id == vm);
	return n;
}

/* Asserts that exactly these rules fired, each once: bits 1 << enum s2v_rule_id. */
static inline void only(unsigned int rules)
{
	for (int i = 0; i < S2V_RULE_NR; i++) {
		size_t n = reported((enum s2v_rule_id)i, 0);

		if (n != (rules >> i & 1))
			fail_msg("%s: %zu times, expected %u", s2v_rules[i]->name, n,
				 rules >> i & 1);
	}
}

/* The first finding of a rule. */
static inline const struct s2v_finding *finding(enum s2v_rule_id rule)
{
	for (size_t i = 0; i < w.n_f; i++)
		if (w.f[i].rule->id == rule)
			return &w.f[i];
	fail_msg("no finding of %s", s2v_rules[rule]->name);
	return NULL;
}

/* The last reported row that holds a GPA. */
static inline const struct s2v_contract_row *row_at(__u32 vm, __u64 gpa)
{
	for (size_t i = w.n_rows; i-- > 0;)
		if (w.row[i].vm.id == vm && gpa - w.row[i].gpa < w.row[i].size)
			return &w.row[i];
	fail_msg("no row of VM %u at %llx", vm, (unsigned long long)gpa);
	return NULL;
}

#define R(name) (1U << S2V_RULE_##name)

#endif
