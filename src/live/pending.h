/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Counts stay live while nothing more is mapped: once a second the BPF side tells what is pending of each kind of mapping
 * (bpf/pending.h). Inside of the live source.
 */
#ifndef S2V_LIVE_PENDING_H
#define S2V_LIVE_PENDING_H

#include "live/live_private.h"

/* 0 or -errno. */
int s2v_pending_open(struct s2v_live *l);
void s2v_pending_close(struct s2v_live *l);

#endif
