// SPDX-License-Identifier: BSD-2-Clause
/* The report's findings: by rule, with the reason and the place of each. */
#include <string.h>

#include "report/html.h"
#include "util/util.h"

static void driver_or_file(FILE *f, const struct s2v_rp_finding *k)
{
	if (k->driver[0])
		html_bytes(f, k->driver, sizeof(k->driver));
	else if (k->name[0])
		html_bytes(f, k->name, sizeof(k->name));
	else
		fputs("–", f);
}

void html_finding_place(FILE *f, const struct s2v_rp_finding *k)
{
	const struct s2v_finding *fd = &k->f;

	html_text(f, fd->rule->name);
	if (fd->slot.id != S2V_NO_SLOT)
		fprintf(f, ", memslot %d", fd->slot.id);
	if (fd->has_page) {
		fprintf(f, ", GPA <code>0x%llx</code>, ", ULL(fd->gpa));
		html_size(f, fd->size);
		if (fd->count > 1) {
			fputs(" × ", f);
			html_num(f, fd->count);
		}
	}
	if (k->driver[0]) {
		fputs(", driver ", f);
		html_bytes(f, k->driver, sizeof(k->driver));
	}
}

static void cell_attr(FILE *f, __u32 attr, enum s2v_attr_source source)
{
	if (attr == S2V_ATTR_NONE)
		fputs("<td>–</td>", f);
	else
		fprintf(f, "<td>%s <small>(%s)</small></td>", s2v_attr_name(attr),
			s2v_source_name(source));
}

static void cell_address(FILE *f, __u64 addr)
{
	if (addr == S2V_NO_PA)
		fputs("<td>–</td>", f);
	else
		fprintf(f, "<td><code>0x%llx</code></td>", ULL(addr));
}

/* Of a rule on the guest's own stage 1. */
static void guest_cells(FILE *f, const struct s2v_finding *fd)
{
	fprintf(f,
		"<td>%s</td><td><code>0x%llx</code> <small>(TTBR%d_EL1)</small></td><td class=\"n\">",
		s2v_attr_name(fd->guest), ULL(fd->guest_va), fd->guest_va >> 55 & 1 ? 1 : 0);
	html_size(f, fd->guest_alias);
	fputs("</td>", f);
}

static void row(FILE *f, const struct s2v_rp_finding *k)
{
	const struct s2v_finding *fd = &k->f;

	fprintf(f,
		"<tr id=\"f-%llu\" data-vm=\"%u\"><th scope=\"row\">#%llu</th><td><a href=\"#vm-%u\">",
		ULL(fd->id), fd->vm.id, ULL(fd->id), fd->vm.id);
	html_vm(f, &fd->vm);
	fputs("</a></td><td>", f);
	if (fd->slot.id == S2V_NO_SLOT)
		fputs("–", f);
	else if (k->slot && k->slot->nr)
		fprintf(f, "<a href=\"#vm-%u-s%u\">%d</a>", fd->vm.id, k->slot->nr, fd->slot.id);
	else
		fprintf(f, "%d", fd->slot.id);
	fputs("</td>", f);
	if (fd->has_page) {
		fprintf(f, "<td><code>0x%llx</code>", ULL(fd->gpa_low));
		if (fd->gpa_end - fd->gpa_low > fd->size)
			fprintf(f, "<br>… <code>0x%llx</code>", ULL(fd->gpa_end - 1));
		fputs("</td><td class=\"n\">", f);
		html_size(f, fd->bytes);
		fputs("</td>", f);
	} else {
		fputs("<td>–</td><td>–</td>", f);
	}
	fputs("<td class=\"n\">", f);
	html_num(f, fd->count);
	fputs("</td><td>", f);
	driver_or_file(f, k);
	fputs("</td>", f);
	cell_attr(f, fd->s1, fd->s1_source);
	cell_attr(f, fd->s2, fd->s2_source);
	if (fd->rule->on & S2V_ON_GUEST)
		guest_cells(f, fd);
	cell_address(f, fd->has_page ? fd->pa : S2V_NO_PA);
	cell_address(f, fd->has_page ? fd->hva : S2V_NO_PA);
	fputs("<td>", f);
	html_clock(f, fd->time);
	fprintf(f, "</td><td>%s%s%s</td></tr>\n", fd->err ? s2v_errno_name(fd->err) : "–",
		fd->at ? " at the " : "", fd->at ? fd->at : "");
}

