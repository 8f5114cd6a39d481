// SPDX-License-Identifier: BSD-2-Clause
#include <stdlib.h>
#include <string.h>
#include <uthash.h>

#include "live/kinds.h"

/* The fields of struct s2v_agg_key except VM and memslot. */
struct kind {
	__u64 vma_start;
	__u32 gen;
	__s32 err;
	__u8 type, vma_flags, s1, pte, s2, pg_flags;
};

struct slot {
	struct {
		__s16 slot;
		__u16 as_id;
	} key;
	bool kept; /* the BPF side has its registration */
	__u32 n, cap;
	struct kind *kind;
	UT_hash_handle hh;
};

struct s2v_kinds_vm {
	__u32 id;
	struct slot *slots; /* hash */
	UT_hash_handle hh;
};

static struct s2v_kinds_vm *vm_of(const struct s2v_kinds *x, __u32 id)
{
	struct s2v_kinds_vm *vm;

	HASH_FIND(hh, x->vms, &id, sizeof(id), vm);
	return vm;
}

static struct slot *slot_of(const struct s2v_kinds_vm *vm, __s16 id, __u16 as_id)
{
	struct slot *s, like = { .key = { .slot = id, .as_id = as_id } };

	HASH_FIND(hh, vm->slots, &like.key, sizeof(like.key), s);
	return s;
}

/* NULL: out of memory. */
static struct slot *slot_get_or_add(struct s2v_kinds *x, __u32 id, __s16 slot, __u16 as_id)
{
	struct s2v_kinds_vm *vm = vm_of(x, id);
	struct slot *s;

	if (!vm) {
		vm = calloc(1, sizeof(*vm));
		if (!vm)
			return NULL;
		vm->id = id;
		HASH_ADD(hh, x->vms, id, sizeof(vm->id), vm);
	}
	s = slot_of(vm, slot, as_id);
	if (s)
		return s;
	s = calloc(1, sizeof(*s));
	if (!s)
		return NULL;
	s->key.slot = slot;
	s->key.as_id = as_id;
	HASH_ADD(hh, vm->slots, key, sizeof(s->key), s);
	return s;
}

void s2v_kinds_slot(struct s2v_kinds *x, const struct s2v_slot_key *key)
{
	struct slot *s = slot_get_or_add(x, key->vm, key->slot, key->as_id);

	if (s)
		s->kept = true;
	else
		x->no_memory = true;
}

void s2v_kinds_add(struct s2v_kinds *x, const struct s2v_agg_key *key)
{
	struct slot *s = slot_get_or_add(x, key->vm, key->slot, key->as_id);
	struct kind *k;

	if (s && s->n == s->cap) {
		__u32 cap = s->cap ? 2 * s->cap : 1;

		k = reallocarray(s->kind, cap, sizeof(*k));
		if (k) {
			s->kind = k;
			s->cap = cap;
		}
	}
	if (!s || s->n == s->cap) {
		x->no_memory = true;
		return;
	}
	s->kind[s->n++] = (struct kind){ .vma_start = key->vma_start,
					 .gen = key->gen,
					 .err = key->err,
					 .type = (__u8)key->type,
					 .vma_flags = (__u8)key->vma_flags,
					 .s1 = key->s1,
					 .pte = key->pte,
					 .s2 = key->s2,
					 .pg_flags = key->pg_flags };
}

void s2v_kinds_page(struct s2v_kinds *x, const struct s2v_ev_page *ev)
{
	struct s2v_agg_key key;

	if (!(ev->flags & S2V_PG_FIRST))
		return;
	s2v_agg_key_of(&key, ev);
	s2v_kinds_add(x, &key);
}

static void emit_kind(const struct s2v_kinds_fn *fn, __u32 vm, const struct slot *s,
		      const struct kind *k)
{
	const struct s2v_agg_key key = { .type = k->type,
					 .vm = vm,
					 .slot = s->key.slot,
					 .as_id = s->key.as_id,
					 .gen = k->gen,
					 .vma_start = k->vma_start,
					 .err = k->err,
					 .vma_flags = k->vma_flags,
					 .s1 = k->s1,
					 .pte = k->pte,
					 .s2 = k->s2,
					 .pg_flags = k->pg_flags };

	fn->kind(fn->arg, &key);
}

static void slot_free(struct s2v_kinds_vm *vm, struct slot *s)
{
	HASH_DEL(vm->slots, s);
	free(s->kind);
	free(s);
}

static void vm_free(struct s2v_kinds *x, struct s2v_kinds_vm *vm)
{
	HASH_DEL(x->vms, vm);
	free(vm);
}

static void end_vm(struct s2v_kinds *x, struct s2v_kinds_vm *vm, const struct s2v_kinds_fn *fn)
{
	struct slot *s, *next;

	HASH_ITER(hh, vm->slots, s, next)
	{
		const struct s2v_slot_key key = { .vm = vm->id,
						  .slot = s->key.slot,
						  .as_id = s->key.as_id };

		for (__u32 i = 0; fn && i < s->n; i++)
			emit_kind(fn, vm->id, s, &s->kind[i]);
		if (fn && s->kept)
			fn->slot(fn->arg, &key);
		slot_free(vm, s);
	}
	vm_free(x, vm);
}

void s2v_kinds_end(struct s2v_kinds *x, const struct s2v_kinds_end *end,
		   const struct s2v_kinds_fn *fn)
{
	struct s2v_kinds_vm *vm = vm_of(x, end->vm);
	struct slot *s;
	__u32 n = 0;

	if (!vm)
		return;
	if (end->all) {
		end_vm(x, vm, fn);
		return;
	}
	s = slot_of(vm, end->slot, end->as_id);
	if (!s)
		return;
	for (__u32 i = 0; i < s->n; i++) {
		if (s->kind[i].gen > end->gen)
			s->kind[n++] = s->kind[i];
		else
			emit_kind(fn, vm->id, s, &s->kind[i]);
	}
	s->n = n;
	if (!n)
		slot_free(vm, s); /* after a move, s2v_kinds_slot() adds it again */
	if (!vm->slots)
		vm_free(x, vm);
}

void s2v_kinds_free(struct s2v_kinds *x)
{
	struct s2v_kinds_vm *vm, *next;

	HASH_ITER(hh, x->vms, vm, next)
	end_vm(x, vm, NULL);
	x->no_memory = false;
}
