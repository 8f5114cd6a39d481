// SPDX-License-Identifier: BSD-2-Clause
/* Ops that query the fixture module for the stage-2 tables of the current VM. */
#include <errno.h>
#include <fcntl.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "../fixture/ask.h"
#include "guest.h"

static int ask(unsigned long cmd, struct s2f_tables *tables)
{
	int error, fd = open("/dev/s2f-tables", O_RDWR | O_CLOEXEC);

	*tables = (struct s2f_tables){ .vm = vm->fd };
	if (fd < 0)
		return errno;
	error = ioctl(fd, cmd, tables) < 0 ? errno : 0;
	close(fd);
	return error;
}

void op_tables(const struct words *words, struct result *result)
{
	struct s2f_tables tables;
	int error = ask(S2F_TABLES, &tables);

	(void)words;
	result_errno(result, error);
	if (!error)
		result_set(result, "ok pgd=0x%llx vtcr=0x%llx", (unsigned long long)tables.pgd,
			   (unsigned long long)tables.vtcr);
}

void op_walk(const struct words *words, struct result *result)
{
	uint64_t count = words_number(words, "walk", 1);
	struct stopwatch start = stopwatch_start();
	struct s2f_tables tables = { 0 };
	int error = 0;

	while (count-- && !error)
		error = ask(S2F_WALK, &tables);
	result_errno(result, error);
	if (!error)
		result_set(result, "ok us=%llu leaves=%llu lines=%llu",
			   (unsigned long long)((stopwatch_start().wall - start.wall) / 1000),
			   (unsigned long long)tables.leaves, (unsigned long long)tables.lines);
}
