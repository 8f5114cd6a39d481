// SPDX-License-Identifier: BSD-2-Clause
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <unistd.h>

#include "live/keep.h"
#include "live/pending.h"

/* Kinds that one read may visit: about ten instructions each, and an event if something is pending. */
#define KINDS_MOST 65536

int s2v_pending_open(struct s2v_live *l)
{
	union bpf_iter_link_info info = { .map = { .map_fd = (__u32)bpf_map__fd(
							   l->skel->maps.agg) } };
	LIBBPF_OPTS(bpf_iter_attach_opts, o, .link_info = &info, .link_info_len = sizeof(info));

	l->pending_fd = -1;
	l->pending = bpf_program__attach_iter(l->skel->progs.pending_report, &o);
	return l->pending ? 0 : -errno;
}

/* Returns whether counts became pending since the last iteration began. */
static bool take_pending_flag(struct s2v_live *l)
{
	return __atomic_exchange_n(&l->skel->bss->pending_some, false, __ATOMIC_SEQ_CST);
}

int s2v_pending_report(struct s2v_live *l)
{
	char none;
	int err;

	if (!l->pending)
		return 0;
	err = s2v_keep_refresh(l);
	if (err) /* kinds that have ended must not be reported as existing */
		return err < 0 ? err : 0;
	if (l->pending_fd < 0) {
		if (!take_pending_flag(l))
			return 0;
		l->pending_fd = bpf_iter_create(bpf_link__fd(l->pending));
		if (l->pending_fd < 0)
			return -errno;
	}
	l->skel->bss->pending_left = KINDS_MOST;
	err = read(l->pending_fd, &none, 1) < 0 ? -errno : 0;
	/* There is more, but no room for it now. */
	if (err == -EAGAIN || err == -EINTR)
		return 0;
	close(l->pending_fd);
	l->pending_fd = -1;
	return err;
}

void s2v_pending_close(struct s2v_live *l)
{
	if (l->pending && l->pending_fd >= 0)
		close(l->pending_fd);
	bpf_link__destroy(l->pending);
	l->pending = NULL;
}
