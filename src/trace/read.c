// SPDX-License-Identifier: BSD-2-Clause
/*
 * Trace files: the reader. It reads one chunk at a time, so that its memory is bounded for any file.
 * It skips damaged bytes up to the next chunk, and counts the places.
 */
#define _GNU_SOURCE /* memmem */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

#include "trace/private.h"

#define READ_AHEAD (256U << 10)
#define IN_MAX (S2T_BODY_MAX + READ_AHEAD + S2T_CHUNK_HEAD)

struct s2t_reader {
	struct s2t_source src;
	int fd; /* of s2t_open_path(), owned; -1: none */
	struct s2t_info info;
	struct s2t_state state;
	struct s2t_totals totals;
	int err;
	/* Bytes that were read and not used yet: in[from … to). */
	__u8 *in;
	size_t from, to, cap;
	bool eof;
	ZSTD_DCtx *zstd;
	__u8 *body;
	size_t cap_body;
	struct s2t_decoder *dec;
	bool in_state; /* the decoder's events are of an S2T_STATE chunk */
	bool resyncing; /* skipping bytes that are no chunk */
	__u32 seq; /* of the next chunk */
	__u32 index_crc; /* of the expected index */
	bool index_read;
};

/* ---- bytes ---- */

/* Reads until in[] has `need` bytes; false if the file ends before. */
static bool fill(struct s2t_reader *r, size_t need)
{
	while (r->to - r->from < need && !r->eof) {
		ssize_t n;

		if (r->from && r->cap - r->from < need + READ_AHEAD) {
			memmove(r->in, r->in + r->from, r->to - r->from);
			r->to -= r->from;
			r->from = 0;
		}
		if (r->cap - r->to < need) {
			size_t cap = need + READ_AHEAD;
			__u8 *p = cap > IN_MAX ? NULL : realloc(r->in, r->from + cap);

			if (!p) {
				r->err = -ENOMEM;
				r->eof = true;
				break;
			}
			r->in = p;
			r->cap = r->from + cap;
		}
		n = r->src.read(r->src.ctx, r->in + r->to, r->cap - r->to);
		if (n == -EINTR)
			continue;
		if (n < 0)
			r->err = (int)n;
		if (n <= 0) {
			r->eof = true;
			break;
		}
		r->to += (size_t)n;
	}
	return r->to - r->from >= need;
}

static void skip(struct s2t_reader *r, size_t n)
{
	r->from += n;
	r->state.bytes += n;
}

static void count_damage(struct s2t_reader *r)
{
	if (!r->resyncing)
		r->state.damaged++;
	r->resyncing = true;
}

/* Skips to the next valid chunk header. False: there is none. */
static bool resync(struct s2t_reader *r)
{
	static const __u8 magic[] = { 'S', '2', 'T', 'C' };

	count_damage(r);
	skip(r, 1);
	while (fill(r, S2T_CHUNK_HEAD)) {
		size_t have = r->to - r->from - S2T_CHUNK_HEAD + sizeof(magic);
		const __u8 *at = memmem(r->in + r->from, have, magic, sizeof(magic));
		struct s2t_chunk_head h;

		skip(r, at ? (size_t)(at - r->in) - r->from : have - sizeof(magic) + 1);
		if (at && s2t_get_chunk_head(at, &h))
			return true;
		if (at)
			skip(r, 1);
	}
	return false;
}

/* ---- chunks ---- */

/* The decompressed payload; NULL if it is damaged, or on ENOMEM (r->err). */
static const __u8 *get_body(struct s2t_reader *r, const struct s2t_chunk_head *h)
{
	const __u8 *p = r->in + r->from + S2T_CHUNK_HEAD;

	if (S2T_CHECKED && crc32(0, p, h->stored) != h->crc)
		return NULL;
	if (h->body > r->cap_body || !r->body) {
		free(r->body);
		r->body = malloc(h->body + 1U);
		r->cap_body = r->body ? h->body : 0;
		if (!r->body) {
			r->err = -ENOMEM;
			return NULL;
		}
	}
#ifdef FUZZING_BUILD_MODE_UNSAFE_FOR_PRODUCTION
	/* Bodies that are not compressed, so that a fuzzer's changes reach the decoder. */
	if (h->stored == h->body) {
		memcpy(r->body, p, h->body);
		return r->body;
	}
#endif
	if (ZSTD_decompressDCtx(r->zstd, r->body, h->body, p, h->stored) != h->body)
		return NULL;
	return r->body;
}

static void add_to_index_crc(struct s2t_reader *r, const struct s2t_chunk_head *h)
{
	struct s2t_buf e = { 0 };

	s2t_put_le(&e, r->state.bytes, 8);
	s2t_put_le(&e, h->kind, 4);
	s2t_put_le(&e, h->count, 4);
	s2t_put_le(&e, h->first, 8);
	s2t_put_le(&e, h->last, 8);
	s2t_put_le(&e, h->lost, 8);
	if (e.failed)
		r->err = -ENOMEM;
	else
		r->index_crc = (__u32)crc32(r->index_crc, e.p, (uInt)e.len);
	s2t_buf_free(&e);
}

