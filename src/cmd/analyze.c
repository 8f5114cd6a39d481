// SPDX-License-Identifier: BSD-2-Clause
/* s2verify analyze: the same verdicts on a recording as on the live host. */
#define _GNU_SOURCE /* strptime, timegm */
#include <argp.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "trace/analyze.h"
#include "cmd/cmd.h"
#include "cmd/open_trace.h"
#include "sink/filter.h"
#include "cmd/opts.h"
#include "util/util.h"
#include "report/html.h"
#include "sink/sinks.h"

enum {
	OPT_JSON = 256,
	OPT_ALL,
	OPT_RESETS,
	OPT_SINCE,
	OPT_UNTIL,
	OPT_VM,
	OPT_RULE,
	OPT_FAIL_ON,
	OPT_REFAULT_WINDOW,
	OPT_HTML,
};

/* A time: CLOCK_REALTIME, or relative to the start of the recording. */
struct moment {
	bool given, relative;
	__u64 ns;
};

struct options {
	const char *file, *html;
	bool json, all, resets;
	struct moment since, until;
	__u32 pid, vm;
	const struct s2v_rule *rule;
	enum s2v_severity fail_on;
	__u64 refault_window;
};

/* "2026-11-22T05:02:53.5Z" (UTC) or "+1m30s" (since the recording began). */
static void parse_moment(struct argp_state *state, const char *opt, const char *arg,
			 struct moment *m)
{
	uint64_t ns = 0, unit = 100000000;
	struct tm tm = { 0 };
	const char *p;

	m->given = true;
	m->relative = arg[0] == '+';
	if (m->relative) {
		if (s2v_parse_duration(arg + 1, &ns))
			argp_error(state, "%s %s: not a duration; example: +1m30s", opt, arg);
		m->ns = ns;
		return;
	}
	p = strptime(arg, "%Y-%m-%dT%H:%M:%S", &tm);
	if (p && *p == '.')
		for (p++; *p >= '0' && *p <= '9'; p++, unit /= 10)
			ns += (uint64_t)(*p - '0') * unit;
	if (!p || strcmp(p, "Z") != 0 || tm.tm_year < 70)
		argp_error(
			state,
			"%s %s: not a time; examples: 2026-11-22T05:02:53.5Z (UTC), +1m30s (since "
			"the recording began)",
			opt, arg);
	m->ns = (__u64)timegm(&tm) * 1000000000ULL + ns;
}

static void parse_vm(struct argp_state *state, const char *arg, __u32 *vm)
{
	char *end;
	unsigned long v = strtoul(arg, &end, 10);

	if (*arg < '0' || *arg > '9' || *end || !v || v > 0xffffffffUL)
		argp_error(state, "--vm=%s: not the number of a VM; findings show it, from 1", arg);
	*vm = (__u32)v;
}

/* Handles the options that filter. Returns false for any other. */
static bool filter_option(int key, char *arg, struct argp_state *state, struct options *o)
{
	switch (key) {
	case OPT_SINCE:
		parse_moment(state, "--since", arg, &o->since);
		return true;
	case OPT_UNTIL:
		parse_moment(state, "--until", arg, &o->until);
		return true;
	case 'p':
		if (s2v_parse_pid(arg, &o->pid))
			argp_error(state, "-p %s: not a process ID", arg);
		return true;
	case OPT_VM:
		parse_vm(state, arg, &o->vm);
		return true;
	case OPT_RULE:
		o->rule = s2v_rule_find(arg);
		if (!o->rule)
			argp_error(state,
				   "--rule=%s: no such rule; \"s2verify explain\" lists the rules",
				   arg);
		return true;
	default:
		return false;
	}
}

static error_t parser(int key, char *arg, struct argp_state *state)
{
	struct options *o = state->input;

	if (filter_option(key, arg, state, o) || s2v_opt_file(state, key, arg, &o->file))
		return 0;
	switch (key) {
	case OPT_JSON:
		o->json = true;
		break;
	case OPT_ALL:
		o->all = true;
		break;
	case OPT_RESETS:
		o->resets = true;
		break;
	case OPT_HTML:
		o->html = arg;
		break;
	case OPT_FAIL_ON:
		o->fail_on = s2v_opt_severity(state, "--fail-on", arg);
		break;
	case OPT_REFAULT_WINDOW:
		s2v_opt_duration(state, "--refault-window", arg, &o->refault_window);
		break;
	case ARGP_KEY_END:
		if (o->html && (o->json || o->all || o->resets))
			argp_error(state,
				   "--html cannot be combined with --json, --all or --resets: the "
				   "report always contains everything");
		break;
	default:
		return ARGP_ERR_UNKNOWN;
	}
	return 0;
}

