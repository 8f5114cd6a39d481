/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Room cmd: the subcommands and their options, a file each. Uses core, daemon, host, live,
 * report, sink, trace, util. Used by main.
 *
 * The commands.
 */
#ifndef S2V_CMD_H
#define S2V_CMD_H

#include "core/run.h" /* enum s2v_exit, which they return */

/*
 * argv[0] is "s2verify NAME", for usage messages. Returns an exit status. The live commands (check, trace, audit,
 * resets, record) need arm64; on other machines elsewhere.c only checks their options and reports why they cannot run.
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
