/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * Registrations of memslots: the return of kvm_arch_prepare_memory_region(). The new memslot is not
 * active yet, and an old one no longer is, so a registration is recorded before any vCPU faults on
 * it.
 */
#ifndef S2V_BPF_MEMSLOT_H
#define S2V_BPF_MEMSLOT_H

/* Steps of a registration: a VMA, a hole (before 6.7 each page of it) and a busy mmap lock take one each. */
#define VMA_STEPS 65536
/* Before 6.7 a hole is searched page by page for its end. A longer one is left to user space, with all after it. */
#define HOLE_PAGES 4096

static __always_inline void vma_run_report(struct scratch *sc)
{
	if (!sc->walk.run_open)
		return;
	sc->walk.run_open = false;
	sc->walk.runs++;
	emit(&sc->vma, sizeof(sc->vma));
}

static __always_inline void vma_names(struct s2v_ev_vma *ev, struct file *file)
{
	ev->name[0] = 0;
	ev->driver[0] = 0;
	if (!file)
		return;
	bpf_probe_read_kernel_str(ev->name, sizeof(ev->name),
				  BPF_CORE_READ(file, f_path.dentry, d_name.name));
	if (BPF_CORE_READ(file, f_op, owner))
		bpf_probe_read_kernel_str(ev->driver, sizeof(ev->driver),
					  BPF_CORE_READ(file, f_op, owner)->name);
}

/* Where the hole at `from` ends. Returns `from` if there is none any more, or it cannot be read now. */
static __always_inline __u64 hole_end(__u64 from)
{
	struct task_struct *task = (void *)bpf_get_current_task_btf();
	struct bpf_iter_task_vma it;
	struct vm_area_struct *vma;
	__u64 end = ~0ULL;

	if (bpf_iter_task_vma_new(&it, task, from))
		end = from;
	vma = bpf_iter_task_vma_next(&it);
	if (vma)
		end = HOT_READ(struct vm_area_struct, vma, vm_start);
	bpf_iter_task_vma_destroy(&it);
	return end < from ? from : end;
}

/* End of the VMA or hole at walk.pos. Returns walk.pos: try again in the next step; 0: the hole is too long. */
static __always_inline __u64 step_end(struct vma_walk *w, const struct vma_info *vi, long err)
{
	__u64 end = vi->v.end;

	if (err && err != -ENOENT)
		return w->pos; /* the mmap lock is busy */
	if (!err) {
		w->hole_pages = 0;
	} else if (cfg.vma_iter) {
		end = hole_end(w->pos);
	} else {
		if (++w->hole_pages > HOLE_PAGES)
			return 0;
		end = w->pos + (1ULL << cfg.page_shift);
	}
	return end > w->end ? w->end : end;
}

/*
 * One step: the VMA or hole at walk.pos. It extends the open run if file, flags and attribute are
 * equal. Returns 1 at the end. Global: verified once.
 */
__noinline int vma_next(struct scratch *sc)
{
	struct vma_info vi = {};
	struct pte_info pte = {};
	struct vma_walk *w;
	struct s2v_ev_vma *ev;
	__u64 start, stop;
	long err;

	if (!sc)
		return 1;
	w = &sc->walk;
	ev = &sc->vma;
	start = w->pos;
	if (start >= w->end)
		return 1;
	err = find_vma(start, &vi);
	stop = step_end(w, &vi, err);
	if (stop <= start)
		return !stop;
	w->vmas += err == 0;
	w->pos = stop;
	if (w->run_open && w->file == (__u64)vi.file && ev->vma.flags == vi.v.flags &&
	    ev->vma.attr == vi.v.attr) {
		ev->vma.end = stop;
		return 0;
	}
	vma_run_report(sc);
	w->run_open = true;
	w->file = (__u64)vi.file;
	ev->vma.start = start;
	ev->vma.end = stop;
	ev->vma.flags = vi.v.flags;
	ev->vma.attr = vi.v.attr;
	ev->vma.pte_attr = S2V_ATTR_NONE;
	ev->pa = S2V_NO_PA;
	if (!err && host_pte(w->kvm, start, &pte)) {
		ev->vma.pte_attr = pte.attr;
		ev->pa = pte.pa;
	}
	if (err || !s2v_attr_is_cacheable(vi.v.attr) || (vi.v.flags & S2V_VMA_DRIVER))
		w->ordinary = false;
	vma_names(ev, vi.file);
	return 0;
}

