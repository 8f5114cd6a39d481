/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * The kernel types in use, and every difference between kernels. Field offsets are relocated at load
 * (CO-RE). Fields that moved or changed their meaning are read through the functions below, which
 * name the release. No other file depends on the kernel's version.
 *
 * src/live/needs.c finds these types by the tag "kernel": a kernel that lacks one of their members is
 * refused before the load, and the message names the member. Members that only some kernels have go
 * into a flavour (struct NAME___FLAVOUR), which is optional.
 */
#ifndef S2V_BPF_KVM_H
#define S2V_BPF_KVM_H

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)
#pragma clang attribute push(__attribute__((btf_decl_tag("kernel"))), apply_to = record)

struct qstr {
	const unsigned char *name;
};

struct dentry {
	struct qstr d_name;
};

struct path {
	struct dentry *dentry;
};

struct module {
	char name[56];
};

struct file_operations {
	struct module *owner;
	void *release;
};

struct file {
	struct path f_path;
	const struct file_operations *f_op;
	void *private_data;
};

typedef struct {
	__u64 pgprot;
} pgprot_t;

struct vm_area_struct {
	unsigned long vm_start;
	unsigned long vm_end;
	pgprot_t vm_page_prot;
	unsigned long vm_flags; /* 6.3 on: in an anonymous union */
	struct file *vm_file;
};

typedef struct {
	int counter;
} atomic_t;

struct mm_struct {
	unsigned long task_size;
	void *pgd;
	atomic_t mm_users;
};

struct upid {
	int nr;
};

/* numbers[0]: in the initial PID namespace; numbers[level]: in its own. */
struct pid {
	unsigned int level;
	struct upid numbers[1];
};

struct fdtable {
	unsigned int max_fds;
	struct file **fd;
};

struct files_struct {
	struct fdtable *fdt;
};

typedef struct {
	unsigned long sig[1];
} sigset_t;

struct sigpending {
	sigset_t signal;
};

struct task_struct {
	struct mm_struct *mm;
	struct files_struct *files;
	struct sigpending pending;
	unsigned int flags;
	int tgid;
	char comm[16];
	struct task_struct *group_leader;
	struct pid *thread_pid;
};

/* Optional: only with CONFIG_SCHED_INFO. */
struct sched_info___waited {
	unsigned long long run_delay; /* ns that the task waited for a CPU */
};

struct task_struct___waited {
	struct sched_info___waited sched_info;
};

struct rb_node {
	struct rb_node *rb_right;
	struct rb_node *rb_left;
};

struct rb_root {
	struct rb_node *rb_node;
};

typedef struct {
	__s64 counter;
} atomic_long_t;

struct kvm_memory_slot {
	struct rb_node gfn_node[2];
	__u64 base_gfn;
	unsigned long npages;
	unsigned long userspace_addr;
	__u32 flags;
	short id;
	__u16 as_id;
};

/* 5.17 on: an rbtree by gfn; node_idx: which gfn_node of the memslots is in use. */
struct kvm_memslots {
	atomic_long_t last_used_slot;
	struct rb_root gfn_tree;
	int node_idx;
};

struct kvm_arch;
struct kvm_pgtable;

struct kvm_s2_mmu {
	__u64 pgd_phys;
	struct kvm_pgtable *pgt;
	struct kvm_arch *arch;
};

struct kvm_arch {
	struct kvm_s2_mmu mmu;
	unsigned long flags;
};

/* VTCR_EL2: in struct kvm_arch up to 6.7, in struct kvm_s2_mmu from 6.8 on. */
struct kvm_s2_mmu___vtcr {
	__u64 vtcr;
};

struct kvm_arch___vtcr {
	__u64 vtcr;
};

struct xa_node {
	unsigned char shift;
	void *slots[64]; /* or 16, with CONFIG_BASE_SMALL */
};

struct xarray {
	void *xa_head;
};

/* mmu_invalidate_*: these names from 6.0 on; written under kvm->mmu_lock. */
struct kvm {
	struct xarray vcpu_array; /* 5.17 on; by vcpu_idx, 0 to online_vcpus - 1 */
	atomic_t online_vcpus;
	struct mm_struct *mm;
	int userspace_pid; /* the thread that created it, in the initial PID namespace */
	struct kvm_memslots *memslots[1];
	struct kvm_arch arch;
	unsigned long mmu_invalidate_seq;
	long mmu_invalidate_in_progress;
};

