/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The model: VMs, their memslots, and the backing of these, as the events reported them. Plain data;
 * only the correlator changes it.
 */
#ifndef S2V_MODEL_H
#define S2V_MODEL_H

#include <uthash.h>

#include "core/guest.h"
#include "core/sink.h"

/*
 * A part of a memslot with one backing at registration (at the first mapping, if the registration
 * was not seen), and one backing now.
 */
struct s2v_slot_range {
	__u64 start, end; /* hva */
	struct s2v_vma reg; /* as registered */
	bool reported; /* reg is from the registration, not from the first mapping */
	enum s2v_where where; /* of its first page at registration */
	/* Current backing, by the newest event. */
	struct s2v_vma now;
	enum s2v_where now_where;
	__u64 since; /* time of the event that changed it; 0: as registered */
	char name[S2V_NAME_LEN], driver[S2V_NAME_LEN]; /* "" if not known */
	/* From mappings. */
	bool mapped;
	/* Of the first conflict, else of the first cacheable mapping, else of the first mapping. */
	__u32 s1, s2;
	bool s2_mixed; /* mappings with another s2 were seen */
	bool needs_fwb;
	/* From an audit. */
	struct s2v_leaf_count *leaves;
	size_t n_leaves;
	bool uncounted; /* split or changed since the last audit, whose counts no longer apply */
	__u64 present; /* bytes that stage 2 maps */
	__u64 unreadable; /* of `present`, bytes with unknown host attributes */
	struct s2v_guest_bytes *guest; /* NULL: nothing. Owned */
};

struct s2v_slot_id {
	__s16 id;
	__u16 as_id;
};

struct s2v_memslot {
	struct s2v_slot_id key;
	__u32 gen;
	__u64 gpa, size, hva;
	__u32 flags; /* S2V_MEM_* */
	/* Bit-fields, and counts of 32 bits: there may be 64,000 memslots. */
	__u32 findings : 29; /* open findings of this registration */
	bool registered : 1; /* registration seen, with all its ranges */
	bool vm_mte : 1;
	bool audited : 1; /* an audit found it, or leaves in it */
	struct s2v_slot_range *ranges; /* ascending, not overlapping */
	__u32 n_ranges;
	__u32 n_counted; /* ranges already counted, see s2v_slot_count_ranges() */
	struct s2v_guest_finding *guest_finding; /* of an audit in progress; or NULL */
	UT_hash_handle hh;
};

/* What one rule finds in one registration of one memslot is one finding, unless the fields below differ. */
struct s2v_finding_key {
	__u32 gen;
	__s32 err;
	__s16 slot;
	__u16 as_id;
	__u16 rule;
	__u8 on; /* errors: enum s2v_trigger, as a rule may fire at memslot and at fault; else 0 */
	__u8 mild; /* so that a harmless finding does not hide another */
	__u64 gpa; /* of an audit, where each range is a finding; else 0 */
};

struct s2v_open_finding {
	struct s2v_finding_key key;
	struct s2v_finding f;
	bool changed; /* since it was last reported */
	/* `now` of s2v_correlator_updates() at the first and the last update; 0: none yet. */
	__u64 first_update, last_update;
	bool leaf; /* an audit found it */
	__u64 audit; /* n_audits when last found: the next audit restarts the count */
	UT_hash_handle hh;
};

#define S2V_GONE_ROWS 64

