// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0
/*
 * The BPF programs, all in one object. Where to find which program (docs/design.md has the path of an event):
 *
 * file        programs                          attached to; context
 *
 *             In a stage-2 fault, on the vCPU thread:
 * times.h     fault_start                       tracepoint kvm_guest_fault; start of the fault (daemon only)
 * fault.h     fault_fentry, _kprobe             kvm_handle_guest_abort() or user_mem_abort(); entry of the fault
 *                                               (--all, record, resets)
 * map.h       map_fexit, _kprobe, _kretprobe    kvm_pgtable_stage2_map(); with kvm->mmu_lock held (up to 6.9 also any
 *                                               task, from an MMU notifier)
 * map.h       perm_fexit, _kprobe, _kretprobe   kvm_pgtable_stage2_relax_perms(); with kvm->mmu_lock held
 *
 *             Around KVM_RUN, on the vCPU thread:
 * reset.h     run_fentry, _kprobe               kvm_arch_vcpu_ioctl_run(); entry of the ioctl
 * fault.h     fault_exit                        tracepoint kvm_userspace_exit; end of the ioctl
 *
 *             In another ioctl, on a VMM thread:
 * memslot.h   slot_fexit, _kprobe, _kretprobe   kvm_arch_prepare_memory_region(); KVM_SET_USER_MEMORY_REGION
 * vm.h        cap_fexit, _kprobe, _kretprobe    kvm_vm_ioctl_check_extension(); KVM_CHECK_EXTENSION (s2verify itself
 *                                               makes such calls, too: src/live/health.c)
 * reset.h     init_fexit, _kprobe, _kretprobe   kvm_arch_vcpu_ioctl() or kvm_arch_vcpu_ioctl_vcpu_init();
 *                                               KVM_ARM_VCPU_INIT
 * reset.h     unmap_fentry, _fexit, _kprobe,    stage2_unmap_vm(); inside KVM_ARM_VCPU_INIT
 *             _kretprobe
 *
 *             In any task:
 * reset.h     host_unmap_fentry, _kprobe        kvm_unmap_gfn_range(); MMU notifier, with kvm->mmu_lock held
 *                                               (resets only)
 * vm.h        vm_gone_fentry, _kprobe           kvm_arch_destroy_vm(); the last reference to the VM is dropped
 *
 *             Iterators, run when user space reads them:
 * vm.h        inventory                         iter/task_file; once, after the hooks are attached
 * bypass.h    bypass_check                      iter/task_file; while vms_without_map is not 0
 * audit.h     audit_step                        iter/task_file; one step of an audit
 * memory.h    memory_owner, memory_vmas         iter/task, iter/task_vma; the VMAs of a VM's process
 * pending.h   pending_report                    iter/bpf_map_elem over `agg`; every second
 *
 *             Questions to the kernel, run by user space with BPF_PROG_TEST_RUN, never attached:
 * probe.h     ask_pgprot, ask_peek              raw_tp; at start, to calibrate (src/live/calibrate.c)
 *
 * In protected mode from 6.16 on the functions of map.h are their pkvm_ twins. src/host/observe.c chooses the
 * function, and fentry and fexit or kprobe and kretprobe. _fexit and _kretprobe run at the return.
 *
 * No programs: kvm.h (kernel types, differences between releases), common.h (maps, counters, ring buffer), host.h
 * (VMA, host PTE, memslot), block.h (host PTEs of a block), page.h (page events, aggregation), window.h (fast path),
 * brief.h (short events of --all), audit_side.h (both sides of an audit), guest.h (registers and tables of the
 * guest).
 */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>

#define bool _Bool
#define true 1
#define false 0
#ifndef NULL
#define NULL ((void *)0)
#endif

#include "s2v_attr.h"
#include "s2v_event.h"
#include "s2v_hist.h"
#include "s2v_pgtable.h"
#include "s2v_shared.h"

#include "kvm.h"
#include <bpf/bpf_tracing.h>
#include "common.h"
#include "host.h"
#include "block.h"
#include "page.h"
#include "pending.h"
#include "bypass.h"
#include "window.h"
#include "brief.h"
#include "times.h"
#include "map.h"
#include "fault.h"
#include "memslot.h"
#include "memory.h"
#include "vm.h"
#include "reset.h"
#include "audit_side.h"
#include "guest.h"
#include "audit.h"
#include "probe.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";
