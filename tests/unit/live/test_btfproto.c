// SPDX-License-Identifier: BSD-2-Clause
/* needs: src/live/btfproto.c */
/* libs: -lbpf */
/* Canonical prototypes of functions in synthetic BTF. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "live/btfproto.h"

static struct btf *btf;
static int t_int, t_u64, t_bool, t_vcpu_ptr, t_void_ptr, t_slot_ptr, t_enum8, t_fwd_ptr;
static int t_const_slot_ptr, t_gfn, t_union_ptr, t_int_ptr_ptr, t_fn_ptr, t_struct, t_anon_ptr;
static int t_double, t_tagged_ptr;

static int ok(int id)
{
	assert_true(id > 0);
	return id;
}

static void types(void)
{
	int slot, t, proto;

	t_int = ok(btf__add_int(btf, "int", 4, BTF_INT_SIGNED));
	t_u64 = ok(btf__add_int(btf, "unsigned long long", 8, 0));
	t_bool = ok(btf__add_int(btf, "_Bool", 1, BTF_INT_BOOL));
	t_double = ok(btf__add_float(btf, "double", 8));
	t_void_ptr = ok(btf__add_ptr(btf, 0));
	t_vcpu_ptr = ok(btf__add_ptr(btf, ok(btf__add_struct(btf, "kvm_vcpu", 0))));
	slot = ok(btf__add_struct(btf, "kvm_memory_slot", 0));
	t_struct = slot;
	t_slot_ptr = ok(btf__add_ptr(btf, slot));
	t_const_slot_ptr = ok(btf__add_const(
		btf,
		ok(btf__add_ptr(btf, ok(btf__add_const(btf, ok(btf__add_volatile(btf, slot))))))));
	t = ok(btf__add_typedef(btf, "u64", t_u64));
	t_gfn = ok(btf__add_typedef(btf, "gfn_t", t));
	t_enum8 = ok(btf__add_enum64(btf, "kvm_pgtable_prot", 8, false));
	t_fwd_ptr = ok(btf__add_ptr(btf, ok(btf__add_fwd(btf, "kvm", BTF_FWD_STRUCT))));
	t_union_ptr = ok(btf__add_ptr(btf, ok(btf__add_union(btf, "u", 8))));
	t_anon_ptr = ok(btf__add_ptr(btf, ok(btf__add_struct(btf, NULL, 8))));
	t_int_ptr_ptr = ok(btf__add_ptr(btf, ok(btf__add_ptr(btf, t_int))));
	proto = ok(btf__add_func_proto(btf, t_int));
	t_fn_ptr = ok(btf__add_ptr(btf, proto));
	t_tagged_ptr = ok(btf__add_ptr(btf, ok(btf__add_type_tag(btf, "user", slot))));
}

static void func(const char *name, const int *params, size_t n)
{
	int proto = ok(btf__add_func_proto(btf, t_int));
	size_t i;

	for (i = 0; i < n; i++)
		assert_int_equal(btf__add_func_param(btf, params[i] ? "p" : "", params[i]), 0);
	ok(btf__add_func(btf, name, BTF_FUNC_STATIC, proto));
}

#define FUNC(name, ...)                                                    \
	do {                                                               \
		const int params_[] = { __VA_ARGS__ };                     \
		func(name, params_, sizeof(params_) / sizeof(params_[0])); \
	} while (0)

static int setup(void **state)
{
	(void)state;
	btf = btf__new_empty();
	assert_non_null(btf);
	types();
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	btf__free(btf);
	return 0;
}

static void expect(const char *name, const char *proto)
{
	char buf[256] = "untouched";

	assert_int_equal(s2v_btf_proto(btf, name, buf, sizeof(buf)), 0);
	assert_string_equal(buf, proto);
}

static void test_shapes(void **state)
{
	(void)state;
	FUNC("user_mem_abort", t_vcpu_ptr, t_gfn, t_fwd_ptr, t_const_slot_ptr, t_u64, t_bool);
	FUNC("pointers", t_void_ptr, t_union_ptr, t_anon_ptr, t_int_ptr_ptr, t_fn_ptr,
	     t_tagged_ptr);
	FUNC("values", t_enum8, t_struct, t_double, t_int);
	FUNC("printk", t_void_ptr, 0);
	func("nothing", NULL, 0);
	expect("user_mem_abort", "kvm_vcpu*,i8,kvm*,kvm_memory_slot*,i8,i1");
	expect("pointers", "*,u*,*,*,*,kvm_memory_slot*");
	expect("values", "i8,kvm_memory_slot,f8,i4");
	expect("printk", "*,...");
	expect("nothing", "");
}

static void test_absent(void **state)
{
	char buf[64];

	(void)state;
	FUNC("a", t_int);
	assert_int_equal(s2v_btf_proto(btf, "b", buf, sizeof(buf)), -ENOENT);
	/* A struct of that name is not a function. */
	assert_int_equal(s2v_btf_proto(btf, "kvm_vcpu", buf, sizeof(buf)), -ENOENT);
}

static void test_several(void **state)
{
	char buf[64];

	(void)state;
	FUNC("same", t_int, t_gfn);
	FUNC("same", t_int, t_u64);
	expect("same", "i4,i8");
	FUNC("differ", t_int);
	FUNC("differ", t_u64);
	assert_int_equal(s2v_btf_proto(btf, "differ", buf, sizeof(buf)), -EEXIST);
}

static void test_small_buffer(void **state)
{
	char buf[8];

	(void)state;
	FUNC("f", t_slot_ptr);
	FUNC("g", t_int, t_int);
	assert_int_equal(s2v_btf_proto(btf, "f", buf, sizeof(buf)), -E2BIG);
	assert_int_equal(s2v_btf_proto(btf, "g", buf, 5), -E2BIG);
	assert_int_equal(s2v_btf_proto(btf, "g", buf, 6), 0);
	assert_string_equal(buf, "i4,i4");
	assert_int_equal(s2v_btf_proto(btf, "g", buf, 0), -E2BIG);
}

/* void in the middle, a prototype for a parameter's type, a function without prototype. */
static void test_nonsense(void **state)
{
	int proto = ok(btf__add_func_proto(btf, t_int));
	char buf[64];

	(void)state;
	FUNC("hole", t_int, 0, t_int);
	FUNC("fn", proto);
	ok(btf__add_func(btf, "unproto", BTF_FUNC_STATIC, t_int));
	assert_int_equal(s2v_btf_proto(btf, "hole", buf, sizeof(buf)), -EINVAL);
	assert_int_equal(s2v_btf_proto(btf, "fn", buf, sizeof(buf)), -EINVAL);
	assert_int_equal(s2v_btf_proto(btf, "unproto", buf, sizeof(buf)), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_shapes, setup, teardown),
		cmocka_unit_test_setup_teardown(test_absent, setup, teardown),
		cmocka_unit_test_setup_teardown(test_several, setup, teardown),
		cmocka_unit_test_setup_teardown(test_small_buffer, setup, teardown),
		cmocka_unit_test_setup_teardown(test_nonsense, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
