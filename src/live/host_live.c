// SPDX-License-Identifier: BSD-2-Clause
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "live/facts.h"
#include "host/host_parse.h"
#include "live/scratch_vm.h"
#include "live/trial.h"

/* KVM_GET_ONE_REG ids: arm64, 64 bits, system register op0 3 (uapi/asm/kvm.h). */
#define REG_ID_AA64MMFR2_EL1 0x603000000013c03aULL
#define REG_CTR_EL0 0x603000000013d801ULL

#define CAP_SYS_ADMIN_BIT 21
#define CAP_PERFMON_BIT 38
#define CAP_BPF_BIT 39

#define PID_INIT_INO 0xEFFFFFFCU

#define LOCKDOWN "/sys/kernel/security/lockdown"
#define LSM_LIST "/sys/kernel/security/lsm"
#define VMLINUX_BTF "/sys/kernel/btf/vmlinux"

/* Reads a small file as a string, truncated to len. Returns 0 or -errno. */
static int read_text(const char *path, char *buf, size_t len)
{
	size_t used = 0;
	ssize_t n;
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	do {
		n = read(fd, buf + used, len - 1 - used);
		if (n > 0)
			used += n;
	} while (used < len - 1 && (n > 0 || (n < 0 && errno == EINTR)));
	buf[used] = '\0';
	if (n < 0) {
		n = -errno;
		close(fd);
		return n;
	}
	close(fd);
	return 0;
}

/*
 * Without the lockdown LSM, securityfs has no such file ("none"). If the list of LSMs is missing, too,
 * securityfs is not mounted ("").
 */
static void gather_lockdown(char *buf, size_t len)
{
	char text[256];
	int err = read_text(LOCKDOWN, text, sizeof(text));

	*buf = '\0';
	if (!err) {
		if (!s2v_parse_lockdown(text, buf, len))
			*buf = '\0';
		return;
	}
	if (err == -ENOENT && !read_text(LSM_LIST, text, sizeof(text)) &&
	    !s2v_in_list(text, "lockdown"))
		snprintf(buf, len, "none");
}

/* Records of the kernel log that are read: those about the CPUs are at its beginning. */
#define KMSG_MOST 1000000

/* Each read() returns one record. EPIPE: records were overwritten before they were read. */
static void gather_kmsg(struct s2v_kmsg *k)
{
	unsigned int left = KMSG_MOST; /* the log may grow faster than it is read */
	char rec[8192];
	ssize_t n;
	int fd;

	memset(k, 0, sizeof(*k));
	fd = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0) /* dmesg_restrict, or a container: the log gives no evidence */
		return;
	while (left-- && ((n = read(fd, rec, sizeof(rec) - 1)) > 0 ||
			  (n < 0 && (errno == EPIPE || errno == EINTR)))) {
		if (n < 0)
			continue;
		rec[n] = '\0';
		s2v_parse_kmsg(k, rec);
	}
	close(fd);
}

static int bit(__u64 val, int n)
{
	return val >> n & 1 ? S2V_YES : S2V_NO;
}

static void ctr_fields(struct s2v_cpu_source *c, __u64 ctr)
{
	c->idc = bit(ctr, 28);
	c->dic = bit(ctr, 29);
}

static void gather_el0(struct s2v_cpu_source *c)
{
	c->fwb = c->dic = c->idc = S2V_UNKNOWN;
#ifdef __aarch64__
	/* SCTLR_EL1.UCT permits the read, or the kernel traps and emulates it (4.9 on). */
	unsigned long ctr;

	asm("mrs %0, ctr_el0" : "=r"(ctr));
	ctr_fields(c, ctr);
#endif
}

/* The ID registers that KVM shows to guests: the host-wide values. FWB is not masked (5.10 to 7.3). */
static int gather_kvm(struct s2v_cpu_source *c, int *pfnmap, char *err, size_t errlen)
{
	struct s2v_scratch_vm s;
	__u64 val;

	c->fwb = c->dic = c->idc = S2V_UNKNOWN;
	if (s2v_scratch_vm_open(&s, err, errlen))
		return -1;
	if (!s2v_scratch_vm_reg(&s, REG_ID_AA64MMFR2_EL1, &val))
		c->fwb = (val >> 40 & 0xf) ? S2V_YES : S2V_NO;
	if (!s2v_scratch_vm_reg(&s, REG_CTR_EL0, &val))
		ctr_fields(c, val);
	*pfnmap = s2v_scratch_vm_cap(&s, S2V_CAP_CACHEABLE_PFNMAP);
	s2v_scratch_vm_close(&s);
	return 0;
}

int s2v_host_read_ram(struct s2v_range **ram, size_t *n)
{
	FILE *f = fopen("/proc/iomem", "re");
	int ret;

	if (!f) /* the RAM ranges stay unknown; rules that need them report that */
		return 0;
	ret = s2v_parse_iomem(f, ram, n);
	fclose(f);
	return ret;
}

static int gather_ram(struct s2v_host *h, char *err, size_t errlen)
{
	int ret = s2v_host_read_ram(&h->ram, &h->n_ram);

	if (!ret)
		return 0;
	snprintf(err, errlen, "cannot read /proc/iomem: %s",
		 ret == -E2BIG ? "it has more ranges than can be kept" : strerror(-ret));
	return -1;
}

/* If the boot log no longer has the KVM mode: the mode on the command line. */
static void gather_mode(struct s2v_host *h)
{
	char line[8192];

	if (h->kvm_mode == S2V_KVM_UNKNOWN && !read_text("/proc/cmdline", line, sizeof(line)))
		h->kvm_mode = s2v_parse_cmdline_mode(line);
}

