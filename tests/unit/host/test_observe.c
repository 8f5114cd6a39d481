// SPDX-License-Identifier: BSD-2-Clause
/* needs: src/host/observe.c src/core/names.c src/host/host.c */
/*
 * The choice of hooks on Debian's arm64 kernels: BTF and symbol tables of 6.1, 6.12, 6.16 and 7.3;
 * the results of trials are from emulated hosts.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "host/host.h"
#include "host/observe.h"

struct fake_func {
	const char *name;
	const char *proto; /* NULL: not in BTF */
	int proto_err; /* returned instead of proto */
	int entry[S2V_METHOD_NR], ret[S2V_METHOD_NR]; /* results of a trial, by enum s2v_method */
	unsigned int count; /* in kallsyms */
	const char *copy;
};

struct fake {
	struct fake_func f[16];
	int no_fentry; /* errno of every fentry trial */
	bool failed_faults; /* !every_fault */
	int trials[S2V_METHOD_NR];
	const char *why;
};

static const struct fake_func *lookup(struct fake *k, const char *name)
{
	size_t i;

	for (i = 0; i < S2V_ARRAY_SIZE(k->f) && k->f[i].name; i++) {
		if (!strcmp(k->f[i].name, name))
			return &k->f[i];
	}
	return NULL;
}

static int fake_proto(void *ctx, const char *func, char *buf, size_t len)
{
	const struct fake_func *f = lookup(ctx, func);

	if (f && f->proto_err)
		return f->proto_err;
	if (!f || !f->proto)
		return -ENOENT;
	snprintf(buf, len, "%s", f->proto);
	return 0;
}

static void fake_symbol(void *ctx, const char *func, struct s2v_ksym *sym)
{
	const struct fake_func *f = lookup(ctx, func);

	memset(sym, 0, sizeof(*sym));
	if (!f)
		return;
	sym->count = f->count;
	if (f->copy) {
		sym->copies = 1;
		snprintf(sym->copy, sizeof(sym->copy), "%s", f->copy);
	}
}

static int fake_trial(void *ctx, enum s2v_method m, const char *func, bool ret, char *why,
		      size_t len)
{
	struct fake *k = ctx;
	const struct fake_func *f = lookup(k, func);

	k->trials[m]++;
	assert_non_null(f); /* only functions that were looked up are attached */
	if (k->why)
		snprintf(why, len, "%s", k->why);
	if (m == S2V_METHOD_FENTRY && k->no_fentry)
		return k->no_fentry;
	return ret ? f->ret[m] : f->entry[m];
}

static const char *fake_error(int err)
{
	return err == -524 ? "ENOTSUPP" : strerror(-err);
}

/* Releases of clang-format differ on macros that are initialisers. */
/* clang-format off */
#define FN(n, p) { .name = (n), .proto = (p), .count = 1 }
/* clang-format on */
#define MAP6 "kvm_pgtable*,i8,i8,i8,i8,*"
#define MAP7 MAP6 ",i4"
#define REST                                                                                       \
	FN("kvm_handle_guest_abort", "kvm_vcpu*"),                                                 \
		FN("kvm_arch_prepare_memory_region", "kvm*,kvm_memory_slot*,kvm_memory_slot*,i4"), \
		FN("kvm_vm_ioctl_check_extension", "kvm*,i8"), FN("kvm_arch_destroy_vm", "kvm*"),  \
		FN("kvm_arch_vcpu_ioctl", "file*,i4,i8"), FN("stage2_unmap_vm", "kvm*"),           \
		FN("kvm_arch_vcpu_ioctl_run", "kvm_vcpu*"),                                        \
		FN("kvm_unmap_gfn_range", "kvm*,kvm_gfn_range*")

static const struct fake debian_6_1 = {
	.f = { REST, FN("kvm_pgtable_stage2_map", MAP6),
	       FN("kvm_pgtable_stage2_relax_perms", "kvm_pgtable*,i8,i8") },
	.no_fentry = -524,
};
static const struct fake debian_6_12 = {
	.f = { REST, FN("kvm_pgtable_stage2_map", MAP7),
	       FN("kvm_pgtable_stage2_relax_perms", "kvm_pgtable*,i8,i8") },
};
static const struct fake debian_6_16 = {
	.f = { REST, FN("kvm_pgtable_stage2_map", MAP7), FN("pkvm_pgtable_stage2_map", MAP7),
	       FN("kvm_pgtable_stage2_relax_perms", "kvm_pgtable*,i8,i8,i4"),
	       FN("pkvm_pgtable_stage2_relax_perms", "kvm_pgtable*,i8,i8,i4") },
};
static const struct fake debian_7_3 = {
	.f = { REST, FN("kvm_pgtable_stage2_map", MAP7), FN("pkvm_pgtable_stage2_map", MAP7),
	       FN("kvm_pgtable_stage2_relax_perms", "kvm_pgtable*,i8,i8,i4"),
	       FN("pkvm_pgtable_stage2_relax_perms", "kvm_pgtable*,i8,i8,i4"),
	       FN("user_mem_abort", "kvm_s2_fault_desc*") },
};

