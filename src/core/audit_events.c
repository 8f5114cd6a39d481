// SPDX-License-Identifier: BSD-2-Clause
/* What an audit tells, into the model and the rules: see audits.h. */
#include <stdlib.h>
#include <string.h>

#include "core/audits.h"

/* How many of the leaves of a level begin in [gpa, gpa + size): they are aligned to their size. */
static __u64 leaves_in(const struct s2v_correlator *c, __s8 level, __u64 gpa, __u64 size)
{
	struct s2v_tables t = { .page_shift = c->o.host->page_shift };
	__u64 mask = (1ULL << (s2v_level_shift(&t, level) & 63)) - 1;
	__u32 shift = s2v_level_shift(&t, level) & 63;

	return ((gpa + size + mask) >> shift) - ((gpa + mask) >> shift);
}

static bool count_leaves(struct s2v_slot_range *run, __s8 level, __u32 s1, __u32 s2, __u64 n)
{
	struct s2v_leaf_count *l;

	for (size_t i = 0; i < run->n_leaves; i++) {
		l = &run->leaves[i];
		if (l->level == level && l->s1 == s1 && l->s2 == s2) {
			l->n += n;
			return true;
		}
	}
	l = reallocarray(run->leaves, run->n_leaves + 1, sizeof(*l));
	if (!l)
		return false;
	run->leaves = l;
	l[run->n_leaves++] =
		(struct s2v_leaf_count){ .level = level, .s1 = (__u8)s1, .s2 = (__u8)s2, .n = n };
	return true;
}

