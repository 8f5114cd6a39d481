/* SPDX-License-Identifier: BSD-2-Clause */
/* The audit: reports every existing stage-2 leaf, as events of a live source. */
#ifndef S2V_LIVE_AUDIT_H
#define S2V_LIVE_AUDIT_H

#include "live/live.h"

struct s2v_audit_opts {
	bool each; /* a LEAVES event for each leaf, instead of one for equal neighbours */
	__u64 rate; /* about how many leaves a second; 0: no limit */
	/* Called between steps, permille of the memslot done; false ends the audit. May be NULL. */
	bool (*go_on)(void *arg, unsigned int vm, unsigned int vms, unsigned int permille);
	void *arg;
};

/*
 * Audits every VM that the source knows, after s2v_live_start(): SLOT (FOUND) and VMA events for
 * memslots that were not reported before, LEAVES events, an AUDIT event for each VM and one with vm 0
 * for all. Events of hooks are handed out in between. 0 or -errno; -EINTR: go_on() returned false.
 */
int s2v_live_audit(struct s2v_live *l, const struct s2v_audit_opts *o);

#endif
