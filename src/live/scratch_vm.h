/* SPDX-License-Identifier: BSD-2-Clause */
/* A VM that never runs, to ask KVM about the host through. Live only. */
#ifndef S2V_SCRATCH_VM_H
#define S2V_SCRATCH_VM_H

#include "util/types.h"

struct s2v_scratch_vm {
	int kvm, vm, vcpu; /* file descriptors, -1 where not open */
};

/*
 * Opens /dev/kvm and makes a VM with one vCPU. Returns 0, or -1 with the one sentence that
 * helps in err. A vCPU that cannot be made is no failure: vcpu is -1 then, and registers are
 * not to be had. s2v_scratch_vm_close() in either case.
 */
int s2v_scratch_vm_open(struct s2v_scratch_vm *s, char *err, size_t errlen);

/* KVM_GET_ONE_REG of a 64-bit register. Returns 0 or -errno. */
int s2v_scratch_vm_reg(const struct s2v_scratch_vm *s, __u64 id, __u64 *val);

/* KVM_CHECK_EXTENSION on the VM: what KVM answers, or -errno. */
int s2v_scratch_vm_cap(const struct s2v_scratch_vm *s, long cap);

void s2v_scratch_vm_close(struct s2v_scratch_vm *s);

#endif
