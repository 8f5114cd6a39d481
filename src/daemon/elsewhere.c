// SPDX-License-Identifier: BSD-2-Clause
/* The live source on machines other than arm64: there is none. */
#include <errno.h>
#include <stdio.h>
#include <sys/utsname.h>

#include "daemon/source.h"

void s2v_needs_arm64(const char *command, char *err, size_t errlen)
{
	struct utsname u;

	snprintf(
		err, errlen,
		"%s watches KVM on 64-bit Arm, and this is a build for %s: copy build/arm64/s2verify "
		"(make ARCH=arm64 STATIC=1) to the arm64 host and run it there as root",
		command, uname(&u) ? "another machine" : u.machine);
}

struct s2v_source *s2v_source_live(enum s2v_attach_mode mode, __u32 buffer, bool verbose, char *err,
				   size_t errlen)
{
	(void)mode;
	(void)buffer;
	(void)verbose;
	s2v_needs_arm64("daemon", err, errlen);
	return NULL;
}

int s2v_privileges_drop(struct s2v_privileges *p)
{
	snprintf(p->kept, sizeof(p->kept), "those it was started with");
	return 0;
}

int s2v_bpf_stats(void)
{
	return -EOPNOTSUPP;
}
