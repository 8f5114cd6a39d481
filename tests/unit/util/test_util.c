/* needs: src/util/util.c src/util/utf8.c */
/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "util/util.h"

#define SEC 1000000000ULL
#define UNTOUCHED 0x5a5a5a5aULL

struct num {
	const char *in;
	int err;
	uint64_t out;
};

static void check_numbers(const struct num *t, size_t n, int (*parse)(const char *, uint64_t *))
{
	for (size_t i = 0; i < n; i++) {
		uint64_t v = UNTOUCHED, want = t[i].err ? UNTOUCHED : t[i].out;
		int err = parse(t[i].in, &v);

		if (err != t[i].err || v != want)
			fail_msg("\"%s\": %d, %llu; expected %d, %llu", t[i].in, err,
				 (unsigned long long)v, t[i].err, (unsigned long long)want);
	}
}

static void durations(void **state)
{
	static const struct num t[] = {
		{ "0", 0, 0 },
		{ "10", 0, 10 * SEC },
		{ "10s", 0, 10 * SEC },
		{ "500ms", 0, 500000000 },
		{ "7us", 0, 7000 },
		{ "1ns", 0, 1 },
		{ "2m", 0, 120 * SEC },
		{ "1h30m", 0, 5400 * SEC },
		{ "1d", 0, 86400 * SEC },
		{ "1d2h3m4s5ms6us7ns", 0, 93784 * SEC + 5006007ULL },
		{ "007", 0, 7 * SEC },
		{ "18446744073709551615ns", 0, UINT64_MAX },
		{ "18446744073709551616ns", -ERANGE, 0 },
		{ "18446744073s709551615ns", 0, UINT64_MAX },
		{ "18446744073s709551616ns", -ERANGE, 0 },
		{ "18446744073", 0, 18446744073 * SEC },
		{ "18446744074", -ERANGE, 0 },
		{ "213503d", 0, 213503 * (86400 * SEC) },
		{ "213504d", -ERANGE, 0 },
		{ "99999999999999999999999999d", -ERANGE, 0 },
		{ "", -EINVAL, 0 },
		{ " 1", -EINVAL, 0 },
		{ "1 ", -EINVAL, 0 },
		{ "1 s", -EINVAL, 0 },
		{ "-1", -EINVAL, 0 },
		{ "+1", -EINVAL, 0 },
		{ "1.5s", -EINVAL, 0 },
		{ "1h30", -EINVAL, 0 },
		{ "30m1h", -EINVAL, 0 },
		{ "1m1m", -EINVAL, 0 },
		{ "s", -EINVAL, 0 },
		{ "1sec", -EINVAL, 0 },
		{ "1S", -EINVAL, 0 },
		{ "0x10", -EINVAL, 0 },
		{ "1e3", -EINVAL, 0 },
		{ "1mm", -EINVAL, 0 },
		{ "inf", -EINVAL, 0 },
	};

	(void)state;
	check_numbers(t, S2V_ARRAY_SIZE(t), s2v_parse_duration);
}

static void sizes(void **state)
{
	static const struct num t[] = {
		{ "0", 0, 0 },
		{ "65536", 0, 65536 },
		{ "64K", 0, 65536 },
		{ "64k", 0, 65536 },
		{ "1M", 0, 1 << 20 },
		{ "3g", 0, 3ULL << 30 },
		{ "17179869183G", 0, 17179869183ULL << 30 },
		{ "17179869184G", -ERANGE, 0 },
		{ "18446744073709551616", -ERANGE, 0 },
		{ "", -EINVAL, 0 },
		{ "K", -EINVAL, 0 },
		{ "1KB", -EINVAL, 0 },
		{ "1T", -EINVAL, 0 },
		{ "-1M", -EINVAL, 0 },
		{ "1.5M", -EINVAL, 0 },
		{ "1 M", -EINVAL, 0 },
	};

	(void)state;
	check_numbers(t, S2V_ARRAY_SIZE(t), s2v_parse_size);
}

static int parse_pid(const char *s, uint64_t *v)
{
	uint32_t pid = (uint32_t)UNTOUCHED;
	int err = s2v_parse_pid(s, &pid);

	*v = pid;
	return err;
}

static void pids(void **state)
{
	static const struct num t[] = {
		{ "1", 0, 1 },
		{ "4194304", 0, 4194304 },
		{ "4194305", -ERANGE, 0 },
		{ "0", -ERANGE, 0 },
		{ "4294967297", -ERANGE, 0 },
		{ "99999999999999999999", -ERANGE, 0 },
		{ "", -EINVAL, 0 },
		{ "-1", -EINVAL, 0 },
		{ "12a", -EINVAL, 0 },
		{ " 12", -EINVAL, 0 },
		{ "0x1", -EINVAL, 0 },
		{ "self", -EINVAL, 0 },
	};

	(void)state;
	check_numbers(t, S2V_ARRAY_SIZE(t), parse_pid);
}

