// SPDX-License-Identifier: BSD-2-Clause
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>

#include "figures.h"
#include "keep.h"
#include "keys.h"
#include "util.h"

/* A VM that the sink was told of. */
struct s2v_kept_vm {
	__u32 id;
	bool announced;
	UT_hash_handle hh;
};

/* Which entries of the aggregation map are meant. */
struct sweep {
	__u32 vm; /* 0: of all VMs */
	bool one_slot; /* of this memslot, registrations up to gen */
	__s16 slot;
	__u16 as_id;
	__u32 gen;
	bool gone; /* nothing is added to them any more: they are deleted, too */
};

static bool is_meant(const struct sweep *w, const struct s2v_agg_key *key)
{
	if (w->vm && key->vm != w->vm)
		return false;
	return !w->one_slot ||
	       (key->slot == w->slot && key->as_id == w->as_id && key->gen <= w->gen);
}

/* Tells what was counted and not yet told: the last word on each kind of mapping. 0 or -errno. */
static int sweep(struct s2v_live *l, const struct sweep *w)
{
	struct s2v_keys keys = s2v_keys_of(l->skel->maps.agg);
	struct s2v_agg_key key, next;
	struct s2v_agg_key *prev = NULL;
	struct s2v_agg a;
	int err;

	while ((err = s2v_next_key(&keys, prev, &next)) == 0) {
		if (is_meant(w, &next)) {
			if (!bpf_map_lookup_elem(keys.fd, &next, &a) && a.pending) {
				a.ev.flags &= ~(__u32)S2V_PG_FIRST;
				a.ev.count = a.pending;
				a.ev.gpa_last = a.gpa_last;
				l->fn(l->arg, &a.ev.h);
			}
			/* prev stays: what follows it is what followed the one deleted. */
			if (w->gone && !bpf_map_delete_elem(keys.fd, &next))
				continue;
		}
		key = next;
		prev = &key;
	}
	return err == -ENOENT ? 0 : err;
}

/* Deletes the memslots of a VM that is gone; 0: of all. */
static void forget_slots(struct s2v_live *l, __u32 vm)
{
	struct s2v_keys keys = s2v_keys_of(l->skel->maps.slots);
	struct s2v_slot_key key, next, *prev = NULL;

	while (s2v_next_key(&keys, prev, &next) == 0) {
		if ((!vm || next.vm == vm) && !bpf_map_delete_elem(keys.fd, &next))
			continue;
		key = next;
		prev = &key;
	}
}

int s2v_keep_tell_all(struct s2v_live *l)
{
	return sweep(l, &(struct sweep){ 0 });
}

static void on_end(struct s2v_live *l, const struct s2v_ev_hdr *ev)
{
	struct sweep w = { .vm = ev->vm, .gone = true };
	const struct s2v_ev_slot *slot = (const void *)ev;
	int err;

	if (ev->type == S2V_EV_SLOT) {
		if (slot->err || (slot->change != S2V_SLOT_DELETE && slot->change != S2V_SLOT_MOVE))
			return;
		w.one_slot = true;
		w.slot = slot->slot;
		w.as_id = slot->as_id;
		w.gen = slot->gen - (slot->change == S2V_SLOT_MOVE);
	}
	err = sweep(l, &w);
	if (!l->err) /* the first stays: what it left out does not come any more */
		l->err = err;
	if (ev->type == S2V_EV_VM_DEAD)
		forget_slots(l, ev->vm);
}

/* Keeps book of which VMs there are, as far as events tell. */
static void note_vm(struct s2v_live *l, const struct s2v_ev_hdr *ev)
{
	struct s2v_kept_vm *vm;

	if (!ev->vm)
		return;
	HASH_FIND_INT(l->vms, &ev->vm, vm);
	if (ev->type == S2V_EV_VM_DEAD) {
		if (vm)
			HASH_DEL(l->vms, vm);
		free(vm);
		return;
	}
	if (!vm) {
		vm = calloc(1, sizeof(*vm));
		if (!vm) {
			l->malformed++; /* lost, as far as this goes */
			return;
		}
		vm->id = ev->vm;
		HASH_ADD_INT(l->vms, id, vm);
	}
	vm->announced |= ev->type == S2V_EV_VM_NEW;
}

void s2v_keep_event(struct s2v_live *l, const struct s2v_ev_hdr *ev)
{
	if (ev->type == S2V_EV_VM_DEAD || ev->type == S2V_EV_SLOT)
		on_end(l, ev);
	note_vm(l, ev);
}

bool s2v_kept(const struct s2v_live *l, __u32 id)
{
	struct s2v_kept_vm *vm;

	HASH_FIND_INT(l->vms, &id, vm);
	return vm;
}

static int by_id(const void *x, const void *y)
{
	const struct s2v_listed_vm *a = x, *b = y;

	return a->id < b->id ? -1 : a->id > b->id;
}