static struct fake_func *get(struct fake *k, const char *name)
{
	struct fake_func *f = (struct fake_func *)(uintptr_t)lookup(k, name);

	assert_non_null(f);
	return f;
}

static int choose(struct fake *k, struct s2v_hook *hooks, int kvm_mode, enum s2v_attach_mode mode)
{
	const struct s2v_observe_ops ops = {
		.ctx = k,
		.proto = fake_proto,
		.symbol = fake_symbol,
		.trial = fake_trial,
		.error = fake_error,
	};
	struct s2v_host h = { .kvm_mode = kvm_mode };
	int o, none = s2v_observe_choose(hooks, &h, mode, !k->failed_faults, &ops);

	for (o = 0; o < S2V_OBS_NR; o++) {
		assert_int_equal(hooks[o].observe, o);
		assert_true(hooks[o].function[0]);
		assert_true(hooks[o].reason[0]);
		assert_int_equal(hooks[o].method == S2V_METHOD_NONE,
				 hooks[o].variant == S2V_VAR_NONE);
	}
	return none;
}

static void expect(const struct s2v_hook *h, const char *func, enum s2v_method m, int variant)
{
	assert_string_equal(h->function, func);
	assert_int_equal(h->method, m);
	assert_int_equal(h->variant, variant);
}

static void test_6_1(void **state)
{
	struct s2v_hook h[S2V_OBS_NR];
	struct fake k = debian_6_1;

	(void)state;
	assert_int_equal(choose(&k, h, S2V_KVM_VHE, S2V_ATTACH_AUTO), 0);
	expect(&h[S2V_OBS_FAULT], "kvm_handle_guest_abort", S2V_METHOD_KPROBE, S2V_VAR_FAULT_ABORT);
	assert_string_equal(h[S2V_OBS_FAULT].reason,
			    "user_mem_abort is not in this kernel's symbol table (inlined); fentry "
			    "refused by the kernel on kvm_handle_guest_abort: ENOTSUPP; "
			    "kvm_handle_guest_abort attaches by kprobe");
	expect(&h[S2V_OBS_MAP], "kvm_pgtable_stage2_map", S2V_METHOD_KPROBE, S2V_VAR_MAP);
	expect(&h[S2V_OBS_PERM], "kvm_pgtable_stage2_relax_perms", S2V_METHOD_KPROBE, S2V_VAR_PERM);
	expect(&h[S2V_OBS_SLOT], "kvm_arch_prepare_memory_region", S2V_METHOD_KPROBE, S2V_VAR_SLOT);
	expect(&h[S2V_OBS_CAP], "kvm_vm_ioctl_check_extension", S2V_METHOD_KPROBE, S2V_VAR_CAP);
	expect(&h[S2V_OBS_VM_GONE], "kvm_arch_destroy_vm", S2V_METHOD_KPROBE, S2V_VAR_VM_GONE);
}

static void test_6_12(void **state)
{
	struct s2v_hook h[S2V_OBS_NR];
	struct fake k = debian_6_12;
	int o;

	(void)state;
	assert_int_equal(choose(&k, h, S2V_KVM_VHE, S2V_ATTACH_AUTO), 0);
	for (o = 0; o < S2V_OBS_NR; o++)
		assert_int_equal(h[o].method, S2V_METHOD_FENTRY);
	assert_string_equal(h[S2V_OBS_FAULT].reason,
			    "user_mem_abort is not in this kernel's symbol table (inlined); "
			    "kvm_handle_guest_abort attaches");
	assert_int_equal(k.trials[S2V_METHOD_KPROBE], 0);
	/* Entry and return of each. */
	assert_int_equal(k.trials[S2V_METHOD_FENTRY], 2 * S2V_OBS_NR);
}

