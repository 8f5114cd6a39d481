// SPDX-License-Identifier: BSD-2-Clause
/*
 * Generates the events of a host: VMs with memslots of every kind, mappings that conflict, resets,
 * hostile names. They go through the real correlator into one of the file sinks. struct gtruth has
 * the expected numbers, counted here and not by the code under test.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gen.h"

#define BOOT 1000000000000ULL
#define TO_REAL 1780000000000000000LL
#define RAM_PA 0x80000000ULL
#define DEV_PA 0x400000000000ULL
#define SHARED_FILE (S2V_VMA_FILE | S2V_VMA_SHARED)

struct gen g;

static uint64_t rnd(uint64_t n) /* xorshift64*: the same on every machine */
{
	g.seed ^= g.seed >> 12;
	g.seed ^= g.seed << 25;
	g.seed ^= g.seed >> 27;
	return (g.seed * 2685821657736338717ULL >> 16) % n;
}

struct s2v_ev_hdr gen_head(uint32_t type, size_t len, const struct gvm *vm, uint64_t time)
{
	struct s2v_ev_hdr h = {
		.type = type, .len = (__u32)len, .time = time, .vm = vm->id, .tgid = 4000 + vm->id
	};

	g.t.events++;
	return h;
}

void gen_send(const struct s2v_ev_hdr *h)
{
	s2v_correlator_event(g.core, h);
}

/* ---- VMs and memslots ---- */

static void send_vm(uint32_t type, const struct gvm *vm)
{
	static const char *const comm[] = {
		"qemu-system-aar",
		"<script>x()//",
		"\"'><img src=x",
		"a\n</title>\tb",
		"bad \xff\xfe\xc3(utf",
		"firecracker",
		"cloud-hyperviso",
		"\xe2\x80\xae"
		"evil",
	};
	struct s2v_ev_vm ev = { .h = gen_head(type, sizeof(ev), vm, g.now) };

	strncpy(ev.comm, comm[vm->id % S2V_ARRAY_SIZE(comm)], sizeof(ev.comm) - 1);
	ev.preexisting = g.preexisting && vm->id == 1;
	gen_send(&ev.h);
}

static void send_vma(const struct gvm *vm, const struct gslot *s, uint64_t off, uint64_t len,
		     const struct gkind *k)
{
	struct s2v_ev_vma ev = {
		.h = gen_head(S2V_EV_VMA, sizeof(ev), vm, g.now),
		.vma = { .start = s->hva + off,
			 .end = s->hva + off + len,
			 .flags = k->flags,
			 .attr = k->attr },
		.pa = k->flags & S2V_VMA_PFNMAP ? DEV_PA + off : RAM_PA,
		.slot = s->id,
		.gen = s->gen,
	};

	if (k->flags & S2V_VMA_PFNMAP)
		ev.vma.pte_attr = k->attr;
	strncpy(ev.name, k->name, sizeof(ev.name) - 1);
	strncpy(ev.driver, k->driver, sizeof(ev.driver) - 1);
	gen_send(&ev.h);
}

static void send_slot(const struct gvm *vm, const struct gslot *s, uint32_t change, int err,
		      uint32_t runs)
{
	struct s2v_ev_slot ev = {
		.h = gen_head(S2V_EV_SLOT, sizeof(ev), vm, g.now),
		.err = err,
		.slot = s->id,
		.gen = change == S2V_SLOT_DELETE ? 0 : s->gen,
		.change = change,
		.gpa = s->gpa,
		.size = s->size,
		.hva = s->hva,
		.runs = runs,
		.vmas = runs,
	};

	gen_send(&ev.h);
}

static const struct gkind anon = { 0, S2V_ATTR_NORMAL_WB, "", "" };
static const struct gkind huge = { S2V_VMA_HUGETLB | SHARED_FILE, S2V_ATTR_NORMAL_WB,
				   "anon_hugepage", "" };
static const struct gkind flash = { SHARED_FILE, S2V_ATTR_NORMAL_WB, "AAVMF_CODE.fd", "" };
static const struct gkind bar = { SHARED_FILE | S2V_VMA_PFNMAP, S2V_ATTR_DEVICE_nGnRE,
				  "vfio-device", "vfio_pci" };
