/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * One page event: fill in both sides of a mapping, count it, and tell user space of it only if
 * it is the first of its kind, a conflict, or everything is wanted.
 *
 * What several programs, or one of them several times, does here is a global function: the verifier then looks at it
 * once a program, not once a caller and state.
 */
#ifndef S2V_BPF_PAGE_H
#define S2V_BPF_PAGE_H

/* What of an event's flags prot says. */
static __always_inline __u32 page_perms(__u64 prot, const struct s2v_prot_bits *bits)
{
	return (prot & bits->x ? S2V_PG_EXEC : 0) | (prot & bits->w ? S2V_PG_WRITE : 0);
}

/* Memslot and registration of ev->gpa. */
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

/* Sets ev->gen; returns whether all that the memslot was registered with is ordinary memory. */
static __always_inline bool page_registration(const struct s2v_vm_state *vm, struct s2v_ev_page *ev)
{
	struct s2v_slot_state *st = slot_kept(vm->id, ev->slot, ev->as_id);

	ev->gen = st ? st->gen : 0;
	return st && st->ordinary;
}

/*
 * The VMA cannot be looked at, but the PTE says all that matters: Write-Back under Write-Back, and
 * with a struct page behind it, so not VM_PFNMAP memory.
 */
static __always_inline bool page_ordinary(__u64 kvm, struct s2v_ev_page *ev)
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

/* How the host side of a page is looked at. */
enum look {
	LOOK, /* the caller does not ask again: what cannot be looked at counts as unread */
	LOOK_OR_WAIT,
	LOOK_AGAIN, /* likewise, of what was mapped before */
	LOOK_WITHOUT_VMA, /* which is looked at later, and counts then */
};

/*
 * What stage 2 has been led to, held against all that the host maps there: only as it is being mapped (block.h). One
 * host PTE, which was read, says it all of a page, and of a block that the host maps as one. False: not all of it
 * could be read, or the host maps none of it.
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
 * Host side of sc->page.hva. The PTE is read whenever the VMA's word may not be the whole truth:
 * stage 2 is not Write-Back, or the VMA is a driver's (remap_pfn_range() does not hold its
 * pgprot against the VMA's), or it is not cacheable, or could not be read. Returns 0, having
 * done nothing, where somebody is changing the address space right now and it is LOOK_OR_WAIT.
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
	err = look == LOOK_WITHOUT_VMA ? -EBUSY : find_vma(ev->hva, &vi);
	if (err == -EBUSY && look != LOOK_WITHOUT_VMA && ev->h.type == S2V_EV_MAP &&
	    page_ordinary(kvm, ev))
		return 1;
	if (err == -EBUSY && (look == LOOK_OR_WAIT || look == LOOK_AGAIN))
		return 0;
	if (err) {
		/* -ENOENT on a map: the mapping is being taken down behind the fault. */
		ev->flags |= S2V_PG_NO_VMA;
		vi.v.start = vi.v.end = 0;
		if (err != -ENOENT && look != LOOK_WITHOUT_VMA)
			unread(ev->h.vm, ev->h.tgid, S2V_CNT_UNREAD_VMA);
	}
	ev->vma = vi.v;
	if (!err && s2v_attr_is_cacheable(vi.v.attr) &&
	    !(vi.v.flags & (S2V_VMA_PFNMAP | S2V_VMA_MIXEDMAP)) &&
	    (ev->s2 == S2V_ATTR_NORMAL_WB || ev->h.type == S2V_EV_PERM))
		return 1;
	readable = host_pte(kvm, ev->hva, &pte);
	ev->vma.pte_attr = pte.attr;
	if (ev->h.type == S2V_EV_FAULT) {
		ev->pa = pte.pa;
		ev->flags |= (err ? 0 : S2V_PG_PROT | vi.prot) |
			     (pte.writable ? S2V_PG_PTE_WRITE : 0);
	} else if (readable && (look == LOOK_OR_WAIT || look == LOOK_WITHOUT_VMA)) {
		readable = page_verify(kvm, sc, &pte);
	} else {
		readable &= pte.attr != S2V_ATTR_NONE;
	}
	if (!readable) {
		ev->flags |= S2V_PG_NO_PTE;
		unread(ev->h.vm, ev->h.tgid, S2V_CNT_UNREAD_PTE);
	}
	return 1;
}

static __always_inline __u32 page_s1(const struct s2v_ev_page *ev)
{
	return ev->vma.pte_attr != S2V_ATTR_NONE ? ev->vma.pte_attr : ev->vma.attr;
}

/* Moves what is pending of a kind into an event of it. False: nothing is. */
static __always_inline bool agg_take(struct s2v_ev_page *ev, struct s2v_agg *a)
{
	ev->count = __sync_lock_test_and_set(&a->pending, 0);
	ev->bytes = __sync_lock_test_and_set(&a->bytes, 0);
	ev->flags &= ~S2V_PG_FIRST;
	ev->gpa_last = a->gpa_last;
	ev->gpa_low = a->gpa_low;
	ev->gpa_end = a->gpa_end;
	return ev->count;
}