static void report_finding(struct s2v_correlator *c, struct s2v_vm *vm, int rule,
			   struct s2v_leaf_finding *f)
{
	struct s2v_place w = {
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
	/* Of a memslot that has been replaced meanwhile nothing is true any more. */
	if (w.slot && w.slot->gen == f->gen)
		s2v_found(c, vm, &s2v_rules[rule], &f->in, &w);
}

static void report_findings(struct s2v_correlator *c, struct s2v_vm *vm)
{
	for (int i = 0; vm->leaf_findings && i < S2V_RULE_NR; i++)
		if (vm->leaf_findings->f[i].open)
			report_finding(c, vm, i, &vm->leaf_findings->f[i]);
}

/* Is this more of what the finding is about: its neighbour, of the same kind? */
static bool goes_on(const struct s2v_leaf_finding *f, const struct s2v_memslot *slot,
		    const struct s2v_rule_in *in, const struct s2v_ev_leaves *ev)
{
	return f->open && f->gen == slot->gen && f->gpa + f->size == ev->gpa &&
	       f->hva + f->size == ev->hva && f->in.s2 == in->s2 &&
	       f->vma.pte_attr == in->vma->pte_attr && f->vma.attr == in->vma->attr &&
	       f->vma.flags == in->vma->flags && f->in.where == in->where &&
	       f->in.pa_differs == in->pa_differs && f->in.absent == in->absent;
}

/* Rule r fires on these leaves. */
static void fires(struct s2v_correlator *c, struct s2v_vm *vm, int rule,
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
	if (goes_on(f, slot, in, ev)) {
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
 * Memory that two leaves may reach in different ways. Of ordinary memory that is told only if some
 * leaf reaches such memory in another way (S2V_LF_AGAIN).
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

/* The run at hva, made of what the leaf says where none was told of. */
static struct s2v_slot_range *run_at(struct s2v_correlator *c, struct s2v_vm *vm,
				     struct s2v_memslot *slot, __u64 hva, __u64 size, __u32 s1)
{
	struct s2v_slot_range *run = s2v_slot_range_find(slot, hva);
	struct s2v_slot_range fresh = { .start = hva,
					.end = hva + size,
					.reg = { .attr = (__u8)s1 } };

	if (run)
		return run;
	if (!s2v_slot_range_has_room(c, vm))
		return NULL;
	fresh.now = fresh.reg;
	run = s2v_slot_range_insert(slot, &fresh, hva);
	if (!run)
		c->no_memory++;
	else
		s2v_slot_count(vm, slot);
	return run;
}

/* So much of a VM could not be read. */
static void unreadable(struct s2v_correlator *c, const struct s2v_vm *vm, __u64 times)
{
	c->unreadable += times;
	s2v_unread_add(&c->unread, vm->ref.id, vm->ref.pid, times, 0);
}

/* Leaves in front of one run of VMAs. */
static void on_piece(struct s2v_correlator *c, struct s2v_vm *vm, struct s2v_memslot *slot,
		     struct s2v_slot_range *run, const struct s2v_ev_leaves *ev)
{
	struct s2v_vma vma = run->now;
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
	if (!count_leaves(run, ev->level, ev->s1, ev->s2, ev->leaves))
		c->no_memory++;
	run->present += ev->size;
	c->leaves[ev->s1 < S2V_ATTR_NR ? ev->s1 : S2V_ATTR_UNKNOWN]
		 [ev->s2 < S2V_ATTR_NR ? ev->s2 : S2V_ATTR_UNKNOWN] += ev->leaves;
	/* Without a PTE the VMA's word holds; without both nothing is known. */
	if ((ev->flags & S2V_LF_UNREAD) || s1 == S2V_ATTR_NONE || s1 >= S2V_ATTR_UNKNOWN ||
	    ev->s2 >= S2V_ATTR_UNKNOWN) {
		run->unreadable += ev->size;
		unreadable(c, vm, ev->size >> c->o.host->page_shift);
	} else if (s2v_absent_leaf(&in) == S2V_ABSENT_UNVERIFIED) {
		run->unreadable += ev->size;
		vm->unmapped += ev->size >> c->o.host->page_shift;
		c->unmapped += ev->size >> c->o.host->page_shift;
	}
	s2v_slot_range_note(run, s1, &in);
	for (int i = 0; i < S2V_RULE_NR; i++)
		if (s2v_rule_is_asked(c, &s2v_rules[i], S2V_ON_LEAF) && s2v_rules[i].decide(&in))
			fires(c, vm, i, slot, &in, ev);
}

/* Does the event lie in the memslot as it is known? */
static bool is_sound(const struct s2v_memslot *slot, const struct s2v_ev_leaves *ev)
{
	return slot && slot->gen == ev->gen && ev->size && ev->size <= slot->size &&
	       ev->level >= -1 && ev->level <= S2V_LEAF_LEVEL && ev->gpa >= slot->gpa &&
	       ev->gpa - slot->gpa <= slot->size - ev->size &&
	       ev->hva - slot->hva == ev->gpa - slot->gpa;
}

/* Another audit of this VM: what was counted by the one before does not count any more. */
static void begin_anew(struct s2v_correlator *c, struct s2v_vm *vm)
{
	struct s2v_memslot *slot, *next;

	vm->audit_over = false;
	c->unmapped -= vm->unmapped;
	vm->unmapped = 0;
	HASH_ITER(hh, vm->slots, slot, next)
	for (size_t i = 0; i < slot->n_ranges; i++) {
		slot->ranges[i].n_leaves = 0;
		slot->ranges[i].uncounted = false;
		slot->ranges[i].present = slot->ranges[i].unreadable = 0;
	}
}

void s2v_audit_leaves(struct s2v_correlator *c, struct s2v_vm *vm, const struct s2v_ev_leaves *ev)
{
	struct s2v_memslot *slot = s2v_slot_find(vm, ev->slot, ev->as_id);
	struct s2v_ev_leaves piece = *ev;
	__u64 end = ev->hva + ev->size;
	struct s2v_slot_range *run;

	if (!is_sound(slot, ev)) {
		/* One that was deleted or replaced while it was walked: the walk starts again. */
		c->malformed += slot ? slot->gen <= ev->gen : ev->gen > vm->gone;
		return;
	}
	if (vm->audit_over && !(ev->flags & S2V_LF_AGAIN))
		begin_anew(c, vm);
	slot->audited = true;
	while (piece.hva < end) {
		run = run_at(c, vm, slot, piece.hva, end - piece.hva, ev->s1);
		if (!run)
			return;
		piece.size = (run->end < end ? run->end : end) - piece.hva;
		if (piece.size != ev->size)
			piece.leaves = leaves_in(c, ev->level, piece.gpa, piece.size);
		on_piece(c, vm, slot, run, &piece);
		if (piece.flags & S2V_LF_PA_RUN)
			piece.pa += piece.size;
		if (piece.host_pa != S2V_NO_PA && (piece.flags & S2V_LF_PA_RUN))
			piece.host_pa += piece.size;
		piece.gpa += piece.size;
		piece.hva += piece.size;
	}
}

/*
 * Is all known that the VM had mapped? Of one that went before its turn only where nobody asks what
 * was there before.
 */
static bool saw_all(const struct s2v_correlator *c, __u32 flags)
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

	if (vm->audit_over) /* and there were no leaves at all */
		begin_anew(c, vm);
	vm->audit_over = true;
	report_findings(c, vm);
	c->shadow = c->shadow - vm->shadow + ev->shadow;
	vm->shadow = ev->shadow;
	if (ev->flags & S2V_AU_PROTECTED && !vm->is_protected) {
		vm->is_protected = true;
		c->protected_vms++;
	}
	/* One that was not announced is not among those to be audited: it is lost, or will be. */
	if (!vm->audited && vm->announced && saw_all(c, ev->flags) &&
	    (!vm->reported_again || c->audit_seen)) {
		vm->audited = true;
		c->n_audited += !vm->from_start && !vm->nothing_before;
	}
	c->audit_seen = true;
	unreadable(c, vm, (ev->flags & S2V_AU_UNREAD) != 0);
	if (c->o.sink->audit && (vm->is_guest || ev->flags))
		c->o.sink->audit(c->o.sink, &row);
}

void s2v_audit_slot_gone(struct s2v_correlator *c, struct s2v_vm *vm,
			 const struct s2v_memslot *slot)
{
	struct s2v_leaf_finding *f;

	for (int i = 0; vm->leaf_findings && i < S2V_RULE_NR; i++) {
		f = &vm->leaf_findings->f[i];
		if (f->open && !memcmp(&f->slot, &slot->key, sizeof(f->slot)))
			report_finding(c, vm, i, f);
	}
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
	/* For equal input equal output, whatever qsort() does with equals. */
	return x->time < y->time ? -1 : x->time > y->time;
}

/* One of the two is told as a finding, which names the other. */
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
	struct s2v_place w = { .h = &h,
			       .slot = slot,
			       .vcpu = -1,
			       .count = a->leaves,
			       .gpa = a->gpa + (from - a->pa),
			       .size = end - from,
			       .hva = a->hva + (from - a->pa),
			       .pa = from };

	a->reported = true;
	if (slot && slot->gen == a->gen &&
	    s2v_rule_is_asked(c, &s2v_rules[S2V_RULE_ALIAS_CONFLICT], S2V_ON_LEAF))
		s2v_found(c, vm, &s2v_rules[S2V_RULE_ALIAS_CONFLICT], &in, &w);
}

/* An audit that was ended: what it found holds, what it would have compared is out of date. */
static void given_up(struct s2v_correlator *c)
{
	struct s2v_vm *vm, *next;

	HASH_ITER(hh, c->vms, vm, next)
	{
		report_findings(c, vm);
		vm->audit_over = true;
	}
	c->n_aliases = 0;
}

/* Those that begin before it: of each other type the one that reaches farthest, if it reaches it. */
static void report_begun_before(struct s2v_correlator *c)
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

/* Those that begin behind its start: of each other type the nearest, if it lies in it. */
static void report_begun_inside(struct s2v_correlator *c)
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
 * Physical memory reached with two memory types, in order of addresses: each range that another type
 * reaches is told once, whether the other begins before it or in it.
 */
void s2v_audit_all_end(struct s2v_correlator *c, const struct s2v_ev_audit *ev)
{
	if (ev->flags & S2V_AU_ENDED)
		given_up(c);
	if (c->n_aliases)
		qsort(c->aliases, c->n_aliases, sizeof(*c->aliases), by_pa);
	report_begun_before(c);
	report_begun_inside(c);
	c->n_aliases = 0;
	c->n_audits++;
}
