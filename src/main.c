// SPDX-License-Identifier: BSD-2-Clause
/* s2verify: top level of the command line. Each command has its own file and its own parser. */
#include <argp.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/cmd.h"
#include "util/types.h"
#include "util/util.h"

const char *argp_program_version = "s2verify " S2V_VERSION;

struct command {
	const char *name;
	const char *summary;
	bool needs_arm64;
	int (*run)(int argc, char **argv);
};

static const struct command commands[] = {
	{ "check", "report whether this host can be verified", true, s2v_cmd_check },
	{ "trace", "watch this host's VMs and report what is unsafe", true, s2v_cmd_trace },
	{ "audit", "read every existing mapping once", true, s2v_cmd_audit },
	{ "resets", "report what each reset of a VM unmaps, and its cost", true, s2v_cmd_resets },
	{ "record", "write every event to a file, for analyze", true, s2v_cmd_record },
	{ "daemon", "run as a service: findings, metrics, a page by HTTP", true, s2v_cmd_daemon },
	{ "analyze", "give the verdicts on a recording (any machine)", false, s2v_cmd_analyze },
	{ "export", "convert a recording to another format (any machine)", false, s2v_cmd_export },
	{ "explain", "explain a rule and what to do (any machine)", false, s2v_cmd_explain },
};

struct choice {
	const struct command *command;
	int argc;
	char **argv;
};

static error_t parser(int key, char *arg, struct argp_state *state)
{
	struct choice *c = state->input;

	switch (key) {
	case ARGP_KEY_ARG:
		for (size_t i = 0; i < S2V_ARRAY_SIZE(commands); i++) {
			if (!strcmp(arg, commands[i].name))
				c->command = &commands[i];
		}
		if (!c->command)
			argp_error(state, "%s: no such command", arg);
		/* All that follows belongs to the command. */
		c->argv = state->argv + state->next - 1;
		c->argc = state->argc - state->next + 1;
		state->next = state->argc;
		return 0;
	case ARGP_KEY_NO_ARGS:
		argp_usage(state);
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

/* Adds the list of commands to --help. argp frees the returned text. */
static char *help_filter(int key, const char *text, void *input)
{
	char *out = NULL;
	size_t len = 0;
	FILE *f;

	(void)input;
	if (key != ARGP_KEY_HELP_POST_DOC)
		return (char *)text;
	f = open_memstream(&out, &len);
	if (!f)
		return (char *)text;
	fputs("Commands:\n", f);
	for (size_t i = 0; i < S2V_ARRAY_SIZE(commands); i++)
		fprintf(f, "  %-10s %s%s\n", commands[i].name, commands[i].summary,
			commands[i].needs_arm64 ? " (arm64, root)" : "");
	fputs("\nSee \"s2verify COMMAND --help\" and s2verify(8).", f);
	if (fclose(f)) {
		free(out);
		return (char *)text;
	}
	return out;
}

int main(int argc, char **argv)
{
	static const struct argp argp = {
		.parser = parser,
		.args_doc = "COMMAND [OPTION...]",
		.doc = "Verifies that host and guest access the same memory with compatible attributes. "
		       "Watches KVM on 64-bit Arm, and reports what is unsafe and why.\v ",
		.help_filter = help_filter,
	};
	struct choice c = { 0 };
	char name[64];
	int err;

	/* A closed pipe or a file size limit becomes a failed write, which the command reports. */
	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN);
	argp_err_exit_status = S2V_EXIT_USAGE;
	err = argp_parse(&argp, argc, argv, ARGP_IN_ORDER, NULL, &c);
	if (err || !c.command) {
		s2v_err("command line: %s", strerror(err ? err : EINVAL));
		return S2V_EXIT_USAGE;
	}
	snprintf(name, sizeof(name), "s2verify %s", c.command->name);
	c.argv[0] = name;
	return c.command->run(c.argc, c.argv);
}
