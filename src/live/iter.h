/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reading BPF iterators over tasks, their open files and their VMAs. Other processes decide how many there are, so
 * each read is bounded and can be ended.
 */
#ifndef S2V_LIVE_ITER_H
#define S2V_LIVE_ITER_H

#include <linux/types.h>
#include <stdbool.h>
#include <stddef.h>

struct bpf_link;
struct bpf_program;

struct s2v_iter_opts {
	/* The program sets it when it has found what it looks for; NULL: it reads to the end. */
	const __u32 *done;
	/* Takes the program's output, in pieces of any length; a value other than 0 ends the read and is returned. */
	int (*take)(void *arg, const void *data, size_t len);
	/* Called after each piece; false ends the read with -EINTR. May be NULL. */
	bool (*go_on)(void *arg);
	void *arg; /* of take() and go_on() */
	bool to_end; /* SIGINT and SIGTERM do not end it */
};

/*
 * Attaches an iterator to one thread (tid), to the threads of one process (tgid), or to all tasks (both 0). IDs are of
 * the caller's PID namespace. NULL with errno set.
 */
struct bpf_link *s2v_iter_attach(const struct bpf_program *prog, __u32 tid, __u32 tgid);

/*
 * Reads it once. 0 or -errno: -EINTR if SIGINT or SIGTERM came (interrupt.h) or go_on() returned false, -E2BIG after
 * S2V_ITER_EMPTY_READS_MAX reads without output.
 */
int s2v_iter_run(struct bpf_link *link, const struct s2v_iter_opts *o);

/* A read visits up to a million objects (MAX_ITER_OBJECTS), then the kernel returns EAGAIN. */
#define S2V_ITER_EMPTY_READS_MAX 64

#endif
