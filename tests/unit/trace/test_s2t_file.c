// SPDX-License-Identifier: BSD-2-Clause
/* needs: src/core src/host src/util src/trace */
/* libs: -lzstd -lz -lpthread */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>
#include <errno.h>
#include <unistd.h>
#include <zlib.h>

#include "s2t_file_data.h"

/* Reads all events: each must be one of `want`, in order; some may be missing. Returns how many. */
static __u32 read_some(struct s2t_reader *r, const struct s2t_buf *want)
{
	const struct s2v_ev_hdr *got;
	size_t at = 0;
	__u32 n = 0;

	while ((got = s2t_next(r))) {
		if (got->type >= S2T_REC_FIRST)
			continue;
		while (at < want->len && (event_at(want, at)->len != got->len ||
					  memcmp(event_at(want, at), got, got->len) != 0))
			at += s2t_round8(event_at(want, at)->len);
		assert_true(at < want->len); /* otherwise the event was never written */
		at += s2t_round8(got->len);
		n++;
	}
	return n;
}

static void some_events(struct s2t_buf *ev, __u32 guests, __u32 pages)
{
	__u64 time = 1000;

	for (__u32 vm = 1; vm <= guests; vm++)
		time = guest(ev, vm, time, pages);
	for (int i = 0; i < 20; i++)
		any_event(ev, 1 + (__u32)(roll() % 20));
}

static void events_come_back(void **state)
{
	static const __u32 everys[] = { 0, 1, 7, 100 };
	static const size_t pieces[] = { 0, 1, 63, 4096 };

	(void)state;
	for (size_t i = 0; i < S2V_ARRAY_SIZE(everys); i++) {
		struct s2t_buf ev = { 0 }, file = { 0 };
		struct memory m = { .piece = pieces[i] };
		const struct s2t_state *st;
		struct s2t_reader *r;

		some_events(&ev, 3, 40);
		a_file(&file, &ev, everys[i]);
		assert_int_equal(facts.events, count_events(&ev));
		assert_int_equal(facts.bytes, file.len);
		assert_int_equal(facts.parts, 1);
		m.p = file.p;
		m.len = file.len;
		r = must_open(&m);
		assert_int_equal(read_some(r, &ev), count_events(&ev));
		st = s2t_state(r);
		assert_true(st->closed);
		assert_false(st->index_wrong);
		assert_int_equal(st->damaged, 0);
		assert_int_equal(st->lost, 0);
		assert_int_equal(st->unknown, 0);
		assert_int_equal(st->stopped, 0);
		assert_int_equal(st->bytes, file.len);
		assert_int_equal(st->events, count_events(&ev));
		assert_int_equal(s2t_error(r), 0);
		s2t_free(r);
		s2t_buf_free(&ev);
		s2t_buf_free(&file);
	}
}

static void info_comes_back(void **state)
{
	struct s2t_info want = an_info();
	struct s2t_buf ev = { 0 }, file = { 0 };
	struct s2v_summary sum = { 0 }, reported = a_summary();
	struct memory m = { 0 };
	const struct s2t_info *got;
	struct s2t_reader *r;

	(void)state;
	some_events(&ev, 1, 1);
	a_file(&file, &ev, 0);
	m.p = file.p;
	m.len = file.len;
	r = must_open(&m);
	got = s2t_info(r);
	assert_int_equal(got->host.n_ram, 2);
	assert_memory_equal(got->host.ram, ram, sizeof(ram));
	want.host.ram = got->host.ram;
	assert_memory_equal(&got->host, &want.host, sizeof(want.host));
	assert_memory_equal(got->hooks, want.hooks, sizeof(want.hooks));
	assert_string_equal(got->version, "1.2");
	assert_true(got->boot == 123456789 && got->boot_to_real == -5 && got->pid == 77);
	assert_true(got->all && !got->ring && !got->part);
	read_some(r, &ev);
	s2t_totals(r, &sum);
	assert_memory_equal(&sum, &reported, sizeof(sum));
	s2t_free(r);
	s2t_buf_free(&ev);
	s2t_buf_free(&file);
}

/* A file cut at any byte: all whole chunks are read, and it is not closed. */
static void torn_tails(void **state)
{
	struct s2t_buf ev = { 0 }, file = { 0 };
	__u32 last = 0;

	(void)state;
	some_events(&ev, 2, 6);
	a_file(&file, &ev, 5);
	for (size_t len = 0; len < file.len; len++) {
		struct memory m = { .p = file.p, .len = len };
		char err[256] = "";
		struct s2t_reader *r = open_memory(&m, err, sizeof(err));
		__u32 n = 0;

		assert_true(r || err[0]);
		if (!r)
			continue;
		n = read_some(r, &ev);
		assert_true(n >= last);
		last = n;
		/* A file without the trailer's last bytes was closed, too. */
		if (!s2t_state(r)->closed)
			assert_true(len < file.len - S2T_TRAILER_LEN);
		s2t_free(r);
	}
	assert_int_equal(last, count_events(&ev));
	s2t_buf_free(&ev);
	s2t_buf_free(&file);
}

