/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Finds VMs whose memory KVM maps by a function that no hook observes (bpf/bypass.h), also those that never leave
 * KVM_RUN. Costs nothing if a map of each running VM was seen; else it iterates all open files of the host.
 */
#ifndef S2V_LIVE_BYPASS_H
#define S2V_LIVE_BYPASS_H

struct s2v_live;

/* To be called every few seconds. 0 or -errno; -EINTR: a signal ended it. */
int s2v_bypass_check(struct s2v_live *l);
/* At the end of a run, before hooks are detached: decides about every suspect VM, in up to a second. 0 or -errno. */
int s2v_bypass_finish(struct s2v_live *l);

#endif
