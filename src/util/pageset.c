// SPDX-License-Identifier: BSD-2-Clause
/* A hash of bitmaps of 512 pages, each a 2 MiB block with 4 KiB pages. */
#include <stdlib.h>
#include <uthash.h>

#include "util/pageset.h"

#define CHUNK_PAGES 512

struct s2v_pageset_chunk {
	__u64 number; /* of the first page, divided by CHUNK_PAGES */
	__u64 bits[CHUNK_PAGES / 64];
	UT_hash_handle hh;
};

static struct s2v_pageset_chunk *chunk_of(struct s2v_pageset *s, __u64 page, bool make)
{
	struct s2v_pageset_chunk *c;
	__u64 number = page / CHUNK_PAGES;

	if (s->last && s->last->number == number)
		return s->last;
	HASH_FIND(hh, s->chunks, &number, sizeof(number), c);
	if (c)
		s->last = c;
	if (c || !make)
		return c;
	c = calloc(1, sizeof(*c));
	if (!c)
		return NULL;
	c->number = number;
	HASH_ADD(hh, s->chunks, number, sizeof(c->number), c);
	return c;
}

int s2v_pageset_add(struct s2v_pageset *s, __u64 first, __u64 n)
{
	for (__u64 page = first; page - first < n; page++) {
		struct s2v_pageset_chunk *c = chunk_of(s, page, true);
		__u64 bit = 1ULL << (page % 64);

		if (!c)
			return -1;
		if (!(c->bits[page % CHUNK_PAGES / 64] & bit))
			s->pages++;
		c->bits[page % CHUNK_PAGES / 64] |= bit;
	}
	return 0;
}

/* Removes the range's pages that are in chunk c; returns how many were in the set. */
static __u64 remove_from(struct s2v_pageset_chunk *c, __u64 first, __u64 n)
{
	__u64 start = c->number * CHUNK_PAGES, removed = 0;

	for (__u64 i = first > start ? first - start : 0; i < CHUNK_PAGES; i++) {
		__u64 bit = 1ULL << (i % 64);

		if (start + i - first >= n)
			break;
		removed += !!(c->bits[i / 64] & bit);
		c->bits[i / 64] &= ~bit;
	}
	return removed;
}

__u64 s2v_pageset_remove(struct s2v_pageset *s, __u64 first, __u64 n)
{
	struct s2v_pageset_chunk *c, *next;
	__u64 removed = 0;

	if (!n)
		return 0;
	/* The host may unmap a whole memslot of which few pages are in the set. */
	if (n / CHUNK_PAGES > HASH_COUNT(s->chunks)) {
		HASH_ITER(hh, s->chunks, c, next)
		if (c->number >= first / CHUNK_PAGES && c->number <= (first + n - 1) / CHUNK_PAGES)
			removed += remove_from(c, first, n);
	} else {
		for (__u64 i = first / CHUNK_PAGES; i <= (first + n - 1) / CHUNK_PAGES; i++) {
			c = chunk_of(s, i * CHUNK_PAGES, false);
			if (c)
				removed += remove_from(c, first, n);
		}
	}
	s->pages -= removed;
	return removed;
}

int s2v_pageset_move(struct s2v_pageset *to, struct s2v_pageset *from)
{
	struct s2v_pageset_chunk *c, *next;
	int err = 0;

	HASH_ITER(hh, from->chunks, c, next)
	for (__u64 i = 0; i < CHUNK_PAGES; i++)
		if (c->bits[i / 64] >> (i % 64) & 1)
			err |= s2v_pageset_add(to, c->number * CHUNK_PAGES + i, 1);
	s2v_pageset_clear(from);
	return err;
}

void s2v_pageset_clear(struct s2v_pageset *s)
{
	struct s2v_pageset_chunk *c, *next;

	HASH_ITER(hh, s->chunks, c, next)
	{
		HASH_DEL(s->chunks, c);
		free(c);
	}
	s->last = NULL;
	s->pages = 0;
}
