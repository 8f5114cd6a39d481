/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Iterates the keys of a BPF hash map. If the previous key was deleted, bpf_map_get_next_key() restarts at the first.
 * A VMM that creates and deletes memslots could make that endless, so the number of keys is bounded.
 */
#ifndef S2V_LIVE_KEYS_H
#define S2V_LIVE_KEYS_H

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>

struct s2v_keys {
	int fd;
	__u64 left; /* keys that may still be read */
};

static inline struct s2v_keys s2v_keys_of(const struct bpf_map *map)
{
	return (struct s2v_keys){ .fd = bpf_map__fd(map),
				  .left = 8ULL * bpf_map__max_entries(map) };
}

/* The key after *prev (NULL: the first) into *next. 0; -ENOENT: there is none; -E2BIG: too many keys were read. */
static inline int s2v_next_key(struct s2v_keys *k, const void *prev, void *next)
{
	if (!k->left)
		return -E2BIG;
	k->left--;
	return bpf_map_get_next_key(k->fd, prev, next);
}

#endif
