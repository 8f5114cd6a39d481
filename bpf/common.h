/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/* Maps, counters, and the way out to user space. */
#ifndef S2V_BPF_COMMON_H
#define S2V_BPF_COMMON_H

/* Written by user space before `ready`. */
__u8 s1_attr[8]; /* AttrIndx → enum s2v_attr */
bool ready; /* nothing is observed before */
bool ending; /* entries are being detached: returns come without */
bool inventory_done; /* VMs first seen before were there before the hooks, or may have been */
bool vms_unlisted; /* not all that were there are known: one first seen now may be old */

__u32 self; /* tgid of the process that loaded these programs */
__u32 next_vm;
__u64 epoch = 1; /* of every window; see window.h */
struct s2v_memory memory; /* memory.h */
struct s2v_shares shares;
__u32 deferred; /* how many tasks' scratch.postponed is set */
__u64 lost_events; /* as S2V_CNT_LOST_RINGBUF: looked at by user space whenever something ends */
bool pending_some; /* of some kind of mapping something is pending, since user space cleared it */

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

/* Only of VMs of which something was postponed, not read, or not kept. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 16384);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, __u32);
	__type(value, struct s2v_unread_state);
} unread_vms SEC(".maps");

/* Calls whose arguments must be kept until they return, where there is no fexit. */
enum call { CALL_MAP, CALL_PERM, CALL_SLOT, CALL_CAP, CALL_INIT, CALL_UNMAP, CALL_NR };

/* Where the look at the VMAs behind a new memslot is. */
struct vma_walk {
	__u64 kvm; /* struct kvm * */
	__u64 file; /* struct file *, of the run that scratch.vma holds */
	__u64 pos, end; /* hva */
	__u32 runs; /* told so far */
	__u32 vmas;
	__u32 hole; /* pages of one, one by one */
	bool open; /* scratch.vma holds a run not told yet */
	bool ordinary; /* all cacheable, none of a driver's */
};

/* Where the look at all that the host maps behind a block is: block.h. */
struct block {
	__u64 kvm;
	__u64 hva, end; /* what is still to be looked at */
	__u64 pa; /* where stage 2 leads to at hva */
	/* The descriptors of the table that is being read. */
	__u64 at; /* of the next one, in the linear map */
	__u64 n; /* so many are left of it, that one included */
	__u64 desc; /* the next one, where it was walked to */
	__u64 walked; /* it was */
	__u64 size; /* what each maps */
	struct s2v_pa_bits pa_bits; /* of theirs */
	/* What came of it. */
	__u32 attr; /* of a PTE that conflicts with s2, else of the first one; NONE: there is no PTE */
	__u32 s2;
	__u32 flags; /* S2V_PG_PA_DIFFERS, S2V_PG_ABSENT */
	__u32 pad;
	__u64 differs_pa, host_pa; /* of the first page that differs */
};

/* The part of a memslot that one last-level table of the host's maps; see window_table(). */
struct window_table {
	__u64 gpa, size; /* size 0: none is remembered */
	__u64 at; /* of gpa's descriptor, in the linear map */
	__u64 kind; /* of a descriptor of ordinary memory there: its bits KIND_OF_PAGE */
};

/*
 * Guest memory that may be mapped without a closer look (window.h): ordinary memory, of which a map
 * has been told. Holds as long as nothing of what it was made of has changed. One a CPU, for there
 * its vCPU's next fault is nearly always.
 */
struct window {
	__u64 n[S2V_WINDOW_COUNTS]; /* first, for its reader */
	__u64 pgt; /* struct kvm_pgtable *; 0: there is none */
	__u64 kvm; /* struct kvm * */
	__u64 seq; /* kvm->mmu_invalidate_seq */
	__u64 epoch;
	__u64 perms; /* which bits of prot are permissions */
	__u64 type; /* the others: what is Write-Back there */
	__u64 gpa, size;
	__u64 slot_gpa, slot_size, slot_hva; /* the memslot */
	bool any_vma; /* of its VMAs it need not be told which */
	struct window_table table;
	/* With cfg.all. */
	__u32 name, named;
};

