// SPDX-License-Identifier: BSD-2-Clause
/*
 * Draws a VM's guest physical address space. Memslots may be terabytes apart, and 4 KiB in them
 * may be unsafe. The first bar has all memslots with breaks between them; widths are proportional
 * to the size, with a minimum. Then each memslot has a bar to its own scale. Unsafe ranges get a
 * mark of fixed size. Positions are attributes in percent: the page's CSP forbids style attributes.
 */
#include "report/html.h"

#define MIN_WIDTH 0.8 /* of an unsafe range, in percent of a bar */
#define MIN_MARK_DISTANCE 2.5 /* percent; unsafe ranges that are closer share a mark */
#define BREAK_WIDTH 1.2 /* percent, between memslots */
#define MAX_MARKS 64
#define MARK_HEIGHT 13 /* pixels above or below a bar */
#define BAR_HEIGHT 20
#define MARK_DOWN "M-6 1H6L0 12Z"

static const char *class_of(__u8 seen)
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

/* y: the bar's upper edge; x and width in percent. */
static void rect(FILE *f, const char *class, int y, double x, double width)
{
	fprintf(f, "<rect class=\"%s\" y=\"%d\" height=\"%d\"", class, y, BAR_HEIGHT);
	html_percent(f, "x", x, 100);
	html_percent(f, "width", width, 100);
	fputs("/>", f);
}

/* x in percent */
static void mark(FILE *f, const char *class, const char *path, double x)
{
	fputs("<svg overflow=\"visible\"", f);
	html_percent(f, "x", x, 100);
	fprintf(f, "><path class=\"%s\" d=\"%s\"/></svg>", class, path);
}

/* Adjacent parts of one class become one rectangle. Exact unsafe ranges are drawn on top, later. */
static void draw_mappings(FILE *f, const struct s2v_rp_slot *s, int y)
{
	__u64 bins = s->size < S2V_RP_SLOT_BINS ? s->size : S2V_RP_SLOT_BINS;

	for (__u32 i = 0, end; i < bins; i = end) {
		__u8 seen = s->seen[i];

		if (!s->more_ranges)
			seen &= (__u8)~S2V_RP_UNSAFE;
		for (end = i + 1; end < bins; end++) {
			__u8 next = s->seen[end];

			if (!s->more_ranges)
				next &= (__u8)~S2V_RP_UNSAFE;
			if (class_of(next) != class_of(seen))
				break;
		}
		if (seen)
			rect(f, class_of(seen), y, 100.0 * i / (double)bins,
			     100.0 * (end - i) / (double)bins);
	}
}

/* The position of a GPA in its memslot, in percent. */
static double percent_at(const struct s2v_rp_slot *s, __u64 gpa)
{
	if (gpa <= s->gpa || !s->size)
		return 0;
	return gpa - s->gpa >= s->size ? 100 : 100 * (double)(gpa - s->gpa) / (double)s->size;
}

/* Ranges that are close together share a mark, which links to the first. */
static void draw_unsafe_ranges(FILE *f, const struct s2v_rp_vm *vm, const struct s2v_rp_slot *s,
			       int y)
{
	for (__u32 i = 0, end; i < s->n_range; i = end) {
		const struct s2v_rp_range *r = &s->range[i];
		double x = percent_at(s, r->gpa), last = x;

		fprintf(f,
			"<a class=\"range\" href=\"#vm-%u-s%u-r%u\" aria-label=\"Unsafe: ", vm->id,
			s->nr, i + 1);
		for (end = i;
		     end < s->n_range && percent_at(s, s->range[end].gpa) < x + MIN_MARK_DISTANCE;
		     end++)
			last = percent_at(s, s->range[end].gpa);
		if (end - i > 1)
			fprintf(f, "%u ranges, the first at ", end - i);
		fprintf(f, "GPA 0x%llx, ", ULL(r->gpa));
		html_size(f, r->end - r->gpa);
		fprintf(f, ", host %s, guest %s\">", s2v_attr_name(r->s1), s2v_attr_name(r->s2));
		for (__u32 k = i; k < end; k++) {
			double from = percent_at(s, s->range[k].gpa),
			       w = percent_at(s, s->range[k].end) - from;

			if (w < MIN_WIDTH)
				w = MIN_WIDTH;
			if (from + w > 100)
				from = 100 - w;
			rect(f, "m unsafe", y, from, w);
		}
		x = (x + last + MIN_WIDTH) / 2;
		mark(f, "mark unsafe", MARK_DOWN, x > 99 ? 99 : x);
		fputs("</a>", f);
	}
}