struct s2v_vm {
	__u32 id;
	struct s2v_vm_ref ref;
	__u32 newest_gone_gen; /* newest registration that has ended */
	bool announced; /* its VM_NEW came */
	bool from_start; /* seen from its creation on */
	bool is_guest; /* it has had memory; other VMs are not counted and not reported */
	bool nothing_before; /* preexisting, with nothing mapped when first seen */
	bool reported_again; /* older than this part of a recording; its audit may be in an earlier part */
	bool cap_queried;
	struct s2v_memslot *slots; /* hash */
	struct s2v_open_finding *findings; /* hash, in the order of their first report */
	/* Ranges whose memslot event is yet to come: kept, and without room. */
	struct s2v_slot_range *pending;
	__u32 n_pending;
	size_t pending_over_limit;
	size_t n_ranges; /* of all memslots */
	size_t *total_ranges; /* of all VMs; the correlator's */
	__u32 pending_gen;
	struct s2v_reset_track *reset; /* NULL until the first event of a reset */
	struct s2v_leaf_findings *leaf_findings; /* NULL until an audit finds something */
	bool audited; /* an audit saw all that was mapped before */
	/* From the last audit. */
	bool is_protected;
	__u32 shadow; /* tables of nested guests */
	__u64 unmapped; /* pages that the host does not map, so not verified */
	struct s2v_guest_state guest;
	bool audit_over; /* the next leaves belong to another audit */
	/* Contract rows of deleted memslots, at most S2V_GONE_ROWS: the unsafe ones first, then the newest. */
	struct s2v_contract_row *gone_rows;
	size_t n_gone_rows;
	UT_hash_handle hh;
};

/* Marks the VM as a guest if the event means that it has memory. Returns whether it was not one before. */
bool s2v_vm_mark_guest(struct s2v_vm *vm, const struct s2v_ev_hdr *ev);
struct s2v_vm *s2v_vm_find(struct s2v_vm *vms, __u32 id);
/* Adds a VM, whose ranges count in *total_ranges, too; NULL when out of memory. */
struct s2v_vm *s2v_vm_add(struct s2v_vm **vms, __u32 id, size_t *total_ranges);
void s2v_vm_free(struct s2v_vm **vms, struct s2v_vm *vm);

/* Updates the counts of ranges, of the VM and of all VMs, by those of the memslot. */
void s2v_slot_count_ranges(struct s2v_vm *vm, struct s2v_memslot *slot);
void s2v_slot_ranges_free(struct s2v_slot_range *ranges, size_t n);

struct s2v_memslot *s2v_slot_find(struct s2v_vm *vm, __s16 id, __u16 as_id);
/* Adds a memslot, replacing one of the same id; NULL when out of memory. */
struct s2v_memslot *s2v_slot_add(struct s2v_vm *vm, __s16 id, __u16 as_id);
void s2v_slot_free(struct s2v_vm *vm, struct s2v_memslot *slot);

/* The range that holds hva, or NULL. */
struct s2v_slot_range *s2v_slot_range_find(struct s2v_memslot *slot, __u64 hva);
/* Appends a copy of *range to an array; 0, or -1 when out of memory. */
int s2v_slot_range_append(struct s2v_slot_range **ranges, __u32 *n,
			  const struct s2v_slot_range *range);
/*
 * Inserts a copy of *range, which holds hva, clipped to the gap between ranges around hva; NULL when
 * out of memory.
 */
struct s2v_slot_range *s2v_slot_range_insert(struct s2v_memslot *slot,
					     const struct s2v_slot_range *range, __u64 hva);

/*
 * The backing of [now->start, now->end) has changed: the part of `range` in it becomes a range of its
 * own, without mappings. Returns that; NULL when out of memory. Invalidates all other pointers to
 * ranges of the memslot.
 */
struct s2v_slot_range *s2v_slot_range_change(struct s2v_memslot *slot, struct s2v_slot_range *range,
					     const struct s2v_vma *now, __u64 time);
/* The same for all ranges that *now covers; takes over its names. 0, or -1 when out of memory. */
int s2v_slot_range_refresh(struct s2v_memslot *slot, const struct s2v_slot_range *now, __u64 time);
/* Joins equal neighbours. Invalidates all pointers to ranges of the memslot. */
void s2v_slot_ranges_join(struct s2v_memslot *slot);
/* Returns whether flags or memory type differ. */
bool s2v_vma_differs(const struct s2v_vma *a, const struct s2v_vma *b);

/* Fills *row with the contract of one range. Its pointers point into slot and range. */
void s2v_contract_row(const struct s2v_host *host, const struct s2v_vm *vm,
		      const struct s2v_memslot *slot, const struct s2v_slot_range *range,
		      struct s2v_contract_row *row);
/* S2V_VC_* of all vCPUs that are not off, by the last audit; S2V_VC_OFF: all are. */
__u32 s2v_guest_flags(const struct s2v_vm *vm);

#endif
