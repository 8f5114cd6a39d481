// SPDX-License-Identifier: BSD-2-Clause
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "live_private.h"
#include "vmas.h"

/* Data may come in any pieces. */
static int take(void *arg, const void *data, size_t len)
{
	struct s2v_vmas *v = arg;
	char *p = realloc(v->v, v->bytes + len);

	if (!p)
		return -ENOMEM;
	memcpy(p + v->bytes, data, len);
	v->v = (struct s2v_ev_vma *)p;
	v->bytes += len;
	return 0;
}

int s2v_vmas_read(struct s2v_vmas *v, struct bpf_link *link)
{
	static char buf[65536];
	int err;

	s2v_vmas_free(v);
	err = s2v_iter_run(link, buf, sizeof(buf), take, v);
	v->n = v->bytes / sizeof(*v->v);
	return err;
}

static bool same_kind(const struct s2v_ev_vma *a, const struct s2v_ev_vma *b)
{
	return a->vma.flags == b->vma.flags && a->vma.attr == b->vma.attr &&
	       !memcmp(a->name, b->name, sizeof(a->name)) &&
	       !memcmp(a->driver, b->driver, sizeof(a->driver));
}

struct teller {
	struct s2v_ev_slot *slot;
	struct s2v_ev_vma run;
	s2v_event_fn fn;
	void *arg;
};

static void tell(struct teller *t)
{
	if (t->run.vma.start == t->run.vma.end)
		return;
	t->fn(t->arg, &t->run.h);
	t->slot->runs++;
}

/* Adds [start, end) of one kind to the run, or begins another with it. */
static void add(struct teller *t, const struct s2v_ev_vma *kind, __u64 start, __u64 end)
{
	if (start >= end)
		return;
	if (t->run.vma.end == start && t->run.vma.start != start && same_kind(&t->run, kind)) {
		t->run.vma.end = end;
		return;
	}
	tell(t);
	t->run = *kind;
	t->run.h = t->slot->h;
	t->run.h.type = S2V_EV_VMA;
	t->run.h.len = sizeof(t->run);
	t->run.slot = t->slot->slot;
	t->run.as_id = t->slot->as_id;
	t->run.gen = t->slot->gen;
	t->run.pa = S2V_NO_PA;
	t->run.vma.start = start;
	t->run.vma.end = end;
}

/* The first VMA that ends behind hva. */
static size_t first_behind(const struct s2v_vmas *v, __u64 hva)
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

void s2v_vmas_tell(const struct s2v_vmas *v, struct s2v_ev_slot *slot, s2v_event_fn fn, void *arg)
{
	struct teller t = { .slot = slot, .fn = fn, .arg = arg };
	const struct s2v_ev_vma hole = { 0 };
	__u64 at = slot->hva, end = slot->hva + slot->size;

	slot->runs = slot->vmas = 0;
	if (slot->flags & S2V_MEM_GUEST_MEMFD)
		return;
	for (size_t i = first_behind(v, at); i < v->n && v->v[i].vma.start < end; i++) {
		__u64 s = v->v[i].vma.start, e = v->v[i].vma.end;

		add(&t, &hole, at, s < end ? s : end);
		add(&t, &v->v[i], s > at ? s : at, e < end ? e : end);
		slot->vmas++;
		at = e;
	}
	add(&t, &hole, at, end);
	tell(&t);
}

void s2v_vmas_free(struct s2v_vmas *v)
{
	free(v->v);
	memset(v, 0, sizeof(*v));
}
