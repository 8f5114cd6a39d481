// SPDX-License-Identifier: BSD-2-Clause
/* Both text formats, and histograms at their bucket bounds. */
/* needs: src/daemon/expose.c src/util/util.c src/util/utf8.c */
/* libs: -lm */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "daemon/expose.h"

static char *text;
static size_t len;

static struct s2v_expo begin(bool openmetrics)
{
	struct s2v_expo x = { .f = open_memstream(&text, &len), .openmetrics = openmetrics };

	assert_non_null(x.f);
	return x;
}

static void expect(struct s2v_expo *x, const char *want)
{
	fclose(x->f);
	assert_string_equal(text, want);
	free(text);
}

static void counters(void **state)
{
	struct s2v_expo x = begin(false);

	(void)state;
	s2v_expo_family(&x, "a_seconds_total", S2V_COUNTER, "seconds", "What.");
	s2v_expo_ns(&x, NULL, 1500000000);
	s2v_expo_end(&x);
	expect(&x, "# HELP a_seconds_total What.\n# TYPE a_seconds_total counter\n"
		   "a_seconds_total 1.5\n");
	x = begin(true);
	s2v_expo_family(&x, "a_seconds_total", S2V_COUNTER, "seconds", "What.");
	s2v_expo_ns(&x, NULL, 1500000000);
	s2v_expo_end(&x);
	expect(&x, "# HELP a_seconds What.\n# TYPE a_seconds counter\n# UNIT a_seconds seconds\n"
		   "a_seconds_total 1.5\n# EOF\n");
}

static void infos(void **state)
{
	const struct s2v_label l[] = { { "version", "1" }, { 0 } };
	struct s2v_expo x = begin(true);

	(void)state;
	s2v_expo_family(&x, "a_info", S2V_INFO_METRIC, "", "What.");
	s2v_expo_u64(&x, l, 1);
	expect(&x, "# HELP a What.\n# TYPE a info\na_info{version=\"1\"} 1\n");
	x = begin(false);
	s2v_expo_family(&x, "a_info", S2V_INFO_METRIC, "", "What.");
	s2v_expo_u64(&x, l, 1);
	expect(&x, "# HELP a_info What.\n# TYPE a_info gauge\na_info{version=\"1\"} 1\n");
}

static void hostile_labels(void **state)
{
	/* quote, newline, backslash, an invalid byte, valid UTF-8 */
	const struct s2v_label l[] = { { "comm", "\"\n\\\xff\xc3\xa9" }, { "b", "" }, { 0 } };
	struct s2v_expo x = begin(false);

	(void)state;
	x.name = "a";
	s2v_expo_u64(&x, l, 7);
	assert_int_equal(x.series, 1);
	expect(&x, "a{comm=\"\\\"\\n\\\\\xef\xbf\xbd\xc3\xa9\",b=\"\"} 7\n");
}

static void help_is_escaped(void **state)
{
	struct s2v_expo x = begin(false);

	(void)state;
	s2v_expo_family(&x, "a", S2V_GAUGE, "", "b\\c\n\"d\"");
	expect(&x, "# HELP a b\\\\c\\n\"d\"\n# TYPE a gauge\n");
	x = begin(true);
	s2v_expo_family(&x, "a", S2V_GAUGE, "", "b\\c\n\"d\"");
	expect(&x, "# HELP a b\\\\c\\n\\\"d\\\"\n# TYPE a gauge\n");
}

static void seconds(void **state)
{
	static const struct {
		__u64 ns;
		const char *want;
	} t[] = {
		{ 0, "0" },
		{ 1, "0.000000001" },
		{ 1000, "0.000001" },
		{ 10000000000ULL, "10" },
		{ 1795347178725361790ULL, "1795347178.72536179" },
		{ ~0ULL, "18446744073.709551615" },
	};
	char buf[S2V_VALUE_LEN];

	(void)state;
	for (size_t i = 0; i < S2V_ARRAY_SIZE(t); i++) {
		s2v_seconds(t[i].ns, buf);
		assert_string_equal(buf, t[i].want);
	}
}

static void doubles(void **state)
{
	struct s2v_expo x = begin(false);

	(void)state;
	x.name = "a";
	s2v_expo_double(&x, NULL, 0.1);
	s2v_expo_double(&x, NULL, 1.0 / 3);
	s2v_expo_double(&x, NULL, 1e300 * 1e300);
	s2v_expo_double(&x, NULL, -(1e300 * 1e300));
	expect(&x, "a 0.1\na 0.33333333333333331\na +Inf\na -Inf\n");
}

/* The value of the bucket with this le. */
static unsigned long bucket(const char *le)
{
	char key[64];
	const char *at;

	snprintf(key, sizeof(key), "a_bucket{le=\"%s\"} ", le);
	at = strstr(text, key);
	assert_non_null(at);
	return strtoul(at + strlen(key), NULL, 10);
}

/* le: less than or equal. A duration equal to a bound is in its bucket, 1 ns more is not. */
static void boundaries(void **state)
{
	static const __u64 bound[S2V_HIST_BUCKETS] = S2V_HIST_BOUNDS;
	static const char *const le[S2V_HIST_BUCKETS] = {
		"1e-06",   "2.5e-06", "5e-06", "1e-05", "2.5e-05", "5e-05", "0.0001",
		"0.00025", "0.001",   "0.01",  "0.05",	"0.25",	   "1.0",   "10.0",
	};

	(void)state;
	for (int i = 0; i < S2V_HIST_BUCKETS; i++) {
		for (__u64 more = 0; more < 2; more++) {
			struct s2v_hist h = { .sum = bound[i] + more };
			struct s2v_expo x = begin(true);

			h.count[s2v_hist_bucket(bound[i] + more)]++;
			x.name = "a";
			s2v_expo_hist(&x, &h);
			fclose(x.f);
			for (int j = 0; j < S2V_HIST_BUCKETS; j++)
				assert_int_equal(bucket(le[j]), bound[j] >= bound[i] + more);
			assert_int_equal(bucket("+Inf"), 1);
			assert_non_null(strstr(text, "a_count 1\n"));
			assert_int_equal(x.series, S2V_HIST_BUCKETS + 3);
			free(text);
		}
	}
}

static void cumulative(void **state)
{
	struct s2v_hist h = { .sum = 3 };
	struct s2v_expo x = begin(false);

	(void)state;
	for (int i = 0; i <= S2V_HIST_BUCKETS; i++)
		h.count[i] = (__u64)i + 1;
	x.name = "a";
	s2v_expo_hist(&x, &h);
	fclose(x.f);
	assert_int_equal(bucket("1e-06"), 1);
	assert_int_equal(bucket("2.5e-06"), 3);
	assert_int_equal(bucket("10.0"), 14 * 15 / 2);
	assert_int_equal(bucket("+Inf"), 15 * 16 / 2);
	assert_non_null(strstr(text, "a_count 120\n"));
	assert_non_null(strstr(text, "a_sum 0.000000003\n"));
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(counters),	  cmocka_unit_test(infos),
		cmocka_unit_test(hostile_labels), cmocka_unit_test(help_is_escaped),
		cmocka_unit_test(seconds),	  cmocka_unit_test(doubles),
		cmocka_unit_test(boundaries),	  cmocka_unit_test(cumulative),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
