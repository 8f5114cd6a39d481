/* SPDX-License-Identifier: BSD-2-Clause */
/* Helpers to build inputs of rules: a case in which a rule fires, then each condition changed alone. */
#ifndef S2V_TEST_RULES_INPUT_H
#define S2V_TEST_RULES_INPUT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <errno.h>
#include <string.h>
#include <cmocka.h>

#include "core/rules.h"

/* The fields of a rule input; input() sets the pointers. */
struct t {
	const char *what;
	enum s2v_trigger on;
	struct s2v_vma vma, was;
	bool seen; /* `was` is the backing at registration */
	enum s2v_where where, was_where;
	bool from_start, queried;
	__u32 slot_flags;
	bool mte, accepted, exec;
	__u32 s2;
	int err;
	const char *driver;
	__u32 page_flags;
	bool absent, differs;
	int fwb, dic, cap, kvm_mode;
};

static char why[4096];

static inline struct s2v_rule_in input(const struct t *t, struct s2v_host *h)
{
	*h = (struct s2v_host){ .fwb = t->fwb,
				.dic = t->dic,
				.pfnmap_cap = t->cap,
				.kvm_mode = t->kvm_mode,
				.s1_calibrated = 1 };
	return (struct s2v_rule_in){
		.on = t->on,
		.host = h,
		.vma = &t->vma,
		.registered = t->seen ? &t->was : NULL,
		.where = t->where,
		.registered_where = t->was_where,
		.vm_watched_from_start = t->from_start,
		.cap_queried = t->queried,
		.slot_flags = t->slot_flags,
		.vm_mte = t->mte,
		.slot_accepted = t->accepted,
		.s2 = t->s2,
		.exec = t->exec,
		.err = t->err,
		.driver = t->driver,
		.page_flags = t->page_flags,
		.absent = t->absent,
		.pa_differs = t->differs,
	};
}

/* Whether the rule fires. If so, its explanation must be well-formed with any length of buffer. */
static inline bool decide(enum s2v_rule_id rule, const struct t *t)
{
	const struct s2v_rule *r = s2v_rules[rule];
	struct s2v_host h;
	struct s2v_rule_in in = input(t, &h);
	char tiny[64];

	if (!r->decide(&in))
		return false;
	memset(why, '#', sizeof(why));
	r->why(&in, why, sizeof(why));
	assert_true(strlen(why) > 40);
	/* It is a whole sentence, fits into struct s2v_finding, and has no NULL names. */
	assert_true(strlen(why) < 512);
	assert_int_equal(why[strlen(why) - 1], '.');
	assert_null(strstr(why, "(null)"));
	for (size_t len = 1; len < sizeof(tiny) - 1; len++) {
		memset(tiny, '#', sizeof(tiny));
		r->why(&in, tiny, len);
		assert_int_equal(strlen(tiny), len - 1);
		assert_memory_equal(tiny, why, len - 1);
		assert_int_equal(tiny[len], '#');
	}
	return true;
}

static inline void fires(enum s2v_rule_id rule, const struct t *t)
{
	if (!decide(rule, t))
		fail_msg("%s: %s: does not fire", s2v_rules[rule]->name, t->what);
}

static inline void silent(enum s2v_rule_id rule, const struct t *t)
{
	if (decide(rule, t))
		fail_msg("%s: %s: fires", s2v_rules[rule]->name, t->what);
}

/* The severity of the finding; the rule must fire. */
static inline enum s2v_severity severity(enum s2v_rule_id rule, const struct t *t)
{
	const struct s2v_rule *r = s2v_rules[rule];
	struct s2v_host h;
	struct s2v_rule_in in = input(t, &h);

	fires(rule, t);
	return r->is_mild && r->is_mild(&in) ? r->mild : r->severity;
}

static inline void is_info(enum s2v_rule_id rule, const struct t *t)
{
	if (severity(rule, t) != S2V_INFO)
		fail_msg("%s: %s: is not info", s2v_rules[rule]->name, t->what);
}

static inline void is_high(enum s2v_rule_id rule, const struct t *t)
{
	if (severity(rule, t) != S2V_HIGH)
		fail_msg("%s: %s: is not high", s2v_rules[rule]->name, t->what);
}

/* Checks a copy of `base` with some fields changed, by statements on x. */
#define CHANGED(check, rule, base, ...)      \
	do {                                 \
		const struct t base_ = base; \
		struct t x = base_;          \
		x.what = #__VA_ARGS__;       \
		__VA_ARGS__;                 \
		check(S2V_RULE_##rule, &x);  \
	} while (0)
#define FIRES(rule, base, ...) CHANGED(fires, rule, base, __VA_ARGS__)
#define SILENT(rule, base, ...) CHANGED(silent, rule, base, __VA_ARGS__)
#define INFO(rule, base, ...) CHANGED(is_info, rule, base, __VA_ARGS__)
#define HIGH(rule, base, ...) CHANGED(is_high, rule, base, __VA_ARGS__)

#define WB S2V_ATTR_NORMAL_WB
#define TAGGED S2V_ATTR_NORMAL_TAGGED
#define WT S2V_ATTR_NORMAL_WT
#define NC S2V_ATTR_NORMAL_NC
#define nGnRnE S2V_ATTR_DEVICE_nGnRnE
#define nGnRE S2V_ATTR_DEVICE_nGnRE
#define GRE S2V_ATTR_DEVICE_GRE
#define nGRE S2V_ATTR_DEVICE_nGRE
#define AS_S1 S2V_ATTR_AS_S1
#define UNKNOWN S2V_ATTR_UNKNOWN
#define NONE S2V_ATTR_NONE
#define PFNMAP S2V_VMA_PFNMAP
#define MIXEDMAP S2V_VMA_MIXEDMAP

/* Anonymous memory, Write-Back at both stages, on a host with S2FWB and DIC. */
static const struct t sound = {
	.on = S2V_ON_MAP,
	.vma = { .attr = WB },
	.was = { .attr = WB },
	.seen = true,
	.where = S2V_WHERE_INSIDE,
	.was_where = S2V_WHERE_INSIDE,
	.from_start = true,
	.accepted = true,
	.s2 = WB,
	.fwb = S2V_YES,
	.dic = S2V_YES,
};

/* A cacheable PFNMAP outside the kernel's map, accepted by a host without S2FWB. */
static inline struct t admitted(void)
{
	struct t x = sound;

	x.on = S2V_ON_SLOT;
	x.vma.flags = PFNMAP;
	x.seen = false;
	x.where = S2V_WHERE_OUTSIDE;
	x.s2 = NONE;
	x.fwb = S2V_NO;
	return x;
}

#define SAYS(text) assert_non_null(strstr(why, text))
#define NOT(text) assert_null(strstr(why, text))

#endif