static const struct argp_option option_table[] = {
	{ "json", OPT_JSON, NULL, 0, "NDJSON instead of text", 0 },
	{ "all", OPT_ALL, NULL, 0, "show every event, not only findings", 0 },
	{ "resets", OPT_RESETS, NULL, 0,
	  "show resets, and only the findings of their rules, as \"s2verify resets\" does", 0 },
	{ "html", OPT_HTML, "OUT", 0, "write an HTML report instead of text: one file, no network",
	  0 },
	{ "since", OPT_SINCE, "TIME", 0,
	  "show only from this time on: 2026-11-22T05:02:53Z, or +1m30s since the start", 0 },
	{ "until", OPT_UNTIL, "TIME", 0, "show only up to this time", 0 },
	{ "pid", 'p', "PID", 0, "show only the VMs of this process", 0 },
	{ "vm", OPT_VM, "N", 0, "show only the VM with this number", 0 },
	{ "rule", OPT_RULE, "RULE", 0, "show only findings of this rule", 0 },
	{ "fail-on", OPT_FAIL_ON, "SEVERITY", 0,
	  "exit 1 on findings of at least: info, low, medium, high (default) or critical", 0 },
	{ "refault-window", OPT_REFAULT_WINDOW, "DURATION", 0,
	  "how long to count refaults after a reset (default 10s)", 0 },
	{ 0 },
};

static __u64 moment_of(const struct moment *m, const struct s2t_info *info, __u64 otherwise)
{
	if (!m->given)
		return otherwise;
	return m->relative ? info->boot + (__u64)info->boot_to_real + m->ns : m->ns;
}

static int analyze(const struct options *o, struct s2v_open_trace *t, struct s2v_sink *out)
{
	const struct s2t_info *info = s2t_info(t->reader);
	const struct s2v_filter f = {
		.since = moment_of(&o->since, info, 0),
		.until = moment_of(&o->until, info, ~0ULL),
		.rule = o->rule,
		.vm = o->vm,
		.pid = o->pid,
		.alone = o->html,
	};
	const bool events = (o->all && !o->resets) || o->html;
	struct s2v_sink_filter filter;
	struct s2v_analysis a = {
		.sink = &filter.sink,
		.tell = o->json || o->html,
		.events = events || o->vm || o->pid,
		.resets = o->resets,
		.refault_window = o->refault_window,
		.progress = s2v_open_trace_progress,
		.arg = t,
	};
	struct s2v_summary sum;
	char what[96];
	int err;

	if (!o->html)
		s2v_run_narrow(out, o->resets);
	if (!events)
		out->event = NULL;
	s2v_sink_filter(&filter, out, &f);
	err = s2v_analyze(t->reader, &a, &sum);
	if (s2v_open_trace_end(t, err))
		return S2V_EXIT_CANNOT;
	if (s2v_sink_filter_missed(&filter, what, sizeof(what))) {
		s2v_err("%s: %s; run it without --vm and -p to see all VMs", o->file, what);
		return S2V_EXIT_CANNOT;
	}
	return s2v_run_status(filter.findings, filter.complete, o->fail_on);
}

/* NULL: the reason was reported on stderr. */
static struct s2v_sink *open_sink(const struct options *o)
{
	struct s2v_sink *out;

	if (o->html)
		out = s2v_sink_html(o->html);
	else
		out = o->json ? s2v_sink_json() : s2v_sink_text(isatty(STDOUT_FILENO));
	if (!out)
		s2v_err("cannot write %s: %s", o->html ? o->html : "to standard output",
			strerror(errno));
	return out;
}

int s2v_cmd_analyze(int argc, char **argv)
{
	static const struct argp argp = {
		.options = option_table,
		.parser = parser,
		.args_doc = "FILE",
		.doc = "Give the verdicts on a recording of \"s2verify record\" or \"s2verify trace "
		       "-o\", on any machine; FILE may be - for standard input.\v"
		       "Filters limit what is shown; verdicts use all events. Exit status: 0 complete, "
		       "and no finding shown is at or above --fail-on; 1 findings shown at or above it; "
		       "2 usage; 3 FILE cannot be read or has no such VM, or OUT cannot be created; 4 "
		       "incomplete, and no finding shown at or above it.",
	};
	struct options o = { .fail_on = S2V_HIGH, .refault_window = S2V_REFAULT_WINDOW };
	struct s2v_open_trace t;
	struct s2v_sink *out;
	int status;

	if (argp_parse(&argp, argc, argv, 0, NULL, &o))
		return S2V_EXIT_USAGE;
	if (s2v_open_trace(&t, o.file))
		return S2V_EXIT_CANNOT;
	out = open_sink(&o);
	if (!out) {
		s2v_close_trace(&t);
		return S2V_EXIT_CANNOT;
	}
	status = s2v_run_close(out, analyze(&o, &t, out));
	s2v_close_trace(&t);
	return status;
}