static long vma_step(__u32 i, void *unused)
{
	struct scratch *sc = scratch_get();
	int done;

	if (!sc)
		return 1;
	done = vma_next(sc);
	/*
	 * clang 19 sees that vma_next() returns 0 or 1, and would return that unchecked. To the
	 * verifier a global function returns any number, and it requires 0 or 1 here.
	 */
	asm volatile("" : "+r"(done));
	return done != 0;
}

/* Reports all VMAs of a memslot, before the memslot itself. Returns whether all is ordinary memory. */
static __always_inline bool slot_vmas(struct scratch *sc, struct kvm *kvm,
				      const struct s2v_vm_state *vm, struct s2v_ev_slot *ev)
{
	struct vma_walk *w = &sc->walk;

	if (ev->flags & S2V_MEM_GUEST_MEMFD)
		return false;
	event_header(&sc->vma.h, S2V_EV_VMA, sizeof(sc->vma), vm);
	sc->vma.slot = ev->slot;
	sc->vma.as_id = ev->as_id;
	sc->vma.gen = ev->gen;
	__builtin_memset(w, 0, sizeof(*w));
	w->kvm = (__u64)kvm;
	w->pos = ev->hva;
	w->end = ev->hva + ev->size;
	w->ordinary = true;
	bpf_loop(VMA_STEPS, vma_step, NULL, 0);
	vma_run_report(sc);
	ev->runs = w->runs;
	ev->vmas = w->vmas;
	ev->unread = w->pos < w->end;
	return w->ordinary && !ev->unread;
}

/* Number of the registration of a memslot; 0: older than the hooks. */
static __always_inline __u32 slot_generation(const struct s2v_ev_slot *ev)
{
	struct s2v_slot_state *st = slot_state(ev->h.vm, ev->slot, ev->as_id);

	return st ? st->gen : 0;
}

/* Stores a registration. False: no room for it, or its process has used its share; counted. */
static __noinline bool slot_keep(const struct s2v_slot_key *key, const struct s2v_slot_state *st,
				 __u64 flags)
{
	bool is_new;
	long err;

	if (!key || !st)
		return false;
	is_new = !bpf_map_lookup_elem(&slots, key);
	if (is_new && !s2v_share_take(&shares, S2V_SHARED_SLOTS, st->tgid)) {
		count_over_limit(key->vm, st->tgid);
		return false;
	}
	err = bpf_map_update_elem(&slots, key, st, flags);
	if (err && is_new)
		s2v_share_give(&shares, S2V_SHARED_SLOTS, st->tgid);
	if (err && err != -EEXIST)
		count(S2V_CNT_LOST_VM);
	return !err;
}

/* Stores what later faults on this memslot are compared with. False: no room. */
static __always_inline bool slot_remember(const struct s2v_ev_slot *ev, bool ordinary)
{
	struct s2v_slot_key key = { .vm = ev->h.vm, .slot = ev->slot, .as_id = ev->as_id };
	struct s2v_slot_state st = {
		.gen = ev->gen, .ordinary = ordinary, .unread = ev->unread, .tgid = ev->h.tgid
	};

	return slot_keep(&key, &st, BPF_ANY);
}

