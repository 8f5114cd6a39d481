// SPDX-License-Identifier: BSD-2-Clause
/* The model: VMs and memslots. Ranges of a memslot: ranges.c. */
#include <stdlib.h>
#include <string.h>

#include "core/model.h"
#include "core/resets.h"

struct s2v_vm *s2v_vm_find(struct s2v_vm *vms, __u32 id)
{
	struct s2v_vm *vm;

	HASH_FIND(hh, vms, &id, sizeof(id), vm);
	return vm;
}

struct s2v_vm *s2v_vm_add(struct s2v_vm **vms, __u32 id, size_t *total_ranges)
{
	struct s2v_vm *vm = calloc(1, sizeof(*vm));

	if (!vm)
		return NULL;
	vm->id = id;
	vm->ref.id = id;
	vm->total_ranges = total_ranges;
	HASH_ADD(hh, *vms, id, sizeof(vm->id), vm);
	return vm;
}

void s2v_slot_count_ranges(struct s2v_vm *vm, struct s2v_memslot *slot)
{
	vm->n_ranges += (size_t)slot->n_ranges - slot->n_counted;
	*vm->total_ranges += (size_t)slot->n_ranges - slot->n_counted;
	slot->n_counted = slot->n_ranges;
}

void s2v_slot_ranges_free(struct s2v_slot_range *ranges, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		free(ranges[i].leaves);
		free(ranges[i].guest);
	}
	free(ranges);
}

void s2v_slot_free(struct s2v_vm *vm, struct s2v_memslot *slot)
{
	HASH_DEL(vm->slots, slot);
	if (slot->gen > vm->newest_gone_gen)
		vm->newest_gone_gen = slot->gen;
	s2v_slot_ranges_free(slot->ranges, slot->n_ranges);
	free(slot->guest_finding);
	slot->n_ranges = 0;
	s2v_slot_count_ranges(vm, slot);
	free(slot);
}

void s2v_vm_free(struct s2v_vm **vms, struct s2v_vm *vm)
{
	struct s2v_open_finding *f, *nf;
	struct s2v_memslot *s, *ns;

	HASH_ITER(hh, vm->slots, s, ns)
	s2v_slot_free(vm, s);
	HASH_ITER(hh, vm->findings, f, nf)
	{
		HASH_DEL(vm->findings, f);
		free(f);
	}
	if (vm->reset) {
		s2v_pageset_clear(&vm->reset->mapped);
		s2v_pageset_clear(&vm->reset->unmapped);
		free(vm->reset->last_map);
		free(vm->reset);
	}
	free(vm->pending);
	free(vm->leaf_findings);
	free(vm->gone_rows);
	free(vm->guest.vcpu);
	HASH_DEL(*vms, vm);
	free(vm);
}

struct s2v_memslot *s2v_slot_find(struct s2v_vm *vm, __s16 id, __u16 as_id)
{
	struct s2v_slot_id key = { .id = id, .as_id = as_id };
	struct s2v_memslot *slot;

	HASH_FIND(hh, vm->slots, &key, sizeof(key), slot);
	return slot;
}

struct s2v_memslot *s2v_slot_add(struct s2v_vm *vm, __s16 id, __u16 as_id)
{
	struct s2v_memslot *old = s2v_slot_find(vm, id, as_id);
	struct s2v_memslot *slot = calloc(1, sizeof(*slot));

	if (!slot)
		return NULL;
	if (old)
		s2v_slot_free(vm, old);
	slot->key.id = id;
	slot->key.as_id = as_id;
	HASH_ADD(hh, vm->slots, key, sizeof(slot->key), slot);
	return slot;
}

/* Returns whether the event means that its VM has memory, or may have. */
static bool implies_memory(const struct s2v_ev_hdr *ev)
{
	switch (ev->type) {
	case S2V_EV_VM_NEW:
		return !(((const struct s2v_ev_vm *)ev)->nothing & S2V_VM_NO_MEMSLOTS);
	case S2V_EV_SLOT:
	case S2V_EV_VMA:
	case S2V_EV_MAP:
	case S2V_EV_PERM:
	case S2V_EV_FAULT:
	case S2V_EV_LEAVES:
		return true;
	default:
		return false;
	}
}

bool s2v_vm_mark_guest(struct s2v_vm *vm, const struct s2v_ev_hdr *ev)
{
	if (vm->is_guest || !implies_memory(ev))
		return false;
	vm->is_guest = true;
	return true;
}
