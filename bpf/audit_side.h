/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * The two sides of an audit, stage 2 and host: translation tables are copied one at a time, and
 * descriptors are read again from the root if the copy shows a conflict.
 */
#ifndef S2V_BPF_AUDIT_SIDE_H
#define S2V_BPF_AUDIT_SIDE_H

struct s2v_audit audit;

/* Descriptors of the largest table: 64K. */
#define AUDIT_ENTRIES 8192

/* Work per step, in units of about a hundred instructions; together below a millisecond. */
#define AUDIT_BUDGET 16384
#define AUDIT_BATCH 16 /* leaves that batch_count_same() compares at once */
#define AUDIT_ROW 32 /* leaves of ordinary memory that row_same() compares at once */
#define AUDIT_ROWS 4 /* rows in a turn: the verifier checks each for each way into the loop */
#define AUDIT_TRIES 3 /* reads of a changing piece before the step ends */

/* State between turns and steps, private to BPF. Without `used` clang splits the structures. */
#define AUDIT_STATE static __attribute__((used))

/*
 * One of the two sides: its tables, and a copy of the table used last; with cfg.cast, where tables are
 * also read in place (row_same()), of AUDIT_WINDOW descriptors of it.
 */
struct audit_side {
	struct s2v_tables t;
	__u64 root;
	__u64 lo, hi; /* input addresses of the copy; equal: no copy */
	__u64 table; /* linear-map address of that table */
	__u64 table_lo, table_hi; /* input addresses of it */
	__u32 shift; /* log2 of the bytes that one descriptor of it translates */
	__s32 level;
	__u64 copy[AUDIT_ENTRIES +
		   AUDIT_ROW]; /* the verifier allows a row to start at the last entry */
};

AUDIT_STATE struct audit_side audit_s2, audit_host;
AUDIT_STATE __u64 audit_linear; /* physical to linear-map address */
AUDIT_STATE __u64 audit_kvm; /* struct kvm *, valid in a step only */
AUDIT_STATE __u64 audit_pgt; /* its struct kvm_pgtable * at the start of the step */
AUDIT_STATE __u64 audit_work;
AUDIT_STATE __u32 audit_tries;

enum { SIDE_S2, SIDE_HOST };
enum { AT_LEAF, AT_UNMAPPED, AT_CHANGED, AT_UNREAD };

/* The translation of an address. */
struct audit_at {
	__u64 desc;
	__u64 start, size; /* range that the descriptor translates */
	__u64 pa; /* output address of the address asked for */
	__s32 level;
};

static __always_inline struct audit_side *side_of(__u32 side)
{
	return side == SIDE_HOST ? &audit_host : &audit_s2;
}

/* Descriptors to copy where tables can also be read in place. */
#define AUDIT_WINDOW 32

static __always_inline void side_drop(struct audit_side *s)
{
	s->lo = s->hi = 0;
}

/*
 * Walks from the root. at->start: linear-map address of the last table. at->pa: of the descriptor.
 * Global, as the functions below: verified once.
 */
__noinline int side_walk(__u32 side, __u64 ia, struct audit_at *at)
{
	struct audit_side *s = side_of(side);
	struct walk w = { .t = s->t, .ia = ia, .linear = audit_linear, .table = s->root };
	int level;

	if (!at)
		return WALK_UNREAD;
	audit_work += 4;
	level = walk_tables_unlocked(&w);
	at->desc = w.desc;
	at->start = w.table;
	at->level = w.level;
	if (level >= 0)
		at->pa = s2v_desc_pa(&w.t, w.desc, s2v_level_shift(&w.t, level));
	return level;
}

/* Copies the table that the walk to ia ends in. Returns 0 if it cannot be read. */
__noinline int side_load(__u32 side, __u64 ia)
{
	struct audit_side *s = side_of(side);
	struct s2v_tables t = s->t;
	__u32 log2 = t.page_shift - 3, shift;
	__u64 entries = 1ULL << (log2 & 15), first;
	struct audit_at at = {};

	side_drop(s);
	if (side_walk(side, ia, &at) == WALK_UNREAD)
		return 0;
	shift = s2v_level_shift(&t, at.level) & 63;
	/* Of concatenated roots, the one for ia; a single root may be shorter. */
	first = s2v_index(&t, at.level, ia) & ~(entries - 1);
	if (at.level == t.start_level && t.ia_bits - shift < log2)
		entries = 1ULL << ((t.ia_bits - shift) & 15);
	s->level = at.level;
	s->shift = shift;
	s->table = at.start + first * 8;
	s->table_lo = ia >> (shift + log2) << (shift + log2);
	s->table_hi = s->table_lo + (entries << shift);
	first = 0;
	if (cfg.cast && entries > AUDIT_WINDOW) {
		first = (ia - s->table_lo) >> shift & ~(AUDIT_WINDOW - 1ULL);
		entries = AUDIT_WINDOW;
	}
	if (entries > AUDIT_ENTRIES)
		entries = AUDIT_ENTRIES;
	if (bpf_probe_read_kernel(s->copy, entries * 8, (void *)(s->table + first * 8))) {
		count(S2V_CNT_UNREAD_READ);
		return 0;
	}
	s->lo = s->table_lo + (first << shift);
	s->hi = s->lo + (entries << shift);
	return 1;
}

