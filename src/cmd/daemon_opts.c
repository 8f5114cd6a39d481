// SPDX-License-Identifier: BSD-2-Clause
#include <argp.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/addr.h"
#include "daemon/opts.h"
#include "cmd/opts.h"

#define INTERVAL_DEFAULT (3600ULL * 1000000000)
#define INTERVAL_MIN 1000000000ULL
#define RATE_DEFAULT 200000 /* leaves a second: about 10 ms of CPU a second (docs/cost.md) */
#define LABELS_MAX 100

enum {
	OPT_LISTEN = 256,
	OPT_VM_LABELS,
	OPT_AUDIT_INTERVAL,
	OPT_AUDIT_RATE,
	OPT_BPF_STATS,
	OPT_REPLAY,
	OPT_SPEED,
	OPT_LOOP,
	OPT_LIST,
};

static void parse_listen(struct argp_state *state, const char *arg, struct s2v_daemon_opts *o)
{
	struct s2v_addr a;
	char err[160];

	if (s2v_addr_parse(arg, &a, err, sizeof(err)))
		argp_error(state, "--web.listen-address=%s: %s", arg, err);
	if (o->n_listen == S2V_LISTEN_MAX)
		argp_error(state, "--web.listen-address=%s: more than %d", arg, S2V_LISTEN_MAX);
	o->listen[o->n_listen++] = arg;
}

static void parse_labels(struct argp_state *state, const char *arg, __u32 *n)
{
	char *end = NULL;
	unsigned long v = strtoul(arg, &end, 10);

	if (end == arg || *end || arg[0] < '0' || arg[0] > '9' || v > LABELS_MAX)
		argp_error(state, "--web.vm-labels=%s: must be a number of VMs from 0 to %d", arg,
			   LABELS_MAX);
	*n = (__u32)v;
}

static void parse_interval(struct argp_state *state, const char *arg, __u64 *ns)
{
	*ns = 0;
	if (!strcmp(arg, "never") || !strcmp(arg, "0"))
		return;
	s2v_opt_duration(state, "--audit-interval", arg, ns);
	if (*ns < INTERVAL_MIN)
		argp_error(state, "--audit-interval=%s: must be a second or more, or never", arg);
}

static void parse_speed(struct argp_state *state, const char *arg, double *speed)
{
	char *end = NULL;

	errno = 0;
	*speed = strtod(arg, &end);
	if (errno || end == arg || *end || !isfinite(*speed) || *speed < 0 || *speed > 1e6)
		argp_error(state,
			   "--replay-speed=%s: must be a number: 1 is the recorded speed, 10 ten "
			   "times as fast, 0 as fast as possible",
			   arg);
}

static error_t source_option(int key, char *arg, struct argp_state *state,
			     struct s2v_daemon_opts *o)
{
	switch (key) {
	case OPT_REPLAY:
		o->replay = arg;
		return 0;
	case OPT_SPEED:
		parse_speed(state, arg, &o->replay_speed);
		return 0;
	case OPT_LOOP:
		o->replay_loop = true;
		return 0;
	case OPT_BPF_STATS:
		o->bpf_stats = true;
		return 0;
	case S2V_OPT_ATTACH:
		s2v_opt_attach(state, arg, &o->attach);
		return 0;
	case S2V_OPT_BUFFER:
		s2v_opt_buffer(state, arg, &o->buffer);
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static error_t parser(int key, char *arg, struct argp_state *state)
{
	struct s2v_daemon_opts *o = state->input;

	switch (key) {
	case OPT_LISTEN:
		parse_listen(state, arg, o);
		break;
	case OPT_VM_LABELS:
		parse_labels(state, arg, &o->vm_labels);
		break;
	case OPT_AUDIT_INTERVAL:
		parse_interval(state, arg, &o->audit_interval);
		break;
	case OPT_AUDIT_RATE:
		s2v_opt_rate(state, "--audit-rate", arg, &o->audit_rate);
		break;
	case OPT_LIST:
		o->list_metrics = true;
		break;
	case 'v':
		o->verbose = true;
		break;
	case ARGP_KEY_ARG:
		argp_error(state, "%s: daemon takes options only", arg);
		break;
	case ARGP_KEY_END:
		if (!o->replay && (o->replay_loop || o->replay_speed >= 0))
			argp_error(state, "--replay-speed and --replay-loop need --replay FILE");
		if (o->replay_speed < 0)
			o->replay_speed = o->replay_loop ? 1 : 0;
		break;
	default:
		return source_option(key, arg, state, o);
	}
	return 0;
}

int s2v_daemon_opts_parse(int argc, char **argv, struct s2v_daemon_opts *o)
{
	static const struct argp_option options[] = {
		{ "web.listen-address", OPT_LISTEN, "ADDR", 0,
		  "host:port, [v6]:port, :port or unix:PATH; may be repeated (default "
		  "127.0.0.1:9899 and [::1]:9899)",
		  0 },
		{ "web.vm-labels", OPT_VM_LABELS, "N", 0,
		  "separate series for the N busiest VMs (default 0)", 0 },
		{ "audit-interval", OPT_AUDIT_INTERVAL, "DURATION", 0,
		  "audit all VMs at start and at this interval, give or take 10 % (default 1h); or never",
		  0 },
		{ "audit-rate", OPT_AUDIT_RATE, "LEAVES", 0,
		  "audit at most about this many stage-2 leaves a second (default 200000)", 0 },
		ROW_ATTACH,
		ROW_BUFFER("1M"),
		{ "bpf-stats", OPT_BPF_STATS, NULL, 0,
		  "make the kernel time all BPF programs (two clock reads for each run)", 0 },
		{ "replay", OPT_REPLAY, "FILE", 0,
		  "read a recording instead of this host, on any machine", 0 },
		{ "replay-speed", OPT_SPEED, "X", 0,
		  "0 as fast as possible, 1 as recorded, 10 ten times as fast (default 0; with "
		  "--replay-loop 1)",
		  0 },
		{ "replay-loop", OPT_LOOP, NULL, 0, "at the end of the file start again", 0 },
		{ "list-metrics", OPT_LIST, NULL, OPTION_HIDDEN, "name, type, labels, meaning", 0 },
		ROW_VERBOSE,
		{ 0 },
	};
	static const struct argp argp = {
		.options = options,
		.parser = parser,
		.doc = "Watch the VMs of this host as a service. Findings are lines of JSON on standard "
		       "output, or go to the journal under systemd; HTTP serves metrics for Prometheus and "
		       "a page for people.\v"
		       "Paths: / /metrics /findings /-/healthy /-/ready. SIGHUP starts an audit of all VMs; "
		       "SIGTERM or SIGINT ends the daemon with status 0, whatever was found. Exit status "
		       "2: usage, 3: could not run.",
	};

	*o = (struct s2v_daemon_opts){ .audit_interval = INTERVAL_DEFAULT,
				       .audit_rate = RATE_DEFAULT,
				       .buffer = S2V_BUFFER_DEFAULT,
				       .replay_speed = -1 };
	return argp_parse(&argp, argc, argv, 0, NULL, o);
}