static void test_7_3(void **state)
{
	struct s2v_hook h[S2V_OBS_NR];
	struct fake k = debian_7_3;

	(void)state;
	assert_int_equal(choose(&k, h, S2V_KVM_VHE, S2V_ATTACH_AUTO), 0);
	expect(&h[S2V_OBS_FAULT], "user_mem_abort", S2V_METHOD_FENTRY, S2V_VAR_FAULT_DESC);
	assert_string_equal(h[S2V_OBS_FAULT].reason, "user_mem_abort attaches");
	expect(&h[S2V_OBS_MAP], "kvm_pgtable_stage2_map", S2V_METHOD_FENTRY, S2V_VAR_MAP);
}

/* If only faults that fail are needed, no probe runs at each fault; other hooks do not change. */
static void test_failed_faults(void **state)
{
	static const struct fake_func tp = FN("kvm_userspace_exit", NULL);
	struct s2v_hook h[S2V_OBS_NR];
	struct fake k = debian_7_3;
	size_t i;

	(void)state;
	k.failed_faults = true;
	for (i = 0; k.f[i].name; i++)
		;
	k.f[i] = tp;
	assert_int_equal(choose(&k, h, S2V_KVM_VHE, S2V_ATTACH_AUTO), 0);
	expect(&h[S2V_OBS_FAULT], "kvm_userspace_exit", S2V_METHOD_TRACEPOINT, S2V_VAR_FAULT_EXIT);
	expect(&h[S2V_OBS_MAP], "kvm_pgtable_stage2_map", S2V_METHOD_FENTRY, S2V_VAR_MAP);
	assert_int_equal(k.trials[S2V_METHOD_TRACEPOINT], 1);

	/* With any --attach. Without the tracepoint faults that fail are not seen. */
	assert_int_equal(choose(&k, h, S2V_KVM_VHE, S2V_ATTACH_KPROBE), 0);
	assert_int_equal(h[S2V_OBS_FAULT].method, S2V_METHOD_TRACEPOINT);
	k.f[i].entry[S2V_METHOD_TRACEPOINT] = -ENOENT;
	assert_int_equal(choose(&k, h, S2V_KVM_VHE, S2V_ATTACH_AUTO), 1);
	expect(&h[S2V_OBS_FAULT], "kvm_userspace_exit", S2V_METHOD_NONE, S2V_VAR_NONE);
	assert_string_equal(h[S2V_OBS_FAULT].reason,
			    "tracepoint refused by the kernel on kvm_userspace_exit: No such file "
			    "or directory");
}

/* Builds that do not inline user_mem_abort have the argument lists of their release. */
static void test_older_forms(void **state)
{
	static const char *const forms[] = {
		"kvm_vcpu*,i8,kvm_s2_trans*,kvm_memory_slot*,i8,i1",
		"kvm_vcpu*,i8,kvm_memory_slot*,i8,i8",
	};
	struct s2v_hook h[S2V_OBS_NR];
	size_t i;

	(void)state;
	for (i = 0; i < S2V_ARRAY_SIZE(forms); i++) {
		struct fake k = debian_7_3;

		get(&k, "user_mem_abort")->proto = forms[i];
		assert_int_equal(choose(&k, h, S2V_KVM_VHE, S2V_ATTACH_AUTO), 0);
		expect(&h[S2V_OBS_FAULT], "user_mem_abort", S2V_METHOD_FENTRY, S2V_VAR_FAULT_VCPU);
	}
}

static void test_protected(void **state)
{
	struct s2v_hook h[S2V_OBS_NR];
	struct fake k = debian_6_16;

	(void)state;
	assert_int_equal(choose(&k, h, S2V_KVM_PROTECTED, S2V_ATTACH_AUTO), 0);
	expect(&h[S2V_OBS_MAP], "pkvm_pgtable_stage2_map", S2V_METHOD_FENTRY, S2V_VAR_MAP);
	expect(&h[S2V_OBS_PERM], "pkvm_pgtable_stage2_relax_perms", S2V_METHOD_FENTRY,
	       S2V_VAR_PERM);
	assert_int_equal(choose(&k, h, S2V_KVM_NVHE, S2V_ATTACH_AUTO), 0);
	expect(&h[S2V_OBS_MAP], "kvm_pgtable_stage2_map", S2V_METHOD_FENTRY, S2V_VAR_MAP);

	/* No pkvm_ functions before 6.16: protected mode calls the others. */
	k = debian_6_12;
	assert_int_equal(choose(&k, h, S2V_KVM_PROTECTED, S2V_ATTACH_AUTO), 0);
	expect(&h[S2V_OBS_MAP], "kvm_pgtable_stage2_map", S2V_METHOD_FENTRY, S2V_VAR_MAP);
	assert_string_equal(h[S2V_OBS_MAP].reason, "kvm_pgtable_stage2_map attaches");
}

