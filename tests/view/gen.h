/* SPDX-License-Identifier: BSD-2-Clause */
/* The generator of tests/view, and what it did. */
#ifndef S2V_TEST_GEN_H
#define S2V_TEST_GEN_H

#include "core/correlate.h"
#include "sink/sinks.h"

/* What lies behind memory. */
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
	__u64 at; /* where the next fault comes */
};

struct gvm {
	__u32 id, gen, seq;
	int n_slots, vcpus;
	struct gslot slot[8];
	struct gslot *gpu, *sparse, *vgem; /* with mappings that conflict */
	__u64 idle[8]; /* when each vCPU is done with its last fault */
	__u64 faults, unsafe_maps, resets;
};

/* What was done. */
struct gtruth {
	__u64 events, faults, fault_ns, unsafe_maps, unmaps, unmap_ns, resets, registrations;
	__u64 findings[S2V_SEVERITY_NR]; /* as the correlator counted them */
};

extern struct gen {
	struct s2v_correlator *core;
	struct gvm *vm;
	__u32 n_vms;
	bool preexisting, safe;
	__u64 seed, now, want;
	__u64 maps[S2V_ATTR_NR][S2V_ATTR_NR];
	struct gtruth t;
} g;

extern const struct gkind gpu;

struct gen_opts {
	__u32 vms;
	__u64 events, lost;
	bool preexisting, cut,
		safe; /* cut: the run has no end; safe: no device memory is cacheable */
};

/* Runs it all into a sink, which is closed and freed. Returns sink->failed; g is what was done. */
int gen_run(struct s2v_sink *sink, const struct gen_opts *o);

/* wild.c: n events of anything. Returns sink->failed. */
int wild_run(struct s2v_sink *sink, __u64 seed, __u64 n);

#endif
