// SPDX-License-Identifier: BSD-2-Clause
/* The report's timeline: faults, unmaps, resets with their refaults, findings. */
#include "report/html.h"
#include "util/util.h"

#define TABLE_ROWS 64

/* The number of bins up to the last event. */
static __u32 used(const struct s2v_rp_time *t, __u64 last)
{
	__u64 n = t->width && last >= t->t0 ? (last - t->t0) / t->width + 1 : 0;

	return n < t->n ? (__u32)n : t->n;
}

enum lane { L_FAULTS, L_UNMAPS, L_RESETS, L_FINDINGS, L_NR };

static const struct {
	const char *id, *label;
	int height;
} lanes[L_NR] = {
	[L_FAULTS] = { "faults", "Faults", 72 },
	[L_UNMAPS] = { "unmaps", "Unmaps", 28 },
	[L_RESETS] = { "resets", "Resets, refaults", 24 },
	[L_FINDINGS] = { "findings", "New findings", 20 },
};

static __u32 value(const struct s2v_rp_bin *b, enum lane l)
{
	switch (l) {
	case L_FAULTS:
		return b->faults;
	case L_UNMAPS:
		return b->unmaps;
	case L_RESETS:
		return b->resets;
	default:
		return b->findings;
	}
}

static void bars(FILE *f, const struct s2v_rp_time *t, __u32 n, enum lane l, __u32 max)
{
	for (__u32 i = 0; i < n; i++) {
		double h = (double)value(&t->bin[i], l) / max * (lanes[l].height - 2);

		if (!value(&t->bin[i], l))
			continue;
		if (h < 1)
			h = 1;
		fputs("<rect", f);
		html_percent(f, "x", i, n);
		html_percent(f, "width", 1, n);
		fprintf(f, " y=\"%.1f\" height=\"%.1f\"/>", lanes[l].height - h, h);
	}
}

static void marks(FILE *f, const struct s2v_rp_time *t, __u32 n, enum lane l)
{
	for (__u32 i = 0; i < n; i++) {
		if (!value(&t->bin[i], l))
			continue;
		fputs("<svg overflow=\"visible\"", f);
		html_percent(f, "x", i + 0.5, n);
		fprintf(f, "><path d=\"%s\"/></svg>",
			l == L_RESETS ? "M0 2L5 8L0 14L-5 8Z" : "M-5 14H5L0 4Z");
	}
}

static void windows(FILE *f, const struct s2v_report *rp, __u32 n)
{
	double span = (double)rp->time.width * n;

	for (__u32 i = 0; i < rp->n_reset; i++) {
		const struct s2v_rp_reset *r = &rp->reset[i];
		double x = r->ran_at > rp->time.t0 ? (double)(r->ran_at - rp->time.t0) : 0;
		double w = (double)r->r.window_ns;

		if (x >= span)
			continue;
		fputs("<rect class=\"window\" y=\"17\" height=\"5\"", f);
		html_percent(f, "x", x, span);
		html_percent(f, "width", w < span - x ? w : span - x, span);
		fputs("/>", f);
	}
}

static void lane(const struct html_page *p, enum lane l, __u32 n)
{
	const struct s2v_rp_time *t = &p->rp->time;
	__u32 max = 0;
	__u64 all = 0;

	for (__u32 i = 0; i < n; i++) {
		if (value(&t->bin[i], l) > max)
			max = value(&t->bin[i], l);
		all += value(&t->bin[i], l);
	}
	fprintf(p->f, "<div class=\"lane\"><p><b>%s</b> <small data-lane-note=\"%s\">",
		lanes[l].label, lanes[l].id);
	html_num(p->f, all);
	if (l == L_FAULTS && max) {
		fputs(", at most ", p->f);
		html_num(p->f, max);
		fputs(" a bar", p->f);
	}
	fprintf(p->f,
		"</small></p><svg class=\"%s\" data-lane=\"%s\" width=\"100%%\" height=\"%d\" "
		"aria-hidden=\"true\">",
		lanes[l].id, lanes[l].id, lanes[l].height);
	if (l == L_RESETS)
		windows(p->f, p->rp, n);
	if (max && (l == L_FAULTS || l == L_UNMAPS))
		bars(p->f, t, n, l, max);
	else if (max)
		marks(p->f, t, n, l);
	fputs("</svg></div>\n", p->f);
}

static void axis(FILE *f, const struct s2v_rp_time *t, __u32 n)
{
	fputs("<div class=\"lane axis\"><p><b>UTC</b></p><ol>", f);
	for (__u32 i = 0; i < 5; i++) {
		fputs("<li>", f);
		html_clock(f, t->t0 + t->width * n * i / 4);
		fputs("</li>", f);
	}
	fputs("</ol></div>\n", f);
}

