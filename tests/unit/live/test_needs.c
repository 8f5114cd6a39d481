// SPDX-License-Identifier: BSD-2-Clause
/* needs: src/live/needs.c */
/* libs: -lbpf */
/* What a kernel lacks, with synthetic BTF; for real kernels see tests/bpf/test_core_btf.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "live/needs.h"

#define LACKS "this kernel cannot be observed, since its BTF lacks what the BPF programs need: "
#define ADVICE "; Linux 6.1 and later have all of it"

static struct btf *object, *kernel;

static int ok(int id)
{
	assert_true(id >= 0);
	return id;
}

/* A structure with members of type `type`, up to a NULL. Returns its id. */
static int structure(struct btf *btf, const char *name, int type, const char *const *members)
{
	int id = ok(btf__add_struct(btf, name, 256));

	for (int i = 0; members[i]; i++)
		ok(btf__add_field(btf, members[i], type, i * 64, 0));
	return id;
}

#define STRUCT(btf, name, type, ...) \
	structure(btf, name, type, (const char *const[]){ __VA_ARGS__, NULL })

static void tag(int id)
{
	ok(btf__add_decl_tag(object, "kernel", id, -1));
}

/* All needed enumerators except skip, which may be NULL. */
static void enumerators(const char *skip)
{
	const struct s2v_need_enumerator *e = s2v_need_enumerators;
	const char *type = "";

	for (int i = 0; i < S2V_NEED_ENUMERATORS; i++) {
		if (strcmp(type, e[i].type))
			ok(btf__add_enum64(kernel, e[i].type, 8, false));
		type = e[i].type;
		if (!skip || strcmp(e[i].name, skip))
			ok(btf__add_enum64_value(kernel, e[i].name, i));
	}
}

static int setup(void **state)
{
	int u64, anon;

	(void)state;
	object = btf__new_empty();
	kernel = btf__new_empty();
	assert_true(object && kernel);
	u64 = ok(btf__add_int(object, "u64", 8, 0));
	tag(STRUCT(object, "kvm", u64, "mm", "arch"));
	tag(STRUCT(object, "kvm___older", u64, "vtcr"));
	STRUCT(object, "s2v_own", u64, "x");
	anon = STRUCT(object, NULL, u64, "counter");
	tag(anon);
	tag(STRUCT(object, "kvm_memslots", ok(btf__add_typedef(object, "atomic_t", anon)), "last"));
	ok(btf__add_int(kernel, "u64", 8, 0));
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	btf__free(object);
	btf__free(kernel);
	return 0;
}

static void slots(const char *counter)
{
	int anon = STRUCT(kernel, NULL, 1, counter);

	STRUCT(kernel, "kvm_memslots", ok(btf__add_typedef(kernel, "atomic_t", anon)), "last");
}

static void expect(const char *lacks)
{
	char err[512] = "", want[512];

	assert_int_equal(s2v_needs(kernel, object, err, sizeof(err)), lacks ? -1 : 0);
	snprintf(want, sizeof(want), LACKS "%s" ADVICE, lacks ? lacks : "");
	assert_string_equal(err, lacks ? want : "");
}

static void test_all_there(void **state)
{
	(void)state;
	STRUCT(kernel, "kvm", 1, "a", "mm", "arch", "b");
	slots("counter");
	enumerators(NULL);
	expect(NULL);
}

/* Members of anonymous unions and structures count as members. */
static void test_anonymous(void **state)
{
	int in = STRUCT(kernel, NULL, 1, "x", "arch"), un;

	(void)state;
	un = ok(btf__add_union(kernel, NULL, 256));
	ok(btf__add_field(kernel, NULL, in, 0, 0));
	ok(btf__add_struct(kernel, "kvm", 512));
	ok(btf__add_field(kernel, "mm", 1, 0, 0));
	ok(btf__add_field(kernel, NULL, un, 64, 0));
	slots("counter");
	enumerators(NULL);
	expect(NULL);
}

/* If several structures have one name, one complete structure is enough, at any position. */
static void test_namesakes(void **state)
{
	(void)state;
	STRUCT(kernel, "kvm", 1, "mm");
	STRUCT(kernel, "kvm", 1, "mm", "arch");
	STRUCT(kernel, "kvm", 1, "other");
	slots("counter");
	enumerators(NULL);
	expect(NULL);
}

static void test_member(void **state)
{
	(void)state;
	STRUCT(kernel, "kvm", 1, "mm");
	STRUCT(kernel, "kvm", 1, "other");
	slots("counter");
	enumerators(NULL);
	expect("kvm.arch");
}

/* A member of a member whose type is anonymous. */
static void test_inner_member(void **state)
{
	(void)state;
	STRUCT(kernel, "kvm", 1, "mm", "arch");
	slots("count");
	enumerators(NULL);
	expect("kvm_memslots.last.counter");
}

/* The kernel's member is an integer where a structure is expected. */
static void test_no_structure(void **state)
{
	(void)state;
	STRUCT(kernel, "kvm", 1, "mm", "arch");
	STRUCT(kernel, "kvm_memslots", 1, "last");
	enumerators(NULL);
	expect("kvm_memslots.last");
}

static void test_struct_and_helper(void **state)
{
	(void)state;
	slots("counter");
	enumerators("BPF_FUNC_find_vma");
	expect("bpf_find_vma(), struct kvm");
}

static void test_prot(void **state)
{
	(void)state;
	STRUCT(kernel, "kvm", 1, "mm", "arch");
	slots("counter");
	enumerators("KVM_PGTABLE_PROT_DEVICE");
	expect("KVM_PGTABLE_PROT_DEVICE");
}

static void test_many(void **state)
{
	(void)state;
	expect("bpf_task_storage_get(), bpf_get_current_task_btf(), bpf_get_func_arg(), "
	       "bpf_find_vma() and 7 more");
}

/* A build without the tags must not accept every kernel. */
static void test_no_tags(void **state)
{
	struct btf *empty = btf__new_empty();
	char err[128] = "";

	(void)state;
	assert_non_null(empty);
	assert_int_equal(s2v_needs(kernel, empty, err, sizeof(err)), -1);
	assert_string_equal(err, "the BPF object does not state what it needs of a kernel");
	btf__free(empty);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_all_there),	 TEST(test_anonymous), TEST(test_namesakes),
		TEST(test_member),	 TEST(test_prot),      TEST(test_inner_member),
		TEST(test_no_structure), TEST(test_many),      TEST(test_struct_and_helper),
		TEST(test_no_tags),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
