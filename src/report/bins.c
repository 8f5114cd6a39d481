// SPDX-License-Identifier: BSD-2-Clause
/* The report's timelines: a fixed number of bins for runs of any duration. */
#include <stdlib.h>
#include <string.h>

#include "report/report.h"

#define FIRST_WIDTH (1ULL << 17) /* ns */

void s2v_rp_add(__u32 *to, __u64 n)
{
	*to = n > ~0U - *to ? ~0U : *to + (__u32)n;
}

static void add_bin(struct s2v_rp_bin *to, const struct s2v_rp_bin *b)
{
	s2v_rp_add(&to->faults, b->faults);
	s2v_rp_add(&to->maps, b->maps);
	s2v_rp_add(&to->unmaps, b->unmaps);
	s2v_rp_add(&to->resets, b->resets);
	s2v_rp_add(&to->refaults, b->refaults);
	s2v_rp_add(&to->findings, b->findings);
	to->fault_ns += b->fault_ns;
	to->unmap_ns += b->unmap_ns;
}

/* Halves the number of used bins: merges pairs and doubles the width. */
static void fold(struct s2v_rp_time *t)
{
	for (__u32 i = 0; i < t->n / 2; i++) {
		struct s2v_rp_bin both = t->bin[2 * i];

		add_bin(&both, &t->bin[2 * i + 1]);
		t->bin[i] = both;
	}
	memset(t->bin + t->n / 2, 0, (t->n - t->n / 2) * sizeof(*t->bin));
	t->width *= 2;
}

struct s2v_rp_bin *s2v_rp_bin_at(struct s2v_rp_time *time, __u64 t, __u32 n)
{
	if (!time->bin) {
		time->bin = calloc(n, sizeof(*time->bin));
		if (!time->bin)
			return NULL;
		time->n = n;
		time->width = FIRST_WIDTH;
		if (!time->t0)
			time->t0 = t;
	}
	if (t < time->t0) /* events of several CPUs may be a little out of order */
		t = time->t0;
	while ((t - time->t0) / time->width >= time->n)
		fold(time);
	return &time->bin[(t - time->t0) / time->width];
}
