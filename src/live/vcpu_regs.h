/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The registers of a vCPU. While a vCPU runs they are in its CPU, and KVM's copy is as of its last exit or preemption.
 * So the audit visits that CPU: the vCPU's thread is preempted for a moment, and KVM has saved them.
 */
#ifndef S2V_LIVE_VCPU_REGS_H
#define S2V_LIVE_VCPU_REGS_H

#include "live/guest.h"

/*
 * Reads vCPU r->index into *r: r->found is 0 if there is none. S2V_VC_STALE in r->flags: it is running, and could
 * not be preempted (a real-time thread, or a CPU that is not allowed). 0 or -errno.
 */
int s2v_vcpu_regs(const struct s2v_guest_audit *o, struct s2v_audit_vcpu *r);

#endif
