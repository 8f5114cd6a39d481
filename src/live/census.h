/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A second source for which VMs exist: KVM's own directory in debugfs, which has an entry for each VM from its
 * creation to its end. The inventory sees only VM files that are open in a task. It misses a VM whose file is closed
 * while a mapping or a KVM_RUN holds it, or is in flight in a socket.
 */
#ifndef S2V_LIVE_CENSUS_H
#define S2V_LIVE_CENSUS_H

#include "live/live_private.h"

extern const char *s2v_kvm_debugfs; /* "/sys/kernel/debug/kvm" */

/*
 * Compares the VMs that the BPF side knows with that directory, into l->census. Does nothing with -p. Before a VM
 * counts as hidden, it waits a moment and runs take_inventory() again: the VM may be just being created or destroyed.
 */
void s2v_census(struct s2v_live *l, int (*take_inventory)(struct s2v_live *l));

/* The creating thread in "PID-FD", the name of a VM (kvm_create_vm_debugfs(), virt/kvm/kvm_main.c); 0: another name. */
__u32 s2v_census_creator(const char *name);

#endif
