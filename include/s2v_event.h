/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * The events, from every source (BPF ring buffer, audit, trace file) to the correlator. Fixed-width,
 * naturally aligned, no pointers, no kernel addresses: a VM is its number in this run (1, 2, …).
 * Enum values are stored: append only.
 *
 * Units: addresses and sizes in bytes; times in nanoseconds of CLOCK_BOOTTIME.
 * Needs __u8 … __s64 and bool, like s2v_attr.h.
 */
#ifndef S2V_EVENT_H
#define S2V_EVENT_H

#define S2V_COMM_LEN 16 /* TASK_COMM_LEN */
#define S2V_NAME_LEN 32
#define S2V_NO_PA (~0ULL) /* host PTE not present, or not read */
#define S2V_NO_SLOT (-1) /* memslot id: no memslot */

enum s2v_ev_type {
	S2V_EV_VM_NEW = 1, /* struct s2v_ev_vm: first sight of a VM */
	S2V_EV_VM_DEAD, /* struct s2v_ev_vm */
	S2V_EV_SLOT, /* struct s2v_ev_slot: kvm_arch_prepare_memory_region returned */
	S2V_EV_VMA, /* struct s2v_ev_vma: one run of VMAs of the memslot whose SLOT event follows */
	S2V_EV_MAP, /* struct s2v_ev_page: a stage-2 mapping was installed */
	S2V_EV_PERM, /* struct s2v_ev_page: its permissions were relaxed */
	S2V_EV_FAULT, /* struct s2v_ev_page: a stage-2 fault mapped its page, or failed */
	S2V_EV_CAP, /* struct s2v_ev_cap: the VMM asked KVM_CHECK_EXTENSION */
	S2V_EV_INIT, /* struct s2v_ev_reset: KVM_ARM_VCPU_INIT of a vCPU returned */
	S2V_EV_UNMAP, /* struct s2v_ev_reset: stage2_unmap_vm() returned */
	S2V_EV_RUN, /* struct s2v_ev_reset: the first KVM_RUN of any vCPU after an INIT */
	S2V_EV_LEAVES, /* struct s2v_ev_leaves: stage-2 leaves of one kind that an audit found */
	S2V_EV_AUDIT, /* struct s2v_ev_audit: the audit of a VM ended */
	S2V_EV_HOST_UNMAP, /* struct s2v_ev_range: the host unmaps pages (MMU notifier) */
	S2V_EV_VCPU, /* struct s2v_ev_vcpu: an audit read a vCPU's own stage 1 */
	S2V_EV_GUEST, /* struct s2v_ev_guest: guest memory that the guest's stage 1 maps with one type */
	S2V_EV_GUEST_LEAVES, /* struct s2v_ev_guest_leaves: leaves of the guest's stage 1 (audit --leaves) */
};

/* Heads every event. */
struct s2v_ev_hdr {
	__u32 type; /* enum s2v_ev_type */
	__u32 len; /* of the whole event, this header included */
	__u64 time;
	__u32 vm; /* number of the VM in this run, from 1 */
	__u32 tgid; /* of the VMM, in the initial PID namespace */
};

/* s2v_ev_vm.preexisting in a trace file: the VM is older than this part of the recording, or ring. */
#define S2V_VM_REPORTED_AGAIN 2

/*
 * s2v_ev_vm.nothing. NO_TABLES: KVM frees the tables with the memory of the VM's process, and no vCPU runs again;
 * another process still holds its files. NO_MEMSLOTS: maybe a VM that only serves to query the host (scratch_vm.h).
 */
#define S2V_VM_NO_TABLES (1U << 0)
#define S2V_VM_NO_MEMSLOTS (1U << 1)

struct s2v_ev_vm {
	struct s2v_ev_hdr h;
	__u8 preexisting; /* not 0: older than the hooks */
	__u8 nothing; /* S2V_VM_NO_*: why nothing is mapped at stage 2 now; 0: something may be */
	__u8 pad[6];
	char comm[S2V_COMM_LEN]; /* of the VMM's thread-group leader; any bytes, NUL-terminated */
};

