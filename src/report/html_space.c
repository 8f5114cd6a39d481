// SPDX-License-Identifier: BSD-2-Clause
/*
 * A VM's guest physical address space, drawn. Memslots lie terabytes apart and may hold a range of
 * 4 KiB that matters: one bar for all shows where they are, each as wide as it is large but never
 * too small to be seen, with breaks between; and one bar for each shows its inside to scale.
 * Ranges that are unsafe get a mark of fixed size. All positions are attributes in percent: the
 * page's CSP forbids style attributes.
 */
#include "report/html.h"

#define LEAST 0.8 /* percent of a bar: the least width of an unsafe range */
#define APART 2.5 /* marks that are nearer to each other become one */
#define GAP 1.2 /* of a break between memslots */
#define MAX_MARKS 64
#define MARK 13 /* pixels above and below a bar, where there are marks */
#define BAR 20
#define DOWN "M-6 1H6L0 12Z"

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

/* A rectangle of a bar whose upper edge is at y; x and width in percent. */
static void rect(FILE *f, const char *class, int y, double x, double width)
{
	fprintf(f, "<rect class=\"%s\" y=\"%d\" height=\"%d\"", class, y, BAR);
	html_percent(f, "x", x, 100);
	html_percent(f, "width", width, 100);
	fputs("/>", f);
}

/* A mark of fixed size, at x percent. */
static void mark(FILE *f, const char *class, const char *path, double x)
{
	fputs("<svg overflow=\"visible\"", f);
	html_percent(f, "x", x, 100);
	fprintf(f, "><path class=\"%s\" d=\"%s\"/></svg>", class, path);
}

/* Neighbouring parts of one kind are one rectangle. Exact ranges are drawn over them. */
static void mapped_parts(FILE *f, const struct s2v_rp_slot *s, int y)
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

/* Where an address lies in it, in percent. */
static double at(const struct s2v_rp_slot *s, __u64 gpa)
{
	if (gpa <= s->gpa || !s->size)
		return 0;
	return gpa - s->gpa >= s->size ? 100 : 100 * (double)(gpa - s->gpa) / (double)s->size;
}

/* Unsafe ranges; those that lie close together share a mark, which leads to the first. */
static void unsafe_ranges(FILE *f, const struct s2v_rp_vm *vm, const struct s2v_rp_slot *s, int y)
{
	for (__u32 i = 0, end; i < s->n_range; i = end) {
		const struct s2v_rp_range *r = &s->range[i];
		double x = at(s, r->gpa), last = x;

		fprintf(f,
			"<a class=\"range\" href=\"#vm-%u-s%u-r%u\" aria-label=\"Unsafe: ", vm->id,
			s->nr, i + 1);
		for (end = i; end < s->n_range && at(s, s->range[end].gpa) < x + APART; end++)
			last = at(s, s->range[end].gpa);
		if (end - i > 1)
			fprintf(f, "%u ranges, the first at ", end - i);
		fprintf(f, "GPA 0x%llx, ", ULL(r->gpa));
		html_size(f, r->end - r->gpa);
		fprintf(f, ", host %s, guest %s\">", s2v_attr_name(r->s1), s2v_attr_name(r->s2));
		for (__u32 k = i; k < end; k++) {
			double from = at(s, s->range[k].gpa), w = at(s, s->range[k].end) - from;

			if (w < LEAST)
				w = LEAST;
			if (from + w > 100)
				from = 100 - w;
			rect(f, "m unsafe", y, from, w);
		}
		x = (x + last + LEAST) / 2;
		mark(f, "mark unsafe", DOWN, x > 99 ? 99 : x);
		fputs("</a>", f);
	}
}

/* Findings about it, on its lower edge. */
static void finding_marks(FILE *f, const struct s2v_rp_vm *vm, const struct s2v_rp_slot *s, int y)
{
	double last = -100;
	unsigned int n = 0;

	for (const struct s2v_rp_finding *k = vm->first; k && n < MAX_MARKS; k = k->next) {
		double x;

		if (k->slot != s || !k->f.has_page)
			continue;
		x = at(s, k->f.gpa) + LEAST / 2;
		if (x > 99)
			x = 99;
		if (x < last + APART)
			x = last + APART;
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
			y + BAR, s2v_severity_name(s2v_finding_severity(&k->f)));
	}
}

