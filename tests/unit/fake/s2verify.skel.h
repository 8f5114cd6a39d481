/* SPDX-License-Identifier: BSD-2-Clause */
/* In the place of what bpftool makes of the BPF side: as much as tests of the live source look at. */
#ifndef S2V_TEST_SKEL_H
#define S2V_TEST_SKEL_H

struct s2verify_rodata {
	struct s2v_cfg cfg;
};

struct s2verify_bss {
	struct s2v_shares shares;
	__u32 next_vm;
	__u64 lost_events;
	bool pending_some;
	__u32 pending_left;
	struct s2v_audit audit;
	struct s2v_audit_vcpu audit_vcpu;
	struct s2v_audit_guest audit_guest;
	struct s2v_ram ram;
	struct s2v_memory memory;
};

struct s2verify_bpf {
	struct {
		struct bpf_map *vms, *slots, *agg;
	} maps;
	struct {
		struct bpf_program *audit_step, *memory_owner, *memory_vmas;
	} progs;
	struct s2verify_rodata *rodata;
	struct s2verify_bss *bss;
};

#endif
