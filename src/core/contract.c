// SPDX-License-Identifier: BSD-2-Clause
/* The rows of the coherence contract, from the model; equal neighbours are one row. */
#include <stdlib.h>
#include <string.h>

#include "core/correlate_private.h"

static const char *backing_name(const struct s2v_memslot *slot, const struct s2v_slot_range *range)
{
	__u32 f = range->now.flags;

	if (slot->flags & S2V_MEM_GUEST_MEMFD)
		f |= S2V_VMA_GMEM;
	return s2v_backing_name(f, range->now.attr == S2V_ATTR_NONE && !range->mapped);
}

/*
 * KVM maps ordinary memory in one way only, so its row is known before the first mapping. A file
 * outside the kernel's map (DAX) is not ordinary: KVM maps it Device up to 6.16.
 */
static bool is_ordinary(const struct s2v_slot_range *range)
{
	return s2v_attr_is_cacheable(range->now.attr) && !(range->now.flags & S2V_VMA_DRIVER) &&
	       range->now_where != S2V_WHERE_OUTSIDE;
}

/* Unknown for a driver's mapping without the kernel's memory map, which may include it or not. */
static enum s2v_tri needs_s2fwb(const struct s2v_host *host, const struct s2v_slot_range *range)
{
	if (!range->mapped)
		return is_ordinary(range) ? S2V_NO : S2V_UNKNOWN;
	if (range->needs_fwb)
		return S2V_YES;
	return !host->n_ram && (range->now.flags & S2V_VMA_DRIVER) &&
			       s2v_attr_is_cacheable(range->s1) && s2v_attr_is_cacheable(range->s2)
		       ? S2V_UNKNOWN
		       : S2V_NO;
}

static enum s2v_cmo required_cmo(const struct s2v_host *h)
{
	if (h->fwb == S2V_UNKNOWN || h->dic == S2V_UNKNOWN)
		return S2V_CMO_UNKNOWN;
	if (h->fwb)
		return h->dic ? S2V_CMO_NONE : S2V_CMO_ICACHE;
	return h->dic ? S2V_CMO_DATA : S2V_CMO_DATA_ICACHE;
}

/* Sets guarantee and CMO from row->s1 and s2. */
static void judge_row(const struct s2v_host *host, __u32 s2, struct s2v_contract_row *row)
{
	if (s2v_attr_conflict(row->s1, s2)) {
		row->write_back_guaranteed = S2V_NO;
		row->vmm_cmo = S2V_CMO_UNSAFE;
	} else if (s2v_attr_is_cacheable(row->s1) && s2v_attr_is_cacheable(s2)) {
		row->write_back_guaranteed = row->s2_mixed ? S2V_NO : host->fwb;
		row->vmm_cmo = required_cmo(host);
	} else if (s2v_attr_is_noncacheable(row->s1) && s2v_attr_is_noncacheable(s2)) {
		row->write_back_guaranteed = S2V_NO;
		row->vmm_cmo = S2V_CMO_NONE;
	} else {
		row->write_back_guaranteed = S2V_UNKNOWN;
		row->vmm_cmo = S2V_CMO_UNKNOWN;
	}
}

/*
 * What the VMM owes as the guest maps the memory now. If that maps all of it cacheable, and nothing of it otherwise,
 * both sides use the cache, and no data maintenance is due; code that the VMM writes needs its own. What the guest does
 * not map it may map in the next moment.
 */
static void judge_now(const struct s2v_host *host, struct s2v_contract_row *row)
{
	const __u32 unsure = S2V_VC_UNREAD | S2V_VC_MMU_OFF | S2V_VC_CACHE_OFF | S2V_VC_STALE |
			     S2V_VC_OFF;

	bool all = false;

	row->vmm_cmo_now = row->vmm_cmo;
	if (!row->guest_walked || (row->guest_flags & unsure) || row->vmm_cmo == S2V_CMO_UNSAFE ||
	    row->vmm_cmo == S2V_CMO_UNKNOWN)
		return;
	for (__u32 i = 0; i < S2V_ATTR_NR; i++) {
		if (row->guest.bytes[i] && !s2v_attr_is_cacheable(i))
			return;
		all |= row->guest.bytes[i] >= row->size && !row->guest.holes;
	}
	if (!all)
		return;
	row->vmm_cmo_now = host->dic == S2V_YES || row->vmm_cmo == S2V_CMO_NONE ? S2V_CMO_NONE
										: S2V_CMO_ICACHE;
}

