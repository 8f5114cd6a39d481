// SPDX-License-Identifier: BSD-2-Clause
#include <argp.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/run.h"
#include "cmd/opts.h"
#include "util/util.h"

#define BUFFER_DEFAULT S2V_BUFFER_DEFAULT
#define BUFFER_MIN (1U << 16)
#define BUFFER_MAX (1U << 30)

#define ROTATE_MIN (1U << 20)

enum {
	OPT_ALL = 256,
	OPT_REFAULT_WINDOW,
	OPT_JSON,
	OPT_FAIL_ON,
	OPT_AUDIT_FIRST,
	OPT_RATE,
	OPT_LEAVES,
	OPT_RING,
	OPT_ROTATE,
	OPT_TRIGGER,
	OPT_NO_AUDIT,
};

void s2v_opt_attach(struct argp_state *state, const char *arg, enum s2v_attach_mode *mode)
{
	if (!strcmp(arg, "auto"))
		*mode = S2V_ATTACH_AUTO;
	else if (!strcmp(arg, "fentry"))
		*mode = S2V_ATTACH_FENTRY;
	else if (!strcmp(arg, "kprobe"))
		*mode = S2V_ATTACH_KPROBE;
	else
		argp_error(state, "--attach=%s: must be auto, fentry or kprobe", arg);
}

/* The thread group of a process or thread, from /proc; 0: no such process; -1: not readable. */
static long tgid_of(__u32 pid)
{
	char path[32], line[128];
	long tgid = -1;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%u/status", pid);
	f = fopen(path, "re");
	if (!f)
		return errno == ENOENT ? 0 : -1;
	while (tgid < 0 && fgets(line, sizeof(line), f)) {
		if (!strncmp(line, "Tgid:", 5))
			tgid = strtol(line + 5, NULL, 10);
	}
	fclose(f);
	return tgid;
}

static void parse_pid(struct argp_state *state, const char *arg, __u32 *pid)
{
	uint32_t p = 0;
	long tgid;

	if (s2v_parse_pid(arg, &p))
		argp_error(state, "-p %s: not a process ID; give the VMM's, a number from 1", arg);
	tgid = tgid_of(p);
	if (tgid == 0)
		argp_error(state, "-p %s: there is no such process; \"pgrep -a qemu\" may help",
			   arg);
	else if (tgid > 0 && tgid != (long)p)
		argp_error(state, "-p %s: a thread of process %ld; give that process", arg, tgid);
	*pid = p;
}

void s2v_opt_duration(struct argp_state *state, const char *opt, const char *arg, __u64 *ns)
{
	uint64_t v = 0;
	int err = s2v_parse_duration(arg, &v);

	if (err == -ERANGE)
		argp_error(state, "%s %s: too long", opt, arg);
	else if (err)
		argp_error(state, "%s %s: not a duration; examples: 10 (seconds), 500ms, 1h30m",
			   opt, arg);
	else if (v == 0)
		argp_error(state, "%s %s: must be longer than 0", opt, arg);
	*ns = v;
}

void s2v_opt_buffer(struct argp_state *state, const char *arg, __u32 *bytes)
{
	uint64_t v = 0;

	if (s2v_parse_size(arg, &v) || v < BUFFER_MIN || v > BUFFER_MAX || (v & (v - 1)))
		argp_error(state, "--buffer=%s: must be a power of two from 64K to 1G, such as 4M",
			   arg);
	*bytes = (__u32)v;
}

void s2v_opt_rate(struct argp_state *state, const char *opt, const char *arg, __u64 *rate)
{
	char *end = NULL;

	errno = 0;
	*rate = strtoull(arg, &end, 10);
	if (errno || end == arg || *end || arg[0] < '0' || arg[0] > '9' || !*rate)
		argp_error(state, "%s=%s: must be a number of leaves a second, such as 100000", opt,
			   arg);
}

