/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * Page events: fill in both sides of a mapping, count it, and report it only if it is the first of its kind, a
 * rule may fire on it, or cfg.all.
 *
 * Functions that a program calls several times are global: the verifier then checks them once per program, not once
 * per caller and state.
 */
#ifndef S2V_BPF_PAGE_H
#define S2V_BPF_PAGE_H

/* The event flags of a prot argument. */
static __always_inline __u32 page_perms(__u64 prot, const struct s2v_prot_bits *bits)
{
	return (prot & bits->x ? S2V_PG_EXEC : 0) | (prot & bits->w ? S2V_PG_WRITE : 0);
}

/* Sets the memslot of ev->gpa. False: none covers it. */
static __always_inline bool page_slot(struct kvm *kvm, struct s2v_ev_page *ev,
				      struct slot_info *slot)
{
	if (!slot_find((__u64)kvm, ev->gpa, slot)) {
		ev->slot = S2V_NO_SLOT;
		ev->flags |= S2V_PG_NO_SLOT;
		return false;
	}
	ev->slot = slot->id;
	ev->as_id = slot->as_id;
	ev->slot_gpa = slot->gpa;
	ev->slot_size = slot->size;
	ev->slot_hva = slot->hva;
	ev->hva = slot->hva + (ev->gpa - slot->gpa);
	return true;
}

/* Sets ev->gen. Returns whether the memslot was ordinary memory throughout at registration. */
static __always_inline bool page_registration(const struct s2v_vm_state *vm, struct s2v_ev_page *ev)
{
	struct s2v_slot_state *st = slot_state(vm->id, ev->slot, ev->as_id);

	ev->gen = st ? st->gen : 0;
	return st && st->ordinary;
}

/*
 * For a VMA that cannot be read: returns whether the PTE alone suffices. It does for Write-Back on both
 * sides with a struct page, so not VM_PFNMAP memory.
 */
static __always_inline bool page_ordinary_by_pte(__u64 kvm, struct s2v_ev_page *ev)
{
	struct pte_info pte = {};

	if (!host_pte(kvm, ev->hva, &pte) || pte.special || !s2v_attr_is_cacheable(pte.attr) ||
	    ev->s2 != S2V_ATTR_NORMAL_WB)
		return false;
	ev->flags |= S2V_PG_NO_VMA;
	ev->vma.attr = pte.attr;
	ev->vma.pte_attr = pte.attr;
	return true;
}

/* How page_host() reads the host side, and what it does if the VMA cannot be read now (-EBUSY). */
enum look {
	LOOK_FINAL, /* no attempt follows: it counts as unread */
	LOOK_OR_DEFER, /* returns 0, and the caller defers the map */
	LOOK_DEFERRED, /* another attempt, for a deferred map: returns 0 */
	LOOK_PTE_ONLY, /* a map is being deferred: reads the PTE only; the VMA does not count as unread */
};

/*
 * Compares the output addresses of stage 2 with all that the host maps there. Only valid while KVM maps (block.h). One
 * host PTE, *pte, suffices for a page, and for a block that the host maps by one descriptor. False: some of them could
 * not be read, or the host maps nothing there.
 */
static __always_inline bool page_verify(__u64 kvm, struct scratch *sc, const struct pte_info *pte)
{
	struct s2v_ev_page *ev = &sc->page;

	if (!pte->size || pte->size - (ev->hva & (pte->size - 1)) < ev->size)
		return block_look(sc, kvm) && ev->vma.pte_attr != S2V_ATTR_NONE;
	if (pte->pa == ev->pa)
		return true;
	ev->flags |= S2V_PG_PA_DIFFERS;
	ev->differs_pa = ev->pa;
	ev->host_pa = pte->pa;
	return true;
}

/*
 * Sets the host side of sc->page. The PTE is read where the VMA may not be enough: stage 2 is not
 * Write-Back, or the VMA is a driver's (remap_pfn_range() does not compare its pgprot with the
 * VMA's), not cacheable, or unreadable. Returns 0, and does nothing, if the address space is being
 * changed and `look` is LOOK_OR_DEFER or LOOK_DEFERRED.
 */
