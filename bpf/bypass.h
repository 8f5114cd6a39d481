/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * VMs that KVM maps by a function that nothing here is attached to: pKVM's by hypercall, realms. Of each VM that
 * came after the hooks one map on a memslot must have been seen by the time that
 *
 * - a vCPU's KVM_RUN has ended with a load or store of the guest's outside of memslots (KVM_EXIT_MMIO), for then
 *   an instruction was fetched from a memslot, or
 * - a memslot has a leaf in the VM's own stage 2, which is looked for when KVM_RUN ends, and now and then.
 *
 * Else the VM is doubted. The map's program may only just not have run yet (fexit, kretprobe), on the thread of
 * another vCPU, in KVM_RUN; so the doubt must last for a second, or until the VM is gone. Which function maps it
 * need not be known.
 *
 * struct s2v_vm_state, maps, goes one way (enum s2v_maps_state). Maps that are seen do no more than set it, the
 * first of a VM, which is never let by; `unseen` counts VMs that have run and of which no map was seen,
 * for a moment each: while there are none the end of KVM_RUN costs one look at that number, its beginning one at
 * `maps`, beside what is read there anyway.
 */
#ifndef S2V_BPF_BYPASS_H
#define S2V_BPF_BYPASS_H

#define KVM_EXIT_MMIO 6
#define LEAF_STEPS 4096 /* walks in the search for a leaf: each descriptor of a table takes one */

__u32 vms_without_map,
	vms_suspect; /* VMs that are S2V_MAPS_EXPECTED or S2V_MAPS_SUSPECT; of them the latter */
__u64 bypassed; /* VMs that were found to be S2V_MAPS_BYPASSED */
__u32 bypassed_vm, bypassed_tgid; /* the first */

/* Returns whether it was `from`. */
static __always_inline bool maps_state(struct s2v_vm_state *vm, __u32 from, __u32 to)
{
	return __sync_val_compare_and_swap(&vm->maps, from, to) == from;
}

/* A map on a memslot. */
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
	if (vm->maps == S2V_MAPS_NONE && maps_state(vm, S2V_MAPS_NONE, S2V_MAPS_EXPECTED))
		__sync_fetch_and_add(&vms_without_map, 1);
}

static __always_inline void maps_bypassed(struct s2v_vm_state *vm)
{
	if (!maps_state(vm, S2V_MAPS_SUSPECT, S2V_MAPS_BYPASSED))
		return;
	__sync_fetch_and_add(&vms_without_map, -1);
	__sync_fetch_and_add(&vms_suspect, -1);
	if (__sync_fetch_and_add(&bypassed, 1))
		return;
	bypassed_vm = vm->id;
	bypassed_tgid = vm->tgid;
}

/* Are maps seen? While hooks come or go they may not be. */
static __always_inline bool maps_are_seen(void)
{
	return ready && !ending;
}

/* Nothing of the VM runs any more, and no map of it is on its way. */
static __always_inline void maps_end(struct s2v_vm_state *vm)
{
	if (maps_are_seen())
		maps_bypassed(vm);
	if (maps_state(vm, S2V_MAPS_EXPECTED, S2V_MAPS_SEEN))
		__sync_fetch_and_add(&vms_without_map, -1);
}

/* Where the search for a leaf is. */
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

	if (!slot_behind(s->vm, s->gpa, &slot))
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
 * Has any memslot a leaf? Looked for in the tables as they are, without a lock, as an audit does; a table has one,
 * or KVM would have freed it. False where the tables cannot be read (they are EL2's). Global: verified once.
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

/* A VM of which no map was seen: has it some? `ran`: an instruction of its guest has. */
static __always_inline void maps_judge(__u64 kvm, struct s2v_vm_state *vm, bool ran)
{
	__u64 now = bpf_ktime_get_boot_ns();

	if (vm->maps == S2V_MAPS_SUSPECT &&
	    (!vm->suspect_since || now - vm->suspect_since < S2V_SUSPECT_NS))
		return;
	if (!ran && !any_leaf(kvm))
		return;
	if (maps_state(vm, S2V_MAPS_EXPECTED, S2V_MAPS_SUSPECT)) {
		__sync_fetch_and_add(&vms_suspect, 1);
		vm->suspect_since = now;
		return;
	}
	maps_bypassed(vm);
}

/* KVM_RUN ends, and `unseen` is not 0, or does not count. */
static __noinline int bypass_exit(__u64 reason, int err)
{
	struct kvm_vcpu *vcpu = syscall_vcpu();
	struct s2v_vm_state *vm;
	__u64 key;

	if (!vcpu || !maps_are_seen())
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

/* Run by user space while `unseen` is not 0: guests that do not leave KVM_RUN. */
SEC("iter/task_file")
int bypass_check(struct bpf_iter__task_file *ctx)
{
	struct file *file = ctx->file;
	struct s2v_vm_state *vm;
	__u64 key;

	if (!file || !maps_are_seen())
		return 0;
	key = (__u64)vm_of_file(file);
	vm = key ? bpf_map_lookup_elem(&vms, &key) : NULL;
	if (vm && (vm->maps == S2V_MAPS_EXPECTED || vm->maps == S2V_MAPS_SUSPECT))
		maps_judge(key, vm, false);
	return 0;
}

#endif
