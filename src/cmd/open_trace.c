// SPDX-License-Identifier: BSD-2-Clause
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cmd/open_trace.h"
#include "util/util.h"

#define LONG_NS 1000000000ULL /* after this time a progress bar is shown */
#define PLURAL(n) ((n) == 1 ? "" : "s")

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
	__u64 events;

	if (!t->size || !isatty(STDERR_FILENO) ||
	    s2v_clock_ns(CLOCK_MONOTONIC) - t->began < LONG_NS)
		return;
	t->bar = true;
	done = (unsigned int)(bytes >= t->size ? 100 : bytes * 100 / t->size);
	fputs("\r[", stderr);
	for (i = 0; i < 40; i++)
		fputc(i * 100 < done * 40 ? '#' : ' ', stderr);
	events = s2t_state(t->reader)->events;
	fprintf(stderr, "] %3u %%  %llu event%s\033[K", done, ULL(events), PLURAL(events));
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
		s2v_err("%s: recording was stopped: %s; later events are missing", t->file,
			strerror(st->stopped));
	else if (!st->closed)
		s2v_err("%s was not closed: the last events are missing%s", t->file,
			st->counted ? ", and the counters are as of the last second"
				    : ", and so are the counters");
	if (st->damaged)
		s2v_err("%s is damaged in %llu place%s: at least %llu event%s lost", t->file,
			ULL(st->damaged), PLURAL(st->damaged), ULL(st->lost), PLURAL(st->lost));
	else if (st->lost)
		s2v_err("%s: %llu event%s not recorded", t->file, ULL(st->lost), PLURAL(st->lost));
	if (st->unknown)
		s2v_err("%s: skipped %llu part%s written by a newer s2verify", t->file,
			ULL(st->unknown), PLURAL(st->unknown));
	return 0;
}

void s2v_close_trace(struct s2v_open_trace *t)
{
	s2t_free(t->reader);
}
