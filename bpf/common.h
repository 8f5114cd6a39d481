/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/* Maps, counters, per-task state, and the ring buffer to user space. */
#ifndef S2V_BPF_COMMON_H
#define S2V_BPF_COMMON_H

/* Written by user space before `ready`. */
__u8 s1_attr[8]; /* AttrIndx → enum s2v_attr */
bool ready; /* false: programs return at once */
bool ending; /* entries are being detached: a return may have no entry */
bool inventory_done; /* false: a VM first seen now may be older than the hooks */
bool vms_unlisted; /* the inventory was incomplete: as above, even after it */

__u32 self; /* tgid of the process that loaded these programs */
__u32 next_vm;
__u64 epoch = 1; /* a window of another epoch is closed: window.h */
struct s2v_memory memory; /* memory.h */
struct s2v_shares shares;
__u32 deferred; /* tasks whose scratch.deferred is set */
__u64 lost_events; /* as S2V_CNT_LOST_RINGBUF; user space reads it when a VM or memslot ends */
bool pending_some; /* some kind has a pending count; user space clears it */

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1 << 20);
} events SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, S2V_CNT_NR);
	__type(key, __u32);
	__type(value, __u64);
} counters SEC(".maps");

/* Installed mappings by (stage 1, stage 2): index s1 * S2V_ATTR_NR + s2. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, S2V_ATTR_NR *S2V_ATTR_NR);
	__type(key, __u32);
	__type(value, __u64);
} matrix SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 16384);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, __u64);
	__type(value, struct s2v_vm_state);
} vms SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, S2V_SHARED_MOST);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct s2v_slot_key);
	__type(value, struct s2v_slot_state);
} slots SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, S2V_SHARED_MOST);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct s2v_agg_key);
	__type(value, struct s2v_agg);
} agg SEC(".maps");

/* Key: s2v_vm_state.id. Only VMs with something deferred, unread, or over the limit. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 16384);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, __u32);
	__type(value, struct s2v_unread_state);
} unread_vms SEC(".maps");

/* Calls whose arguments are saved at a kprobe for the kretprobe. */
enum call { CALL_MAP, CALL_PERM, CALL_SLOT, CALL_CAP, CALL_INIT, CALL_UNMAP, CALL_NR };

/* State of the walk over the VMAs of a new memslot. */
struct vma_walk {
	__u64 kvm; /* struct kvm * */
	__u64 file; /* struct file *, of the run in scratch.vma */
	__u64 pos, end; /* hva */
	__u32 runs; /* reported so far */
	__u32 vmas;
	__u32 hole_pages; /* of the hole at pos, where it is walked by page */
	bool run_open; /* scratch.vma holds a run not reported yet */
	bool ordinary; /* all cacheable, no PFNMAP or MIXEDMAP, no holes */
};

/* State of the walk over the host PTEs of a block: block.h. */
struct block {
	__u64 kvm;
	__u64 hva, end; /* the rest */
	__u64 pa; /* output address of stage 2 at hva */
	/* The table that is being read. */
	__u64 desc_addr; /* of the next descriptor, in the linear map */
	__u64 descs_left; /* that one included */
	__u64 desc; /* the next descriptor, if have_desc */
	__u64 have_desc;
	__u64 size; /* bytes that a descriptor maps */
	struct s2v_pa_bits pa_bits;
	/* Results. */
	__u32 attr; /* of a PTE that conflicts with s2, else of the first; NONE: no PTE */
	__u32 s2;
	__u32 flags; /* S2V_PG_PA_DIFFERS, S2V_PG_ABSENT */
	__u32 pad;
	__u64 differs_pa, host_pa; /* of the first page that differs */
};

/* The part of a memslot that one last-level table of the host maps: window_hit_table(). */
struct window_table {
	__u64 gpa, size; /* size 0: no table */
	__u64 desc_addr; /* of gpa's descriptor, in the linear map */
	__u64 desc_kind; /* KIND_OF_PAGE bits of a descriptor of ordinary memory */
};

/*
 * Guest memory that takes the fast path (window.h): ordinary memory, of which one map was reported.
 * Valid while pgt, seq and epoch are unchanged. Per CPU: a vCPU's next fault is nearly always on the
 * same one.
 */
struct window {
	__u64 n[S2V_WINDOW_COUNTS]; /* must be first: user space reads it */
	__u64 pgt; /* struct kvm_pgtable *; 0: closed */
	__u64 kvm; /* struct kvm * */
	__u64 seq; /* kvm->mmu_invalidate_seq */
	__u64 epoch;
	__u64 perms; /* which bits of prot are permissions */
	__u64 type; /* value of the other bits for Write-Back */
	__u64 gpa, size;
	__u64 slot_gpa, slot_size, slot_hva; /* the memslot */
	bool any_vma; /* the whole memslot is ordinary memory: any VMA of it will do */
	struct window_table table;
	/* With cfg.all: S2V_WINDOW_NAME(), and how many were given. */
	__u32 name, names_used;
};

