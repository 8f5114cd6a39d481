// SPDX-License-Identifier: BSD-2-Clause
/* Applies the events of an audit to the model and the rules; see audits.h. */
#include <stdlib.h>
#include <string.h>

#include "core/audits.h"

/* How many leaves of a level begin in [gpa, gpa + size); leaves are aligned to their size. */
static __u64 leaves_starting_in(const struct s2v_correlator *c, __s8 level, __u64 gpa, __u64 size)
{
	struct s2v_tables t = { .page_shift = c->o.host->page_shift };
	__u64 mask = (1ULL << (s2v_level_shift(&t, level) & 63)) - 1;
	__u32 shift = s2v_level_shift(&t, level) & 63;

	return ((gpa + size + mask) >> shift) - ((gpa + mask) >> shift);
}

static bool count_leaves(struct s2v_slot_range *range, __s8 level, __u32 s1, __u32 s2, __u64 n)
{
	struct s2v_leaf_count *l;

	for (size_t i = 0; i < range->n_leaves; i++) {
		l = &range->leaves[i];
		if (l->level == level && l->s1 == s1 && l->s2 == s2) {
			l->n += n;
			return true;
		}
	}
	l = reallocarray(range->leaves, range->n_leaves + 1, sizeof(*l));
	if (!l)
		return false;
	range->leaves = l;
	l[range->n_leaves++] =
		(struct s2v_leaf_count){ .level = level, .s1 = (__u8)s1, .s2 = (__u8)s2, .n = n };
	return true;
}

static void report_finding(struct s2v_correlator *c, struct s2v_vm *vm, int rule,
			   struct s2v_leaf_finding *f)
{
	struct s2v_occurrence occ = {
		.h = &f->h,
		.slot = s2v_slot_find(vm, f->slot.id, f->slot.as_id),
		.vcpu = -1,
		.count = f->leaves,
		.gpa = f->gpa,
		.size = f->size,
		.hva = f->hva,
		.pa = f->pa,
	};

	f->open = false;
	f->in.vma = &f->vma;
	f->in.other = f->in.other ? &f->other : NULL;
	/* The finding no longer holds if the memslot was replaced since. */
	if (occ.slot && occ.slot->gen == f->gen)
		s2v_add_finding(c, vm, s2v_rules[rule], &f->in, &occ);
}

static void report_findings(struct s2v_correlator *c, struct s2v_vm *vm)
{
	for (int i = 0; vm->leaf_findings && i < S2V_RULE_NR; i++)
		if (vm->leaf_findings->f[i].open)
			report_finding(c, vm, i, &vm->leaf_findings->f[i]);
	s2v_guest_findings(c, vm);
}

/* Returns whether ev continues f: leaves of the same kind, right behind it. */
static bool continues_finding(const struct s2v_leaf_finding *f, const struct s2v_memslot *slot,
			      const struct s2v_rule_in *in, const struct s2v_ev_leaves *ev)
{
	return f->open && f->gen == slot->gen && f->gpa + f->size == ev->gpa &&
	       f->hva + f->size == ev->hva && f->in.s2 == in->s2 &&
	       f->vma.pte_attr == in->vma->pte_attr && f->vma.attr == in->vma->attr &&
	       f->vma.flags == in->vma->flags && f->in.where == in->where &&
	       f->in.pa_differs == in->pa_differs && f->in.absent == in->absent;
}

/* Reports a rule that fires on leaves: extends the open finding, or reports it and opens another. */
static void add_leaf_finding(struct s2v_correlator *c, struct s2v_vm *vm, int rule,
			     const struct s2v_memslot *slot, const struct s2v_rule_in *in,
			     const struct s2v_ev_leaves *ev)
{
	struct s2v_leaf_finding *f;

	if (!vm->leaf_findings)
		vm->leaf_findings = calloc(1, sizeof(*vm->leaf_findings));
	if (!vm->leaf_findings) {
		c->no_memory++;
		return;
	}
	f = &vm->leaf_findings->f[rule];
	if (continues_finding(f, slot, in, ev)) {
		f->size += ev->size;
		f->leaves += ev->leaves;
		return;
	}
	if (f->open)
		report_finding(c, vm, rule, f);
	f->open = true;
	f->in = *in;
	f->vma = *in->vma;
	if (in->other)
		f->other = *in->other;
	f->h = ev->h;
	f->slot = slot->key;
	f->gen = slot->gen;
	f->gpa = ev->gpa;
	f->size = ev->size;
	f->hva = ev->hva;
	f->pa = ev->pa;
	f->leaves = ev->leaves;
}

/*
 * Keeps memory for the search for aliases: leaves that may map it with different types. The audit
 * reports ordinary memory only if some leaf maps such memory with another type (S2V_LF_AGAIN).
 */
