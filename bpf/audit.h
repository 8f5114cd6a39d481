/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * The audit: walks stage-2 tables without hooks, and compares each leaf with the host PTE. User space
 * (src/live/audit.c) runs it step by step, as an iterator over the files of a process: the file holds
 * the VM during a step. It takes no KVM lock: tables are copied, and a conflict in the copy is read
 * again, with its whole path (audit_stable()).
 */
#ifndef S2V_BPF_AUDIT_H
#define S2V_BPF_AUDIT_H

/* The current run of equal leaves. */
AUDIT_STATE struct s2v_ev_leaves audit_run;
AUDIT_STATE bool audit_open;

/* The current piece, and its translations: too large for the stack. */
AUDIT_STATE struct s2v_ev_leaves audit_now;
AUDIT_STATE struct audit_at audit_now_s2, audit_now_host;

/* Expected of the next leaves: audit_batch(). */
AUDIT_STATE struct {
	__u64 n; /* at most this many */
	__u32 s2_step, host_step; /* 1: each is one descriptor on that side; else 0 */
	__u64 s2_desc, host_desc; /* of the last one */
	__u64 s2_pa, host_pa; /* of the last one */
	__u64 size;
	__u64 ascending; /* all ones where output addresses must ascend, else 0 */
	__u64 pa_bits; /* output address bits, if at the same place on both sides; else 0 */
	__u64 s2_kind; /* bits of s2_desc that must not change */
	struct s2v_pa_bits s2_pa_bits, host_pa_bits;
} audit_next;

/* Reports the run. False: no room in the ring buffer now. */
static __always_inline bool run_report(void)
{
	if (!audit_open)
		return true;
	audit_run.h.time = bpf_ktime_get_boot_ns();
	if (bpf_ringbuf_output(&events, &audit_run, sizeof(audit_run), 0)) {
		audit.full = 1;
		return false;
	}
	audit_work += 8; /* so that a step never fills the ring buffer */
	audit_open = false;
	return true;
}

/* Flags that the leaves of a run have in common. */
static __always_inline __u32 run_kind(const struct s2v_ev_leaves *r)
{
	__u32 bits = S2V_LF_SPECIAL | S2V_LF_PA_DIFFERS | S2V_LF_ABSENT | S2V_LF_SWAPPED |
		     S2V_LF_UNREAD | S2V_LF_AGAIN;

	/* Whether a page of ordinary memory is executable or was written makes no difference. */
	if (s2v_attr_is_device(r->s2))
		bits |= S2V_LF_EXEC;
	return r->flags & bits;
}

/* Whether output addresses matter: not for ordinary memory. */
static __always_inline bool run_needs_pa(const struct s2v_ev_leaves *r)
{
	return r->s2 != S2V_ATTR_NORMAL_WB || !s2v_attr_is_cacheable(r->s1) ||
	       (r->flags & (S2V_LF_SPECIAL | S2V_LF_PA_DIFFERS | S2V_LF_AGAIN));
}

/* Extends the run by an equal piece, else reports the run and starts a new one. False: no room for that. */
static __always_inline bool run_add(const struct s2v_ev_leaves *p)
{
	struct s2v_ev_leaves *r = &audit_run;
	__u32 pa = r->flags & (S2V_LF_PA_RUN | S2V_LF_PA_SAME);

	if (p->pa != r->pa + r->size)
		pa &= ~S2V_LF_PA_RUN;
	if (p->pa != r->pa)
		pa &= ~S2V_LF_PA_SAME;
	if (audit_open && r->gpa + r->size == p->gpa && r->s1 == p->s1 && r->s2 == p->s2 &&
	    r->level == p->level && r->host_level == p->host_level && run_kind(r) == run_kind(p) &&
	    (pa || !run_needs_pa(p)) && !(audit.each && p->leaves)) {
		r->size += p->size;
		r->leaves += p->leaves;
		r->flags = (r->flags & ~(S2V_LF_PA_RUN | S2V_LF_PA_SAME)) | pa;
		return true;
	}
	if (!run_report())
		return false;
	*r = *p;
	audit_open = true;
	return true;
}

