/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * What KVM installs at stage 2: returns of kvm_pgtable_stage2_map() (its entry, by kprobes without --all) and
 * kvm_pgtable_stage2_relax_perms(), and of their pkvm_ twins.
 */
#ifndef S2V_BPF_MAP_H
#define S2V_BPF_MAP_H

/* The leaf that maps gpa in a VM's own stage 2; its level, or below 0. Global: verified once. */
__noinline int stage2_leaf(__u64 vm, __u64 gpa, __u64 *desc)
{
	struct kvm *kvm = (void *)vm;
	struct kvm_s2_mmu *mmu = kvm_mmu(kvm);
	struct walk w = { .ia = gpa, .linear = linear_offset(mmu) };
	int level;

	if (!desc || !w.linear)
		return WALK_NOTHING;
	stage2_tables(kvm, mmu, &w.t, &w.table);
	level = walk_tables(&w);
	*desc = w.desc;
	return level;
}

/* The VM whose own stage 2 `pgt` is, or NULL: not watched, or counted as nested. */
static __always_inline struct kvm *map_vm(struct kvm_pgtable *pgt)
{
	struct kvm_s2_mmu *mmu = HOT_READ(struct kvm_pgtable, pgt, mmu);
	struct kvm *kvm = kvm_of_mmu(mmu);

	if (!kvm)
		return NULL;
	if (!kvm_mmu_is_canonical(kvm, mmu)) {
		count(S2V_CNT_NESTED);
		return NULL;
	}
	return kvm;
}

/*
 * Up to 6.9 an MMU notifier maps, too, what replaces a page of ordinary memory (kvm_set_spte_gfn()), in whatever
 * task, whose VMAs are not the VM's, while the host's PTE is empty: in ksmd, which has none, a page of KSM's. In
 * another process (a debugger that writes) it is not looked at, and said so. Not inline: the stack of
 * who calls it is nearly full.
 */
static __noinline bool map_of_notifier(struct kvm *kvm)
{
	struct mm_struct *mm = HOT_READ(struct task_struct, bpf_get_current_task(), mm);
	struct s2v_vm_state *vm;

	if (mm == HOT_READ(struct kvm, kvm, mm))
		return false;
	vm = mm ? vm_get(kvm, NULL) : NULL;
	if (vm)
		unread(vm->id, vm->tgid, S2V_CNT_UNREAD_VMA);
	else if (mm)
		count(S2V_CNT_UNREAD_VMA);
	else
		count_mapping(S2V_ATTR_NORMAL_WB, S2V_ATTR_NORMAL_WB);
	return true;
}

static __always_inline int on_map(struct scratch *sc, struct window *w, struct kvm_pgtable *pgt,
				  __u64 addr, __u64 size, __u64 phys, __u64 prot, int ret)
{
	struct s2v_ev_page *ev = &sc->page;
	struct s2v_prot_bits bits;
	bool ordinary = false;
	struct s2v_vm_state *vm;
	struct slot_info slot;
	struct kvm *kvm;

	if (ret) {
		count(S2V_CNT_MAP_ERRORS);
		return 0;
	}
	kvm = map_vm(pgt);
	if (!kvm || !w || map_of_notifier(kvm))
		return 0;
	window_begin(w, (__u64)kvm);
	page_finish_deferred(sc, (__u64)kvm);
	vm = vm_of_current(kvm);
	if (!vm)
		return 0;
	if (!vm->mapped)
		vm->mapped = 1;
	kvm_prot_bits(&bits);
	page_start(sc, kvm, vm, S2V_EV_MAP);
	ev->gpa = addr;
	ev->size = size;
	ev->pa = phys;
	ev->prot = prot;
	ev->s2 = s2v_attr_from_prot(prot, &bits);
	ev->flags = page_perms(prot, &bits);
	ev->vcpu = scratch_vcpu_id(sc);
	if (page_slot(kvm, ev, &slot)) {
		maps_seen(vm);
		ordinary = page_registration(vm, ev);
		if (!page_host(sc, (__u64)kvm, slot.flags, LOOK_OR_WAIT) &&
		    page_defer(sc, (__u64)kvm, slot.flags)) {
			fault_done(sc, size);
			return 0;
		}
	} else {
		count(S2V_CNT_NO_SLOT);
	}
	sc->named.window = window_name(w);
	if (page_finish(sc, THE_PAGE, ordinary))
		window_open(w, (__u64)pgt, ev, ordinary);
	if (cfg.all)
		fault_done(sc, size);
	return 0;
}

