/* SPDX-License-Identifier: BSD-2-Clause */
/* Inside of the live source. */
#ifndef S2V_LIVE_PRIVATE_H
#define S2V_LIVE_PRIVATE_H

#include "live.h"
#include "s2v_shared.h"
#include "s2verify.skel.h"

struct s2v_live {
	struct s2verify_bpf *skel;
	struct ring_buffer *ring;
	s2v_event_fn fn;
	void *arg;
	struct bpf_link *links[S2V_OBS_NR][2]; /* entry, return */
	struct bpf_program *progs[2 * S2V_OBS_NR]; /* attached */
	size_t n_progs;
	__u64 malformed;
	int err; /* of reading what a VM that is gone left */
};

#endif
