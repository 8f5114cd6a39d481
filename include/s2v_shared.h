/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * What the BPF programs and their loader (src/live/) share beside the events: configuration
 * and maps. Private to the two; sources, core and sinks never see it.
 */
#ifndef S2V_SHARED_H
#define S2V_SHARED_H

#include "s2v_variant.h"

/* Fixed at load. */
struct s2v_cfg {
	__u32 tgid; /* -p: only VMs of this process; 0: all */
	__u32 all; /* every event goes out */
	__u32 page_shift;
	__u32 fault_variant; /* enum s2v_variant */
	__u32 fwb; /* the host has S2FWB */
	__u32 init_variant; /* enum s2v_variant */
	__u64 repeat_ns; /* an open violation is told again at most this often */
	__u64 vm_release; /* address of kvm_vm_release, by which VM files are known; 0: unknown */
};

/* Per VM. Key: address of struct kvm. */
struct s2v_vm_state {
	__u32 id;
	__u32 tgid;
	__u32 gen; /* memslot registrations so far */
	__u32 seq; /* of the last event of a reset */
	__u32 mapped; /* something was mapped since the last stage2_unmap_vm() */
	__u32 reset; /* a vCPU was initialised, and none has run since */
	__u32 cap_told; /* bit 0, 1: a capability query with result 0, 1 was told */
};

/* Per memslot whose registration was seen. */
struct s2v_slot_key {
	__u32 vm;
	__s16 slot;
	__u16 as_id;
};

struct s2v_slot_state {
	__u32 gen;
	__u32 ordinary; /* cacheable, not PFNMAP, readable throughout at registration */
};

/* One kind of mapping in one memslot: how often, and the event that tells of it. */
struct s2v_agg {
	struct s2v_ev_page ev; /* the first */
	__u64 pending; /* since it was last told */
	__u64 gpa_last;
	__u64 told; /* when, CLOCK_BOOTTIME ns */
};

#define S2V_PEEK_MAX 4096

#endif
