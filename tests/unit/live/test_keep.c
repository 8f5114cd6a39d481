// SPDX-License-Identifier: BSD-2-Clause
/* needs: src/live/keep.c src/live/kinds.c src/live/audit.c src/live/memory.c src/util/util.c src/util/utf8.c src/core/names.c src/host/host.c */
/*
 * Reporting and deleting the BPF side's entries, and the audit, while VMs end. The BPF side is faked here: an empty map
 * of memslots, a map of VMs, one of kinds of mappings, and audit steps that are counted.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "core/bounds.h"
#include "live/audit.h"
#include "live/census.h"
#include "live/guest.h"
#include "live/iter.h"
#include "live/keep.h"
#include "live/ram.h"
#include "live/vmas.h"

enum { VMS_FD = 1, OTHER_FD, AGG_FD };

#define KINDS 8192

static struct world {
	struct s2verify_bss bss;
	struct s2verify_bpf skel;
	struct s2v_live live;
	struct s2v_host host;
	__u32 vm[8]; /* VMs in the map, by key; 0: none */
	struct {
		struct s2v_agg_key key;
		__u64 pending;
		bool there;
	} * kinds; /* KINDS elements */
	unsigned int n_kinds, sweeps, keys_read;
	__u64 reported_pending;
	int reading; /* errno of reading the aggregation map */
	bool vanish; /* an entry is gone when it is to be deleted */
	bool behind; /* events of the last step are not read yet */
	__u32 dies; /* VM whose end the next reading of the ring buffer finds */
	unsigned int reported[16]; /* events by type */
	unsigned int looks, asked, steps, go_on_for;
	/* Reading VMAs: its arguments and results; the number of runs behind a memslot. */
	__u32 asked_tid, users;
	bool nobody, thread_ends;
	unsigned int reads, runs, unstable, guests;
	int vmas_err;
	__u32 unread_ended; /* VM of the last s2v_live_unread_end() */
	__u32 flags, unread; /* of the last AUDIT event of a VM; of the last SLOT event */
} w;

/* ---- the BPF side ---- */

int bpf_map__fd(const struct bpf_map *map)
{
	return map == (struct bpf_map *)&w ? VMS_FD : map ? AGG_FD : OTHER_FD;
}

static int kind_at(const struct s2v_agg_key *key)
{
	unsigned int i = key->gen; /* in these tests, the index */

	return i < w.n_kinds && w.kinds[i].there && !memcmp(&w.kinds[i].key, key, sizeof(*key))
		       ? (int)i
		       : -1;
}

static int next_kind(const struct s2v_agg_key *key, struct s2v_agg_key *next)
{
	unsigned int i = key ? key->gen + 1 : 0;

	w.sweeps += !key;
	w.keys_read++;
	while (i < w.n_kinds && !w.kinds[i].there)
		i++;
	if (w.reading || i == w.n_kinds)
		return w.reading ? w.reading : -ENOENT;
	*next = w.kinds[i].key;
	return 0;
}

int bpf_map_get_next_key(int fd, const void *key, void *next)
{
	__u64 i = key ? *(const __u64 *)key + 1 : 0;

	if (fd == AGG_FD)
		return next_kind(key, next);
	if (fd != VMS_FD)
		return -ENOENT;
	for (; i < 8; i++) {
		if (w.vm[i]) {
			*(__u64 *)next = i;
			return 0;
		}
	}
	return -ENOENT;
}

int bpf_map_lookup_elem(int fd, const void *key, void *value)
{
	struct s2v_vm_state *st = value;
	struct s2v_agg *a = value;
	int i;

	if (fd == AGG_FD) {
		i = kind_at(key);
		if (i < 0)
			return -ENOENT;
		memset(a, 0, sizeof(*a));
		a->ev.h.type = S2V_EV_MAP;
		a->pending = w.kinds[i].pending;
		return 0;
	}
	if (fd == OTHER_FD)
		return -ENOENT;
	assert_int_equal(fd, VMS_FD);
	memset(st, 0, sizeof(*st));
	st->id = w.vm[*(const __u64 *)key];
	return 0;
}