/* Whether the piece must be read again before it is reported: a conflict, or not as expected. */
static __always_inline bool piece_is_suspect(const struct s2v_ev_leaves *p)
{
	return s2v_attr_conflict(p->s1, p->s2) || p->s2 >= S2V_ATTR_UNKNOWN ||
	       p->s1 >= S2V_ATTR_UNKNOWN ||
	       (s2v_attr_is_device(p->s2) && (p->flags & S2V_LF_EXEC)) ||
	       (p->flags & (S2V_LF_PA_DIFFERS | S2V_LF_ABSENT | S2V_LF_SWAPPED | S2V_LF_UNREAD));
}

/* The stage-2 side of a piece. */
static __always_inline void piece_stage2(struct s2v_ev_leaves *p, const struct audit_at *s2)
{
	p->s2 = s2v_attr_from_memattr(s2v_desc_memattr(s2->desc), cfg.fwb);
	p->level = s2->level;
	p->pa = s2->pa;
	p->leaves = p->gpa == s2->start;
	p->flags = S2V_LF_PA_RUN | S2V_LF_PA_SAME | (s2->desc & (1ULL << 6) ? S2V_LF_READ : 0) |
		   (s2->desc & (1ULL << 7) ? S2V_LF_WRITE : 0) |
		   (s2v_desc_s2_exec(s2->desc) ? S2V_LF_EXEC : 0);
}

/* The host side of a piece; shortens the piece if the host descriptor covers less. */
static __always_inline void piece_host(struct s2v_ev_leaves *p, const struct audit_at *host,
				       int state)
{
	p->host_pa = S2V_NO_PA;
	p->host_level = S2V_NO_LEVEL;
	p->s1 = S2V_ATTR_NONE;
	if (state == AT_UNREAD) {
		p->flags |= S2V_LF_UNREAD;
		p->size = 1ULL << cfg.page_shift;
		return;
	}
	if (host->start + host->size - p->hva < p->size)
		p->size = host->start + host->size - p->hva;
	if (state == AT_UNMAPPED) {
		p->flags |= host->desc ? S2V_LF_SWAPPED : S2V_LF_ABSENT;
		return;
	}
	p->host_level = host->level;
	p->host_pa = host->pa;
	p->s1 = s1_attr[s2v_attrindx(host->desc)];
	if (host->desc & PTE_SPECIAL)
		p->flags |= S2V_LF_SPECIAL;
	if (host->pa != p->pa)
		p->flags |= S2V_LF_PA_DIFFERS;
}

/* Prepares audit_next: later leaves that equal this piece may be taken in batches. */
static __always_inline void batch_begin(const struct s2v_ev_leaves *p, const struct audit_at *s2,
					const struct audit_at *host)
{
	__u64 gpa = p->gpa + p->size, hva = p->hva + p->size, n, left;
	struct s2v_pa_bits *pb = &audit_next.s2_pa_bits, *hb = &audit_next.host_pa_bits;

	audit_next.n = 0;
	audit_next.s2_step = s2->size == p->size;
	audit_next.host_step = host->size == p->size;
	/* Neither: the sides are not aligned to each other, and pieces differ in size. */
	if (!audit_next.s2_step && !audit_next.host_step)
		return;
	left = audit_next.s2_step ? audit_s2.table_hi - gpa : s2->start + s2->size - gpa;
	n = audit_next.host_step ? audit_host.table_hi - hva : host->start + host->size - hva;
	if (n < left)
		left = n;
	n = audit.slot_gpa + audit.slot_size - gpa;
	if (n < left)
		left = n;
	audit_next.size = p->size;
	audit_next.n = left / p->size;
	audit_next.s2_desc = s2->desc;
	audit_next.host_desc = host->desc;
	audit_next.s2_pa = p->pa;
	audit_next.host_pa = p->host_pa;
	audit_next.ascending = run_needs_pa(p) ? ~0ULL : 0;
	audit_next.s2_kind = S2_BITS | (s2v_attr_is_device(p->s2) ? S2_EXEC_BITS : 0);
	*pb = s2v_pa_bits(&audit_s2.t, audit_s2.shift & 63);
	*hb = s2v_pa_bits(&audit_host.t, audit_host.shift & 63);
	audit_next.pa_bits = 0;
	if (!audit_next.ascending && audit_next.s2_step && audit_next.host_step &&
	    pb->low == hb->low && pb->high == hb->high && pb->up == hb->up)
		audit_next.pa_bits = pb->low | pb->high;
}

