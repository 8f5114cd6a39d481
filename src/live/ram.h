/* SPDX-License-Identifier: BSD-2-Clause */
/* The host's RAM, for the BPF side of an audit: it reads no other physical address. Private to the live source. */
#ifndef S2V_LIVE_RAM_H
#define S2V_LIVE_RAM_H

#include "live/live_private.h"

/*
 * Passes the RAM of now to the BPF side: memory may have been added since the start. Where it cannot be read any more
 * (a daemon that has dropped its privileges) that of the start counts.
 */
void s2v_ram_refresh(struct s2v_live *l);

#endif
