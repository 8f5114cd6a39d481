// SPDX-License-Identifier: BSD-2-Clause
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>

#include "live/figures.h"
#include "live/keep.h"
#include "live/keys.h"
#include "util/util.h"

/* A VM that was reported to the sink. */
struct s2v_kept_vm {
	__u32 id;
	bool announced;
	UT_hash_handle hh;
};

/* Reports what was counted of a kind since its last event. */
static void report_pending(struct s2v_live *l, struct s2v_agg *a)
{
	if (!a->pending)
		return;
	a->ev.h.time = a->last;
	a->ev.flags &= ~(__u32)S2V_PG_FIRST;
	a->ev.count = a->pending;
	a->ev.bytes = a->bytes;
	a->ev.gpa_last = a->gpa_last;
	a->ev.gpa_low = a->gpa_low;
	a->ev.gpa_end = a->gpa_end;
	l->fn(l->arg, &a->ev.h);
}

/* Deletes an element and releases its process's share. 0 or -errno. */
static int delete_and_release(struct s2v_live *l, int fd, const void *key, enum s2v_shared what,
			      __u32 tgid)
{
	int err = bpf_map_delete_elem(fd, key);

	if (!err)
		s2v_share_give(&l->skel->bss->shares, what, tgid);
	return err;
}

/* report: reports what is pending first. 0 or -errno. */
static int delete_kind(struct s2v_live *l, const struct s2v_agg_key *key, bool report)
{
	int fd = bpf_map__fd(l->skel->maps.agg), err;
	struct s2v_agg a;

	err = bpf_map_lookup_elem(fd, key, &a);
	if (err)
		return err;
	if (report)
		report_pending(l, &a);
	return delete_and_release(l, fd, key, S2V_SHARED_KINDS, a.ev.h.tgid);
}

static int delete_memslot(struct s2v_live *l, const struct s2v_slot_key *key)
{
	int fd = bpf_map__fd(l->skel->maps.slots), err;
	struct s2v_slot_state st;

	err = bpf_map_lookup_elem(fd, key, &st);
	return err ? err : delete_and_release(l, fd, key, S2V_SHARED_SLOTS, st.tgid);
}

static void delete_slot(void *arg, const struct s2v_slot_key *key)
{
	delete_memslot(arg, key);
}

static void report_and_delete_kind(void *arg, const struct s2v_agg_key *key)
{
	delete_kind(arg, key, true);
}

static void drop_kind(void *arg, const struct s2v_agg_key *key)
{
	delete_kind(arg, key, false);
}

/* ---- every key of the maps: at the end, and after losses ---- */

/* Reports what is pending of all kinds. delete_all: and deletes them; the BPF side must be idle. 0 or -errno. */
static int sweep(struct s2v_live *l, bool delete_all)
{
	struct s2v_keys keys = s2v_keys_of(l->skel->maps.agg);
	struct s2v_agg_key key, next, *prev = NULL;
	struct s2v_agg a;
	int err;

	while ((err = s2v_next_key(&keys, prev, &next)) == 0) {
		/* Keep prev: its successor is now the successor of the deleted key. */
		if (delete_all && !delete_kind(l, &next, true))
			continue;
		if (!delete_all && !bpf_map_lookup_elem(keys.fd, &next, &a))
			report_pending(l, &a);
		key = next;
		prev = &key;
	}
	return err == -ENOENT ? 0 : err;
}

static void forget_slots(struct s2v_live *l)
{
	struct s2v_keys keys = s2v_keys_of(l->skel->maps.slots);
	struct s2v_slot_key key, next, *prev = NULL;

	while (s2v_next_key(&keys, prev, &next) == 0) {
		if (!delete_memslot(l, &next))
			continue;
		key = next;
		prev = &key;
	}
}

/* Rebuilds l->kinds from the BPF maps. 0 or -errno. */
static int read_kinds(struct s2v_live *l)
{
	struct s2v_keys slots = s2v_keys_of(l->skel->maps.slots),
			agg = s2v_keys_of(l->skel->maps.agg);
	struct s2v_slot_key sk, *sprev = NULL;
	struct s2v_agg_key ak, *aprev = NULL;
	int err;

	s2v_kinds_free(&l->kinds);
	while ((err = s2v_next_key(&slots, sprev, &sk)) == 0) {
		s2v_kinds_slot(&l->kinds, &sk);
		sprev = &sk;
	}
	if (err != -ENOENT)
		return err;
	while ((err = s2v_next_key(&agg, aprev, &ak)) == 0) {
		s2v_kinds_add(&l->kinds, &ak);
		aprev = &ak;
	}
	return err != -ENOENT ? err : l->kinds.no_memory ? -ENOMEM : 0;
}

