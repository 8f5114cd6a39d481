// SPDX-License-Identifier: BSD-2-Clause
/* Stretches of a memslot: found, made, and taken apart where something else was mapped. */
#include <stdlib.h>
#include <string.h>

#include "core/correlate_private.h"

struct s2v_slot_range *s2v_slot_range_find(struct s2v_memslot *slot, __u64 hva)
{
	size_t lo = 0, hi = slot->n_ranges;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (hva < slot->ranges[mid].start)
			hi = mid;
		else if (hva >= slot->ranges[mid].end)
			lo = mid + 1;
		else
			return &slot->ranges[mid];
	}
	return NULL;
}

int s2v_slot_range_append(struct s2v_slot_range **runs, size_t *n, const struct s2v_slot_range *run)
{
	struct s2v_slot_range *p = *runs;

	/* Powers of two: grown when n is one. */
	if ((*n & (*n - 1)) == 0) {
		p = reallocarray(p, *n ? *n * 2 : 1, sizeof(*p));
		if (!p)
			return -1;
		*runs = p;
	}
	p[(*n)++] = *run;
	return 0;
}

struct s2v_slot_range *s2v_slot_range_insert(struct s2v_memslot *slot,
					     const struct s2v_slot_range *run, __u64 hva)
{
	size_t i;

	if (s2v_slot_range_append(&slot->ranges, &slot->n_ranges, run))
		return NULL;
	for (i = slot->n_ranges - 1; i > 0 && slot->ranges[i - 1].start > hva; i--)
		slot->ranges[i] = slot->ranges[i - 1];
	slot->ranges[i] = *run;
	if (i > 0 && slot->ranges[i].start < slot->ranges[i - 1].end)
		slot->ranges[i].start = slot->ranges[i - 1].end;
	if (i + 1 < slot->n_ranges && slot->ranges[i].end > slot->ranges[i + 1].start)
		slot->ranges[i].end = slot->ranges[i + 1].start;
	return &slot->ranges[i];
}

bool s2v_vma_differs(const struct s2v_vma *a, const struct s2v_vma *b)
{
	return a->flags != b->flags || a->attr != b->attr;
}

/* Alike in all but where they are, and with nothing that would have to be added up. */
static bool alike(const struct s2v_slot_range *a, const struct s2v_slot_range *b)
{
	return a->end == b->start && !a->n_leaves && !b->n_leaves && a->uncounted == b->uncounted &&
	       a->reported == b->reported && a->where == b->where &&
	       !s2v_vma_differs(&a->reg, &b->reg) && a->now_where == b->now_where &&
	       !s2v_vma_differs(&a->now, &b->now) && !a->since == !b->since &&
	       a->mapped == b->mapped && a->s1 == b->s1 && a->s2 == b->s2 &&
	       a->s2_mixed == b->s2_mixed && a->needs_fwb == b->needs_fwb &&
	       !strcmp(a->name, b->name) && !strcmp(a->driver, b->driver);
}

/* A VMM that maps and unmaps there for months is not to take more and more memory. */
#define RUNS_SPLIT 4096

/* Neighbours that are alike become one. Returns where the run at `at` is now. */
static size_t join(struct s2v_memslot *slot, size_t at)
{
	struct s2v_slot_range *r = slot->ranges;
	size_t n = 0, now = 0;

	for (size_t i = 0; i < slot->n_ranges; i++) {
		if (n && alike(&r[n - 1], &r[i])) {
			r[n - 1].end = r[i].end;
			if (r[i].since > r[n - 1].since)
				r[n - 1].since = r[i].since;
			free(r[i].leaves);
		} else {
			r[n++] = r[i];
		}
		if (i == at)
			now = n - 1;
	}
	slot->n_ranges = n;
	return now;
}

/* A second run like the one at i, behind it, from hva on. */
static int split(struct s2v_memslot *slot, size_t i, __u64 hva)
{
	struct s2v_slot_range copy = slot->ranges[i], *r;

	copy.leaves = NULL;
	if (s2v_slot_range_append(&slot->ranges, &slot->n_ranges, &copy))
		return -1;
	r = slot->ranges;
	memmove(&r[i + 2], &r[i + 1], (slot->n_ranges - i - 2) * sizeof(*r));
	r[i + 1] = copy;
	r[i].end = r[i + 1].start = hva;
	return 0;
}

