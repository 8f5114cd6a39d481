// SPDX-License-Identifier: BSD-2-Clause
/* The live commands on machines other than arm64: only their options are checked. */
#include "cmd/cmd.h"
#include "daemon/source.h"
#include "cmd/opts.h"
#include "util/util.h"

static int cannot(const char *command)
{
	char err[512];

	s2v_needs_arm64(command, err, sizeof(err));
	s2v_err("%s", err);
	return S2V_EXIT_CANNOT;
}

int s2v_cmd_check(int argc, char **argv)
{
	struct s2v_cmd_opts o;

	return s2v_check_opts_parse(argc, argv, &o) ? S2V_EXIT_USAGE : cannot("check");
}

int s2v_cmd_trace(int argc, char **argv)
{
	struct s2v_cmd_opts o;

	return s2v_trace_opts_parse(argc, argv, &o) ? S2V_EXIT_USAGE : cannot("trace");
}

int s2v_cmd_audit(int argc, char **argv)
{
	struct s2v_cmd_opts o;

	return s2v_audit_opts_parse(argc, argv, &o) ? S2V_EXIT_USAGE : cannot("audit");
}

int s2v_cmd_resets(int argc, char **argv)
{
	struct s2v_cmd_opts o;

	return s2v_resets_opts_parse(argc, argv, &o) ? S2V_EXIT_USAGE : cannot("resets");
}

int s2v_cmd_record(int argc, char **argv)
{
	struct s2v_cmd_opts o;

	return s2v_record_opts_parse(argc, argv, &o) ? S2V_EXIT_USAGE : cannot("record");
}
