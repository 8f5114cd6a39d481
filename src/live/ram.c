// SPDX-License-Identifier: BSD-2-Clause
#include <stdlib.h>
#include <string.h>

#include "live/facts.h"
#include "live/ram.h"

/* If there is not room for all ranges, the last ones count as no RAM. */
static void pass(struct s2v_ram *to, const struct s2v_range *r, size_t n)
{
	n = n < S2V_RAM_RANGES ? n : S2V_RAM_RANGES;
	to->n = 0; /* no step of an audit runs meanwhile */
	for (size_t i = 0; i < n; i++) {
		to->range[i].start = r[i].start;
		to->range[i].end = r[i].end;
	}
	to->n = (__u32)n;
}

void s2v_ram_refresh(struct s2v_live *l)
{
	struct s2v_range *now = NULL;
	size_t n = 0;

	if (!s2v_host_read_ram(&now, &n) && n)
		pass(&l->skel->bss->ram, now, n);
	else
		pass(&l->skel->bss->ram, l->host->ram, l->host->n_ram);
	free(now);
}
