/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * VMs of which something could not be read. Their owner may have done that on purpose, by changing its address space all
 * the time: they are not verified, and that says nothing of the others.
 */
#ifndef S2V_UNREAD_H
#define S2V_UNREAD_H

#include <stdbool.h>

#include "types.h"

#define S2V_UNREAD_MOST 256

struct s2v_unread_vm {
	__u32 vm, tgid; /* its number in this run, and its process */
	__u64 times;
};

struct s2v_unread {
	__u32 n;
	struct s2v_unread_vm vm[S2V_UNREAD_MOST]; /* in the order in which they came */
};

/* False: there is no room for another VM. What is not kept here is nobody's, and so everybody's. */
bool s2v_unread_add(struct s2v_unread *u, __u32 vm, __u32 tgid, __u64 times);

/* Of all these VMs. */
__u64 s2v_unread_times(const struct s2v_unread *u);

#endif
