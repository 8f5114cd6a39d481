// SPDX-License-Identifier: BSD-2-Clause
/* Ops for a VMM as large as real ones: many mappings, threads, files, memslots; and for one that hides. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include "guest.h"

/* Returns the number of VMAs of this process; *end is the end of the last. */
static uint64_t count_vmas(unsigned long *end)
{
	char line[512];
	uint64_t n = 0;
	FILE *f = fopen("/proc/self/maps", "re");

	if (!f)
		usage_error("/proc/self/maps: %s", strerror(errno));
	while (fgets(line, sizeof(line), f))
		n += sscanf(line, "%*x-%lx", end) == 1;
	fclose(f);
	return n;
}

/* Address space before all VMAs (from the lowest that mmap_min_addr allows on), or after them. */
char *many_place(const char *where)
{
	unsigned long end;

	if (!strcmp(where, "first"))
		return (char *)0x20000;
	if (strcmp(where, "last"))
		usage_error("at=%s: neither first nor last", where);
	count_vmas(&end);
	return (char *)((end + 0x3ffff) & ~0x1ffffUL);
}

/* No task has a file of the VM any more; the mappings of struct kvm_run keep vCPUs and VM alive. */
void op_hide(const struct words *words, struct result *result)
{
	(void)words;
	for (int i = 0; i < vm->vcpu_count; i++)
		close(vm->vcpu[i].fd);
	close(vm->fd);
	result_set(result, "ok");
}

/* Each page differs from its neighbours in protection, so each is a VMA; all are of the same kind. */
void op_vmas(const struct words *words, struct result *result)
{
	uint64_t want = words_number(words, "vmas", 0), have;
	unsigned long end;

	for (have = count_vmas(&end); have < want; have++)
		if (mmap(NULL, page_size(), have & 1 ? PROT_READ : PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED) {
			result_errno(result, errno);
			return;
		}
	have = count_vmas(&end);
	result_set(result, have == want ? "ok %llu" : "%llu", (unsigned long long)have);
}

static void *idle(void *arg)
{
	(void)arg;
	for (;;)
		pause();
	return NULL;
}

void op_threads(const struct words *words, struct result *result)
{
	uint64_t n = words_number(words, "threads", 0);
	pthread_attr_t attr;
	pthread_t thread;
	int error = 0;

	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, 65536);
	for (uint64_t i = 0; !error && i < n; i++)
		error = pthread_create(&thread, &attr, idle, NULL);
	pthread_attr_destroy(&attr);
	result_errno(result, error);
}

void op_files(const struct words *words, struct result *result)
{
	uint64_t n = words_number(words, "files", 0);
	struct rlimit limit = { .rlim_cur = n + 1024, .rlim_max = n + 1024 };

	if (setrlimit(RLIMIT_NOFILE, &limit) < 0) {
		result_errno(result, errno);
		return;
	}
	for (uint64_t i = 0; i < n; i++)
		if (open("/dev/null", O_RDWR | O_CLOEXEC) < 0) {
			result_errno(result, errno);
			return;
		}
	result_set(result, "ok");
}

/* Pages are private anonymous and of a file in turn: each is a VMA, of two kinds. */
int many_striped(char *hva, uint64_t size)
{
	int fd = memfd_create("striped", MFD_CLOEXEC), error = 0;

	if (fd < 0 || ftruncate(fd, (off_t)size) < 0)
		return errno;
	for (uint64_t at = 0, i = 0; !error && at < size; at += page_size(), i++)
		if (mmap(hva + at, page_size(), PROT_READ | PROT_WRITE,
			 MAP_FIXED | (i & 1 ? MAP_SHARED : MAP_PRIVATE | MAP_ANONYMOUS),
			 i & 1 ? fd : -1, i & 1 ? (off_t)at : 0) == MAP_FAILED)
			error = errno;
	close(fd);
	return error;
}

#define CROWD_ID 100
static struct {
	struct vm *vm;
	uint64_t n;
	struct slot first;
} crowd;

/* Registers the memslots or, with size 0, deletes them. Returns 0 or an errno. */
static int crowd_set(uint64_t size)
{
	struct slot slot = crowd.first;
	int error = 0;

	for (uint64_t i = 0; !error && i < crowd.n; i++) {
		error = vm_set_slot(crowd.vm, &slot, size);
		slot.id++;
		slot.gpa += slot.size;
		slot.hva += slot.size;
	}
	return error;
}

void op_crowd(const struct words *words, struct result *result)
{
	int error;

	if (crowd.vm)
		usage_error("crowd= before disband");
	crowd.vm = vm;
	crowd.n = words_number(words, "crowd", 0);
	crowd.first = (struct slot){ .id = CROWD_ID,
				     .gpa = parse_number(words_need(words, "gpa")),
				     .size = parse_number(words_need(words, "size")) };
	crowd.first.hva = backing_reserve(crowd.n * crowd.first.size, crowd.first.gpa);
	error = backing_map(crowd.first.hva, crowd.n * crowd.first.size, words_need(words, "from"));
	result_errno(result, error ? error : crowd_set(crowd.first.size));
}

void op_disband(const struct words *words, struct result *result)
{
	(void)words;
	if (!crowd.vm)
		usage_error("disband without crowd=");
	result_errno(result, crowd_set(0));
	munmap(crowd.first.hva, crowd.n * crowd.first.size);
	crowd.vm = NULL;
}