/* Per task: the state of a probed call between entry and return, and room to build events. */
struct scratch {
	struct {
		__u64 arg[5];
		bool entered;
		bool seen; /* an entry or return was seen in this task: none may be missing from then on */
	} call[CALL_NR];
	/* The current or last fault of the task. fault_start 0: not timed. */
	struct kvm_vcpu *vcpu;
	__u64 fault_start, fault_end;
	__u64 fault_ipa; /* times.h */
	__u64 waited; /* task_waited() at fault_start */
	__u64 own_ns; /* spent in these programs during the fault */
	__u64 unmap_start, unmap_waited; /* time, and task_waited(), at the entry */
	__u32 unmap_mapped; /* s2v_vm_state.mapped before it */
	bool deferred; /* page holds a map whose VMA is still to be read: page_finish_deferred() */
	__u32 deferred_flags; /* flags of its memslot */
	__u64 kvm; /* struct kvm *, of `page` */
	union {
		struct s2v_ev_page page;
		struct s2v_named_page named;
	};
	struct s2v_ev_page fault;
	struct s2v_brief brief;
	struct s2v_ev_vma vma;
	struct vma_walk walk;
	struct block block;
	struct s2v_agg new_agg;
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct window);
} windows SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_TASK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct scratch);
} scratches SEC(".maps");

/* Atomic although per CPU: a program called by a trampoline can be preempted (PREEMPT). */
static __always_inline void count(__u32 counter)
{
	__u64 *c = bpf_map_lookup_elem(&counters, &counter);

	if (c)
		__sync_fetch_and_add(c, 1);
}

static __always_inline void count_mapping(__u32 s1, __u32 s2)
{
	__u32 i = s1 * S2V_ATTR_NR + s2;
	__u64 *c = bpf_map_lookup_elem(&matrix, &i);

	if (c)
		__sync_fetch_and_add(c, 1);
}

/* The unread_vms entry of a VM, made if there is none; NULL: no room. */
static __always_inline struct s2v_unread_state *unread_state(__u32 vm, __u32 tgid)
{
	struct s2v_unread_state *u = bpf_map_lookup_elem(&unread_vms, &vm);
	struct s2v_unread_state fresh = { .tgid = tgid };

	if (u)
		return u;
	bpf_map_update_elem(&unread_vms, &vm, &fresh, BPF_NOEXIST);
	return bpf_map_lookup_elem(&unread_vms, &vm);
}

/*
 * Counts what could not be read of a VM, perhaps by its owner's doing: this makes that VM incomplete, not others. Not
 * inline: the callers' stacks are nearly full.
 */
static __noinline int count_unread(__u32 vm, __u32 tgid, __u32 counter)
{
	struct s2v_unread_state *u = unread_state(vm, tgid);
	__u32 i = counter - S2V_CNT_UNREAD_VMA;

	if (u && i < 3)
		__sync_fetch_and_add(&u->n[i], 1);
	else
		count(counter);
	return 0;
}

/* A memslot or kind is not kept: the process has used its share of the maps. */
static __noinline int count_over_limit(__u32 vm, __u32 tgid)
{
	struct s2v_unread_state *u = unread_state(vm, tgid);

	if (u)
		__sync_fetch_and_add(&u->over_limit, 1);
	else
		count(S2V_CNT_LOST_AGG);
	return 0;
}

/* Adds 1 or -1 to the deferred maps of a VM. */
static __noinline int add_deferred(__u32 vm, __u32 tgid, __s64 by)
{
	struct s2v_unread_state *u = unread_state(vm, tgid);

	__sync_fetch_and_add(&deferred, (__s32)by);
	if (u)
		__sync_fetch_and_add(&u->deferred, by);
	return 0;
}

/* The entry of a memslot, or NULL. */
static __always_inline struct s2v_slot_state *slot_state(__u32 vm, __s16 slot, __u16 as_id)
{
	struct s2v_slot_key key = { .vm = vm, .slot = slot, .as_id = as_id };

	return bpf_map_lookup_elem(&slots, &key);
}

/* This task's scratch; NULL, counted: no memory. */
static __always_inline struct scratch *scratch_get(void)
{
	struct scratch *sc = bpf_task_storage_get(&scratches, bpf_get_current_task_btf(), NULL,
						  BPF_LOCAL_STORAGE_GET_F_CREATE);

	if (!sc)
		count(S2V_CNT_LOST_SCRATCH);
	return sc;
}

