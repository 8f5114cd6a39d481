// SPDX-License-Identifier: BSD-2-Clause
/*
 * put RESOURCE - copies standard input to the memory of a PCI device (ivshmem), which the machine
 * outside reads: 8 bytes of magic, 8 bytes of length, the data.
 */
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define HEADER 16

static const char magic[9] = "S2VLAB01";

static void fail(const char *what)
{
	perror(what);
	exit(1);
}

static char *map_device(const char *path, size_t *size)
{
	int fd = open(path, O_RDWR | O_CLOEXEC);
	struct stat st;
	char *map;

	if (fd < 0 || fstat(fd, &st) < 0)
		fail(path);
	*size = (size_t)st.st_size;
	map = mmap(NULL, *size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (map == MAP_FAILED)
		fail(path);
	close(fd);
	return map;
}

/* Device memory allows only whole aligned words. */
static void copy_out(char *to, const char *from, size_t size)
{
	volatile uint64_t *at = (volatile uint64_t *)to;
	uint64_t word;
	size_t done, part;

	for (done = 0; done < size; done += part) {
		part = size - done < sizeof(word) ? size - done : sizeof(word);
		word = 0;
		memcpy(&word, from + done, part);
		*at++ = word;
	}
}

/* read() of a pipe may return less; offsets must stay aligned. */
static size_t read_full(char *buffer, size_t size)
{
	size_t done = 0;
	ssize_t got;

	while (done < size) {
		got = read(STDIN_FILENO, buffer + done, size - done);
		if (got < 0)
			fail("read");
		if (got == 0)
			break;
		done += (size_t)got;
	}
	return done;
}

int main(int argc, char **argv)
{
	static char buffer[1 << 16];
	uint64_t length = 0;
	size_t got, room;
	char *to;

	if (argc != 2) {
		fprintf(stderr, "usage: put RESOURCE <FILE\n");
		return 2;
	}
	to = map_device(argv[1], &room);
	copy_out(to, "\0\0\0\0\0\0\0", 8);
	while ((got = read_full(buffer, sizeof(buffer)))) {
		if (HEADER + length + got > room) {
			fprintf(stderr, "put: the input does not fit into %zu bytes\n", room);
			return 1;
		}
		copy_out(to + HEADER + length, buffer, got);
		length += got;
	}
	copy_out(to + 8, (const char *)&length, sizeof(length));
	copy_out(to, magic, 8);
	return 0;
}
