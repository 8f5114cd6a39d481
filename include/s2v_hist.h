/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * Histograms of durations, filled in the kernel, read by the daemon, with the classic buckets of Prometheus.
 * A duration belongs to the first bucket whose bound it does not exceed (le: less or equal).
 */
#ifndef S2V_HIST_H
#define S2V_HIST_H

#define S2V_HIST_BUCKETS 14 /* with a bound; one more without (+Inf) */

/* Bounds in ns: 1 µs to 10 s. */
/* Releases of clang-format differ on macros that are initialisers. */
/* clang-format off */
#define S2V_HIST_BOUNDS { \
	1000ULL, 2500ULL, 5000ULL, 10000ULL, 25000ULL, 50000ULL, 100000ULL, 250000ULL, 1000000ULL, \
	10000000ULL, 50000000ULL, 250000000ULL, 1000000000ULL, 10000000000ULL }
/* clang-format on */

enum s2v_hist_id {
	S2V_HIST_FAULT, /* a stage-2 fault, until its mapping or permission is installed */
	S2V_HIST_REFAULT, /* such a fault within S2V_REFAULT_NS of an unmap at a vCPU's reset */
	S2V_HIST_RESET_UNMAP, /* stage2_unmap_vm() */
	S2V_HIST_NR,
};

#define S2V_REFAULT_NS 10000000000ULL /* default of --refault-window */

struct s2v_hist {
	__u64 count[S2V_HIST_BUCKETS + 1]; /* each bucket's own, not cumulative */
	__u64 sum; /* ns */
};

/* Index of the bucket that a duration belongs to. Pure. */
static inline __u32 s2v_hist_bucket(__u64 ns)
{
	static const __u64 bound[S2V_HIST_BUCKETS] = S2V_HIST_BOUNDS;
	__u32 i = 0;

	while (i < S2V_HIST_BUCKETS && ns > bound[i])
		i++;
	return i;
}

#endif
