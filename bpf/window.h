/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * What makes the verification of every mapping cheap: most maps go where the one before went, to
 * memory of the same VMA, in the same memslot. Of that a look at three values decides.
 *
 * A VMA can only be replaced by others once its pages have been taken from the guest, and that moves
 * kvm->mmu_invalidate_seq (MMU notifier; KVM itself installs no mapping that an invalidation has
 * overtaken: mmu_invalidate_retry()). What else matters moves `epoch`: that a memslot changes, that a
 * VM is gone, that something must be noted at the next map. A memslot that is deleted or moved
 * is invalid, and every fault on it has ended, before kvm_arch_prepare_memory_region() is called
 * (kvm_set_memslot(), 5.17 on); at its return `epoch` moves, and no fault maps there from then on.
 *
 * A window is used by one program alone, which the kernel never runs twice at a time on one CPU, not
 * even where it can be preempted (it leaves the second out, and that is counted).
 */
#ifndef S2V_BPF_WINDOW_H
#define S2V_BPF_WINDOW_H

static __always_inline struct window *window_here(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&windows, &zero);
}

static __always_inline __u64 window_seq(__u64 kvm)
{
	return HOT_READ(struct kvm, kvm, mmu_invalidate_seq);
}

static __always_inline bool window_is_current(const struct window *w, __u64 pgt)
{
	return w->pgt == pgt && w->epoch == epoch && w->seq == window_seq(w->kvm);
}

/* Is a VMA, and stage 2 above it, such that nothing is to be told but that it is there? */
static __always_inline bool window_is_plain(const struct s2v_vma *v, __u32 s2)
{
	return v->attr == S2V_ATTR_NORMAL_WB && s2 == S2V_ATTR_NORMAL_WB &&
	       !(v->flags & (S2V_VMA_PFNMAP | S2V_VMA_MIXEDMAP));
}

/* The part of the memslot that the VMA is behind. */
static __always_inline void window_set_vma(struct window *w, const struct s2v_vma *v)
{
	__u64 lo = w->slot_hva, hi = w->slot_hva + w->slot_size;

	if (!(v->flags & S2V_VMA_GMEM)) {
		if (v->start > lo)
			lo = v->start;
		if (v->end < hi)
			hi = v->end;
	}
	w->gpa = w->slot_gpa + (lo - w->slot_hva);
	w->size = hi > lo ? hi - lo : 0;
}

/*
 * Before a map is looked at closely: how things are now. What it is found to be is known to hold for
 * them, or for none.
 */
static __always_inline void window_begin(struct window *w, __u64 kvm)
{
	w->pgt = 0;
	w->kvm = kvm;
	w->epoch = epoch;
	w->seq = window_seq(kvm);
}

/* The map has been looked at and told of: maps behind the same VMA need not be. */
static __always_inline void window_open(struct window *w, __u64 pgt, const struct s2v_ev_page *ev,
					bool any_vma)
{
	struct s2v_prot_bits bits;

	if (!cfg.slot_hook || !window_is_plain(&ev->vma, ev->s2) ||
	    ev->vma.pte_attr != S2V_ATTR_NONE ||
	    (ev->flags & (S2V_PG_NO_SLOT | S2V_PG_NO_VMA | S2V_PG_NO_PTE)))
		return;
	kvm_prot_bits(&bits);
	/* Where every event is told, what is executable is told apart. */
	w->type = ev->prot & ~(bits.r | bits.w | (cfg.all ? 0 : bits.x));
	w->name = ev->window;
	w->slot_gpa = ev->slot_gpa;
	w->slot_size = ev->slot_size;
	w->slot_hva = ev->slot_hva;
	w->any_vma = any_vma;
	window_set_vma(w, &ev->vma);
	w->pgt = pgt;
}

/*
 * Behind another VMA of a memslot of ordinary memory: that it is such by its PTE, too, is enough. What
 * remap_pfn_range() and its like map is marked special.
 */
static __noinline int window_pte(const struct window *w, __u64 gpa, __u64 size)
{
	struct pte_info pte = {};

	if (!w || !w->any_vma || gpa < w->slot_gpa || gpa - w->slot_gpa >= w->slot_size)
		return 0;
	return host_pte(w->kvm, w->slot_hva + (gpa - w->slot_gpa), &pte) && !pte.special &&
	       pte.attr == S2V_ATTR_NORMAL_WB && size <= pte.size;
}

static __always_inline bool window_contains(const struct window *w, __u64 gpa, __u64 size)
{
	return gpa - w->gpa < w->size && size <= w->size - (gpa - w->gpa);
}

/* Is [gpa, gpa + size) ordinary memory, mapped so that nothing is to be told of it? Then it counts. */
static __always_inline bool window_lets_by(struct window *w, __u64 pgt, __u64 gpa, __u64 size,
					   __u64 prot)
{
	struct s2v_prot_bits bits;

	kvm_prot_bits(&bits);
	if (cfg.all || !w || !window_is_current(w, pgt) ||
	    (prot & ~(bits.r | bits.w | bits.x)) != w->type ||
	    !(window_contains(w, gpa, size) || window_pte(w, gpa, size)))
		return false;
	w->n[S2V_WINDOW_MAPS]++;
	return true;
}

/* Every window is closed: the next map of each vCPU is looked at closely. */
static __always_inline void windows_close(void)
{
	__sync_fetch_and_add(&epoch, 1);
}

#endif
