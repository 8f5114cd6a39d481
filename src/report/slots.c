// SPDX-License-Identifier: BSD-2-Clause
/* The report's memslots: registrations, their backing, and their mappings. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/model.h"
#include "report/report.h"

static void slot_free(struct s2v_rp_slot *s)
{
	free(s->backing);
	free(s->range);
	if (s->guest)
		free(s->guest->range);
	free(s->guest);
	free(s);
}

void s2v_rp_slots_free(struct s2v_rp_vm *vm)
{
	struct s2v_rp_slot *s, *next;

	HASH_ITER(hh, vm->slots, s, next)
	{
		HASH_DEL(vm->slots, s);
		slot_free(s);
	}
	for (s = vm->gone; s; s = next) {
		next = s->next;
		slot_free(s);
	}
	vm->gone = NULL;
}

static bool is_unremarkable(const struct s2v_rp_slot *s)
{
	return !s->findings && !s->n_range;
}

/*
 * Adds a registration that ended or was refused to vm->gone. Beyond S2V_RP_GONE of them without
 * findings or unsafe ranges, the oldest is freed.
 */
static void add_gone(struct s2v_report *rp, struct s2v_rp_vm *vm, struct s2v_rp_slot *s)
{
	struct s2v_rp_slot **oldest = NULL;
	unsigned int unremarkable = 0;

	if (vm->last_slot == s)
		vm->last_slot = NULL;
	s->next = vm->gone;
	vm->gone = s;
	for (struct s2v_rp_slot **p = &vm->gone; *p; p = &(*p)->next) {
		if (is_unremarkable(*p)) {
			oldest = p;
			unremarkable++;
		}
	}
	if (unremarkable <= S2V_RP_GONE)
		return;
	s = *oldest;
	*oldest = s->next;
	if (vm->refused == s)
		vm->refused = NULL;
	slot_free(s);
	vm->more_slots++;
	vm->n_slots--;
	rp->n_slots--;
}

static struct s2v_rp_slot *slot_new(struct s2v_report *rp, struct s2v_rp_vm *vm)
{
	struct s2v_rp_slot *s;

	if (rp->n_slots >= S2V_RP_SLOTS || vm->n_slots >= S2V_RP_VM_SLOTS) {
		vm->more_slots++;
		return NULL;
	}
	s = calloc(1, sizeof(*s));
	if (!s) {
		rp->failed = ENOMEM;
		return NULL;
	}
	s->worst = -1;
	vm->n_slots++;
	rp->n_slots++;
	return s;
}

struct s2v_rp_slot *s2v_rp_slot_find(struct s2v_rp_vm *vm, int id)
{
	struct s2v_rp_slot *s = vm->last_slot;

	if (s && s->id == id)
		return s;
	HASH_FIND_INT(vm->slots, &id, s);
	if (s)
		vm->last_slot = s;
	return s;
}

static void retire(struct s2v_report *rp, struct s2v_rp_vm *vm, int id, __u64 time)
{
	struct s2v_rp_slot *s = s2v_rp_slot_find(vm, id);

	if (!s)
		return;
	HASH_DEL(vm->slots, s);
	s->gone = time;
	add_gone(rp, vm, s);
}

static void attach_pending(struct s2v_rp_vm *vm, struct s2v_rp_slot *s, __u32 gen)
{
	if (vm->pending_gen == gen && vm->n_pending) {
		s->backing = vm->pending;
		s->n_backing = vm->n_pending;
		s->more_backings = vm->more_pending;
		vm->pending = NULL;
		/* S2V_EV_VMA has only HVAs. */
		for (__u32 i = 0; i < s->n_backing; i++) {
			struct s2v_contract_row *r = &s->backing[i].row;

			r->gpa = s->gpa + (r->hva - s->hva);
			r->id = s->id;
			r->readonly = s->flags & S2V_MEM_READONLY;
		}
	}
	vm->n_pending = 0;
	vm->more_pending = 0;
}

