/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * The events: what every source (BPF ring buffer, audit, trace file) yields and the correlator
 * takes. Fixed-width, naturally aligned, no pointers; kernel addresses never leave the kernel:
 * a VM is its number in this run (1, 2, …). Enum values are stored: append only.
 *
 * Units: addresses and sizes in bytes; times in nanoseconds of CLOCK_BOOTTIME.
 * Needs __u8 … __s64 and bool, like s2v_attr.h.
 */
#ifndef S2V_EVENT_H
#define S2V_EVENT_H

#define S2V_COMM_LEN 16 /* TASK_COMM_LEN */
#define S2V_NAME_LEN 32
#define S2V_NO_PA (~0ULL) /* host PTE not present, or not read */
#define S2V_NO_SLOT (-1) /* memslot id where none is meant */

enum s2v_ev_type {
	S2V_EV_VM_NEW = 1, /* struct s2v_ev_vm: first sight of a VM */
	S2V_EV_VM_DEAD, /* struct s2v_ev_vm */
	S2V_EV_SLOT, /* struct s2v_ev_slot: kvm_arch_prepare_memory_region returned */
	S2V_EV_VMA, /* struct s2v_ev_vma: one run of VMAs behind the slot that is told of next */
	S2V_EV_MAP, /* struct s2v_ev_page: a stage-2 mapping was installed */
	S2V_EV_PERM, /* struct s2v_ev_page: its permissions were relaxed */
	S2V_EV_FAULT, /* struct s2v_ev_page: a stage-2 fault has mapped its page, or failed */
	S2V_EV_CAP, /* struct s2v_ev_cap: the VMM asked KVM_CHECK_EXTENSION */
	S2V_EV_INIT, /* struct s2v_ev_reset: KVM_ARM_VCPU_INIT of a vCPU returned */
	S2V_EV_UNMAP, /* struct s2v_ev_reset: stage2_unmap_vm() returned */
	S2V_EV_RUN, /* struct s2v_ev_reset: the first KVM_RUN of any vCPU after an INIT */
	S2V_EV_LEAVES, /* struct s2v_ev_leaves: stage-2 leaves of one kind that an audit found */
	S2V_EV_AUDIT, /* struct s2v_ev_audit: the audit of a VM has ended */
	S2V_EV_HOST_UNMAP, /* struct s2v_ev_range: the host takes pages away (MMU notifier) */
};

/* Heads every event. */
struct s2v_ev_hdr {
	__u32 type; /* enum s2v_ev_type */
	__u32 len; /* of the whole event, this header included */
	__u64 time;
	__u32 vm; /* number of the VM in this run, from 1 */
	__u32 tgid; /* the VMM's process, as the initial PID namespace numbers it */
};

/* s2v_ev_vm.preexisting of a trace file: it was there before this part of the recording, or ring. */
#define S2V_VM_REPORTED_AGAIN 2

/*
 * s2v_ev_vm.nothing. KVM frees the tables with the memory of the VM's process, and then no vCPU runs again: somebody else
 * still has its files. A VM that has never had a memslot may be one that somebody asks about the host (scratch_vm.h).
 */
#define S2V_VM_NO_TABLES (1U << 0)
#define S2V_VM_NO_MEMSLOTS (1U << 1)

struct s2v_ev_vm {
	struct s2v_ev_hdr h;
	__u8 preexisting; /* not 0: it was there before the hooks were */
	__u8 nothing; /* S2V_VM_NO_*: why nothing is mapped at stage 2 at this moment; 0: something may be */
	__u8 pad[6];
	char comm[S2V_COMM_LEN]; /* of the VMM's thread-group leader; any bytes, NUL-terminated */
};

/* enum kvm_mr_change (include/linux/kvm_host.h), unchanged 5.10 to 7.3; and one of our own */
enum s2v_slot_change {
	S2V_SLOT_CREATE = 0,
	S2V_SLOT_DELETE,
	S2V_SLOT_MOVE,
	S2V_SLOT_FLAGS,
	S2V_SLOT_FOUND, /* by an audit: it had been there, and its registration was not seen */
};

/* s2v_ev_slot.flags: the uapi's KVM_MEM_* bits. */
#define S2V_MEM_LOG_DIRTY_PAGES (1U << 0)
#define S2V_MEM_READONLY (1U << 1)
#define S2V_MEM_GUEST_MEMFD (1U << 2)

