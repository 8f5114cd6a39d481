// SPDX-License-Identifier: BSD-2-Clause
/* Applies what an audit found of a guest's own stage 1 to the model and the rules. */
#include <stdlib.h>
#include <string.h>

#include "core/audits.h"

void s2v_guest_vcpu(struct s2v_correlator *c, struct s2v_vm *vm, const struct s2v_ev_vcpu *ev)
{
	struct s2v_vcpu_row *rows;

	s2v_audit_begins(c, vm);
	/* The capacity is a power of two: grow when n is one. */
	if (vm->guest.n == S2V_VCPUS_MOST) {
		c->over_limit++;
		s2v_unread_add(&c->unread, &(struct s2v_unread_vm){ .vm = vm->ref.id,
								    .tgid = vm->ref.pid,
								    .over_limit = 1 });
		return;
	}
	if ((vm->guest.n & (vm->guest.n - 1)) == 0) {
		rows = reallocarray(vm->guest.vcpu, vm->guest.n ? 2 * vm->guest.n : 1,
				    sizeof(*rows));
		if (!rows) {
			c->no_memory++;
			return;
		}
		vm->guest.vcpu = rows;
	}
	vm->guest.vcpu[vm->guest.n] = s2v_vcpu_row_of(ev);
	vm->guest.vcpu[vm->guest.n++].time = s2v_realtime(c, ev->h.time);
}

/* Adds an occurrence of the rule to the finding of the memslot. */
static void add_to_finding(struct s2v_correlator *c, struct s2v_memslot *slot,
			   const struct s2v_rule_in *in, const struct s2v_ev_guest *ev, __u64 hva)
{
	struct s2v_guest_finding *f = slot->guest_finding;

	if (!f) {
		f = calloc(1, sizeof(*f));
		if (!f) {
			c->no_memory++;
			return;
		}
		slot->guest_finding = f;
		f->h = ev->h;
		f->in = *in;
		f->in.guest_alias = 0;
		f->vma = *in->vma;
		f->in.vma = &f->vma;
		f->gpa = f->low = ev->gpa;
		f->size = ev->size;
		f->hva = hva;
		f->vcpu = ev->vcpu;
	}
	f->ranges++;
	f->bytes += ev->bytes;
	f->in.guest_alias += ev->alias;
	if (ev->gpa < f->low)
		f->low = ev->gpa;
	if (ev->gpa + ev->size > f->end)
		f->end = ev->gpa + ev->size;
}

/* The part of an event in one range of the memslot. */
static void add_to_range(struct s2v_correlator *c, struct s2v_memslot *slot,
			 struct s2v_slot_range *range, const struct s2v_ev_guest *ev, __u64 hva,
			 bool holes)
{
	const struct s2v_rule *rule = s2v_rules[S2V_RULE_GUEST_NONCACHEABLE];
	struct s2v_vma vma = range->now;
	struct s2v_rule_in in = {
		.on = S2V_ON_GUEST,
		.host = c->o.host,
		.vma = &vma,
		.slot_flags = slot->flags,
		.s2 = range->mapped ? range->s2 : S2V_ATTR_NONE,
		.pa = S2V_NO_PA,
		.host_pa = S2V_NO_PA,
		.guest = ev->attr,
		.guest_va = ev->va,
		.guest_alias = ev->alias,
	};

	if (range->mapped)
		vma.pte_attr = (__u8)range->s1;
	if (slot->flags & S2V_MEM_GUEST_MEMFD)
		vma.flags |= S2V_VMA_GMEM;
	if (!range->guest)
		range->guest = calloc(1, sizeof(*range->guest));
	if (range->guest) {
		range->guest->bytes[ev->attr] += ev->bytes;
		range->guest->alias += ev->alias;
		range->guest->holes |= holes;
	} else {
		c->no_memory++;
	}
	if (!ev->idle && s2v_rule_is_active(c, rule, S2V_ON_GUEST) && rule->decide(&in))
		add_to_finding(c, slot, &in, ev, hva);
}

/*
 * Moves what `part` has of a count out of `rest`: all that fits. An event with holes does not say where they are, so
 * each range that it covers gets a page at least: the rule must see them all.
 */
static __u64 take(__u64 *rest, __u64 part)
{
	__u64 n = *rest < part ? *rest : part;

	*rest -= n;
	return n;
}

