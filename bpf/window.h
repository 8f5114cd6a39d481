/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * The fast path. Most maps have the same VMA and memslot as the map before: then three comparisons
 * suffice (window_is_current()). For another VMA of the same memslot the host PTE is read as well; it
 * is usually in the same table as the last one (window_hit_table()).
 *
 * A VMA is replaced only after its pages were unmapped from the guest, which changes
 * kvm->mmu_invalidate_seq (MMU notifier). KVM installs no mapping that an invalidation has overtaken:
 * mmu_invalidate_retry(). Everything else that matters changes `epoch` (windows_close()): a change of a
 * memslot, the end of a VM, or another reason to look closely at the next map. A memslot that is deleted or moved is invalid, and every fault
 * on it has ended, before KVM calls kvm_arch_prepare_memory_region() (kvm_set_memslot(), 5.17 on).
 * `epoch` changes when that returns; no fault maps there afterwards.
 *
 * Only one program uses a window, and the kernel never runs it twice at a time on one CPU, even with
 * preemption (the second run does not happen, and is counted as missed).
 */
#ifndef S2V_BPF_WINDOW_H
#define S2V_BPF_WINDOW_H

static __always_inline struct window *window_this_cpu(void)
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

/* Returns whether a mapping of this VMA is ordinary memory: Write-Back on both sides, no PFNMAP or MIXEDMAP. */
static __always_inline bool window_vma_is_ordinary(const struct s2v_vma *v, __u32 s2)
{
	return v->attr == S2V_ATTR_NORMAL_WB && s2 == S2V_ATTR_NORMAL_WB &&
	       !(v->flags & S2V_VMA_DRIVER);
}

/* Sets the window to the part of the memslot that the VMA backs. */
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
 * Closes the window and takes `epoch` and the sequence number, before a map is looked at closely. If
 * either changes meanwhile, what is found is not reused.
 */
static __always_inline void window_begin(struct window *w, __u64 kvm)
{
	w->pgt = 0;
	w->table.size = 0;
	w->kvm = kvm;
	w->epoch = epoch;
	w->seq = window_seq(kvm);
}

/* Opens the window after a map of ordinary memory was reported: maps of the same VMA are skipped from now on. */
static __always_inline void window_open(struct window *w, __u64 pgt, const struct s2v_ev_page *ev,
					bool any_vma)
{
	struct s2v_prot_bits bits;

	if (!cfg.slot_hook || !window_vma_is_ordinary(&ev->vma, ev->s2) ||
	    ev->vma.pte_attr != S2V_ATTR_NONE ||
	    (ev->flags & (S2V_PG_NO_SLOT | S2V_PG_NO_VMA | S2V_PG_NO_PTE)))
		return;
	kvm_prot_bits(&bits);
	/* With cfg.all, executable and other mappings are distinguished. */
	w->perms = bits.r | bits.w | (cfg.all ? 0 : bits.x);
	w->type = ev->prot & ~w->perms;
	w->slot_gpa = ev->slot_gpa;
	w->slot_size = ev->slot_size;
	w->slot_hva = ev->slot_hva;
	w->any_vma = any_vma;
	window_set_vma(w, &ev->vma);
	w->pgt = pgt;
}

/* Two descriptors equal in these bits map the same kind of page: valid, a page, special or not, memory type. */
#define KIND_OF_PAGE (S2V_DESC_VALID | S2V_DESC_TABLE | PTE_SPECIAL | S2V_ATTRINDX_BITS)

/* Remembers the last-level table of a page of ordinary memory, as far as it maps the memslot. */
static __always_inline void window_remember_table(struct window *w, const struct walk *to)
{
	__u64 size = s2v_last_table_size(cfg.page_shift), lo = to->ia & ~(size - 1), hi = lo + size;

	if (lo < w->slot_hva)
		lo = w->slot_hva;
	if (hi > w->slot_hva + w->slot_size)
		hi = w->slot_hva + w->slot_size;
	w->table.gpa = w->slot_gpa + (lo - w->slot_hva);
	w->table.size = hi - lo;
	w->table.desc_addr = to->table + s2v_index(&to->t, S2V_LEAF_LEVEL, lo) * 8;
	w->table.desc_kind = to->desc & KIND_OF_PAGE;
}

/*
 * For another VMA of a memslot of ordinary memory: returns whether the host PTE is of ordinary memory.
 * That suffices: remap_pfn_range() and similar functions mark their PTEs special.
 */
static __noinline int window_hit_pte(struct window *w, __u64 gpa, __u64 size)
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
		window_remember_table(w, &to);
	return 1;
}

/*
 * As window_hit_pte(), from the table that it found last: one read instead of a walk. The descriptor is
 * read as it is now, so later changes, such as a driver's memory, are seen. The table is still the
 * one that the host walks: it mapped a page of the memslot, and before the host removes the table it
 * invalidates that page by MMU notifiers (Linux 6.1, 6.12, 7.3):
 * - munmap(), mmap() over it, exit: unmap_vmas() ends before free_pgtables() begins;
 * - a huge page replaces it: collapse_huge_page(), collapse_pte_mapped_thp(), retract_page_tables()
 *   (6.1: collapse_and_free_pmd()) invalidate all that the table maps. For a huge page smaller than
 *   that (7.3) only its range is invalidated, but then collapse_huge_page(), which holds the mmap
 *   lock, puts the same table back with the rest unchanged;
 * - move_page_tables(), and from 6.14 on zap_pte_range() of MADV_DONTNEED: likewise invalidated.
 * None of these has ended since the table was found, or `seq` would have changed (the page backs the
 * memslot, and kvm_mmu_notifier_invalidate_range_end() counts those). None is running, or
 * mmu_invalidate_retry() would have kept KVM from mapping. (6.1's kvm_set_spte_gfn() maps without
 * that check, but with the lock held of the same table that the host walks.)
 */
static __always_inline bool window_hit_table(const struct window *w, __u64 gpa, __u64 size)
{
	__u64 off = gpa - w->table.gpa, desc;

	return off < w->table.size && size <= 1ULL << cfg.page_shift &&
	       !read_desc(w->table.desc_addr + (off >> cfg.page_shift) * 8, &desc) &&
	       (desc & KIND_OF_PAGE) == w->table.desc_kind;
}

static __always_inline bool window_contains(const struct window *w, __u64 gpa, __u64 size)
{
	return gpa - w->gpa < w->size && size <= w->size - (gpa - w->gpa);
}

/* Fast path: returns whether the map of [gpa, gpa + size) is ordinary memory as before. It is then counted. */
static __always_inline bool window_hit(struct window *w, __u64 pgt, __u64 gpa, __u64 size,
				       __u64 prot)
{
	if (cfg.all || !w || !window_is_current(w, pgt) || (prot & ~w->perms) != w->type ||
	    !(window_contains(w, gpa, size) || window_hit_table(w, gpa, size) ||
	      window_hit_pte(w, gpa, size)))
		return false;
	w->n[S2V_WINDOW_MAPS]++;
	return true;
}

/* Closes the windows of all CPUs: the next map of each vCPU is looked at closely. */
static __always_inline void windows_close(void)
{
	__sync_fetch_and_add(&epoch, 1);
}

#endif
