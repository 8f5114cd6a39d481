// SPDX-License-Identifier: BSD-2-Clause
/* Feeds a sink with random events, as from a broken or hostile trace. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "gen.h"

static __u64 state;

static __u64 rnd(__u64 n)
{
	state ^= state >> 12;
	state ^= state << 25;
	state ^= state >> 27;
	return (state * 2685821657736338717ULL >> 16) % n;
}

/* Values that provoke overflows, and some that often coincide. */
static __u64 odd(void)
{
	static const __u64 v[] = { 0,	       1,	   4095,       4096,	     65536,
				   1ULL << 31, 1ULL << 40, 1ULL << 63, ~0ULL,	     ~4095ULL,
				   0x40000000, 0x40001000, 0x7fffffff, 0xffffffffULL };

	return rnd(6) ? v[rnd(S2V_ARRAY_SIZE(v))] : rnd(~0ULL >> 16) << rnd(17);
}

static void fill(void *p, size_t len)
{
	unsigned char *b = p;

	for (size_t i = 0; i < len; i++)
		b[i] = (unsigned char)(rnd(3) ? rnd(256) : 0);
}

static void wild_slot(struct s2v_ev_slot *e)
{
	e->err = rnd(4) ? 0 : -(int)rnd(4096);
	e->slot = (__s16)rnd(4);
	e->as_id = 0;
	e->gen = (__u32)rnd(4);
	e->change = (__u32)rnd(6);
	e->gpa = odd();
	e->size = odd();
	e->hva = odd();
	e->runs = (__u32)rnd(3);
}

static void wild_page(struct s2v_ev_page *e)
{
	e->slot = (__s16)(rnd(5) ? (int)rnd(4) : S2V_NO_SLOT);
	e->as_id = 0;
	e->gen = (__u32)rnd(4);
	e->slot_gpa = odd();
	e->slot_size = odd();
	e->slot_hva = rnd(2) ? 0 : odd();
	e->gpa = rnd(2) ? e->slot_gpa : odd();
	e->gpa_last = rnd(2) ? e->gpa : odd();
	/* The correlator tracks mapped pages one by one: sizes stay below 64 MiB. */
	e->size = odd() & ((1ULL << 26) - 1);
	e->hva = rnd(2) ? e->slot_hva : odd();
	e->count = odd();
	e->dur = odd();
	e->err = rnd(3) ? 0 : -(int)rnd(4096);
	e->vcpu = (int)odd();
	e->s2 = (__u32)rnd(S2V_ATTR_NR + 2);
	e->vma.attr = (__u8)rnd(S2V_ATTR_NR + 2);
	e->vma.pte_attr = (__u8)rnd(S2V_ATTR_NR + 2);
	e->flags |= S2V_PG_ALL;
}

static void wild_guest(struct s2v_ev_guest *e)
{
	e->slot = (__s16)rnd(4);
	e->as_id = 0;
	e->gen = (__u32)rnd(4);
	e->gpa = odd();
	e->size = odd();
	e->bytes = rnd(2) ? e->size : odd();
	e->alias = rnd(2) ? e->bytes : odd();
	e->attr = (__u8)rnd(S2V_ATTR_NR + 2);
}

static void send_random(struct s2v_correlator *core, __u64 *now)
{
	union {
		struct s2v_ev_hdr h;
		struct s2v_ev_slot slot;
		struct s2v_ev_vma vma;
		struct s2v_ev_page page;
		struct s2v_ev_reset reset;
		struct s2v_ev_guest guest;
		char all[512];
	} e;

	fill(&e, sizeof(e));
	e.h.type = (__u32)rnd(S2V_EV_GUEST + 2);
	e.h.len = sizeof(e);
	e.h.vm = (__u32)(rnd(50) ? 1 + rnd(5) : odd());
	*now += rnd(100) ? rnd(1000000) : rnd(1ULL << 40);
	e.h.time = rnd(100) ? *now : odd();
	if (e.h.type == S2V_EV_SLOT) {
		wild_slot(&e.slot);
	} else if (e.h.type == S2V_EV_VMA) {
		e.vma.slot = (__s16)rnd(4);
		e.vma.gen = (__u32)rnd(4);
		e.vma.vma.start = odd();
		e.vma.vma.end = odd();
	} else if (e.h.type >= S2V_EV_MAP && e.h.type <= S2V_EV_FAULT) {
		wild_page(&e.page);
	} else if (e.h.type == S2V_EV_GUEST) {
		wild_guest(&e.guest);
	} else if (e.h.type >= S2V_EV_INIT && e.h.type <= S2V_EV_RUN) {
		e.reset.seq = (__u32)(*now % 1000);
		e.reset.vcpu = (int)odd();
		e.reset.dur = odd();
	}
	s2v_correlator_event(core, &e.h);
}

int wild_run(struct s2v_sink *sink, __u64 seed, __u64 n)
{
	struct s2v_rule_state rules[S2V_RULE_NR];
	struct s2v_summary sum = { 0 };
	struct s2v_host host = { .fwb = (int)(seed % 3) - 1, .dic = S2V_NO, .page_shift = 12 };
	struct s2v_correlator_opts o = {
		.host = &host,
		.rules = rules,
		.sink = sink,
		.boot_to_real = 1780000000000000000LL,
		.events = true,
		.every_map = seed & 1,
		.refault_window = 1000000000,
	};
	struct s2v_correlator *core = s2v_correlator_new(&o);
	__u64 now = 0;
	int failed;

	if (!core)
		return ENOMEM;
	state = seed * 7919 + 1;
	memset(rules, 0, sizeof(rules));
	for (int i = 0; i < S2V_RULE_NR; i++)
		rules[i].rule = s2v_rules[i];
	for (__u64 i = 0; i < n; i++)
		send_random(core, &now);
	if (seed % 3)
		s2v_correlator_finish(core, &sum);
	s2v_correlator_free(core);
	sink->close(sink);
	failed = sink->failed;
	free(sink);
	return failed;
}
