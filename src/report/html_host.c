// SPDX-License-Identifier: BSD-2-Clause
/* The last parts of the report: host facts, rules and hooks, mappings by attributes, counters. */
#include "report/html.h"

static const char *tri(int v)
{
	return v == S2V_YES ? "yes" : v == S2V_NO ? "no" : "not known";
}

static void fact(FILE *f, const char *name, const char *value, size_t max)
{
	fprintf(f, "<dt>%s</dt><dd>", name);
	if (value[0])
		html_bytes(f, value, max);
	else
		fputs("not known", f);
	fputs("</dd>", f);
}

#define FACT(f, name, field) fact(f, name, field, sizeof(field))

static void host(FILE *f, const struct s2v_report *rp)
{
	const struct s2v_host *h = &rp->host;

	fputs("<section id=\"host\"><h2>Host</h2>\n", f);
	if (!rp->has_host) {
		fputs("<p>No host facts were recorded.</p></section>\n", f);
		return;
	}
	if (h->disagreement[0]) {
		fputs("<p class=\"whole no\"><b>✕ Sources disagree.</b> ", f);
		html_bytes(f, h->disagreement, sizeof(h->disagreement));
		fputs("</p>\n", f);
	}
	fputs("<dl class=\"facts-list\">", f);
	FACT(f, "Kernel", h->kernel);
	FACT(f, "Machine", h->machine);
	fprintf(f, "<dt>S2FWB</dt><dd>%s</dd><dt>CTR_EL0.DIC</dt><dd>%s</dd>", tri(h->fwb),
		tri(h->dic));
	fprintf(f, "<dt>CTR_EL0.IDC</dt><dd>%s</dd><dt>KVM mode</dt><dd>%s</dd>", tri(h->idc),
		s2v_kvm_mode_name(h->kvm_mode));
	fprintf(f, "<dt>Cacheable PFNMAP</dt><dd>%s</dd><dt>Page size</dt><dd>",
		h->pfnmap_cap < 0 ? "the kernel has no such capability"
		: h->pfnmap_cap	  ? "supported"
				  : "refused");
	html_size(f, 1ULL << (h->page_shift & 63));
	fprintf(f, "</dd><dt>Stage-1 attributes</dt><dd>%s</dd>",
		h->s1_calibrated == 1 ? "calibrated" : "not calibrated");
	FACT(f, "Read from", h->s1_source);
	FACT(f, "Lockdown", h->lockdown);
	fprintf(f, "<dt>I-cache at vCPU init</dt><dd>%s", tri(h->init_icache));
	if (h->init_icache_text[0]) {
		fputs(": ", f);
		html_bytes(f, h->init_icache_text, sizeof(h->init_icache_text));
	}
	fputs("</dd><dt>Kernel's memory</dt><dd>", f);
	for (size_t i = 0; i < rp->n_ram; i++)
		fprintf(f, "%s<code>0x%llx–0x%llx</code>", i ? ", " : "", ULL(rp->ram[i].start),
			ULL(rp->ram[i].end - 1));
	fputs(rp->n_ram ? "</dd></dl></section>\n" : "not known</dd></dl></section>\n", f);
}

static void coverage(FILE *f, const struct s2v_report *rp)
{
	static const char *const state[] = { "✓ covered", "✕ not covered", "– cannot fire here" };

	fputs("<section id=\"coverage\"><h2>Coverage</h2>\n<h3>Rules</h3><div class=\"scroll\" "
	      "tabindex=\"0\" role=\"region\" aria-label=\"Rules\"><table><thead><tr><th "
	      "scope=\"col\">Rule</th><th scope=\"col\">Severity</th><th scope=\"col\">State</th><th "
	      "scope=\"col\">Fires when</th><th scope=\"col\">Why not</th></tr></thead><tbody>\n",
	      f);
	for (int i = 0; i < S2V_RULE_NR; i++) {
		const struct s2v_rule_state *r = &rp->rules[i];

		if (!rp->has_rule[i])
			continue;
		fprintf(f, "<tr%s><th scope=\"row\">%s</th><td>",
			r->coverage == S2V_NOT_COVERED ? " class=\"bad\"" : "", r->rule->name);
		html_severity(f, (int)r->rule->severity);
		fprintf(f, "</td><td>%s</td><td>",
			(size_t)r->coverage < S2V_ARRAY_SIZE(state) ? state[r->coverage] : "?");
		html_text(f, r->rule->fires);
		fputs("</td><td>", f);
		html_bytes(f, r->reason, sizeof(r->reason));
		fputs("</td></tr>\n", f);
	}
	fputs("</tbody></table></div>\n<h3>Hooks</h3><div class=\"scroll\" tabindex=\"0\" "
	      "role=\"region\" aria-label=\"Hooks\"><table><thead><tr><th "
	      "scope=\"col\">Observes</th><th scope=\"col\">Function</th><th "
	      "scope=\"col\">Method</th><th scope=\"col\">Why</th></tr></thead><tbody>\n",
	      f);
	for (size_t i = 0; i < rp->n_hooks; i++) {
		const struct s2v_hook *k = &rp->hooks[i];

		fprintf(f, "<tr%s><th scope=\"row\">%s</th><td><code>",
			k->method == S2V_METHOD_NONE ? " class=\"bad\"" : "",
			s2v_observe_name(k->observe));
		html_bytes(f, k->function, sizeof(k->function));
		fprintf(f, "</code></td><td>%s</td><td>", s2v_method_name(k->method));
		html_bytes(f, k->reason, sizeof(k->reason));
		fputs("</td></tr>\n", f);
	}
	fputs("</tbody></table></div></section>\n", f);
}

