// SPDX-License-Identifier: BSD-2-Clause
/* The first screen of the report: the verdict, its completeness, the rules that fired, the worst VMs. */
#include "report/html.h"
#include "core/run.h"
#include "util/util.h"

#define MAX_WORST_VMS 6

/* VMs with findings at or above a severity. */
static __u64 vms_with(const struct html_page *p, int sev)
{
	__u64 n = 0;

	for (__u32 i = 0; i < p->n_vm; i++)
		n += html_worst(p->vm[i]) >= sev;
	return n;
}

static __u64 findings_from(const struct s2v_report *rp, int sev)
{
	__u64 n = 0;

	for (int i = sev; i < S2V_SEVERITY_NR; i++)
		n += rp->n_findings[i];
	return n;
}

/* With those that are not kept. */
static __u64 all_vms(const struct s2v_report *rp)
{
	return rp->has_summary && rp->sum.vms > rp->n_vms ? rp->sum.vms : rp->n_vms;
}

static void headline(const struct html_page *p, __u64 bad)
{
	FILE *f = p->f;

	if (bad) {
		fputs("Unsafe: ", f);
		html_count(f, bad, "finding", "findings");
		fputs(" of high or critical severity", f);
		fprintf(f, " in %llu of ", ULL(vms_with(p, S2V_HIGH)));
		html_count(f, all_vms(p->rp), "VM", "VMs");
	} else if (
		p->rp->unsafe_maps) { /* without findings: no rule judged the mappings (resets) */
		fputs("Unsafe: ", f);
		html_count(f, p->rp->unsafe_maps, "incoherent mapping", "incoherent mappings");
	} else if (!p->rp->has_summary) {
		fputs("Not known: the run was cut short", f);
	} else if (!p->rp->sum.complete) {
		fputs("Not proven safe: no high or critical finding, but not everything was seen",
		      f);
	} else {
		fputs("Safe: every mapping was seen, and none conflicts", f);
		if (findings_from(p->rp, S2V_INFO)) {
			fputs("; ", f);
			html_count(f, findings_from(p->rp, S2V_INFO), "finding", "findings");
			fputs(" of lower severity", f);
		}
	}
}

/* The exit status of the command with the default --fail-on. */
static void exit_status(FILE *f, const struct s2v_report *rp, __u64 bad)
{
	int status = S2V_EXIT_OK;

	if (bad)
		status = S2V_EXIT_FINDINGS;
	else if (!rp->has_summary || !rp->sum.complete)
		status = S2V_EXIT_INCOMPLETE;
	fprintf(f,
		"<p class=\"exit\"><b>Exit status %d</b> with the default <code>--fail-on "
		"high</code>: %s.</p>\n",
		status,
		status == S2V_EXIT_FINDINGS ? "findings of high severity or above"
		: status == S2V_EXIT_OK
			? "complete, and nothing of high severity or above"
			: "nothing of high severity or above, but not everything was seen");
}

static void completeness(FILE *f, const struct s2v_report *rp)
{
	if (rp->has_summary && rp->sum.complete) {
		fputs("<p class=\"whole yes\"><b>✓ Complete.</b> Every applicable rule was "
		      "covered, and no event was lost.</p>\n",
		      f);
		return;
	}
	fputs("<p class=\"whole no\"><b>✕ Incomplete.</b> ", f);
	if (rp->has_summary) {
		fputs("Findings may be missing: ", f);
		html_bytes(f, rp->sum.incomplete, sizeof(rp->sum.incomplete));
	} else {
		fputs("The run has no end: nothing is known of what it does not show", f);
	}
	fputs(".</p>\n", f);
}

static void where_and_when(FILE *f, const struct s2v_report *rp)
{
	char from[S2V_RFC3339_LEN];

	fputs("<p class=\"when\">", f);
	if (rp->has_host) {
		fputs("Linux ", f);
		html_bytes(f, rp->host.kernel, sizeof(rp->host.kernel));
		fprintf(f, " · S2FWB %s · DIC %s",
			rp->host.fwb == S2V_YES	 ? "yes"
			: rp->host.fwb == S2V_NO ? "no"
						 : "not known",
			rp->host.dic == S2V_YES	 ? "yes"
			: rp->host.dic == S2V_NO ? "no"
						 : "not known");
	}
	if (rp->first) {
		s2v_rfc3339(rp->first, from);
		fprintf(f, "%sfrom %.10s %.8s UTC", rp->has_host ? " · " : "", from, from + 11);
	}
	if (rp->has_summary) {
		fputs(" · ", f);
		html_ns(f, rp->sum.duration_ns);
	}
	fputs("</p>\n", f);
}

static void tile_head(FILE *f, const char *title, const char *href)
{
	fprintf(f, "<li><a href=\"#%s\"><span class=\"label\">%s</span><b>", href, title);
}