__noinline int page_host(struct scratch *sc, __u64 kvm, __u32 slot_flags, enum look look)
{
	struct s2v_ev_page *ev;
	struct vma_info vi = {};
	struct pte_info pte = {};
	bool readable;
	long err;

	if (!sc)
		return 0;
	ev = &sc->page;
	if (slot_flags & S2V_MEM_GUEST_MEMFD) {
		ev->vma.flags = S2V_VMA_GMEM;
		ev->vma.attr = S2V_ATTR_NORMAL_WB; /* the kernel's linear map */
		return 1;
	}
	err = look == LOOK_PTE_ONLY ? -EBUSY : find_vma(ev->hva, &vi);
	if (err == -EBUSY && look != LOOK_PTE_ONLY && ev->h.type == S2V_EV_MAP &&
	    page_ordinary_by_pte(kvm, ev))
		return 1;
	if (err == -EBUSY && (look == LOOK_OR_DEFER || look == LOOK_DEFERRED))
		return 0;
	if (err) {
		/* -ENOENT on a map: the VMA is being unmapped during the fault. */
		ev->flags |= S2V_PG_NO_VMA;
		vi.v.start = vi.v.end = 0;
		if (err != -ENOENT && look != LOOK_PTE_ONLY)
			count_unread(ev->h.vm, ev->h.tgid, S2V_CNT_UNREAD_VMA);
	}
	ev->vma = vi.v;
	if (!err && s2v_attr_is_cacheable(vi.v.attr) && !(vi.v.flags & S2V_VMA_DRIVER) &&
	    (ev->s2 == S2V_ATTR_NORMAL_WB || ev->h.type == S2V_EV_PERM))
		return 1;
	readable = host_pte(kvm, ev->hva, &pte);
	ev->vma.pte_attr = pte.attr;
	if (ev->h.type == S2V_EV_FAULT) {
		ev->pa = pte.pa;
		ev->flags |= (err ? 0 : S2V_PG_PROT | vi.prot) |
			     (pte.writable ? S2V_PG_PTE_WRITE : 0);
	} else if (readable && (look == LOOK_OR_DEFER || look == LOOK_PTE_ONLY)) {
		readable = page_verify(kvm, sc, &pte);
	} else {
		readable &= pte.attr != S2V_ATTR_NONE;
	}
	if (!readable) {
		ev->flags |= S2V_PG_NO_PTE;
		count_unread(ev->h.vm, ev->h.tgid, S2V_CNT_UNREAD_PTE);
	}
	return 1;
}

static __always_inline __u32 page_s1(const struct s2v_ev_page *ev)
{
	return ev->vma.pte_attr != S2V_ATTR_NONE ? ev->vma.pte_attr : ev->vma.attr;
}

/* Moves the pending count of a kind into its event. False: it is 0. */
static __always_inline bool agg_take_pending(struct s2v_ev_page *ev, struct s2v_agg *a)
{
	ev->count = __sync_lock_test_and_set(&a->pending, 0);
	ev->bytes = __sync_lock_test_and_set(&a->bytes, 0);
	ev->flags &= ~S2V_PG_FIRST;
	ev->gpa_last = a->gpa_last;
	ev->gpa_low = a->gpa_low;
	ev->gpa_end = a->gpa_end;
	return ev->count;
}

/* Reports the pending count of a kind. Without room in the ring buffer it stays pending: nothing is lost. */
static __always_inline void agg_report(struct s2v_ev_page *ev, struct s2v_agg *a, __u64 now)
{
	if (agg_take_pending(ev, a)) {
		if (!bpf_ringbuf_output(&events, ev, sizeof(*ev), 0)) {
			a->reported = now;
			return;
		}
		pending_some = true;
	}
	__sync_fetch_and_add(&a->pending, ev->count);
	__sync_fetch_and_add(&a->bytes, ev->bytes);
}

/* Attempts to move a bound while other CPUs move it too: each failure means that another CPU moved it. */
#define AGG_TRIES 8

