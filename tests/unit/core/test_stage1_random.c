/* needs: src/core/stage1.c src/core/names.c */
/* SPDX-License-Identifier: BSD-2-Clause */
/* The walk of random stage-1 tables, beside a walk by recursion. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "core/stage1.h"
#include "stage1_tables.h"

static __u64 dice = 88172645463325252ULL;

static __u64 roll(__u64 n)
{
	dice ^= dice << 13;
	dice ^= dice >> 7;
	dice ^= dice << 17;
	return dice % n;
}

/* Four-level tables of 4K: six tables a level, and a few entries that lead to one of the next level, or map. */
static void random_tables(void)
{
	for (__u64 level = 0; level < 4; level++) {
		for (__u64 t = 0; t < (level ? 6 : 1); t++) {
			__u64 table = ROOT + (level * 6 + t) * 4096, ipa = roll(4);
			__u64 at = roll(500), shift = 39 - 9 * level;

			for (__u64 k = 0; k < 12; k++) {
				at += 1 + (roll(4) == 0) * roll(3);
				ipa += 1 + (roll(4) == 0) * roll(3);
				if (level < 3 && roll(3))
					put(table, at % 512,
					    TABLE(ROOT + ((level + 1) * 6 + roll(6)) * 4096));
				else
					put(table, at % 512,
					    (level < 3 ? BLOCK(ipa << shift, roll(2))
						       : PAGE(ipa << shift, roll(2))));
			}
		}
	}
}

/* Runs in the order of addresses, joined where they continue. */
struct list {
	struct s2v_stage1_run run[RUNS];
	size_t n;
};

static struct list expected, walked;

static void add(struct list *l, const struct s2v_stage1_run *r)
{
	struct s2v_stage1_run *last = l->n ? &l->run[l->n - 1] : NULL;

	if (last && last->va + last->size == r->va && last->ipa + last->size == r->ipa &&
	    last->attr == r->attr) {
		last->size += r->size;
		last->leaves += r->leaves;
		return;
	}
	assert_true(l->n < RUNS);
	memset(&l->run[l->n], 0, sizeof(*r));
	l->run[l->n].va = r->va;
	l->run[l->n].ipa = r->ipa;
	l->run[l->n].size = r->size;
	l->run[l->n].leaves = r->leaves;
	l->run[l->n++].attr = r->attr;
}

static void recurse(__u64 table, __u32 level, __u64 va)
{
	const __u64 *word = page_at(table);
	__u64 size = 1ULL << (39 - 9 * level);

	for (__u64 i = 0; word && i < 512; i++) {
		__u64 out = word[i] & 0xfffffffff000, at = va + i * size;

		if (!(word[i] & 1))
			continue;
		if (level == 3 || !(word[i] & 2)) {
			if (level)
				add(&expected,
				    &(struct s2v_stage1_run){ .va = at,
							      .ipa = out,
							      .size = size,
							      .leaves = 1,
							      .attr = type_of[word[i] >> 2 & 7] });
			continue;
		}
		recurse(out, level + 1, at);
	}
}

static int by_va(const void *x, const void *y)
{
	const struct s2v_stage1_run *a = x, *b = y;

	return a->va < b->va ? -1 : a->va > b->va;
}

/* Whatever the batch, the walk reports the same leaves; it may end a run where a table ends. */
static void random_walks(void **state)
{
	static const unsigned int batches[] = { 1, 2, 3, 7, 63, 64 };

	(void)state;
	for (int round = 0; round < 60; round++) {
		struct s2v_regime r = regime(0, 48, ROOT);

		random_tables();
		expected.n = 0;
		recurse(ROOT, 0, 0);
		assert_true(expected.n > 0);
		for (size_t b = 0; b < S2V_ARRAY_SIZE(batches); b++) {
			assert_int_equal(walk_batch(&r, batches[b], 1000000), 0);
			assert_true(got.n <= RUNS);
			qsort(got.run, got.n, sizeof(got.run[0]), by_va);
			walked.n = 0;
			for (size_t i = 0; i < got.n; i++)
				add(&walked, &got.run[i]);
			assert_int_equal(walked.n, expected.n);
			assert_memory_equal(walked.run, expected.run,
					    expected.n * sizeof(expected.run[0]));
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(random_walks),
	};

	return cmocka_run_group_tests_name("stage1_random", tests, NULL, NULL);
}
