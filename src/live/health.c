// SPDX-License-Identifier: BSD-2-Clause
#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "live/figures.h"
#include "live/health.h"
#include "live/keep.h"

/*
 * Switches of Linux 6.1 to 7.3 that stop attached programs: one for all kprobes, one for everything
 * that ftrace calls (not every kernel refuses that while fentry programs are attached).
 */
static const struct {
	const char *path, *why;
	enum s2v_method method;
} switches[] = {
	{ "/sys/kernel/debug/kprobes/enabled",
	  "kprobes are disabled on this host: echo 1 > /sys/kernel/debug/kprobes/enabled",
	  S2V_METHOD_KPROBE },
	{ "/proc/sys/kernel/ftrace_enabled",
	  "ftrace is disabled on this host: sysctl kernel.ftrace_enabled=1", S2V_METHOD_FENTRY },
};
_Static_assert(sizeof(switches) / sizeof(*switches) ==
		       sizeof(((struct s2v_live *)0)->switches) / sizeof(int),
	       "a descriptor for each");

#define PROBE_CALLS 3 /* the kernel skips a run if the program already runs on this CPU */
#define QUIESCE_NS 20000000 /* longer than any of the BPF programs runs */

void s2v_health_open(struct s2v_live *l)
{
	l->kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	for (size_t i = 0; i < S2V_ARRAY_SIZE(switches); i++)
		l->switches[i] = open(switches[i].path, O_RDONLY | O_CLOEXEC);
}

void s2v_health_close(struct s2v_live *l)
{
	if (l->kvm >= 0)
		close(l->kvm);
	for (size_t i = 0; i < S2V_ARRAY_SIZE(switches); i++)
		if (l->switches[i] >= 0)
			close(l->switches[i]);
}

/* Returns whether a call of the hooked function ran the BPF program, which read kernel memory. Any caller counts. */
static bool hook_sees_call(struct s2v_live *l)
{
	__u64 before = *(volatile __u64 *)&l->skel->bss->probe_calls;

	for (int i = 0; i < PROBE_CALLS; i++) {
		ioctl(l->kvm, KVM_CHECK_EXTENSION, S2V_CAP_CACHEABLE_PFNMAP);
		if (*(volatile __u64 *)&l->skel->bss->probe_calls != before)
			return true;
	}
	return false;
}

static bool is_off(int fd)
{
	char c;

	return fd >= 0 && pread(fd, &c, 1, 0) == 1 && c == '0';
}

void s2v_live_check(struct s2v_live *l, const struct s2v_hook hooks[S2V_OBS_NR],
		    struct s2v_health *h)
{
	const char *why[S2V_METHOD_TRACEPOINT + 1] = { NULL };
	enum s2v_method probe_method = hooks[S2V_OBS_CAP].method;

	memset(h, 0, sizeof(*h));
	h->well = true;
	if (l->kvm >= 0 && probe_method != S2V_METHOD_NONE && !hook_sees_call(l))
		why[probe_method] =
			probe_method == S2V_METHOD_KPROBE
				? "hooked calls are no longer seen, or kernel memory cannot be "
				  "read: check kprobes and lockdown"
				: "hooked calls are no longer seen, or kernel memory cannot be "
				  "read: check ftrace and lockdown";
	for (size_t i = 0; i < S2V_ARRAY_SIZE(switches); i++)
		if (is_off(l->switches[i]))
			why[switches[i].method] = switches[i].why;
	for (int i = 0; i < S2V_OBS_NR; i++) {
		if (hooks[i].idle || hooks[i].method == S2V_METHOD_NONE || !why[hooks[i].method])
			continue;
		snprintf(h->why[i], sizeof(h->why[i]), "%s", why[hooks[i].method]);
		h->well = false;
	}
}

const char *s2v_health_reason(const struct s2v_health *h)
{
	for (int i = 0; i < S2V_OBS_NR; i++)
		if (*h->why[i])
			return h->why[i];
	return "";
}

int s2v_live_restart(struct s2v_live *l)
{
	const struct timespec quiesce = { .tv_nsec = QUIESCE_NS };
	int err;

	l->skel->bss->ready = false;
	/* No map takes the fast path by old state. */
	__sync_fetch_and_add(&l->skel->data->epoch, 1);
	nanosleep(&quiesce, NULL);
	err = s2v_live_drain(l);
	if (!err)
		err = s2v_keep_forget(l);
	/* They counted VMs that are now forgotten. */
	l->skel->bss->vms_without_map = l->skel->bss->vms_suspect = 0;
	if (!err)
		err = s2v_live_forget_inside(l);
	return err ? err : s2v_live_start(l);
}