static void slot_head(FILE *f, const struct s2v_rp_slot *s)
{
	const struct s2v_rp_backing *st = s->n_backing ? s->stretch : NULL;

	fprintf(f, "<p class=\"slot-head\"><b>memslot %d</b> <code>0x%llx</code> ", s->id,
		ULL(s->gpa));
	html_size(f, s->size);
	if (st)
		fprintf(f, " %s%s", st->row.backing, s->n_backing > 1 ? " …" : "");
	for (__u32 i = 0; i < s->n_backing; i++) {
		if (!s->stretch[i].row.driver[0])
			continue;
		fputs(", driver ", f);
		html_bytes(f, s->stretch[i].row.driver, sizeof(s->stretch[i].row.driver));
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

/* What lies behind each part of it: the facts are a row of the table. */
static void grounds(FILE *f, const struct s2v_rp_vm *vm, const struct s2v_rp_slot *s, int y)
{
	if (!s->n_backing)
		rect(f, "ground", y, 0, 100);
	for (__u32 i = 0; i < s->n_backing; i++) {
		const struct s2v_contract_row *r = &s->stretch[i].row;
		double x = at(s, r->gpa), w = at(s, r->gpa + r->size) - x;

		if (w < LEAST)
			w = LEAST;
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
	int y = s->n_range ? MARK : 2, height = y + BAR + (s->findings ? MARK : 2);

	fprintf(f, "<div class=\"slot%s\" id=\"vm-%u-s%u\">", s->gone || s->err ? " past" : "",
		vm->id, s->nr);
	slot_head(f, s);
	fprintf(f,
		"<svg class=\"bar\" width=\"100%%\" height=\"%d\" role=\"group\" "
		"aria-label=\"The memslot, to scale\">",
		height);
	grounds(f, vm, s, y);
	mapped_parts(f, s, y);
	finding_marks(f, vm, s, y);
	unsafe_ranges(f, vm, s, y);
	fputs("</svg></div>\n", f);
}

/* ---- the bar of all memslots ---- */

/* What it holds but for what is unsafe, which is drawn where it lies. */
static const char *slot_class(const struct s2v_rp_slot *s)
{
	__u8 all = 0;

	for (size_t i = 0; i < S2V_RP_SLOT_BINS; i++)
		all |= s->seen[i];
	return class_of(all & (__u8)~S2V_RP_UNSAFE);
}

static void overview_slot(FILE *f, const struct s2v_rp_vm *vm, const struct s2v_rp_slot *s,
			  double x, double width)
{
	double mark_at = -1;

	fprintf(f, "<a class=\"range\" href=\"#vm-%u-s%u\" aria-label=\"Memslot %d at GPA 0x%llx, ",
		vm->id, s->nr, s->id, ULL(s->gpa));
	html_size(f, s->size);
	fprintf(f, "%s\">", s->n_range ? ", unsafe" : "");
	rect(f, "ground", MARK, x, width);
	rect(f, slot_class(s), MARK, x, width);
	for (__u32 i = 0; i < s->n_range; i++) {
		double from = at(s, s->range[i].gpa), w = at(s, s->range[i].end) - from;

		w = w * width / 100;
		if (w < LEAST)
			w = LEAST < width ? LEAST : width;
		from = from * width / 100;
		if (from + w > width)
			from = width - w;
		rect(f, "m unsafe", MARK, x + from, w);
		if (mark_at < 0)
			mark_at = x + from + w / 2;
	}
	if (mark_at < 0 && s->worst >= S2V_HIGH)
		mark_at = x + width / 2;
	if (mark_at >= 0)
		mark(f, "mark unsafe", DOWN, mark_at);
	fputs("</a>", f);
}

/* Its share of the bar, but never too little to be seen. */
static double share(const struct s2v_rp_slot *s, double all, double least)
{
	double w = 100 * (double)s->size / all;

	return w < least ? least : w;
}

static void overview(FILE *f, const struct s2v_rp_vm *vm, struct s2v_rp_slot *const *slot, size_t n)
{
	double all = 0, gap, least, x = 0, sum = 0;
	size_t there = 0;

	for (size_t i = 0; i < n; i++) {
		if (slot[i]->gone || slot[i]->err)
			continue;
		there++;
		all += (double)slot[i]->size;
	}
	if (there < 2 || all <= 0)
		return;
	least = there < 30 ? 1.6 : 48.0 / (double)there;
	gap = there <= 40 ? GAP : 0; /* no room for breaks */
	for (size_t i = 0; i < n; i++)
		if (!slot[i]->gone && !slot[i]->err)
			sum += share(slot[i], all, least);
	fputs("<svg class=\"bar all\" width=\"100%\" height=\"36\" role=\"group\" aria-label=\"All "
	      "memslots, by address\">",
	      f);
	for (size_t i = 0; i < n; i++) {
		double w = share(slot[i], all, least) / sum * (100 - gap * (double)(there - 1));

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
	      "(/ skips unused addresses; small ones are drawn wider), then each to its own "
	      "scale.</figcaption>\n",
	      f);
	overview(f, vm, slot, n);
	for (size_t i = 0; i < n; i++)
		one_slot(f, vm, slot[i]);
	fputs("</figure>\n", f);
}