/* ---- l->kinds, which is complete unless events were lost ---- */

/* Lost events, any of which may have begun a kind. The count is updated before a later end is reported. */
static __u64 lost_events(const struct s2v_live *l)
{
	return *(volatile __u64 *)&l->skel->bss->lost_events + l->malformed;
}

/* While events are lost, l->kinds is read again and again, with pauses of 4 times the duration of a reading. */
#define REREAD_PAUSE_FACTOR 4

/*
 * Reads l->kinds again if events were lost or memory ran out. 0, -errno, or 1: not before kinds_read_after. Until then
 * ends are queued in queued_ends; kinds that were not known when they ended are deleted without a report.
 */
static int refresh_kinds(struct s2v_live *l, bool at_once)
{
	const struct s2v_kinds_fn quiet = { drop_kind, delete_slot, l };
	__u64 lost = lost_events(l), now, done;
	int err;

	if (lost == l->kinds_read_lost && !l->kinds.no_memory && !l->n_queued_ends)
		return 0;
	now = s2v_clock_ns(CLOCK_MONOTONIC);
	if (!at_once && now < l->kinds_read_after)
		return 1;
	err = read_kinds(l);
	if (err)
		return err;
	for (size_t i = 0; i < l->n_queued_ends; i++)
		s2v_kinds_end(&l->kinds, &l->queued_ends[i], &quiet);
	l->n_queued_ends = 0;
	l->kinds_read_lost = lost;
	done = s2v_clock_ns(CLOCK_MONOTONIC);
	l->kinds_read_after = done + REREAD_PAUSE_FACTOR * (done - now);
	return 0;
}

static int queue_end(struct s2v_live *l, const struct s2v_kinds_end *end)
{
	struct s2v_kinds_end *p;

	if (l->n_queued_ends == l->cap_queued_ends) {
		size_t cap = l->cap_queued_ends ? 2 * l->cap_queued_ends : 64;

		p = reallocarray(l->queued_ends, cap, sizeof(*p));
		if (!p)
			return -ENOMEM;
		l->queued_ends = p;
		l->cap_queued_ends = cap;
	}
	l->queued_ends[l->n_queued_ends++] = *end;
	return 0;
}

int s2v_keep_report_all(struct s2v_live *l)
{
	int err = refresh_kinds(l, true);

	return err ? err : sweep(l, false);
}

int s2v_keep_refresh(struct s2v_live *l)
{
	return refresh_kinds(l, false);
}

static void on_end(struct s2v_live *l, const struct s2v_kinds_end *end)
{
	const struct s2v_kinds_fn fn = { report_and_delete_kind, delete_slot, l };
	int err = refresh_kinds(l, false);

	s2v_kinds_end(&l->kinds, end, &fn);
	if (err > 0)
		err = queue_end(l, end);
	if (!l->err) /* the first error stays: what it left out is missing for good */
		l->err = err;
}

static void on_slot(struct s2v_live *l, const struct s2v_ev_slot *ev)
{
	const struct s2v_slot_key key = { .vm = ev->h.vm, .slot = ev->slot, .as_id = ev->as_id };
	struct s2v_kinds_end end = {
		.vm = ev->h.vm, .slot = ev->slot, .as_id = ev->as_id, .gen = ev->gen
	};

	if (ev->err)
		return;
	if (ev->change == S2V_SLOT_MOVE)
		end.gen--;
	if (ev->change == S2V_SLOT_DELETE || ev->change == S2V_SLOT_MOVE)
		on_end(l, &end);
	if (ev->change == S2V_SLOT_CREATE || ev->change == S2V_SLOT_MOVE)
		s2v_kinds_slot(&l->kinds, &key);
}

bool s2v_keep_found(struct s2v_live *l, const struct s2v_slot_key *key)
{
	if (s2v_keep_has_vm(l, key->vm)) {
		s2v_kinds_slot(&l->kinds, key);
		return true;
	}
	delete_slot(l, key);
	return false;
}

