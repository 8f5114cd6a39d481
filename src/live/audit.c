// SPDX-License-Identifier: BSD-2-Clause
/* Runs the BPF side of the audit (bpf/audit.h) step by step: VMs, memslots, their tables. */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "live/audit.h"
#include "core/bounds.h"
#include "live/census.h"
#include "live/guest.h"
#include "live/iter.h"
#include "live/keep.h"
#include "live/live_private.h"
#include "live/memory.h"
#include "live/ram.h"
#include "util/util.h"

#define PAUSE_NS 1000000 /* while an entry keeps changing */
#define PAUSES_MAX 100 /* at one address, before it counts as unreadable */
#define PAUSES_VM_MAX 5000 /* in a VM: afterwards an entry is read only once */
#define SLICE_NS 10000000 /* longest sleep between two calls of go_on() */
#define CHANGES_MAX 1000 /* of one VM's memslots, before its audit is given up */
/* Ranges reported of all memslots of a VM: memslots may share VMAs. */
#define RUNS_MAX S2V_RANGES_MOST

struct auditor {
	struct s2v_live *l;
	const struct s2v_audit_opts *o;
	struct s2v_audit *a; /* shared with the BPF side */
	struct s2v_vm_list list;
	unsigned int index;
	bool report_again; /* events were lost: report memslots that were already reported */
	struct bpf_link *link; /* audit_step, over the open files of the VM's process */
	struct s2v_vmas vmas; /* of that process */
	bool vmas_read;
	unsigned int runs, pauses; /* of this VM, see RUNS_MAX and PAUSES_VM_MAX */
	struct s2v_guest_slot *slot; /* of this VM, ascending */
	size_t n_slots, cap_slots;
	__u64 start; /* CLOCK_BOOTTIME ns */
	__u64 steps; /* of this VM */
	__u64 leaves; /* of all VMs, for the rate */
};

static void sleep_ns(__u64 ns)
{
	struct timespec ts = { .tv_sec = (time_t)(ns / 1000000000ULL),
			       .tv_nsec = (long)(ns % 1000000000ULL) };

	nanosleep(&ts, NULL);
}

/* Asks the caller whether to continue, with the progress in this memslot. */
static bool go_on(void *arg)
{
	struct auditor *x = arg;
	__u64 size = x->a->slot_size, done = x->a->gpa - x->a->slot_gpa;

	return !x->o->go_on || x->o->go_on(x->o->arg, x->index, x->list.n,
					   size ? (unsigned int)(done / (size / 1000 + 1)) : 1000);
}

/* Runs audit_step on the open files that x->link iterates. 0 or -errno. */
static int run_step(struct auditor *x)
{
	const struct s2v_iter_opts o = { .done = &x->a->ran };

	return x->link ? s2v_iter_run(x->link, &o) : -errno;
}

/* Attaches audit_step to the open files of one process, or of all (tgid 0). */
static void attach_step(struct auditor *x, __u32 tgid)
{
	bpf_link__destroy(x->link);
	x->link = s2v_iter_attach(x->l->skel->progs.audit_step, 0, tgid);
}

/* Runs one step. 0 or -errno; -ESRCH: no file of this VM is open any more. */
static int step(struct auditor *x, enum s2v_audit_op op)
{
	int err;

	x->a->op = op;
	x->a->vm = x->list.vm[x->index].id;
	x->a->ran = x->a->found = x->a->changed = x->a->full = x->a->unstable = x->a->done = 0;
	err = run_step(x);
	if (err || x->a->ran)
		return err;
	/* That process is gone or in another PID namespace: search all processes for the VM's file. */
	attach_step(x, 0);
	err = run_step(x);
	if (err || !x->a->ran)
		return err ? err : -ESRCH;
	if (x->a->holder)
		attach_step(x, x->a->holder);
	return 0;
}

