// SPDX-License-Identifier: BSD-2-Clause
/*
 * The daemon's replay source: the events of a recording at their recorded pace, and the figures that
 * the kernel would have counted. At the end of the file the VMs stay; or (repeat) they are removed,
 * and the replay restarts with new VM numbers and later times.
 */
#include <errno.h>
#include <event2/event.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <uthash.h>

#include "trace/s2t.h"
#include "daemon/source.h"
#include "util/util.h"

#define BATCH 512 /* events per turn of the event loop */

/* An existing VM. */
struct vm {
	__u32 id, tgid;
	__u64 unmapped; /* time of its last unmap at a reset, or 0 */
	UT_hash_handle hh;
};

struct replay {
	struct s2v_source s; /* first */
	struct s2t_info info;
	const char *path;
	double speed;
	bool repeat;
	struct s2t_reader *reader; /* NULL: end of file */
	const struct s2v_ev_hdr *next; /* not handed out yet, or NULL */
	struct event *ev;
	void (*fn)(void *arg, const struct s2v_ev_hdr *ev);
	void *arg;
	struct vm *vms;
	/* Added to VM numbers and times in this pass. */
	__u32 vm_shift, vm_max;
	__u64 time_shift, first, last; /* ns; first and last event of this pass, as handed out */
	__u64 started; /* CLOCK_MONOTONIC ns */
	struct s2v_figures fig; /* maps and histograms: all passes; the rest: ended passes */
	__u64 damaged;
	__u64 buf[S2T_EVENT_MAX / 8];
};

static struct replay *to_replay(struct s2v_source *s)
{
	return (struct replay *)s;
}

/* ---- figures ---- */

static void add_duration(struct s2v_hist *h, __u64 ns)
{
	h->count[s2v_hist_bucket(ns)]++;
	h->sum += ns;
}

static void count_page(struct replay *r, const struct vm *vm, const struct s2v_ev_page *ev)
{
	__u32 s1 = s2v_vma_s1(&ev->vma);

	if (ev->h.type == S2V_EV_MAP && !ev->err)
		r->fig.sum.maps[s1 < S2V_ATTR_NR ? s1 : S2V_ATTR_UNKNOWN]
			       [ev->s2 < S2V_ATTR_NR ? ev->s2 : S2V_ATTR_UNKNOWN] += ev->count;
	if (ev->h.type != S2V_EV_FAULT || !ev->dur)
		return;
	add_duration(&r->fig.hist[S2V_HIST_FAULT], ev->dur);
	if (vm && vm->unmapped && ev->h.time - vm->unmapped <= S2V_REFAULT_NS)
		add_duration(&r->fig.hist[S2V_HIST_REFAULT], ev->dur);
}

static struct vm *vm_of(struct replay *r, const struct s2v_ev_hdr *ev)
{
	struct vm *vm;

	HASH_FIND(hh, r->vms, &ev->vm, sizeof(ev->vm), vm);
	if (vm || !s2v_event_adds_vm(ev->type))
		return vm;
	vm = calloc(1, sizeof(*vm));
	if (!vm)
		return NULL;
	vm->id = ev->vm;
	vm->tgid = ev->tgid;
	HASH_ADD(hh, r->vms, id, sizeof(vm->id), vm);
	return vm;
}

static void count_event(struct replay *r, const struct s2v_ev_hdr *ev)
{
	struct vm *vm = ev->vm ? vm_of(r, ev) : NULL;

	switch (ev->type) {
	case S2V_EV_VM_DEAD:
		if (vm) {
			HASH_DEL(r->vms, vm);
			free(vm);
		}
		break;
	case S2V_EV_MAP:
	case S2V_EV_FAULT:
		count_page(r, vm, (const struct s2v_ev_page *)ev);
		break;
	case S2V_EV_UNMAP:
		add_duration(&r->fig.hist[S2V_HIST_RESET_UNMAP],
			     ((const struct s2v_ev_reset *)ev)->dur);
		if (vm)
			vm->unmapped = ev->time;
		break;
	}
}