int bpf_map_delete_elem(int fd, const void *key)
{
	int i;

	if (fd == OTHER_FD)
		return -ENOENT;
	if (fd == AGG_FD) {
		i = kind_at(key);
		if (i < 0)
			return -ENOENT;
		w.kinds[i].there = false;
		return 0;
	}
	w.vm[*(const __u64 *)key] = 0;
	errno = ENOENT;
	return w.vanish ? -ENOENT : 0;
}

__u32 bpf_map__max_entries(const struct bpf_map *map)
{
	return map == w.skel.maps.agg ? KINDS : 8;
}

/* With tid: checks whether that thread still has the mm. */
struct bpf_link *s2v_iter_attach(const struct bpf_program *p, __u32 tid, __u32 tgid)
{
	(void)p;
	(void)tgid;
	w.asked_tid = tid;
	return (struct bpf_link *)&w;
}

int bpf_link__destroy(struct bpf_link *link)
{
	(void)link;
	return 0;
}

/* Every VM has one memslot. */
int s2v_iter_run(struct bpf_link *link, const struct s2v_iter_opts *o)
{
	(void)link;
	w.steps++;
	if (o->done == &w.bss.memory.owner) {
		w.bss.memory.owner = w.nobody || (w.asked_tid && w.thread_ends) ? 0 : 1;
		w.bss.memory.users = w.users;
		return 0;
	}
	w.behind = true;
	w.bss.audit.ran = 1;
	w.bss.audit.slot_size = 4096;
	w.bss.audit.found = w.bss.audit.op == S2V_AUDIT_SLOT && !w.bss.audit.gpa;
	w.bss.audit.unstable = w.bss.audit.op == S2V_AUDIT_WALK && w.unstable &&
			       !w.bss.audit.give_up;
	w.unstable -= w.bss.audit.unstable;
	w.bss.audit.done = w.bss.audit.op == S2V_AUDIT_WALK && !w.bss.audit.unstable;
	return 0;
}

/* ---- the rest of the live source ---- */

static void take(void *arg, const struct s2v_ev_hdr *ev)
{
	(void)arg;
	w.reported[ev->type]++;
	/* The events of a step come before the SLOT or AUDIT event that follows it. */
	if (ev->type == S2V_EV_SLOT || (ev->type == S2V_EV_AUDIT && ev->vm))
		assert_false(w.behind);
	if (ev->type == S2V_EV_MAP)
		w.reported_pending += ((const struct s2v_ev_page *)ev)->count;
	if (ev->type == S2V_EV_AUDIT && ev->vm)
		w.flags = ((const struct s2v_ev_audit *)ev)->flags;
	if (ev->type == S2V_EV_SLOT)
		w.unread = ((const struct s2v_ev_slot *)ev)->unread;
}

static void vm_event(__u32 type, __u32 vm)
{
	struct s2v_ev_vm ev = { .h = { .type = type, .len = sizeof(ev), .vm = vm } };

	s2v_keep_event(&w.live, &ev.h);
}

int s2v_live_consume(struct s2v_live *l)
{
	w.looks++;
	if (w.dies && w.bss.audit.op == S2V_AUDIT_SLOT)
		vm_event(S2V_EV_VM_DEAD, w.dies);
	return l->err;
}

int s2v_live_drain(struct s2v_live *l)
{
	w.behind = false;
	return s2v_live_consume(l);
}

int s2v_live_drain_by_turns(struct s2v_live *l, bool (*may_go_on)(void *arg), void *arg)
{
	(void)may_go_on;
	(void)arg;
	return s2v_live_drain(l);
}

int s2v_live_lost(struct s2v_live *l, __u64 *lost)
{
	(void)l;
	*lost = w.bss.lost_events;
	return 0;
}

