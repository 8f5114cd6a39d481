// SPDX-License-Identifier: BSD-2-Clause
/*
 * Gives up privileges after everything is attached. From then on the daemon uses only open
 * descriptors: maps, task iterators (links of loaded programs), program statistics, the ring buffer.
 * Since 5.19 the kernel checks privileges only when maps are created and programs loaded
 * (kernel/bpf/syscall.c, __sys_bpf(): "capable").
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
	/* Needed to change the bounding set and the securebits. */
	can_bound = capng_have_capability(CAPNG_EFFECTIVE, CAP_SETPCAP);
	/* Securebits: uid 0 gives an executed program nothing. The daemon executes none. */
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
		 geteuid(), geteuid() ? "" : ", which owns root's files");
	return 0;
}
