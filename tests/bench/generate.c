// SPDX-License-Identifier: BSD-2-Clause
/*
 * Writes a trace file with events like those of real guests: sequential and random faults on several
 * vCPUs of several VMs, each in its own memslot; resets; some unsafe mappings. It is also the writer
 * that tests/bench/kill9 kills.
 *
 *   generate FILE EVENTS [SEED]    with a seed: prints "N" now and then, after event N was appended
 *   generate --host FILE VMS SLOTS ALIVE   a host as the daemon sees it: VMs with SLOTS memslots each,
 *                                  ALIVE of them at a time; each is audited, and reset once
 *   generate --check FILE SEED     reads it back: each event must be the one that was written with
 *                                  this seed; prints "EVENTS CLOSED DAMAGED"
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "trace/s2t.h"

#define VMS 8
#define VCPUS 4
#define PAGES 262144U /* of a VM: 1 GiB */
#define HVA 0xffff00000000ULL

static __u64 dice;

static __u64 roll(__u64 n)
{
	dice ^= dice << 13;
	dice ^= dice >> 7;
	dice ^= dice << 17;
	return dice % n;
}

static struct s2t_writer *w;
static struct s2t_reader *check; /* with --check, instead of w */
static bool ended;
static __u64 now_ns = 1000000000;
static __u64 sent;

static void send_ev(struct s2v_ev_hdr *h, __u32 type, __u32 len, __u32 vm)
{
	h->type = type;
	h->len = len;
	h->time = now_ns;
	h->vm = vm;
	h->tgid = 1000 + vm;
	if (w) {
		s2t_append(w, h);
		sent++;
		return;
	}
	if (!ended) {
		const struct s2v_ev_hdr *got = s2t_next(check);

		ended = !got;
		if (got && (got->len != len || memcmp(got, h, len) != 0)) {
			printf("event %llu is not the one that was written\n",
			       (unsigned long long)sent + 1);
			exit(1);
		}
		sent += got != NULL;
	}
}

struct vcpu {
	__u32 page; /* the next sequential page */
	__u64 busy_until;
};

static struct vm {
	__u32 id, seq, resets;
	struct vcpu cpu[VCPUS];
	__u64 pa;
} vms[VMS];

static __u64 slot_hva(const struct vm *vm)
{
	return HVA + (__u64)vm->id * (2ULL << 30);
}

static void begin_vm(struct vm *vm, __u32 id)
{
	struct s2v_ev_vm n = { 0 };
	struct s2v_ev_vma v = { .pa = S2V_NO_PA, .slot = 1, .gen = 1 };
	struct s2v_ev_slot s = { .slot = 1, .gen = 1, .runs = 1, .vmas = 1 };

	vm->id = id;
	vm->pa = 0x100000000ULL * id;
	for (__u32 i = 0; i < VCPUS; i++)
		vm->cpu[i].page = i * (PAGES / VCPUS);
	memcpy(n.comm, "qemu-system-aar", 15);
	send_ev(&n.h, S2V_EV_VM_NEW, sizeof(n), id);
	v.vma = (struct s2v_vma){
		slot_hva(vm), slot_hva(vm) + ((__u64)PAGES << 12), 0, S2V_ATTR_NORMAL_WB, 0, { 0 }
	};
	send_ev(&v.h, S2V_EV_VMA, sizeof(v), id);
	s.size = (__u64)PAGES << 12;
	s.hva = slot_hva(vm);
	send_ev(&s.h, S2V_EV_SLOT, sizeof(s), id);
}

/* A fault of a vCPU: its map, and its end. 1 in 64 is on a random page, 1 in 4096 is unsafe. */
static void fault(struct vm *vm, __u32 cpu)
{
	__u32 n = roll(64) ? vm->cpu[cpu].page++ % PAGES : (__u32)roll(PAGES);
	__u64 took = 1800 + roll(64) * roll(24);
	struct s2v_ev_page p = { .vcpu = (int)cpu, .slot = 1, .gen = 1 };

	p.slot_size = (__u64)PAGES << 12;
	p.slot_hva = slot_hva(vm);
	p.gpa = p.gpa_last = (__u64)n << 12;
	p.size = 4096;
	p.hva = p.slot_hva + p.gpa;
	p.count = 1;
	p.pa = vm->pa += roll(32) ? 4096 : roll(1024) * 4096;
	p.prot = 0xf;
	p.flags = S2V_PG_ALL | S2V_PG_WRITE | S2V_PG_EXEC;
	p.s2 = roll(4096) ? S2V_ATTR_NORMAL_WB : S2V_ATTR_DEVICE_nGnRE;
	p.vma = (struct s2v_vma){ p.slot_hva, p.slot_hva + p.slot_size, 0, S2V_ATTR_NORMAL_WB, 0,
				  { 0 } };
	now_ns += 300 + roll(400) + took * 3 / 4;
	send_ev(&p.h, S2V_EV_MAP, sizeof(p), vm->id);
	now_ns += took / 4 + roll(64);
	memset(&p.vma, 0, sizeof(p.vma));
	p.pa = S2V_NO_PA;
	p.prot = p.s2 = 0;
	p.flags = S2V_PG_ALL;
	p.dur = took;
	send_ev(&p.h, S2V_EV_FAULT, sizeof(p), vm->id);
}