static void times(void **state)
{
	static const struct {
		uint64_t ns;
		const char *text;
	} t[] = {
		{ 0, "1970-01-01T00:00:00.000000000Z" },
		{ 1, "1970-01-01T00:00:00.000000001Z" },
		{ SEC - 1, "1970-01-01T00:00:00.999999999Z" },
		{ SEC, "1970-01-01T00:00:01.000000000Z" },
		{ 951782400 * SEC, "2000-02-29T00:00:00.000000000Z" },
		{ 1735689599999999999, "2024-12-31T23:59:59.999999999Z" },
		{ 4294967296 * SEC, "2106-02-07T06:28:16.000000000Z" },
		{ UINT64_MAX, "2554-07-21T23:34:33.709551615Z" },
	};
	char buf[S2V_RFC3339_LEN];

	(void)state;
	setenv("TZ", "Asia/Kolkata", 1); /* the result is UTC in any zone */
	for (size_t i = 0; i < S2V_ARRAY_SIZE(t); i++) {
		s2v_rfc3339(t[i].ns, buf);
		assert_string_equal(buf, t[i].text);
	}
}

static void human_readable_sizes(void **state)
{
	static const struct {
		uint64_t bytes;
		const char *text;
	} t[] = {
		{ 0, "0" },
		{ 512, "512" },
		{ 1023, "1023" },
		{ 1024, "1K" },
		{ 1025, "1025" },
		{ 1536, "1.5K" },
		{ 4097, "4097" },
		{ 65536, "64K" },
		{ 2 << 20, "2M" },
		{ 3 << 19, "1.5M" },
		{ (1 << 20) + 4096, "1028K" },
		{ 3ULL << 29, "1.5G" },
		{ 1ULL << 40, "1T" },
		{ 1ULL << 63, "8E" },
		{ UINT64_MAX, "18446744073709551615" },
	};
	char buf[S2V_SIZE_LEN];

	(void)state;
	for (size_t i = 0; i < S2V_ARRAY_SIZE(t); i++) {
		s2v_format_size(t[i].bytes, buf);
		assert_string_equal(buf, t[i].text);
	}
}

static void human_readable_durations(void **state)
{
	char buf[S2V_SIZE_LEN];

	(void)state;
	s2v_format_duration(0, buf);
	assert_string_equal(buf, "0.0 s");
	s2v_format_duration(60 * SEC - 1, buf);
	assert_string_equal(buf, "59.9 s");
	s2v_format_duration(60 * SEC, buf);
	assert_string_equal(buf, "1 min 00 s");
	s2v_format_duration(3600 * SEC, buf);
	assert_string_equal(buf, "1 h 00 min");
	s2v_format_duration(UINT64_MAX, buf);
	assert_string_equal(buf, "5124095 h 34 min");
}

struct clean {
	const char *in, *utf8, *text;
};

#define FFFD "\xef\xbf\xbd"

static const struct clean cleans[] = {
	{ "", "", "" },
	{ "qemu-system-aar", "qemu-system-aar", "qemu-system-aar" },
	{ "a\"b\\c", "a\"b\\c", "a\"b\\c" },
	{ "a\nb", "a\nb", "a\\x0ab" },
	{ "\033[2J\a", "\033[2J\a", "\\x1b[2J\\x07" },
	{ "\x7f", "\x7f", "\\x7f" },
	{ "caf\xc3\xa9", "caf\xc3\xa9", "caf\xc3\xa9" },
	{ "\xe2\x82\xac\xf0\x9f\x98\x80", "\xe2\x82\xac\xf0\x9f\x98\x80",
	  "\xe2\x82\xac\xf0\x9f\x98\x80" },
	{ "\xc2\x9b"
	  "31m",
	  "\xc2\x9b"
	  "31m",
	  "\\xc2\\x9b31m" }, /* CSI as a C1 control */
	{ "\xe2\x80\xae", "\xe2\x80\xae", "\\xe2\\x80\\xae" }, /* right-to-left override */
	{ "\xff", FFFD, "\\xff" },
	{ "a\x80"
	  "b",
	  "a" FFFD "b", "a\\x80b" }, /* continuation byte alone */
	{ "\xc0\xaf", FFFD FFFD, "\\xc0\\xaf" }, /* overlong '/' */
	{ "\xe0\x80\xaf", FFFD FFFD FFFD, "\\xe0\\x80\\xaf" },
	{ "\xed\xa0\x80", FFFD FFFD FFFD, "\\xed\\xa0\\x80" }, /* surrogate */
	{ "\xf4\x90\x80\x80", FFFD FFFD FFFD FFFD, "\\xf4\\x90\\x80\\x80" }, /* U+110000 */
	{ "\xf4\x8f\xbf\xbf", "\xf4\x8f\xbf\xbf", "\xf4\x8f\xbf\xbf" },
	{ "\xe2\x82", FFFD, "\\xe2\\x82" }, /* cut off */
	{ "\xe2\x82x", FFFD "x", "\\xe2\\x82x" },
	{ "\xf0\x9f\x98\xe2\x82\xac", FFFD "\xe2\x82\xac", "\\xf0\\x9f\\x98\xe2\x82\xac" },
};

