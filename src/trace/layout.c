// SPDX-License-Identifier: BSD-2-Clause
/* Trace files: the fields of each event type. Other types and lengths are split into words. */
#include "trace/private.h"

#define HEAD 4, 4, 8, 4, 4 /* struct s2v_ev_hdr */
#define VMA 8, 8, 4, 1, 1, 1, 1 /* struct s2v_vma */
#define SLOT 2, 2, 4 /* slot, as_id, gen */
#define NAME 8, 8, 8, 8 /* char[32], as words */

static const __u8 vm_fields[] = { HEAD, 8, 8, 8 };
static const __u8 slot_fields[] = { HEAD, 4, SLOT, 4, 8, 8, 8, 4, 4, 4, 4, 4, 4 };
static const __u8 vma_fields[] = { HEAD, VMA, 8, SLOT, NAME, NAME };
static const __u8 page_fields[] = { HEAD, 4, 4, SLOT, 8, 8,   8, 8, 8, 8, 8, 8,
				    8,	  8, 8, 4,    4, VMA, 8, 8, 8, 8, 8 };
static const __u8 cap_fields[] = { HEAD, 8, 8 };
static const __u8 reset_fields[] = { HEAD, 4, 4, 4, 4, 4, 4, 8 };
static const __u8 range_fields[] = { HEAD, 8, 8 };
static const __u8 leaves_fields[] = { HEAD, SLOT, 8, 8, 8, 8, 8, 8, 1, 1, 1, 1, 4 };
static const __u8 vcpu_fields[] = { HEAD, 4, 4, 8, 8, 8, 8, 8, 8, 8, 8 };
static const __u8 guest_fields[] = { HEAD, SLOT, 8, 8, 8, 8, 8, 4, 1, 1, 1, 1 };
static const __u8 guest_leaves_fields[] = { HEAD, 8, 8, 8, 8, 4, 1, 1, 1, 1 };
static const __u8 audit_fields[] = { HEAD, 4, 4, 8, 8, 8, 8 };

/* Releases of clang-format differ on macros that are initialisers. */
/* clang-format off */
#define LAYOUT(t, s, f, k) { t, sizeof(struct s), f, sizeof(f), k }
/* clang-format on */

static const struct {
	__u32 type;
	__u32 len;
	const __u8 *fields;
	__u32 n;
	__u32 key;
} layouts[] = {
	LAYOUT(S2V_EV_VM_NEW, s2v_ev_vm, vm_fields, 0),
	LAYOUT(S2V_EV_VM_DEAD, s2v_ev_vm, vm_fields, 0),
	LAYOUT(S2V_EV_SLOT, s2v_ev_slot, slot_fields, 0),
	LAYOUT(S2V_EV_VMA, s2v_ev_vma, vma_fields, 0),
	LAYOUT(S2V_EV_MAP, s2v_ev_page, page_fields, offsetof(struct s2v_ev_page, vcpu)),
	LAYOUT(S2V_EV_PERM, s2v_ev_page, page_fields, offsetof(struct s2v_ev_page, vcpu)),
	LAYOUT(S2V_EV_FAULT, s2v_ev_page, page_fields, offsetof(struct s2v_ev_page, vcpu)),
	LAYOUT(S2V_EV_CAP, s2v_ev_cap, cap_fields, 0),
	LAYOUT(S2V_EV_INIT, s2v_ev_reset, reset_fields, offsetof(struct s2v_ev_reset, vcpu)),
	LAYOUT(S2V_EV_UNMAP, s2v_ev_reset, reset_fields, offsetof(struct s2v_ev_reset, vcpu)),
	LAYOUT(S2V_EV_RUN, s2v_ev_reset, reset_fields, offsetof(struct s2v_ev_reset, vcpu)),
	LAYOUT(S2V_EV_LEAVES, s2v_ev_leaves, leaves_fields, 0),
	LAYOUT(S2V_EV_AUDIT, s2v_ev_audit, audit_fields, 0),
	LAYOUT(S2V_EV_VCPU, s2v_ev_vcpu, vcpu_fields, 0),
	LAYOUT(S2V_EV_GUEST, s2v_ev_guest, guest_fields, 0),
	LAYOUT(S2V_EV_GUEST_LEAVES, s2v_ev_guest_leaves, guest_leaves_fields, 0),
	LAYOUT(S2V_EV_HOST_UNMAP, s2v_ev_range, range_fields, 0),
};

/* The header, then words of 8 bytes, then bytes. */
static void split_into_words(struct s2t_layout *l)
{
	static const __u8 head[] = { HEAD };
	__u32 at = sizeof(struct s2v_ev_hdr);

	memcpy(l->width, head, sizeof(head));
	l->n = sizeof(head);
	for (; l->len - at >= 8; at += 8)
		l->width[l->n++] = 8;
	for (; at < l->len; at++)
		l->width[l->n++] = 1;
}

void s2t_layout_of(const struct s2v_ev_hdr *ev, struct s2t_layout *l)
{
	l->type = ev->type;
	l->len = ev->len;
	l->key = 0;
	for (size_t i = 0; i < S2V_ARRAY_SIZE(layouts); i++) {
		if (layouts[i].type != ev->type || layouts[i].len != ev->len)
			continue;
		l->n = layouts[i].n;
		l->key = layouts[i].key;
		memcpy(l->width, layouts[i].fields, l->n);
		/* If the struct has changed and the table has not, use words. */
		if (s2t_layout_sound(l))
			return;
	}
	l->key = 0;
	split_into_words(l);
}

bool s2t_layout_sound(const struct s2t_layout *l)
{
	static const __u8 head[] = { HEAD };
	__u32 at = 0;

	if (l->n < sizeof(head) || l->n > S2T_FIELDS_MAX || memcmp(l->width, head, sizeof(head)) ||
	    l->len > S2T_EVENT_MAX)
		return false;
	for (__u32 i = 0; i < l->n; i++) {
		__u32 w = l->width[i];

		if ((w != 1 && w != 2 && w != 4 && w != 8) || at % w || at + w > l->len)
			return false;
		at += w;
	}
	return at == l->len;
}