/* What an audit counted cannot be divided: the next one counts anew. */
static void uncount(const struct s2v_memslot *slot, struct s2v_slot_range *r)
{
	r->uncounted = slot->audited;
	r->n_leaves = 0;
	r->present = r->unreadable = 0;
}

struct s2v_slot_range *s2v_slot_range_change(struct s2v_memslot *slot, struct s2v_slot_range *run,
					     const struct s2v_vma *now, __u64 time)
{
	size_t i = (size_t)(run - slot->ranges);
	struct s2v_slot_range *r;

	if (slot->n_ranges >= RUNS_SPLIT)
		i = join(slot, i);
	uncount(slot, &slot->ranges[i]);
	if (slot->n_ranges < RUNS_SPLIT) {
		if (now->end < slot->ranges[i].end && split(slot, i, now->end))
			return NULL;
		if (now->start > slot->ranges[i].start && split(slot, i++, now->start))
			return NULL;
	}
	r = &slot->ranges[i];
	r->now = *now;
	if (!r->reported)
		r->reg = *now;
	r->since = time;
	r->name[0] = r->driver[0] = 0;
	r->mapped = r->s2_mixed = r->needs_fwb = false;
	r->s1 = r->s2 = S2V_ATTR_NONE;
	return r;
}

int s2v_slot_range_refresh(struct s2v_memslot *slot, const struct s2v_slot_range *now, __u64 time)
{
	struct s2v_slot_range *run;
	__u64 end;

	for (__u64 hva = now->start; hva < now->end; hva = end) {
		run = s2v_slot_range_find(slot, hva);
		if (!run) {
			run = s2v_slot_range_insert(slot, now, hva);
			if (!run)
				return -1;
			run->reported = false; /* whatever lay there when it was registered */
			end = run->end;
			continue;
		}
		end = run->end < now->end ? run->end : now->end;
		if (time < run->since || !s2v_vma_differs(&run->now, &now->now))
			continue;
		run = s2v_slot_range_change(slot, run, &now->now, time);
		if (!run)
			return -1;
		run->now_where = now->now_where;
		memcpy(run->name, now->name, sizeof(run->name));
		memcpy(run->driver, now->driver, sizeof(run->driver));
	}
	return 0;
}

void s2v_slot_ranges_join(struct s2v_memslot *slot)
{
	join(slot, 0);
}

/*
 * Does a mapping say more than what the run is known by? A conflict does; else what is cacheable,
 * since that is what maintenance is owed for.
 */
static bool says_more(const struct s2v_slot_range *run, __u32 s1, __u32 s2)
{
	if (!run->mapped)
		return true;
	if (s2v_attr_conflict(run->s1, run->s2))
		return false;
	return s2v_attr_conflict(s1, s2) ||
	       (s2v_attr_is_noncacheable(run->s1) && s2v_attr_is_noncacheable(run->s2) &&
		s2v_attr_is_cacheable(s1) && s2v_attr_is_cacheable(s2));
}

void s2v_slot_range_note(struct s2v_slot_range *run, __u32 s1, const struct s2v_rule_in *in)
{
	if (s2v_rules[S2V_RULE_MIGRATION_PINNED].decide(in))
		run->needs_fwb = true;
	if (run->mapped && run->s2 != in->s2)
		run->s2_mixed = true;
	if (says_more(run, s1, in->s2)) {
		run->s1 = s1;
		run->s2 = in->s2;
	}
	run->mapped = true;
}

bool s2v_slot_range_has_room(struct s2v_correlator *c, const struct s2v_vm *vm)
{
	/* Not more than is left for all other VMs. */
	if (vm->n_ranges + vm->n_pending < S2V_RANGES_MOST &&
	    c->n_ranges + vm->n_pending < S2V_RANGES_ALL &&
	    vm->n_ranges < S2V_RANGES_ALL - c->n_ranges - vm->n_pending)
		return true;
	c->over_limit++;
	s2v_unread_add(&c->unread, vm->ref.id, vm->ref.pid, 0, 1);
	return false;
}
