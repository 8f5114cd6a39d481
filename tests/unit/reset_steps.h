/* SPDX-License-Identifier: BSD-2-Clause */
/* Steps of resets, and the rows that the sink got, for the tests of resets. */
#ifndef S2V_TEST_RESETS_H
#define S2V_TEST_RESETS_H

#include "events.h"

#define WINDOW 1000000ULL

static struct s2v_reset rows[64];
static struct s2v_reset_total totals[64];
static size_t n_rows, n_totals;
static __u32 seq[8];

static inline void keep_reset(struct s2v_sink *s, const struct s2v_reset *r)
{
	(void)s;
	assert_true(n_rows < 64);
	rows[n_rows++] = *r;
}

static inline void keep_total(struct s2v_sink *s, const struct s2v_reset_total *t)
{
	(void)s;
	assert_true(n_totals < 64);
	totals[n_totals++] = *t;
}

static inline void start(int fwb, int dic)
{
	struct s2v_correlator_opts o = { .host = &w.host,
					 .rules = w.rules,
					 .sink = &w.sink,
					 .boot_to_real = BOOT_TO_REAL,
					 .every_map = true,
					 .refault_window = WINDOW };

	begin(make_host(LATEST, fwb, dic));
	s2v_correlator_free(w.core);
	w.sink.reset = keep_reset;
	w.sink.reset_total = keep_total;
	w.core = s2v_correlator_new(&o);
	assert_non_null(w.core);
	w.clock = 1000000;
	n_rows = n_totals = 0;
	memset(seq, 0, sizeof(seq));
}

static struct s2v_ev_reset step(__u32 type, __u32 vm, int vcpu)
{
	struct s2v_ev_reset ev = {
		.h = head(type, sizeof(ev), vm), .seq = ++seq[vm], .vcpu = vcpu, .ran = 1
	};

	return ev;
}

/* Queued until flush(), so that a test can drop, swap or repeat steps. */
static struct s2v_ev_reset q[256];
static size_t n_q;

static inline void put(__u32 type, __u32 vm, int vcpu)
{
	q[n_q++] = step(type, vm, vcpu);
}

static inline void unmap(__u32 vm, bool mapped, __u64 dur)
{
	struct s2v_ev_reset *ev = &q[n_q];

	put(S2V_EV_UNMAP, vm, -1);
	w.clock += dur;
	ev->h.time = w.clock;
	ev->mapped = mapped;
	ev->dur = dur;
}

static inline void flush(void)
{
	for (size_t i = 0; i < n_q; i++)
		s2v_correlator_event(w.core, &q[i].h);
	n_q = 0;
}

/* A reset of n vCPUs, as QEMU does it, and the run that ends it. */
static inline void reset(__u32 vm, int n, bool unmaps)
{
	for (int i = 0; i < n; i++) {
		if (unmaps)
			unmap(vm, i == 0, i == 0 ? 100 : 10);
		put(S2V_EV_INIT, vm, i);
	}
	put(S2V_EV_RUN, vm, 0);
}

static inline void boot(__u32 vm, int n)
{
	vm_new(vm);
	for (int i = 0; i < n; i++) {
		put(S2V_EV_INIT, vm, i);
		q[n_q - 1].ran = 0;
	}
	put(S2V_EV_RUN, vm, 0);
}

static const struct mslot A = { 1, 1, 1, 0x40000000, 0x400000, 0x7f0000000000, 0, 0 };

static inline void touch(__u64 off, __u64 size, const struct kind *k, __u64 dur)
{
	struct s2v_ev_page ev = page(S2V_EV_MAP, &A, off & ~(size - 1), k);

	ev.size = size;
	ev.pa = RAM_PA;
	ev.s2 = WB;
	ev.flags = S2V_PG_ALL;
	send_page(&ev);
	ev = page(S2V_EV_FAULT, &A, off, k);
	ev.flags = S2V_PG_ALL;
	ev.dur = dur;
	send_page(&ev);
}

static inline void row(size_t i, __u32 vcpus, __u32 unmaps, __u32 redundant, int verdict)
{
	assert_true(i < n_rows);
	if (rows[i].vcpus != vcpus || rows[i].unmaps != unmaps || rows[i].redundant != redundant ||
	    (int)rows[i].verdict != verdict)
		fail_msg("row %zu: %u vCPUs, %u unmaps, %u redundant, %s", i, rows[i].vcpus,
			 rows[i].unmaps, rows[i].redundant,
			 s2v_reset_verdict_name(rows[i].verdict));
}

#endif
