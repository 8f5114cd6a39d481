/* needs: src/core src/host src/util */
/* SPDX-License-Identifier: BSD-2-Clause */
/* The rules of resets: a case in which each fires, then each condition changed alone. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "core/rules.h"

/* The fields of a rule input that these rules use. */
struct t {
	const char *what; /* the difference from the case that fires */
	enum s2v_trigger on;
	int fwb, dic, icache;
	unsigned int unmaps, inits;
	bool mapped, known;
};

static bool decide(enum s2v_rule_id rule, const struct t *t, char *why, size_t len)
{
	struct s2v_host h = { .fwb = t->fwb,
			      .dic = t->dic,
			      .init_icache = t->icache,
			      .init_icache_text = "WHERE IT SHOULD BE" };
	struct s2v_vma nothing = { 0 };
	struct s2v_rule_in in = {
		.on = t->on,
		.host = &h,
		.vma = &nothing,
		.reset_unmaps = t->unmaps,
		.reset_inits = t->inits,
		.reset_mapped = t->mapped,
		.reset_known = t->known,
	};

	if (!s2v_rules[rule]->decide(&in))
		return false;
	s2v_rules[rule]->why(&in, why, len);
	return true;
}

/* The first case fires, and its explanation contains `says`; no other case fires. */
static void only_first(enum s2v_rule_id rule, const struct t *t, size_t n, const char *says)
{
	char why[512] = "", tiny[64];

	assert_true(decide(rule, &t[0], why, sizeof(why)));
	assert_non_null(strstr(why, says));
	assert_int_equal(why[strlen(why) - 1], '.');
	assert_true(decide(rule, &t[0], tiny, sizeof(tiny)));
	assert_int_equal(strlen(tiny), sizeof(tiny) - 1);
	for (size_t i = 1; i < n; i++)
		if (decide(rule, &t[i], why, sizeof(why)))
			fail_msg("%s fires although: %s", s2v_rules[rule]->name, t[i].what);
}

/* These fire, too: the rule does not depend on what differs. */
static void all_fire(enum s2v_rule_id rule, const struct t *t, size_t n)
{
	char why[512];

	for (size_t i = 0; i < n; i++)
		if (!decide(rule, &t[i], why, sizeof(why)))
			fail_msg("%s does not fire although only: %s", s2v_rules[rule]->name,
				 t[i].what);
}

#define Y S2V_YES
#define N S2V_NO
#define U S2V_UNKNOWN
#define UNMAP S2V_ON_UNMAP
#define INIT S2V_ON_INIT

static void unmap_fwb(void **state)
{
	static const struct t no[] = {
		{ "fires", UNMAP, Y, Y, Y, 1, 0, true, true },
		{ "at an init", INIT, Y, Y, Y, 1, 0, true, true },
		{ "no S2FWB", UNMAP, N, Y, Y, 1, 0, true, true },
		{ "S2FWB unknown", UNMAP, U, Y, Y, 1, 0, true, true },
	};
	static const struct t yes[] = {
		{ "a step was lost", UNMAP, Y, Y, Y, 1, 0, true, false },
		{ "the second", UNMAP, Y, Y, Y, 2, 1, true, true },
		{ "nothing mapped", UNMAP, Y, Y, Y, 1, 0, false, true },
		{ "no DIC", UNMAP, Y, N, N, 1, 0, true, true },
	};

	(void)state;
	only_first(S2V_RULE_RESET_UNMAP_FWB, no, S2V_ARRAY_SIZE(no), "892713e97ca1");
	all_fire(S2V_RULE_RESET_UNMAP_FWB, yes, S2V_ARRAY_SIZE(yes));
}

static void unmap_repeated(void **state)
{
	static const struct t no[] = {
		{ "fires", UNMAP, N, N, U, 2, 1, false, true },
		{ "at an init", INIT, N, N, U, 2, 1, false, true },
		{ "S2FWB", UNMAP, Y, N, U, 2, 1, false, true },
		{ "S2FWB unknown", UNMAP, U, N, U, 2, 1, false, true },
		{ "the first", UNMAP, N, N, U, 1, 1, false, true },
		{ "something mapped", UNMAP, N, N, U, 2, 1, true, true },
		{ "a step was lost", UNMAP, N, N, U, 2, 1, false, false },
	};
	static const struct t yes[] = {
		{ "the fourth", UNMAP, N, N, U, 4, 3, false, true },
		{ "DIC", UNMAP, N, Y, U, 2, 1, false, true },
	};

	(void)state;
	only_first(S2V_RULE_RESET_UNMAP_REPEATED, no, S2V_ARRAY_SIZE(no), "unmap 2 of one reset");
	all_fire(S2V_RULE_RESET_UNMAP_REPEATED, yes, S2V_ARRAY_SIZE(yes));
}