static void mappings(FILE *f, const struct s2v_summary *sum)
{
	fputs("<h3>Mappings by attributes</h3><table><thead><tr><th scope=\"col\">Stage 1 "
	      "(host)</th><th scope=\"col\">Stage 2</th><th scope=\"col\">Mappings</th><th "
	      "scope=\"col\"></th></tr></thead><tbody>\n",
	      f);
	for (__u32 s1 = 0; s1 < S2V_ATTR_NR; s1++) {
		for (__u32 s2 = 0; s2 < S2V_ATTR_NR; s2++) {
			bool bad = s2v_attr_conflict(s1, s2);

			if (!sum->maps[s1][s2])
				continue;
			fprintf(f, "<tr%s><td>%s</td><td>%s</td><td class=\"n\">",
				bad ? " class=\"bad\"" : "", s2v_attr_name(s1), s2v_attr_name(s2));
			html_num(f, sum->maps[s1][s2]);
			fprintf(f, "</td><td>%s</td></tr>\n", bad ? "▲ incoherent" : "");
		}
	}
	fputs("</tbody></table>\n", f);
}

static void counters(FILE *f, const struct s2v_summary *sum)
{
	const struct {
		const char *name;
		__u64 n;
	} c[] = {
		{ "VMs seen", sum->vms },
		{ "VMs that existed before the run", sum->preexisting },
		{ "Stage-2 faults", sum->cnt[S2V_CNT_FAULTS] },
		{ "Stage-2 faults that failed", sum->cnt[S2V_CNT_FAULT_ERRORS] },
		{ "Mappings", sum->cnt[S2V_CNT_MAPS] },
		{ "Permission changes", sum->cnt[S2V_CNT_PERMS] },
		{ "Mappings of nested guests, not verified", sum->cnt[S2V_CNT_NESTED] },
		{ "Mappings outside memslots", sum->cnt[S2V_CNT_NO_SLOT] },
		{ "Events lost", sum->lost },
		{ "Probes missed", sum->missed_probes },
		{ "Host attributes not readable", sum->unreadable },
		{ "Pages of device memory that the host does not map", sum->unmapped },
		{ "Unknown attributes", sum->cnt[S2V_CNT_UNKNOWN_ATTR] },
	};

	fputs("<h3>Counters</h3><table><tbody>\n", f);
	for (size_t i = 0; i < S2V_ARRAY_SIZE(c); i++) {
		fprintf(f, "<tr><th scope=\"row\">%s</th><td class=\"n\">", c[i].name);
		html_num(f, c[i].n);
		fputs("</td></tr>\n", f);
	}
	fputs("</tbody></table>\n", f);
}

void html_host(const struct html_page *p)
{
	host(p->f, p->rp);
	coverage(p->f, p->rp);
	fputs("<section id=\"counts\"><h2>Counts</h2>\n", p->f);
	if (p->rp->has_summary) {
		fputs("<div class=\"two\"><div>", p->f);
		mappings(p->f, &p->rp->sum);
		fputs("</div><div>", p->f);
		counters(p->f, &p->rp->sum);
		fputs("</div></div>", p->f);
	} else {
		fputs("<p>The run was cut short: it has no summary.</p>", p->f);
	}
	fputs("</section>\n", p->f);
}