enum s2v_severity s2v_opt_severity(struct argp_state *state, const char *opt, const char *arg)
{
	int sev = s2v_severity_parse(arg);

	if (sev < 0)
		argp_error(state, "%s=%s: must be info, low, medium, high or critical", opt, arg);
	return (enum s2v_severity)sev;
}

bool s2v_opt_file(struct argp_state *state, int key, char *arg, const char **file)
{
	switch (key) {
	case ARGP_KEY_ARG:
		if (*file)
			argp_error(state, "%s: one file at a time", arg);
		*file = arg;
		return true;
	case ARGP_KEY_NO_ARGS:
		argp_error(state, "which file? Give one that \"record\" or \"trace -o\" wrote");
		return true;
	default:
		return false;
	}
}

/* A size has a capital letter (64M), a time a small one (10m); a number alone would be ambiguous. */
static void parse_ring(struct argp_state *state, const char *arg, struct s2v_cmd_opts *o)
{
	size_t len = strlen(arg);
	uint64_t v = 0;

	o->ring_bytes = o->ring_ns = 0;
	if (len && strchr("KMG", arg[len - 1])) {
		if (s2v_parse_size(arg, &v) || v < ROTATE_MIN)
			argp_error(state, "--ring=%s: a size must be 1M or more, such as 64M", arg);
		o->ring_bytes = v;
		return;
	}
	if (len && strspn(arg, "0123456789") == len)
		argp_error(state, "--ring=%s: needs a unit: 64M is a size, 10m a time", arg);
	s2v_opt_duration(state, "--ring", arg, &o->ring_ns);
}

static void parse_rotate(struct argp_state *state, const char *arg, struct s2v_cmd_opts *o)
{
	uint64_t v = 0;

	if (s2v_parse_size(arg, &v) || v < ROTATE_MIN)
		argp_error(state, "--rotate=%s: must be a size from 1M up, such as 100M", arg);
	o->rotate = v;
}

/* Handles the options of recording. Returns false for any other. */
static bool record_option(int key, char *arg, struct argp_state *state, struct s2v_cmd_opts *o)
{
	switch (key) {
	case 'o':
		if (!*arg)
			argp_error(state, "-o: needs the name of a file");
		o->output = arg;
		return true;
	case OPT_RING:
		parse_ring(state, arg, o);
		return true;
	case OPT_ROTATE:
		parse_rotate(state, arg, o);
		return true;
	case OPT_TRIGGER:
		o->trigger = s2v_opt_severity(state, "--trigger", arg);
		o->has_trigger = true;
		return true;
	case OPT_NO_AUDIT:
		o->audit = false;
		return true;
	case ARGP_KEY_END:
		if (o->record && !o->output)
			argp_error(state, "where to? -o FILE is needed");
		if (o->rotate && (o->ring_bytes || o->ring_ns))
			argp_error(state, "--ring writes one file: it does not go with --rotate");
		return true;
	default:
		return false;
	}
}

/* The options of all live commands; argp passes on those that the command has. */
static error_t parser(int key, char *arg, struct argp_state *state)
{
	struct s2v_cmd_opts *o = state->input;

	if (record_option(key, arg, state, o))
		return 0;
	switch (key) {
	case 'p':
		parse_pid(state, arg, &o->pid);
		break;
	case 'd':
		s2v_opt_duration(state, "-d", arg, &o->duration);
		break;
	case OPT_REFAULT_WINDOW:
		s2v_opt_duration(state, "--refault-window", arg, &o->refault_window);
		break;
	case 'v':
		o->verbose = true;
		break;
	case OPT_ALL:
		o->all = true;
		break;
	case OPT_JSON:
		o->json = true;
		break;
	case OPT_FAIL_ON:
		o->fail_on = s2v_opt_severity(state, "--fail-on", arg);
		break;
	case OPT_AUDIT_FIRST:
		o->audit = true;
		break;
	case OPT_LEAVES:
		o->leaves = true;
		break;
	case OPT_RATE:
		s2v_opt_rate(state, "--rate", arg, &o->rate);
		break;
	case S2V_OPT_ATTACH:
		s2v_opt_attach(state, arg, &o->attach);
		break;
	case S2V_OPT_BUFFER:
		s2v_opt_buffer(state, arg, &o->buffer);
		break;
	case ARGP_KEY_ARG:
		argp_error(state, "%s: %s takes options only", arg, o->command);
		break;
	default:
		return ARGP_ERR_UNKNOWN;
	}
	return 0;
}