/*
 * Permissions do not change the memory type, so all that can go wrong is that Device memory
 * becomes executable: the leaf itself says what it is. True: it is no such leaf, and counted. A window
 * over it would not do: what KVM mapped before s2verify came, or by page behind an ordinary VMA (memory of
 * a device up to 6.16), may be Device there, and KVM's own check is what the rule doubts.
 */
static __always_inline bool perm_is_plain(struct kvm_pgtable *pgt, __u64 addr, __u64 prot)
{
	struct s2v_prot_bits bits;
	struct kvm_s2_mmu *mmu;
	__u64 leaf = 0;
	struct kvm *kvm;
	__u32 s2;

	kvm_prot_bits(&bits);
	if (cfg.all || !ready)
		return false;
	if (prot & bits.x) {
		mmu = HOT_READ(struct kvm_pgtable, pgt, mmu);
		kvm = kvm_of_mmu(mmu);
		if (!kvm || !kvm_mmu_is_canonical(kvm, mmu) ||
		    stage2_leaf((__u64)kvm, addr, &leaf) < 0)
			return false;
		s2 = s2v_attr_from_memattr(s2v_desc_memattr(leaf), cfg.fwb);
		if (s2v_attr_is_device(s2))
			return false;
	}
	if (watched())
		count(S2V_CNT_PERMS);
	return true;
}

#define NOT_YET 1 /* instead of what a call returns, before it does */

static __always_inline int on_perm(struct scratch *sc, struct kvm_pgtable *pgt, __u64 addr,
				   __u64 prot, int ret)
{
	struct s2v_ev_page *ev = &sc->page;
	struct s2v_prot_bits bits;
	struct s2v_vm_state *vm;
	struct slot_info slot;
	struct kvm *kvm;
	__u64 leaf = 0;
	int level;

	if (ret < 0)
		return 0;
	kvm = map_vm(pgt);
	if (!kvm)
		return 0;
	level = stage2_leaf((__u64)kvm, addr, &leaf);
	if (level < 0 && ret == NOT_YET) /* nothing is mapped there: the call will fail */
		return 0;
	count(S2V_CNT_PERMS);
	vm = vm_of_current(kvm);
	if (!vm)
		return 0;
	kvm_prot_bits(&bits);
	page_finish_deferred(sc, (__u64)kvm);
	page_start(sc, kvm, vm, S2V_EV_PERM);
	ev->gpa = addr & ~((1ULL << cfg.page_shift) - 1);
	ev->size = 1ULL << cfg.page_shift;
	ev->prot = prot;
	ev->flags = page_perms(prot, &bits);
	if (level < 0)
		unread(vm->id, vm->tgid, S2V_CNT_UNREAD_READ);
	else
		ev->s2 = s2v_attr_from_memattr(s2v_desc_memattr(leaf), cfg.fwb);
	if (!cfg.all && level < 0)
		return 0;
	ev->vcpu = scratch_vcpu_id(sc);
	if (!page_slot(kvm, ev, &slot))
		return 0;
	page_finish(sc, THE_PAGE, page_registration(vm, ev));
	if (cfg.all)
		fault_done(sc, ANYWHERE);
	return 0;
}

