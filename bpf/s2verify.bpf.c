// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0
/* The BPF programs, one object. What they observe is in the files included below. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>

#define bool _Bool
#define true 1
#define false 0
#ifndef NULL
#define NULL ((void *)0)
#endif

#include "s2v_attr.h"
#include "s2v_event.h"
#include "s2v_hist.h"
#include "s2v_pgtable.h"
#include "s2v_shared.h"

#include "kvm.h"
#include <bpf/bpf_tracing.h>
#include "common.h"
#include "host.h"
#include "block.h"
#include "page.h"
#include "pending.h"
#include "bypass.h"
#include "window.h"
#include "brief.h"
#include "times.h"
#include "map.h"
#include "fault.h"
#include "memslot.h"
#include "memory.h"
#include "vm.h"
#include "reset.h"
#include "audit_side.h"
#include "audit.h"
#include "probe.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";
