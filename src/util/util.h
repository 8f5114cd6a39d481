/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Room util: text, numbers, times, files and bitmaps that know nothing of KVM. Uses nothing. Used
 * by cmd, core, daemon, host, live, report, sink, trace.
 *
 * Small things that have no better home: parsing arguments, printing times, sizes, names.
 */
#ifndef S2V_UTIL_H
#define S2V_UTIL_H

#include <stdio.h>
#include <time.h>

#include "util/types.h"

/*
 * "10" and "10s" (seconds), "500ms", "2m", "1h30m", "1d": whole numbers with units (d h m s ms us
 * ns) in descending order, each at most once. *ns is set on success only.
 * Returns 0 or -EINVAL, -ERANGE (more than 2^64 - 1 ns). "0" is valid.
 */
int s2v_parse_duration(const char *s, uint64_t *ns);

/* A decimal number from 1 to 4194304 (the kernel's PID_MAX_LIMIT). 0 or -EINVAL, -ERANGE. */
int s2v_parse_pid(const char *s, uint32_t *pid);

/* Bytes: "65536", "64K", "1M", "1G" (powers of 1024; lower case too). 0 or -EINVAL, -ERANGE. */
int s2v_parse_size(const char *s, uint64_t *bytes);

#define S2V_RFC3339_LEN 36
/* Nanoseconds of CLOCK_REALTIME → "2025-06-01T03:04:05.123456789Z". */
void s2v_rfc3339(uint64_t realtime_ns, char buf[S2V_RFC3339_LEN]);

#define S2V_SIZE_LEN 24
/* Human-readable bytes: "64K", "2M", "1.5G" if that is exact, else the plain number: "4097". */
void s2v_format_size(uint64_t bytes, char buf[S2V_SIZE_LEN]);

/* Human-readable: "12.3 s", "2 min 05 s", "1 h 02 min". */
void s2v_format_duration(uint64_t ns, char buf[S2V_SIZE_LEN]);

/*
 * Copies in[0 … inlen) as valid UTF-8: each maximal invalid subpart becomes U+FFFD (Unicode 15,
 * 3.9). NUL-terminated; cut between characters if out is too small: 3 * inlen + 1 bytes are always
 * enough. Returns the length; outlen must not be 0.
 */
size_t s2v_clean_utf8(const char *in, size_t inlen, char *out, size_t outlen);

/*
 * The same for a terminal: each byte of a control character (C0, DEL, C1, bidi controls, line
 * separators) and each invalid byte becomes \xNN, so that no escape sequence gets through. 4 * inlen
 * + 1 bytes are always enough.
 */
size_t s2v_clean_text(const char *in, size_t inlen, char *out, size_t outlen);

/* Code points in valid UTF-8, as an approximation of columns. */
size_t s2v_columns(const char *s);

/*
 * Prints text (valid UTF-8), with lines of at most width columns broken at spaces, and a newline.
 * col: the column of the cursor; further lines are indented by indent. Keeps newlines in the text.
 */
void s2v_wrap(FILE *out, const char *text, unsigned int col, unsigned int indent,
	      unsigned int width);

/* Columns of the terminal at fd; 0: it is no terminal. */
unsigned int s2v_terminal_width(int fd);

/* "EINVAL" for EINVAL or -EINVAL; "errno 512" without a name. The result is static. */
const char *s2v_errno_name(int err);

/* "s2verify: <message>\n" on stderr. */
void s2v_err(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* A clock's time in ns. */
uint64_t s2v_clock_ns(clockid_t clock);

/* names[i]. Values without a name (a newer trace file, a bug) are "unknown". */
static inline const char *s2v_name_of(const char *const *names, size_t n, size_t i)
{
	return i < n && names[i] ? names[i] : "unknown";
}

#endif