static void add_totals(struct s2v_summary *to, const struct s2t_reader *reader)
{
	struct s2v_summary t = { 0 };

	s2t_totals(reader, &t);
	for (int i = 0; i < S2V_CNT_NR; i++)
		to->cnt[i] += t.cnt[i];
	to->lost += t.lost + s2t_state(reader)->lost;
	to->missed_probes += t.missed_probes;
	to->inventory_failed |= t.inventory_failed;
	to->audit_failed |= t.audit_failed;
	to->damaged += s2t_state(reader)->damaged;
}

static int on_figures(struct s2v_source *s, struct s2v_figures *f)
{
	*f = to_replay(s)->fig;
	if (to_replay(s)->reader)
		add_totals(&f->sum, to_replay(s)->reader);
	return 0;
}

/* ---- events ---- */

static int open_file(struct replay *r, char *err, size_t errlen)
{
	__u64 size;

	r->reader = s2t_open_path(r->path, &size, err, errlen);
	return r->reader ? 0 : -1;
}

/* Before the next pass: reports the end of all VMs. */
static void end_vms(struct replay *r)
{
	struct vm *vm, *next;

	HASH_ITER(hh, r->vms, vm, next)
	{
		struct s2v_ev_vm dead = { .h = { .type = S2V_EV_VM_DEAD,
						 .len = sizeof(dead),
						 .time = r->last,
						 .vm = vm->id,
						 .tgid = vm->tgid } };

		HASH_DEL(r->vms, vm);
		free(vm);
		r->fn(r->arg, &dead.h);
	}
}

/* Adds up the losses of the file, frees the reader, and begins the next pass if there is one. */
static void on_file_end(struct replay *r)
{
	char err[256];
	int failed = s2t_error(r->reader);

	if (failed) {
		s2v_err("%s could not be read to its end: %s", r->path, strerror(-failed));
		r->fig.sum.lost++;
	}
	add_totals(&r->fig.sum, r->reader);
	if (!s2t_state(r->reader)->closed)
		r->fig.sum.cut_short = true;
	r->fig.sum.stopped = s2t_state(r->reader)->stopped;
	s2t_free(r->reader);
	r->reader = NULL;
	r->next = NULL;
	if (!r->repeat || failed) {
		malloc_trim(0); /* its buffers are large */
		return;
	}
	end_vms(r);
	r->vm_shift = r->vm_max;
	r->time_shift += r->last > r->first ? r->last - r->first + 1000000 : 1000000;
	r->first = 0;
	r->started = s2v_clock_ns(CLOCK_MONOTONIC);
	if (open_file(r, err, sizeof(err))) {
		s2v_err("cannot read %s again: %s; nothing more is replayed", r->path, err);
		r->fig.sum.lost++;
	}
}

/* The next event, with the numbers and times of this pass. NULL at the end of the file. */
static const struct s2v_ev_hdr *peek(struct replay *r)
{
	const struct s2v_ev_hdr *ev;
	struct s2v_ev_hdr *copy = (void *)r->buf;

	while (!r->next) {
		ev = s2t_next(r->reader);
		if (!ev)
			return NULL;
		if (ev->type >= S2T_REC_FIRST || ev->len > sizeof(r->buf))
			continue;
		memcpy(copy, ev, ev->len);
		if (copy->vm)
			copy->vm += r->vm_shift;
		copy->time += r->time_shift;
		if (copy->vm > r->vm_max)
			r->vm_max = copy->vm;
		if (!r->first)
			r->first = copy->time;
		if (copy->time > r->last)
			r->last = copy->time;
		r->next = copy;
	}
	return r->next;
}

/* ns until an event is due; 0: now. */
static __u64 due_in(const struct replay *r, const struct s2v_ev_hdr *ev)
{
	__u64 gone = s2v_clock_ns(CLOCK_MONOTONIC) - r->started, due;

	if (r->speed <= 0 || ev->time <= r->first)
		return 0;
	due = (__u64)((double)(ev->time - r->first) / r->speed);
	return due > gone ? due - gone : 0;
}

