// SPDX-License-Identifier: BSD-2-Clause
#include <stdlib.h>
#include <string.h>

#include "daemon/vms.h"

#define RANK_NS 60000000000ULL /* a series lasts at least this long */

static struct s2v_vm_stat *find_vm(struct s2v_vm_stats *s, const struct s2v_ev_hdr *ev)
{
	struct s2v_vm_stat *vm;

	HASH_FIND(hh, s->vms, &ev->vm, sizeof(ev->vm), vm);
	if (vm || !s2v_event_adds_vm(ev->type))
		return vm;
	vm = calloc(1, sizeof(*vm));
	if (!vm) {
		s->no_memory++;
		return NULL;
	}
	vm->id = vm->ref.id = ev->vm;
	vm->ref.pid = ev->tgid;
	vm->worst = -1;
	HASH_ADD(hh, s->vms, id, sizeof(vm->id), vm);
	return vm;
}

/* Adds a VM's counts since the last scrape to its own series or to `other`. */
static void update_series(struct s2v_vm_stats *s, struct s2v_vm_stat *vm, bool own)
{
	for (int c = 0; c < S2V_VM_COUNTS; c++) {
		__u64 *series = own ? &vm->own[c] : &s->other[c];

		*series += vm->n[c] - vm->settled[c];
		vm->settled[c] = vm->n[c];
	}
}

void s2v_vms_event(struct s2v_vm_stats *s, const struct s2v_ev_hdr *ev)
{
	const struct s2v_ev_reset *reset = (const void *)ev;
	const struct s2v_ev_page *page = (const void *)ev;
	struct s2v_vm_stat *vm;

	if (!ev->vm || ev->len < s2v_event_size(ev->type))
		return;
	vm = find_vm(s, ev);
	if (!vm)
		return;
	if (ev->type == S2V_EV_VM_NEW) {
		memcpy(vm->ref.comm, ((const struct s2v_ev_vm *)ev)->comm, sizeof(vm->ref.comm));
		vm->ref.comm[sizeof(vm->ref.comm) - 1] = 0;
	} else if (ev->type == S2V_EV_MAP && !page->err) {
		vm->n[S2V_VM_MAPS] += page->count;
	} else if (ev->type == S2V_EV_INIT && reset->ran && !reset->err) {
		vm->n[S2V_VM_RESETS]++;
	}
}

void s2v_vms_gone(struct s2v_vm_stats *s, const struct s2v_ev_hdr *ev)
{
	struct s2v_vm_stat *vm;

	if (ev->type != S2V_EV_VM_DEAD)
		return;
	vm = find_vm(s, ev);
	if (!vm)
		return;
	update_series(s, vm, false);
	HASH_DEL(s->vms, vm);
	free(vm);
}

void s2v_vms_finding(struct s2v_vm_stats *s, const struct s2v_finding *f)
{
	struct s2v_vm_stat *vm;

	if (f->update)
		return;
	HASH_FIND(hh, s->vms, &f->vm.id, sizeof(f->vm.id), vm);
	if (!vm)
		return;
	vm->n[S2V_VM_FINDINGS]++;
	if ((int)s2v_finding_severity(f) > vm->worst)
		vm->worst = (int)s2v_finding_severity(f);
}

static bool busier(const struct s2v_vm_stat *a, const struct s2v_vm_stat *b)
{
	if (a->worst != b->worst)
		return a->worst > b->worst;
	if (a->n[S2V_VM_FINDINGS] != b->n[S2V_VM_FINDINGS])
		return a->n[S2V_VM_FINDINGS] > b->n[S2V_VM_FINDINGS];
	if (a->n[S2V_VM_MAPS] != b->n[S2V_VM_MAPS])
		return a->n[S2V_VM_MAPS] > b->n[S2V_VM_MAPS];
	return a->id < b->id;
}

size_t s2v_vms_busiest(const struct s2v_vm_stats *s, const struct s2v_vm_stat **out, size_t max)
{
	size_t n = 0;

	if (!max)
		return 0;
	/* Insertion sort: max is small, and most VMs are less busy than the last one kept. */
	for (const struct s2v_vm_stat *vm = s->vms; vm; vm = vm->hh.next) {
		size_t at = n;

		if (n == max && !busier(vm, out[n - 1]))
			continue;
		if (n < max)
			n++;
		else
			at = n - 1;
		for (; at > 0 && busier(vm, out[at - 1]); at--)
			out[at] = out[at - 1];
		out[at] = vm;
	}
	return n;
}

/* A series lasts for RANK_NS, so that each scraper sees it. */
static bool must_keep_ranking(const struct s2v_vm_stats *s, __u64 now)
{
	unsigned int n = 0;

	for (const struct s2v_vm_stat *vm = s->vms; vm; vm = vm->hh.next)
		n += vm->labelled;
	return s->ranked && now - s->ranked < RANK_NS &&
	       (n >= s->labels || n == HASH_COUNT(s->vms));
}

void s2v_vms_rank(struct s2v_vm_stats *s, __u64 now)
{
	const struct s2v_vm_stat *top[100];
	bool keep = must_keep_ranking(s, now);
	size_t n = keep ? 0 : s2v_vms_busiest(s, top, s->labels < 100 ? s->labels : 100);

	if (!keep)
		s->ranked = now;
	for (struct s2v_vm_stat *vm = s->vms; vm; vm = vm->hh.next) {
		bool in = keep && vm->labelled;

		for (size_t i = 0; i < n && !in; i++)
			in = top[i] == vm;
		update_series(s, vm, in && vm->labelled);
		if (in && !vm->had_series)
			memcpy(vm->own, vm->n, sizeof(vm->own));
		vm->had_series |= in;
		vm->labelled = in;
	}
}

void s2v_vms_free(struct s2v_vm_stats *s)
{
	struct s2v_vm_stat *vm, *next;

	HASH_ITER(hh, s->vms, vm, next)
	{
		HASH_DEL(s->vms, vm);
		free(vm);
	}
}
