// SPDX-License-Identifier: BSD-2-Clause
/* Walks the guest's own tables; see guest.h. The walk itself is core/stage1.c. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "live/guest_private.h"
#include "live/keep.h"
#include "live/vcpu_regs.h"
#include "util/util.h"

#define TRIES 3 /* walks of a regime that has memory which is not cacheable, until two agree */
/* A kernel that isolates its tables (KPTI) leaves a few pages by TTBR1_EL1 while user code runs. */
#define KERNEL_LEAST (1U << 20)
#define KERNEL_TRIES 20 /* to find a vCPU in its kernel */
#define KERNEL_PAUSE_NS 5000000
/* Intervals of each memory type, 32 bytes each. */
#define INTERVALS_MOST (1U << 21)
/* Events of each memory type and memslot; the last covers the rest, with holes. */
#define EVENTS_CACHEABLE 16
#define EVENTS_OTHER 256

static void sets_free(struct s2v_guest_sets *s)
{
	for (int i = 0; i < S2V_ATTR_NR; i++)
		s2v_intervals_free(&s->of[i]);
}

static void sets_init(struct s2v_guest_sets *s)
{
	memset(s, 0, sizeof(*s));
	for (__u32 i = 0; i < S2V_ATTR_NR; i++) {
		s->of[i].most = INTERVALS_MOST;
		s->of[i].by_note = !s2v_attr_is_cacheable(i);
	}
}

static bool sets_have_noncacheable(const struct s2v_guest_sets *s)
{
	for (__u32 i = 0; i < S2V_ATTR_NR; i++)
		if (s->of[i].n && !s2v_attr_is_cacheable(i))
			return true;
	return false;
}

/*
 * Tables that the VM can need, as chunks: what maps its memory twice in pages, and a start for sparse ones; for each
 * vCPU, and once more. Without such a bound tables that lead to each other would have 512^3 paths.
 */
static __u64 chunks_at_most(const struct s2v_guest_walk *g)
{
	__u64 pages = 0;

	for (size_t i = 0; i < g->o->n_slots; i++)
		pages += g->o->slot[i].size / 4096;
	return (g->n + 1ULL) * (4096 + pages / S2V_CHUNK_WORDS * 2);
}

/* ---- the two functions that the walk calls ---- */

_Static_assert(S2V_CHUNK_SIZE == S2V_TABLE_CHUNK && S2V_CHUNKS <= S2V_BATCH_MOST,
	       "a step of the BPF side reads a batch of the walk");

static int read_chunks(void *arg, const __u64 *ipa, unsigned int n, const __u64 **data)
{
	static const __u32 flag[] = {
		[S2V_CHUNK_NOT_RAM] = S2V_VC_NOT_RAM,
		[S2V_CHUNK_SWAPPED] = S2V_VC_FAILED,
		[S2V_CHUNK_FAILED] = S2V_VC_FAILED,
		[S2V_CHUNK_CHANGED] = S2V_VC_CHANGED,
	};
	struct s2v_guest_walk *g = arg;
	int err;

	g->io->n = n;
	memcpy(g->io->ipa, ipa, n * sizeof(*ipa));
	err = s2v_guest_read_step(g);
	if (err)
		return err;
	for (unsigned int i = 0; i < n; i++) {
		__u32 state = g->io->state[i];

		data[i] = state == S2V_CHUNK_READ ? g->io->data[i] : NULL;
		g->now->ev.absent += !g->recheck && state == S2V_CHUNK_ABSENT;
		if (state < S2V_ARRAY_SIZE(flag))
			g->now->ev.flags |= flag[state];
	}
	return g->o->pace(g->o->arg, (__u64)n * S2V_CHUNK_WORDS) ? 0 : -EINTR;
}

/* Index of the first memslot that ends after gpa, or n_slots. */
static size_t slot_after(const struct s2v_guest_audit *o, __u64 gpa)
{
	size_t low = 0, high = o->n_slots;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (o->slot[mid].gpa + o->slot[mid].size > gpa)
			high = mid;
		else
			low = mid + 1;
	}
	return low;
}

static void report_leaves(const struct s2v_guest_walk *g, const struct s2v_stage1_run *run)
{
	struct s2v_ev_guest_leaves ev = { .h = { .type = S2V_EV_GUEST_LEAVES,
						 .len = sizeof(ev),
						 .time = s2v_clock_ns(CLOCK_BOOTTIME),
						 .vm = g->o->vm,
						 .tgid = g->o->tgid },
					  .va = run->va,
					  .ipa = run->ipa,
					  .size = run->size,
					  .leaves = run->leaves,
					  .vcpu = g->now->ev.vcpu,
					  .attr = (__u8)run->attr,
					  .level = (__s8)run->level };

	/* pace() may have handled the VM's end. */
	if (s2v_keep_has_vm(g->o->l, g->o->vm))
		g->o->l->fn(g->o->l->arg, &ev.h);
}

