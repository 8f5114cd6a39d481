// SPDX-License-Identifier: BSD-2-Clause
#define _GNU_SOURCE
#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>

#include "live/vcpu_regs.h"

#define VISITS 3 /* it may have moved to another CPU meanwhile */
#define CPUS_MOST 65536

/* One step. 0 or -errno. */
static int ask(const struct s2v_guest_audit *o, struct s2v_audit_vcpu *r)
{
	struct s2v_audit_vcpu *io = &o->l->skel->bss->audit_vcpu;
	int err;

	io->index = r->index;
	err = o->step(o->arg, S2V_AUDIT_VCPU);
	if (!err)
		*r = *io;
	return err;
}

/* A thread that this one cannot preempt must not be waited for. */
static bool can_preempt(__u32 tid)
{
	int policy = tid ? sched_getscheduler((pid_t)tid) : -1;

	return policy >= 0 && policy != SCHED_FIFO && policy != SCHED_RR &&
	       policy != 6; /* SCHED_DEADLINE */
}

/* Asks again on the CPU where the vCPU is loaded. */
static int visit(const struct s2v_guest_audit *o, struct s2v_audit_vcpu *r, cpu_set_t *set,
		 size_t size)
{
	int err = 0;

	for (int i = 0; i < VISITS && !err && r->found && r->cpu >= 0; i++) {
		if (r->cpu >= CPUS_MOST || !can_preempt(r->tid))
			break;
		CPU_ZERO_S(size, set);
		CPU_SET_S((size_t)r->cpu, size, set);
		if (sched_setaffinity(0, size, set))
			break;
		err = ask(o, r);
	}
	return err;
}

int s2v_vcpu_regs(const struct s2v_guest_audit *o, struct s2v_audit_vcpu *r)
{
	size_t size = CPU_ALLOC_SIZE(CPUS_MOST);
	cpu_set_t *mine, *other;
	int err = ask(o, r);

	if (err || !r->found || r->cpu < 0)
		return err;
	mine = calloc(1, size);
	other = calloc(1, size);
	if (!mine || !other)
		err = -ENOMEM;
	else if (!sched_getaffinity(0, size, mine)) {
		err = visit(o, r, other, size);
		/* It fails if none of these CPUs is online any more: then all will do. */
		if (sched_setaffinity(0, size, mine)) {
			memset(other, 0xff, size);
			sched_setaffinity(0, size, other);
		}
	}
	free(mine);
	free(other);
	if (!err && r->found && r->cpu >= 0)
		r->flags |= S2V_VC_STALE;
	return err;
}
