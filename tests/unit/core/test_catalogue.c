/* needs: src/core src/host src/util */
/* libs: -ljson-c */
/* SPDX-License-Identifier: BSD-2-Clause */
/* The catalogue of rules: complete, the same everywhere, and the coverage of each rule. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "core/rules.h"

/* Name and severity of each rule, and what it needs. */
static const struct {
	const char *name;
	enum s2v_severity severity;
	unsigned int hooks; /* 1 << enum s2v_observe, that it needs */
	unsigned int host; /* S2V_NEED_* */
} design[S2V_RULE_NR] = {
	[S2V_RULE_S2_NONCACHEABLE] = { "s2-noncacheable", S2V_CRITICAL, 1 << S2V_OBS_MAP,
				       S2V_NEED_S1 },
	[S2V_RULE_S2_CACHEABLE] = { "s2-cacheable", S2V_HIGH, 1 << S2V_OBS_MAP, S2V_NEED_S1 },
	[S2V_RULE_PFNMAP_ADMITTED] = { "pfnmap-cacheable-admitted", S2V_CRITICAL,
				       1 << S2V_OBS_SLOT | 1 << S2V_OBS_MAP,
				       S2V_NEED_S1 | S2V_NEED_RAM | S2V_NEED_FWB | S2V_NEED_DIC },
	[S2V_RULE_PFNMAP_REFUSED] = { "pfnmap-cacheable-refused", S2V_INFO,
				      1 << S2V_OBS_SLOT | 1 << S2V_OBS_FAULT,
				      S2V_NEED_S1 | S2V_NEED_RAM | S2V_NEED_FWB | S2V_NEED_DIC },
	[S2V_RULE_ATTR_DRIFT] = { "attr-drift", S2V_HIGH, 1 << S2V_OBS_SLOT | 1 << S2V_OBS_MAP,
				  S2V_NEED_S1 },
	[S2V_RULE_DEVICE_EXEC] = { "device-exec", S2V_HIGH, 1 << S2V_OBS_MAP | 1 << S2V_OBS_PERM,
				   0 },
	[S2V_RULE_CAP_UNQUERIED] = { "cap-unqueried", S2V_LOW,
				     1 << S2V_OBS_SLOT | 1 << S2V_OBS_CAP | 1 << S2V_OBS_VM_GONE,
				     S2V_NEED_S1 },
	[S2V_RULE_MIGRATION_PINNED] = { "migration-pinned", S2V_INFO, 1 << S2V_OBS_MAP,
					S2V_NEED_S1 | S2V_NEED_RAM },
	[S2V_RULE_RESET_UNMAP_FWB] = { "reset-unmap-fwb", S2V_MEDIUM, 1 << S2V_OBS_UNMAP,
				       S2V_NEED_FWB },
	[S2V_RULE_RESET_UNMAP_REPEATED] = { "reset-unmap-repeated", S2V_LOW,
					    1 << S2V_OBS_INIT | 1 << S2V_OBS_UNMAP |
						    1 << S2V_OBS_RUN | 1 << S2V_OBS_MAP,
					    S2V_NEED_FWB },
	[S2V_RULE_RESET_UNMAP_MISSING] = { "reset-unmap-missing", S2V_CRITICAL,
					   1 << S2V_OBS_INIT | 1 << S2V_OBS_UNMAP |
						   1 << S2V_OBS_RUN,
					   S2V_NEED_FWB },
	[S2V_RULE_RESET_ICACHE_MISSING] = { "reset-icache-missing", S2V_CRITICAL,
					    1 << S2V_OBS_INIT | 1 << S2V_OBS_UNMAP |
						    1 << S2V_OBS_RUN,
					    S2V_NEED_FWB | S2V_NEED_DIC | S2V_NEED_INIT_TEXT },
	[S2V_RULE_RESET_ICACHE_REPEATED] = { "reset-icache-repeated", S2V_LOW,
					     1 << S2V_OBS_INIT | 1 << S2V_OBS_RUN,
					     S2V_NEED_FWB | S2V_NEED_DIC | S2V_NEED_INIT_TEXT },
	[S2V_RULE_ALIAS_CONFLICT] = { "alias-conflict", S2V_HIGH, 0, 0 },
	[S2V_RULE_FOREIGN_MEMORY] = { "foreign-memory", S2V_CRITICAL, 1 << S2V_OBS_MAP, 0 },
	[S2V_RULE_FAULT_FAILED] = { "fault-failed", S2V_INFO, 1 << S2V_OBS_FAULT, 0 },
	[S2V_RULE_GUEST_NONCACHEABLE] = { "guest-noncacheable", S2V_MEDIUM, 0,
					  S2V_NEED_S1 | S2V_NEED_RAM | S2V_NEED_FWB },
};

