/* needs: src/util/intervals.c */
/* SPDX-License-Identifier: BSD-2-Clause */
/* Sets of intervals, beside plain bitmaps. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <errno.h>
#include <string.h>
#include <cmocka.h>

#include "util/intervals.h"

#define ALL (1U << 20) /* `most` where it does not matter */
#define NOTE 1000000 /* of address 0, where notes ascend with addresses */

/* Bytes of [start, end) that are in the set, which must be sorted. */
static __u64 bytes_in(const struct s2v_intervals *s, __u64 start, __u64 end)
{
	__u64 bytes = 0;

	for (size_t i = s2v_intervals_after(s, start); i < s->n && s->a[i].start < end; i++) {
		__u64 from = s->a[i].start > start ? s->a[i].start : start;

		bytes += (s->a[i].end < end ? s->a[i].end : end) - from;
	}
	return bytes;
}

static int add(struct s2v_intervals *s, __u64 start, __u64 end, __u64 note, int owner)
{
	return s2v_intervals_add(
		s,
		&(struct s2v_interval){ .start = start, .end = end, .note = note, .owner = owner });
}

/* Asserts what the sorted set is: n pairs of start and end. */
static void is(struct s2v_intervals *s, size_t n, const __u64 (*want)[2])
{
	s2v_intervals_sort(s);
	assert_int_equal(s->n, n);
	assert_int_equal(s->sorted, n);
	for (size_t i = 0; i < n; i++)
		if (s->a[i].start != want[i][0] || s->a[i].end != want[i][1])
			fail_msg("interval %zu: %llu to %llu", i, (unsigned long long)s->a[i].start,
				 (unsigned long long)s->a[i].end);
}

#define IS(s, ...)                                               \
	do {                                                     \
		static const __u64 want_[][2] = { __VA_ARGS__ }; \
		is(s, sizeof(want_) / sizeof(want_[0]), want_);  \
	} while (0)

/* ---- adding ---- */

static void joined(void **state)
{
	struct s2v_intervals s = { .most = ALL };

	(void)state;
	is(&s, 0, NULL);
	assert_int_equal(add(&s, 10, 20, 0, 0), 0);
	IS(&s, { 10, 20 });
	add(&s, 20, 30, 0, 0); /* touches */
	IS(&s, { 10, 30 });
	add(&s, 12, 15, 0, 0); /* contained */
	add(&s, 10, 30, 0, 0); /* the same */
	add(&s, 25, 40, 0, 0); /* overlaps behind */
	IS(&s, { 10, 40 });
	add(&s, 5, 11, 0, 0); /* before */
	IS(&s, { 5, 40 });
	add(&s, 2, 5, 0, 0); /* touches before */
	IS(&s, { 2, 40 });
	add(&s, 0, 1, 0, 0); /* a gap of 1 */
	add(&s, 41, 42, 0, 0);
	IS(&s, { 0, 1 }, { 2, 40 }, { 41, 42 });
	add(&s, 1, 2, 0, 0); /* fills a gap */
	IS(&s, { 0, 40 }, { 41, 42 });
	add(&s, 0, 100, 0, 0); /* contains all */
	IS(&s, { 0, 100 });
	s2v_intervals_free(&s);
	assert_int_equal(s.n, 0);
	add(&s, 7, 8, 0, 0); /* may be used again */
	IS(&s, { 7, 8 });
	s2v_intervals_free(&s);
}

/* An interval that grows in place, while those before it are not sorted, or sorted. */
static void grows_in_place(void **state)
{
	struct s2v_intervals s = { .most = ALL };

	(void)state;
	add(&s, 100, 110, 0, 0);
	add(&s, 10, 20, 0, 0);
	add(&s, 15, 50, 0, 0);
	add(&s, 50, 105, 0, 0);
	IS(&s, { 10, 110 });
	add(&s, 200, 210, 0, 0);
	add(&s, 205, 300, 0, 0);
	assert_int_equal(s.sorted, 2);
	add(&s, 250, 260, 0, 0);
	IS(&s, { 10, 110 }, { 200, 300 });
	s2v_intervals_free(&s);
}

static void ends_of_the_address_space(void **state)
{
	const __u64 top = ~0ULL;
	struct s2v_intervals s = { .most = ALL };

	(void)state;
	add(&s, top - 4096, top, 0, 0);
	add(&s, 0, 4096, 0, 0);
	add(&s, top - 8192, top - 4096, 0, 0);
	IS(&s, { 0, 4096 }, { ~0ULL - 8192, ~0ULL });
	assert_int_equal(bytes_in(&s, 0, top), 4096 + 8192);
	assert_int_equal(s2v_intervals_after(&s, top - 1), 1);
	assert_int_equal(s2v_intervals_after(&s, top), 2);
	s2v_intervals_free(&s);
}

