/* SPDX-License-Identifier: BSD-2-Clause */
/* Completes registrations of memslots of which the BPF side did not read all VMAs. */
#ifndef S2V_LIVE_REGISTRATION_H
#define S2V_LIVE_REGISTRATION_H

#include "live/live_private.h"

/*
 * Reads the remaining VMAs, hands out their VMA events, and updates runs, vmas and unread of left->ev. What cannot be
 * read any more stays unread and is counted (s2v_live.unread_slots).
 */
void s2v_registration_finish(struct s2v_live *l, struct s2v_slot_left *left);

#endif
