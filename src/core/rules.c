// SPDX-License-Identifier: BSD-2-Clause
/* The catalogue of rules (rules_table.h), and which of them a run covers. */
#include <stdio.h>
#include <string.h>

#include "core/rules_private.h"

__u32 s2v_vma_s1(const struct s2v_vma *v)
{
	return v->pte_attr != S2V_ATTR_NONE ? v->pte_attr : v->attr;
}

const struct s2v_rule *const s2v_rules[S2V_RULE_NR] = {
#define RULE(id, object) [S2V_RULE_##id] = &object,
#include "core/rules_table.h"
#undef RULE
};

const struct s2v_rule *s2v_rule_find(const char *name)
{
	for (int i = 0; i < S2V_RULE_NR; i++)
		if (!strcmp(s2v_rules[i]->name, name))
			return s2v_rules[i];
	return NULL;
}

/* What a rule needs to know of the host and is not known; NULL: nothing. */
static const char *host_gap(const struct s2v_rule *r, const struct s2v_host *h)
{
	if ((r->host_needs & S2V_NEED_S1) && !h->s1_calibrated)
		return "the host's page attributes (AttrIndx) could not be calibrated";
	if ((r->host_needs & S2V_NEED_RAM) && !h->n_ram)
		return "the kernel's memory map could not be read from /proc/iomem";
	if ((r->host_needs & S2V_NEED_FWB) && h->fwb == S2V_UNKNOWN)
		return "whether the host has S2FWB is not known";
	if ((r->host_needs & S2V_NEED_DIC) && h->dic == S2V_UNKNOWN)
		return "whether the host has CTR_EL0.DIC is not known";
	if ((r->host_needs & S2V_NEED_INIT_TEXT) && h->init_icache == S2V_UNKNOWN)
		return "the kernel's vCPU-init path could not be read";
	return NULL;
}

/* The coverage as far as the host alone decides it. */
static enum s2v_coverage host_coverage(const struct s2v_rule *r, const struct s2v_host *h,
				       char *reason, size_t len)
{
	const char *s = r->not_applicable ? r->not_applicable(h) : NULL, *gap = NULL;

	if (!s)
		gap = host_gap(r, h);
	snprintf(reason, len, "%s", s ? s : gap ? gap : "");
	return s ? S2V_NOT_APPLICABLE : gap ? S2V_NOT_COVERED : S2V_COVERED;
}

enum s2v_coverage s2v_rule_audit_coverage(const struct s2v_rule *r, const struct s2v_host *h,
					  char *reason, size_t len)
{
	if (r->on & (S2V_ON_LEAF | S2V_ON_FOUND | S2V_ON_GUEST))
		return host_coverage(r, h, reason, len);
	snprintf(reason, len, "an audit sees mappings, not how they came about (trace does)");
	return S2V_NOT_APPLICABLE;
}

enum s2v_coverage s2v_rule_coverage(const struct s2v_rule *r, const struct s2v_host *h,
				    const struct s2v_hook *hooks, size_t n, char *reason,
				    size_t len)
{
	enum s2v_coverage c = host_coverage(r, h, reason, len);
	unsigned int missing = r->observes;

	if (c != S2V_COVERED)
		return c;
	if (s2v_rule_is_of_audits(r)) {
		snprintf(reason, len, "only an audit can find this (audit, trace --audit-first)");
		return S2V_NOT_APPLICABLE;
	}
	for (size_t i = 0; i < n; i++)
		if (hooks[i].method != S2V_METHOD_NONE)
			missing &= ~(1U << hooks[i].observe);
	for (size_t i = 0; i < n; i++) {
		if (!(missing & (1U << hooks[i].observe)))
			continue;
		snprintf(reason, len, "%s cannot be observed: %s",
			 s2v_observe_name(hooks[i].observe), hooks[i].reason);
		return S2V_NOT_COVERED;
	}
	if (missing) {
		snprintf(reason, len, "a hook that it needs is missing");
		return S2V_NOT_COVERED;
	}
	return S2V_COVERED;
}
