/* SPDX-License-Identifier: BSD-2-Clause */
/* SIGINT and SIGTERM of a command that works step by step: they end it after the step, with its results. */
#ifndef S2V_LIVE_INTERRUPT_H
#define S2V_LIVE_INTERRUPT_H

#include <stdbool.h>

/*
 * From now on the first of them is noted. One that comes more than a second after it ends the process, whatever that
 * is doing; before, it is taken for the same (timeout(1) sends two).
 */
void s2v_interrupt_catch(void);

/* Has one come? Never where they are not caught. */
bool s2v_interrupted(void);

/* The command is at its end, as if one had come now. */
void s2v_interrupt_now(void);

#endif
