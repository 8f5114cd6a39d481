// SPDX-License-Identifier: BSD-2-Clause
/* VMs and vCPUs over /dev/kvm. */
#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "guest.h"

#define CORE_REG(FIELD)                                        \
	(KVM_REG_ARM64 | KVM_REG_SIZE_U64 | KVM_REG_ARM_CORE | \
	 (offsetof(struct kvm_regs, FIELD) / sizeof(uint32_t)))
#define VBAR_EL1 ARM64_SYS_REG(3, 0, 12, 0, 0)
#ifndef KVM_CAP_ARM_EAGER_SPLIT_CHUNK_SIZE
#define KVM_CAP_ARM_EAGER_SPLIT_CHUNK_SIZE 228 /* 6.5 on */
#endif
#define VECTORS 0x800
#define STUB_SIZE 0x80

/*
 * x0 address, x1 end, x2 step, x4 EXIT_GPA. One stub for each kind of access:
 *	loop:	cmp x0, x1
 *		b.hs done
 *		<access>
 *		add x0, x0, x2
 *		b loop
 *	done:	str x0, [x4]
 *		b done
 */
static const uint32_t stub[] = { 0xeb01001f, 0x54000082, 0xd503201f, 0x8b020000,
				 0x17fffffc, 0xf9000080, 0x17ffffff };
static const uint32_t access_code[] = {
	[ACCESS_WRITE] = 0xf9000000, /* str x0, [x0] */
	[ACCESS_READ] = 0xf9400005, /* ldr x5, [x0] */
	[ACCESS_EXEC] = 0xd63f0000, /* blr x0, to a ret */
};
/* hvc #0; str x0, [x4]; b . - 4 */
static const uint32_t hvc_stub[] = { 0xd4000002, 0xf9000080, 0x17ffffff };
/* Where CPU_ON starts a vCPU, its registers cleared: movz x4, #0xf00, lsl #16; str x0, [x4]; b . - 4 */
static const uint32_t start_stub[] = { 0xd2a1e004, 0xf9000080, 0x17ffffff };
/* mrs x6, esr_el1; str x6, [x4, #8]; b . - 4 */
static const uint32_t vector[] = { 0xd5385206, 0xf9000486, 0x17ffffff };

static void write_code(char *code)
{
	size_t i;

	for (i = 0; i < sizeof(access_code) / sizeof(access_code[0]); i++) {
		memcpy(code + i * STUB_SIZE, stub, sizeof(stub));
		memcpy(code + i * STUB_SIZE + 8, &access_code[i], sizeof(access_code[i]));
	}
	memcpy(code + ACCESS_HVC * STUB_SIZE, hvc_stub, sizeof(hvc_stub));
	memcpy(code + START_STUB, start_stub, sizeof(start_stub));
	for (i = 0; i < 16; i++)
		memcpy(code + VECTORS + i * 0x80, vector, sizeof(vector));
	__builtin___clear_cache(code, code + CODE_SIZE);
}

/* While a memslot's dirty log is on KVM splits blocks before the first write, in chunks of this many bytes. */
static int split_eagerly(struct vm *vm, uint64_t chunk)
{
	struct kvm_enable_cap cap = { .cap = KVM_CAP_ARM_EAGER_SPLIT_CHUNK_SIZE,
				      .args = { chunk } };

	return ioctl(vm->fd, KVM_ENABLE_CAP, &cap) < 0 ? errno : 0;
}

int vm_create(struct vm *vm, uint64_t eager)
{
	struct slot slot = { .id = CODE_SLOT, .gpa = CODE_GPA, .size = CODE_SIZE };
	int kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	int error;

	memset(vm, 0, sizeof(*vm));
	if (kvm < 0)
		return errno;
	vm->fd = ioctl(kvm, KVM_CREATE_VM, 0);
	error = errno;
	close(kvm);
	if (vm->fd < 0)
		return error;
	error = eager ? split_eagerly(vm, eager) : 0; /* before there is any memslot */
	if (error)
		return error;
	vm->code = backing_reserve(CODE_SIZE, CODE_GPA);
	error = backing_map(vm->code, CODE_SIZE, "anon");
	if (error)
		return error;
	write_code(vm->code);
	slot.hva = vm->code;
	return vm_set_slot(vm, &slot, CODE_SIZE);
}

/* As s2verify does to query the host: a vCPU, no memory. */
int vm_create_blank(void)
{
	int kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC), fd;

	if (kvm < 0)
		return errno;
	fd = ioctl(kvm, KVM_CREATE_VM, 0);
	if (fd < 0 || ioctl(fd, KVM_CREATE_VCPU, 0UL) < 0 ||
	    ioctl(fd, KVM_CHECK_EXTENSION, 243UL /* KVM_CAP_ARM_CACHEABLE_PFNMAP_SUPPORTED */) < 0)
		return errno;
	return 0;
}

void vm_destroy(struct vm *vm)
{
	int i;

	for (i = 0; i < vm->vcpu_count; i++) {
		munmap(vm->vcpu[i].run, page_size());
		close(vm->vcpu[i].fd);
	}
	close(vm->fd);
	for (i = 0; i < MAX_SLOTS; i++)
		if (vm->slot[i].used)
			munmap(vm->slot[i].hva, vm->slot[i].size);
	munmap(vm->code, CODE_SIZE);
	vm->fd = -1;
}