/* At the lower edge of the bar. */
static void draw_findings(FILE *f, const struct s2v_rp_vm *vm, const struct s2v_rp_slot *s, int y)
{
	double last = -100;
	unsigned int n = 0;

	for (const struct s2v_rp_finding *k = vm->first; k && n < MAX_MARKS; k = k->next) {
		double x;

		if (k->slot != s || !k->f.has_page)
			continue;
		x = percent_at(s, k->f.gpa) + MIN_WIDTH / 2;
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
			y + BAR_HEIGHT, s2v_severity_name(s2v_finding_severity(&k->f)));
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
		rect(f, "ground", y, 0, 100);
	for (__u32 i = 0; i < s->n_backing; i++) {
		const struct s2v_contract_row *r = &s->backing[i].row;
		double x = percent_at(s, r->gpa), w = percent_at(s, r->gpa + r->size) - x;

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
		rect(f, "ground", y, x, w);
		fputs("</a>", f);
	}
}

static void one_slot(FILE *f, const struct s2v_rp_vm *vm, const struct s2v_rp_slot *s)
{
	int y = s->n_range ? MARK_HEIGHT : 2,
	    height = y + BAR_HEIGHT + (s->findings ? MARK_HEIGHT : 2);

	fprintf(f, "<div class=\"slot%s\" id=\"vm-%u-s%u\">", s->gone || s->err ? " past" : "",
		vm->id, s->nr);
	slot_head(f, s);
	fprintf(f,
		"<svg class=\"bar\" width=\"100%%\" height=\"%d\" role=\"group\" "
		"aria-label=\"The memslot, to scale\">",
		height);
	draw_backings(f, vm, s, y);
	draw_mappings(f, s, y);
	draw_findings(f, vm, s, y);
	draw_unsafe_ranges(f, vm, s, y);
	fputs("</svg></div>\n", f);
}

/* ---- the bar of all memslots ---- */

/* Without S2V_RP_UNSAFE: unsafe ranges are drawn at their own positions. */
static const char *slot_class(const struct s2v_rp_slot *s)
{
	__u8 seen = 0;

	for (size_t i = 0; i < S2V_RP_SLOT_BINS; i++)
		seen |= s->seen[i];
	return class_of(seen & (__u8)~S2V_RP_UNSAFE);
}

static void overview_slot(FILE *f, const struct s2v_rp_vm *vm, const struct s2v_rp_slot *s,
			  double x, double width)
{
	double mark_at = -1;

	fprintf(f, "<a class=\"range\" href=\"#vm-%u-s%u\" aria-label=\"Memslot %d at GPA 0x%llx, ",
		vm->id, s->nr, s->id, ULL(s->gpa));
	html_size(f, s->size);
	fprintf(f, "%s\">", s->n_range ? ", unsafe" : "");
	rect(f, "ground", MARK_HEIGHT, x, width);
	rect(f, slot_class(s), MARK_HEIGHT, x, width);
	for (__u32 i = 0; i < s->n_range; i++) {
		double from = percent_at(s, s->range[i].gpa),
		       w = percent_at(s, s->range[i].end) - from;

		w = w * width / 100;
		if (w < MIN_WIDTH)
			w = MIN_WIDTH < width ? MIN_WIDTH : width;
		from = from * width / 100;
		if (from + w > width)
			from = width - w;
		rect(f, "m unsafe", MARK_HEIGHT, x + from, w);
		if (mark_at < 0)
			mark_at = x + from + w / 2;
	}
	if (mark_at < 0 && s->worst >= S2V_HIGH)
		mark_at = x + width / 2;
	if (mark_at >= 0)
		mark(f, "mark unsafe", MARK_DOWN, mark_at);
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
			mark(f, "break", "M-3 34L-0.5 24L0.5 24L3 14", x - gap / 2);
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
