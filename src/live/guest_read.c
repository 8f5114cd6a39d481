// SPDX-License-Identifier: BSD-2-Clause
/* Reads guest memory for the walk of its tables (guest.c): chunks of tables, and whether a pool is in use. */
#include <string.h>
#include <time.h>

#include "live/guest_private.h"

#define PAUSE_NS 1000000 /* while KVM changes a stage-2 entry */
#define PAUSES_MAX 100 /* in a VM */

int s2v_guest_read_step(struct s2v_guest_walk *g)
{
	const struct timespec pause = { .tv_nsec = PAUSE_NS };
	bool changed;
	int err;

	for (;;) {
		err = g->o->step(g->o->arg, S2V_AUDIT_GUEST);
		if (err)
			return err;
		changed = false;
		for (__u32 i = 0; i < g->io->n; i++)
			changed |= g->io->state[i] == S2V_CHUNK_CHANGED;
		if (!changed || g->pauses == PAUSES_MAX)
			return 0;
		g->pauses++;
		nanosleep(&pause, NULL);
	}
}

__u64 s2v_guest_cacheable_bytes(const struct s2v_guest_walk *g, __u64 start, __u64 end)
{
	__u64 bytes = 0;

	while (start < end) {
		__u64 to = start, next = end; /* [start, to) is; what is behind begins at `next` */

		for (__u32 a = 0; a < S2V_ATTR_NR; a++) {
			const struct s2v_intervals *set = &g->all.of[a];
			size_t i = s2v_intervals_after(set, start);

			if (!s2v_attr_is_cacheable(a) || i == set->n)
				continue;
			if (set->a[i].start > start)
				next = set->a[i].start < next ? set->a[i].start : next;
			else
				to = set->a[i].end > to ? set->a[i].end : to;
		}
		to = to < end ? to : end;
		bytes += to - start;
		start = to > start ? to : next;
	}
	return bytes;
}

/* Returns 1 if [gpa, gpa + size) is zero or has no pages, 0 if not or not known, or -errno. */
static int is_zero(struct s2v_guest_walk *g, __u64 gpa, __u64 size)
{
	static const __u64 zero[S2V_CHUNK_WORDS];
	int err;

	for (__u64 at = 0; at < size;) {
		for (g->io->n = 0; g->io->n < S2V_CHUNKS && at < size; at += S2V_CHUNK_SIZE)
			g->io->ipa[g->io->n++] = gpa + at;
		err = s2v_guest_read_step(g);
		if (err)
			return err;
		for (__u32 i = 0; i < g->io->n; i++) {
			/* Neither the guest nor the VMM has touched it, or not since it was dropped. */
			if (g->io->state[i] == S2V_CHUNK_ABSENT)
				continue;
			if (g->io->state[i] != S2V_CHUNK_READ ||
			    memcmp(g->io->data[i], zero, sizeof(zero)))
				return 0;
		}
	}
	return 1;
}

/*
 * Linux reserves pools for DMA in atomic context, which it maps Normal-NC whether a device is coherent or not
 * (kernel/dma/pool.c, 5.8 on): 128 KiB to 4 MiB, a power of two, aligned to its size. Returns whether a range is of
 * such a size. It is idle if all of it is mapped cacheable, too (the linear map), and all of it is zero, or not in memory.
 */
static bool is_pool_size(__u64 gpa, __u64 size)
{
	return size >= 128ULL << 10 && size <= 4ULL << 20 && !(size & (size - 1)) &&
	       !(gpa & (size - 1));
}

int s2v_guest_find_pools(struct s2v_guest_walk *g)
{
	const struct s2v_intervals *set = &g->all.of[S2V_ATTR_NORMAL_NC];
	__u64 size;
	int zero;

	for (size_t i = 0; i < set->n && g->n_pools < S2V_GUEST_POOLS; i++) {
		size = set->a[i].end - set->a[i].start;
		if (!is_pool_size(set->a[i].start, size) ||
		    s2v_guest_cacheable_bytes(g, set->a[i].start, set->a[i].end) != size)
			continue;
		zero = is_zero(g, set->a[i].start, size);
		if (zero < 0)
			return zero;
		if (zero)
			g->pool[g->n_pools++] = set->a[i].start;
	}
	return 0;
}

bool s2v_guest_is_pool(const struct s2v_guest_walk *g, __u64 gpa, __u32 attr)
{
	for (unsigned int i = 0; i < g->n_pools; i++)
		if (g->pool[i] == gpa)
			return attr == S2V_ATTR_NORMAL_NC;
	return false;
}
