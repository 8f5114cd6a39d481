// SPDX-License-Identifier: BSD-2-Clause
/* Carries out the ops on its command line: see --help. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "guest.h"

static const char help[] =
	"usage: guest OP...\n"
	"A VMM and its guest: carries out the ops in order, prints a line for each. Exit status 1 if an\n"
	"op did not end as expected (ok, unless the op has expect=WHAT: EFAULT, abort, any, ...).\n"
	"  vm[,eager=BYTES]          create a VM and make it current (several: use=K, from 0); eager: KVM splits\n"
	"                            blocks in chunks when a memslot's dirty log begins (6.5 on)\n"
	"  vcpus=N                   create vCPUs up to N in all\n"
	"  slot=ID,gpa=A,size=S,from=F[,ro][,log][,at=first|last]   register memory; at: before or\n"
	"                            after all mappings of this process\n"
	"  span=ID,gpa=A,part=F:S,part=F:S...        one memslot over several mappings\n"
	"  touch=GPA,SIZE[,read|exec][,vcpu=N][,all][,stride=S]  guest stores to each page; each vCPU,\n"
	"                            in its own thread, to its share or, with all, to all pages\n"
	"  reset[=COUNT]             KVM_ARM_VCPU_INIT of all vCPUs, COUNT times; reset-vcpu=N of one\n"
	"  cpu-on=N                  stop vCPU N, have vCPU 0 start it with PSCI CPU_ON, and run it\n"
	"  replace=ID,from=F[,off=O][,size=S]        map something else under the memslot\n"
	"  away=ID[,off=O][,size=S]  move the memory elsewhere, pages and host tables: mremap\n"
	"  discard=ID[,off=O][,size=S]               drop the pages: MADV_DONTNEED\n"
	"  merge=ID[,off=O][,size=S]                 KSM may merge equal pages: MADV_MERGEABLE\n"
	"  unmap=ID[,off=O][,size=S]                 unmap stage 2, but keep the pages: mprotect\n"
	"  split=ID[,part=S]         put every other part in its own VMA; prints the number of VMAs\n"
	"  host=ID[,read][,off=O][,size=S]           the VMM stores to it (or loads from it)\n"
	"  flags=ID[,ro][,log]  move=ID,gpa=A  delete=ID\n"
	"  churn=ID[,seed=N]  calm   a thread keeps changing that memory; calm stops it\n"
	"  crowd=N,gpa=A,size=S,from=F  N memslots of that size side by side, from ID 100 on;\n"
	"                            disband deletes them\n"
	"  hide                      close the VM's files: only the vCPUs' mappings keep it alive\n"
	"  vmas=N  threads=N  files=N  bring this process to N VMAs; add N idle threads; open N files\n"
	"  tables  walk[=N]          print the root of stage 2; let KVM walk it N times (both by the fixture)\n"
	"  stage1=ID[,at=O][,granule=4K][,bits=48][,wide]   begin translation tables of the guest in that memslot, at an\n"
	"                            offset; wide: 52-bit addresses\n"
	"  map=VA,gpa=A,size=S,type=T[,level=3]      map it there; T is wb, nc, ngnrne, ngnre, wt, tagged, gre, ngre\n"
	"  point=VA,gpa=A[,level=L][,all]            an entry, or all of its table, lead to a table at A (or root)\n"
	"  vcpu-s1=N[,mmu-off][,cache-off][,mair=X][,epd0][,epd1]   vCPU N uses them\n"
	"  spin=N                    run 2 * N instructions in the VMM\n"
	"  query=CAP                 KVM_CHECK_EXTENSION on the VM\n"
	"  use=K  destroy            switch to VM number K; close the current VM\n"
	"  blank                     create a VM with a vCPU and no memory, as s2verify does to query the host\n"
	"  heir=FILE                 fork a child with the same open files; it ends when FILE exists\n"
	"  comm=NAME                 name this process (\\xNN for any byte)\n"
	"  sleep=MS  mark=FILE  wait=FILE  echo=TEXT  limit=SECONDS (default 600, then SIGALRM)\n"
	"  loop=N OP... end\n"
	"Sizes take K, M, G. F is anon, thp, shm, hugetlb, striped (anon and a file, page by page), none (no\n"
	"access), read-only, short (a file of half the size), hole (nothing mapped), vgem,\n"
	"udmabuf[-lazy|-ro], file:PATH[@OFF] (created), dev:PATH[@OFF]. With exec, the VMM must be able to\n"
	"write to the pages: it puts a return instruction there.\n";

struct vm *vm;
static struct vm vms[MAX_VMS];
static int vm_count;

static void op_vm(const struct words *words, struct result *result)
{
	if (vm_count == MAX_VMS)
		usage_error("more than %d VMs", MAX_VMS);
	vm = &vms[vm_count++];
	result_errno(result, vm_create(vm, words_number(words, "eager", 0)));
}

static void op_vcpus(const struct words *words, struct result *result)
{
	uint64_t count = words_number(words, "vcpus", 1);

	if (count > MAX_VCPUS)
		usage_error("more than %d vCPUs", MAX_VCPUS);
	result_errno(result, vm_add_vcpus(vm, (int)count));
}

static void op_query(const struct words *words, struct result *result)
{
	result_set(result, "ok %d", vm_query(vm, (int)words_number(words, "query", 0)));
}

static void op_use(const struct words *words, struct result *result)
{
	uint64_t number = words_number(words, "use", 0);

	if (number >= (uint64_t)vm_count || vms[number].fd < 0)
		usage_error("no VM %llu", (unsigned long long)number);
	vm = &vms[number];
	result_set(result, "ok");
}

static void op_destroy(const struct words *words, struct result *result)
{
	(void)words;
	vm_destroy(vm);
	vm = NULL;
	result_set(result, "ok");
}

/* "\\xNN" in the name stands for any byte. */
static void op_comm(const struct words *words, struct result *result)
{
	const char *from = words_need(words, "comm");
	char name[64], digits[3] = "";
	size_t length = 0;

	for (; *from && length < sizeof(name) - 1; from++) {
		name[length] = *from;
		if (!strncmp(from, "\\x", 2) && from[2] && from[3]) {
			memcpy(digits, from + 2, 2);
			name[length] = (char)strtoul(digits, NULL, 16);
			from += 3;
		}
		length++;
	}
	name[length] = '\0';
	result_errno(result, prctl(PR_SET_NAME, name) < 0 ? errno : 0);
}

