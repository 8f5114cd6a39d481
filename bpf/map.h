/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * Stage-2 mappings and permissions that KVM installs: the return of kvm_pgtable_stage2_map() and
 * kvm_pgtable_stage2_relax_perms(), or of their pkvm_ twins; with kprobes and without cfg.all, the entry.
 */
#ifndef S2V_BPF_MAP_H
#define S2V_BPF_MAP_H

/* The leaf that maps gpa in a VM's own stage 2. Returns its level, or WALK_*. Global: verified once. */
__noinline int stage2_leaf(__u64 vm, __u64 gpa, __u64 *desc)
{
	struct kvm *kvm = (void *)vm;
	struct kvm_s2_mmu *mmu = kvm_mmu(kvm);
	struct walk w = { .ia = gpa, .linear = linear_offset(mmu) };
	int level;

	if (!desc || !w.linear)
		return WALK_UNMAPPED;
	stage2_tables(kvm, mmu, &w.t, &w.table);
	level = walk_tables(&w);
	*desc = w.desc;
	return level;
}

/* The VM whose own stage 2 `pgt` is; NULL: none, or a nested guest's, which is counted. */
static __always_inline struct kvm *map_canonical_vm(struct kvm_pgtable *pgt)
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
 * Returns whether another process than the VM's maps. Up to 6.9 an MMU notifier maps the replacement of a page of
 * ordinary memory (kvm_set_spte_gfn()), in any task, while the host PTE is empty. In ksmd, which has no mm, it is a
 * KSM page, and counts as Write-Back. In another process (a debugger that writes) the VMAs are not the VM's: it
 * counts as unread. Not inline: the caller's stack is nearly full.
 */
static __noinline bool map_of_notifier(struct kvm *kvm)
{
	struct mm_struct *mm = HOT_READ(struct task_struct, bpf_get_current_task(), mm);
	struct s2v_vm_state *vm;

	if (mm == HOT_READ(struct kvm, kvm, mm))
		return false;
	vm = mm ? vm_get(kvm, NULL) : NULL;
	if (vm)
		count_unread(vm->id, vm->tgid, S2V_CNT_UNREAD_VMA);
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
	kvm = map_canonical_vm(pgt);
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
		if (!page_host(sc, (__u64)kvm, slot.flags, LOOK_OR_DEFER) &&
		    page_defer(sc, (__u64)kvm, slot.flags)) {
			fault_done(sc, size);
			return 0;
		}
	} else {
		count(S2V_CNT_NO_SLOT);
	}
	sc->named.window = window_name(w);
	if (page_finish(sc, EVENT_PAGE, ordinary))
		window_open(w, (__u64)pgt, ev, ordinary);
	if (cfg.all)
		fault_done(sc, size);
	return 0;
}

/*
 * Fast path of permissions. They do not change the memory type, so the only violation is executable
 * Device memory, and the leaf shows its type. True: it is not that, and was counted. The window is not
 * enough: a leaf in it may be Device if KVM mapped it before s2verify started, or by page under an
 * ordinary VMA (device memory up to 6.16), and the rule does not trust KVM's own check.
 */
static __always_inline bool perm_is_harmless(struct kvm_pgtable *pgt, __u64 addr, __u64 prot)
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

#define BEFORE_RETURN 1 /* for `ret`, at the entry of the call */

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
	kvm = map_canonical_vm(pgt);
	if (!kvm)
		return 0;
	level = stage2_leaf((__u64)kvm, addr, &leaf);
	if (level < 0 && ret == BEFORE_RETURN) /* not mapped: the call will fail */
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
		count_unread(vm->id, vm->tgid, S2V_CNT_UNREAD_READ);
	else
		ev->s2 = s2v_attr_from_memattr(s2v_desc_memattr(leaf), cfg.fwb);
	if (!cfg.all && level < 0)
		return 0;
	ev->vcpu = scratch_vcpu_id(sc);
	if (!page_slot(kvm, ev, &slot))
		return 0;
	page_finish(sc, EVENT_PAGE, page_registration(vm, ev));
	if (cfg.all)
		fault_done(sc, ANY_GPA);
	return 0;
}

