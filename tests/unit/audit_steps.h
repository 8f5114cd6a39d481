/* SPDX-License-Identifier: BSD-2-Clause */
/* Events of an audit: what it finds of a memslot, and that it ended. */
#ifndef S2V_TEST_AUDIT_STEPS_H
#define S2V_TEST_AUDIT_STEPS_H

#include "events.h"

/* An existing memslot whose VMAs, each a kind of its own, were sent before. */
static inline void found_slot(const struct mslot *s, __u32 vmas, __u32 flags)
{
	struct s2v_ev_slot ev = { .h = head(S2V_EV_SLOT, sizeof(ev), s->vm),
				  .slot = s->id,
				  .gen = s->gen,
				  .change = S2V_SLOT_FOUND,
				  .gpa = s->gpa,
				  .size = s->size,
				  .hva = s->hva,
				  .flags = flags,
				  .runs = vmas,
				  .vmas = vmas };

	s2v_correlator_event(w.core, &ev.h);
}

/* An existing memslot with one backing, whose first page is as given. */
static inline void found_page(const struct mslot *s, const struct kind *k, __u8 pte, __u64 pa)
{
	send_vma(s, 0, s->size, k, pte, pa);
	found_slot(s, 1, 0);
}

static inline void found(const struct mslot *s, const struct kind *k)
{
	found_page(s, k, NO_PTE, S2V_NO_PA);
}

/* Pages from byte `off`, with ascending output addresses. */
static inline struct s2v_ev_leaves leaves(const struct mslot *s, __u64 off, __u64 pages, __u8 s1,
					  __u8 s2, __u64 pa)
{
	return (struct s2v_ev_leaves){ .h = head(S2V_EV_LEAVES, sizeof(struct s2v_ev_leaves),
						 s->vm),
				       .slot = s->id,
				       .gen = s->gen,
				       .gpa = s->gpa + off,
				       .size = pages * PAGE,
				       .hva = s->hva + off,
				       .pa = pa,
				       .host_pa = pa,
				       .leaves = pages,
				       .s1 = s1,
				       .s2 = s2,
				       .level = 3,
				       .host_level = 3,
				       .flags = S2V_LF_READ | S2V_LF_WRITE | S2V_LF_PA_RUN };
}

static inline void send_leaves(const struct s2v_ev_leaves *ev)
{
	s2v_correlator_event(w.core, &ev->h);
}

static inline void report_leaves(const struct mslot *s, __u64 off, __u64 pages, __u8 s1, __u8 s2,
				 __u64 pa)
{
	struct s2v_ev_leaves ev = leaves(s, off, pages, s1, s2, pa);

	send_leaves(&ev);
}

static inline void audited(__u32 vm, __u32 flags, __u32 shadow)
{
	struct s2v_ev_audit ev = { .h = head(S2V_EV_AUDIT, sizeof(ev), vm),
				   .flags = flags,
				   .shadow = shadow,
				   .leaves = 5,
				   .dur = 1000 };

	s2v_correlator_event(w.core, &ev.h);
}

#endif
