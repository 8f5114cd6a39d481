// SPDX-License-Identifier: BSD-2-Clause
/* Applies rules and keeps findings: equal ones become one, reported when it is new and again with new totals. */
#include <stdlib.h>
#include <string.h>

#include "core/correlate_private.h"

/* finding_key.gpa of all ranges beyond S2V_FINDINGS_MOST; no range begins at 1. */
#define FURTHER_RANGES 1

static enum s2v_attr_source s1_source(const struct s2v_vma *v)
{
	if (v->flags & S2V_VMA_GMEM)
		return S2V_SRC_GMEM;
	if (v->pte_attr != S2V_ATTR_NONE)
		return S2V_SRC_PTE;
	return v->attr != S2V_ATTR_NONE ? S2V_SRC_VMA : S2V_SRC_NONE;
}

/*
 * Extent of an occurrence: [*low, *end) and bytes. An event that stands for many spans gpa to gpa_last,
 * unless it has gpa_low and gpa_end. False: the end overflows.
 */
static bool extent(const struct s2v_occurrence *occ, __u64 count, __u64 *low, __u64 *end,
		   __u64 *bytes)
{
	__u64 last = occ->page ? occ->page->gpa_last : occ->gpa,
	      high = occ->gpa < last ? last : occ->gpa;

	*low = occ->gpa < last ? occ->gpa : last;
	*end = high + occ->size;
	if (*end < high)
		return false;
	if (occ->bytes) {
		*low = occ->low;
		*end = occ->end;
		*bytes = occ->bytes;
		return true;
	}
	if (!occ->page) /* an audit: count is leaves, size covers them all */
		count = 1;
	if (__builtin_mul_overflow(occ->size, count, bytes))
		*bytes = ~0ULL;
	if (!occ->page || !occ->page->gpa_end)
		return true;
	if (occ->page->gpa_low < *low)
		*low = occ->page->gpa_low;
	if (occ->page->gpa_end > *end)
		*end = occ->page->gpa_end;
	*bytes = occ->page->bytes;
	return true;
}

/* Adds `count` occurrences to the extent of a finding. */
static void extend(struct s2v_finding *f, const struct s2v_occurrence *occ, __u64 count)
{
	__u64 low, end, bytes, span;

	if (!occ->slot || !extent(occ, count, &low, &end, &bytes))
		return;
	if (!f->gpa_end || low < f->gpa_low)
		f->gpa_low = low;
	if (end > f->gpa_end)
		f->gpa_end = end;
	span = f->gpa_end - f->gpa_low;
	if (__builtin_add_overflow(f->bytes, bytes, &f->bytes) || f->bytes > span)
		f->bytes = span;
}

/* Describes an occurrence in *f, which holds nothing yet but its id, time and the like. */
static void fill_finding(const struct s2v_vm *vm, const struct s2v_rule *rule,
			 const struct s2v_rule_in *in, const struct s2v_occurrence *occ,
			 struct s2v_finding *f)
{
	f->rule = rule;
	f->vm = vm->ref;
	f->vcpu = occ->page ? occ->page->vcpu : occ->vcpu;
	rule->why(in, f->explain, sizeof(f->explain));
	if (!occ->slot) {
		f->slot.id = S2V_NO_SLOT;
		f->pa = S2V_NO_PA;
		return;
	}
	f->slot.id = occ->slot->key.id;
	f->slot.gpa = occ->slot->gpa;
	f->slot.size = occ->slot->size;
	f->slot.hva = occ->slot->hva;
	f->has_page = true;
	f->gpa = f->gpa_last = occ->gpa;
	f->size = occ->size;
	f->hva = occ->hva;
	f->pa = occ->pa;
	f->s1 = s2v_vma_s1(in->vma);
	f->s1_source = s1_source(in->vma);
	if (in->vma->attr != f->s1)
		f->s1_vma = in->vma->attr;
	f->s2 = in->s2;
	if (in->s2 != S2V_ATTR_NONE)
		f->s2_source = in->on == S2V_ON_LEAF || in->on == S2V_ON_GUEST ||
					       (occ->page && occ->page->h.type == S2V_EV_PERM)
				       ? S2V_SRC_LEAF
				       : S2V_SRC_PROT;
	f->guest = in->guest;
	f->guest_va = in->guest_va;
	f->guest_alias = in->guest_alias;
	f->err = in->err;
	if (in->err)
		f->at = in->on == S2V_ON_FAULT ? "fault" : "memslot";
}

