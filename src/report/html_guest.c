// SPDX-License-Identifier: BSD-2-Clause
/* The guest's own stage 1, where an audit looked at it: a bar below that of each memslot, tables of ranges and vCPUs. */
#include <string.h>

#include "report/html_bar.h"
#include "util/util.h"

#define TRACK_HEIGHT 12

/* ---- the bar ---- */

static const struct s2v_rp_finding *finding_of(const struct s2v_rp_vm *vm,
					       const struct s2v_rp_slot *s)
{
	for (const struct s2v_rp_finding *k = vm->first; k; k = k->next)
		if (k->slot == s && k->f.rule->id == S2V_RULE_GUEST_NONCACHEABLE)
			return k;
	return NULL;
}

/* Memory that is not cacheable is always wide enough to be seen, and links to its row. */
static void draw_ranges(FILE *f, const struct s2v_rp_vm *vm, const struct s2v_rp_slot *s, int y)
{
	for (__u32 i = 0; i < s->guest->n_range; i++) {
		const struct s2v_rp_guest_range *r = &s->guest->range[i];
		double x = bar_percent(s, r->gpa), w = bar_percent(s, r->end) - x;

		if (w < MIN_WIDTH)
			w = MIN_WIDTH;
		if (x + w > 100)
			x = 100 - w;
		fprintf(f,
			"<a class=\"range\" href=\"#vm-%u-s%u-g%u\" aria-label=\"The guest maps it "
			"%s: GPA 0x%llx, ",
			vm->id, s->nr, i + 1, s2v_attr_name(r->attr), ULL(r->gpa));
		html_size(f, r->bytes);
		fprintf(f, ", VA 0x%llx\">", ULL(r->va));
		bar_rect(f, "m nc hit", y, TRACK_HEIGHT, x, w);
		fputs("</a>", f);
	}
}

static void types(FILE *f, const struct s2v_guest_bytes *g)
{
	const char *before = "";

	for (__u32 i = 0; i < S2V_ATTR_NR; i++) {
		if (!g->bytes[i])
			continue;
		fputs(before, f);
		html_size(f, g->bytes[i]);
		fprintf(f, " %s", s2v_attr_name(i));
		before = ", ";
	}
	if (g->alias) {
		fputs(" (", f);
		html_size(f, g->alias);
		fputs(" of it also cacheable)", f);
	}
}

/* What it means that nothing is mapped. */
static const char *why_empty(__u32 flags)
{
	if (flags & S2V_VC_UNREAD)
		return "not known";
	if (flags & S2V_VC_OFF)
		return "all vCPUs are off";
	if (flags & S2V_VC_MMU_OFF)
		return "MMU off, so the guest's accesses are Device-nGnRnE";
	return flags & S2V_VC_CACHE_OFF
		       ? "caches off, so the guest's accesses to Normal memory are Non-cacheable"
		       : "nothing mapped";
}

void html_guest_maps(FILE *f, const struct s2v_guest_bytes *g, __u32 flags)
{
	bool mixed;

	if (s2v_guest_weakest(g, &mixed) == S2V_ATTR_NONE) {
		fputs(why_empty(flags), f);
		return;
	}
	types(f, g);
	if (flags & S2V_VC_UNREAD)
		fputs("; not all of its tables were walked", f);
}

void html_guest_track(FILE *f, const struct s2v_rp_vm *vm, const struct s2v_rp_slot *s)
{
	const struct s2v_guest_bytes nothing = { .alias = 0 };
	int height = 2 + TRACK_HEIGHT + (bar_has_findings(vm, s, true) ? MARK_HEIGHT : 2);

	fprintf(f,
		"<svg class=\"bar guest\" width=\"100%%\" height=\"%d\" role=\"group\" "
		"aria-label=\"The same memslot, by the guest's own stage 1\">",
		height);
	bar_rect(f, "ground", 2, TRACK_HEIGHT, 0, 100);
	if (s->guest) {
		/* Ranges that are kept are drawn at their own positions. */
		bar_parts(f, s, s->guest->seen,
			  s->guest->more_ranges ? 0xff : (__u8)~S2V_RP_UNCACHED, 2, TRACK_HEIGHT);
		draw_ranges(f, vm, s, 2);
	}
	bar_findings(f, vm, s, true, 2 + TRACK_HEIGHT);
	fputs("</svg><p class=\"track\">guest: ", f);
	html_guest_maps(f, s->guest ? &s->guest->sum : &nothing, vm->guest_flags);
	fputs("</p>", f);
}

