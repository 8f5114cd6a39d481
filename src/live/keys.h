/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Going through the keys of a BPF hash map. When the key that was last is deleted meanwhile the kernel begins anew
 * (bpf_map_get_next_key()), so whoever makes and deletes VMs or memslots could make it last: it is bounded.
 */
#ifndef S2V_LIVE_KEYS_H
#define S2V_LIVE_KEYS_H

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>

struct s2v_keys {
	int fd;
	__u64 left; /* keys that are still looked at */
};

static inline struct s2v_keys s2v_keys_of(const struct bpf_map *map)
{
	return (struct s2v_keys){ .fd = bpf_map__fd(map),
				  .left = 8ULL * bpf_map__max_entries(map) };
}

/* The key behind *prev (NULL: the first) into *next. 0; -ENOENT: there is none; -E2BIG: it has gone on for too long. */
static inline int s2v_next_key(struct s2v_keys *k, const void *prev, void *next)
{
	if (!k->left)
		return -E2BIG;
	k->left--;
	return bpf_map_get_next_key(k->fd, prev, next);
}

#endif