void s2v_rp_slot_event(struct s2v_report *rp, struct s2v_rp_vm *vm, const struct s2v_ev_slot *ev,
		       __u64 time)
{
	struct s2v_rp_slot *s;

	if (ev->change == S2V_SLOT_FLAGS) {
		s = s2v_rp_slot_find(vm, ev->slot);
		if (s && !ev->err)
			s->flags = ev->flags;
		return;
	}
	if (ev->change == S2V_SLOT_DELETE) {
		if (!ev->err)
			retire(rp, vm, ev->slot, time);
		return;
	}
	if (!ev->err)
		retire(rp, vm, ev->slot, time);
	s = slot_new(rp, vm);
	if (!s)
		return;
	s->id = ev->slot;
	s->gen = ev->gen;
	s->gpa = ev->gpa;
	s->size = ev->size;
	s->hva = ev->hva;
	s->flags = ev->flags;
	s->err = ev->err;
	attach_pending(vm, s, ev->gen);
	if (!ev->err) {
		HASH_ADD_INT(vm->slots, id, s);
		return;
	}
	vm->refused = s;
	add_gone(rp, vm, s);
}

static struct s2v_rp_backing *append_backing(struct s2v_rp_backing **a, __u32 *n)
{
	struct s2v_rp_backing *p;

	if ((*n & (*n - 1)) == 0) {
		p = reallocarray(*a, *n ? 2 * (size_t)*n : 1, sizeof(*p));
		if (!p)
			return NULL;
		*a = p;
	}
	p = &(*a)[(*n)++];
	memset(p, 0, sizeof(*p));
	return p;
}

void s2v_rp_vma_event(struct s2v_report *rp, struct s2v_rp_vm *vm, const struct s2v_ev_vma *ev)
{
	struct s2v_rp_backing *b;

	if (vm->pending_gen != ev->gen) {
		vm->n_pending = 0;
		vm->more_pending = 0;
		vm->pending_gen = ev->gen;
	}
	if (vm->n_pending >= S2V_RP_BACKINGS) {
		vm->more_pending++;
		return;
	}
	if (!vm->n_pending) {
		free(vm->pending);
		vm->pending = NULL;
	}
	b = append_backing(&vm->pending, &vm->n_pending);
	if (!b) {
		rp->failed = ENOMEM;
		return;
	}
	b->row.vm = vm->ref;
	b->row.hva = ev->vma.start;
	b->row.size = ev->vma.end - ev->vma.start;
	b->row.backing = s2v_backing_name(ev->vma.flags, ev->vma.attr == S2V_ATTR_NONE);
	memcpy(b->row.name, ev->name, sizeof(b->row.name) - 1);
	memcpy(b->row.driver, ev->driver, sizeof(b->row.driver) - 1);
	b->row.s1 = s2v_vma_s1(&ev->vma);
	b->row.write_back_guaranteed = b->row.needs_s2fwb = S2V_UNKNOWN;
	b->row.vmm_cmo = S2V_CMO_UNKNOWN;
}

/* The memslot of a mapping; made from the event if its registration was not seen. */
static struct s2v_rp_slot *slot_of_page(struct s2v_report *rp, struct s2v_rp_vm *vm,
					const struct s2v_ev_page *ev)
{
	struct s2v_rp_slot *s = s2v_rp_slot_find(vm, ev->slot);

	if (s && s->gen == ev->gen)
		return s;
	if (s && s->gen > ev->gen)
		return NULL; /* mapped before the present registration */
	if (s)
		retire(rp, vm, ev->slot, vm->last);
	s = slot_new(rp, vm);
	if (!s)
		return NULL;
	s->id = ev->slot;
	s->gen = ev->gen;
	s->gpa = ev->slot_gpa;
	s->size = ev->slot_size;
	s->hva = ev->slot_hva;
	HASH_ADD_INT(vm->slots, id, s);
	return s;
}

void s2v_rp_mark(const struct s2v_rp_slot *s, __u8 *seen, __u64 gpa, __u64 size,
		 enum s2v_rp_seen what)
{
	__u64 from = gpa - s->gpa, to = from + (size ? size - 1 : 0);
	__u64 bin = s->size / S2V_RP_SLOT_BINS;

	if (gpa < s->gpa || from >= s->size)
		return;
	if (to >= s->size || to < from)
		to = s->size - 1;
	if (!bin)
		bin = 1;
	for (__u64 i = from / bin; i <= to / bin && i < S2V_RP_SLOT_BINS; i++)
		seen[i] |= (__u8)what;
	if (to / bin >= S2V_RP_SLOT_BINS)
		seen[S2V_RP_SLOT_BINS - 1] |= (__u8)what;
}

