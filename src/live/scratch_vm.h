/* SPDX-License-Identifier: BSD-2-Clause */
/* A VM for queries to KVM about the host. Live only. */
#ifndef S2V_SCRATCH_VM_H
#define S2V_SCRATCH_VM_H

#include "util/types.h"

struct s2v_scratch_vm {
	int kvm, vm, vcpu; /* file descriptors, -1 where not open */
};

/*
 * Opens /dev/kvm and creates a VM with one vCPU. Returns 0, or -1 with a message for the user in err.
 * If the vCPU cannot be created, it returns 0 with vcpu -1, and registers cannot be read. Call
 * s2v_scratch_vm_close() in either case.
 */
int s2v_scratch_vm_open(struct s2v_scratch_vm *s, char *err, size_t errlen);

/* KVM_GET_ONE_REG of a 64-bit register. Returns 0 or -errno. */
int s2v_scratch_vm_reg(const struct s2v_scratch_vm *s, __u64 id, __u64 *val);

/* KVM_CHECK_EXTENSION on the VM: the capability's value, or -errno. */
int s2v_scratch_vm_cap(const struct s2v_scratch_vm *s, long cap);

void s2v_scratch_vm_close(struct s2v_scratch_vm *s);

#endif