/* A rule's explanation depends on the host and the attributes: prints each distinct text once. */
static void reasons(const struct html_page *p, size_t from, size_t to)
{
	const char *last = "";

	for (size_t i = from; i < to; i++) {
		const char *text = p->finding[i]->f.explain;
		bool before = false;

		if (!strcmp(text, last))
			continue;
		for (size_t j = from; j < i && j < from + 64 && !before; j++)
			before = !strcmp(p->finding[j]->f.explain, text);
		last = text;
		if (before)
			continue;
		fputs("<p class=\"why\">", p->f);
		html_bytes(p->f, text, sizeof(p->finding[i]->f.explain));
		fputs("</p>\n", p->f);
	}
}

/* Empty lines separate paragraphs. */
static void background(FILE *f, const char *text)
{
	const char *end;

	if (!text)
		return;
	fputs("<details class=\"background\"><summary>Background and references</summary>\n<p>", f);
	for (; *text; text = end) {
		end = strstr(text, "\n\n");
		if (!end)
			end = text + strlen(text);
		html_text_n(f, text, (size_t)(end - text));
		while (*end == '\n')
			end++;
		if (*end)
			fputs("</p>\n<p>", f);
	}
	fputs("</p></details>\n", f);
}

static void one_rule(const struct html_page *p, size_t from, size_t to)
{
	static const char *const heads[] = {
		"Finding",
		"VM",
		"Memslot",
		"GPA, first and last",
		"Size",
		"Occurrences",
		"Driver or file",
		"Stage 1 (host)",
		"Stage 2",
		"Stage 1 (guest)",
		"VA",
		"Also cacheable",
		"PA",
		"HVA",
		"First at (UTC)",
		"Error",
	};
	const struct s2v_rule *r = p->finding[from]->f.rule;
	/* Three columns are of rules on the guest's own stage 1. */
	const size_t guest = 9, left_out = r->on & S2V_ON_GUEST ? 0 : 3;
	FILE *f = p->f;

	fprintf(f, "<section class=\"rule\" id=\"rule-%s\"><h3>", r->name);
	html_severity(f, (int)s2v_finding_severity(&p->finding[from]->f));
	fprintf(f, " %s</h3>\n<p class=\"fires\">Fires when ", r->name);
	html_text(f, r->fires);
	fputs(".</p>\n", f);
	reasons(p, from, to);
	background(f, r->explain);
	fprintf(f,
		"<div class=\"scroll tall\" tabindex=\"0\" role=\"region\" aria-label=\"Findings of "
		"%s\"><table><thead><tr>",
		r->name);
	for (size_t i = 0; i < S2V_ARRAY_SIZE(heads); i++)
		if (i < guest || i >= guest + left_out)
			fprintf(f, "<th scope=\"col\">%s</th>", heads[i]);
	fputs("</tr></thead>\n<tbody>\n", f);
	for (size_t i = from; i < to; i++)
		row(f, p->finding[i]);
	fputs("</tbody></table></div></section>\n", f);
}

static void not_kept(const struct html_page *p)
{
	for (int i = S2V_SEVERITY_NR - 1; i >= 0; i--) {
		__u64 n = p->rp->n_findings[i] - p->rp->n_kept[i];

		if (!n)
			continue;
		fputs("<p class=\"limit\">Not listed: ", p->f);
		html_count(p->f, n, "finding", "findings");
		fprintf(p->f,
			" of severity %s after the first %d. <code>analyze --json</code> has all.</p>\n",
			s2v_severity_name((enum s2v_severity)i), S2V_RP_FINDINGS);
	}
}

void html_findings(const struct html_page *p)
{
	fputs("<section id=\"findings\"><h2>Findings</h2>\n", p->f);
	if (!p->n_finding)
		fputs("<p>No rule fired.</p>\n", p->f);
	not_kept(p);
	for (size_t i = 0, end; i < p->n_finding; i = end) {
		for (end = i;
		     end < p->n_finding && p->finding[end]->f.rule == p->finding[i]->f.rule;)
			end++;
		one_rule(p, i, end);
	}
	fputs("</section>\n", p->f);
}
