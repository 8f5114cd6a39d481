// SPDX-License-Identifier: BSD-2-Clause
/* The coherence contract, read off the model: rows, those of neighbours that are alike as one. */
#include <stdlib.h>
#include <string.h>

#include "core/correlate_private.h"

static const char *backing_name(const struct s2v_memslot *slot, const struct s2v_slot_range *run)
{
	__u32 f = run->now.flags;

	if (slot->flags & S2V_MEM_GUEST_MEMFD)
		f |= S2V_VMA_GMEM;
	return s2v_backing_name(f, run->now.attr == S2V_ATTR_NONE && !run->mapped);
}

#define DRIVER_MAP (S2V_VMA_PFNMAP | S2V_VMA_MIXEDMAP)

/*
 * Ordinary memory: KVM has only one way to map it, so that much is known before it does. A file's
 * memory outside the kernel's map (DAX) it maps Device up to 6.16.
 */
static bool is_ordinary(const struct s2v_slot_range *run)
{
	return s2v_attr_is_cacheable(run->now.attr) && !(run->now.flags & DRIVER_MAP) &&
	       run->now_where != S2V_WHERE_OUTSIDE;
}

/* Where the memory map is not known, whether a driver's memory is in it is not, either. */
static enum s2v_tri needs_s2fwb(const struct s2v_host *host, const struct s2v_slot_range *run)
{
	if (!run->mapped)
		return is_ordinary(run) ? S2V_NO : S2V_UNKNOWN;
	if (run->needs_fwb)
		return S2V_YES;
	return !host->n_ram && (run->now.flags & DRIVER_MAP) && s2v_attr_is_cacheable(run->s1) &&
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

/* What follows from the two sides on this host. */
static void judge(const struct s2v_host *host, __u32 s2, struct s2v_contract_row *row)
{
	if (s2v_attr_conflict(row->s1, s2)) {
		row->write_back_guaranteed = S2V_NO;
		row->vmm_cmo = S2V_CMO_UNSAFE;
	} else if (s2v_attr_is_cacheable(row->s1) && s2v_attr_is_cacheable(s2)) {
		row->write_back_guaranteed = row->s2_mixed ? S2V_NO : host->fwb;
		row->vmm_cmo = cmo_owed(host);
	} else if (s2v_attr_is_noncacheable(row->s1) && s2v_attr_is_noncacheable(s2)) {
		row->write_back_guaranteed = S2V_NO;
		row->vmm_cmo = S2V_CMO_NONE;
	} else {
		row->write_back_guaranteed = S2V_UNKNOWN;
		row->vmm_cmo = S2V_CMO_UNKNOWN;
	}
}

void s2v_contract_row(const struct s2v_host *host, const struct s2v_vm *vm,
		      const struct s2v_memslot *slot, const struct s2v_slot_range *run,
		      struct s2v_contract_row *row)
{
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
	row->s1 = run->mapped ? run->s1 : s2v_vma_s1(&run->now);
	row->s2 = run->mapped ? run->s2 : S2V_ATTR_NONE;
	row->s2_mixed = run->s2_mixed;
	row->needs_s2fwb = needs_s2fwb(host, run);
	row->audited = slot->audited && !run->uncounted;
	row->leaves = run->leaves;
	row->n_leaves = run->n_leaves;
	row->present = run->present;
	row->unreadable = run->unreadable;
	judge(host, run->mapped || !is_ordinary(run) ? row->s2 : S2V_ATTR_NORMAL_WB, row);
}

/* ---- rows as they are told ---- */

/* The same in all but where it is and what is counted there. */
static bool says_the_same(const struct s2v_contract_row *a, const struct s2v_contract_row *b)
{
	return a->id == b->id && a->readonly == b->readonly && !strcmp(a->backing, b->backing) &&
	       !strcmp(a->name, b->name) && !strcmp(a->driver, b->driver) && a->s1 == b->s1 &&
	       a->s2 == b->s2 && a->s2_mixed == b->s2_mixed &&
	       a->write_back_guaranteed == b->write_back_guaranteed && a->vmm_cmo == b->vmm_cmo &&
	       a->needs_s2fwb == b->needs_s2fwb;
}

/* The row that the next one may be more of. */
struct fold {
	struct s2v_contract_row row;
	bool open;
	struct s2v_leaf_count *leaves; /* row's, where it is of several runs */
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
	    f->row.audited == r->audited && says_the_same(&f->row, r) && fold_leaves(f, r)) {
		f->row.size += r->size;
		f->row.present += r->present;
		f->row.unreadable += r->unreadable;
		return;
	}
	fold_end(f);
	f->row = *r;
	f->open = true;
}

static void fold_slot(struct fold *f, const struct s2v_host *host, const struct s2v_vm *vm,
		      const struct s2v_memslot *slot)
{
	struct s2v_contract_row row;

	for (size_t i = 0; i < slot->n_ranges; i++) {
		s2v_contract_row(host, vm, slot, &slot->ranges[i], &row);
		fold_add(f, &row);
	}
	fold_end(f);
}

/* ---- memslots that are gone ---- */

/* Room for one more: the oldest goes, but of those that are unsafe only if all are. */
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
		    says_the_same(g, r))
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
	g->audited = false;
	g->leaves = NULL;
	g->n_leaves = 0;
}

void s2v_contract_keep(const struct s2v_correlator *c, struct s2v_vm *vm,
		       const struct s2v_memslot *slot)
{
	struct fold f = { .emit = keep_row, .arg = vm };

	if (c->o.sink->memslot)
		fold_slot(&f, c->o.host, vm, slot);
}

/* Is a memslot there that says the same of the same memory? One that was made anew is not told twice. */
static bool is_there_again(const struct s2v_correlator *c, struct s2v_vm *vm,
			   const struct s2v_contract_row *r)
{
	struct s2v_memslot *slot = s2v_slot_find(vm, (__s16)r->id, 0);
	struct s2v_slot_range *run = slot ? s2v_slot_range_find(slot, r->hva) : NULL;
	struct s2v_contract_row now;

	if (!run || slot->gpa + (r->hva - slot->hva) != r->gpa)
		return false;
	s2v_contract_row(c->o.host, vm, slot, run, &now);
	return says_the_same(&now, r);
}

static void report_row(void *arg, const struct s2v_contract_row *r)
{
	struct s2v_correlator *c = arg;

	c->o.sink->memslot(c->o.sink, r);
}

static int by_gpa(const struct s2v_memslot *a, const struct s2v_memslot *b)
{
	return a->gpa < b->gpa ? -1 : a->gpa > b->gpa;
}

void s2v_contract_report(struct s2v_correlator *c, struct s2v_vm *vm, bool final)
{
	struct fold f = { .emit = report_row, .arg = c };
	struct s2v_memslot *s, *next;

	if (!c->o.sink->memslot)
		return;
	HASH_SORT(vm->slots, by_gpa);
	HASH_ITER(hh, vm->slots, s, next)
	fold_slot(&f, c->o.host, vm, s);
	for (size_t i = 0; final && i < vm->n_gone_rows; i++) {
		if (is_there_again(c, vm, &vm->gone_rows[i]))
			continue;
		vm->gone_rows[i].vm = vm->ref;
		report_row(c, &vm->gone_rows[i]);
	}
	if (c->o.sink->memslots_end)
		c->o.sink->memslots_end(c->o.sink);
}
