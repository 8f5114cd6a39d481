// SPDX-License-Identifier: BSD-2-Clause
#define _GNU_SOURCE /* strerrorname_np */
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>

#include "util/util.h"

#define NSEC_PER_SEC 1000000000ULL
#define PID_LIMIT 4194304ULL

/* Parses digits, without sign or space, and moves *s past them. 0, -EINVAL or -ERANGE. */
static int take_number(const char **s, uint64_t *v)
{
	const char *p = *s;
	uint64_t n = 0;

	if (*p < '0' || *p > '9')
		return -EINVAL;
	for (; *p >= '0' && *p <= '9'; p++) {
		if (__builtin_mul_overflow(n, 10, &n) ||
		    __builtin_add_overflow(n, (uint64_t)(*p - '0'), &n))
			return -ERANGE;
	}
	*s = p;
	*v = n;
	return 0;
}

int s2v_parse_duration(const char *s, uint64_t *ns)
{
	static const struct {
		const char *name;
		uint64_t ns;
	} units[] = {
		{ "d", 86400 * NSEC_PER_SEC },
		{ "h", 3600 * NSEC_PER_SEC },
		{ "m", 60 * NSEC_PER_SEC },
		{ "s", NSEC_PER_SEC },
		{ "ms", 1000000 },
		{ "us", 1000 },
		{ "ns", 1 },
	};
	uint64_t total = 0, v;
	size_t next = 0; /* the first unit that may still follow */
	bool bare = true; /* only a first number may have no unit: seconds */

	do {
		int err = take_number(&s, &v);
		size_t len = strspn(s, "dhmsun"), i = next;

		if (err)
			return err;
		if (!*s && bare) {
			i = 3;
		} else {
			while (i < S2V_ARRAY_SIZE(units) &&
			       (strlen(units[i].name) != len || strncmp(units[i].name, s, len)))
				i++;
			if (i == S2V_ARRAY_SIZE(units))
				return -EINVAL;
			s += len;
		}
		if (__builtin_mul_overflow(v, units[i].ns, &v) ||
		    __builtin_add_overflow(total, v, &total))
			return -ERANGE;
		next = i + 1;
		bare = false;
	} while (*s);
	*ns = total;
	return 0;
}

int s2v_parse_pid(const char *s, uint32_t *pid)
{
	uint64_t v;
	int err = take_number(&s, &v);

	if (err)
		return err;
	if (*s)
		return -EINVAL;
	if (v == 0 || v > PID_LIMIT)
		return -ERANGE;
	*pid = (uint32_t)v;
	return 0;
}

int s2v_parse_size(const char *s, uint64_t *bytes)
{
	static const char letters[] = "KMG", lower[] = "kmg";
	uint64_t v;
	int err = take_number(&s, &v);

	if (err)
		return err;
	if (*s) {
		const char *u = strchr(letters, *s), *l = strchr(lower, *s);
		unsigned int shift;

		if ((!u && !l) || s[1])
			return -EINVAL;
		shift = 10 * (unsigned int)((u ? u - letters : l - lower) + 1);
		if (__builtin_mul_overflow(v, 1ULL << shift, &v))
			return -ERANGE;
	}
	*bytes = v;
	return 0;
}

void s2v_rfc3339(uint64_t realtime_ns, char buf[S2V_RFC3339_LEN])
{
	time_t sec = (time_t)(realtime_ns / NSEC_PER_SEC);
	struct tm tm;
	size_t n = 0;

	/* gmtime_r() cannot fail: the largest time is in 2554. */
	if (gmtime_r(&sec, &tm))
		n = strftime(buf, S2V_RFC3339_LEN, "%Y-%m-%dT%H:%M:%S", &tm);
	snprintf(buf + n, S2V_RFC3339_LEN - n, ".%09" PRIu64 "Z",
		 (uint64_t)(realtime_ns % NSEC_PER_SEC));
}

void s2v_format_size(uint64_t bytes, char buf[S2V_SIZE_LEN])
{
	static const char suffix[] = "KMGTPE";

	for (int i = (int)sizeof(suffix) - 2; i >= 0; i--) {
		uint64_t unit = 1ULL << (10 * (i + 1)), whole = bytes / unit;
		uint64_t rest = bytes % unit;

		if (bytes < unit)
			continue;
		if (rest == 0) {
			snprintf(buf, S2V_SIZE_LEN, "%" PRIu64 "%c", whole, suffix[i]);
			return;
		}
		if (rest == unit / 2) {
			snprintf(buf, S2V_SIZE_LEN, "%" PRIu64 ".5%c", whole, suffix[i]);
			return;
		}
	}
	snprintf(buf, S2V_SIZE_LEN, "%" PRIu64, bytes);
}

void s2v_format_duration(uint64_t ns, char buf[S2V_SIZE_LEN])
{
	uint64_t sec = ns / NSEC_PER_SEC;

	if (sec < 60)
		snprintf(buf, S2V_SIZE_LEN, "%" PRIu64 ".%" PRIu64 " s", sec,
			 (uint64_t)(ns % NSEC_PER_SEC / 100000000));
	else if (sec < 3600)
		snprintf(buf, S2V_SIZE_LEN, "%" PRIu64 " min %02" PRIu64 " s", sec / 60, sec % 60);
	else
		snprintf(buf, S2V_SIZE_LEN, "%" PRIu64 " h %02" PRIu64 " min", sec / 3600,
			 sec % 3600 / 60);
}

const char *s2v_errno_name(int err)
{
	static __thread char buf[24];
	const char *name = strerrorname_np(abs(err));

	if (name)
		return name;
	snprintf(buf, sizeof(buf), "errno %d", abs(err)); /* internal to the kernel: ERESTARTSYS */
	return buf;
}

void s2v_err(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	flockfile(stderr);
	fputs("s2verify: ", stderr);
	vfprintf(stderr, fmt, ap);
	fputc('\n', stderr);
	funlockfile(stderr);
	va_end(ap);
}

/* Columns of the first n bytes of valid UTF-8. */
static unsigned int columns_of(const char *s, size_t n)
{
	unsigned int cols = 0;

	for (size_t i = 0; i < n; i++)
		cols += ((unsigned char)s[i] & 0xc0) != 0x80;
	return cols;
}

void s2v_wrap(FILE *out, const char *text, unsigned int col, unsigned int indent,
	      unsigned int width)
{
	bool fresh = true; /* no word on this line yet */

	while (*(text += strspn(text, " "))) {
		size_t len = strcspn(text, " \n");
		unsigned int n = columns_of(text, len);

		if (*text == '\n') {
			fputc('\n', out);
			if (text[1] != '\n')
				fprintf(out, "%*s", (int)indent, "");
			col = indent;
			fresh = true;
			text++;
			continue;
		}
		if (!fresh && col + 1 + n > width) {
			fprintf(out, "\n%*s", (int)indent, "");
			col = indent;
			fresh = true;
		}
		fprintf(out, "%s%.*s", fresh ? "" : " ", (int)len, text);
		col += n + !fresh;
		fresh = false;
		text += len;
	}
	fputc('\n', out);
}

unsigned int s2v_terminal_width(int fd)
{
	struct winsize w = { 0 };

	return ioctl(fd, TIOCGWINSZ, &w) ? 0 : w.ws_col;
}

uint64_t s2v_clock_ns(clockid_t clock)
{
	struct timespec ts = { 0 };

	clock_gettime(clock, &ts);
	return (uint64_t)ts.tv_sec * 1000000000ULL + (uint64_t)ts.tv_nsec;
}