/* enum kvm_mr_change (include/linux/kvm_host.h), unchanged 5.10 to 7.3; FOUND is not of KVM. */
enum s2v_slot_change {
	S2V_SLOT_CREATE = 0,
	S2V_SLOT_DELETE,
	S2V_SLOT_MOVE,
	S2V_SLOT_FLAGS,
	S2V_SLOT_FOUND, /* by an audit: its registration was not seen */
};

/* s2v_ev_slot.flags: the KVM_MEM_* bits of the uapi. */
#define S2V_MEM_LOG_DIRTY_PAGES (1U << 0)
#define S2V_MEM_READONLY (1U << 1)
#define S2V_MEM_GUEST_MEMFD (1U << 2)

struct s2v_ev_slot {
	struct s2v_ev_hdr h;
	__s32 err; /* from kvm_arch_prepare_memory_region(): 0 or -errno */
	__s16 slot; /* memslot id */
	__u16 as_id; /* address space; 0 on arm64 */
	__u32 gen; /* number of the registration in this VM; 0: older than the hooks */
	__u32 change; /* enum s2v_slot_change */
	__u64 gpa, size, hva; /* of the new memslot; DELETE: of the old one */
	__u32 flags;
	__u32 vm_mte; /* the VM has MTE, for which KVM also refuses VMAs */
	__u32 runs; /* VMA events of it (same vm, gen), which came before this one */
	__u32 vmas; /* VMAs that they stand for */
	__u32 pad;
	__u32 unread; /* parts of the memslot whose VMAs could not be read (lock busy, too many) */
};

/* s2v_vma.flags: the vm_flags that KVM tests, not at the kernel's bit positions. */
#define S2V_VMA_PFNMAP (1U << 0)
#define S2V_VMA_MIXEDMAP (1U << 1)
#define S2V_VMA_HUGETLB (1U << 2)
#define S2V_VMA_ANY_UNCACHED (1U << 3) /* VM_ALLOW_ANY_UNCACHED, 6.9 on */
#define S2V_VMA_SHARED (1U << 4)
#define S2V_VMA_FILE (1U << 5) /* has a vm_file */
#define S2V_VMA_GMEM (1U << 6) /* no VMA: the slot is backed by guest_memfd */
/* Mapped by a driver: KVM checks more, and the PTEs may differ from vm_page_prot. */
#define S2V_VMA_DRIVER (S2V_VMA_PFNMAP | S2V_VMA_MIXEDMAP)

/* The VMA at a host virtual address. */
struct s2v_vma {
	__u64 start, end; /* hva; equal: nothing is mapped there, or it was not read */
	__u32 flags; /* S2V_VMA_* */
	__u8 attr; /* enum s2v_attr, of vm_page_prot */
	__u8 pte_attr; /* enum s2v_attr, of the host PTE; NONE: not read, or not present */
	__u8 pad[2];
};

struct s2v_ev_vma {
	struct s2v_ev_hdr h;
	struct s2v_vma vma; /* clipped to the slot */
	__u64 pa; /* of the first page, or S2V_NO_PA */
	__s16 slot;
	__u16 as_id;
	__u32 gen;
	char name[S2V_NAME_LEN]; /* last component of the file's path (its dentry); any bytes */
	char driver[S2V_NAME_LEN]; /* module that owns its file operations; empty: built in */
};

/* s2v_ev_page.flags */
#define S2V_PG_EXEC (1U << 0) /* executable at stage 2; FAULT: the guest fetched an instruction */
#define S2V_PG_WRITE (1U << 1) /* writable at stage 2; FAULT: the guest wrote */
#define S2V_PG_FIRST (1U << 2) /* first of its kind in this memslot */
#define S2V_PG_ALL (1U << 3) /* a single event (trace --all); clear: stands for `count` events */
#define S2V_PG_NO_SLOT (1U << 4) /* no memslot covers gpa (GICv2's CPU interface, MMIO) */
#define S2V_PG_NO_VMA (1U << 5) /* the VMA could not be read (lock busy): attr is of the PTE */
#define S2V_PG_NO_PTE (1U << 6) /* the host PTE was needed and could not be read */
#define S2V_PG_HCR (1U << 7) /* the vCPU's HCR_EL2 was read: S2V_PG_FWB is valid */
#define S2V_PG_FWB (1U << 8) /* HCR_EL2.FWB, bit 46 */
#define S2V_PG_ANY_VMA (1U << 9) /* its kind does not depend on the VMA (s2v_agg_key_of()) */
/* MAP, for all of [hva, hva + size) at the time of the map: */
#define S2V_PG_PA_DIFFERS (1U << 10) /* the host maps another page somewhere: differs_pa, host_pa */
#define S2V_PG_ABSENT (1U << 11) /* the host maps nothing somewhere */
/* FAULT, where the VMA was read: */
#define S2V_PG_PROT (1U << 12) /* S2V_PG_WRITE, S2V_PG_EXEC and the three below are known */
#define S2V_PG_VMA_READ (1U << 13)
#define S2V_PG_VMA_WRITE (1U << 14)
#define S2V_PG_PTE_WRITE (1U << 15) /* the host PTE allows writing (PTE_WRITE, bit 51) */

