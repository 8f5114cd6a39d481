/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The model: VMs, their memslots, and what lies behind them, as the events told. Plain data;
 * only the correlator changes it.
 */
#ifndef S2V_MODEL_H
#define S2V_MODEL_H

#include <sys/types.h>
#include <uthash.h>

#include "sink.h"

/*
 * A stretch of a memslot behind which one kind of mapping lay at registration (or, for a memslot
 * never seen registered, at the first mapping seen).
 */
struct s2v_run {
	__u64 start, end; /* hva */
	struct s2v_vma reg; /* as registered */
	bool told; /* reg is of the registration, not of the first mapping */
	enum s2v_where where; /* of its first page at registration */
	char name[S2V_NAME_LEN], driver[S2V_NAME_LEN];
	/* What mappings told since. */
	bool mapped;
	__u32 flags; /* S2V_VMA_* seen */
	__u32 s1,
		s2; /* of the first conflict, else of the first cacheable mapping, else the first */
	bool s2_mixed; /* mappings with another s2 were seen */
	bool needs_fwb;
	/* What an audit told. */
	struct s2v_leaf_count *leaves;
	size_t n_leaves;
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
	bool registered; /* registration seen, with every run that it told of */
	bool vm_mte;
	bool audited; /* runs hold what an audit found */
	struct s2v_run *runs; /* ascending, not overlapping */
	size_t n_runs;
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
	bool leaf; /* an audit found it */
	__u64 audit; /* which one did last: another one counts anew */
	UT_hash_handle hh;
};

struct s2v_vm {
	__u32 id;
	struct s2v_vm_ref ref;
	__u32 gone; /* the newest registration that has ended: older ones may have, too */
	bool announced; /* its VM_NEW came */
	bool from_start; /* seen from its creation on */
	bool retold; /* the recording had begun without it: so may its audit have */
	bool cap_queried;
	struct s2v_memslot *slots; /* hash */
	struct s2v_open_finding *findings; /* hash, in the order of first sight */
	/* Runs told of, whose memslot is yet to come. */
	struct s2v_run *pending;
	size_t n_pending;
	size_t n_runs; /* of all memslots; */
	size_t *all_runs; /* and of all VMs */
	__u32 pending_gen;
	struct s2v_reset_track *reset; /* NULL until there is an event of one */
	struct s2v_leaf_findings *leaf_findings; /* NULL until an audit finds something */
	bool audited; /* all that was there before is known */
	bool is_protected; /* as an audit said */
	__u32 shadow; /* likewise: tables of nested guests */
	bool audit_over; /* the next leaves are another audit's */
	UT_hash_handle hh;
};

/* The VM numbered id, or NULL. */
struct s2v_vm *s2v_vm_find(struct s2v_vm *vms, __u32 id);
/* Adds one, whose runs are counted in *all_runs, too; NULL when out of memory. */
struct s2v_vm *s2v_vm_add(struct s2v_vm **vms, __u32 id, size_t *all_runs);
void s2v_vm_free(struct s2v_vm **vms, struct s2v_vm *vm);

/* So many runs more of the VM's memslots (or fewer). */
void s2v_runs_count(struct s2v_vm *vm, ssize_t n);
/* Frees runs and what they hold. */
void s2v_runs_free(struct s2v_run *runs, size_t n);

struct s2v_memslot *s2v_slot_find(struct s2v_vm *vm, __s16 id, __u16 as_id);
/* Adds one, in the place of any of the same id; NULL when out of memory. */
struct s2v_memslot *s2v_slot_add(struct s2v_vm *vm, __s16 id, __u16 as_id);
void s2v_slot_free(struct s2v_vm *vm, struct s2v_memslot *slot);

/* The run that holds hva, or NULL. */
struct s2v_run *s2v_run_find(struct s2v_memslot *slot, __u64 hva);
/* Appends a copy of *run to an array; 0, or -1 when out of memory. */
int s2v_run_append(struct s2v_run **runs, size_t *n, const struct s2v_run *run);
/*
 * Inserts a copy of *run, which holds hva, clipped to the gap between runs that hva lies in; NULL
 * when out of memory.
 */
struct s2v_run *s2v_run_insert(struct s2v_memslot *slot, const struct s2v_run *run, __u64 hva);

/* The coherence contract for one run. Strings point into slot and run. */
void s2v_contract_row(const struct s2v_host *host, const struct s2v_vm *vm,
		      const struct s2v_memslot *slot, const struct s2v_run *run,
		      struct s2v_contract_row *row);

#endif
