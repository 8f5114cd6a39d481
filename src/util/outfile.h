/* SPDX-License-Identifier: BSD-2-Clause */
/* A result file that is there whole or not at all: PATH.tmp, renamed when it is done. */
#ifndef S2V_OUTFILE_H
#define S2V_OUTFILE_H

#include <stdio.h>

struct s2v_outfile {
	char *path, *tmp; /* owned */
	FILE *f; /* NULL for s2v_outfile_make() */
	int fd;
	int direct; /* path is no regular file: written to as it is */
	int err; /* errno of the first write that failed */
};

/* Opens o->f for writing; o stays where it is until it ends. 0, or an errno, and nothing is left. */
int s2v_outfile_open(struct s2v_outfile *o, const char *path);

/* Makes an empty o->tmp for a library that opens it by name. ENOTSUP: path is no regular file. */
int s2v_outfile_make(struct s2v_outfile *o, const char *path);

/*
 * Ends it: with failed == 0 flushed, on the disk, and renamed; else, or if one of these fails,
 * removed. Frees what o holds. Returns failed, or the errno of what went wrong here.
 */
int s2v_outfile_end(struct s2v_outfile *o, int failed);

#endif
