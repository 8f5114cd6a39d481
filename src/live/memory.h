/* SPDX-License-Identifier: BSD-2-Clause */
/* Reads the VMAs of the mm that a VM belongs to. */
#ifndef S2V_LIVE_MEMORY_H
#define S2V_LIVE_MEMORY_H

#include "live/vmas.h"

struct s2v_memory_query {
	__u64 mm; /* see struct s2v_memory; its VM must exist until the VMAs are read */
	__u32 tid; /* a thread that may have this mm, tried first; 0: not known */
	bool to_end; /* signals do not end it */
	bool (*go_on)(void *arg); /* called in between; false ends it; may be NULL */
	void *arg;
};

enum {
	S2V_MEMORY_READ,
	S2V_MEMORY_UNREAD, /* not all of them: too many, or the process is in another PID namespace */
	S2V_MEMORY_EXITED, /* the process has exited: nothing is mapped any more */
};

/* Replaces the contents of *v. One of the above, or -errno. */
int s2v_memory_read(struct s2v_live *l, const struct s2v_memory_query *of, struct s2v_vmas *v);

#endif
