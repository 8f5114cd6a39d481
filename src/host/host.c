// SPDX-License-Identifier: BSD-2-Clause
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/host.h"

enum s2v_where s2v_host_where(const struct s2v_host *h, __u64 pa)
{
	size_t lo = 0, hi = h->n_ram;

	if (pa == S2V_NO_PA || !h->n_ram)
		return S2V_WHERE_UNKNOWN;
	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (pa < h->ram[mid].start)
			hi = mid;
		else if (pa >= h->ram[mid].end)
			lo = mid + 1;
		else
			return S2V_WHERE_INSIDE;
	}
	return S2V_WHERE_OUTSIDE;
}

const char *s2v_kvm_mode_name(int mode)
{
	switch (mode) {
	case S2V_KVM_VHE:
		return "vhe";
	case S2V_KVM_NVHE:
		return "nvhe";
	case S2V_KVM_PROTECTED:
		return "protected";
	default:
		return "unknown";
	}
}

void s2v_host_disagree(struct s2v_host *h, const char *fmt, ...)
{
	size_t used = strlen(h->disagreement), room = sizeof(h->disagreement) - used;
	char clause[sizeof(h->disagreement)];
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(clause, sizeof(clause), fmt, ap);
	va_end(ap);
	if (n < 0 || strstr(h->disagreement, clause))
		return;
	/* A clause that does not fit is left out, not cut; only the first may be cut. */
	if (used && (size_t)n + 2 >= room)
		return;
	snprintf(h->disagreement + used, room, "%s%s", used ? "; " : "", clause);
}

void s2v_host_free(struct s2v_host *h)
{
	free(h->ram);
	h->ram = NULL;
	h->n_ram = 0;
}
