/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/* The VMAs of the process whose memory a VM's is, for user space: iterators, run one after the other. */
#ifndef S2V_BPF_MEMORY_H
#define S2V_BPF_MEMORY_H

#define PF_KTHREAD 0x00200000

/* A thread whose memory it is: mm_struct does not say which process it is of. */
SEC("iter/task")
int memory_owner(struct bpf_iter__task *ctx)
{
	struct task_struct *task = ctx->task;
	struct mm_struct *mm = (void *)memory.mm;

	if (!task && mm) /* the end; KVM keeps the structure for as long as there is the VM */
		memory.users = BPF_CORE_READ(mm, mm_users.counter);
	/* A kernel thread may have borrowed it (vhost, up to 6.3), and does not give its VMAs. */
	if (!task || !mm || BPF_CORE_READ(task, mm) != mm ||
	    (BPF_CORE_READ(task, flags) & PF_KTHREAD))
		return 0;
	memory.owner = pid_for_reader(task);
	return memory.owner != 0;
}

/* Where a driver's mapping leads to, by its first page, as registration tells it. The iterator has the mmap lock. */
static __always_inline void vma_first_page(struct s2v_ev_vma *ev)
{
	struct walk w = { .ia = ev->vma.start, .linear = memory.linear };
	int level;

	if (!(ev->vma.flags & (S2V_VMA_PFNMAP | S2V_VMA_MIXEDMAP)) || !w.linear ||
	    !mm_tables((void *)memory.mm, &w.t, &w.table))
		return;
	level = walk_tables(&w);
	if (level < 0)
		return;
	ev->vma.pte_attr = s1_attr[s2v_attrindx(w.desc)];
	ev->pa = s2v_desc_pa(&w.t, w.desc, s2v_level_shift(&w.t, level) & 63);
}

/*
 * The VMAs of that thread, one struct s2v_ev_vma each, to whoever reads the iterator.
 *
 * An iterator over one thread that has needed more than one read() does not end: task_vma_seq_get_next() finds the
 * thread again when it is read once more, and goes on at the VMA that it had kept at the end of the read() before the
 * last (6.1 to 7.3; without a second one it had kept none). So the end is said by the program, which is run once
 * more behind the last VMA; and a VMA that came before is not written again.
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
	/* One that has grown downwards since the one before it was looked at. */
	if (vi.v.start < memory.vma_last)
		vi.v.start = memory.vma_last;
	__builtin_memset(&ev, 0, sizeof(ev));
	ev.h.type = S2V_EV_VMA;
	ev.h.len = sizeof(ev);
	ev.vma = vi.v;
	ev.pa = S2V_NO_PA;
	vma_first_page(&ev);
	vma_names(&ev, vi.file);
	/* What did not fit into the buffer comes again. */
	if (!bpf_seq_write(ctx->meta->seq, &ev, sizeof(ev)))
		memory.vma_last = vi.v.end;
	return 0;
}

#endif
