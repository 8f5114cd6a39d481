/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The memslots and kinds of mappings that the BPF side has, by VM and memslot, collected from events: finds what ends
 * with a memslot or VM without reading the whole maps. About 100 bytes for a memslot, 24 to 48 for a kind.
 */
#ifndef S2V_LIVE_KINDS_H
#define S2V_LIVE_KINDS_H

#include <stdbool.h>
#include <stddef.h>

#include "util/types.h"
#include "s2v_event.h"
#include "s2v_shared.h"

struct s2v_kinds_vm; /* kinds.c */

/* What has ended: the kinds of a memslot's registrations up to gen, or (all) everything of a VM. */
struct s2v_kinds_end {
	__u32 vm;
	bool all;
	__s16 slot;
	__u16 as_id;
	__u32 gen;
};

struct s2v_kinds {
	struct s2v_kinds_vm *vms; /* hash */
	bool no_memory; /* entries are missing */
};

/* Adds the kind of a page event if it is the first of that kind. */
void s2v_kinds_page(struct s2v_kinds *x, const struct s2v_ev_page *ev);
void s2v_kinds_add(struct s2v_kinds *x, const struct s2v_agg_key *key);
/* Notes that the BPF side has the registration of a memslot. */
void s2v_kinds_slot(struct s2v_kinds *x, const struct s2v_slot_key *key);

/* Hands out and forgets what has ended, kinds before their memslot. A kind may come twice. fn may be NULL. */
struct s2v_kinds_fn {
	void (*kind)(void *arg, const struct s2v_agg_key *key);
	void (*slot)(void *arg, const struct s2v_slot_key *key); /* only with `all` */
	void *arg;
};
void s2v_kinds_end(struct s2v_kinds *x, const struct s2v_kinds_end *end,
		   const struct s2v_kinds_fn *fn);

void s2v_kinds_free(struct s2v_kinds *x);

#endif