/*
 * Returns whether a hook (in the same registration of the memslot) or an earlier audit already found
 * this range. Then only the number of leaves is updated.
 */
static bool is_known_leaf(struct s2v_correlator *c, const struct s2v_vm *vm,
			  const struct s2v_finding_key *range, struct s2v_open_finding *o,
			  __u64 count)
{
	struct s2v_finding_key key = *range;
	struct s2v_open_finding *hooked;

	key.gpa = 0;
	HASH_FIND(hh, vm->findings, &key, sizeof(key), hooked);
	if (hooked && !hooked->leaf)
		return true;
	if (!o || o->audit == c->n_audits)
		return false;
	o->audit = c->n_audits;
	o->changed |= o->f.count != count;
	c->changed |= o->changed;
	o->f.count = count;
	return true;
}

/* An occurrence with totals of its own replaces those of the finding, and what it describes. */
static void replace_totals(struct s2v_correlator *c, const struct s2v_vm *vm,
			   struct s2v_open_finding *o, const struct s2v_rule_in *in,
			   const struct s2v_occurrence *occ)
{
	const struct s2v_finding was = o->f;
	struct s2v_finding *f = &o->f;

	o->audit = c->n_audits;
	*f = (struct s2v_finding){ .id = was.id,
				   .time = was.time,
				   .update = was.update,
				   .mild = was.mild,
				   .count = occ->count };
	fill_finding(vm, was.rule, in, occ, f);
	extend(f, occ, occ->count);
	/* The first range may be another one, and be reached by another address: that is no news. */
	if (f->count == was.count && f->bytes == was.bytes && f->gpa_low == was.gpa_low &&
	    f->gpa_end == was.gpa_end && f->guest == was.guest && f->guest_alias == was.guest_alias)
		*f = was;
	else
		o->changed = c->changed = true;
}

/* Makes a finding, and reports it. */
static void new_finding(struct s2v_correlator *c, struct s2v_vm *vm, const struct s2v_rule *rule,
			const struct s2v_rule_in *in, const struct s2v_occurrence *occ,
			const struct s2v_finding_key *key, __u64 count)
{
	struct s2v_open_finding *o = calloc(1, sizeof(*o));

	if (!o) {
		c->no_memory++;
		return;
	}
	count += !count; /* 0: its first event made another finding, or none */
	o->key = *key;
	o->leaf = in->on == S2V_ON_LEAF;
	o->audit = c->n_audits;
	HASH_ADD(hh, vm->findings, key, sizeof(o->key), o);
	if (occ->slot)
		occ->slot->findings++;
	o->f.mild = key->mild;
	o->f.id = ++c->next_finding;
	o->f.time = s2v_realtime(c, occ->h->time);
	fill_finding(vm, rule, in, occ, &o->f);
	o->f.count = count;
	if (occ->page)
		o->f.gpa_last = occ->page->gpa_last;
	extend(&o->f, occ, count);
	c->findings[s2v_finding_severity(&o->f)]++;
	if (c->o.sink->finding)
		c->o.sink->finding(c->o.sink, &o->f);
}

