/* SPDX-License-Identifier: BSD-2-Clause */
/* Canonical form of a kernel function's argument list, from BTF. Live only. */
#ifndef S2V_BTFPROTO_H
#define S2V_BTFPROTO_H

#include <bpf/btf.h>

#include "util/types.h"

/*
 * The arguments of func, comma-separated: "kvm_vcpu*,i8,kvm_memory_slot*,i8,i1".
 *   NAME*   pointer to struct or union NAME (or to its forward declaration)
 *   *       any other pointer
 *   iN      integer, enum or bool of N bytes
 *   NAME    struct or union NAME by value
 *   fN      floating point of N bytes
 *   ...     variable arguments
 * const, volatile, restrict, type tags and typedefs are skipped. No arguments: "".
 *
 * Returns 0; -ENOENT if BTF has no such function, -EEXIST if it has several that differ,
 * -E2BIG if buf is too small, -EINVAL if the BTF is invalid.
 */
int s2v_btf_proto(const struct btf *btf, const char *func, char *buf, size_t len);

#endif