struct s2v_ev_slot {
	struct s2v_ev_hdr h;
	__s32 err; /* what kvm_arch_prepare_memory_region returned: 0 or -errno */
	__s16 slot; /* memslot id */
	__u16 as_id; /* address space; 0 on arm64 */
	__u32 gen; /* counts the registrations of this VM; 0: registered before the hooks were */
	__u32 change; /* enum s2v_slot_change */
	__u64 gpa, size, hva; /* of the slot as it is to be; of the one that goes for DELETE */
	__u32 flags;
	__u32 vm_mte; /* the VM has MTE: KVM then refuses VMAs for other reasons too */
	__u32 runs; /* VMA events that came before this one and belong to it (same vm, gen) */
	__u32 vmas; /* VMAs that they stand for */
	__u32 pad;
	__u32 unread; /* parts of the range whose VMAs could not be read (lock busy, too many) */
};

/* s2v_vma.flags: what KVM decides by, out of vm_flags (bit positions are the kernel's affair) */
#define S2V_VMA_PFNMAP (1U << 0)
#define S2V_VMA_MIXEDMAP (1U << 1)
#define S2V_VMA_HUGETLB (1U << 2)
#define S2V_VMA_ANY_UNCACHED (1U << 3) /* VM_ALLOW_ANY_UNCACHED, 6.9 on */
#define S2V_VMA_SHARED (1U << 4)
#define S2V_VMA_FILE (1U << 5) /* has a vm_file */
#define S2V_VMA_GMEM (1U << 6) /* no VMA: the slot is backed by guest_memfd */

/* What lies behind a host virtual address. */
struct s2v_vma {
	__u64 start, end; /* hva; equal where nothing is mapped there or it was not read */
	__u32 flags; /* S2V_VMA_* */
	__u8 attr; /* enum s2v_attr, of vm_page_prot */
	__u8 pte_attr; /* enum s2v_attr, of the host PTE; NONE where it was not read or not present */
	__u8 pad[2];
};

struct s2v_ev_vma {
	struct s2v_ev_hdr h;
	struct s2v_vma vma; /* clipped to the slot */
	__u64 pa; /* of the first page, or S2V_NO_PA */
	__s16 slot;
	__u16 as_id;
	__u32 gen;
	char name[S2V_NAME_LEN]; /* the file's own name (its dentry); any bytes */
	char driver[S2V_NAME_LEN]; /* module that owns its file operations; empty if built in */
};

/* s2v_ev_page.flags */
#define S2V_PG_EXEC (1U << 0) /* executable at stage 2; FAULT: the guest fetched an instruction */
#define S2V_PG_WRITE (1U << 1) /* writable at stage 2; FAULT: the guest wrote */
#define S2V_PG_FIRST (1U << 2) /* first of its kind in this memslot */
#define S2V_PG_ALL (1U << 3) /* one of all (trace --all); else it stands for `count` like it */
#define S2V_PG_NO_SLOT (1U << 4) /* no memslot covers gpa (GICv2's CPU interface, MMIO) */
#define S2V_PG_NO_VMA (1U << 5) /* the VMA could not be read (lock busy): attr is the PTE's */
#define S2V_PG_NO_PTE (1U << 6) /* the host PTE was wanted and could not be read */
#define S2V_PG_HCR (1U << 7) /* the vCPU's HCR_EL2 was looked at: S2V_PG_FWB holds */
#define S2V_PG_FWB (1U << 8) /* HCR_EL2.FWB, bit 46 */
#define S2V_PG_ANY_VMA (1U << 9) /* its kind is told apart by VMA no further (s2v_agg_key_of()) */
/* MAP, of all of [hva, hva + size) as it was being mapped: */
#define S2V_PG_PA_DIFFERS (1U << 10) /* the host maps another page somewhere: differs_pa, host_pa */
#define S2V_PG_ABSENT (1U << 11) /* the host maps nothing somewhere */
/* FAULT, where the VMA was read: */
#define S2V_PG_PROT (1U << 12) /* S2V_PG_WRITE, S2V_PG_EXEC and the three below are known */
#define S2V_PG_VMA_READ (1U << 13)
#define S2V_PG_VMA_WRITE (1U << 14)
#define S2V_PG_PTE_WRITE (1U << 15) /* the host PTE allows writing (PTE_WRITE, bit 51) */