struct s2v_ev_page {
	struct s2v_ev_hdr h;
	__s32 err; /* 0, or the -errno of the function (FAULT: of KVM_RUN) */
	__s32 vcpu; /* vcpu_id, or -1 */
	__s16 slot; /* or S2V_NO_SLOT */
	__u16 as_id;
	__u32 gen;
	__u64 slot_gpa, slot_size, slot_hva; /* for memslots whose registration was not seen */
	__u64 gpa, size, hva;
	__u64 pa; /* MAP: what was installed; FAULT: by the host PTE; else S2V_NO_PA */
	__u64 prot; /* raw argument (MAP, PERM) */
	__u64 count; /* occurrences that this event stands for; 0: one that was already reported, with less known */
	__u64 gpa_last; /* of the last of them */
	__u64 dur; /* FAULT: ns until mapped or failed, less waits for a CPU; 0: not measured */
	__u32 flags; /* S2V_PG_* */
	__u32 s2; /* enum s2v_attr, installed */
	/* At hva; pte_attr: of a PTE that conflicts with s2, if there is one in the range. */
	struct s2v_vma vma;
	/*
	 * If it stands for others: bounds of all of its kind so far, these included, and the bytes of these
	 * alone. gpa_end 0: not set (use gpa and size, of a single event).
	 */
	__u64 gpa_low, gpa_end, bytes;
	/* With S2V_PG_PA_DIFFERS: output address of stage 2, and of the host, for the first such page. */
	__u64 differs_pa, host_pa;
};

/* Length of struct s2v_ev_page before gpa_low was added: missing fields are 0. */
#define S2V_EV_PAGE_V0 160

struct s2v_ev_cap {
	struct s2v_ev_hdr h;
	__s64 cap; /* KVM_CAP_* */
	__s64 ret;
};

/* Steps of a vCPU's reset. seq shows their order in the VM, and whether any is missing. */
struct s2v_ev_reset {
	struct s2v_ev_hdr h;
	__u32 seq; /* number of this event in the VM, from 1 */
	__s32 vcpu; /* vcpu_id; UNMAP: of the init that it is part of; -1: none */
	__s32 err; /* INIT: 0 or -errno */
	__u32 ran; /* INIT: the vCPU ran before, so this is a reset, not its first init */
	__u32 mapped; /* UNMAP: something was mapped since the previous unmap */
	__u32 pad;
	__u64 dur; /* UNMAP: ns */
};

/* The range is unmapped at stage 2. It does not show which of its pages were mapped. */
struct s2v_ev_range {
	struct s2v_ev_hdr h;
	__u64 gpa, size;
};

/* s2v_ev_leaves.flags */
#define S2V_LF_READ (1U << 0) /* S2AP[0], of the first leaf of the run */
#define S2V_LF_WRITE (1U << 1) /* S2AP[1], of the first leaf of the run */
#define S2V_LF_EXEC (1U << 2) /* executable at some exception level (XN); of all, if Device */
#define S2V_LF_SPECIAL (1U << 3) /* the host PTE is special: a driver's, or the zero page's */
#define S2V_LF_PA_RUN (1U << 4) /* output addresses ascend with gpa, from pa */
#define S2V_LF_PA_SAME (1U << 5) /* every leaf has the output address pa (the zero page) */
#define S2V_LF_PA_DIFFERS (1U << 6) /* output addresses differ from those of the host PTEs */
#define S2V_LF_ABSENT (1U << 7) /* the host maps nothing there */
#define S2V_LF_SWAPPED (1U << 8) /* the host PTE is a swap or migration entry */
#define S2V_LF_UNREAD (1U << 9) /* the host side could not be read, or kept changing */
#define S2V_LF_AGAIN (1U << 10) /* reported before, without output addresses: do not count it */