static void op_sleep(const struct words *words, struct result *result)
{
	usleep((unsigned int)words_number(words, "sleep", 0) * 1000);
	result_set(result, "ok");
}

static void op_mark(const struct words *words, struct result *result)
{
	int fd = open(words_need(words, "mark"), O_CREAT | O_WRONLY | O_CLOEXEC, 0600);

	result_errno(result, fd < 0 ? errno : 0);
	if (fd >= 0)
		close(fd);
}

static void op_wait(const struct words *words, struct result *result)
{
	const char *path = words_need(words, "wait");

	while (access(path, F_OK) < 0)
		usleep(2000);
	result_set(result, "ok");
}

static void op_echo(const struct words *words, struct result *result)
{
	result_set(result, "ok %s", words_need(words, "echo"));
}

static void op_limit(const struct words *words, struct result *result)
{
	alarm((unsigned int)words_number(words, "limit", 0));
	result_set(result, "ok");
}

static void op_blank(const struct words *words, struct result *result)
{
	(void)words;
	result_errno(result, vm_create_blank());
}

/* Forks a child that inherits the open files and outlives this process. */
static void op_heir(const struct words *words, struct result *result)
{
	const char *path = words_need(words, "heir");
	pid_t child = fork();

	if (!child) {
		while (access(path, F_OK) < 0)
			usleep(2000);
		_exit(0);
	}
	result_errno(result, child < 0 ? errno : 0);
}

static const struct op {
	const char *name;
	bool needs_vm;
	void (*run)(const struct words *words, struct result *result);
} ops[] = {
	{ "vm", false, op_vm },
	{ "vcpus", true, op_vcpus },
	{ "slot", true, op_slot },
	{ "span", true, op_span },
	{ "touch", true, op_touch },
	{ "reset", true, op_reset },
	{ "reset-vcpu", true, op_reset_vcpu },
	{ "cpu-on", true, op_cpu_on },
	{ "replace", true, op_replace },
	{ "away", true, op_away },
	{ "discard", true, op_discard },
	{ "merge", true, op_merge },
	{ "split", true, op_split },
	{ "unmap", true, op_unmap },
	{ "host", true, op_host },
	{ "flags", true, op_flags },
	{ "move", true, op_move },
	{ "delete", true, op_delete },
	{ "churn", true, op_churn },
	{ "calm", true, op_calm },
	{ "crowd", true, op_crowd },
	{ "disband", true, op_disband },
	{ "hide", true, op_hide },
	{ "vmas", false, op_vmas },
	{ "threads", false, op_threads },
	{ "files", false, op_files },
	{ "spin", false, op_spin },
	{ "stage1", true, op_stage1 },
	{ "map", true, op_map },
	{ "point", true, op_point },
	{ "vcpu-s1", true, op_vcpu_s1 },
	{ "tables", true, op_tables },
	{ "walk", true, op_walk },
	{ "query", true, op_query },
	{ "use", false, op_use },
	{ "destroy", true, op_destroy },
	{ "blank", false, op_blank },
	{ "heir", false, op_heir },
	{ "comm", false, op_comm },
	{ "sleep", false, op_sleep },
	{ "mark", false, op_mark },
	{ "wait", false, op_wait },
	{ "echo", false, op_echo },
	{ "limit", false, op_limit },
};

static const struct op *find_op(const char *name)
{
	size_t i;

	for (i = 0; i < sizeof(ops) / sizeof(ops[0]); i++)
		if (!strcmp(ops[i].name, name))
			return &ops[i];
	usage_error("unknown op '%s' (see --help)", name);
}

/* Returns whether the op ended as expected. */
static bool run_op(const char *text)
{
	struct words words;
	struct result result = { "" };
	const struct op *op;
	const char *expect;

	words_split(&words, text);
	op = find_op(words.key);
	if (op->needs_vm && !vm)
		usage_error("%s: no VM", text);
	expect = words_get(&words, "expect");
	op->run(&words, &result);
	printf("%s: %s\n", text, result.text);
	fflush(stdout);
	if (!expect)
		return result_ok(&result);
	return !strcmp(expect, "any") || strstr(result.text, expect);
}

/* Ends at the "end" of a loop, or at the end of the command line. */
static char **run_ops(char **op, bool *good)
{
	unsigned long count;
	char **body;

	for (; *op && strcmp(*op, "end"); op++) {
		if (strncmp(*op, "loop=", 5)) {
			*good = run_op(*op) && *good;
			continue;
		}
		body = op + 1;
		count = parse_number(*op + 5);
		if (!count)
			usage_error("loop=0");
		for (; count; count--)
			op = run_ops(body, good);
		if (!*op)
			usage_error("loop without end");
	}
	return op;
}

int main(int argc, char **argv)
{
	bool good = true;

	if (argc < 2 || !strcmp(argv[1], "--help")) {
		fputs(help, argc < 2 ? stderr : stdout);
		return argc < 2 ? 2 : 0;
	}
	alarm(600);
	run_ops(argv + 1, &good);
	return good ? 0 : 1;
}
