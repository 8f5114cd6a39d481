/* SPDX-License-Identifier: BSD-2-Clause */
/* Options of the daemon. */
#ifndef S2V_DAEMON_OPTS_H
#define S2V_DAEMON_OPTS_H

#include "host/observe.h"

#define S2V_LISTEN_MAX 16

struct s2v_daemon_opts {
	const char *listen[S2V_LISTEN_MAX]; /* as given; none: the default */
	unsigned int n_listen;
	__u32 vm_labels; /* number of VMs with their own series */
	__u64 audit_interval; /* ns; 0: never */
	__u64 audit_rate; /* leaves a second */
	enum s2v_attach_mode attach;
	__u32 buffer; /* bytes of the ring buffer */
	bool bpf_stats;
	bool verbose;
	const char *replay; /* a recording instead of this host, or NULL */
	double replay_speed; /* 1: as recorded; 0: unpaced */
	bool replay_loop;
	bool list_metrics;
};

#endif
