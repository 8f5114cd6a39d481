// SPDX-License-Identifier: BSD-2-Clause
/* What the events of an audit share: the beginning of another one. */
#include <stdlib.h>

#include "core/audits.h"

/* Drops what the audit before found of the guest's own stage 1. */
static void reset_guest(struct s2v_vm *vm)
{
	struct s2v_memslot *slot, *next;

	vm->guest.n = 0;
	HASH_ITER(hh, vm->slots, slot, next)
	{
		free(slot->guest_finding);
		slot->guest_finding = NULL;
		for (size_t i = 0; i < slot->n_ranges; i++) {
			free(slot->ranges[i].guest);
			slot->ranges[i].guest = NULL;
		}
	}
}

void s2v_audit_begins(struct s2v_correlator *c, struct s2v_vm *vm)
{
	struct s2v_memslot *slot, *next;

	if (!vm->audit_over)
		return;
	vm->audit_over = false;
	reset_guest(vm);
	c->unmapped -= vm->unmapped;
	vm->unmapped = 0;
	HASH_ITER(hh, vm->slots, slot, next)
	for (size_t i = 0; i < slot->n_ranges; i++) {
		slot->ranges[i].n_leaves = 0;
		slot->ranges[i].uncounted = false;
		slot->ranges[i].present = slot->ranges[i].unreadable = 0;
	}
}

void s2v_audit_unreadable(struct s2v_correlator *c, const struct s2v_vm *vm, __u64 times)
{
	c->unreadable += times;
	s2v_unread_add(&c->unread, &(struct s2v_unread_vm){
					   .vm = vm->ref.id, .tgid = vm->ref.pid, .times = times });
}