int s2v_keep_list(struct s2v_live *l, struct s2v_vm_list *list)
{
	struct s2v_keys keys = s2v_keys_of(l->skel->maps.vms);
	struct s2v_listed_vm *p;
	__u64 key, *prev = NULL;
	struct s2v_vm_state st;
	unsigned int n = 0;
	int err;

	*list = (struct s2v_vm_list){ 0 };
	while ((err = s2v_next_key(&keys, prev, &key)) == 0) {
		prev = &key;
		if (bpf_map_lookup_elem(keys.fd, &key, &st))
			continue;
		p = reallocarray(list->vm, list->n + 1, sizeof(*p));
		if (!p)
			return -ENOMEM;
		list->vm = p;
		p[list->n++] = (struct s2v_listed_vm){ .id = st.id, .tgid = st.tgid };
	}
	if (list->n)
		qsort(list->vm, list->n, sizeof(*list->vm), by_id);
	/* One that is deleted while the map is read has it read again from its beginning. */
	for (unsigned int i = 0; i < list->n; i++)
		if (!n || list->vm[n - 1].id != list->vm[i].id)
			list->vm[n++] = list->vm[i];
	list->n = n;
	return err == -ENOENT ? 0 : err;
}

static void tell_vm(struct s2v_live *l, __u32 type, __u32 id, __u32 tgid)
{
	struct s2v_ev_vm ev = { .h = { .type = type,
				       .len = sizeof(ev),
				       .time = s2v_clock_ns(CLOCK_BOOTTIME),
				       .vm = id,
				       .tgid = tgid },
				.preexisting = type == S2V_EV_VM_NEW };
	char path[32];
	FILE *f;

	if (type == S2V_EV_VM_NEW) {
		snprintf(path, sizeof(path), "/proc/%u/comm", tgid);
		f = fopen(path, "re");
		/* Without a name, then: the process is of another PID namespace, or gone. */
		if (f && fgets(ev.comm, sizeof(ev.comm), f))
			ev.comm[strcspn(ev.comm, "\n")] = 0;
		if (f)
			fclose(f);
	}
	s2v_keep_event(l, &ev.h);
	l->fn(l->arg, &ev.h);
}

static const struct s2v_listed_vm *listed(const struct s2v_vm_list *list, __u32 id)
{
	const struct s2v_listed_vm key = { .id = id };

	return list->n ? bsearch(&key, list->vm, list->n, sizeof(key), by_id) : NULL;
}

/* Memslots and kinds of mappings of VMs of which not even a word came. */
static void forget_unlisted(struct s2v_live *l, const struct s2v_vm_list *list, __u32 last)
{
	struct s2v_keys slots = s2v_keys_of(l->skel->maps.slots),
			agg = s2v_keys_of(l->skel->maps.agg);
	struct s2v_slot_key sk, snext, *sprev = NULL;
	struct s2v_agg_key ak, anext, *aprev = NULL;

	while (s2v_next_key(&slots, sprev, &snext) == 0) {
		if (snext.vm <= last && !listed(list, snext.vm) &&
		    !bpf_map_delete_elem(slots.fd, &snext))
			continue;
		sk = snext;
		sprev = &sk;
	}
	while (s2v_next_key(&agg, aprev, &anext) == 0) {
		if (anext.vm <= last && !listed(list, anext.vm) &&
		    !bpf_map_delete_elem(agg.fd, &anext))
			continue;
		ak = anext;
		aprev = &ak;
	}
}

int s2v_keep_order(struct s2v_live *l, const struct s2v_vm_list *list, __u32 last)
{
	struct s2v_kept_vm *vm, *next;
	__u64 lost;
	int err = s2v_live_lost(l, &lost);

	if (err || lost == l->lost)
		return err;
	HASH_ITER(hh, l->vms, vm, next)
	{
		if (vm->id <= last && !listed(list, vm->id))
			tell_vm(l, S2V_EV_VM_DEAD, vm->id, 0);
	}
	forget_unlisted(l, list, last);
	for (unsigned int i = 0; i < list->n; i++) {
		HASH_FIND_INT(l->vms, &list->vm[i].id, vm);
		if (!vm || !vm->announced)
			tell_vm(l, S2V_EV_VM_NEW, list->vm[i].id, list->vm[i].tgid);
	}
	l->lost = lost;
	return l->err ? l->err : 1;
}

int s2v_keep_forget(struct s2v_live *l)
{
	struct s2v_keys keys = s2v_keys_of(l->skel->maps.vms);
	struct s2v_kept_vm *vm, *next;
	int err;
	__u64 key;

	err = sweep(l, &(struct sweep){ .gone = true });
	HASH_ITER(hh, l->vms, vm, next)
	tell_vm(l, S2V_EV_VM_DEAD, vm->id, 0);
	forget_slots(l, 0);
	while (s2v_next_key(&keys, NULL, &key) == 0)
		if (bpf_map_delete_elem(keys.fd, &key) && errno != ENOENT) /* gone by itself */
			return -errno;
	return err ? err : l->err;
}

void s2v_keep_free(struct s2v_live *l)
{
	struct s2v_kept_vm *vm, *next;

	HASH_ITER(hh, l->vms, vm, next)
	{
		HASH_DEL(l->vms, vm);
		free(vm);
	}
}