static void tiles(const struct html_page *p)
{
	const struct s2v_report *rp = p->rp;
	FILE *f = p->f;
	__u64 bytes = 0;

	for (__u32 i = 0; i < p->n_vm; i++)
		bytes += p->vm[i]->unsafe_bytes;
	fputs("<ul class=\"tiles\">", f);
	tile_head(f, "Incoherent mappings", "vms");
	html_num(f, rp->unsafe_maps);
	fputs("</b><small>", f);
	html_size(f, bytes);
	fputs(" of guest memory</small></a></li>", f);
	tile_head(f, "Findings", "findings");
	html_num(f, findings_from(rp, S2V_INFO));
	fprintf(f, "</b><small>%llu critical, %llu high</small></a></li>",
		ULL(rp->n_findings[S2V_CRITICAL]), ULL(rp->n_findings[S2V_HIGH]));
	tile_head(f, "VMs with findings", "vms");
	html_num(f, vms_with(p, S2V_INFO));
	fputs("</b><small>of ", f);
	html_num(f, all_vms(rp));
	fputs("</small></a></li>", f);
	tile_head(f, "Stage-2 faults", "timeline");
	html_num(f, rp->has_summary && rp->sum.cnt[S2V_CNT_FAULTS] ? rp->sum.cnt[S2V_CNT_FAULTS]
								   : rp->faults);
	fputs("</b><small>", f);
	html_count(f, rp->events, "event", "events");
	fputs("</small></a></li>", f);
	tile_head(f, "Resets", "resets");
	html_num(f, rp->n_resets);
	fputs("</b><small>", f);
	html_ns(f, rp->reset_tax_ns);
	fputs(" lost, ", f);
	html_ns(f, rp->reset_avoidable_ns);
	fputs(" avoidable</small></a></li></ul>\n", f);
}

/* Each rule that fired, with its numbers of findings and occurrences. */
static void fired_rules(const struct html_page *p)
{
	FILE *f = p->f;

	fputs("<div><h2>What is wrong</h2><ul class=\"what\">\n", f);
	for (size_t i = 0, end; i < p->n_finding; i = end) {
		const struct s2v_rule *r = p->finding[i]->f.rule;
		__u64 count = 0;

		for (end = i; end < p->n_finding && p->finding[end]->f.rule == r; end++)
			count += p->finding[end]->f.count;
		fputs("<li>", f);
		html_severity(f, (int)s2v_finding_severity(&p->finding[i]->f));
		fprintf(f, " <a href=\"#rule-%s\">%s</a><span class=\"fires\">", r->name, r->name);
		html_text(f, r->fires);
		fputs("</span><span class=\"often\">", f);
		html_count(f, end - i, "finding", "findings");
		fputs(", ", f);
		html_count(f, count, "occurrence", "occurrences");
		fputs("</span></li>\n", f);
	}
	fputs(p->n_finding ? "</ul></div>\n" : "</ul><p>No rule fired.</p></div>\n", f);
}

/* The VM's first finding of the highest severity. */
static const struct s2v_rp_finding *worst_finding(const struct s2v_rp_vm *vm)
{
	const struct s2v_rp_finding *best = NULL;

	for (const struct s2v_rp_finding *k = vm->first; k; k = k->next) {
		if (!best || s2v_finding_severity(&k->f) > s2v_finding_severity(&best->f) ||
		    /* a finding on a mapping has more facts than one on the registration before it */
		    (s2v_finding_severity(&k->f) == s2v_finding_severity(&best->f) &&
		     best->f.s2 == S2V_ATTR_NONE && k->f.s2 != S2V_ATTR_NONE))
			best = k;
	}
	return best;
}

static void worst_vms(const struct html_page *p)
{
	FILE *f = p->f;
	__u32 n = 0;

	fputs("<div><h2>Where</h2><ol class=\"where\">\n", f);
	for (; n < p->n_vm && n < MAX_WORST_VMS; n++) {
		const struct s2v_rp_vm *vm = p->vm[n];
		const struct s2v_rp_finding *k = worst_finding(vm);

		if (!k)
			break;
		fputs("<li>", f);
		html_severity(f, (int)s2v_finding_severity(&k->f));
		fprintf(f, " <a href=\"#vm-%u\">", vm->id);
		html_vm(f, &vm->ref);
		fputs("</a><span class=\"fires\">", f);
		html_finding_place(f, k);
		fputs("</span></li>\n", f);
	}
	fputs("</ol>", f);
	if (vms_with(p, S2V_INFO) > n) {
		fputs("<p class=\"more\"><a href=\"#vms\">", f);
		html_count(f, vms_with(p, S2V_INFO) - n, "more VM with findings",
			   "more VMs with findings");
		fputs("</a></p>", f);
	}
	fputs(n ? "</div>\n" : "<p>No VM has findings.</p></div>\n", f);
}

void html_verdict(const struct html_page *p)
{
	const struct s2v_report *rp = p->rp;
	__u64 bad = findings_from(rp, S2V_HIGH);
	bool unsafe = bad || rp->unsafe_maps;
	bool safe = !unsafe && rp->has_summary && rp->sum.complete;

	fprintf(p->f,
		"<section id=\"verdict\" class=\"%s\">\n<h1><span class=\"sign\" "
		"aria-hidden=\"true\">%s</span> ",
		unsafe ? "bad"
		: safe ? "good"
		       : "unsure",
		unsafe ? "▲"
		: safe ? "✓"
		       : "?");
	headline(p, bad);
	fputs("</h1>\n", p->f);
	where_and_when(p->f, rp);
	completeness(p->f, rp);
	exit_status(p->f, rp, bad);
	fputs("</section>\n", p->f);
	tiles(p);
	fputs("<section class=\"two\" aria-label=\"What is wrong, and where\">\n", p->f);
	fired_rules(p);
	worst_vms(p);
	fputs("</section>\n", p->f);
}
