// SPDX-License-Identifier: BSD-2-Clause
/* needs: src/live/vmas.c */
/* Reading VMAs from the kernel's iterator, and reporting those behind a memslot. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

#include "live/iter.h"
#include "live/vmas.h"

#define PAGE 4096ULL

/* The iterator's output: n VMAs of one page from `base` on, alternately of two kinds, in pieces of `piece` bytes. */
static struct iterator {
	size_t n, piece;
	__u64 base;
	size_t again_from; /* after the last VMA it restarts there for ever; 0: it ends */
	unsigned int asked, go_on_for;
} it;

static struct s2v_ev_vma vma(size_t i)
{
	return (struct s2v_ev_vma){ .vma = { .start = it.base + i * PAGE,
					     .end = it.base + (i + 1) * PAGE,
					     .attr = S2V_ATTR_NORMAL_WB,
					     .flags = i & 1 ? S2V_VMA_FILE : 0 } };
}

static bool go_on(void *arg)
{
	(void)arg;
	return ++it.asked <= it.go_on_for;
}

int s2v_iter_run(struct bpf_link *link, const struct s2v_iter_opts *o)
{
	const size_t size = sizeof(struct s2v_ev_vma);
	struct s2v_ev_vma two[2];
	size_t bytes = it.n * size, at = 0, len;
	int err = 0;

	(void)link;
	while (!err && at < bytes) {
		len = it.piece < bytes - at ? it.piece : bytes - at;
		two[0] = vma(at / size);
		two[1] = vma(at / size + 1);
		if (len > 2 * size - at % size)
			len = 2 * size - at % size;
		err = o->take(o->arg, (char *)two + at % size, len);
		at += len;
		if (!err && !o->go_on(o->arg))
			err = -EINTR;
		if (at == bytes && it.again_from)
			at = it.again_from * size;
	}
	return err;
}

static int read_them(struct s2v_vmas *v)
{
	static const __u32 done;
	const struct s2v_vmas_source from = { .done = &done, .go_on = go_on };

	memset(v, 0, sizeof(*v));
	return s2v_vmas_read(v, NULL, &from);
}

static void begin(size_t n, size_t piece)
{
	it = (struct iterator){ .n = n, .piece = piece, .base = 0x10000, .go_on_for = 1000000 };
}

static void in_any_pieces(void **state)
{
	static const size_t pieces[] = { 1, 7, 100, 127, 128, 129, 200, 256 };
	struct s2v_vmas v;

	(void)state;
	for (size_t p = 0; p < S2V_ARRAY_SIZE(pieces); p++) {
		begin(257, pieces[p]);
		assert_int_equal(read_them(&v), 0);
		assert_int_equal(v.n, 257);
		for (size_t i = 0; i < v.n; i++)
			assert_int_equal(v.v[i].vma.start, it.base + i * PAGE);
		s2v_vmas_free(&v);
	}
}

/* The kernel's iterator does that unless the BPF program prevents it. */
static void begins_anew(void **state)
{
	struct s2v_vmas v;

	(void)state;
	begin(300, 256);
	it.again_from = 255;
	assert_int_equal(read_them(&v), -EBADMSG);
	assert_true(v.n <= 301);
	s2v_vmas_free(&v);
}

static void too_many(void **state)
{
	struct s2v_vmas v;

	(void)state;
	begin(S2V_VMAS_MOST, 256);
	assert_int_equal(read_them(&v), 0);
	assert_int_equal(v.n, S2V_VMAS_MOST);
	s2v_vmas_free(&v);
	begin(S2V_VMAS_MOST + 1, 256);
	assert_int_equal(read_them(&v), -E2BIG);
	s2v_vmas_free(&v);
}

static void ended(void **state)
{
	struct s2v_vmas v;

	(void)state;
	begin(300, 256);
	it.go_on_for = 3;
	assert_int_equal(read_them(&v), -EINTR);
	s2v_vmas_free(&v);
}

/* ---- behind a memslot ---- */

static size_t taken;
static __u64 last_end;

static void take(void *arg, const struct s2v_ev_hdr *ev)
{
	const struct s2v_ev_vma *run = (const void *)ev;

	(void)arg;
	assert_int_equal(run->h.type, S2V_EV_VMA);
	if (taken++)
		assert_int_equal(run->vma.start, last_end);
	last_end = run->vma.end;
}

static int report(const struct s2v_vmas *v, struct s2v_ev_slot *slot, unsigned int most)
{
	const struct s2v_vmas_to to = { .fn = take, .go_on = go_on, .most = most };

	taken = 0;
	it.asked = 0;
	return s2v_vmas_report(v, slot, &to);
}

/* All VMAs, and one page of hole before and after them. */
static void all_of_them(void **state)
{
	struct s2v_vmas v;
	struct s2v_ev_slot slot;

	(void)state;
	begin(5000, 256);
	assert_int_equal(read_them(&v), 0);
	slot = (struct s2v_ev_slot){ .hva = it.base - PAGE, .size = 5002 * PAGE };
	assert_int_equal(report(&v, &slot, 5002), 0);
	assert_int_equal(taken, 5002);
	assert_int_equal(slot.runs, 5002);
	assert_int_equal(slot.vmas, 5000);
	assert_int_equal(last_end, slot.hva + slot.size);
	assert_in_range(it.asked, 4, 5); /* after each 1024 runs */
	assert_int_equal(report(&v, &slot, 5001), -E2BIG);
	assert_int_equal(slot.runs, 5001);
	it.go_on_for = 2;
	assert_int_equal(report(&v, &slot, 5002), -EINTR);
	assert_int_equal(taken, 3 * 1024);
	s2v_vmas_free(&v);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(in_any_pieces), cmocka_unit_test(begins_anew),
		cmocka_unit_test(too_many),	 cmocka_unit_test(ended),
		cmocka_unit_test(all_of_them),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
