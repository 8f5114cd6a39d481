/* SPDX-License-Identifier: BSD-2-Clause */
/* A VMM and its guest in a program, for the tests of s2verify. */
#ifndef GUEST_H
#define GUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MAX_VMS 16
#define MAX_VCPUS 16
#define MAX_SLOTS 64
#define MAX_WORDS 32

/* The guest's code, and the address that it stores to when it is done. */
#define CODE_SLOT 31
#define CODE_GPA 0x10000000ULL
#define CODE_SIZE 0x10000ULL
#define START_STUB 0x400
#define EXIT_GPA 0x0f000000ULL

/* The words of one op: "slot=1,gpa=0x0,log" is { "slot=1", "gpa=0x0", "log" }. */
struct words {
	int count;
	char *word[MAX_WORDS];
	char key[32]; /* the op's name: "slot" */
	char text[1024];
};

struct slot {
	bool used;
	int id;
	uint32_t flags;
	uint64_t gpa;
	uint64_t size;
	char *hva;
};

struct vcpu {
	int fd;
	struct kvm_run *run;
};

struct vm {
	int fd;
	int vcpu_count;
	char *code;
	struct vcpu vcpu[MAX_VCPUS];
	struct slot slot[MAX_SLOTS];
};

enum access { ACCESS_WRITE, ACCESS_READ, ACCESS_EXEC, ACCESS_HVC };

/* Work of a vCPU: touch [from, to) in steps, or call firmware (HVC) with the four values in x0 to x3. */
struct job {
	enum access access;
	uint64_t from;
	uint64_t to;
	uint64_t stride;
	uint64_t last;
};

/* The result of an op as text: "ok..." or the error. */
struct result {
	char text[256];
};

void result_set(struct result *result, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
void result_errno(struct result *result, int error);
bool result_ok(const struct result *result);

void words_split(struct words *words, const char *text);
const char *words_need(const struct words *words, const char *key);
const char *words_get(const struct words *words, const char *key);
bool words_has(const struct words *words, const char *word);
uint64_t words_number(const struct words *words, const char *key, uint64_t otherwise);
uint64_t parse_number(const char *text);
__attribute__((noreturn, format(printf, 1, 2))) void usage_error(const char *format, ...);

size_t page_size(void);
size_t huge_size(void);
char *backing_reserve(uint64_t size, uint64_t gpa);
int backing_map(char *hva, uint64_t size, const char *from);
char *many_place(const char *where);
int many_striped(char *hva, uint64_t size);

extern struct vm *vm; /* the current one */

/* eager: KVM_CAP_ARM_EAGER_SPLIT_CHUNK_SIZE, in bytes; 0: not enabled. Returns 0 or an errno. */
int vm_create(struct vm *vm, uint64_t eager);
int vm_create_blank(void);
void vm_destroy(struct vm *vm);
int vm_add_vcpus(struct vm *vm, int count);
int vm_query(const struct vm *vm, int capability);
int vm_set_slot(struct vm *vm, const struct slot *slot, uint64_t size);
struct slot *vm_slot(struct vm *vm, int id);
struct slot *vm_slot_at(struct vm *vm, uint64_t gpa);
int vcpu_init(struct vm *vm, int index);
int vcpu_stop(struct vm *vm, int index);
void vcpu_resume(struct vm *vm, int index, struct result *result);
void vcpu_run(struct vm *vm, int index, const struct job *job, struct result *result);

/* Nanoseconds of CLOCK_MONOTONIC, and of CPU time of this process (user and kernel). */
struct stopwatch {
	uint64_t wall;
	uint64_t cpu;
};

struct stopwatch stopwatch_start(void);
/* "ok us=N ns=N cpu=N" */
void result_time(struct result *result, const struct stopwatch *start);

void op_slot(const struct words *words, struct result *result);
void op_span(const struct words *words, struct result *result);
void op_replace(const struct words *words, struct result *result);
void op_away(const struct words *words, struct result *result);
void op_discard(const struct words *words, struct result *result);
void op_merge(const struct words *words, struct result *result);
void op_split(const struct words *words, struct result *result);
void op_unmap(const struct words *words, struct result *result);
void op_spin(const struct words *words, struct result *result);
void op_host(const struct words *words, struct result *result);
void op_flags(const struct words *words, struct result *result);
void op_move(const struct words *words, struct result *result);
void op_delete(const struct words *words, struct result *result);
void op_churn(const struct words *words, struct result *result);
void op_calm(const struct words *words, struct result *result);
void op_crowd(const struct words *words, struct result *result);
void op_disband(const struct words *words, struct result *result);
void op_hide(const struct words *words, struct result *result);
void op_vmas(const struct words *words, struct result *result);
void op_threads(const struct words *words, struct result *result);
void op_files(const struct words *words, struct result *result);
void op_stage1(const struct words *words, struct result *result);
void op_map(const struct words *words, struct result *result);
void op_point(const struct words *words, struct result *result);
void op_vcpu_s1(const struct words *words, struct result *result);
void op_tables(const struct words *words, struct result *result);
void op_walk(const struct words *words, struct result *result);
void op_touch(const struct words *words, struct result *result);
void op_reset(const struct words *words, struct result *result);
void op_reset_vcpu(const struct words *words, struct result *result);
void op_cpu_on(const struct words *words, struct result *result);

#endif