/* What a probed call needs between its entry and its return, and room for building events. */
struct scratch {
	struct {
		__u64 arg[5];
		bool entered;
		bool ever; /* an entry was seen in this task: from then on none may be missing */
	} call[CALL_NR];
	/* The fault that the task is inside of, or was last; start: 0: none that is timed. */
	struct kvm_vcpu *vcpu;
	__u64 fault_start, fault_end;
	__u64 fault_ipa; /* times.h */
	__u64 waited; /* task_waited() at its start */
	__u64 own_ns; /* what these programs took inside it */
	__u64 unmap_start, unmap_waited; /* the latter: task_waited() then */
	__u32 unmap_mapped; /* struct s2v_vm_state, mapped: before it */
	bool deferred; /* page holds a map whose VMA could not be looked at; see page_finish_deferred() */
	__u32 deferred_flags; /* of its memslot */
	__u64 kvm; /* struct kvm *, of page */
	union {
		struct s2v_ev_page page;
		struct s2v_named_page named;
	};
	struct s2v_ev_page fault;
	struct s2v_brief brief;
	struct s2v_ev_vma vma;
	struct vma_walk walk;
	struct block block;
	struct s2v_agg fresh;
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

/* Atomic although per CPU: a trampoline's program can be preempted in the middle (PREEMPT). */
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

/* What is noted of a VM's that could not be read; NULL: there is no room for it. */
static __always_inline struct s2v_unread_state *unread_of(__u32 vm, __u32 tgid)
{
	struct s2v_unread_state *u = bpf_map_lookup_elem(&unread_vms, &vm);
	struct s2v_unread_state fresh = { .tgid = tgid };

	if (u)
		return u;
	bpf_map_update_elem(&unread_vms, &vm, &fresh, BPF_NOEXIST);
	return bpf_map_lookup_elem(&unread_vms, &vm);
}

/*
 * Something of a VM's could not be read, its owner's doing perhaps: that VM is not verified. Not inline: the stacks of
 * those who call it are nearly full.
 */
static __noinline int unread(__u32 vm, __u32 tgid, __u32 counter)
{
	struct s2v_unread_state *u = unread_of(vm, tgid);
	__u32 i = counter - S2V_CNT_UNREAD_VMA;

	if (u && i < 3)
		__sync_fetch_and_add(&u->n[i], 1);
	else
		count(counter);
	return 0;
}

/* Its process has its share of the maps, and something of it is not kept. */
static __noinline int over_limit(__u32 vm, __u32 tgid)
{
	struct s2v_unread_state *u = unread_of(vm, tgid);

	if (u)
		__sync_fetch_and_add(&u->over_limit, 1);
	else
		count(S2V_CNT_LOST_AGG);
	return 0;
}

/* By one more or (-1) one less of its maps is postponed. */
static __noinline int unread_later(__u32 vm, __u32 tgid, __s64 by)
{
	struct s2v_unread_state *u = unread_of(vm, tgid);

	__sync_fetch_and_add(&deferred, (__s32)by);
	if (u)
		__sync_fetch_and_add(&u->deferred, by);
	return 0;
}

/* What is kept of a memslot, or NULL. */
static __always_inline struct s2v_slot_state *slot_kept(__u32 vm, __s16 slot, __u16 as_id)
{
	struct s2v_slot_key key = { .vm = vm, .slot = slot, .as_id = as_id };

	return bpf_map_lookup_elem(&slots, &key);
}

/* This task's scratch, or NULL, counted. */
static __always_inline struct scratch *scratch_get(void)
{
	struct scratch *sc = bpf_task_storage_get(&scratches, bpf_get_current_task_btf(), NULL,
						  BPF_LOCAL_STORAGE_GET_F_CREATE);

	if (!sc)
		count(S2V_CNT_LOST_SCRATCH);
	return sc;
}

/* The time, where faults are timed for each one. */
static __always_inline __u64 stamp(void)
{
	return cfg.all ? bpf_ktime_get_boot_ns() : 0;
}

/* The VM that a file holds, being its own or that of one of its vCPUs; NULL: another file. */
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

/* The vCPU whose file the task's system call is for (KVM_RUN's first argument), or NULL. */
static __noinline struct kvm_vcpu *syscall_vcpu(void)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct pt_regs___call *regs = (void *)bpf_task_pt_regs((void *)task);
	struct fdtable *fdt = BPF_CORE_READ(task, files, fdt);
	__u32 fd = BPF_CORE_READ(regs, orig_x0); /* unsigned int, whatever is above it */
	struct file **files, *file = NULL;

	if (!cfg.vcpu_release || fd >= BPF_CORE_READ(fdt, max_fds))
		return NULL;
	files = BPF_CORE_READ(fdt, fd);
	if (bpf_probe_read_kernel(&file, sizeof(file), files + fd) || !file ||
	    (__u64)BPF_CORE_READ(file, f_op, release) != cfg.vcpu_release)
		return NULL;
	return BPF_CORE_READ(file, private_data);
}

/* The vCPU that the task is inside a fault of, or NULL where it is not known. */
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

/* Is the current task one whose VMs are watched, or our own (health.c)? Only asked in the VMM's own context. */
static __always_inline bool watched(void)
{
	return ready && (!cfg.tgid || cfg.tgid == current_tgid() || self == current_tgid());
}

/* What every probe starts with: this task's scratch, if it is to be looked at. */
static __always_inline struct scratch *scratch_of_watched(void)
{
	return watched() ? scratch_get() : NULL;
}

/* fentry, fexit: argument n of the probed function, as a number whatever its type. */
static __always_inline __u64 func_arg(void *ctx, __u32 n)
{
	__u64 v = 0;

	bpf_get_func_arg(ctx, n, &v);
	return v;
}