static void reset_vm(struct vm *vm)
{
	struct s2v_ev_reset r = { 0 };

	for (__u32 i = 0; i < VCPUS; i++) {
		now_ns += 20000 + roll(5000);
		r = (struct s2v_ev_reset){ .seq = ++vm->seq, .vcpu = (int)i, .mapped = !i };
		r.dur = 10000 + roll(4000);
		send_ev(&r.h, S2V_EV_UNMAP, sizeof(r), vm->id);
		r = (struct s2v_ev_reset){ .seq = ++vm->seq, .vcpu = (int)i, .ran = 1 };
		send_ev(&r.h, S2V_EV_INIT, sizeof(r), vm->id);
		vm->cpu[i].page = i * (PAGES / VCPUS);
	}
	r = (struct s2v_ev_reset){ .seq = ++vm->seq };
	send_ev(&r.h, S2V_EV_RUN, sizeof(r), vm->id);
}

static struct s2t_info an_info(void)
{
	static struct s2v_range ram[] = { { 0x40000000, 0x10000000000ULL } };
	struct s2t_info i = {
		.host = { .kernel = "generated",
			  .machine = "aarch64",
			  .fwb = S2V_NO,
			  .dic = S2V_NO,
			  .idc = S2V_NO,
			  .kvm_mode = S2V_KVM_VHE,
			  .pfnmap_cap = -1,
			  .page_shift = 12,
			  .s1_calibrated = 1,
			  .s1_source = "generated",
			  .ram = ram,
			  .n_ram = 1,
			  .init_icache = S2V_UNKNOWN },
		.version = "generated",
		.boot = 1000000000,
		.boot_to_real = 1700000000000000000LL,
		.all = true,
	};

	for (int o = 0; o < S2V_OBS_NR; o++)
		i.hooks[o] = (struct s2v_hook){ .observe = (enum s2v_observe)o,
						.function = "generated",
						.method = S2V_METHOD_FENTRY };
	return i;
}

/* ---- a host, recorded without --all ---- */

#define SLOT_SIZE (16ULL << 20)

static void host_slot(struct vm *vm, __s16 slot)
{
	struct s2v_ev_vma v = { .pa = S2V_NO_PA, .slot = slot, .gen = (__u32)slot + 1 };
	struct s2v_ev_slot s = { .slot = slot, .gen = v.gen, .runs = 1, .vmas = 1 };
	struct s2v_ev_page p = { .slot = slot, .gen = v.gen, .count = 1, .size = 4096 };
	struct s2v_ev_leaves l = { .slot = slot, .gen = v.gen, .leaves = SLOT_SIZE >> 12 };

	s.gpa = (__u64)slot * SLOT_SIZE;
	s.size = SLOT_SIZE;
	s.hva = slot_hva(vm) + s.gpa;
	v.vma = (struct s2v_vma){ s.hva, s.hva + s.size, 0, S2V_ATTR_NORMAL_WB, 0, { 0 } };
	snprintf(v.name, sizeof(v.name), "memory-backend-%d", slot);
	send_ev(&v.h, S2V_EV_VMA, sizeof(v), vm->id);
	send_ev(&s.h, S2V_EV_SLOT, sizeof(s), vm->id);
	p.slot_gpa = p.gpa = p.gpa_last = s.gpa;
	p.slot_size = s.size;
	p.slot_hva = p.hva = s.hva;
	p.pa = vm->pa + s.gpa;
	p.flags = S2V_PG_FIRST;
	/* 1 memslot in 1000 is unsafe. */
	p.s2 = (vm->id + (__u32)slot) % 1000 ? S2V_ATTR_NORMAL_WB : S2V_ATTR_DEVICE_nGnRE;
	p.vma = v.vma;
	send_ev(&p.h, S2V_EV_MAP, sizeof(p), vm->id);
	l.gpa = s.gpa;
	l.size = s.size;
	l.hva = s.hva;
	l.pa = l.host_pa = p.pa;
	l.s1 = S2V_ATTR_NORMAL_WB;
	l.s2 = (__u8)p.s2;
	l.level = l.host_level = 3;
	l.flags = S2V_LF_PA_RUN | S2V_LF_READ | S2V_LF_WRITE;
	send_ev(&l.h, S2V_EV_LEAVES, sizeof(l), vm->id);
}

