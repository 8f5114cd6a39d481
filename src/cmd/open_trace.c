// SPDX-License-Identifier: BSD-2-Clause
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cmd/open_trace.h"
#include "util/util.h"

#define LONG_NS 1000000000ULL /* a bar from then on */
#define ULL(x) ((unsigned long long)(x))

int s2v_open_trace(struct s2v_open_trace *t, const char *file)
{
	char err[512];

	*t = (struct s2v_open_trace){ .file = file, .began = s2v_clock_ns(CLOCK_MONOTONIC) };
	t->reader = s2t_open_path(file, &t->size, err, sizeof(err));
	if (t->reader)
		return 0;
	s2v_err("cannot read %s: %s", file, err);
	return -1;
}

static void clear_bar(struct s2v_open_trace *t)
{
	if (t->bar)
		fputs("\r\033[K", stderr);
	t->bar = false;
}

void s2v_open_trace_progress(void *arg, __u64 bytes)
{
	struct s2v_open_trace *t = arg;
	unsigned int done, i;

	if (!t->size || !isatty(STDERR_FILENO) ||
	    s2v_clock_ns(CLOCK_MONOTONIC) - t->began < LONG_NS)
		return;
	t->bar = true;
	done = (unsigned int)(bytes >= t->size ? 100 : bytes * 100 / t->size);
	fputs("\r[", stderr);
	for (i = 0; i < 40; i++)
		fputc(i * 100 < done * 40 ? '#' : ' ', stderr);
	fprintf(stderr, "] %3u %%  %llu events\033[K", done, ULL(s2t_state(t->reader)->events));
}

int s2v_open_trace_end(struct s2v_open_trace *t, int err)
{
	const struct s2t_state *st = s2t_state(t->reader);

	clear_bar(t);
	if (err) {
		s2v_err("%s could not be read to its end: %s", t->file, strerror(-err));
		return -1;
	}
	if (st->stopped)
		s2v_err("%s: recording was stopped: %s; what happened after that is not in it",
			t->file, strerror(st->stopped));
	else if (!st->closed)
		s2v_err("%s was not closed: what was seen last is missing%s", t->file,
			st->counted ? ", and the counters are as of the last second"
				    : ", and so are the counters");
	if (st->damaged)
		s2v_err("%s is damaged in %llu place%s: %llu events are known to be lost", t->file,
			ULL(st->damaged), st->damaged == 1 ? "" : "s", ULL(st->lost));
	else if (st->lost)
		s2v_err("%s: %llu events were seen and not recorded", t->file, ULL(st->lost));
	if (st->unknown)
		s2v_err("%s: %llu parts are of a newer s2verify and were passed over", t->file,
			ULL(st->unknown));
	return 0;
}

void s2v_close_trace(struct s2v_open_trace *t)
{
	s2t_free(t->reader);
}