const struct gkind gpu = { SHARED_FILE | S2V_VMA_PFNMAP, S2V_ATTR_NORMAL_WB, "<gpu>&\"0\"",
			   "nvgrace_gpu" };
static const struct gkind vgem = { SHARED_FILE | S2V_VMA_MIXEDMAP, S2V_ATTR_NORMAL_NC, "card0",
				   "vgem" };

static struct gslot *add_slot(struct gvm *vm, uint64_t gpa, uint64_t size, const struct gkind *k,
			      int err)
{
	struct gslot *s = &vm->slot[vm->n_slots];

	*s = (struct gslot){ .id = (int16_t)vm->n_slots,
			     .gen = ++vm->gen,
			     .gpa = gpa,
			     .size = size,
			     .hva = 0xfff000000000ULL + gpa,
			     .kind = *k };
	g.now += 30000;
	send_vma(vm, s, 0, size, k);
	send_slot(vm, s, S2V_SLOT_CREATE, err, 1);
	g.t.registrations++;
	if (err)
		return NULL;
	vm->n_slots++;
	return s;
}

/* 1 TiB of huge pages with 64 KiB of a device in the middle. */
static void add_sparse(struct gvm *vm)
{
	struct gslot *s = &vm->slot[vm->n_slots];
	uint64_t half = 512ULL << 30;

	*s = (struct gslot){ .id = (int16_t)vm->n_slots++,
			     .gen = ++vm->gen,
			     .gpa = 1ULL << 40,
			     .size = 1ULL << 40,
			     .hva = 0xe00000000000ULL,
			     .kind = huge };
	send_vma(vm, s, 0, half, &huge);
	send_vma(vm, s, half, 0x10000, &gpu);
	send_vma(vm, s, half + 0x10000, half - 0x10000, &huge);
	send_slot(vm, s, S2V_SLOT_CREATE, 0, 3);
	g.t.registrations++;
	vm->sparse = s;
}

static void boot(struct gvm *vm)
{
	send_vm(S2V_EV_VM_NEW, vm);
	add_slot(vm, 0x40000000, 2ULL << 30, &anon, 0);
	add_slot(vm, 0, 64ULL << 20, &flash, 0);
	add_slot(vm, 0x100000000, (8ULL + rnd(56)) << 30, &huge, 0);
	add_slot(vm, 0x10000000, 16ULL << 20, &bar, 0);
	vm->vcpus = 2 + vm->id % 3;
	if (g.safe)
		return;
	if (vm->id % 16 == 1)
		vm->gpu = add_slot(vm, 0x8000000000, 256ULL << 10, &gpu, 0);
	if (vm->id == 2)
		add_sparse(vm);
	if (vm->id % 64 == 5)
		vm->vgem = add_slot(vm, 0x9000000000, 1ULL << 20, &vgem, 0);
	if (vm->id == 4) {
		for (uint64_t i = 0; i < 5; i++) {
			struct gslot *s = add_slot(vm, 0x20000000 + (i << 25), 1ULL << 20, &bar, 0);

			g.now += 1000;
			send_slot(vm, s, S2V_SLOT_DELETE, 0, 0);
			vm->n_slots--;
		}
		add_slot(vm, 0xa000000000, 2ULL << 20, &gpu, -EINVAL);
	}
}

/* ---- faults ---- */

static void fault(struct gvm *vm, const struct gslot *s, const struct gkind *k, uint64_t off,
		  uint64_t size, uint32_t s2)
{
	int vcpu = (int)rnd((uint64_t)vm->vcpus);
	uint64_t dur = 1500 + rnd(12000) + (rnd(50) ? 0 : rnd(400000));
	uint64_t begin = g.now > vm->idle[vcpu] ? g.now : vm->idle[vcpu];
	struct s2v_ev_page ev = {
		.vcpu = vcpu,
		.slot = s->id,
		.gen = s->gen,
		.slot_gpa = s->gpa,
		.slot_size = s->size,
		.slot_hva = s->hva,
		.gpa = s->gpa + off,
		.gpa_last = s->gpa + off,
		.size = size,
		.hva = s->hva + off,
		.pa = k->flags & S2V_VMA_PFNMAP ? DEV_PA + off : RAM_PA + off,
		.count = 1,
		.flags = S2V_PG_ALL | S2V_PG_WRITE,
		.s2 = s2,
		.vma = { .start = s->hva,
			 .end = s->hva + s->size,
			 .flags = k->flags,
			 .attr = k->attr },
	};

	if (k->flags & (S2V_VMA_PFNMAP | S2V_VMA_MIXEDMAP))
		ev.vma.pte_attr = k->attr;
	vm->idle[vcpu] = begin + dur;
	ev.h = gen_head(S2V_EV_MAP, sizeof(ev), vm, begin + dur - 300);
	gen_send(&ev.h);
	ev.h = gen_head(S2V_EV_FAULT, sizeof(ev), vm, begin + dur);
	ev.dur = dur;
	ev.s2 = 0;
	gen_send(&ev.h);
	vm->faults++;
	g.t.faults++;
	g.t.fault_ns += dur;
	if (s2v_attr_conflict(k->attr, s2)) {
		vm->unsafe_maps++;
		g.t.unsafe_maps++;
	}
	g.maps[k->attr][s2]++;
}