void s2v_live_unread_end(struct s2v_live *l, __u32 vm)
{
	(void)l;
	w.unread_ended = vm;
}

void s2v_census(struct s2v_live *l, int (*look_again)(struct s2v_live *l))
{
	(void)l;
	(void)look_again;
}

int s2v_live_inventory(struct s2v_live *l)
{
	(void)l;
	return 0;
}

int s2v_vmas_read(struct s2v_vmas *v, struct bpf_link *link, const struct s2v_vmas_source *from)
{
	(void)link;
	v->n = 1;
	w.reads++;
	w.bss.memory.vmas_end = 1;
	return from->go_on(from->arg) ? w.vmas_err : -EINTR;
}

int s2v_vmas_report(const struct s2v_vmas *v, struct s2v_ev_slot *slot,
		    const struct s2v_vmas_to *to)
{
	(void)v;
	slot->runs = w.runs < to->most ? w.runs : to->most;
	return w.runs > to->most ? -E2BIG : 0;
}

void s2v_vmas_free(struct s2v_vmas *v)
{
	v->n = 0;
}

void s2v_ram_refresh(struct s2v_live *l)
{
	(void)l;
}

int s2v_guest_audit(const struct s2v_guest_audit *o)
{
	w.guests += o->n_slots == 1;
	return 0;
}

static bool go_on(void *arg, unsigned int vm, unsigned int vms, unsigned int permille)
{
	(void)arg;
	(void)vm;
	(void)vms;
	(void)permille;
	return ++w.asked <= w.go_on_for;
}

/* VMs 1 to `listed` are in the map; those up to `known` were reported. */
static int begin(__u32 listed, __u32 known)
{
	memset(&w, 0, sizeof(w));
	w.kinds = calloc(KINDS, sizeof(*w.kinds));
	w.skel.maps.agg = (struct bpf_map *)w.kinds;
	w.skel.bss = &w.bss;
	w.skel.maps.vms = (struct bpf_map *)&w;
	w.live.skel = &w.skel;
	w.live.host = &w.host;
	w.live.fn = take;
	w.go_on_for = 1000;
	for (__u32 vm = 1; vm <= listed; vm++) {
		w.vm[vm] = vm;
		if (vm <= known)
			vm_event(S2V_EV_VM_NEW, vm);
	}
	return 0;
}

static int audit(void)
{
	return s2v_live_audit(&w.live, &(struct s2v_audit_opts){ .go_on = go_on });
}

static void end(void)
{
	s2v_keep_free(&w.live);
	free(w.kinds);
}

/* ---- audits ---- */

static void all_there(void **state)
{
	(void)state;
	for (int fwb = S2V_NO; fwb <= S2V_YES; fwb++) {
		begin(3, 3);
		w.host.fwb = fwb;
		assert_int_equal(audit(), 0);
		assert_int_equal(w.reported[S2V_EV_SLOT], 3);
		assert_int_equal(w.reported[S2V_EV_AUDIT], 3 + 1);
		assert_int_equal(w.guests, fwb ? 0 : 3); /* with S2FWB they have no say */
		end();
	}
}

/* VMs that are gone are not reported; between them go_on() is called and the ring buffer is read. */
static void gone_before(void **state)
{
	(void)state;
	begin(7, 0);
	assert_int_equal(audit(), 0);
	assert_int_equal(w.steps, 0);
	assert_int_equal(w.reported[S2V_EV_AUDIT], 1); /* of all */
	assert_true(w.asked >= 7);
	assert_true(w.looks >= 7);
	end();
	begin(7, 0);
	w.go_on_for = 3;
	assert_int_equal(audit(), -EINTR);
	end();
}

/* The VM's end is read after the step that finds its memslot, before the memslot is reported. */
static void gone_meanwhile(void **state)
{
	(void)state;
	begin(1, 1);
	w.dies = 1;
	assert_int_equal(audit(), 0);
	assert_int_equal(w.reported[S2V_EV_SLOT], 0);
	assert_int_equal(w.reported[S2V_EV_AUDIT], 1); /* of all */
	end();
}

