// SPDX-License-Identifier: BSD-2-Clause
/* Events as text, a line each (trace --all, audit --leaves). */
#include "sink/text.h"
#include "util/util.h"

static void put_page(struct text_line *l, const struct s2v_ev_page *e)
{
	__u32 s1 = e->vma.pte_attr != S2V_ATTR_NONE ? e->vma.pte_attr : e->vma.attr;
	char size[S2V_SIZE_LEN];

	s2v_format_size(e->size, size);
	if (e->slot != S2V_NO_SLOT)
		text_piece(l, STYLE_PLAIN, "memslot %d", e->slot);
	text_piece(l, STYLE_PLAIN, "GPA 0x%llx (%s)", e->gpa, size);
	if (e->h.type != S2V_EV_FAULT)
		text_piece(l, STYLE_PLAIN, "%s / %s", s2v_attr_name(s1), s2v_attr_name(e->s2));
	if (e->err < 0)
		text_piece(l, STYLE_PLAIN, "%s", s2v_errno_name(e->err));
	if (e->count > 1)
		text_piece(l, STYLE_PLAIN, "%llu times", e->count);
	if (e->h.type == S2V_EV_FAULT && e->dur)
		text_piece(l, STYLE_PLAIN, "%llu.%llu us", e->dur / 1000, e->dur % 1000 / 100);
}

static void put_slot(struct text_line *l, const struct s2v_ev_slot *e)
{
	char size[S2V_SIZE_LEN];

	s2v_format_size(e->size, size);
	text_piece(l, STYLE_PLAIN, "memslot %d %s", e->slot, s2v_slot_change_name(e->change));
	text_piece(l, STYLE_PLAIN, "GPA 0x%llx (%s)", e->gpa, size);
	text_piece(l, STYLE_PLAIN, "HVA 0x%llx", e->hva);
	if (e->err)
		text_piece(l, STYLE_RED, "%s", s2v_errno_name(e->err));
}

static void put_reset(struct text_line *l, const struct s2v_ev_hdr *ev)
{
	const struct s2v_ev_reset *x = (const void *)ev;
	const struct s2v_ev_range *r = (const void *)ev;

	switch (ev->type) {
	case S2V_EV_INIT:
		text_piece(l, STYLE_PLAIN, "vCPU %d initialised%s", x->vcpu,
			   x->ran ? " after it ran" : "");
		break;
	case S2V_EV_UNMAP:
		text_piece(l, STYLE_PLAIN, "all unmapped in %llu ns%s", x->dur,
			   x->mapped ? "" : ", nothing was mapped since the last unmap");
		break;
	case S2V_EV_RUN:
		text_piece(l, STYLE_PLAIN, "vCPU %d runs", x->vcpu);
		break;
	case S2V_EV_HOST_UNMAP:
		text_piece(l, STYLE_PLAIN, "the host unmaps GPA 0x%llx, 0x%llx bytes", r->gpa,
			   r->size);
		break;
	}
}

static void put_audit(struct text_line *l, const struct s2v_ev_hdr *ev)
{
	switch (ev->type) {
	case S2V_EV_LEAVES:
		text_leaves_event(l, (const struct s2v_ev_leaves *)ev);
		break;
	case S2V_EV_VCPU:
		text_vcpu_event(l, (const struct s2v_ev_vcpu *)ev);
		break;
	case S2V_EV_GUEST:
		text_guest_event(l, (const struct s2v_ev_guest *)ev);
		break;
	case S2V_EV_GUEST_LEAVES:
		text_guest_leaves_event(l, (const struct s2v_ev_guest_leaves *)ev);
		break;
	case S2V_EV_AUDIT:
		text_piece(l, STYLE_PLAIN, "audit ended");
		break;
	}
}

static void put_details(struct text_line *l, const struct s2v_ev_hdr *ev)
{
	const struct s2v_ev_vma *v = (const struct s2v_ev_vma *)ev;
	const struct s2v_ev_cap *c = (const struct s2v_ev_cap *)ev;
	char name[TEXT_NAME_LEN];

	switch (ev->type) {
	case S2V_EV_SLOT:
		put_slot(l, (const struct s2v_ev_slot *)ev);
		break;
	case S2V_EV_VMA:
		text_piece(l, STYLE_PLAIN, "VMA of memslot %d", v->slot);
		text_piece(l, STYLE_PLAIN, "HVA 0x%llx-0x%llx", v->vma.start, v->vma.end);
		text_piece(l, STYLE_PLAIN, "%s%s", s2v_attr_name(v->vma.attr),
			   v->vma.flags & S2V_VMA_PFNMAP ? " pfnmap" : "");
		if (v->name[0])
			text_piece(l, STYLE_PLAIN, "%s", text_name(v->name, sizeof(v->name), name));
		break;
	case S2V_EV_CAP:
		text_piece(l, STYLE_PLAIN, "KVM_CHECK_EXTENSION %lld = %lld", c->cap, c->ret);
		break;
	case S2V_EV_INIT:
	case S2V_EV_UNMAP:
	case S2V_EV_RUN:
	case S2V_EV_HOST_UNMAP:
		put_reset(l, ev);
		break;
	case S2V_EV_LEAVES:
	case S2V_EV_VCPU:
	case S2V_EV_GUEST:
	case S2V_EV_GUEST_LEAVES:
	case S2V_EV_AUDIT:
		put_audit(l, ev);
		break;
	case S2V_EV_VM_NEW:
		text_piece(l, STYLE_PLAIN, "vm %s",
			   ((const struct s2v_ev_vm *)ev)->preexisting ? "found (it existed before)"
								       : "created");
		break;
	case S2V_EV_VM_DEAD:
		text_piece(l, STYLE_PLAIN, "vm gone");
		break;
	case S2V_EV_MAP:
	case S2V_EV_PERM:
	case S2V_EV_FAULT:
		text_piece(l, STYLE_PLAIN, "%s",
			   ev->type == S2V_EV_MAP    ? "map"
			   : ev->type == S2V_EV_PERM ? "permissions"
						     : "fault");
		put_page(l, (const struct s2v_ev_page *)ev);
		break;
	default:
		text_piece(l, STYLE_PLAIN, "event %u", ev->type);
	}
}

void text_event(struct s2v_sink *s, const struct s2v_ev_hdr *ev, const struct s2v_vm_ref *vm,
		__u64 time)
{
	struct text_sink *t = (struct text_sink *)s;
	struct text_line l = { .t = t };
	char when[TEXT_TIME_LEN];

	(void)vm;
	text_show_rows(t);
	t->legend_given = false;
	t->section = TEXT_BODY;
	text_piece(&l, STYLE_PLAIN, "%s", text_time(time, when));
	text_piece(&l, STYLE_PLAIN, "vm %u", ev->vm);
	put_details(&l, ev);
	text_line_end(&l);
	text_check(t);
}
