/* SPDX-License-Identifier: BSD-2-Clause */
/* What is mapped in the memory that a VM's is: the VMAs of whoever has it. */
#ifndef S2V_LIVE_MEMORY_H
#define S2V_LIVE_MEMORY_H

#include "live/vmas.h"

struct s2v_memory_of {
	__u64 mm; /* struct s2v_memory; its VM must be there until this has been read */
	__u32 tid; /* a thread that may have it: asked first; 0: none is known */
	bool to_end; /* a signal does not end it */
	bool (*go_on)(void *arg); /* asked now and then; NULL: it is not */
	void *arg;
};

enum {
	S2V_MEMORY_READ,
	S2V_MEMORY_UNREAD, /* not all of them: too many, or of another PID namespace */
	S2V_MEMORY_NOBODYS, /* the process has ended: nothing is mapped any more */
};

/* Reads them, in the place of what was in *v. One of the above, or -errno. */
int s2v_memory_read(struct s2v_live *l, const struct s2v_memory_of *of, struct s2v_vmas *v);

#endif
