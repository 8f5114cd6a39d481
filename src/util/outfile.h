/* SPDX-License-Identifier: BSD-2-Clause */
/* A result file that is complete or does not exist: PATH.tmp, renamed at the end. */
#ifndef S2V_OUTFILE_H
#define S2V_OUTFILE_H

#include <stdio.h>

struct s2v_outfile {
	char *path, *tmp; /* owned */
	FILE *f; /* NULL for s2v_outfile_make() */
	int fd;
	int direct; /* path is no regular file: written without PATH.tmp */
	int err; /* errno of the first failed write */
};

/* Opens o->f for writing; o must not move until s2v_outfile_end(). 0, or an errno; then nothing was created or changed. */
int s2v_outfile_open(struct s2v_outfile *o, const char *path);

/* Creates an empty o->tmp for a library that opens it by name. ENOTSUP: path is no regular file. */
int s2v_outfile_make(struct s2v_outfile *o, const char *path);

/*
 * With failed == 0: flushes, syncs and renames the file. Otherwise, or on an error, removes it. Frees
 * the members of o. Returns failed, or the errno of the first error here.
 */
int s2v_outfile_end(struct s2v_outfile *o, int failed);

#endif
