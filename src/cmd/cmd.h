/* SPDX-License-Identifier: BSD-2-Clause */
/* The commands, and what their exit statuses mean. */
#ifndef S2V_CMD_H
#define S2V_CMD_H

enum s2v_exit {
	S2V_EXIT_OK = 0, /* complete, nothing at or above --fail-on */
	S2V_EXIT_FINDINGS = 1, /* findings at or above it */
	S2V_EXIT_USAGE = 2,
	S2V_EXIT_CANNOT = 3, /* could not run; one sentence on stderr says why */
	S2V_EXIT_INCOMPLETE = 4, /* nothing at or above it, but not everything was seen */
};

/*
 * A command of its own: argv[0] is "s2verify NAME", for usage messages. Returns an exit status.
 * Those that are live (check, trace, audit, resets, record) are in src/live, and elsewhere than on arm64 in
 * src/cmd/elsewhere.c, which checks the options and says why it cannot do more.
 */
int s2v_cmd_check(int argc, char **argv);
int s2v_cmd_trace(int argc, char **argv);
int s2v_cmd_audit(int argc, char **argv);
int s2v_cmd_resets(int argc, char **argv);
int s2v_cmd_record(int argc, char **argv);
int s2v_cmd_daemon(int argc, char **argv); /* of this host on arm64, of a recording anywhere */
int s2v_cmd_analyze(int argc, char **argv);
int s2v_cmd_export(int argc, char **argv);
int s2v_cmd_explain(int argc, char **argv);

#endif
