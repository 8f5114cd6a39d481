// SPDX-License-Identifier: BSD-2-Clause
/*
 * Draws a VM's guest physical address space. Memslots may be terabytes apart, and 4 KiB in them
 * may be unsafe. The first bar has all memslots with breaks between them; widths are proportional
 * to the size, with a minimum. Then each memslot has a bar to its own scale. Unsafe ranges get a
 * mark of fixed size.
 */
#include "report/html_bar.h"

#define BREAK_WIDTH 1.2 /* percent, between memslots */

/* Exact unsafe ranges are drawn on top, later. */
static void draw_mappings(FILE *f, const struct s2v_rp_slot *s, int y)
{
	bar_parts(f, s, s->seen, s->more_ranges ? 0xff : (__u8)~S2V_RP_UNSAFE, y, BAR_HEIGHT);
}

/* Ranges that are close together share a mark, which links to the first. */
static void draw_unsafe_ranges(FILE *f, const struct s2v_rp_vm *vm, const struct s2v_rp_slot *s,
			       int y)
{
	for (__u32 i = 0, end; i < s->n_range; i = end) {
		const struct s2v_rp_range *r = &s->range[i];
		double x = bar_percent(s, r->gpa), last = x;

		fprintf(f,
			"<a class=\"range\" href=\"#vm-%u-s%u-r%u\" aria-label=\"Unsafe: ", vm->id,
			s->nr, i + 1);
		for (end = i;
		     end < s->n_range && bar_percent(s, s->range[end].gpa) < x + MIN_MARK_DISTANCE;
		     end++)
			last = bar_percent(s, s->range[end].gpa);
		if (end - i > 1)
			fprintf(f, "%u ranges, the first at ", end - i);
		fprintf(f, "GPA 0x%llx, ", ULL(r->gpa));
		html_size(f, r->end - r->gpa);
		fprintf(f, ", host %s, stage 2 %s\">", s2v_attr_name(r->s1), s2v_attr_name(r->s2));
		for (__u32 k = i; k < end; k++) {
			double from = bar_percent(s, s->range[k].gpa),
			       w = bar_percent(s, s->range[k].end) - from;

			if (w < MIN_WIDTH)
				w = MIN_WIDTH;
			if (from + w > 100)
				from = 100 - w;
			bar_rect(f, "m unsafe", y, BAR_HEIGHT, from, w);
		}
		x = (x + last + MIN_WIDTH) / 2;
		bar_mark(f, "mark unsafe", MARK_DOWN, x > 99 ? 99 : x);
		fputs("</a>", f);
	}
}

static void slot_head(FILE *f, const struct s2v_rp_slot *s)
{
	const struct s2v_rp_backing *b = s->n_backing ? s->backing : NULL;

	fprintf(f, "<p class=\"slot-head\"><b>memslot %d</b> <code>0x%llx</code> ", s->id,
		ULL(s->gpa));
	html_size(f, s->size);
	if (b)
		fprintf(f, " %s%s", b->row.backing, s->n_backing > 1 ? " …" : "");
	for (__u32 i = 0; i < s->n_backing; i++) {
		if (!s->backing[i].row.driver[0])
			continue;
		fputs(", driver ", f);
		html_bytes(f, s->backing[i].row.driver, sizeof(s->backing[i].row.driver));
		break;
	}
	if (s->err)
		fputs(" <span class=\"chip\">refused</span>", f);
	else if (s->gone)
		fputs(" <span class=\"chip\">gone</span>", f);
	if (s->n_range)
		fputs(" <span class=\"chip unsafe\">▲ unsafe</span>", f);
	else if (s->worst >= S2V_HIGH)
		fputs(" <span class=\"chip unsafe\">▲ at risk</span>", f);
	fputs("</p>", f);
}

/* Each backing links to its row in the table of memslots. */
static void draw_backings(FILE *f, const struct s2v_rp_vm *vm, const struct s2v_rp_slot *s, int y)
{
	if (!s->n_backing)
		bar_rect(f, "ground", y, BAR_HEIGHT, 0, 100);
	for (__u32 i = 0; i < s->n_backing; i++) {
		const struct s2v_contract_row *r = &s->backing[i].row;
		double x = bar_percent(s, r->gpa), w = bar_percent(s, r->gpa + r->size) - x;

		if (w < MIN_WIDTH)
			w = MIN_WIDTH;
		if (x + w > 100)
			x = 100 - w;
		fprintf(f,
			"<a class=\"range\" href=\"#vm-%u-s%u-t%u\" aria-label=\"Memslot %d, GPA "
			"0x%llx, ",
			vm->id, s->nr, i + 1, s->id, ULL(r->gpa));
		html_size(f, r->size);
		fprintf(f, ", %s, host %s\">", r->backing, s2v_attr_name(r->s1));
		bar_rect(f, "ground", y, BAR_HEIGHT, x, w);
		fputs("</a>", f);
	}
}

