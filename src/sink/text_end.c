// SPDX-License-Identifier: BSD-2-Clause
/* Text: the coherence contract, the events of --all, and the summary. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "sink/text.h"
#include "util/util.h"

/* ---- coherence contract ---- */

enum { C_SLOT, C_GPA, C_SIZE, C_BACKING, C_S1, C_S2, C_WB, C_CMO, C_FWB, C_NR };

static const char *const heads[C_NR] = {
	"slot", "GPA", "size", "backing", "stage 1", "stage 2", "WB", "CMO", "FWB",
};

/* How much of a row there is room for. */
enum fit { FIT_ALL, FIT_NO_END, FIT_NO_DRIVER, FIT_TIGHT, FIT_NR };

struct cells {
	char c[C_NR][2 * TEXT_NAME_LEN];
};

static const char *short_tri(int v)
{
	return v == S2V_YES ? "yes" : v == S2V_NO ? "no" : "?";
}

/* The module behind it, else the file's name; "" for anonymous memory. */
static const char *behind(const struct s2v_contract_row *r, char buf[TEXT_NAME_LEN])
{
	return r->driver[0] ? text_name(r->driver, sizeof(r->driver), buf)
			    : text_name(r->name, sizeof(r->name), buf);
}

static void fill(struct cells *x, const struct s2v_contract_row *r, enum fit fit)
{
	char name[TEXT_NAME_LEN], size[S2V_SIZE_LEN];
	const size_t len = sizeof(x->c[0]);

	s2v_format_size(r->size, size);
	snprintf(x->c[C_SLOT], len, "%d%s%s", r->id, r->readonly ? " ro" : "",
		 r->gone ? " gone" : "");
	if (fit == FIT_ALL)
		snprintf(x->c[C_GPA], len, "0x%llx-0x%llx", r->gpa, r->gpa + r->size - 1);
	else
		snprintf(x->c[C_GPA], len, "0x%llx", r->gpa);
	snprintf(x->c[C_SIZE], len, "%s", size);
	behind(r, name);
	if (fit < FIT_NO_DRIVER && name[0])
		snprintf(x->c[C_BACKING], len, "%s %s", r->backing, name);
	else
		snprintf(x->c[C_BACKING], len, "%s",
			 strcmp(r->backing, "none") ? r->backing : "nothing mapped");
	snprintf(x->c[C_S1], len, "%s", r->s1 == S2V_ATTR_NONE ? "?" : s2v_attr_name(r->s1));
	snprintf(x->c[C_S2], len, "%s%s", r->s2 == S2V_ATTR_NONE ? "-" : s2v_attr_name(r->s2),
		 r->s2_mixed ? "*" : "");
	snprintf(x->c[C_WB], len, "%s", short_tri(r->write_back_guaranteed));
	snprintf(x->c[C_CMO], len, "%s",
		 r->vmm_cmo == S2V_CMO_UNKNOWN ? "?" : s2v_cmo_name(r->vmm_cmo));
	snprintf(x->c[C_FWB], len, "%s", short_tri(r->needs_s2fwb));
}

static unsigned int gap(enum fit fit)
{
	return fit == FIT_TIGHT ? 1 : 2;
}

/* Width of each column over all rows. Returns that of the table. */
static unsigned int measure(const struct text_sink *t, enum fit fit, unsigned int w[C_NR])
{
	unsigned int total = 0;

	for (int c = 0; c < C_NR; c++)
		w[c] = (unsigned int)strlen(heads[c]);
	for (size_t i = 0; i < t->n_rows; i++) {
		struct cells x;

		fill(&x, &t->rows[i], fit);
		for (int c = 0; c < C_NR; c++) {
			unsigned int n = (unsigned int)s2v_columns(x.c[c]);

			w[c] = n > w[c] ? n : w[c];
		}
	}
	for (int c = 0; c < C_NR; c++)
		total += w[c] + gap(fit);
	return total + 2 - gap(fit);
}

/* One line of the table. */
static void line(struct text_sink *t, enum fit fit, const unsigned int w[C_NR],
		 const struct cells *x, bool unsafe)
{
	for (int c = 0; c < C_NR; c++) {
		enum text_style style = unsafe && c == C_CMO ? STYLE_RED : STYLE_PLAIN;
		int pad = (int)w[c] - (int)s2v_columns(x->c[c]);
		int before = c == 0 ? 2 : (int)gap(fit);

		fprintf(t->out, "%*s%s%s%s", before + (c == C_SIZE ? pad : 0), "",
			text_on(t, style), x->c[c], text_off(t, style));
		if (c != C_SIZE && c != C_NR - 1)
			fprintf(t->out, "%*s", pad, "");
	}
	fputc('\n', t->out);
}

