// SPDX-License-Identifier: BSD-2-Clause
#include <stdio.h>
#include <string.h>

#include "sink/filter.h"

static struct s2v_sink_filter *of(struct s2v_sink *s)
{
	return (struct s2v_sink_filter *)s;
}

static bool in_time(const struct s2v_filter *f, __u64 time)
{
	return time >= f->since && time <= f->until;
}

static bool of_vm(const struct s2v_filter *f, const struct s2v_vm_ref *vm)
{
	return (!f->vm || f->vm == vm->id) && (!f->pid || f->pid == vm->pid);
}

static bool passes(const struct s2v_filter *f, const struct s2v_vm_ref *vm, __u64 time)
{
	return of_vm(f, vm) && in_time(f, time);
}

static void on_host(struct s2v_sink *s, const struct s2v_host *h)
{
	of(s)->to->host(of(s)->to, h);
}

static void on_hook(struct s2v_sink *s, const struct s2v_hook *k)
{
	of(s)->to->hook(of(s)->to, k);
}

static void on_rule(struct s2v_sink *s, const struct s2v_rule_state *r)
{
	of(s)->to->rule(of(s)->to, r);
}

static void on_event(struct s2v_sink *s, const struct s2v_ev_hdr *ev, const struct s2v_vm_ref *vm,
		     __u64 time)
{
	struct s2v_sink_filter *me = of(s);

	me->met |= of_vm(&me->f, vm);
	if (me->to->event && passes(&me->f, vm, time))
		me->to->event(me->to, ev, vm, time);
}

static void on_finding(struct s2v_sink *s, const struct s2v_finding *f)
{
	struct s2v_sink_filter *me = of(s);

	if (!of_vm(&me->f, &f->vm) || (me->f.rule && me->f.rule != f->rule)) {
		me->of_others += !f->update;
		return;
	}
	if (!in_time(&me->f, f->time)) {
		me->at_other_times += !f->update;
		return;
	}
	me->findings[s2v_finding_severity(f)] += !f->update;
	if (me->to->finding)
		me->to->finding(me->to, f);
}

static void on_memslot(struct s2v_sink *s, const struct s2v_contract_row *r)
{
	if (of_vm(&of(s)->f, &r->vm))
		of(s)->to->memslot(of(s)->to, r);
}

static void on_memslots_end(struct s2v_sink *s)
{
	of(s)->to->memslots_end(of(s)->to);
}

static void on_reset(struct s2v_sink *s, const struct s2v_reset *r)
{
	if (passes(&of(s)->f, &r->vm, r->time))
		of(s)->to->reset(of(s)->to, r);
}

static void on_audit(struct s2v_sink *s, const struct s2v_audit_row *r)
{
	if (passes(&of(s)->f, &r->vm, r->time))
		of(s)->to->audit(of(s)->to, r);
}

static void on_reset_total(struct s2v_sink *s, const struct s2v_reset_total *t)
{
	if (of_vm(&of(s)->f, &t->vm))
		of(s)->to->reset_total(of(s)->to, t);
}

bool s2v_sink_filter_missed(const struct s2v_sink_filter *s, char *buf, size_t len)
{
	size_t n;

	if (s->met || !(s->f.vm || s->f.pid))
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
	s2v_summary_because(sum, why);
}

static void on_summary(struct s2v_sink *s, const struct s2v_summary *sum)
{
	struct s2v_sink_filter *me = of(s);
	struct s2v_summary passed = *sum;
	char why[96];

	memcpy(passed.findings, me->findings, sizeof(passed.findings));
	if (s2v_sink_filter_missed(me, why, sizeof(why)))
		s2v_summary_because(&passed, why);
	if (me->at_other_times)
		not_shown(&passed, me->at_other_times, "times");
	if (me->f.alone && me->of_others)
		not_shown(&passed, me->of_others, "VMs or rules");
	me->complete = passed.complete;
	if (me->to->summary)
		me->to->summary(me->to, &passed);
}

static void on_close(struct s2v_sink *s)
{
	of(s)->to->close(of(s)->to);
	s->failed = of(s)->to->failed;
}

void s2v_sink_filter(struct s2v_sink_filter *s, struct s2v_sink *to, const struct s2v_filter *f)
{
	*s = (struct s2v_sink_filter){ .to = to, .f = *f };
	/* What `to` does not want, nobody is to prepare. */
	s->sink = (struct s2v_sink){
		.host = to->host ? on_host : NULL,
		.hook = to->hook ? on_hook : NULL,
		.rule = to->rule ? on_rule : NULL,
		.event = on_event,
		.finding = on_finding,
		.memslot = to->memslot ? on_memslot : NULL,
		.reset = to->reset ? on_reset : NULL,
		.reset_total = to->reset_total ? on_reset_total : NULL,
		.audit = to->audit ? on_audit : NULL,
		.memslots_end = to->memslots_end ? on_memslots_end : NULL,
		.summary = on_summary,
		.close = on_close,
	};
}