static void one_slot(FILE *f, const struct s2v_rp_vm *vm, const struct s2v_rp_slot *s)
{
	int y = s->n_range ? MARK_HEIGHT : 2,
	    height = y + BAR_HEIGHT + (bar_has_findings(vm, s, false) ? MARK_HEIGHT : 2);

	fprintf(f, "<div class=\"slot%s\" id=\"vm-%u-s%u\">", s->gone || s->err ? " past" : "",
		vm->id, s->nr);
	slot_head(f, s);
	fprintf(f,
		"<svg class=\"bar\" width=\"100%%\" height=\"%d\" role=\"group\" "
		"aria-label=\"The memslot, to scale\">",
		height);
	draw_backings(f, vm, s, y);
	draw_mappings(f, s, y);
	bar_findings(f, vm, s, false, y + BAR_HEIGHT);
	draw_unsafe_ranges(f, vm, s, y);
	fputs("</svg>", f);
	if (s->walked)
		html_guest_track(f, vm, s);
	fputs("</div>\n", f);
}

/* ---- the bar of all memslots ---- */

/* Without S2V_RP_UNSAFE: unsafe ranges are drawn at their own positions. */
static const char *slot_class(const struct s2v_rp_slot *s)
{
	__u8 seen = 0;

	for (size_t i = 0; i < S2V_RP_SLOT_BINS; i++)
		seen |= s->seen[i];
	return bar_class(seen & (__u8)~S2V_RP_UNSAFE);
}

static void overview_slot(FILE *f, const struct s2v_rp_vm *vm, const struct s2v_rp_slot *s,
			  double x, double width)
{
	double mark_at = -1;

	fprintf(f, "<a class=\"range\" href=\"#vm-%u-s%u\" aria-label=\"Memslot %d at GPA 0x%llx, ",
		vm->id, s->nr, s->id, ULL(s->gpa));
	html_size(f, s->size);
	fprintf(f, "%s\">", s->n_range ? ", unsafe" : "");
	bar_rect(f, "ground", MARK_HEIGHT, BAR_HEIGHT, x, width);
	bar_rect(f, slot_class(s), MARK_HEIGHT, BAR_HEIGHT, x, width);
	for (__u32 i = 0; i < s->n_range; i++) {
		double from = bar_percent(s, s->range[i].gpa),
		       w = bar_percent(s, s->range[i].end) - from;

		w = w * width / 100;
		if (w < MIN_WIDTH)
			w = MIN_WIDTH < width ? MIN_WIDTH : width;
		from = from * width / 100;
		if (from + w > width)
			from = width - w;
		bar_rect(f, "m unsafe", MARK_HEIGHT, BAR_HEIGHT, x + from, w);
		if (mark_at < 0)
			mark_at = x + from + w / 2;
	}
	if (mark_at < 0 && s->worst >= S2V_HIGH)
		mark_at = x + width / 2;
	if (mark_at >= 0)
		bar_mark(f, "mark unsafe", MARK_DOWN, mark_at);
	fputs("</a>", f);
}

/* In percent, before the widths are normalized to a sum of 100. */
static double bar_width(const struct s2v_rp_slot *s, double total, double min_width)
{
	double w = 100 * (double)s->size / total;

	return w < min_width ? min_width : w;
}

static void overview(FILE *f, const struct s2v_rp_vm *vm, struct s2v_rp_slot *const *slot, size_t n)
{
	double total = 0, gap, min_width, x = 0, sum = 0;
	size_t n_registered = 0;

	for (size_t i = 0; i < n; i++) {
		if (slot[i]->gone || slot[i]->err)
			continue;
		n_registered++;
		total += (double)slot[i]->size;
	}
	if (n_registered < 2 || total <= 0)
		return;
	min_width = n_registered < 30 ? 1.6 : 48.0 / (double)n_registered;
	gap = n_registered <= 40 ? BREAK_WIDTH : 0; /* no room for breaks */
	for (size_t i = 0; i < n; i++)
		if (!slot[i]->gone && !slot[i]->err)
			sum += bar_width(slot[i], total, min_width);
	fputs("<svg class=\"bar all\" width=\"100%\" height=\"36\" role=\"group\" aria-label=\"All "
	      "memslots, by address\">",
	      f);
	for (size_t i = 0; i < n; i++) {
		double w = bar_width(slot[i], total, min_width) / sum *
			   (100 - gap * (double)(n_registered - 1));

		if (slot[i]->gone || slot[i]->err)
			continue;
		if (x > 0 && gap > 0)
			bar_mark(f, "break", "M-3 34L-0.5 24L0.5 24L3 14", x - gap / 2);
		overview_slot(f, vm, slot[i], x, w);
		x += w + gap;
	}
	fputs("</svg>\n", f);
}

void html_space(FILE *f, const struct s2v_rp_vm *vm, struct s2v_rp_slot *const *slot, size_t n)
{
	fputs("<figure class=\"space\"><figcaption>Guest physical addresses: all memslots in order "
	      "(/ marks unused addresses; small memslots are drawn wider), then each to its own "
	      "scale.</figcaption>\n",
	      f);
	overview(f, vm, slot, n);
	for (size_t i = 0; i < n; i++)
		one_slot(f, vm, slot[i]);
	fputs("</figure>\n", f);
}