/* Updates l->vms by an event. */
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
			l->malformed++; /* counts as a lost event */
			return;
		}
		vm->id = ev->vm;
		HASH_ADD_INT(l->vms, id, vm);
	}
	vm->announced |= ev->type == S2V_EV_VM_NEW;
}

void s2v_keep_event(struct s2v_live *l, const struct s2v_ev_hdr *ev)
{
	switch (ev->type) {
	case S2V_EV_VM_DEAD:
		on_end(l, &(struct s2v_kinds_end){ .vm = ev->vm, .all = true });
		s2v_live_unread_end(l, ev->vm);
		break;
	case S2V_EV_SLOT:
		on_slot(l, (const void *)ev);
		break;
	case S2V_EV_MAP:
	case S2V_EV_PERM:
	case S2V_EV_FAULT:
		s2v_kinds_page(&l->kinds, (const void *)ev);
		break;
	}
	note_vm(l, ev);
}

bool s2v_keep_has_vm(const struct s2v_live *l, __u32 id)
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
	/* If a key is deleted while the map is read, reading starts again: drop duplicates. */
	for (unsigned int i = 0; i < list->n; i++)
		if (!n || list->vm[n - 1].id != list->vm[i].id)
			list->vm[n++] = list->vm[i];
	list->n = n;
	return err == -ENOENT ? 0 : err;
}

static void report_vm(struct s2v_live *l, __u32 type, __u32 id, __u32 tgid)
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
		/* No name if the process is gone or in another PID namespace. */
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

/* Deletes memslots and kinds of VMs that are not listed, also of those that no event reported. */
static void forget_unlisted(struct s2v_live *l, const struct s2v_vm_list *list, __u32 last)
{
	struct s2v_keys slots = s2v_keys_of(l->skel->maps.slots),
			agg = s2v_keys_of(l->skel->maps.agg);
	struct s2v_slot_key sk, snext, *sprev = NULL;
	struct s2v_agg_key ak, anext, *aprev = NULL;

	while (s2v_next_key(&slots, sprev, &snext) == 0) {
		if (snext.vm <= last && !listed(list, snext.vm) && !delete_memslot(l, &snext))
			continue;
		sk = snext;
		sprev = &sk;
	}
	while (s2v_next_key(&agg, aprev, &anext) == 0) {
		if (anext.vm <= last && !listed(list, anext.vm) && !delete_kind(l, &anext, false))
			continue;
		ak = anext;
		aprev = &ak;
	}
}

int s2v_keep_reconcile(struct s2v_live *l, const struct s2v_vm_list *list, __u32 last)
{
	struct s2v_kept_vm *vm, *next;
	__u64 lost;
	int err = s2v_live_lost(l, &lost);

	if (err || lost == l->lost)
		return err;
	err = refresh_kinds(l, true);
	if (err)
		return err;
	HASH_ITER(hh, l->vms, vm, next)
	{
		if (vm->id <= last && !listed(list, vm->id))
			report_vm(l, S2V_EV_VM_DEAD, vm->id, 0);
	}
	forget_unlisted(l, list, last);
	for (unsigned int i = 0; i < list->n; i++) {
		HASH_FIND_INT(l->vms, &list->vm[i].id, vm);
		if (!vm || !vm->announced)
			report_vm(l, S2V_EV_VM_NEW, list->vm[i].id, list->vm[i].tgid);
	}
	l->lost = lost;
	err = read_kinds(l);
	return l->err ? l->err : err ? err : 1;
}

int s2v_keep_forget(struct s2v_live *l)
{
	struct s2v_keys keys = s2v_keys_of(l->skel->maps.vms);
	struct s2v_kept_vm *vm, *next;
	int err;
	__u64 key;

	err = sweep(l, true);
	s2v_kinds_free(&l->kinds);
	l->n_queued_ends = 0;
	HASH_ITER(hh, l->vms, vm, next)
	report_vm(l, S2V_EV_VM_DEAD, vm->id, 0);
	forget_slots(l);
	while (s2v_next_key(&keys, NULL, &key) == 0)
		if (bpf_map_delete_elem(keys.fd, &key) && errno != ENOENT) /* ended by now */
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
	s2v_kinds_free(&l->kinds);
	free(l->queued_ends);
}
