// SPDX-License-Identifier: BSD-2-Clause
/* Applies events to the model, and evaluates the rules on it. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/correlate_private.h"

struct s2v_correlator *s2v_correlator_new(const struct s2v_correlator_opts *opts)
{
	struct s2v_correlator *c = calloc(1, sizeof(*c));

	if (c)
		c->o = *opts;
	return c;
}

void s2v_correlator_free(struct s2v_correlator *c)
{
	struct s2v_vm *vm, *next;

	if (!c)
		return;
	HASH_ITER(hh, c->vms, vm, next)
	s2v_vm_free(&c->vms, vm);
	free(c->aliases);
	free(c);
}

static void on_vm_new(struct s2v_correlator *c, struct s2v_vm *vm, const struct s2v_ev_vm *ev)
{
	memcpy(vm->ref.comm, ev->comm, sizeof(vm->ref.comm));
	vm->ref.comm[sizeof(vm->ref.comm) - 1] = 0;
	vm->announced = true;
	vm->from_start = !ev->preexisting;
	vm->reported_again = ev->preexisting == S2V_VM_REPORTED_AGAIN;
	vm->nothing_before = ev->preexisting && ev->nothing && !vm->reported_again;
	c->n_preexisting += ev->preexisting && !vm->nothing_before;
	c->n_without_tables += (ev->nothing & S2V_VM_NO_TABLES) != 0;
}

static void on_vma(struct s2v_correlator *c, struct s2v_vm *vm, const struct s2v_ev_vma *ev)
{
	struct s2v_slot_range range = {
		.start = ev->vma.start, .end = ev->vma.end, .reg = ev->vma, .reported = true
	};

	if (ev->gen != vm->pending_gen) {
		vm->n_pending = vm->pending_over_limit = 0;
		vm->pending_gen = ev->gen;
	}
	range.where = range.now_where = s2v_host_where(c->o.host, ev->pa);
	range.now = ev->vma;
	memcpy(range.name, ev->name, sizeof(range.name));
	memcpy(range.driver, ev->driver, sizeof(range.driver));
	range.name[sizeof(range.name) - 1] = range.driver[sizeof(range.driver) - 1] = 0;
	if (!s2v_slot_range_has_room(c, vm))
		vm->pending_over_limit++;
	else if (s2v_slot_range_append(&vm->pending, &vm->n_pending, &range))
		c->no_memory++;
}

static void judge_registration(struct s2v_correlator *c, struct s2v_vm *vm,
			       const struct s2v_ev_slot *ev, struct s2v_memslot *slot)
{
	for (size_t i = 0; i < vm->n_pending; i++) {
		const struct s2v_slot_range *range = &vm->pending[i];
		struct s2v_rule_in in = {
			.on = ev->change == S2V_SLOT_FOUND ? S2V_ON_FOUND : S2V_ON_SLOT,
			.host = c->o.host,
			.vma = &range->reg,
			.where = range->where,
			.vm_watched_from_start = vm->from_start,
			.cap_queried = vm->cap_queried,
			.slot_flags = ev->flags,
			.vm_mte = ev->vm_mte,
			.slot_accepted = ev->err == 0,
			.err = ev->err,
		};
		struct s2v_occurrence occ = {
			.h = &ev->h,
			.slot = slot,
			.vcpu = -1,
			.gpa = ev->gpa + (range->start - ev->hva),
			.size = range->end - range->start,
			.hva = range->start,
			.pa = S2V_NO_PA,
		};

		s2v_eval_rules(c, vm, &in, &occ);
	}
}

/* Returns whether the pending ranges lie in the memslot, ascending and not overlapping. */
static bool ranges_fit(const struct s2v_vm *vm, const struct s2v_ev_slot *ev)
{
	__u64 end = ev->hva;

	for (size_t i = 0; i < vm->n_pending; i++) {
		const struct s2v_slot_range *range = &vm->pending[i];

		if (range->start < end || range->end <= range->start ||
		    range->end - ev->hva > ev->size)
			return false;
		end = range->end;
	}
	return true;
}