/* A flipped bit never makes an event that was not written, and a missing event is noticed. */
static void bit_flips(void **state)
{
	struct s2t_buf ev = { 0 }, file = { 0 };

	(void)state;
	some_events(&ev, 2, 6);
	a_file(&file, &ev, 5);
	for (size_t i = 0; i < 8 * file.len; i++) {
		struct memory m = { .p = file.p, .len = file.len };
		char err[256] = "";
		struct s2t_reader *r;
		__u32 n;

		file.p[i / 8] ^= (__u8)(1 << i % 8);
		r = open_memory(&m, err, sizeof(err));
		assert_true(r || err[0]);
		n = r ? read_some(r, &ev) : 0;
		if (r && n < count_events(&ev))
			assert_true(s2t_state(r)->damaged || !s2t_state(r)->closed);
		s2t_free(r);
		file.p[i / 8] ^= (__u8)(1 << i % 8);
	}
	s2t_buf_free(&ev);
	s2t_buf_free(&file);
}

/* A damaged chunk in the middle: its events count as lost, and later chunks are read. */
static void a_damaged_chunk_is_skipped(void **state)
{
	struct s2t_buf ev = { 0 }, file = { 0 };
	struct memory m = { 0 };
	struct s2t_chunk_head h;
	size_t at = S2T_HEAD_LEN;
	struct s2t_reader *r;
	__u32 n;

	(void)state;
	some_events(&ev, 2, 20);
	a_file(&file, &ev, 10);
	for (int chunks = 0; chunks < 5; at += S2T_CHUNK_HEAD + h.stored) {
		assert_true(s2t_get_chunk_head(file.p + at, &h));
		chunks += h.kind == S2T_EVENTS;
		if (chunks == 5)
			break;
	}
	memset(file.p + at + S2T_CHUNK_HEAD, 0, h.stored);
	m.p = file.p;
	m.len = file.len;
	r = must_open(&m);
	n = read_some(r, &ev);
	assert_int_equal(h.count, 10);
	assert_int_equal(n, count_events(&ev) - h.count);
	assert_int_equal(s2t_state(r)->lost, h.count);
	assert_int_equal(s2t_state(r)->damaged, 1);
	assert_true(s2t_state(r)->closed);
	s2t_free(r);
	s2t_buf_free(&ev);
	s2t_buf_free(&file);
}

static void crc_of_head(struct s2t_buf *file)
{
	__u32 crc = (__u32)crc32(0, file->p, 28);

	memcpy(file->p + 28, &crc, 4);
}

static void versions(void **state)
{
	struct s2t_buf ev = { 0 }, file = { 0 };
	struct memory m = { 0 };
	struct s2t_chunk_head h = { .kind = 99, .body = 5, .stored = 5, .crc = 1 };
	__u8 newer[S2T_CHUNK_HEAD + 5] = { 0 };
	struct s2t_buf longer = { 0 };
	char err[256] = "";
	struct s2t_reader *r;

	(void)state;
	some_events(&ev, 1, 3);
	a_file(&file, &ev, 0);
	/* A newer minor version, with a chunk of an unknown kind before the others. */
	file.p[10] = S2T_MINOR + 1;
	crc_of_head(&file);
	assert_true(s2t_get_chunk_head(file.p + S2T_HEAD_LEN, &h));
	s2t_put(&longer, file.p, S2T_HEAD_LEN + S2T_CHUNK_HEAD + h.stored);
	h = (struct s2t_chunk_head){ .kind = 99, .seq = 1, .body = 5, .stored = 5 };
	s2t_put_chunk_head(newer, &h);
	s2t_put(&longer, newer, sizeof(newer));
	s2t_put(&longer, file.p + longer.len - sizeof(newer),
		file.len - (longer.len - sizeof(newer)));
	m.p = longer.p;
	m.len = longer.len;
	r = must_open(&m);
	assert_int_equal(read_some(r, &ev), count_events(&ev));
	assert_int_equal(s2t_state(r)->unknown, 1);
	s2t_free(r);
	/* A newer major version. */
	file.p[8] = S2T_MAJOR + 1;
	file.p[10] = 0;
	crc_of_head(&file);
	m.p = file.p;
	m.len = file.len;
	assert_null(open_memory(&m, err, sizeof(err)));
	assert_non_null(strstr(err, "version 2.0"));
	assert_non_null(strstr(err, "reads version 1"));
	s2t_buf_free(&longer);
	s2t_buf_free(&ev);
	s2t_buf_free(&file);
}

/* ---- disks that fail ---- */

static size_t room;
static int disk_err;

/* Truncating the file frees space. */
static ssize_t small_disk(int fd, const void *buf, size_t len)
{
	off_t at = lseek(fd, 0, SEEK_CUR);
	size_t left = room > (size_t)at ? room - (size_t)at : 0, n = len < left ? len : left;

	if (!n) {
		errno = disk_err;
		return -1;
	}
	return write(fd, buf, n);
}

