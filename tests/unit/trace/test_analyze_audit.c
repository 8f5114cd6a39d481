// SPDX-License-Identifier: BSD-2-Clause
/* needs: src/core src/host src/util src/sink/filter.c src/trace */
/* libs: -lzstd -lz -lpthread */
/* Recordings that begin with an audit: in parts, and with filters. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

#include "trace/analyze.h"
#include "cmd/cmd.h"
#include "s2t_file_data.h"
#include "sink/filter.h"

#define WB S2V_ATTR_NORMAL_WB
#define NC S2V_ATTR_NORMAL_NC
#define DEVICE_PA 0x30000000ULL
#define SLOT_SIZE 0x400000ULL

static __u64 clock_ns;
static int fwb = S2V_YES; /* of the host of the next recording */

static __u64 slot_gpa(__u32 vm)
{
	return (__u64)vm << 32;
}

/* A VM with one memslot over a file, found by an audit. */
static void found(struct s2t_buf *b, __u32 vm)
{
	const __u64 hva = slot_gpa(vm) << 4;
	struct s2v_ev_vma *v = add(b, S2V_EV_VMA, vm, clock_ns += 10);
	struct s2v_ev_slot *s;

	v->vma = (struct s2v_vma){ hva, hva + SLOT_SIZE, S2V_VMA_FILE, WB, 0, { 0 } };
	v->pa = S2V_NO_PA;
	v->slot = 1;
	v->gen = 1;
	s = add(b, S2V_EV_SLOT, vm, clock_ns += 10);
	s->slot = 1;
	s->gen = 1;
	s->change = S2V_SLOT_FOUND;
	s->gpa = slot_gpa(vm);
	s->size = SLOT_SIZE;
	s->hva = hva;
	s->runs = s->vmas = 1;
}

static void preexisting(struct s2t_buf *b, __u32 vm)
{
	struct s2v_ev_vm *v = add(b, S2V_EV_VM_NEW, vm, clock_ns += 10);

	v->preexisting = 1;
	memcpy(v->comm, "guest", 6);
}

static void leaves(struct s2t_buf *b, __u32 vm, __u64 off, __u8 s1, __u8 s2, __u64 pa)
{
	struct s2v_ev_leaves *l = add(b, S2V_EV_LEAVES, vm, clock_ns += 10);

	l->slot = 1;
	l->gen = 1;
	l->gpa = slot_gpa(vm) + off;
	l->hva = (slot_gpa(vm) << 4) + off;
	l->size = 4096;
	l->leaves = 1;
	l->pa = l->host_pa = pa;
	l->s1 = s1;
	l->s2 = s2;
	l->level = l->host_level = 3;
	l->flags = S2V_LF_READ | S2V_LF_WRITE | S2V_LF_PA_RUN;
}

static void audited(struct s2t_buf *b, __u32 vm)
{
	struct s2v_ev_audit *a = add(b, S2V_EV_AUDIT, vm, clock_ns += 10);

	if (!vm)
		a->h.tgid = 0;
}

static void write_file(const struct s2t_buf *ev, __u64 rotate)
{
	struct s2t_info info = an_info();
	struct s2t_writer_opts o = {
		.path = path, .info = &info, .rotate = rotate, .patient = true
	};
	struct s2v_summary sum = { 0 };
	struct s2t_writer *w;
	char err[256] = "";
	__u32 n = 0;

	info.host.fwb = fwb;
	info.host.dic = S2V_YES;
	info.host.kvm_mode = S2V_KVM_VHE;
	info.host.page_shift = 12;
	info.audit = true;
	for (int i = 0; i < S2V_OBS_NR; i++)
		info.hooks[i].method = S2V_METHOD_FENTRY;
	w = s2t_create(&o, err, sizeof(err));
	if (!w)
		fail_msg("%s", err);
	for (size_t at = 0; at < ev->len; at += s2t_round8(event_at(ev, at)->len)) {
		s2t_append(w, event_at(ev, at));
		if (rotate && ++n % 100 == 0)
			s2t_counters(w, &sum);
	}
	assert_int_equal(s2t_close(w, &sum, &facts), 0);
}

/* ---- analysing ---- */

static struct {
	struct s2v_sink sink;
	struct s2v_summary sum; /* that the sink got */
	struct s2v_sink_filter filter;
	unsigned int audits;
	/* Of the guest's own stage 1. */
	struct s2v_ev_vcpu vcpu_event;
	struct s2v_ev_guest guest_event;
	struct s2v_vcpu_row vcpu;
	struct s2v_contract_row row;
	struct s2v_finding finding;
	unsigned int events, vcpus, rows, findings;
} w;

static void keep_summary(struct s2v_sink *s, const struct s2v_summary *sum)
{
	(void)s;
	w.sum = *sum;
}

static void keep_audit(struct s2v_sink *s, const struct s2v_audit_row *r)
{
	(void)s;
	(void)r;
	w.audits++;
}

