// SPDX-License-Identifier: BSD-2-Clause
/* Groups events into resets; see resets.h. */
#include <stdlib.h>
#include <string.h>

#include "core/correlate_private.h"

#define LATE_NS 1000000000ULL /* an event of a reset that is missing for longer is lost */

/* How to avoid the cost of a VM's resets; "" if there is none. */
static const char *advice(const struct s2v_correlator *c, const struct s2v_reset_track *t)
{
	if (!t->total.unmap_ns)
		return "";
	if (c->o.host->fwb == S2V_UNKNOWN)
		return "whether this host has S2FWB is not known: with S2FWB nothing need be unmapped";
	if (c->o.host->fwb == S2V_YES)
		return "a kernel with 892713e97ca1 (5.8 on), which does not unmap on a host with "
		       "S2FWB";
	if (t->total.refault_ns > 4 * t->total.unmap_ns)
		return "on a host with S2FWB nothing is unmapped; on this one use huge pages: refaults "
		       "dominate";
	return t->redundant
		       ? "on a host with S2FWB nothing is unmapped; on this one, one unmap per reset is enough"
		       : "on a host with S2FWB nothing is unmapped";
}

static struct s2v_reset_track *get_track(struct s2v_correlator *c, struct s2v_vm *vm)
{
	struct s2v_reset_track *t = vm->reset;

	if (t)
		return t;
	t = calloc(1, sizeof(*t));
	if (!t) {
		c->no_memory++;
		return NULL;
	}
	t->pages_lost = !vm->from_start;
	t->total.pages_known = t->total.fwb_known = true;
	vm->reset = t;
	return t;
}

static enum s2v_reset_verdict verdict(const struct s2v_correlator *c,
				      const struct s2v_reset_track *t)
{
	if (t->row.verdict == S2V_RESET_UNKNOWN || c->o.host->fwb == S2V_UNKNOWN)
		return S2V_RESET_UNKNOWN;
	if (t->missing)
		return S2V_RESET_MISSING;
	if (!t->row.unmaps)
		return S2V_RESET_NO_UNMAP;
	if (c->o.host->fwb == S2V_YES)
		return S2V_RESET_REDUNDANT_FWB;
	return t->row.redundant ? S2V_RESET_REDUNDANT_REPEAT : S2V_RESET_NEEDED;
}

/* 0 for events that are older than the run: other CPUs may deliver some. */
static __u64 ns_since_run(const struct s2v_reset_track *t, __u64 now)
{
	return now > t->ran_at ? now - t->ran_at : 0;
}

static void add_to_total(struct s2v_reset_track *t)
{
	t->redundant += t->row.redundant;
	t->total.resets++;
	t->total.unmap_ns += t->row.unmap_ns;
	t->total.refault_ns += t->row.refault_ns;
	t->total.tax_ns += t->row.unmap_ns + t->row.refault_ns;
	t->total.avoidable_ns += t->row.avoidable_ns;
	t->total.fwb_saves_ns += t->row.fwb_saves_ns;
	t->total.pages_known &= t->row.pages_known;
	t->total.fwb_known &= t->row.fwb_known;
}

/* Completes and reports a reset. */
static void close_reset(struct s2v_correlator *c, struct s2v_reset_track *t, __u64 now)
{
	if (t->state == S2V_RESET_NONE)
		return;
	if (t->state == S2V_RESET_REFAULTS)
		t->row.window_ns = ns_since_run(t, now);
	if (t->row.window_ns > c->o.refault_window)
		t->row.window_ns = c->o.refault_window;
	t->row.verdict = verdict(c, t);
	if (!t->row.pages_known)
		t->row.unmapped_bytes = t->row.refaults = t->row.refault_ns = 0;
	if (t->row.verdict == S2V_RESET_REDUNDANT_FWB)
		t->row.avoidable_ns = t->row.unmap_ns + t->row.refault_ns;
	else if (t->row.verdict == S2V_RESET_REDUNDANT_REPEAT)
		t->row.avoidable_ns = t->redundant_ns;
	t->row.fwb_known = t->row.pages_known && t->row.verdict != S2V_RESET_UNKNOWN;
	if (c->o.host->fwb == S2V_NO)
		t->row.fwb_saves_ns = t->row.unmap_ns + t->row.refault_ns;
	add_to_total(t);
	t->state = S2V_RESET_NONE;
	s2v_pageset_clear(&t->unmapped);
	if (c->o.sink->reset)
		c->o.sink->reset(c->o.sink, &t->row);
}

