/* SPDX-License-Identifier: BSD-2-Clause */
/* Writes encoded chunks to the parts of a recording, on the writer's thread. */
#ifndef S2V_S2T_FILE_H
#define S2V_S2T_FILE_H

#include "trace/private.h"

struct s2t_file {
	const struct s2t_writer_opts *o;
	struct s2t_info info; /* host.ram is a copy, owned */
	struct s2t_encoder *enc;
	struct s2t_past *past; /* for the beginning of the next part */
	int fd; /* -1: no part is open */
	__u64 bytes; /* of the part, up to the end of its last whole chunk */
	__u32 seq; /* number of the next chunk in the part */
	struct s2t_buf index, out;
	struct s2t_facts facts;
};

/* 0 or -errno; s2t_file_free() in any case. */
int s2t_file_init(struct s2t_file *f, const struct s2t_writer_opts *o);
void s2t_file_free(struct s2t_file *f);
/* Path of a part: "FILE", "FILE.1", … */
void s2t_file_path(const struct s2t_file *f, char *to, size_t len);

/* Opens the next part and writes its header, S2T_INFO and S2T_STATE. 0 or -errno. */
int s2t_file_begin(struct s2t_file *f);
/*
 * Appends contiguous chunks. On an error the file is truncated to its last whole chunk. 0 or
 * -errno, also in facts.err.
 */
int s2t_file_chunks(struct s2t_file *f, struct s2t_buf *chunks);
int s2t_file_totals(struct s2t_file *f, const struct s2t_totals *t, enum s2t_kind kind);
/* Ends the part: last counters, index, clears S2T_OPEN. 0 or -errno. */
int s2t_file_end(struct s2t_file *f, const struct s2t_totals *t);

#endif
