/* SPDX-License-Identifier: BSD-2-Clause */
/* Events for trace files: a guest that faults pages in sequence, and random bytes. */
#ifndef S2V_TEST_S2T_DATA_H
#define S2V_TEST_S2T_DATA_H

#include <stdlib.h>
#include <string.h>

#include "trace/private.h"

static __u64 dice = 88172645463325252ULL;

static inline __u64 roll(void)
{
	dice ^= dice << 13;
	dice ^= dice >> 7;
	dice ^= dice << 17;
	return dice;
}

static inline __u32 size_of_type(__u32 type)
{
	__u32 size = s2v_event_size(type);

	return size ? size : (__u32)(sizeof(struct s2v_ev_hdr) + type % 300);
}

#define LAST_TYPE S2V_EV_GUEST

/* Appends an event of the type (known up to LAST_TYPE) with random bytes, dense or sparse. */
static inline void any_event(struct s2t_buf *b, __u32 type)
{
	__u32 len = size_of_type(type), room = (__u32)s2t_round8(len);
	__u8 *to = s2t_extend(b, room);
	struct s2v_ev_hdr *h = (struct s2v_ev_hdr *)to;
	__u64 how = roll() % 4;

	memset(to, 0, room);
	for (__u32 i = 0; i < len; i++)
		if (how == 0 || roll() % 16 < how)
			to[i] = (__u8)roll();
	h->type = type;
	h->len = len;
	if (roll() % 2)
		h->vm = 1 + (__u32)(roll() % 3);
}

static inline void *add(struct s2t_buf *b, __u32 type, __u32 vm, __u64 time)
{
	struct s2v_ev_hdr *h;
	__u32 len = size_of_type(type);

	h = (struct s2v_ev_hdr *)s2t_extend(b, s2t_round8(len));
	memset(h, 0, s2t_round8(len));
	h->type = type;
	h->len = len;
	h->vm = vm;
	h->tgid = 1000 + vm;
	h->time = time;
	return h;
}

/* A guest with one memslot: its creation, then `pages` pages, each a map and a fault. Returns the end time. */
static inline __u64 guest(struct s2t_buf *b, __u32 vm, __u64 time, __u32 pages)
{
	const __u64 gpa = 0x40000000, hva = 0xffff80000000, size = (__u64)pages << 12;
	struct s2v_ev_vm *nv = add(b, S2V_EV_VM_NEW, vm, time);
	const struct s2v_vma all = { hva, hva + size, 0, S2V_ATTR_NORMAL_WB, 0, { 0 } };
	struct s2v_ev_vma *v;
	struct s2v_ev_slot *s;

	memcpy(nv->comm, "guest", 6);
	v = add(b, S2V_EV_VMA, vm, time + 10);
	v->vma = all;
	v->pa = S2V_NO_PA;
	v->slot = 1;
	v->gen = 1;
	s = add(b, S2V_EV_SLOT, vm, time + 20);
	s->slot = 1;
	s->gen = 1;
	s->gpa = gpa;
	s->size = size;
	s->hva = hva;
	s->runs = s->vmas = 1;
	for (__u32 i = 0; i < pages; i++) {
		struct s2v_ev_page p = { .slot = 1, .gen = 1, .slot_gpa = gpa, .slot_size = size };
		struct s2v_ev_page *to;
		__u64 took = 3000 + roll() % 4000;

		p.slot_hva = hva;
		p.gpa = p.gpa_last = gpa + ((__u64)i << 12);
		p.hva = hva + ((__u64)i << 12);
		p.size = 4096;
		p.count = 1;
		p.flags = S2V_PG_ALL | S2V_PG_WRITE;
		p.vma = all;
		p.pa = 0x80000000 + ((__u64)i << 12) + ((roll() % 64 == 0) << 21);
		time += 500 + roll() % 500;
		for (int k = 0; k < 2; k++) {
			time += took / 2;
			to = add(b, k ? S2V_EV_FAULT : S2V_EV_MAP, vm, time);
			p.h = to->h;
			p.dur = k ? took : 0;
			p.prot = k ? 0 : 0x2f;
			p.s2 = k ? 0 : S2V_ATTR_NORMAL_WB;
			*to = p;
		}
	}
	return time;
}

static inline const struct s2v_ev_hdr *event_at(const struct s2t_buf *b, size_t at)
{
	return (const void *)(b->p + at);
}

static inline __u32 count_events(const struct s2t_buf *b)
{
	__u32 n = 0;

	for (size_t at = 0; at < b->len; at += s2t_round8(event_at(b, at)->len))
		n++;
	return n;
}

/* ---- a file in memory ---- */

struct memory {
	const __u8 *p;
	size_t len, at;
	size_t piece; /* bytes per read at most; 0: no limit */
};

static inline ssize_t read_memory(void *ctx, void *buf, size_t len)
{
	struct memory *m = ctx;
	size_t left = m->len - m->at, n = len < left ? len : left;

	if (m->piece && n > m->piece)
		n = m->piece;
	if (n)
		memcpy(buf, m->p + m->at, n);
	m->at += n;
	return (ssize_t)n;
}

static inline struct s2t_reader *open_memory(struct memory *m, char *err, size_t errlen)
{
	struct s2t_source src = { .read = read_memory, .ctx = m };

	m->at = 0;
	return s2t_open(&src, err, errlen);
}

#endif