/* Extends the bounds of a kind to [low, end). False: other CPUs were first each time. */
static __always_inline bool agg_widen(struct s2v_agg *a, __u64 low, __u64 end)
{
	__u64 was;

#pragma unroll
	for (int i = 0; i < AGG_TRIES; i++) {
		was = *(volatile __u64 *)&a->gpa_low;
		if (was <= low || __sync_val_compare_and_swap(&a->gpa_low, was, low) == was)
			break;
	}
#pragma unroll
	for (int i = 0; i < AGG_TRIES; i++) {
		was = *(volatile __u64 *)&a->gpa_end;
		if (was >= end || __sync_val_compare_and_swap(&a->gpa_end, was, end) == was)
			break;
	}
	return *(volatile __u64 *)&a->gpa_low <= low && *(volatile __u64 *)&a->gpa_end >= end;
}

/* Counts one more of a kind, and reports it now, or by the next sweep (pending.h). */
static __always_inline void agg_count(struct s2v_agg *a, struct s2v_ev_page *ev)
{
	bool wide = agg_widen(a, ev->gpa, ev->gpa + ev->size);

	a->gpa_last = ev->gpa;
	a->last = ev->h.time;
	if (!ev->count)
		return;
	__sync_fetch_and_add(&a->bytes, ev->size);
	if (!__sync_fetch_and_add(&a->pending, 1) && !pending_some)
		pending_some = true;
	/* If the bounds could not be extended the event itself shows the page. */
	if (!wide || ev->h.time - a->reported >= cfg.repeat_ns)
		agg_report(ev, a, ev->h.time);
}

/* Which event of a scratch. Not a pointer: see agg_add_kind(). */
enum event_which { EVENT_PAGE, EVENT_FAULT };

static __always_inline struct s2v_ev_page *event_of(struct scratch *sc, enum event_which which)
{
	return which == EVENT_FAULT ? &sc->fault : &sc->page;
}

/*
 * The first of a kind. Gets the scratch anew: the verifier of 6.1 does not accept part of a global function's
 * argument as a map value.
 */
static __always_inline void agg_add_kind(const struct s2v_agg_key *k, struct s2v_ev_page *ev)
{
	struct scratch *sc = scratch_get();
	struct kvm_vcpu *vcpu;
	long err;

	if (!sc)
		return;
	if (!s2v_share_take(&shares, S2V_SHARED_KINDS, ev->h.tgid)) {
		count_over_limit(ev->h.vm, ev->h.tgid);
		return;
	}
	ev->flags |= S2V_PG_FIRST;
	/* Outside of memslots KVM maps the interrupt controller, before it sets up the vCPU's HCR_EL2. */
	vcpu = ev->flags & S2V_PG_NO_SLOT ? NULL : scratch_vcpu(sc);
	if (vcpu) {
		ev->flags |= S2V_PG_HCR;
		if (BPF_CORE_READ(vcpu, arch.hcr_el2) & HCR_EL2_FWB)
			ev->flags |= S2V_PG_FWB;
	}
	__builtin_memset(&sc->new_agg, 0, sizeof(sc->new_agg));
	sc->new_agg.ev = *ev;
	sc->new_agg.kvm = sc->kvm;
	sc->new_agg.reported = sc->new_agg.last = ev->h.time;
	sc->new_agg.gpa_last = sc->new_agg.gpa_low = ev->gpa;
	sc->new_agg.gpa_end = ev->gpa + ev->size;
	/*
	 * If another CPU was first, or there is no room, which is counted, it is reported all the same. S2V_PG_FIRST
	 * shows user space which kinds are in the map.
	 */
	err = bpf_map_update_elem(&agg, k, &sc->new_agg, BPF_NOEXIST);
	if (err == -E2BIG || err == -ENOMEM)
		count(S2V_CNT_LOST_AGG);
	if (err)
		s2v_share_give(&shares, S2V_SHARED_KINDS, ev->h.tgid);
	if (err && err != -EEXIST)
		ev->flags &= ~S2V_PG_FIRST;
	if (!cfg.all)
		emit(ev, sizeof(*ev));
}

/*
 * Aggregates events of one kind (s2v_agg_key_of()). The first is reported at once. With `repeat` the
 * others are counted, and reported every cfg.repeat_ns. ordinary: from page_registration().
 */