/* Adds the parts of a run that are in memslots. What it maps elsewhere is no memory of the VMM. */
static int take_run(void *arg, const struct s2v_stage1_run *run)
{
	struct s2v_guest_walk *g = arg;
	const struct s2v_guest_audit *o = g->o;
	__u64 end = run->ipa + run->size;
	bool cacheable = s2v_attr_is_cacheable(run->attr);
	struct s2v_guest_sets *to = cacheable ? &g->all : g->to;
	int err = 0;

	g->mapped += run->size;
	if (o->each && !g->recheck)
		report_leaves(g, run);
	if (g->recheck && cacheable)
		return 0;
	for (size_t i = slot_after(o, run->ipa); i < o->n_slots && o->slot[i].gpa < end && !err;
	     i++) {
		__u64 slot_end = o->slot[i].gpa + o->slot[i].size;
		__u64 start = run->ipa > o->slot[i].gpa ? run->ipa : o->slot[i].gpa;
		struct s2v_interval part = {
			.start = start,
			.end = end < slot_end ? end : slot_end,
			.note = run->va + (start - run->ipa),
			.owner = g->now->ev.vcpu,
		};

		err = s2v_intervals_add(&to->of[run->attr], &part);
	}
	return err;
}

/* ---- regimes ---- */

/* Walks a regime into *to. 0 or -errno; what it could not walk is in the vCPU's flags. */
static int walk_once(struct s2v_guest_walk *g, const struct s2v_regime *r,
		     struct s2v_guest_sets *to)
{
	struct s2v_stage1_walk w = {
		.read = read_chunks, .run = take_run, .arg = g, .batch = S2V_CHUNKS, .most = g->left
	};
	int err;

	g->to = to;
	g->mapped = 0;
	err = s2v_stage1_walk(r, &w);
	g->left -= w.tables;
	if (!g->recheck) {
		g->now->ev.tables += w.tables;
		g->now->ev.leaves += w.leaves;
	}
	if (err == -E2BIG) {
		g->now->ev.flags |= S2V_VC_BOUND;
		return 0;
	}
	return err;
}

/* Sets what the vCPU's registers say. */
static void read_regs(struct s2v_guest_vcpu *v)
{
	struct s2v_stage1_regs regs = { .sctlr = v->r.sctlr,
					.tcr = v->r.tcr,
					.tcr2 = v->r.tcr2,
					.mair = v->r.mair,
					.ttbr = { v->r.ttbr[0], v->r.ttbr[1] } };

	for (int i = 0; i < 2; i++)
		v->kind[i] = s2v_regime_of(&regs, i, &v->regime[i]);
}

/*
 * Walks again, and keeps in *first what both walks found, if the vCPU still uses these tables. The guest runs
 * meanwhile: a page of a table that it had freed may hold anything, but is then not reached a second time.
 * Returns 1: confirmed, 0: the vCPU uses other tables now, or -errno.
 */
static int confirm(struct s2v_guest_walk *g, struct s2v_guest_vcpu *v, int which,
		   struct s2v_guest_sets *first)
{
	struct s2v_regime r = v->regime[which];
	struct s2v_guest_sets second;
	int err;

	sets_init(&second);
	g->recheck = true;
	err = walk_once(g, &r, &second);
	g->recheck = false;
	if (!err)
		err = s2v_vcpu_regs(g->o, &v->r);
	v->ev.flags |= v->r.flags & S2V_VC_STALE;
	for (__u32 i = 0; i < S2V_ATTR_NR && !err; i++) {
		s2v_intervals_sort(&first->of[i]);
		s2v_intervals_sort(&second.of[i]);
		err = s2v_intervals_intersect(&first->of[i], &second.of[i]);
	}
	sets_free(&second);
	if (err)
		return err;
	read_regs(v);
	return v->r.found && v->kind[which] == S2V_REGIME_TABLES &&
	       !memcmp(&v->regime[which], &r, sizeof(r));
}

