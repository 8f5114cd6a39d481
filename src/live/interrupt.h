/* SPDX-License-Identifier: BSD-2-Clause */
/* SIGINT and SIGTERM end a command after its current step, with results. */
#ifndef S2V_LIVE_INTERRUPT_H
#define S2V_LIVE_INTERRUPT_H

#include <stdbool.h>

/*
 * From now on the first signal is remembered. Another one kills the process if it comes more than a second later, and is
 * ignored before (timeout(1) sends two).
 */
void s2v_interrupt_catch(void);

/* Returns whether a signal came; false if they are not caught. */
bool s2v_interrupted(void);

/* Marks the command as ending, as if a signal had come now. */
void s2v_interrupt_now(void);

#endif
