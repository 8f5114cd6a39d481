// SPDX-License-Identifier: BSD-2-Clause
/* Finds which memory type each AttrIndx selects on this host. */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "live/calibrate.h"
#include "host/mair.h"
#include "s2v_shared.h"
#include "s2verify.skel.h"

__u64 s2v_kernel_symbol(const struct s2v_kallsyms *ks, const char *name)
{
	struct s2v_ksym sym;

	s2v_kallsyms_find(ks, name, &sym);
	return sym.count == 1 ? sym.addr : 0;
}

/* Runs a BPF program with two arguments in this task. 0 or -errno. */
static int run_prog(const struct bpf_program *p, __u64 a0, __u64 a1)
{
	__u64 args[2] = { a0, a1 };
	LIBBPF_OPTS(bpf_test_run_opts, o, .ctx_in = args, .ctx_size_in = sizeof(args));

	return bpf_prog_test_run_opts(bpf_program__fd(p), &o);
}

int s2v_peek(struct s2verify_bpf *skel, __u64 addr, void *to, size_t len)
{
	for (size_t done = 0; done < len;) {
		size_t piece = len - done < S2V_PEEK_MAX ? len - done : S2V_PEEK_MAX;
		int err = run_prog(skel->progs.ask_peek, addr + done, piece);

		if (!err)
			err = skel->bss->asked_err;
		if (err)
			return err;
		memcpy((char *)to + done, skel->bss->peeked, piece);
		done += piece;
	}
	return 0;
}

/* AttrIndx of an anonymous page of this process. 0 or -errno. */
static int anonymous_index(struct s2verify_bpf *skel, __u32 *index)
{
	size_t len = sysconf(_SC_PAGESIZE);
	void *p = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int err, tries = 1000;

	if (p == MAP_FAILED)
		return -errno;
	/* bpf_find_vma() does not wait: -EBUSY while a deferred mmap unlock is pending on this CPU. */
	do {
		err = run_prog(skel->progs.ask_pgprot, (__u64)p, 0);
		if (!err)
			err = skel->bss->asked_err;
	} while (err == -EBUSY && --tries && !usleep(1000));
	*index = s2v_attrindx(skel->bss->asked_pgprot);
	munmap(p, len);
	return err;
}

/* MAIR_EL1 as the code of __cpu_setup() sets it. */
static bool read_kernel_mair(struct s2verify_bpf *skel, const struct s2v_kallsyms *ks, __u64 *mair)
{
	__u64 text = s2v_kernel_symbol(ks, "__cpu_setup");
	__u32 insn[256];

	if (!text || s2v_peek(skel, text, insn, sizeof(insn)))
		return false;
	return s2v_mair_from_code(insn, S2V_ARRAY_SIZE(insn), mair);
}

void s2v_calibrate(struct s2verify_bpf *skel, const struct s2v_kallsyms *ks, struct s2v_host *host)
{
	__u64 mair = S2V_MAIR_LINUX;
	bool from_code = read_kernel_mair(skel, ks, &mair);
	__u32 index = 0;
	int err = anonymous_index(skel, &index);

	s2v_mair_decode(mair, host->s1_attr);
	snprintf(host->s1_source, sizeof(host->s1_source), "%s",
		 from_code ? "MAIR_EL1 in the kernel's __cpu_setup()"
			   : "MAIR_EL1 of Linux 5.14 and later");
	host->s1_calibrated = !err && host->s1_attr[index] == S2V_ATTR_NORMAL_WB;
	if (host->s1_calibrated)
		return;
	memset(host->s1_attr, S2V_ATTR_UNKNOWN, sizeof(host->s1_attr));
	if (err)
		snprintf(host->s1_source, sizeof(host->s1_source),
			 "cannot read the PTE of an anonymous page: %s", strerror(-err));
	else
		snprintf(host->s1_source, sizeof(host->s1_source),
			 "AttrIndx %u of an anonymous page is not Write-Back by it", index);
}