/* 6.11 on: shadow MMUs of nested guests. */
struct kvm_arch___nested {
	unsigned long nested_mmus_size;
};

struct kvm___nested {
	struct kvm_arch___nested arch;
};

struct kvm___vtcr {
	struct kvm_arch___vtcr arch;
};

/* start_level: u32 in 6.1, s8 in 6.12; its low byte is the value in both (little-endian). */
struct kvm_pgtable {
	__u32 ia_bits;
	signed char start_level;
	void *pgd;
	struct kvm_s2_mmu *mmu;
};

struct kvm_vcpu_fault_info {
	__u64 esr_el2;
	__u64 far_el2;
	__u64 hpfar_el2;
};

struct user_pt_regs___state {
	__u64 pstate;
};

/* Current while the vCPU is not loaded. */
struct kvm_cpu_context {
	struct user_pt_regs___state regs;
	__u64 sys_regs[1]; /* by enum vcpu_sysreg */
};

struct kvm_mp_state {
	__u32 mp_state;
};

struct kvm_vcpu_arch {
	struct kvm_s2_mmu *hw_mmu;
	__u64 hcr_el2;
	struct kvm_vcpu_fault_info fault;
	struct kvm_cpu_context ctxt;
	struct kvm_mp_state mp_state; /* 5.19 on; a bool power_off before */
};

struct kvm_vcpu {
	struct kvm *kvm;
	int vcpu_id;
	int cpu; /* it is loaded on this CPU; -1: not loaded (kvm_arch_vcpu_put()) */
	struct pid *pid; /* of the thread that ran it last; NULL: none yet (5.17 on) */
	struct kvm_vcpu_arch arch;
};

/* Optional. Not NULL: the guest may have an EL2 (6.7 on), and some of its registers are in that page. */
struct kvm_cpu_context___nested {
	__u64 *vncr_array;
};

/* 7.1 on: the only argument of user_mem_abort(). */
struct kvm_s2_fault_desc___v7_1 {
	struct kvm_vcpu *vcpu;
};

/* Optional: for S2V_OBS_HOST_UNMAP alone. */
struct kvm_gfn_range___unmap {
	__u64 start;
	__u64 end;
};

struct seq_file;

struct bpf_iter_meta {
	struct seq_file *seq;
};

struct bpf_iter__task {
	struct task_struct *task;
};

struct bpf_iter__task_file {
	struct task_struct *task;
	struct file *file;
};

struct bpf_iter__task_vma {
	struct bpf_iter_meta *meta;
	struct task_struct *task;
	struct vm_area_struct *vma;
};

struct bpf_iter__bpf_map_elem {
	void *value;
};

#pragma clang attribute pop
#pragma clang attribute pop

/* _IOW(KVMIO, 0xae, struct kvm_vcpu_init): include/uapi/linux/kvm.h, all releases. */
#define KVM_ARM_VCPU_INIT 0x4020aeae

struct pt_regs;

/* asm/ptrace.h: the first argument of the system call. */
struct pt_regs___call {
	__u64 orig_x0;
} __attribute__((preserve_access_index));

/* uapi/asm/ptrace.h: context of a kprobe on arm64. */
struct user_pt_regs {
	__u64 regs[31];
	__u64 sp;
	__u64 pc;
	__u64 pstate;
};

enum kvm_pgtable_prot___s2v {
	KVM_PGTABLE_PROT_X___s2v = 1,
	KVM_PGTABLE_PROT_W___s2v,
	KVM_PGTABLE_PROT_R___s2v,
	KVM_PGTABLE_PROT_DEVICE___s2v,
	KVM_PGTABLE_PROT_NORMAL_NC___s2v,
	KVM_PGTABLE_PROT_SW0___s2v,
	KVM_PGTABLE_PROT_SW1___s2v,
	KVM_PGTABLE_PROT_SW2___s2v,
	KVM_PGTABLE_PROT_SW3___s2v,
};