SEC("fexit/kvm_pgtable_stage2_map")
int map_fexit(__u64 *ctx)
{
	__u64 end = stamp(), pgt = ctx[0], prot = func_arg(ctx, 4);
	struct window *w = window_here();
	int ret = func_ret(ctx);
	struct scratch *sc;

	if (!ret)
		times_fault((void *)pgt, ctx[1], ctx[2]);
	if (!ret && window_hit(w, pgt, ctx[1], ctx[2], prot))
		return 0;
	sc = scratch_of_watched();
	if (!sc)
		return 0;
	sc->fault_end = end;
	if (!ret && brief_map(sc, w, pgt, ctx[1], ctx[2], ctx[3], prot))
		return 0;
	return on_map(sc, w, (void *)pgt, ctx[1], ctx[2], ctx[3], prot, ret);
}

/*
 * By kprobes the return costs as much again as all else, and is only waited for where every event is
 * told exactly (cfg.all). Else what KVM asks for is taken for mapped: it fails for want of memory, or
 * since another vCPU was faster, and then the fault is taken again.
 */
SEC("kprobe/kvm_pgtable_stage2_map")
int BPF_KPROBE(map_kprobe, __u64 pgt, __u64 addr, __u64 size, __u64 phys, __u64 prot)
{
	__u64 start = stamp();
	struct window *w;
	struct scratch *sc;

	if (cfg.all) {
		sc = call_keep(CALL_MAP, pgt, addr, size, phys, prot);
		if (sc)
			sc->own_ns += stamp() - start;
		return 0;
	}
	times_fault((void *)pgt, addr, size);
	w = window_here();
	if (window_hit(w, pgt, addr, size, prot))
		return 0;
	sc = scratch_of_watched();
	return sc ? on_map(sc, w, (void *)pgt, addr, size, phys, prot, 0) : 0;
}

SEC("kretprobe/kvm_pgtable_stage2_map")
int BPF_KRETPROBE(map_kretprobe, int ret)
{
	__u64 end = stamp(), *a;
	struct scratch *sc = call_return(CALL_MAP);
	struct window *w = window_here();

	if (!sc)
		return 0;
	sc->fault_end = end;
	a = sc->call[CALL_MAP].arg;
	if (!ret && brief_map(sc, w, a[0], a[1], a[2], a[3], a[4]))
		return 0;
	return on_map(sc, w, (void *)a[0], a[1], a[2], a[3], a[4], ret);
}

SEC("fexit/kvm_pgtable_stage2_relax_perms")
int perm_fexit(__u64 *ctx)
{
	__u64 end = stamp(), pgt = ctx[0], prot = func_arg(ctx, 2);
	struct scratch *sc;
	int ret = func_ret(ctx);

	if (!ret)
		times_fault((void *)pgt, ctx[1], ANYWHERE);
	if (ret || perm_is_plain((void *)pgt, ctx[1], prot))
		return 0;
	sc = scratch_of_watched();
	if (!sc)
		return 0;
	sc->fault_end = end;
	return on_perm(sc, (void *)pgt, ctx[1], prot, ret);
}

SEC("kprobe/kvm_pgtable_stage2_relax_perms")
int BPF_KPROBE(perm_kprobe, __u64 pgt, __u64 addr, __u64 prot)
{
	struct scratch *sc;

	if (cfg.all)
		return call_enter(CALL_PERM, pgt, addr, prot, 0, 0);
	times_fault((void *)pgt, addr, ANYWHERE);
	if (perm_is_plain((void *)pgt, addr, prot))
		return 0;
	sc = scratch_of_watched();
	return sc ? on_perm(sc, (void *)pgt, addr, prot, NOT_YET) : 0;
}

SEC("kretprobe/kvm_pgtable_stage2_relax_perms")
int BPF_KRETPROBE(perm_kretprobe, int ret)
{
	__u64 end = stamp(), *a;
	struct scratch *sc = call_return(CALL_PERM);

	if (!sc)
		return 0;
	sc->fault_end = end;
	a = sc->call[CALL_PERM].arg;
	return on_perm(sc, (void *)a[0], a[1], a[2], ret);
}

#endif
