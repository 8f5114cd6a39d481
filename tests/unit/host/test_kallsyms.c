// SPDX-License-Identifier: BSD-2-Clause
/* needs: src/host/kallsyms.c */
/* Symbol tables as /proc/kallsyms prints them: exact names, compilers' copies, hidden addresses. */
#define _GNU_SOURCE /* fopencookie() */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "host/kallsyms.h"

static struct s2v_kallsyms *table(const char *text)
{
	FILE *f = fmemopen((void *)(uintptr_t)text, strlen(text), "r");
	struct s2v_kallsyms *ks = NULL;

	assert_non_null(f);
	assert_int_equal(s2v_kallsyms_read(f, &ks), 0);
	fclose(f);
	return ks;
}

static int read_error(const char *text)
{
	FILE *f = fmemopen((void *)(uintptr_t)text, strlen(text), "r");
	struct s2v_kallsyms *ks = NULL;
	int err;

	assert_non_null(f);
	err = s2v_kallsyms_read(f, &ks);
	assert_null(ks);
	fclose(f);
	return err;
}

static const char debian[] = "ffff8000800a1234 T kvm_pgtable_stage2_map\n"
			     "ffff80008225a010 t __kvm_nvhe_kvm_pgtable_stage2_map\n"
			     "ffff8000800a0000 T kvm_pgtable_stage2_map_walk\n"
			     "ffff800080099000 t __unmap_stage2_range.isra.0\n"
			     "ffff80008009a000 t stage2_attr\n"
			     "ffff80008009a100 t stage2_attr.cold\n"
			     "ffff80008009a200 t stage2_attr.part.0\n"
			     "ffff80008009b000 t reset\n"
			     "ffff80008009b100 t reset\n"
			     "ffff80008109b100 d data_only\n"
			     "ffff80008009c000 W weak_one\n"
			     "ffff7ffffc0010000 t too_long_an_address\n"
			     "ffff7ffffc001000 t mod_fn\t[vgem]\n"
			     "ffff7ffffc002000 t kvm_handle_guest_abort\t[bpf]\n"
			     "ffff7ffffc002000 t kvm_handle_guest_abort\t[__builtin__ftrace]\n"
			     "ffff800080097000 T kvm_handle_guest_abort\n";

static void test_exact_name(void **state)
{
	struct s2v_kallsyms *ks = table(debian);
	struct s2v_ksym s;

	(void)state;
	s2v_kallsyms_find(ks, "kvm_pgtable_stage2_map", &s);
	assert_int_equal(s.count, 1);
	assert_int_equal(s.addr, 0xffff8000800a1234ULL);
	assert_int_equal(s.copies, 0);
	assert_string_equal(s.copy, "");
	/* What BPF and ftrace generate is no second function of that name. */
	s2v_kallsyms_find(ks, "kvm_handle_guest_abort", &s);
	assert_int_equal(s.count, 1);
	assert_int_equal(s.addr, 0xffff800080097000ULL);
	s2v_kallsyms_find(ks, "mod_fn", &s);
	assert_int_equal(s.count, 1);
	s2v_kallsyms_find(ks, "weak_one", &s);
	assert_int_equal(s.count, 1);
	s2v_kallsyms_free(ks);
}

static void test_absent(void **state)
{
	static const char *const none[] = {
		"user_mem_abort", "kvm_pgtable_stage2_ma", "", "data_only", "zzz", "0"
	};
	struct s2v_kallsyms *ks = table(debian);
	struct s2v_ksym s;
	size_t i;

	(void)state;
	for (i = 0; i < S2V_ARRAY_SIZE(none); i++) {
		memset(&s, 0xff, sizeof(s));
		s2v_kallsyms_find(ks, none[i], &s);
		assert_int_equal(s.count, 0);
		assert_int_equal(s.copies, 0);
		assert_int_equal(s.addr, 0);
	}
	s2v_kallsyms_free(ks);
}

