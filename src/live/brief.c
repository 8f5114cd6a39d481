// SPDX-License-Identifier: BSD-2-Clause
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "live/brief.h"

int s2v_briefs_init(struct s2v_briefs *b, int cpus, __u32 page_shift)
{
	*b = (struct s2v_briefs){ .page_shift = page_shift };
	if (cpus < 0)
		return cpus;
	b->last = calloc(2 * (size_t)cpus, sizeof(*b->last));
	if (!b->last)
		return -ENOMEM;
	b->cpus = (unsigned int)cpus;
	return 0;
}

void s2v_briefs_free(struct s2v_briefs *b)
{
	free(b->last);
	*b = (struct s2v_briefs){ 0 };
}

/* The entry for the event with this name, or NULL. */
static struct s2v_named_page *page_entry(const struct s2v_briefs *b, __u32 name)
{
	__u32 cpu = name >> S2V_WINDOW_BITS;

	return name && cpu < b->cpus ? &b->last[2 * cpu + (name & 1)] : NULL;
}

void s2v_brief_note(struct s2v_briefs *b, const void *data, size_t len)
{
	const struct s2v_named_page *page = data;
	struct s2v_named_page *to;

	if (len < sizeof(*page) || page->ev.h.type != S2V_EV_MAP)
		return;
	to = page_entry(b, page->window);
	if (to)
		*to = *page;
}

bool s2v_is_brief(const void *data, size_t len)
{
	const struct s2v_brief *in = data;

	return len >= sizeof(*in) && in->type == S2V_EV_BRIEF;
}

/* The fields that a map and its fault share. */
static void fill_common(struct s2v_ev_page *out, const struct s2v_brief *in, __u64 gpa)
{
	out->h.time = in->time;
	out->vcpu = in->vcpu;
	out->gpa = out->gpa_last = gpa;
	out->hva = out->slot_hva + (gpa - out->slot_gpa);
	out->count = 1;
}

static void fill_map(struct s2v_ev_page *out, const struct s2v_ev_page *base,
		     const struct s2v_brief *in)
{
	*out = *base;
	fill_common(out, in, in->gpa);
	out->size = in->size;
	out->pa = in->pa;
	out->prot = in->prot;
	out->flags = S2V_PG_ALL | in->flags;
}

static void fill_fault(struct s2v_ev_page *out, const struct s2v_ev_page *base,
		       const struct s2v_brief *in, __u32 page_shift)
{
	*out = (struct s2v_ev_page){ .h = base->h,
				     .slot = base->slot,
				     .as_id = base->as_id,
				     .gen = base->gen,
				     .slot_gpa = base->slot_gpa,
				     .slot_size = base->slot_size,
				     .slot_hva = base->slot_hva,
				     .size = 1ULL << page_shift,
				     .pa = S2V_NO_PA,
				     .dur = in->dur,
				     .flags = S2V_PG_ALL };
	out->h.type = S2V_EV_FAULT;
	fill_common(out, in, in->fault);
}

bool s2v_brief_expand(const struct s2v_briefs *b, const struct s2v_brief *in,
		      struct s2v_ev_page out[2])
{
	const struct s2v_named_page *base = page_entry(b, in->window);

	if (!base || base->window != in->window)
		return false;
	fill_map(&out[0], &base->ev, in);
	fill_fault(&out[1], &base->ev, in, b->page_shift);
	return true;
}
