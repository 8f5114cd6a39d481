/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * What user space asks the kernel before it attaches anything. Run by BPF_PROG_TEST_RUN in the
 * calling task, never attached.
 */
#ifndef S2V_BPF_PROBE_H
#define S2V_BPF_PROBE_H

/* pgprot of the VMA at the address given, and what bpf_find_vma() returned. */
__u64 asked_pgprot;
__s64 asked_err;

static long pgprot_cb(struct task_struct *task, struct vm_area_struct *vma, void *unused)
{
	asked_pgprot = BPF_CORE_READ(vma, vm_page_prot.pgprot);
	return 0;
}

SEC("raw_tp")
int ask_pgprot(struct bpf_raw_tracepoint_args *ctx)
{
	self = current_tgid();
	asked_err = bpf_find_vma(bpf_get_current_task_btf(), ctx->args[0], pgprot_cb, NULL, 0);
	return 0;
}

/* Kernel memory, up to S2V_PEEK_MAX bytes. Arguments: address and length. */
__u8 peeked[S2V_PEEK_MAX];

SEC("raw_tp")
int ask_peek(struct bpf_raw_tracepoint_args *ctx)
{
	__u64 len = ctx->args[1];

	if (len > S2V_PEEK_MAX)
		len = S2V_PEEK_MAX;
	asked_err = bpf_probe_read_kernel(peeked, len, (void *)ctx->args[0]);
	return 0;
}

#endif
