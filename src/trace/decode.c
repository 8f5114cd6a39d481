// SPDX-License-Identifier: BSD-2-Clause
/* Trace files: decodes the body of a chunk into events. The body is not trusted. */
#include <errno.h>

#include "trace/private.h"

_Static_assert(offsetof(struct s2v_ev_page, gpa_low) == S2V_EV_PAGE_V0,
	       "length in older recordings");

#define STREAMS_MAX 65536U
#define LAYOUTS_MAX 1024U

struct layout {
	struct s2t_layout l;
	__u32 at[S2T_FIELDS_MAX]; /* offsets of the fields */
};

struct stream {
	const struct layout *layout;
	__u32 n, stride, len; /* events, bytes between them, bytes of each as returned */
	__u8 *events; /* in s2t_decoder.events */
	__u8 *next; /* the next event to return */
	__u32 follows; /* the stream that followed this one the last time */
	struct s2t_cursor columns; /* after the column of times */
};

struct s2t_decoder {
	struct layout *layouts;
	struct stream *streams;
	size_t cap_layouts, cap_streams;
	__u32 n_layouts, n_streams;
	__u8 *events;
	size_t cap_events;
	__u64 *col; /* a column */
	size_t cap_col;
	const __u8 *order[2]; /* planes; the second is NULL with fewer than 255 streams */
	__u32 n, i; /* events, and how many were returned */
	__u32 last; /* stream of the last event */
};

struct s2t_decoder *s2t_decoder_new(void)
{
	return calloc(1, sizeof(struct s2t_decoder));
}

void s2t_decoder_free(struct s2t_decoder *d)
{
	if (!d)
		return;
	free(d->layouts);
	free(d->streams);
	free(d->events);
	free(d->col);
	free(d);
}

/* Grows an array to n elements; its contents are lost. */
static bool grow(void *array, size_t *cap, size_t n, size_t size)
{
	void **p = array;

	if (n <= *cap)
		return true;
	free(*p);
	*p = calloc(n, size);
	*cap = *p ? n : 0;
	return *p != NULL;
}

static int get_layouts(struct s2t_decoder *d, struct s2t_cursor *c)
{
	__u64 n = s2t_take_varint(c);

	if (c->failed || n > LAYOUTS_MAX)
		return -EBADMSG;
	if (!grow(&d->layouts, &d->cap_layouts, n, sizeof(*d->layouts)))
		return -ENOMEM;
	d->n_layouts = (__u32)n;
	for (__u32 i = 0; i < n; i++) {
		struct layout *l = &d->layouts[i];
		__u64 type = s2t_take_varint(c), len = s2t_take_varint(c),
		      fields = s2t_take_varint(c);
		const __u8 *width;
		__u32 at = 0;

		if (c->failed || type > 0xffffffffU || len > S2T_EVENT_MAX ||
		    fields > S2T_FIELDS_MAX)
			return -EBADMSG;
		width = s2t_take(c, fields);
		if (!width)
			return -EBADMSG;
		l->l.type = (__u32)type;
		l->l.len = (__u32)len;
		l->l.n = (__u32)fields;
		memcpy(l->l.width, width, fields);
		if (!s2t_layout_sound(&l->l))
			return -EBADMSG;
		for (__u32 f = 0; f < fields; at += width[f++])
			l->at[f] = at;
	}
	return 0;
}

/* The present length of an event type: fields that older recordings do not have become 0. */
static __u32 current_length(const struct s2t_layout *l)
{
	bool page = l->type == S2V_EV_MAP || l->type == S2V_EV_PERM || l->type == S2V_EV_FAULT;

	return page && l->len == S2V_EV_PAGE_V0 ? sizeof(struct s2v_ev_page) : l->len;
}

static int get_streams(struct s2t_decoder *d, struct s2t_cursor *c)
{
	__u64 n = s2t_take_varint(c), total = 0, stored = 0, bytes = 0, most = 0;
	size_t at = 0;

	if (c->failed || n > STREAMS_MAX)
		return -EBADMSG;
	if (!grow(&d->streams, &d->cap_streams, n, sizeof(*d->streams)))
		return -ENOMEM;
	d->n_streams = (__u32)n;
	for (__u32 i = 0; i < n; i++) {
		struct stream *s = &d->streams[i];
		__u64 layout = s2t_take_varint(c), events = s2t_take_varint(c);

		if (c->failed || layout >= d->n_layouts || !events || events > d->n)
			return -EBADMSG;
		s->layout = &d->layouts[layout];
		s->len = current_length(&s->layout->l);
		s->stride = (__u32)s2t_round8(s->len);
		s->n = (__u32)events;
		s->follows = i;
		total += events;
		stored += events * s2t_round8(s->layout->l.len);
		bytes += events * s->stride;
		if (events > most)
			most = events;
		if (stored > S2T_CHUNK_EVENTS)
			return -EBADMSG;
	}
	if (total != d->n)
		return -EBADMSG;
	if (!grow(&d->events, &d->cap_events, bytes, 1) ||
	    !grow(&d->col, &d->cap_col, most, sizeof(*d->col)))
		return -ENOMEM;
	for (__u32 i = 0; i < n; i++) {
		d->streams[i].events = d->streams[i].next = d->events + at;
		at += (size_t)d->streams[i].n * d->streams[i].stride;
	}
	return 0;
}