static void table(FILE *f, const struct s2v_rp_time *t, __u32 n)
{
	__u32 step = (n + TABLE_ROWS - 1) / TABLE_ROWS;

	fputs("<details><summary>Timeline as a table</summary>\n<div class=\"scroll tall\" "
	      "tabindex=\"0\" role=\"region\" aria-label=\"Timeline as a table\"><table><thead><tr>"
	      "<th scope=\"col\">From (UTC)</th><th scope=\"col\">Faults</th><th scope=\"col\">Time in "
	      "faults</th><th scope=\"col\">Mappings</th><th scope=\"col\">Unmaps</th><th "
	      "scope=\"col\">Time in unmaps</th><th scope=\"col\">Resets</th><th "
	      "scope=\"col\">Refaults (windows that began here)</th><th scope=\"col\">New findings</th></tr>"
	      "</thead><tbody>\n",
	      f);
	for (__u32 i = 0; i < n; i += step) {
		__u64 sum[8] = { 0 };

		for (__u32 k = i; k < i + step && k < n; k++) {
			const struct s2v_rp_bin *b = &t->bin[k];
			const __u64 v[8] = { b->faults,	  b->fault_ns, b->maps,	    b->unmaps,
					     b->unmap_ns, b->resets,   b->refaults, b->findings };

			for (int c = 0; c < 8; c++)
				sum[c] += v[c];
		}
		fputs("<tr><th scope=\"row\">", f);
		html_clock(f, t->t0 + t->width * i);
		fputs("</th>", f);
		for (int c = 0; c < 8; c++) {
			fputs("<td class=\"n\">", f);
			if (c == 1 || c == 4)
				html_ns(f, sum[c]);
			else
				html_num(f, sum[c]);
			fputs("</td>", f);
		}
		fputs("</tr>\n", f);
	}
	fputs("</tbody></table></div></details>\n", f);
}

void html_timeline(const struct html_page *p)
{
	const struct s2v_rp_time *t = &p->rp->time;
	__u32 n = used(t, p->rp->last);
	FILE *f = p->f;

	fputs("<section id=\"timeline\"><h2>Timeline</h2>\n", f);
	if (!n) {
		fputs("<p>There are no events with a time.</p></section>\n", f);
		return;
	}
	fputs("<p id=\"pick\" hidden><label>Show <select id=\"whose\"><option value=\"\">all "
	      "VMs</option></select></label></p>\n"
	      "<div id=\"lanes\" role=\"group\" aria-label=\"Timeline of faults, unmaps, resets and "
	      "findings\">\n",
	      f);
	for (int l = 0; l < L_NR; l++)
		lane(p, (enum lane)l, n);
	axis(f, t, n);
	fputs("</div>\n<p id=\"moment\" role=\"status\">One bar is ", f);
	html_ns(f, t->width);
	fputs(" wide. ◆ reset, ▬ the window in which its refaults were counted, ▲ new finding.</p>\n",
	      f);
	table(f, t, n);
	fputs("</section>\n", f);
}

/* ---- for the script ---- */

/* Numbers only, so nothing needs escaping: [bin, faults, …]. */
static void bins(FILE *f, const struct s2v_rp_time *t)
{
	const char *sep = "";

	fprintf(f, "{\"t\":%llu,\"w\":%llu,\"b\":[", ULL(t->t0 / 1000), ULL(t->width));
	for (__u32 i = 0; i < t->n; i++) {
		const struct s2v_rp_bin *b = &t->bin[i];

		if (!b->faults && !b->maps && !b->unmaps && !b->resets && !b->refaults &&
		    !b->findings)
			continue;
		fprintf(f, "%s[%u,%u,%llu,%u,%u,%llu,%u,%u,%u]", sep, i, b->faults,
			ULL(b->fault_ns), b->maps, b->unmaps, ULL(b->unmap_ns), b->resets,
			b->refaults, b->findings);
		sep = ",";
	}
	fputs("]}", f);
}

void html_data(const struct html_page *p)
{
	FILE *f = p->f;

	fputs("<script type=\"application/json\" id=\"data\">{\"all\":", f);
	bins(f, &p->rp->time);
	fprintf(f, ",\"n\":%u,\"vms\":{", used(&p->rp->time, p->rp->last));
	for (__u32 i = 0; i < p->n_vm; i++) {
		fprintf(f, "%s\n\"%u\":", i ? "," : "", p->vm[i]->id);
		bins(f, &p->vm[i]->time);
	}
	fputs("},\n\"windows\":[", f);
	for (__u32 i = 0; i < p->rp->n_reset; i++) {
		const struct s2v_rp_reset *r = &p->rp->reset[i];

		fprintf(f, "%s[%u,%llu,%llu,%llu]", i ? "," : "", r->r.vm.id, ULL(r->ran_at / 1000),
			ULL(r->r.window_ns / 1000), ULL(r->r.refaults));
	}
	fputs("]}</script>\n", f);
}
