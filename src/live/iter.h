/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reading BPF iterators over tasks, their open files and their VMAs. How much there is to go through another
 * process decides, so each read is bounded, and can be ended.
 */
#ifndef S2V_LIVE_ITER_H
#define S2V_LIVE_ITER_H

#include <linux/types.h>
#include <stdbool.h>
#include <stddef.h>

struct bpf_link;
struct bpf_program;

struct s2v_iter_opts {
	/* Set by the program once it has what it was run for; NULL: it goes through all there is. */
	const __u32 *done;
	/* Takes what the program wrote, in pieces of any length; not 0: ends the read, and is returned. */
	int (*take)(void *arg, const void *data, size_t len);
	/* Asked after each piece; false: ends the read with -EINTR. NULL: not asked. */
	bool (*go_on)(void *arg);
	void *arg; /* of both */
	bool to_end; /* SIGINT and SIGTERM do not end it */
};

/*
 * Attaches an iterator to one thread (tid), to the threads of one process (tgid), or to all tasks (both 0), by
 * numbers of the reader's PID namespace. NULL with errno set.
 */
struct bpf_link *s2v_iter_attach(const struct bpf_program *prog, __u32 tid, __u32 tgid);

/*
 * Reads it once. 0 or -errno: -EINTR when SIGINT or SIGTERM came (interrupt.h) or go_on said so, -E2BIG when
 * there was more to go through than S2V_ITER_FRUITLESS reads reach.
 */
int s2v_iter_run(struct bpf_link *link, const struct s2v_iter_opts *o);

/* The kernel goes through a million objects in a read (MAX_ITER_OBJECTS), then says EAGAIN. */
#define S2V_ITER_FRUITLESS 64

#endif