/* Every order of five intervals gives the same set, the same notes and owners. */
static void any_order(void **state)
{
	static const __u64 x[5][2] = { { 0, 10 }, { 10, 20 }, { 15, 40 }, { 50, 60 }, { 52, 55 } };

	(void)state;
	for (unsigned int order = 0; order < 120; order++) {
		unsigned int left[5] = { 0, 1, 2, 3, 4 }, rest = order;
		struct s2v_intervals s = { .most = ALL };

		for (unsigned int n = 5; n; rest /= n--) {
			unsigned int pick = rest % n, i = left[pick];

			left[pick] = left[n - 1];
			assert_int_equal(add(&s, x[i][0], x[i][1], NOTE + x[i][0], (int)x[i][0]),
					 0);
		}
		IS(&s, { 0, 40 }, { 50, 60 });
		assert_int_equal(s.a[0].note, NOTE);
		assert_int_equal(s.a[0].owner, 0);
		assert_int_equal(s.a[1].note, NOTE + 50);
		assert_int_equal(s.a[1].owner, 50);
		s2v_intervals_free(&s);
	}
}

/* Note and owner are those of the lowest interval; of equal starts, whatever qsort() does, the lowest note. */
static void note_of_the_first(void **state)
{
	struct s2v_intervals s = { .most = ALL };

	(void)state;
	add(&s, 50, 60, 7, 1);
	add(&s, 20, 30, 9, 4);
	add(&s, 10, 20, 100, 3);
	add(&s, 20, 25, 8, 2);
	IS(&s, { 10, 30 }, { 50, 60 });
	assert_int_equal(s.a[0].note, 100);
	assert_int_equal(s.a[0].owner, 3);
	s2v_intervals_free(&s);
	add(&s, 20, 30, 9, 1);
	add(&s, 0, 1, 0, 0);
	add(&s, 20, 25, 8, 5);
	add(&s, 0, 1, 0, 0);
	add(&s, 20, 22, 8, 2);
	IS(&s, { 0, 1 }, { 20, 30 });
	assert_int_equal(s.a[1].note, 8);
	assert_int_equal(s.a[1].owner, 2);
	s2v_intervals_free(&s);
}

/* ---- the bound ---- */

/* No more than `most`, in any order; those that join an earlier one need no room of their own. */
static void bounded(void **state)
{
	static const size_t most[] = { 0, 1, 2, 10, 1000, 4096, 4097, 8192, 10000 };

	(void)state;
	for (size_t m = 0; m < sizeof(most) / sizeof(most[0]); m++) {
		for (int down = 0; down < 2; down++) {
			struct s2v_intervals s = { .most = most[m] };

			for (size_t i = 0; i < most[m]; i++) {
				__u64 at = 10 * (down ? most[m] - i : i + 1);

				if (add(&s, at, at + 5, 0, 0))
					fail_msg("%zu of %zu", i, most[m]);
			}
			assert_int_equal(add(&s, 0, 5, 0, 0), -E2BIG);
			assert_int_equal(add(&s, 10 * (most[m] + 1), ~0ULL, 0, 0), -E2BIG);
			assert_true(s.cap <= most[m]);
			s2v_intervals_sort(&s);
			assert_int_equal(s.n, most[m]);
			assert_int_equal(bytes_in(&s, 0, ~0ULL), 5 * most[m]);
			s2v_intervals_free(&s);
		}
	}
}

/* However many are added, if they join. */
static void many_that_join(void **state)
{
	struct s2v_intervals s = { .most = 100 };

	(void)state;
	for (__u64 i = 0; i < 100000; i++)
		assert_int_equal(add(&s, i * 7 % 100 * 10 % 500, i * 7 % 100 * 10 % 500 + 5, 0, 0),
				 0);
	s2v_intervals_sort(&s);
	assert_int_equal(s.n, 50);
	assert_true(s.cap <= 100);
	s2v_intervals_free(&s);
}

/* Sorting, to make room, leaves an interval last that the new one touches. */
static void touches_after_sorting(void **state)
{
	struct s2v_intervals s = { .most = 4 };

	(void)state;
	for (int i = 0; i < 2; i++) {
		add(&s, 30, 40, 0, 0);
		add(&s, 10, 20, 0, 0);
	}
	assert_int_equal(s.n, 4);
	assert_int_equal(add(&s, 40, 50, 0, 0), 0);
	IS(&s, { 10, 20 }, { 30, 50 });
	s2v_intervals_free(&s);
}