static void ordinary_fault(struct gvm *vm)
{
	struct gslot *s = &vm->slot[rnd(4)];
	uint64_t size = s->kind.flags & S2V_VMA_HUGETLB ? 2ULL << 20 : 4096;
	uint64_t window = s->size < 512 * size ? s->size : 512 * size;

	if (s->at >= window)
		s->at = 0;
	fault(vm, s, &s->kind, s->at, size,
	      s->kind.attr == S2V_ATTR_NORMAL_WB ? S2V_ATTR_NORMAL_WB : S2V_ATTR_DEVICE_nGnRE);
	s->at += size;
}

static void bad_faults(struct gvm *vm)
{
	if (vm->gpu)
		for (uint64_t off = 0; off < 0x10000; off += 4096)
			fault(vm, vm->gpu, &gpu, off, 4096, S2V_ATTR_DEVICE_nGnRE);
	if (vm->gpu)
		fault(vm, vm->gpu, &gpu, 0x30000, 4096, S2V_ATTR_DEVICE_nGnRE);
	if (vm->sparse)
		fault(vm, vm->sparse, &gpu, 512ULL << 30, 4096, S2V_ATTR_DEVICE_nGnRE);
	if (vm->vgem)
		fault(vm, vm->vgem, &vgem, 0x2000, 4096, S2V_ATTR_NORMAL_WB);
}

/* ---- resets ---- */

static void reset_event(struct gvm *vm, uint32_t type, int vcpu, uint64_t dur, bool mapped)
{
	struct s2v_ev_reset ev = {
		.h = gen_head(type, sizeof(ev), vm, g.now),
		.seq = ++vm->seq,
		.vcpu = vcpu,
		.ran = type == S2V_EV_INIT,
		.mapped = mapped,
		.dur = dur,
	};

	gen_send(&ev.h);
}

static void reset(struct gvm *vm)
{
	for (int i = 0; i < vm->vcpus; i++)
		if (vm->idle[i] > g.now)
			g.now = vm->idle[i];
	for (int i = 0; i < vm->vcpus; i++) {
		uint64_t dur = i ? 20000 + rnd(9000) : 700000 + rnd(2000000);

		g.now += dur + 500;
		reset_event(vm, S2V_EV_UNMAP, i, dur, i == 0);
		g.t.unmaps++;
		g.t.unmap_ns += dur;
		g.now += 2000;
		reset_event(vm, S2V_EV_INIT, i, 0, false);
		vm->idle[i] = g.now;
	}
	g.now += 50000;
	reset_event(vm, S2V_EV_RUN, -1, 0, false);
	for (int i = 0; i < 4; i++)
		vm->slot[i].at = 0;
	vm->resets++;
	g.t.resets++;
}

/* ---- the run ---- */

static void run(void)
{
	g.now = BOOT;
	for (uint32_t i = 0; i < g.n_vms; i++)
		boot(&g.vm[i]);
	for (uint64_t n = 0; g.t.events < g.want; n++) {
		struct gvm *vm = &g.vm[rnd(g.n_vms)];

		g.now += 4000000000ULL / (g.want + 1) + rnd(2000) + (rnd(3000) ? 0 : 2000000);
		ordinary_fault(vm);
		if (n == g.want / 5)
			for (uint32_t i = 0; i < g.n_vms; i++)
				bad_faults(&g.vm[i]);
		if (vm->id % 3 == 0 && vm->resets < 3 && vm->faults > g.want / g.n_vms / 8 &&
		    rnd(200) == 0)
			reset(vm);
	}
	g.now += 5000000;
	if (g.guest)
		gen_guest();
	if (g.n_vms > 7)
		send_vm(S2V_EV_VM_DEAD, &g.vm[7]);
}

