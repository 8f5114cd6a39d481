/* SPDX-License-Identifier: BSD-2-Clause */
/* A sink that writes into memory, and its output. For one file of tests each. */
#ifndef S2V_TEST_SINK_OUT_H
#define S2V_TEST_SINK_OUT_H

#include <stdio.h>
#include <string.h>

#include "sink/sinks.h"

/* Static, since open_memstream() keeps the addresses: one at a time. */
static struct out {
	struct s2v_sink *s;
	FILE *f;
	char *text;
	size_t len;
} out;

static inline FILE *memory(void)
{
	out.f = open_memstream(&out.text, &out.len);
	assert_non_null(out.f);
	return out.f;
}

/* Returns the output, for the caller to free. */
static inline char *finish(void)
{
	out.s->close(out.s);
	assert_int_equal(out.s->failed, 0);
	assert_int_equal(fclose(out.f), 0);
	free(out.s);
	return out.text;
}

static inline void contains(const char *text, const char *what)
{
	if (!strstr(text, what))
		fail_msg("\"%s\" is not in:\n%s", what, text);
}

#endif
