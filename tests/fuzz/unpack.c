// SPDX-License-Identifier: BSD-2-Clause
/*
 * Converts a trace file to one with uncompressed chunks, for the fuzzers' corpus. Only the fuzzers'
 * build of the reader accepts it.
 *
 *   unpack FILE >CORPUS-FILE
 */
#include <stdio.h>
#include <zstd.h>

#include "trace/private.h"

static __u8 in[1 << 20], body[1 << 20];

int main(int argc, char **argv)
{
	FILE *f = argc == 2 ? fopen(argv[1], "re") : NULL;
	size_t len = f ? fread(in, 1, sizeof(in), f) : 0, at = S2T_HEAD_LEN;
	struct s2t_chunk_head h;

	if (len < S2T_HEAD_LEN || len == sizeof(in)) {
		fprintf(stderr, "usage: %s FILE, of less than 1 MiB\n", argv[0]);
		return 2;
	}
	fwrite(in, 1, S2T_HEAD_LEN, stdout);
	for (; at + S2T_CHUNK_HEAD <= len && s2t_get_chunk_head(in + at, &h);) {
		__u8 head[S2T_CHUNK_HEAD];

		ZSTD_decompress(body, sizeof(body), in + at + S2T_CHUNK_HEAD, h.stored);
		at += S2T_CHUNK_HEAD + h.stored;
		h.stored = h.body;
		s2t_put_chunk_head(head, &h);
		fwrite(head, 1, sizeof(head), stdout);
		fwrite(body, 1, h.body, stdout);
	}
	fwrite(in + at, 1, len - at, stdout);
	return ferror(stdout) || fclose(f);
}