static void keep_alias(struct s2v_correlator *c, const struct s2v_vm *vm,
		       const struct s2v_memslot *slot, const struct s2v_vma *vma,
		       const struct s2v_ev_leaves *ev)
{
	struct s2v_tables t = { .page_shift = c->o.host->page_shift };
	bool ordinary = ev->s2 == S2V_ATTR_NORMAL_WB && s2v_attr_is_cacheable(ev->s1) &&
			s2v_host_where(c->o.host, ev->pa) == S2V_WHERE_INSIDE;
	struct s2v_alias *a = c->aliases;

	if ((ordinary && !(ev->flags & S2V_LF_AGAIN)) ||
	    !(ev->flags & (S2V_LF_PA_RUN | S2V_LF_PA_SAME)))
		return;
	if (c->n_aliases == S2V_ALIASES_MOST) {
		c->over_limit++;
		return;
	}
	if ((c->n_aliases & (c->n_aliases - 1)) == 0) {
		a = reallocarray(a, c->n_aliases ? c->n_aliases * 2 : 1, sizeof(*a));
		if (!a) {
			c->no_memory++;
			return;
		}
		c->aliases = a;
	}
	a[c->n_aliases++] = (struct s2v_alias){
		.pa = ev->pa,
		.size = ev->flags & S2V_LF_PA_RUN ? ev->size
						  : 1ULL << s2v_level_shift(&t, ev->level),
		.vm = vm->id,
		.slot = slot->key,
		.gen = slot->gen,
		.s2 = ev->s2,
		.gpa = ev->gpa,
		.hva = ev->hva,
		.leaves = ev->leaves,
		.vma = *vma,
		.time = ev->h.time,
	};
}

/* The range at hva; if no event reported it, it is made from the leaf. NULL: no room, or no memory. */
static struct s2v_slot_range *range_at(struct s2v_correlator *c, struct s2v_vm *vm,
				       struct s2v_memslot *slot, __u64 hva, __u64 size, __u32 s1)
{
	struct s2v_slot_range *range = s2v_slot_range_find(slot, hva);
	struct s2v_slot_range fresh = { .start = hva,
					.end = hva + size,
					.reg = { .attr = (__u8)s1 } };

	if (range)
		return range;
	if (!s2v_slot_range_has_room(c, vm))
		return NULL;
	fresh.now = fresh.reg;
	range = s2v_slot_range_insert(slot, &fresh, hva);
	if (!range)
		c->no_memory++;
	else
		s2v_slot_count_ranges(vm, slot);
	return range;
}

/* Leaves within one range. */
static void add_leaves(struct s2v_correlator *c, struct s2v_vm *vm, struct s2v_memslot *slot,
		       struct s2v_slot_range *range, const struct s2v_ev_leaves *ev)
{
	struct s2v_vma vma = range->now;
	struct s2v_rule_in in = {
		.on = S2V_ON_LEAF,
		.host = c->o.host,
		.vma = &vma,
		.where = s2v_host_where(c->o.host, ev->pa),
		.slot_flags = slot->flags,
		.vm_mte = slot->vm_mte,
		.s2 = ev->s2,
		.exec = ev->flags & S2V_LF_EXEC,
		.pa_differs = ev->flags & S2V_LF_PA_DIFFERS,
		.absent = ev->flags & S2V_LF_ABSENT,
		.pa = ev->pa,
		.host_pa = ev->host_pa,
	};
	__u32 s1;

	vma.pte_attr = ev->s1;
	if (slot->flags & S2V_MEM_GUEST_MEMFD)
		vma.flags |= S2V_VMA_GMEM;
	s1 = s2v_vma_s1(&vma);
	keep_alias(c, vm, slot, &vma, ev);
	if (ev->flags & S2V_LF_AGAIN)
		return;
	if (!count_leaves(range, ev->level, ev->s1, ev->s2, ev->leaves))
		c->no_memory++;
	range->present += ev->size;
	c->leaves[ev->s1 < S2V_ATTR_NR ? ev->s1 : S2V_ATTR_UNKNOWN]
		 [ev->s2 < S2V_ATTR_NR ? ev->s2 : S2V_ATTR_UNKNOWN] += ev->leaves;
	/* Without a PTE the VMA's attribute counts; without both the host attribute is not known. */
	if ((ev->flags & S2V_LF_UNREAD) || s1 == S2V_ATTR_NONE || s1 >= S2V_ATTR_UNKNOWN ||
	    ev->s2 >= S2V_ATTR_UNKNOWN) {
		range->unreadable += ev->size;
		s2v_audit_unreadable(c, vm, ev->size >> c->o.host->page_shift);
	} else if (s2v_absent_leaf(&in) == S2V_ABSENT_UNVERIFIED) {
		range->unreadable += ev->size;
		vm->unmapped += ev->size >> c->o.host->page_shift;
		c->unmapped += ev->size >> c->o.host->page_shift;
	}
	s2v_slot_range_note(range, s1, &in);
	for (int i = 0; i < S2V_RULE_NR; i++)
		if (s2v_rule_is_active(c, s2v_rules[i], S2V_ON_LEAF) && s2v_rules[i]->decide(&in))
			add_leaf_finding(c, vm, i, slot, &in, ev);
}