static void on_time(evutil_socket_t fd, short what, void *arg)
{
	struct replay *r = arg;
	struct timeval tv = { 0 };
	__u64 wait = 0;

	(void)fd;
	(void)what;
	for (int n = 0; n < BATCH && r->reader && !wait; n++) {
		const struct s2v_ev_hdr *ev = peek(r);

		if (!ev) {
			on_file_end(r);
			break; /* an empty file that repeats must not loop here */
		}
		wait = due_in(r, ev);
		if (wait)
			break;
		r->next = NULL;
		count_event(r, ev);
		r->fn(r->arg, ev);
	}
	tv.tv_sec = (time_t)(wait / 1000000000);
	tv.tv_usec = (suseconds_t)(wait % 1000000000 / 1000);
	if (r->reader && event_add(r->ev, &tv)) {
		s2v_err("%s: nothing more is replayed: out of memory", r->path);
		r->fig.sum.lost++;
	}
}

static int on_start(struct s2v_source *s, struct event_base *base,
		    void (*fn)(void *arg, const struct s2v_ev_hdr *ev), void *arg)
{
	const struct timeval now = { 0 };
	struct replay *r = to_replay(s);

	r->fn = fn;
	r->arg = arg;
	r->started = s2v_clock_ns(CLOCK_MONOTONIC);
	r->ev = event_new(base, -1, 0, on_time, r);
	/* Lowest priority: an unpaced replay would starve all others. */
	if (!r->ev || event_priority_set(r->ev, S2V_PRIO_LAST) || event_add(r->ev, &now))
		return -ENOMEM;
	return 0;
}

static int on_stop(struct s2v_source *s)
{
	return to_replay(s)->ev ? event_del(to_replay(s)->ev) : 0;
}

static void on_free(struct s2v_source *s)
{
	struct replay *r = to_replay(s);
	struct vm *vm, *next;

	HASH_ITER(hh, r->vms, vm, next)
	{
		HASH_DEL(r->vms, vm);
		free(vm);
	}
	if (r->ev)
		event_free(r->ev);
	s2t_free(r->reader);
	s2v_host_free(&r->info.host);
	free(r);
}

/* Copies the facts about the run, since the reader is freed at the end of the file. */
static int copy_info(struct replay *r)
{
	const struct s2t_info *info = s2t_info(r->reader);
	size_t bytes = info->host.n_ram * sizeof(*info->host.ram);

	r->info = *info;
	r->info.host.ram = NULL;
	if (!bytes)
		return 0;
	r->info.host.ram = malloc(bytes);
	if (!r->info.host.ram)
		return -1;
	memcpy(r->info.host.ram, info->host.ram, bytes);
	return 0;
}

struct s2v_source *s2v_source_replay(const char *path, double speed, bool repeat, char *err,
				     size_t errlen)
{
	struct replay *r = calloc(1, sizeof(*r));
	char why[256];

	if (!r) {
		snprintf(err, errlen, "out of memory");
		return NULL;
	}
	r->path = path;
	r->speed = speed;
	r->repeat = repeat;
	if (open_file(r, why, sizeof(why))) {
		snprintf(err, errlen, "cannot read %s: %s", path, why);
		goto failed;
	}
	if (copy_info(r)) {
		snprintf(err, errlen, "out of memory");
		goto failed;
	}
	r->s = (struct s2v_source){
		.host = &r->info.host,
		.hooks = r->info.hooks,
		.by = S2V_BY_HOOKS | (r->info.audit ? S2V_BY_AUDIT : 0),
		.boot_to_real = r->info.boot_to_real,
		.every_map = r->info.all,
		.name = path,
		.start = on_start,
		.figures = on_figures,
		.stop = on_stop,
		.free = on_free,
	};
	return &r->s;
failed:
	on_free(&r->s);
	return NULL;
}
