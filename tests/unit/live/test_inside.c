// SPDX-License-Identifier: BSD-2-Clause
/* needs: src/live/inside.c */
/* Calls that have not returned: still inside, or the return was missed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "live/inside.h"

static void looks(struct s2v_inside *in, int n, __u64 now)
{
	while (n--)
		s2v_inside_look(in, now);
}

/* A call that returns was not missed, however often the counter shows calls inside. */
static void inside_for_a_while(void **state)
{
	struct s2v_inside in = { 0 };

	(void)state;
	for (int i = 0; i < 1000; i++) {
		looks(&in, S2V_INSIDE_LOOKS - 1, 3);
		looks(&in, 1, 0);
		assert_int_equal(in.missed, 0);
	}
}

static void missed(void **state)
{
	struct s2v_inside in = { 0 };

	(void)state;
	looks(&in, S2V_INSIDE_LOOKS - 1, 2);
	assert_int_equal(in.missed, 0);
	looks(&in, 1, 5);
	assert_int_equal(in.missed, 2);
	looks(&in, S2V_INSIDE_LOOKS - 1, 4);
	assert_int_equal(in.missed, 4);
	looks(&in, 1, 9);
	assert_int_equal(in.missed, 4);
	/* A late return does not decrease `missed`. */
	looks(&in, 100, 3);
	assert_int_equal(in.missed, 4);
	looks(&in, 100, 6);
	assert_int_equal(in.missed, 6);
}

/* When the counters restart, `missed` stays. */
static void forgotten(void **state)
{
	struct s2v_inside in = { 0 };

	(void)state;
	looks(&in, 20, 3);
	looks(&in, 5, 8);
	s2v_inside_forget(&in);
	assert_int_equal(in.missed, 3);
	looks(&in, S2V_INSIDE_LOOKS - 1, 2);
	assert_int_equal(in.missed, 3);
	looks(&in, 1, 2);
	assert_int_equal(in.missed, 5);
}

static void at_the_end(void **state)
{
	struct s2v_inside in = { 0 };

	(void)state;
	looks(&in, 20, 3);
	s2v_inside_end(&in, 2);
	assert_int_equal(in.missed, 3);
	s2v_inside_end(&in, 7);
	assert_int_equal(in.missed, 7);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(inside_for_a_while),
		cmocka_unit_test(missed),
		cmocka_unit_test(forgotten),
		cmocka_unit_test(at_the_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