static __always_inline bool side_covers(const struct audit_side *s, __u64 ia)
{
	return ia - s->lo < s->hi - s->lo;
}

static __always_inline __u64 side_desc(const struct audit_side *s, __u64 ia)
{
	return s->copy[((ia - s->lo) >> (s->shift & 63)) & (AUDIT_ENTRIES - 1)];
}

static __always_inline bool is_table(const struct audit_side *s, __u64 desc)
{
	return (desc & S2V_DESC_VALID) && !s2v_desc_is_leaf(desc, s->level);
}

/* The translation of ia on one side, from the copy if possible. Returns AT_*. */
__noinline int side_lookup(__u32 side, __u64 ia, struct audit_at *at)
{
	struct audit_side *s = side_of(side);

	if (!at)
		return AT_UNREAD;
	if (!side_covers(s, ia) || is_table(s, side_desc(s, ia))) {
		if (!side_load(side, ia))
			return AT_UNREAD;
	}
	at->desc = side_desc(s, ia);
	at->level = s->level;
	at->size = 1ULL << (s->shift & 63);
	at->start = ia & ~(at->size - 1);
	if (is_table(s, at->desc)) { /* it was made during the copy */
		side_drop(s);
		return AT_CHANGED;
	}
	if (!(at->desc & S2V_DESC_VALID)) {
		if (side != SIDE_S2 || !at->desc)
			return AT_UNMAPPED;
		/* KVM has locked it (KVM_INVALID_PTE_LOCKED), and will restore it. */
		return audit.give_up ? AT_UNREAD : AT_CHANGED;
	}
	at->pa = s2v_desc_pa(&s->t, at->desc, s->shift) + (ia - at->start);
	return AT_LEAF;
}

/* Bits of a descriptor that must not change for a verdict to hold. */
#define KIND_BITS (S2V_DESC_VALID | S2V_DESC_TABLE)
#define S2_BITS (KIND_BITS | 0x3cULL) /* MemAttr */
#define S2_EXEC_BITS (3ULL << 53) /* XN */
#define HOST_BITS (KIND_BITS | 0x1cULL | PTE_SPECIAL) /* AttrIndx */

/* Walks anew from the root. Returns whether ia is still translated as *at. */
__noinline int side_unchanged(__u32 side, __u64 ia, const struct audit_at *at)
{
	__u64 bits = side == SIDE_HOST ? HOST_BITS : S2_BITS | S2_EXEC_BITS;
	struct audit_at now = {};
	int level = side_walk(side, ia, &now);

	if (!at || level == WALK_UNREAD || now.level != at->level)
		return 0;
	if (level < 0) /* an audit reports only whether it is swapped */
		return !(at->desc & S2V_DESC_VALID) && !now.desc == !at->desc;
	return !((now.desc ^ at->desc) & bits) && now.pa + (ia - at->start) == at->pa;
}

static __always_inline bool slot_is_audited(const struct slot_info *s)
{
	return s->id == audit.slot && s->gpa == audit.slot_gpa && s->size == audit.slot_size &&
	       s->hva == audit.slot_hva;
}

/*
 * Returns whether a translation still holds on both sides. Both are read twice more from their roots,
 * alternately. Meanwhile KVM must have seen no invalidation of the host's tables (mmu_invalidate_*, by
 * which KVM itself checks a PTE that it has read), and the memslot must be the same.
 */
__noinline int audit_stable(__u64 gpa, __u64 hva, const struct audit_at *s2,
			    const struct audit_at *host)
{
	struct kvm *kvm = (void *)audit_kvm;
	unsigned long seq = BPF_CORE_READ(kvm, mmu_invalidate_seq);
	bool gmem = audit.slot_flags & S2V_MEM_GUEST_MEMFD;
	struct slot_info slot = {};

	if (!s2 || !host)
		return 0;
	audit.rereads++;
	if (!side_unchanged(SIDE_S2, gpa, s2) || (!gmem && !side_unchanged(SIDE_HOST, hva, host)) ||
	    !side_unchanged(SIDE_S2, gpa, s2) || (!gmem && !side_unchanged(SIDE_HOST, hva, host)))
		return 0;
	if (!slot_ending_after(audit_kvm, gpa, &slot) || !slot_is_audited(&slot))
		return 0;
	/* When a VMM exits, kvm_flush_shadow_all() frees stage 2 without counting an invalidation. */
	if (!audit_pgt || (__u64)BPF_CORE_READ(kvm, arch.mmu.pgt) != audit_pgt)
		return 0;
	return !BPF_CORE_READ(kvm, mmu_invalidate_in_progress) &&
	       BPF_CORE_READ(kvm, mmu_invalidate_seq) == seq;
}

#endif
