// SPDX-License-Identifier: BSD-2-Clause
/* Audits as text: a line per VM; events of leaves. */
#include <stdlib.h>
#include <string.h>

#include "sink/text.h"
#include "util/util.h"

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
	text_piece(&l, STYLE_PLAIN, "%llu %s in %s (%llu a second),", (unsigned long long)r->leaves,
		   r->leaves == 1 ? "leaf" : "leaves", text_duration(r->dur, took),
		   (unsigned long long)s2v_audit_speed(r));
	text_piece(&l, STYLE_PLAIN, "%llu read again", (unsigned long long)r->rereads);
	if (r->flags & S2V_AU_PROTECTED)
		text_piece(&l, STYLE_YELLOW, "NOT AUDITED: protected, EL2 owns its tables");
	if (r->flags & S2V_AU_UNREAD)
		text_piece(&l, STYLE_YELLOW, "NOT AUDITED completely: tables not readable");
	if (r->shadow)
		text_piece(&l, STYLE_YELLOW, "NOT AUDITED: %u shadow tables of nested guests",
			   r->shadow);
	if (r->flags & S2V_AU_NO_TABLES)
		text_piece(&l, STYLE_PLAIN, "no stage-2 tables: its process has ended");
	else if (r->flags & S2V_AU_GONE)
		text_piece(&l, STYLE_PLAIN, "gone during the audit");
	text_line_end(&l);
	text_check(t);
}
