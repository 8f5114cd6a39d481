/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/* The host side of a mapping: memslot, VMA, host PTE. */
#ifndef S2V_BPF_HOST_H
#define S2V_BPF_HOST_H

/*
 * Reads a descriptor at an address in the linear map. With cfg.cast an unreadable descriptor is 0, which
 * is invalid; else the error is returned.
 */
static __always_inline int read_desc(__u64 at, __u64 *desc)
{
	if (cfg.cast) {
		*desc = *(const __u64 *)rdonly_words(at);
		return 0;
	}
	return bpf_probe_read_kernel(desc, sizeof(*desc), (void *)at);
}

struct s2v_ram ram;

/*
 * Returns whether a physical address is RAM: its linear-map address may be read. Eight steps search
 * S2V_RAM_RANGES. Global: verified once.
 */
__noinline int ram_has(__u64 pa)
{
	__u32 low = 0, i;

#pragma unroll
	for (i = S2V_RAM_RANGES / 2; i; i /= 2)
		if (low + i < ram.n && ram.range[(low + i) & (S2V_RAM_RANGES - 1)].start <= pa)
			low += i;
	low &= S2V_RAM_RANGES - 1;
	return ram.n && pa >= ram.range[low].start && pa < ram.range[low].end;
}

struct walk {
	struct s2v_tables t;
	__u64 ia;
	__u64 linear; /* physical to linear-map address, by addition */
	__u64 table; /* linear-map address of the table at `level` */
	__u64 desc; /* read last: the leaf, or the entry that ended the walk */
	__s32 level;
};

enum { WALK_NO_TABLES = -4, WALK_UNREAD = -3, WALK_CONTINUE = -2, WALK_UNMAPPED = -1 };

/* One level down. Returns WALK_CONTINUE, WALK_UNMAPPED, WALK_UNREAD, or the level of the leaf. */
static __always_inline int walk_step(struct walk *w)
{
	__u64 desc = 0;

	if (w->level > S2V_LEAF_LEVEL)
		return WALK_UNMAPPED;
	if (read_desc(w->table + s2v_index(&w->t, w->level, w->ia) * 8, &desc)) {
		count(S2V_CNT_UNREAD_READ);
		return WALK_UNREAD;
	}
	w->desc = desc;
	if (!(desc & S2V_DESC_VALID))
		return WALK_UNMAPPED;
	if (s2v_desc_is_leaf(desc, w->level))
		return w->level;
	if (w->level == S2V_LEAF_LEVEL)
		return WALK_UNMAPPED; /* reserved */
	w->table = s2v_desc_pa(&w->t, desc, w->t.page_shift) + w->linear;
	w->level++;
	return WALK_CONTINUE;
}

/* Whether the next table may be read, if no lock keeps it: one that is freed may hold anything. */
static __always_inline int walk_ram(struct walk *w, bool unlocked, int r)
{
	if (!unlocked || r != WALK_CONTINUE || !ram.n || ram_has(w->table - w->linear))
		return r;
	count(S2V_CNT_UNREAD_READ);
	return WALK_UNREAD;
}

/* Unrolled for up to five levels: to the 6.1 verifier a loop that the compiler enters in the middle is a "back-edge". */
static __always_inline int walk_levels(struct walk *w, bool unlocked)
{
	int r;

	if (!w)
		return WALK_UNMAPPED;
	w->level = w->t.start_level;
	r = walk_ram(w, unlocked, walk_step(w));
	if (r == WALK_CONTINUE)
		r = walk_ram(w, unlocked, walk_step(w));
	if (r == WALK_CONTINUE)
		r = walk_ram(w, unlocked, walk_step(w));
	if (r == WALK_CONTINUE)
		r = walk_ram(w, unlocked, walk_step(w));
	if (r == WALK_CONTINUE)
		r = walk_step(w);
	return r == WALK_CONTINUE ? WALK_UNMAPPED : r;
}

/*
 * Walks to the leaf that maps w->ia, with a lock that keeps the tables. Returns its level, with the descriptor in
 * w->desc; WALK_UNMAPPED; or WALK_UNREAD: a read failed, which is counted. w->table and w->level are where the walk
 * ended. Global: the verifier checks it once, not once per caller and state.
 */
__noinline int walk_tables(struct walk *w)
{
	return walk_levels(w, false);
}

/* The same without a lock: reads only RAM, if that is known. */
__noinline int walk_tables_unlocked(struct walk *w)
{
	return walk_levels(w, true);
}

/*
 * Offset from a physical address to its linear-map address: both are known of the root of the VM's
 * stage-2 tables. 0: not known (protected mode: the tables are EL2's).
 */
static __always_inline __u64 linear_offset(struct kvm_s2_mmu *mmu)
{
	struct kvm_pgtable *pgt = HOT_READ(struct kvm_s2_mmu, mmu, pgt);
	__u64 phys = HOT_READ(struct kvm_s2_mmu, mmu, pgd_phys);

	return phys ? (__u64)HOT_READ(struct kvm_pgtable, pgt, pgd) - phys : 0;
}

