/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which VMs there are, by a second source: KVM's own directory in debugfs, which has an entry for each VM from its
 * creation to its end, whoever holds it. The inventory goes by the open files of tasks; a VM that none shows (its file
 * closed while a mapping or a KVM_RUN holds it, or on its way through a socket) is missing there.
 */
#ifndef S2V_LIVE_CENSUS_H
#define S2V_LIVE_CENSUS_H

#include "live/live_private.h"

extern const char *s2v_kvm_debugfs; /* "/sys/kernel/debug/kvm" */

/*
 * Holds the VMs that the BPF side knows against that directory, into l->census. For those of all processes: with -p
 * nothing is looked at. look_again is asked, and waited a moment, before a VM is called hidden: it may be one that is
 * just being made or destroyed; it takes the inventory once more.
 */
void s2v_census(struct s2v_live *l, int (*look_again)(struct s2v_live *l));

/* "PID-FD", as virt/kvm/kvm_main.c names a VM (kvm_create_vm_debugfs()): the creating thread; 0: another name. */
__u32 s2v_census_creator(const char *name);

#endif
