// SPDX-License-Identifier: BSD-2-Clause
/*
 * Trace files: encodes events into the body of a chunk. Events of one type, VM and vCPU are a
 * stream; each field of a stream is a column with the cheapest of several encodings (enum s2t_mode).
 * Numbers are split into planes, one for each byte, so that the high bytes compress well.
 */
#include <errno.h>
#include <zlib.h>
#include <zstd.h>

#include "trace/private.h"

#define STREAMS_MAX 8192U
#define HASH_SIZE (4 * STREAMS_MAX)
#define LAYOUTS_MAX 64U
#define ZSTD_LEVEL 1
#define OWN_FRAME_MIN 1024U /* a plane of at least this size gets its own zstd frame */

struct stream {
	__u32 layout;
	__u32 vm, key;
	__u32 n; /* events */
	__u32 from; /* index of its first event in s2t_encoder.by_stream */
	__u32 next; /* the stream that followed this one the last time */
};

struct s2t_encoder {
	ZSTD_CCtx *zstd;
	struct s2t_layout layouts[LAYOUTS_MAX];
	__u32 n_layouts;
	struct stream streams[STREAMS_MAX];
	__u32 n_streams;
	__u16 hash[HASH_SIZE]; /* number of a stream, plus 1; 0: free */
	const struct s2v_ev_hdr **events; /* in the order of the chunk */
	__u32 *by_stream; /* indexes of events, grouped by stream */
	__u16 *stream; /* stream of each event */
	__u32 n, cap;
	__u64 *col[3]; /* a column, its differences, its differences to the time that passed */
	struct s2t_buf body;
	size_t *cuts; /* offsets in body where a zstd frame ends */
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
	free(e->stream);
	for (size_t i = 0; i < S2V_ARRAY_SIZE(e->col); i++) {
		free(e->col[i]);
		e->col[i] = NULL;
	}
	e->events = NULL;
	e->by_stream = NULL;
	e->stream = NULL;
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

static bool reserve(struct s2t_encoder *e, __u32 n)
{
	if (n <= e->cap)
		return true;
	free_arrays(e);
	e->events = calloc(n, sizeof(*e->events));
	e->by_stream = calloc(n, sizeof(*e->by_stream));
	e->stream = calloc(n, sizeof(*e->stream));
	for (size_t i = 0; i < S2V_ARRAY_SIZE(e->col); i++)
		e->col[i] = calloc(n, sizeof(*e->col[i]));
	if (!e->events || !e->by_stream || !e->stream || !e->col[0] || !e->col[1] || !e->col[2]) {
		free_arrays(e);
		return false;
	}
	e->cap = n;
	return true;
}

/* ---- streams ---- */

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

/* The number of the event's stream; -ENOSPC: the chunk has no room for a new one. */
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

/* Sorts events into streams until the chunk has no room for a new stream; returns their bytes. */
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
		e->stream[e->n++] = (__u16)s;
		e->streams[s].n++;
		at += s2t_round8(ev->len);
	}
	for (__u32 i = 0; i < e->n_streams; i++) {
		e->streams[i].from = from;
		from += e->streams[i].n;
		e->streams[i].n = 0;
	}
	for (__u32 i = 0; i < e->n; i++) {
		struct stream *s = &e->streams[e->stream[i]];

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
		/* A time is stored as the difference to the previous event of the chunk, in any stream. */
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

/* Of a column: the greatest common divisor, and the sum of bits of the divided numbers. */
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

static void end_frame(struct s2t_encoder *e)
{
	size_t *p;

	if (e->n_cuts && e->cuts[e->n_cuts - 1] == e->body.len)
		return;
	if (e->n_cuts == e->cap_cuts) {
		p = realloc(e->cuts, (e->cap_cuts + 64) * sizeof(*p));
		if (!p)
			return; /* both planes share a frame: valid, but larger */
		e->cuts = p;
		e->cap_cuts += 64;
	}
	e->cuts[e->n_cuts++] = e->body.len;
}

static void put_plane(struct s2t_encoder *e, const __u64 *v, __u32 n, unsigned int shift)
{
	__u8 *to;

	if (n >= OWN_FRAME_MIN)
		end_frame(e);
	to = s2t_extend(&e->body, n);
	for (__u32 i = 0; to && i < n; i++)
		to[i] = (__u8)(v[i] >> shift);
	if (n >= OWN_FRAME_MIN)
		end_frame(e);
}

/* Divides and zigzags numbers, and puts them as planes; overwrites v. */
static void put_planes(struct s2t_encoder *e, __u64 *v, __u32 n, __u64 divisor, bool has_first,
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
	if (has_first)
		s2t_put_varint(&e->body, first);
	for (unsigned int i = 0; i < width; i++)
		put_plane(e, v, n, 8 * i);
}

/* An earlier field from which the column differs by a constant, or -1. */
static int constant_offset_from(const struct s2t_encoder *e, const struct stream *s, __u32 field,
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

/* If the column is constant or linear, encodes it and returns true. */
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

/* If the column differs from an earlier one by a constant, encodes it and returns true. */
static bool put_offset(struct s2t_encoder *e, const struct stream *s, __u32 field, const __u64 *col)
{
	const struct s2t_layout *l = &e->layouts[s->layout];
	int from = constant_offset_from(e, s, field, col);
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

/* The time since the stream's previous event, minus the column: small if the column is a duration. */
static void since_previous(const struct s2t_encoder *e, const struct stream *s, const __u64 *col,
			   __u64 *to)
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
	struct cost values, deltas, since = { 0 };

	gather(e, s, field, at, width, col);
	if (put_regular(e, col, s->n) || (wide && put_offset(e, s, field, col)))
		return;
	for (__u32 i = 1; i < s->n; i++)
		diff[i - 1] = col[i] - col[i - 1];
	values = cost_of(col, s->n);
	deltas = cost_of(diff, s->n - 1);
	if (wide) {
		since_previous(e, s, col, gap);
		since = cost_of(gap, s->n);
	}
	if (wide && since.bits < values.bits && since.bits < deltas.bits) {
		s2t_put_le(&e->body, S2T_SINCE, 1);
		put_planes(e, gap, s->n, since.divisor, false, 0);
	} else if (values.bits <= deltas.bits || field == S2T_FIELD_TIME) {
		s2t_put_le(&e->body, S2T_VALUES, 1);
		put_planes(e, col, s->n, values.divisor, false, 0);
	} else {
		s2t_put_le(&e->body, S2T_DELTAS, 1);
		put_planes(e, diff, s->n - 1, deltas.divisor, true, col[0]);
	}
}

/* The stream of each event, plus 1; 0 if it is the one that followed the current stream last time. */
static void put_order(struct s2t_encoder *e)
{
	__u64 *code = e->col[0];
	__u32 at = 0;

	for (__u32 i = 0; i < e->n_streams; i++)
		e->streams[i].next = i;
	for (__u32 i = 0; i < e->n; i++) {
		__u32 s = e->stream[i];

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

		/* Type and length are in the layout. */
		for (__u32 f = 0; f < l->n; at += l->width[f++])
			if (f >= S2T_FIELD_TIME)
				put_column(e, &e->streams[i], f, at);
	}
}

/* ---- chunks ---- */

/* Appends a chunk: its header, and the body as zstd frames that end at `cuts`. 0 or -errno. */
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
		n = ZSTD_compressCCtx(e->zstd, to, room, body->p + at, end - at, ZSTD_LEVEL);
		if (ZSTD_isError(n))
			return -ENOMEM; /* no other error is possible here */
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
	size_t encoded;
	int err;

	/* An event has at least its header, so this many are enough. */
	if (!reserve(e, (__u32)(len / sizeof(struct s2v_ev_hdr))))
		return -ENOMEM;
	encoded = sort_events(e, events, len);
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
	return err ? err : (ssize_t)encoded;
}
