/* SPDX-License-Identifier: BSD-2-Clause */
/* Options of the live commands. */
#ifndef S2V_CMD_OPTS_H
#define S2V_CMD_OPTS_H

#include "core/rules.h"

/* Fields for which a command has no option are 0, except fail_on and buffer. */
struct s2v_cmd_opts {
	const char *command;
	__u32 pid; /* the VMM's process; 0: all */
	__u64 duration; /* ns; 0: until a signal */
	bool all; /* every event */
	bool json;
	enum s2v_severity fail_on;
	enum s2v_attach_mode attach;
	__u32 buffer; /* bytes of the ring buffer, a power of two */
	bool verbose;
	bool resets; /* the command is `resets`: shows only resets and findings of their rules */
	__u64 refault_window; /* ns */
	const char *output; /* -o; NULL: nothing is recorded */
	bool record; /* the command is `record`, which alone sets the next five */
	__u64 ring_bytes, ring_ns; /* --ring, one of them */
	__u64 rotate; /* bytes */
	bool has_trigger;
	enum s2v_severity trigger;
	bool audit; /* begin with an audit of existing mappings */
	/* The command is `audit`: */
	__u64 rate; /* leaves a second; 0: no limit */
	bool leaves; /* every leaf */
};

/*
 * Parse argv, whose first element names the command in messages. They return 0. After an error, which
 * is reported on stderr, the process exits with S2V_EXIT_USAGE; after --help with 0.
 */
int s2v_trace_opts_parse(int argc, char **argv, struct s2v_cmd_opts *o);
int s2v_resets_opts_parse(int argc, char **argv, struct s2v_cmd_opts *o);
int s2v_audit_opts_parse(int argc, char **argv, struct s2v_cmd_opts *o);
int s2v_record_opts_parse(int argc, char **argv, struct s2v_cmd_opts *o);
int s2v_check_opts_parse(int argc, char **argv, struct s2v_cmd_opts *o);
struct s2v_daemon_opts; /* daemon/opts.h */
int s2v_daemon_opts_parse(int argc, char **argv, struct s2v_daemon_opts *o);

/*
 * For parsers. Errors are reported with argp_error(), which ends the process. `opt`: the option's name,
 * for the message.
 */
struct argp_state;
enum s2v_severity s2v_opt_severity(struct argp_state *state, const char *opt, const char *arg);
void s2v_opt_duration(struct argp_state *state, const char *opt, const char *arg, __u64 *ns);
void s2v_opt_rate(struct argp_state *state, const char *opt, const char *arg, __u64 *rate);
void s2v_opt_attach(struct argp_state *state, const char *arg, enum s2v_attach_mode *mode);
void s2v_opt_buffer(struct argp_state *state, const char *arg, __u32 *bytes);
/* Sets *file to the one FILE argument; an error if there is none, or a second. False: `key` is something else. */
bool s2v_opt_file(struct argp_state *state, int key, char *arg, const char **file);

#define S2V_BUFFER_DEFAULT (1U << 20)

/* Rows of struct argp_option that several files use, and their keys. */
enum { S2V_OPT_ATTACH = 1000, S2V_OPT_BUFFER };

/* Releases of clang-format differ on macros that are initialisers. */
/* clang-format off */
#define ROW_ATTACH { "attach", S2V_OPT_ATTACH, "METHOD", 0, \
	"auto (default): fentry where it attaches, else kprobe; or only fentry, or kprobe", 0 }
#define ROW_BUFFER(standard) { "buffer", S2V_OPT_BUFFER, "SIZE", 0, \
	"size of the ring buffer, a power of two from 64K to 1G (default " standard ")", 0 }
#define ROW_VERBOSE { "verbose", 'v', NULL, 0, "report each step on stderr", 0 }
/* clang-format on */

#endif
