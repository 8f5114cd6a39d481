/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Room trace: trace files, written, read, and given to the correlator. Uses core, host, util.
 * Used by cmd, daemon.
 *
 * Trace files (.s2t, docs/s2t.md): the events of a run with all that verdicts on them need. Pure but
 * for the file itself: no BPF, no event loop. Times in nanoseconds of CLOCK_BOOTTIME.
 */
#ifndef S2V_S2T_H
#define S2V_S2T_H

#include <sys/types.h>

#include "core/sink.h"

#define S2T_MAJOR 1
#define S2T_MINOR 0

/* Limits of a chunk: nothing larger is written, and the reader refuses it. */
#define S2T_EVENT_MAX 4096U /* bytes of one event */
#define S2T_CHUNK_EVENTS (4U << 20) /* bytes of events, as structs */
#define S2T_BODY_MAX (16U << 20) /* bytes of a body, and of what is stored of it */

/* The writer's own records among the events; they begin with struct s2v_ev_hdr, too. */
#define S2T_REC_FIRST 0xffff0000U
#define S2T_REC_GAP 0xffff0001U /* struct s2t_gap: events that were seen and not written */
#define S2T_REC_CONTRACT 0xffff0002U /* header only: the contract was reported here (SIGUSR1) */
#define S2T_REC_UPDATES \
	0xffff0003U /* header only: findings that recurred were reported again here */

struct s2t_gap {
	struct s2v_ev_hdr h; /* time: of the first of them */
	__u64 events;
	__u64 last; /* time of the last of them */
};

/* What a file says of the run, once, before any event. */
struct s2t_info {
	struct s2v_host host;
	struct s2v_hook hooks[S2V_OBS_NR];
	char version[64]; /* of the s2verify that wrote it */
	__u64 boot; /* when the run began */
	__s64 boot_to_real; /* CLOCK_REALTIME minus CLOCK_BOOTTIME at that time */
	__u32 pid; /* only the VMs of this process; 0: all */
	bool audit; /* the run began with an audit of existing VMs */
	bool all; /* every map and fault is reported */
	bool ring; /* older events may have been dropped: ring_bytes or ring_ns was set */
	__u32 part; /* of a recording in parts (--rotate), from 0 */
};

/* ---- writing ---- */

struct s2t_writer;

struct s2t_writer_opts {
	const char *path; /* the caller's; must live as long as the writer */
	const struct s2t_info *info; /* copied */
	__u64 rotate; /* bytes after which the next part begins; 0: one file */
	__u64 ring_bytes,
		ring_ns; /* limits of a ring in memory, written on close; both 0: no ring */
	bool patient; /* wait for the disk, drop nothing: for sources that can wait */
	/* Replaces write(2) in tests of disks that fail; NULL: write(2). */
	ssize_t (*write)(int fd, const void *buf, size_t len);
};

/* The result of a recording. */
struct s2t_facts {
	__u64 events, bytes; /* written; bytes over all parts */
	__u64 dropped; /* events not written because the disk was too slow or failed */
	__u32 parts;
	int err; /* errno that stopped it, or 0 */
	char path[4096]; /* of the part in which it stopped */
};

/*
 * Creates the file (of a ring: when it is closed) and starts the thread that writes. NULL on an
 * error, with a message in err.
 */
struct s2t_writer *s2t_create(const struct s2t_writer_opts *o, char *err, size_t errlen);

/* Never waits unless `patient`: without room it drops the event, counts it, and notes a S2T_REC_GAP. */
void s2t_append(struct s2t_writer *w, const struct s2v_ev_hdr *ev);
/* Records that something was reported at this time: S2T_REC_CONTRACT, S2T_REC_UPDATES. */
void s2t_mark(struct s2t_writer *w, __u32 type, __u64 time);
/* Hands pending events to the thread, with the counters so far (cnt, maps, lost, … of *sum). */
void s2t_counters(struct s2t_writer *w, const struct s2v_summary *sum);
/* The errno that stopped the recording, or 0. */
int s2t_failed(struct s2t_writer *w);
/*
 * Writes pending events, the final counters (of *sum, before s2v_correlator_finish()) and the
 * index; fills *facts; frees w. 0 or -errno.
 */
int s2t_close(struct s2t_writer *w, const struct s2v_summary *sum, struct s2t_facts *facts);

/* ---- reading ---- */

struct s2t_reader;

struct s2t_source {
	ssize_t (*read)(void *ctx, void *buf, size_t len); /* as read(2); < 0: -errno */
	void *ctx;
};

/* Of the file as read so far. */
struct s2t_state {
	__u64 bytes; /* read */
	__u64 events; /* returned by s2t_next() */
	__u64 lost; /* events lost in gaps and in damaged chunks */
	__u64 damaged; /* places where invalid bytes were skipped */
	__u64 unknown; /* chunks of a newer kind, skipped */
	bool closed; /* S2T_END was read: the file was closed */
	bool index_wrong; /* the index does not match the chunks read */
	int stopped; /* errno that stopped the recording, or 0 */
	bool counted; /* counters were read */
};

/* Opens a source and reads s2t_info(). NULL on an error, with a message in err. */
struct s2t_reader *s2t_open(const struct s2t_source *src, char *err, size_t errlen);
/* The same for a path, "-" for standard input. *size: bytes of the file, 0 if not known. */
struct s2t_reader *s2t_open_path(const char *path, __u64 *size, char *err, size_t errlen);
const struct s2t_info *s2t_info(const struct s2t_reader *r); /* the reader's */

/*
 * The next event, or NULL at the end. It is the reader's, valid until the next call. Its type may be
 * unknown, or a S2T_REC_*; an event of a known type has at least the length of that type.
 */
const struct s2v_ev_hdr *s2t_next(struct s2t_reader *r);

/* Copies the last counters into *sum: those of struct s2t_totals, except dropped and stopped. */
void s2t_totals(const struct s2t_reader *r, struct s2v_summary *sum);
const struct s2t_state *s2t_state(const struct s2t_reader *r);
int s2t_error(const struct s2t_reader *r); /* -errno that ended reading, or 0 */
void s2t_free(struct s2t_reader *r); /* NULL is fine */

#endif
