// SPDX-License-Identifier: BSD-2-Clause
/* The printed names of enum values: text, JSON and documentation all use these. */
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "core/sink.h"
#include "util/util.h"

static const char *const attr_names[S2V_ATTR_NR] = {
	[S2V_ATTR_NONE] = "none",
	[S2V_ATTR_NORMAL_WB] = "normal-wb",
	[S2V_ATTR_NORMAL_TAGGED] = "normal-tagged",
	[S2V_ATTR_NORMAL_WT] = "normal-wt",
	[S2V_ATTR_NORMAL_NC] = "normal-nc",
	[S2V_ATTR_DEVICE_GRE] = "device-GRE",
	[S2V_ATTR_DEVICE_nGRE] = "device-nGRE",
	[S2V_ATTR_DEVICE_nGnRE] = "device-nGnRE",
	[S2V_ATTR_DEVICE_nGnRnE] = "device-nGnRnE",
	[S2V_ATTR_AS_S1] = "as-stage-1",
	[S2V_ATTR_UNKNOWN] = "unknown",
};

static const char *const source_names[] = {
	[S2V_SRC_NONE] = "none",	[S2V_SRC_VMA] = "vma",	 [S2V_SRC_PTE] = "pte",
	[S2V_SRC_GMEM] = "guest_memfd", [S2V_SRC_PROT] = "prot", [S2V_SRC_LEAF] = "leaf",
};

static const char *const cmo_names[] = {
	[S2V_CMO_NONE] = "none",     [S2V_CMO_ICACHE] = "icache",
	[S2V_CMO_DATA] = "data",     [S2V_CMO_DATA_ICACHE] = "data+icache",
	[S2V_CMO_UNSAFE] = "unsafe", [S2V_CMO_UNKNOWN] = "unknown",
};

static const char *const severity_names[S2V_SEVERITY_NR] = {
	[S2V_INFO] = "info", [S2V_LOW] = "low",		  [S2V_MEDIUM] = "medium",
	[S2V_HIGH] = "high", [S2V_CRITICAL] = "critical",
};

static const char *const slot_change_names[] = {
	[S2V_SLOT_CREATE] = "create", [S2V_SLOT_DELETE] = "delete", [S2V_SLOT_MOVE] = "move",
	[S2V_SLOT_FLAGS] = "flags",   [S2V_SLOT_FOUND] = "found",
};

static const struct {
	__u32 flag;
	const char *name, *words;
} vcpu_flags[] = {
	{ S2V_VC_OFF, "off", "powered off" },
	{ S2V_VC_MMU_OFF, "mmu-off", "MMU off" },
	{ S2V_VC_CACHE_OFF, "cache-off", "caches off" },
	{ S2V_VC_TVM, "tvm", "KVM traps its MMU registers (TVM)" },
	{ S2V_VC_STALE, "stale", "was running: registers as of its last exit" },
	{ S2V_VC_SHARED, "shared", "tables as a vCPU before it" },
	{ S2V_VC_USER, "user", "in user mode" },
	{ S2V_VC_AARCH32, "aarch32", "EL1 is AArch32, whose tables are not walked" },
	{ S2V_VC_NESTED, "nested", "may have an EL2 of its own, which is not walked" },
	{ S2V_VC_FORMAT, "format",
	  "a table format that is not walked (D128, AIE, reserved granule)" },
	{ S2V_VC_NOT_RAM, "not-ram", "a table outside the host's RAM, not read" },
	{ S2V_VC_FAILED, "unread", "a table that could not be read" },
	{ S2V_VC_BOUND, "bound", "more tables than its memory needs (they lead to each other?)" },
	{ S2V_VC_CHANGED, "changed", "tables that kept changing" },
	{ S2V_VC_NO_REGS, "no-registers", "registers that this kernel does not name" },
	{ S2V_VC_NO_KERNEL, "no-kernel",
	  "always in user mode, without its kernel's tables (KPTI)" },
};

