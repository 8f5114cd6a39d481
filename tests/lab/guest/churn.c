// SPDX-License-Identifier: BSD-2-Clause
/* A thread of the VMM that changes the memory behind a memslot while the guest runs. */
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>

#include "guest.h"

#ifndef MADV_COLLAPSE
#define MADV_COLLAPSE 25 /* 6.1 on */
#endif
#define CHURN_PAGES 64 /* at most, changed at once */

static struct churn {
	pthread_t thread;
	struct slot slot;
	bool runs;
	atomic_bool stop;
	uint64_t count;
} churn;

/* Pseudo-random numbers, the same in each run. */
static uint64_t next_number(uint64_t *state)
{
	*state = *state * 6364136223846793005ULL + 1442695040888963407ULL;
	return *state >> 33;
}

/* One of the things that a VMM does with its guest's memory; failures are ignored. */
static void change(char *hva, uint64_t size, uint64_t what)
{
	uint64_t huge = huge_size();
	char *block = (char *)((uintptr_t)hva / huge * huge);

	switch (what % 8) {
	case 0:
	case 1:
		madvise(hva, size, MADV_DONTNEED);
		break;
	case 2:
		backing_map(hva, size, "anon");
		break;
	case 3:
		munmap(hva, size); /* a hole, for a moment: KVM_RUN may fail with EFAULT */
		backing_map(hva, size, "thp");
		break;
	case 4:
		madvise(hva, size, MADV_MERGEABLE);
		break;
	case 5:
		memset(hva, 0, size);
		break;
	case 6:
		backing_map(hva, size, "shm");
		break;
	default:
		if (block < churn.slot.hva || block + huge > churn.slot.hva + churn.slot.size)
			break;
		backing_map(block, huge, "thp");
		madvise(block, huge, MADV_COLLAPSE);
		break;
	}
}

static void *churn_thread(void *arg)
{
	uint64_t state = (uintptr_t)arg, pages = churn.slot.size / page_size(), at, count;

	while (!atomic_load(&churn.stop)) {
		at = next_number(&state) % pages;
		count = next_number(&state) % CHURN_PAGES + 1;
		if (count > pages - at)
			count = pages - at;
		change(churn.slot.hva + at * page_size(), count * page_size(), next_number(&state));
		churn.count++;
	}
	return NULL;
}

void op_churn(const struct words *words, struct result *result)
{
	if (churn.runs)
		usage_error("churn= is on already");
	churn.slot = *vm_slot(vm, (int)words_number(words, "churn", 0));
	atomic_store(&churn.stop, false);
	churn.count = 0;
	churn.runs = !pthread_create(&churn.thread, NULL, churn_thread,
				     (void *)(uintptr_t)words_number(words, "seed", 1));
	result_set(result, churn.runs ? "ok" : "no thread");
}

void op_calm(const struct words *words, struct result *result)
{
	(void)words;
	if (!churn.runs)
		usage_error("calm without churn=");
	atomic_store(&churn.stop, true);
	pthread_join(churn.thread, NULL);
	churn.runs = false;
	result_set(result, "ok changes=%llu", (unsigned long long)churn.count);
}