/* The piece is changing: retries, and after AUDIT_TRIES ends the step, so that user space pauses. */
static __always_inline int piece_retry(void)
{
	side_drop(&audit_s2);
	side_drop(&audit_host);
	if (++audit_tries < AUDIT_TRIES)
		return 0;
	audit.unstable = 1;
	return 1;
}

static __always_inline bool piece_is_wanted(const struct s2v_ev_leaves *p)
{
	return !audit.only_hi || (p->pa < audit.only_hi && p->pa + p->size > audit.only_lo);
}

/*
 * Reads and compares the piece at the cursor. Returns 1 to end the step. Global, as audit_fast(): verified
 * once, not for each turn.
 */
__noinline int audit_piece(void)
{
	bool gmem = audit.slot_flags & S2V_MEM_GUEST_MEMFD, suspect;
	__u64 end = audit.slot_gpa + audit.slot_size;
	struct audit_at *s2 = &audit_now_s2, *host = &audit_now_host;
	struct s2v_ev_leaves *p = &audit_now;
	int state;

	p->gpa = audit.gpa;
	p->hva = audit.slot_hva + (p->gpa - audit.slot_gpa);
	audit_work += 1;
	state = side_lookup(SIDE_S2, p->gpa, s2);
	if (state == AT_CHANGED)
		return piece_retry();
	if (state == AT_UNREAD) {
		audit.flags |= S2V_AU_UNREAD;
		return 1;
	}
	p->size = s2->start + s2->size - p->gpa;
	if (p->size > end - p->gpa)
		p->size = end - p->gpa;
	if (state == AT_UNMAPPED) {
		audit.gpa += p->size;
		return 0;
	}
	__builtin_memcpy(&p->h, &audit_run.h, sizeof(p->h));
	p->slot = audit.slot;
	p->as_id = audit.as_id;
	p->gen = audit.gen;
	piece_stage2(p, s2);
	if (gmem) {
		p->s1 = S2V_ATTR_NORMAL_WB; /* in the kernel's linear map */
		p->host_level = S2V_NO_LEVEL;
		p->host_pa = S2V_NO_PA;
	} else {
		state = side_lookup(SIDE_HOST, p->hva, host);
		if (state == AT_CHANGED)
			return piece_retry();
		piece_host(p, host, state);
	}
	suspect = piece_is_suspect(p);
	if (suspect && !audit.give_up && !audit_stable(p->gpa, p->hva, s2, host))
		return piece_retry();
	if (suspect && audit.give_up) {
		p->s1 = S2V_ATTR_NONE;
		p->host_pa = S2V_NO_PA;
		p->flags &= ~(S2V_LF_PA_DIFFERS | S2V_LF_ABSENT | S2V_LF_SWAPPED);
		p->flags |= S2V_LF_UNREAD;
	}
	if (audit.only_hi)
		p->flags |= S2V_LF_AGAIN;
	if (piece_is_wanted(p) && !run_add(p))
		return 1;
	audit.give_up = 0;
	audit_tries = 0;
	audit.leaves += p->leaves;
	audit.gpa += p->size;
	if (!suspect && !gmem && !audit.each && !audit.only_hi)
		batch_begin(p, s2, host);
	return 0;
}

