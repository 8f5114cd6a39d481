// SPDX-License-Identifier: BSD-2-Clause
/* needs: src/core/names.c */
/* Shares of the maps of memslots and kinds: however much processes take, room is left for another. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

#include "util/types.h"
#include "s2v_shared.h"

static struct s2v_shares s;

/* Takes as much as it gets; returns how much. */
static __u32 greedy(__u32 tgid)
{
	__u32 n = 0;

	while (s2v_share_take(&s, S2V_SHARED_SLOTS, tgid))
		n++;
	return n;
}

static void limited_to_what_is_left(void **state)
{
	__u32 left = S2V_SHARED_MOST, n;

	(void)state;
	memset(&s, 0, sizeof(s));
	for (__u32 tgid = 1; tgid <= 8; tgid++) {
		n = greedy(tgid);
		left -= n;
		assert_in_range(n, left, left + 1);
		assert_false(s2v_share_take(&s, S2V_SHARED_SLOTS, tgid));
	}
	/* 8 processes that take all they get leave room for 32 memslots of another. */
	assert_in_range(left, 1000, S2V_SHARED_MOST);
	for (int i = 0; i < 32; i++)
		assert_true(s2v_share_take(&s, S2V_SHARED_SLOTS, 4711));
	/* The other map is not affected. */
	assert_true(s2v_share_take(&s, S2V_SHARED_KINDS, 1));
}

static void freed_shares(void **state)
{
	__u32 n;

	(void)state;
	memset(&s, 0, sizeof(s));
	n = greedy(7);
	assert_int_equal(n, S2V_SHARED_MOST / 2);
	for (__u32 i = 0; i < n; i++)
		s2v_share_give(&s, S2V_SHARED_SLOTS, 7);
	assert_int_equal(s.all[S2V_SHARED_SLOTS], 0);
	assert_int_equal(greedy(7), n);
	/* Processes with the same remainder share. */
	assert_int_equal(greedy(7 + S2V_SHARES), 0);
	assert_true(s2v_share_take(&s, S2V_SHARED_SLOTS, 8));
}

/* A race may count one more than the total: then nobody gets more. */
static void count_beyond_the_total(void **state)
{
	(void)state;
	memset(&s, 0, sizeof(s));
	s.all[S2V_SHARED_SLOTS] = S2V_SHARED_MOST + 1;
	assert_false(s2v_share_take(&s, S2V_SHARED_SLOTS, 7));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(limited_to_what_is_left),
		cmocka_unit_test(freed_shares),
		cmocka_unit_test(count_beyond_the_total),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