static void host_vm(__u32 id, __s16 slots)
{
	struct vm vm = { .id = id, .pa = 0x100000000ULL + (__u64)id * slots * SLOT_SIZE };
	struct s2v_ev_audit a = { .leaves = (SLOT_SIZE >> 12) * (__u64)slots, .steps = 1 };
	struct s2v_ev_vm n = { 0 };

	/* Bytes that are special in HTML, JSON, metrics and UTF-8. */
	if (id % 10 == 3)
		memcpy(n.comm, "<i>\"'&\n\\\xff{}", 12);
	else
		snprintf(n.comm, sizeof(n.comm), "qemu-%u", id);
	send_ev(&n.h, S2V_EV_VM_NEW, sizeof(n), id);
	for (__s16 i = 0; i < slots; i++) {
		now_ns += 10000;
		host_slot(&vm, i);
	}
	send_ev(&a.h, S2V_EV_AUDIT, sizeof(a), id);
	reset_vm(&vm);
}

static void host_end_vm(__u32 id)
{
	struct s2v_ev_vm n = { 0 };

	send_ev(&n.h, S2V_EV_VM_DEAD, sizeof(n), id);
}

static void host(__u32 n, __s16 slots, __u32 alive)
{
	struct s2v_ev_audit all = { 0 };

	for (__u32 id = 1; id <= n + alive; id++) {
		if (id > alive && id - alive <= n && n != alive)
			host_end_vm(id - alive);
		if (id <= n)
			host_vm(id, slots);
	}
	send_ev(&all.h, S2V_EV_AUDIT, sizeof(all), 0);
}

/* Sends the next random events. */
static void go_on(void)
{
	struct vm *vm = &vms[roll(VMS)];
	__u32 cpu = (__u32)roll(VCPUS);

	/* A vCPU faults in bursts. */
	for (__u64 burst = 1 + roll(32); burst; burst--)
		fault(vm, cpu);
	if (!roll(1 << 14))
		reset_vm(vm);
}

static void begin(const char *seed)
{
	dice = seed ? strtoull(seed, NULL, 10) * 2 + 1 : 88172645463325252ULL;
	for (__u32 i = 0; i < VMS; i++)
		begin_vm(&vms[i], i + 1);
}

static int read_back(const char *file, const char *seed)
{
	const struct s2t_state *st;
	char err[256];
	__u64 size;

	check = s2t_open_path(file, &size, err, sizeof(err));
	if (!check) {
		printf("%s: %s\n", file, err);
		return 1;
	}
	for (begin(seed); !ended;)
		go_on();
	st = s2t_state(check);
	printf("%llu %d %llu\n", (unsigned long long)sent, st->closed,
	       (unsigned long long)(st->damaged + st->unknown));
	s2t_free(check);
	return 0;
}

static int begin_file(const char *file, const struct s2t_info *info)
{
	struct s2t_writer_opts o = { .path = file, .info = info, .patient = true };
	char err[256];

	w = s2t_create(&o, err, sizeof(err));
	if (!w)
		fprintf(stderr, "%s\n", err);
	return w ? 0 : 1;
}

static int end_file(void)
{
	struct s2v_summary sum = { .duration_ns = now_ns - 1000000000 };
	struct s2t_facts facts;

	if (s2t_close(w, &sum, &facts)) {
		fprintf(stderr, "%s: %s\n", facts.path, strerror(facts.err));
		return 1;
	}
	fprintf(stderr, "%llu events, %llu bytes, %.3f each\n", (unsigned long long)facts.events,
		(unsigned long long)facts.bytes, (double)facts.bytes / (double)facts.events);
	return 0;
}

static int write_host(char **argv)
{
	struct s2t_info info = an_info();
	__u32 n = (__u32)strtoul(argv[3], NULL, 10), alive = (__u32)strtoul(argv[5], NULL, 10);
	__s16 slots = (__s16)strtol(argv[4], NULL, 10);

	info.all = false;
	info.audit = true;
	dice = 88172645463325252ULL;
	if (begin_file(argv[2], &info))
		return 1;
	host(n, slots, alive < n ? alive : n);
	return end_file();
}

static int write_file(const char *file, __u64 n, const char *seed)
{
	struct s2t_info info = an_info();
	struct s2v_summary sum = { 0 };
	__u64 next_told = 0, told_dice = 1;

	if (begin_file(file, &info))
		return 1;
	for (begin(seed); sent < n && !s2t_failed(w); go_on()) {
		if (!seed || sent < next_told)
			continue;
		sum.duration_ns = now_ns;
		s2t_counters(w, &sum);
		printf("%llu\n", (unsigned long long)sent);
		fflush(stdout);
		told_dice = told_dice * 6364136223846793005ULL + 1;
		next_told = sent + (told_dice >> 52);
	}
	return end_file();
}

int main(int argc, char **argv)
{
	__u64 n = argc > 2 ? strtoull(argv[2], NULL, 10) : 0;

	if (argc == 6 && !strcmp(argv[1], "--host"))
		return write_host(argv);
	if (argc == 4 && !strcmp(argv[1], "--check"))
		return read_back(argv[2], argv[3]);
	if ((argc == 3 || argc == 4) && n)
		return write_file(argv[1], n, argv[3]);
	fprintf(stderr,
		"usage: %s FILE EVENTS [SEED] | --host FILE VMS SLOTS ALIVE | --check FILE SEED\n",
		argv[0]);
	return 2;
}
