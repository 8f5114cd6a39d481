// SPDX-License-Identifier: BSD-2-Clause
/* Reads the code of the vCPU-init path. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "live/calibrate.h"
#include "live/vcpu_text.h"

/* The function has 2 to 3 KiB; a larger distance to the next symbol is a gap in the symbol table. */
#define TEXT_MAX 65536

/*
 * kvm_arch_vcpu_ioctl_vcpu_init() is static: compilers inline it into its only caller, or emit one copy
 * with other arguments (".constprop.0").
 */
static __u64 find_function(const struct s2v_kallsyms *ks, char *name, size_t len)
{
	static const char *const functions[] = { "kvm_arch_vcpu_ioctl_vcpu_init",
						 "kvm_arch_vcpu_ioctl" };

	for (size_t i = 0; i < S2V_ARRAY_SIZE(functions); i++) {
		struct s2v_ksym sym;

		snprintf(name, len, "%s", functions[i]);
		s2v_kallsyms_find(ks, name, &sym);
		if (!sym.count && sym.copies == 1) {
			snprintf(name, len, "%s", sym.copy);
			s2v_kallsyms_find(ks, name, &sym);
		}
		if (sym.count == 1 && sym.addr)
			return sym.addr;
	}
	return 0;
}

int s2v_vcpu_text(struct s2verify_bpf *skel, const struct s2v_kallsyms *ks, struct s2v_icache *ic)
{
	/* Inlined in all releases so far; listed in case a kernel calls them. */
	const __u64 inval[] = { s2v_kernel_symbol(ks, "icache_inval_all_pou"),
				s2v_kernel_symbol(ks, "__flush_icache_all") };
	struct s2v_icache_code code = { .inval = inval, .n_inval = S2V_ARRAY_SIZE(inval) };
	char name[sizeof(ic->function)];
	__u64 size;
	__u32 *text;
	int err;

	memset(ic, 0, sizeof(*ic));
	code.addr = find_function(ks, name, sizeof(name));
	size = code.addr ? s2v_kallsyms_room(ks, code.addr) : 0;
	if (!size)
		return -ENOENT;
	if (size > TEXT_MAX)
		return -E2BIG;
	text = malloc(size);
	if (!text)
		return -ENOMEM;
	err = s2v_peek(skel, code.addr, text, size);
	if (!err) {
		code.name = name;
		code.insn = text;
		code.n = size / 4;
		code.unmap = s2v_kernel_symbol(ks, "stage2_unmap_vm");
		err = s2v_icache_scan(&code, ic);
	}
	free(text);
	return err;
}
