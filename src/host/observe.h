/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What is to be observed, by which kernel function, by which method: an ordered list of
 * candidates for each, chosen at start by really attaching. Live only (arm64).
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

/* Tells of faults that fail: with each choice for S2V_OBS_FAULT. */
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

/* The choice for one thing to be observed. */
struct s2v_hook {
	enum s2v_observe observe;
	char function[64]; /* chosen one; the first candidate where method is NONE */
	enum s2v_method method;
	int variant; /* which argument list (enum s2v_variant), as rodata of the BPF programs */
	char reason[256]; /* why this one; for NONE why none of them, in one sentence */
	bool idle; /* it attaches, and this command has no use for it: it is left out */
};

/* What the choice asks of the machine; tests give their own answers. */
struct s2v_observe_ops {
	void *ctx;
	/* Canonical prototype (live/btfproto.h): 0, -ENOENT not in BTF, -EEXIST several, … */
	int (*proto)(void *ctx, const char *func, char *buf, size_t len);
	void (*symbol)(void *ctx, const char *func, struct s2v_ksym *sym);
	/*
	 * Attach to func's entry, or its return for ret, or the tracepoint of that name, and detach: 0
	 * or -errno; why says more than the errno does, or is "". An answer for one function stays
	 * true for the run.
	 */
	int (*trial)(void *ctx, enum s2v_method m, const char *func, bool ret, char *why,
		     size_t len);
	const char *(*error)(int err); /* text of an errno; NULL for strerror() */
};

/*
 * Choose for each thing to be observed: hooks[o] is filled for every o. The first candidate
 * whose prototype is known, whose name means one function and that takes both an entry and a
 * return probe wins; fentry goes before kprobe unless mode forbids either. In protected mode
 * (host->kvm_mode) KVM calls other functions for some. Returns how many have no hook.
 * every_fault: it is to be known when each fault began; else only of those that fail that they do, for which
 * there is a tracepoint.
 */
int s2v_observe_choose(struct s2v_hook hooks[S2V_OBS_NR], const struct s2v_host *host,
		       enum s2v_attach_mode mode, bool every_fault,
		       const struct s2v_observe_ops *ops);

const char *s2v_observe_name(enum s2v_observe o); /* "stage2-fault", …; NULL for none */
const char *s2v_method_name(enum s2v_method m); /* "fentry", "kprobe", "tracepoint", "none" */

#endif