static int walk_regime(struct s2v_guest_walk *g, struct s2v_guest_vcpu *v, int which)
{
	int err = 0, confirmed = 0;
	struct s2v_guest_sets found;

	g->now = v;
	for (int i = 0; i < TRIES && !err && !confirmed; i++) {
		if (v->kind[which] != S2V_REGIME_TABLES)
			return 0; /* now: it was changed by confirm() */
		sets_init(&found);
		err = walk_once(g, &v->regime[which], &found);
		v->high = which ? g->mapped : v->high;
		confirmed = err ? 0 : 1;
		if (!err && sets_have_noncacheable(&found))
			confirmed = confirm(g, v, which, &found);
		if (confirmed < 0)
			err = confirmed;
		for (int a = 0; a < S2V_ATTR_NR && !err && confirmed; a++)
			err = s2v_intervals_merge(&g->all.of[a], &found.of[a]);
		if (!err && confirmed)
			v->walked[which] = v->regime[which];
		sets_free(&found);
	}
	if (!err && !confirmed)
		v->ev.flags |= S2V_VC_CHANGED;
	if (err != -E2BIG)
		return err;
	v->ev.flags |= S2V_VC_BOUND; /* more intervals than are kept */
	return 0;
}

/* Returns whether an equal regime was walked for a vCPU before v. */
static bool is_walked(const struct s2v_guest_walk *g, const struct s2v_guest_vcpu *v, int which)
{
	for (const struct s2v_guest_vcpu *u = g->vcpu; u < v; u++)
		if (!(u->ev.flags & S2V_VC_UNREAD) &&
		    !memcmp(&u->walked[which], &v->regime[which], sizeof(v->regime[which])))
			return true;
	return false;
}

/* Whether some vCPU has shown its kernel's tables, or has no kernel that could hide them. */
static bool kernel_is_seen(const struct s2v_guest_walk *g)
{
	const struct s2v_guest_vcpu *v;
	bool hidden = false;

	for (unsigned int i = 0; i < g->n; i++) {
		v = &g->vcpu[i];
		if (v->kind[1] != S2V_REGIME_TABLES || (v->ev.flags & (S2V_VC_OFF | S2V_VC_UNREAD)))
			continue;
		if (v->high >= KERNEL_LEAST)
			return true;
		hidden |= (v->ev.flags & S2V_VC_USER) != 0;
	}
	return !hidden;
}

/* All were at EL0 and TTBR1_EL1 maps next to nothing: waits until one is in its kernel. 0 or -errno. */
static int find_kernel(struct s2v_guest_walk *g)
{
	const struct timespec pause = { .tv_nsec = KERNEL_PAUSE_NS };
	int err = 0;

	for (int i = 0; i < KERNEL_TRIES && !err && !kernel_is_seen(g); i++) {
		nanosleep(&pause, NULL);
		if (!g->o->pace(g->o->arg, 0))
			return -EINTR;
		for (unsigned int k = 0; k < g->n && !err; k++) {
			struct s2v_guest_vcpu *v = &g->vcpu[k];

			if (!(v->ev.flags & S2V_VC_USER))
				continue;
			err = s2v_vcpu_regs(g->o, &v->r);
			if (err || !v->r.found || (v->r.flags & S2V_VC_USER))
				continue;
			v->ev.flags &= ~S2V_VC_USER;
			read_regs(v);
			err = walk_regime(g, v, 1);
		}
	}
	if (kernel_is_seen(g))
		return err;
	for (unsigned int k = 0; k < g->n; k++)
		if (g->vcpu[k].ev.flags & S2V_VC_USER)
			g->vcpu[k].ev.flags |= S2V_VC_NO_KERNEL;
	return err;
}

/* Returns whether its MMU or its caches are off, and sets its flags. */
static bool is_off(struct s2v_guest_vcpu *v)
{
	if ((v->r.sctlr & S2V_SCTLR_M) && (v->r.sctlr & S2V_SCTLR_C))
		return false;
	v->ev.flags |= v->r.sctlr & S2V_SCTLR_M ? S2V_VC_CACHE_OFF : S2V_VC_MMU_OFF;
	return true;
}

static int walk_vcpu(struct s2v_guest_walk *g, struct s2v_guest_vcpu *v)
{
	bool same = false, own = false;
	int err = 0;

	if ((v->ev.flags & (S2V_VC_OFF | S2V_VC_UNREAD)) || is_off(v))
		return 0;
	for (int i = 0; i < 2 && !err; i++) {
		if (v->kind[i] == S2V_REGIME_FORMAT)
			v->ev.flags |= S2V_VC_FORMAT;
		if (v->kind[i] != S2V_REGIME_TABLES)
			continue;
		if (is_walked(g, v, i)) {
			same = true;
			continue;
		}
		own = true;
		err = walk_regime(g, v, i);
	}
	if (same && !own)
		v->ev.flags |= S2V_VC_SHARED;
	is_off(v); /* by now */
	return err;
}

