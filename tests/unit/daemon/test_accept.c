// SPDX-License-Identifier: BSD-2-Clause
/* Accept and Accept-Encoding. */
/* needs: src/daemon/accept.c */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <cmocka.h>

#include "daemon/accept.h"

struct line {
	const char *header;
	bool want;
};

static void check(const struct line *t, size_t n, bool (*fn)(const char *))
{
	for (size_t i = 0; i < n; i++) {
		if (fn(t[i].header) != t[i].want)
			print_message("%s\n", t[i].header ? t[i].header : "(none)");
		assert_int_equal(fn(t[i].header), t[i].want);
	}
}

static void openmetrics(void **state)
{
	static const struct line t[] = {
		{ NULL, false },
		{ "", false },
		{ "*/*", false },
		{ "text/html,application/xhtml+xml,*/*;q=0.8", false },
		{ "text/plain", false },
		{ "application/openmetrics-text", true },
		{ "application/openmetrics-text; version=1.0.0", true },
		{ "Application/OpenMetrics-Text;Version=1.0.0;charset=utf-8", true },
		{ "application/openmetrics-text;version=0.0.1", false },
		{ "application/openmetrics-text;version=2.0.0", false },
		{ "application/openmetrics-text;q=0", false },
		{ "application/openmetrics-text;q=0.000", false },
		{ "application/openmetrics-text;q=0.001", true },
		{ "application/openmetrics-text;q=1.5", false },
		{ "application/openmetrics-text;q=bogus", false },
		{ "application/openmetrics-text-like", false },
		/* Prometheus 2.42 and 2.53 */
		{ "application/openmetrics-text;version=1.0.0,application/openmetrics-text;"
		  "version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
		  true },
		{ "application/openmetrics-text;version=1.0.0;q=0.5,application/openmetrics-text;"
		  "version=0.0.1;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2",
		  true },
		/* the scraper prefers text */
		{ "text/plain;version=0.0.4,application/openmetrics-text;version=1.0.0;q=0.5",
		  false },
		{ "text/*;q=0.9,application/openmetrics-text;q=0.8", false },
		{ "*/*,application/openmetrics-text;q=0.8", false },
		/* the most specific range counts */
		{ "*/*,text/plain;q=0.3,application/openmetrics-text;q=0.5", true },
		{ ",,;,;q=,=", false },
	};

	(void)state;
	check(t, S2V_ARRAY_SIZE(t), s2v_accepts_openmetrics);
}

static void gzip(void **state)
{
	static const struct line t[] = {
		{ NULL, false },
		{ "", false },
		{ "identity", false },
		{ "gzip", true },
		{ "GZIP", true },
		{ "x-gzip", true },
		{ "deflate, gzip;q=1.0, *;q=0.5", true },
		{ "gzip;q=0", false },
		{ "gzip;q=0, *", false },
		{ "*", true },
		{ "*;q=0", false },
		{ "deflate, br", false },
		{ "gzippy", false },
	};

	(void)state;
	check(t, S2V_ARRAY_SIZE(t), s2v_accepts_gzip);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(openmetrics),
		cmocka_unit_test(gzip),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
