// SPDX-License-Identifier: BSD-2-Clause
/* The guest's own stage 1 as text: lines below the contract, and events. */
#include <stdlib.h>
#include <string.h>

#include "sink/text.h"
#include "util/util.h"

void text_keep(struct text_sink *t, struct text_buf *b, const char *line)
{
	size_t n = strlen(line);
	char *p;

	if (b->len + n + 1 > b->cap) {
		p = realloc(b->text, 2 * (b->len + n + 1));
		if (!p) {
			text_nomem(t);
			return;
		}
		b->text = p;
		b->cap = 2 * (b->len + n + 1);
	}
	memcpy(b->text + b->len, line, n + 1);
	b->len += n;
}

void text_show(struct text_sink *t, struct text_buf *b, const char *heading)
{
	if (b->len)
		fprintf(t->out, "  %s:\n%s", heading, b->text);
	b->len = 0;
}

/* "vCPU 0", or "vCPUs 0 to 3". */
static size_t put_vcpus(char *buf, size_t len, int first, int last)
{
	return (size_t)(first == last ? snprintf(buf, len, "  vCPU %d:", first)
				      : snprintf(buf, len, "  vCPUs %d to %d:", first, last));
}

/* Ends the line of vCPUs that are alike. */
static void end_vcpus(struct text_sink *t)
{
	const struct s2v_vcpu_row *r = &t->vcpus;
	char line[1024], words[512];
	size_t n;

	if (!t->have_vcpus)
		return;
	t->have_vcpus = false;
	n = put_vcpus(line, sizeof(line), r->vcpu, t->last_vcpu);
	s2v_vcpu_words(r->flags & ~S2V_VC_SHARED, words, sizeof(words));
	if (words[0])
		n += (size_t)snprintf(line + n, sizeof(line) - n, " %s", words);
	if (r->tables || !words[0])
		n += (size_t)snprintf(line + n, sizeof(line) - n, "%s %llu table%s, %llu %s",
				      words[0] ? ";" : "", r->tables, r->tables == 1 ? "" : "s",
				      r->leaves, r->leaves == 1 ? "leaf" : "leaves");
	if (r->absent)
		n += (size_t)snprintf(line + n, sizeof(line) - n, "; %llu table%s not in memory",
				      r->absent, r->absent == 1 ? "" : "s");
	snprintf(line + n, sizeof(line) - n, "\n");
	text_keep(t, &t->guest, line);
}

void text_drop_guest(struct text_sink *t)
{
	t->have_vcpus = false;
	t->guest.len = 0;
}

void text_keep_vcpu(struct text_sink *t, const struct s2v_vcpu_row *r)
{
	const __u32 shared = S2V_VC_SHARED;

	if (t->have_vcpus && r->vcpu == t->last_vcpu + 1 &&
	    (r->flags & ~shared) == (t->vcpus.flags & ~shared)) {
		t->last_vcpu = r->vcpu;
		t->vcpus.tables += r->tables;
		t->vcpus.leaves += r->leaves;
		t->vcpus.absent += r->absent;
		return;
	}
	end_vcpus(t);
	t->vcpus = *r;
	t->last_vcpu = r->vcpu;
	t->have_vcpus = true;
}

void text_keep_guest(struct text_sink *t, const struct s2v_contract_row *r)
{
	char line[1024], size[S2V_SIZE_LEN];
	bool any = false;
	size_t n;

	end_vcpus(t);
	if (!r->guest_walked)
		return;
	n = (size_t)snprintf(line, sizeof(line), "  memslot %d from GPA 0x%llx:", r->id, r->gpa);
	for (__u32 i = 0; i < S2V_ATTR_NR; i++) {
		if (!r->guest.bytes[i])
			continue;
		s2v_format_size(r->guest.bytes[i], size);
		n += (size_t)snprintf(line + n, sizeof(line) - n, "%s %s %s", any ? "," : "", size,
				      s2v_attr_name(i));
		any = true;
	}
	if (r->guest.alias) {
		s2v_format_size(r->guest.alias, size);
		n += (size_t)snprintf(line + n, sizeof(line) - n, " (%s of it cacheable, too)",
				      size);
	}
	snprintf(line + n, sizeof(line) - n, "%s; CMO now: %s\n", any ? "" : " nothing mapped",
		 s2v_cmo_name(r->vmm_cmo_now));
	text_keep(t, &t->guest, line);
}

void text_show_guest(struct text_sink *t)
{
	end_vcpus(t);
	text_show(t, &t->guest, "the guest's own stage 1");
}

void text_vcpu_event(struct text_line *l, const struct s2v_ev_vcpu *e)
{
	char words[512];

	s2v_vcpu_words(e->flags, words, sizeof(words));
	text_piece(l, STYLE_PLAIN, "vCPU %d", e->vcpu);
	text_piece(l, STYLE_PLAIN, "%llu table%s, %llu %s", e->tables, e->tables == 1 ? "" : "s",
		   e->leaves, e->leaves == 1 ? "leaf" : "leaves");
	if (words[0])
		text_piece(l, STYLE_PLAIN, "%s", words);
}

void text_guest_event(struct text_line *l, const struct s2v_ev_guest *e)
{
	char size[S2V_SIZE_LEN];

	s2v_format_size(e->bytes, size);
	text_piece(l, STYLE_PLAIN, "memslot %d", e->slot);
	text_piece(l, STYLE_PLAIN, "GPA 0x%llx (%s)", e->gpa, size);
	text_piece(l, STYLE_PLAIN, "the guest maps it %s", s2v_attr_name(e->attr));
	text_piece(l, STYLE_PLAIN, "VA 0x%llx", e->va);
}

void text_guest_leaves_event(struct text_line *l, const struct s2v_ev_guest_leaves *e)
{
	char size[S2V_SIZE_LEN];

	s2v_format_size(e->size, size);
	text_piece(l, STYLE_PLAIN, "guest VA 0x%llx (%s)", e->va, size);
	text_piece(l, STYLE_PLAIN, "level %d", e->level);
	text_piece(l, STYLE_PLAIN, "IPA 0x%llx", e->ipa);
	text_piece(l, STYLE_PLAIN, "%s", s2v_attr_name(e->attr));
}