static void merged(void **state)
{
	struct s2v_intervals a = { .most = 4 }, b = { .most = ALL };

	(void)state;
	assert_int_equal(s2v_intervals_merge(&a, &b), 0);
	add(&b, 30, 40, 5, 1);
	add(&b, 10, 20, 6, 2);
	assert_int_equal(s2v_intervals_merge(&a, &b), 0);
	IS(&a, { 10, 20 }, { 30, 40 });
	assert_int_equal(a.a[0].note, 6);
	assert_int_equal(a.a[1].owner, 1);
	assert_int_equal(b.n, 2);
	assert_int_equal(b.a[0].start, 30);
	assert_int_equal(s2v_intervals_merge(&a, &b), 0);
	IS(&a, { 10, 20 }, { 30, 40 });
	for (__u64 i = 0; i < 10; i++)
		add(&b, 100 + 10 * i, 105 + 10 * i, 0, 0);
	assert_int_equal(s2v_intervals_merge(&a, &b), -E2BIG);
	s2v_intervals_sort(&a);
	assert_true(a.n <= 4);
	s2v_intervals_free(&a);
	s2v_intervals_free(&b);
}

/* ---- both ---- */

static void intersections(void **state)
{
	struct s2v_intervals a = { .most = 5 }, b = { .most = ALL }, none = { .most = ALL };

	(void)state;
	assert_int_equal(s2v_intervals_intersect(&a, &none), 0);
	add(&a, 0, 10, 0, 0);
	assert_int_equal(s2v_intervals_intersect(&a, &none), 0);
	assert_int_equal(a.n, 0);
	assert_int_equal(s2v_intervals_intersect(&a, &none), 0);
	assert_int_equal(a.most, 5);

	add(&a, 10, 20, 0, 0);
	add(&a, 30, 100, 0, 0);
	add(&a, 200, 300, 0, 0);
	add(&b, 0, 10, 0, 0); /* touches */
	add(&b, 15, 40, 0, 0); /* over a gap */
	add(&b, 50, 60, 0, 0); /* inside */
	add(&b, 99, 201, 0, 0);
	add(&b, 300, 400, 0, 0); /* touches */
	assert_int_equal(s2v_intervals_intersect(&a, &b), 0);
	IS(&a, { 15, 20 }, { 30, 40 }, { 50, 60 }, { 99, 100 }, { 200, 201 });
	assert_int_equal(b.n, 5);
	/* The bound is what it was. */
	assert_int_equal(a.most, 5);
	assert_int_equal(add(&a, 1000, 1001, 0, 0), -E2BIG);
	s2v_intervals_free(&a);
	s2v_intervals_free(&b);
}

/*
 * The note of a part is that of an interval which begins there. Here memory 0 to 10 was at 2000, and 10 to 20 at 5000:
 * of the joined interval only the note of its beginning is known.
 */
static void note_of_an_intersection(void **state)
{
	struct s2v_intervals a = { .most = ALL }, b = { .most = ALL };

	(void)state;
	add(&a, 10, 20, 5000, 1);
	add(&b, 0, 10, 2000, 2);
	add(&b, 10, 20, 5000, 2);
	assert_int_equal(s2v_intervals_intersect(&a, &b), 0);
	IS(&a, { 10, 20 });
	assert_int_equal(a.a[0].note, 5000);
	assert_int_equal(a.a[0].owner, 1);
	s2v_intervals_free(&a);
	add(&a, 0, 5, 2000, 1);
	add(&a, 5, 20, 7000, 1);
	s2v_intervals_free(&b);
	add(&b, 5, 15, 7000, 2);
	assert_int_equal(s2v_intervals_intersect(&a, &b), 0);
	IS(&a, { 5, 15 });
	assert_int_equal(a.a[0].note, 7000);
	assert_int_equal(a.a[0].owner, 2);
	s2v_intervals_free(&a);
	s2v_intervals_free(&b);
}

/* ---- looking up ---- */

static void lookups(void **state)
{
	struct s2v_intervals s = { .most = ALL };

	(void)state;
	assert_int_equal(s2v_intervals_after(&s, 0), 0);
	assert_int_equal(bytes_in(&s, 0, ~0ULL), 0);
	add(&s, 10, 20, 0, 0);
	add(&s, 30, 40, 0, 0);
	assert_int_equal(s2v_intervals_after(&s, 0), 0);
	assert_int_equal(s2v_intervals_after(&s, 19), 0);
	assert_int_equal(s2v_intervals_after(&s, 20), 1); /* the end is exclusive */
	assert_int_equal(s2v_intervals_after(&s, 29), 1);
	assert_int_equal(s2v_intervals_after(&s, 39), 1);
	assert_int_equal(s2v_intervals_after(&s, 40), 2);
	assert_int_equal(bytes_in(&s, 0, 100), 20);
	assert_int_equal(bytes_in(&s, 0, 10), 0);
	assert_int_equal(bytes_in(&s, 0, 11), 1);
	assert_int_equal(bytes_in(&s, 12, 15), 3);
	assert_int_equal(bytes_in(&s, 19, 31), 2);
	assert_int_equal(bytes_in(&s, 20, 30), 0);
	assert_int_equal(bytes_in(&s, 15, 15), 0);
	assert_int_equal(bytes_in(&s, 40, 100), 0);
	s2v_intervals_free(&s);
}

