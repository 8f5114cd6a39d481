/* SPDX-License-Identifier: BSD-2-Clause */
/* Reads the VMAs of a process; reports those behind a memslot. */
#ifndef S2V_LIVE_VMAS_H
#define S2V_LIVE_VMAS_H

#include "live/live.h"

struct bpf_link;

struct s2v_vmas {
	struct s2v_ev_vma *v; /* ascending; only vma, name and driver are set */
	size_t n, bytes; /* read so far; bytes may include a part of another VMA */
	size_t room; /* bytes allocated */
};

/* The kernel allows vm.max_map_count VMAs, by default 65,530. */
#define S2V_VMAS_MOST 262144

/* What ends the reading: see struct s2v_iter_opts. */
struct s2v_vmas_source {
	const __u32 *done;
	bool (*go_on)(void *arg);
	void *arg;
	bool to_end;
};

/*
 * Reads VMAs from the iterator memory_vmas, replacing the contents of *v. 0 or -errno: -E2BIG if there are more than
 * S2V_VMAS_MOST, -EBADMSG if they do not ascend. After an error *v has only some of them.
 */
int s2v_vmas_read(struct s2v_vmas *v, struct bpf_link *link, const struct s2v_vmas_source *from);

/* Where VMA events go. */
struct s2v_vmas_to {
	s2v_event_fn fn;
	void *fn_arg;
	bool (*go_on)(void *arg); /* called in between; false ends it */
	void *arg;
	unsigned int most; /* runs */
};

/*
 * Hands out the VMA events of a memslot, as a registration does: clipped to it, with neighbours of one kind joined.
 * Sets runs and vmas of *slot. 0; -E2BIG: more than to->most runs; -EINTR: go_on() returned false. After an error not
 * all were handed out.
 */
int s2v_vmas_report(const struct s2v_vmas *v, struct s2v_ev_slot *slot,
		    const struct s2v_vmas_to *to);

void s2v_vmas_free(struct s2v_vmas *v);

#endif
