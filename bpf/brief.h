/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * With cfg.all: most fields of a map and its fault equal those of the map that opened this CPU's window. The others
 * go out as one short event for both (struct s2v_brief).
 */
#ifndef S2V_BPF_BRIEF_H
#define S2V_BPF_BRIEF_H

/* Maps between checks whether to wake the reader. */
#define WAKE_EVERY 64

/* Names the window that is opened next; 0 without cfg.all. */
static __always_inline __u32 window_name(struct window *w)
{
	if (!cfg.all)
		return 0;
	w->name = S2V_WINDOW_NAME(bpf_get_smp_processor_id(), w->names_used++);
	return w->name;
}

/* Reports a map in short. False: outside the window, or not of a timed fault; it must be reported in full. */
static __always_inline bool brief_map(struct scratch *sc, struct window *w, __u64 pgt, __u64 gpa,
				      __u64 size, __u64 pa, __u64 prot)
{
	struct s2v_brief *b = &sc->brief;
	struct s2v_prot_bits bits;

	kvm_prot_bits(&bits);
	if (!cfg.all || !w || sc->deferred || !window_is_current(w, pgt) ||
	    (prot & ~w->perms) != w->type || !window_contains(w, gpa, size) ||
	    !fault_is_for(sc, gpa, size, &b->fault))
		return false;
	b->type = S2V_EV_BRIEF;
	b->flags = page_perms(prot, &bits);
	b->time = sc->fault_end;
	b->window = w->name;
	b->vcpu = scratch_vcpu_id(sc);
	b->gpa = gpa;
	b->size = size;
	b->pa = pa;
	b->prot = prot;
	b->dur = fault_ns(sc, sc->fault_end);
	sc->fault_start = 0;
	sc->vcpu = NULL;
	w->n[S2V_WINDOW_MAPS]++;
	w->n[S2V_WINDOW_FAULTS]++;
	if (!emit_quietly(b, sizeof(*b), w->n[S2V_WINDOW_MAPS] % WAKE_EVERY))
		count(S2V_CNT_LOST_RINGBUF); /* two events */
	return true;
}

#endif
