// SPDX-License-Identifier: BSD-2-Clause
/* s2verify trace, resets and record. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "live/audit.h"
#include "cmd/cmd.h"
#include "sink/sinks.h"
#include "core/run.h"
#include "util/util.h"
#include "cmd/watch.h"

/* trace and resets: findings and results go to stdout. */
static int show(struct s2v_cmd_opts *o)
{
	struct s2v_sink *sink = o->json ? s2v_sink_json() : s2v_sink_text(isatty(STDOUT_FILENO));
	struct s2v_recording rec;

	if (!sink) {
		s2v_err("out of memory");
		return S2V_EXIT_CANNOT;
	}
	s2v_run_narrow(sink, o->resets);
	o->all |= o->resets;
	return s2v_run_close(sink, s2v_watch(o, sink, NULL, &rec));
}

int s2v_cmd_trace(int argc, char **argv)
{
	struct s2v_cmd_opts o;

	return s2v_trace_opts_parse(argc, argv, &o) ? S2V_EXIT_USAGE : show(&o);
}

int s2v_cmd_resets(int argc, char **argv)
{
	struct s2v_cmd_opts o;

	return s2v_resets_opts_parse(argc, argv, &o) ? S2V_EXIT_USAGE : show(&o);
}

/* ---- record: counts findings, and may end at one (--trigger) ---- */

struct counting {
	struct s2v_sink sink; /* first */
	const struct s2v_cmd_opts *o;
	struct s2v_summary sum;
	bool stop, summed;
};

static void count_finding(struct s2v_sink *s, const struct s2v_finding *f)
{
	struct counting *c = (struct counting *)s;

	if (c->o->has_trigger && s2v_finding_severity(f) >= c->o->trigger)
		c->stop = true;
}

static void keep_summary(struct s2v_sink *s, const struct s2v_summary *sum)
{
	struct counting *c = (struct counting *)s;

	c->sum = *sum;
	c->summed = true;
}

static void print_totals(const struct counting *c, const struct s2t_facts *f)
{
	char size[S2V_SIZE_LEN], took[S2V_SIZE_LEN];
	unsigned long long findings = 0;

	for (int i = 0; i < S2V_SEVERITY_NR; i++)
		findings += c->sum.findings[i];
	s2v_format_size(f->bytes, size);
	s2v_format_duration(c->sum.duration_ns, took);
	fprintf(stderr, "%s: %llu event%s in %s, %s bytes", c->o->output,
		(unsigned long long)f->events, f->events == 1 ? "" : "s", took, size);
	if (f->parts > 1)
		fprintf(stderr, " in %u files", f->parts);
	if (f->dropped)
		fprintf(stderr, ", %llu more not recorded", (unsigned long long)f->dropped);
	fprintf(stderr, "; %llu finding%s", findings, findings == 1 ? "" : "s");
	for (int i = S2V_SEVERITY_NR - 1; i >= 0; i--)
		if (c->sum.findings[i])
			fprintf(stderr, ", %llu %s", (unsigned long long)c->sum.findings[i],
				s2v_severity_name((enum s2v_severity)i));
	fprintf(stderr, "; %s%s\n",
		c->sum.complete ? "complete" : "incomplete: ", c->sum.incomplete);
}

int s2v_cmd_record(int argc, char **argv)
{
	struct counting c = { .sink = { .finding = count_finding, .summary = keep_summary } };
	struct s2v_recording rec;
	struct s2v_cmd_opts o;
	int status;

	if (s2v_record_opts_parse(argc, argv, &o))
		return S2V_EXIT_USAGE;
	c.o = &o;
	status = s2v_watch(&o, &c.sink, &c.stop, &rec);
	if (c.summed)
		print_totals(&c, &rec.facts);
	return status;
}
