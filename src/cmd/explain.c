// SPDX-License-Identifier: BSD-2-Clause
/* s2verify explain [RULE]: lists all rules, or explains one. */
#include <argp.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cmd/cmd.h"
#include "core/rules.h"
#include "util/util.h"

static error_t parser(int key, char *arg, struct argp_state *state)
{
	const char **name = state->input;

	switch (key) {
	case ARGP_KEY_ARG:
		if (*name)
			argp_error(state, "%s: one rule at a time", arg);
		*name = arg;
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static void wrap(const char *text, unsigned int col, unsigned int indent)
{
	unsigned int width = s2v_terminal_width(STDOUT_FILENO);

	width = !width ? 80 : width < 40 ? 40 : width > 100 ? 100 : width;
	s2v_wrap(stdout, text, col, indent, width);
}

static void catalogue(void)
{
	for (size_t i = 0; i < S2V_RULE_NR; i++) {
		printf("%-26s %-9s ", s2v_rules[i]->name,
		       s2v_severity_name(s2v_rules[i]->severity));
		wrap(s2v_rules[i]->fires, 37, 37);
	}
}

static void describe(const struct s2v_rule *r)
{
	printf("%s (%s)\n\nFires when ", r->name, s2v_severity_name(r->severity));
	wrap(r->fires, 11, 0);
	putchar('\n');
	wrap(r->explain, 0, 0);
}

/* Levenshtein distance: letters to insert, delete or replace. 64 if b has more than 63 letters. */
static unsigned int distance(const char *a, const char *b)
{
	unsigned int row[64];
	size_t n = strlen(b);

	if (n >= S2V_ARRAY_SIZE(row))
		return 64;
	for (size_t j = 0; j <= n; j++)
		row[j] = (unsigned int)j;
	for (size_t i = 1; a[i - 1]; i++) {
		unsigned int diagonal = row[0];

		row[0] = (unsigned int)i;
		for (size_t j = 1; j <= n; j++) {
			unsigned int best = diagonal + (a[i - 1] != b[j - 1]);

			diagonal = row[j];
			best = row[j] + 1 < best ? row[j] + 1 : best;
			row[j] = row[j - 1] + 1 < best ? row[j - 1] + 1 : best;
		}
	}
	return row[n];
}

static int unknown_rule(const char *name)
{
	char clean[256];
	unsigned int best = 64;
	size_t nearest = 0;

	s2v_clean_text(name, strnlen(name, 60), clean, sizeof(clean));
	for (size_t i = 0; i < S2V_RULE_NR; i++) {
		unsigned int d = strstr(s2v_rules[i]->name, name) && *name
					 ? 1
					 : distance(name, s2v_rules[i]->name);

		if (d < best) {
			best = d;
			nearest = i;
		}
	}
	if (best <= 4)
		s2v_err("explain: there is no rule \"%s\"; did you mean %s?", clean,
			s2v_rules[nearest]->name);
	else
		s2v_err("explain: there is no rule \"%s\"; \"s2verify explain\" lists them", clean);
	return S2V_EXIT_USAGE;
}

/* The exit status: whether all output was written. */
static int flush_stdout(void)
{
	if (!fflush(stdout) && !ferror(stdout))
		return S2V_EXIT_OK;
	s2v_err("explain: cannot write to stdout: %s", strerror(errno));
	return S2V_EXIT_INCOMPLETE;
}

int s2v_cmd_explain(int argc, char **argv)
{
	static const struct argp argp = {
		.parser = parser,
		.args_doc = "[RULE]",
		.doc = "Explain a rule: when it fires, why that is unsafe or redundant, and what to do. "
		       "Without RULE: list all rules.",
	};
	const char *name = NULL;
	const struct s2v_rule *r;

	if (argp_parse(&argp, argc, argv, 0, NULL, &name))
		return S2V_EXIT_USAGE;
	if (!name) {
		catalogue();
		return flush_stdout();
	}
	r = s2v_rule_find(name);
	if (!r)
		return unknown_rule(name);
	describe(r);
	return flush_stdout();
}
