/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * Compares all of a block with the host's page tables. KVM asks the host for one page, and may map a block around it.
 * For VM_PFNMAP memory up to 7.1 it goes by the VMA's bounds alone (get_vma_page_shift()), not by what the driver
 * has mapped there.
 *
 * Called where KVM maps, with kvm->mmu_lock held. The host unmaps no page meanwhile: it must first invalidate it by
 * MMU notifiers, and these wait for that lock.
 */
#ifndef S2V_BPF_BLOCK_H
#define S2V_BPF_BLOCK_H

/* Descriptors of the largest block: 1 GiB of 4 KiB pages (KVM, 5.10 to 7.3). */
#define BLOCK_STEPS 262144

/* Walks to the table that maps b->hva. Returns 0 if it cannot be read. Global: verified once. */
__noinline int block_table(struct block *b)
{
	struct walk to = {};
	__u64 entries, index;
	__u32 shift;

	if (!b)
		return 0;
	to.ia = b->hva;
	if (host_walk((void *)b->kvm, &to) <= WALK_UNREAD)
		return 0;
	shift = s2v_level_shift(&to.t, to.level) & 63;
	index = s2v_index(&to.t, to.level, b->hva);
	entries = 1ULL << ((to.t.page_shift - 3) & 15);
	b->pa_bits = s2v_pa_bits(&to.t, shift);
	b->size = 1ULL << shift;
	b->desc_addr = to.table + index * 8;
	/* Above the last level a second read may find a table: the host may map more meanwhile. */
	b->descs_left = to.level == S2V_LEAF_LEVEL ? entries - (index & (entries - 1)) : 1;
	b->desc = to.desc;
	b->have_desc = 1;
	return 1;
}

/* Compares one descriptor with stage 2 at b->hva. */
static __always_inline void block_judge(struct block *b, __u64 desc)
{
	__u32 attr = s1_attr[s2v_attrindx(desc)];
	__u64 pa;

	if (!(desc & S2V_DESC_VALID)) {
		b->flags |= S2V_PG_ABSENT;
		return;
	}
	if (b->attr == S2V_ATTR_NONE || s2v_attr_conflict(attr, b->s2))
		b->attr = attr;
	pa = s2v_pa(&b->pa_bits, desc) + (b->hva & (b->size - 1));
	if (pa == b->pa || (b->flags & S2V_PG_PA_DIFFERS))
		return;
	b->flags |= S2V_PG_PA_DIFFERS;
	b->differs_pa = b->pa;
	b->host_pa = pa;
}

/* Argument of a step. A pointer: struct block is too large for the stack. */
struct block_ctx {
	struct block *b;
};

static long block_step(__u32 i, struct block_ctx *ctx)
{
	struct block *b = ctx->b;
	__u64 desc = 0, size;

	if (b->hva >= b->end)
		return 1;
	if ((!b->descs_left && !block_table(b)) ||
	    (!b->have_desc && read_desc(b->desc_addr, &desc)))
		return 1;
	block_judge(b, b->have_desc ? b->desc : desc);
	b->have_desc = 0;
	size = b->size - (b->hva & (b->size - 1));
	b->hva += size;
	b->pa += size;
	b->desc_addr += 8;
	b->descs_left--;
	return 0;
}

/* Compares [hva, hva + size) of sc->page; results go there. Returns 0 if part is unread. Global: verified once. */
__noinline int block_look(struct scratch *sc, __u64 kvm)
{
	struct block_ctx ctx = {};
	struct s2v_ev_page *ev;

	if (!sc)
		return 0;
	ev = &sc->page;
	ctx.b = &sc->block;
	__builtin_memset(ctx.b, 0, sizeof(*ctx.b));
	ctx.b->kvm = kvm;
	ctx.b->hva = ev->hva;
	ctx.b->end = ev->hva + ev->size;
	ctx.b->pa = ev->pa;
	ctx.b->s2 = ev->s2;
	ctx.b->attr = S2V_ATTR_NONE;
	bpf_loop(BLOCK_STEPS, block_step, &ctx, 0);
	ev->vma.pte_attr = ctx.b->attr;
	ev->flags |= ctx.b->flags;
	ev->differs_pa = ctx.b->differs_pa;
	ev->host_pa = ctx.b->host_pa;
	return ctx.b->hva >= ctx.b->end;
}

#endif