/* Tells what is pending of a kind. Where the ring buffer has no room it stays pending, so nothing is lost. */
static __always_inline void agg_report(struct s2v_ev_page *ev, struct s2v_agg *a, __u64 now)
{
	if (agg_take(ev, a)) {
		if (!bpf_ringbuf_output(&events, ev, sizeof(*ev), 0)) {
			a->reported = now;
			return;
		}
		pending_some = true;
	}
	__sync_fetch_and_add(&a->pending, ev->count);
	__sync_fetch_and_add(&a->bytes, ev->bytes);
}

/* How often it is tried to move a bound that other CPUs move, too; each of them has then moved it. */
#define AGG_TRIES 8

/* Where a kind lies, with [low, end). False: others were faster each time. */
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

/* One more of a kind, which is told of now, or by the next sweep (pending.h). */
static __always_inline void agg_add(struct s2v_agg *a, struct s2v_ev_page *ev)
{
	bool wide = agg_widen(a, ev->gpa, ev->gpa + ev->size);

	a->gpa_last = ev->gpa;
	a->last = ev->h.time;
	if (!ev->count)
		return;
	__sync_fetch_and_add(&a->bytes, ev->size);
	if (!__sync_fetch_and_add(&a->pending, 1) && !pending_some)
		pending_some = true;
	/* What its bounds leave out the event itself says: it is of this page. */
	if (!wide || ev->h.time - a->reported >= cfg.repeat_ns)
		agg_report(ev, a, ev->h.time);
}

/* Which event of a scratch. */
enum which { THE_PAGE, THE_FAULT };

static __always_inline struct s2v_ev_page *event_of(struct scratch *sc, enum which which)
{
	return which == THE_FAULT ? &sc->fault : &sc->page;
}

/* The first of a kind. The kernel (6.1) takes no part of a global function's argument for a map's value. */
static __always_inline void agg_begin(const struct s2v_agg_key *k, struct s2v_ev_page *ev)
{
	struct scratch *sc = scratch_get();
	struct kvm_vcpu *vcpu;
	long err;

	if (!sc)
		return;
	if (!s2v_share_take(&shares, S2V_SHARED_KINDS, ev->h.tgid)) {
		over_limit(ev->h.vm, ev->h.tgid);
		return;
	}
	ev->flags |= S2V_PG_FIRST;
	/* Outside of memslots the interrupt controller is mapped, before KVM has set up the vCPU's HCR_EL2. */
	vcpu = ev->flags & S2V_PG_NO_SLOT ? NULL : scratch_vcpu(sc);
	if (vcpu) {
		ev->flags |= S2V_PG_HCR;
		if (BPF_CORE_READ(vcpu, arch.hcr_el2) & HCR_EL2_FWB)
			ev->flags |= S2V_PG_FWB;
	}
	__builtin_memset(&sc->fresh, 0, sizeof(sc->fresh));
	sc->fresh.ev = *ev;
	sc->fresh.kvm = sc->kvm;
	sc->fresh.reported = sc->fresh.last = ev->h.time;
	sc->fresh.gpa_last = sc->fresh.gpa_low = ev->gpa;
	sc->fresh.gpa_end = ev->gpa + ev->size;
	/*
	 * Another CPU was first, or there is no room: told all the same, and the latter counted. User space knows by
	 * S2V_PG_FIRST which kinds are kept here.
	 */
	err = bpf_map_update_elem(&agg, k, &sc->fresh, BPF_NOEXIST);
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
 * Aggregation: equal (VM, memslot, registration, attributes) are one; the first of each is told
 * at once; `open` ones go on being counted, and are told about every cfg.repeat_ns. ordinary: as
 * page_registration() returns it.
 */
__noinline int page_aggregate(struct scratch *sc, enum which which, __u32 ordinary, __u32 open)
{
	struct s2v_ev_page *ev;
	struct s2v_agg_key k;
	struct s2v_agg *a;

	if (!sc)
		return 0;
	ev = event_of(sc, which);
	/* Ordinary memory in a memslot of nothing else needs not be told apart by VMA. */
	if (ordinary && !(ev->vma.flags & (S2V_VMA_PFNMAP | S2V_VMA_MIXEDMAP)))
		ev->flags |= S2V_PG_ANY_VMA;
	s2v_agg_key_of(&k, ev);
	a = bpf_map_lookup_elem(&agg, &k);
	if (!a)
		agg_begin(&k, ev);
	else if (open && !cfg.all)
		agg_add(a, ev);
	return 0;
}

static __always_inline void page_start(struct scratch *sc, struct kvm *kvm,
				       const struct s2v_vm_state *vm, __u32 type)
{
	struct s2v_ev_page *ev = &sc->page;

	sc->kvm = (__u64)kvm;
	__builtin_memset(ev, 0, sizeof(*ev));
	head(&ev->h, type, sizeof(*ev), vm);
	ev->vcpu = -1;
	ev->count = 1;
	ev->pa = S2V_NO_PA;
	ev->slot = S2V_NO_SLOT;
}

/* All that a rule may fire on: errors, drivers' memory, whatever is not Write-Back twice. */
static __always_inline bool page_is_open(const struct s2v_ev_page *ev)
{
	return ev->h.type != S2V_EV_MAP || !s2v_attr_is_cacheable(page_s1(ev)) ||
	       ev->s2 != S2V_ATTR_NORMAL_WB ||
	       (ev->vma.flags & (S2V_VMA_PFNMAP | S2V_VMA_MIXEDMAP));
}

/* The event is complete: count, aggregate, tell. 0: it was lost. ordinary: as page_registration() returns it. */
__noinline int page_finish(struct scratch *sc, enum which which, __u32 ordinary)
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
	page_aggregate(sc, which, ordinary, page_is_open(ev) && !sc->deferred);
	if (!cfg.all)
		return 1;
	ev->flags |= S2V_PG_ALL;
	return which == THE_PAGE ? emit(&sc->named, sizeof(sc->named)) : emit(ev, sizeof(*ev));
}

