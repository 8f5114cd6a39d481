// SPDX-License-Identifier: BSD-2-Clause
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>

#include "live/figures.h"
#include "live/keep.h"
#include "live/keys.h"
#include "util/util.h"

/* A VM that the sink was told of. */
struct s2v_kept_vm {
	__u32 id;
	bool announced;
	UT_hash_handle hh;
};

/* What was counted of a kind and not yet told: the last word on it. */
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

/* Deletes an element that was read, and gives back the share of its process. 0 or -errno. */
static int delete_of(struct s2v_live *l, int fd, const void *key, enum s2v_shared what, __u32 tgid)
{
	int err = bpf_map_delete_elem(fd, key);

	if (!err)
		s2v_share_give(&l->skel->bss->shares, what, tgid);
	return err;
}

/* tell: after the last word on it. 0 or -errno. */
static int delete_kind(struct s2v_live *l, const struct s2v_agg_key *key, bool tell)
{
	int fd = bpf_map__fd(l->skel->maps.agg), err;
	struct s2v_agg a;

	err = bpf_map_lookup_elem(fd, key, &a);
	if (err)
		return err;
	if (tell)
		report_pending(l, &a);
	return delete_of(l, fd, key, S2V_SHARED_KINDS, a.ev.h.tgid);
}

static int delete_memslot(struct s2v_live *l, const struct s2v_slot_key *key)
{
	int fd = bpf_map__fd(l->skel->maps.slots), err;
	struct s2v_slot_state st;

	err = bpf_map_lookup_elem(fd, key, &st);
	return err ? err : delete_of(l, fd, key, S2V_SHARED_SLOTS, st.tgid);
}

static void delete_slot(void *arg, const struct s2v_slot_key *key)
{
	delete_memslot(arg, key);
}

static void last_word(void *arg, const struct s2v_agg_key *key)
{
	delete_kind(arg, key, true);
}

static void no_word(void *arg, const struct s2v_agg_key *key)
{
	delete_kind(arg, key, false);
}

/* ---- every key of the maps: at the end, and after losses ---- */

/* Tells what is pending of all kinds, and deletes them if nothing is added to them any more. 0 or -errno. */
static int sweep(struct s2v_live *l, bool gone)
{
	struct s2v_keys keys = s2v_keys_of(l->skel->maps.agg);
	struct s2v_agg_key key, next, *prev = NULL;
	struct s2v_agg a;
	int err;

	while ((err = s2v_next_key(&keys, prev, &next)) == 0) {
		/* prev stays: what follows it is what followed the one deleted. */
		if (gone && !delete_kind(l, &next, true))
			continue;
		if (!gone && !bpf_map_lookup_elem(keys.fd, &next, &a))
			report_pending(l, &a);
		key = next;
		prev = &key;
	}
	return err == -ENOENT ? 0 : err;
}

/* Deletes all memslots. */
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

/* What there is, out of the maps themselves. 0 or -errno. */
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
	return err != -ENOENT ? err : l->kinds.short_of ? -ENOMEM : 0;
}

/* ---- what is known of kinds, which is all unless events were lost ---- */

/* Events that were lost: one of them may have told of a kind. It was counted before what ends was told of. */
static __u64 lost_events(const struct s2v_live *l)
{
	return *(volatile __u64 *)&l->skel->bss->lost_events + l->malformed;
}

/*
 * While events go on being lost, what is known is read anew again and again, for at most a fifth of the time. What ends in between
 * is remembered; its last word is lost, like the event that told of it.
 */
#define REST_OF_READING 4

static int know_kinds(struct s2v_live *l, bool at_once)
{
	const struct s2v_kinds_fn quiet = { no_word, delete_slot, l };
	__u64 lost = lost_events(l), now;
	int err;

	if (lost == l->kinds_lost && !l->kinds.short_of && !l->n_owed)
		return 0;
	now = s2v_clock_ns(CLOCK_MONOTONIC);
	if (!at_once && now < l->kinds_rest)
		return 1;
	err = read_kinds(l);
	if (err)
		return err;
	for (size_t i = 0; i < l->n_owed; i++)
		s2v_kinds_end(&l->kinds, &l->owed[i], &quiet);
	l->n_owed = 0;
	l->kinds_lost = lost;
	lost = s2v_clock_ns(CLOCK_MONOTONIC);
	l->kinds_rest = lost + REST_OF_READING * (lost - now);
	return 0;
}

static int owe(struct s2v_live *l, const struct s2v_kinds_end *end)
{
	struct s2v_kinds_end *p;

	if (l->n_owed == l->cap_owed) {
		size_t cap = l->cap_owed ? 2 * l->cap_owed : 64;

		p = reallocarray(l->owed, cap, sizeof(*p));
		if (!p)
			return -ENOMEM;
		l->owed = p;
		l->cap_owed = cap;
	}
	l->owed[l->n_owed++] = *end;
	return 0;
}

int s2v_keep_report_all(struct s2v_live *l)
{
	int err = know_kinds(l, true);

	return err ? err : sweep(l, false);
}

int s2v_keep_know(struct s2v_live *l)
{
	return know_kinds(l, false);
}

static void on_end(struct s2v_live *l, const struct s2v_kinds_end *end)
{
	const struct s2v_kinds_fn fn = { last_word, delete_slot, l };
	int err = know_kinds(l, false);

	s2v_kinds_end(&l->kinds, end, &fn);
	if (err > 0)
		err = owe(l, end);
	if (!l->err) /* the first stays: what it left out does not come any more */
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
	if (s2v_kept(l, key->vm)) {
		s2v_kinds_slot(&l->kinds, key);
		return true;
	}
	delete_slot(l, key);
	return false;
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

int s2v_keep_order(struct s2v_live *l, const struct s2v_vm_list *list, __u32 last)
{
	struct s2v_kept_vm *vm, *next;
	__u64 lost;
	int err = s2v_live_lost(l, &lost);

	if (err || lost == l->lost)
		return err;
	err = know_kinds(l, true);
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
	l->n_owed = 0;
	HASH_ITER(hh, l->vms, vm, next)
	report_vm(l, S2V_EV_VM_DEAD, vm->id, 0);
	forget_slots(l);
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
	s2v_kinds_free(&l->kinds);
	free(l->owed);
}