void text_show_rows(struct text_sink *t)
{
	enum fit fit = FIT_ALL;
	unsigned int w[C_NR];
	char name[TEXT_NAME_LEN];
	const struct s2v_vm_ref *vm;
	struct cells x;

	if (!t->n_rows)
		return;
	while (measure(t, fit, w) > t->width && fit + 1 < FIT_NR)
		fit++;
	vm = &t->rows[0].vm;
	fprintf(t->out, "%s%sCoherence contract%s of vm %u (%s, pid %u)\n",
		t->section == TEXT_START ? "" : "\n", text_on(t, STYLE_BOLD),
		text_off(t, STYLE_BOLD), vm->id, text_name(vm->comm, sizeof(vm->comm), name),
		vm->pid);
	t->section = TEXT_BODY;
	for (int c = 0; c < C_NR; c++)
		snprintf(x.c[c], sizeof(x.c[c]), "%s", heads[c]);
	line(t, fit, w, &x, false);
	for (size_t i = 0; i < t->n_rows; i++) {
		const struct s2v_contract_row *r = &t->rows[i];

		fill(&x, r, fit);
		line(t, fit, w, &x, r->vmm_cmo == S2V_CMO_UNSAFE);
		if (fit >= FIT_NO_DRIVER && behind(r, name)[0])
			fprintf(t->out, "%*s%s\n",
				(int)(2 + w[C_SLOT] + w[C_GPA] + w[C_SIZE] + 3 * gap(fit)), "",
				name);
	}
	text_show_leaves(t);
	t->n_rows = 0;
	t->legend_due = !t->legend_given;
}

void text_memslot(struct s2v_sink *s, const struct s2v_contract_row *r)
{
	struct text_sink *t = (struct text_sink *)s;
	void *p;

	if (t->n_rows && t->rows[0].vm.id != r->vm.id)
		text_show_rows(t);
	p = text_grow(t->rows, t->n_rows, &t->cap_rows, sizeof(*r));
	if (!p) {
		text_nomem(t);
		return;
	}
	t->rows = p;
	t->rows[t->n_rows] = *r;
	t->rows[t->n_rows++].leaves = NULL; /* the correlator's */
	text_keep_leaves(t, r);
}

void text_memslots_end(struct s2v_sink *s)
{
	struct text_sink *t = (struct text_sink *)s;

	text_show_rows(t);
	if (!t->legend_due)
		return;
	t->legend_due = false;
	t->legend_given = true;
	fputs("  ", t->out);
	text_wrap(
		t, 2, 2,
		"WB: is Write-Back guaranteed at stage 2? CMO: cache maintenance that the VMM owes. "
		"FWB: does coherence depend on S2FWB? -: not mapped yet. *: other types too.");
	text_check(t);
}

/* ---- summary ---- */

static void finding_row(struct text_sink *t, const struct text_finding *f)
{
	enum text_style style = text_severity_style(f->severity);
	char slot[16] = "-", size[S2V_SIZE_LEN], range[64];

	if (f->slot != S2V_NO_SLOT)
		snprintf(slot, sizeof(slot), "%d", f->slot);
	fprintf(t->out, "  %s%-8s%s  %-26s  %3u  %7s  %7llu", text_on(t, style),
		s2v_severity_name(f->severity), text_off(t, style), f->rule->name, f->vm, slot,
		f->count);
	if (f->has_page)
		fprintf(t->out, "  0x%llx", f->gpa_low);
	if (f->has_page && f->gpa_end - f->gpa_low > f->size) {
		s2v_format_size(f->bytes, size);
		snprintf(range, sizeof(range), " to 0x%llx, %s", f->gpa_end - 1, size);
		if (t->width >= 96)
			fputs(range, t->out);
	}
	fputc('\n', t->out);
}

static void findings_table(struct text_sink *t)
{
	if (!t->n_findings)
		return;
	fprintf(t->out, "\n%sFindings%s\n", text_on(t, STYLE_BOLD), text_off(t, STYLE_BOLD));
	fprintf(t->out, "  %-8s  %-26s  %3s  %7s  %7s  %s\n", "severity", "rule", "vm", "memslot",
		"count", "GPA");
	for (int sev = S2V_SEVERITY_NR - 1; sev >= 0; sev--) {
		for (size_t i = 0; i < t->n_findings; i++) {
			if ((int)t->findings[i].severity == sev)
				finding_row(t, &t->findings[i]);
		}
	}
}

static void pairs_table(struct text_sink *t, const char *head,
			const __u64 n[S2V_ATTR_NR][S2V_ATTR_NR])
{
	bool any = false;

	for (__u32 s1 = 0; s1 < S2V_ATTR_NR; s1++) {
		for (__u32 s2 = 0; s2 < S2V_ATTR_NR; s2++) {
			bool bad = s2v_attr_conflict(s1, s2);

			if (!n[s1][s2])
				continue;
			if (!any)
				fprintf(t->out, "  %s by stage 1 / stage 2:\n", head);
			any = true;
			fprintf(t->out, "  %10llu  %s / %s%s%s%s\n", n[s1][s2],
				s1 == S2V_ATTR_NONE ? "?" : s2v_attr_name(s1),
				s2 == S2V_ATTR_NONE ? "?" : s2v_attr_name(s2),
				text_on(t, bad ? STYLE_RED : STYLE_PLAIN),
				bad ? "  incoherent" : "",
				text_off(t, bad ? STYLE_RED : STYLE_PLAIN));
		}
	}
}

