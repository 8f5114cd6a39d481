// SPDX-License-Identifier: BSD-2-Clause
/* Trace files: parts on disk. They have whole chunks only: torn ones are cut off. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "trace/file.h"

int s2t_file_init(struct s2t_file *f, const struct s2t_writer_opts *o)
{
	const struct s2v_host *h = &o->info->host;

	*f = (struct s2t_file){ .o = o, .info = *o->info, .fd = -1 };
	f->info.host.ram = NULL;
	f->info.ring = o->ring_bytes || o->ring_ns;
	f->enc = s2t_encoder_new();
	f->past = s2t_past_new();
	if (h->n_ram) {
		f->info.host.ram = calloc(h->n_ram, sizeof(*h->ram));
		if (f->info.host.ram)
			memcpy(f->info.host.ram, h->ram, h->n_ram * sizeof(*h->ram));
	}
	return f->enc && f->past && (!h->n_ram || f->info.host.ram) ? 0 : -ENOMEM;
}

void s2t_file_free(struct s2t_file *f)
{
	if (f->fd >= 0)
		close(f->fd);
	s2t_encoder_free(f->enc);
	s2t_past_free(f->past);
	s2v_host_free(&f->info.host);
	s2t_buf_free(&f->index);
	s2t_buf_free(&f->out);
}

void s2t_file_path(const struct s2t_file *f, char *to, size_t len)
{
	if (f->info.part)
		snprintf(to, len, "%s.%u", f->o->path, f->info.part);
	else
		snprintf(to, len, "%s", f->o->path);
}

static int write_all(struct s2t_file *f, const __u8 *p, size_t len)
{
	while (len) {
		ssize_t n = f->o->write ? f->o->write(f->fd, p, len) : write(f->fd, p, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n ? -errno : -ENOSPC;
		p += n;
		len -= (size_t)n;
	}
	return 0;
}

/* Writes to a deleted file succeed, but the data is lost. */
static int check_not_deleted(const struct s2t_file *f)
{
	struct stat st;

	if (fstat(f->fd, &st))
		return -errno;
	return S_ISREG(st.st_mode) && !st.st_nlink ? -ENOENT : 0;
}

/* Appends to the part; on an error cuts off what was written incompletely. */
static int append(struct s2t_file *f, const __u8 *p, size_t len)
{
	int err = check_not_deleted(f);

	if (!err)
		err = write_all(f, p, len);
	if (err) {
		/* A pipe cannot be truncated; its reader detects the torn end. */
		if (ftruncate(f->fd, (off_t)f->bytes) == 0)
			lseek(f->fd, (off_t)f->bytes, SEEK_SET);
		if (!f->facts.err) {
			f->facts.err = -err;
			s2t_file_path(f, f->facts.path, sizeof(f->facts.path));
		}
		return err;
	}
	f->bytes += len;
	f->facts.bytes += len;
	return 0;
}

/* Adds an index entry for a chunk of events at offset `at`. */
static void add_index_entry(struct s2t_file *f, const struct s2t_chunk_head *h, __u64 at)
{
	if (!h->count)
		return;
	s2t_put_le(&f->index, at, 8);
	s2t_put_le(&f->index, h->kind, 4);
	s2t_put_le(&f->index, h->count, 4);
	s2t_put_le(&f->index, h->first, 8);
	s2t_put_le(&f->index, h->last, 8);
	s2t_put_le(&f->index, h->lost, 8);
}

int s2t_file_chunks(struct s2t_file *f, struct s2t_buf *chunks)
{
	struct s2t_chunk_head h;
	size_t index = f->index.len;
	__u32 seq = f->seq;
	int err;

	if (chunks->failed)
		return -ENOMEM;
	for (size_t at = 0; at < chunks->len; at += S2T_CHUNK_HEAD + h.stored) {
		if (!s2t_get_chunk_head(chunks->p + at, &h))
			return -EINVAL;
		h.seq = f->seq++;
		s2t_put_chunk_head(chunks->p + at, &h);
		add_index_entry(f, &h, f->bytes + at);
	}
	err = append(f, chunks->p, chunks->len);
	if (err) {
		f->seq = seq;
		f->index.len = index;
	}
	return err;
}

