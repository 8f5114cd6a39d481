// SPDX-License-Identifier: BSD-2-Clause
/* The model of the HTML report: VMs, findings, resets, timelines. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "report/report.h"

void s2v_report_free(struct s2v_report *rp)
{
	struct s2v_rp_finding *f, *next_f;
	struct s2v_rp_vm *vm, *next;

	HASH_ITER(hh, rp->findings, f, next_f)
	{
		HASH_DEL(rp->findings, f);
		free(f);
	}
	HASH_ITER(hh, rp->vms, vm, next)
	{
		HASH_DEL(rp->vms, vm);
		s2v_rp_slots_free(vm);
		free(vm->pending);
		free(vm->vcpus);
		free(vm->time.bin);
		free(vm);
	}
	free(rp->ram);
	free(rp->reset);
	free(rp->time.bin);
}

static struct s2v_rp_vm *vm_of(struct s2v_report *rp, const struct s2v_vm_ref *ref)
{
	struct s2v_rp_vm *vm;

	if (!ref)
		return NULL;
	HASH_FIND(hh, rp->vms, &ref->id, sizeof(ref->id), vm);
	if (vm) {
		vm->ref = *ref;
		return vm;
	}
	if (rp->n_vms >= S2V_RP_VMS) {
		rp->more_vms++;
		return NULL;
	}
	vm = calloc(1, sizeof(*vm));
	if (!vm) {
		rp->failed = ENOMEM;
		return NULL;
	}
	vm->id = ref->id;
	vm->ref = *ref;
	/* All timelines start together, so that the bins of two VMs can be compared. */
	vm->time.t0 = rp->first;
	HASH_ADD(hh, rp->vms, id, sizeof(vm->id), vm);
	rp->n_vms++;
	return vm;
}

void s2v_report_host(struct s2v_report *rp, const struct s2v_host *h)
{
	rp->host = *h;
	rp->host.ram = NULL;
	rp->has_host = true;
	free(rp->ram);
	rp->n_ram = 0;
	rp->ram = calloc(h->n_ram ? h->n_ram : 1, sizeof(*rp->ram));
	if (!rp->ram) {
		rp->failed = ENOMEM;
		return;
	}
	if (h->n_ram)
		memcpy(rp->ram, h->ram, h->n_ram * sizeof(*rp->ram));
	rp->n_ram = h->n_ram;
}

/* ---- events ---- */

/* The bins of the whole run and of the VM; either may be NULL. */
struct two_bins {
	struct s2v_rp_bin *b[2];
};

static struct two_bins bins_at(struct s2v_report *rp, struct s2v_rp_vm *vm, __u64 time)
{
	struct two_bins t = { { s2v_rp_bin_at(&rp->time, time, S2V_RP_BINS), NULL } };

	if (vm)
		t.b[1] = s2v_rp_bin_at(&vm->time, time, S2V_RP_VM_BINS);
	if (!t.b[0] || (vm && !t.b[1]))
		rp->failed = ENOMEM;
	return t;
}

#define EACH_BIN(t, bin)               \
	for (int i_ = 0; i_ < 2; i_++) \
		for (struct s2v_rp_bin *bin = (t).b[i_]; bin; bin = NULL)

static void on_page(struct s2v_report *rp, struct s2v_rp_vm *vm, const struct s2v_ev_page *ev,
		    __u64 time)
{
	struct two_bins t = bins_at(rp, vm, time);

	if (ev->h.type == S2V_EV_FAULT) {
		rp->faults += ev->count;
		EACH_BIN(t, b)
		{
			s2v_rp_add(&b->faults, ev->count);
			b->fault_ns += ev->dur;
		}
		if (vm) {
			vm->faults += ev->count;
			vm->sum.fault_ns += ev->dur;
			vm->fault_errors += ev->err < 0 ? ev->count : 0;
		}
	} else if (ev->h.type == S2V_EV_MAP) {
		EACH_BIN(t, b)
		s2v_rp_add(&b->maps, ev->count);
		if (vm) {
			vm->maps += ev->count;
			if (ev->slot != S2V_NO_SLOT)
				s2v_rp_map_event(rp, vm, ev);
		}
	}
}

static void on_unmap(struct s2v_report *rp, struct s2v_rp_vm *vm, const struct s2v_ev_reset *ev,
		     __u64 time)
{
	struct two_bins t = bins_at(rp, vm, time);

	rp->unmaps++;
	EACH_BIN(t, b)
	{
		s2v_rp_add(&b->unmaps, 1);
		b->unmap_ns += ev->dur;
	}
	if (vm) {
		s2v_rp_add(&vm->sum.unmaps, 1);
		vm->sum.unmap_ns += ev->dur;
	}
}

