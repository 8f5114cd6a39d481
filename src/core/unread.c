// SPDX-License-Identifier: BSD-2-Clause
#include "core/unread.h"

bool s2v_unread_add(struct s2v_unread *u, __u32 vm, __u32 tgid, __u64 times, __u64 over_limit)
{
	__u32 i = 0;

	if (!times && !over_limit)
		return true;
	while (i < u->n && u->vm[i].vm != vm)
		i++;
	if (i == S2V_UNREAD_MOST)
		return false;
	if (i == u->n)
		u->vm[u->n++] = (struct s2v_unread_vm){ .vm = vm, .tgid = tgid };
	u->vm[i].times += times;
	u->vm[i].over_limit += over_limit;
	return true;
}

void s2v_unread_merge(struct s2v_unread *to, const struct s2v_unread *from)
{
	for (__u32 i = 0; i < from->n; i++)
		s2v_unread_add(to, from->vm[i].vm, from->vm[i].tgid, from->vm[i].times,
			       from->vm[i].over_limit);
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
