/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Limits on state whose size other processes control. What exceeds a limit is counted
 * (struct s2v_summary, over_limit), and the run is incomplete.
 */
#ifndef S2V_BOUNDS_H
#define S2V_BOUNDS_H

/* Ranges of the memslots of a VM, some 200 bytes each. */
#define S2V_RANGES_MOST 131072U
#define S2V_RANGES_ALL 524288U /* of all VMs */
/* Findings of one VM, some 900 bytes each; beyond it an audit makes one finding per rule and memslot. */
#define S2V_FINDINGS_MOST 4096U
/* vCPUs of one VM, some 140 bytes each; KVM has at most 512 (6.1 to 7.3). */
#define S2V_VCPUS_MOST 4096U
/* Ranges of physical memory that an audit compares, some 130 bytes each. */
#define S2V_ALIASES_MOST 262144U

#endif