/* Options that several commands share. */
/* Releases of clang-format differ on macros that are initialisers. */
/* clang-format off */
#define ROW_PID { "pid", 'p', "PID", 0, "only the VMs of this process", 0 }
#define ROW_DURATION \
	{ "duration", 'd', "DURATION", 0, "stop after this time: 10 (seconds), 500ms, 1h30m", 0 }
#define ROW_JSON { "json", OPT_JSON, NULL, 0, "NDJSON instead of text", 0 }
#define ROW_FAIL_ON { "fail-on", OPT_FAIL_ON, "SEVERITY", 0, \
	"exit 1 on findings of at least: info, low, medium, high (default) or critical", 0 }
/* clang-format on */

#define OUTPUT_DOC "also record the events in FILE, for analyze"

int s2v_trace_opts_parse(int argc, char **argv, struct s2v_cmd_opts *o)
{
	static const struct argp_option options[] = {
		ROW_PID,
		ROW_DURATION,
		{ "all", OPT_ALL, NULL, 0, "show every event, not only findings", 0 },
		{ "audit-first", OPT_AUDIT_FIRST, NULL, 0,
		  "begin with an audit, so that VMs that already run are covered", 0 },
		{ "output", 'o', "FILE", 0, OUTPUT_DOC, 0 },
		ROW_JSON,
		ROW_FAIL_ON,
		ROW_ATTACH,
		ROW_BUFFER("1M"),
		ROW_VERBOSE,
		{ 0 },
	};
	static const struct argp argp = {
		.options = options,
		.parser = parser,
		.doc = "Watch the VMs of this host until Ctrl-C, and report memory that host and guest "
		       "access with incompatible attributes.\v"
		       "Exit status: 0 complete, and no finding "
		       "at or above --fail-on; 1 findings at or above it; 2 usage; 3 could not run; 4 "
		       "incomplete, and no finding at or above it. SIGUSR1 shows the coherence contract "
		       "of every memslot, as at the end.",
	};

	*o = (struct s2v_cmd_opts){ .command = "trace",
				    .fail_on = S2V_HIGH,
				    .buffer = BUFFER_DEFAULT };
	return argp_parse(&argp, argc, argv, 0, NULL, o);
}

int s2v_resets_opts_parse(int argc, char **argv, struct s2v_cmd_opts *o)
{
	static const struct argp_option options[] = {
		ROW_PID,
		ROW_DURATION,
		{ "refault-window", OPT_REFAULT_WINDOW, "DURATION", 0,
		  "how long to count refaults after a reset (default 10s)", 0 },
		{ "output", 'o', "FILE", 0, OUTPUT_DOC, 0 },
		ROW_JSON,
		ROW_FAIL_ON,
		ROW_ATTACH,
		ROW_BUFFER("8M"),
		ROW_VERBOSE,
		{ 0 },
	};
	static const struct argp argp = {
		.options = options,
		.parser = parser,
		.doc = "Watch the resets of this host's VMs until Ctrl-C: what each unmapped, whether this "
		       "host needed that, and what it cost until the guest had the memory back.\v"
		       "Looks at every fault of every VM: not for permanent use. Applies only the rules of "
		       "resets. Exit status: as trace, for these rules.",
	};

	*o = (struct s2v_cmd_opts){ .command = "resets",
				    .fail_on = S2V_HIGH,
				    .buffer = 8 * BUFFER_DEFAULT,
				    .resets = true,
				    .refault_window = S2V_REFAULT_WINDOW };
	return argp_parse(&argp, argc, argv, 0, NULL, o);
}