void s2v_guest_pages(struct s2v_correlator *c, struct s2v_vm *vm, const struct s2v_ev_guest *ev)
{
	struct s2v_memslot *slot = s2v_slot_find(vm, ev->slot, ev->as_id);
	struct s2v_ev_guest part = *ev;
	struct s2v_slot_range *range;
	__u64 hva, end, bytes = ev->bytes, alias = ev->alias;
	const __u64 page = 1ULL << c->o.host->page_shift;
	const bool holes = ev->bytes < ev->size;

	if (!slot || slot->gen != ev->gen || !s2v_guest_event_fits(ev, slot->gpa, slot->size)) {
		/* Not malformed if the memslot was deleted or replaced during the audit. */
		c->malformed += slot ? slot->gen <= ev->gen : ev->gen > vm->newest_gone_gen;
		return;
	}
	s2v_audit_begins(c, vm);
	/* A memory type that the decoders do not know. */
	if (ev->attr == S2V_ATTR_UNKNOWN)
		s2v_audit_unreadable(c, vm, ev->bytes / page + 1);
	hva = slot->hva + (ev->gpa - slot->gpa);
	end = hva + ev->size;
	/* Memory behind which the VMM maps nothing has no range, and no host attributes to compare with. */
	for (size_t i = 0; i < slot->n_ranges && hva < end; i++) {
		range = &slot->ranges[i];
		if (range->end <= hva)
			continue;
		if (range->start >= end)
			break;
		if (range->start > hva)
			hva = range->start;
		part.gpa = slot->gpa + (hva - slot->hva);
		part.va = ev->va + (part.gpa - ev->gpa);
		part.size = (range->end < end ? range->end : end) - hva;
		part.bytes = take(&bytes, part.size);
		part.alias = take(&alias, part.size);
		if (holes && !part.bytes)
			part.bytes = part.size < page ? part.size : page;
		if (part.bytes)
			add_to_range(c, slot, range, &part, hva, holes);
		hva += part.size;
	}
}

static void report_finding(struct s2v_correlator *c, struct s2v_vm *vm, struct s2v_memslot *slot)
{
	struct s2v_guest_finding *f = slot->guest_finding;
	struct s2v_occurrence occ;

	/* Memory with two types counted for both. */
	if (f->bytes > f->end - f->low)
		f->bytes = f->end - f->low;
	if (f->in.guest_alias > f->bytes)
		f->in.guest_alias = f->bytes;
	f->in.guest_bytes = f->bytes;
	occ = (struct s2v_occurrence){
		.h = &f->h,
		.slot = slot,
		.vcpu = f->vcpu,
		.count = f->ranges,
		.gpa = f->gpa,
		.size = f->size,
		.hva = f->hva,
		.pa = S2V_NO_PA,
		.low = f->low,
		.end = f->end,
		.bytes = f->bytes,
	};

	s2v_add_finding(c, vm, s2v_rules[S2V_RULE_GUEST_NONCACHEABLE], &f->in, &occ);
	free(f);
	slot->guest_finding = NULL;
}

void s2v_guest_slot_gone(struct s2v_correlator *c, struct s2v_vm *vm, struct s2v_memslot *slot)
{
	if (slot->guest_finding)
		report_finding(c, vm, slot);
}

void s2v_guest_findings(struct s2v_correlator *c, struct s2v_vm *vm)
{
	struct s2v_memslot *slot, *next;

	HASH_ITER(hh, vm->slots, slot, next)
	s2v_guest_slot_gone(c, vm, slot);
}

void s2v_guest_end(struct s2v_correlator *c, struct s2v_vm *vm)
{
	__u64 unread = 0;
	__u32 why = 0;

	for (size_t i = 0; i < vm->guest.n; i++) {
		__u32 flags = vm->guest.vcpu[i].flags;

		/* One that is off has nothing to walk. */
		if (!(flags & S2V_VC_UNREAD) || (flags & S2V_VC_OFF))
			continue;
		unread++;
		why |= flags & S2V_VC_UNREAD;
	}
	if (c->o.rules[S2V_RULE_GUEST_NONCACHEABLE].coverage == S2V_NOT_APPLICABLE)
		return;
	/* The state of the last audit counts. */
	if (!s2v_unread_guest(&c->unread, vm->ref.id, vm->ref.pid, unread, why))
		c->unreadable += unread;
}

void s2v_guest_vcpus_report(struct s2v_correlator *c, struct s2v_vm *vm)
{
	for (size_t i = 0; c->o.sink->vcpu && i < vm->guest.n; i++) {
		vm->guest.vcpu[i].vm = vm->ref;
		c->o.sink->vcpu(c->o.sink, &vm->guest.vcpu[i]);
	}
}
