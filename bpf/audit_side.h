/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * The two sides of an audit: translation tables, stage 2's and the host's, copied a table at a
 * time, and read again descriptor by descriptor where what was copied looks wrong.
 */
#ifndef S2V_BPF_AUDIT_SIDE_H
#define S2V_BPF_AUDIT_SIDE_H

struct s2v_audit audit;

/* Descriptors of the largest table: 64K. */
#define AUDIT_ENTRIES 8192

/* Work a step may do, in about a hundred instructions; together below a millisecond. */
#define AUDIT_BUDGET 16384
#define AUDIT_BATCH 16 /* leaves in one go, where all is as before */
#define AUDIT_ROW 32 /* ordinary ones */
#define AUDIT_ROWS 4 /* of them in a turn: each is verified for each way into the loop */
#define AUDIT_TRIES 3 /* at what is not settled, before the step ends */

/* Kept between steps and turns, and not for user space; `used`, or clang takes structures apart. */
#define AUDIT_OWN static __attribute__((used))

/*
 * One of the two sides: its tables, and a copy of the one that was needed last, or of as much of it
 * as is needed where tables can be read where they are (table_at()).
 */
struct audit_side {
	struct s2v_tables t;
	__u64 root;
	__u64 lo, hi; /* input addresses that the copy translates; equal: none */
	__u64 table; /* where that table is in the linear map */
	__u64 table_lo, table_hi; /* input addresses that it translates */
	__u32 shift; /* log2 of what one descriptor of it translates */
	__s32 level;
	__u64 copy[AUDIT_ENTRIES + AUDIT_ROW]; /* for the verifier: a row from the last one on */
};

AUDIT_OWN struct audit_side audit_s2, audit_host;
AUDIT_OWN __u64 audit_linear; /* physical to linear-map address */
AUDIT_OWN __u64 audit_kvm; /* struct kvm *, in a step only */
AUDIT_OWN __u64 audit_pgt; /* its struct kvm_pgtable * when the step began */
AUDIT_OWN __u64 audit_work;
AUDIT_OWN __u32 audit_tries;

enum { SIDE_S2, SIDE_HOST };
enum { AT_LEAF, AT_NOTHING, AT_CHANGED, AT_UNREAD };

/* What translates an address. */
struct audit_at {
	__u64 desc;
	__u64 start, size; /* of what the descriptor translates */
	__u64 pa; /* of the address asked for */
	__s32 level;
};

static __always_inline struct audit_side *side_of(__u32 side)
{
	return side == SIDE_HOST ? &audit_host : &audit_s2;
}

/* As much as is copied where more can be read in place. */
#define AUDIT_WINDOW 32

static __always_inline void side_drop(struct audit_side *s)
{
	s->lo = s->hi = 0;
}

/*
 * Walks from the root; at->start is where the last table is in the linear map. Global, as those
 * below: each is verified once, whatever its callers know.
 */
__noinline int side_walk(__u32 side, __u64 ia, struct audit_at *at)
{
	struct audit_side *s = side_of(side);
	struct walk w = { .t = s->t, .ia = ia, .linear = audit_linear, .table = s->root };
	int level;

	if (!at)
		return WALK_UNREAD;
	audit_work += 4;
	level = walk_tables(&w);
	at->desc = w.desc;
	at->start = w.table;
	at->level = w.level;
	if (level >= 0)
		at->pa = s2v_desc_pa(&w.t, w.desc, s2v_level_shift(&w.t, level));
	return level;
}

/* Copies the table that holds the last descriptor on the way to ia; 0: not readable. */
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
	/* Of concatenated roots the table that ia is in; a root of its own may be shorter. */
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

/* What translates ia on one side, out of the copy where that can be: AT_*. */
__noinline int side_at(__u32 side, __u64 ia, struct audit_at *at)
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
	if (is_table(s, at->desc)) { /* made while it was being copied */
		side_drop(s);
		return AT_CHANGED;
	}
	if (!(at->desc & S2V_DESC_VALID)) {
		if (side != SIDE_S2 || !at->desc)
			return AT_NOTHING;
		/* KVM has it locked (KVM_INVALID_PTE_LOCKED), to put back what was there. */
		return audit.give_up ? AT_UNREAD : AT_CHANGED;
	}
	at->pa = s2v_desc_pa(&s->t, at->desc, s->shift) + (ia - at->start);
	return AT_LEAF;
}

/* What of a descriptor must stay as it is for a verdict to hold. */
#define KIND_BITS (S2V_DESC_VALID | S2V_DESC_TABLE)
#define S2_BITS (KIND_BITS | 0x3cULL) /* MemAttr */
#define S2_EXEC_BITS (3ULL << 53) /* XN */
#define HOST_BITS (KIND_BITS | 0x1cULL | PTE_SPECIAL) /* AttrIndx */

/* Is ia, read anew from the root, still translated as `at` has it? */
__noinline int side_same(__u32 side, __u64 ia, const struct audit_at *at)
{
	__u64 bits = side == SIDE_HOST ? HOST_BITS : S2_BITS | S2_EXEC_BITS;
	struct audit_at now = {};
	int level = side_walk(side, ia, &now);

	if (!at || level == WALK_UNREAD || now.level != at->level)
		return 0;
	if (level < 0) /* swapped or not is all that is told */
		return !(at->desc & S2V_DESC_VALID) && !now.desc == !at->desc;
	return !((now.desc ^ at->desc) & bits) && now.pa + (ia - at->start) == at->pa;
}

static __always_inline bool slot_is_audited(const struct slot_info *s)
{
	return s->id == audit.slot && s->gpa == audit.slot_gpa && s->size == audit.slot_size &&
	       s->hva == audit.slot_hva;
}

/*
 * Does what was seen hold? Both sides are read twice more, crosswise, from their roots, within a
 * time in which KVM was told of no change of the host's tables (mmu_invalidate_*, by which KVM
 * itself knows that a PTE it has read is good), and the memslot is the one it was.
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
	if (!side_same(SIDE_S2, gpa, s2) || (!gmem && !side_same(SIDE_HOST, hva, host)) ||
	    !side_same(SIDE_S2, gpa, s2) || (!gmem && !side_same(SIDE_HOST, hva, host)))
		return 0;
	if (!slot_behind(audit_kvm, gpa, &slot) || !slot_is_audited(&slot))
		return 0;
	/* A VMM that exits has its stage 2 freed without an invalidation being counted (kvm_flush_shadow_all()). */
	if (!audit_pgt || (__u64)BPF_CORE_READ(kvm, arch.mmu.pgt) != audit_pgt)
		return 0;
	return !BPF_CORE_READ(kvm, mmu_invalidate_in_progress) &&
	       BPF_CORE_READ(kvm, mmu_invalidate_seq) == seq;
}

#endif