/* Stores are aligned: offsets are multiples of the width, and events begin at multiples of 8. */
static void store(const struct stream *s, __u32 field, const __u64 *col)
{
	__u8 *to = s->events + s->layout->at[field];
	size_t stride = s->stride;

	switch (s->layout->l.width[field]) {
	case 1:
		for (__u32 i = 0; i < s->n; i++, to += stride)
			*to = (__u8)col[i];
		break;
	case 2:
		for (__u32 i = 0; i < s->n; i++, to += stride)
			*(__u16 *)to = (__u16)col[i];
		break;
	case 4:
		for (__u32 i = 0; i < s->n; i++, to += stride)
			*(__u32 *)to = (__u32)col[i];
		break;
	default:
		for (__u32 i = 0; i < s->n; i++, to += stride)
			*(__u64 *)to = col[i];
		break;
	}
}

/* Stores a value in the first event; begin_stream() copies it to the others. */
static void store_one(const struct stream *s, __u32 field, __u64 v)
{
	struct stream first = *s;

	first.n = 1;
	store(&first, field, &v);
}

/* Joins planes to numbers, unzigzags and multiplies them. */
static bool get_planes(struct s2t_cursor *c, __u64 *col, __u32 n, unsigned int width, __u64 divisor)
{
	const __u8 *p = s2t_take(c, (size_t)n * width);

	if (!p)
		return false;
	for (__u32 i = 0; i < n; i++)
		col[i] = p[i];
	for (unsigned int w = 1; w < width; w++) {
		p += n;
		for (__u32 i = 0; i < n; i++)
			col[i] |= (__u64)p[i] << (8 * w);
	}
	for (__u32 i = 0; i < n; i++)
		col[i] = (__u64)s2t_unzigzag(col[i]) * divisor;
	return true;
}

static bool get_numbers(struct s2t_decoder *d, struct s2t_cursor *c, const struct stream *s,
			__u32 field, unsigned int mode)
{
	const bool deltas = mode == S2T_DELTAS;
	__u64 width = s2t_take_le(c, 1), divisor = s2t_take_varint(c);
	__u64 v = deltas ? s2t_take_varint(c) : 0;
	const __u8 *time = s->events + s->layout->at[S2T_FIELD_TIME];
	__u64 *col = d->col;

	if (width < 1 || width > 8 ||
	    !get_planes(c, col + deltas, s->n - deltas, (unsigned int)width, divisor))
		return false;
	if (deltas) {
		for (__u32 i = 1; i < s->n; i++) {
			col[i - 1] = v;
			v += col[i];
		}
		col[s->n - 1] = v;
	} else if (mode == S2T_SINCE) {
		v = *(const __u64 *)time;
		for (__u32 i = 0; i < s->n; i++, time += s->stride) {
			col[i] = *(const __u64 *)time - v - col[i];
			v = *(const __u64 *)time;
		}
	}
	store(s, field, col);
	return true;
}

/* Decodes a column that is not constant; constants are in every event already. */
static bool get_column(struct s2t_decoder *d, struct s2t_cursor *c, const struct stream *s,
		       __u32 field, unsigned int mode)
{
	__u64 v, step;
	const __u8 *from;

	switch (mode) {
	case S2T_LINEAR:
		v = s2t_take_varint(c);
		step = (__u64)s2t_unzigzag(s2t_take_varint(c));
		for (__u32 i = 0; i < s->n; i++, v += step)
			d->col[i] = v;
		break;
	case S2T_OFFSET:
		v = s2t_take_varint(c);
		step = (__u64)s2t_unzigzag(s2t_take_varint(c));
		if (v >= field || s->layout->l.width[v] != 8)
			return false;
		from = s->events + s->layout->at[v];
		for (__u32 i = 0; i < s->n; i++, from += s->stride)
			d->col[i] = *(const __u64 *)from + step;
		break;
	case S2T_VALUES:
	case S2T_DELTAS:
	case S2T_SINCE:
		return get_numbers(d, c, s, field, mode);
	default:
		return false;
	}
	store(s, field, d->col);
	return true;
}