static void keep_guest_event(struct s2v_sink *s, const struct s2v_ev_hdr *ev,
			     const struct s2v_vm_ref *vm, __u64 time)
{
	(void)s;
	(void)time;
	assert_int_equal(vm->id, ev->vm);
	if (ev->type == S2V_EV_VCPU)
		memcpy(&w.vcpu_event, ev, sizeof(w.vcpu_event));
	if (ev->type == S2V_EV_GUEST)
		memcpy(&w.guest_event, ev, sizeof(w.guest_event));
	w.events += ev->type == S2V_EV_VCPU || ev->type == S2V_EV_GUEST;
}

static void keep_vcpu(struct s2v_sink *s, const struct s2v_vcpu_row *r)
{
	(void)s;
	w.vcpu = *r;
	w.vcpus++;
}

static void keep_row(struct s2v_sink *s, const struct s2v_contract_row *r)
{
	(void)s;
	w.row = *r;
	w.rows++;
}

static void keep_finding(struct s2v_sink *s, const struct s2v_finding *f)
{
	(void)s;
	w.finding = *f;
	w.findings++;
}

/* Analyzes part `n`. */
static void analyze(__u32 n, const struct s2v_filter *f)
{
	struct s2v_analysis a = { .sink = &w.filter.sink, .events = true };
	struct s2v_summary sum;
	char name[80], err[256];
	struct s2t_reader *r;
	__u64 size;

	memset(&w, 0, sizeof(w));
	w.sink.summary = keep_summary;
	w.sink.audit = keep_audit;
	w.sink.event = keep_guest_event;
	w.sink.vcpu = keep_vcpu;
	w.sink.memslot = keep_row;
	w.sink.finding = keep_finding;
	snprintf(name, sizeof(name), n ? "%s.%u" : "%s", path, n);
	r = s2t_open_path(name, &size, err, sizeof(err));
	if (!r)
		fail_msg("%s", err);
	s2v_sink_filter(&w.filter, &w.sink, f);
	assert_int_equal(s2v_analyze(r, &a, &sum), 0);
	s2t_free(r);
}

static const struct s2v_filter everything = { .until = ~0ULL };

/* An audit counts only in a part that has all of it, not in one that has its end only. */
static void an_audit_in_two_parts(void **state)
{
	struct s2t_buf ev = { 0 };

	(void)state;
	clock_ns = 1000;
	preexisting(&ev, 1);
	preexisting(&ev, 2);
	found(&ev, 1);
	leaves(&ev, 1, 0, WB, NC, DEVICE_PA);
	clock_ns = guest(&ev, 3, clock_ns, 2000);
	add(&ev, S2V_EV_VM_DEAD, 3, clock_ns += 10);
	audited(&ev, 1);
	found(&ev, 2);
	leaves(&ev, 2, 0, WB, WB, DEVICE_PA + 0x1000);
	audited(&ev, 2);
	audited(&ev, 0);
	write_file(&ev, 0);
	analyze(0, &everything);
	assert_int_equal(w.sum.audited, 2);
	assert_int_equal(w.sum.findings[S2V_CRITICAL], 1);
	assert_string_equal(w.sum.incomplete, "");
	write_file(&ev, 4000);
	assert_true(facts.parts > 3);
	analyze(facts.parts - 1, &everything);
	assert_int_equal(w.sum.findings[S2V_CRITICAL], 0);
	assert_int_equal(w.sum.leaves[WB][WB], 1);
	assert_int_equal(w.sum.audited, 1);
	assert_non_null(strstr(w.sum.incomplete, "already running"));
	assert_false(w.sum.complete);
	s2t_buf_free(&ev);
}

/* Memory is Write-Back in VM 1 and uncached in VM 2: a filter for a VM shows that VM's finding. */
static void aliases_with_a_filter(void **state)
{
	const struct s2v_filter first = { .until = ~0ULL, .vm = 1 },
				of_1002 = { .until = ~0ULL, .pid = 1002 },
				neither = { .until = ~0ULL, .vm = 1, .pid = 1002 },
				third = { .until = ~0ULL, .vm = 3 },
				other_rule = { .until = ~0ULL,
					       .rule = s2v_rules[S2V_RULE_ATTR_DRIFT] },
				page = { .until = ~0ULL, .vm = 3, .alone = true },
				later = { .since = ~0ULL, .until = ~0ULL, .vm = 1 };
	struct s2t_buf ev = { 0 };
	char what[96];

	(void)state;
	clock_ns = 1000;
	for (__u32 vm = 1; vm <= 3; vm++)
		preexisting(&ev, vm);
	for (__u32 vm = 1; vm <= 3; vm++) {
		found(&ev, vm);
		leaves(&ev, vm, 0, vm == 2 ? NC : WB, vm == 2 ? NC : WB,
		       DEVICE_PA + (vm == 3) * 0x10000);
		audited(&ev, vm);
	}
	audited(&ev, 0);
	write_file(&ev, 0);
	analyze(0, &everything);
	assert_int_equal(w.sum.findings[S2V_HIGH], 2);
	assert_int_equal(w.audits, 3);
	analyze(0, &first);
	assert_int_equal(w.audits, 1);
	assert_int_equal(w.sum.findings[S2V_HIGH], 1);
	assert_true(w.sum.complete && w.filter.complete);
	assert_int_equal(w.sum.vms, 3);
	analyze(0, &of_1002);
	assert_int_equal(w.sum.findings[S2V_HIGH], 1);
	assert_false(s2v_sink_filter_missed(&w.filter, what, sizeof(what)));
	analyze(0, &third);
	assert_int_equal(w.sum.findings[S2V_HIGH], 0);
	assert_true(w.sum.complete);
	analyze(0, &other_rule);
	assert_true(w.sum.complete);
	/* A filtered page must not say "safe". */
	analyze(0, &page);
	assert_string_equal(w.sum.incomplete, "2 findings of other VMs or rules not shown");
	analyze(0, &later);
	assert_false(w.sum.complete || w.filter.complete);
	assert_string_equal(w.sum.incomplete, "1 finding of other times not shown");
	analyze(0, &neither);
	assert_false(w.filter.complete);
	assert_true(s2v_sink_filter_missed(&w.filter, what, sizeof(what)));
	assert_string_equal(what, "the recording has no VM 1 of process 1002");
	s2t_buf_free(&ev);
}

