/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which kernel function each hook uses, and how it attaches: chosen from an ordered list of
 * candidates by a trial at start. Live only (arm64).
 */
#ifndef S2V_OBSERVE_H
#define S2V_OBSERVE_H

#include "host/kallsyms.h"
#include "s2v_variant.h"
#include "util/types.h"

struct s2v_host;

enum s2v_observe {
	S2V_OBS_FAULT, /* "stage2-fault" */
	S2V_OBS_MAP, /* "stage2-map" */
	S2V_OBS_PERM, /* "stage2-permission" */
	S2V_OBS_SLOT, /* "memslot" */
	S2V_OBS_CAP, /* "capability-query" */
	S2V_OBS_VM_GONE, /* "vm-destroy" */
	S2V_OBS_INIT, /* "vcpu-init" */
	S2V_OBS_UNMAP, /* "reset-unmap" */
	S2V_OBS_RUN, /* "vcpu-run" */
	S2V_OBS_HOST_UNMAP, /* "host-unmap" */
	S2V_OBS_NR,
};

/* Reports faults that fail; used with every choice for S2V_OBS_FAULT. */
#define S2V_FAULT_TRACEPOINT "kvm_userspace_exit"

/* Stored in trace files: append only. */
enum s2v_method {
	S2V_METHOD_NONE = 0,
	S2V_METHOD_FENTRY,
	S2V_METHOD_KPROBE,
	S2V_METHOD_TRACEPOINT,
	S2V_METHOD_NR
};

/* --attach */
enum s2v_attach_mode { S2V_ATTACH_AUTO = 0, S2V_ATTACH_FENTRY, S2V_ATTACH_KPROBE };

struct s2v_hook {
	enum s2v_observe observe;
	char function[64]; /* the chosen one; the first candidate if method is NONE */
	enum s2v_method method;
	int variant; /* argument list (enum s2v_variant), rodata of the BPF programs */
	char reason[256]; /* why this function; for NONE why no candidate works */
	bool idle; /* it would attach, but the command does not need it */
};

/* Access to the machine; tests replace it. */
struct s2v_observe_ops {
	void *ctx;
	/* Canonical prototype (live/btfproto.h): 0, -ENOENT not in BTF, -EEXIST several, … */
	int (*proto)(void *ctx, const char *func, char *buf, size_t len);
	void (*symbol)(void *ctx, const char *func, struct s2v_ksym *sym);
	/*
	 * Attaches to func's entry, or its return if ret, or the tracepoint of that name, and detaches.
	 * 0 or -errno; why gets details beyond the errno, or "". The result for a function does not
	 * change during a run.
	 */
	int (*trial)(void *ctx, enum s2v_method m, const char *func, bool ret, char *why,
		     size_t len);
	const char *(*error)(int err); /* text of an errno; NULL for strerror() */
};

/*
 * Fills hooks[o] for every o: the first candidate with a known prototype, a unique name, and an entry
 * and a return that both attach; fentry before kprobe, unless mode forbids one. In protected mode
 * (host->kvm_mode) KVM calls other functions for some. every_fault: the beginning of each fault is
 * needed; else only faults that fail are reported, by a tracepoint. Returns how many have no hook.
 */
int s2v_observe_choose(struct s2v_hook hooks[S2V_OBS_NR], const struct s2v_host *host,
		       enum s2v_attach_mode mode, bool every_fault,
		       const struct s2v_observe_ops *ops);

const char *
s2v_observe_name(enum s2v_observe o); /* "stage2-fault", …; "unknown" for any other value */
const char *s2v_method_name(enum s2v_method m); /* "fentry", "kprobe", "tracepoint", "none" */

#endif
