/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Resets: the vCPU inits of one VM between two runs of its vCPUs are one reset. Keeps what it
 * unmapped, whether this host needed that, and its cost until the guest's pages were mapped again.
 */
#ifndef S2V_RESETS_H
#define S2V_RESETS_H

#include "util/pageset.h"
#include "core/sink.h"

#define S2V_RESET_VCPUS 512 /* KVM's limit with a GICv3 (VGIC_V3_MAX_CPUS) */
#define S2V_RESET_HELD 16 /* events held to restore their order; CPUs deliver them out of order */

struct s2v_last_map {
	__u64 gpa, size;
};

/* The current reset of a VM, or the last one while its refaults are counted. */
struct s2v_reset_track {
	enum { S2V_RESET_NONE, S2V_RESET_INITS, S2V_RESET_REFAULTS } state;
	struct s2v_reset row;
	__u64 ran_at; /* CLOCK_BOOTTIME ns of the run that ended the inits */
	__u64 redundant_ns;
	__u64 seen[S2V_RESET_VCPUS / 64]; /* vCPUs re-initialised */
	bool missing; /* an unmap */
	/* Order of events. */
	__u32 seq; /* of the last event processed */
	struct s2v_ev_reset held[S2V_RESET_HELD];
	__u32 n_held;
	__u64 held_since; /* CLOCK_BOOTTIME ns since when the next event is missing */
	/* Pages; only if every map is reported. */
	struct s2v_pageset mapped, unmapped;
	bool pages_lost; /* events may be lost: `mapped` is incomplete until the next unmap */
	struct s2v_last_map *last_map; /* [S2V_RESET_VCPUS], by vCPU; NULL until the first map */
	/* Totals of the VM. */
	__u64 redundant; /* unmaps */
	struct s2v_reset_total total;
};

#endif