/* ---- reads whose length another process decides ---- */

/* The thread exits during each read, so the VMAs may be incomplete. Four threads are tried. */
static void threads_end(void **state)
{
	(void)state;
	begin(1, 1);
	w.thread_ends = true;
	assert_int_equal(audit(), 0);
	assert_int_equal(w.reads, 4);
	assert_int_equal(w.flags, S2V_AU_UNREAD);
	end();
}

static void too_many_vmas(void **state)
{
	static const int errs[] = { -E2BIG, -EBADMSG };

	(void)state;
	for (size_t i = 0; i < S2V_ARRAY_SIZE(errs); i++) {
		begin(1, 1);
		w.vmas_err = errs[i];
		assert_int_equal(audit(), 0);
		assert_int_equal(w.flags, S2V_AU_UNREAD);
		end();
	}
}

/* A process that has exited has no VMAs; those of one in another PID namespace are unread. */
static void nobody_here(void **state)
{
	(void)state;
	begin(1, 1);
	w.nobody = true;
	assert_int_equal(audit(), 0);
	assert_int_equal(w.flags, 0);
	end();
	begin(1, 1);
	w.nobody = true;
	w.users = 1;
	assert_int_equal(audit(), 0);
	assert_int_equal(w.flags, S2V_AU_UNREAD);
	end();
}

static void too_many_runs(void **state)
{
	(void)state;
	begin(1, 1);
	w.runs = S2V_RANGES_MOST;
	assert_int_equal(audit(), 0);
	assert_int_equal(w.flags | w.unread, 0);
	end();
	begin(1, 1);
	w.runs = S2V_RANGES_MOST + 1;
	assert_int_equal(audit(), 0);
	assert_int_equal(w.flags, S2V_AU_UNREAD);
	assert_int_equal(w.unread, 1);
	assert_int_equal(w.reported[S2V_EV_SLOT], 1);
	end();
}

/* go_on() is called between two reads of VMAs. */
static void ended_while_reading(void **state)
{
	(void)state;
	begin(1, 1);
	w.go_on_for = 1; /* before the VM */
	assert_int_equal(audit(), -EINTR);
	assert_int_equal(w.reads, 1);
	assert_int_equal(w.reported[S2V_EV_SLOT], 0);
	end();
}

/* An entry that keeps changing: 100 pauses at one address, then the audit gives it up. */
static void never_settles(void **state)
{
	(void)state;
	begin(1, 1);
	w.unstable = 1000000;
	assert_int_equal(audit(), 0);
	assert_int_equal(w.unstable, 1000000 - 101);
	end();
}

/* ---- what is kept ---- */

/* VMs that are destroyed during s2v_keep_forget() are no error. */
static void vanish(void **state)
{
	(void)state;
	begin(3, 3);
	w.vanish = true;
	assert_int_equal(s2v_keep_forget(&w.live), 0);
	assert_false(s2v_keep_has_vm(&w.live, 1));
	end();
}

/* The first error stays, even if the next reading succeeds. */
static void error_stays(void **state)
{
	(void)state;
	begin(2, 2);
	w.reading = -EIO;
	w.bss.lost_events = 1;
	vm_event(S2V_EV_VM_DEAD, 1);
	assert_int_equal(w.unread_ended, 1);
	w.reading = 0;
	vm_event(S2V_EV_VM_DEAD, 2);
	assert_int_equal(w.live.err, -EIO);
	end();
}

/* Adds a kind to the map and, unless it is lost, reports its first event. Its index is its gen. */
static void begins(__u32 vm, bool lost)
{
	__u32 i = w.n_kinds++;
	struct s2v_ev_page ev = { .h = { .type = S2V_EV_MAP, .len = sizeof(ev), .vm = vm },
				  .slot = (__s16)i,
				  .gen = i,
				  .flags = S2V_PG_FIRST };

	s2v_agg_key_of(&w.kinds[i].key, &ev);
	w.kinds[i].there = true;
	w.kinds[i].pending = 1;
	w.bss.lost_events += lost;
	if (!lost)
		s2v_keep_event(&w.live, &ev.h);
}