/* fexit: what the function returned; its position depends on how many arguments there are. */
static __always_inline int func_ret(void *ctx)
{
	__u64 v = 0;

	bpf_get_func_ret(ctx, &v);
	return (int)v;
}

/*
 * A return without its entry was missed, unless the call began before all was attached (this is the
 * first of its kind that is seen of the task: inside of it others may have begun since), or entries
 * are being detached.
 */
static __always_inline void return_without_entry(bool *ever)
{
	if (*ever && !ending)
		count(S2V_CNT_LOST_CALL);
	*ever = true;
}

/* kprobe: keeps the arguments of a call for its return, in the scratch that is returned, or NULL. */
static __always_inline struct scratch *call_keep(enum call c, __u64 a0, __u64 a1, __u64 a2,
						 __u64 a3, __u64 a4)
{
	struct scratch *sc = scratch_of_watched();

	if (!sc)
		return NULL;
	count(S2V_CNT_ENTERED);
	sc->call[c].ever = true;
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
	call_keep(c, a0, a1, a2, a3, a4);
	return 0;
}

/* kretprobe: the scratch that holds the arguments of the call that returns, or NULL. */
static __always_inline struct scratch *call_return(enum call c)
{
	struct scratch *sc = scratch_of_watched();

	if (!sc)
		return NULL;
	if (!sc->call[c].entered) {
		return_without_entry(&sc->call[c].ever);
		return NULL;
	}
	count(S2V_CNT_RETURNED);
	sc->call[c].entered = false;
	return sc;
}

static __always_inline void head(struct s2v_ev_hdr *h, __u32 type, __u32 len,
				 const struct s2v_vm_state *vm)
{
	h->type = type;
	h->len = len;
	h->time = bpf_ktime_get_boot_ns();
	h->vm = vm->id;
	h->tgid = vm->tgid;
}

/* Copies an event out; a full ring buffer is counted, and false. */
static __always_inline bool emit_flags(void *ev, __u64 len, __u64 flags)
{
	if (!bpf_ringbuf_output(&events, ev, len, flags))
		return true;
	count(S2V_CNT_LOST_RINGBUF);
	__sync_fetch_and_add(&lost_events, 1);
	return false;
}

/* quiet: the reader is not woken for it. */
static __always_inline bool emit_quietly(void *ev, __u64 len, bool quiet)
{
	__u64 flags = 0;

	if (cfg.all)
		flags = quiet || bpf_ringbuf_query(&events, BPF_RB_AVAIL_DATA) < cfg.wake_bytes
				? BPF_RB_NO_WAKEUP
				: BPF_RB_FORCE_WAKEUP;
	return emit_flags(ev, len, flags);
}

/*
 * Where there is an event for every fault the reader is not woken for each: it looks by itself every so
 * often, and is only called when much has gathered.
 */
static __always_inline bool emit(void *ev, __u64 len)
{
	return emit_quietly(ev, len, false);
}

/* Why nothing is mapped at stage 2: S2V_VM_NO_*. */
static __always_inline __u8 vm_has_nothing(struct kvm *kvm)
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
	head(&ev.h, type, sizeof(ev), vm);
	ev.preexisting = preexisting;
	if (task)
		BPF_CORE_READ_STR_INTO(&ev.comm, task, group_leader, comm);
	if (kvm)
		ev.nothing = vm_has_nothing(kvm);
	emit(&ev, sizeof(ev));
	return 0;
}

/* Makes the state of a VM. Not inline: the stacks of those who call it are nearly full. */
static __noinline int vm_make(struct kvm *kvm, struct task_struct *task)
{
	struct s2v_vm_state fresh = {};
	__u64 key = (__u64)kvm;

	fresh.id = __sync_fetch_and_add(&next_vm, 1) + 1;
	fresh.tgid = BPF_CORE_READ(task, tgid);
	fresh.creator = BPF_CORE_READ(kvm, userspace_pid);
	fresh.mapped = !inventory_done; /* not known: something may have been */
	fresh.maps = inventory_done && !vms_unlisted ? S2V_MAPS_NONE : S2V_MAPS_SEEN;
	if (bpf_map_update_elem(&vms, &key, &fresh, BPF_NOEXIST) == 0)
		emit_vm(&fresh, S2V_EV_VM_NEW, !inventory_done, task, kvm);
	return 0;
}

/*
 * The state of a VM, made at first sight; `task` is the VMM's or NULL (then only a VM that is
 * known is found). NULL when there is none or no room, the latter counted.
 */
static __always_inline struct s2v_vm_state *vm_get(struct kvm *kvm, struct task_struct *task)
{
	__u64 key = (__u64)kvm;
	struct s2v_vm_state *vm = bpf_map_lookup_elem(&vms, &key);

	if (vm || !task || !kvm)
		return vm;
	vm_make(kvm, task);
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
