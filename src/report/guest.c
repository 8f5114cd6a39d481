// SPDX-License-Identifier: BSD-2-Clause
/* The report's view of the guest's own stage 1: vCPUs, and what they map of each memslot. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "report/report.h"

/* Another audit begins: drops what the one before found. */
static void drop(struct s2v_rp_vm *vm)
{
	vm->audit_over = false;
	vm->n_vcpus = vm->guest_flags = 0;
	vm->more_vcpus = 0;
	for (struct s2v_rp_slot *s = vm->slots; s; s = s->hh.next) {
		s->walked = false;
		if (s->guest)
			free(s->guest->range);
		free(s->guest);
		s->guest = NULL;
	}
}

void s2v_rp_vcpu_event(struct s2v_report *rp, struct s2v_rp_vm *vm, const struct s2v_ev_vcpu *ev)
{
	__u32 flags = ev->flags & ~S2V_VC_SHARED;
	struct s2v_rp_vcpus *v;

	if (vm->audit_over)
		drop(vm);
	if (!(flags & S2V_VC_OFF))
		vm->guest_flags = (vm->guest_flags & ~S2V_VC_OFF) | flags;
	else if (!vm->n_vcpus)
		vm->guest_flags = S2V_VC_OFF;
	v = vm->n_vcpus ? &vm->vcpus[vm->n_vcpus - 1] : NULL;
	if (!v || v->flags != flags || (__s64)v->last + 1 != ev->vcpu) {
		if (vm->n_vcpus >= S2V_RP_VCPUS) {
			vm->more_vcpus++;
			return;
		}
		v = reallocarray(vm->vcpus, vm->n_vcpus + 1, sizeof(*v));
		if (!v) {
			rp->failed = ENOMEM;
			return;
		}
		vm->vcpus = v;
		v += vm->n_vcpus++;
		*v = (struct s2v_rp_vcpus){ .first = ev->vcpu, .flags = flags };
	}
	v->last = ev->vcpu;
	v->tables += ev->tables;
	v->leaves += ev->leaves;
	v->absent += ev->absent;
}

static void add_range(struct s2v_report *rp, struct s2v_rp_guest *g, const struct s2v_ev_guest *ev)
{
	struct s2v_rp_guest_range *r;
	__u32 i = 0;

	if (g->n_range >= S2V_RP_RANGES) {
		g->more_ranges++;
		return;
	}
	r = reallocarray(g->range, g->n_range + 1, sizeof(*r));
	if (!r) {
		rp->failed = ENOMEM;
		return;
	}
	g->range = r;
	while (i < g->n_range && r[i].gpa <= ev->gpa)
		i++;
	memmove(r + i + 1, r + i, (g->n_range - i) * sizeof(*r));
	g->n_range++;
	r[i] = (struct s2v_rp_guest_range){
		.gpa = ev->gpa,
		.end = ev->gpa + ev->size,
		.bytes = ev->bytes,
		.alias = ev->alias,
		.va = ev->va,
		.attr = ev->attr,
		.vcpu = ev->vcpu,
	};
}

void s2v_rp_guest_event(struct s2v_report *rp, struct s2v_rp_vm *vm, const struct s2v_ev_guest *ev)
{
	struct s2v_rp_slot *s = s2v_rp_slot_find(vm, ev->slot);
	enum s2v_rp_seen what = S2V_RP_UNCLEAR;

	if (!s || s->gen != ev->gen || !s2v_guest_event_fits(ev, s->gpa, s->size))
		return;
	if (!s->guest) {
		s->guest = calloc(1, sizeof(*s->guest));
		if (!s->guest) {
			rp->failed = ENOMEM;
			return;
		}
	}
	s->guest->sum.bytes[ev->attr] += ev->bytes;
	s->guest->sum.alias += ev->alias;
	if (s2v_attr_is_cacheable(ev->attr))
		what = S2V_RP_CACHED;
	else if (s2v_attr_is_noncacheable(ev->attr))
		what = S2V_RP_UNCACHED;
	s2v_rp_mark(s, s->guest->seen, ev->gpa, ev->size, what);
	if (what == S2V_RP_UNCACHED)
		add_range(rp, s->guest, ev);
}

void s2v_rp_audit_event(struct s2v_rp_vm *vm)
{
	if (vm->audit_over) /* this audit looked at no vCPU */
		drop(vm);
	vm->audit_over = true;
	for (struct s2v_rp_slot *s = vm->slots; s; s = s->hh.next)
		s->walked = vm->n_vcpus;
}
