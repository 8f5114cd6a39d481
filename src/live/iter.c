// SPDX-License-Identifier: BSD-2-Clause
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <unistd.h>

#include "live/interrupt.h"
#include "live/iter.h"

struct bpf_link *s2v_iter_attach(const struct bpf_program *prog, __u32 tid, __u32 tgid)
{
	union bpf_iter_link_info info = { .task = { .tid = tid, .pid = tgid } };
	LIBBPF_OPTS(bpf_iter_attach_opts, o, .link_info = &info, .link_info_len = sizeof(info));

	return bpf_program__attach_iter(prog, tid || tgid ? &o : NULL);
}

static bool is_done(const struct s2v_iter_opts *o)
{
	return o->done && *(const volatile __u32 *)o->done;
}

static bool go_on(const struct s2v_iter_opts *o)
{
	return (o->to_end || !s2v_interrupted()) && (!o->go_on || o->go_on(o->arg));
}

int s2v_iter_run(struct bpf_link *link, const struct s2v_iter_opts *o)
{
	static char buf[65536];
	int fd = bpf_iter_create(bpf_link__fd(link)), err = 0, empty_reads = 0;
	ssize_t n;

	if (fd < 0)
		return -errno;
	for (;;) {
		n = read(fd, buf, sizeof(buf));
		if (n < 0 && errno != EINTR && errno != EAGAIN)
			err = -errno;
		else if (n < 0)
			err = ++empty_reads > S2V_ITER_EMPTY_READS_MAX ? -E2BIG : 0;
		else if (n > 0 && o->take)
			err = o->take(o->arg, buf, (size_t)n);
		/* The program also ends a read with EAGAIN; *done says whether it is done. */
		if (err || n == 0 || is_done(o))
			break;
		if (!go_on(o)) {
			err = -EINTR;
			break;
		}
	}
	close(fd);
	return err;
}