static void test_copies(void **state)
{
	struct s2v_kallsyms *ks = table(debian);
	struct s2v_ksym s;

	(void)state;
	s2v_kallsyms_find(ks, "__unmap_stage2_range", &s);
	assert_int_equal(s.count, 0);
	assert_int_equal(s.copies, 1);
	assert_string_equal(s.copy, "__unmap_stage2_range.isra.0");
	s2v_kallsyms_find(ks, "stage2_attr", &s);
	assert_int_equal(s.count, 1);
	assert_int_equal(s.copies, 2);
	s2v_kallsyms_free(ks);
}

static void test_ambiguous(void **state)
{
	struct s2v_kallsyms *ks = table(debian);
	struct s2v_ksym s;

	(void)state;
	s2v_kallsyms_find(ks, "reset", &s);
	assert_int_equal(s.count, 2);
	s2v_kallsyms_free(ks);
}

/* Modules have no function that is looked for, and are not read. */
static void test_kernel_alone(void **state)
{
	struct s2v_kallsyms *ks = table("ffff800010080000 T first\n"
					"ffff800010090000 T _einittext\n"
					"ffff8000100a0000 D _edata\n"
					"ffff7ffffc001000 t of_a_module\t[vgem]\n");
	struct s2v_ksym s;

	(void)state;
	s2v_kallsyms_find(ks, "first", &s);
	assert_int_equal(s.count, 1);
	s2v_kallsyms_find(ks, "_einittext", &s);
	assert_int_equal(s.count, 1);
	s2v_kallsyms_find(ks, "of_a_module", &s);
	assert_int_equal(s.count, 0);
	s2v_kallsyms_free(ks);
}

/* Whatever the order of names, and past aliases of the same address. */
static void test_room(void **state)
{
	struct s2v_kallsyms *ks = table(debian), *hidden;

	(void)state;
	assert_int_equal(s2v_kallsyms_room(ks, 0xffff800080097000ULL), 0x2000);
	assert_int_equal(s2v_kallsyms_room(ks, 0xffff80008009a100ULL), 0x100);
	assert_int_equal(s2v_kallsyms_room(ks, 0xffff80008009a104ULL), 0xfc);
	assert_int_equal(s2v_kallsyms_room(ks, 0xffff80008009c000ULL), 0x4000);
	assert_int_equal(s2v_kallsyms_room(ks, 0xffff80008225a010ULL), 0);
	s2v_kallsyms_free(ks);
	ks = table("1000 T f\n1000 t f_alias\n1400 D not_text\n1800 t g\n");
	assert_int_equal(s2v_kallsyms_room(ks, 0x1000), 0x800);
	s2v_kallsyms_free(ks);
	hidden = table("0000000000000000 T a\n0000000000000000 T b\n");
	assert_int_equal(s2v_kallsyms_room(hidden, 0), 0);
	s2v_kallsyms_free(hidden);
}

/* kptr_restrict: names stay, addresses read as zero. */
static void test_hidden(void **state)
{
	struct s2v_kallsyms *ks = table("0000000000000000 T a\n0000000000000000 T b\n");
	struct s2v_ksym s;

	(void)state;
	s2v_kallsyms_find(ks, "b", &s);
	assert_int_equal(s.count, 1);
	assert_int_equal(s.addr, 0);
	s2v_kallsyms_free(ks);
}

/* What hides addresses is named, and what helps. */
static void hidden_by(const struct s2v_kallsyms *ks, const char *proc, const char *says,
		      const char *helps)
{
	char why[512];

	assert_true(s2v_kallsyms_hidden(ks, proc, why, sizeof(why)));
	assert_non_null(strstr(why, says));
	assert_non_null(strstr(why, helps));
}