struct s2v_ev_page {
	struct s2v_ev_hdr h;
	__s32 err; /* 0, or the -errno that the function returned (FAULT: that KVM_RUN will return) */
	__s32 vcpu; /* vcpu_id, or -1 */
	__s16 slot; /* or S2V_NO_SLOT */
	__u16 as_id;
	__u32 gen;
	__u64 slot_gpa, slot_size, slot_hva; /* so that a slot never seen registered is known */
	__u64 gpa, size, hva;
	__u64 pa; /* MAP: what was installed; FAULT: by the host PTE; else S2V_NO_PA */
	__u64 prot; /* raw argument (MAP, PERM) */
	__u64 count; /* occurrences that this event stands for; 0: one that was told with less known of it */
	__u64 gpa_last; /* of the last of them */
	__u64 dur; /* FAULT: ns until mapped or failed, less waits for a CPU; 0: not measured */
	__u32 flags; /* S2V_PG_* */
	__u32 s2; /* enum s2v_attr, installed */
	/* At hva; pte_attr: of a PTE that conflicts with s2, if there is one in the range. */
	struct s2v_vma vma;
	/*
	 * Of one that stands for others of its kind: where all so far lie, these included, and the bytes of
	 * these alone. gpa_end 0: not told (of a single one it is gpa and size).
	 */
	__u64 gpa_low, gpa_end, bytes;
	/* With S2V_PG_PA_DIFFERS: of the first page that does, stage 2's and the host's. */
	__u64 differs_pa, host_pa;
};

/* Length of struct s2v_ev_page before gpa_low came: what is not there is 0. */
#define S2V_EV_PAGE_V0 160

struct s2v_ev_cap {
	struct s2v_ev_hdr h;
	__s64 cap; /* KVM_CAP_* */
	__s64 ret;
};

/* Steps of a vCPU's reset. Their order in a VM matters, and that none is missing: seq says both. */
struct s2v_ev_reset {
	struct s2v_ev_hdr h;
	__u32 seq; /* counts these events of the VM, from 1 */
	__s32 vcpu; /* vcpu_id; UNMAP: of the init that it is part of, or -1: of none */
	__s32 err; /* INIT: 0 or -errno */
	__u32 ran; /* INIT: the vCPU had run before: this is a reset, not its first init */
	__u32 mapped; /* UNMAP: something had been mapped since the one before */
	__u32 pad;
	__u64 dur; /* UNMAP: ns */
};

/* What lies in the range is unmapped at stage 2; what of it was mapped is not told. */
struct s2v_ev_range {
	struct s2v_ev_hdr h;
	__u64 gpa, size;
};

/* s2v_ev_leaves.flags */
#define S2V_LF_READ (1U << 0) /* S2AP[0], of the first leaf of the run */
#define S2V_LF_WRITE (1U << 1) /* S2AP[1], likewise */
#define S2V_LF_EXEC (1U << 2) /* executable at some exception level (XN); of all, if Device */
#define S2V_LF_SPECIAL (1U << 3) /* the host PTE is special: a driver's, or the zero page's */
#define S2V_LF_PA_RUN (1U << 4) /* output addresses ascend with gpa: pa is all there is to know */
#define S2V_LF_PA_SAME (1U << 5) /* every leaf has the output address pa (the zero page) */
#define S2V_LF_PA_DIFFERS (1U << 6) /* they are not what the host PTEs say */
#define S2V_LF_ABSENT (1U << 7) /* the host maps nothing there */
#define S2V_LF_SWAPPED (1U << 8) /* the host PTE is a swap or migration entry */
#define S2V_LF_UNREAD (1U << 9) /* the host's side could not be read, or kept changing */
#define S2V_LF_AGAIN (1U << 10) /* told before, without its output addresses: not to be counted */

/*
 * Stage-2 leaves that an audit found: neighbours by gpa, equal in all that is told here. Their
 * output addresses are told where they ascend or are one (flags), else pa is the first one's.
 */
struct s2v_ev_leaves {
	struct s2v_ev_hdr h;
	__s16 slot; /* a SLOT event (CREATE, MOVE or FOUND) of this gen came before */
	__u16 as_id;
	__u32 gen;
	__u64 gpa, size, hva; /* the whole run */
	__u64 pa; /* output address of the first */
	__u64 host_pa; /* what the host PTE at hva says, or S2V_NO_PA */
	__u64 leaves; /* that begin in the run: a block whose host pages differ is several runs */
	__u8 s2; /* enum s2v_attr, of the descriptors */
	__u8 s1; /* enum s2v_attr, of the host PTEs; NONE: not present or not read */
	__s8 level; /* of the leaves, -1 to 3 */
	__s8 host_level; /* of the host's leaf, or S2V_NO_LEVEL */
	__u32 flags; /* S2V_LF_* */
};

#define S2V_NO_LEVEL 127

/* Why the stage 2 of a VM could not be audited, or not all of it. */
#define S2V_AU_PROTECTED (1U << 0) /* its tables are EL2's alone (pKVM) */
#define S2V_AU_NO_TABLES (1U << 1) /* it has none (any more) */
#define S2V_AU_GONE (1U << 2) /* it went away meanwhile */
#define S2V_AU_UNREAD (1U << 3) /* its tables could not be read */
#define S2V_AU_ENDED (1U << 4) /* vm 0: the audit of all was ended before it was through */

