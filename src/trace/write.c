// SPDX-License-Identifier: BSD-2-Clause
/*
 * Trace files: the writer. Events are copied into blocks; a thread encodes, compresses and writes
 * them. The number of blocks is fixed: without a free block events are dropped, not waited for.
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>

#include "trace/file.h"
#include "util/util.h"

#define BLOCKS 8 /* of S2T_CHUNK_EVENTS bytes, allocated on demand */

struct block {
	struct block *next;
	size_t len;
	__u32 n; /* events, without the S2T_REC_* */
	__u64 lost;
	bool has_totals, last;
	struct s2t_totals totals;
	__u8 events[S2T_CHUNK_EVENTS];
};

/* The chunks of one block, kept in the ring. */
struct ring_entry {
	struct ring_entry *next;
	struct s2t_buf chunks;
	struct s2t_buf past; /* those of its events that s2t_past_wants() */
	__u64 last; /* largest time of its events */
	__u32 n;
};

struct s2t_writer {
	struct s2t_writer_opts o;
	/* Used by the caller only. */
	struct block *cur;
	unsigned int allocated;
	struct s2t_gap gap; /* if it has events: to be recorded as soon as there is room */
	__u64 dropped, lost;
	struct s2t_totals reported;
	/* Used by both sides, under the lock. */
	pthread_mutex_t lock;
	pthread_cond_t queued, freed;
	struct block *queue, **queue_end, *spare;
	int err;
	__u64 dropped_late; /* events in blocks that were queued when the recording stopped, or later */
	/* Used by the thread only. */
	pthread_t thread;
	struct s2t_file file;
	struct s2t_totals totals; /* the last ones, for the end of a part */
	struct s2t_buf chunks;
	struct ring_entry *ring, **ring_end;
	__u64 ring_bytes;
};

/* ---- the thread ---- */

static bool is_ring(const struct s2t_writer *w)
{
	return w->o.ring_bytes || w->o.ring_ns;
}

static void add_to_past(struct s2t_file *f, const __u8 *events, size_t len)
{
	for (size_t at = 0; at < len;) {
		const struct s2v_ev_hdr *ev = (const void *)(events + at);

		/* On ENOMEM a later part misses this event, and its analysis reports what is missing. */
		s2t_past_note(f->past, ev);
		at += s2t_round8(ev->len);
	}
}

static void free_ring_entry(struct ring_entry *k)
{
	s2t_buf_free(&k->chunks);
	s2t_buf_free(&k->past);
	free(k);
}

/* Drops the oldest entries beyond ring_bytes or ring_ns; the newest entry always stays. */
static void trim_ring(struct s2t_writer *w, __u64 now)
{
	while (w->ring && w->ring->next) {
		struct ring_entry *k = w->ring;

		if (!(w->o.ring_bytes && w->ring_bytes > w->o.ring_bytes) &&
		    !(w->o.ring_ns && now > k->last && now - k->last > w->o.ring_ns))
			return;
		add_to_past(&w->file, k->past.p, k->past.len);
		w->ring = k->next;
		w->ring_bytes -= k->chunks.len;
		free_ring_entry(k);
	}
}

static int keep_in_ring(struct s2t_writer *w, const struct block *b, __u64 last)
{
	struct ring_entry *k = calloc(1, sizeof(*k));

	if (!k)
		return -ENOMEM;
	k->chunks = w->chunks;
	w->chunks = (struct s2t_buf){ 0 };
	k->last = last;
	k->n = b->n;
	for (size_t at = 0; at < b->len;) {
		const struct s2v_ev_hdr *ev = (const void *)(b->events + at);

		if (s2t_past_wants(ev))
			s2t_put(&k->past, ev, s2t_round8(ev->len));
		at += s2t_round8(ev->len);
	}
	if (k->past.failed || k->chunks.failed) {
		free_ring_entry(k);
		return -ENOMEM;
	}
	*w->ring_end = k;
	w->ring_end = &k->next;
	w->ring_bytes += k->chunks.len;
	trim_ring(w, last);
	return 0;
}

/* Encodes a block's events into w->chunks; *last is their latest time. */
static int encode(struct s2t_writer *w, const struct block *b, __u64 *last)
{
	size_t at = 0;

	w->chunks.len = 0;
	while (at < b->len) {
		struct s2t_chunk_head h = { .kind = S2T_EVENTS, .lost = b->lost };
		ssize_t n =
			s2t_encode_events(w->file.enc, b->events + at, b->len - at, &h, &w->chunks);

		if (n < 0)
			return (int)n;
		at += (size_t)n;
		if (h.last > *last)
			*last = h.last;
	}
	return 0;
}

static int next_part(struct s2t_writer *w)
{
	int err = s2t_file_end(&w->file, &w->totals);

	return err ? err : s2t_file_begin(&w->file);
}

