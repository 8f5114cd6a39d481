// SPDX-License-Identifier: BSD-2-Clause
/* The summary as text: findings by severity, mappings by attributes, the verdict. */
#include <string.h>

#include "sink/text.h"
#include "util/util.h"

static void put_finding_row(struct text_sink *t, const struct text_finding *f)
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

static void put_findings_table(struct text_sink *t)
{
	if (!t->n_findings)
		return;
	fprintf(t->out, "\n%sFindings%s\n", text_on(t, STYLE_BOLD), text_off(t, STYLE_BOLD));
	fprintf(t->out, "  %-8s  %-26s  %3s  %7s  %7s  %s\n", "severity", "rule", "vm", "memslot",
		"count", "GPA");
	for (int sev = S2V_SEVERITY_NR - 1; sev >= 0; sev--) {
		for (size_t i = 0; i < t->n_findings; i++) {
			if ((int)t->findings[i].severity == sev)
				put_finding_row(t, &t->findings[i]);
		}
	}
}

static void put_pairs_table(struct text_sink *t, const char *head,
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

/* Prints each rule that is not covered, with the reason. Returns how many rules do not apply. */
static unsigned int put_coverage(struct text_sink *t, const struct s2v_summary *sum)
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

static void put_verdict(struct text_sink *t, const struct s2v_summary *sum, unsigned int na)
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
	put_findings_table(t);
	s2v_format_duration(sum->duration_ns, took);
	fprintf(t->out, "\n%sSummary%s\n  %s, %llu VM%s", text_on(t, STYLE_BOLD),
		text_off(t, STYLE_BOLD), took, sum->vms, sum->vms == 1 ? "" : "s");
	if (sum->preexisting)
		fprintf(t->out, " (%llu existed before)", sum->preexisting);
	if (sum->without_tables)
		fprintf(t->out, " (%llu without stage-2 tables: their process has ended)",
			sum->without_tables);
	fprintf(t->out, ", %llu mapping%s\n", sum->cnt[S2V_CNT_MAPS],
		sum->cnt[S2V_CNT_MAPS] == 1 ? "" : "s");
	put_pairs_table(t, "mappings", sum->maps);
	put_pairs_table(t, "stage-2 leaves", sum->leaves);
	if (sum->lost || sum->unreadable || sum->missed_probes)
		fprintf(t->out,
			"  %llu event%s lost, host attributes unreadable %llu time%s, %llu probe%s missed\n",
			sum->lost, sum->lost == 1 ? "" : "s", sum->unreadable,
			sum->unreadable == 1 ? "" : "s", sum->missed_probes,
			sum->missed_probes == 1 ? "" : "s");
	na = put_coverage(t, sum);
	fputc('\n', t->out);
	put_verdict(t, sum, na);
	text_check(t);
}
