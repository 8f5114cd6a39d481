// SPDX-License-Identifier: BSD-2-Clause
/*
 * Trace files: events into the body of a chunk. Events of one type, VM and vCPU are a stream; of a
 * stream each field is a column, coded by what it is: constant, ascending, or differences, their
 * bytes apart from each other (planes), so that the high ones vanish in compression.
 */
#include <errno.h>
#include <zlib.h>
#include <zstd.h>

#include "trace/private.h"

#define STREAMS_MAX 8192U
#define HASH_SIZE (4 * STREAMS_MAX)
#define LAYOUTS_MAX 64U
#define LEVEL 1
#define OWN_FRAME 1024U /* a plane from this size on has statistics of its own */

struct stream {
	__u32 layout;
	__u32 vm, key;
	__u32 n; /* events */
	__u32 from; /* in s2t_encoder.by_stream */
	__u32 next; /* stream that came behind it the last time */
};

struct s2t_encoder {
	ZSTD_CCtx *zstd;
	struct s2t_layout layouts[LAYOUTS_MAX];
	__u32 n_layouts;
	struct stream streams[STREAMS_MAX];
	__u32 n_streams;
	__u16 hash[HASH_SIZE]; /* number of a stream, plus 1 */
	const struct s2v_ev_hdr **events; /* in order */
	__u32 *by_stream; /* numbers of events: each stream's, one stream behind the other */
	__u16 *of; /* stream of each */
	__u32 n, cap;
	__u64 *col
		[3]; /* a column being coded, its differences, and those to the time that passed */
	struct s2t_buf body;
	size_t *cuts; /* where a frame ends */
	size_t n_cuts, cap_cuts;
};

struct s2t_encoder *s2t_encoder_new(void)
{
	struct s2t_encoder *e = calloc(1, sizeof(*e));

	if (!e)
		return NULL;
	e->zstd = ZSTD_createCCtx();
	if (!e->zstd) {
		free(e);
		return NULL;
	}
	return e;
}

static void free_arrays(struct s2t_encoder *e)
{
	free(e->events);
	free(e->by_stream);
	free(e->of);
	for (size_t i = 0; i < S2V_ARRAY_SIZE(e->col); i++) {
		free(e->col[i]);
		e->col[i] = NULL;
	}
	e->events = NULL;
	e->by_stream = NULL;
	e->of = NULL;
	e->cap = 0;
}

void s2t_encoder_free(struct s2t_encoder *e)
{
	if (!e)
		return;
	free_arrays(e);
	s2t_buf_free(&e->body);
	free(e->cuts);
	ZSTD_freeCCtx(e->zstd);
	free(e);
}

static bool make_room(struct s2t_encoder *e, __u32 n)
{
	if (n <= e->cap)
		return true;
	free_arrays(e);
	e->events = calloc(n, sizeof(*e->events));
	e->by_stream = calloc(n, sizeof(*e->by_stream));
	e->of = calloc(n, sizeof(*e->of));
	for (size_t i = 0; i < S2V_ARRAY_SIZE(e->col); i++)
		e->col[i] = calloc(n, sizeof(*e->col[i]));
	if (!e->events || !e->by_stream || !e->of || !e->col[0] || !e->col[1] || !e->col[2]) {
		free_arrays(e);
		return false;
	}
	e->cap = n;
	return true;
}

/* ---- which stream an event belongs to ---- */

static __u32 key_of(const struct s2v_ev_hdr *ev, __u32 at)
{
	__u32 v = 0;

	if (at)
		memcpy(&v, (const __u8 *)ev + at, sizeof(v));
	return v;
}

static int layout_of(struct s2t_encoder *e, const struct s2v_ev_hdr *ev)
{
	for (__u32 i = 0; i < e->n_layouts; i++)
		if (e->layouts[i].type == ev->type && e->layouts[i].len == ev->len)
			return (int)i;
	if (e->n_layouts == LAYOUTS_MAX)
		return -ENOSPC;
	s2t_layout_of(ev, &e->layouts[e->n_layouts]);
	return (int)e->n_layouts++;
}

