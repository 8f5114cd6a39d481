// SPDX-License-Identifier: BSD-2-Clause
/* Lines of text: pieces, colours, names, times, write errors. */
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "sink/text.h"

const char *text_on(const struct text_sink *t, enum text_style s)
{
	static const char *const on[] = {
		[STYLE_PLAIN] = "",	     [STYLE_BOLD] = "\033[1m",	 [STYLE_RED] = "\033[1;31m",
		[STYLE_YELLOW] = "\033[33m", [STYLE_GREEN] = "\033[32m", [STYLE_CYAN] = "\033[36m",
	};

	return t->colour ? on[s] : "";
}

const char *text_off(const struct text_sink *t, enum text_style s)
{
	return t->colour && s != STYLE_PLAIN ? "\033[0m" : "";
}

enum text_style text_severity_style(enum s2v_severity s)
{
	switch (s) {
	case S2V_CRITICAL:
	case S2V_HIGH:
		return STYLE_RED;
	case S2V_MEDIUM:
		return STYLE_YELLOW;
	case S2V_LOW:
		return STYLE_CYAN;
	default:
		return STYLE_BOLD;
	}
}

void text_piece(struct text_line *l, enum text_style style, const char *fmt, ...)
{
	struct text_sink *t = l->t;
	char buf[256];
	unsigned int n;
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(buf, sizeof(buf), fmt, ap);
	va_end(ap);
	n = (unsigned int)s2v_columns(buf);
	if (l->col && l->col + 2 + n > t->width) {
		fputs("\n  ", t->out);
		l->col = 2;
	} else if (l->col > 2) {
		fputs("  ", t->out);
		l->col += 2;
	}
	fprintf(t->out, "%s%s%s", text_on(t, style), buf, text_off(t, style));
	l->col += n;
}

void text_line_end(struct text_line *l)
{
	fputc('\n', l->t->out);
	l->col = 0;
}

void text_wrap(struct text_sink *t, unsigned int col, unsigned int indent, const char *text)
{
	s2v_wrap(t->out, text, col, indent, t->width);
}

const char *text_name(const char *in, size_t max, char out[TEXT_NAME_LEN])
{
	s2v_clean_text(in, strnlen(in, max), out, TEXT_NAME_LEN);
	return out;
}

const char *text_time(__u64 realtime_ns, char out[TEXT_TIME_LEN])
{
	time_t sec = (time_t)(realtime_ns / 1000000000);
	struct tm tm;
	size_t n = 0;

	if (localtime_r(&sec, &tm))
		n = strftime(out, TEXT_TIME_LEN, "%H:%M:%S", &tm);
	snprintf(out + n, TEXT_TIME_LEN - n, ".%06" PRIu64,
		 (uint64_t)(realtime_ns % 1000000000 / 1000));
	return out;
}

void text_check(struct text_sink *t)
{
	errno = 0;
	if ((fflush(t->out) || ferror(t->out)) && !t->sink.failed)
		t->sink.failed = errno ? errno : EIO;
}

void text_nomem(struct text_sink *t)
{
	if (!t->sink.failed)
		t->sink.failed = ENOMEM;
}

void *text_grow(void *array, size_t n, size_t *cap, size_t size)
{
	size_t want = *cap ? 2 * *cap : 16;
	void *p = array;

	if (n == *cap) {
		p = reallocarray(array, want, size);
		if (p)
			*cap = want;
	}
	return p;
}

const char *text_duration(__u64 ns, char out[S2V_SIZE_LEN])
{
	if (ns >= 10000000000ULL)
		snprintf(out, S2V_SIZE_LEN, "%llu s", (unsigned long long)(ns / 1000000000));
	else if (ns >= 10000000)
		snprintf(out, S2V_SIZE_LEN, "%llu ms", (unsigned long long)(ns / 1000000));
	else if (ns >= 1000000)
		snprintf(out, S2V_SIZE_LEN, "%.1f ms", (double)ns / 1e6);
	else
		snprintf(out, S2V_SIZE_LEN, "%llu us", (unsigned long long)(ns / 1000));
	return out;
}
