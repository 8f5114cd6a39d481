/* SPDX-License-Identifier: BSD-2-Clause */
/* A source for the trace reader: bytes in memory. */
#ifndef S2V_FUZZ_SOURCE_H
#define S2V_FUZZ_SOURCE_H

#include <string.h>

#include "trace/s2t.h"

struct bytes {
	const uint8_t *p;
	size_t len, at;
	size_t piece; /* limit of bytes for a read; 0: none */
};

static inline ssize_t read_bytes(void *ctx, void *buf, size_t len)
{
	struct bytes *b = ctx;
	size_t left = b->len - b->at, n = len < left ? len : left;

	if (b->piece && n > b->piece)
		n = b->piece;
	if (n)
		memcpy(buf, b->p + b->at, n);
	b->at += n;
	return (ssize_t)n;
}

#endif