__noinline int page_aggregate(struct scratch *sc, enum event_which which, __u32 ordinary,
			      __u32 repeat)
{
	struct s2v_ev_page *ev;
	struct s2v_agg_key k;
	struct s2v_agg *a;

	if (!sc)
		return 0;
	ev = event_of(sc, which);
	/* In a memslot of ordinary memory throughout, kinds do not differ by VMA. */
	if (ordinary && !(ev->vma.flags & S2V_VMA_DRIVER))
		ev->flags |= S2V_PG_ANY_VMA;
	s2v_agg_key_of(&k, ev);
	a = bpf_map_lookup_elem(&agg, &k);
	if (!a)
		agg_add_kind(&k, ev);
	else if (repeat && !cfg.all)
		agg_count(a, ev);
	return 0;
}

static __always_inline void page_start(struct scratch *sc, struct kvm *kvm,
				       const struct s2v_vm_state *vm, __u32 type)
{
	struct s2v_ev_page *ev = &sc->page;

	sc->kvm = (__u64)kvm;
	__builtin_memset(ev, 0, sizeof(*ev));
	event_header(&ev->h, type, sizeof(*ev), vm);
	ev->vcpu = -1;
	ev->count = 1;
	ev->pa = S2V_NO_PA;
	ev->slot = S2V_NO_SLOT;
}

/*
 * Whether repetitions are counted, since a rule may fire: a fault or new permissions; a driver's memory; or not
 * Write-Back on both sides.
 */
static __always_inline bool page_counts_repeats(const struct s2v_ev_page *ev)
{
	return ev->h.type != S2V_EV_MAP || !s2v_attr_is_cacheable(page_s1(ev)) ||
	       ev->s2 != S2V_ATTR_NORMAL_WB || (ev->vma.flags & S2V_VMA_DRIVER);
}

/* Counts, aggregates and reports a complete event. 0: it was lost. ordinary: from page_registration(). */
__noinline int page_finish(struct scratch *sc, enum event_which which, __u32 ordinary)
{
	struct s2v_ev_page *ev;
	__u32 s1;

	if (!sc)
		return 0;
	ev = event_of(sc, which);
	s1 = page_s1(ev);
	ev->gpa_last = ev->gpa;
	if (ev->h.type == S2V_EV_MAP) {
		if (s1 >= S2V_ATTR_UNKNOWN || ev->s2 >= S2V_ATTR_UNKNOWN)
			count(S2V_CNT_UNKNOWN_ATTR);
		count_mapping(s1 < S2V_ATTR_NR ? s1 : S2V_ATTR_UNKNOWN,
			      ev->s2 < S2V_ATTR_NR ? ev->s2 : S2V_ATTR_UNKNOWN);
	}
	page_aggregate(sc, which, ordinary, page_counts_repeats(ev) && !sc->deferred);
	if (!cfg.all)
		return 1;
	ev->flags |= S2V_PG_ALL;
	return which == EVENT_PAGE ? emit(&sc->named, sizeof(sc->named)) : emit(ev, sizeof(*ev));
}

/* Duration of the task's fault until now, less the time in these programs and waits for a CPU; 0: not timed. */
static __always_inline __u64 fault_ns(const struct scratch *sc, __u64 now)
{
	if (!now || !sc->fault_start)
		return 0;
	return without_waits(now - sc->fault_start, sc->waited, sc->own_ns);
}

/* The page that a vCPU has faulted on. */
static __always_inline __u64 fault_page(struct kvm_vcpu *vcpu)
{
	return kvm_fault_ipa(vcpu) >> cfg.page_shift << cfg.page_shift;
}

/*
 * Returns whether the map of [gpa, gpa + size) belongs to the timed fault, and the page of that in *page. A thread can
 * map outside of faults, too: up to 6.9 MMU notifiers map the result of a copy on write (kvm_set_spte_gfn()).
 */
static __always_inline bool fault_is_for(const struct scratch *sc, __u64 gpa, __u64 size,
					 __u64 *page)
{
	if (!sc->fault_start)
		return false;
	*page = fault_page(sc->vcpu);
	return *page - gpa < size;
}

