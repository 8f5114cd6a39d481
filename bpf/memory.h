/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/* The VMAs of the process that a VM's memory belongs to: two iterators, run by user space one after the other. */
#ifndef S2V_BPF_MEMORY_H
#define S2V_BPF_MEMORY_H

#define PF_KTHREAD 0x00200000

/* Finds a thread with memory.mm: mm_struct does not name its process. */
SEC("iter/task")
int memory_owner(struct bpf_iter__task *ctx)
{
	struct task_struct *task = ctx->task;
	struct mm_struct *mm = (void *)memory.mm;

	if (!task && mm) /* the end; KVM keeps the mm_struct as long as the VM exists */
		memory.users = BPF_CORE_READ(mm, mm_users.counter);
	/* A kernel thread may have borrowed the mm (vhost, up to 6.3); iter/task_vma skips those. */
	if (!task || !mm || BPF_CORE_READ(task, mm) != mm ||
	    (BPF_CORE_READ(task, flags) & PF_KTHREAD))
		return 0;
	memory.owner = pid_for_reader(task);
	return memory.owner != 0;
}

/* Type and address of the first page of a driver's mapping, as at registration. The iterator holds the mmap lock. */
static __always_inline void vma_first_page(struct s2v_ev_vma *ev)
{
	struct walk w = { .ia = ev->vma.start, .linear = memory.linear };
	int level;

	if (!(ev->vma.flags & S2V_VMA_DRIVER) || !w.linear ||
	    !mm_tables((void *)memory.mm, &w.t, &w.table))
		return;
	level = walk_tables(&w);
	if (level < 0)
		return;
	ev->vma.pte_attr = s1_attr[s2v_attrindx(w.desc)];
	ev->pa = s2v_desc_pa(&w.t, w.desc, s2v_level_shift(&w.t, level) & 63);
}

/*
 * Writes the VMAs of that thread, one struct s2v_ev_vma each, to the reader of the iterator.
 *
 * An iterator over one thread that takes more than one read() does not end: at the next read(),
 * task_vma_seq_get_next() finds the thread again, and continues at the VMA that it kept at the end of the read()
 * before the last (6.1 to 7.3; with one read() it kept none). So the program reports the end: it runs once more after
 * the last VMA. A VMA that was written is not written again.
 */
SEC("iter/task_vma")
int memory_vmas(struct bpf_iter__task_vma *ctx)
{
	struct vm_area_struct *vma = ctx->vma;
	struct task_struct *task = ctx->task;
	struct vma_info vi = {};
	struct s2v_ev_vma ev;

	if (!vma)
		memory.vmas_end = 1;
	if (!task || !vma || (__u64)BPF_CORE_READ(task, mm) != memory.mm)
		return 0;
	vma_cb(task, vma, &vi);
	if (vi.v.end <= memory.vma_last) {
		memory.vmas_end = 1;
		return 0;
	}
	/* A VMA that has grown downwards since the one before it was read. */
	if (vi.v.start < memory.vma_last)
		vi.v.start = memory.vma_last;
	__builtin_memset(&ev, 0, sizeof(ev));
	ev.h.type = S2V_EV_VMA;
	ev.h.len = sizeof(ev);
	ev.vma = vi.v;
	ev.pa = S2V_NO_PA;
	vma_first_page(&ev);
	vma_names(&ev, vi.file);
	/* If it does not fit into the buffer the kernel calls again for the same VMA. */
	if (!bpf_seq_write(ctx->meta->seq, &ev, sizeof(ev)))
		memory.vma_last = vi.v.end;
	return 0;
}

#endif