/* A hook on a function that protected mode never calls would see nothing and look clean. */
static void test_protected_blind(void **state)
{
	struct s2v_hook h[S2V_OBS_NR];
	struct fake k = debian_6_16;

	(void)state;
	get(&k, "pkvm_pgtable_stage2_map")->entry[S2V_METHOD_FENTRY] = -EBUSY;
	get(&k, "pkvm_pgtable_stage2_map")->entry[S2V_METHOD_KPROBE] = -EINVAL;
	assert_int_equal(choose(&k, h, S2V_KVM_PROTECTED, S2V_ATTACH_AUTO), 1);
	expect(&h[S2V_OBS_MAP], "pkvm_pgtable_stage2_map", S2V_METHOD_NONE, S2V_VAR_NONE);
}

static void test_unknown_arguments(void **state)
{
	struct s2v_hook h[S2V_OBS_NR];
	struct fake k = debian_7_3;

	(void)state;
	get(&k, "user_mem_abort")->proto = "kvm_s2_fault*,i4";
	get(&k, "kvm_arch_destroy_vm")->proto = "kvm*,i8";
	assert_int_equal(choose(&k, h, S2V_KVM_VHE, S2V_ATTACH_AUTO), 1);
	expect(&h[S2V_OBS_FAULT], "kvm_handle_guest_abort", S2V_METHOD_FENTRY, S2V_VAR_FAULT_ABORT);
	assert_non_null(strstr(h[S2V_OBS_FAULT].reason,
			       "user_mem_abort has unknown arguments in this kernel "
			       "(kvm_s2_fault*,i4); kvm_handle_guest_abort attaches"));
	expect(&h[S2V_OBS_VM_GONE], "kvm_arch_destroy_vm", S2V_METHOD_NONE, S2V_VAR_NONE);
}

static void test_symbols_and_btf(void **state)
{
	struct s2v_hook h[S2V_OBS_NR];
	struct fake k = debian_7_3;

	(void)state;
	get(&k, "user_mem_abort")->count = 2;
	get(&k, "kvm_arch_destroy_vm")->count = 0;
	get(&k, "kvm_arch_destroy_vm")->copy = "kvm_arch_destroy_vm.isra.0";
	get(&k, "kvm_vm_ioctl_check_extension")->proto = NULL;
	get(&k, "kvm_pgtable_stage2_map")->proto_err = -EEXIST;
	get(&k, "kvm_arch_prepare_memory_region")->proto_err = -EINVAL;
	assert_int_equal(choose(&k, h, S2V_KVM_VHE, S2V_ATTACH_AUTO), 4);
	assert_string_equal(h[S2V_OBS_FAULT].reason,
			    "user_mem_abort is the name of 2 functions of this kernel; "
			    "kvm_handle_guest_abort attaches");
	assert_string_equal(h[S2V_OBS_VM_GONE].reason,
			    "kvm_arch_destroy_vm is in this kernel's symbol table only as "
			    "kvm_arch_destroy_vm.isra.0, whose arguments differ");
	assert_string_equal(h[S2V_OBS_CAP].reason,
			    "kvm_vm_ioctl_check_extension is not in this kernel's BTF, so its "
			    "arguments are not known");
	assert_string_equal(h[S2V_OBS_MAP].reason,
			    "kvm_pgtable_stage2_map has several argument lists in this kernel's "
			    "BTF");
	assert_string_equal(h[S2V_OBS_SLOT].reason,
			    "kvm_arch_prepare_memory_region cannot be read from this kernel's BTF "
			    "(Invalid argument)");
}

