// SPDX-License-Identifier: BSD-2-Clause
/* An array that is sorted when it has doubled, so that adding costs little even if nothing can be joined. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "util/intervals.h"

#define FIRST_CAP 4096

static int by_start(const void *x, const void *y)
{
	const struct s2v_interval *a = x, *b = y;

	if (a->start != b->start)
		return a->start < b->start ? -1 : 1;
	/* The order must depend on the set alone, not on qsort(). */
	if (a->note != b->note)
		return a->note < b->note ? -1 : 1;
	return a->owner < b->owner ? -1 : a->owner > b->owner;
}

/* Returns whether b, which does not begin before a, continues it. */
static bool joins(const struct s2v_intervals *s, const struct s2v_interval *a,
		  const struct s2v_interval *b)
{
	if (b->start != a->end || !s->by_note)
		return b->start <= a->end;
	return b->note - a->note == b->start - a->start;
}

/* Extends the last interval by *i, if that continues it: none follows that it could overlap. */
static bool extends(struct s2v_intervals *s, const struct s2v_interval *i)
{
	struct s2v_interval *last = s->n ? &s->a[s->n - 1] : NULL;

	if (!last || i->start < last->start || !joins(s, last, i))
		return false;
	if (i->end > last->end)
		last->end = i->end;
	return true;
}

void s2v_intervals_sort(struct s2v_intervals *s)
{
	size_t to = 0;

	if (s->sorted == s->n)
		return;
	qsort(s->a, s->n, sizeof(*s->a), by_start);
	for (size_t i = 1; i < s->n; i++) {
		if (!joins(s, &s->a[to], &s->a[i]))
			s->a[++to] = s->a[i];
		else if (s->a[i].end > s->a[to].end)
			s->a[to].end = s->a[i].end;
	}
	s->n = s->sorted = to + 1;
}

/* Elements that the array may have now. */
static size_t limit(const struct s2v_intervals *s)
{
	return s->cap < s->most ? s->cap : s->most;
}

/* Makes room for one more. 0, -ENOMEM or -E2BIG. */
static int make_room(struct s2v_intervals *s)
{
	size_t cap = s->cap ? 2 * s->cap : FIRST_CAP;
	void *p;

	s2v_intervals_sort(s);
	/* Half of it is free, until the next sort. */
	if (s->n < limit(s) && s->n <= limit(s) / 2)
		return 0;
	if (s->cap >= s->most)
		return -E2BIG;
	if (cap > s->most)
		cap = s->most;
	p = reallocarray(s->a, cap, sizeof(*s->a));
	if (!p)
		return -ENOMEM;
	s->a = p;
	s->cap = cap;
	return 0;
}

int s2v_intervals_add(struct s2v_intervals *s, const struct s2v_interval *i)
{
	int err;

	if (extends(s, i))
		return 0;
	if (s->n >= limit(s)) {
		err = make_room(s); /* sorts: another one may be the last now */
		if (err)
			return err;
		if (extends(s, i))
			return 0;
	}
	if (s->sorted == s->n && (!s->n || i->start >= s->a[s->n - 1].end))
		s->sorted++;
	s->a[s->n++] = *i;
	return 0;
}

int s2v_intervals_merge(struct s2v_intervals *s, const struct s2v_intervals *from)
{
	int err = 0;

	for (size_t i = 0; i < from->n && !err; i++)
		err = s2v_intervals_add(s, &from->a[i]);
	return err;
}

int s2v_intervals_intersect(struct s2v_intervals *s, const struct s2v_intervals *with)
{
	struct s2v_intervals out = { .most = s->n + with->n + 1, .by_note = s->by_note };
	struct s2v_interval both;
	int err = 0;

	for (size_t i = 0; i < s->n && !err; i++) {
		for (size_t k = s2v_intervals_after(with, s->a[i].start);
		     k < with->n && with->a[k].start < s->a[i].end && !err; k++) {
			const struct s2v_interval *x = &s->a[i], *y = &with->a[k];

			/* Of the one that begins later, the note is of this address. */
			both = x->start > y->start ? *x : *y;
			both.end = x->end < y->end ? x->end : y->end;
			err = s2v_intervals_add(&out, &both);
		}
	}
	if (err) {
		s2v_intervals_free(&out);
		return err;
	}
	s2v_intervals_sort(&out);
	free(s->a);
	out.most = s->most;
	*s = out;
	return 0;
}

size_t s2v_intervals_after(const struct s2v_intervals *s, __u64 addr)
{
	size_t low = 0, high = s->n;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (s->a[mid].end > addr)
			high = mid;
		else
			low = mid + 1;
	}
	return low;
}

void s2v_intervals_free(struct s2v_intervals *s)
{
	free(s->a);
	s->a = NULL;
	s->n = s->cap = s->sorted = 0;
}