static bool can_merge(const struct s2v_rp_range *a, const struct s2v_rp_range *b)
{
	return a->s1 == b->s1 && a->s2 == b->s2 && a->end >= b->gpa && b->end >= a->gpa;
}

static void merge(struct s2v_rp_range *to, const struct s2v_rp_range *r)
{
	if (r->gpa < to->gpa) {
		to->gpa = r->gpa;
		to->hva = r->hva;
		to->pa = r->pa;
	}
	if (r->end > to->end)
		to->end = r->end;
	to->count += r->count;
}

/* Returns the number of bytes that no range had before. */
static __u64 add_range(struct s2v_report *rp, struct s2v_rp_slot *s, const struct s2v_rp_range *r)
{
	struct s2v_rp_range *p;
	__u64 before;
	__u32 i = 0;

	while (i < s->n_range && s->range[i].end < r->gpa)
		i++;
	for (__u32 k = i; k < s->n_range && s->range[k].gpa <= r->end; k++) {
		p = &s->range[k];
		if (!can_merge(p, r))
			continue;
		before = p->end - p->gpa;
		merge(p, r);
		if (k + 1 < s->n_range && can_merge(p, p + 1)) {
			before += p[1].end - p[1].gpa;
			merge(p, p + 1);
			memmove(p + 1, p + 2, (s->n_range - k - 2) * sizeof(*p));
			s->n_range--;
		}
		return p->end - p->gpa - before;
	}
	if (s->n_range >= S2V_RP_RANGES) {
		s->more_ranges++;
		return 0;
	}
	p = reallocarray(s->range, s->n_range + 1, sizeof(*p));
	if (!p) {
		rp->failed = ENOMEM;
		return 0;
	}
	s->range = p;
	memmove(p + i + 1, p + i, (s->n_range - i) * sizeof(*p));
	p[i] = *r;
	s->n_range++;
	return r->end - r->gpa;
}

/* Marks the parts of the memslot; keeps a conflict as an exact range, too. */
static void record_mapping(struct s2v_report *rp, struct s2v_rp_vm *vm, struct s2v_rp_slot *s,
			   const struct s2v_rp_range *r)
{
	enum s2v_rp_seen what = S2V_RP_UNCLEAR;

	/* The correlator checks the HVA only; in a broken trace the GPA may be anything. */
	if (r->end <= r->gpa || r->gpa < s->gpa || r->gpa - s->gpa >= s->size)
		return;
	if (s2v_attr_conflict(r->s1, r->s2))
		what = S2V_RP_UNSAFE;
	else if (s2v_attr_is_cacheable(r->s1) && s2v_attr_is_cacheable(r->s2))
		what = S2V_RP_CACHED;
	else if (s2v_attr_is_noncacheable(r->s1) && s2v_attr_is_noncacheable(r->s2))
		what = S2V_RP_UNCACHED;
	s2v_rp_mark(s, s->seen, r->gpa, r->end - r->gpa, what);
	if (what != S2V_RP_UNSAFE)
		return;
	vm->unsafe_maps += r->count;
	rp->unsafe_maps += r->count;
	vm->unsafe_bytes += add_range(rp, s, r);
}

void s2v_rp_map_event(struct s2v_report *rp, struct s2v_rp_vm *vm, const struct s2v_ev_page *ev)
{
	struct s2v_rp_slot *s = slot_of_page(rp, vm, ev);
	struct s2v_rp_range r = {
		.gpa = ev->gpa,
		.end = ev->gpa + ev->size,
		.hva = ev->hva,
		.pa = ev->pa,
		.s1 = s2v_vma_s1(&ev->vma),
		.s2 = ev->s2,
		.count = ev->count,
	};

	if (!s)
		return;
	record_mapping(rp, vm, s, &r);
	if (ev->gpa_last == ev->gpa)
		return;
	/* An event with a count: of the mappings between the first and the last, nothing is known. */
	r.gpa = ev->gpa_last;
	r.end = ev->gpa_last + ev->size;
	r.hva = ev->hva + (ev->gpa_last - ev->gpa);
	r.pa = S2V_NO_PA;
	r.count = 0;
	record_mapping(rp, vm, s, &r);
}

