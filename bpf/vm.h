/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/* VMs: those that exist at start, the capability that the VMM asks for, the end. */
#ifndef S2V_BPF_VM_H
#define S2V_BPF_VM_H

/* Run once all hooks are attached: finds the VMs of all VM and vCPU files. */
SEC("iter/task_file")
int inventory(struct bpf_iter__task_file *ctx)
{
	struct task_struct *task = ctx->task;
	struct file *file = ctx->file;
	struct kvm *kvm;

	if (!task || !file)
		return 0;
	if (cfg.tgid && cfg.tgid != (__u32)BPF_CORE_READ(task, tgid))
		return 0;
	kvm = vm_of_file(file);
	if (kvm)
		vm_get(kvm, task);
	return 0;
}

/* KVM_CAP_ARM_CACHEABLE_PFNMAP_SUPPORTED, 6.17 on */
#define CAP_CACHEABLE_PFNMAP 243

/* Calls on /dev/kvm itself that ran and could read kernel memory. s2verify makes some to check that (health.c). */
__u64 probe_calls;

static __always_inline void note_probe_call(void)
{
	struct task_struct *task = (void *)bpf_get_current_task();
	__u32 tgid = 0;

	if (!BPF_CORE_READ_INTO(&tgid, task, tgid))
		__sync_fetch_and_add(&probe_calls, 1);
}

/* The VMM asked for a capability on a VM file. Reported once per VM and answer. */
static __always_inline int on_cap(struct kvm *kvm, __s64 ext, int ret)
{
	struct s2v_vm_state *vm;
	struct s2v_ev_cap ev = {};
	__u32 bit = ret > 0 ? 2 : 1;

	if (!kvm) {
		note_probe_call();
		return 0;
	}
	if (ext != CAP_CACHEABLE_PFNMAP)
		return 0;
	vm = vm_of_current(kvm);
	if (!vm || (vm->cap_reported & bit))
		return 0;
	vm->cap_reported |= bit;
	event_header(&ev.h, S2V_EV_CAP, sizeof(ev), vm);
	ev.cap = ext;
	ev.ret = ret;
	emit(&ev, sizeof(ev));
	return 0;
}

SEC("fexit/kvm_vm_ioctl_check_extension")
int cap_fexit(void *ctx)
{
	if (!watched())
		return 0;
	return on_cap((void *)func_arg(ctx, 0), func_arg(ctx, 1), func_ret(ctx));
}

SEC("kprobe/kvm_vm_ioctl_check_extension")
int BPF_KPROBE(cap_kprobe, __u64 kvm, __u64 ext)
{
	return call_enter(CALL_CAP, kvm, ext, 0, 0, 0);
}

SEC("kretprobe/kvm_vm_ioctl_check_extension")
int BPF_KRETPROBE(cap_kretprobe, int ret)
{
	struct scratch *sc = call_return(CALL_CAP);

	if (!sc)
		return 0;
	return on_cap((void *)sc->call[CALL_CAP].arg[0], sc->call[CALL_CAP].arg[1], ret);
}

/* Any task may drop the last reference, so only the VM itself shows whether it is watched. */
static __always_inline int on_vm_gone(struct kvm *kvm)
{
	__u64 key = (__u64)kvm;
	struct s2v_vm_state *vm = bpf_map_lookup_elem(&vms, &key), was;

	windows_close();
	if (!vm)
		return 0;
	maps_end(vm);
	was = *vm;
	/* In this order: pending.h reports nothing of a VM after its end. */
	bpf_map_delete_elem(&vms, &key);
	emit_vm(&was, S2V_EV_VM_DEAD, false, NULL, NULL);
	return 0;
}

SEC("fentry/kvm_arch_destroy_vm")
int vm_gone_fentry(void *ctx)
{
	return on_vm_gone((void *)func_arg(ctx, 0));
}

SEC("kprobe/kvm_arch_destroy_vm")
int BPF_KPROBE(vm_gone_kprobe, struct kvm *kvm)
{
	return on_vm_gone(kvm);
}

#endif
