// SPDX-License-Identifier: BSD-2-Clause
/* The memory behind memslots. */
#include <errno.h>
#include <fcntl.h>
#include <linux/udmabuf.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "guest.h"

#define RDWR (PROT_READ | PROT_WRITE)

/* The part of the DRM interface that vgem needs; its kernel headers are not installed everywhere. */
struct drm_create_dumb {
	uint32_t height;
	uint32_t width;
	uint32_t bpp;
	uint32_t flags;
	uint32_t handle;
	uint32_t pitch;
	uint64_t size;
};

struct drm_map_dumb {
	uint32_t handle;
	uint32_t pad;
	uint64_t offset;
};

#define DRM_CREATE_DUMB _IOWR('d', 0xb2, struct drm_create_dumb)
#define DRM_MAP_DUMB _IOWR('d', 0xb3, struct drm_map_dumb)

size_t page_size(void)
{
	return (size_t)sysconf(_SC_PAGESIZE);
}

/* Size of a level-2 block: 2 MiB with 4 KiB pages. */
size_t huge_size(void)
{
	return page_size() * page_size() / 8;
}

/* Address space in which KVM may map blocks: HVA and GPA have the same offset in a huge page. */
char *backing_reserve(uint64_t size, uint64_t gpa)
{
	uint64_t huge = huge_size();
	uint64_t shift = gpa % huge;
	char *area = mmap(NULL, size + 2 * huge, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	uint64_t start;

	if (area == MAP_FAILED)
		usage_error("no address space for 0x%llx bytes", (unsigned long long)size);
	start = ((uintptr_t)area + huge - 1) / huge * huge + shift;
	return area + (start - (uintptr_t)area);
}

static int map_anonymous(char *hva, uint64_t size, int flags, int advice, int prot)
{
	if (mmap(hva, size, prot, MAP_FIXED | MAP_ANONYMOUS | flags, -1, 0) == MAP_FAILED)
		return errno;
	if (advice >= 0)
		madvise(hva, size, advice); /* fails on a kernel without THP, which is no error */
	return 0;
}

static int map_fd(char *hva, uint64_t size, int fd, uint64_t offset)
{
	int error = 0;

	if (mmap(hva, size, RDWR, MAP_FIXED | MAP_SHARED, fd, (off_t)offset) == MAP_FAILED)
		error = errno;
	close(fd);
	return error;
}

/* A file that ends where the second half of its mapping begins. */
static int map_short(char *hva, uint64_t size)
{
	int fd = memfd_create("short", MFD_CLOEXEC);

	if (fd < 0 || ftruncate(fd, (off_t)(size / 2)) < 0)
		return errno;
	return map_fd(hva, size, fd, 0);
}

/* PATH[@OFFSET] */
static int map_path(char *hva, uint64_t size, const char *spec, int flags)
{
	char path[256];
	const char *at = strchr(spec, '@');
	uint64_t offset = at ? parse_number(at + 1) : 0;
	struct stat st;
	int fd;

	snprintf(path, sizeof(path), "%.*s", (int)(at ? at - spec : (long)strlen(spec)), spec);
	fd = open(path, O_RDWR | O_CLOEXEC | flags, 0600);
	if (fd < 0)
		return errno;
	if (!fstat(fd, &st) && S_ISREG(st.st_mode) && (flags & O_CREAT) &&
	    (uint64_t)st.st_size < offset + size && ftruncate(fd, (off_t)(offset + size)) < 0) {
		close(fd);
		return errno;
	}
	return map_fd(hva, size, fd, offset);
}

/* A buffer of the virtual GPU: RAM that the host maps write-combined. */
static int map_vgem(char *hva, uint64_t size, const char *path)
{
	struct drm_create_dumb create = { .height = (uint32_t)(size / 4096),
					  .width = 1024,
					  .bpp = 32 };
	struct drm_map_dumb map = { 0 };
	int fd = open(path, O_RDWR | O_CLOEXEC);
	int error;

	if (fd < 0)
		return errno;
	if (ioctl(fd, DRM_CREATE_DUMB, &create) == 0) {
		map.handle = create.handle;
		if (ioctl(fd, DRM_MAP_DUMB, &map) == 0)
			return map_fd(hva, size, fd, map.offset);
	}
	error = errno;
	close(fd);
	return error;
}

/* A memfd whose pages are not contiguous in RAM: another memfd takes every other page. */
static int scattered_memfd(uint64_t size)
{
	static const char one = 1;
	int fd = memfd_create("ram", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	int other = memfd_create("between", MFD_CLOEXEC); /* stays open until this process ends */
	uint64_t at;

	if (fd < 0 || other < 0 || ftruncate(fd, (off_t)size) < 0)
		return -1;
	for (at = 0; at < size; at += page_size())
		if (pwrite(fd, &one, 1, (off_t)at) != 1 || pwrite(other, &one, 1, (off_t)at) != 1)
			return -1;
	return fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK) < 0 ? -1 : fd;
}

/* A dma-buf of RAM: VM_PFNMAP. kind: "" the VMM has read all of it; "-lazy" none; "-ro" none, and it cannot write. */
static int map_udmabuf(char *hva, uint64_t size, const char *kind)
{
	struct udmabuf_create create = { .flags = UDMABUF_FLAGS_CLOEXEC, .size = size };
	int dev = open("/dev/udmabuf", O_RDWR | O_CLOEXEC), memfd = scattered_memfd(size), fd;
	bool ro = !strcmp(kind, "-ro");
	uint64_t at;

	if (dev < 0 || memfd < 0)
		return errno;
	create.memfd = (uint32_t)memfd;
	fd = ioctl(dev, UDMABUF_CREATE, &create);
	if (fd < 0)
		return errno;
	if (mmap(hva, size, ro ? PROT_READ : RDWR, MAP_FIXED | MAP_SHARED, fd, 0) == MAP_FAILED)
		return errno;
	for (at = 0; !*kind && at < size; at += page_size())
		(void)*(volatile char *)(hva + at);
	return 0;
}

int backing_map(char *hva, uint64_t size, const char *from)
{
	if (!strcmp(from, "anon"))
		return map_anonymous(hva, size, MAP_PRIVATE, MADV_NOHUGEPAGE, RDWR);
	if (!strcmp(from, "thp"))
		return map_anonymous(hva, size, MAP_PRIVATE, MADV_HUGEPAGE, RDWR);
	if (!strcmp(from, "shm"))
		return map_anonymous(hva, size, MAP_SHARED, -1, RDWR);
	if (!strcmp(from, "hugetlb"))
		return map_anonymous(hva, size, MAP_PRIVATE | MAP_HUGETLB, -1, RDWR);
	if (!strcmp(from, "striped"))
		return many_striped(hva, size);
	if (!strcmp(from, "none"))
		return map_anonymous(hva, size, MAP_PRIVATE, -1, PROT_NONE);
	if (!strcmp(from, "read-only"))
		return map_anonymous(hva, size, MAP_PRIVATE, -1, PROT_READ);
	if (!strcmp(from, "short"))
		return map_short(hva, size);
	if (!strcmp(from, "hole"))
		return munmap(hva, size) ? errno : 0;
	if (!strcmp(from, "vgem"))
		return map_vgem(hva, size, "/dev/dri/card0");
	if (!strcmp(from, "udmabuf") || !strcmp(from, "udmabuf-lazy") ||
	    !strcmp(from, "udmabuf-ro"))
		return map_udmabuf(hva, size, from + strlen("udmabuf"));
	if (!strncmp(from, "file:", 5))
		return map_path(hva, size, from + 5, O_CREAT);
	if (!strncmp(from, "dev:", 4))
		return map_path(hva, size, from + 4, O_SYNC);
	usage_error(
		"from=%s: not one of anon, thp, shm, hugetlb, striped, none, read-only, short, hole, vgem, udmabuf, udmabuf-lazy, "
		"udmabuf-ro, file:, dev:",
		from);
}
