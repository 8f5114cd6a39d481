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

/* Where the event of that name is kept, or NULL. */
static struct s2v_named_page *place(const struct s2v_briefs *b, __u32 name)
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
	to = place(b, page->window);
	if (to)
		*to = *page;
}

bool s2v_is_brief(const void *data, size_t len)
{
	const struct s2v_brief *in = data;

	return len >= sizeof(*in) && in->type == S2V_EV_BRIEF;
}

/* What a map and its fault have in common. */
static void fill(struct s2v_ev_page *out, const struct s2v_brief *in, __u64 gpa)
{
	out->h.time = in->time;
	out->vcpu = in->vcpu;
	out->gpa = out->gpa_last = gpa;
	out->hva = out->slot_hva + (gpa - out->slot_gpa);
	out->count = 1;
}

static void fill_map(struct s2v_ev_page *out, const struct s2v_ev_page *as,
		     const struct s2v_brief *in)
{
	*out = *as;
	fill(out, in, in->gpa);
	out->size = in->size;
	out->pa = in->pa;
	out->prot = in->prot;
	out->flags = S2V_PG_ALL | in->flags;
}

static void fill_fault(struct s2v_ev_page *out, const struct s2v_ev_page *as,
		       const struct s2v_brief *in, __u32 page_shift)
{
	*out = (struct s2v_ev_page){ .h = as->h,
				     .slot = as->slot,
				     .as_id = as->as_id,
				     .gen = as->gen,
				     .slot_gpa = as->slot_gpa,
				     .slot_size = as->slot_size,
				     .slot_hva = as->slot_hva,
				     .size = 1ULL << page_shift,
				     .pa = S2V_NO_PA,
				     .dur = in->dur,
				     .flags = S2V_PG_ALL };
	out->h.type = S2V_EV_FAULT;
	fill(out, in, in->fault);
}

bool s2v_brief_expand(const struct s2v_briefs *b, const struct s2v_brief *in,
		      struct s2v_ev_page out[2])
{
	const struct s2v_named_page *as = place(b, in->window);

	if (!as || as->window != in->window)
		return false;
	fill_map(&out[0], &as->ev, in);
	fill_fault(&out[1], &as->ev, in, b->page_shift);
	return true;
}
