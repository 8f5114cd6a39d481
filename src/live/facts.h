/* SPDX-License-Identifier: BSD-2-Clause */
/* Facts about this machine, and the hooks that attach on it. */
#ifndef S2V_LIVE_FACTS_H
#define S2V_LIVE_FACTS_H

#include "host/host.h"
#include "host/observe.h"

/*
 * host_live.c: may this process do what live commands do (privilege, BTF,
 * lockdown)? Returns 0, or -1 with the one sentence that helps in err (for exit 3).
 */
int s2v_host_preflight(char *err, size_t errlen);

/*
 * host_live.c: fill *h on this machine. s1_attr is left to the BPF side (live.c).
 * Returns 0, or -1 with the one sentence that helps in err (for exit 3); *h needs
 * s2v_host_free() in either case.
 */
int s2v_host_gather(struct s2v_host *h, char *err, size_t errlen);

/*
 * observe_live.c: chooses the hooks on this machine (host/observe.h). Returns how many have no hook, or -1
 * with the one sentence that helps in err: BTF cannot be read, or shows
 * that the kernel lacks what the BPF programs need.
 */
int s2v_observe_live(struct s2v_hook hooks[S2V_OBS_NR], const struct s2v_host *host,
		     enum s2v_attach_mode mode, bool every_fault, const struct s2v_kallsyms *ks,
		     char *err, size_t errlen);

/* observe_live.c: no hook is wanted, for this reason; else the same. 0 or -1. */
int s2v_observe_nothing(struct s2v_hook hooks[S2V_OBS_NR], const char *reason, char *err,
			size_t errlen);

#endif