/* The time with cfg.all, which times each fault; else 0. */
static __always_inline __u64 now_if_all(void)
{
	return cfg.all ? bpf_ktime_get_boot_ns() : 0;
}

/* The VM of a VM or vCPU file; NULL: another file. */
static __always_inline struct kvm *vm_of_file(struct file *file)
{
	__u64 release = (__u64)BPF_CORE_READ(file, f_op, release);
	struct kvm_vcpu *vcpu;

	if (!release)
		return NULL;
	if (release == cfg.vm_release)
		return BPF_CORE_READ(file, private_data);
	if (release != cfg.vcpu_release)
		return NULL;
	vcpu = BPF_CORE_READ(file, private_data);
	return BPF_CORE_READ(vcpu, kvm);
}

/* The vCPU whose file is the first argument of the current system call (KVM_RUN), or NULL. */
static __noinline struct kvm_vcpu *syscall_vcpu(void)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct pt_regs___call *regs = (void *)bpf_task_pt_regs((void *)task);
	struct fdtable *fdt = BPF_CORE_READ(task, files, fdt);
	__u32 fd = BPF_CORE_READ(regs, orig_x0); /* an unsigned int: the upper half is undefined */
	struct file **files, *file = NULL;

	if (!cfg.vcpu_release || fd >= BPF_CORE_READ(fdt, max_fds))
		return NULL;
	files = BPF_CORE_READ(fdt, fd);
	if (bpf_probe_read_kernel(&file, sizeof(file), files + fd) || !file ||
	    (__u64)BPF_CORE_READ(file, f_op, release) != cfg.vcpu_release)
		return NULL;
	return BPF_CORE_READ(file, private_data);
}

/* The vCPU whose fault the task handles; NULL: not known. */
static __always_inline struct kvm_vcpu *scratch_vcpu(const struct scratch *sc)
{
	return sc->vcpu ? sc->vcpu : syscall_vcpu();
}

static __always_inline int scratch_vcpu_id(const struct scratch *sc)
{
	struct kvm_vcpu *vcpu = scratch_vcpu(sc);

	return vcpu ? HOT_READ(struct kvm_vcpu, vcpu, vcpu_id) : -1;
}

static __always_inline __u32 current_tgid(void)
{
	return bpf_get_current_pid_tgid() >> 32;
}

/* Whether -p selects the current task, or it is s2verify (health.c). Only valid in the VMM's own context. */
static __always_inline bool watched(void)
{
	return ready && (!cfg.tgid || cfg.tgid == current_tgid() || self == current_tgid());
}

/* Every probe starts with this: the task's scratch, or NULL if the task is not watched. */
static __always_inline struct scratch *scratch_if_watched(void)
{
	return watched() ? scratch_get() : NULL;
}

/* fentry, fexit: argument n of the probed function, as a number. */
static __always_inline __u64 func_arg(void *ctx, __u32 n)
{
	__u64 v = 0;

	bpf_get_func_arg(ctx, n, &v);
	return v;
}

/* fexit: the return value; its position depends on the number of arguments. */
static __always_inline int func_ret(void *ctx)
{
	__u64 v = 0;

	bpf_get_func_ret(ctx, &v);
	return (int)v;
}

/*
 * A return without an entry means a missed entry, unless entries are being detached, or the call began
 * before they were attached (then it is the first of its kind seen in this task).
 */
static __always_inline void return_without_entry(bool *seen)
{
	if (*seen && !ending)
		count(S2V_CNT_LOST_CALL);
	*seen = true;
}

/* kprobe: saves the arguments of a call for its return. Returns the scratch, or NULL. */
static __always_inline struct scratch *call_save(enum call c, __u64 a0, __u64 a1, __u64 a2,
						 __u64 a3, __u64 a4)
{
	struct scratch *sc = scratch_if_watched();

	if (!sc)
		return NULL;
	count(S2V_CNT_ENTERED);
	sc->call[c].seen = true;
	sc->call[c].entered = true;
	sc->call[c].arg[0] = a0;
	sc->call[c].arg[1] = a1;
	sc->call[c].arg[2] = a2;
	sc->call[c].arg[3] = a3;
	sc->call[c].arg[4] = a4;
	return sc;
}

static __always_inline int call_enter(enum call c, __u64 a0, __u64 a1, __u64 a2, __u64 a3, __u64 a4)
{
	call_save(c, a0, a1, a2, a3, a4);
	return 0;
}

