/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Room host: facts about the host, from its files and the kernel's text. Uses util. Used by cmd,
 * core, daemon, live, report, sink, trace.
 *
 * Facts about the host: what verdicts depend on, gathered once at start (or read from a trace).
 */
#ifndef S2V_HOST_H
#define S2V_HOST_H

#include "util/types.h"

enum s2v_tri { S2V_UNKNOWN = -1, S2V_NO = 0, S2V_YES = 1 };

enum s2v_kvm_mode {
	S2V_KVM_UNKNOWN = 0,
	S2V_KVM_VHE,
	S2V_KVM_NVHE,
	S2V_KVM_PROTECTED,
};

struct s2v_range {
	__u64 start, end; /* bytes, end exclusive */
};

/* KVM_CAP_ARM_CACHEABLE_PFNMAP_SUPPORTED: include/uapi/linux/kvm.h, 6.17 on. */
#define S2V_CAP_CACHEABLE_PFNMAP 243

struct s2v_host {
	char kernel[65]; /* uname -r */
	char machine[65];
	int fwb, dic, idc; /* enum s2v_tri: FEAT_S2FWB, CTR_EL0.DIC, CTR_EL0.IDC */
	int kvm_mode; /* enum s2v_kvm_mode */
	int pfnmap_cap; /* 0 or 1, -1 where the kernel has no such capability */
	__u32 page_shift;
	/* AttrIndx of a host PTE or pgprot → enum s2v_attr; all UNKNOWN until calibrated. */
	__u8 s1_attr[8];
	int s1_calibrated; /* 1: the PTE of an anonymous page decoded as Write-Back */
	char s1_source[64]; /* source of s1_attr, human-readable */
	/* Memory in the kernel's map (pfn_is_map_memory()), ascending. Owned; s2v_host_free(). */
	struct s2v_range *ram;
	size_t n_ram; /* 0: not known; then no address is S2V_WHERE_OUTSIDE */
	/*
	 * Whether KVM_ARM_VCPU_INIT invalidates the instruction cache: enum s2v_tri, from the kernel's
	 * text. For hosts with S2FWB; without it KVM unmaps stage 2 instead.
	 */
	int init_icache;
	char init_icache_text[160]; /* which instruction, where; or why it is not known */
	__u64 exit_ns; /* duration of a guest exit and entry alone; 0: not measured */
	__u64 probe_ns; /* cost of a hook for a call of its function; 0: not measured */
	char lockdown[32]; /* "none", "integrity", "confidentiality"; "" if not readable */
	char disagreement[256]; /* which sources contradict each other; "": none */
};

enum s2v_where { S2V_WHERE_UNKNOWN = 0, S2V_WHERE_INSIDE, S2V_WHERE_OUTSIDE };

/* Whether a physical address is in the kernel's memory map. UNKNOWN for S2V_NO_PA or without a map. */
enum s2v_where s2v_host_where(const struct s2v_host *h, __u64 pa);

const char *s2v_kvm_mode_name(int mode); /* "vhe", "nvhe", "protected", "unknown" */

void s2v_host_free(struct s2v_host *h);

/* Adds a clause to h->disagreement, unless it is there or does not fit. */
void s2v_host_disagree(struct s2v_host *h, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

#endif