void s2v_report_event(struct s2v_report *rp, const struct s2v_ev_hdr *ev,
		      const struct s2v_vm_ref *ref, __u64 time)
{
	struct s2v_rp_vm *vm;

	if (!rp->first)
		rp->first = time;
	if (time > rp->last)
		rp->last = time;
	rp->events++;
	vm = vm_of(rp, ref);
	if (vm) {
		if (!vm->born)
			vm->born = time;
		vm->last = time;
	}
	switch (ev->type) {
	case S2V_EV_MAP:
	case S2V_EV_PERM:
	case S2V_EV_FAULT:
		on_page(rp, vm, (const struct s2v_ev_page *)ev, time);
		return;
	case S2V_EV_UNMAP:
		on_unmap(rp, vm, (const struct s2v_ev_reset *)ev, time);
		return;
	}
	if (!vm)
		return;
	switch (ev->type) {
	case S2V_EV_VM_NEW:
		vm->preexisting = ((const struct s2v_ev_vm *)ev)->preexisting;
		break;
	case S2V_EV_VM_DEAD:
		vm->dead = true;
		break;
	case S2V_EV_SLOT:
		s2v_rp_slot_event(rp, vm, (const struct s2v_ev_slot *)ev, time);
		break;
	case S2V_EV_VMA:
		s2v_rp_vma_event(rp, vm, (const struct s2v_ev_vma *)ev);
		break;
	case S2V_EV_LEAVES:
		s2v_rp_leaves_event(rp, vm, (const struct s2v_ev_leaves *)ev);
		break;
	case S2V_EV_VCPU:
		s2v_rp_vcpu_event(rp, vm, (const struct s2v_ev_vcpu *)ev);
		break;
	case S2V_EV_GUEST:
		s2v_rp_guest_event(rp, vm, (const struct s2v_ev_guest *)ev);
		break;
	case S2V_EV_AUDIT:
		s2v_rp_audit_event(vm);
		break;
	case S2V_EV_RUN:
		vm->ran_at = time;
		break;
	}
}

/* ---- results ---- */

static void copy_backing_names(struct s2v_rp_finding *k)
{
	const struct s2v_rp_backing *b = s2v_rp_backing_at(k->slot, k->f.gpa);

	if (!b)
		return;
	memcpy(k->driver, b->row.driver, sizeof(k->driver));
	memcpy(k->name, b->row.name, sizeof(k->name));
}

void s2v_report_finding(struct s2v_report *rp, const struct s2v_finding *f)
{
	enum s2v_severity sev = s2v_finding_severity(f);
	struct s2v_rp_vm *vm = vm_of(rp, &f->vm);
	struct s2v_rp_finding *k;
	struct two_bins t;

	HASH_FIND(hh, rp->findings, &f->id, sizeof(f->id), k);
	if (k) {
		k->f = *f;
		return;
	}
	if (f->update)
		return; /* of a finding that is not kept */
	rp->n_findings[sev]++;
	t = bins_at(rp, vm, f->time);
	EACH_BIN(t, b)
	s2v_rp_add(&b->findings, 1);
	if (vm)
		vm->findings[sev]++;
	if (rp->n_kept[sev] >= S2V_RP_FINDINGS)
		return;
	k = calloc(1, sizeof(*k));
	if (!k) {
		rp->failed = ENOMEM;
		return;
	}
	k->f = *f;
	k->vm = vm;
	k->slot = vm ? s2v_rp_slot_of(vm, f) : NULL;
	copy_backing_names(k);
	if (k->slot) {
		k->slot->findings++;
		if ((int)sev > k->slot->worst)
			k->slot->worst = (int)sev;
	}
	if (vm) {
		if (vm->latest)
			vm->latest->next = k;
		else
			vm->first = k;
		vm->latest = k;
	}
	rp->n_kept[sev]++;
	HASH_ADD(hh, rp->findings, f.id, sizeof(k->f.id), k);
}

void s2v_report_memslot(struct s2v_report *rp, const struct s2v_contract_row *r)
{
	struct s2v_rp_vm *vm = vm_of(rp, &r->vm);

	if (vm)
		s2v_rp_row(rp, vm, r);
}

static __u64 cost(const struct s2v_rp_reset *r)
{
	return r->r.unmap_ns + r->r.refault_ns;
}

/* A free entry, or the cheapest if r costs more than that; else NULL. */
static struct s2v_rp_reset *reset_entry(struct s2v_report *rp, const struct s2v_rp_reset *r)
{
	struct s2v_rp_reset *cheapest;

	if (!rp->reset)
		rp->reset = calloc(S2V_RP_RESETS, sizeof(*rp->reset));
	if (!rp->reset) {
		rp->failed = ENOMEM;
		return NULL;
	}
	if (rp->n_reset < S2V_RP_RESETS)
		return &rp->reset[rp->n_reset++];
	cheapest = rp->reset;
	for (__u32 i = 1; i < rp->n_reset; i++)
		if (cost(&rp->reset[i]) < cost(cheapest))
			cheapest = &rp->reset[i];
	return cost(r) > cost(cheapest) ? cheapest : NULL;
}

void s2v_report_reset(struct s2v_report *rp, const struct s2v_reset *r)
{
	struct s2v_rp_vm *vm = vm_of(rp, &r->vm);
	struct s2v_rp_reset kept = { .r = *r, .ran_at = r->time + r->unmap_ns }, *entry;
	struct two_bins t = bins_at(rp, vm, r->time);

	if (vm && vm->ran_at >= r->time)
		kept.ran_at = vm->ran_at;
	EACH_BIN(t, b)
	s2v_rp_add(&b->resets, 1);
	t = bins_at(rp, vm, kept.ran_at);
	EACH_BIN(t, b)
	s2v_rp_add(&b->refaults, r->refaults);
	if (vm) {
		s2v_rp_add(&vm->sum.resets, 1);
		s2v_rp_add(&vm->sum.refaults, r->refaults);
	}
	rp->n_resets++;
	rp->refaults += r->refaults;
	rp->reset_tax_ns += r->unmap_ns + r->refault_ns;
	rp->reset_avoidable_ns += r->avoidable_ns;
	entry = reset_entry(rp, &kept);
	if (entry)
		*entry = kept;
}

void s2v_report_reset_total(struct s2v_report *rp, const struct s2v_reset_total *t)
{
	struct s2v_rp_vm *vm = vm_of(rp, &t->vm);

	if (vm)
		vm->total = *t;
}
