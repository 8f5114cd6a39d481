// SPDX-License-Identifier: BSD-2-Clause
/* Resets as text: a line each, and the cost of all resets of a VM. */
#include <stdlib.h>

#include "sink/text.h"
#include "util/util.h"

void text_reset(struct s2v_sink *s, const struct s2v_reset *r)
{
	struct text_sink *t = (struct text_sink *)s;
	char when[TEXT_TIME_LEN], name[TEXT_NAME_LEN], a[S2V_SIZE_LEN], b[S2V_SIZE_LEN],
		size[S2V_SIZE_LEN];
	struct text_line l = { .t = t };

	text_piece(&l, STYLE_PLAIN, "%s", text_time(r->time, when));
	text_piece(&l, STYLE_PLAIN, "vm %u (%s, pid %u)", r->vm.id,
		   text_name(r->vm.comm, sizeof(r->vm.comm), name), r->vm.pid);
	text_piece(&l, STYLE_PLAIN, "%u vCPU%s", r->vcpus, r->vcpus == 1 ? "" : "s");
	text_piece(&l, r->verdict == S2V_RESET_MISSING ? STYLE_RED : STYLE_BOLD, "%s",
		   s2v_reset_verdict_name(r->verdict));
	text_line_end(&l);
	text_piece(&l, STYLE_PLAIN, "  %u unmap%s, %u redundant, %s", r->unmaps,
		   r->unmaps == 1 ? "" : "s", r->redundant, text_duration(r->unmap_ns, a));
	if (r->pages_known) {
		s2v_format_size(r->unmapped_bytes, size);
		text_piece(&l, STYLE_PLAIN, "%s unmapped", size);
		text_piece(&l, STYLE_PLAIN, "%llu refault%s, %s", (unsigned long long)r->refaults,
			   r->refaults == 1 ? "" : "s", text_duration(r->refault_ns, b));
	} else {
		text_piece(&l, STYLE_PLAIN,
			   "earlier mappings are not known, so refaults are not counted");
	}
	text_line_end(&l);
	text_check(t);
}

void text_reset_total(struct s2v_sink *s, const struct s2v_reset_total *r)
{
	struct text_sink *t = (struct text_sink *)s;
	char name[TEXT_NAME_LEN], a[S2V_SIZE_LEN], b[S2V_SIZE_LEN], c[S2V_SIZE_LEN],
		d[S2V_SIZE_LEN];
	struct text_line l = { .t = t };

	text_line_end(&l);
	text_piece(&l, STYLE_BOLD, "vm %u (%s, pid %u): %llu reset%s took %s%s", r->vm.id,
		   text_name(r->vm.comm, sizeof(r->vm.comm), name), r->vm.pid,
		   (unsigned long long)r->resets, r->resets == 1 ? "" : "s",
		   r->pages_known ? "" : "at least ",
		   text_duration(r->pages_known ? r->tax_ns : r->unmap_ns, a));
	text_line_end(&l);
	text_piece(&l, STYLE_PLAIN, "  unmapping %s, refaults %s; avoidable here: %s",
		   text_duration(r->unmap_ns, b),
		   r->pages_known ? text_duration(r->refault_ns, c) : "not all known",
		   text_duration(r->avoidable_ns, d));
	text_line_end(&l);
	if (r->fwb_known && r->fwb_saves_ns) {
		text_piece(&l, STYLE_PLAIN, "  with S2FWB %s would be saved",
			   text_duration(r->fwb_saves_ns, a));
		text_line_end(&l);
	}
	if (r->advice[0]) {
		fputs("  ", t->out);
		text_wrap(t, 2, 2, r->advice);
	}
	text_check(t);
}