/* How long the task's fault has taken by now, but for what these programs did inside, and waits for a CPU. */
static __always_inline __u64 fault_ns(const struct scratch *sc, __u64 now)
{
	__u64 less = sc->own_ns + (task_waited() - sc->waited), ns = now - sc->fault_start;

	return now && sc->fault_start && ns > less ? ns - less : 0;
}

/* The page that a vCPU has faulted on. */
static __always_inline __u64 fault_page(struct kvm_vcpu *vcpu)
{
	return kvm_fault_ipa(vcpu) >> cfg.page_shift << cfg.page_shift;
}

/*
 * Is what is at [gpa, gpa + size) now there for a fault that is timed, on *page? What the thread does outside of
 * faults can map, too: up to 6.9 MMU notifiers install what a copy on write has made (kvm_set_spte_gfn()).
 */
static __always_inline bool fault_of(const struct scratch *sc, __u64 gpa, __u64 size, __u64 *page)
{
	if (!sc->fault_start)
		return false;
	*page = fault_page(sc->vcpu);
	return *page - gpa < size;
}

/* Instead of a size, of new permissions: that is for a fault, and said of its page or of the block's first. */
#define ANYWHERE (~0ULL)

/*
 * With cfg.all: the fault that sc->page was mapped in, or got its permissions, has done what it was for at
 * sc->fault_end, if it was on one of the `size` bytes. Of what it mapped nothing is said again.
 */
__noinline int fault_done(struct scratch *sc, __u64 size)
{
	struct s2v_ev_page *ev;
	__u64 page = 0;

	if (!sc || sc->page.slot == S2V_NO_SLOT || !fault_of(sc, sc->page.gpa, size, &page))
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
	page_finish(sc, THE_FAULT, false);
	sc->fault_start = 0;
	sc->vcpu = NULL;
	return 0;
}

/*
 * A map whose VMA could not be looked at, since somebody is changing the address space: who may have
 * been waiting for the MMU lock that is held here. Until the VMA has been seen it is told of by its PTE,
 * or, where every map is told, not yet (true). Whoever ends then adds what is postponed to what is unread.
 */
static __always_inline bool page_defer(struct scratch *sc, __u64 kvm, __u32 slot_flags)
{
	sc->deferred = true;
	sc->deferred_flags = slot_flags;
	unread_later(sc->page.h.vm, sc->page.h.tgid, 1);
	page_host(sc, kvm, slot_flags, LOOK_WITHOUT_VMA);
	return cfg.all;
}

/* The VMA of a map that was postponed, before sc->page is used for something else. */
__noinline int page_finish_deferred(struct scratch *sc, __u64 kvm)
{
	struct s2v_vm_state *vm;
	bool ordinary;

	if (!sc || !sc->deferred)
		return 0;
	sc->deferred = false;
	unread_later(sc->page.h.vm, sc->page.h.tgid, -1);
	vm = vm_of_current((void *)kvm);
	if (!vm) {
		unread(sc->page.h.vm, sc->page.h.tgid, S2V_CNT_UNREAD_VMA);
		return 0;
	}
	ordinary = page_registration(vm, &sc->page);
	if (cfg.all) {
		sc->page.flags &= ~(S2V_PG_FIRST | S2V_PG_ANY_VMA | S2V_PG_NO_VMA | S2V_PG_NO_PTE);
		sc->named.window = 0; /* what is there is the name that another map was told by */
		page_host(sc, kvm, sc->deferred_flags, LOOK);
		page_finish(sc, THE_PAGE, ordinary);
		return 0;
	}
	/* It counts now, unless it was the first that was told by its PTE, with its count. */
	sc->page.count = !(sc->page.flags & S2V_PG_FIRST);
	sc->page.flags &= ~(S2V_PG_FIRST | S2V_PG_ANY_VMA | S2V_PG_NO_VMA | S2V_PG_NO_PTE);
	if (!page_host(sc, kvm, sc->deferred_flags, LOOK_AGAIN)) {
		unread(vm->id, vm->tgid, S2V_CNT_UNREAD_VMA);
		return 0;
	}
	page_aggregate(sc, THE_PAGE, ordinary, page_is_open(&sc->page));
	return 0;
}

#endif
