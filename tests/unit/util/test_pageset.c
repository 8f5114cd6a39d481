/* needs: src/util/pageset.c */
/* SPDX-License-Identifier: BSD-2-Clause */
/* Sets of guest pages, across the boundaries of chunks. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "util/pageset.h"

static void add_and_remove(void **state)
{
	struct s2v_pageset s = { 0 };

	(void)state;
	assert_int_equal(s2v_pageset_remove(&s, 0, 1000), 0);
	assert_int_equal(s2v_pageset_add(&s, 5, 0), 0);
	assert_int_equal(s.pages, 0);
	assert_int_equal(s2v_pageset_add(&s, 500, 100), 0); /* across the end of a chunk */
	assert_int_equal(s.pages, 100);
	assert_int_equal(s2v_pageset_add(&s, 550, 100), 0); /* half of them are in the set */
	assert_int_equal(s.pages, 150);
	assert_int_equal(s2v_pageset_remove(&s, 0, 501), 1);
	assert_int_equal(s2v_pageset_remove(&s, 500, 1), 0);
	assert_int_equal(s2v_pageset_remove(&s, 511, 2), 2);
	assert_int_equal(s2v_pageset_remove(&s, 0, 2048), 147);
	assert_int_equal(s.pages, 0);
	s2v_pageset_clear(&s);
	assert_null(s.chunks);
}

static void far_pages(void **state)
{
	const __u64 last = ~0ULL >> 12;
	struct s2v_pageset s = { 0 };

	(void)state;
	assert_int_equal(s2v_pageset_add(&s, last, 1), 0);
	assert_int_equal(s2v_pageset_add(&s, 0, 1), 0);
	assert_int_equal(s2v_pageset_remove(&s, last - 1, 1), 0);
	assert_int_equal(s2v_pageset_remove(&s, last, 1), 1);
	assert_int_equal(s.pages, 1);
	s2v_pageset_clear(&s);
	assert_int_equal(s.pages, 0);
	s2v_pageset_clear(&s);
}

/* Only pages in the set cost time, for ranges of 1 PiB and 4 GiB. */
static void large_ranges(void **state)
{
	struct s2v_pageset s = { 0 };

	(void)state;
	for (__u64 i = 0; i < 16; i++)
		assert_int_equal(s2v_pageset_add(&s, i * 1000, 1), 0);
	assert_int_equal(s2v_pageset_remove(&s, 1001, 1ULL << 38), 14);
	assert_int_equal(s2v_pageset_remove(&s, 1, 1000), 1);
	assert_int_equal(s2v_pageset_remove(&s, 1, 1ULL << 20), 0);
	assert_int_equal(s.pages, 1);
	assert_int_equal(s2v_pageset_remove(&s, 0, 0), 0);
	assert_int_equal(s2v_pageset_remove(&s, 0, 1ULL << 38), 1);
	assert_int_equal(s.pages, 0);
	s2v_pageset_clear(&s);
}

static void move(void **state)
{
	struct s2v_pageset a = { 0 }, b = { 0 };

	(void)state;
	assert_int_equal(s2v_pageset_add(&a, 0, 10), 0);
	assert_int_equal(s2v_pageset_add(&b, 5, 10), 0);
	assert_int_equal(s2v_pageset_add(&b, 511, 2), 0);
	assert_int_equal(s2v_pageset_move(&a, &b), 0);
	assert_int_equal(b.pages, 0);
	assert_null(b.chunks);
	assert_int_equal(a.pages, 17);
	assert_int_equal(s2v_pageset_remove(&a, 0, 15), 15);
	assert_int_equal(s2v_pageset_remove(&a, 511, 2), 2);
	s2v_pageset_clear(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(add_and_remove),
		cmocka_unit_test(far_pages),
		cmocka_unit_test(large_ranges),
		cmocka_unit_test(move),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