/* Rules that only an audit can apply. */
static bool by_audit_only(int rule)
{
	return rule == S2V_RULE_ALIAS_CONFLICT || rule == S2V_RULE_GUEST_NONCACHEABLE;
}

/* S2FWB of a host on which the rule can fire. */
static int fwb_for(int rule)
{
	return rule != S2V_RULE_RESET_UNMAP_REPEATED && rule != S2V_RULE_RESET_UNMAP_MISSING &&
	       rule != S2V_RULE_GUEST_NONCACHEABLE;
}

static void catalogue(void **state)
{
	(void)state;
	for (int i = 0; i < S2V_RULE_NR; i++) {
		const struct s2v_rule *r = s2v_rules[i];

		assert_int_equal(r->id, i);
		assert_string_equal(r->name, design[i].name);
		assert_int_equal(r->severity, design[i].severity);
		assert_true(strlen(r->fires) > 20);
		assert_null(strchr(r->fires, '\n'));
		assert_true(strlen(r->explain) > 200);
		assert_int_equal(r->explain[strlen(r->explain) - 1], '.');
		assert_non_null(strstr(r->explain, "What to do: "));
		assert_non_null(r->decide);
		assert_non_null(r->why);
		assert_true(r->on != 0);
		assert_int_equal(r->is_mild != NULL, i == S2V_RULE_ATTR_DRIFT);
		assert_true(!r->is_mild || r->mild < r->severity);
		assert_int_equal(r->observes, design[i].hooks);
		assert_int_equal(r->host_needs, design[i].host);
		assert_ptr_equal(s2v_rule_find(r->name), r);
		for (int j = 0; j < i; j++)
			assert_string_not_equal(s2v_rules[j]->name, r->name);
	}
	assert_null(s2v_rule_find(""));
	assert_null(s2v_rule_find("s2-"));
	assert_null(s2v_rule_find("S2-noncacheable"));
	assert_null(s2v_rule_find("s2-noncacheable "));
}

/* A rule that is applied on an occasion needs the hook for it. */
static void triggers_are_observed(void **state)
{
	(void)state;
	for (int i = 0; i < S2V_RULE_NR; i++) {
		const struct s2v_rule *r = s2v_rules[i];

		if (r->on & S2V_ON_SLOT)
			assert_true(r->observes & 1 << S2V_OBS_SLOT);
		if (r->on & S2V_ON_MAP)
			assert_true(r->observes & 1 << S2V_OBS_MAP);
		if (r->on & S2V_ON_FAULT)
			assert_true(r->observes & 1 << S2V_OBS_FAULT);
		if (r->on & S2V_ON_UNMAP)
			assert_true(r->observes & 1 << S2V_OBS_UNMAP);
		if (r->on & S2V_ON_INIT)
			assert_true(r->observes & 1 << S2V_OBS_INIT);
	}
}

