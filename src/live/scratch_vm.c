// SPDX-License-Identifier: BSD-2-Clause
#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "live/scratch_vm.h"

static int open_kvm(char *err, size_t errlen)
{
	int fd, tries = 10;

	/* EBUSY may be short: udev relabels the node, or KVM is being loaded. */
	while ((fd = open("/dev/kvm", O_RDWR | O_CLOEXEC)) < 0 && errno == EBUSY && --tries)
		usleep(100000);
	if (fd >= 0)
		return fd;
	switch (errno) {
	case ENOENT:
	case ENXIO:
	case ENODEV:
		snprintf(err, errlen,
			 "KVM is not available: there is no /dev/kvm (%s); the kernel needs "
			 "CONFIG_KVM and must be booted at EL2 without kvm-arm.mode=none; a "
			 "container must be given the device",
			 strerror(errno));
		break;
	case EACCES:
	case EPERM:
		snprintf(err, errlen,
			 "no permission to open /dev/kvm (%s): run as root, or as a member of the "
			 "group that owns it; a container's device policy must allow it",
			 strerror(errno));
		break;
	case EBUSY:
		snprintf(
			err, errlen,
			"/dev/kvm is busy (%s): another program uses KVM exclusively; end it and try "
			"again",
			strerror(errno));
		break;
	default:
		snprintf(err, errlen, "cannot open /dev/kvm: %s", strerror(errno));
	}
	return -1;
}

/*
 * Type 0 is an IPA space of 40 bits. A host with smaller physical addresses refuses it with EINVAL and
 * accepts the size from KVM_CAP_ARM_VM_IPA_SIZE (4.20 on).
 */
static int create_vm(int kvm)
{
	int fd, bits;

	do
		fd = ioctl(kvm, KVM_CREATE_VM, 0UL);
	while (fd < 0 && errno == EINTR);
	if (fd >= 0 || errno != EINVAL)
		return fd;
	bits = ioctl(kvm, KVM_CHECK_EXTENSION, 165UL /* KVM_CAP_ARM_VM_IPA_SIZE */);
	if (bits <= 0) {
		errno = EINVAL;
		return -1;
	}
	return ioctl(kvm, KVM_CREATE_VM, (unsigned long)bits);
}

#ifdef __aarch64__
static int create_vcpu(int vm)
{
	struct kvm_vcpu_init init;
	int fd, err;

	memset(&init, 0, sizeof(init));
	if (ioctl(vm, KVM_ARM_PREFERRED_TARGET, &init) < 0)
		return -1;
	fd = ioctl(vm, KVM_CREATE_VCPU, 0UL);
	if (fd < 0)
		return -1;
	if (ioctl(fd, KVM_ARM_VCPU_INIT, &init) < 0) {
		err = errno;
		close(fd);
		errno = err;
		return -1;
	}
	return fd;
}
#else
static int create_vcpu(int vm)
{
	(void)vm;
	errno = ENOSYS;
	return -1;
}
#endif

int s2v_scratch_vm_open(struct s2v_scratch_vm *s, char *err, size_t errlen)
{
	s->vm = -1;
	s->vcpu = -1;
	s->kvm = open_kvm(err, errlen);
	if (s->kvm < 0)
		return -1;
	s->vm = create_vm(s->kvm);
	if (s->vm < 0) {
		snprintf(err, errlen,
			 "KVM is available but cannot create a VM (KVM_CREATE_VM: %s): check the "
			 "kernel log, and the limits on memory and open files",
			 strerror(errno));
		s2v_scratch_vm_close(s);
		return -1;
	}
	s->vcpu = create_vcpu(s->vm);
	return 0;
}

int s2v_scratch_vm_reg(const struct s2v_scratch_vm *s, __u64 id, __u64 *val)
{
	struct kvm_one_reg reg = { .id = id, .addr = (__u64)(unsigned long)val };

	if (s->vcpu < 0)
		return -EBADF;
	return ioctl(s->vcpu, KVM_GET_ONE_REG, &reg) < 0 ? -errno : 0;
}

int s2v_scratch_vm_cap(const struct s2v_scratch_vm *s, long cap)
{
	int ret = ioctl(s->vm, KVM_CHECK_EXTENSION, cap);

	return ret < 0 ? -errno : ret;
}

void s2v_scratch_vm_close(struct s2v_scratch_vm *s)
{
	if (s->vcpu >= 0)
		close(s->vcpu);
	if (s->vm >= 0)
		close(s->vm);
	if (s->kvm >= 0)
		close(s->kvm);
	s->kvm = s->vm = s->vcpu = -1;
}
