/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * The stage-2 fault around a mapping: which vCPU, how long, and how it ended. Attached to
 * user_mem_abort() where the kernel has it as a function, else to kvm_handle_guest_abort(). Where only
 * faults that fail are of interest nothing is attached there: they end KVM_RUN.
 */
#ifndef S2V_BPF_FAULT_H
#define S2V_BPF_FAULT_H

static __always_inline int fault_enter(__u64 arg0)
{
	struct scratch *sc = scratch_of_watched();
	struct kvm_vcpu *vcpu = (void *)arg0;

	if (!sc)
		return 0;
	if (cfg.fault_variant == S2V_VAR_FAULT_DESC)
		vcpu = BPF_CORE_READ((struct kvm_s2_fault_desc___v7_1 *)arg0, vcpu);
	sc->entered = true;
	sc->vcpu = vcpu;
	sc->own_ns = 0;
	sc->fault_start = cfg.all ? bpf_ktime_get_boot_ns() : 0;
	return 0;
}

/* A fault on a memslot has ended; err: 0, or the error that KVM_RUN will return. */
static __always_inline int fault_page(struct scratch *sc, struct kvm *kvm, int err, __u64 end)
{
	struct s2v_ev_page *ev = &sc->page;
	struct s2v_vm_state *vm = vm_of_current(kvm);
	struct kvm_vcpu *vcpu = sc->vcpu;
	struct slot_info slot;

	if (!vm)
		return 0;
	page_start(ev, vm, S2V_EV_FAULT);
	ev->vcpu = scratch_vcpu_id(sc);
	ev->gpa = kvm_fault_ipa(vcpu) & ~((1ULL << cfg.page_shift) - 1);
	ev->size = 1ULL << cfg.page_shift;
	ev->err = err;
	if (!page_slot(kvm, ev, &slot))
		return 0;
	count(S2V_CNT_FAULTS);
	if (!err && !cfg.all)
		return 0;
	if (err)
		count(S2V_CNT_FAULT_ERRORS);
	if (sc->fault_start)
		ev->dur = end - sc->fault_start - sc->own_ns;
	/* Of a fault that ended well nothing is asked: what it mapped was told of by the map. */
	if (err)
		page_host(kvm, ev, slot.flags, false);
	page_finish(sc, page_registration(vm, ev));
	return 0;
}

static __always_inline int fault_leave(int ret)
{
	__u64 end = own_start();
	struct scratch *sc = scratch_of_watched();
	struct kvm_vcpu *vcpu;
	struct kvm *kvm;

	if (!sc)
		return 0;
	vcpu = sc->vcpu;
	if (!vcpu) {
		return_without_entry(&sc->entered);
		return 0;
	}
	kvm = BPF_CORE_READ(vcpu, kvm);
	page_settle(sc, kvm);
	/* A nested guest's fault is at a nested IPA, in its own tables. */
	if (kvm_mmu_is_canonical(kvm, BPF_CORE_READ(vcpu, arch.hw_mmu)))
		/* -ENOEXEC becomes an abort for the guest, 0 and 1 are how a fault ends well. */
		fault_page(sc, kvm, ret < 0 && ret != -ENOEXEC ? ret : 0, end);
	sc->vcpu = NULL;
	return 0;
}

#define EINTR 4

/* kvm_userspace_exit(reason, errno), of every KVM_RUN that ends. */
SEC("raw_tracepoint/kvm_userspace_exit")
int fault_exit(struct bpf_raw_tracepoint_args *ctx)
{
	int err = (int)ctx->args[1];
	struct kvm_vcpu *vcpu;
	struct scratch *sc;
	struct kvm *kvm;

	if ((err >= 0 || err == -EINTR) && !postponed)
		return 0;
	sc = scratch_of_watched();
	if (!sc)
		return 0;
	vcpu = syscall_vcpu();
	if (!vcpu) {
		count(S2V_CNT_UNREAD_READ);
		return 0;
	}
	kvm = BPF_CORE_READ(vcpu, kvm);
	page_settle(sc, kvm);
	if (err >= 0 || err == -EINTR || !kvm_exit_was_abort(vcpu) ||
	    !kvm_mmu_is_canonical(kvm, BPF_CORE_READ(vcpu, arch.hw_mmu)))
		return 0;
	sc->vcpu = vcpu;
	fault_page(sc, kvm, err, 0);
	sc->vcpu = NULL;
	return 0;
}

SEC("fentry/kvm_handle_guest_abort")
int fault_fentry(void *ctx)
{
	return fault_enter(func_arg(ctx, 0));
}

SEC("fexit/kvm_handle_guest_abort")
int fault_fexit(void *ctx)
{
	return fault_leave(func_ret(ctx));
}

SEC("kprobe/kvm_handle_guest_abort")
int BPF_KPROBE(fault_kprobe, __u64 arg0)
{
	if (watched())
		count(S2V_CNT_ENTERED);
	return fault_enter(arg0);
}

SEC("kretprobe/kvm_handle_guest_abort")
int BPF_KRETPROBE(fault_kretprobe, int ret)
{
	if (watched())
		count(S2V_CNT_RETURNED);
	return fault_leave(ret);
}

#endif
