// SPDX-License-Identifier: BSD-2-Clause
/* Audits for people: a line for each VM, and what leaves there are below its contract. */
#include <stdlib.h>
#include <string.h>

#include "sink/text.h"
#include "util/util.h"

/* "level 2", with what one of its entries maps where that is told. */
static void leaves_line(const struct s2v_contract_row *r, char *buf, size_t len)
{
	size_t n = (size_t)snprintf(buf, len, "  memslot %d from GPA 0x%llx:", r->id,
				    (unsigned long long)r->gpa);

	for (size_t i = 0; i < r->n_leaves && n < len; i++) {
		const struct s2v_leaf_count *l = &r->leaves[i];

		n += (size_t)snprintf(buf + n, len - n, "%s %llu at level %d %s / %s", i ? "," : "",
				      (unsigned long long)l->n, l->level,
				      l->s1 == S2V_ATTR_NONE ? "?" : s2v_attr_name(l->s1),
				      s2v_attr_name(l->s2));
	}
	if (!r->n_leaves && n < len)
		n += (size_t)snprintf(buf + n, len - n, " nothing mapped");
	if (n < len)
		snprintf(buf + n, len - n, "\n");
}

void text_keep_leaves(struct text_sink *t, const struct s2v_contract_row *r)
{
	char line[1024];
	size_t n;
	char *p;

	if (!r->audited)
		return;
	leaves_line(r, line, sizeof(line));
	n = strlen(line);
	if (t->len_leaves + n + 1 > t->cap_leaves) {
		p = realloc(t->leaves, 2 * (t->len_leaves + n + 1));
		if (!p) {
			text_nomem(t);
			return;
		}
		t->leaves = p;
		t->cap_leaves = 2 * (t->len_leaves + n + 1);
	}
	memcpy(t->leaves + t->len_leaves, line, n + 1);
	t->len_leaves += n;
}

void text_show_leaves(struct text_sink *t)
{
	if (!t->len_leaves)
		return;
	fprintf(t->out, "  stage-2 leaves (stage 1 / stage 2):\n%s", t->leaves);
	t->len_leaves = 0;
}

void text_leaves_event(struct text_line *l, const struct s2v_ev_leaves *e)
{
	char size[S2V_SIZE_LEN];

	s2v_format_size(e->size, size);
	text_piece(l, STYLE_PLAIN, "memslot %d", e->slot);
	text_piece(l, STYLE_PLAIN, "GPA 0x%llx (%s)", (unsigned long long)e->gpa, size);
	text_piece(l, STYLE_PLAIN, "level %d", e->level);
	text_piece(l, STYLE_PLAIN, "PA 0x%llx", (unsigned long long)e->pa);
	text_piece(l, STYLE_PLAIN, "%s / %s", s2v_attr_name(e->s1), s2v_attr_name(e->s2));
	text_piece(l, STYLE_PLAIN, "%c%c%c", e->flags & S2V_LF_READ ? 'r' : '-',
		   e->flags & S2V_LF_WRITE ? 'w' : '-', e->flags & S2V_LF_EXEC ? 'x' : '-');
	if (e->flags & S2V_LF_PA_DIFFERS)
		text_piece(l, STYLE_RED, "the host has PA 0x%llx", (unsigned long long)e->host_pa);
	if (e->flags & (S2V_LF_ABSENT | S2V_LF_SWAPPED))
		text_piece(l, STYLE_PLAIN, "%s in the host",
			   e->flags & S2V_LF_ABSENT ? "absent" : "swapped");
	if (e->flags & S2V_LF_UNREAD)
		text_piece(l, STYLE_YELLOW, "not readable");
}

void text_audit(struct s2v_sink *s, const struct s2v_audit_row *r)
{
	struct text_sink *t = (struct text_sink *)s;
	struct text_line l = { .t = t };
	char name[TEXT_NAME_LEN], took[S2V_SIZE_LEN];

	text_show_rows(t);
	t->legend_given = false;
	t->section = TEXT_BODY;
	text_piece(&l, STYLE_BOLD, "audit of vm %u (%s, pid %u):", r->vm.id,
		   text_name(r->vm.comm, sizeof(r->vm.comm), name), r->vm.pid);
	text_piece(&l, STYLE_PLAIN, "%llu leaves in %s (%llu a second),",
		   (unsigned long long)r->leaves, text_brief(r->dur, took),
		   (unsigned long long)s2v_audit_speed(r));
	text_piece(&l, STYLE_PLAIN, "%llu read again", (unsigned long long)r->rereads);
	if (r->flags & S2V_AU_PROTECTED)
		text_piece(&l, STYLE_YELLOW, "NOT AUDITED: protected, its tables are EL2's");
	if (r->flags & S2V_AU_UNREAD)
		text_piece(&l, STYLE_YELLOW, "NOT AUDITED to its end: tables not readable");
	if (r->shadow)
		text_piece(&l, STYLE_YELLOW, "NOT AUDITED: %u shadow tables of nested guests",
			   r->shadow);
	if (r->flags & S2V_AU_NO_TABLES)
		text_piece(&l, STYLE_PLAIN, "no tables any more: its process has ended");
	else if (r->flags & S2V_AU_GONE)
		text_piece(&l, STYLE_PLAIN, "gone meanwhile");
	text_line_end(&l);
	text_check(t);
}
