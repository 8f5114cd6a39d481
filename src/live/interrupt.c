// SPDX-License-Identifier: BSD-2-Clause
#include <signal.h>
#include <stddef.h>
#include <time.h>

#include "live/interrupt.h"

static volatile sig_atomic_t interrupted;
static struct timespec first; /* when; CLOCK_MONOTONIC */

static void set(void (*handler)(int))
{
	struct sigaction sa = { .sa_handler = handler };

	sigaction(SIGINT, &sa, NULL);
	sigaction(SIGTERM, &sa, NULL);
}

static void on_signal(int sig)
{
	struct timespec now;

	if (!interrupted) {
		s2v_interrupt_now();
		return;
	}
	clock_gettime(CLOCK_MONOTONIC, &now);
	if (now.tv_sec - first.tv_sec < 2)
		return;
	set(SIG_DFL);
	raise(sig);
}

void s2v_interrupt_catch(void)
{
	interrupted = 0;
	set(on_signal);
}

bool s2v_interrupted(void)
{
	return interrupted;
}

void s2v_interrupt_now(void)
{
	if (interrupted)
		return;
	clock_gettime(CLOCK_MONOTONIC, &first);
	interrupted = 1;
}
