/* SPDX-License-Identifier: BSD-2-Clause */
/* Registrations of memslots whose VMAs the BPF side has not all looked at. */
#ifndef S2V_LIVE_REGISTRATION_H
#define S2V_LIVE_REGISTRATION_H

#include "live/live_private.h"

/*
 * Looks at what is left, hands out its VMA events, and fills in what left->ev says of them. What cannot be looked at
 * any more stays unread, and is counted (s2v_live.unread_slots).
 */
void s2v_registration_finish(struct s2v_live *l, struct s2v_slot_left *left);

#endif
