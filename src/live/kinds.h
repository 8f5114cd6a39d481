/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which memslots and kinds of mappings the BPF side keeps, by VM and memslot, as events have told: so that what ends
 * is found without a look at all there is. Some 100 bytes a memslot, and 24 to 48 a kind. Inside of the live source.
 */
#ifndef S2V_LIVE_KINDS_H
#define S2V_LIVE_KINDS_H

#include <stdbool.h>
#include <stddef.h>

#include "util/types.h"
#include "s2v_event.h"
#include "s2v_shared.h"

struct s2v_kinds_vm; /* kinds.c */

/* What has ended: kinds of a memslot's registrations up to gen; or a VM with all that is of it. */
struct s2v_kinds_end {
	__u32 vm;
	bool all;
	__s16 slot;
	__u16 as_id;
	__u32 gen;
};

struct s2v_kinds {
	struct s2v_kinds_vm *vms; /* hash */
	bool short_of; /* memory was: something is missing */
};

/* A page event: if it begins a kind, that is kept. */
void s2v_kinds_page(struct s2v_kinds *x, const struct s2v_ev_page *ev);
void s2v_kinds_add(struct s2v_kinds *x, const struct s2v_agg_key *key);
/* The BPF side keeps the registration of a memslot. */
void s2v_kinds_slot(struct s2v_kinds *x, const struct s2v_slot_key *key);

/* Hands out what is of that, kinds before their memslot, and forgets it. Some may come twice. fn may be NULL. */
struct s2v_kinds_fn {
	void (*kind)(void *arg, const struct s2v_agg_key *key);
	void (*slot)(void *arg, const struct s2v_slot_key *key); /* a VM's alone */
	void *arg;
};
void s2v_kinds_end(struct s2v_kinds *x, const struct s2v_kinds_end *end,
		   const struct s2v_kinds_fn *fn);

void s2v_kinds_free(struct s2v_kinds *x);

#endif
