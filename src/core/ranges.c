// SPDX-License-Identifier: BSD-2-Clause
/* Ranges of a memslot: finding, inserting, splitting and joining them. */
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

int s2v_slot_range_append(struct s2v_slot_range **ranges, __u32 *n,
			  const struct s2v_slot_range *range)
{
	struct s2v_slot_range *p = *ranges;

	/* The capacity is a power of two: grow when n is one. */
	if ((*n & (*n - 1)) == 0) {
		p = reallocarray(p, *n ? (size_t)*n * 2 : 1, sizeof(*p));
		if (!p)
			return -1;
		*ranges = p;
	}
	p[(*n)++] = *range;
	return 0;
}

struct s2v_slot_range *s2v_slot_range_insert(struct s2v_memslot *slot,
					     const struct s2v_slot_range *range, __u64 hva)
{
	size_t i;

	if (s2v_slot_range_append(&slot->ranges, &slot->n_ranges, range))
		return NULL;
	for (i = slot->n_ranges - 1; i > 0 && slot->ranges[i - 1].start > hva; i--)
		slot->ranges[i] = slot->ranges[i - 1];
	slot->ranges[i] = *range;
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

/* Returns whether b follows a and equals it, and neither has leaf counts to add up. */
static bool can_join(const struct s2v_slot_range *a, const struct s2v_slot_range *b)
{
	return a->end == b->start && !a->n_leaves && !b->n_leaves && a->uncounted == b->uncounted &&
	       a->reported == b->reported && a->where == b->where &&
	       !s2v_vma_differs(&a->reg, &b->reg) && a->now_where == b->now_where &&
	       !s2v_vma_differs(&a->now, &b->now) && !a->since == !b->since &&
	       a->mapped == b->mapped && a->s1 == b->s1 && a->s2 == b->s2 &&
	       a->s2_mixed == b->s2_mixed && a->needs_fwb == b->needs_fwb &&
	       !strcmp(a->name, b->name) && !strcmp(a->driver, b->driver);
}

/* Moves what the guest maps of b to a. */
static void join_guest(struct s2v_slot_range *a, struct s2v_slot_range *b)
{
	if (!a->guest) {
		a->guest = b->guest;
	} else if (b->guest) {
		s2v_guest_bytes_add(a->guest, b->guest);
		free(b->guest);
	}
	b->guest = NULL;
}

/* Ranges of a memslot that are split further; bounds memory if a VMM maps and unmaps for months. */
#define SPLIT_MAX 4096

/* Joins equal neighbours. Returns the new index of the range at index `at`. */
static size_t join(struct s2v_memslot *slot, size_t at)
{
	struct s2v_slot_range *r = slot->ranges;
	size_t n = 0, now = 0;

	for (size_t i = 0; i < slot->n_ranges; i++) {
		if (n && can_join(&r[n - 1], &r[i])) {
			r[n - 1].end = r[i].end;
			if (r[i].since > r[n - 1].since)
				r[n - 1].since = r[i].since;
			join_guest(&r[n - 1], &r[i]);
			free(r[i].leaves);
		} else {
			r[n++] = r[i];
		}
		if (i == at)
			now = n - 1;
	}
	slot->n_ranges = (__u32)n;
	return now;
}

/* Splits range i at hva; the second part has no leaf counts. 0, or -1 when out of memory. */
static int split(struct s2v_memslot *slot, size_t i, __u64 hva)
{
	struct s2v_slot_range copy = slot->ranges[i], *r;

	copy.leaves = NULL;
	copy.guest = NULL;
	if (s2v_slot_range_append(&slot->ranges, &slot->n_ranges, &copy))
		return -1;
	r = slot->ranges;
	memmove(&r[i + 2], &r[i + 1], (slot->n_ranges - i - 2) * sizeof(*r));
	r[i + 1] = copy;
	r[i].end = r[i + 1].start = hva;
	return 0;
}

/* The counts of an audit cannot be divided: drop them until the next one. */
static void drop_leaf_counts(const struct s2v_memslot *slot, struct s2v_slot_range *r)
{
	r->uncounted = slot->audited;
	r->n_leaves = 0;
	r->present = r->unreadable = 0;
	free(r->guest);
	r->guest = NULL;
}

struct s2v_slot_range *s2v_slot_range_change(struct s2v_memslot *slot, struct s2v_slot_range *range,
					     const struct s2v_vma *now, __u64 time)
{
	size_t i = (size_t)(range - slot->ranges);
	struct s2v_slot_range *r;

	if (slot->n_ranges >= SPLIT_MAX)
		i = join(slot, i);
	drop_leaf_counts(slot, &slot->ranges[i]);
	if (slot->n_ranges < SPLIT_MAX) {
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
	struct s2v_slot_range *range;
	__u64 end;

	for (__u64 hva = now->start; hva < now->end; hva = end) {
		range = s2v_slot_range_find(slot, hva);
		if (!range) {
			range = s2v_slot_range_insert(slot, now, hva);
			if (!range)
				return -1;
			range->reported = false; /* the backing at registration is not known */
			end = range->end;
			continue;
		}
		end = range->end < now->end ? range->end : now->end;
		if (time < range->since || !s2v_vma_differs(&range->now, &now->now))
			continue;
		range = s2v_slot_range_change(slot, range, &now->now, time);
		if (!range)
			return -1;
		range->now_where = now->now_where;
		memcpy(range->name, now->name, sizeof(range->name));
		memcpy(range->driver, now->driver, sizeof(range->driver));
	}
	return 0;
}

void s2v_slot_ranges_join(struct s2v_memslot *slot)
{
	join(slot, 0);
}

/*
 * Returns whether a mapping replaces the attributes of the range: the first conflict does; else the
 * first cacheable one, which may need cache maintenance.
 */
static bool takes_precedence(const struct s2v_slot_range *range, __u32 s1, __u32 s2)
{
	if (!range->mapped)
		return true;
	if (s2v_attr_conflict(range->s1, range->s2))
		return false;
	return s2v_attr_conflict(s1, s2) ||
	       (s2v_attr_is_noncacheable(range->s1) && s2v_attr_is_noncacheable(range->s2) &&
		s2v_attr_is_cacheable(s1) && s2v_attr_is_cacheable(s2));
}

void s2v_slot_range_note(struct s2v_slot_range *range, __u32 s1, const struct s2v_rule_in *in)
{
	if (s2v_rules[S2V_RULE_MIGRATION_PINNED]->decide(in))
		range->needs_fwb = true;
	if (range->mapped && range->s2 != in->s2)
		range->s2_mixed = true;
	if (takes_precedence(range, s1, in->s2)) {
		range->s1 = s1;
		range->s2 = in->s2;
	}
	range->mapped = true;
}

bool s2v_slot_range_has_room(struct s2v_correlator *c, const struct s2v_vm *vm)
{
	/* A VM has no more ranges than are left for all others. */
	if (vm->n_ranges + vm->n_pending < S2V_RANGES_MOST &&
	    c->n_ranges + vm->n_pending < S2V_RANGES_ALL &&
	    vm->n_ranges < S2V_RANGES_ALL - c->n_ranges - vm->n_pending)
		return true;
	c->over_limit++;
	s2v_unread_add(&c->unread, &(struct s2v_unread_vm){ .vm = vm->ref.id,
							    .tgid = vm->ref.pid,
							    .over_limit = 1 });
	return false;
}
