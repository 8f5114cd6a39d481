/* SPDX-License-Identifier: BSD-2-Clause */
/* Facts about this machine, and the hooks that attach on it. */
#ifndef S2V_LIVE_FACTS_H
#define S2V_LIVE_FACTS_H

#include "host/host.h"
#include "host/observe.h"

/*
 * host_live.c: checks whether this process can run live commands (privileges, BTF, lockdown). Returns 0,
 * or -1 with a message for the user in err (exit 3).
 */
int s2v_host_preflight(char *err, size_t errlen);

/*
 * host_live.c: fills *h on this machine, except s1_attr (calibrate.c). Returns 0, or -1 with a message for
 * the user in err (exit 3); *h needs s2v_host_free() in either case.
 */
int s2v_host_gather(struct s2v_host *h, char *err, size_t errlen);

/* host_live.c: the ranges of struct s2v_host.ram as of now. 0 or -errno; *n is 0 if they cannot be read. Free *ram. */
int s2v_host_read_ram(struct s2v_range **ram, size_t *n);

/*
 * observe_live.c: chooses the hooks on this machine (host/observe.h). Returns how many observations have no
 * hook, or -1 with a message for the user in err: BTF cannot be read, or shows that the kernel lacks
 * something that the BPF programs need.
 */
int s2v_observe_live(struct s2v_hook hooks[S2V_OBS_NR], const struct s2v_host *host,
		     enum s2v_attach_mode mode, bool every_fault, const struct s2v_kallsyms *ks,
		     char *err, size_t errlen);

/* observe_live.c: the same checks, but chooses no hook, for this reason. 0, or -1 with a message in err. */
int s2v_observe_nothing(struct s2v_hook hooks[S2V_OBS_NR], const char *reason, char *err,
			size_t errlen);

#endif
