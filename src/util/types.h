/* SPDX-License-Identifier: BSD-2-Clause */
/* Fixed-width types, and the headers shared with BPF, which use them. */
#ifndef S2V_TYPES_H
#define S2V_TYPES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <linux/types.h>

#include "s2v_attr.h"
#include "s2v_event.h"

#define ULL(x) ((unsigned long long)(x)) /* for printf: __u64 is another type on some machines */
#define S2V_ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

#endif
