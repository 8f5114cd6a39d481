/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The model: VMs, their memslots, and what lies behind them, as the events told. Plain data;
 * only the correlator changes it.
 */
#ifndef S2V_MODEL_H
#define S2V_MODEL_H

#include <uthash.h>

#include "core/sink.h"

/*
 * A stretch of a memslot behind which one kind of mapping lay at registration (or, for a memslot
 * never seen registered, at the first mapping seen), and behind which one kind lies now.
 */
struct s2v_slot_range {
	__u64 start, end; /* hva */
	struct s2v_vma reg; /* as registered */
	bool reported; /* reg is of the registration, not of the first mapping */
	enum s2v_where where; /* of its first page at registration */
	/* What lies there now, by the newest event that says so. */
	struct s2v_vma now;
	enum s2v_where now_where;
	__u64 since; /* when it was put there; 0: it was registered */
	char name[S2V_NAME_LEN], driver[S2V_NAME_LEN]; /* "" where nothing told of that */
	/* What mappings of it told. */
	bool mapped;
	__u32 s1,
		s2; /* of the first conflict, else of the first cacheable mapping, else the first */
	bool s2_mixed; /* mappings with another s2 were seen */
	bool needs_fwb;
	/* What an audit told. */
	struct s2v_leaf_count *leaves;
	size_t n_leaves;
	bool uncounted; /* the last audit counted this and something else as one */
	__u64 present; /* bytes that stage 2 maps */
	__u64 unreadable; /* of them, bytes whose host attributes are not known */
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
	/* In one word: there may be 64,000 of these. */
	__u32 findings : 29; /* open ones of this registration */
	bool registered : 1; /* registration seen, with every run that it told of */
	bool vm_mte : 1;
	bool audited : 1; /* runs hold what an audit found */
	struct s2v_slot_range *ranges; /* ascending, not overlapping */
	size_t n_ranges;
	size_t counted; /* runs: see s2v_slot_count() */
	UT_hash_handle hh;
};

/* Findings of one rule in one registration of one memslot are one finding. */
struct s2v_finding_key {
	__u32 gen;
	__s32 err;
	__s16 slot;
	__u16 as_id;
	__u16 rule;
	__u8 on; /* memslot or fault: two findings where a rule knows both */
	__u8 mild; /* so that what is harmless does not hide what is not */
	__u64 gpa; /* an audit finds ranges, each a finding; else 0 */
};

struct s2v_open_finding {
	struct s2v_finding_key key;
	struct s2v_finding f;
	bool changed; /* since it was told last */
	__u64 born,
		reported; /* when s2v_correlator_updates() told it first, and last; 0: not yet */
	bool leaf; /* an audit found it */
	__u64 audit; /* which one did last: another one counts anew */
	UT_hash_handle hh;
};

#define S2V_GONE_ROWS 64

struct s2v_vm {
	__u32 id;
	struct s2v_vm_ref ref;
	__u32 gone; /* the newest registration that has ended: older ones may have, too */
	bool announced; /* its VM_NEW came */
	bool from_start; /* seen from its creation on */
	bool is_guest; /* it has had memory: what else is there of VMs is not counted, nor told */
	bool nothing_before; /* it was there before, and had nothing mapped when it was seen first */
	bool reported_again; /* the recording had begun without it: so may its audit have */
	bool cap_queried;
	struct s2v_memslot *slots; /* hash */
	struct s2v_open_finding *findings; /* hash, in the order of first sight */
	/* Runs told of, whose memslot is yet to come. */
	struct s2v_slot_range *pending;
	size_t n_pending,
		pending_over_limit; /* runs; and those of them for which there was no room */
	size_t n_ranges; /* of all memslots; */
	size_t *all_runs; /* and of all VMs */
	__u32 pending_gen;
	struct s2v_reset_track *reset; /* NULL until there is an event of one */
	struct s2v_leaf_findings *leaf_findings; /* NULL until an audit finds something */
	bool audited; /* all that was there before is known */
	bool is_protected; /* as an audit said */
	__u32 shadow; /* likewise: tables of nested guests */
	__u64 unmapped; /* pages that the last audit could hold against nothing */
	bool audit_over; /* the next leaves are another audit's */
	/* The contract of memslots that are gone: the newest, at most S2V_GONE_ROWS. */
	struct s2v_contract_row *gone_rows;
	size_t n_gone_rows;
	UT_hash_handle hh;
};

/* Takes note of what the event says of its VM: true the first time that it is known to have memory. */
bool s2v_vm_is_guest_now(struct s2v_vm *vm, const struct s2v_ev_hdr *ev);
/* The VM numbered id, or NULL. */
struct s2v_vm *s2v_vm_find(struct s2v_vm *vms, __u32 id);
/* Adds one, whose runs are counted in *all_runs, too; NULL when out of memory. */
struct s2v_vm *s2v_vm_add(struct s2v_vm **vms, __u32 id, size_t *all_runs);
void s2v_vm_free(struct s2v_vm **vms, struct s2v_vm *vm);

/* The memslot has more runs than before, or fewer: counts them for its VM, and for all. */
void s2v_slot_count(struct s2v_vm *vm, struct s2v_memslot *slot);
/* Frees runs and what they hold. */
void s2v_slot_ranges_free(struct s2v_slot_range *runs, size_t n);

struct s2v_memslot *s2v_slot_find(struct s2v_vm *vm, __s16 id, __u16 as_id);
/* Adds one, in the place of any of the same id; NULL when out of memory. */
struct s2v_memslot *s2v_slot_add(struct s2v_vm *vm, __s16 id, __u16 as_id);
void s2v_slot_free(struct s2v_vm *vm, struct s2v_memslot *slot);

/* The run that holds hva, or NULL. */
struct s2v_slot_range *s2v_slot_range_find(struct s2v_memslot *slot, __u64 hva);
/* Appends a copy of *run to an array; 0, or -1 when out of memory. */
int s2v_slot_range_append(struct s2v_slot_range **runs, size_t *n,
			  const struct s2v_slot_range *run);
/*
 * Inserts a copy of *run, which holds hva, clipped to the gap between runs that hva lies in; NULL
 * when out of memory.
 */
struct s2v_slot_range *s2v_slot_range_insert(struct s2v_memslot *slot,
					     const struct s2v_slot_range *run, __u64 hva);

/*
 * Something else lies at [now->start, now->end) than the runs there say: what of `run` that covers
 * becomes a run of its own, of which no mapping is known yet. Returns it; NULL when out of memory.
 * Any other pointer to a run of the memslot is void.
 */
struct s2v_slot_range *s2v_slot_range_change(struct s2v_memslot *slot, struct s2v_slot_range *run,
					     const struct s2v_vma *now, __u64 time);
/* Likewise, of all runs that *now covers; its names are those of what lies there. 0 or -1. */
int s2v_slot_range_refresh(struct s2v_memslot *slot, const struct s2v_slot_range *now, __u64 time);
/* Neighbours that are alike become one. Any pointer to a run of the memslot is void. */
void s2v_slot_ranges_join(struct s2v_memslot *slot);
/* Is it another kind of mapping: other flags, or another memory type? */
bool s2v_vma_differs(const struct s2v_vma *a, const struct s2v_vma *b);

/* The coherence contract for one run. Strings point into slot and run. */
void s2v_contract_row(const struct s2v_host *host, const struct s2v_vm *vm,
		      const struct s2v_memslot *slot, const struct s2v_slot_range *run,
		      struct s2v_contract_row *row);

#endif
