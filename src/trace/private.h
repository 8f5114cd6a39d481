/* SPDX-License-Identifier: BSD-2-Clause */
/* Trace files: shared by the writer and the reader. docs/s2t.md describes the format. */
#ifndef S2V_S2T_PRIVATE_H
#define S2V_S2T_PRIVATE_H

#include <stdlib.h>
#include <string.h>

#include "trace/s2t.h"

#define S2T_MAGIC "\x89s2t\r\n\x1a\n"
#define S2T_HEAD_LEN 32U
#define S2T_OPEN 1U /* flag of the file: it was not closed */
#define S2T_CHUNK_MAGIC 0x43543253U /* "S2TC" */
#define S2T_CHUNK_HEAD 64U
#define S2T_INDEX_ENTRY 40U
#define S2T_TRAILER_LEN 16U
#define S2T_TRAILER "S2T-END\n"

/* Fuzzers cannot guess checksums, and the code behind the checks must be tested, too. */
#ifdef FUZZING_BUILD_MODE_UNSAFE_FOR_PRODUCTION
#define S2T_CHECKED false
#else
#define S2T_CHECKED true
#endif

enum s2t_kind {
	S2T_INFO = 1,
	S2T_EVENTS,
	S2T_STATE, /* earlier events, for the VMs and memslots that exist when the part begins */
	S2T_COUNTERS,
	S2T_END, /* the last counters */
	S2T_INDEX,
};

struct s2t_chunk_head {
	__u8 kind;
	__u32 seq; /* number of the chunk in the file, from 0 */
	__u32 stored, body; /* bytes of the payload, and of the decompressed body */
	__u32 count; /* events */
	__u64 first, last; /* smallest and largest time of the events */
	__u64 lost; /* events of the run known to be lost when the chunk was written */
	__u32 crc; /* of the payload */
};

/* ---- bytes ---- */

/* A growing buffer. On ENOMEM it sets `failed`, and then ignores all calls. */
struct s2t_buf {
	__u8 *p;
	size_t len, cap;
	bool failed;
};

void s2t_put(struct s2t_buf *b, const void *p, size_t len);
/* Appends len uninitialized bytes and returns them; NULL when out of memory. */
__u8 *s2t_extend(struct s2t_buf *b, size_t len);
void s2t_put_varint(struct s2t_buf *b, __u64 v);
void s2t_put_le(struct s2t_buf *b, __u64 v, unsigned int bytes);
void s2t_buf_free(struct s2t_buf *b);

/* Reads bytes from the front. Past the end it sets `failed`, and numbers are 0. */
struct s2t_cursor {
	const __u8 *p, *end;
	bool failed;
};

const __u8 *s2t_take(struct s2t_cursor *c, size_t len); /* NULL: past the end */
__u64 s2t_take_varint(struct s2t_cursor *c);
__u64 s2t_take_le(struct s2t_cursor *c, unsigned int bytes);

static inline __u64 s2t_zigzag(__s64 v)
{
	return ((__u64)v << 1) ^ (__u64)(v >> 63);
}

static inline __s64 s2t_unzigzag(__u64 v)
{
	return (__s64)(v >> 1) ^ -(__s64)(v & 1);
}

static inline size_t s2t_round8(size_t n)
{
	return (n + 7) & ~(size_t)7;
}

void s2t_put_chunk_head(__u8 to[S2T_CHUNK_HEAD], const struct s2t_chunk_head *h);
/* False: not a valid chunk header. */
bool s2t_get_chunk_head(const __u8 from[S2T_CHUNK_HEAD], struct s2t_chunk_head *h);
void s2t_put_head(__u8 to[S2T_HEAD_LEN], __u32 flags);

/* ---- layouts: the fields of an event type, in order, without holes ---- */

#define S2T_FIELDS_MAX (S2T_EVENT_MAX / 8 + 16)
#define S2T_FIELD_TIME 2 /* each layout begins with type, len, time, vm, tgid */

struct s2t_layout {
	__u32 type, len;
	__u32 n; /* fields */
	__u32 key; /* offset of a __u32 that, with the VM, selects the stream (the vCPU); 0: none */
	__u8 width[S2T_FIELDS_MAX]; /* 1, 2, 4 or 8 bytes; the field's offset is a multiple of it */
};

