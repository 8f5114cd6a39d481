/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Parses the kernel's text files, and decides between sources of host facts. No system calls
 * except reading the given stream, so that tests run on any machine.
 */
#ifndef S2V_HOST_PARSE_H
#define S2V_HOST_PARSE_H

#include <stdio.h>

#include "host/host.h"

#define S2V_RAM_RANGES_MAX 65536 /* hosts with hot-plugged memory have hundreds */

/*
 * /proc/iomem: the "System RAM" ranges ("System RAM (kmem)" for hot-plugged memory, deeper in the
 * tree), ascending and merged. On arm64 these are the ranges of pfn_is_map_memory(): memory that
 * memblock marks NOMAP is named "reserved". Returns 0 or -errno, -E2BIG for more than
 * S2V_RAM_RANGES_MAX. Without CAP_SYS_ADMIN all addresses read as zero: returns 0, with no ranges.
 * *ram is to be freed.
 */
int s2v_parse_iomem(FILE *f, struct s2v_range **ram, size_t *n);

/* Facts from the boot log. Zero it, then parse all records in order. */
struct s2v_kmsg {
	bool from_boot; /* record 0 is still there */
	bool gap; /* records in between were overwritten */
	bool any; /* a record was seen */
	bool fwb, dic; /* the feature was announced */
	bool kvm; /* KVM announced its mode; features are announced before that */
	int mode; /* enum s2v_kvm_mode */
	unsigned long long seq; /* of the last record */
};

/* One record of /dev/kmsg: "PRIO,SEQ,USEC,FLAGS;text". Ignores lines that are not the kernel's. */
void s2v_parse_kmsg(struct s2v_kmsg *k, const char *rec);

/* enum s2v_kvm_mode on the kernel command line (kvm-arm.mode=), or UNKNOWN. */
int s2v_parse_cmdline_mode(const char *cmdline);

/* The word in brackets of "none [integrity] confidentiality". False: there is none. */
bool s2v_parse_lockdown(const char *line, char *buf, size_t len);

/* Whether a name is in a comma-separated list ("capability,lockdown,bpf\n"). */
bool s2v_in_list(const char *list, const char *name);

/* CapEff of /proc/PID/status. Returns 0, -errno, or -ENODATA without such a line. */
int s2v_parse_cap_eff(FILE *f, __u64 *caps);

/* Whether a release ("6.17.0-rc1-foo") is at least major.minor. False for an invalid string. */
bool s2v_release_at_least(const char *release, unsigned int major, unsigned int minor);

/* S2FWB, DIC and IDC from one source, each an enum s2v_tri. */
struct s2v_cpu_source {
	int fwb, dic, idc;
};

/*
 * Decides between sources, in this order: registers that KVM shows guests (host-wide), the boot log,
 * CTR_EL0 read at EL0 (the kernel may trap it). Fills fwb, dic, idc, kvm_mode (unless it is known)
 * and, if sources contradict each other, disagreement.
 */
void s2v_host_weigh(struct s2v_host *h, const struct s2v_cpu_source *kvm,
		    const struct s2v_kmsg *log, const struct s2v_cpu_source *el0);

/* pfnmap_cap; answer: that of KVM_CHECK_EXTENSION(S2V_CAP_CACHEABLE_PFNMAP) on a VM. */
int s2v_host_pfnmap_cap(const struct s2v_host *h, int answer);

#endif
