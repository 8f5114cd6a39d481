// SPDX-License-Identifier: BSD-2-Clause
#define _GNU_SOURCE /* strerrorname_np() */
#include <bpf/bpf.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/perf_event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "live/trial.h"

#define KPROBE_PMU "/sys/bus/event_source/devices/kprobe"
#define KERNEL_ENOTSUPP 524 /* include/linux/errno.h; user space has no such errno */

/* r0 = 0; exit */
static const struct bpf_insn return_0[] = {
	{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0 },
	{ .code = BPF_JMP | BPF_EXIT },
};

const char *s2v_errno_text(int err)
{
	static char text[96];

	if (err < 0)
		err = -err;
	if (err == KERNEL_ENOTSUPP)
		return "ENOTSUPP: not supported by this kernel";
	snprintf(text, sizeof(text), "%s: %s", strerrorname_np(err) ? strerrorname_np(err) : "?",
		 strerror(err));
	return text;
}

/* bpf_probe_read_kernel(r10 - 8, 8, NULL); r0 = 0; exit */
static const struct bpf_insn read_kernel[] = {
	{ .code = BPF_ALU64 | BPF_MOV | BPF_X, .dst_reg = BPF_REG_1, .src_reg = BPF_REG_10 },
	{ .code = BPF_ALU64 | BPF_ADD | BPF_K, .dst_reg = BPF_REG_1, .imm = -8 },
	{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_2, .imm = 8 },
	{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_3 },
	{ .code = BPF_JMP | BPF_CALL, .imm = BPF_FUNC_probe_read_kernel },
	{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0 },
	{ .code = BPF_JMP | BPF_EXIT },
};

/* opts is not const: libbpf from 1.2 on writes the log's size to it. */
static int load_insns(enum bpf_prog_type type, const struct bpf_insn *insns, size_t n,
		      struct bpf_prog_load_opts *opts)
{
	int fd = bpf_prog_load(type, "s2v_trial", "Dual BSD/GPL", insns, n, opts);

	return fd < 0 ? -errno : fd;
}

static int load(enum bpf_prog_type type, struct bpf_prog_load_opts *opts)
{
	return load_insns(type, return_0, S2V_ARRAY_SIZE(return_0), opts);
}

int s2v_trial_read(void)
{
	int fd = load_insns(BPF_PROG_TYPE_KPROBE, read_kernel, S2V_ARRAY_SIZE(read_kernel), NULL);

	if (fd < 0)
		return fd;
	close(fd);
	return 0;
}

int s2v_trial_load(void)
{
	int fd = load(BPF_PROG_TYPE_KPROBE, NULL);

	if (fd < 0)
		return fd;
	close(fd);
	return 0;
}

/* The first line of the verifier's log is the error; statistics follow. */
static void first_line(const char *log, char *why, size_t len)
{
	size_t n = strcspn(log, "\n");

	if (!strncmp(log, "processed ", 10))
		n = 0;
	snprintf(why, len, "%.*s", (int)n, log);
}

/* Attaches prog to a tracepoint (NULL: to its load-time target), and closes both. 0 or -errno. */
static int attach_once(const char *tracepoint, int prog)
{
	int link = bpf_raw_tracepoint_open(tracepoint, prog), err = link < 0 ? -errno : 0;

	if (link >= 0)
		close(link);
	close(prog);
	return err;
}

int s2v_trial_tracing(const struct btf *vmlinux, const char *func, bool ret, char *why, size_t len)
{
	LIBBPF_OPTS(bpf_prog_load_opts, opts);
	char log[4096] = "";
	int prog;
	__s32 id;

	why[0] = '\0';
	id = btf__find_by_name_kind(vmlinux, func, BTF_KIND_FUNC);
	if (id < 0)
		return id;
	opts.expected_attach_type = ret ? BPF_TRACE_FEXIT : BPF_TRACE_FENTRY;
	opts.attach_btf_id = id;
	opts.log_buf = log;
	opts.log_size = sizeof(log);
	prog = load(BPF_PROG_TYPE_TRACING, &opts);
	if (prog < 0) {
		first_line(log, why, len);
		return prog;
	}
	return attach_once(NULL, prog);
}

int s2v_trial_tracepoint(const char *name)
{
	int prog = load(BPF_PROG_TYPE_RAW_TRACEPOINT, NULL);

	return prog < 0 ? prog : attach_once(name, prog);
}

/* The number in a sysfs file of the form "7" or "config:0", or -errno. */
static int read_number(const char *path, const char *format)
{
	FILE *f = fopen(path, "re");
	int n, err;

	if (!f)
		return -errno;
	errno = 0;
	err = fscanf(f, format, &n) == 1 && n >= 0 ? n : -(errno ? errno : EINVAL);
	fclose(f);
	return err;
}

int s2v_trial_kprobe(const char *func, bool ret)
{
	struct perf_event_attr attr;
	int type, retbit, prog, fd, err = 0;

	type = read_number(KPROBE_PMU "/type", "%d");
	if (type < 0)
		return type;
	retbit = read_number(KPROBE_PMU "/format/retprobe", "config:%d");
	if (retbit < 0 || retbit > 63)
		return retbit < 0 ? retbit : -EINVAL;
	prog = load(BPF_PROG_TYPE_KPROBE, NULL);
	if (prog < 0)
		return prog;
	memset(&attr, 0, sizeof(attr));
	attr.size = sizeof(attr);
	attr.type = type;
	attr.config = ret ? 1ULL << retbit : 0;
	attr.config1 = (__u64)(unsigned long)func; /* kprobe_func; config2, the offset, is 0 */
	fd = syscall(SYS_perf_event_open, &attr, -1, 0, -1, PERF_FLAG_FD_CLOEXEC);
	if (fd < 0) {
		err = -errno;
	} else {
		if (ioctl(fd, PERF_EVENT_IOC_SET_BPF, prog) < 0 ||
		    ioctl(fd, PERF_EVENT_IOC_ENABLE, 0) < 0)
			err = -errno;
		close(fd);
	}
	close(prog);
	return err;
}