/* If all are off, the first one to run will have its MMU off. */
__u32 s2v_guest_flags(const struct s2v_vm *vm)
{
	__u32 flags = 0;
	bool on = false;

	for (size_t i = 0; i < vm->guest.n; i++) {
		if (vm->guest.vcpu[i].flags & S2V_VC_OFF)
			continue;
		flags |= vm->guest.vcpu[i].flags;
		on = true;
	}
	return on ? flags : S2V_VC_OFF;
}

void s2v_contract_row(const struct s2v_host *host, const struct s2v_vm *vm,
		      const struct s2v_memslot *slot, const struct s2v_slot_range *range,
		      struct s2v_contract_row *row)
{
	memset(row, 0, sizeof(*row));
	row->vm = vm->ref;
	row->id = slot->key.id;
	row->readonly = slot->flags & S2V_MEM_READONLY;
	row->gpa = slot->gpa + (range->start - slot->hva);
	row->size = range->end - range->start;
	row->hva = range->start;
	row->backing = backing_name(slot, range);
	memcpy(row->name, range->name, sizeof(row->name));
	memcpy(row->driver, range->driver, sizeof(row->driver));
	row->s1 = range->mapped ? range->s1 : s2v_vma_s1(&range->now);
	row->s2 = range->mapped ? range->s2 : S2V_ATTR_NONE;
	row->s2_mixed = range->s2_mixed;
	row->needs_s2fwb = needs_s2fwb(host, range);
	row->audited = slot->audited && !range->uncounted;
	row->leaves = range->leaves;
	row->n_leaves = range->n_leaves;
	row->present = range->present;
	row->unreadable = range->unreadable;
	row->guest_walked = row->audited && vm->guest.n;
	if (range->guest)
		row->guest = *range->guest;
	row->guest_flags = s2v_guest_flags(vm);
	judge_row(host, range->mapped || !is_ordinary(range) ? row->s2 : S2V_ATTR_NORMAL_WB, row);
	judge_now(host, row);
}

/* ---- rows as they are reported ---- */

/* Returns whether two rows are equal, apart from addresses and counts. */
static bool same_contract(const struct s2v_contract_row *a, const struct s2v_contract_row *b)
{
	return a->id == b->id && a->readonly == b->readonly && !strcmp(a->backing, b->backing) &&
	       !strcmp(a->name, b->name) && !strcmp(a->driver, b->driver) && a->s1 == b->s1 &&
	       a->s2 == b->s2 && a->s2_mixed == b->s2_mixed &&
	       a->write_back_guaranteed == b->write_back_guaranteed && a->vmm_cmo == b->vmm_cmo &&
	       a->needs_s2fwb == b->needs_s2fwb;
}

/* The current row, which the next one extends if it is an equal neighbour. */
struct fold {
	struct s2v_contract_row row;
	bool open;
	struct s2v_leaf_count
		*leaves; /* owned: row.leaves if it covers several ranges; else NULL */
	const struct s2v_host *host;
	const struct s2v_vm *vm;
	void (*emit)(void *arg, const struct s2v_contract_row *row);
	void *arg;
};

static void fold_end(struct fold *f)
{
	if (f->open)
		f->emit(f->arg, &f->row);
	f->open = false;
	free(f->leaves);
	f->leaves = NULL;
}

/* Adds the leaves of a row to those of the fold; false: out of memory. */
static bool fold_leaves(struct fold *f, const struct s2v_contract_row *r)
{
	size_t n = f->row.n_leaves;
	struct s2v_leaf_count *l = reallocarray(f->leaves, n + r->n_leaves + 1, sizeof(*l));

	if (!l)
		return false;
	if (!f->leaves && n)
		memcpy(l, f->row.leaves, n * sizeof(*l));
	f->leaves = l;
	for (size_t i = 0, k; i < r->n_leaves; i++) {
		const struct s2v_leaf_count *x = &r->leaves[i];

		for (k = 0; k < n; k++)
			if (l[k].level == x->level && l[k].s1 == x->s1 && l[k].s2 == x->s2)
				break;
		if (k == n)
			l[n++] = *x;
		else
			l[k].n += x->n;
	}
	f->row.leaves = l;
	f->row.n_leaves = n;
	return true;
}