/*
 * log2 of the size of the user address space (TASK_SIZE_64), the input size of its tables; 0: not a valid size.
 * Counts the one bits of task_size - 1 without a loop: each exit of a loop would be one more path for the verifier in
 * all that follows.
 */
static __always_inline __u32 user_bits(__u64 task_size)
{
	__u64 n = task_size - 1;
	__u32 bits;

	n -= (n >> 1) & 0x5555555555555555ULL;
	n = (n & 0x3333333333333333ULL) + ((n >> 2) & 0x3333333333333333ULL);
	n = (n + (n >> 4)) & 0x0f0f0f0f0f0f0f0fULL;
	bits = (n * 0x0101010101010101ULL) >> 56;
	return bits >= 36 && bits <= 52 && task_size == 1ULL << bits ? bits : 0;
}

/* Geometry and root of a process's tables; false: not known. */
static __always_inline bool mm_tables(struct mm_struct *mm, struct s2v_tables *t, __u64 *root)
{
	t->page_shift = cfg.page_shift;
	t->ia_bits = user_bits(HOT_READ(struct mm_struct, mm, task_size));
	if (!t->ia_bits)
		return false;
	t->start_level = s2v_start_level(t->page_shift, t->ia_bits);
	/* With 4K and 16K pages 52-bit user space needs FEAT_LPA2, and so DS (6.9 on). */
	t->ds = t->ia_bits > 48;
	*root = (__u64)HOT_READ(struct mm_struct, mm, pgd);
	return *root != 0;
}

/* The same for the process that the VM's memory belongs to. */
static __always_inline bool host_tables(struct kvm *kvm, struct s2v_tables *t, __u64 *root)
{
	return mm_tables(HOT_READ(struct kvm, kvm, mm), t, root);
}

/* walk_tables() over the host's tables, to w->ia. WALK_NO_TABLES: they cannot be read on this host. */
static __always_inline int host_walk(struct kvm *kvm, struct walk *w)
{
	w->linear = linear_offset(kvm_mmu(kvm));
	if (!w->linear || !host_tables(kvm, &w->t, &w->table))
		return WALK_NO_TABLES;
	return walk_tables(w);
}

/* Geometry and root of a stage-2 MMU's tables. */
static __always_inline void stage2_tables(struct kvm *kvm, struct kvm_s2_mmu *mmu,
					  struct s2v_tables *t, __u64 *root)
{
	struct kvm_pgtable *pgt = HOT_READ(struct kvm_s2_mmu, mmu, pgt);

	t->page_shift = cfg.page_shift;
	t->start_level = HOT_READ(struct kvm_pgtable, pgt, start_level);
	t->ia_bits = HOT_READ(struct kvm_pgtable, pgt, ia_bits);
	t->ds = (kvm_vtcr(kvm, mmu) & VTCR_EL2_DS) != 0;
	*root = (__u64)HOT_READ(struct kvm_pgtable, pgt, pgd);
}

struct pte_info {
	__u64 pa; /* S2V_NO_PA: not present */
	__u64 size; /* bytes that the descriptor maps; 0: not present */
	__u32 attr; /* enum s2v_attr; NONE: not present */
	bool special; /* PTE_SPECIAL: a driver's mapping without struct page, or the zero page */
	bool writable; /* pte_write(), not pte_dirty() */
};

/*
 * The host PTE at hva. Returns 0 where the tables cannot be read on this host. Global, as
 * walk_tables().
 */
__noinline int host_pte(__u64 vm, __u64 hva, struct pte_info *out)
{
	struct walk w = { .ia = hva };
	__u32 shift;
	int level;

	if (!out)
		return 0;
	out->attr = S2V_ATTR_NONE;
	out->pa = S2V_NO_PA;
	out->special = out->writable = 0;
	out->size = 0;
	level = host_walk((void *)vm, &w);
	if (level < 0)
		return level != WALK_NO_TABLES;
	shift = s2v_level_shift(&w.t, level) & 63;
	out->size = 1ULL << shift;
	out->special = (w.desc & PTE_SPECIAL) != 0;
	out->writable = (w.desc & PTE_WRITE) != 0;
	out->attr = s1_attr[s2v_attrindx(w.desc)];
	out->pa = s2v_desc_pa(&w.t, w.desc, shift) | (hva & ((1ULL << shift) - 1));
	return 1;
}

struct vma_info {
	struct s2v_vma v;
	struct file *file;
	__u32 prot; /* S2V_PG_VMA_READ, S2V_PG_VMA_WRITE */
};