/*
 * Stage-2 leaves that an audit found: adjacent by gpa, with equal attributes. Their output addresses
 * are known if flags has PA_RUN or PA_SAME, else only that of the first.
 */
struct s2v_ev_leaves {
	struct s2v_ev_hdr h;
	__s16 slot; /* a SLOT event (CREATE, MOVE or FOUND) of this gen came before */
	__u16 as_id;
	__u32 gen;
	__u64 gpa, size, hva; /* the whole run */
	__u64 pa; /* output address of the first */
	__u64 host_pa; /* output address of the host PTE at hva, or S2V_NO_PA */
	__u64 leaves; /* that start in the run: a block whose host pages differ makes several runs */
	__u8 s2; /* enum s2v_attr, of the descriptors */
	__u8 s1; /* enum s2v_attr, of the host PTEs; NONE: not present or not read */
	__s8 level; /* of the leaves, -1 to 3 */
	__s8 host_level; /* of the host PTE, or S2V_NO_LEVEL */
	__u32 flags; /* S2V_LF_* */
};

#define S2V_NO_LEVEL 127

/* Why stage 2 of a VM could not be audited, or not all of it. */
#define S2V_AU_PROTECTED (1U << 0) /* only EL2 can read its tables (pKVM) */
#define S2V_AU_NO_TABLES (1U << 1) /* it has no tables, or none any more */
#define S2V_AU_GONE (1U << 2) /* the VM ended during the audit */
#define S2V_AU_UNREAD (1U << 3) /* its tables could not be read */
#define S2V_AU_STOPPED (1U << 4) /* vm 0: the audit of all VMs was stopped before its end */

struct s2v_ev_audit {
	struct s2v_ev_hdr h;
	__u32 flags; /* S2V_AU_* */
	__u32 shadow; /* shadow tables of nested guests, which are not audited */
	__u64 leaves;
	__u64 rereads; /* pieces that showed a conflict, and were read again */
	__u64 steps;
	__u64 dur; /* ns from the first step to the end of the last */
};

/* s2v_ev_vcpu.flags. From S2V_VC_AARCH32 on (S2V_VC_UNREAD): its tables were not read, or not wholly. */
#define S2V_VC_OFF (1U << 0) /* powered off (PSCI) */
#define S2V_VC_MMU_OFF (1U << 1) /* SCTLR_EL1.M is clear: its accesses are Device-nGnRnE */
#define S2V_VC_CACHE_OFF (1U << 2) /* SCTLR_EL1.C is clear: its Normal memory is Non-cacheable */
#define S2V_VC_TVM (1U << 3) /* HCR_EL2.TVM: KVM waits for its guest to turn the caches on */
#define S2V_VC_STALE (1U << 4) /* it was running: registers of its last exit or preemption */
#define S2V_VC_SHARED (1U << 5) /* both regimes were walked for vCPUs before it */
#define S2V_VC_USER (1U << 6) /* it was at EL0 */
#define S2V_VC_AARCH32 (1U << 8) /* EL1 is AArch32 */
#define S2V_VC_NESTED (1U << 9) /* it may have an EL2 of its own */
#define S2V_VC_FORMAT (1U << 10) /* reserved granule, D128, or AIE (AttrIndx of 4 bits) */
#define S2V_VC_NOT_RAM (1U << 11) /* a table is outside RAM, and was not read */
#define S2V_VC_FAILED (1U << 12) /* a table could not be read */
#define S2V_VC_BOUND (1U << 13) /* more tables than the VM's memory needs: a loop */
#define S2V_VC_CHANGED (1U << 14) /* they kept changing */
#define S2V_VC_NO_REGS (1U << 15) /* the vCPU's registers were not found */
#define S2V_VC_NO_KERNEL (1U << 16) /* all were at EL0, where a kernel with KPTI hides its tables */
#define S2V_VC_UNREAD (~0xffU)