/* VMs 1 and 2, whose guests map a page Non-cacheable. Returns the events of VM 2. */
static void guests(struct s2t_buf *b, struct s2v_ev_vcpu *vcpu, struct s2v_ev_guest *pages)
{
	for (__u32 vm = 1; vm <= 2; vm++)
		preexisting(b, vm);
	for (__u32 vm = 1; vm <= 2; vm++) {
		struct s2v_ev_vcpu *v;
		struct s2v_ev_guest *g;

		found(b, vm);
		v = add(b, S2V_EV_VCPU, vm, clock_ns += 10);
		v->vcpu = 5;
		v->flags = vm == 1 ? S2V_VC_BOUND : S2V_VC_TVM;
		v->sctlr = 0x1122334455667788;
		v->tcr = 0x99aabbccddeeff00;
		v->mair = ~0ULL;
		v->ttbr0 = 1;
		v->ttbr1 = 1ULL << 63;
		v->tables = 17;
		v->leaves = 18;
		v->absent = 19;
		*vcpu = *v;
		g = add(b, S2V_EV_GUEST, vm, clock_ns += 10);
		g->slot = 1;
		g->gen = 1;
		g->gpa = slot_gpa(vm) + 0x1000;
		g->size = 0x8000;
		g->bytes = 0x3000;
		g->alias = 0x2000;
		g->va = 0xffff000012345000;
		g->vcpu = 5;
		g->attr = NC;
		*pages = *g;
		audited(b, vm);
	}
	audited(b, 0);
}

/* The guest's own stage 1 is in a recording, byte for byte; a filter for a VM shows that VM's. */
static void guests_of_a_recording(void **state)
{
	const struct s2v_filter second = { .until = ~0ULL, .vm = 2 };
	struct s2v_ev_guest pages;
	struct s2v_ev_vcpu vcpu;
	struct s2t_buf ev = { 0 };

	(void)state;
	clock_ns = 1000;
	guests(&ev, &vcpu, &pages);
	fwb = S2V_NO;
	write_file(&ev, 0);
	fwb = S2V_YES;
	analyze(0, &everything);
	assert_int_equal(w.events, 4);
	assert_int_equal(w.vcpus, 2);
	assert_int_equal(w.rows, 2);
	assert_int_equal(w.findings, 2);
	assert_true(w.sum.only_unread_vms);
	assert_string_equal(w.sum.incomplete,
			    "complete but for this: VM 1 (process 1001) is not verified: the "
			    "guest's own tables on 1 vCPU (more tables than its memory needs "
			    "(they lead to each other?))");
	assert_memory_equal(&w.vcpu_event, &vcpu, sizeof(vcpu));
	assert_memory_equal(&w.guest_event, &pages, sizeof(pages));
	analyze(0, &second);
	assert_int_equal(w.vcpus, 1);
	assert_int_equal(w.rows, 1);
	assert_int_equal(w.findings, 1);
	assert_int_equal(w.vcpu.vm.id, 2);
	assert_int_equal(w.vcpu.flags, S2V_VC_TVM);
	assert_true(w.vcpu.ttbr1 == 1ULL << 63 && w.vcpu.absent == 19);
	assert_int_equal(w.row.guest.bytes[NC], 0x3000);
	assert_int_equal(w.finding.vm.id, 2);
	assert_int_equal(w.finding.bytes, 0x3000);
	assert_int_equal(w.finding.guest_alias, 0x2000);
	s2t_buf_free(&ev);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_audit_in_two_parts),
		cmocka_unit_test(aliases_with_a_filter),
		cmocka_unit_test(guests_of_a_recording),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