void s2v_add_finding(struct s2v_correlator *c, struct s2v_vm *vm, const struct s2v_rule *rule,
		     const struct s2v_rule_in *in, const struct s2v_occurrence *occ)
{
	struct s2v_finding_key key;
	struct s2v_open_finding *o;
	__u64 count = occ->page ? occ->page->count : occ->count ? occ->count : 1;

	memset(&key, 0, sizeof(key));
	key.slot = S2V_NO_SLOT;
	if (occ->slot) {
		key.gen = occ->slot->gen;
		key.slot = occ->slot->key.id;
		key.as_id = occ->slot->key.as_id;
	}
	key.err = in->err;
	key.rule = rule->id;
	key.on = in->err ? (__u8)in->on : 0;
	key.mild = rule->is_mild && rule->is_mild(in);
	if (in->on == S2V_ON_LEAF)
		key.gpa = occ->gpa;
	HASH_FIND(hh, vm->findings, &key, sizeof(key), o);
	if (in->on == S2V_ON_LEAF && is_known_leaf(c, vm, &key, o, count))
		return;
	if (!o && in->on == S2V_ON_LEAF && HASH_COUNT(vm->findings) >= S2V_FINDINGS_MOST) {
		key.gpa = FURTHER_RANGES;
		HASH_FIND(hh, vm->findings, &key, sizeof(key), o);
		if (o && o->audit != c->n_audits)
			o->f.count = 0;
		if (o)
			o->audit = c->n_audits;
	}
	if (!o) {
		new_finding(c, vm, rule, in, occ, &key, count);
		return;
	}
	if (occ->bytes) {
		replace_totals(c, vm, o, in, occ);
		return;
	}
	o->f.count += count;
	o->f.gpa_last = occ->page ? occ->page->gpa_last : occ->gpa;
	extend(&o->f, occ, count);
	o->changed = c->changed = true;
}

bool s2v_rule_is_active(const struct s2v_correlator *c, const struct s2v_rule *r,
			enum s2v_trigger on)
{
	return (r->on & on) && c->o.rules[r->id].coverage != S2V_NOT_APPLICABLE &&
	       (!c->o.only || (c->o.only & on));
}

void s2v_eval_rules(struct s2v_correlator *c, struct s2v_vm *vm, const struct s2v_rule_in *in,
		    const struct s2v_occurrence *occ)
{
	for (int i = 0; i < S2V_RULE_NR; i++) {
		const struct s2v_rule *r = s2v_rules[i];

		if (s2v_rule_is_active(c, r, in->on) && r->decide(in))
			s2v_add_finding(c, vm, r, in, occ);
	}
}

static void report_update(struct s2v_correlator *c, struct s2v_open_finding *o)
{
	if (!o->changed)
		return;
	o->changed = false;
	o->f.update = true;
	if (c->o.sink->finding)
		c->o.sink->finding(c->o.sink, &o->f);
}

void s2v_report_updates(struct s2v_correlator *c, struct s2v_vm *vm)
{
	struct s2v_open_finding *o, *next;

	HASH_ITER(hh, vm->findings, o, next)
	report_update(c, o);
}

#define UPDATE_MAX_NS 10000000000ULL

static bool update_is_due(struct s2v_open_finding *o, __u64 now)
{
	__u64 wait;

	if (!now)
		return true;
	if (!o->first_update)
		o->first_update = now;
	wait = now > o->first_update ? (now - o->first_update) / 10 : 0;
	if (now < o->last_update ||
	    now - o->last_update < (wait < UPDATE_MAX_NS ? wait : UPDATE_MAX_NS))
		return false;
	o->last_update = now;
	return true;
}

unsigned int s2v_correlator_updates(struct s2v_correlator *c, __u64 now)
{
	struct s2v_open_finding *o;
	unsigned int n = 0;

	if (!c->changed)
		return 0;
	c->changed = false;
	for (struct s2v_vm *vm = c->vms; vm; vm = vm->hh.next) {
		for (o = vm->findings; o; o = o->hh.next) {
			if (o->changed && update_is_due(o, now)) {
				report_update(c, o);
				n++;
			}
			c->changed |= o->changed;
		}
	}
	return n;
}

void s2v_findings_end(struct s2v_correlator *c, struct s2v_vm *vm, struct s2v_memslot *slot)
{
	struct s2v_open_finding *o, *next;

	for (o = vm->findings; o && slot->findings; o = next) {
		next = o->hh.next;
		if (o->key.slot != slot->key.id || o->key.as_id != slot->key.as_id ||
		    o->key.gen != slot->gen)
			continue;
		slot->findings--;
		report_update(c, o);
		HASH_DEL(vm->findings, o);
		free(o);
	}
	slot->findings = 0;
}