static __always_inline void slot_forget(const struct s2v_ev_slot *ev)
{
	struct s2v_slot_key key = { .vm = ev->h.vm, .slot = ev->slot, .as_id = ev->as_id };

	if (!bpf_map_delete_elem(&slots, &key))
		s2v_share_give(&shares, S2V_SHARED_SLOTS, ev->h.tgid);
}

/* Reports a memslot whose VMAs were not all read: user space reads the rest, and needs to know whose they are. */
static __always_inline void slot_report_rest(struct s2v_slot_left *left, struct kvm *kvm,
					     __u64 from)
{
	left->from = from;
	left->kvm = (__u64)kvm;
	left->mm = (__u64)BPF_CORE_READ(kvm, mm);
	if (!memory.linear)
		memory.linear = linear_offset(kvm_mmu(kvm));
	left->tid = (__u32)bpf_get_current_pid_tgid();
	/* Wake the reader: the VMAs may change. */
	emit_flags(left, sizeof(*left), BPF_RB_FORCE_WAKEUP);
}

static __always_inline int on_slot(struct scratch *sc, struct kvm *kvm, struct kvm_memory_slot *old,
				   struct kvm_memory_slot *new, __u32 change, int ret)
{
	struct s2v_vm_state *vm = vm_of_current(kvm);
	struct s2v_slot_left left = {};
	struct s2v_ev_slot *ev = &left.ev;
	struct slot_info slot = {};
	bool ordinary = false;

	if (!vm)
		return 0;
	slot_read(change == S2V_SLOT_DELETE ? old : new, &slot);
	event_header(&ev->h, S2V_EV_SLOT, sizeof(*ev), vm);
	ev->err = ret;
	ev->slot = slot.id;
	ev->as_id = slot.as_id;
	ev->change = change;
	ev->gpa = slot.gpa;
	ev->size = slot.size;
	ev->hva = slot.hva;
	ev->flags = slot.flags;
	ev->vm_mte = kvm_vm_has_mte(kvm);
	if (change == S2V_SLOT_CREATE || change == S2V_SLOT_MOVE) {
		ev->gen = __sync_fetch_and_add(&vm->gen, 1) + 1;
		/* If it is not stored, its pages come without a registration: do not report it. */
		if (!ret && !slot_remember(ev, false))
			return 0;
		ordinary = slot_vmas(sc, kvm, vm, ev);
	} else {
		ev->gen = slot_generation(ev);
	}
	/* Before it is reported: user space and pending.h ask whether the registration still holds. */
	if (!ret && change == S2V_SLOT_DELETE)
		slot_forget(ev);
	else if (!ret && change != S2V_SLOT_FLAGS)
		slot_remember(ev, ordinary);
	/* After its VMAs: the correlator judges the memslot by them. */
	if (ev->unread)
		slot_report_rest(&left, kvm, sc->walk.pos);
	else
		emit(ev, sizeof(*ev));
	return 0;
}

SEC("fexit/kvm_arch_prepare_memory_region")
int slot_fexit(void *ctx)
{
	struct scratch *sc = scratch_if_watched();

	windows_close();
	if (!sc)
		return 0;
	return on_slot(sc, (void *)func_arg(ctx, 0), (void *)func_arg(ctx, 1),
		       (void *)func_arg(ctx, 2), func_arg(ctx, 3), func_ret(ctx));
}

SEC("kprobe/kvm_arch_prepare_memory_region")
int BPF_KPROBE(slot_kprobe, __u64 kvm, __u64 old, __u64 new, __u64 change)
{
	return call_enter(CALL_SLOT, kvm, old, new, change, 0);
}

SEC("kretprobe/kvm_arch_prepare_memory_region")
int BPF_KRETPROBE(slot_kretprobe, int ret)
{
	struct scratch *sc = call_return(CALL_SLOT);
	__u64 *args;

	windows_close();
	if (!sc)
		return 0;
	args = sc->call[CALL_SLOT].arg;
	return on_slot(sc, (void *)args[0], (void *)args[1], (void *)args[2], args[3], ret);
}

#endif
