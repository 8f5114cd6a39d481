/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * VMs that KVM maps by a function that no hook observes (bpf/bypass.h), also those that never leave KVM_RUN. Costs
 * nothing while a map was seen of each VM that runs, else a look at every open file of the host.
 */
#ifndef S2V_LIVE_BYPASS_H
#define S2V_LIVE_BYPASS_H

struct s2v_live;

/* Now and then. 0 or -errno; -EINTR: a signal ended it. */
int s2v_bypass_check(struct s2v_live *l);
/* At the end of a run, before the hooks go: no VM is left in doubt, which may take a second. 0 or -errno. */
int s2v_bypass_finish(struct s2v_live *l);

#endif
