// SPDX-License-Identifier: BSD-2-Clause
/* needs: src/live/guest.c src/live/guest_read.c src/core/stage1.c src/core/names.c src/util/intervals.c src/util/util.c src/util/utf8.c */
/* Ranges that look like Linux's pools for DMA, which it maps Normal-NC in any case. */
#include "guest_walk.h"

#define POOL (RAM_GPA + 0x40000)

/* Maps `pages` pages at POOL Normal-NC, and `aliases` of them Write-Back; they are zero but for one word. Returns .idle. */
static int idle(__u64 pages, __u64 aliases, __u64 word)
{
	begin();
	for (__u64 i = 0; i < pages; i++) {
		put(POOL + (i << 12), 0, 0);
		map(ROOT, HIGH + (i << 12), POOL + (i << 12), TYPE_NC);
	}
	for (__u64 i = 0; i < aliases; i++)
		map(ROOT, HIGH + 0x100000 + (i << 12), POOL + (i << 12), TYPE_WB);
	put(POOL + ((pages - 1) << 12), 511, word);
	assert_int_equal(audit(), 0);
	for (size_t i = 0; i < x.n_ev; i++) {
		if (x.ev[i].attr != NC)
			continue;
		assert_int_equal(x.ev[i].bytes, pages << 12);
		return x.ev[i].idle;
	}
	fail();
	return -1;
}

/* Linux's pool for DMA in atomic context, as long as nobody has used it: 128 KiB, in the linear map, too, and all zero. */
static void pools(void **state)
{
	(void)state;
	assert_int_equal(idle(32, 32, 0), 1);
	assert_int_equal(idle(32, 32, 1), 0); /* in use */
	assert_int_equal(idle(32, 31, 0), 0); /* no pool: Linux maps all RAM */
	assert_int_equal(idle(16, 16, 0), 0); /* too small */
	assert_int_equal(idle(33, 33, 0), 0);
}

/* Ranges beyond the last event are never called idle with it. */
static void pool_among_many(void **state)
{
	(void)state;
	begin();
	for (__u64 i = 0; i < 255; i++)
		map(ROOT, HIGH + (i << 13), RAM_GPA + (i << 13), TYPE_NC);
	for (__u64 i = 0; i < 32; i++) {
		put(RAM_GPA + 0x400000 + (i << 12), 0, 0);
		map(ROOT, HIGH + 0x400000 + (i << 12), RAM_GPA + 0x400000 + (i << 12), TYPE_NC);
		map(ROOT, HIGH + 0x800000 + (i << 12), RAM_GPA + 0x400000 + (i << 12), TYPE_WB);
	}
	map(ROOT, HIGH + 0x500000, RAM_GPA + 0x500000, TYPE_NC);
	assert_int_equal(audit(), 0);
	assert_int_equal(x.n_ev, 257);
	assert_int_equal(x.ev[256].bytes, 33 << 12);
	assert_int_equal(x.ev[256].idle, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pools),
		cmocka_unit_test(pool_among_many),
	};

	return cmocka_run_group_tests_name("guest_pools", tests, NULL, NULL);
}
