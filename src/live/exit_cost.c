// SPDX-License-Identifier: BSD-2-Clause
#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <stddef.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "live/exit_cost.h"
#include "host/host.h"
#include "live/scratch_vm.h"
#include "util/util.h"

#define CODE_GPA 0x10000ULL
#define DONE_GPA 0ULL /* outside memslots: a store ends KVM_RUN */
/* The shortest of many tries counts: the others were interrupted. */
#define EXITS 64
#define CALLS 32
#define TRIES 32

#define CORE_REG(field)                                        \
	(KVM_REG_ARM64 | KVM_REG_SIZE_U64 | KVM_REG_ARM_CORE | \
	 (offsetof(struct kvm_regs, field) / sizeof(__u32)))

/* x5: number of exits; x4: DONE_GPA. An HVC returns its result in x0 to x3. */
static const __u32 code[] = {
	0x52b00000, /* loop: mov w0, #0x80000000 (SMCCC_VERSION) */
	0xd4000002, /* hvc #0 */
	0xf10004a5, /* subs x5, x5, #1 */
	0x54ffffa1, /* b.ne loop */
	0xf9000080, /* str x0, [x4] */
};

struct exit_vm {
	struct s2v_scratch_vm s;
	struct kvm_run *run;
	size_t run_size;
	void *page;
	size_t page_size;
};

static int neg_errno(void)
{
	return errno ? -errno : -EIO;
}

static int set_up(struct exit_vm *v)
{
	struct kvm_userspace_memory_region mem = { .guest_phys_addr = CODE_GPA };
	char why[256];
	int size;

	if (s2v_scratch_vm_open(&v->s, why, sizeof(why)) || v->s.vcpu < 0)
		return neg_errno();
	size = ioctl(v->s.kvm, KVM_GET_VCPU_MMAP_SIZE, 0UL);
	if (size < (int)sizeof(*v->run))
		return neg_errno();
	v->run_size = (size_t)size;
	v->run = mmap(NULL, v->run_size, PROT_READ | PROT_WRITE, MAP_SHARED, v->s.vcpu, 0);
	if (v->run == MAP_FAILED)
		return neg_errno();
	v->page_size = (size_t)sysconf(_SC_PAGESIZE);
	v->page = mmap(NULL, v->page_size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
		       0);
	if (v->page == MAP_FAILED)
		return neg_errno();
	memcpy(v->page, code, sizeof(code));
	__builtin___clear_cache(v->page, (char *)v->page + sizeof(code));
	mem.memory_size = v->page_size;
	mem.userspace_addr = (__u64)(unsigned long)v->page;
	return ioctl(v->s.vm, KVM_SET_USER_MEMORY_REGION, &mem) < 0 ? neg_errno() : 0;
}

static int set_reg(const struct exit_vm *v, __u64 id, __u64 val)
{
	struct kvm_one_reg reg = { .id = id, .addr = (__u64)(unsigned long)&val };

	return ioctl(v->s.vcpu, KVM_SET_ONE_REG, &reg) < 0 ? neg_errno() : 0;
}

/* One KVM_RUN with this many exits, and its duration. */
static int run(const struct exit_vm *v, __u64 exits, __u64 *ns)
{
	int err = set_reg(v, CORE_REG(regs.pc), CODE_GPA);

	if (!err)
		err = set_reg(v, CORE_REG(regs.regs[4]), DONE_GPA);
	if (!err)
		err = set_reg(v, CORE_REG(regs.regs[5]), exits);
	if (err)
		return err;
	*ns = s2v_clock_ns(CLOCK_MONOTONIC);
	if (ioctl(v->s.vcpu, KVM_RUN, 0UL) < 0)
		return neg_errno();
	*ns = s2v_clock_ns(CLOCK_MONOTONIC) - *ns;
	if (v->run->exit_reason != KVM_EXIT_MMIO)
		return -EPROTO;
	/* KVM completes the store at the next KVM_RUN. */
	v->run->immediate_exit = 1;
	ioctl(v->s.vcpu, KVM_RUN, 0UL);
	v->run->immediate_exit = 0;
	return 0;
}

static int measure(const struct exit_vm *v, __u64 *ns)
{
	__u64 one = ~0ULL, many = ~0ULL, took;

	for (int i = 0; i < TRIES; i++) {
		int err = run(v, 1, &took);

		if (err)
			return err;
		if (took < one)
			one = took;
		err = run(v, 1 + EXITS, &took);
		if (err)
			return err;
		if (took < many)
			many = took;
	}
	if (many <= one)
		return -ERANGE;
	*ns = (many - one) / EXITS;
	return 0;
}

int s2v_exit_cost(__u64 *ns)
{
	struct exit_vm v = { .run = MAP_FAILED, .page = MAP_FAILED };
	int err;

	errno = 0;
	err = set_up(&v);
	if (!err)
		err = measure(&v, ns);
	if (v.run != MAP_FAILED)
		munmap(v.run, v.run_size);
	s2v_scratch_vm_close(&v.s);
	if (v.page != MAP_FAILED)
		munmap(v.page, v.page_size);
	return err;
}

int s2v_call_cost(__u64 *ns)
{
	int kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	__u64 least = ~0ULL, took;

	if (kvm < 0)
		return -errno;
	for (int i = 0; i < TRIES; i++) {
		took = s2v_clock_ns(CLOCK_MONOTONIC);
		for (int k = 0; k < CALLS; k++)
			ioctl(kvm, KVM_CHECK_EXTENSION, S2V_CAP_CACHEABLE_PFNMAP);
		took = s2v_clock_ns(CLOCK_MONOTONIC) - took;
		if (took < least)
			least = took;
	}
	close(kvm);
	*ns = least / CALLS;
	return 0;
}
