// SPDX-License-Identifier: BSD-2-Clause
/* needs: src/host/observe.c src/core/names.c src/live/btfproto.c */
/* libs: -lbpf */
/*
 * The choice of hooks with the BTF of real arm64 kernels; reduced copies are in tests/data/btf.
 * Functions in BTF count as symbols, and every probe attaches.
 */
#include <bpf/btf.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "host/host.h"
#include "live/btfproto.h"
#include "host/observe.h"

static int proto(void *ctx, const char *func, char *buf, size_t len)
{
	return s2v_btf_proto(ctx, func, buf, len);
}

static void symbol(void *ctx, const char *func, struct s2v_ksym *sym)
{
	memset(sym, 0, sizeof(*sym));
	sym->count = btf__find_by_name_kind(ctx, func, BTF_KIND_FUNC) > 0;
}

static int trial(void *ctx, enum s2v_method m, const char *func, bool ret, char *why, size_t len)
{
	(void)ctx;
	(void)m;
	(void)func;
	(void)ret;
	(void)why;
	(void)len;
	return 0;
}

/* Functions of each release in Debian's builds. */
static const struct {
	const char *release;
	bool user_mem_abort; /* out of line, with a fault descriptor */
	bool twins; /* pkvm_pgtable_* for protected mode */
} kernels[] = {
	{ "6.1", false, false }, { "6.12", false, false }, { "6.16", false, true },
	{ "6.17", false, true }, { "6.18", false, true },  { "6.19", false, true },
	{ "7.0", false, true },	 { "7.1", true, true },	   { "7.2", true, true },
	{ "7.3", true, true },
};

static void expect(const struct s2v_hook *h, const char *func, int variant)
{
	if (strcmp(h->function, func) || h->variant != variant)
		print_message("%s: %s, variant %d: %s\n", s2v_observe_name(h->observe), h->function,
			      h->variant, h->reason);
	assert_string_equal(h->function, func);
	assert_int_equal(h->variant, variant);
	assert_int_equal(h->method, S2V_METHOD_FENTRY);
}

static void check(struct btf *btf, bool user_mem_abort, bool twins)
{
	const struct s2v_observe_ops ops = {
		.ctx = btf, .proto = proto, .symbol = symbol, .trial = trial
	};
	struct s2v_host host = { .kvm_mode = S2V_KVM_VHE };
	struct s2v_hook h[S2V_OBS_NR];

	assert_int_equal(s2v_observe_choose(h, &host, S2V_ATTACH_AUTO, true, &ops), 0);
	if (user_mem_abort)
		expect(&h[S2V_OBS_FAULT], "user_mem_abort", S2V_VAR_FAULT_DESC);
	else
		expect(&h[S2V_OBS_FAULT], "kvm_handle_guest_abort", S2V_VAR_FAULT_ABORT);
	expect(&h[S2V_OBS_MAP], "kvm_pgtable_stage2_map", S2V_VAR_MAP);
	expect(&h[S2V_OBS_PERM], "kvm_pgtable_stage2_relax_perms", S2V_VAR_PERM);
	expect(&h[S2V_OBS_SLOT], "kvm_arch_prepare_memory_region", S2V_VAR_SLOT);
	expect(&h[S2V_OBS_CAP], "kvm_vm_ioctl_check_extension", S2V_VAR_CAP);
	expect(&h[S2V_OBS_VM_GONE], "kvm_arch_destroy_vm", S2V_VAR_VM_GONE);
	expect(&h[S2V_OBS_HOST_UNMAP], "kvm_unmap_gfn_range", S2V_VAR_HOST_UNMAP);

	host.kvm_mode = S2V_KVM_PROTECTED;
	assert_int_equal(s2v_observe_choose(h, &host, S2V_ATTACH_AUTO, true, &ops), 0);
	expect(&h[S2V_OBS_MAP], twins ? "pkvm_pgtable_stage2_map" : "kvm_pgtable_stage2_map",
	       S2V_VAR_MAP);
	expect(&h[S2V_OBS_PERM],
	       twins ? "pkvm_pgtable_stage2_relax_perms" : "kvm_pgtable_stage2_relax_perms",
	       S2V_VAR_PERM);
}

static struct btf *kernel_btf(const char *release)
{
	char path[64];
	struct btf *btf;

	snprintf(path, sizeof(path), "tests/data/btf/%s.btf", release);
	btf = btf__parse(path, NULL);
	if (!btf)
		print_message("%s: %s\n", path, strerror(errno));
	assert_non_null(btf);
	return btf;
}

static void test_kernels(void **state)
{
	struct btf *btf;
	size_t i;

	(void)state;
	for (i = 0; i < S2V_ARRAY_SIZE(kernels); i++) {
		print_message("%s\n", kernels[i].release);
		btf = kernel_btf(kernels[i].release);
		check(btf, kernels[i].user_mem_abort, kernels[i].twins);
		btf__free(btf);
	}
}

/* 5.10 has other argument lists than 5.17 and later: they must not match. */
static void test_5_10(void **state)
{
	struct btf *btf = kernel_btf("5.10");
	const struct s2v_observe_ops ops = {
		.ctx = btf, .proto = proto, .symbol = symbol, .trial = trial
	};
	struct s2v_host host = { .kvm_mode = S2V_KVM_VHE };
	struct s2v_hook h[S2V_OBS_NR];

	(void)state;
	assert_int_equal(s2v_observe_choose(h, &host, S2V_ATTACH_AUTO, true, &ops), 4);
	expect(&h[S2V_OBS_FAULT], "kvm_handle_guest_abort", S2V_VAR_FAULT_ABORT);
	assert_int_equal(h[S2V_OBS_MAP].method, S2V_METHOD_NONE);
	assert_int_equal(h[S2V_OBS_PERM].method, S2V_METHOD_NONE);
	assert_int_equal(h[S2V_OBS_SLOT].method, S2V_METHOD_NONE);
	assert_int_equal(h[S2V_OBS_HOST_UNMAP].method, S2V_METHOD_NONE);
	assert_string_equal(h[S2V_OBS_SLOT].reason,
			    "kvm_arch_prepare_memory_region has unknown arguments in this kernel "
			    "(kvm*,kvm_memory_slot*,kvm_userspace_memory_region*,i4)");
	btf__free(btf);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_kernels),
					    cmocka_unit_test(test_5_10) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
