/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * What makes the verification of every mapping cheap: most maps go where the one before went, to
 * memory of the same VMA, in the same memslot. Of that a look at three values decides; behind another
 * VMA of that memslot the host's descriptor as well, which is near the last one: window_table().
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
	w->table.size = 0;
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
	w->perms = bits.r | bits.w | (cfg.all ? 0 : bits.x);
	w->type = ev->prot & ~w->perms;
	w->slot_gpa = ev->slot_gpa;
	w->slot_size = ev->slot_size;
	w->slot_hva = ev->slot_hva;
	w->any_vma = any_vma;
	window_set_vma(w, &ev->vma);
	w->pgt = pgt;
}

/*
 * What a descriptor has to have in common with one that maps a page of ordinary memory, to be another:
 * valid, a page, not special, of the same memory type.
 */
#define KIND_OF_PAGE (S2V_DESC_VALID | S2V_DESC_TABLE | PTE_SPECIAL | S2V_ATTRINDX_BITS)

/* What was walked to is a page of ordinary memory: remembers all that its table maps of the memslot. */
static __always_inline void window_keep_table(struct window *w, const struct walk *to)
{
	__u64 size = s2v_last_table_size(cfg.page_shift), lo = to->ia & ~(size - 1), hi = lo + size;

	if (lo < w->slot_hva)
		lo = w->slot_hva;
	if (hi > w->slot_hva + w->slot_size)
		hi = w->slot_hva + w->slot_size;
	w->table.gpa = w->slot_gpa + (lo - w->slot_hva);
	w->table.size = hi - lo;
	w->table.at = to->table + s2v_index(&to->t, S2V_LEAF_LEVEL, lo) * 8;
	w->table.kind = to->desc & KIND_OF_PAGE;
}

/*
 * Behind another VMA of a memslot of ordinary memory: that it is such by its PTE, too, is enough. What
 * remap_pfn_range() and its like map is marked special.
 */
static __noinline int window_pte(struct window *w, __u64 gpa, __u64 size)
{
	struct walk to = {};
	int level;

	if (!w || !w->any_vma || gpa < w->slot_gpa || gpa - w->slot_gpa >= w->slot_size)
		return 0;
	to.ia = w->slot_hva + (gpa - w->slot_gpa);
	level = host_walk((void *)w->kvm, &to);
	if (level < 0 || (to.desc & PTE_SPECIAL) ||
	    s1_attr[s2v_attrindx(to.desc)] != S2V_ATTR_NORMAL_WB ||
	    size > 1ULL << (s2v_level_shift(&to.t, level) & 63))
		return 0;
	if (level == S2V_LEAF_LEVEL)
		window_keep_table(w, &to);
	return 1;
}

/*
 * The same by the table that window_pte() found last: one read instead of a walk. What is put into
 * that table afterwards, a driver's memory as well, is seen as it is now; and it still is the one that
 * the host walks. A page of the memslot was mapped by it, and that page is taken away first, by an
 * invalidation of MMU notifiers that the table does not leave the tree before (Linux 6.1, 6.12, 7.3):
 * - munmap(), mmap() over it, exit: unmap_vmas() has ended when free_pgtables() begins;
 * - a huge page instead: collapse_huge_page(), collapse_pte_mapped_thp(), retract_page_tables() (6.1:
 *   collapse_and_free_pmd()), in an invalidation of all that the table maps. For a smaller one than
 *   the table maps (7.3) only that is invalidated, but then the same table is put back, the rest of it as
 *   it was: collapse_huge_page() has the mmap lock;
 * - move_page_tables(), and from 6.14 on zap_pte_range() of MADV_DONTNEED, the same.
 * None of it has ended since the table was found, or `seq` would have moved (the page is behind the
 * memslot: kvm_mmu_notifier_invalidate_range_end() counts those). None is on its way, or
 * mmu_invalidate_retry() would have kept KVM from mapping. (What 6.1 maps without asking,
 * kvm_set_spte_gfn(), it maps with the lock held of the very table that the host walks.)
 */
static __always_inline bool window_table(const struct window *w, __u64 gpa, __u64 size)
{
	__u64 off = gpa - w->table.gpa, desc;

	return off < w->table.size && size <= 1ULL << cfg.page_shift &&
	       !read_desc(w->table.at + (off >> cfg.page_shift) * 8, &desc) &&
	       (desc & KIND_OF_PAGE) == w->table.kind;
}

static __always_inline bool window_contains(const struct window *w, __u64 gpa, __u64 size)
{
	return gpa - w->gpa < w->size && size <= w->size - (gpa - w->gpa);
}

/* Is [gpa, gpa + size) ordinary memory, mapped so that nothing is to be told of it? Then it counts. */
static __always_inline bool window_hit(struct window *w, __u64 pgt, __u64 gpa, __u64 size,
				       __u64 prot)
{
	if (cfg.all || !w || !window_is_current(w, pgt) || (prot & ~w->perms) != w->type ||
	    !(window_contains(w, gpa, size) || window_table(w, gpa, size) ||
	      window_pte(w, gpa, size)))
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
