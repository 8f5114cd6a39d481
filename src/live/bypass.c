// SPDX-License-Identifier: BSD-2-Clause
#include <bpf/libbpf.h>
#include <errno.h>
#include <time.h>

#include "live/iter.h"
#include "live/live_private.h"
#include "live/bypass.h"

static __u32 read_counter(const __u32 *counter)
{
	return *(const volatile __u32 *)counter;
}

int s2v_bypass_check(struct s2v_live *l)
{
	const struct s2v_iter_opts o = { 0 };
	struct bpf_link *link;
	int err;

	if (!read_counter(&l->skel->bss->vms_without_map))
		return 0;
	link = s2v_iter_attach(l->skel->progs.bypass_check, 0, 0);
	if (!link)
		return -errno;
	err = s2v_iter_run(link, &o);
	bpf_link__destroy(link);
	return err;
}

int s2v_bypass_finish(struct s2v_live *l)
{
	const struct timespec wait = { .tv_sec = S2V_SUSPECT_NS / 1000000000,
				       .tv_nsec = S2V_SUSPECT_NS % 1000000000 + 1000000 };
	int err = s2v_bypass_check(l);

	if (err || !read_counter(&l->skel->bss->vms_suspect))
		return err;
	nanosleep(&wait, NULL);
	return s2v_bypass_check(l);
}
