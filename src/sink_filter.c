// SPDX-License-Identifier: BSD-2-Clause
#include <string.h>

#include "sink_filter.h"

static struct s2v_sink_filter *of(struct s2v_sink *s)
{
	return (struct s2v_sink_filter *)s;
}

static bool in_time(const struct s2v_filter *f, __u64 time)
{
	return time >= f->since && time <= f->until;
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
	if (in_time(&of(s)->f, time))
		of(s)->to->event(of(s)->to, ev, vm, time);
}

static void on_finding(struct s2v_sink *s, const struct s2v_finding *f)
{
	struct s2v_sink_filter *me = of(s);

	if (!in_time(&me->f, f->time) || (me->f.rule && me->f.rule != f->rule))
		return;
	me->findings[f->rule->severity] += !f->update;
	if (me->to->finding)
		me->to->finding(me->to, f);
}

static void on_memslot(struct s2v_sink *s, const struct s2v_contract_row *r)
{
	of(s)->to->memslot(of(s)->to, r);
}

static void on_memslots_end(struct s2v_sink *s)
{
	of(s)->to->memslots_end(of(s)->to);
}

static void on_reset(struct s2v_sink *s, const struct s2v_reset *r)
{
	if (in_time(&of(s)->f, r->time))
		of(s)->to->reset(of(s)->to, r);
}

static void on_reset_total(struct s2v_sink *s, const struct s2v_reset_total *t)
{
	of(s)->to->reset_total(of(s)->to, t);
}

static void on_summary(struct s2v_sink *s, const struct s2v_summary *sum)
{
	struct s2v_summary passed = *sum;

	memcpy(passed.findings, of(s)->findings, sizeof(passed.findings));
	of(s)->to->summary(of(s)->to, &passed);
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
		.event = to->event ? on_event : NULL,
		.finding = on_finding,
		.memslot = to->memslot ? on_memslot : NULL,
		.reset = to->reset ? on_reset : NULL,
		.reset_total = to->reset_total ? on_reset_total : NULL,
		.memslots_end = to->memslots_end ? on_memslots_end : NULL,
		.summary = to->summary ? on_summary : NULL,
		.close = on_close,
	};
}
