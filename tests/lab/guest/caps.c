// SPDX-License-Identifier: BSD-2-Clause
/* caps N[,N...]|none PROGRAM [ARG...] - runs PROGRAM as root with only these capabilities (numbers). */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <unistd.h>

#define LAST 63

int main(int argc, char **argv)
{
	bool keep[LAST + 1] = { false };
	char *at, *end;

	if (argc < 3) {
		fprintf(stderr, "usage: caps N[,N...]|none PROGRAM [ARG...]\n");
		return 2;
	}
	for (at = argv[1]; *at; at = *end ? end + 1 : end) {
		unsigned long n = strtoul(at, &end, 10);

		if (end == at)
			break;
		if (n <= LAST)
			keep[n] = true;
	}
	/* execve() gives root the bounding set. An unknown capability is no error. */
	for (int n = 0; n <= LAST; n++)
		if (!keep[n] && prctl(PR_CAPBSET_READ, n, 0, 0, 0) == 1 &&
		    prctl(PR_CAPBSET_DROP, n, 0, 0, 0)) {
			perror("caps");
			return 1;
		}
	execvp(argv[2], argv + 2);
	perror(argv[2]);
	return 127;
}