/* guest_memfd has no VMAs, so no VMA events; KVM and the kernel both map it Write-Back. */
static int add_gmem_range(struct s2v_vm *vm, const struct s2v_ev_slot *ev)
{
	struct s2v_slot_range range = {
		.start = ev->hva,
		.end = ev->hva + ev->size,
		.reg = { .flags = S2V_VMA_GMEM, .attr = S2V_ATTR_NORMAL_WB },
		.reported = true,
	};

	range.now = range.reg;
	return s2v_slot_range_append(&vm->pending, &vm->n_pending, &range);
}

/* Whether the event is an audit's, of a memslot whose registration was seen: that is kept, as it is more exact. */
static bool is_known(const struct s2v_memslot *slot, const struct s2v_ev_slot *ev)
{
	return slot && ev->change == S2V_SLOT_FOUND && slot->registered && slot->gen == ev->gen &&
	       slot->gpa == ev->gpa && slot->size == ev->size && slot->hva == ev->hva;
}

/* Replaces a memslot by its new registration. NULL: out of memory. */
static struct s2v_memslot *slot_replace(struct s2v_correlator *c, struct s2v_vm *vm, __s16 id,
					__u16 as_id, __u32 gen)
{
	struct s2v_memslot *slot = s2v_slot_find(vm, id, as_id);
	__u32 findings = slot && slot->gen == gen ? slot->findings : 0;

	if (slot && slot->gen != gen) {
		s2v_findings_end(c, vm, slot);
		s2v_contract_keep(c, vm, slot);
	}
	slot = s2v_slot_add(vm, id, as_id);
	if (!slot) {
		c->no_memory++;
		return NULL;
	}
	slot->gen = gen;
	slot->findings = findings;
	return slot;
}

/* Updates a known memslot by the ranges that an audit found. */
static void refresh_ranges(struct s2v_correlator *c, struct s2v_vm *vm, struct s2v_memslot *slot,
			   const struct s2v_ev_slot *ev)
{
	if (vm->pending_gen != ev->gen || vm->n_pending != ev->runs || !ranges_fit(vm, ev))
		return;
	for (size_t i = 0; i < vm->n_pending; i++)
		if (s2v_slot_range_refresh(slot, &vm->pending[i], ev->h.time))
			c->no_memory++;
	s2v_slot_ranges_join(slot);
	s2v_slot_count_ranges(vm, slot);
}

static void on_slot_delete_or_flags(struct s2v_correlator *c, struct s2v_vm *vm,
				    struct s2v_memslot *slot, const struct s2v_ev_slot *ev)
{
	if (ev->change == S2V_SLOT_FLAGS) {
		slot->flags = ev->flags;
		return;
	}
	s2v_findings_end(c, vm, slot);
	s2v_contract_keep(c, vm, slot);
	s2v_slot_free(vm, slot);
}