static int write_block(struct s2t_writer *w, struct block *b)
{
	__u64 last = 0;
	int err = 0;

	if (b->has_totals) {
		w->totals = b->totals; /* for the end of this part, if the run goes on */
		if (!b->last)
			s2t_totals_between(&w->totals);
	}
	if (b->len)
		err = encode(w, b, &last);
	if (err)
		return err;
	if (is_ring(w))
		return b->len ? keep_in_ring(w, b, last) : 0;
	if (b->len)
		err = s2t_file_chunks(&w->file, &w->chunks);
	if (!err) {
		w->file.facts.events += b->n;
		b->n = 0; /* written: later errors do not lose them */
	}
	if (!err && b->has_totals && !b->last)
		err = s2t_file_totals(&w->file, &b->totals, S2T_COUNTERS);
	if (!err && w->o.rotate)
		add_to_past(&w->file, b->events, b->len);
	if (!err && w->o.rotate && !b->last && w->file.bytes >= w->o.rotate)
		err = next_part(w);
	return err;
}

static int write_ring(struct s2t_writer *w)
{
	int err = s2t_file_begin(&w->file);

	while (w->ring) {
		struct ring_entry *k = w->ring;

		if (!err)
			err = s2t_file_chunks(&w->file, &k->chunks);
		if (!err)
			w->file.facts.events += k->n;
		w->ring = k->next;
		free_ring_entry(k);
	}
	return err;
}

/* Ends the file, even after an error: the last counters have it, if they can still be written. */
static void end_file(struct s2t_writer *w, int err)
{
	if (is_ring(w) && !err)
		err = write_ring(w);
	if (err && !w->file.facts.err) {
		w->file.facts.err = -err;
		s2t_file_path(&w->file, w->file.facts.path, sizeof(w->file.facts.path));
	}
	w->totals.stopped = (__u32)w->file.facts.err;
	s2t_file_end(&w->file, &w->totals);
}

static void *writer_thread(void *arg)
{
	struct s2t_writer *w = arg;
	bool last = false, stopped = false;

	while (!last) {
		struct block *b;
		int err = 0;

		pthread_mutex_lock(&w->lock);
		while (!w->queue)
			pthread_cond_wait(&w->queued, &w->lock);
		b = w->queue;
		w->queue = b->next;
		if (!w->queue)
			w->queue_end = &w->queue;
		pthread_mutex_unlock(&w->lock);
		last = b->last;
		if (!stopped)
			err = write_block(w, b);
		if (!stopped && (err || last)) {
			end_file(w, err);
			err = -w->file.facts.err;
		}
		pthread_mutex_lock(&w->lock);
		if (err || stopped)
			w->dropped_late += b->n;
		if (err)
			w->err = -err;
		b->next = w->spare;
		w->spare = b;
		pthread_cond_signal(&w->freed);
		pthread_mutex_unlock(&w->lock);
		stopped |= err != 0;
	}
	return NULL;
}

/* ---- the caller's side ---- */

/* Returns an empty block; NULL if all are queued or memory is short (wait: waits instead). */
static struct block *take_block(struct s2t_writer *w, bool wait)
{
	struct block *b;

	pthread_mutex_lock(&w->lock);
	if (!w->spare && w->allocated < BLOCKS) {
		w->spare = calloc(1, sizeof(*w->spare));
		w->allocated += w->spare != NULL;
	}
	while (!w->spare && wait)
		pthread_cond_wait(&w->freed, &w->lock);
	b = w->spare;
	if (b)
		w->spare = b->next;
	pthread_mutex_unlock(&w->lock);
	if (b) {
		b->next = NULL;
		b->len = 0;
		b->n = 0;
		b->has_totals = b->last = false;
	}
	return b;
}

static void submit(struct s2t_writer *w)
{
	struct block *b = w->cur;

	w->cur = NULL;
	b->lost = w->lost + w->dropped;
	pthread_mutex_lock(&w->lock);
	*w->queue_end = b;
	w->queue_end = &b->next;
	pthread_cond_signal(&w->queued);
	pthread_mutex_unlock(&w->lock);
}

static void copy_event(struct block *b, const struct s2v_ev_hdr *ev)
{
	size_t len = s2t_round8(ev->len);

	memcpy(b->events + b->len, ev, ev->len);
	memset(b->events + b->len + ev->len, 0, len - ev->len);
	b->len += len;
}

static void drop_event(struct s2t_writer *w, const struct s2v_ev_hdr *ev)
{
	if (!w->gap.events)
		w->gap.h.time = ev->time;
	w->gap.events++;
	w->gap.last = ev->time;
	w->dropped++;
}