static long vma_cb(struct task_struct *task, struct vm_area_struct *vma, struct vma_info *out)
{
	unsigned long vm_flags = HOT_READ(struct vm_area_struct, vma, vm_flags);
	__u32 idx = s2v_attrindx(HOT_READ(struct vm_area_struct, vma, vm_page_prot.pgprot));
	__u32 flags = 0;

	out->v.start = HOT_READ(struct vm_area_struct, vma, vm_start);
	out->v.end = HOT_READ(struct vm_area_struct, vma, vm_end);
	out->v.attr = s1_attr[idx & 7];
	out->file = HOT_READ(struct vm_area_struct, vma, vm_file);
	if (vm_flags & VM_PFNMAP)
		flags |= S2V_VMA_PFNMAP;
	if (vm_flags & VM_MIXEDMAP)
		flags |= S2V_VMA_MIXEDMAP;
	if (vm_flags & VM_HUGETLB)
		flags |= S2V_VMA_HUGETLB;
	if (vm_flags & VM_ALLOW_ANY_UNCACHED)
		flags |= S2V_VMA_ANY_UNCACHED;
	if (vm_flags & VM_SHARED)
		flags |= S2V_VMA_SHARED;
	if (out->file)
		flags |= S2V_VMA_FILE;
	out->v.flags = flags;
	out->prot = (vm_flags & VM_READ ? S2V_PG_VMA_READ : 0) |
		    (vm_flags & VM_WRITE ? S2V_PG_VMA_WRITE : 0);
	return 0;
}

/*
 * The VMA at hva of the current task. Returns 0; -ENOENT: nothing is mapped; -EBUSY: the address
 * space is being changed (mmap lock).
 */
static __always_inline long find_vma(__u64 hva, struct vma_info *out)
{
	return bpf_find_vma(bpf_get_current_task_btf(), hva, vma_cb, out, 0);
}

#define ENOENT 2
#define E2BIG 7
#define ENOMEM 12
#define EBUSY 16
#define EEXIST 17

struct slot_info {
	__u64 gpa, size, hva;
	__u32 flags;
	__s16 id;
	__u16 as_id;
};

static __always_inline void slot_read(struct kvm_memory_slot *s, struct slot_info *out)
{
	out->gpa = BPF_CORE_READ(s, base_gfn) << cfg.page_shift;
	out->size = (__u64)BPF_CORE_READ(s, npages) << cfg.page_shift;
	out->hva = BPF_CORE_READ(s, userspace_addr);
	out->flags = BPF_CORE_READ(s, flags);
	out->id = BPF_CORE_READ(s, id);
	out->as_id = BPF_CORE_READ(s, as_id);
}

/* Depth of an rbtree of KVM_MEM_SLOTS_NUM (32767) nodes: at most 2 * log2(n + 1) = 30. */
#define SLOT_DEPTH 30

struct slot_search {
	__u64 gfn;
	__u64 node_off; /* offset of the tree's node in a memslot */
	__u64 node; /* struct rb_node *, next; 0: none */
	__u64 best; /* struct kvm_memory_slot *, lowest so far that ends after gfn; 0: none */
};

static long slot_step(__u32 i, struct slot_search *c)
{
	struct rb_node *node = (void *)c->node;
	struct kvm_memory_slot *s = (void *)node - c->node_off;

	if (!node)
		return 1;
	if (c->gfn < BPF_CORE_READ(s, base_gfn) + BPF_CORE_READ(s, npages)) {
		c->best = (__u64)s;
		c->node = (__u64)BPF_CORE_READ(node, rb_left);
	} else {
		c->node = (__u64)BPF_CORE_READ(node, rb_right);
	}
	return 0;
}

/* The first memslot that ends after gpa: it covers gpa, or lies above. Returns 0 if there is none. */
__noinline int slot_ending_after(__u64 vm, __u64 gpa, struct slot_info *out)
{
	struct kvm_memslots *ms = BPF_CORE_READ((struct kvm *)vm, memslots[0]);
	struct slot_search c = {
		.gfn = gpa >> cfg.page_shift,
		.node_off = bpf_core_field_offset(struct kvm_memory_slot, gfn_node),
		.node = (__u64)BPF_CORE_READ(ms, gfn_tree.rb_node),
	};

	if (!out)
		return 0;
	if (BPF_CORE_READ(ms, node_idx) == 1)
		c.node_off += bpf_core_type_size(struct rb_node);
	bpf_loop(SLOT_DEPTH, slot_step, &c, 0);
	if (c.best)
		slot_read((void *)c.best, out);
	return c.best != 0;
}

/*
 * The memslot that covers gpa. Called on a vCPU thread inside a fault, where KVM holds its SRCU lock
 * for reading: the tree does not change. Tries the slot used last, which nearly always matches.
 */
__noinline int slot_find(__u64 vm, __u64 gpa, struct slot_info *out)
{
	struct kvm *kvm = (void *)vm;
	struct kvm_memslots *ms = BPF_CORE_READ(kvm, memslots[0]);
	struct kvm_memory_slot *s = (void *)BPF_CORE_READ(ms, last_used_slot.counter);
	__u64 gfn = gpa >> cfg.page_shift, base = s ? BPF_CORE_READ(s, base_gfn) : 0;

	if (!out)
		return 0;
	if (s && gfn >= base && gfn - base < BPF_CORE_READ(s, npages)) {
		slot_read(s, out);
		return 1;
	}
	return slot_ending_after(vm, gpa, out) && out->gpa <= gpa;
}

#endif
