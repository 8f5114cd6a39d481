/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * VMs of which something could not be read, or was too much to be kept. Their owner may have done that on purpose, by
 * changing its address space all the time: they are not verified, and that says nothing of the others.
 */
#ifndef S2V_UNREAD_H
#define S2V_UNREAD_H

#include <stdbool.h>

#include "util/types.h"

#define S2V_UNREAD_MOST 256

struct s2v_unread_vm {
	__u32 vm, tgid; /* its number in this run, and its process */
	__u64 times; /* that something could not be read */
	__u64 over_limit; /* what was not kept */
};

struct s2v_unread {
	__u32 n;
	struct s2v_unread_vm vm[S2V_UNREAD_MOST]; /* in the order in which they came */
};

/* False: there is no room for another VM. What is not kept here is nobody's, and so everybody's. */
bool s2v_unread_add(struct s2v_unread *u, __u32 vm, __u32 tgid, __u64 times, __u64 over_limit);

/* Adds all of another. */
void s2v_unread_merge(struct s2v_unread *to, const struct s2v_unread *from);

/* Sums over all these VMs; vm and tgid are 0. */
struct s2v_unread_vm s2v_unread_all(const struct s2v_unread *u);

#endif
