/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * What an audit reads of a guest itself: the registers of its vCPUs, and its own translation tables, which
 * user space walks (src/live/guest.c). The guest chooses where its tables are. So they are read through
 * stage 2, as its CPU does, and only from RAM.
 */
#ifndef S2V_BPF_GUEST_H
#define S2V_BPF_GUEST_H

struct s2v_audit_vcpu audit_vcpu;
struct s2v_audit_guest audit_guest;

static __always_inline void audit_read_vcpu(struct kvm *kvm)
{
	struct kvm_vcpu *vcpu = kvm_vcpu_at(kvm, audit_vcpu.index);
	__u64 hcr;

	audit_vcpu.found = vcpu != NULL;
	if (!vcpu)
		return;
	audit_vcpu.id = BPF_CORE_READ(vcpu, vcpu_id);
	audit_vcpu.tid = pid_nr_for_reader(BPF_CORE_READ(vcpu, pid));
	audit_vcpu.flags = kvm_has_sysregs() ? 0 : S2V_VC_NO_REGS;
	if (BPF_CORE_READ(vcpu, arch.mp_state.mp_state) == KVM_MP_STATE_STOPPED)
		audit_vcpu.flags |= S2V_VC_OFF;
	if (kvm_vcpu_is_nested(vcpu))
		audit_vcpu.flags |= S2V_VC_NESTED;
	hcr = BPF_CORE_READ(vcpu, arch.hcr_el2); /* 0 until the first KVM_RUN (6.12 on) */
	if (hcr && !(hcr & HCR_EL2_RW))
		audit_vcpu.flags |= S2V_VC_AARCH32;
	if (kvm_vcpu_is_user(vcpu))
		audit_vcpu.flags |= S2V_VC_USER;
	if (hcr & HCR_EL2_TVM)
		audit_vcpu.flags |= S2V_VC_TVM;
	/* Loaded before or after the registers are read: they may be old. */
	audit_vcpu.cpu = BPF_CORE_READ(vcpu, cpu);
	audit_vcpu.sctlr = VCPU_SYSREG(vcpu, SCTLR_EL1);
	audit_vcpu.tcr = VCPU_SYSREG(vcpu, TCR_EL1);
	audit_vcpu.tcr2 = VCPU_SYSREG(vcpu, TCR2_EL1);
	audit_vcpu.mair = VCPU_SYSREG(vcpu, MAIR_EL1);
	audit_vcpu.ttbr[0] = VCPU_SYSREG(vcpu, TTBR0_EL1);
	audit_vcpu.ttbr[1] = VCPU_SYSREG(vcpu, TTBR1_EL1);
	if (audit_vcpu.cpu < 0)
		audit_vcpu.cpu = BPF_CORE_READ(vcpu, cpu);
}

/* Reads one chunk at an input address of one side. Returns enum s2v_chunk_state. Global: verified once. */
__noinline int guest_chunk(__u32 side, __u64 ia, __u32 i)
{
	struct audit_at at = {};
	int state = side_lookup(side, ia, &at);

	if (state == AT_UNMAPPED) /* a host PTE that is not empty: swapped out, or migrated */
		return side == SIDE_HOST && at.desc ? S2V_CHUNK_SWAPPED : S2V_CHUNK_ABSENT;
	if (state == AT_CHANGED)
		return S2V_CHUNK_CHANGED;
	if (state != AT_LEAF)
		return S2V_CHUNK_FAILED;
	if (!ram_has(at.pa))
		return S2V_CHUNK_NOT_RAM;
	if (bpf_probe_read_kernel(audit_guest.data[i & (S2V_CHUNKS - 1)], S2V_CHUNK_SIZE,
				  (void *)(at.pa + audit_linear)))
		return S2V_CHUNK_FAILED;
	return S2V_CHUNK_READ;
}

/* The VMM's address of guest memory, where its next fault would find the page; 0: none. */
static __always_inline __u64 guest_hva(__u64 ipa)
{
	struct slot_info slot = {};

	if (!slot_ending_after(audit_kvm, ipa, &slot) || slot.gpa > ipa ||
	    (slot.flags & S2V_MEM_GUEST_MEMFD) || !audit_host.root)
		return 0;
	return slot.hva + (ipa - slot.gpa);
}

static long guest_turn(__u32 i, void *unused)
{
	__u64 ipa = audit_guest.ipa[i & (S2V_CHUNKS - 1)], hva;
	int state;

	if (i >= audit_guest.n || i >= S2V_CHUNKS)
		return 1;
	state = guest_chunk(SIDE_S2, ipa, i);
	if (state == S2V_CHUNK_ABSENT) { /* swapped out once, or not touched yet */
		hva = guest_hva(ipa);
		if (hva)
			state = guest_chunk(SIDE_HOST, hva, i);
	}
	audit_guest.state[i & (S2V_CHUNKS - 1)] = state;
	return 0;
}

static __always_inline void audit_read_guest(struct kvm *kvm)
{
	stage2_tables(kvm, kvm_mmu(kvm), &audit_s2.t, &audit_s2.root);
	if (!host_tables(kvm, &audit_host.t, &audit_host.root))
		audit_host.root = 0;
	side_drop(&audit_s2);
	side_drop(&audit_host);
	bpf_loop(S2V_CHUNKS, guest_turn, NULL, 0);
}

#endif
