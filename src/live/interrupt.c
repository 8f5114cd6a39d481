// SPDX-License-Identifier: BSD-2-Clause
#include <signal.h>
#include <stddef.h>
#include <time.h>

#include "live/interrupt.h"

static volatile sig_atomic_t interrupted;
static struct timespec first_time; /* of the first signal; CLOCK_MONOTONIC */

static void set_handlers(void (*handler)(int))
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
	if (now.tv_sec - first_time.tv_sec < 2)
		return;
	set_handlers(SIG_DFL);
	raise(sig);
}

void s2v_interrupt_catch(void)
{
	interrupted = 0;
	set_handlers(on_signal);
}

bool s2v_interrupted(void)
{
	return interrupted;
}

void s2v_interrupt_now(void)
{
	if (interrupted)
		return;
	clock_gettime(CLOCK_MONOTONIC, &first_time);
	interrupted = 1;
}
