/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a guest's exit costs by itself: the way out of the guest and back in, which no probe inside
 * KVM can see. Measured on a VM of our own. Live only.
 */
#ifndef S2V_EXIT_COST_H
#define S2V_EXIT_COST_H

#include "util/types.h"

/*
 * Nanoseconds of an exit that the kernel answers with next to nothing (HVC, SMCCC_VERSION) and of the
 * entry after it. Takes some milliseconds; before hooks are attached, lest they see the VM. Has
 * no interrupt controller, with which KVM does a little more. Returns 0 or -errno.
 */
int s2v_exit_cost(__u64 *ns);

/*
 * Nanoseconds of KVM_CHECK_EXTENSION on /dev/kvm, which calls kvm_vm_ioctl_check_extension(). Measured
 * before and after that is hooked, it tells what the hook takes, before any observing begins.
 * Returns 0 or -errno.
 */
int s2v_call_cost(__u64 *ns);

#endif