static void deletes(__u32 vm, __u32 i)
{
	struct s2v_ev_slot ev = { .h = { .type = S2V_EV_SLOT, .len = sizeof(ev), .vm = vm },
				  .slot = (__s16)i,
				  .gen = i,
				  .change = S2V_SLOT_DELETE };

	s2v_keep_event(&w.live, &ev.h);
}

static unsigned int kinds_there(void)
{
	unsigned int n = 0;

	for (unsigned int i = 0; i < w.n_kinds; i++)
		n += w.kinds[i].there;
	return n;
}

/* Deleting a memslot reports and deletes its kinds, and reads no others. */
static void deleted_alone(void **state)
{
	(void)state;
	begin(2, 2);
	for (__u32 i = 0; i < 4096; i++)
		begins(1 + i % 2, false);
	for (__u32 i = 0; i < 4096; i += 2)
		deletes(1, i);
	assert_int_equal(kinds_there(), 2048);
	assert_int_equal(w.reported_pending, 2048);
	vm_event(S2V_EV_VM_DEAD, 2);
	assert_int_equal(kinds_there(), 0);
	assert_int_equal(w.reported_pending, 4096);
	assert_int_equal(w.sweeps, 0);
	end();
}

/* After a loss the map is read once; another loss shortly after does not make it read again at once. */
static void deleted_after_a_loss(void **state)
{
	(void)state;
	begin(1, 1);
	for (__u32 i = 0; i < 4096; i++)
		begins(1, i % 4 == 0);
	for (__u32 i = 0; i < 1024; i++)
		deletes(1, i);
	assert_int_equal(w.sweeps, 1);
	assert_int_equal(kinds_there(), 3072);
	assert_int_equal(w.reported_pending, 1024);
	w.live.kinds_read_after = ~0ULL; /* as if reading took long */
	begins(1, true);
	deletes(1, 4096);
	deletes(1, 1024);
	assert_int_equal(w.sweeps, 1);
	assert_int_equal(kinds_there(), 3072); /* with 4096: its first event was lost */
	assert_int_equal(s2v_keep_refresh(&w.live),
			 1); /* pending counts of ended kinds must not be reported */
	w.live.kinds_read_after = 0;
	assert_int_equal(s2v_keep_refresh(&w.live), 0);
	assert_int_equal(w.sweeps, 2);
	assert_int_equal(kinds_there(), 3071);
	assert_int_equal(w.reported_pending,
			 1025); /* with 1024; 4096 is deleted without a report */
	assert_int_equal(s2v_keep_refresh(&w.live), 0);
	assert_int_equal(w.sweeps, 2);
	end();
}

/* A memslot that an audit registers while its VM ends is deleted. */
static void found_too_late(void **state)
{
	const struct s2v_slot_key key = { .vm = 1, .slot = 1 };

	(void)state;
	begin(1, 1);
	assert_true(s2v_keep_found(&w.live, &key));
	vm_event(S2V_EV_VM_DEAD, 1);
	assert_false(s2v_keep_found(&w.live, &key));
	assert_null(w.live.kinds.vms);
	end();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_there),	  cmocka_unit_test(gone_before),
		cmocka_unit_test(gone_meanwhile), cmocka_unit_test(vanish),
		cmocka_unit_test(error_stays),	  cmocka_unit_test(threads_end),
		cmocka_unit_test(too_many_vmas),  cmocka_unit_test(nobody_here),
		cmocka_unit_test(too_many_runs),  cmocka_unit_test(ended_while_reading),
		cmocka_unit_test(never_settles),  cmocka_unit_test(deleted_alone),
		cmocka_unit_test(found_too_late), cmocka_unit_test(deleted_after_a_loss),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
