/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the kernel's text files say of the host, and how sources are weighed against each
 * other: no system calls beyond reading the stream given, so that tests run on any machine.
 */
#ifndef S2V_HOST_PARSE_H
#define S2V_HOST_PARSE_H

#include <stdio.h>

#include "host/host.h"

#define S2V_RANGES_MOST 65536 /* a host with hot-plugged memory has hundreds */

/*
 * /proc/iomem: the "System RAM" ranges (hot-plugged ones say "System RAM (kmem)" and lie
 * deeper), ascending and merged. arm64 names what memblock marks NOMAP "reserved" instead, as
 * pfn_is_map_memory() has it. Returns 0 or -errno, -E2BIG for more than S2V_RANGES_MOST; with no CAP_SYS_ADMIN every address reads
 * as zero, and the answer is 0 with no ranges. *ram is to be freed.
 */
int s2v_parse_iomem(FILE *f, struct s2v_range **ram, size_t *n);

/* What the boot messages tell. Zero it, feed it all records in order. */
struct s2v_kmsg {
	bool from_boot; /* record 0 is still there */
	bool gap; /* records between were overwritten while reading */
	bool any; /* a record was seen */
	bool fwb, dic; /* the feature was announced */
	bool kvm; /* KVM announced its mode, and so the features were announced before */
	int mode; /* enum s2v_kvm_mode */
	unsigned long long seq;
};

/* One record as read from /dev/kmsg: "PRIO,SEQ,USEC,FLAGS;text". Others' lines are ignored. */
void s2v_parse_kmsg(struct s2v_kmsg *k, const char *rec);

/* enum s2v_kvm_mode that the kernel command line asks for (kvm-arm.mode=), or UNKNOWN. */
int s2v_parse_cmdline_mode(const char *cmdline);

/* The word in brackets of "none [integrity] confidentiality". False: there is none. */
bool s2v_parse_lockdown(const char *line, char *buf, size_t len);

/* Is a name in a comma-separated list ("capability,lockdown,bpf\n")? */
bool s2v_in_list(const char *list, const char *name);

/* CapEff of /proc/PID/status. Returns 0, -errno, or -ENODATA when the line is not there. */
int s2v_parse_cap_eff(FILE *f, __u64 *caps);

/* Is a release string ("6.17.0-rc1-foo") at least major.minor? False for what is no release. */
bool s2v_release_at_least(const char *release, unsigned int major, unsigned int minor);

/* S2FWB, DIC and IDC as one source has them, each an enum s2v_tri. */
struct s2v_cpu_source {
	int fwb, dic, idc;
};

/*
 * Weigh the sources: KVM's registers (host-wide, what guests get) before the boot log before a
 * CTR_EL0 read at EL0, which the kernel may have trapped. Fills fwb, dic, idc, kvm_mode
 * (unless it is known) and, where sources contradict each other, disagreement.
 */
void s2v_host_weigh(struct s2v_host *h, const struct s2v_cpu_source *kvm,
		    const struct s2v_kmsg *log, const struct s2v_cpu_source *el0);

/* pfnmap_cap from what KVM_CHECK_EXTENSION(S2V_CAP_CACHEABLE_PFNMAP) gave on a VM. */
int s2v_host_pfnmap_cap(const struct s2v_host *h, int answer);

#endif