static void on_slot(struct s2v_correlator *c, struct s2v_vm *vm, const struct s2v_ev_slot *ev)
{
	struct s2v_memslot *slot = s2v_slot_find(vm, ev->slot, ev->as_id), refused = { 0 };
	bool fit, whole;

	if (is_known(slot, ev)) {
		refresh_ranges(c, vm, slot, ev);
		vm->n_pending = 0;
		return;
	}
	if (slot && !ev->err && ev->change != S2V_SLOT_FLAGS)
		s2v_audit_slot_gone(c, vm, slot);
	if (slot && (ev->change == S2V_SLOT_DELETE || ev->change == S2V_SLOT_MOVE))
		s2v_reset_host_unmapped(c, vm, slot->gpa, slot->size);
	if (ev->change == S2V_SLOT_DELETE || ev->change == S2V_SLOT_FLAGS) {
		if (slot && !ev->err)
			on_slot_delete_or_flags(c, vm, slot, ev);
		return;
	}
	if (vm->pending_gen != ev->gen)
		vm->n_pending = vm->pending_over_limit = 0;
	fit = ranges_fit(vm, ev);
	whole = fit && vm->n_pending == ev->runs;
	if (!fit)
		vm->n_pending = 0;
	slot = &refused;
	if (!ev->err) {
		slot = slot_replace(c, vm, ev->slot, ev->as_id, ev->gen);
		if (!slot)
			return;
	}
	slot->key.id = ev->slot;
	slot->key.as_id = ev->as_id;
	slot->gen = ev->gen;
	slot->gpa = ev->gpa;
	slot->size = ev->size;
	slot->hva = ev->hva;
	slot->flags = ev->flags;
	slot->vm_mte = ev->vm_mte;
	slot->registered = whole;
	slot->audited = ev->change == S2V_SLOT_FOUND;
	c->ranges_missing += !fit || vm->n_pending + vm->pending_over_limit != ev->runs;
	if ((ev->flags & S2V_MEM_GUEST_MEMFD) && !vm->n_pending && add_gmem_range(vm, ev))
		c->no_memory++;
	judge_registration(c, vm, ev, slot);
	if (ev->err) {
		s2v_findings_end(c, vm, slot);
	} else {
		slot->ranges = vm->pending;
		slot->n_ranges = vm->n_pending;
		s2v_slot_count_ranges(vm, slot);
		vm->pending = NULL;
	}
	vm->n_pending = 0;
}

/* The memslot of a page event, made from the event if its registration was not seen. NULL: stale event, or no memory. */
static struct s2v_memslot *slot_of_page(struct s2v_correlator *c, struct s2v_vm *vm,
					const struct s2v_ev_page *ev)
{
	struct s2v_memslot *slot = s2v_slot_find(vm, ev->slot, ev->as_id);

	if (slot && slot->gen == ev->gen && slot->gpa == ev->slot_gpa &&
	    slot->size == ev->slot_size)
		return slot;
	/* The fault was in progress when the audit found the memslot. */
	if (slot && slot->audited && !ev->gen && slot->gpa == ev->slot_gpa &&
	    slot->size == ev->slot_size)
		return slot;
	if (slot && slot->gen > ev->gen) { /* that registration has been replaced */
		c->stale++;
		return NULL;
	}
	slot = slot_replace(c, vm, ev->slot, ev->as_id, ev->gen);
	if (!slot)
		return NULL;
	slot->gpa = ev->slot_gpa;
	slot->size = ev->slot_size;
	slot->hva = ev->slot_hva;
	if (ev->vma.flags & S2V_VMA_GMEM)
		slot->flags |= S2V_MEM_GUEST_MEMFD;
	return slot;
}

/* The range of a page event, made from the event if registration reported none. */
static struct s2v_slot_range *range_of_page(struct s2v_correlator *c, struct s2v_vm *vm,
					    struct s2v_memslot *slot, const struct s2v_ev_page *ev)
{
	struct s2v_slot_range *range = s2v_slot_range_find(slot, ev->hva), fresh = { 0 };
	__u64 slot_end = slot->hva + slot->size;

	/* A permission change has no host attributes to make a range from. */
	if (range || ev->h.type == S2V_EV_PERM)
		return range;
	fresh.reg = fresh.now = ev->vma;
	fresh.now_where = s2v_host_where(c->o.host, ev->pa);
	fresh.start = ev->vma.start;
	fresh.end = ev->vma.end;
	if (ev->vma.flags & S2V_VMA_GMEM) {
		fresh.start = slot->hva;
		fresh.end = slot_end;
	} else if (ev->hva < fresh.start || ev->hva >= fresh.end) { /* the VMA could not be read */
		fresh.start = ev->hva;
		fresh.end = ev->size < slot_end - ev->hva ? ev->hva + ev->size : slot_end;
	}
	if (fresh.start < slot->hva)
		fresh.start = slot->hva;
	if (fresh.end > slot_end)
		fresh.end = slot_end;
	if (!s2v_slot_range_has_room(c, vm))
		return NULL;
	range = s2v_slot_range_insert(slot, &fresh, ev->hva);
	if (!range)
		c->no_memory++;
	else
		s2v_slot_count_ranges(vm, slot);
	return range;
}

