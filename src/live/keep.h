/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the BPF side keeps of VMs, memslots and kinds of mappings: told and deleted when what it is of
 * ends, put in order again where that was not seen. Inside of the live source.
 */
#ifndef S2V_KEEP_H
#define S2V_KEEP_H

#include "live/live_private.h"

/* Before an event is handed out: what ends with it has its last word. Errors go to l->err. */
void s2v_keep_event(struct s2v_live *l, const struct s2v_ev_hdr *ev);

/* Has the VM been heard of, and not of its end? What is told of another would make it up again. */
bool s2v_kept(const struct s2v_live *l, __u32 vm);

/*
 * An audit has found a memslot, and so registered it. False: its VM's end was told of, and nothing of it is kept.
 */
bool s2v_keep_found(struct s2v_live *l, const struct s2v_slot_key *key);

/*
 * What ends is looked up in what events have told (kinds.h); where some were lost that is read anew out of the maps.
 * 0, -errno, or 1: not yet, as that was done just now, and what has ended meanwhile is still there.
 */
int s2v_keep_know(struct s2v_live *l);

/* What was counted and not yet told of all that is there. 0 or -errno. */
int s2v_keep_report_all(struct s2v_live *l);

struct s2v_listed_vm {
	__u32 id, tgid;
};

struct s2v_vm_list {
	struct s2v_listed_vm *vm; /* by id, each once */
	unsigned int n;
};

/* The VMs that the BPF side knows now. 0 or -ENOMEM; free list->vm in either case. */
int s2v_keep_list(struct s2v_live *l, struct s2v_vm_list *list);

/*
 * After events were lost, else nothing is done: a VM that is gone without a word (numbers up to last;
 * later ones may not be in the list yet) is told of as dead and its entries are deleted, one that is
 * there and was not announced is. 0, -errno, or 1: what memslots are known has to be told anew.
 */
int s2v_keep_order(struct s2v_live *l, const struct s2v_vm_list *list, __u32 last);

/* Everything is forgotten, and every VM told of as dead. With `ready` false. 0 or -errno. */
int s2v_keep_forget(struct s2v_live *l);

void s2v_keep_free(struct s2v_live *l);

#endif