/* -ENOSPC: there are as many streams as a chunk may have. */
static int stream_of(struct s2t_encoder *e, const struct s2v_ev_hdr *ev)
{
	int layout = layout_of(e, ev);
	__u32 key, h;
	struct stream *s;

	if (layout < 0)
		return layout;
	key = key_of(ev, e->layouts[layout].key);
	h = ((__u32)layout * 0x9e3779b1U ^ ev->vm * 0x85ebca6bU ^ key * 0xc2b2ae35U);
	for (h = (h ^ h >> 15) % HASH_SIZE; e->hash[h]; h = (h + 1) % HASH_SIZE) {
		s = &e->streams[e->hash[h] - 1];
		if (s->layout == (__u32)layout && s->vm == ev->vm && s->key == key)
			return e->hash[h] - 1;
	}
	if (e->n_streams == STREAMS_MAX)
		return -ENOSPC;
	s = &e->streams[e->n_streams];
	*s = (struct stream){ .layout = (__u32)layout, .vm = ev->vm, .key = key };
	e->hash[h] = (__u16)++e->n_streams;
	return (int)e->n_streams - 1;
}

/* Sorts events into streams, as many as one chunk can take; returns how many bytes they are. */
static size_t sort_events(struct s2t_encoder *e, const __u8 *events, size_t len)
{
	size_t at = 0;
	__u32 from = 0;

	memset(e->hash, 0, sizeof(e->hash));
	e->n = e->n_layouts = e->n_streams = 0;
	while (at < len) {
		const struct s2v_ev_hdr *ev = (const void *)(events + at);
		int s = stream_of(e, ev);

		if (s < 0)
			break;
		e->events[e->n] = ev;
		e->of[e->n++] = (__u16)s;
		e->streams[s].n++;
		at += s2t_round8(ev->len);
	}
	for (__u32 i = 0; i < e->n_streams; i++) {
		e->streams[i].from = from;
		from += e->streams[i].n;
		e->streams[i].n = 0;
	}
	for (__u32 i = 0; i < e->n; i++) {
		struct stream *s = &e->streams[e->of[i]];

		e->by_stream[s->from + s->n++] = i;
	}
	return at;
}

/* ---- columns ---- */

static __u64 field_at(const void *ev, __u32 at, __u32 width)
{
	const __u8 *p = (const __u8 *)ev + at;

	switch (width) {
	case 1:
		return *p;
	case 2:
		return *(const __u16 *)p;
	case 4:
		return *(const __u32 *)p;
	default:
		return *(const __u64 *)p;
	}
}

static void gather(const struct s2t_encoder *e, const struct stream *s, __u32 field, __u32 at,
		   __u32 width, __u64 *col)
{
	for (__u32 i = 0; i < s->n; i++) {
		__u32 k = e->by_stream[s->from + i];

		col[i] = field_at(e->events[k], at, width);
		/* Times are told in the order of the chunk, whatever the stream. */
		if (field == S2T_FIELD_TIME)
			col[i] -= e->events[k ? k - 1 : 0]->time;
	}
}

static __u64 magnitude(__u64 v)
{
	return (__s64)v < 0 ? -v : v;
}

static __u64 gcd(__u64 a, __u64 b)
{
	while (b) {
		__u64 r = a % b;

		a = b;
		b = r;
	}
	return a;
}

/* What a column would cost: its greatest common divisor, and bits that its numbers have. */
struct cost {
	__u64 divisor, bits;
};

static struct cost cost_of(const __u64 *v, __u32 n)
{
	struct cost c = { 0 };
	unsigned int shift;

	for (__u32 i = 0; i < n && c.divisor != 1; i++)
		if (!c.divisor || v[i] % c.divisor || (__s64)v[i] < 0)
			c.divisor = gcd(c.divisor, magnitude(v[i]));
	if (!c.divisor)
		c.divisor = 1;
	shift = 63 - (unsigned int)__builtin_clzll(c.divisor);
	for (__u32 i = 0; i < n; i++)
		c.bits += 64 - (unsigned int)__builtin_clzll((magnitude(v[i]) >> shift) | 1);
	return c;
}

static void cut(struct s2t_encoder *e)
{
	size_t *p;

	if (e->n_cuts && e->cuts[e->n_cuts - 1] == e->body.len)
		return;
	if (e->n_cuts == e->cap_cuts) {
		p = realloc(e->cuts, (e->cap_cuts + 64) * sizeof(*p));
		if (!p)
			return; /* what follows shares a frame: larger, not wrong */
		e->cuts = p;
		e->cap_cuts += 64;
	}
	e->cuts[e->n_cuts++] = e->body.len;
}

static void put_plane(struct s2t_encoder *e, const __u64 *v, __u32 n, unsigned int shift)
{
	__u8 *to;

	if (n >= OWN_FRAME)
		cut(e);
	to = s2t_extend(&e->body, n);
	for (__u32 i = 0; to && i < n; i++)
		to[i] = (__u8)(v[i] >> shift);
	if (n >= OWN_FRAME)
		cut(e);
}

