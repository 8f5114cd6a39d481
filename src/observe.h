/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What is to be observed, by which kernel function, by which method: an ordered list of
 * candidates for each, chosen at start by really attaching. Live only (arm64).
 */
#ifndef S2V_OBSERVE_H
#define S2V_OBSERVE_H

#include "types.h"

enum s2v_observe {
	S2V_OBS_FAULT, /* "stage2-fault" */
	S2V_OBS_MAP, /* "stage2-map" */
	S2V_OBS_PERM, /* "stage2-permission" */
	S2V_OBS_SLOT, /* "memslot" */
	S2V_OBS_CAP, /* "capability-query" */
	S2V_OBS_VM_GONE, /* "vm-destroy" */
	S2V_OBS_NR,
};

enum s2v_method { S2V_METHOD_NONE = 0, S2V_METHOD_FENTRY, S2V_METHOD_KPROBE };

/* --attach */
enum s2v_attach_mode { S2V_ATTACH_AUTO = 0, S2V_ATTACH_FENTRY, S2V_ATTACH_KPROBE };

/* The choice for one thing to be observed. */
struct s2v_hook {
	enum s2v_observe observe;
	char function[64]; /* chosen one; the first candidate where method is NONE */
	enum s2v_method method;
	int variant; /* which argument list (enum s2v_variant), as rodata of the BPF programs */
	char reason[256]; /* why this one; for NONE why none of them, in one sentence */
};

const char *s2v_observe_name(enum s2v_observe o);
const char *s2v_method_name(enum s2v_method m); /* "fentry", "kprobe", "none" */

#endif