/* Passed as `size` for new permissions: only a fault sets them, for its page or the first page of its block. */
#define ANY_GPA (~0ULL)

/*
 * With cfg.all: reports the fault that made sc->page (a map, or new permissions) and ended at sc->fault_end, if it was in
 * [sc->page.gpa, sc->page.gpa + size). The event does not repeat what was mapped.
 */
__noinline int fault_done(struct scratch *sc, __u64 size)
{
	struct s2v_ev_page *ev;
	__u64 page = 0;

	if (!sc || sc->page.slot == S2V_NO_SLOT || !fault_is_for(sc, sc->page.gpa, size, &page))
		return 0;
	count(S2V_CNT_FAULTS);
	ev = &sc->fault;
	__builtin_memset(ev, 0, sizeof(*ev));
	ev->h = sc->page.h;
	ev->h.type = S2V_EV_FAULT;
	ev->vcpu = sc->page.vcpu;
	ev->slot = sc->page.slot;
	ev->as_id = sc->page.as_id;
	ev->gen = sc->page.gen;
	ev->slot_gpa = sc->page.slot_gpa;
	ev->slot_size = sc->page.slot_size;
	ev->slot_hva = sc->page.slot_hva;
	ev->gpa = page;
	ev->hva = ev->slot_hva + (ev->gpa - ev->slot_gpa);
	ev->size = 1ULL << cfg.page_shift;
	ev->pa = S2V_NO_PA;
	ev->count = 1;
	ev->dur = fault_ns(sc, sc->fault_end);
	page_finish(sc, EVENT_FAULT, false);
	sc->fault_start = 0;
	sc->vcpu = NULL;
	return 0;
}

/*
 * Defers a map whose VMA cannot be read now: another task changes the address space, and may be waiting
 * for the MMU lock that is held here. False: the caller reports the map now, with the type from its PTE.
 * True (cfg.all): it is reported when its VMA has been read. Maps still deferred at the end count as unread.
 */
static __always_inline bool page_defer(struct scratch *sc, __u64 kvm, __u32 slot_flags)
{
	sc->deferred = true;
	sc->deferred_flags = slot_flags;
	add_deferred(sc->page.h.vm, sc->page.h.tgid, 1);
	page_host(sc, kvm, slot_flags, LOOK_PTE_ONLY);
	return cfg.all;
}

/* Reads the VMA of a deferred map. Called before sc->page is reused. */
__noinline int page_finish_deferred(struct scratch *sc, __u64 kvm)
{
	struct s2v_vm_state *vm;
	bool ordinary;

	if (!sc || !sc->deferred)
		return 0;
	sc->deferred = false;
	add_deferred(sc->page.h.vm, sc->page.h.tgid, -1);
	vm = vm_of_current((void *)kvm);
	if (!vm) {
		count_unread(sc->page.h.vm, sc->page.h.tgid, S2V_CNT_UNREAD_VMA);
		return 0;
	}
	ordinary = page_registration(vm, &sc->page);
	if (cfg.all) {
		sc->page.flags &= ~(S2V_PG_FIRST | S2V_PG_ANY_VMA | S2V_PG_NO_VMA | S2V_PG_NO_PTE);
		sc->named.window = 0; /* it holds the name of another map */
		page_host(sc, kvm, sc->deferred_flags, LOOK_FINAL);
		page_finish(sc, EVENT_PAGE, ordinary);
		return 0;
	}
	/* Count it now, unless it was the first of its kind: that was reported with its count. */
	sc->page.count = !(sc->page.flags & S2V_PG_FIRST);
	sc->page.flags &= ~(S2V_PG_FIRST | S2V_PG_ANY_VMA | S2V_PG_NO_VMA | S2V_PG_NO_PTE);
	if (!page_host(sc, kvm, sc->deferred_flags, LOOK_DEFERRED)) {
		count_unread(vm->id, vm->tgid, S2V_CNT_UNREAD_VMA);
		return 0;
	}
	page_aggregate(sc, EVENT_PAGE, ordinary, page_counts_repeats(&sc->page));
	return 0;
}

#endif
