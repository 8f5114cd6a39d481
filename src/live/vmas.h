/* SPDX-License-Identifier: BSD-2-Clause */
/* The VMAs of a process, read at once, and what of them lies behind a memslot. */
#ifndef S2V_LIVE_VMAS_H
#define S2V_LIVE_VMAS_H

#include "live/live.h"

struct bpf_link;

struct s2v_vmas {
	struct s2v_ev_vma *v; /* ascending; only vma, name and driver are filled */
	size_t n, bytes; /* of what was read, the last of which may be there in part */
	size_t room; /* bytes */
};

/* A process may have as many as vm.max_map_count says, 65,530 unless somebody has raised it. */
#define S2V_VMAS_MOST 262144

/* What reading them is ended by: see struct s2v_iter_opts. */
struct s2v_vmas_source {
	const __u32 *done;
	bool (*go_on)(void *arg);
	void *arg;
	bool to_end;
};

/*
 * Reads them from the iterator memory_vmas, in the place of what there was. 0 or -errno: -E2BIG if they are more than
 * S2V_VMAS_MOST, -EBADMSG if they do not ascend; then, and where it was ended, not all of them are there.
 */
int s2v_vmas_read(struct s2v_vmas *v, struct bpf_link *link, const struct s2v_vmas_source *from);

/* Where the events go. */
struct s2v_vmas_to {
	s2v_event_fn fn;
	void *fn_arg;
	bool (*go_on)(void *arg); /* asked now and then */
	void *arg;
	unsigned int most; /* runs */
};

/*
 * Hands out the VMA events that belong to a memslot, as a registration would: clipped, and joined
 * where they are of one kind; fills runs, vmas of *slot. 0; -E2BIG: there are more than to->most; -EINTR: go_on
 * said so. Then not all of them were handed out.
 */
int s2v_vmas_report(const struct s2v_vmas *v, struct s2v_ev_slot *slot,
		    const struct s2v_vmas_to *to);

void s2v_vmas_free(struct s2v_vmas *v);

#endif
