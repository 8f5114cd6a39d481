/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Checks in the BTF of a kernel that it has everything that the BPF programs need, before libbpf
 * fails with an unresolved relocation. Live only.
 */
#ifndef S2V_NEEDS_H
#define S2V_NEEDS_H

#include <bpf/btf.h>

#include "util/types.h"

/* Enumerators that are needed: numbers of BPF helpers, and bits of stage-2 attributes. */
struct s2v_need_enumerator {
	const char *type, *name;
	const char *shown; /* its name in the message */
};

#define S2V_NEED_ENUMERATORS 9
extern const struct s2v_need_enumerator s2v_need_enumerators[S2V_NEED_ENUMERATORS];

/*
 * kernel: BTF of the kernel. object: BTF of the BPF object; the members of its structures with the
 * declaration tag "kernel" are needed (bpf/kvm.h), except in flavours. Returns 0, or -1 with a
 * message in err that names what is missing. The kernel's release is not checked.
 */
int s2v_needs(const struct btf *kernel, const struct btf *object, char *err, size_t errlen);

#endif
