// SPDX-License-Identifier: BSD-2-Clause
/* Trace files: buffers, numbers, headers. All numbers are little-endian. */
#include <errno.h>
#include <zlib.h>

#include "trace/private.h"

__u8 *s2t_extend(struct s2t_buf *b, size_t len)
{
	size_t cap = b->cap ? b->cap : 4096;
	__u8 *p;

	if (b->failed)
		return NULL;
	while (cap - b->len < len)
		cap *= 2;
	if (cap != b->cap) {
		p = realloc(b->p, cap);
		if (!p) {
			b->failed = true;
			return NULL;
		}
		b->p = p;
		b->cap = cap;
	}
	p = b->p + b->len;
	b->len += len;
	return p;
}

void s2t_put(struct s2t_buf *b, const void *p, size_t len)
{
	__u8 *to = s2t_extend(b, len);

	if (to && len)
		memcpy(to, p, len);
}

void s2t_put_varint(struct s2t_buf *b, __u64 v)
{
	__u8 bytes[10];
	size_t n = 0;

	for (; v >= 0x80; v >>= 7)
		bytes[n++] = (__u8)(v | 0x80);
	bytes[n++] = (__u8)v;
	s2t_put(b, bytes, n);
}

static void store_le(__u8 *to, __u64 v, unsigned int bytes)
{
	for (unsigned int i = 0; i < bytes; i++)
		to[i] = (__u8)(v >> (8 * i));
}

static __u64 load_le(const __u8 *from, unsigned int bytes)
{
	__u64 v = 0;

	for (unsigned int i = 0; i < bytes; i++)
		v |= (__u64)from[i] << (8 * i);
	return v;
}

void s2t_put_le(struct s2t_buf *b, __u64 v, unsigned int bytes)
{
	__u8 *to = s2t_extend(b, bytes);

	if (to)
		store_le(to, v, bytes);
}

void s2t_buf_free(struct s2t_buf *b)
{
	free(b->p);
	*b = (struct s2t_buf){ 0 };
}

const __u8 *s2t_take(struct s2t_cursor *c, size_t len)
{
	const __u8 *p = c->p;

	if (c->failed || (size_t)(c->end - c->p) < len) {
		c->failed = true;
		return NULL;
	}
	c->p += len;
	return p;
}

__u64 s2t_take_varint(struct s2t_cursor *c)
{
	__u64 v = 0;

	for (unsigned int shift = 0; shift < 64; shift += 7) {
		const __u8 *p = s2t_take(c, 1);

		if (!p)
			return 0;
		v |= (__u64)(*p & 0x7f) << shift;
		if (!(*p & 0x80))
			return v;
	}
	c->failed = true;
	return 0;
}

__u64 s2t_take_le(struct s2t_cursor *c, unsigned int bytes)
{
	const __u8 *p = s2t_take(c, bytes);

	return p ? load_le(p, bytes) : 0;
}

void s2t_put_chunk_head(__u8 to[S2T_CHUNK_HEAD], const struct s2t_chunk_head *h)
{
	memset(to, 0, S2T_CHUNK_HEAD);
	store_le(to, S2T_CHUNK_MAGIC, 4);
	to[4] = h->kind;
	store_le(to + 8, h->seq, 4);
	store_le(to + 12, h->stored, 4);
	store_le(to + 16, h->body, 4);
	store_le(to + 20, h->count, 4);
	store_le(to + 24, h->first, 8);
	store_le(to + 32, h->last, 8);
	store_le(to + 40, h->lost, 8);
	store_le(to + 48, h->crc, 4);
	store_le(to + 60, crc32(0, to, 60), 4);
}

bool s2t_get_chunk_head(const __u8 from[S2T_CHUNK_HEAD], struct s2t_chunk_head *h)
{
	if (load_le(from, 4) != S2T_CHUNK_MAGIC ||
	    (S2T_CHECKED && load_le(from + 60, 4) != crc32(0, from, 60)))
		return false;
	h->kind = from[4];
	h->seq = (__u32)load_le(from + 8, 4);
	h->stored = (__u32)load_le(from + 12, 4);
	h->body = (__u32)load_le(from + 16, 4);
	h->count = (__u32)load_le(from + 20, 4);
	h->first = load_le(from + 24, 8);
	h->last = load_le(from + 32, 8);
	h->lost = load_le(from + 40, 8);
	h->crc = (__u32)load_le(from + 48, 4);
	return h->stored <= S2T_BODY_MAX && h->body <= S2T_BODY_MAX;
}

void s2t_put_head(__u8 to[S2T_HEAD_LEN], __u32 flags)
{
	memset(to, 0, S2T_HEAD_LEN);
	memcpy(to, S2T_MAGIC, 8);
	store_le(to + 8, S2T_MAJOR, 2);
	store_le(to + 10, S2T_MINOR, 2);
	store_le(to + 12, S2T_HEAD_LEN, 4);
	store_le(to + 16, flags, 4);
	store_le(to + 28, crc32(0, to, 28), 4);
}
