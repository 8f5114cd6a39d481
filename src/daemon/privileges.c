// SPDX-License-Identifier: BSD-2-Clause
/*
 * What a daemon that has attached everything does not need any more. All it does then is done through
 * descriptors that are open: maps, iterators over tasks (their links are made of programs that are
 * loaded), program figures, the ring buffer. Since 5.19 the kernel asks for privilege when maps are made
 * and programs loaded, and for nothing of that (kernel/bpf/syscall.c, __sys_bpf(): "capable").
 */
#include <cap-ng.h>
#include <errno.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "daemon/source.h"
#include "util/util.h"

int s2v_privileges_drop(struct s2v_privileges *p)
{
	bool can_bound;
	int err;

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		return -errno;
	if (capng_get_caps_process())
		return -EIO;
	/* Without this neither the bounding set nor the securebits can be changed. */
	can_bound = capng_have_capability(CAPNG_EFFECTIVE, CAP_SETPCAP);
	/* uid 0 is to mean nothing to a program that is executed: there is none, and there cannot be. */
	if (can_bound && capng_lock())
		return -EPERM;
	capng_clear(CAPNG_SELECT_ALL);
	err = capng_apply(can_bound ? CAPNG_SELECT_ALL : CAPNG_SELECT_CAPS | CAPNG_SELECT_AMBIENT);
	if (err || capng_get_caps_process() ||
	    capng_have_capabilities(CAPNG_SELECT_CAPS) != CAPNG_NONE)
		return -EPERM;
	snprintf(p->kept, sizeof(p->kept), "no capability%s, no_new_privs; user ID %u%s",
		 can_bound ? ", an empty bounding set"
			   : " (the bounding set stays as it was: no CAP_SETPCAP)",
		 geteuid(), geteuid() ? "" : ", as which it owns root's files and nothing more");
	return 0;
}
