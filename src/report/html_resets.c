// SPDX-License-Identifier: BSD-2-Clause
/* The report's resets: totals by VM, and the most expensive resets. */
#include <stdlib.h>

#include "report/html.h"

static int by_time(const void *pa, const void *pb)
{
	const struct s2v_rp_reset *a = pa, *b = pb;

	return a->r.time < b->r.time ? -1 : a->r.time > b->r.time;
}

static void heads(FILE *f, const char *const *name, size_t n)
{
	fputs("<table><thead><tr>", f);
	for (size_t i = 0; i < n; i++)
		fprintf(f, "<th scope=\"col\">%s</th>", name[i]);
	fputs("</tr></thead><tbody>\n", f);
}

static void ns_cell(FILE *f, __u64 ns)
{
	fputs("<td class=\"n\">", f);
	html_ns(f, ns);
	fputs("</td>", f);
}

static void row(FILE *f, const struct s2v_reset *r)
{
	fputs("<tr><th scope=\"row\">", f);
	html_clock(f, r->time);
	fprintf(f, "</th><td><a href=\"#vm-%u\">", r->vm.id);
	html_vm(f, &r->vm);
	fprintf(f,
		"</a></td><td>%s%s</td><td class=\"n\">%u</td><td class=\"n\">%u</td><td "
		"class=\"n\">%u</td>",
		r->verdict == S2V_RESET_MISSING ? "▲ " : "", s2v_reset_verdict_name(r->verdict),
		r->vcpus, r->unmaps, r->redundant);
	ns_cell(f, r->unmap_ns);
	fputs("<td class=\"n\">", f);
	if (r->pages_known)
		html_size(f, r->unmapped_bytes);
	else
		fputs("not known", f);
	fputs("</td><td class=\"n\">", f);
	html_num(f, r->refaults);
	fputs("</td>", f);
	ns_cell(f, r->refault_ns);
	ns_cell(f, r->window_ns);
	ns_cell(f, r->avoidable_ns);
	fputs("</tr>\n", f);
}

static void totals(const struct html_page *p)
{
	static const char *const name[] = { "VM",   "Resets",	 "Unmapping",	   "Refaults",
					    "Cost", "Avoidable", "How to avoid it" };
	FILE *f = p->f;
	bool any = false;

	for (__u32 i = 0; i < p->n_vm; i++) {
		const struct s2v_reset_total *t = &p->vm[i]->total;

		if (!t->resets)
			continue;
		if (!any) {
			fputs("<h3>By VM</h3><div class=\"scroll tall\" tabindex=\"0\" role=\"region\" "
			      "aria-label=\"Resets by VM\">",
			      f);
			heads(f, name, S2V_ARRAY_SIZE(name));
		}
		any = true;
		fprintf(f, "<tr><th scope=\"row\"><a href=\"#vm-%u\">", t->vm.id);
		html_vm(f, &t->vm);
		fputs("</a></th><td class=\"n\">", f);
		html_num(f, t->resets);
		fputs("</td>", f);
		ns_cell(f, t->unmap_ns);
		ns_cell(f, t->refault_ns);
		ns_cell(f, t->tax_ns);
		ns_cell(f, t->avoidable_ns);
		fputs("<td>", f);
		html_text(f, t->advice && t->advice[0] ? t->advice : "–");
		fputs("</td></tr>\n", f);
	}
	if (any)
		fputs("</tbody></table></div>\n", f);
}

void html_resets(const struct html_page *p)
{
	static const char *const name[] = { "At (UTC)", "VM",		"Verdict",   "vCPUs",
					    "Unmaps",	"Redundant",	"Unmapping", "Unmapped",
					    "Refaults", "Refault time", "Window",    "Avoidable" };
	const struct s2v_report *rp = p->rp;
	FILE *f = p->f;

	fputs("<section id=\"resets\"><h2>Resets</h2>\n", f);
	if (!rp->n_reset) {
		fputs("<p>No guest was reset.</p></section>\n", f);
		return;
	}
	fputs("<p>", f);
	html_count(f, rp->n_resets, "reset", "resets");
	fputs(": ", f);
	html_ns(f, rp->reset_tax_ns);
	fputs(" of unmapping and refaults, ", f);
	html_ns(f, rp->reset_avoidable_ns);
	fputs(" of it avoidable on this host.", f);
	if (rp->n_resets > rp->n_reset) {
		fputs(" The ", f);
		html_num(f, rp->n_reset);
		fputs(" most expensive are listed.", f);
	}
	fputs("</p>\n", f);
	totals(p);
	fputs("<h3>Each reset</h3><div class=\"scroll tall\" tabindex=\"0\" role=\"region\" "
	      "aria-label=\"Resets\">",
	      f);
	heads(f, name, S2V_ARRAY_SIZE(name));
	qsort(rp->reset, rp->n_reset, sizeof(*rp->reset), by_time);
	for (__u32 i = 0; i < rp->n_reset; i++)
		row(f, &rp->reset[i].r);
	fputs("</tbody></table></div></section>\n", f);
}