/* Makes room for an event of len bytes; records a pending gap before it. */
static bool room_for(struct s2t_writer *w, size_t len)
{
	if (w->cur && w->cur->len + len + sizeof(w->gap) > sizeof(w->cur->events))
		submit(w);
	if (!w->cur)
		w->cur = take_block(w, w->o.patient);
	if (!w->cur)
		return false;
	if (w->gap.events) {
		w->gap.h.type = S2T_REC_GAP;
		w->gap.h.len = sizeof(w->gap);
		copy_event(w->cur, &w->gap.h);
		w->gap.events = 0;
	}
	return true;
}

void s2t_append(struct s2t_writer *w, const struct s2v_ev_hdr *ev)
{
	if (ev->len < sizeof(*ev) || ev->len > S2T_EVENT_MAX || !room_for(w, s2t_round8(ev->len))) {
		drop_event(w, ev);
		return;
	}
	copy_event(w->cur, ev);
	w->cur->n += ev->type < S2T_REC_FIRST;
}

void s2t_mark(struct s2t_writer *w, __u32 type, __u64 time)
{
	struct s2v_ev_hdr h = { .type = type, .len = sizeof(h), .time = time };

	s2t_append(w, &h);
}

/* Returns whether there are events or changed counters: an idle host must not fill the disk. */
static bool has_news(struct s2t_writer *w, const struct s2t_totals *t)
{
	struct s2t_totals was = w->reported;

	was.duration_ns = t->duration_ns;
	return (w->cur && w->cur->len) || memcmp(&was, t, sizeof(was)) != 0;
}

static void attach_totals(struct s2t_writer *w, const struct s2v_summary *sum)
{
	s2t_totals_of(&w->cur->totals, sum);
	w->cur->totals.dropped = w->dropped;
	w->cur->has_totals = true;
	w->reported = w->cur->totals;
	w->lost = sum->lost + s2v_lost_in_kernel(sum->cnt);
}

void s2t_counters(struct s2t_writer *w, const struct s2v_summary *sum)
{
	struct s2t_totals t;

	s2t_totals_of(&t, sum);
	t.dropped = w->dropped;
	if (!has_news(w, &t) || !room_for(w, 0))
		return; /* the next counters are cumulative and include these */
	attach_totals(w, sum);
	submit(w);
}

int s2t_failed(struct s2t_writer *w)
{
	int err;

	pthread_mutex_lock(&w->lock);
	err = w->err;
	pthread_mutex_unlock(&w->lock);
	return err;
}

static bool start_thread(struct s2t_writer *w)
{
	sigset_t all, old;
	bool ok;

	/* The event loop handles signals, not this thread. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	ok = !pthread_create(&w->thread, NULL, writer_thread, w);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	return ok;
}

static void free_writer(struct s2t_writer *w)
{
	struct block *b = w->spare;

	while (b) {
		struct block *next = b->next;

		free(b);
		b = next;
	}
	while (w->ring) {
		struct ring_entry *next = w->ring->next;

		free_ring_entry(w->ring);
		w->ring = next;
	}
	free(w->cur);
	s2t_buf_free(&w->chunks);
	s2t_file_free(&w->file);
	pthread_mutex_destroy(&w->lock);
	pthread_cond_destroy(&w->queued);
	pthread_cond_destroy(&w->freed);
	free(w);
}

struct s2t_writer *s2t_create(const struct s2t_writer_opts *o, char *err, size_t errlen)
{
	struct s2t_writer *w = calloc(1, sizeof(*w));
	int rc = -ENOMEM;

	if (!w) {
		snprintf(err, errlen, "out of memory");
		return NULL;
	}
	w->o = *o;
	w->queue_end = &w->queue;
	w->ring_end = &w->ring;
	pthread_mutex_init(&w->lock, NULL);
	pthread_cond_init(&w->queued, NULL);
	pthread_cond_init(&w->freed, NULL);
	rc = s2t_file_init(&w->file, &w->o);
	w->o.info = &w->file.info; /* a copy: the caller's may be freed */
	w->cur = rc ? NULL : take_block(w, false);
	if (!rc && !w->cur)
		rc = -ENOMEM;
	if (!rc && !is_ring(w))
		rc = s2t_file_begin(&w->file);
	if (rc)
		snprintf(err, errlen, "cannot record to %s: %s", o->path, strerror(-rc));
	if (!rc && start_thread(w))
		return w;
	if (!rc)
		snprintf(err, errlen, "cannot start a thread to write %s", o->path);
	free_writer(w);
	return NULL;
}

int s2t_close(struct s2t_writer *w, const struct s2v_summary *sum, struct s2t_facts *facts)
{
	int err;

	/* s2t_create() allocated a block, so waiting ends. */
	if (!room_for(w, 0)) {
		w->cur = take_block(w, true);
		room_for(w, 0);
	}
	attach_totals(w, sum);
	w->cur->last = true;
	submit(w);
	pthread_join(w->thread, NULL);
	*facts = w->file.facts;
	facts->dropped = w->dropped + w->dropped_late;
	err = w->err;
	free_writer(w);
	return err ? -err : 0;
}
