/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How much the core keeps of what another process decides the number of. What is beyond a limit is counted
 * (struct s2v_summary, beyond), and the run is incomplete.
 */
#ifndef S2V_BOUNDS_H
#define S2V_BOUNDS_H

/* Stretches of one kind of mapping behind the memslots of a VM, some 200 bytes each. */
#define S2V_RANGES_MOST 131072U
#define S2V_RANGES_ALL 524288U /* of all VMs */
/* Findings of one VM, some 900 bytes each: from then on what an audit finds of a rule in a memslot is one finding. */
#define S2V_FINDINGS_MOST 4096U
/* Stretches of physical memory that an audit compares, some 130 bytes each. */
#define S2V_ALIASES_MOST 262144U

#endif
