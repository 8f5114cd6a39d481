// SPDX-License-Identifier: BSD-2-Clause
#include <bpf/libbpf.h>
#include <errno.h>
#include <time.h>

#include "live/iter.h"
#include "live/live_private.h"
#include "live/memory.h"

#define PAUSE_NS 1000000
#define OWNERS_MAX 4 /* threads tried, before the VMAs count as unreadable */

struct memory_reader {
	struct s2v_live *l;
	const struct s2v_memory_query *of;
	struct s2v_memory *m; /* shared with the BPF side */
};

static bool go_on(void *arg)
{
	const struct s2v_memory_query *of = ((struct memory_reader *)arg)->of;

	return !of->go_on || of->go_on(of->arg);
}

/* Finds a thread that uses the mm, into m->owner; with tid: checks only that thread. */
static int find_owner(struct memory_reader *q, __u32 tid)
{
	const struct s2v_iter_opts o = {
		.done = &q->m->owner, .go_on = go_on, .arg = q, .to_end = q->of->to_end
	};
	struct bpf_link *link = s2v_iter_attach(q->l->skel->progs.memory_owner, tid, 0);
	int err;

	q->m->owner = q->m->users = 0;
	if (!link)
		/* ESRCH: the thread is gone */
		return tid && errno == ESRCH ? 0 : -errno;
	err = s2v_iter_run(link, &o);
	bpf_link__destroy(link);
	return err;
}

/*
 * Reads the VMAs of a thread. UNREAD if there are too many, or if the thread exited meanwhile: the iterator then just
 * ends, as after the last VMA.
 */
static int read_owner(struct memory_reader *q, __u32 owner, struct s2v_vmas *v)
{
	struct bpf_link *link = s2v_iter_attach(q->l->skel->progs.memory_vmas, owner, 0);
	const struct s2v_vmas_source from = {
		.done = &q->m->vmas_end, .go_on = go_on, .arg = q, .to_end = q->of->to_end
	};
	int err;

	if (!link)
		return errno == ESRCH ? S2V_MEMORY_UNREAD : -errno;
	q->m->vmas_end = 0;
	q->m->vma_last = 0;
	err = s2v_vmas_read(v, link, &from);
	bpf_link__destroy(link);
	if (err)
		return err == -E2BIG || err == -EBADMSG ? S2V_MEMORY_UNREAD : err;
	if (!q->m->vmas_end)
		return S2V_MEMORY_UNREAD;
	err = find_owner(q, owner);
	if (err)
		return err;
	return q->m->owner == owner ? S2V_MEMORY_READ : S2V_MEMORY_UNREAD;
}

static int read_once(struct memory_reader *q, __u32 tid, struct s2v_vmas *v)
{
	int err = find_owner(q, tid);

	if (!err && tid && !q->m->owner)
		err = find_owner(q, 0);
	if (err)
		return err;
	if (q->m->owner)
		return read_owner(q, q->m->owner, v);
	return q->m->users ? S2V_MEMORY_UNREAD : S2V_MEMORY_EXITED;
}

int s2v_memory_read(struct s2v_live *l, const struct s2v_memory_query *of, struct s2v_vmas *v)
{
	const struct timespec pause = { .tv_nsec = PAUSE_NS };
	struct memory_reader q = { .l = l, .of = of, .m = &l->skel->bss->memory };
	int ret = S2V_MEMORY_UNREAD;

	q.m->mm = of->mm;
	/* If the thread exits meanwhile, try another with the same mm. */
	for (int tries = 0; tries < OWNERS_MAX && ret == S2V_MEMORY_UNREAD; tries++) {
		if (tries)
			nanosleep(&pause, NULL);
		ret = read_once(&q, tries ? 0 : of->tid, v);
	}
	if (ret)
		s2v_vmas_free(v);
	return ret;
}
