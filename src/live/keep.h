/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The BPF side's entries of VMs, memslots and kinds of mappings: reported and deleted when their VM or
 * memslot ends, reconciled after lost events. Private to the live source.
 */
#ifndef S2V_KEEP_H
#define S2V_KEEP_H

#include "live/live_private.h"

/* Call before an event is handed out: reports and deletes what ends with it. Errors go to l->err. */
void s2v_keep_event(struct s2v_live *l, const struct s2v_ev_hdr *ev);

/* Returns whether the VM was reported and its end was not. An event of any other VM would create it again. */
bool s2v_keep_has_vm(const struct s2v_live *l, __u32 vm);

/* An audit found a memslot, which is now in the BPF map. False: its VM has ended, and the entry is deleted. */
bool s2v_keep_found(struct s2v_live *l, const struct s2v_slot_key *key);

/*
 * If events were lost, reads the memslots and kinds (kinds.h) again from the BPF maps. 0, -errno, or 1: not yet, as
 * they were read a short time ago; entries that ended meanwhile are still there.
 */
int s2v_keep_refresh(struct s2v_live *l);

/* Reports what is pending of all kinds. 0 or -errno. */
int s2v_keep_report_all(struct s2v_live *l);

struct s2v_listed_vm {
	__u32 id, tgid;
};

struct s2v_vm_list {
	struct s2v_listed_vm *vm; /* sorted by id, without duplicates */
	unsigned int n;
};

/* The VMs that the BPF side knows now. 0 or -errno; free list->vm in either case. */
int s2v_keep_list(struct s2v_live *l, struct s2v_vm_list *list);

/*
 * Does nothing unless events were lost. Reports VMs that are not in the list as dead and deletes their
 * entries (only ids up to last: later ones may not be listed yet). Reports listed VMs that are not
 * announced as new. 0, -errno, or 1: known memslots must be reported again.
 */
int s2v_keep_reconcile(struct s2v_live *l, const struct s2v_vm_list *list, __u32 last);

/* Reports every VM as dead and deletes all entries. `ready` must be false. 0 or -errno. */
int s2v_keep_forget(struct s2v_live *l);

void s2v_keep_free(struct s2v_live *l);

#endif