/* If the process has exited (S2V_MEMORY_EXITED), there are no VMAs. */
static int read_vmas(struct auditor *x)
{
	const struct s2v_memory_query of = { .mm = x->a->mm, .go_on = go_on, .arg = x };
	int ret = s2v_memory_read(x->l, &of, &x->vmas);

	if (ret == S2V_MEMORY_UNREAD)
		x->a->flags |= S2V_AU_UNREAD;
	return ret < 0 ? ret : 0;
}

/* Reports the memslot's VMAs, then the memslot. VMAs beyond RUNS_MAX count as unread. */
static int report_vmas(struct auditor *x, struct s2v_ev_slot *ev)
{
	struct s2v_vmas_to to = { .fn = x->l->fn,
				  .fn_arg = x->l->arg,
				  .go_on = go_on,
				  .arg = x,
				  .most = RUNS_MAX - x->runs };
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
					 .tgid = x->list.vm[x->index].tgid },
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

	/* The events drained just now may include the VM's end. */
	if (!s2v_keep_found(x->l, &key))
		return -ESRCH;
	if (x->a->slot_reported && !x->report_again)
		return 0;
	if (!(ev.flags & S2V_MEM_GUEST_MEMFD) && !x->vmas_read) {
		err = read_vmas(x);
		if (err)
			return err;
		/* go_on() may have handled events: the VM may be gone. */
		if (!s2v_keep_has_vm(x->l, x->a->vm))
			return -ESRCH;
		x->vmas_read = true;
	}
	return report_vmas(x, &ev);
}

/* Sleeps to keep to the requested rate. Returns false if the audit must end. */
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
		sleep_ns(due - t < SLICE_NS ? due - t : SLICE_NS);
		if (!go_on(x))
			return false;
	}
	return true;
}

/*
 * Sleeps before an entry that keeps changing is read again. Returns false after too many pauses here or in this VM:
 * the VMM could make them last for ever.
 */
static bool pause_at(struct auditor *x, unsigned int *here)
{
	if (*here >= PAUSES_MAX || x->pauses >= PAUSES_VM_MAX)
		return false;
	++*here;
	x->pauses++;
	sleep_ns(PAUSE_NS);
	return true;
}

/* Walks the tables of one memslot. 0, -errno, or 1: the memslot was replaced meanwhile. */
static int walk_slot(struct auditor *x)
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

/* Keeps a memslot that was walked, for the guest's side. 0 or -ENOMEM. */
static int keep_slot(struct auditor *x)
{
	if (x->n_slots == x->cap_slots) {
		size_t cap = x->cap_slots ? 2 * x->cap_slots : 16;
		void *p = reallocarray(x->slot, cap, sizeof(*x->slot));

		if (!p)
			return -ENOMEM;
		x->slot = p;
		x->cap_slots = cap;
	}
	x->slot[x->n_slots++] = (struct s2v_guest_slot){ .gpa = x->a->slot_gpa,
							 .size = x->a->slot_size,
							 .gen = x->a->gen,
							 .id = x->a->slot,
							 .as_id = x->a->as_id };
	return 0;
}

/* Audits all memslots of one VM. */
static int audit_slots(struct auditor *x)
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
		err = walk_slot(x);
		if (err < 0 || x->a->flags)
			return err;
		if (!err) {
			err = keep_slot(x);
			if (err)
				return err;
			x->a->gpa = x->a->slot_gpa + x->a->slot_size;
			continue;
		}
		if (++changes > CHANGES_MAX) {
			x->a->flags |= S2V_AU_UNREAD;
			return 0;
		}
		/* Start again at this address. The VMAs may have changed, too. */
		x->a->gpa = x->a->slot_gpa;
		x->vmas_read = false;
	}
}

static int guest_step(void *arg, enum s2v_audit_op op)
{
	struct auditor *x = arg;
	int err = step(x, op);

	x->steps++;
	/* What the step could not read of the VM: there is nothing to walk. */
	return !err && x->a->flags ? -ESRCH : err;
}

static bool guest_pace(void *arg, __u64 leaves)
{
	return !s2v_live_consume(((struct auditor *)arg)->l) && keep_pace(arg, leaves);
}