static struct s2v_range ram[] = { { 0x40000000, 0x4000000000ULL } };

static void report_host(struct s2v_sink *s, struct s2v_host *h, struct s2v_rule_state *rules)
{
	struct s2v_hook hooks[S2V_OBS_NR];

	*h = (struct s2v_host){ .kernel = "6.12.95+deb12-arm64",
				.machine = "aarch64",
				.fwb = S2V_NO,
				.dic = S2V_NO,
				.idc = S2V_YES,
				.kvm_mode = S2V_KVM_VHE,
				.pfnmap_cap = -1,
				.page_shift = 12,
				.s1_calibrated = 1,
				.s1_source = "MAIR_EL1 in __cpu_setup()",
				.ram = ram,
				.n_ram = 1,
				.init_icache = S2V_UNKNOWN,
				.lockdown = "none" };
	memset(h->s1_attr, S2V_ATTR_UNKNOWN, sizeof(h->s1_attr));
	h->s1_attr[0] = S2V_ATTR_NORMAL_WB;
	if (s->host)
		s->host(s, h);
	memset(hooks, 0, sizeof(hooks));
	for (int i = 0; i < S2V_OBS_NR; i++) {
		hooks[i].observe = (enum s2v_observe)i;
		hooks[i].method = S2V_METHOD_FENTRY;
		strcpy(hooks[i].function, "kvm_handle_guest_abort");
		strcpy(hooks[i].reason, "attaches <here> & now");
		if (s->hook)
			s->hook(s, &hooks[i]);
	}
	for (int i = 0; i < S2V_RULE_NR; i++) {
		rules[i].rule = s2v_rules[i];
		rules[i].coverage =
			g.guest && s2v_rule_is_of_audits(s2v_rules[i])
				? s2v_rule_audit_coverage(s2v_rules[i], h, rules[i].reason,
							  sizeof(rules[i].reason))
				: s2v_rule_coverage(s2v_rules[i], h, hooks, S2V_OBS_NR,
						    rules[i].reason, sizeof(rules[i].reason));
		if (s->rule)
			s->rule(s, &rules[i]);
	}
}

int gen_run(struct s2v_sink *sink, const struct gen_opts *o)
{
	struct s2v_rule_state rules[S2V_RULE_NR];
	struct s2v_summary sum = { 0 };
	struct s2v_host host;
	struct s2v_correlator_opts co = {
		.host = &host,
		.rules = rules,
		.sink = sink,
		.boot_to_real = TO_REAL,
		.events = true,
		.every_map = true,
		.refault_window = 50000000,
	};
	int failed;

	memset(&g, 0, sizeof(g));
	g.seed = 88172645463325252ULL;
	g.want = o->events;
	g.n_vms = o->vms;
	g.preexisting = o->preexisting;
	g.safe = o->safe;
	g.guest = o->guest;
	g.vm = calloc(o->vms, sizeof(*g.vm));
	report_host(sink, &host, rules);
	g.core = s2v_correlator_new(&co);
	if (!g.vm || !g.core)
		return ENOMEM;
	for (uint32_t i = 0; i < g.n_vms; i++)
		g.vm[i].id = i + 1;
	run();
	sum.cnt[S2V_CNT_FAULTS] = g.t.faults;
	sum.cnt[S2V_CNT_MAPS] = g.t.faults;
	sum.cnt[S2V_CNT_LOST_RINGBUF] = o->lost;
	memcpy(sum.maps, g.maps, sizeof(sum.maps));
	sum.duration_ns = g.now - BOOT;
	if (!o->cut)
		s2v_correlator_finish(g.core, &sum);
	memcpy(g.t.findings, sum.findings, sizeof(g.t.findings));
	s2v_correlator_free(g.core);
	if (sink->close)
		sink->close(sink);
	failed = sink->failed;
	free(sink);
	return failed;
}
