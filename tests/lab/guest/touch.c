// SPDX-License-Identifier: BSD-2-Clause
/* Ops that run or reset vCPUs. */
#include <pthread.h>
#include <string.h>
#include <time.h>

#include "guest.h"

struct toucher {
	pthread_t thread;
	int vcpu;
	struct job job;
	struct result result;
};

static void *touch_thread(void *arg)
{
	struct toucher *toucher = arg;

	vcpu_run(vm, toucher->vcpu, &toucher->job, &toucher->result);
	return NULL;
}

/* Writes a return instruction to each address that the guest will call. */
static void plant_returns(const struct job *job)
{
	const uint32_t ret = 0xd65f03c0;
	struct slot *slot = vm_slot_at(vm, job->from);
	uint64_t gpa;

	for (gpa = job->from; slot && gpa < job->to; gpa += job->stride) {
		*(volatile uint32_t *)(slot->hva + (gpa - slot->gpa)) = ret;
		__builtin___clear_cache(slot->hva + (gpa - slot->gpa),
					slot->hva + (gpa - slot->gpa) + 4);
	}
}

static struct job touch_job(const struct words *words)
{
	struct job job = { .access = ACCESS_WRITE,
			   .from = words_number(words, "touch", 0),
			   .stride = words_number(words, "stride", page_size()) };

	if (words->count < 2)
		usage_error("%s: no size", words->word[0]);
	job.to = job.from + parse_number(words->word[1]);
	if (words_has(words, "read"))
		job.access = ACCESS_READ;
	if (words_has(words, "exec")) {
		job.access = ACCESS_EXEC;
		plant_returns(&job);
	}
	return job;
}

static uint64_t nanoseconds(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

struct stopwatch stopwatch_start(void)
{
	return (struct stopwatch){ .wall = nanoseconds(CLOCK_MONOTONIC),
				   .cpu = nanoseconds(CLOCK_PROCESS_CPUTIME_ID) };
}

void result_time(struct result *result, const struct stopwatch *start)
{
	uint64_t wall = nanoseconds(CLOCK_MONOTONIC) - start->wall;
	uint64_t cpu = nanoseconds(CLOCK_PROCESS_CPUTIME_ID) - start->cpu;

	result_set(result, "ok us=%llu ns=%llu cpu=%llu", (unsigned long long)(wall / 1000),
		   (unsigned long long)wall, (unsigned long long)cpu);
}

static void touch_in_parallel(const struct job *job, bool all, struct result *result)
{
	struct toucher touchers[MAX_VCPUS];
	uint64_t pages = (job->to - job->from + job->stride - 1) / job->stride;
	uint64_t count = (uint64_t)vm->vcpu_count, i;

	for (i = 0; i < count; i++) {
		touchers[i] = (struct toucher){ .vcpu = (int)i, .job = *job };
		if (!all) {
			touchers[i].job.from = job->from + pages * i / count * job->stride;
			touchers[i].job.to = job->from + pages * (i + 1) / count * job->stride;
		}
		if (pthread_create(&touchers[i].thread, NULL, touch_thread, &touchers[i]))
			usage_error("no thread");
	}
	*result = (struct result){ "ok" };
	for (i = 0; i < count; i++) {
		pthread_join(touchers[i].thread, NULL);
		if (!result_ok(&touchers[i].result))
			*result = touchers[i].result;
	}
}

static int vcpu_index(const struct words *words)
{
	uint64_t index = words_number(words, words_get(words, "vcpu") ? "vcpu" : words->key, 0);

	if (index >= (uint64_t)vm->vcpu_count)
		usage_error("%s: no such vCPU", words->word[0]);
	return (int)index;
}

void op_touch(const struct words *words, struct result *result)
{
	struct job job = touch_job(words);
	struct stopwatch start = stopwatch_start();

	if (!vm->vcpu_count)
		usage_error("%s: no vCPU", words->word[0]);
	if (words_get(words, "vcpu"))
		vcpu_run(vm, vcpu_index(words), &job, result);
	else if (vm->vcpu_count == 1)
		vcpu_run(vm, 0, &job, result);
	else
		touch_in_parallel(&job, words_has(words, "all"), result);
	if (result_ok(result))
		result_time(result, &start);
}

void op_reset(const struct words *words, struct result *result)
{
	uint64_t count = words_number(words, "reset", 1);
	struct stopwatch start = stopwatch_start();
	int i, error = 0;

	while (count-- && !error)
		for (i = 0; i < vm->vcpu_count && !error; i++)
			error = vcpu_init(vm, i);
	result_errno(result, error);
	if (!error)
		result_time(result, &start);
}

void op_reset_vcpu(const struct words *words, struct result *result)
{
	result_errno(result, vcpu_init(vm, vcpu_index(words)));
}

/* PSCI starts the vCPU: KVM resets it without KVM_ARM_VCPU_INIT. */
void op_cpu_on(const struct words *words, struct result *result)
{
	int index = vcpu_index(words);
	struct job job = { .access = ACCESS_HVC,
			   .from = 0xc4000003, /* CPU_ON, SMC64 */
			   .to = (uint64_t)index,
			   .stride = CODE_GPA + START_STUB };
	int error = vcpu_stop(vm, index);

	if (error) {
		result_errno(result, error);
		return;
	}
	vcpu_run(vm, 0, &job, result);
	if (!strcmp(result->text, "ok x0=0x0"))
		vcpu_resume(vm, index, result);
	else if (result_ok(result))
		result_set(result, "psci error");
}

/* Two instructions per iteration: shows whether the clock counts instructions. */
void op_spin(const struct words *words, struct result *result)
{
	uint64_t count = words_number(words, "spin", 1);
	struct stopwatch start = stopwatch_start();

	__asm__ volatile("1: subs %0, %0, #1\n\tb.ne 1b" : "+r"(count) : : "cc");
	result_time(result, &start);
}
