/* SPDX-License-Identifier: BSD-2-Clause */
/* Options of the live commands. */
#ifndef S2V_TRACE_OPTS_H
#define S2V_TRACE_OPTS_H

#include "core/rules.h"

struct s2v_trace_opts {
	__u32 pid; /* the VMM's process; 0: all */
	__u64 duration; /* ns; 0: until a signal */
	bool all; /* every event */
	bool json;
	enum s2v_severity fail_on;
	enum s2v_attach_mode attach;
	__u32 buffer; /* bytes of the ring buffer, a power of two */
	bool verbose;
	bool resets; /* the command is `resets`: rows of resets, and their rules only */
	__u64 refault_window; /* ns */
	const char *output; /* -o; NULL: nothing is recorded */
	/* The command is `record`: */
	bool record;
	__u64 ring_bytes, ring_ns; /* --ring, one of them */
	__u64 rotate; /* bytes */
	bool has_trigger;
	enum s2v_severity trigger;
	bool audit; /* begin with an audit of what exists */
};

struct s2v_audit_cmd_opts {
	__u32 pid; /* the VMM's process; 0: all */
	__u64 rate; /* leaves a second; 0: as fast as it goes */
	bool json, leaves, verbose;
	enum s2v_severity fail_on;
};

struct s2v_check_opts {
	bool json;
	enum s2v_attach_mode attach;
	bool verbose;
};

/*
 * Parse argv, whose first element names the command in messages. They return 0; what is
 * wrong is said on stderr, and the process ends with S2V_EXIT_USAGE; --help ends it with 0.
 */
int s2v_trace_opts_parse(int argc, char **argv, struct s2v_trace_opts *o);
int s2v_resets_opts_parse(int argc, char **argv, struct s2v_trace_opts *o);
int s2v_audit_opts_parse(int argc, char **argv, struct s2v_audit_cmd_opts *o);
int s2v_record_opts_parse(int argc, char **argv, struct s2v_trace_opts *o);
int s2v_check_opts_parse(int argc, char **argv, struct s2v_check_opts *o);
struct s2v_daemon_opts; /* daemon/opts.h */
int s2v_daemon_opts_parse(int argc, char **argv, struct s2v_daemon_opts *o);

/*
 * For parsers: what is wrong is an argp_error(), which ends the process. `opt` is the option as the
 * user gave it, for the message.
 */
struct argp_state;
enum s2v_severity s2v_opt_severity(struct argp_state *state, const char *opt, const char *arg);
void s2v_opt_duration(struct argp_state *state, const char *opt, const char *arg, __u64 *ns);
void s2v_opt_rate(struct argp_state *state, const char *opt, const char *arg, __u64 *rate);
void s2v_opt_attach(struct argp_state *state, const char *arg, enum s2v_attach_mode *mode);
void s2v_opt_buffer(struct argp_state *state, const char *arg, __u32 *bytes);

#define S2V_BUFFER_DEFAULT (1U << 20)

/* Rows of struct argp_option that several files have, and their keys. */
enum { S2V_OPT_ATTACH = 1000, S2V_OPT_BUFFER };

/* Releases of clang-format differ on macros that are initialisers. */
/* clang-format off */
#define ROW_ATTACH { "attach", S2V_OPT_ATTACH, "METHOD", 0, \
	"auto (default): fentry where it attaches, else kprobe; or only fentry, or kprobe", 0 }
#define ROW_BUFFER(standard) { "buffer", S2V_OPT_BUFFER, "SIZE", 0, \
	"ring buffer, a power of two from 64K to 1G (default " standard ")", 0 }
#define ROW_VERBOSE { "verbose", 'v', NULL, 0, "say on stderr what is being done", 0 }
/* clang-format on */

#endif