/* Skips a column that is not constant. */
static bool skip_column(struct s2t_cursor *c, const struct stream *s, unsigned int mode)
{
	__u64 width, n = s->n - (mode == S2T_DELTAS);

	if (mode == S2T_LINEAR || mode == S2T_OFFSET) {
		s2t_take_varint(c);
		s2t_take_varint(c);
		return true;
	}
	width = s2t_take_le(c, 1);
	s2t_take_varint(c);
	if (mode == S2T_DELTAS)
		s2t_take_varint(c);
	return width <= 8 && s2t_take(c, n * width);
}

/*
 * Sets the constant columns in all events, and their times, which are still differences in the
 * order of the chunk.
 */
static bool begin_stream(struct s2t_decoder *d, struct s2t_cursor *c, struct stream *s)
{
	const struct s2t_layout *l = &s->layout->l;
	__u64 mode;

	s->columns = *c;
	memset(s->events, 0, s->stride);
	store_one(s, 0, l->type);
	store_one(s, 1, s->len);
	for (__u32 f = S2T_FIELD_TIME; f < l->n; f++) {
		mode = s2t_take_le(c, 1);
		if (mode == S2T_CONST)
			store_one(s, f, s2t_take_varint(c));
		else if (mode >= S2T_MODES || !skip_column(c, s, (unsigned int)mode))
			return false;
	}
	if (c->failed)
		return false;
	for (__u32 i = 1; i < s->n; i++)
		memcpy(s->events + (size_t)i * s->stride, s->events, s->stride);
	mode = s2t_take_le(&s->columns, 1);
	if (mode == S2T_CONST)
		s2t_take_varint(&s->columns);
	else if (mode == S2T_OFFSET || mode == S2T_SINCE ||
		 !get_column(d, &s->columns, s, S2T_FIELD_TIME, (unsigned int)mode))
		return false;
	return true;
}

/* Decodes the other columns. */
static bool end_stream(struct s2t_decoder *d, struct stream *s)
{
	struct s2t_cursor *c = &s->columns;

	for (__u32 f = S2T_FIELD_TIME + 1; f < s->layout->l.n; f++) {
		__u64 mode = s2t_take_le(c, 1);

		if (mode == S2T_CONST)
			s2t_take_varint(c);
		else if (!get_column(d, c, s, f, (unsigned int)mode))
			return false;
	}
	return true;
}

/* The next event in the order of the chunk, or NULL if its stream has no event left. */
static struct s2v_ev_hdr *next_event(struct s2t_decoder *d, __u32 i)
{
	__u32 code = d->order[0][i] | (d->order[1] ? (__u32)d->order[1][i] << 8 : 0);
	struct stream *s = &d->streams[d->last];
	__u8 *ev;

	if (code > d->n_streams)
		return NULL;
	if (code)
		s->follows = code - 1;
	d->last = s->follows;
	s = &d->streams[d->last];
	ev = s->next;
	if (ev == s->events + (size_t)s->n * s->stride)
		return NULL;
	s->next += s->stride;
	return (struct s2v_ev_hdr *)ev;
}

/* Turns differences into times. False: the order does not match the streams. */
static bool add_times(struct s2t_decoder *d, __u64 time)
{
	for (__u32 i = 0; i < d->n; i++) {
		struct s2v_ev_hdr *ev = next_event(d, i);

		if (!ev)
			return false;
		time += ev->time;
		ev->time = time;
	}
	for (__u32 i = 0; i < d->n_streams; i++) {
		d->streams[i].next = d->streams[i].events;
		d->streams[i].follows = i;
	}
	d->last = 0;
	return true;
}

int s2t_decode_events(struct s2t_decoder *d, const __u8 *body, size_t len, __u32 n)
{
	struct s2t_cursor c = { .p = body, .end = body + len };
	__u64 time;
	int err;

	d->n = n;
	d->i = d->last = 0;
	err = n ? get_layouts(d, &c) : -EBADMSG;
	if (!err)
		err = get_streams(d, &c);
	if (err)
		goto bad;
	err = -EBADMSG;
	time = s2t_take_varint(&c);
	d->order[0] = s2t_take(&c, n);
	d->order[1] = d->n_streams >= 255 ? s2t_take(&c, n) : NULL;
	if (!d->order[0] || (d->n_streams >= 255 && !d->order[1]))
		goto bad;
	for (__u32 i = 0; i < d->n_streams; i++)
		if (!begin_stream(d, &c, &d->streams[i]))
			goto bad;
	if (c.p != c.end || !add_times(d, time))
		goto bad;
	for (__u32 i = 0; i < d->n_streams; i++)
		if (!end_stream(d, &d->streams[i]))
			goto bad;
	return 0;
bad:
	d->n = 0;
	return err;
}

struct s2v_ev_hdr *s2t_decoded(struct s2t_decoder *d)
{
	return d->i == d->n ? NULL : next_event(d, d->i++);
}
