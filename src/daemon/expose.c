// SPDX-License-Identifier: BSD-2-Clause
/*
 * Prometheus text format 0.0.4 and OpenMetrics 1.0.0. In OpenMetrics a counter's family has no
 * _total, there are UNIT lines, the type of *_info is "info", and "# EOF" ends the text.
 */
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/expose.h"
#include "util/util.h"

/* Escapes \ and newline, and double quotes if `quotes`. */
static void write_escaped(FILE *f, const char *s, bool quotes)
{
	for (; *s; s++) {
		if (*s == '\\')
			fputs("\\\\", f);
		else if (*s == '\n')
			fputs("\\n", f);
		else if (*s == '"' && quotes)
			fputs("\\\"", f);
		else
			putc(*s, f);
	}
}

/* Names of processes are any bytes; both formats are UTF-8. */
static void write_label_value(FILE *f, const char *s)
{
	char buf[3 * 128 + 1];

	s2v_clean_utf8(s, strnlen(s, 128), buf, sizeof(buf));
	write_escaped(f, buf, true);
}

void s2v_expo_family(struct s2v_expo *x, const char *name, enum s2v_metric_type type,
		     const char *unit, const char *help)
{
	static const char *const text[] = { "gauge", "counter", "histogram", "gauge" };
	static const char *const om[] = { "gauge", "counter", "histogram", "info" };
	size_t len = strlen(name);

	x->name = name;
	x->type = type;
	if (x->openmetrics && type == S2V_COUNTER)
		len -= strlen("_total");
	if (x->openmetrics && type == S2V_INFO_METRIC)
		len -= strlen("_info");
	fprintf(x->f, "# HELP %.*s ", (int)len, name);
	write_escaped(x->f, help, x->openmetrics);
	fprintf(x->f, "\n# TYPE %.*s %s\n", (int)len, name, (x->openmetrics ? om : text)[type]);
	if (x->openmetrics && unit[0])
		fprintf(x->f, "# UNIT %.*s %s\n", (int)len, name, unit);
}

static void write_sample(struct s2v_expo *x, const char *suffix, const struct s2v_label *l,
			 const char *le, const char *v)
{
	const char *sep = "{";

	fprintf(x->f, "%s%s", x->name, suffix);
	for (; l && l->name; l++) {
		fprintf(x->f, "%s%s=\"", sep, l->name);
		write_label_value(x->f, l->value);
		putc('"', x->f);
		sep = ",";
	}
	if (le) {
		fprintf(x->f, "%sle=\"%s\"", sep, le);
		sep = ",";
	}
	fprintf(x->f, "%s %s\n", *sep == ',' ? "}" : "", v);
	x->series++;
}

void s2v_expo_u64(struct s2v_expo *x, const struct s2v_label *l, __u64 v)
{
	char buf[S2V_VALUE_LEN];

	snprintf(buf, sizeof(buf), "%llu", ULL(v));
	write_sample(x, "", l, NULL, buf);
}

void s2v_expo_double(struct s2v_expo *x, const struct s2v_label *l, double v)
{
	char buf[S2V_VALUE_LEN];

	/* 15 digits, if they are exact. */
	snprintf(buf, sizeof(buf), "%.15g", v);
	if (strtod(buf, NULL) != v)
		snprintf(buf, sizeof(buf), "%.17g", v);
	write_sample(x, "", l, NULL, isnan(v) ? "NaN" : isinf(v) ? (v > 0 ? "+Inf" : "-Inf") : buf);
}

void s2v_seconds(__u64 ns, char buf[S2V_VALUE_LEN])
{
	int len = snprintf(buf, S2V_VALUE_LEN, "%llu.%09llu", ULL(ns / 1000000000),
			   ULL(ns % 1000000000));

	while (buf[len - 1] == '0')
		buf[--len] = 0;
	if (buf[len - 1] == '.')
		buf[len - 1] = 0;
}

void s2v_expo_ns(struct s2v_expo *x, const struct s2v_label *l, __u64 ns)
{
	char buf[S2V_VALUE_LEN];

	s2v_seconds(ns, buf);
	write_sample(x, "", l, NULL, buf);
}

/* In both formats as OpenMetrics wants it, so that `le` does not depend on the format. */
static void bound_name(__u64 ns, char buf[S2V_VALUE_LEN])
{
	snprintf(buf, S2V_VALUE_LEN, "%.15g", (double)ns / 1e9);
	if (!strpbrk(buf, ".e"))
		strcat(buf, ".0");
}

void s2v_expo_hist(struct s2v_expo *x, const struct s2v_hist *h)
{
	static const __u64 bound[S2V_HIST_BUCKETS] = S2V_HIST_BOUNDS;
	char le[S2V_VALUE_LEN], v[S2V_VALUE_LEN];
	__u64 n = 0;

	for (int i = 0; i <= S2V_HIST_BUCKETS; i++) {
		n += h->count[i];
		if (i < S2V_HIST_BUCKETS)
			bound_name(bound[i], le);
		else
			snprintf(le, sizeof(le), "+Inf");
		snprintf(v, sizeof(v), "%llu", ULL(n));
		write_sample(x, "_bucket", NULL, le, v);
	}
	s2v_seconds(h->sum, v);
	write_sample(x, "_sum", NULL, NULL, v);
	snprintf(v, sizeof(v), "%llu", ULL(n));
	write_sample(x, "_count", NULL, NULL, v);
}

void s2v_expo_end(struct s2v_expo *x)
{
	if (x->openmetrics)
		fputs("# EOF\n", x->f);
}
