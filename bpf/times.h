/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * Histograms of the duration of faults and unmaps, for the daemon (include/s2v_hist.h). A fault starts
 * at the tracepoint kvm_guest_fault and ends when its mapping, or its new permissions, are installed.
 * Faults that end otherwise (an exit for MMIO, an error) are not counted.
 */
#ifndef S2V_BPF_TIMES_H
#define S2V_BPF_TIMES_H

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, S2V_HIST_NR);
	__type(key, __u32);
	__type(value, struct s2v_hist);
} hists SEC(".maps");

__u64 last_unmap; /* CLOCK_BOOTTIME ns, of any VM */

static __noinline int hist_add(__u32 which, __u64 ns)
{
	struct s2v_hist *h = bpf_map_lookup_elem(&hists, &which);
	__u32 i;

	if (!h)
		return 0;
	i = s2v_hist_bucket(ns);
	if (i > S2V_HIST_BUCKETS)
		return 0;
	__sync_fetch_and_add(&h->count[i], 1);
	__sync_fetch_and_add(&h->sum, ns);
	return 0;
}

/* The unmap of a reset has ended. */
static __always_inline void times_unmap(struct s2v_vm_state *vm, __u64 ns)
{
	if (!cfg.timed)
		return;
	vm->unmapped_at = last_unmap = bpf_ktime_get_boot_ns();
	hist_add(S2V_HIST_RESET_UNMAP, ns);
}

/* [gpa, gpa + size) was mapped, or got new permissions: ends the task's fault if it was on that. */
static __always_inline void times_fault(struct kvm_pgtable *pgt, __u64 gpa, __u64 size)
{
	struct s2v_vm_state *vm;
	struct scratch *sc;
	__u64 now, start, key;

	if (!cfg.timed)
		return;
	sc = scratch_if_watched();
	if (!sc || !sc->fault_start || sc->fault_ipa - gpa >= size)
		return;
	now = bpf_ktime_get_boot_ns();
	start = sc->fault_start;
	sc->fault_start = 0;
	hist_add(S2V_HIST_FAULT, now - start);
	if (now - last_unmap >= S2V_REFAULT_NS)
		return;
	key = (__u64)kvm_of_mmu(HOT_READ(struct kvm_pgtable, pgt, mmu));
	vm = bpf_map_lookup_elem(&vms, &key);
	if (vm && vm->unmapped_at && now - vm->unmapped_at < S2V_REFAULT_NS)
		hist_add(S2V_HIST_REFAULT, now - start);
}

/* kvm_guest_fault(vcpu_pc, hsr, hxfar, ipa), 5.10 to 7.3: every abort at stage 2. */
SEC("raw_tracepoint/kvm_guest_fault")
int fault_start(struct bpf_raw_tracepoint_args *ctx)
{
	struct scratch *sc = scratch_if_watched();

	if (!sc)
		return 0;
	sc->fault_ipa = ctx->args[3];
	sc->fault_start = bpf_ktime_get_boot_ns();
	return 0;
}

#endif