int vcpu_init(struct vm *vm, int index)
{
	struct kvm_vcpu_init init;

	if (ioctl(vm->fd, KVM_ARM_PREFERRED_TARGET, &init) < 0)
		return errno;
	init.features[0] |= 1 << KVM_ARM_VCPU_PSCI_0_2;
	return ioctl(vm->vcpu[index].fd, KVM_ARM_VCPU_INIT, &init) < 0 ? errno : 0;
}

/* As a VMM does for a vCPU that waits for PSCI CPU_ON. */
int vcpu_stop(struct vm *vm, int index)
{
	struct kvm_mp_state state = { .mp_state = KVM_MP_STATE_STOPPED };

	return ioctl(vm->vcpu[index].fd, KVM_SET_MP_STATE, &state) < 0 ? errno : 0;
}

int vm_add_vcpus(struct vm *vm, int count)
{
	struct vcpu *vcpu;
	int error;

	while (vm->vcpu_count < count) {
		vcpu = &vm->vcpu[vm->vcpu_count];
		vcpu->fd = ioctl(vm->fd, KVM_CREATE_VCPU, (unsigned long)vm->vcpu_count);
		if (vcpu->fd < 0)
			return errno;
		/* struct kvm_run fits into a page of any size. */
		vcpu->run =
			mmap(NULL, page_size(), PROT_READ | PROT_WRITE, MAP_SHARED, vcpu->fd, 0);
		if (vcpu->run == MAP_FAILED)
			return errno;
		error = vcpu_init(vm, vm->vcpu_count++);
		if (error)
			return error;
	}
	return 0;
}

int vm_query(const struct vm *vm, int capability)
{
	return ioctl(vm->fd, KVM_CHECK_EXTENSION, (unsigned long)capability);
}

/* Size 0 deletes the slot. */
int vm_set_slot(struct vm *vm, const struct slot *slot, uint64_t size)
{
	struct kvm_userspace_memory_region region = {
		.slot = (uint32_t)slot->id,
		.flags = slot->flags,
		.guest_phys_addr = slot->gpa,
		.memory_size = size,
		.userspace_addr = (uintptr_t)slot->hva,
	};

	return ioctl(vm->fd, KVM_SET_USER_MEMORY_REGION, &region) < 0 ? errno : 0;
}

struct slot *vm_slot(struct vm *vm, int id)
{
	int i;

	for (i = 0; i < MAX_SLOTS; i++)
		if (vm->slot[i].used && vm->slot[i].id == id)
			return &vm->slot[i];
	usage_error("no slot %d", id);
}

struct slot *vm_slot_at(struct vm *vm, uint64_t gpa)
{
	int i;

	for (i = 0; i < MAX_SLOTS; i++)
		if (vm->slot[i].used && gpa - vm->slot[i].gpa < vm->slot[i].size)
			return &vm->slot[i];
	return NULL;
}

static void set_reg(const struct vcpu *vcpu, uint64_t id, uint64_t value)
{
	struct kvm_one_reg reg = { .id = id, .addr = (uintptr_t)&value };

	if (ioctl(vcpu->fd, KVM_SET_ONE_REG, &reg) < 0)
		usage_error("cannot set register 0x%llx: %s", (unsigned long long)id,
			    strerror(errno));
}

static void load_job(const struct vcpu *vcpu, const struct job *job)
{
	set_reg(vcpu, CORE_REG(regs.pc), CODE_GPA + (uint64_t)job->access * STUB_SIZE);
	set_reg(vcpu, CORE_REG(regs.regs[0]), job->from);
	set_reg(vcpu, CORE_REG(regs.regs[1]), job->to);
	set_reg(vcpu, CORE_REG(regs.regs[2]), job->stride);
	set_reg(vcpu, CORE_REG(regs.regs[3]), job->last);
	set_reg(vcpu, CORE_REG(regs.regs[4]), EXIT_GPA);
	set_reg(vcpu, VBAR_EL1, CODE_GPA + VECTORS);
}

/* Lets KVM complete the access that ended the run; else the next run would begin with it. */
static void complete_mmio(const struct vcpu *vcpu)
{
	vcpu->run->immediate_exit = 1;
	ioctl(vcpu->fd, KVM_RUN, 0);
	vcpu->run->immediate_exit = 0;
}

/* Runs the vCPU with its current registers: KVM itself may have set them. */
void vcpu_resume(struct vm *vm, int index, struct result *result)
{
	const struct vcpu *vcpu = &vm->vcpu[index];
	struct kvm_run *run = vcpu->run;
	uint64_t value = 0;

	if (ioctl(vcpu->fd, KVM_RUN, 0) < 0) {
		result_errno(result, errno);
		return;
	}
	if (run->exit_reason != KVM_EXIT_MMIO) {
		result_set(result, "exit=%u", run->exit_reason);
		return;
	}
	memcpy(&value, run->mmio.data, sizeof(value));
	complete_mmio(vcpu);
	if (run->mmio.phys_addr == EXIT_GPA)
		result_set(result, "ok x0=0x%llx", (unsigned long long)value);
	else if (run->mmio.phys_addr == EXIT_GPA + 8)
		result_set(result, "abort esr=0x%llx", (unsigned long long)value);
	else
		result_set(result, "mmio gpa=0x%llx", (unsigned long long)run->mmio.phys_addr);
}

void vcpu_run(struct vm *vm, int index, const struct job *job, struct result *result)
{
	load_job(&vm->vcpu[index], job);
	vcpu_resume(vm, index, result);
}