static void test_return_probe_refused(void **state)
{
	struct s2v_hook h[S2V_OBS_NR];
	struct fake k = debian_6_12;

	(void)state;
	get(&k, "kvm_pgtable_stage2_map")->ret[S2V_METHOD_FENTRY] = -EBUSY;
	assert_int_equal(choose(&k, h, S2V_KVM_VHE, S2V_ATTACH_AUTO), 0);
	expect(&h[S2V_OBS_MAP], "kvm_pgtable_stage2_map", S2V_METHOD_KPROBE, S2V_VAR_MAP);
	assert_string_equal(h[S2V_OBS_MAP].reason,
			    "fexit refused by the kernel on kvm_pgtable_stage2_map: Device or "
			    "resource busy; kvm_pgtable_stage2_map attaches by kprobe");
	get(&k, "kvm_pgtable_stage2_map")->ret[S2V_METHOD_KPROBE] = -EINVAL;
	k.why = "no such luck";
	assert_int_equal(choose(&k, h, S2V_KVM_VHE, S2V_ATTACH_AUTO), 1);
	expect(&h[S2V_OBS_MAP], "kvm_pgtable_stage2_map", S2V_METHOD_NONE, S2V_VAR_NONE);
	assert_string_equal(h[S2V_OBS_MAP].reason,
			    "fexit refused by the kernel on kvm_pgtable_stage2_map: Device or "
			    "resource busy (no such luck); kretprobe refused by the kernel on "
			    "kvm_pgtable_stage2_map: Invalid argument (no such luck)");
}

static void test_attach_modes(void **state)
{
	struct s2v_hook h[S2V_OBS_NR];
	struct fake k = debian_6_12;

	(void)state;
	assert_int_equal(choose(&k, h, S2V_KVM_VHE, S2V_ATTACH_KPROBE), 0);
	expect(&h[S2V_OBS_MAP], "kvm_pgtable_stage2_map", S2V_METHOD_KPROBE, S2V_VAR_MAP);
	assert_string_equal(h[S2V_OBS_MAP].reason,
			    "kvm_pgtable_stage2_map attaches by kprobe, as --attach=kprobe asks");
	assert_int_equal(k.trials[S2V_METHOD_FENTRY], 0);

	k = debian_6_1;
	assert_int_equal(choose(&k, h, S2V_KVM_VHE, S2V_ATTACH_FENTRY), S2V_OBS_NR);
	assert_int_equal(k.trials[S2V_METHOD_KPROBE], 0);
	expect(&h[S2V_OBS_FAULT], "user_mem_abort", S2V_METHOD_NONE, S2V_VAR_NONE);
	assert_string_equal(h[S2V_OBS_FAULT].reason,
			    "user_mem_abort is not in this kernel's symbol table (inlined); fentry "
			    "refused by the kernel on kvm_handle_guest_abort: ENOTSUPP; "
			    "--attach=fentry rules kprobes out");
}

/* A reason that does not fit loses whole clauses, and stays terminated. */
static void test_long_reasons(void **state)
{
	struct s2v_hook h[S2V_OBS_NR];
	struct fake k = debian_7_3;

	(void)state;
	k.no_fentry = -524;
	k.why = "a verifier's message of considerable length, of which there can be many in a row "
		"and none of them fits";
	get(&k, "user_mem_abort")->entry[S2V_METHOD_KPROBE] = -EINVAL;
	get(&k, "kvm_handle_guest_abort")->entry[S2V_METHOD_KPROBE] = -EINVAL;
	assert_int_equal(choose(&k, h, S2V_KVM_VHE, S2V_ATTACH_AUTO), 1);
	assert_true(strlen(h[S2V_OBS_FAULT].reason) < sizeof(h[S2V_OBS_FAULT].reason));
	assert_null(strstr(h[S2V_OBS_FAULT].reason, "; ;"));
}

static void test_names(void **state)
{
	int o;

	(void)state;
	for (o = 0; o < S2V_OBS_NR; o++)
		assert_non_null(s2v_observe_name(o));
	assert_string_equal(s2v_observe_name(S2V_OBS_NR), "unknown");
	assert_string_equal(s2v_observe_name(S2V_OBS_FAULT), "stage2-fault");
	assert_string_equal(s2v_method_name(S2V_METHOD_FENTRY), "fentry");
	assert_string_equal(s2v_method_name(S2V_METHOD_KPROBE), "kprobe");
	assert_string_equal(s2v_method_name(S2V_METHOD_NONE), "none");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_6_1),
		cmocka_unit_test(test_6_12),
		cmocka_unit_test(test_7_3),
		cmocka_unit_test(test_failed_faults),
		cmocka_unit_test(test_older_forms),
		cmocka_unit_test(test_protected),
		cmocka_unit_test(test_protected_blind),
		cmocka_unit_test(test_unknown_arguments),
		cmocka_unit_test(test_symbols_and_btf),
		cmocka_unit_test(test_return_probe_refused),
		cmocka_unit_test(test_attach_modes),
		cmocka_unit_test(test_long_reasons),
		cmocka_unit_test(test_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
