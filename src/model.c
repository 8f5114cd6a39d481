// SPDX-License-Identifier: BSD-2-Clause
/* Keeping the model, and reading the coherence contract off it. */
#include <stdlib.h>
#include <string.h>

#include "model.h"
#include "resets.h"

struct s2v_vm *s2v_vm_find(struct s2v_vm *vms, __u32 id)
{
	struct s2v_vm *vm;

	HASH_FIND(hh, vms, &id, sizeof(id), vm);
	return vm;
}

struct s2v_vm *s2v_vm_add(struct s2v_vm **vms, __u32 id, size_t *all_runs)
{
	struct s2v_vm *vm = calloc(1, sizeof(*vm));

	if (!vm)
		return NULL;
	vm->id = id;
	vm->ref.id = id;
	vm->all_runs = all_runs;
	HASH_ADD(hh, *vms, id, sizeof(vm->id), vm);
	return vm;
}

void s2v_runs_count(struct s2v_vm *vm, ssize_t n)
{
	vm->n_runs += (size_t)n;
	*vm->all_runs += (size_t)n;
}

void s2v_runs_free(struct s2v_run *runs, size_t n)
{
	for (size_t i = 0; i < n; i++)
		free(runs[i].leaves);
	free(runs);
}

void s2v_slot_free(struct s2v_vm *vm, struct s2v_memslot *slot)
{
	HASH_DEL(vm->slots, slot);
	if (slot->gen > vm->gone)
		vm->gone = slot->gen;
	s2v_runs_count(vm, -(ssize_t)slot->n_runs);
	s2v_runs_free(slot->runs, slot->n_runs);
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

struct s2v_run *s2v_run_find(struct s2v_memslot *slot, __u64 hva)
{
	size_t lo = 0, hi = slot->n_runs;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (hva < slot->runs[mid].start)
			hi = mid;
		else if (hva >= slot->runs[mid].end)
			lo = mid + 1;
		else
			return &slot->runs[mid];
	}
	return NULL;
}

int s2v_run_append(struct s2v_run **runs, size_t *n, const struct s2v_run *run)
{
	struct s2v_run *p = *runs;

	/* Powers of two: grown when n is one. */
	if ((*n & (*n - 1)) == 0) {
		p = reallocarray(p, *n ? *n * 2 : 1, sizeof(*p));
		if (!p)
			return -1;
		*runs = p;
	}
	p[(*n)++] = *run;
	return 0;
}

struct s2v_run *s2v_run_insert(struct s2v_memslot *slot, const struct s2v_run *run, __u64 hva)
{
	size_t i;

	if (s2v_run_append(&slot->runs, &slot->n_runs, run))
		return NULL;
	for (i = slot->n_runs - 1; i > 0 && slot->runs[i - 1].start > hva; i--)
		slot->runs[i] = slot->runs[i - 1];
	slot->runs[i] = *run;
	if (i > 0 && slot->runs[i].start < slot->runs[i - 1].end)
		slot->runs[i].start = slot->runs[i - 1].end;
	if (i + 1 < slot->n_runs && slot->runs[i].end > slot->runs[i + 1].start)
		slot->runs[i].end = slot->runs[i + 1].start;
	return &slot->runs[i];
}

static const char *backing_name(const struct s2v_memslot *slot, const struct s2v_run *run)
{
	__u32 f = run->reg.flags | run->flags;

	if (slot->flags & S2V_MEM_GUEST_MEMFD)
		f |= S2V_VMA_GMEM;
	return s2v_backing_name(f, run->reg.start == run->reg.end && !run->mapped);
}

#define DRIVER_MAP (S2V_VMA_PFNMAP | S2V_VMA_MIXEDMAP)

/*
 * Ordinary memory: KVM has only one way to map it, so that much is known before it does. A file's
 * memory outside the kernel's map (DAX) it maps Device up to 6.16.
 */
static bool is_ordinary(const struct s2v_run *run)
{
	return s2v_attr_is_cacheable(run->reg.attr) && !(run->reg.flags & DRIVER_MAP) &&
	       run->where != S2V_WHERE_OUTSIDE;
}

/* Where the memory map is not known, whether a driver's memory is in it is not, either. */
static enum s2v_tri needs_s2fwb(const struct s2v_host *host, const struct s2v_run *run)
{
	if (!run->mapped)
		return is_ordinary(run) ? S2V_NO : S2V_UNKNOWN;
	if (run->needs_fwb)
		return S2V_YES;
	return !host->n_ram && (run->flags & DRIVER_MAP) && s2v_attr_is_cacheable(run->s1) &&
			       s2v_attr_is_cacheable(run->s2)
		       ? S2V_UNKNOWN
		       : S2V_NO;
}

static enum s2v_cmo cmo_owed(const struct s2v_host *h)
{
	if (h->fwb == S2V_UNKNOWN || h->dic == S2V_UNKNOWN)
		return S2V_CMO_UNKNOWN;
	if (h->fwb)
		return h->dic ? S2V_CMO_NONE : S2V_CMO_ICACHE;
	return h->dic ? S2V_CMO_DATA : S2V_CMO_DATA_ICACHE;
}

void s2v_contract_row(const struct s2v_host *host, const struct s2v_vm *vm,
		      const struct s2v_memslot *slot, const struct s2v_run *run,
		      struct s2v_contract_row *row)
{
	__u32 s2 = run->mapped ? run->s2 : S2V_ATTR_NONE;

	memset(row, 0, sizeof(*row));
	row->vm = vm->ref;
	row->id = slot->key.id;
	row->readonly = slot->flags & S2V_MEM_READONLY;
	row->gpa = slot->gpa + (run->start - slot->hva);
	row->size = run->end - run->start;
	row->hva = run->start;
	row->backing = backing_name(slot, run);
	memcpy(row->name, run->name, sizeof(row->name));
	memcpy(row->driver, run->driver, sizeof(row->driver));
	row->s1 = run->mapped ? run->s1 : s2v_vma_s1(&run->reg);
	row->s2 = s2;
	row->s2_mixed = run->s2_mixed;
	row->needs_s2fwb = needs_s2fwb(host, run);
	row->audited = slot->audited;
	row->leaves = run->leaves;
	row->n_leaves = run->n_leaves;
	row->present = run->present;
	row->unreadable = run->unreadable;
	if (!run->mapped && is_ordinary(run))
		s2 = S2V_ATTR_NORMAL_WB;
	if (s2v_attr_conflict(row->s1, s2)) {
		row->write_back_guaranteed = S2V_NO;
		row->vmm_cmo = S2V_CMO_UNSAFE;
	} else if (s2v_attr_is_cacheable(row->s1) && s2v_attr_is_cacheable(s2)) {
		row->write_back_guaranteed = run->s2_mixed ? S2V_NO : host->fwb;
		row->vmm_cmo = cmo_owed(host);
	} else if (s2v_attr_is_noncacheable(row->s1) && s2v_attr_is_noncacheable(s2)) {
		row->write_back_guaranteed = S2V_NO;
		row->vmm_cmo = S2V_CMO_NONE;
	} else {
		row->write_back_guaranteed = S2V_UNKNOWN;
		row->vmm_cmo = S2V_CMO_UNKNOWN;
	}
}