static const char *const reset_verdict_names[] = {
	[S2V_RESET_UNKNOWN] = "unknown",
	[S2V_RESET_NO_UNMAP] = "no-unmap",
	[S2V_RESET_NEEDED] = "needed",
	[S2V_RESET_REDUNDANT_FWB] = "redundant-fwb",
	[S2V_RESET_REDUNDANT_REPEAT] = "redundant-repeat",
	[S2V_RESET_MISSING] = "missing",
};

const char *s2v_attr_name(__u32 attr)
{
	return s2v_name_of(attr_names, S2V_ARRAY_SIZE(attr_names), attr);
}

const char *s2v_backing_name(__u32 f, bool nothing)
{
	if (f & S2V_VMA_GMEM)
		return "guest_memfd";
	if (f & S2V_VMA_PFNMAP)
		return "pfnmap";
	if (f & S2V_VMA_MIXEDMAP)
		return "mixedmap";
	if (f & S2V_VMA_HUGETLB)
		return "hugetlb";
	if (f & S2V_VMA_FILE)
		return "file";
	return nothing ? "none" : "anonymous";
}

void s2v_vcpu_flags(__u32 flags, void (*fn)(void *arg, const char *name, const char *words),
		    void *arg)
{
	for (size_t i = 0; i < S2V_ARRAY_SIZE(vcpu_flags); i++)
		if (flags & vcpu_flags[i].flag)
			fn(arg, vcpu_flags[i].name, vcpu_flags[i].words);
}

__u32 s2v_guest_weakest(const struct s2v_guest_bytes *g, bool *mixed)
{
	__u32 weakest = S2V_ATTR_NONE;

	*mixed = false;
	for (__u32 i = 0; i < S2V_ATTR_NR; i++) {
		if (!g->bytes[i])
			continue;
		*mixed = weakest != S2V_ATTR_NONE;
		weakest = i; /* enum s2v_attr ascends from the strongest to the weakest */
	}
	return weakest;
}

const char *s2v_guest_name(const struct s2v_guest_bytes *g, __u32 flags, bool *mixed)
{
	__u32 attr = s2v_guest_weakest(g, mixed);

	if (attr != S2V_ATTR_NONE)
		return s2v_attr_name(attr);
	if (flags & S2V_VC_UNREAD)
		return "?";
	if (flags & S2V_VC_OFF)
		return "off";
	if (flags & S2V_VC_MMU_OFF)
		return "MMU off";
	return flags & S2V_VC_CACHE_OFF ? "caches off" : "-";
}

struct words {
	char *buf;
	size_t len;
};

static void add_words(void *arg, const char *name, const char *words)
{
	struct words *w = arg;
	size_t n = strlen(w->buf);

	(void)name;
	snprintf(w->buf + n, w->len - n, "%s%s", n ? ", " : "", words);
}

void s2v_vcpu_words(__u32 flags, char *buf, size_t len)
{
	struct words w = { .buf = buf, .len = len };

	buf[0] = 0;
	s2v_vcpu_flags(flags, add_words, &w);
}

const char *s2v_source_name(enum s2v_attr_source s)
{
	return s2v_name_of(source_names, S2V_ARRAY_SIZE(source_names), (size_t)s);
}

const char *s2v_slot_change_name(__u32 change)
{
	return s2v_name_of(slot_change_names, S2V_ARRAY_SIZE(slot_change_names), change);
}

const char *s2v_reset_verdict_name(enum s2v_reset_verdict v)
{
	return s2v_name_of(reset_verdict_names, S2V_ARRAY_SIZE(reset_verdict_names), (size_t)v);
}

const char *s2v_cmo_name(enum s2v_cmo c)
{
	return s2v_name_of(cmo_names, S2V_ARRAY_SIZE(cmo_names), (size_t)c);
}

const char *s2v_severity_name(enum s2v_severity s)
{
	return s2v_name_of(severity_names, S2V_ARRAY_SIZE(severity_names), (size_t)s);
}

int s2v_severity_parse(const char *s)
{
	for (size_t i = 0; i < S2V_ARRAY_SIZE(severity_names); i++) {
		if (!strcasecmp(s, severity_names[i]))
			return (int)i;
	}
	return -1;
}