static void open_reset(struct s2v_correlator *c, struct s2v_vm *vm, struct s2v_reset_track *t,
		       __u64 now)
{
	if (t->state == S2V_RESET_INITS)
		return;
	close_reset(c, t, now);
	memset(&t->row, 0, sizeof(t->row));
	memset(t->seen, 0, sizeof(t->seen));
	t->row.vm = vm->ref;
	t->row.time = s2v_realtime(c, now);
	t->row.verdict = S2V_RESET_NEEDED; /* unless an event is lost; see verdict() */
	t->row.pages_known = c->o.every_map && !t->pages_lost;
	t->redundant_ns = 0;
	t->missing = false;
	t->state = S2V_RESET_INITS;
}

static void eval_reset_rules(struct s2v_correlator *c, struct s2v_vm *vm,
			     const struct s2v_reset_track *t, const struct s2v_ev_reset *ev)
{
	struct s2v_vma nothing = { 0 };
	struct s2v_rule_in in = {
		.on = ev->h.type == S2V_EV_UNMAP ? S2V_ON_UNMAP : S2V_ON_INIT,
		.host = c->o.host,
		.vma = &nothing,
		.reset_unmaps = t->row.unmaps,
		.reset_inits = t->row.inits,
		.reset_mapped = ev->mapped,
		.reset_known = t->row.verdict != S2V_RESET_UNKNOWN,
	};
	struct s2v_occurrence occ = { .h = &ev->h, .vcpu = ev->vcpu };

	s2v_eval_rules(c, vm, &in, &occ);
}

/* Moves all mapped pages to the unmapped ones. A driver's pages stay mapped, and are in neither. */
static void move_pages(struct s2v_correlator *c, struct s2v_reset_track *t)
{
	struct s2v_pageset empty = { 0 };

	t->row.unmapped_bytes += t->mapped.pages << c->o.host->page_shift;
	if (!t->unmapped.pages) {
		s2v_pageset_clear(&t->unmapped);
		t->unmapped = t->mapped;
		t->mapped = empty;
		return;
	}
	/* A further unmap of the reset, with pages mapped since the first. */
	if (s2v_pageset_move(&t->unmapped, &t->mapped))
		c->no_memory++;
}

static void on_unmap(struct s2v_correlator *c, struct s2v_vm *vm, struct s2v_reset_track *t,
		     const struct s2v_ev_reset *ev)
{
	open_reset(c, vm, t, ev->h.time - ev->dur);
	t->row.unmaps++;
	t->row.unmap_ns += ev->dur;
	if (ev->dur > t->row.longest_unmap_ns)
		t->row.longest_unmap_ns = ev->dur;
	if (c->o.host->fwb == S2V_YES || (t->row.unmaps > 1 && !ev->mapped)) {
		t->row.redundant++;
		t->redundant_ns += ev->dur;
	}
	if (c->o.every_map)
		move_pages(c, t);
	t->pages_lost = false;
	eval_reset_rules(c, vm, t, ev);
}

static void on_init(struct s2v_correlator *c, struct s2v_vm *vm, struct s2v_reset_track *t,
		    const struct s2v_ev_reset *ev)
{
	__u32 n = (__u32)ev->vcpu;

	if (!ev->ran || ev->err)
		return;
	open_reset(c, vm, t, ev->h.time);
	t->row.inits++;
	if (n < S2V_RESET_VCPUS && !(t->seen[n / 64] >> (n % 64) & 1)) {
		t->seen[n / 64] |= 1ULL << (n % 64);
		t->row.vcpus++;
	}
	if (c->o.host->fwb == S2V_NO && !t->row.unmaps)
		t->missing = true;
	eval_reset_rules(c, vm, t, ev);
}