/* Adds n leaves that equal the last one to the run. */
static __always_inline void batch_account(__u64 n)
{
	audit_next.n -= n;
	audit_run.size += n * audit_next.size;
	audit.gpa += n * audit_next.size;
	if (audit_next.s2_step) {
		audit_run.leaves += n;
		audit.leaves += n;
	}
	if (n && !audit_next.ascending)
		audit_run.flags &= ~(S2V_LF_PA_RUN | S2V_LF_PA_SAME);
	else if (n)
		audit_run.flags &= ~S2V_LF_PA_SAME;
}

/*
 * Returns whether a row of descriptors on both sides equals the last ones. Costs per leaf only ORs of the
 * differences, tested once per row. Stage 2 must keep S2_BITS and HOST_BITS. Between the two sides, the
 * difference in HOST_BITS and in the output address must stay as it was.
 */
static __always_inline bool batch_same(const __u64 *s2, const __u64 *host)
{
	__u64 s2_desc = audit_next.s2_desc, host_desc = audit_next.host_desc;
	__u64 s2_diff = 0, side_diff = 0, d, h;
	int i;

#pragma unroll
	for (i = 0; i < AUDIT_ROW; i++) {
		d = s2[i] ^ s2_desc;
		s2_diff |= d;
		h = host[i];
		/* Keeps this order: clang would load all first, and spill them. */
		asm volatile("" : "+r"(h));
		h ^= d;
		asm volatile("" : "+r"(h));
		h ^= host_desc;
		side_diff |= h;
		asm volatile("" : "+r"(s2_diff), "+r"(side_diff), "+r"(s2_desc), "+r"(host_desc));
	}
	return !((s2_diff & (S2_BITS | HOST_BITS)) |
		 (side_diff & (audit_next.pa_bits | HOST_BITS)));
}

/* batch_same() of the rows at these indices. Global: verified once, not for each turn of a loop. */
__noinline int row_same(__u64 s2, __u64 host)
{
	if (cfg.cast)
		return batch_same(rdonly_words(audit_s2.table + s2 * 8),
				  rdonly_words(audit_host.table + host * 8));
	return batch_same(&audit_s2.copy[s2 & (AUDIT_ENTRIES - 1)],
			  &audit_host.copy[host & (AUDIT_ENTRIES - 1)]);
}

/* Takes rows of ordinary memory, one descriptor per leaf on both sides. Returns whether any was taken. */
__noinline int audit_fast(void)
{
	__u64 hva = audit.slot_hva + (audit.gpa - audit.slot_gpa), n = audit_next.n;
	__u64 s2 = (audit.gpa - audit_s2.table_lo) >> (audit_s2.shift & 63);
	__u64 host = (hva - audit_host.table_lo) >> (audit_host.shift & 63);
	__u64 taken = 0, some;
	__u32 i;

	for (i = 0; i < AUDIT_ROWS && n; i++) {
		/* The last row ends at the last leaf, so it starts with some that were compared. */
		some = n < AUDIT_ROW ? n : AUDIT_ROW;
		s2 += some;
		host += some;
		if (s2 < AUDIT_ROW || host < AUDIT_ROW)
			break;
		if (!row_same(s2 - AUDIT_ROW, host - AUDIT_ROW))
			break;
		n -= some;
		taken += some;
	}
	audit_work += 3 * i + 1;
	batch_account(taken);
	return taken != 0;
}

/* How many of the next leaves are in the copies. */
static __always_inline __u64 batch_copied(__u64 hva)
{
	__u64 n = audit_next.n, left;

	if ((audit_next.s2_step && !side_covers(&audit_s2, audit.gpa)) ||
	    (audit_next.host_step && !side_covers(&audit_host, hva)))
		return 0;
	left = (audit_s2.hi - audit.gpa) >> (audit_s2.shift & 63);
	if (audit_next.s2_step && left < n)
		n = left;
	left = (audit_host.hi - hva) >> (audit_host.shift & 63);
	if (audit_next.host_step && left < n)
		n = left;
	return n;
}

