/* SPDX-License-Identifier: BSD-2-Clause */
/* Are the hooks still there, and what is done when they are again? */
#ifndef S2V_HEALTH_H
#define S2V_HEALTH_H

#include "live/live.h"

/*
 * Does what was attached still run, and may it still read the kernel's memory? Asked by a call of
 * our own of a function that is hooked (KVM_CHECK_EXTENSION on /dev/kvm), and of the kernel's own
 * switches. Cheap: one ioctl, at most two small reads. why[o]: "" or the reason, for each that is hooked.
 */
struct s2v_health {
	char why[S2V_OBS_NR][160];
	bool well; /* all of them are */
};
const char *s2v_health_reason(const struct s2v_health *h); /* the first of them; "" */
void s2v_live_check(struct s2v_live *l, const struct s2v_hook hooks[S2V_OBS_NR],
		    struct s2v_health *h);

/*
 * After hooks were gone: what was known is forgotten, VMs are told of as dead, and those that are there
 * are told of as new ones that were there before. 0 or -errno.
 */
int s2v_live_again(struct s2v_live *l);

void s2v_health_open(struct s2v_live *l); /* while there are privileges */
void s2v_health_close(struct s2v_live *l);

#endif
