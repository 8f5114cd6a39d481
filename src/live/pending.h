/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Keeps counts current while nothing more is mapped: once a second the BPF side reports the pending count of each kind
 * of mapping (bpf/pending.h).
 */
#ifndef S2V_LIVE_PENDING_H
#define S2V_LIVE_PENDING_H

#include "live/live_private.h"

/* 0 or -errno. */
int s2v_pending_open(struct s2v_live *l);
void s2v_pending_close(struct s2v_live *l);

#endif
