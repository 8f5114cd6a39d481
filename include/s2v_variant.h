/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * Argument lists of hooked functions. User space chooses one (src/host/observe.c); to the BPF
 * programs it is a constant. Includes nothing.
 */
#ifndef S2V_VARIANT_H
#define S2V_VARIANT_H

enum s2v_variant {
	S2V_VAR_NONE = 0,
	/* user_mem_abort(const struct kvm_s2_fault_desc *), 7.1 on */
	S2V_VAR_FAULT_DESC,
	/* user_mem_abort(struct kvm_vcpu *, …), up to 7.0: only argument 0 is used */
	S2V_VAR_FAULT_VCPU,
	/* kvm_handle_guest_abort(struct kvm_vcpu *), 5.10 to 7.3 */
	S2V_VAR_FAULT_ABORT,
	/*
	 * [p]kvm_pgtable_stage2_map(pgt, addr, size, phys, prot, mc[, flags]): flags from 6.6 on;
	 * arguments 0 to 4 are used
	 */
	S2V_VAR_MAP,
	/* [p]kvm_pgtable_stage2_relax_perms(pgt, addr, prot[, flags]); flags from 6.16 on */
	S2V_VAR_PERM,
	/* kvm_arch_prepare_memory_region(kvm, const old, new, change), 5.17 on */
	S2V_VAR_SLOT,
	/* kvm_vm_ioctl_check_extension(kvm, long ext) */
	S2V_VAR_CAP,
	/* kvm_arch_destroy_vm(kvm) */
	S2V_VAR_VM_GONE,
	/* kvm_arch_vcpu_ioctl_vcpu_init(vcpu, init): static, inlined by gcc in 5.10 to 7.3 */
	S2V_VAR_INIT_VCPU,
	/* kvm_arch_vcpu_ioctl(file, ioctl, arg): the vCPU is the file's private_data */
	S2V_VAR_INIT_IOCTL,
	/* stage2_unmap_vm(kvm) */
	S2V_VAR_UNMAP,
	/* kvm_arch_vcpu_ioctl_run(vcpu) */
	S2V_VAR_RUN,
	/* kvm_unmap_gfn_range(kvm, range): MMU notifier, 5.13 on */
	S2V_VAR_HOST_UNMAP,
	/* the tracepoint kvm_userspace_exit(reason, errno), 5.10 to 7.3 */
	S2V_VAR_FAULT_EXIT,
};

#endif
