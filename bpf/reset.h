/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * A guest's reset as KVM sees it: KVM_ARM_VCPU_INIT of vCPUs that have run, the unmaps inside, and
 * the first KVM_RUN after. Keyed by VM and vCPU, not by thread: QEMU resets all vCPUs from one.
 */
#ifndef S2V_BPF_RESET_H
#define S2V_BPF_RESET_H

static __always_inline void reset_emit(struct s2v_vm_state *vm, struct s2v_ev_reset *ev, __u32 type)
{
	event_header(&ev->h, type, sizeof(*ev), vm);
	ev->seq = __sync_fetch_and_add(&vm->seq, 1) + 1;
	emit(ev, sizeof(*ev));
}

/* The vCPU of a KVM_ARM_VCPU_INIT; NULL: another ioctl. */
static __always_inline struct kvm_vcpu *init_vcpu(__u64 arg0, __u64 ioctl)
{
	if (cfg.init_variant == S2V_VAR_INIT_VCPU)
		return (void *)arg0;
	if ((__u32)ioctl != KVM_ARM_VCPU_INIT)
		return NULL;
	return BPF_CORE_READ((struct file *)arg0, private_data);
}

static __always_inline int on_init(__u64 arg0, __u64 ioctl, int ret)
{
	struct kvm_vcpu *vcpu = init_vcpu(arg0, ioctl);
	struct s2v_ev_reset ev = {};
	struct s2v_vm_state *vm;

	if (!vcpu)
		return 0;
	vm = vm_of_current(BPF_CORE_READ(vcpu, kvm));
	if (!vm)
		return 0;
	ev.vcpu = BPF_CORE_READ(vcpu, vcpu_id);
	ev.err = ret;
	/* Set by the first KVM_RUN and never cleared, so it can be read after the init. */
	ev.ran = BPF_CORE_READ(vcpu, pid) != NULL;
	vm->reset = 1;
	reset_emit(vm, &ev, S2V_EV_INIT);
	return 0;
}

static __always_inline int on_unmap(struct scratch *sc, struct kvm *kvm)
{
	struct s2v_vm_state *vm = vm_of_current(kvm);
	struct s2v_ev_reset ev = { .vcpu = -1 };

	if (!vm)
		return 0;
	ev.dur = without_waits(bpf_ktime_get_boot_ns() - sc->unmap_start, sc->unmap_waited, 0);
	ev.mapped = sc->unmap_mapped;
	times_unmap(vm, ev.dur);
	reset_emit(vm, &ev, S2V_EV_UNMAP);
	return 0;
}

/* Reports the first KVM_RUN after a reset, no other. */
static __always_inline int on_run(struct kvm_vcpu *vcpu)
{
	__u64 key = (__u64)BPF_CORE_READ(vcpu, kvm);
	struct s2v_vm_state *vm = bpf_map_lookup_elem(&vms, &key);
	struct s2v_ev_reset ev = {};

	if (vm)
		maps_expect(vm);
	if (!vm || !vm->reset || !__sync_lock_test_and_set(&vm->reset, 0))
		return 0;
	ev.vcpu = BPF_CORE_READ(vcpu, vcpu_id);
	reset_emit(vm, &ev, S2V_EV_RUN);
	return 0;
}

/* Clears vm->mapped at the entry: maps during this unmap count for the next unmap, which is then not judged redundant. */
static __always_inline void unmap_enter(struct kvm *kvm)
{
	struct scratch *sc = scratch_if_watched();
	struct s2v_vm_state *vm = sc ? vm_of_current(kvm) : NULL;

	if (!vm)
		return;
	sc->unmap_mapped = vm->mapped;
	vm->mapped = 0;
	windows_close();
	sc->unmap_waited = task_waited();
	sc->unmap_start = bpf_ktime_get_boot_ns();
}

SEC("fexit/kvm_arch_vcpu_ioctl")
int init_fexit(void *ctx)
{
	return watched() ? on_init(func_arg(ctx, 0), func_arg(ctx, 1), func_ret(ctx)) : 0;
}

SEC("kprobe/kvm_arch_vcpu_ioctl")
int BPF_KPROBE(init_kprobe, __u64 arg0, __u64 ioctl)
{
	return call_enter(CALL_INIT, arg0, ioctl, 0, 0, 0);
}

SEC("kretprobe/kvm_arch_vcpu_ioctl")
int BPF_KRETPROBE(init_kretprobe, int ret)
{
	struct scratch *sc = call_return(CALL_INIT);

	return sc ? on_init(sc->call[CALL_INIT].arg[0], sc->call[CALL_INIT].arg[1], ret) : 0;
}

SEC("fentry/stage2_unmap_vm")
int unmap_fentry(void *ctx)
{
	unmap_enter((void *)func_arg(ctx, 0));
	return 0;
}

SEC("fexit/stage2_unmap_vm")
int unmap_fexit(void *ctx)
{
	struct scratch *sc = scratch_if_watched();

	return sc ? on_unmap(sc, (void *)func_arg(ctx, 0)) : 0;
}

SEC("kprobe/stage2_unmap_vm")
int BPF_KPROBE(unmap_kprobe, __u64 kvm)
{
	unmap_enter((void *)kvm);
	return call_enter(CALL_UNMAP, kvm, 0, 0, 0, 0);
}

SEC("kretprobe/stage2_unmap_vm")
int BPF_KRETPROBE(unmap_kretprobe, int ret)
{
	struct scratch *sc = call_return(CALL_UNMAP);

	return sc ? on_unmap(sc, (void *)sc->call[CALL_UNMAP].arg[0]) : 0;
}

/*
 * Runs in any task that changes the VMM's address space, so the VM must be known already. Under
 * kvm->mmu_lock, as maps are: the events are in the right order.
 */
static __always_inline int on_host_unmap(__u64 key, struct kvm_gfn_range___unmap *range)
{
	struct s2v_ev_range ev = {};
	struct s2v_vm_state *vm;
	__u64 start;

	if (!ready)
		return 0;
	vm = bpf_map_lookup_elem(&vms, &key);
	if (!vm)
		return 0;
	event_header(&ev.h, S2V_EV_HOST_UNMAP, sizeof(ev), vm);
	start = BPF_CORE_READ(range, start);
	ev.gpa = start << cfg.page_shift;
	ev.size = (BPF_CORE_READ(range, end) - start) << cfg.page_shift;
	emit(&ev, sizeof(ev));
	return 0;
}

SEC("fentry/kvm_unmap_gfn_range")
int host_unmap_fentry(void *ctx)
{
	return on_host_unmap(func_arg(ctx, 0), (void *)func_arg(ctx, 1));
}

SEC("kprobe/kvm_unmap_gfn_range")
int BPF_KPROBE(host_unmap_kprobe, __u64 kvm, struct kvm_gfn_range___unmap *range)
{
	return on_host_unmap(kvm, range);
}

SEC("fentry/kvm_arch_vcpu_ioctl_run")
int run_fentry(void *ctx)
{
	return watched() ? on_run((void *)func_arg(ctx, 0)) : 0;
}

SEC("kprobe/kvm_arch_vcpu_ioctl_run")
int BPF_KPROBE(run_kprobe, struct kvm_vcpu *vcpu)
{
	return watched() ? on_run(vcpu) : 0;
}

#endif