/*
 * How many of n descriptors equal the last ones, from these indices of the copies: what row_same() has left.
 * Global: verified once, not for each way into the loop.
 */
__noinline int batch_count_same(__u64 n, __u64 s2_at, __u64 host_at)
{
	__u64 s2_pa = audit_next.s2_pa, host_pa = audit_next.host_pa, size = audit_next.size;
	struct s2v_pa_bits pb = audit_next.s2_pa_bits, hb = audit_next.host_pa_bits;
	__u32 i;

	for (i = 0; i < AUDIT_BATCH && i < n; i++) {
		__u64 differs = 0, pa = s2_pa + size, hpa = host_pa + size, d;

		if (audit_next.s2_step) {
			d = audit_s2.copy[(s2_at + i) & (AUDIT_ENTRIES - 1)];
			differs = (d ^ audit_next.s2_desc) & audit_next.s2_kind;
			differs |= (s2v_pa(&pb, d) ^ pa) & audit_next.ascending;
			pa = s2v_pa(&pb, d);
		}
		if (audit_next.host_step) {
			d = audit_host.copy[(host_at + i) & (AUDIT_ENTRIES - 1)];
			differs |= (d ^ audit_next.host_desc) & HOST_BITS;
			hpa = s2v_pa(&hb, d);
		}
		if (differs | (pa ^ hpa))
			break;
		s2_pa = pa;
		host_pa = hpa;
	}
	audit_next.s2_pa = s2_pa;
	audit_next.host_pa = host_pa;
	return i;
}

/*
 * Takes the next pieces while both sides equal the last one, as in nearly all of a guest's memory. Returns
 * whether any was taken.
 */
static __always_inline bool audit_batch(void)
{
	__u64 hva = audit.slot_hva + (audit.gpa - audit.slot_gpa), n = batch_copied(hva);
	__u64 s2_at = (audit.gpa - audit_s2.lo) >> (audit_s2.shift & 63);
	__u64 host_at = (hva - audit_host.lo) >> (audit_host.shift & 63);

	n = batch_count_same(n, s2_at, host_at);
	batch_account(n);
	if (n < AUDIT_BATCH)
		audit_next.n = 0;
	audit_work += 4;
	return n != 0;
}

static long audit_turn(__u32 i, void *unused)
{
	if (audit_work > AUDIT_BUDGET || audit.gpa >= audit.slot_gpa + audit.slot_size)
		return 1;
	if (audit_next.n && audit_next.pa_bits && audit_fast())
		return 0;
	if (audit_next.n && audit_batch())
		return 0;
	return audit_piece() != 0;
}

static __always_inline void audit_walk(struct kvm *kvm, const struct s2v_vm_state *vm)
{
	struct slot_info slot = {};

	if (!slot_ending_after((__u64)kvm, audit.slot_gpa, &slot) || !slot_is_audited(&slot)) {
		audit.changed = 1;
		return;
	}
	if (!host_tables(kvm, &audit_host.t, &audit_host.root)) {
		audit.flags |= S2V_AU_UNREAD;
		return;
	}
	stage2_tables(kvm, kvm_mmu(kvm), &audit_s2.t, &audit_s2.root);
	side_drop(&audit_s2);
	side_drop(&audit_host);
	event_header(&audit_run.h, S2V_EV_LEAVES, sizeof(audit_run), vm);
	audit_next.n = 0;
	audit_work = 0;
	audit_tries = 0;
	bpf_loop(AUDIT_BUDGET, audit_turn, NULL, 0);
	if (audit.gpa >= audit.slot_gpa + audit.slot_size && run_report())
		audit.done = 1;
}

