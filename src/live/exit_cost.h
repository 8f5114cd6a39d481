/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The cost of a guest exit alone: leaving and re-entering the guest, which no probe in KVM can see.
 * Measured on a VM of s2verify's own. Live only.
 */
#ifndef S2V_EXIT_COST_H
#define S2V_EXIT_COST_H

#include "util/types.h"

/*
 * Nanoseconds of an exit with almost no work in the kernel (HVC, SMCCC_VERSION) and of the entry after
 * it. Takes some milliseconds. To be called before hooks are attached, or they see this VM. The VM has
 * no interrupt controller; with one, KVM does a little more. Returns 0 or -errno.
 */
int s2v_exit_cost(__u64 *ns);

/*
 * Nanoseconds of KVM_CHECK_EXTENSION on /dev/kvm, which calls kvm_vm_ioctl_check_extension(). The
 * difference before and after that function is hooked is the cost of the hook. Returns 0 or -errno.
 */
int s2v_call_cost(__u64 *ns);

#endif