/* Sets the part of the memslot that ev->vma covers to that VMA. Returns the page's range; NULL: no memory. */
static struct s2v_slot_range *replace_vma(struct s2v_correlator *c, struct s2v_memslot *slot,
					  const struct s2v_ev_page *ev)
{
	__u64 end = slot->hva + slot->size;
	struct s2v_slot_range now = {
		.start = ev->vma.start > slot->hva ? ev->vma.start : slot->hva,
		.end = ev->vma.end < end ? ev->vma.end : end,
		.reg = ev->vma,
		.now = ev->vma,
		.now_where = s2v_host_where(c->o.host, ev->pa),
	};

	if (s2v_slot_range_refresh(slot, &now, ev->h.time)) {
		c->no_memory++;
		return NULL;
	}
	s2v_slot_ranges_join(slot);
	return s2v_slot_range_find(slot, ev->hva);
}

/*
 * Updates *range to the backing in the event; a new backing gets ranges of its own. False: the event is
 * older than the current backing (it counts earlier mappings, and was reported late), or no memory.
 */
static bool update_range(struct s2v_correlator *c, struct s2v_memslot *slot,
			 struct s2v_slot_range **range, const struct s2v_ev_page *ev)
{
	const struct s2v_vma *v = &ev->vma;

	if (!*range)
		return true;
	if (ev->h.time < (*range)->since)
		return false;
	if (v->attr == S2V_ATTR_NONE || (ev->flags & S2V_PG_NO_VMA) || ev->hva < v->start ||
	    ev->hva >= v->end)
		return true;
	if (s2v_vma_differs(v, &(*range)->now))
		*range = replace_vma(c, slot, ev);
	if (*range && v->pte_attr != S2V_ATTR_NONE) {
		(*range)->now.pte_attr = v->pte_attr;
		(*range)->now_where = s2v_host_where(c->o.host, ev->pa);
	}
	return *range;
}

static void on_page(struct s2v_correlator *c, struct s2v_vm *vm, const struct s2v_ev_page *ev)
{
	struct s2v_rule_in in = { .host = c->o.host, .vma = &ev->vma, .s2 = ev->s2 };
	struct s2v_occurrence occ = { .h = &ev->h, .page = ev };
	struct s2v_memslot *slot;
	struct s2v_slot_range *range;
	bool now;

	if (ev->flags & S2V_PG_HCR)
		c->fwb_disagrees |= c->o.host->fwb != S2V_UNKNOWN &&
				    c->o.host->fwb != !!(ev->flags & S2V_PG_FWB);
	if (ev->slot == S2V_NO_SLOT || (ev->h.type == S2V_EV_FAULT && ev->err >= 0))
		return;
	slot = slot_of_page(c, vm, ev);
	if (!slot)
		return;
	range = range_of_page(c, vm, slot, ev);
	if (!range && ev->h.type != S2V_EV_PERM)
		return;
	now = update_range(c, slot, &range, ev);
	s2v_slot_count_ranges(vm, slot);
	in.on = ev->h.type == S2V_EV_FAULT ? S2V_ON_FAULT : S2V_ON_MAP;
	in.err = ev->h.type == S2V_EV_FAULT ? ev->err : 0;
	if (range && slot->registered && range->reported) {
		in.registered = &range->reg;
		in.registered_where = range->where;
	}
	in.where = s2v_host_where(c->o.host, ev->pa);
	in.vm_watched_from_start = vm->from_start;
	in.cap_queried = vm->cap_queried;
	in.slot_flags = slot->flags;
	in.vm_mte = slot->vm_mte;
	in.slot_accepted = slot->registered;
	in.exec = ev->flags & S2V_PG_EXEC;
	in.page_flags = ev->flags;
	in.pa_differs = ev->flags & S2V_PG_PA_DIFFERS;
	in.absent = ev->flags & S2V_PG_ABSENT;
	in.pa = in.pa_differs ? ev->differs_pa : ev->pa;
	in.host_pa = ev->host_pa;
	if (!in.pa_differs && s2v_absent_leaf(&in) == S2V_ABSENT_UNVERIFIED)
		c->unmapped += ev->count;
	in.driver = range ? range->driver : NULL;
	if (range && now && ev->h.type == S2V_EV_MAP)
		s2v_slot_range_note(range, s2v_vma_s1(&ev->vma), &in);
	occ.slot = slot;
	occ.gpa = ev->gpa;
	occ.size = ev->size;
	occ.hva = ev->hva;
	occ.pa = ev->pa;
	s2v_eval_rules(c, vm, &in, &occ);
}