static void process_event(struct s2v_correlator *c, struct s2v_vm *vm, struct s2v_reset_track *t,
			  const struct s2v_ev_reset *ev)
{
	t->seq = ev->seq;
	if (ev->h.type == S2V_EV_UNMAP)
		on_unmap(c, vm, t, ev);
	else if (ev->h.type == S2V_EV_INIT)
		on_init(c, vm, t, ev);
	else if (t->state == S2V_RESET_INITS) {
		t->state = S2V_RESET_REFAULTS;
		t->ran_at = ev->h.time;
	}
}

/* Processes held events in sequence; with `gap`, past one gap in it; with `all`, past every gap. */
static void process_held(struct s2v_correlator *c, struct s2v_vm *vm, struct s2v_reset_track *t,
			 bool gap, bool all)
{
	while (t->n_held) {
		struct s2v_ev_reset ev;
		__u32 first = 0;

		for (__u32 i = 1; i < t->n_held; i++)
			if (t->held[i].seq < t->held[first].seq)
				first = i;
		ev = t->held[first];
		if (ev.seq <= t->seq) { /* reported twice */
			t->held[first] = t->held[--t->n_held];
			continue;
		}
		if (ev.seq != t->seq + 1) {
			if (!gap)
				return;
			t->held_since = c->last;
			gap = all; /* events behind the next gap may still come */
			/* The missing event may be of any type: no verdict on this reset. */
			open_reset(c, vm, t, ev.h.time);
			t->row.verdict = S2V_RESET_UNKNOWN;
			t->row.pages_known = false;
			t->pages_lost = true;
		}
		t->held[first] = t->held[--t->n_held];
		process_event(c, vm, t, &ev);
	}
}

/* Gives up events that are missing for LATE_NS, so that refaults behind them are counted. */
static void process_overdue(struct s2v_correlator *c, struct s2v_vm *vm, struct s2v_reset_track *t)
{
	while (t->n_held && c->last - t->held_since > LATE_NS)
		process_held(c, vm, t, true, false);
}

void s2v_reset_event(struct s2v_correlator *c, struct s2v_vm *vm, const struct s2v_ev_reset *ev)
{
	struct s2v_reset_track *t = get_track(c, vm);

	if (!t || ev->seq <= t->seq)
		return; /* out of memory, or reported twice */
	if (ev->seq == t->seq + 1) {
		process_event(c, vm, t, ev);
		process_held(c, vm, t, false, false);
		return;
	}
	for (__u32 i = 0; i < t->n_held; i++)
		if (t->held[i].seq == ev->seq)
			return;
	if (!t->n_held)
		t->held_since = c->last;
	t->held[t->n_held++] = *ev;
	if (t->n_held == S2V_RESET_HELD)
		process_held(c, vm, t, true, false);
	else
		process_overdue(c, vm, t);
}

/*
 * Time of a refault without s2verify. ev->dur excludes the run time of BPF programs, but includes most
 * of the probe overhead: out of the fault's probe, into and most of the way out of the map's
 * (probe_ns). It does not include the guest's exit and entry (exit_ns).
 */
static __u64 refault_ns(const struct s2v_host *h, __u64 dur)
{
	return (dur > h->probe_ns ? dur - h->probe_ns : 0) + h->exit_ns;
}

/* A fault on pages that the reset unmapped is a refault; its last map says how many it mapped. */
static void on_fault(const struct s2v_correlator *c, struct s2v_reset_track *t,
		     const struct s2v_ev_page *ev)
{
	__u32 shift = c->o.host->page_shift;
	__u32 n = (__u32)ev->vcpu;
	__u64 gpa = ev->gpa, size = ev->size;

	if (n >= S2V_RESET_VCPUS)
		return;
	if (t->last_map && t->last_map[n].gpa <= gpa &&
	    gpa - t->last_map[n].gpa < t->last_map[n].size) {
		gpa = t->last_map[n].gpa;
		size = t->last_map[n].size;
	}
	if (t->last_map)
		t->last_map[n].size = 0;
	if (!s2v_pageset_remove(&t->unmapped, gpa >> shift, size >> shift))
		return;
	t->row.refaults++;
	t->row.refault_ns += refault_ns(c->o.host, ev->dur);
}

