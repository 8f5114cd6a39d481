// SPDX-License-Identifier: BSD-2-Clause
#include <string.h>

#include "core/unread.h"

/* The entry of a VM; `make`: made if there is none, and room. */
static struct s2v_unread_vm *entry(struct s2v_unread *u, __u32 vm, __u32 tgid, bool make)
{
	__u32 i = 0;

	while (i < u->n && u->vm[i].vm != vm)
		i++;
	if (i < u->n)
		return &u->vm[i];
	if (!make || u->n == S2V_UNREAD_MOST)
		return NULL;
	u->vm[u->n] = (struct s2v_unread_vm){ .vm = vm, .tgid = tgid };
	return &u->vm[u->n++];
}

bool s2v_unread_add(struct s2v_unread *u, const struct s2v_unread_vm *what)
{
	struct s2v_unread_vm *e;

	if (!what->times && !what->over_limit && !what->guest)
		return true;
	e = entry(u, what->vm, what->tgid, true);
	if (!e)
		return false;
	e->times += what->times;
	e->over_limit += what->over_limit;
	e->guest += what->guest;
	e->guest_why |= what->guest_why;
	return true;
}

bool s2v_unread_guest(struct s2v_unread *u, __u32 vm, __u32 tgid, __u64 guest, __u32 why)
{
	struct s2v_unread_vm *e = entry(u, vm, tgid, guest);

	if (!e)
		return !guest;
	e->guest = guest;
	e->guest_why = why;
	if (!e->times && !e->over_limit && !guest) {
		u->n--;
		memmove(e, e + 1, (size_t)(&u->vm[u->n] - e) * sizeof(*e));
	}
	return true;
}

void s2v_unread_merge(struct s2v_unread *to, const struct s2v_unread *from)
{
	for (__u32 i = 0; i < from->n; i++)
		s2v_unread_add(to, &from->vm[i]);
}

struct s2v_unread_vm s2v_unread_all(const struct s2v_unread *u)
{
	struct s2v_unread_vm all = { 0 };

	for (__u32 i = 0; i < u->n; i++) {
		all.times += u->vm[i].times;
		all.over_limit += u->vm[i].over_limit;
	}
	return all;
}