/* Returns whether the event lies in the memslot and is of its registration. */
static bool event_is_valid(const struct s2v_memslot *slot, const struct s2v_ev_leaves *ev)
{
	return slot && slot->gen == ev->gen && ev->size && ev->size <= slot->size &&
	       ev->level >= -1 && ev->level <= S2V_LEAF_LEVEL && ev->gpa >= slot->gpa &&
	       ev->gpa - slot->gpa <= slot->size - ev->size &&
	       ev->hva - slot->hva == ev->gpa - slot->gpa;
}

void s2v_audit_leaves(struct s2v_correlator *c, struct s2v_vm *vm, const struct s2v_ev_leaves *ev)
{
	struct s2v_memslot *slot = s2v_slot_find(vm, ev->slot, ev->as_id);
	struct s2v_ev_leaves piece = *ev;
	__u64 end = ev->hva + ev->size;
	struct s2v_slot_range *range;

	if (!event_is_valid(slot, ev)) {
		/* Not malformed if the memslot was deleted or replaced during the walk, which restarts then. */
		c->malformed += slot ? slot->gen <= ev->gen : ev->gen > vm->newest_gone_gen;
		return;
	}
	if (!(ev->flags & S2V_LF_AGAIN))
		s2v_audit_begins(c, vm);
	slot->audited = true;
	while (piece.hva < end) {
		range = range_at(c, vm, slot, piece.hva, end - piece.hva, ev->s1);
		if (!range)
			return;
		piece.size = (range->end < end ? range->end : end) - piece.hva;
		if (piece.size != ev->size)
			piece.leaves = leaves_starting_in(c, ev->level, piece.gpa, piece.size);
		add_leaves(c, vm, slot, range, &piece);
		if (piece.flags & S2V_LF_PA_RUN)
			piece.pa += piece.size;
		if (piece.host_pa != S2V_NO_PA && (piece.flags & S2V_LF_PA_RUN))
			piece.host_pa += piece.size;
		piece.gpa += piece.size;
		piece.hva += piece.size;
	}
}

/*
 * Returns whether the audit saw all that the VM had mapped before the hooks. It did not if the VM ended
 * before its audit, unless only existing mappings matter (snapshot).
 */
static bool prior_maps_seen(const struct s2v_correlator *c, __u32 flags)
{
	return !(flags & (S2V_AU_PROTECTED | S2V_AU_UNREAD)) &&
	       (c->o.snapshot || !(flags & (S2V_AU_GONE | S2V_AU_NO_TABLES)));
}

void s2v_audit_end(struct s2v_correlator *c, struct s2v_vm *vm, const struct s2v_ev_audit *ev)
{
	struct s2v_audit_row row = {
		.vm = vm->ref,
		.time = s2v_realtime(c, ev->h.time),
		.flags = ev->flags,
		.shadow = ev->shadow,
		.leaves = ev->leaves,
		.rereads = ev->rereads,
		.steps = ev->steps,
		.dur = ev->dur,
	};

	s2v_audit_begins(c, vm); /* if this audit found no leaves */
	vm->audit_over = true;
	report_findings(c, vm);
	s2v_guest_end(c, vm);
	c->shadow = c->shadow - vm->shadow + ev->shadow;
	vm->shadow = ev->shadow;
	if (ev->flags & S2V_AU_PROTECTED && !vm->is_protected) {
		vm->is_protected = true;
		c->protected_vms++;
	}
	/* A VM without a VM_NEW does not count as preexisting, so not as audited either. */
	if (!vm->audited && vm->announced && prior_maps_seen(c, ev->flags) &&
	    (!vm->reported_again || c->audit_seen)) {
		vm->audited = true;
		c->n_audited += !vm->from_start && !vm->nothing_before;
	}
	c->audit_seen = true;
	s2v_audit_unreadable(c, vm, (ev->flags & S2V_AU_UNREAD) != 0);
	if (c->o.sink->audit && (vm->is_guest || ev->flags))
		c->o.sink->audit(c->o.sink, &row);
}

void s2v_audit_slot_gone(struct s2v_correlator *c, struct s2v_vm *vm, struct s2v_memslot *slot)
{
	struct s2v_leaf_finding *f;

	for (int i = 0; vm->leaf_findings && i < S2V_RULE_NR; i++) {
		f = &vm->leaf_findings->f[i];
		if (f->open && !memcmp(&f->slot, &slot->key, sizeof(f->slot)))
			report_finding(c, vm, i, f);
	}
	s2v_guest_slot_gone(c, vm, slot);
}