/* Reads what a step needs of the VM. False: there are no tables to walk. */
static __always_inline bool audit_vm_ready(struct kvm *kvm)
{
	struct kvm_pgtable *pgt = BPF_CORE_READ(kvm, arch.mmu.pgt);

	audit.flags = 0;
	audit_kvm = (__u64)kvm;
	audit_pgt = (__u64)pgt;
	if (!pgt) {
		audit.flags = S2V_AU_NO_TABLES;
		return false;
	}
	audit_linear = linear_offset(BPF_CORE_READ(pgt, mmu));
	if (audit_linear)
		memory.linear = audit_linear;
	else
		audit.flags = S2V_AU_PROTECTED;
	return audit_linear;
}

static __always_inline void audit_begin(struct kvm *kvm)
{
	audit.mm = (__u64)BPF_CORE_READ(kvm, mm);
	audit_open = false;
	audit.leaves = 0;
	audit.rereads = 0;
	audit.shadow = kvm_shadow_mmus(kvm);
	audit.vm_mte = kvm_vm_has_mte(kvm);
}

/*
 * The registration of a memslot that an audit found. Made if there is none, and anew if the memslot
 * has moved and no hook would have reported that.
 */
static __always_inline struct s2v_slot_state *audit_registration(struct s2v_vm_state *vm,
								 const struct slot_info *slot)
{
	struct s2v_slot_key key = { .vm = vm->id, .slot = slot->id, .as_id = slot->as_id };
	struct s2v_slot_state *st = bpf_map_lookup_elem(&slots, &key);
	struct s2v_slot_state fresh = {
		.gpa = slot->gpa, .size = slot->size, .hva = slot->hva, .tgid = vm->tgid
	};
	bool moved = st && !cfg.slot_hook &&
		     (st->gpa != slot->gpa || st->size != slot->size || st->hva != slot->hva);

	audit.slot_reported = st && !moved && !st->unread;
	if (st && !moved)
		return st;
	fresh.gen = __sync_fetch_and_add(&vm->gen, 1) + 1;
	/* A registration that the hook makes at this moment takes precedence. */
	slot_keep(&key, &fresh, moved ? BPF_ANY : BPF_NOEXIST);
	return bpf_map_lookup_elem(&slots, &key);
}

/* Finds the memslot at or after the cursor, and makes its registration. */
static __always_inline void audit_slot(struct kvm *kvm, struct s2v_vm_state *vm)
{
	struct s2v_slot_state *st;
	struct slot_info slot = {};

	audit_open = false;
	if (!slot_ending_after((__u64)kvm, audit.gpa, &slot))
		return;
	audit.found = 1;
	audit.slot = slot.id;
	audit.as_id = slot.as_id;
	audit.slot_flags = slot.flags;
	audit.slot_gpa = slot.gpa;
	audit.slot_size = slot.size;
	audit.slot_hva = slot.hva;
	st = audit_registration(vm, &slot);
	audit.gen = st ? st->gen : 0;
}

/*
 * An iterator program that returns 1 ends the read() that runs it, with EAGAIN if nothing was written
 * (bpf_seq_read()).
 */
SEC("iter/task_file")
int audit_step(struct bpf_iter__task_file *ctx)
{
	struct task_struct *task = ctx->task;
	struct file *file = ctx->file;
	struct s2v_vm_state *vm;
	__u64 key;

	if (!task || !file || audit.ran)
		return 0;
	key = (__u64)vm_of_file(file);
	vm = key ? bpf_map_lookup_elem(&vms, &key) : NULL;
	if (!vm || vm->id != audit.vm)
		return 0;
	audit.ran = 1;
	audit.holder = pid_for_reader(BPF_CORE_READ(task, group_leader));
	if (audit.op == S2V_AUDIT_BEGIN)
		audit_begin((void *)key);
	if (!audit_vm_ready((void *)key))
		return 1;
	if (audit.op == S2V_AUDIT_SLOT)
		audit_slot((void *)key, vm);
	else if (audit.op == S2V_AUDIT_WALK)
		audit_walk((void *)key, vm);
	else if (audit.op == S2V_AUDIT_VCPU)
		audit_read_vcpu((void *)key);
	else if (audit.op == S2V_AUDIT_GUEST)
		audit_read_guest((void *)key);
	return 1;
}

#endif
