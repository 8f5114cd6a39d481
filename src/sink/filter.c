// SPDX-License-Identifier: BSD-2-Clause
#include <stdio.h>
#include <string.h>

#include "sink/filter.h"

static struct s2v_sink_filter *to_filter(struct s2v_sink *s)
{
	return (struct s2v_sink_filter *)s;
}

static bool in_time(const struct s2v_filter *f, __u64 time)
{
	return time >= f->since && time <= f->until;
}

static bool vm_matches(const struct s2v_filter *f, const struct s2v_vm_ref *vm)
{
	return (!f->vm || f->vm == vm->id) && (!f->pid || f->pid == vm->pid);
}

static bool matches(const struct s2v_filter *f, const struct s2v_vm_ref *vm, __u64 time)
{
	return vm_matches(f, vm) && in_time(f, time);
}

static void on_host(struct s2v_sink *s, const struct s2v_host *h)
{
	to_filter(s)->to->host(to_filter(s)->to, h);
}

static void on_hook(struct s2v_sink *s, const struct s2v_hook *k)
{
	to_filter(s)->to->hook(to_filter(s)->to, k);
}

static void on_rule(struct s2v_sink *s, const struct s2v_rule_state *r)
{
	to_filter(s)->to->rule(to_filter(s)->to, r);
}

static void on_event(struct s2v_sink *s, const struct s2v_ev_hdr *ev, const struct s2v_vm_ref *vm,
		     __u64 time)
{
	struct s2v_sink_filter *me = to_filter(s);

	me->found |= vm_matches(&me->f, vm);
	if (me->to->event && matches(&me->f, vm, time))
		me->to->event(me->to, ev, vm, time);
}

static void on_finding(struct s2v_sink *s, const struct s2v_finding *f)
{
	struct s2v_sink_filter *me = to_filter(s);

	if (!vm_matches(&me->f, &f->vm) || (me->f.rule && me->f.rule != f->rule)) {
		me->other_findings += !f->update;
		return;
	}
	if (!in_time(&me->f, f->time)) {
		me->outside_time += !f->update;
		return;
	}
	me->findings[s2v_finding_severity(f)] += !f->update;
	if (me->to->finding)
		me->to->finding(me->to, f);
}

static void on_vcpu(struct s2v_sink *s, const struct s2v_vcpu_row *r)
{
	if (vm_matches(&to_filter(s)->f, &r->vm))
		to_filter(s)->to->vcpu(to_filter(s)->to, r);
}

static void on_memslot(struct s2v_sink *s, const struct s2v_contract_row *r)
{
	if (vm_matches(&to_filter(s)->f, &r->vm))
		to_filter(s)->to->memslot(to_filter(s)->to, r);
}

static void on_memslots_end(struct s2v_sink *s)
{
	to_filter(s)->to->memslots_end(to_filter(s)->to);
}

static void on_reset(struct s2v_sink *s, const struct s2v_reset *r)
{
	if (matches(&to_filter(s)->f, &r->vm, r->time))
		to_filter(s)->to->reset(to_filter(s)->to, r);
}

static void on_audit(struct s2v_sink *s, const struct s2v_audit_row *r)
{
	if (matches(&to_filter(s)->f, &r->vm, r->time))
		to_filter(s)->to->audit(to_filter(s)->to, r);
}

static void on_reset_total(struct s2v_sink *s, const struct s2v_reset_total *t)
{
	if (vm_matches(&to_filter(s)->f, &t->vm))
		to_filter(s)->to->reset_total(to_filter(s)->to, t);
}

bool s2v_sink_filter_missed(const struct s2v_sink_filter *s, char *buf, size_t len)
{
	size_t n;

	if (s->found || !(s->f.vm || s->f.pid))
		return false;
	n = (size_t)snprintf(buf, len, "the recording has no VM");
	if (s->f.vm && n < len)
		n += (size_t)snprintf(buf + n, len - n, " %u", s->f.vm);
	if (s->f.pid && n < len)
		snprintf(buf + n, len - n, " of process %u", s->f.pid);
	return true;
}

static void not_shown(struct s2v_summary *sum, __u64 n, const char *what)
{
	char why[96];

	snprintf(why, sizeof(why), "%llu finding%s of other %s not shown", (unsigned long long)n,
		 n == 1 ? "" : "s", what);
	s2v_summary_add_reason(sum, why);
}

static void on_summary(struct s2v_sink *s, const struct s2v_summary *sum)
{
	struct s2v_sink_filter *me = to_filter(s);
	struct s2v_summary passed = *sum;
	char why[96];

	memcpy(passed.findings, me->findings, sizeof(passed.findings));
	if (s2v_sink_filter_missed(me, why, sizeof(why)))
		s2v_summary_add_reason(&passed, why);
	if (me->outside_time)
		not_shown(&passed, me->outside_time, "times");
	if (me->f.alone && me->other_findings)
		not_shown(&passed, me->other_findings, "VMs or rules");
	me->complete = passed.complete;
	if (me->to->summary)
		me->to->summary(me->to, &passed);
}

static void on_close(struct s2v_sink *s)
{
	to_filter(s)->to->close(to_filter(s)->to);
	s->failed = to_filter(s)->to->failed;
}

void s2v_sink_filter(struct s2v_sink_filter *s, struct s2v_sink *to, const struct s2v_filter *f)
{
	*s = (struct s2v_sink_filter){ .to = to, .f = *f };
	/* Callers skip the preparation of results whose function is NULL. */
	s->sink = (struct s2v_sink){
		.host = to->host ? on_host : NULL,
		.hook = to->hook ? on_hook : NULL,
		.rule = to->rule ? on_rule : NULL,
		.event = on_event,
		.finding = on_finding,
		.vcpu = to->vcpu ? on_vcpu : NULL,
		.memslot = to->memslot ? on_memslot : NULL,
		.reset = to->reset ? on_reset : NULL,
		.reset_total = to->reset_total ? on_reset_total : NULL,
		.audit = to->audit ? on_audit : NULL,
		.memslots_end = to->memslots_end ? on_memslots_end : NULL,
		.summary = on_summary,
		.close = on_close,
	};
}
