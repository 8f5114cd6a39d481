// SPDX-License-Identifier: BSD-2-Clause
/* s2verify check: whether this host can be verified, which rules are covered, and which hooks are used. */
#include <stdio.h>
#include <unistd.h>

#include "cmd/cmd.h"
#include "sink/sinks.h"
#include "live/health.h"
#include "live/live.h"
#include "core/run.h"
#include "live/session.h"
#include "cmd/opts.h"
#include "util/util.h"

static void ignore(void *arg, const struct s2v_ev_hdr *ev)
{
	(void)arg;
	(void)ev;
}

/* Checks that attached hooks do observe: calls a hooked function and reads the kernel's switches. */
static void try_hooks(struct s2v_live *live, struct s2v_session *ses)
{
	int err = s2v_live_start(live);
	struct s2v_health h;

	if (err) /* hooks observe all the same */
		s2v_session_report_unlisted(ses, err);
	s2v_health_open(live);
	s2v_live_check(live, ses->hooks, &h);
	for (int i = 0; i < S2V_OBS_NR; i++) {
		if (!*h.why[i])
			continue;
		snprintf(ses->hooks[i].reason, sizeof(ses->hooks[i].reason), "%s", h.why[i]);
		ses->hooks[i].method = S2V_METHOD_NONE;
	}
}

/* Loads and attaches as `trace` does, so that the report is what `trace` would get. */
static int check(struct s2v_session *ses, const struct s2v_cmd_opts *o, struct s2v_sink *sink)
{
	struct s2v_live_opts lo = { .buffer = 65536, .verbose = o->verbose };
	struct s2v_live *live;
	char err[512];

	if (s2v_session_prepare(ses, o->attach, true, err, sizeof(err)))
		goto cannot;
	lo.ks = ses->ks;
	live = s2v_live_open(&lo, &ses->host, ses->hooks, ignore, NULL, err, sizeof(err));
	if (!live)
		goto cannot;
	try_hooks(live, ses);
	s2v_live_close(live);
	s2v_session_cover(ses, S2V_BY_HOOKS);
	s2v_session_announce(ses, sink);
	if (s2v_session_no_hooks(ses, err, sizeof(err)))
		goto cannot;
	for (int i = 0; i < S2V_RULE_NR; i++)
		if (ses->rules[i].coverage == S2V_NOT_COVERED)
			return S2V_EXIT_INCOMPLETE;
	return ses->host.disagreement[0] ? S2V_EXIT_INCOMPLETE : S2V_EXIT_OK;
cannot:
	s2v_err("%s", err);
	return S2V_EXIT_CANNOT;
}

int s2v_cmd_check(int argc, char **argv)
{
	struct s2v_session ses = { 0 };
	struct s2v_cmd_opts o;
	struct s2v_sink *sink;
	int status;

	if (s2v_check_opts_parse(argc, argv, &o))
		return S2V_EXIT_USAGE;
	sink = o.json ? s2v_sink_json() : s2v_sink_text(isatty(STDOUT_FILENO));
	if (!sink) {
		s2v_err("out of memory");
		return S2V_EXIT_CANNOT;
	}
	status = check(&ses, &o, sink);
	s2v_session_free(&ses);
	return s2v_run_close(sink, status);
}