/* Reads the registers of all vCPUs. 0 or -errno. */
static int read_vcpus(struct s2v_guest_walk *g)
{
	int err = 0;

	for (__u32 i = 0;; i++) {
		struct s2v_audit_vcpu r = { .index = i };
		struct s2v_guest_vcpu *v;

		err = s2v_vcpu_regs(g->o, &r);
		if (err || !r.found)
			return err;
		v = reallocarray(g->vcpu, g->n + 1, sizeof(*v));
		if (!v)
			return -ENOMEM;
		g->vcpu = v;
		v += g->n++;
		memset(v, 0, sizeof(*v));
		v->r = r;
		v->ev = (struct s2v_ev_vcpu){
			.h = { .type = S2V_EV_VCPU,
			       .len = sizeof(v->ev),
			       .time = s2v_clock_ns(CLOCK_BOOTTIME),
			       .vm = g->o->vm,
			       .tgid = g->o->tgid },
			.vcpu = r.id,
			.flags = r.flags,
		};
		read_regs(v);
	}
}

/* ---- events ---- */

/* Reports the part of set `attr` in a memslot, in at most `most` events. */
static void report_type(struct s2v_guest_walk *g, const struct s2v_guest_slot *slot, __u32 attr,
			unsigned int most)
{
	const struct s2v_intervals *set = &g->all.of[attr];
	__u64 end = slot->gpa + slot->size;
	struct s2v_ev_guest ev = { 0 };
	unsigned int n = 0;

	for (size_t i = s2v_intervals_after(set, slot->gpa); i < set->n; i++) {
		struct s2v_interval x = set->a[i];

		if (x.start >= end)
			break;
		/* Intervals of adjacent memslots are joined, and if cacheable whatever their virtual addresses. */
		if (x.start < slot->gpa) {
			x.note = set->by_note ? x.note + (slot->gpa - x.start) : 0;
			x.start = slot->gpa;
		}
		if (x.end > end)
			x.end = end;
		if (n && n < most)
			g->o->l->fn(g->o->l->arg, &ev.h);
		/* The last one goes on: its size grows, and its bytes. */
		if (n < most) {
			ev = (struct s2v_ev_guest){
				.h = { .type = S2V_EV_GUEST,
				       .len = sizeof(ev),
				       .time = s2v_clock_ns(CLOCK_BOOTTIME),
				       .vm = g->o->vm,
				       .tgid = g->o->tgid },
				.slot = slot->id,
				.as_id = slot->as_id,
				.gen = slot->gen,
				.gpa = x.start,
				.va = x.note,
				.vcpu = x.owner,
				.attr = (__u8)attr,
				.idle = s2v_guest_is_pool(g, x.start, attr),
			};
			n++;
		} else {
			ev.idle = 0;
		}
		ev.size = x.end - ev.gpa;
		ev.bytes += x.end - x.start;
		if (!s2v_attr_is_cacheable(attr))
			ev.alias += s2v_guest_cacheable_bytes(g, x.start, x.end);
	}
	if (n)
		g->o->l->fn(g->o->l->arg, &ev.h);
}

static void report_all(struct s2v_guest_walk *g)
{
	for (unsigned int i = 0; i < g->n; i++) {
		struct s2v_ev_vcpu *ev = &g->vcpu[i].ev;

		ev->sctlr = g->vcpu[i].r.sctlr;
		ev->tcr = g->vcpu[i].r.tcr;
		ev->mair = g->vcpu[i].r.mair;
		ev->ttbr0 = g->vcpu[i].r.ttbr[0];
		ev->ttbr1 = g->vcpu[i].r.ttbr[1];
		g->o->l->fn(g->o->l->arg, &ev->h);
	}
	for (size_t i = 0; i < g->o->n_slots; i++)
		for (__u32 a = 0; a < S2V_ATTR_NR; a++)
			report_type(g, &g->o->slot[i], a,
				    s2v_attr_is_cacheable(a) ? EVENTS_CACHEABLE : EVENTS_OTHER);
}

int s2v_guest_audit(const struct s2v_guest_audit *o)
{
	struct s2v_guest_walk g = { .o = o, .io = &o->l->skel->bss->audit_guest };
	int err;

	sets_init(&g.all);
	err = read_vcpus(&g);
	g.left = chunks_at_most(&g);
	for (unsigned int i = 0; i < g.n && !err; i++)
		err = walk_vcpu(&g, &g.vcpu[i]);
	if (!err)
		err = find_kernel(&g);
	for (__u32 a = 0; a < S2V_ATTR_NR; a++)
		s2v_intervals_sort(&g.all.of[a]);
	if (!err)
		err = s2v_guest_find_pools(&g);
	/* pace() may have handled the VM's end. */
	if (!err && s2v_keep_has_vm(o->l, o->vm))
		report_all(&g);
	free(g.vcpu);
	sets_free(&g.all);
	return err;
}