/* The layout of the event's type; for an unknown type or length the header, words and bytes. */
void s2t_layout_of(const struct s2v_ev_hdr *ev, struct s2t_layout *l);
/* Returns whether the layout is valid: its header, widths, alignment and length. */
bool s2t_layout_sound(const struct s2t_layout *l);

/* ---- columns of a stream ---- */

enum s2t_mode {
	S2T_CONST, /* value */
	S2T_LINEAR, /* first, difference */
	S2T_OFFSET, /* earlier column, difference to it */
	S2T_VALUES, /* width, divisor, planes of zigzag(value / divisor) */
	S2T_DELTAS, /* width, divisor, first, planes of zigzag(difference to the previous / divisor) */
	/* width, divisor, planes: value = time since the stream's last event - unzigzag() * divisor */
	S2T_SINCE,
	S2T_MODES,
};

struct s2t_encoder;
struct s2t_encoder *s2t_encoder_new(void);
void s2t_encoder_free(struct s2t_encoder *e);
/*
 * Encodes and compresses events, and appends the chunk with its header to `out`. In *head the caller
 * sets kind, seq and lost; the rest is filled. `events` are structs at multiples of 8 bytes, at least
 * one, at most S2T_CHUNK_EVENTS bytes. Returns the bytes of events in the chunk, maybe fewer than
 * len; or -errno.
 */
ssize_t s2t_encode_events(struct s2t_encoder *e, const __u8 *events, size_t len,
			  struct s2t_chunk_head *head, struct s2t_buf *out);
/* The same for a body that is already encoded: 0 or -errno. */
int s2t_encode_body(struct s2t_encoder *e, const struct s2t_buf *body, struct s2t_chunk_head *head,
		    struct s2t_buf *out);

struct s2t_decoder;
struct s2t_decoder *s2t_decoder_new(void);
void s2t_decoder_free(struct s2t_decoder *d);
/* Decodes the body of a chunk of n events. 0, -EBADMSG or -ENOMEM; s2t_decoded() then returns NULL. */
int s2t_decode_events(struct s2t_decoder *d, const __u8 *body, size_t len, __u32 n);
struct s2v_ev_hdr *s2t_decoded(struct s2t_decoder *d); /* the next event, or NULL */

/* ---- bodies of the other chunks: fields of key, length, bytes ---- */

void s2t_put_info(struct s2t_buf *b, const struct s2t_info *info);
/* 0, -EBADMSG or -ENOMEM. info->host is the caller's to free in any case. */
int s2t_get_info(const __u8 *body, size_t len, struct s2t_info *info);

struct s2t_totals {
	__u64 cnt[S2V_CNT_NR];
	__u64 maps[S2V_ATTR_NR][S2V_ATTR_NR];
	__u64 lost, missed_probes, duration_ns;
	__u64 dropped; /* events dropped by the writer so far */
	__u32 stopped; /* S2T_END: errno that stopped the recording */
	bool inventory_failed, audit_failed;
	__u64 gaps;
	char gap_why[160];
	__u64 hidden;
	__u32 hidden_creator, census_errno;
	__u64 bypassed;
	__u32 bypassed_vm, bypassed_tgid;
	struct s2v_unread unread;
	__u64 over_limit; /* counted in the kernel */
};

void s2t_totals_of(struct s2t_totals *t, const struct s2v_summary *sum);
void s2t_put_totals(struct s2t_buf *b, const struct s2t_totals *t);
int s2t_get_totals(const __u8 *body, size_t len, struct s2t_totals *t);
/* For totals before the end of the run: calls that have not returned yet are not missed probes. */
void s2t_totals_between(struct s2t_totals *t);

/* ---- the state at the beginning of a later part ---- */

struct s2t_past; /* the events of the VMs, capability queries and memslots that exist */
struct s2t_past *s2t_past_new(void);
void s2t_past_free(struct s2t_past *p);
/* Returns whether s2t_past_note() uses the event. */
bool s2t_past_wants(const struct s2v_ev_hdr *ev);
/* 0 or -ENOMEM. */
int s2t_past_note(struct s2t_past *p, const struct s2v_ev_hdr *ev);
/* Appends all events to `to`; VMs are marked as preexisting. */
void s2t_past_replay(const struct s2t_past *p, struct s2t_buf *to);

#endif
