/* SPDX-License-Identifier: BSD-2-Clause */
/* The generator of tests/view, and the numbers of its run. */
#ifndef S2V_TEST_GEN_H
#define S2V_TEST_GEN_H

#include <stdint.h>

#include "core/correlate.h"
#include "sink/sinks.h"

/* A kind of backing. */
struct gkind {
	__u32 flags;
	__u8 attr;
	const char *name, *driver;
};

struct gslot {
	__s16 id;
	__u32 gen;
	__u64 gpa, size, hva;
	struct gkind kind;
	__u64 at; /* offset of the next fault */
};

struct gvm {
	__u32 id, gen, seq;
	int n_slots, vcpus;
	struct gslot slot[8];
	struct gslot *gpu, *sparse, *vgem; /* with mappings that conflict */
	__u64 idle[8]; /* end of each vCPU's last fault, ns */
	__u64 faults, unsafe_maps, resets;
};

/* Counted by the generator, not by the code under test. */
struct gtruth {
	__u64 events, faults, fault_ns, unsafe_maps, unmaps, unmap_ns, resets, registrations;
	__u64 findings[S2V_SEVERITY_NR]; /* as the correlator counted them */
};

extern struct gen {
	struct s2v_correlator *core;
	struct gvm *vm;
	__u32 n_vms;
	bool preexisting, safe, guest;
	__u64 seed, now, want;
	__u64 maps[S2V_ATTR_NR][S2V_ATTR_NR];
	struct gtruth t;
} g;

extern const struct gkind gpu;

struct gen_opts {
	__u32 vms;
	__u64 events, lost;
	bool preexisting;
	bool cut; /* the run has no end */
	bool safe; /* no device memory is cacheable */
	bool guest; /* at its end an audit looks at the guests' own stage 1 (gen_guest.c) */
};

/* Generates a run into a sink, then closes and frees it. Returns sink->failed; g has the numbers. */
int gen_run(struct s2v_sink *sink, const struct gen_opts *o);

/* gen.c, for gen_guest.c: the head of an event, which is counted; passes an event to the correlator. */
struct s2v_ev_hdr gen_head(uint32_t type, size_t len, const struct gvm *vm, uint64_t time);
void gen_send(const struct s2v_ev_hdr *h);

/* gen_guest.c: an audit of VMs 1 to 5 that finds their own stage 1, each in another state. */
void gen_guest(void);

/* wild.c: n random events; closes and frees the sink. Returns sink->failed. */
int wild_run(struct s2v_sink *sink, __u64 seed, __u64 n);

#endif