static void full_disks(void **state)
{
	struct s2t_info info = an_info();
	struct s2t_writer_opts o = { .path = path, .info = &info, .write = small_disk };
	struct s2t_buf ev = { 0 }, file = { 0 };
	struct memory m = { 0 };
	__u32 full = 0, ended = 0;

	(void)state;
	some_events(&ev, 2, 400);
	for (size_t len = 2000; len < 6000; len += 37) {
		struct s2t_reader *r;
		__u32 n;
		int err;

		room = len;
		disk_err = len % 2 ? ENOSPC : EIO;
		err = record(&o, &ev, len % 3 ? 4 : 150);
		assert_true(err == 0 || err == -disk_err);
		slurp(path, &file);
		m.p = file.p;
		m.len = file.len;
		r = must_open(&m);
		n = read_some(r, &ev);
		full += err != 0;
		assert_int_equal(n, facts.events);
		assert_int_equal(n + facts.dropped, count_events(&ev));
		assert_int_equal(s2t_state(r)->damaged, 0);
		assert_int_equal(facts.err, -err);
		if (s2t_state(r)->closed)
			assert_int_equal(s2t_state(r)->stopped, -err);
		ended += err && s2t_state(r)->closed;
		s2t_free(r);
	}
	assert_true(full > 10);
	assert_true(ended > 0);
	s2t_buf_free(&ev);
	s2t_buf_free(&file);
}

/* A blocked disk: no append waits for it, and gap records are where events were dropped. */
static volatile bool stuck;

static ssize_t slow_disk(int fd, const void *buf, size_t len)
{
	while (stuck)
		usleep(1000);
	return write(fd, buf, len);
}

static void a_slow_disk_leaves_gaps(void **state)
{
	struct s2t_info info = an_info();
	struct s2t_writer_opts o = { .path = path, .info = &info, .write = slow_disk };
	struct s2v_summary sum = a_summary();
	const __u32 n = 400000; /* 64 MB: twice the size of the buffers */
	struct s2v_ev_page p = { .h = { .type = S2V_EV_MAP, .len = sizeof(p), .vm = 1 } };
	char err[256] = "";
	struct s2t_writer *w;
	struct s2t_buf file = { 0 };
	struct memory m = { 0 };
	const struct s2v_ev_hdr *ev;
	struct s2t_reader *r;
	__u64 next = 1, gaps = 0;

	(void)state;
	stuck = false;
	w = s2t_create(&o, err, sizeof(err));
	assert_non_null(w);
	stuck = true;
	for (__u32 i = 1; i <= n; i++) {
		p.h.time = p.gpa = i;
		s2t_append(w, &p.h);
	}
	stuck = false;
	usleep(300000);
	p.h.time = p.gpa = n + 1;
	s2t_append(w, &p.h);
	assert_int_equal(s2t_close(w, &sum, &facts), 0);
	assert_true(facts.dropped > 0);
	assert_int_equal(facts.events + facts.dropped, n + 1);
	slurp(path, &file);
	m.p = file.p;
	m.len = file.len;
	r = must_open(&m);
	while ((ev = s2t_next(r))) {
		const struct s2t_gap *gap = (const void *)ev;

		assert_true(ev->time == next);
		next = ev->time + 1;
		if (ev->type != S2T_REC_GAP)
			continue;
		assert_int_equal(gap->last - ev->time + 1, gap->events);
		next = gap->last + 1;
		gaps += gap->events;
	}
	assert_true(next == n + 2);
	assert_int_equal(gaps, facts.dropped);
	assert_int_equal(s2t_state(r)->lost, facts.dropped);
	s2t_free(r);
	s2t_buf_free(&file);
}

static void a_file_that_cannot_be_created(void **state)
{
	struct s2t_info info = an_info();
	struct s2t_writer_opts o = { .path = "/nonexistent/x.s2t", .info = &info };
	char err[256] = "";

	(void)state;
	assert_null(s2t_create(&o, err, sizeof(err)));
	assert_non_null(strstr(err, "/nonexistent/x.s2t"));
	assert_non_null(strstr(err, "No such file or directory"));
}

static void a_file_that_is_removed(void **state)
{
	struct s2t_info info = an_info();
	struct s2t_writer_opts o = { .path = path, .info = &info };
	struct s2v_summary sum = a_summary();
	char err[256] = "";
	struct s2t_writer *w = s2t_create(&o, err, sizeof(err));
	struct s2t_buf ev = { 0 };

	(void)state;
	assert_non_null(w);
	unlink(path);
	some_events(&ev, 1, 1);
	s2t_append(w, event_at(&ev, 0));
	assert_int_equal(s2t_close(w, &sum, &facts), -ENOENT);
	assert_int_equal(facts.err, ENOENT);
	assert_string_equal(facts.path, path);
	s2t_buf_free(&ev);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(events_come_back),
		cmocka_unit_test(info_comes_back),
		cmocka_unit_test(torn_tails),
		cmocka_unit_test(bit_flips),
		cmocka_unit_test(a_damaged_chunk_is_skipped),
		cmocka_unit_test(versions),
		cmocka_unit_test(full_disks),
		cmocka_unit_test(a_slow_disk_leaves_gaps),
		cmocka_unit_test(a_file_that_cannot_be_created),
		cmocka_unit_test(a_file_that_is_removed),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
