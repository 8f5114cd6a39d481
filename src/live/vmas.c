// SPDX-License-Identifier: BSD-2-Clause
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "live/iter.h"
#include "live/vmas.h"

struct reader {
	struct s2v_vmas *v;
	const struct s2v_vmas_source *from;
};

static int make_room(struct s2v_vmas *v, size_t len)
{
	size_t want = v->room ? v->room : 65536;
	void *p;

	while (want - v->bytes < len)
		want *= 2;
	if (want == v->room)
		return 0;
	p = realloc(v->v, want);
	if (!p)
		return -ENOMEM;
	v->v = p;
	v->room = want;
	return 0;
}

/* A piece of data may end within a record. */
static int take(void *arg, const void *data, size_t len)
{
	struct s2v_vmas *v = ((struct reader *)arg)->v;

	if (v->bytes + len > S2V_VMAS_MOST * sizeof(*v->v))
		return -E2BIG;
	if (make_room(v, len))
		return -ENOMEM;
	memcpy((char *)v->v + v->bytes, data, len);
	v->bytes += len;
	for (; v->n < v->bytes / sizeof(*v->v); v->n++)
		/* An iterator that starts again would never end. */
		if (v->v[v->n].vma.start >= v->v[v->n].vma.end ||
		    (v->n && v->v[v->n].vma.start < v->v[v->n - 1].vma.end))
			return -EBADMSG;
	return 0;
}

static bool go_on(void *arg)
{
	const struct s2v_vmas_source *from = ((struct reader *)arg)->from;

	return from->go_on(from->arg);
}

int s2v_vmas_read(struct s2v_vmas *v, struct bpf_link *link, const struct s2v_vmas_source *from)
{
	struct reader r = { .v = v, .from = from };
	const struct s2v_iter_opts o = {
		.done = from->done, .take = take, .go_on = go_on, .arg = &r, .to_end = from->to_end
	};

	s2v_vmas_free(v);
	return s2v_iter_run(link, &o);
}

static bool same_kind(const struct s2v_ev_vma *a, const struct s2v_ev_vma *b)
{
	return a->vma.flags == b->vma.flags && a->vma.attr == b->vma.attr &&
	       !memcmp(a->name, b->name, sizeof(a->name)) &&
	       !memcmp(a->driver, b->driver, sizeof(a->driver));
}

#define TURN 1024 /* runs between two calls of go_on() */

struct reporter {
	struct s2v_ev_slot *slot;
	struct s2v_ev_vma run;
	const struct s2v_vmas_to *to;
	int err;
};

static void report_run(struct reporter *t)
{
	const struct s2v_vmas_to *to = t->to;

	if (t->run.vma.start == t->run.vma.end || t->err)
		return;
	if (t->slot->runs >= to->most) {
		t->err = -E2BIG;
		return;
	}
	to->fn(to->fn_arg, &t->run.h);
	if (!(++t->slot->runs % TURN) && !to->go_on(to->arg))
		t->err = -EINTR;
}

/* Extends the current run by [start, end), or reports it and begins a new one. */
static void add(struct reporter *t, const struct s2v_ev_vma *kind, __u64 start, __u64 end)
{
	if (start >= end)
		return;
	if (t->run.vma.end == start && t->run.vma.start != start && same_kind(&t->run, kind)) {
		t->run.vma.end = end;
		return;
	}
	report_run(t);
	t->run = *kind;
	t->run.h = t->slot->h;
	t->run.h.type = S2V_EV_VMA;
	t->run.h.len = sizeof(t->run);
	t->run.slot = t->slot->slot;
	t->run.as_id = t->slot->as_id;
	t->run.gen = t->slot->gen;
	if (start != kind->vma.start) { /* PA and PTE are of the VMA's first page */
		t->run.pa = S2V_NO_PA;
		t->run.vma.pte_attr = S2V_ATTR_NONE;
	}
	t->run.vma.start = start;
	t->run.vma.end = end;
}

/* The index of the first VMA that ends after hva. */
static size_t first_ending_after(const struct s2v_vmas *v, __u64 hva)
{
	size_t lo = 0, hi = v->n;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (v->v[mid].vma.end <= hva)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

int s2v_vmas_report(const struct s2v_vmas *v, struct s2v_ev_slot *slot,
		    const struct s2v_vmas_to *to)
{
	struct reporter t = { .slot = slot, .to = to };
	const struct s2v_ev_vma hole = { .pa = S2V_NO_PA };
	__u64 at = slot->hva, end = slot->hva + slot->size;

	slot->runs = slot->vmas = 0;
	if (slot->flags & S2V_MEM_GUEST_MEMFD)
		return 0;
	for (size_t i = first_ending_after(v, at); !t.err && i < v->n && v->v[i].vma.start < end;
	     i++) {
		__u64 s = v->v[i].vma.start, e = v->v[i].vma.end;

		add(&t, &hole, at, s < end ? s : end);
		add(&t, &v->v[i], s > at ? s : at, e < end ? e : end);
		slot->vmas++;
		at = e;
	}
	add(&t, &hole, at, end);
	report_run(&t);
	return t.err;
}

void s2v_vmas_free(struct s2v_vmas *v)
{
	free(v->v);
	memset(v, 0, sizeof(*v));
}