int s2v_record_opts_parse(int argc, char **argv, struct s2v_cmd_opts *o)
{
	static const struct argp_option options[] = {
		{ "output", 'o', "FILE", 0, "required: the file (.s2t), which is overwritten", 0 },
		ROW_PID,
		ROW_DURATION,
		{ "ring", OPT_RING, "SIZE|TIME", 0,
		  "keep only the newest part, in memory until the end: 64M, 10m", 0 },
		{ "rotate", OPT_ROTATE, "SIZE", 0, "at this size continue in FILE.1, FILE.2, …",
		  0 },
		{ "trigger", OPT_TRIGGER, "SEVERITY", 0,
		  "end at the first finding of at least: info, low, medium, high or critical", 0 },
		{ "no-audit", OPT_NO_AUDIT, NULL, 0,
		  "do not begin with an audit of existing mappings", 0 },
		ROW_FAIL_ON,
		ROW_ATTACH,
		ROW_BUFFER("8M"),
		ROW_VERBOSE,
		{ 0 },
	};
	static const struct argp argp = {
		.options = options,
		.parser = parser,
		.args_doc = "-o FILE",
		.doc = "Record every event of this host's VMs until Ctrl-C, SIGUSR2 or --trigger; "
		       "\"s2verify analyze\" gives the verdicts on any machine.\v"
		       "Nothing goes to standard output. Exit status: as trace; 4 also if not all events "
		       "could be written.",
	};

	*o = (struct s2v_cmd_opts){ .command = "record",
				    .fail_on = S2V_HIGH,
				    .buffer = 8 * BUFFER_DEFAULT,
				    .record = true,
				    .all = true,
				    .audit = true };
	return argp_parse(&argp, argc, argv, 0, NULL, o);
}

int s2v_audit_opts_parse(int argc, char **argv, struct s2v_cmd_opts *o)
{
	static const struct argp_option options[] = {
		ROW_PID,
		{ "rate", OPT_RATE, "LEAVES", 0,
		  "read at most about this many stage-2 leaves a second", 0 },
		{ "leaves", OPT_LEAVES, NULL, 0, "show every stage-2 leaf, not only findings", 0 },
		ROW_JSON,
		ROW_FAIL_ON,
		ROW_VERBOSE,
		{ 0 },
	};
	static const struct argp argp = {
		.options = options,
		.parser = parser,
		.doc = "Read every stage-2 mapping of every running VM once, and compare each with the "
		       "host's own page tables. Attaches no hook and takes no lock of KVM.\v"
		       "Exit "
		       "status: 0 complete, and no finding at or above --fail-on; 1 findings at or "
		       "above it; 2 usage; 3 could not run; 4 incomplete, and no finding at or above "
		       "it.",
	};

	*o = (struct s2v_cmd_opts){ .command = "audit", .fail_on = S2V_HIGH };
	return argp_parse(&argp, argc, argv, 0, NULL, o);
}

int s2v_check_opts_parse(int argc, char **argv, struct s2v_cmd_opts *o)
{
	static const struct argp_option options[] = {
		ROW_JSON,
		ROW_ATTACH,
		ROW_VERBOSE,
		{ 0 },
	};
	static const struct argp argp = {
		.options = options,
		.parser = parser,
		.doc = "Report whether this host can be verified: its facts, the hooks that attach and "
		       "why they were chosen, the rules that are covered.\v"
		       "Exit status: 0 every rule is "
		       "covered or does not apply, 2 usage, 3 could not run, 4 some rule is not "
		       "covered, or two sources of a fact about the host contradict each other.",
	};

	*o = (struct s2v_cmd_opts){ .command = "check" };
	return argp_parse(&argp, argc, argv, 0, NULL, o);
}