int s2v_host_gather(struct s2v_host *h, char *err, size_t errlen)
{
	struct s2v_cpu_source kvm, el0;
	struct s2v_kmsg log;
	struct utsname u;
	long page;
	int pfnmap;

	memset(h, 0, sizeof(*h));
	memset(h->s1_attr, S2V_ATTR_UNKNOWN, sizeof(h->s1_attr));
	h->fwb = h->dic = h->idc = S2V_UNKNOWN;
	if (uname(&u)) {
		snprintf(err, errlen, "cannot read the kernel's release (uname: %s)",
			 strerror(errno));
		return -1;
	}
	snprintf(h->kernel, sizeof(h->kernel), "%s", u.release);
	snprintf(h->machine, sizeof(h->machine), "%s", u.machine);
	page = sysconf(_SC_PAGESIZE);
	if (page <= 0 || (page & (page - 1))) {
		snprintf(err, errlen, "cannot read the page size (sysconf returned %ld)", page);
		return -1;
	}
	h->page_shift = __builtin_ctzl(page);
	if (gather_kvm(&kvm, &pfnmap, err, errlen))
		return -1;
	gather_kmsg(&log);
	gather_el0(&el0);
	s2v_host_weigh(h, &kvm, &log, &el0);
	gather_mode(h);
	h->pfnmap_cap = s2v_host_pfnmap_cap(h, pfnmap);
	gather_lockdown(h->lockdown, sizeof(h->lockdown));
	return gather_ram(h, err, errlen);
}

/* CAP_SYS_ADMIN includes the two others (5.8 on). */
static int check_caps(char *err, size_t errlen)
{
	const __u64 both = 1ULL << CAP_BPF_BIT | 1ULL << CAP_PERFMON_BIT;
	FILE *f = fopen("/proc/self/status", "re");
	__u64 caps = 0;
	int ret;

	if (!f) {
		snprintf(err, errlen, "cannot open /proc/self/status (%s): /proc must be mounted",
			 strerror(errno));
		return -1;
	}
	ret = s2v_parse_cap_eff(f, &caps);
	fclose(f);
	if (ret) {
		snprintf(err, errlen,
			 "cannot read this process's capabilities from "
			 "/proc/self/status: %s",
			 strerror(-ret));
		return -1;
	}
	if (caps & 1ULL << CAP_SYS_ADMIN_BIT || (caps & both) == both)
		return 0;
	snprintf(
		err, errlen,
		"no privilege to load BPF programs: run as root, or with CAP_SYS_ADMIN (from "
		"Linux 6.2 on CAP_BPF and CAP_PERFMON are enough, but physical addresses in /proc/iomem "
		"stay hidden)");
	return -1;
}

static int check_btf(char *err, size_t errlen)
{
	if (!access(VMLINUX_BTF, R_OK))
		return 0;
	if (access("/sys/kernel", F_OK))
		snprintf(err, errlen,
			 "/sys is not mounted: mount -t sysfs sysfs /sys (the kernel's type "
			 "information is read from " VMLINUX_BTF ")");
	else
		snprintf(err, errlen,
			 "cannot read the kernel's type information " VMLINUX_BTF " (%s): the "
			 "kernel must be built with CONFIG_DEBUG_INFO_BTF",
			 strerror(errno));
	return -1;
}

/* Checks whether BPF programs load, and may read kernel memory. */
static int check_bpf(char *err, size_t errlen)
{
	char lockdown[32];
	int ret = s2v_trial_load();

	/* EPERM: the capabilities are of a user namespace only, or a filter forbids bpf(2). */
	if (ret) {
		snprintf(
			err, errlen, "the kernel refuses to load a BPF program (%s): %s",
			s2v_errno_text(ret),
			ret == -EPERM || ret == -EACCES
				? "run in the host's own user namespace, and with no seccomp filter "
				  "or LSM policy against bpf(2)"
				: "it must be built with CONFIG_BPF_SYSCALL and CONFIG_BPF_EVENTS");
		return -1;
	}
	gather_lockdown(lockdown, sizeof(lockdown));
	ret = s2v_trial_read();
	if (!ret && strcmp(lockdown, "confidentiality"))
		return 0;
	if (!strcmp(lockdown, "confidentiality") || !*lockdown)
		snprintf(err, errlen,
			 "the kernel refuses BPF programs that read kernel memory, as lockdown in "
			 "confidentiality mode does: boot with lockdown=integrity or lockdown=none "
			 "to verify this host");
	else
		snprintf(err, errlen,
			 "the kernel refuses BPF programs that read kernel memory (%s), though its "
			 "lockdown mode is %s: s2verify cannot run without them",
			 s2v_errno_text(ret), lockdown);
	return -1;
}

/*
 * Iterators over tasks show only the reader's PID namespace: VMs outside it would be overlooked silently.
 * The first namespace has a fixed inode number (PROC_PID_INIT_INO, linux/proc_ns.h, 3.8 to 7.3).
 * S2VERIFY_PID_NAMESPACE=own states that all VMs are inside.
 */
static int check_pid_namespace(char *err, size_t errlen)
{
	const char *own = getenv("S2VERIFY_PID_NAMESPACE");
	struct stat st;

	if (stat("/proc/self/ns/pid", &st) || st.st_ino == PID_INIT_INO ||
	    (own && !strcmp(own, "own")))
		return 0;
	snprintf(
		err, errlen,
		"this is not the host's PID namespace, and VMs outside it would be overlooked: run s2verify "
		"in the host's (docker run --pid=host, hostPID: true)");
	return -1;
}

int s2v_host_preflight(char *err, size_t errlen)
{
	if (check_pid_namespace(err, errlen))
		return -1;
	if (check_caps(err, errlen) || check_btf(err, errlen) || check_bpf(err, errlen))
		return -1;
	return 0;
}
