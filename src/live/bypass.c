// SPDX-License-Identifier: BSD-2-Clause
#include <bpf/libbpf.h>
#include <errno.h>
#include <time.h>

#include "live/iter.h"
#include "live/live_private.h"
#include "live/bypass.h"

static __u32 now(const __u32 *counted)
{
	return *(const volatile __u32 *)counted;
}

int s2v_bypass_check(struct s2v_live *l)
{
	const struct s2v_iter_opts o = { 0 };
	struct bpf_link *link;
	int err;

	if (!now(&l->skel->bss->vms_without_map))
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
	const struct timespec doubt = { .tv_sec = S2V_SUSPECT_NS / 1000000000,
					.tv_nsec = S2V_SUSPECT_NS % 1000000000 + 1000000 };
	int err = s2v_bypass_check(l);

	if (err || !now(&l->skel->bss->vms_suspect))
		return err;
	nanosleep(&doubt, NULL);
	return s2v_bypass_check(l);
}