/* ---- random, beside a bitmap ---- */

#define BITS 3000

static __u64 dice = 88172645463325252ULL;

static __u64 roll(__u64 n)
{
	dice ^= dice << 13;
	dice ^= dice >> 7;
	dice ^= dice << 17;
	return dice % n;
}

static void same(struct s2v_intervals *s, const unsigned char *bit)
{
	size_t n = 0;
	__u64 i = 0;

	s2v_intervals_sort(s);
	while (i < BITS) {
		__u64 start = i;

		while (i < BITS && bit[i] == bit[start])
			i++;
		if (!bit[start])
			continue;
		assert_true(n < s->n);
		assert_int_equal(s->a[n].start, start);
		assert_int_equal(s->a[n].end, i);
		/* In this test notes ascend with addresses, over all intervals. */
		assert_int_equal(s->a[n].note, NOTE + start);
		n++;
	}
	assert_int_equal(s->n, n);
}

static void same_bytes(const struct s2v_intervals *s, const unsigned char *bit)
{
	for (int i = 0; i < 20; i++) {
		__u64 start = roll(BITS), end = start + roll(BITS - start), n = 0;

		for (__u64 k = start; k < end; k++)
			n += bit[k];
		assert_int_equal(bytes_in(s, start, end), n);
	}
}

static void add_random(struct s2v_intervals *s, unsigned char *bit, __u64 n, __u64 size)
{
	for (__u64 i = 0; i < n; i++) {
		__u64 start = roll(BITS), end = start + 1 + roll(size);

		end = end < BITS ? end : BITS;
		assert_int_equal(add(s, start, end, NOTE + start, 0), 0);
		memset(bit + start, 1, end - start);
	}
}

static void random_sets(void **state)
{
	static unsigned char in_a[BITS], in_b[BITS];

	(void)state;
	for (int round = 0; round < 400; round++) {
		struct s2v_intervals a = { .most = ALL }, b = { .most = ALL };
		__u64 size = 1 + roll(40), n = roll(300);

		memset(in_a, 0, sizeof(in_a));
		memset(in_b, 0, sizeof(in_b));
		for (int i = 0; i < 3; i++) {
			add_random(&a, in_a, n, size);
			if (roll(2))
				same(&a, in_a);
		}
		add_random(&b, in_b, roll(300), 1 + roll(100));
		same(&a, in_a);
		same(&b, in_b);
		same_bytes(&a, in_a);
		if (roll(2)) {
			assert_int_equal(s2v_intervals_merge(&a, &b), 0);
			for (size_t i = 0; i < BITS; i++)
				in_a[i] |= in_b[i];
		} else {
			assert_int_equal(s2v_intervals_intersect(&a, &b), 0);
			assert_int_equal(a.sorted, a.n);
			for (size_t i = 0; i < BITS; i++)
				in_a[i] &= in_b[i];
		}
		same(&a, in_a);
		same(&b, in_b);
		add_random(&a, in_a, 20, size);
		same(&a, in_a);
		s2v_intervals_free(&a);
		s2v_intervals_free(&b);
	}
}

/* More than the first capacity, in a random order: 20,000 pages that all stay apart, then all that fill the gaps. */
static void many(void **state)
{
	const __u64 n = 20000, step = 7919; /* prime */
	struct s2v_intervals s = { .most = ALL };

	(void)state;
	for (__u64 i = 0; i < n; i++)
		assert_int_equal(add(&s, i * step % n * 2, i * step % n * 2 + 1, 0, 0), 0);
	s2v_intervals_sort(&s);
	assert_int_equal(s.n, n);
	assert_int_equal(bytes_in(&s, 0, 2 * n), n);
	for (__u64 i = 0; i < n; i++)
		assert_int_equal(add(&s, i * step % n * 2 + 1, i * step % n * 2 + 2, 0, 0), 0);
	s2v_intervals_sort(&s);
	assert_int_equal(s.n, 1);
	assert_int_equal(s.a[0].end, 2 * n);
	s2v_intervals_free(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(joined),
		cmocka_unit_test(grows_in_place),
		cmocka_unit_test(any_order),
		cmocka_unit_test(ends_of_the_address_space),
		cmocka_unit_test(bounded),
		cmocka_unit_test(note_of_the_first),
		cmocka_unit_test(merged),
		cmocka_unit_test(many_that_join),
		cmocka_unit_test(intersections),
		cmocka_unit_test(note_of_an_intersection),
		cmocka_unit_test(touches_after_sorting),
		cmocka_unit_test(lookups),
		cmocka_unit_test(random_sets),
		cmocka_unit_test(many),
	};

	return cmocka_run_group_tests_name("intervals", tests, NULL, NULL);
}