static void severities(void **state)
{
	static const char *const names[] = { "info", "low", "medium", "high", "critical" };

	(void)state;
	assert_int_equal(S2V_SEVERITY_NR, S2V_ARRAY_SIZE(names));
	for (int i = 0; i < S2V_SEVERITY_NR; i++) {
		assert_string_equal(s2v_severity_name((enum s2v_severity)i), names[i]);
		assert_int_equal(s2v_severity_parse(names[i]), i);
	}
	assert_int_equal(s2v_severity_parse(""), -1);
	assert_int_equal(s2v_severity_parse("none"), -1);
}

static struct s2v_host host(int fwb, int dic, int cap)
{
	static struct s2v_range ram[] = { { 0x40000000, 0x80000000 } };

	return (struct s2v_host){ .fwb = fwb,
				  .dic = dic,
				  .pfnmap_cap = cap,
				  .s1_calibrated = 1,
				  .init_icache = S2V_YES,
				  .ram = ram,
				  .n_ram = 1 };
}

static struct s2v_hook hooks[S2V_OBS_NR];

static void all_hooks(void)
{
	for (int i = 0; i < S2V_OBS_NR; i++) {
		hooks[i] = (struct s2v_hook){ .observe = (enum s2v_observe)i,
					      .method = i & 1 ? S2V_METHOD_KPROBE
							      : S2V_METHOD_FENTRY };
		strcpy(hooks[i].reason, "it is not there");
	}
}

static char reason[320];

static enum s2v_coverage coverage(int rule, const struct s2v_host *h)
{
	enum s2v_coverage c;

	strcpy(reason, "left from before");
	c = s2v_rule_coverage(s2v_rules[rule], h, hooks, S2V_OBS_NR, reason, sizeof(reason));
	assert_int_equal(reason[0] == 0, c == S2V_COVERED);
	return c;
}

/* Hosts, and the rules that do not apply there. */
static void not_applicable(void **state)
{
	static const struct {
		int fwb, dic, cap;
		unsigned int na;
	} t[] = {
#define NA(r) (1U << S2V_RULE_##r)
#define ICACHE (NA(RESET_ICACHE_MISSING) | NA(RESET_ICACHE_REPEATED))
#define NO_FWB (NA(RESET_UNMAP_FWB) | ICACHE)
#define FWB (NA(RESET_UNMAP_REPEATED) | NA(RESET_UNMAP_MISSING))
		/* Before 6.17: no refusal, no capability; after: refusals unless both are there */
		{ 0, 0, -1,
		  NA(PFNMAP_REFUSED) | NA(CAP_UNQUERIED) | NA(MIGRATION_PINNED) | NO_FWB },
		{ 0, 1, -1,
		  NA(PFNMAP_REFUSED) | NA(CAP_UNQUERIED) | NA(MIGRATION_PINNED) | NO_FWB },
		{ 1, 0, -1, NA(PFNMAP_REFUSED) | NA(CAP_UNQUERIED) | FWB },
		/* before: accepted memory is mapped Device, whatever the CPU has */
		{ 1, 1, -1, NA(PFNMAP_REFUSED) | NA(CAP_UNQUERIED) | FWB | ICACHE },
		{ 0, 0, 0, NA(MIGRATION_PINNED) | NO_FWB },
		{ 0, 1, 0, NA(MIGRATION_PINNED) | NO_FWB },
		{ 1, 0, 0, FWB },
		{ 1, 1, 1, NA(PFNMAP_ADMITTED) | NA(PFNMAP_REFUSED) | FWB | ICACHE },
#undef FWB
#undef ICACHE
#undef NO_FWB
#undef NA
	};

	(void)state;
	all_hooks();
	for (size_t i = 0; i < S2V_ARRAY_SIZE(t); i++) {
		struct s2v_host h = host(t[i].fwb, t[i].dic, t[i].cap);

		for (int r = 0; r < S2V_RULE_NR; r++)
			assert_int_equal(coverage(r, &h), t[i].na >> r & 1 || by_audit_only(r)
								  ? S2V_NOT_APPLICABLE
								  : S2V_COVERED);
	}
}

