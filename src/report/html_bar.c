// SPDX-License-Identifier: BSD-2-Clause
#include "report/html_bar.h"

#define MAX_MARKS 64

const char *bar_class(__u8 seen)
{
	if (seen & S2V_RP_UNSAFE)
		return "m unsafe";
	if (seen & S2V_RP_UNCLEAR)
		return "m unclear";
	if ((seen & S2V_RP_CACHED) && (seen & S2V_RP_UNCACHED))
		return "m both";
	if (seen & S2V_RP_UNCACHED)
		return "m nc";
	return seen & S2V_RP_CACHED ? "m wb" : "m";
}

void bar_rect(FILE *f, const char *class, int y, int height, double x, double width)
{
	fprintf(f, "<rect class=\"%s\" y=\"%d\" height=\"%d\"", class, y, height);
	html_percent(f, "x", x, 100);
	html_percent(f, "width", width, 100);
	fputs("/>", f);
}

void bar_mark(FILE *f, const char *class, const char *path, double x)
{
	fputs("<svg overflow=\"visible\"", f);
	html_percent(f, "x", x, 100);
	fprintf(f, "><path class=\"%s\" d=\"%s\"/></svg>", class, path);
}

double bar_percent(const struct s2v_rp_slot *s, __u64 gpa)
{
	if (gpa <= s->gpa || !s->size)
		return 0;
	return gpa - s->gpa >= s->size ? 100 : 100 * (double)(gpa - s->gpa) / (double)s->size;
}

void bar_parts(FILE *f, const struct s2v_rp_slot *s, const __u8 *seen, __u8 show, int y, int height)
{
	__u64 bins = s->size < S2V_RP_SLOT_BINS ? s->size : S2V_RP_SLOT_BINS;

	for (__u32 i = 0, end; i < bins; i = end) {
		__u8 now = seen[i] & show;

		for (end = i + 1; end < bins; end++)
			if (bar_class(seen[end] & show) != bar_class(now))
				break;
		if (now)
			bar_rect(f, bar_class(now), y, height, 100.0 * i / (double)bins,
				 100.0 * (end - i) / (double)bins);
	}
}

static bool is_at(const struct s2v_rp_finding *k, const struct s2v_rp_slot *s, bool guest)
{
	return k->slot == s && k->f.has_page && (s->walked && k->f.guest != S2V_ATTR_NONE) == guest;
}

bool bar_has_findings(const struct s2v_rp_vm *vm, const struct s2v_rp_slot *s, bool guest)
{
	for (const struct s2v_rp_finding *k = vm->first; k; k = k->next)
		if (is_at(k, s, guest))
			return true;
	return false;
}

void bar_findings(FILE *f, const struct s2v_rp_vm *vm, const struct s2v_rp_slot *s, bool guest,
		  int edge)
{
	double last = -100;
	unsigned int n = 0;

	for (const struct s2v_rp_finding *k = vm->first; k && n < MAX_MARKS; k = k->next) {
		double x;

		if (!is_at(k, s, guest))
			continue;
		x = bar_percent(s, k->f.gpa) + MIN_WIDTH / 2;
		if (x > 99)
			x = 99;
		if (x < last + MIN_MARK_DISTANCE)
			x = last + MIN_MARK_DISTANCE;
		if (x > 99)
			break;
		last = x;
		n++;
		fprintf(f,
			"<a class=\"range\" href=\"#f-%llu\" aria-label=\"Finding %llu, %s, %s, GPA "
			"0x%llx\">",
			ULL(k->f.id), ULL(k->f.id), s2v_severity_name(s2v_finding_severity(&k->f)),
			k->f.rule->name, ULL(k->f.gpa));
		fputs("<svg overflow=\"visible\"", f);
		html_percent(f, "x", x, 100);
		fprintf(f, " y=\"%d\"><path class=\"mark %s\" d=\"M-5 12H5L0 2Z\"/></svg></a>",
			edge, s2v_severity_name(s2v_finding_severity(&k->f)));
	}
}
