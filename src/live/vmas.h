/* SPDX-License-Identifier: BSD-2-Clause */
/* The VMAs of a process, read at once, and what of them lies behind a memslot. */
#ifndef S2V_LIVE_VMAS_H
#define S2V_LIVE_VMAS_H

#include "live.h"

struct bpf_link;

struct s2v_vmas {
	struct s2v_ev_vma *v; /* ascending; only vma, name and driver are filled */
	size_t n, bytes;
};

/* Reads them from the iterator audit_vmas, in the place of what there was. 0 or -errno. */
int s2v_vmas_read(struct s2v_vmas *v, struct bpf_link *link);

/*
 * Hands out the VMA events that belong to a memslot, as a registration would: clipped, and joined
 * where they are of one kind; fills runs, vmas of *slot.
 */
void s2v_vmas_tell(const struct s2v_vmas *v, struct s2v_ev_slot *slot, s2v_event_fn fn, void *arg);

void s2v_vmas_free(struct s2v_vmas *v);

#endif
