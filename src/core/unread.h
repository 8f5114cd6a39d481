/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * VMs with host attributes that could not be read, or with more state than the limits allow. Their VMM
 * may cause that on purpose, by changing its address space all the time: these VMs are not verified,
 * and the others are not affected.
 */
#ifndef S2V_UNREAD_H
#define S2V_UNREAD_H

#include <stdbool.h>

#include "util/types.h"

#define S2V_UNREAD_MOST 256

struct s2v_unread_vm {
	__u32 vm, tgid; /* number in this run; process of the VMM */
	__u64 times; /* reads that failed */
	__u64 over_limit; /* items not kept */
	__u64 guest; /* vCPUs whose own tables the last audit could not walk, or not wholly */
	__u32 guest_why; /* S2V_VC_UNREAD bits */
	__u32 pad;
};

struct s2v_unread {
	__u32 n;
	struct s2v_unread_vm vm[S2V_UNREAD_MOST]; /* in the order of their first failure */
};

/* Adds the counts of a VM. False: no room for another VM; its failures then make the whole run incomplete. */
bool s2v_unread_add(struct s2v_unread *u, const struct s2v_unread_vm *what);

/* Sets .guest and .guest_why of a VM. */
bool s2v_unread_guest(struct s2v_unread *u, __u32 vm, __u32 tgid, __u64 guest, __u32 why);

void s2v_unread_merge(struct s2v_unread *to, const struct s2v_unread *from);

/* Sums over all VMs; vm and tgid are 0. */
struct s2v_unread_vm s2v_unread_all(const struct s2v_unread *u);

#endif