static void on_vm_dead(struct s2v_correlator *c, struct s2v_vm *vm)
{
	s2v_reset_end(c, vm);
	s2v_audit_vm_gone(c, vm);
	s2v_report_updates(c, vm);
	s2v_contract_report(c, vm, S2V_CONTRACT_VM_GONE);
	c->unannounced += !vm->announced;
	s2v_vm_free(&c->vms, vm);
}

#define LEAF_MAX (1ULL << 30) /* KVM maps a PUD of 4 KiB pages at most (5.10 to 7.3) */

/* Returns whether the page lies in the memslot that its event names. */
static bool page_is_valid(const struct s2v_ev_page *ev)
{
	return ev->slot == S2V_NO_SLOT ||
	       (ev->size && ev->size <= LEAF_MAX && ev->slot_hva + ev->slot_size >= ev->slot_hva &&
		ev->hva >= ev->slot_hva && ev->hva - ev->slot_hva < ev->slot_size);
}

static bool is_page(const struct s2v_ev_hdr *ev)
{
	return ev->type == S2V_EV_MAP || ev->type == S2V_EV_PERM || ev->type == S2V_EV_FAULT;
}

static struct s2v_vm *vm_of_event(struct s2v_correlator *c, const struct s2v_ev_hdr *ev)
{
	struct s2v_vm *vm = s2v_vm_find(c->vms, ev->vm);

	if (vm || !s2v_event_adds_vm(ev->type))
		return vm;
	vm = s2v_vm_add(&c->vms, ev->vm, &c->n_ranges);
	if (!vm) {
		c->no_memory++;
		return NULL;
	}
	/* If no VM_NEW follows, it was lost, and from_start stays false. */
	vm->ref.pid = ev->tgid;
	return vm;
}

/* Applies an event of the audit of a VM. */
static void on_audit(struct s2v_correlator *c, struct s2v_vm *vm, const struct s2v_ev_hdr *ev)
{
	switch (ev->type) {
	case S2V_EV_LEAVES:
		s2v_audit_leaves(c, vm, (const struct s2v_ev_leaves *)ev);
		break;
	case S2V_EV_VCPU:
		s2v_guest_vcpu(c, vm, (const struct s2v_ev_vcpu *)ev);
		break;
	case S2V_EV_GUEST:
		s2v_guest_pages(c, vm, (const struct s2v_ev_guest *)ev);
		break;
	case S2V_EV_AUDIT:
		s2v_audit_end(c, vm, (const struct s2v_ev_audit *)ev);
		break;
	}
}

