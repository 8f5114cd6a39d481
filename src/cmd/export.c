// SPDX-License-Identifier: BSD-2-Clause
/* s2verify export: converts a recording to another format. Each format is a sink. */
#include <argp.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "trace/analyze.h"
#include "cmd/cmd.h"
#include "cmd/open_trace.h"
#include "cmd/opts.h"
#include "util/util.h"
#include "sink/sinks.h"

/*
 * A sink either writes to a stream, which is opened and closed here (to), or opens `path` itself (at).
 * Both functions return NULL with errno set.
 */
static const struct format {
	const char *name, *summary;
	struct s2v_sink *(*to)(FILE *out);
	struct s2v_sink *(*at)(const char *path);
} formats[] = {
	{ "jsonl", "NDJSON: all events and results (docs/json.md)", s2v_sink_json_to, NULL },
	{ "sqlite", "an SQLite database (docs/export.md)", NULL, s2v_sink_sqlite },
	{ "perfetto", "a trace for the Perfetto UI (docs/export.md)", NULL, s2v_sink_perfetto },
};

struct options {
	const char *file, *output;
	const struct format *format;
	__u64 refault_window;
};

enum { OPT_FORMAT = 256, OPT_REFAULT_WINDOW };

static void parse_format(struct argp_state *state, const char *arg, struct options *o)
{
	char names[128] = "";
	size_t n = 0;

	for (size_t i = 0; i < S2V_ARRAY_SIZE(formats); i++) {
		if (!strcmp(arg, formats[i].name))
			o->format = &formats[i];
		if (n < sizeof(names))
			n += (size_t)snprintf(names + n, sizeof(names) - n, "%s%s", i ? ", " : "",
					      formats[i].name);
	}
	if (!o->format)
		argp_error(state, "--format=%s: must be one of: %s", arg, names);
}

static error_t parser(int key, char *arg, struct argp_state *state)
{
	struct options *o = state->input;

	if (s2v_opt_file(state, key, arg, &o->file))
		return 0;
	switch (key) {
	case OPT_FORMAT:
		o->format = NULL;
		parse_format(state, arg, o);
		break;
	case OPT_REFAULT_WINDOW:
		s2v_opt_duration(state, "--refault-window", arg, &o->refault_window);
		break;
	case 'o':
		o->output = arg;
		break;
	case ARGP_KEY_END:
		if (!o->format)
			argp_error(state, "in which format? --format is needed");
		if (!o->output || !*o->output)
			argp_error(state, "where to? -o OUT is needed");
		if (!o->format->to && !strcmp(o->output, "-"))
			argp_error(state, "-o -: %s wants a file of its own, not standard output",
				   o->format->name);
		break;
	default:
		return ARGP_ERR_UNKNOWN;
	}
	return 0;
}

static int export(const struct options *o, struct s2v_open_trace *t, struct s2v_sink *sink)
{
	struct s2v_analysis a = {
		.sink = sink,
		.tell = true,
		.events = true,
		.refault_window = o->refault_window,
		.progress = s2v_open_trace_progress,
		.arg = t,
	};
	struct s2v_summary sum;
	int err = s2v_analyze(t->reader, &a, &sum);

	if (s2v_open_trace_end(t, err))
		return S2V_EXIT_CANNOT;
	return sum.complete ? S2V_EXIT_OK : S2V_EXIT_INCOMPLETE;
}

/* NULL with errno set. "-" is standard output. */
static FILE *open_output(const char *path)
{
	FILE *out;
	int fd;

	if (strcmp(path, "-") != 0)
		return fopen(path, "we");
	fd = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 0);
	out = fd < 0 ? NULL : fdopen(fd, "w");
	if (!out && fd >= 0)
		close(fd);
	return out;
}

/* A failed write takes precedence over an incomplete recording. */
static int run(const struct options *o, struct s2v_open_trace *t)
{
	FILE *out = o->format->to ? open_output(o->output) : NULL;
	struct s2v_sink *sink = NULL;
	int status, failed;

	if (out)
		sink = o->format->to(out);
	else if (o->format->at)
		sink = o->format->at(o->output);
	if (!sink) {
		s2v_err("cannot write %s: %s", o->output, strerror(errno));
		if (out)
			fclose(out);
		return S2V_EXIT_CANNOT;
	}
	status = export(o, t, sink);
	sink->close(sink);
	failed = sink->failed;
	free(sink);
	if (out && fclose(out) && !failed)
		failed = errno;
	if (!failed)
		return status;
	s2v_err("cannot write %s: %s; it is incomplete", o->output, strerror(failed));
	return S2V_EXIT_CANNOT;
}

int s2v_cmd_export(int argc, char **argv)
{
	static const struct argp_option options[] = {
		{ "format", OPT_FORMAT, "FORMAT", 0, "required: jsonl, sqlite or perfetto", 0 },
		{ "output", 'o', "OUT", 0,
		  "required: the file, which is overwritten; for jsonl also - (standard output)",
		  0 },
		{ "refault-window", OPT_REFAULT_WINDOW, "DURATION", 0,
		  "how long to count refaults after a reset (default 10s)", 0 },
		{ 0 },
	};
	static const struct argp argp = {
		.options = options,
		.parser = parser,
		.args_doc = "--format FORMAT -o OUT FILE",
		.doc = "Convert a recording to another format, with every event, finding, memslot and "
		       "reset.\v"
		       "Exit status: 0, 2 usage, 3 FILE cannot be read or OUT cannot be written, 4 the "
		       "recording is incomplete.",
	};
	struct options o = { .refault_window = S2V_REFAULT_WINDOW };
	struct s2v_open_trace t;
	int status;

	if (argp_parse(&argp, argc, argv, 0, NULL, &o))
		return S2V_EXIT_USAGE;
	if (s2v_open_trace(&t, o.file))
		return S2V_EXIT_CANNOT;
	status = run(&o, &t);
	s2v_close_trace(&t);
	return status;
}