/* Value of an enumerator on the running kernel; 0: it has none. */
#define PROT_BIT(name)                                                                            \
	(bpf_core_enum_value_exists(enum kvm_pgtable_prot___s2v, KVM_PGTABLE_PROT_##name##___s2v) \
		 ? bpf_core_enum_value(enum kvm_pgtable_prot___s2v,                               \
				       KVM_PGTABLE_PROT_##name##___s2v)                           \
		 : 0)

/*
 * From BTF: 6.19 renumbered the bits (X became UX|PX), 6.9 added NORMAL_NC, and vendor trees
 * differ.
 */
static __always_inline void kvm_prot_bits(struct s2v_prot_bits *b)
{
	b->x = PROT_BIT(X);
	b->w = PROT_BIT(W);
	b->r = PROT_BIT(R);
	b->device = PROT_BIT(DEVICE);
	b->nc = PROT_BIT(NORMAL_NC);
	b->known = b->x | b->w | b->r | b->device | b->nc | PROT_BIT(SW0) | PROT_BIT(SW1) |
		   PROT_BIT(SW2) | PROT_BIT(SW3);
}

/* From BTF: 6.7 and later renumbered them; TCR2_EL1: 6.5 on. */
enum vcpu_sysreg___s2v {
	SCTLR_EL1___s2v = 1,
	TTBR0_EL1___s2v,
	TTBR1_EL1___s2v,
	TCR_EL1___s2v,
	TCR2_EL1___s2v,
	MAIR_EL1___s2v,
};

/* Reads an EL1 system register of a vCPU that is not loaded; 0 if this kernel has none of that name. */
#define VCPU_SYSREG(vcpu, name)                                                                 \
	(bpf_core_enum_value_exists(enum vcpu_sysreg___s2v, name##___s2v)                       \
		 ? vcpu_sysreg(vcpu, bpf_core_enum_value(enum vcpu_sysreg___s2v, name##___s2v)) \
		 : 0)

static __always_inline __u64 vcpu_sysreg(struct kvm_vcpu *vcpu, __u64 index)
{
	__u64 *regs = (void *)vcpu + bpf_core_field_offset(struct kvm_vcpu, arch.ctxt.sys_regs);
	__u64 value = 0;

	bpf_probe_read_kernel(&value, sizeof(value), regs + index);
	return value;
}

/* Whether this kernel names the registers that translation at EL1 needs. */
static __always_inline bool kvm_has_sysregs(void)
{
	return bpf_core_enum_value_exists(enum vcpu_sysreg___s2v, SCTLR_EL1___s2v) &&
	       bpf_core_enum_value_exists(enum vcpu_sysreg___s2v, TTBR0_EL1___s2v) &&
	       bpf_core_enum_value_exists(enum vcpu_sysreg___s2v, TTBR1_EL1___s2v) &&
	       bpf_core_enum_value_exists(enum vcpu_sysreg___s2v, TCR_EL1___s2v) &&
	       bpf_core_enum_value_exists(enum vcpu_sysreg___s2v, MAIR_EL1___s2v);
}

/* Whether the vCPU may have an EL2 of its own (KVM_ARM_VCPU_HAS_EL2). */
static __always_inline bool kvm_vcpu_is_nested(struct kvm_vcpu *vcpu)
{
	struct kvm_cpu_context___nested *ctxt =
		(void *)vcpu + bpf_core_field_offset(struct kvm_vcpu, arch.ctxt);

	return bpf_core_field_exists(struct kvm_cpu_context___nested, vncr_array) &&
	       BPF_CORE_READ(ctxt, vncr_array);
}

/* PSTATE.M (Arm ARM C5.2.19): 0b0000 is EL0, of AArch64 or (bit 4) AArch32. */
static __always_inline bool kvm_vcpu_is_user(struct kvm_vcpu *vcpu)
{
	return !(BPF_CORE_READ(vcpu, arch.ctxt.regs.pstate) & 0xf);
}

#define KVM_MP_STATE_STOPPED 5 /* uapi/linux/kvm.h: powered off (PSCI) */

/* Entries of an xarray (lib/xarray.c): a node is its address + 2; others are leaves, or NULL. */
static __always_inline bool xa_is_node(__u64 entry)
{
	return (entry & 3) == 2 && entry > 4096;
}

/* One level down, if `entry` is a node. */
static __always_inline __u64 xa_down(__u64 entry, __u32 index)
{
	struct xa_node *node = (void *)(entry - 2);
	__u64 mask = bpf_core_field_size(struct xa_node, slots) / sizeof(void *) - 1;
	__u64 slots = (__u64)node + bpf_core_field_offset(struct xa_node, slots), next = 0;

	if (!xa_is_node(entry))
		return entry;
	slots += (index >> (BPF_CORE_READ(node, shift) & 31) & mask) * sizeof(void *);
	bpf_probe_read_kernel(&next, sizeof(next), (void *)slots);
	return next;
}

/* vCPU number `index` (vcpu_idx), or NULL. KVM keeps all until the VM ends. */
static __always_inline struct kvm_vcpu *kvm_vcpu_at(struct kvm *kvm, __u32 index)
{
	__u64 entry;

	if (index >= (__u32)BPF_CORE_READ(kvm, online_vcpus.counter))
		return NULL;
	entry = (__u64)BPF_CORE_READ(kvm, vcpu_array.xa_head);
	/* A single entry at index 0 has no node. */
	if (!xa_is_node(entry))
		return index ? NULL : (void *)entry;
	/* Three levels: 64^3 entries, or 16^3. KVM has at most 512 vCPUs (VGIC_V3_MAX_CPUS). */
	entry = xa_down(entry, index);
	entry = xa_down(entry, index);
	entry = xa_down(entry, index);
	return entry & 3 ? NULL : (void *)entry;
}

/* include/linux/mm.h; positions unchanged 6.1 to 7.3. ALLOW_ANY_UNCACHED: 6.9 on. */
#define VM_READ (1UL << 0)
#define VM_WRITE (1UL << 1)
#define VM_SHARED (1UL << 3)
#define VM_PFNMAP (1UL << 10)
#define VM_HUGETLB (1UL << 22)
#define VM_MIXEDMAP (1UL << 28)
#define VM_ALLOW_ANY_UNCACHED (1UL << 39)

const volatile struct s2v_cfg cfg = { .page_shift = 12 };

/*
 * 6.2 on: kernel memory as a structure. Loads are as safe as bpf_probe_read_kernel() (0 where unreadable)
 * and cost one instruction. Call only if cfg.cast: otherwise the verifier removes the call. Any structure
 * of 64-bit words serves.
 */
extern void *bpf_rdonly_cast(const void *obj, __u32 btf_id) __ksym __weak;

/* 6.7 on: iterates over the VMAs of a task, with its mmap lock held for reading. Call only if cfg.vma_iter. */
struct bpf_iter_task_vma {
	__u64 opaque;
};

extern int bpf_iter_task_vma_new(struct bpf_iter_task_vma *it, struct task_struct *task,
				 __u64 addr) __ksym __weak;
extern struct vm_area_struct *bpf_iter_task_vma_next(struct bpf_iter_task_vma *it) __ksym __weak;
extern void bpf_iter_task_vma_destroy(struct bpf_iter_task_vma *it) __ksym __weak;

static __always_inline const void *rdonly_words(__u64 addr)
{
	return bpf_rdonly_cast((void *)addr, bpf_core_type_id_kernel(struct user_pt_regs));
}

/* Reads a field of a kernel structure on paths that run for every fault. */
#define HOT_READ(type, ptr, field)                                             \
	(cfg.cast ? *(const typeof(((type *)0)->field) *)rdonly_words(         \
			    (__u64)(ptr) + bpf_core_field_offset(type, field)) \
		  : BPF_CORE_READ((type *)(ptr), field))

/* The VM of a stage-2 MMU, which points at kvm->arch from 5.17 on. */
static __always_inline struct kvm *kvm_of_mmu(struct kvm_s2_mmu *mmu)
{
	void *arch = HOT_READ(struct kvm_s2_mmu, mmu, arch);

	return arch ? arch - bpf_core_field_offset(struct kvm, arch) : NULL;
}

/* The VM's own stage-2 MMU, not a shadow MMU of a nested guest. */
static __always_inline struct kvm_s2_mmu *kvm_mmu(struct kvm *kvm)
{
	return (void *)kvm + bpf_core_field_offset(struct kvm, arch) +
	       bpf_core_field_offset(struct kvm_arch, mmu);
}

static __always_inline bool kvm_mmu_is_canonical(struct kvm *kvm, struct kvm_s2_mmu *mmu)
{
	return mmu == kvm_mmu(kvm);
}

/* Number of shadow tables; 0 before 6.11. */
static __always_inline __u32 kvm_shadow_mmus(struct kvm *kvm)
{
	if (!bpf_core_field_exists(struct kvm___nested, arch.nested_mmus_size))
		return 0;
	return BPF_CORE_READ((struct kvm___nested *)kvm, arch.nested_mmus_size);
}

static __always_inline __u64 kvm_vtcr(struct kvm *kvm, struct kvm_s2_mmu *mmu)
{
	if (bpf_core_field_exists(struct kvm_s2_mmu___vtcr, vtcr))
		return HOT_READ(struct kvm_s2_mmu___vtcr, mmu, vtcr);
	return HOT_READ(struct kvm___vtcr, kvm, arch.vtcr);
}

/* arch/arm64/include/asm/pgtable-prot.h, 5.10 to 7.3; in block entries too from 6.12 on. */
#define PTE_WRITE (1ULL << 51) /* DBM; pte_write() tests it on every CPU */
#define PTE_SPECIAL (1ULL << 56)

#define VTCR_EL2_DS (1ULL << 32)
#define HCR_EL2_FWB (1ULL << 46)
#define HCR_EL2_RW (1ULL << 31) /* EL1 is AArch64 */
#define HCR_EL2_TVM (1ULL << 26) /* KVM traps the guest's writes to SCTLR_EL1 and its like */

/* KVM_ARCH_FLAG_MTE_ENABLED is bit 1 of kvm->arch.flags (5.17 on). */
static __always_inline bool kvm_vm_has_mte(struct kvm *kvm)
{
	return BPF_CORE_READ(kvm, arch.flags) & 2;
}

/* Its number in the PID namespace of the current task, which reads the iterator; 0: it has none there. */
static __always_inline __u32 pid_nr_for_reader(struct pid *pid)
{
	struct task_struct *reader = (void *)bpf_get_current_task();
	__u32 level = BPF_CORE_READ(reader, thread_pid, level);
	struct upid *upid;

	if (!pid || level > BPF_CORE_READ(pid, level))
		return 0;
	upid = (void *)pid + bpf_core_field_offset(struct pid, numbers) +
	       (__u64)level * bpf_core_type_size(struct upid);
	return BPF_CORE_READ(upid, nr);
}

/* The same of a task; 0 also if it has exited. */
static __always_inline __u32 pid_for_reader(struct task_struct *task)
{
	return pid_nr_for_reader(BPF_CORE_READ(task, thread_pid));
}

/* fatal_signal_pending() of the current task: SIGKILL is 9. */
static __always_inline bool task_is_killed(void)
{
	struct task_struct *task = (void *)bpf_get_current_task();

	return BPF_CORE_READ(task, pending.signal.sig[0]) & (1UL << 8);
}

/* How long the current task has waited for a CPU so far, ns; always 0 where the kernel does not know. */
static __always_inline __u64 task_waited(void)
{
	void *task = (void *)bpf_get_current_task();

	if (!bpf_core_field_exists(struct task_struct___waited, sched_info.run_delay))
		return 0;
	return HOT_READ(struct task_struct___waited, task, sched_info.run_delay);
}

/* ns less `other` and less what the task waited for a CPU since task_waited() was `waited`; not below 0. */
static __always_inline __u64 without_waits(__u64 ns, __u64 waited, __u64 other)
{
	__u64 less = other + (task_waited() - waited);

	return ns > less ? ns - less : 0;
}

/* Whether a stage-2 abort caused the vCPU's last exit. ESR_EL2.EC: 0x20 instruction, 0x24 data. */
static __always_inline bool kvm_exit_was_abort(struct kvm_vcpu *vcpu)
{
	__u32 ec = (__u32)BPF_CORE_READ(vcpu, arch.fault.esr_el2) >> 26;

	return ec == 0x20 || ec == 0x24;
}

/*
 * The access that caused that abort: S2V_PG_EXEC, S2V_PG_WRITE, or 0: a load. ESR_EL2.WnR is bit 6; it has no meaning
 * for a walk of the guest's own tables (S1PTW, bit 7).
 */
static __always_inline __u32 kvm_exit_access(struct kvm_vcpu *vcpu)
{
	__u32 esr = (__u32)BPF_CORE_READ(vcpu, arch.fault.esr_el2);

	if (esr >> 26 == 0x20)
		return S2V_PG_EXEC;
	return (esr & 0xc0) == 0x40 ? S2V_PG_WRITE : 0;
}

/* Faulting IPA of a vCPU's last exit: HPFAR_EL2.FIPA is IPA[51:12], the page offset is from FAR_EL2. */
static __always_inline __u64 kvm_fault_ipa(struct kvm_vcpu *vcpu)
{
	__u64 hpfar = HOT_READ(struct kvm_vcpu, vcpu, arch.fault.hpfar_el2);
	__u64 far = HOT_READ(struct kvm_vcpu, vcpu, arch.fault.far_el2);

	return ((hpfar & 0x00000ffffffffff0ULL) << 8) | (far & 0xfff);
}

#endif