void s2v_correlator_event(struct s2v_correlator *c, const struct s2v_ev_hdr *ev)
{
	size_t need = s2v_event_size(ev->type);
	struct s2v_vm *vm;

	if (!need || ev->len < need ||
	    (is_page(ev) && !page_is_valid((const struct s2v_ev_page *)ev))) {
		c->malformed++;
		return;
	}
	if (ev->time > c->last)
		c->last = ev->time;
	if (ev->type == S2V_EV_AUDIT && !ev->vm) {
		s2v_audit_all_end(c, (const struct s2v_ev_audit *)ev);
		return;
	}
	vm = vm_of_event(c, ev);
	if (!vm)
		return;
	if (ev->type == S2V_EV_VM_NEW)
		on_vm_new(c, vm, (const struct s2v_ev_vm *)ev);
	c->n_vms += s2v_vm_mark_guest(vm, ev);
	if (c->o.events && c->o.sink->event)
		c->o.sink->event(c->o.sink, ev, &vm->ref, s2v_realtime(c, ev->time));
	switch (ev->type) {
	case S2V_EV_VM_DEAD:
		on_vm_dead(c, vm);
		break;
	case S2V_EV_SLOT:
		on_slot(c, vm, (const struct s2v_ev_slot *)ev);
		break;
	case S2V_EV_VMA:
		on_vma(c, vm, (const struct s2v_ev_vma *)ev);
		break;
	case S2V_EV_MAP:
	case S2V_EV_PERM:
	case S2V_EV_FAULT:
		on_page(c, vm, (const struct s2v_ev_page *)ev);
		s2v_reset_page(c, vm, (const struct s2v_ev_page *)ev);
		break;
	case S2V_EV_INIT:
	case S2V_EV_UNMAP:
	case S2V_EV_RUN:
		s2v_reset_event(c, vm, (const struct s2v_ev_reset *)ev);
		break;
	case S2V_EV_LEAVES:
	case S2V_EV_VCPU:
	case S2V_EV_GUEST:
	case S2V_EV_AUDIT:
		on_audit(c, vm, ev);
		break;
	case S2V_EV_HOST_UNMAP:
		s2v_reset_host_unmapped(c, vm, ((const struct s2v_ev_range *)ev)->gpa,
					((const struct s2v_ev_range *)ev)->size);
		break;
	case S2V_EV_CAP:
		if (((const struct s2v_ev_cap *)ev)->cap == S2V_CAP_CACHEABLE_PFNMAP)
			vm->cap_queried = true;
		break;
	}
}

void s2v_correlator_contract(struct s2v_correlator *c)
{
	struct s2v_vm *vm, *next;

	HASH_ITER(hh, c->vms, vm, next)
	s2v_contract_report(c, vm, S2V_CONTRACT_ASKED);
}

void s2v_correlator_totals(const struct s2v_correlator *c, struct s2v_summary *sum)
{
	memcpy(sum->findings, c->findings, sizeof(sum->findings));
	sum->vms = c->n_vms;
	sum->preexisting = c->n_preexisting;
	sum->without_tables = c->n_without_tables;
	sum->audited = c->n_audited;
	sum->shadow = c->shadow;
	sum->protected_vms = c->protected_vms;
	sum->unreadable += c->unreadable;
	s2v_unread_merge(&sum->unread, &c->unread);
	sum->unmapped = c->unmapped;
	memcpy(sum->leaves, c->leaves, sizeof(sum->leaves));
	sum->rules = c->o.rules;
	sum->lost += c->malformed + c->no_memory + c->ranges_missing + c->stale + c->unannounced;
	sum->over_limit += c->over_limit;
	sum->fwb_disagrees = c->fwb_disagrees;
	s2v_summary_judge(sum);
}

const struct s2v_vm *s2v_correlator_vms(const struct s2v_correlator *c)
{
	return c->vms;
}

void s2v_correlator_tick(struct s2v_correlator *c, __u64 now)
{
	struct s2v_vm *vm, *next;

	if (now > c->last)
		c->last = now;
	HASH_ITER(hh, c->vms, vm, next)
	s2v_reset_tick(c, vm);
}

void s2v_correlator_finish(struct s2v_correlator *c, struct s2v_summary *sum)
{
	struct s2v_vm *vm, *next;

	HASH_ITER(hh, c->vms, vm, next)
	{
		s2v_reset_end(c, vm);
		s2v_audit_vm_gone(c, vm);
		s2v_report_updates(c, vm);
		c->unannounced += !vm->announced;
	}
	HASH_ITER(hh, c->vms, vm, next)
	s2v_contract_report(c, vm, S2V_CONTRACT_RUN_ENDS);
	s2v_correlator_totals(c, sum);
	if (c->o.sink->summary)
		c->o.sink->summary(c->o.sink, sum);
}