/* An unknown property of the host makes a rule not covered, never "not applicable". */
static void host_gaps(void **state)
{
	struct s2v_host whole, h;

	(void)state;
	all_hooks();
	for (int r = 0; r < S2V_RULE_NR; r++) {
		unsigned int need = design[r].host;

		if (by_audit_only(r))
			continue;
		whole = host(fwb_for(r), S2V_NO, 0);
		assert_int_equal(coverage(r, &whole), S2V_COVERED);
		h = whole;
		h.s1_calibrated = 0;
		assert_int_equal(coverage(r, &h) == S2V_COVERED, !(need & S2V_NEED_S1));
		assert_true(!reason[0] || strstr(reason, "calibrated"));
		h = whole;
		h.n_ram = 0;
		assert_int_equal(coverage(r, &h) == S2V_COVERED, !(need & S2V_NEED_RAM));
		assert_true(!reason[0] || strstr(reason, "/proc/iomem"));
		h = whole;
		h.fwb = S2V_UNKNOWN;
		assert_int_equal(coverage(r, &h) == S2V_COVERED, !(need & S2V_NEED_FWB));
		assert_true(!reason[0] || strstr(reason, "S2FWB is not known"));
		h = whole;
		h.dic = S2V_UNKNOWN;
		assert_int_equal(coverage(r, &h) == S2V_COVERED, !(need & S2V_NEED_DIC));
		assert_true(!reason[0] || strstr(reason, "DIC is not known"));
		h.fwb = S2V_UNKNOWN;
		assert_int_not_equal(coverage(r, &h), S2V_NOT_APPLICABLE);
		h = whole;
		h.init_icache = S2V_UNKNOWN;
		assert_int_equal(coverage(r, &h) == S2V_COVERED, !(need & S2V_NEED_INIT_TEXT));
		assert_true(!reason[0] || strstr(reason, "vCPU-init path"));
	}
}

/* Each hook missing alone. */
static void hook_gaps(void **state)
{
	(void)state;
	for (int r = 0; r < S2V_RULE_NR; r++) {
		struct s2v_host h = host(fwb_for(r), S2V_NO, 0);

		if (by_audit_only(r))
			continue;
		for (int o = 0; o < S2V_OBS_NR; o++) {
			bool needed = design[r].hooks >> o & 1;

			all_hooks();
			hooks[o].method = S2V_METHOD_NONE;
			assert_int_equal(coverage(r, &h), needed ? S2V_NOT_COVERED : S2V_COVERED);
			if (!needed)
				continue;
			assert_non_null(strstr(reason, s2v_observe_name((enum s2v_observe)o)));
			assert_non_null(strstr(reason, "it is not there"));
		}
		all_hooks();
		/* A hook that was not tried; a buffer too small for the reason. */
		assert_int_equal(s2v_rule_coverage(s2v_rules[r], &h, hooks, 0, reason, 8),
				 S2V_NOT_COVERED);
		assert_int_equal(strlen(reason), 7);
	}
}

/* An audit covers exactly these, with or without hooks, and has the gaps of the host. */
static void audit_coverage(void **state)
{
	const unsigned int audited = 1U << S2V_RULE_S2_NONCACHEABLE | 1U << S2V_RULE_S2_CACHEABLE |
				     1U << S2V_RULE_DEVICE_EXEC | 1U << S2V_RULE_MIGRATION_PINNED |
				     1U << S2V_RULE_ALIAS_CONFLICT |
				     1U << S2V_RULE_PFNMAP_ADMITTED | 1U << S2V_RULE_FOREIGN_MEMORY;
	struct s2v_host h = host(S2V_YES, S2V_NO, 0);

	(void)state;
	for (int r = 0; r < S2V_RULE_NR; r++) {
		assert_int_equal(s2v_rule_audit_coverage(s2v_rules[r], &h, reason, sizeof(reason)),
				 audited >> r & 1 ? S2V_COVERED : S2V_NOT_APPLICABLE);
		assert_int_equal(reason[0] == 0, audited >> r & 1);
	}
	h.s1_calibrated = 0;
	assert_int_equal(s2v_rule_audit_coverage(s2v_rules[S2V_RULE_S2_CACHEABLE], &h, reason,
						 sizeof(reason)),
			 S2V_NOT_COVERED);
	h = host(S2V_NO, S2V_NO, 0);
	assert_int_equal(s2v_rule_audit_coverage(s2v_rules[S2V_RULE_MIGRATION_PINNED], &h, reason,
						 sizeof(reason)),
			 S2V_NOT_APPLICABLE);
}

