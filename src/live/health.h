/* SPDX-License-Identifier: BSD-2-Clause */
/* Whether hooks still observe, and how to continue when they do again. */
#ifndef S2V_HEALTH_H
#define S2V_HEALTH_H

#include "live/live.h"

/*
 * Whether attached programs still run and may read kernel memory. Checked by calling a hooked function
 * (KVM_CHECK_EXTENSION on /dev/kvm) and by reading the kernel's switches. Costs up to three ioctls and
 * two small reads. why[o]: for each hook "", or the reason why it does not observe.
 */
struct s2v_health {
	char why[S2V_OBS_NR][160];
	bool well; /* every hook observes */
};
const char *s2v_health_reason(const struct s2v_health *h); /* the first reason, or "" */
void s2v_live_check(struct s2v_live *l, const struct s2v_hook hooks[S2V_OBS_NR],
		    struct s2v_health *h);

/*
 * Starts again after hooks were gone: reports all known VMs as dead, forgets them, and reports the
 * existing VMs as new, with preexisting set. 0 or -errno.
 */
int s2v_live_restart(struct s2v_live *l);

void s2v_health_open(struct s2v_live *l); /* before privileges are dropped */
void s2v_health_close(struct s2v_live *l);

#endif