static void fold_add(struct fold *f, const struct s2v_contract_row *r)
{
	if (f->open && f->row.gpa + f->row.size == r->gpa && f->row.hva + f->row.size == r->hva &&
	    f->row.audited == r->audited && same_contract(&f->row, r) && fold_leaves(f, r)) {
		f->row.size += r->size;
		f->row.present += r->present;
		f->row.unreadable += r->unreadable;
		s2v_guest_bytes_add(&f->row.guest, &r->guest);
		judge_now(f->host, &f->row);
		return;
	}
	fold_end(f);
	f->row = *r;
	f->open = true;
}

static void fold_slot(struct fold *f, const struct s2v_memslot *slot)
{
	struct s2v_contract_row row;

	for (size_t i = 0; i < slot->n_ranges; i++) {
		s2v_contract_row(f->host, f->vm, slot, &slot->ranges[i], &row);
		fold_add(f, &row);
	}
	fold_end(f);
}

/* ---- memslots that are gone ---- */

/* Drops the oldest row that is not unsafe, or the oldest if all are. */
static void make_room(struct s2v_vm *vm)
{
	size_t least = 0;

	while (least < vm->n_gone_rows && vm->gone_rows[least].vmm_cmo == S2V_CMO_UNSAFE)
		least++;
	if (least == vm->n_gone_rows)
		least = 0;
	memmove(&vm->gone_rows[least], &vm->gone_rows[least + 1],
		(--vm->n_gone_rows - least) * sizeof(*vm->gone_rows));
}

static void keep_row(void *arg, const struct s2v_contract_row *r)
{
	struct s2v_vm *vm = arg;
	struct s2v_contract_row *g;

	for (size_t i = 0; i < vm->n_gone_rows; i++) {
		g = &vm->gone_rows[i];
		if (g->gpa == r->gpa && g->size == r->size && g->hva == r->hva &&
		    same_contract(g, r))
			return;
	}
	if (!vm->gone_rows)
		vm->gone_rows = calloc(S2V_GONE_ROWS, sizeof(*vm->gone_rows));
	if (!vm->gone_rows)
		return;
	if (vm->n_gone_rows == S2V_GONE_ROWS)
		make_room(vm);
	g = &vm->gone_rows[vm->n_gone_rows++];
	*g = *r;
	g->gone = true;
	g->audited = g->guest_walked = false;
	g->leaves = NULL;
	g->n_leaves = 0;
}

void s2v_contract_keep(const struct s2v_correlator *c, struct s2v_vm *vm,
		       const struct s2v_memslot *slot)
{
	struct fold f = { .host = c->o.host, .vm = vm, .emit = keep_row, .arg = vm };

	if (c->o.sink->memslot)
		fold_slot(&f, slot);
}

/* Returns whether an existing memslot has an equal row for this memory: it was registered again. */
static bool is_registered_again(const struct s2v_correlator *c, struct s2v_vm *vm,
				const struct s2v_contract_row *r)
{
	struct s2v_memslot *slot = s2v_slot_find(vm, (__s16)r->id, 0);
	struct s2v_slot_range *range = slot ? s2v_slot_range_find(slot, r->hva) : NULL;
	struct s2v_contract_row now;

	if (!range || slot->gpa + (r->hva - slot->hva) != r->gpa)
		return false;
	s2v_contract_row(c->o.host, vm, slot, range, &now);
	return same_contract(&now, r);
}

static void report_row(void *arg, const struct s2v_contract_row *r)
{
	struct s2v_correlator *c = arg;
	struct s2v_contract_row row = *r;

	row.why = c->why;
	c->o.sink->memslot(c->o.sink, &row);
}

static int by_gpa(const struct s2v_memslot *a, const struct s2v_memslot *b)
{
	return a->gpa < b->gpa ? -1 : a->gpa > b->gpa;
}

void s2v_contract_report(struct s2v_correlator *c, struct s2v_vm *vm, enum s2v_contract_why why)
{
	const bool final = why != S2V_CONTRACT_ASKED;
	struct fold f = { .host = c->o.host, .vm = vm, .emit = report_row, .arg = c };
	struct s2v_memslot *s, *next;

	if (!c->o.sink->memslot)
		return;
	c->why = why;
	s2v_guest_vcpus_report(c, vm);
	HASH_SORT(vm->slots, by_gpa);
	HASH_ITER(hh, vm->slots, s, next)
	fold_slot(&f, s);
	for (size_t i = 0; final && i < vm->n_gone_rows; i++) {
		if (is_registered_again(c, vm, &vm->gone_rows[i]))
			continue;
		vm->gone_rows[i].vm = vm->ref;
		report_row(c, &vm->gone_rows[i]);
	}
	if (c->o.sink->memslots_end)
		c->o.sink->memslots_end(c->o.sink);
}