/* The guest's own stage 1 decides on hosts without S2FWB alone. */
static void audit_coverage_of_the_guest(void **state)
{
	const struct s2v_rule *r = s2v_rules[S2V_RULE_GUEST_NONCACHEABLE];
	static const struct {
		int fwb, s1_calibrated;
		size_t n_ram;
		enum s2v_coverage coverage;
		const char *reason;
	} t[] = {
		{ S2V_NO, 1, 1, S2V_COVERED, "" },
		{ S2V_YES, 1, 1, S2V_NOT_APPLICABLE, "S2FWB forces Write-Back" },
		{ S2V_UNKNOWN, 1, 1, S2V_NOT_COVERED, "S2FWB is not known" },
		{ S2V_NO, 0, 1, S2V_NOT_COVERED, "calibrated" },
		{ S2V_NO, 1, 0, S2V_NOT_COVERED, "/proc/iomem" },
	};

	(void)state;
	for (size_t i = 0; i < S2V_ARRAY_SIZE(t); i++) {
		struct s2v_host h = host(t[i].fwb, S2V_NO, 0);

		h.s1_calibrated = t[i].s1_calibrated;
		h.n_ram = t[i].n_ram;
		assert_int_equal(s2v_rule_audit_coverage(r, &h, reason, sizeof(reason)),
				 t[i].coverage);
		assert_non_null(strstr(reason, t[i].reason));
		/* Hooks alone do not see it. */
		all_hooks();
		assert_int_not_equal(coverage(S2V_RULE_GUEST_NONCACHEABLE, &h), S2V_COVERED);
	}
}

/* A rule that does not apply needs no hooks. */
static void not_applicable_before_hooks(void **state)
{
	struct s2v_host h = host(S2V_YES, S2V_YES, 1);

	(void)state;
	assert_int_equal(s2v_rule_coverage(s2v_rules[S2V_RULE_PFNMAP_ADMITTED], &h, NULL, 0, reason,
					   sizeof(reason)),
			 S2V_NOT_APPLICABLE);
}

/* The schema lists the rules in the order of the catalogue. */
static void schema(void **state)
{
	json_object *j = json_object_from_file("docs/schema.json"), *o = j;
	static const char *const path[] = { "$defs", "rule_name", "enum" };

	(void)state;
	if (!j)
		fail_msg("docs/schema.json: %s", json_util_get_last_err());
	for (size_t i = 0; i < S2V_ARRAY_SIZE(path); i++)
		assert_true(json_object_object_get_ex(o, path[i], &o));
	assert_int_equal(json_object_array_length(o), S2V_RULE_NR);
	for (int i = 0; i < S2V_RULE_NR; i++)
		assert_string_equal(json_object_get_string(json_object_array_get_idx(o, i)),
				    s2v_rules[i]->name);
	json_object_put(j);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(catalogue),
		cmocka_unit_test(audit_coverage),
		cmocka_unit_test(audit_coverage_of_the_guest),
		cmocka_unit_test(triggers_are_observed),
		cmocka_unit_test(severities),
		cmocka_unit_test(not_applicable),
		cmocka_unit_test(host_gaps),
		cmocka_unit_test(hook_gaps),
		cmocka_unit_test(not_applicable_before_hooks),
		cmocka_unit_test(schema),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
