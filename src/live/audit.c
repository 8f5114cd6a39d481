// SPDX-License-Identifier: BSD-2-Clause
/* Driving the audit's BPF side (bpf/audit.h) step by step: VMs, memslots, their tables. */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "live/audit.h"
#include "core/bounds.h"
#include "live/census.h"
#include "live/iter.h"
#include "live/keep.h"
#include "live/live_private.h"
#include "live/memory.h"
#include "util/util.h"

#define PAUSE_NS 1000000 /* while something keeps changing */
#define PAUSES 100 /* at one place, before it is taken for unreadable */
#define PAUSES_VM 5000 /* in all of a VM's memory: from then on the first look counts */
#define SLICE_NS 10000000 /* of a rest: in between it is asked whether to go on */
#define CHANGES 1000 /* of one VM's memslots, before its audit is given up */
#define RUNS \
	S2V_RANGES_MOST /* of VMAs of a kind, in all memslots of a VM: memslots may share VMAs */

struct auditor {
	struct s2v_live *l;
	const struct s2v_audit_opts *o;
	struct s2v_audit *a; /* shared with the BPF side */
	struct s2v_vm_list list;
	unsigned int at;
	bool report_again; /* memslots are told of that had been before: something was lost */
	struct bpf_link *link; /* the step, over the files of the VM's process */
	struct s2v_vmas vmas; /* of its process */
	bool vmas_read;
	unsigned int runs, pauses; /* of this VM, see RUNS and PAUSES_VM */
	__u64 start, steps, leaves; /* of all VMs, for the rate */
};

static void rest(__u64 ns)
{
	struct timespec ts = { .tv_sec = (time_t)(ns / 1000000000ULL),
			       .tv_nsec = (long)(ns % 1000000000ULL) };

	nanosleep(&ts, NULL);
}

/* Is it to go on? Of the memslot under the cursor this much is done. */
static bool go_on(void *arg)
{
	struct auditor *x = arg;
	__u64 size = x->a->slot_size, done = x->a->gpa - x->a->slot_gpa;

	return !x->o->go_on || x->o->go_on(x->o->arg, x->at, x->list.n,
					   size ? (unsigned int)(done / (size / 1000 + 1)) : 1000);
}

/* One step through the files that x->link goes through. 0 or -errno. */
static int run_step(struct auditor *x)
{
	const struct s2v_iter_opts o = { .done = &x->a->ran };

	return x->link ? s2v_iter_run(x->link, &o) : -errno;
}

/* Looks for the VM's file in the process that had it last, or (0) in all. */
static void look_in(struct auditor *x, __u32 tgid)
{
	bpf_link__destroy(x->link);
	x->link = s2v_iter_attach(x->l->skel->progs.audit_step, 0, tgid);
}

/* One step. 0 or -errno; -ESRCH: no file of this VM is open any more. */
static int step(struct auditor *x, enum s2v_audit_op op)
{
	int err;

	x->a->op = op;
	x->a->vm = x->list.vm[x->at].id;
	x->a->ran = x->a->found = x->a->changed = x->a->full = x->a->unstable = x->a->done = 0;
	err = run_step(x);
	if (err || x->a->ran)
		return err;
	/* The process that had it is gone, or of another PID namespace; another one may have the file. */
	look_in(x, 0);
	err = run_step(x);
	if (err || !x->a->ran)
		return err ? err : -ESRCH;
	if (x->a->holder)
		look_in(x, x->a->holder);
	return 0;
}

/* What is mapped there. Nobody's memory any more is that of a process that has ended: nothing is. */
static int read_vmas(struct auditor *x)
{
	const struct s2v_memory_of of = { .mm = x->a->mm, .go_on = go_on, .arg = x };
	int ret = s2v_memory_read(x->l, &of, &x->vmas);

	if (ret == S2V_MEMORY_UNREAD)
		x->a->flags |= S2V_AU_UNREAD;
	return ret < 0 ? ret : 0;
}

/* The memslot's VMAs and the memslot; what is beyond RUNS is unread. */
static int report_vmas(struct auditor *x, struct s2v_ev_slot *ev)
{
	struct s2v_vmas_to to = { .fn = x->l->fn,
				  .fn_arg = x->l->arg,
				  .go_on = go_on,
				  .arg = x,
				  .most = RUNS - x->runs };
	int err = s2v_vmas_report(&x->vmas, ev, &to);

	if (err && err != -E2BIG)
		return err;
	x->runs += ev->runs;
	if (err) {
		ev->unread = 1;
		x->a->flags |= S2V_AU_UNREAD;
	}
	x->l->fn(x->l->arg, &ev->h);
	return 0;
}