static void test_hidden_by_what(void **state)
{
	static const char *const part[] = { "/sys", "/sys/kernel", "/sys/kernel/kptr_restrict" };
	static const char *const t[][3] = {
		{ "2\n", "kernel.kptr_restrict is 2;", "kernel.kptr_restrict=1" },
		{ "1\n", "(kernel.kptr_restrict is 1)", "CAP_SYSLOG" },
		{ "0\n", "(kernel.kptr_restrict is 0)", "CAP_SYSLOG" },
		{ "", "(kernel.kptr_restrict is not known)", "CAP_SYSLOG" },
	};
	struct s2v_kallsyms *ks = table("0000000000000000 T a\n0000000000000000 T b\n");
	char dir[] = "/tmp/s2v-kallsyms-XXXXXX", path[3][256], why[512] = "as it was";

	(void)state;
	assert_non_null(mkdtemp(dir));
	for (int i = 0; i < 3; i++)
		snprintf(path[i], sizeof(path[i]), "%s%s", dir, part[i]);
	assert_int_equal(mkdir(path[0], 0700) | mkdir(path[1], 0700), 0);
	hidden_by(ks, dir, t[3][1], t[3][2]); /* there is no such file */
	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		FILE *f = fopen(path[2], "w");

		assert_non_null(f);
		fputs(t[i][0], f);
		fclose(f);
		hidden_by(ks, dir, t[i][1], t[i][2]);
	}
	assert_int_equal(unlink(path[2]) | rmdir(path[1]) | rmdir(path[0]) | rmdir(dir), 0);
	s2v_kallsyms_free(ks);
	ks = table("0000000000000000 T a\nffff800080097000 T b\n");
	assert_false(s2v_kallsyms_hidden(ks, "/nowhere", why, sizeof(why)));
	assert_string_equal(why, "as it was");
	s2v_kallsyms_free(ks);
}

static void test_nothing_to_read(void **state)
{
	(void)state;
	assert_int_equal(read_error("\n"), -ENODATA);
	assert_int_equal(read_error("garbage\n\nffff T\nffff  T x\nzz T x\n"), -ENODATA);
	assert_int_equal(read_error("ffff800080097000 D data\n"), -ENODATA);
	s2v_kallsyms_free(NULL);
}

/* More than the first allocations hold. */
static void test_many(void **state)
{
	const int n = 150000;
	struct s2v_kallsyms *ks;
	struct s2v_ksym s;
	char name[64];
	FILE *f = tmpfile();
	int i;

	(void)state;
	assert_non_null(f);
	for (i = 0; i < n; i++)
		fprintf(f, "%016x t some_function_with_a_long_name_%d\n", 0x1000 + i, (i * 7) % n);
	rewind(f);
	assert_int_equal(s2v_kallsyms_read(f, &ks), 0);
	fclose(f);
	for (i = 0; i < n; i += 997) {
		snprintf(name, sizeof(name), "some_function_with_a_long_name_%d", (i * 7) % n);
		s2v_kallsyms_find(ks, name, &s);
		assert_int_equal(s.count, 1);
		assert_int_equal(s.addr, 0x1000 + i);
	}
	s2v_kallsyms_free(ks);
}

/* A table that goes on for ever: lines of one length, as many as are asked for. */
static ssize_t endless(void *cookie, char *buf, size_t len)
{
	static const char line[] = "ffff800010080000 T f\n";
	const size_t n = sizeof(line) - 1;
	size_t *at = cookie;

	for (size_t i = 0; i < len; i++)
		buf[i] = line[(*at)++ % n];
	return (ssize_t)len;
}

static void test_endless(void **state)
{
	size_t at = 0;
	FILE *f = fopencookie(&at, "r", (cookie_io_functions_t){ .read = endless });
	struct s2v_kallsyms *ks;

	(void)state;
	assert_non_null(f);
	assert_int_equal(s2v_kallsyms_read(f, &ks), -E2BIG);
	assert_null(ks);
	fclose(f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_exact_name),     cmocka_unit_test(test_absent),
		cmocka_unit_test(test_copies),	       cmocka_unit_test(test_ambiguous),
		cmocka_unit_test(test_kernel_alone),   cmocka_unit_test(test_hidden),
		cmocka_unit_test(test_hidden_by_what), cmocka_unit_test(test_nothing_to_read),
		cmocka_unit_test(test_many),	       cmocka_unit_test(test_room),
		cmocka_unit_test(test_endless),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