/* The guest's own stage 1: it decides only where stage 2 does not force Write-Back. */
static int audit_guest(struct auditor *x)
{
	const struct s2v_guest_audit o = { .l = x->l,
					   .vm = x->a->vm,
					   .tgid = x->list.vm[x->index].tgid,
					   .slot = x->slot,
					   .n_slots = x->n_slots,
					   .each = x->o->each,
					   .step = guest_step,
					   .pace = guest_pace,
					   .arg = x };

	return x->l->host->fwb == S2V_YES || !x->n_slots ? 0 : s2v_guest_audit(&o);
}

static void report_end(struct auditor *x, __u64 start, bool gone)
{
	const struct s2v_listed_vm *vm = &x->list.vm[x->index];
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

/* Audits one VM. again: reports only leaves with addresses in [not_wb_lo, not_wb_hi). */
static int audit_vm(struct auditor *x, bool again)
{
	__u64 start = s2v_clock_ns(CLOCK_BOOTTIME);
	int err;

	memset(x->a, 0, sizeof(*x->a));
	x->a->each = x->o->each;
	x->a->only_lo = again ? x->l->not_wb_lo : 0;
	x->a->only_hi = again ? x->l->not_wb_hi : 0;
	x->steps = 0;
	x->vmas_read = false;
	x->runs = x->pauses = 0;
	/* tgid is of the first PID namespace; step() notices if it is another process here. */
	attach_step(x, x->list.vm[x->index].tgid);
	if (!x->link)
		attach_step(x, 0);
	err = step(x, S2V_AUDIT_BEGIN);
	x->n_slots = 0;
	if (!err && !x->a->flags)
		err = audit_slots(x);
	if (!err && !x->a->flags && !again)
		err = audit_guest(x);
	/* Before the VM's AUDIT event, and before not_wb_hi is read, hand out what was found. */
	if (!err || err == -ESRCH) {
		int drained = s2v_live_drain_by_turns(x->l, go_on, x);

		err = drained ? drained : err;
	}
	if (!again && (!err || err == -ESRCH) && s2v_keep_has_vm(x->l, x->list.vm[x->index].id))
		report_end(x, start, err != 0);
	/* The VM's AUDIT event is out without this flag: an overlap may have been missed. */
	if (again && !err && (x->a->flags & S2V_AU_UNREAD))
		err = -EIO;
	bpf_link__destroy(x->link);
	x->link = NULL;
	s2v_vmas_free(&x->vmas);
	return err == -ESRCH ? 0 : err;
}

/* Audits each VM once. */
static int audit_all(struct auditor *x, bool again)
{
	int err = 0;

	for (x->index = 0; !err && x->index < x->list.n; x->index++) {
		/* Called for VMs that are gone, too: they may be many. */
		if (!go_on(x))
			return -EINTR;
		err = s2v_live_consume(x->l);
		if (!err && s2v_keep_has_vm(x->l, x->list.vm[x->index].id))
			err = audit_vm(x, again);
	}
	return err;
}

/* Lists the VMs, and corrects what is known of them if events were lost. */
static int list_vms(struct auditor *x)
{
	s2v_census(x->l, s2v_live_inventory);
	/* VMs with higher numbers may be missing in the list, and are not taken for dead. */
	__u32 last = x->l->skel->bss->next_vm;
	int err = s2v_keep_list(x->l, &x->list);

	/* Drain after listing, so that all events of VMs that are gone have been handled. */
	if (!err)
		err = s2v_live_drain(x->l);
	if (!err)
		err = s2v_keep_reconcile(x->l, &x->list, last);
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

	l->not_wb_hi = 0;
	s2v_ram_refresh(l);
	err = list_vms(&x);
	if (!err)
		err = audit_all(&x, false);
	/* Write-Back leaves were reported without addresses: report again those that other leaves may overlap. */
	if (!err && l->not_wb_hi)
		err = audit_all(&x, true);
	end.h.time = s2v_clock_ns(CLOCK_BOOTTIME);
	end.flags = err ? S2V_AU_STOPPED : 0;
	l->fn(l->arg, &end.h);
	free(x.list.vm);
	free(x.slot);
	return err;
}