/* Writes a chunk without events. */
static int put_body(struct s2t_file *f, enum s2t_kind kind, struct s2t_buf *body)
{
	struct s2t_chunk_head h = { .kind = (__u8)kind };
	int err;

	f->out.len = 0;
	err = s2t_encode_body(f->enc, body, &h, &f->out);
	return err ? err : s2t_file_chunks(f, &f->out);
}

static int put_past(struct s2t_file *f)
{
	struct s2t_buf past = { 0 }, chunks = { 0 };
	size_t at = 0;
	int err = 0;

	s2t_past_replay(f->past, &past);
	if (past.failed)
		err = -ENOMEM;
	while (!err && at < past.len) {
		struct s2t_chunk_head h = { .kind = S2T_STATE };
		size_t end = at, len;
		ssize_t n;

		while (end < past.len) {
			len = s2t_round8(((const struct s2v_ev_hdr *)(past.p + end))->len);
			if (end + len - at > S2T_CHUNK_EVENTS)
				break;
			end += len;
		}
		n = s2t_encode_events(f->enc, past.p + at, end - at, &h, &chunks);
		if (n < 0)
			err = (int)n;
		else
			at += (size_t)n;
	}
	if (!err && chunks.len)
		err = s2t_file_chunks(f, &chunks);
	s2t_buf_free(&past);
	s2t_buf_free(&chunks);
	return err;
}

int s2t_file_begin(struct s2t_file *f)
{
	char path[sizeof(f->facts.path)];
	struct s2t_buf body = { 0 };
	__u8 head[S2T_HEAD_LEN];
	int err;

	s2t_file_path(f, path, sizeof(path));
	f->fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (f->fd < 0) {
		f->facts.err = errno;
		snprintf(f->facts.path, sizeof(f->facts.path), "%s", path);
		return -f->facts.err;
	}
	f->bytes = 0;
	f->seq = 0;
	f->index.len = 0;
	f->facts.parts++;
	s2t_put_head(head, S2T_OPEN);
	err = append(f, head, sizeof(head));
	s2t_put_info(&body, &f->info);
	if (!err)
		err = put_body(f, S2T_INFO, &body);
	s2t_buf_free(&body);
	return err ? err : put_past(f);
}

int s2t_file_totals(struct s2t_file *f, const struct s2t_totals *t, enum s2t_kind kind)
{
	struct s2t_buf body = { 0 };
	int err;

	s2t_put_totals(&body, t);
	err = put_body(f, kind, &body);
	s2t_buf_free(&body);
	/* A crash of the host loses at most one second. EINVAL, EROFS: a pipe, which needs no sync. */
	if (!err && kind == S2T_COUNTERS && fdatasync(f->fd) && errno != EINVAL && errno != EROFS) {
		err = -errno;
		if (!f->facts.err) {
			f->facts.err = -err;
			s2t_file_path(f, f->facts.path, sizeof(f->facts.path));
		}
	}
	return err;
}

/* The index and the trailer with its offset. A file without them is valid, too. */
static int put_index(struct s2t_file *f)
{
	__u64 at = f->bytes;
	struct s2t_buf trailer = { 0 };
	int err;

	if (f->index.failed || f->index.len > S2T_BODY_MAX / 2)
		return 0;
	err = put_body(f, S2T_INDEX, &f->index);
	if (err)
		return err;
	s2t_put_le(&trailer, at, 8);
	s2t_put(&trailer, S2T_TRAILER, 8);
	err = trailer.failed ? -ENOMEM : append(f, trailer.p, trailer.len);
	s2t_buf_free(&trailer);
	return err;
}

int s2t_file_end(struct s2t_file *f, const struct s2t_totals *t)
{
	__u8 head[S2T_HEAD_LEN];
	int err;

	if (f->fd < 0)
		return f->facts.err ? -f->facts.err : 0;
	err = s2t_file_totals(f, t, S2T_END);
	if (!err)
		err = put_index(f);
	s2t_put_head(head, 0);
	/* A pipe keeps S2T_OPEN; its S2T_END shows that it was closed. */
	if (!err && pwrite(f->fd, head, sizeof(head), 0) < 0 && errno != ESPIPE)
		err = -errno;
	if (close(f->fd) && !err)
		err = -errno;
	f->fd = -1;
	if (err && !f->facts.err) {
		f->facts.err = -err;
		s2t_file_path(f, f->facts.path, sizeof(f->facts.path));
	}
	f->info.part++;
	return err;
}