static int handle_totals(struct s2t_reader *r, const struct s2t_chunk_head *h, const __u8 *body)
{
	struct s2t_totals t;

	if (s2t_get_totals(body, h->body, &t))
		return -EBADMSG;
	if (h->kind != S2T_END)
		s2t_totals_between(&t);
	r->totals = t;
	r->state.counted = true;
	if (h->kind == S2T_END) {
		r->state.closed = true;
		r->state.stopped = (int)t.stopped;
	}
	return 0;
}

/* Handles a chunk whose payload was read. 0, -EBADMSG if it is damaged, or another -errno. */
static int handle_chunk(struct s2t_reader *r, const struct s2t_chunk_head *h)
{
	const __u8 *body;

	if (h->kind < S2T_INFO || h->kind > S2T_INDEX) {
		r->state.unknown++;
		return 0;
	}
	body = get_body(r, h);
	if (!body)
		return r->err ? r->err : -EBADMSG;
	switch (h->kind) {
	case S2T_EVENTS:
	case S2T_STATE:
		add_to_index_crc(r, h);
		r->in_state = h->kind == S2T_STATE;
		return s2t_decode_events(r->dec, body, h->body, h->count);
	case S2T_COUNTERS:
	case S2T_END:
		return handle_totals(r, h, body);
	case S2T_INDEX:
		r->index_read = true;
		r->state.index_wrong = crc32(0, body, h->body) != r->index_crc;
		return 0;
	default: /* a second S2T_INFO */
		return -EBADMSG;
	}
}

/*
 * At the end of the file. A torn last chunk is no damage: the file was not closed. After an index
 * only the trailer is valid.
 */
static void handle_rest(struct s2t_reader *r)
{
	size_t left = r->to - r->from;

	if (r->index_read && left &&
	    (left != S2T_TRAILER_LEN || memcmp(r->in + r->from + 8, S2T_TRAILER, 8) != 0))
		count_damage(r);
	if (r->state.index_wrong && !r->state.damaged)
		count_damage(r);
	skip(r, left);
}

/* Reads the next chunk, and its header into *h; false at the end. */
static bool next_head(struct s2t_reader *r, struct s2t_chunk_head *h)
{
	while (fill(r, S2T_CHUNK_HEAD)) {
		if (s2t_get_chunk_head(r->in + r->from, h)) {
			if (fill(r, S2T_CHUNK_HEAD + (size_t)h->stored))
				return true;
			if (h->kind == S2T_EVENTS)
				r->state.lost += h->count;
			break;
		}
		if (!resync(r))
			break;
	}
	if (!r->err)
		handle_rest(r);
	return false;
}

/* Reads and handles the next chunk; false at the end, or on an error (r->err). */
static bool next_chunk(struct s2t_reader *r)
{
	struct s2t_chunk_head h;
	int err;

	if (r->err || !next_head(r, &h))
		return false;
	if (h.seq != r->seq)
		count_damage(r);
	r->seq = h.seq + 1;
	r->resyncing = false;
	err = handle_chunk(r, &h);
	if (err == -EBADMSG) {
		if (h.kind == S2T_EVENTS)
			r->state.lost += h.count;
		count_damage(r);
		r->resyncing = false;
		err = 0;
	}
	if (err && !r->err)
		r->err = err;
	skip(r, S2T_CHUNK_HEAD + (size_t)h.stored);
	return !err;
}

/* ---- opening ---- */

static int check_head(struct s2t_reader *r, char *err, size_t errlen)
{
	const __u8 *p;
	unsigned int major;

	if (!fill(r, S2T_HEAD_LEN) || memcmp(r->in + r->from, S2T_MAGIC, 8)) {
		snprintf(err, errlen, "%s",
			 r->err ? strerror(-r->err)
				: "not a trace file of s2verify, or shorter than its header");
		return -1;
	}
	p = r->in + r->from;
	major = p[8] | (unsigned int)p[9] << 8;
	if (S2T_CHECKED &&
	    (__u32)crc32(0, p, 28) != (p[28] | p[29] << 8 | p[30] << 16 | (__u32)p[31] << 24)) {
		count_damage(r);
	} else if (major != S2T_MAJOR) {
		snprintf(err, errlen,
			 "its format is version %u.%u, and this s2verify (" S2V_VERSION
			 ") reads version %d: use the s2verify that recorded it, or a newer one",
			 major, p[10] | (unsigned int)p[11] << 8, S2T_MAJOR);
		return -1;
	}
	skip(r, S2T_HEAD_LEN);
	return 0;
}