/* Numbers divided and zigzagged, as planes; v is spoilt. */
static void put_planes(struct s2t_encoder *e, __u64 *v, __u32 n, __u64 divisor, bool reported_first,
		       __u64 first)
{
	unsigned int width = 1;
	__u64 all = 0;

	for (__u32 i = 0; i < n; i++) {
		v[i] = s2t_zigzag(divisor == 1 ? (__s64)v[i] : (__s64)v[i] / (__s64)divisor);
		all |= v[i];
	}
	while (width < 8 && all >> (8 * width))
		width++;
	s2t_put_le(&e->body, width, 1);
	s2t_put_varint(&e->body, divisor);
	if (reported_first)
		s2t_put_varint(&e->body, first);
	for (unsigned int i = 0; i < width; i++)
		put_plane(e, v, n, 8 * i);
}

/* Is the column an earlier one, but for a constant? The earlier one's number, or -1. */
static int same_as(const struct s2t_encoder *e, const struct stream *s, __u32 field,
		   const __u64 *col)
{
	const struct s2t_layout *l = &e->layouts[s->layout];
	__u32 at = 0;

	for (__u32 f = 0; f < field; at += l->width[f++]) {
		__u64 diff = 0;
		__u32 i;

		if (f <= S2T_FIELD_TIME || l->width[f] != 8)
			continue;
		for (i = 0; i < s->n; i++) {
			const void *ev = e->events[e->by_stream[s->from + i]];
			__u64 d = col[i] - field_at(ev, at, 8);

			if (i && d != diff)
				break;
			diff = d;
		}
		if (i == s->n)
			return (int)f;
	}
	return -1;
}

/* The column is the same for all, or ascends by the same: coded, true. */
static bool put_regular(struct s2t_encoder *e, const __u64 *col, __u32 n)
{
	__u64 step = n > 1 ? col[1] - col[0] : 0;

	for (__u32 i = 1; i < n; i++)
		if (col[i] - col[i - 1] != step)
			return false;
	s2t_put_le(&e->body, step ? S2T_LINEAR : S2T_CONST, 1);
	s2t_put_varint(&e->body, col[0]);
	if (step)
		s2t_put_varint(&e->body, s2t_zigzag((__s64)step));
	return true;
}

/* The column is an earlier one, but for a constant: coded, true. */
static bool put_offset(struct s2t_encoder *e, const struct stream *s, __u32 field, const __u64 *col)
{
	const struct s2t_layout *l = &e->layouts[s->layout];
	int from = same_as(e, s, field, col);
	__u32 at = 0;

	if (from < 0)
		return false;
	for (int f = 0; f < from; f++)
		at += l->width[f];
	s2t_put_le(&e->body, S2T_OFFSET, 1);
	s2t_put_varint(&e->body, (__u64)from);
	s2t_put_varint(
		&e->body,
		s2t_zigzag((__s64)(col[0] - field_at(e->events[e->by_stream[s->from]], at, 8))));
	return true;
}

/* The time since the stream's last event, less the column: small where that is a duration. */
static void since(const struct s2t_encoder *e, const struct stream *s, const __u64 *col, __u64 *to)
{
	__u64 last = e->events[e->by_stream[s->from]]->time;

	for (__u32 i = 0; i < s->n; i++) {
		__u64 time = e->events[e->by_stream[s->from + i]]->time;

		to[i] = time - last - col[i];
		last = time;
	}
}

static void put_column(struct s2t_encoder *e, const struct stream *s, __u32 field, __u32 at)
{
	__u32 width = e->layouts[s->layout].width[field];
	__u64 *col = e->col[0], *diff = e->col[1], *gap = e->col[2];
	bool wide = width == 8 && field != S2T_FIELD_TIME;
	struct cost plain, delta, ago = { 0 };

	gather(e, s, field, at, width, col);
	if (put_regular(e, col, s->n) || (wide && put_offset(e, s, field, col)))
		return;
	for (__u32 i = 1; i < s->n; i++)
		diff[i - 1] = col[i] - col[i - 1];
	plain = cost_of(col, s->n);
	delta = cost_of(diff, s->n - 1);
	if (wide) {
		since(e, s, col, gap);
		ago = cost_of(gap, s->n);
	}
	if (wide && ago.bits < plain.bits && ago.bits < delta.bits) {
		s2t_put_le(&e->body, S2T_SINCE, 1);
		put_planes(e, gap, s->n, ago.divisor, false, 0);
	} else if (plain.bits <= delta.bits || field == S2T_FIELD_TIME) {
		s2t_put_le(&e->body, S2T_VALUES, 1);
		put_planes(e, col, s->n, plain.divisor, false, 0);
	} else {
		s2t_put_le(&e->body, S2T_DELTAS, 1);
		put_planes(e, diff, s->n - 1, delta.divisor, true, col[0]);
	}
}