/* The rules that are not covered, each with its reason; those that do not apply in one line. */
static unsigned int coverage(struct text_sink *t, const struct s2v_summary *sum)
{
	unsigned int na = 0;
	char buf[4 * sizeof(sum->rules->reason) + 1];

	for (size_t i = 0; sum->rules && i < S2V_RULE_NR; i++) {
		const struct s2v_rule_state *r = &sum->rules[i];

		na += r->coverage == S2V_NOT_APPLICABLE;
		if (r->coverage != S2V_NOT_COVERED)
			continue;
		s2v_clean_text(r->reason, strnlen(r->reason, sizeof(r->reason)), buf, sizeof(buf));
		fprintf(t->out, "  %snot covered:%s %s: ", text_on(t, STYLE_RED),
			text_off(t, STYLE_RED), r->rule->name);
		text_wrap(t, (unsigned int)(17 + strlen(r->rule->name)), 4, buf);
	}
	return na;
}

static void verdict(struct text_sink *t, const struct s2v_summary *sum, unsigned int na)
{
	char buf[256 + 4 * sizeof(sum->incomplete)], *why = buf + 256;
	enum text_style style = STYLE_GREEN;
	__u64 total = 0;
	size_t n = 0;

	for (int i = 0; i < S2V_SEVERITY_NR; i++)
		total += sum->findings[i];
	if (!total)
		n = (size_t)snprintf(buf, 256, "nothing found");
	else
		n = (size_t)snprintf(buf, 256, "%llu finding%s (", total, total == 1 ? "" : "s");
	for (int i = S2V_SEVERITY_NR - 1; total && i >= 0; i--) {
		if (!sum->findings[i])
			continue;
		n += (size_t)snprintf(buf + n, 256 - n, "%s%llu %s", buf[n - 1] == '(' ? "" : ", ",
				      sum->findings[i], s2v_severity_name((enum s2v_severity)i));
		style = text_severity_style((enum s2v_severity)i) == STYLE_RED ? STYLE_RED
			: style == STYLE_GREEN				       ? STYLE_BOLD
									       : style;
	}
	snprintf(buf + n, 256 - n, "%s", total ? ")" : "");
	if (!sum->complete && style == STYLE_GREEN)
		style = STYLE_YELLOW;
	fprintf(t->out, "%s%s%s", text_on(t, style), buf, text_off(t, style));
	n = strlen(buf);
	if (sum->complete) {
		fprintf(t->out, "; complete: every %srule covered, no event lost\n",
			na ? "applicable " : "");
		return;
	}
	s2v_clean_text(sum->incomplete, strnlen(sum->incomplete, sizeof(sum->incomplete)), why,
		       sizeof(buf) - 256);
	fprintf(t->out, "%s ", total ? ";" : ", but");
	if (t->terminal) {
		fputs("INCOMPLETE: ", t->out);
		text_wrap(t, (unsigned int)n + (total ? 14 : 18), 2, why);
	} else {
		fprintf(t->out, "INCOMPLETE: %s\n", why);
	}
}

void text_summary(struct s2v_sink *s, const struct s2v_summary *sum)
{
	struct text_sink *t = (struct text_sink *)s;
	char took[S2V_SIZE_LEN];
	unsigned int na;

	text_memslots_end(s);
	findings_table(t);
	s2v_format_duration(sum->duration_ns, took);
	fprintf(t->out, "\n%sSummary%s\n  %s, %llu VM%s", text_on(t, STYLE_BOLD),
		text_off(t, STYLE_BOLD), took, sum->vms, sum->vms == 1 ? "" : "s");
	if (sum->preexisting)
		fprintf(t->out, " (%llu there before)", sum->preexisting);
	if (sum->without_tables)
		fprintf(t->out, " (%llu without stage-2 tables: their process has ended)",
			sum->without_tables);
	fprintf(t->out, ", %llu mappings\n", sum->cnt[S2V_CNT_MAPS]);
	pairs_table(t, "mappings", sum->maps);
	pairs_table(t, "stage-2 leaves", sum->leaves);
	if (sum->lost || sum->unreadable || sum->missed_probes)
		fprintf(t->out, "  %llu events lost, %llu pages unreadable, %llu probes missed\n",
			sum->lost, sum->unreadable, sum->missed_probes);
	na = coverage(t, sum);
	fputc('\n', t->out);
	verdict(t, sum, na);
	text_check(t);
}