static int read_info(struct s2t_reader *r, char *err, size_t errlen)
{
	struct s2t_chunk_head h;
	const __u8 *body = NULL;

	if (next_head(r, &h) && h.kind == S2T_INFO)
		body = get_body(r, &h);
	if (!body || s2t_get_info(body, h.body, &r->info)) {
		snprintf(err, errlen, "%s",
			 r->err ? strerror(-r->err)
				: "its information on the host is missing or damaged, and without "
				  "it there is no verdict");
		return -1;
	}
	r->seq = h.seq + 1;
	r->resyncing = false;
	skip(r, S2T_CHUNK_HEAD + (size_t)h.stored);
	return 0;
}

struct s2t_reader *s2t_open(const struct s2t_source *src, char *err, size_t errlen)
{
	struct s2t_reader *r = calloc(1, sizeof(*r));

	if (r) {
		r->src = *src;
		r->fd = -1;
		r->zstd = ZSTD_createDCtx();
		r->dec = s2t_decoder_new();
	}
	if (!r || !r->zstd || !r->dec) {
		snprintf(err, errlen, "out of memory");
		s2t_free(r);
		return NULL;
	}
	if (check_head(r, err, errlen) || read_info(r, err, errlen)) {
		s2t_free(r);
		return NULL;
	}
	return r;
}

static ssize_t read_fd(void *ctx, void *buf, size_t len)
{
	ssize_t n = read((int)(intptr_t)ctx, buf, len);

	return n < 0 ? -errno : n;
}

struct s2t_reader *s2t_open_path(const char *path, __u64 *size, char *err, size_t errlen)
{
	int fd = strcmp(path, "-") ? open(path, O_RDONLY | O_CLOEXEC) : dup(STDIN_FILENO);
	struct s2t_source src = { .read = read_fd, .ctx = (void *)(intptr_t)fd };
	struct s2t_reader *r;
	struct stat st;

	*size = 0;
	if (fd < 0) {
		snprintf(err, errlen, "%s", strerror(errno));
		return NULL;
	}
	if (!fstat(fd, &st) && S_ISREG(st.st_mode))
		*size = (__u64)st.st_size;
	r = s2t_open(&src, err, errlen);
	if (r)
		r->fd = fd;
	else
		close(fd);
	return r;
}

void s2t_free(struct s2t_reader *r)
{
	if (!r)
		return;
	if (r->fd >= 0)
		close(r->fd);
	ZSTD_freeDCtx(r->zstd);
	s2t_decoder_free(r->dec);
	s2v_host_free(&r->info.host);
	free(r->in);
	free(r->body);
	free(r);
}

/* ---- events and results ---- */

/*
 * A VM of S2T_STATE. Of its audit, only the end may be in this file, which must not count as a
 * whole audit.
 */
static void mark_reported_again(struct s2v_ev_hdr *ev)
{
	if (ev->type == S2V_EV_VM_NEW && ev->len >= sizeof(struct s2v_ev_vm))
		((struct s2v_ev_vm *)ev)->preexisting = S2V_VM_REPORTED_AGAIN;
}

const struct s2v_ev_hdr *s2t_next(struct s2t_reader *r)
{
	struct s2v_ev_hdr *ev;
	const struct s2t_gap *gap;

	while (!(ev = s2t_decoded(r->dec)))
		if (!next_chunk(r))
			return NULL;
	if (ev->type >= S2T_REC_FIRST) {
		gap = (const void *)ev;
		if (ev->type == S2T_REC_GAP && ev->len >= sizeof(*gap))
			r->state.lost += gap->events;
	} else if (r->in_state) {
		mark_reported_again(ev);
	} else {
		r->state.events++;
	}
	return ev;
}

const struct s2t_info *s2t_info(const struct s2t_reader *r)
{
	return &r->info;
}

void s2t_totals(const struct s2t_reader *r, struct s2v_summary *sum)
{
	memcpy(sum->cnt, r->totals.cnt, sizeof(sum->cnt));
	memcpy(sum->maps, r->totals.maps, sizeof(sum->maps));
	sum->lost = r->totals.lost;
	sum->missed_probes = r->totals.missed_probes;
	sum->inventory_failed = r->totals.inventory_failed;
	sum->audit_failed = r->totals.audit_failed;
	sum->gaps = r->totals.gaps;
	memcpy(sum->gap_why, r->totals.gap_why, sizeof(sum->gap_why));
	sum->hidden = r->totals.hidden;
	sum->hidden_creator = r->totals.hidden_creator;
	sum->census_errno = (int)r->totals.census_errno;
	sum->bypassed = r->totals.bypassed;
	sum->bypassed_vm = r->totals.bypassed_vm;
	sum->bypassed_tgid = r->totals.bypassed_tgid;
	sum->unread = r->totals.unread;
	sum->over_limit = r->totals.over_limit;
	sum->duration_ns = r->totals.duration_ns;
}

const struct s2t_state *s2t_state(const struct s2t_reader *r)
{
	return &r->state;
}

int s2t_error(const struct s2t_reader *r)
{
	return r->err;
}