static void cleaning(void **state)
{
	char buf[128];

	(void)state;
	for (size_t i = 0; i < S2V_ARRAY_SIZE(cleans); i++) {
		const struct clean *c = &cleans[i];
		size_t n = strlen(c->in);

		assert_int_equal(s2v_clean_utf8(c->in, n, buf, sizeof(buf)), strlen(c->utf8));
		assert_string_equal(buf, c->utf8);
		assert_int_equal(s2v_clean_text(c->in, n, buf, sizeof(buf)), strlen(c->text));
		assert_string_equal(buf, c->text);
	}
	assert_int_equal(s2v_clean_text("a\0b", 3, buf, sizeof(buf)), 6);
	assert_string_equal(buf, "a\\x00b");
}

/* The output never exceeds the buffer, and is not cut within a character. */
static void cleaning_short_buffers(void **state)
{
	(void)state;
	for (size_t i = 0; i < S2V_ARRAY_SIZE(cleans); i++) {
		const char *in = cleans[i].in;
		size_t n = strlen(in);

		for (size_t room = 1; room <= 4 * n + 1; room++) {
			char *a = malloc(room),
			     *b = malloc(4 * room); /* of the exact size, for ASan */

			assert_non_null(a);
			assert_non_null(b);
			assert_true(s2v_clean_text(in, n, a, room) < room);
			assert_memory_equal(a, cleans[i].text, strlen(a));
			assert_true(s2v_clean_utf8(in, n, a, room) < room);
			assert_memory_equal(a, cleans[i].utf8, strlen(a));
			s2v_clean_utf8(a, strlen(a), b, 4 * room); /* whole characters: unchanged */
			assert_string_equal(a, b);
			free(a);
			free(b);
		}
	}
}

/* For each byte and each pair of bytes the output is UTF-8 that a second run does not change. */
static void cleaning_is_stable(void **state)
{
	(void)state;
	for (unsigned int v = 0; v < 65536; v++) {
		char in[2] = { (char)(v >> 8), (char)v }, once[16], twice[64];
		size_t n = s2v_clean_utf8(in, 2, once, sizeof(once));

		assert_int_equal(s2v_clean_utf8(once, n, twice, sizeof(twice)), n);
		assert_memory_equal(once, twice, n);
		n = s2v_clean_text(in, 2, once, sizeof(once));
		for (size_t i = 0; i < n; i++)
			assert_true((unsigned char)once[i] >= 0x20 && once[i] != 0x7f);
	}
}

static void check_wrap(const char *text, unsigned int col, unsigned int indent, unsigned int width,
		       const char *want)
{
	char *out = NULL;
	size_t len;
	FILE *f = open_memstream(&out, &len);

	assert_non_null(f);
	s2v_wrap(f, text, col, indent, width);
	assert_int_equal(fclose(f), 0);
	assert_string_equal(out, want);
	free(out);
}

static void wrapping(void **state)
{
	(void)state;
	check_wrap("", 0, 0, 10, "\n");
	check_wrap("one two three", 0, 2, 7, "one two\n  three\n");
	check_wrap("one two three", 0, 2, 6, "one\n  two\n  three\n");
	check_wrap("one two", 5, 5, 12, "one two\n");
	check_wrap("one two", 6, 5, 12, "one\n     two\n");
	check_wrap("longer-than-the-width x", 0, 1, 5, "longer-than-the-width\n x\n");
	check_wrap("  a   b  ", 0, 0, 10, "a b\n");
	check_wrap("one\n\ntwo\nthree", 0, 2, 80, "one\n\n  two\n  three\n");
	check_wrap("\xc3\xa9\xc3\xa9 \xc3\xa9\xc3\xa9", 0, 0, 5,
		   "\xc3\xa9\xc3\xa9 \xc3\xa9\xc3\xa9\n");
	assert_int_equal(s2v_columns("caf\xc3\xa9"), 4);
}

static void errno_names(void **state)
{
	(void)state;
	assert_string_equal(s2v_errno_name(EINVAL), "EINVAL");
	assert_string_equal(s2v_errno_name(-EFAULT), "EFAULT");
	assert_string_equal(s2v_errno_name(-512), "errno 512");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(durations),
		cmocka_unit_test(sizes),
		cmocka_unit_test(pids),
		cmocka_unit_test(times),
		cmocka_unit_test(human_readable_sizes),
		cmocka_unit_test(human_readable_durations),
		cmocka_unit_test(cleaning),
		cmocka_unit_test(cleaning_short_buffers),
		cmocka_unit_test(cleaning_is_stable),
		cmocka_unit_test(wrapping),
		cmocka_unit_test(errno_names),
	};

	return cmocka_run_group_tests_name("util", tests, NULL, NULL);
}
