/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Has a kernel what the BPF programs cannot do without? Asked of its BTF, before libbpf would
 * answer with a relocation that failed. Live only.
 */
#ifndef S2V_NEEDS_H
#define S2V_NEEDS_H

#include <bpf/btf.h>

#include "util/types.h"

/* Enumerators: BPF helpers by their numbers' names, and what stage-2 attributes are made of. */
struct s2v_need_enumerator {
	const char *type, *name;
	const char *said; /* what it is called in the sentence */
};

#define S2V_NEED_ENUMERATORS 9
extern const struct s2v_need_enumerator s2v_need_enumerators[S2V_NEED_ENUMERATORS];

/*
 * kernel: BTF of the kernel. object: BTF of the BPF object; its structures with the declaration
 * tag "kernel" say which members are needed (bpf/kvm.h), those with a flavour aside. Returns 0,
 * or -1 with the sentence that names what is missing in err. A release number decides nothing.
 */
int s2v_needs(const struct btf *kernel, const struct btf *object, char *err, size_t errlen);

#endif