SEC("fexit/kvm_pgtable_stage2_map")
int map_fexit(__u64 *ctx)
{
	__u64 end = now_if_all(), pgt = ctx[0], prot = func_arg(ctx, 4);
	struct window *w = window_this_cpu();
	int ret = func_ret(ctx);
	struct scratch *sc;

	if (!ret)
		times_fault((void *)pgt, ctx[1], ctx[2]);
	if (!ret && window_hit(w, pgt, ctx[1], ctx[2], prot))
		return 0;
	sc = scratch_if_watched();
	if (!sc)
		return 0;
	sc->fault_end = end;
	if (!ret && brief_map(sc, w, pgt, ctx[1], ctx[2], ctx[3], prot))
		return 0;
	return on_map(sc, w, (void *)pgt, ctx[1], ctx[2], ctx[3], prot, ret);
}

/*
 * A kretprobe doubles the cost, and is attached only with cfg.all, which needs the result. Otherwise a
 * map counts as installed at its entry. It fails only for lack of memory, or if another vCPU was first,
 * and then the guest faults again.
 */
SEC("kprobe/kvm_pgtable_stage2_map")
int BPF_KPROBE(map_kprobe, __u64 pgt, __u64 addr, __u64 size, __u64 phys, __u64 prot)
{
	__u64 start = now_if_all();
	struct window *w;
	struct scratch *sc;

	if (cfg.all) {
		sc = call_save(CALL_MAP, pgt, addr, size, phys, prot);
		if (sc)
			sc->own_ns += now_if_all() - start;
		return 0;
	}
	times_fault((void *)pgt, addr, size);
	w = window_this_cpu();
	if (window_hit(w, pgt, addr, size, prot))
		return 0;
	sc = scratch_if_watched();
	return sc ? on_map(sc, w, (void *)pgt, addr, size, phys, prot, 0) : 0;
}

SEC("kretprobe/kvm_pgtable_stage2_map")
int BPF_KRETPROBE(map_kretprobe, int ret)
{
	__u64 end = now_if_all(), *args;
	struct scratch *sc = call_return(CALL_MAP);
	struct window *w = window_this_cpu();

	if (!sc)
		return 0;
	sc->fault_end = end;
	args = sc->call[CALL_MAP].arg;
	if (!ret && brief_map(sc, w, args[0], args[1], args[2], args[3], args[4]))
		return 0;
	return on_map(sc, w, (void *)args[0], args[1], args[2], args[3], args[4], ret);
}

SEC("fexit/kvm_pgtable_stage2_relax_perms")
int perm_fexit(__u64 *ctx)
{
	__u64 end = now_if_all(), pgt = ctx[0], prot = func_arg(ctx, 2);
	struct scratch *sc;
	int ret = func_ret(ctx);

	if (!ret)
		times_fault((void *)pgt, ctx[1], ANY_GPA);
	if (ret || perm_is_harmless((void *)pgt, ctx[1], prot))
		return 0;
	sc = scratch_if_watched();
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
	times_fault((void *)pgt, addr, ANY_GPA);
	if (perm_is_harmless((void *)pgt, addr, prot))
		return 0;
	sc = scratch_if_watched();
	return sc ? on_perm(sc, (void *)pgt, addr, prot, BEFORE_RETURN) : 0;
}

SEC("kretprobe/kvm_pgtable_stage2_relax_perms")
int BPF_KRETPROBE(perm_kretprobe, int ret)
{
	__u64 end = now_if_all(), *args;
	struct scratch *sc = call_return(CALL_PERM);

	if (!sc)
		return 0;
	sc->fault_end = end;
	args = sc->call[CALL_PERM].arg;
	return on_perm(sc, (void *)args[0], args[1], args[2], ret);
}

#endif