void html_guest_legend(const struct html_page *p)
{
	__u32 i = 0;

	while (i < p->n_vm && !p->vm[i]->n_vcpus)
		i++;
	if (i < p->n_vm)
		fputs("<p class=\"key\">The thin bar below a memslot is the guest's own stage 1, as an "
		      "audit found it. Its signs:</p>\n"
		      "<ul class=\"legend\" aria-label=\"Signs of the guest's own stage 1\">"
		      "<li><svg><rect class=\"ground\"/><rect class=\"m wb\"/></svg> mapped cacheable"
		      "<li><svg><rect class=\"ground\"/><rect class=\"m nc\"/></svg> mapped not cacheable, "
		      "even if another address maps it cacheable"
		      "<li><svg><rect class=\"ground\"/><rect class=\"m both\"/></svg> parts of both kinds"
		      "<li><svg><rect class=\"ground\"/><rect class=\"m unclear\"/></svg> a type that is "
		      "not known"
		      "<li><svg><rect class=\"ground\"/></svg> not mapped</ul>\n",
		      p->f);
}

/* ---- tables ---- */

/* Prints "–" where the row does not say. Returns whether to print the value. */
static bool has_value(FILE *f, const struct s2v_rp_vm *vm, const struct s2v_rp_backing *b)
{
	bool known = b->judged && b->row.guest_walked;

	if (vm->n_vcpus && !known)
		fputs("<td>–</td>", f);
	return vm->n_vcpus && known;
}

void html_guest_type_cell(FILE *f, const struct s2v_rp_vm *vm, const struct s2v_rp_backing *b)
{
	const char *name;
	bool mixed;

	if (!has_value(f, vm, b))
		return;
	name = s2v_guest_name(&b->row.guest, b->row.guest_flags, &mixed);
	fprintf(f, "<td>%s%s</td>", strcmp(name, "-") ? name : "not mapped",
		mixed ? ", others too" : "");
}

void html_guest_cmo_cell(FILE *f, const struct s2v_rp_vm *vm, const struct s2v_rp_backing *b)
{
	if (has_value(f, vm, b))
		fprintf(f, "<td>%s</td>",
			b->row.vmm_cmo_now == S2V_CMO_UNKNOWN ? "?"
							      : s2v_cmo_name(b->row.vmm_cmo_now));
}

static void range_row(FILE *f, const struct s2v_rp_vm *vm, const struct s2v_rp_slot *s, __u32 i)
{
	const struct s2v_rp_guest_range *r = &s->guest->range[i];
	const struct s2v_rp_finding *k = finding_of(vm, s);

	fprintf(f, "<tr id=\"vm-%u-s%u-g%u\"", vm->id, s->nr, i + 1);
	if (k)
		fprintf(f, " data-why=\"why-%llu\"", ULL(k->f.id));
	fprintf(f, "><th scope=\"row\"><code>0x%llx</code></th><td class=\"n\">", ULL(r->gpa));
	html_size(f, r->bytes);
	if (r->bytes < r->end - r->gpa) {
		fputs(" of ", f);
		html_size(f, r->end - r->gpa);
	}
	fprintf(f,
		"</td><td>%d</td><td>%s</td><td><code>0x%llx</code></td><td>TTBR%d_EL1</td><td "
		"class=\"n\">%d</td><td class=\"n\">",
		s->id, s2v_attr_name(r->attr), ULL(r->va), r->va >> 55 & 1 ? 1 : 0, r->vcpu);
	if (r->alias)
		html_size(f, r->alias);
	else
		fputs("–", f);
	if (k)
		fprintf(f, "</td><td><a href=\"#f-%llu\">%s #%llu</a></td></tr>\n", ULL(k->f.id),
			k->f.rule->name, ULL(k->f.id));
	else
		fputs("</td><td>–</td></tr>\n", f);
}

