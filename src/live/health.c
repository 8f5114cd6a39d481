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
 * Switches that silence what is attached, as 6.1 to 7.3 have them: all kprobes at once, and all
 * that is called by ftrace (refused while fentry programs are attached, but not by every kernel).
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

#define CALLS 3 /* one may be left out, where the program runs on this CPU already */
#define REST_NS 20000000 /* longer than any of our programs takes */

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

/* Did the hooked call reach our program, and was that able to read? Anybody's call will do. */
static bool probe_calls(struct s2v_live *l)
{
	__u64 before = *(volatile __u64 *)&l->skel->bss->probe_calls;

	for (int i = 0; i < CALLS; i++) {
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
	enum s2v_method asked = hooks[S2V_OBS_CAP].method;

	memset(h, 0, sizeof(*h));
	h->well = true;
	if (l->kvm >= 0 && asked != S2V_METHOD_NONE && !probe_calls(l))
		why[asked] = asked == S2V_METHOD_KPROBE
				     ? "a call of the hooked function is not seen any more, or the "
				       "kernel's memory cannot be read: kprobes, or lockdown"
				     : "a call of the hooked function is not seen any more, or the "
				       "kernel's memory cannot be read: ftrace, or lockdown";
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

int s2v_live_again(struct s2v_live *l)
{
	const struct timespec rest = { .tv_nsec = REST_NS };
	int err;

	l->skel->bss->ready = false;
	__sync_fetch_and_add(&l->skel->data->epoch, 1); /* no map is let by for what was known */
	nanosleep(&rest, NULL);
	err = s2v_live_drain(l);
	if (!err)
		err = s2v_keep_forget(l);
	l->skel->bss->vms_without_map = l->skel->bss->vms_suspect =
		0; /* of VMs that are forgotten now */
	if (!err)
		err = s2v_live_forget_inside(l);
	return err ? err : s2v_live_start(l);
}