struct s2v_ev_audit {
	struct s2v_ev_hdr h;
	__u32 flags; /* S2V_AU_* */
	__u32 shadow; /* shadow tables of nested guests, which are not looked at */
	__u64 leaves;
	__u64 rereads; /* looked wrong, and were read again */
	__u64 steps;
	__u64 dur; /* ns from the first step to the end of the last */
};

/* Counters of the kernel side, summed over CPUs. */
enum s2v_counter {
	S2V_CNT_FAULTS, /* stage-2 faults on memslots */
	S2V_CNT_FAULT_ERRORS, /* of them, ended with an error */
	S2V_CNT_MAPS,
	S2V_CNT_MAP_ERRORS, /* the map call failed: nothing was installed */
	S2V_CNT_PERMS,
	S2V_CNT_NESTED, /* maps into shadow tables, not verified */
	S2V_CNT_NO_SLOT, /* maps outside any memslot */
	S2V_CNT_LOST_RINGBUF, /* failed ring buffer reserves */
	S2V_CNT_LOST_AGG, /* failed inserts into the aggregation map */
	S2V_CNT_LOST_SCRATCH, /* no task storage: a probed call not looked at */
	S2V_CNT_LOST_CALL, /* a return without its entry */
	S2V_CNT_ENTERED, /* kprobes: entries, and … */
	S2V_CNT_RETURNED, /* … returns; in the end they are equal, or kretprobes were missed */
	S2V_CNT_LOST_VM, /* failed inserts into the VM or memslot map */
	S2V_CNT_UNREAD_VMA, /* host attributes wanted and not readable */
	S2V_CNT_UNREAD_PTE,
	S2V_CNT_UNREAD_READ, /* a kernel read (probe_read) failed where it must not */
	S2V_CNT_UNKNOWN_ATTR, /* an attribute that the decoders do not know */
	S2V_CNT_NR,
};

/* Key of the kernel-side aggregation: equal keys are one kind of mapping in one memslot. */
struct s2v_agg_key {
	__u32 type; /* S2V_EV_MAP, _PERM, _FAULT */
	__u32 vm;
	__s16 slot;
	__u16 as_id;
	__u32 gen;
	__u64 vma_start; /* 0 in a memslot of ordinary memory throughout */
	__s32 err;
	__u32 vma_flags;
	__u8 s1, pte, s2, pg_flags; /* attributes; S2V_PG_EXEC, _NO_VMA, _NO_PTE */
	__u32 host; /* S2V_PG_PA_DIFFERS, _ABSENT */
};

/* The kind that a page event is of, or begins. Of *k all bytes are set. */
static inline __attribute__((always_inline)) void s2v_agg_key_of(struct s2v_agg_key *k,
								 const struct s2v_ev_page *ev)
{
	__builtin_memset(k, 0, sizeof(*k));
	k->type = ev->h.type;
	k->vm = ev->h.vm;
	k->slot = ev->slot;
	k->as_id = ev->as_id;
	k->gen = ev->gen;
	k->err = ev->err;
	k->vma_flags = ev->vma.flags;
	k->s1 = ev->vma.attr;
	k->pte = ev->vma.pte_attr;
	k->s2 = (__u8)ev->s2;
	k->pg_flags = ev->flags & (S2V_PG_EXEC | S2V_PG_NO_VMA | S2V_PG_NO_PTE);
	k->host = ev->flags & (S2V_PG_PA_DIFFERS | S2V_PG_ABSENT);
	if (!(ev->flags & S2V_PG_ANY_VMA))
		k->vma_start = ev->vma.start;
}

#ifndef __bpf__
/* Smallest length of each type of event; 0: not one of ours. */
static inline __u32 s2v_event_size(__u32 type)
{
	switch (type) {
	case S2V_EV_VM_NEW:
	case S2V_EV_VM_DEAD:
		return sizeof(struct s2v_ev_vm);
	case S2V_EV_SLOT:
		return sizeof(struct s2v_ev_slot);
	case S2V_EV_VMA:
		return sizeof(struct s2v_ev_vma);
	case S2V_EV_MAP:
	case S2V_EV_PERM:
	case S2V_EV_FAULT:
		return sizeof(struct s2v_ev_page);
	case S2V_EV_CAP:
		return sizeof(struct s2v_ev_cap);
	case S2V_EV_LEAVES:
		return sizeof(struct s2v_ev_leaves);
	case S2V_EV_AUDIT:
		return sizeof(struct s2v_ev_audit);
	case S2V_EV_INIT:
	case S2V_EV_UNMAP:
	case S2V_EV_RUN:
		return sizeof(struct s2v_ev_reset);
	case S2V_EV_HOST_UNMAP:
		return sizeof(struct s2v_ev_range);
	default:
		return 0;
	}
}
#endif

#endif