static void unmap_missing(void **state)
{
	static const struct t no[] = {
		{ "fires", INIT, N, N, U, 0, 1, true, true },
		{ "at an unmap", UNMAP, N, N, U, 0, 1, true, true },
		{ "S2FWB", INIT, Y, N, U, 0, 1, true, true },
		{ "S2FWB unknown", INIT, U, N, U, 0, 1, true, true },
		{ "it was unmapped", INIT, N, N, U, 1, 1, true, true },
		{ "a step was lost", INIT, N, N, U, 0, 1, true, false },
	};
	static const struct t yes[] = {
		{ "DIC", INIT, N, Y, U, 0, 1, true, true },
		{ "the second init", INIT, N, N, U, 0, 2, false, true },
	};

	(void)state;
	only_first(S2V_RULE_RESET_UNMAP_MISSING, no, S2V_ARRAY_SIZE(no), "957db105c997");
	all_fire(S2V_RULE_RESET_UNMAP_MISSING, yes, S2V_ARRAY_SIZE(yes));
}

static void icache_missing(void **state)
{
	static const struct t no[] = {
		{ "fires", INIT, Y, N, N, 0, 1, true, true },
		{ "at an unmap", UNMAP, Y, N, N, 0, 1, true, true },
		{ "no S2FWB", INIT, N, N, N, 0, 1, true, true },
		{ "S2FWB unknown", INIT, U, N, N, 0, 1, true, true },
		{ "DIC", INIT, Y, Y, N, 0, 1, true, true },
		{ "DIC unknown", INIT, Y, U, N, 0, 1, true, true },
		{ "it is there", INIT, Y, N, Y, 0, 1, true, true },
		{ "not known to be there", INIT, Y, N, U, 0, 1, true, true },
		{ "an unmap took its place", INIT, Y, N, N, 1, 1, true, true },
		{ "a step was lost", INIT, Y, N, N, 0, 1, true, false },
	};
	static const struct t yes[] = {
		{ "the second init", INIT, Y, N, N, 0, 2, false, true },
	};

	(void)state;
	only_first(S2V_RULE_RESET_ICACHE_MISSING, no, S2V_ARRAY_SIZE(no), "(WHERE IT SHOULD BE)");
	all_fire(S2V_RULE_RESET_ICACHE_MISSING, yes, S2V_ARRAY_SIZE(yes));
}

static void icache_repeated(void **state)
{
	static const struct t no[] = {
		{ "fires", INIT, Y, N, Y, 0, 2, true, true },
		{ "at an unmap", UNMAP, Y, N, Y, 0, 2, true, true },
		{ "no S2FWB", INIT, N, N, Y, 0, 2, true, true },
		{ "S2FWB unknown", INIT, U, N, Y, 0, 2, true, true },
		{ "DIC", INIT, Y, Y, Y, 0, 2, true, true },
		{ "DIC unknown", INIT, Y, U, Y, 0, 2, true, true },
		{ "it is not there", INIT, Y, N, N, 0, 2, true, true },
		{ "the first init", INIT, Y, N, Y, 0, 1, true, true },
		{ "a step was lost", INIT, Y, N, Y, 0, 2, true, false },
	};
	static const struct t yes[] = {
		{ "not known to be there", INIT, Y, N, U, 0, 2, true, true },
	};

	(void)state;
	only_first(S2V_RULE_RESET_ICACHE_REPEATED, no, S2V_ARRAY_SIZE(no), "the 2nd vCPU");
	all_fire(S2V_RULE_RESET_ICACHE_REPEATED, yes, S2V_ARRAY_SIZE(yes));
}

/* They apply to events of resets only. */
static void asked_of_resets(void **state)
{
	(void)state;
	for (int r = 0; r < S2V_RULE_NR; r++) {
		bool reset = !strncmp(s2v_rules[r]->name, "reset-", 6);

		assert_int_equal(!(s2v_rules[r]->on & (S2V_ON_UNMAP | S2V_ON_INIT)), !reset);
		if (reset)
			assert_false(s2v_rules[r]->on &
				     ~(unsigned int)(S2V_ON_UNMAP | S2V_ON_INIT));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(unmap_fwb),	   cmocka_unit_test(unmap_repeated),
		cmocka_unit_test(unmap_missing),   cmocka_unit_test(icache_missing),
		cmocka_unit_test(icache_repeated), cmocka_unit_test(asked_of_resets),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