/* Which stream comes next: 0 where it is the one that came behind this one the last time. */
static void put_order(struct s2t_encoder *e)
{
	__u64 *code = e->col[0];
	__u32 at = 0;

	for (__u32 i = 0; i < e->n_streams; i++)
		e->streams[i].next = i;
	for (__u32 i = 0; i < e->n; i++) {
		__u32 s = e->of[i];

		code[i] = e->streams[at].next == s ? 0 : s + 1;
		e->streams[at].next = s;
		at = s;
	}
	put_plane(e, code, e->n, 0);
	if (e->n_streams >= 255)
		put_plane(e, code, e->n, 8);
}

static void make_body(struct s2t_encoder *e)
{
	e->body.len = 0;
	e->body.failed = false;
	e->n_cuts = 0;
	s2t_put_varint(&e->body, e->n_layouts);
	for (__u32 i = 0; i < e->n_layouts; i++) {
		const struct s2t_layout *l = &e->layouts[i];

		s2t_put_varint(&e->body, l->type);
		s2t_put_varint(&e->body, l->len);
		s2t_put_varint(&e->body, l->n);
		s2t_put(&e->body, l->width, l->n);
	}
	s2t_put_varint(&e->body, e->n_streams);
	for (__u32 i = 0; i < e->n_streams; i++) {
		s2t_put_varint(&e->body, e->streams[i].layout);
		s2t_put_varint(&e->body, e->streams[i].n);
	}
	s2t_put_varint(&e->body, e->events[0]->time);
	put_order(e);
	for (__u32 i = 0; i < e->n_streams; i++) {
		const struct s2t_layout *l = &e->layouts[e->streams[i].layout];
		__u32 at = 0;

		/* Type and length are the layout's. */
		for (__u32 f = 0; f < l->n; at += l->width[f++])
			if (f >= S2T_FIELD_TIME)
				put_column(e, &e->streams[i], f, at);
	}
}

/* ---- chunks ---- */

/* Heads and compresses: the body in frames that end where `cuts` say. 0 or -errno. */
static int put_chunk(struct s2t_encoder *e, const struct s2t_buf *body, const size_t *cuts,
		     size_t n_cuts, struct s2t_chunk_head *head, struct s2t_buf *out)
{
	size_t start = out->len, at = 0;

	if (body->failed || !s2t_extend(out, S2T_CHUNK_HEAD))
		return -ENOMEM;
	for (size_t i = 0; i <= n_cuts; i++) {
		size_t end = i < n_cuts ? cuts[i] : body->len, room = ZSTD_compressBound(end - at);
		__u8 *to;
		size_t n;

		if (end == at)
			continue;
		to = s2t_extend(out, room);
		if (!to)
			return -ENOMEM;
		n = ZSTD_compressCCtx(e->zstd, to, room, body->p + at, end - at, LEVEL);
		if (ZSTD_isError(n))
			return -ENOMEM; /* its only reason here */
		out->len -= room - n;
		at = end;
	}
	head->body = (__u32)body->len;
	head->stored = (__u32)(out->len - start - S2T_CHUNK_HEAD);
	head->crc = (__u32)crc32(0, out->p + start + S2T_CHUNK_HEAD, head->stored);
	s2t_put_chunk_head(out->p + start, head);
	return head->stored > S2T_BODY_MAX || body->len > S2T_BODY_MAX ? -EFBIG : 0;
}

int s2t_encode_body(struct s2t_encoder *e, const struct s2t_buf *body, struct s2t_chunk_head *head,
		    struct s2t_buf *out)
{
	head->count = 0;
	head->first = head->last = 0;
	return put_chunk(e, body, NULL, 0, head, out);
}

ssize_t s2t_encode_events(struct s2t_encoder *e, const __u8 *events, size_t len,
			  struct s2t_chunk_head *head, struct s2t_buf *out)
{
	size_t took;
	int err;

	/* No event is shorter than its header. */
	if (!make_room(e, (__u32)(len / sizeof(struct s2v_ev_hdr))))
		return -ENOMEM;
	took = sort_events(e, events, len);
	head->count = e->n;
	head->first = e->events[0]->time;
	head->last = head->first;
	for (__u32 i = 1; i < e->n; i++) {
		if (e->events[i]->time < head->first)
			head->first = e->events[i]->time;
		if (e->events[i]->time > head->last)
			head->last = e->events[i]->time;
	}
	make_body(e);
	err = put_chunk(e, &e->body, e->cuts, e->n_cuts, head, out);
	return err ? err : (ssize_t)took;
}