/* Closes the reset if all that it unmapped is mapped again, or was unmapped by the host since. */
static void close_if_all_back(struct s2v_correlator *c, struct s2v_reset_track *t, __u64 now)
{
	if (t->state == S2V_RESET_REFAULTS && t->row.unmapped_bytes && !t->unmapped.pages)
		close_reset(c, t, now);
}

/* The guest would have to fault these pages in anyway: no refaults of the reset. */
void s2v_reset_host_unmapped(struct s2v_correlator *c, struct s2v_vm *vm, __u64 gpa, __u64 size)
{
	__u32 shift = c->o.host->page_shift;
	struct s2v_reset_track *t = vm->reset;

	if (!t)
		return;
	s2v_pageset_remove(&t->mapped, gpa >> shift, size >> shift);
	s2v_pageset_remove(&t->unmapped, gpa >> shift, size >> shift);
	close_if_all_back(c, t, c->last);
}

void s2v_reset_page(struct s2v_correlator *c, struct s2v_vm *vm, const struct s2v_ev_page *ev)
{
	__u32 shift = c->o.host->page_shift;
	/* Only the rows of resets need pages. */
	const bool rows = c->o.sink->reset || c->o.sink->reset_total;
	struct s2v_reset_track *t;

	if (!c->o.every_map || !(ev->flags & S2V_PG_ALL) || ev->err || (!rows && !vm->reset))
		return;
	t = get_track(c, vm);
	if (!t)
		return;
	process_overdue(c, vm, t);
	if (!rows)
		return;
	if (t->state == S2V_RESET_REFAULTS && ns_since_run(t, ev->h.time) > c->o.refault_window)
		close_reset(c, t, ev->h.time);
	if (ev->h.type == S2V_EV_FAULT) {
		if (t->state != S2V_RESET_REFAULTS)
			return;
		on_fault(c, t, ev);
		close_if_all_back(c, t, ev->h.time);
		return;
	}
	/* stage2_unmap_vm() skips VM_PFNMAP memory (5.10 to 7.3). */
	if (ev->h.type != S2V_EV_MAP || (ev->vma.flags & S2V_VMA_PFNMAP))
		return;
	if (!t->last_map)
		t->last_map = calloc(S2V_RESET_VCPUS, sizeof(*t->last_map));
	c->no_memory += !t->last_map;
	if (t->last_map && ev->vcpu >= 0 && ev->vcpu < S2V_RESET_VCPUS) {
		t->last_map[ev->vcpu].gpa = ev->gpa;
		t->last_map[ev->vcpu].size = ev->size;
	}
	if (s2v_pageset_add(&t->mapped, ev->gpa >> shift, ev->size >> shift))
		c->no_memory++;
}

void s2v_reset_tick(struct s2v_correlator *c, struct s2v_vm *vm)
{
	struct s2v_reset_track *t = vm->reset;

	if (!t)
		return;
	process_overdue(c, vm, t);
	if (t->state == S2V_RESET_REFAULTS && ns_since_run(t, c->last) > c->o.refault_window)
		close_reset(c, t, c->last);
}

void s2v_reset_end(struct s2v_correlator *c, struct s2v_vm *vm)
{
	struct s2v_reset_track *t = vm->reset;

	if (!t)
		return;
	process_held(c, vm, t, true, true);
	close_reset(c, t, c->last);
	t->total.vm = vm->ref;
	t->total.advice = advice(c, t);
	if (t->total.resets && c->o.sink->reset_total)
		c->o.sink->reset_total(c->o.sink, &t->total);
	s2v_pageset_clear(&t->mapped);
	s2v_pageset_clear(&t->unmapped);
	free(t->last_map);
	free(t);
	vm->reset = NULL;
}