static void range_table(FILE *f, const struct s2v_rp_vm *vm, struct s2v_rp_slot *const *slot,
			size_t n)
{
	size_t first = 0;

	while (first < n && (!slot[first]->guest || !slot[first]->guest->n_range))
		first++;
	if (first == n)
		return;
	fprintf(f,
		"<h4>Memory that the guest maps, and not cacheable</h4><div class=\"scroll\" "
		"tabindex=\"0\" role=\"region\" aria-label=\"Memory that VM %u maps not "
		"cacheable\"><table><thead><tr><th scope=\"col\">GPA</th><th "
		"scope=\"col\">Size</th><th scope=\"col\">Memslot</th><th scope=\"col\">Stage 1 "
		"(guest)</th><th scope=\"col\">VA</th><th scope=\"col\">By</th><th "
		"scope=\"col\">vCPU</th><th scope=\"col\">Also cacheable</th><th "
		"scope=\"col\">Finding</th></tr></thead><tbody>\n",
		vm->id);
	for (size_t i = first; i < n; i++) {
		const struct s2v_rp_guest *g = slot[i]->guest;

		for (__u32 k = 0; g && k < g->n_range; k++)
			range_row(f, vm, slot[i], k);
		if (g && g->more_ranges) {
			fputs("<tr><td colspan=\"9\" class=\"limit\">", f);
			html_num(f, g->more_ranges);
			fprintf(f,
				" more ranges of memslot %d are not listed; its bar shows their "
				"approximate place</td></tr>\n",
				slot[i]->id);
		}
	}
	fputs("</tbody></table></div>\n", f);
}

static void vcpu_row(FILE *f, const struct s2v_rp_vcpus *v)
{
	char words[512];

	s2v_vcpu_words(v->flags, words, sizeof(words));
	fprintf(f, "<tr><th scope=\"row\">%d", v->first);
	if (v->last != v->first)
		fprintf(f, " to %d", v->last);
	fputs("</th><td>", f);
	html_text(f, words[0] ? words : "walked");
	fputs("</td><td class=\"n\">", f);
	html_num(f, v->tables);
	fputs("</td><td class=\"n\">", f);
	html_num(f, v->leaves);
	fputs("</td><td class=\"n\">", f);
	html_num(f, v->absent);
	fputs("</td></tr>\n", f);
}

void html_guest_tables(FILE *f, const struct s2v_rp_vm *vm, struct s2v_rp_slot *const *slot,
		       size_t n)
{
	if (!vm->n_vcpus)
		return;
	range_table(f, vm, slot, n);
	fprintf(f,
		"<h4>vCPUs, and their own stage 1</h4><div class=\"scroll\" tabindex=\"0\" "
		"role=\"region\" aria-label=\"vCPUs of VM %u\"><table class=\"vcpus\"><thead><tr><th "
		"scope=\"col\">vCPU</th><th scope=\"col\">State</th><th scope=\"col\">Tables "
		"read</th><th scope=\"col\">Leaves</th><th scope=\"col\">Tables not in "
		"memory</th></tr></thead><tbody>\n",
		vm->id);
	for (__u32 i = 0; i < vm->n_vcpus; i++)
		vcpu_row(f, &vm->vcpus[i]);
	if (vm->more_vcpus) {
		fputs("<tr><td colspan=\"5\" class=\"limit\">", f);
		html_count(f, vm->more_vcpus, "more vCPU is", "more vCPUs are");
		fputs(" not listed</td></tr>\n", f);
	}
	fputs("</tbody></table></div>\n", f);
}