/* kretprobe: the scratch with the arguments of the returning call, or NULL. */
static __always_inline struct scratch *call_return(enum call c)
{
	struct scratch *sc = scratch_if_watched();

	if (!sc)
		return NULL;
	if (!sc->call[c].entered) {
		return_without_entry(&sc->call[c].seen);
		return NULL;
	}
	count(S2V_CNT_RETURNED);
	sc->call[c].entered = false;
	return sc;
}

static __always_inline void event_header(struct s2v_ev_hdr *h, __u32 type, __u32 len,
					 const struct s2v_vm_state *vm)
{
	h->type = type;
	h->len = len;
	h->time = bpf_ktime_get_boot_ns();
	h->vm = vm->id;
	h->tgid = vm->tgid;
}

/* Copies an event to the ring buffer. False: full, and counted. */
static __always_inline bool emit_flags(void *ev, __u64 len, __u64 flags)
{
	if (!bpf_ringbuf_output(&events, ev, len, flags))
		return true;
	count(S2V_CNT_LOST_RINGBUF);
	__sync_fetch_and_add(&lost_events, 1);
	return false;
}

/* no_wakeup: does not wake the reader, with cfg.all. */
static __always_inline bool emit_quietly(void *ev, __u64 len, bool no_wakeup)
{
	__u64 flags = 0;

	if (cfg.all)
		flags = no_wakeup || bpf_ringbuf_query(&events, BPF_RB_AVAIL_DATA) < cfg.wake_bytes
				? BPF_RB_NO_WAKEUP
				: BPF_RB_FORCE_WAKEUP;
	return emit_flags(ev, len, flags);
}

/*
 * With cfg.all the reader is not woken for each event: it polls, and is woken only when cfg.wake_bytes
 * have gathered.
 */
static __always_inline bool emit(void *ev, __u64 len)
{
	return emit_quietly(ev, len, false);
}

/* Why nothing is mapped at stage 2: S2V_VM_NO_*; 0: something may be. */
static __always_inline __u8 vm_why_nothing(struct kvm *kvm)
{
	struct kvm_memslots *ms = BPF_CORE_READ(kvm, memslots[0]);
	__u8 nothing = 0;

	if (!BPF_CORE_READ(kvm, arch.mmu.pgt))
		nothing |= S2V_VM_NO_TABLES;
	if (ms && !BPF_CORE_READ(ms, gfn_tree.rb_node))
		nothing |= S2V_VM_NO_MEMSLOTS;
	return nothing;
}

static __noinline int emit_vm(struct s2v_vm_state *vm, __u32 type, bool preexisting,
			      struct task_struct *task, struct kvm *kvm)
{
	struct s2v_ev_vm ev = {};

	if (!vm)
		return 0;
	event_header(&ev.h, type, sizeof(ev), vm);
	ev.preexisting = preexisting;
	if (task)
		BPF_CORE_READ_STR_INTO(&ev.comm, task, group_leader, comm);
	if (kvm)
		ev.nothing = vm_why_nothing(kvm);
	emit(&ev, sizeof(ev));
	return 0;
}

/* Makes the state of a VM. Not inline: the callers' stacks are nearly full. */
static __noinline int vm_state_make(struct kvm *kvm, struct task_struct *task)
{
	struct s2v_vm_state fresh = {};
	__u64 key = (__u64)kvm;

	fresh.id = __sync_fetch_and_add(&next_vm, 1) + 1;
	fresh.tgid = BPF_CORE_READ(task, tgid);
	fresh.creator = BPF_CORE_READ(kvm, userspace_pid);
	fresh.mapped = !inventory_done; /* unknown before the inventory: assume so */
	fresh.maps = inventory_done && !vms_unlisted ? S2V_MAPS_NONE : S2V_MAPS_SEEN;
	if (bpf_map_update_elem(&vms, &key, &fresh, BPF_NOEXIST) == 0)
		emit_vm(&fresh, S2V_EV_VM_NEW, !inventory_done, task, kvm);
	return 0;
}

/*
 * The state of a VM, made at first sight. task: the VMM's; NULL: do not make it. Returns NULL if there
 * is none, or no room, which is counted.
 */
static __always_inline struct s2v_vm_state *vm_get(struct kvm *kvm, struct task_struct *task)
{
	__u64 key = (__u64)kvm;
	struct s2v_vm_state *vm = bpf_map_lookup_elem(&vms, &key);

	if (vm || !task || !kvm)
		return vm;
	vm_state_make(kvm, task);
	vm = bpf_map_lookup_elem(&vms, &key);
	if (!vm)
		count(S2V_CNT_LOST_VM);
	return vm;
}

static __always_inline struct s2v_vm_state *vm_of_current(struct kvm *kvm)
{
	return vm_get(kvm, (struct task_struct *)bpf_get_current_task());
}

#endif
