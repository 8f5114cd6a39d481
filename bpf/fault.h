/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * Stage-2 faults. A fault that maps, or sets permissions, is reported there (fault_done() in page.h). A fault
 * that fails ends KVM_RUN, and is reported then. The fault itself has a hook only with cfg.all, for its start
 * time and vCPU: on the entry of user_mem_abort() if the kernel has it as a function, else of
 * kvm_handle_guest_abort().
 */
#ifndef S2V_BPF_FAULT_H
#define S2V_BPF_FAULT_H

static __always_inline int fault_enter(__u64 arg0)
{
	struct scratch *sc = scratch_if_watched();

	if (!sc)
		return 0;
	sc->vcpu = (void *)arg0;
	if (cfg.fault_variant == S2V_VAR_FAULT_DESC)
		sc->vcpu = HOT_READ(struct kvm_s2_fault_desc___v7_1, arg0, vcpu);
	sc->own_ns = 0;
	sc->waited = task_waited();
	sc->fault_start = bpf_ktime_get_boot_ns();
	return 0;
}

/* A fault on a memslot failed. err: what KVM_RUN will return. */
static __always_inline int fault_failed(struct scratch *sc, struct kvm *kvm, int err)
{
	struct s2v_ev_page *ev = &sc->page;
	struct s2v_vm_state *vm = vm_of_current(kvm);
	struct slot_info slot;

	if (!vm)
		return 0;
	page_start(sc, kvm, vm, S2V_EV_FAULT);
	ev->vcpu = scratch_vcpu_id(sc);
	ev->gpa = fault_page(sc->vcpu);
	ev->size = 1ULL << cfg.page_shift;
	ev->err = err;
	ev->flags = kvm_exit_access(sc->vcpu);
	if (!page_slot(kvm, ev, &slot))
		return 0;
	count(S2V_CNT_FAULTS);
	count(S2V_CNT_FAULT_ERRORS);
	ev->dur = fault_ns(sc, now_if_all());
	sc->fault_start = 0;
	page_host(sc, (__u64)kvm, slot.flags, LOOK_FINAL);
	page_finish(sc, EVENT_PAGE, page_registration(vm, ev));
	return 0;
}

#define EINTR 4

/* kvm_userspace_exit(reason, errno): the end of every KVM_RUN. */
SEC("raw_tracepoint/kvm_userspace_exit")
int fault_exit(struct bpf_raw_tracepoint_args *ctx)
{
	int err = (int)ctx->args[1];
	bool failed = err < 0 && err != -EINTR;
	struct kvm_s2_mmu *mmu;
	struct kvm_vcpu *vcpu;
	struct scratch *sc;
	struct kvm *kvm;

	if (vms_without_map || !cfg.run_hook)
		bypass_exit(ctx->args[0], err);
	if (!failed && !deferred)
		return 0;
	sc = scratch_if_watched();
	if (!sc || (!failed && !sc->deferred))
		return 0;
	vcpu = syscall_vcpu();
	if (!vcpu) {
		count(S2V_CNT_UNREAD_READ);
		return 0;
	}
	kvm = BPF_CORE_READ(vcpu, kvm);
	page_finish_deferred(sc, (__u64)kvm);
	/* get_user_pages() fails in a task that is being killed: the memory is not at fault. */
	if (!failed || !kvm_exit_was_abort(vcpu) || task_is_killed())
		return 0;
	mmu = BPF_CORE_READ(vcpu, arch.hw_mmu);
	if (!mmu) /* a VM with EL2: which MMU it was is no longer known */
		count(S2V_CNT_NESTED);
	if (!mmu || !kvm_mmu_is_canonical(kvm, mmu))
		return 0;
	sc->vcpu = vcpu;
	fault_failed(sc, kvm, err);
	sc->vcpu = NULL;
	return 0;
}

SEC("fentry/kvm_handle_guest_abort")
int fault_fentry(void *ctx)
{
	return fault_enter(func_arg(ctx, 0));
}

SEC("kprobe/kvm_handle_guest_abort")
int BPF_KPROBE(fault_kprobe, __u64 arg0)
{
	return fault_enter(arg0);
}

#endif