static int report_slot(struct auditor *x)
{
	struct s2v_ev_slot ev = { .h = { .type = S2V_EV_SLOT,
					 .len = sizeof(ev),
					 .time = s2v_clock_ns(CLOCK_BOOTTIME),
					 .vm = x->a->vm,
					 .tgid = x->list.vm[x->at].tgid },
				  .slot = x->a->slot,
				  .as_id = x->a->as_id,
				  .gen = x->a->gen,
				  .change = S2V_SLOT_FOUND,
				  .gpa = x->a->slot_gpa,
				  .size = x->a->slot_size,
				  .hva = x->a->slot_hva,
				  .flags = x->a->slot_flags,
				  .vm_mte = x->a->vm_mte };
	const struct s2v_slot_key key = { .vm = ev.h.vm, .slot = ev.slot, .as_id = ev.as_id };
	int err;

	/* Its end may have been among what was drained. */
	if (!s2v_keep_found(x->l, &key))
		return -ESRCH;
	if (x->a->slot_reported && !x->report_again)
		return 0;
	if (!(ev.flags & S2V_MEM_GUEST_MEMFD) && !x->vmas_read) {
		err = read_vmas(x);
		if (err)
			return err;
		/* Others had their turn: the VM may have gone. */
		if (!s2v_kept(x->l, x->a->vm))
			return -ESRCH;
		x->vmas_read = true;
	}
	return report_vmas(x, &ev);
}

/* Slows down to the rate asked for; false: the audit is to end. */
static bool keep_pace(struct auditor *x, __u64 leaves)
{
	__u64 due, t;

	x->leaves += leaves;
	if (!go_on(x))
		return false;
	if (!x->o->rate)
		return true;
	due = x->start + (__u64)((double)x->leaves / (double)x->o->rate * 1e9);
	while ((t = s2v_clock_ns(CLOCK_BOOTTIME)) < due) {
		rest(due - t < SLICE_NS ? due - t : SLICE_NS);
		if (!go_on(x))
			return false;
	}
	return true;
}

/*
 * Something keeps changing: a pause, after which it is looked at again. False: there were enough here, or in all of
 * the VM, whose owner could make them last.
 */
static bool pause_at(struct auditor *x, unsigned int *here)
{
	if (*here >= PAUSES || x->pauses >= PAUSES_VM)
		return false;
	++*here;
	x->pauses++;
	rest(PAUSE_NS);
	return true;
}

/* Walks one memslot. 0 or -errno; 1: it is another one by now. */
static int walk(struct auditor *x)
{
	unsigned int pauses = 0;
	__u64 leaves, gpa;
	int err;

	for (;;) {
		leaves = x->a->leaves;
		gpa = x->a->gpa;
		err = step(x, S2V_AUDIT_WALK);
		if (!err)
			err = s2v_live_consume(x->l);
		if (err || x->a->flags)
			return err;
		x->steps++;
		if (!keep_pace(x, x->a->leaves - leaves))
			return -EINTR;
		if (x->a->changed)
			return 1;
		if (x->a->done)
			return 0;
		if (x->a->gpa != gpa)
			pauses = 0;
		if (x->a->unstable)
			x->a->give_up = !pause_at(x, &pauses);
	}
}

/* All memslots of one VM. */
static int walk_slots(struct auditor *x)
{
	unsigned int changes = 0;
	int err;

	x->a->gpa = 0;
	for (;;) {
		err = step(x, S2V_AUDIT_SLOT);
		if (err || x->a->flags || !x->a->found)
			return err;
		err = s2v_live_drain_by_turns(x->l, go_on, x);
		if (!err)
			err = report_slot(x);
		if (err || x->a->flags)
			return err;
		x->a->gpa = x->a->slot_gpa;
		err = walk(x);
		if (err < 0 || x->a->flags)
			return err;
		if (!err) {
			x->a->gpa = x->a->slot_gpa + x->a->slot_size;
			continue;
		}
		if (++changes > CHANGES) {
			x->a->flags |= S2V_AU_UNREAD;
			return 0;
		}
		/* What lies there now is looked at from its beginning; VMAs may be others, too. */
		x->a->gpa = x->a->slot_gpa;
		x->vmas_read = false;
	}
}