void s2v_rp_leaves_event(struct s2v_report *rp, struct s2v_rp_vm *vm,
			 const struct s2v_ev_leaves *ev)
{
	struct s2v_rp_slot *s = s2v_rp_slot_find(vm, ev->slot);
	const struct s2v_rp_range r = {
		.gpa = ev->gpa,
		.end = ev->gpa + ev->size,
		.hva = ev->hva,
		.pa = ev->pa,
		.s1 = ev->s1,
		.s2 = ev->s2,
		.count = ev->leaves,
	};

	if (s && s->gen == ev->gen)
		record_mapping(rp, vm, s, &r);
}

/* The memslot of a contract row; without events it is made from its rows, which are adjacent. */
static struct s2v_rp_slot *slot_of_row(struct s2v_report *rp, struct s2v_rp_vm *vm,
				       const struct s2v_contract_row *r)
{
	struct s2v_rp_slot *s = s2v_rp_slot_find(vm, r->id);

	if (s && r->gpa >= s->gpa && r->gpa - s->gpa < s->size)
		return s;
	if (s && r->gpa == s->gpa + s->size) {
		s->size += r->size;
		return s;
	}
	if (s)
		retire(rp, vm, r->id, 0);
	s = slot_new(rp, vm);
	if (!s)
		return NULL;
	s->id = r->id;
	s->gpa = r->gpa;
	s->size = r->size;
	s->hva = r->hva;
	s->flags = r->readonly ? S2V_MEM_READONLY : 0;
	HASH_ADD_INT(vm->slots, id, s);
	return s;
}

/* The newest memslot in vm->gone that matches the row. NULL: it is not kept. */
static struct s2v_rp_slot *gone_slot_of_row(struct s2v_rp_vm *vm, const struct s2v_contract_row *r)
{
	struct s2v_rp_slot *s = vm->gone;

	while (s && (s->id != r->id || s->err || r->gpa < s->gpa || r->gpa - s->gpa >= s->size ||
		     r->hva - s->hva != r->gpa - s->gpa))
		s = s->next;
	return s;
}

void s2v_rp_row(struct s2v_report *rp, struct s2v_rp_vm *vm, const struct s2v_contract_row *r)
{
	struct s2v_rp_slot *s = r->gone ? gone_slot_of_row(vm, r) : slot_of_row(rp, vm, r);
	struct s2v_rp_backing *b = NULL;

	if (!s)
		return;
	/* Contract rows replace the backings from the registration. */
	if (s->n_backing && !s->backing[0].judged)
		s->n_backing = 0;
	for (__u32 i = 0; i < s->n_backing && !b; i++)
		if (s->backing[i].row.gpa == r->gpa)
			b = &s->backing[i];
	if (!b && s->n_backing >= S2V_RP_BACKINGS) {
		s->more_backings++;
		return;
	}
	if (!b && !s->n_backing) {
		free(s->backing);
		s->backing = NULL;
		s->more_backings = 0;
	}
	if (!b)
		b = append_backing(&s->backing, &s->n_backing);
	if (!b) {
		rp->failed = ENOMEM;
		return;
	}
	b->row = *r;
	b->judged = true;
}

struct s2v_rp_slot *s2v_rp_slot_of(struct s2v_rp_vm *vm, const struct s2v_finding *f)
{
	struct s2v_rp_slot *s;

	if (f->slot.id == S2V_NO_SLOT)
		return NULL;
	if (f->err && f->at && !strcmp(f->at, "memslot"))
		return vm->refused && vm->refused->id == f->slot.id ? vm->refused : NULL;
	s = s2v_rp_slot_find(vm, f->slot.id);
	return s && s->gpa == f->slot.gpa && s->size == f->slot.size ? s : NULL;
}

const struct s2v_rp_backing *s2v_rp_backing_at(const struct s2v_rp_slot *s, __u64 gpa)
{
	for (__u32 i = 0; s && i < s->n_backing; i++)
		if (gpa - s->backing[i].row.gpa < s->backing[i].row.size)
			return &s->backing[i];
	return NULL;
}
