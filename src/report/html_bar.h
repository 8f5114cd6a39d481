/* SPDX-License-Identifier: BSD-2-Clause */
/* Parts of a bar that stands for a memslot. Positions are attributes in percent: the page's CSP forbids style attributes. */
#ifndef S2V_HTML_BAR_H
#define S2V_HTML_BAR_H

#include "report/html.h"

#define MIN_WIDTH 0.8 /* of a range, in percent of a bar */
#define MIN_MARK_DISTANCE 2.5 /* percent; ranges that are closer share a mark */
#define MARK_HEIGHT 13 /* pixels above or below a bar */
#define BAR_HEIGHT 20
#define MARK_DOWN "M-6 1H6L0 12Z"

/* The class of a part with these mappings (enum s2v_rp_seen). */
const char *bar_class(__u8 seen);
/* y: the upper edge; y and height in pixels, x and width in percent. */
void bar_rect(FILE *f, const char *class, int y, int height, double x, double width);
/* x in percent */
void bar_mark(FILE *f, const char *class, const char *path, double x);
/* The position of a GPA in its memslot, in percent. */
double bar_percent(const struct s2v_rp_slot *s, __u64 gpa);
/* Draws seen[S2V_RP_SLOT_BINS], of that only what is in `show`. Adjacent parts of one class become one rectangle. */
void bar_parts(FILE *f, const struct s2v_rp_slot *s, const __u8 *seen, __u8 show, int y,
	       int height);
/*
 * The VM's findings in this memslot on the guest's own stage 1, if it has a track for that; or all others. They are
 * marked below `edge` (pixels).
 */
void bar_findings(FILE *f, const struct s2v_rp_vm *vm, const struct s2v_rp_slot *s, bool guest,
		  int edge);
bool bar_has_findings(const struct s2v_rp_vm *vm, const struct s2v_rp_slot *s, bool guest);

#endif