static void report_end(struct auditor *x, __u64 start, bool gone)
{
	const struct s2v_listed_vm *vm = &x->list.vm[x->at];
	struct s2v_ev_audit ev = { .h = { .type = S2V_EV_AUDIT,
					  .len = sizeof(ev),
					  .time = s2v_clock_ns(CLOCK_BOOTTIME),
					  .vm = vm->id,
					  .tgid = vm->tgid },
				   .flags = x->a->flags | (gone ? S2V_AU_GONE : 0),
				   .shadow = x->a->shadow,
				   .leaves = x->a->leaves,
				   .rereads = x->a->rereads,
				   .steps = x->steps };

	ev.dur = ev.h.time - start;
	x->l->fn(x->l->arg, &ev.h);
}

/* One VM; `again`: only for the addresses of some of its memory. */
static int audit_vm(struct auditor *x, bool again)
{
	__u64 start = s2v_clock_ns(CLOCK_BOOTTIME);
	int err;

	memset(x->a, 0, sizeof(*x->a));
	x->a->each = x->o->each;
	x->a->only_lo = again ? x->l->other_lo : 0;
	x->a->only_hi = again ? x->l->other_hi : 0;
	x->steps = 0;
	x->vmas_read = false;
	x->runs = x->pauses = 0;
	/* Known by its number in the host's own PID namespace; where that is another process, step() finds out. */
	look_in(x, x->list.vm[x->at].tgid);
	if (!x->link)
		look_in(x, 0);
	err = step(x, S2V_AUDIT_BEGIN);
	if (!err && !x->a->flags)
		err = walk_slots(x);
	/* What was found is told before the end is, and before it is asked who else is there. */
	if (!err || err == -ESRCH) {
		int drained = s2v_live_drain_by_turns(x->l, go_on, x);

		err = drained ? drained : err;
	}
	if (!again && (!err || err == -ESRCH) && s2v_kept(x->l, x->list.vm[x->at].id))
		report_end(x, start, err != 0);
	/* Which said nothing of it the first time: what others share with it is not known. */
	if (again && !err && (x->a->flags & S2V_AU_UNREAD))
		err = -EIO;
	bpf_link__destroy(x->link);
	x->link = NULL;
	s2v_vmas_free(&x->vmas);
	return err == -ESRCH ? 0 : err;
}

/* Once over all VMs. */
static int pass(struct auditor *x, bool again)
{
	int err = 0;

	for (x->at = 0; !err && x->at < x->list.n; x->at++) {
		/* Many that are gone are many turns, too. */
		if (!go_on(x))
			return -EINTR;
		err = s2v_live_consume(x->l);
		if (!err && s2v_kept(x->l, x->list.vm[x->at].id))
			err = audit_vm(x, again);
	}
	return err;
}

/* Which VMs there are; what was lost of them is put in order. */
static int begin(struct auditor *x)
{
	s2v_census(x->l, s2v_live_inventory);
	/* Those that come from now on are not missed where they are not listed. */
	__u32 last = x->l->skel->bss->next_vm;
	int err = s2v_keep_list(x->l, &x->list);

	/* After that: what is told of VMs that are not there has all been taken. */
	if (!err)
		err = s2v_live_drain(x->l);
	if (!err)
		err = s2v_keep_order(x->l, &x->list, last);
	x->report_again = err > 0;
	return err < 0 ? err : 0;
}

int s2v_live_audit(struct s2v_live *l, const struct s2v_audit_opts *o)
{
	struct auditor x = {
		.l = l, .o = o, .a = &l->skel->bss->audit, .start = s2v_clock_ns(CLOCK_BOOTTIME)
	};
	struct s2v_ev_audit end = { .h = { .type = S2V_EV_AUDIT, .len = sizeof(end) } };
	int err;

	l->other_hi = 0;
	err = begin(&x);
	if (!err)
		err = pass(&x, false);
	/* Ordinary memory was told without its addresses: once more where somebody else is there. */
	if (!err && l->other_hi)
		err = pass(&x, true);
	end.h.time = s2v_clock_ns(CLOCK_BOOTTIME);
	end.flags = err ? S2V_AU_ENDED : 0;
	l->fn(l->arg, &end.h);
	free(x.list.vm);
	return err;
}