void s2v_audit_vm_gone(struct s2v_correlator *c, struct s2v_vm *vm)
{
	report_findings(c, vm);
}

static int by_pa(const void *a, const void *b)
{
	const struct s2v_alias *x = a, *y = b;

	if (x->pa != y->pa)
		return x->pa < y->pa ? -1 : 1;
	/* qsort() is not stable: the order must depend on the input alone. */
	return x->time < y->time ? -1 : x->time > y->time;
}

/* Reports a as a finding that names b. */
static void report_alias(struct s2v_correlator *c, struct s2v_alias *a, const struct s2v_alias *b)
{
	struct s2v_vm *vm = s2v_vm_find(c->vms, a->vm);
	struct s2v_memslot *slot = vm ? s2v_slot_find(vm, a->slot.id, a->slot.as_id) : NULL;
	__u64 from = a->pa > b->pa ? a->pa : b->pa;
	struct s2v_other_leaf other = { .vm = b->vm, .gpa = b->gpa + (from - b->pa), .s2 = b->s2 };
	struct s2v_rule_in in = { .on = S2V_ON_LEAF,
				  .host = c->o.host,
				  .vma = &a->vma,
				  .s2 = a->s2,
				  .pa = from,
				  .host_pa = S2V_NO_PA,
				  .other = &other };
	__u64 end = a->pa + a->size < b->pa + b->size ? a->pa + a->size : b->pa + b->size;
	struct s2v_ev_hdr h = { .time = a->time, .vm = a->vm };
	struct s2v_occurrence occ = { .h = &h,
				      .slot = slot,
				      .vcpu = -1,
				      .count = a->leaves,
				      .gpa = a->gpa + (from - a->pa),
				      .size = end - from,
				      .hva = a->hva + (from - a->pa),
				      .pa = from };

	a->reported = true;
	if (slot && slot->gen == a->gen &&
	    s2v_rule_is_active(c, s2v_rules[S2V_RULE_ALIAS_CONFLICT], S2V_ON_LEAF))
		s2v_add_finding(c, vm, s2v_rules[S2V_RULE_ALIAS_CONFLICT], &in, &occ);
}

/* The audit was ended early: its findings hold, its aliases are out of date. */
static void abandon_audit(struct s2v_correlator *c)
{
	struct s2v_vm *vm, *next;

	HASH_ITER(hh, c->vms, vm, next)
	{
		report_findings(c, vm);
		vm->audit_over = true;
	}
	c->n_aliases = 0;
}

/* Overlaps with an alias that begins before: for each other type the one that ends last. */
static void report_overlaps_before(struct s2v_correlator *c)
{
	struct s2v_alias *far[S2V_ATTR_NR] = { NULL };

	for (size_t i = 0; i < c->n_aliases; i++) {
		struct s2v_alias *a = &c->aliases[i];

		for (__u32 s2 = 0; s2 < S2V_ATTR_NR && !a->reported; s2++)
			if (s2 != a->s2 && far[s2] && far[s2]->pa + far[s2]->size > a->pa)
				report_alias(c, a, far[s2]);
		if (a->s2 < S2V_ATTR_NR &&
		    (!far[a->s2] || far[a->s2]->pa + far[a->s2]->size < a->pa + a->size))
			far[a->s2] = a;
	}
}

/* Overlaps with an alias that begins inside: for each other type the nearest. */
static void report_overlaps_inside(struct s2v_correlator *c)
{
	struct s2v_alias *near[S2V_ATTR_NR] = { NULL };

	for (size_t i = c->n_aliases; i-- > 0;) {
		struct s2v_alias *a = &c->aliases[i];

		for (__u32 s2 = 0; s2 < S2V_ATTR_NR && !a->reported; s2++)
			if (s2 != a->s2 && near[s2] && near[s2]->pa < a->pa + a->size)
				report_alias(c, a, near[s2]);
		if (a->s2 < S2V_ATTR_NR)
			near[a->s2] = a;
	}
}

/*
 * Reports physical memory that is mapped with two memory types, by address: each range that another
 * type overlaps once, whether the other begins before it or inside it.
 */
void s2v_audit_all_end(struct s2v_correlator *c, const struct s2v_ev_audit *ev)
{
	if (ev->flags & S2V_AU_STOPPED)
		abandon_audit(c);
	if (c->n_aliases)
		qsort(c->aliases, c->n_aliases, sizeof(*c->aliases), by_pa);
	report_overlaps_before(c);
	report_overlaps_inside(c);
	c->n_aliases = 0;
	c->n_audits++;
}
