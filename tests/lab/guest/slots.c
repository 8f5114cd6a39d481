// SPDX-License-Identifier: BSD-2-Clause
/* Ops on memslots. */
#include <errno.h>
#include <linux/kvm.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "guest.h"

static uint32_t slot_flags(const struct words *words)
{
	return (words_has(words, "ro") ? KVM_MEM_READONLY : 0) |
	       (words_has(words, "log") ? KVM_MEM_LOG_DIRTY_PAGES : 0);
}

static void register_slot(struct slot *slot, struct result *result)
{
	int i, error = vm_set_slot(vm, slot, slot->size);

	result_errno(result, error);
	if (error) {
		munmap(slot->hva, slot->size);
		return;
	}
	for (i = 0; i < MAX_SLOTS && vm->slot[i].used; i++)
		;
	if (i == MAX_SLOTS)
		usage_error("more than %d slots", MAX_SLOTS);
	slot->used = true;
	vm->slot[i] = *slot;
	result_set(result, "ok hva=0x%llx", (unsigned long long)(uintptr_t)slot->hva);
}

void op_slot(const struct words *words, struct result *result)
{
	struct slot slot = { .id = (int)words_number(words, "slot", 0),
			     .flags = slot_flags(words),
			     .gpa = parse_number(words_need(words, "gpa")),
			     .size = parse_number(words_need(words, "size")) };
	const char *at = words_get(words, "at");
	int error;

	slot.hva = at ? many_place(at) : backing_reserve(slot.size, slot.gpa);
	error = backing_map(slot.hva, slot.size, words_need(words, "from"));
	if (error)
		result_set(result, "mmap errno=%s", strerrorname_np(error));
	else
		register_slot(&slot, result);
}

/* "part=FROM:SIZE" */
static uint64_t part_size(const char *part)
{
	const char *colon = strrchr(part, ':');

	if (!colon)
		usage_error("part=%s: no size", part);
	return parse_number(colon + 1);
}

void op_span(const struct words *words, struct result *result)
{
	struct slot slot = { .id = (int)words_number(words, "span", 0),
			     .flags = slot_flags(words),
			     .gpa = parse_number(words_need(words, "gpa")) };
	char from[256], *hva;
	const char *part;
	int i, error;

	for (i = 0; i < words->count; i++)
		if (!strncmp(words->word[i], "part=", 5))
			slot.size += part_size(words->word[i] + 5);
	hva = slot.hva = backing_reserve(slot.size, slot.gpa);
	for (i = 0; i < words->count; i++) {
		if (strncmp(words->word[i], "part=", 5))
			continue;
		part = words->word[i] + 5;
		snprintf(from, sizeof(from), "%.*s", (int)(strrchr(part, ':') - part), part);
		error = backing_map(hva, part_size(part), from);
		if (error) {
			result_set(result, "mmap errno=%s", strerrorname_np(error));
			return;
		}
		hva += part_size(part);
	}
	register_slot(&slot, result);
}

/* The part of a memslot that off= and size= select. */
static struct slot slot_part(const struct words *words)
{
	struct slot part = *vm_slot(vm, (int)words_number(words, words->key, 0));
	uint64_t offset = words_number(words, "off", 0);

	part.hva += offset;
	part.gpa += offset;
	part.size = words_number(words, "size", part.size - offset);
	return part;
}

void op_replace(const struct words *words, struct result *result)
{
	struct slot part = slot_part(words);

	result_errno(result, backing_map(part.hva, part.size, words_need(words, "from")));
}

/* Same offset in a huge page as before, so that the kernel moves whole tables (CONFIG_HAVE_MOVE_PMD). */
void op_away(const struct words *words, struct result *result)
{
	struct slot part = slot_part(words);
	char *to = backing_reserve(part.size, (uintptr_t)part.hva);

	if (mremap(part.hva, part.size, part.size, MREMAP_MAYMOVE | MREMAP_FIXED, to) == MAP_FAILED)
		result_errno(result, errno);
	else
		result_set(result, "ok");
}

void op_discard(const struct words *words, struct result *result)
{
	struct slot part = slot_part(words);

	result_errno(result, madvise(part.hva, part.size, MADV_DONTNEED) ? errno : 0);
}

void op_merge(const struct words *words, struct result *result)
{
	struct slot part = slot_part(words);

	result_errno(result, madvise(part.hva, part.size, MADV_MERGEABLE) ? errno : 0);
}

/* Returns the number of VMAs of this process. */
static int count_vmas(void)
{
	FILE *maps = fopen("/proc/self/maps", "re");
	int c, lines = 0;

	if (!maps)
		usage_error("cannot read /proc/self/maps: %s", strerror(errno));
	while ((c = getc(maps)) != EOF)
		lines += c == '\n';
	fclose(maps);
	return lines;
}

/* Every other part in its own VMA: MADV_DONTFORK keeps VMAs from merging and does not affect the guest. */
void op_split(const struct words *words, struct result *result)
{
	struct slot part = slot_part(words);
	uint64_t size = words_number(words, "part", page_size()), offset;
	int error = 0;

	for (offset = 0; offset < part.size && !error; offset += 2 * size)
		if (madvise(part.hva + offset, size, MADV_DONTFORK))
			error = errno;
	result_errno(result, error);
	if (!error)
		result_set(result, "ok vmas=%d", count_vmas());
}

/* Unmaps stage 2 and keeps the pages: for a moment the VMM has no access to them. */
void op_unmap(const struct words *words, struct result *result)
{
	struct slot part = slot_part(words);

	if (mprotect(part.hva, part.size, PROT_NONE) ||
	    mprotect(part.hva, part.size, PROT_READ | PROT_WRITE))
		result_errno(result, errno);
	else
		result_set(result, "ok");
}

void op_host(const struct words *words, struct result *result)
{
	struct slot part = slot_part(words);
	volatile uint64_t *word;
	uint64_t offset;

	for (offset = 0; offset < part.size; offset += page_size()) {
		word = (volatile uint64_t *)(part.hva + offset);
		if (words_has(words, "read"))
			(void)*word;
		else
			*word = offset;
	}
	result_set(result, "ok");
}

void op_flags(const struct words *words, struct result *result)
{
	struct slot *slot = vm_slot(vm, (int)words_number(words, "flags", 0));

	slot->flags = slot_flags(words);
	result_errno(result, vm_set_slot(vm, slot, slot->size));
}

void op_move(const struct words *words, struct result *result)
{
	struct slot *slot = vm_slot(vm, (int)words_number(words, "move", 0));

	slot->gpa = parse_number(words_need(words, "gpa"));
	result_errno(result, vm_set_slot(vm, slot, slot->size));
}

void op_delete(const struct words *words, struct result *result)
{
	struct slot *slot = vm_slot(vm, (int)words_number(words, "delete", 0));

	result_errno(result, vm_set_slot(vm, slot, 0));
	munmap(slot->hva, slot->size);
	slot->used = false;
}
