// SPDX-License-Identifier: BSD-2-Clause
/*
 * Trace files: the state at the beginning of a part (or of what is left of a ring), as the events that
 * made it: VMs, their capability queries, their memslots with their backing.
 */
#include <errno.h>

#include "trace/private.h"

struct past_event {
	struct s2v_ev_hdr *ev; /* a copy */
	__s16 slot;
	__u16 as_id;
	__u32 gen;
};

struct s2t_past {
	struct past_event *e; /* in the order of arrival */
	size_t n, cap;
};

struct s2t_past *s2t_past_new(void)
{
	return calloc(1, sizeof(struct s2t_past));
}

void s2t_past_free(struct s2t_past *p)
{
	if (!p)
		return;
	for (size_t i = 0; i < p->n; i++)
		free(p->e[i].ev);
	free(p->e);
	free(p);
}

bool s2t_past_wants(const struct s2v_ev_hdr *ev)
{
	switch (ev->type) {
	case S2V_EV_VM_NEW:
	case S2V_EV_VM_DEAD:
	case S2V_EV_SLOT:
	case S2V_EV_VMA:
	case S2V_EV_CAP:
		return ev->len >= s2v_event_size(ev->type);
	default:
		return false;
	}
}

static int append(struct s2t_past *p, const struct s2v_ev_hdr *ev, __s16 slot, __u16 as_id,
		  __u32 gen)
{
	struct past_event *e;

	if (p->n == p->cap) {
		size_t cap = p->cap ? 2 * p->cap : 64;

		e = realloc(p->e, cap * sizeof(*e));
		if (!e)
			return -ENOMEM;
		p->e = e;
		p->cap = cap;
	}
	e = &p->e[p->n];
	e->ev = malloc(ev->len);
	if (!e->ev)
		return -ENOMEM;
	memcpy(e->ev, ev, ev->len);
	e->slot = slot;
	e->as_id = as_id;
	e->gen = gen;
	p->n++;
	return 0;
}

/* Drops the events of the same VM for which matches() returns true. */
static void drop(struct s2t_past *p, const struct past_event *like,
		 bool (*matches)(const struct past_event *e, const struct past_event *like))
{
	size_t n = 0;

	for (size_t i = 0; i < p->n; i++) {
		if (p->e[i].ev->vm == like->ev->vm && matches(&p->e[i], like))
			free(p->e[i].ev);
		else
			p->e[n++] = p->e[i];
	}
	p->n = n;
}

static bool any_event(const struct past_event *e, const struct past_event *like)
{
	(void)e;
	(void)like;
	return true;
}

static bool is_slot_event(const struct past_event *e)
{
	return e->ev->type == S2V_EV_SLOT || e->ev->type == S2V_EV_VMA;
}

static bool same_slot(const struct past_event *e, const struct past_event *like)
{
	return is_slot_event(e) && e->slot == like->slot && e->as_id == like->as_id;
}

static bool older_registration(const struct past_event *e, const struct past_event *like)
{
	return same_slot(e, like) && e->gen != like->gen;
}

static bool refused_registration(const struct past_event *e, const struct past_event *like)
{
	return e->ev->type == S2V_EV_VMA && e->gen == like->gen;
}

static bool flags_change(const struct past_event *e, const struct past_event *like)
{
	return e->ev->type == S2V_EV_SLOT && same_slot(e, like) &&
	       ((const struct s2v_ev_slot *)e->ev)->change == S2V_SLOT_FLAGS;
}

static int add_slot(struct s2t_past *p, const struct s2v_ev_slot *ev)
{
	struct past_event like = { .ev = (struct s2v_ev_hdr *)&ev->h,
				   .slot = ev->slot,
				   .as_id = ev->as_id,
				   .gen = ev->gen };

	if (ev->err) {
		drop(p, &like, refused_registration);
		return 0;
	}
	if (ev->change == S2V_SLOT_DELETE) {
		drop(p, &like, same_slot);
		return 0;
	}
	drop(p, &like, ev->change == S2V_SLOT_FLAGS ? flags_change : older_registration);
	return append(p, &ev->h, ev->slot, ev->as_id, ev->gen);
}

static int add_cap(struct s2t_past *p, const struct s2v_ev_cap *ev)
{
	for (size_t i = 0; i < p->n; i++)
		if (p->e[i].ev->type == S2V_EV_CAP && p->e[i].ev->vm == ev->h.vm &&
		    ((const struct s2v_ev_cap *)p->e[i].ev)->cap == ev->cap)
			return 0;
	return append(p, &ev->h, S2V_NO_SLOT, 0, 0);
}

int s2t_past_note(struct s2t_past *p, const struct s2v_ev_hdr *ev)
{
	struct past_event like = { .ev = (struct s2v_ev_hdr *)ev };
	const struct s2v_ev_vma *vma = (const void *)ev;

	if (!s2t_past_wants(ev))
		return 0;
	switch (ev->type) {
	case S2V_EV_VM_NEW:
		return append(p, ev, S2V_NO_SLOT, 0, 0);
	case S2V_EV_VM_DEAD:
		drop(p, &like, any_event);
		return 0;
	case S2V_EV_SLOT:
		return add_slot(p, (const void *)ev);
	case S2V_EV_VMA:
		return append(p, ev, vma->slot, vma->as_id, vma->gen);
	default:
		return add_cap(p, (const void *)ev);
	}
}

void s2t_past_replay(const struct s2t_past *p, struct s2t_buf *to)
{
	for (size_t i = 0; i < p->n; i++) {
		const struct s2v_ev_hdr *ev = p->e[i].ev;
		__u8 *at = s2t_extend(to, s2t_round8(ev->len));

		if (!at)
			return;
		memset(at, 0, s2t_round8(ev->len));
		memcpy(at, ev, ev->len);
		if (ev->type == S2V_EV_VM_NEW) {
			((struct s2v_ev_vm *)at)->preexisting = 1;
			((struct s2v_ev_vm *)at)->nothing = 0; /* no longer known */
		}
	}
}
