/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * Detects VMs that KVM maps by a function without a hook: pKVM's by hypercall, realms. Which function it is need
 * not be known. For each VM created after the hooks were attached, a map on a memslot must have been seen by the
 * time that
 *
 * - KVM_RUN of a vCPU ends with a guest's load or store outside of memslots (KVM_EXIT_MMIO): the guest then
 *   fetched that instruction from a memslot, or
 * - a memslot has a leaf in the VM's own stage 2. Leaves are searched for when KVM_RUN ends, and periodically.
 *
 * Otherwise the VM is suspect. The map's program (fexit, kretprobe) may merely not have run yet, on another vCPU's
 * thread in KVM_RUN. So the VM must stay suspect for a second, or until it is gone.
 *
 * s2v_vm_state.maps only goes forward (enum s2v_maps_state). A VM's first map, which never takes the fast path,
 * sets it. vms_without_map counts VMs that have run without a map seen, usually for a moment each. While it is 0,
 * the end of KVM_RUN costs one read of it, and the start one read of `maps`.
 */
#ifndef S2V_BPF_BYPASS_H
#define S2V_BPF_BYPASS_H

#define KVM_EXIT_MMIO 6
#define LEAF_STEPS 4096 /* walks in the search for a leaf: each descriptor of a table takes one */

/* VMs in S2V_MAPS_EXPECTED or S2V_MAPS_SUSPECT; VMs in S2V_MAPS_SUSPECT. */
__u32 vms_without_map, vms_suspect;
__u64 bypassed; /* VMs that became S2V_MAPS_BYPASSED */
__u32 bypassed_vm, bypassed_tgid; /* the first of them */

/* Moves vm->maps from one state to the next. Returns whether it was `from`. */
static __always_inline bool maps_state_move(struct s2v_vm_state *vm, __u32 from, __u32 to)
{
	return __sync_val_compare_and_swap(&vm->maps, from, to) == from;
}

/* A map on a memslot was seen. */
static __always_inline void maps_seen(struct s2v_vm_state *vm)
{
	__u32 was;

	if (vm->maps >= S2V_MAPS_SEEN)
		return;
	was = __sync_lock_test_and_set(&vm->maps, S2V_MAPS_SEEN);
	if (was == S2V_MAPS_EXPECTED || was == S2V_MAPS_SUSPECT)
		__sync_fetch_and_add(&vms_without_map, -1);
	if (was == S2V_MAPS_SUSPECT)
		__sync_fetch_and_add(&vms_suspect, -1);
}

/* A vCPU is about to run. */
static __always_inline void maps_expect(struct s2v_vm_state *vm)
{
	if (vm->maps == S2V_MAPS_NONE && maps_state_move(vm, S2V_MAPS_NONE, S2V_MAPS_EXPECTED))
		__sync_fetch_and_add(&vms_without_map, 1);
}

static __always_inline void maps_bypassed(struct s2v_vm_state *vm)
{
	if (!maps_state_move(vm, S2V_MAPS_SUSPECT, S2V_MAPS_BYPASSED))
		return;
	__sync_fetch_and_add(&vms_without_map, -1);
	__sync_fetch_and_add(&vms_suspect, -1);
	if (__sync_fetch_and_add(&bypassed, 1))
		return;
	bypassed_vm = vm->id;
	bypassed_tgid = vm->tgid;
}

/* Returns whether all hooks are attached. While they are attached or detached maps may go unseen. */
static __always_inline bool map_hooks_complete(void)
{
	return ready && !ending;
}

/* The VM is gone: no vCPU runs, and no map is in progress. */
static __always_inline void maps_end(struct s2v_vm_state *vm)
{
	if (map_hooks_complete())
		maps_bypassed(vm);
	if (maps_state_move(vm, S2V_MAPS_EXPECTED, S2V_MAPS_SEEN))
		__sync_fetch_and_add(&vms_without_map, -1);
}

/* State of the search for a leaf. */
struct leaf_search {
	struct s2v_tables t;
	__u64 vm, linear, root, gpa;
	bool found;
};

static long leaf_step(__u32 i, struct leaf_search *s)
{
	struct walk w = { .t = s->t, .linear = s->linear, .table = s->root };
	struct slot_info slot = {};
	__u64 size;

	if (!slot_ending_after(s->vm, s->gpa, &slot))
		return 1;
	if (s->gpa < slot.gpa)
		s->gpa = slot.gpa;
	w.ia = s->gpa;
	s->found = walk_tables(&w) >= 0;
	size = 1ULL << (s2v_level_shift(&s->t, w.level) & 63);
	s->gpa = (s->gpa & ~(size - 1)) + size;
	return s->found;
}

/*
 * Returns whether any memslot has a leaf. Walks the tables without a lock, as an audit does. Every table has a leaf,
 * else KVM would have freed it. 0 where the tables cannot be read (they are EL2's). Global: verified once.
 */
__noinline int any_leaf(__u64 key)
{
	struct kvm *kvm = (void *)key;
	struct kvm_s2_mmu *mmu = kvm_mmu(kvm);
	struct leaf_search s = { .vm = key };

	if (!BPF_CORE_READ(mmu, pgt))
		return 0;
	s.linear = linear_offset(mmu);
	if (!s.linear)
		return 0;
	stage2_tables(kvm, mmu, &s.t, &s.root);
	bpf_loop(LEAF_STEPS, leaf_step, &s, 0);
	return s.found;
}

/* Decides on a VM without a map seen. ran: the guest executed an instruction. */
static __always_inline void maps_judge(__u64 kvm, struct s2v_vm_state *vm, bool ran)
{
	__u64 now = bpf_ktime_get_boot_ns();

	if (vm->maps == S2V_MAPS_SUSPECT &&
	    (!vm->suspect_since || now - vm->suspect_since < S2V_SUSPECT_NS))
		return;
	if (!ran && !any_leaf(kvm))
		return;
	if (maps_state_move(vm, S2V_MAPS_EXPECTED, S2V_MAPS_SUSPECT)) {
		__sync_fetch_and_add(&vms_suspect, 1);
		vm->suspect_since = now;
		return;
	}
	maps_bypassed(vm);
}

/* KVM_RUN ends while vms_without_map is not 0, or without the hook that counts it (cfg.run_hook). */
static __noinline int bypass_exit(__u64 reason, int err)
{
	struct kvm_vcpu *vcpu = syscall_vcpu();
	struct s2v_vm_state *vm;
	__u64 key;

	if (!vcpu || !map_hooks_complete())
		return 0;
	key = (__u64)BPF_CORE_READ(vcpu, kvm);
	vm = bpf_map_lookup_elem(&vms, &key);
	if (!vm)
		return 0;
	if (!cfg.run_hook)
		maps_expect(vm);
	if (vm->maps == S2V_MAPS_EXPECTED || vm->maps == S2V_MAPS_SUSPECT)
		maps_judge(key, vm, !err && reason == KVM_EXIT_MMIO);
	return 0;
}

/* Run by user space while vms_without_map is not 0: for guests that do not leave KVM_RUN. */
SEC("iter/task_file")
int bypass_check(struct bpf_iter__task_file *ctx)
{
	struct file *file = ctx->file;
	struct s2v_vm_state *vm;
	__u64 key;

	if (!file || !map_hooks_complete())
		return 0;
	key = (__u64)vm_of_file(file);
	vm = key ? bpf_map_lookup_elem(&vms, &key) : NULL;
	if (vm && (vm->maps == S2V_MAPS_EXPECTED || vm->maps == S2V_MAPS_SUSPECT))
		maps_judge(key, vm, false);
	return 0;
}

#endif
