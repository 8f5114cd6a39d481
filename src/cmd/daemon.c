// SPDX-License-Identifier: BSD-2-Clause
#include <stdio.h>
#include <string.h>

#include "cmd/cmd.h"
#include "cmd/opts.h"
#include "daemon/daemon.h"
#include "util/util.h"

int s2v_cmd_daemon(int argc, char **argv)
{
	struct s2v_daemon_opts o;
	struct s2v_source *src;
	char err[512];

	if (s2v_daemon_opts_parse(argc, argv, &o))
		return S2V_EXIT_USAGE;
	if (o.list_metrics) {
		s2v_metrics_list(stdout);
		return fflush(stdout) ? S2V_EXIT_INCOMPLETE : S2V_EXIT_OK;
	}
	src = o.replay
		      ? s2v_source_replay(o.replay, o.replay_speed, o.replay_loop, err, sizeof(err))
		      : s2v_source_live(o.attach, o.buffer, o.verbose, err, sizeof(err));
	if (!src) {
		s2v_err("%s", err);
		return S2V_EXIT_CANNOT;
	}
	return s2v_daemon_run(&o, src);
}