struct s2v_ev_vcpu {
	struct s2v_ev_hdr h; /* time: of its registers */
	__s32 vcpu; /* vcpu_id */
	__u32 flags; /* S2V_VC_* */
	__u64 sctlr, tcr, mair, ttbr0, ttbr1; /* of EL1 */
	__u64 tables, leaves; /* that were walked; those of shared regimes count once */
	__u64 absent; /* tables that neither stage 2 nor the host maps: never touched, or in no memslot */
};

/* Memory in a memslot. Each page of it that `bytes` counts is mapped with this type by at least one regime. */
struct s2v_ev_guest {
	struct s2v_ev_hdr h;
	__s16 slot; /* a SLOT event of this gen came before */
	__u16 as_id;
	__u32 gen;
	__u64 gpa, size;
	__u64 bytes; /* at most size: a range may have holes */
	__u64 alias; /* of a type that is not cacheable: bytes that are mapped with a cacheable type, too */
	__u64 va; /* of the guest, that maps gpa; bit 55: by TTBR1_EL1, else by TTBR0_EL1. Cacheable, and 0: not known */
	__s32 vcpu; /* vcpu_id with that regime */
	__u8 attr; /* enum s2v_attr, by MAIR_EL1 */
	__u8 idle; /* it looks like a pool of Linux for DMA that nobody has used yet: live/guest_read.c */
	__u8 pad[2];
};

/* Adjacent leaves of one type and level in one regime, as they were read. */
struct s2v_ev_guest_leaves {
	struct s2v_ev_hdr h;
	__u64 va, ipa, size; /* ipa ascends with va */
	__u64 leaves;
	__s32 vcpu; /* vcpu_id with that regime; bit 55 of va: TTBR1_EL1, else TTBR0_EL1 */
	__u8 attr; /* enum s2v_attr */
	__s8 level; /* -1 to 3 */
	__u8 pad[2];
};

/* Counters of the kernel side, summed over CPUs. */
enum s2v_counter {
	S2V_CNT_FAULTS, /* stage-2 faults on memslots */
	S2V_CNT_FAULT_ERRORS, /* those that failed */
	S2V_CNT_MAPS,
	S2V_CNT_MAP_ERRORS, /* the map call failed: nothing was installed */
	S2V_CNT_PERMS,
	S2V_CNT_NESTED, /* maps into shadow tables, not verified */
	S2V_CNT_NO_SLOT, /* maps outside any memslot */
	S2V_CNT_LOST_RINGBUF, /* failed ring buffer reserves */
	S2V_CNT_LOST_AGG, /* failed inserts into the aggregation map */
	S2V_CNT_LOST_SCRATCH, /* no task storage: a probed call was not seen */
	S2V_CNT_LOST_CALL, /* a return without its entry */
	S2V_CNT_ENTERED, /* kprobes: entries */
	S2V_CNT_RETURNED, /* kretprobes: returns; at the end equal to entries, or some were missed */
	S2V_CNT_LOST_VM, /* failed inserts into the VM or memslot map */
	S2V_CNT_UNREAD_VMA, /* VMAs that were needed and could not be read */
	S2V_CNT_UNREAD_PTE, /* host PTEs that were needed and could not be read */
	S2V_CNT_UNREAD_READ, /* kernel reads that failed and must not */
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

/* The kind of a page event. Sets all bytes of *k. */
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
/* Whether an event of this type may be the first of its VM. The end of a VM's audit may come after the VM's end. */
static inline int s2v_event_adds_vm(__u32 type)
{
	return type != S2V_EV_VM_DEAD && type != S2V_EV_AUDIT;
}

/* Smallest length of each type of event; 0: unknown type. */
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
	case S2V_EV_VCPU:
		return sizeof(struct s2v_ev_vcpu);
	case S2V_EV_GUEST:
		return sizeof(struct s2v_ev_guest);
	case S2V_EV_GUEST_LEAVES:
		return sizeof(struct s2v_ev_guest_leaves);
	default:
		return 0;
	}
}
#endif

#endif
