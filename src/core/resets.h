/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reset epochs: the re-inits of one VM between two runs of its vCPUs are one reset. What it
 * unmapped, what of that was needed on this host, and what it cost until the guest had it back.
 */
#ifndef S2V_RESETS_H
#define S2V_RESETS_H

#include "util/pageset.h"
#include "core/sink.h"

#define S2V_RESET_VCPUS 512 /* KVM's limit with a GICv3 (VGIC_V3_MAX_CPUS) */
#define S2V_RESET_HELD 16 /* events that may overtake each other between CPUs */

struct s2v_last_map {
	__u64 gpa, size;
};

/* The reset of a VM that is under way, or whose refaults are being counted. */
struct s2v_reset_track {
	enum { S2V_RESET_NONE, S2V_RESET_INITS, S2V_RESET_REFAULTS } state;
	struct s2v_reset row;
	__u64 ran_at; /* CLOCK_BOOTTIME ns of the run that ended the inits */
	__u64 redundant_ns;
	__u64 seen[S2V_RESET_VCPUS / 64]; /* vCPUs re-initialised */
	bool missing;
	/* Order. */
	__u32 seq; /* of the last event taken */
	struct s2v_ev_reset held[S2V_RESET_HELD];
	__u32 n_held;
	__u64 held_since; /* CLOCK_BOOTTIME ns: an event has been waited for since then */
	/* Pages; only where every map is told. */
	struct s2v_pageset mapped, unmapped;
	bool pages_lost; /* maps or an unmap may have been lost: `mapped` is not all, till the next */
	struct s2v_last_map *last_map; /* [S2V_RESET_VCPUS]; NULL until something was mapped */
	/* Totals of the VM. */
	__u64 redundant;
	struct s2v_reset_total total;
};

#endif
