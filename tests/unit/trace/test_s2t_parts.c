// SPDX-License-Identifier: BSD-2-Clause
/* needs: src/core src/host src/util src/trace */
/* libs: -lzstd -lz -lpthread */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

#include "s2t_file_data.h"

/* Counts the events of `r` of a type and VM. */
static __u32 count_of(struct s2t_reader *r, __u32 type, __u32 vm, bool *preexisting)
{
	const struct s2v_ev_hdr *ev;
	__u32 n = 0;

	while ((ev = s2t_next(r))) {
		if (ev->type != type || ev->vm != vm)
			continue;
		n++;
		if (preexisting)
			*preexisting = ((const struct s2v_ev_vm *)ev)->preexisting;
	}
	return n;
}

static void parts_stand_alone(void **state)
{
	struct s2t_info info = an_info();
	struct s2t_writer_opts o = { .path = path, .info = &info, .rotate = 4000 };
	struct s2t_buf ev = { 0 }, file = { 0 };
	struct memory m = { 0 };
	__u64 events = 0;

	(void)state;
	guest(&ev, 1, 1000, 2000);
	assert_int_equal(record(&o, &ev, 100), 0);
	assert_true(facts.parts > 3 && facts.parts < 20);
	for (__u32 i = 0; i < facts.parts; i++) {
		char name[80], err[256];
		bool preexisting = false;
		struct s2t_reader *r;
		__u64 size;

		snprintf(name, sizeof(name), i ? "%s.%u" : "%s", path, i);
		r = s2t_open_path(name, &size, err, sizeof(err));
		assert_non_null(r);
		assert_int_equal(s2t_info(r)->part, i);
		assert_int_equal(count_of(r, S2V_EV_VM_NEW, 1, &preexisting), 1);
		assert_int_equal(preexisting, i > 0);
		assert_true(s2t_state(r)->closed);
		assert_false(s2t_state(r)->index_wrong);
		events += s2t_state(r)->events;
		s2t_free(r);
		slurp(name, &file);
		m = (struct memory){ .p = file.p, .len = file.len };
		r = must_open(&m);
		assert_int_equal(count_of(r, S2V_EV_SLOT, 1, NULL), 1);
		s2t_free(r);
	}
	assert_int_equal(events, count_events(&ev));
	s2t_buf_free(&ev);
	s2t_buf_free(&file);
}

/* Whenever counters are written, some calls have not returned yet; one never returns. */
static void write_with_pending_calls(const struct s2t_writer_opts *o, const struct s2t_buf *ev)
{
	struct s2v_summary sum = { 0 };
	char err[256] = "";
	struct s2t_writer_opts patient = *o;
	struct s2t_writer *w;
	__u64 n = 0;

	patient.patient = true;
	w = s2t_create(&patient, err, sizeof(err));
	assert_non_null(w);
	for (size_t at = 0; at < ev->len; at += s2t_round8(event_at(ev, at)->len)) {
		s2t_append(w, event_at(ev, at));
		n++;
		sum.cnt[S2V_CNT_ENTERED] = n + 2 + n % 3;
		sum.cnt[S2V_CNT_RETURNED] = n + 1;
		if (n % 100 == 0)
			s2t_counters(w, &sum);
	}
	sum.cnt[S2V_CNT_ENTERED] = n + 2;
	s2t_close(w, &sum, &facts);
}

/* The most missed probes in counters of the file at any time; *at_end: in the last ones. */
static __u64 missed_at_most(const char *name, __u64 *at_end)
{
	struct s2v_summary sum = { 0 };
	__u64 most = 0, size;
	char err[256];
	struct s2t_reader *r = s2t_open_path(name, &size, err, sizeof(err));

	assert_non_null(r);
	while (s2t_next(r)) {
		s2t_totals(r, &sum);
		if (sum.cnt[S2V_CNT_ENTERED] > sum.cnt[S2V_CNT_RETURNED] + most)
			most = sum.cnt[S2V_CNT_ENTERED] - sum.cnt[S2V_CNT_RETURNED];
	}
	assert_true(s2t_state(r)->closed);
	s2t_totals(r, &sum);
	assert_true(sum.cnt[S2V_CNT_RETURNED] > 0);
	*at_end = sum.cnt[S2V_CNT_ENTERED] - sum.cnt[S2V_CNT_RETURNED];
	s2t_free(r);
	return most;
}

static void calls_that_have_not_returned_are_not_missed(void **state)
{
	struct s2t_info info = an_info();
	struct s2t_writer_opts o = { .path = path, .info = &info };
	struct s2t_buf ev = { 0 };
	__u64 at_end;

	(void)state;
	guest(&ev, 1, 1000, 2000);
	write_with_pending_calls(&o, &ev);
	assert_int_equal(missed_at_most(path, &at_end), 0);
	assert_int_equal(at_end, 1);
	o.rotate = 4000;
	write_with_pending_calls(&o, &ev);
	assert_true(facts.parts > 3);
	for (__u32 i = 0; i < facts.parts; i++) {
		char name[80];

		snprintf(name, sizeof(name), i ? "%s.%u" : "%s", path, i);
		assert_int_equal(missed_at_most(name, &at_end), 0);
		assert_int_equal(at_end, i + 1 == facts.parts);
	}
	s2t_buf_free(&ev);
}

static void a_ring_keeps_the_last(void **state)
{
	struct s2t_info info = an_info();
	struct s2t_writer_opts o = { .path = path, .info = &info, .ring_bytes = 3000 };
	struct s2t_buf ev = { 0 }, file = { 0 };
	struct memory m = { 0 };
	__u64 last;
	__u32 n;

	(void)state;
	guest(&ev, 1, 1000, 1);
	last = guest(&ev, 2, 100000, 2000);
	assert_int_equal(record(&o, &ev, 100), 0);
	for (int by_time = 0; by_time < 2; by_time++) {
		const struct s2v_ev_hdr *e;
		struct s2t_reader *r;

		slurp(path, &file);
		m = (struct memory){ .p = file.p, .len = file.len };
		r = must_open(&m);
		assert_true(s2t_info(r)->ring);
		n = 0;
		while ((e = s2t_next(r)))
			if (e->type == S2V_EV_FAULT && e->vm == 2) {
				n++;
				assert_true(e->time <= last);
				if (by_time) /* and a chunk */
					assert_true(last - e->time <= 100000 + 60 * 9000);
			}
		assert_true(n >= 50 && n < 1000);
		assert_true(s2t_state(r)->closed);
		s2t_free(r);
		m.at = 0;
		r = must_open(&m);
		assert_int_equal(count_of(r, S2V_EV_VM_NEW, 1, NULL), 1);
		s2t_free(r);
		o.ring_bytes = 0;
		o.ring_ns = 100000;
		if (!by_time)
			assert_int_equal(record(&o, &ev, 100), 0);
	}
	s2t_buf_free(&ev);
	s2t_buf_free(&file);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(parts_stand_alone),
		cmocka_unit_test(calls_that_have_not_returned_are_not_missed),
		cmocka_unit_test(a_ring_keeps_the_last),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
