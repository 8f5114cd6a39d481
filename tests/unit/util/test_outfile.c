// SPDX-License-Identifier: BSD-2-Clause
/* Result files: complete, or the old file stays. */
/* needs: src/util/outfile.c */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "util/outfile.h"

static char dir[] = "/tmp/s2v-outfile-XXXXXX";

static int enter(void **state)
{
	(void)state;
	return !mkdtemp(dir) || chdir(dir);
}

static int leave(void **state)
{
	(void)state;
	unlink("a");
	return chdir("/") || rmdir(dir); /* fails unless the directory is empty */
}

static void put(const char *path, const char *text)
{
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	fputs(text, f);
	assert_int_equal(fclose(f), 0);
}

static void holds(const char *path, const char *text)
{
	char buf[64] = "";
	FILE *f = fopen(path, "r");

	assert_non_null(f);
	assert_true(fread(buf, 1, sizeof(buf) - 1, f) == strlen(text));
	assert_string_equal(buf, text);
	fclose(f);
}

static void test_replaces_when_complete(void **state)
{
	struct s2v_outfile o;

	(void)state;
	put("a", "before");
	assert_int_equal(s2v_outfile_open(&o, "a"), 0);
	fputs("after", o.f);
	fflush(o.f);
	holds("a", "before");
	assert_int_equal(s2v_outfile_end(&o, 0), 0);
	holds("a", "after");
	assert_int_equal(access("a.tmp", F_OK), -1);
}

static void test_failure_keeps_the_old_file(void **state)
{
	struct s2v_outfile o;

	(void)state;
	put("a", "before");
	assert_int_equal(s2v_outfile_open(&o, "a"), 0);
	fputs("half", o.f);
	assert_int_equal(s2v_outfile_end(&o, EPROTO), EPROTO);
	holds("a", "before");
	assert_int_equal(access("a.tmp", F_OK), -1);
}

static void test_does_not_follow_a_link(void **state)
{
	struct s2v_outfile o;

	(void)state;
	put("victim", "precious");
	assert_int_equal(symlink("victim", "a.tmp"), 0);
	assert_int_equal(s2v_outfile_open(&o, "a"), 0);
	fputs("x", o.f);
	assert_int_equal(s2v_outfile_end(&o, 0), 0);
	holds("victim", "precious");
	assert_int_equal(unlink("victim"), 0);
}

static void test_no_regular_file(void **state)
{
	struct s2v_outfile o;
	struct stat st;

	(void)state;
	assert_int_equal(s2v_outfile_open(&o, "/dev/full"), 0);
	fputs("x", o.f);
	assert_int_equal(s2v_outfile_end(&o, 0), ENOSPC);
	assert_int_equal(stat("/dev/full", &st), 0);
	assert_true(S_ISCHR(st.st_mode));
	assert_int_equal(s2v_outfile_make(&o, "/dev/full"), ENOTSUP);
	assert_int_equal(s2v_outfile_open(&o, "/tmp"), EISDIR);
	assert_int_equal(s2v_outfile_open(&o, "no/such"), ENOENT);
	assert_int_equal(s2v_outfile_end(&o, 0), 0); /* never opened: does nothing */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_replaces_when_complete),
		cmocka_unit_test(test_failure_keeps_the_old_file),
		cmocka_unit_test(test_does_not_follow_a_link),
		cmocka_unit_test(test_no_regular_file),
	};

	return cmocka_run_group_tests(tests, enter, leave);
}
