// SPDX-License-Identifier: BSD-2-Clause
/* HTML: escaping, and human-readable numbers. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "report/html.h"
#include "util/util.h"

void html_text_n(FILE *f, const char *s, size_t n)
{
	for (const char *end = s + n; s < end; s++) {
		switch (*s) {
		case '&':
			fputs("&amp;", f);
			break;
		case '<':
			fputs("&lt;", f);
			break;
		case '>':
			fputs("&gt;", f);
			break;
		case '"':
			fputs("&quot;", f);
			break;
		case '\'':
			fputs("&#39;", f);
			break;
		default:
			putc(*s, f);
		}
	}
}

void html_bytes(FILE *f, const char *s, size_t max)
{
	char buf[4 * 128 + 1];
	size_t len = strnlen(s, max);

	while (len) {
		size_t n = len < 128 ? len : 128, cleaned;

		/* Do not split a UTF-8 character between two pieces. */
		for (int i = 0; i < 3 && n < len && (s[n] & 0xc0) == 0x80; i++)
			n--;
		cleaned = s2v_clean_text(s, n, buf, sizeof(buf));
		html_text_n(f, buf, cleaned);
		s += n;
		len -= n;
	}
}

void html_text(FILE *f, const char *s)
{
	html_text_n(f, s, strlen(s));
}

void html_num(FILE *f, __u64 n)
{
	char buf[24];
	int len = snprintf(buf, sizeof(buf), "%llu", ULL(n));

	for (int i = 0; i < len; i++) {
		if (i && (len - i) % 3 == 0)
			putc(',', f);
		putc(buf[i], f);
	}
}

void html_count(FILE *f, __u64 n, const char *one, const char *many)
{
	html_num(f, n);
	fprintf(f, " %s", n == 1 ? one : many);
}

void html_size(FILE *f, __u64 bytes)
{
	static const char *const unit[] = { "KiB", "MiB", "GiB", "TiB", "PiB", "EiB" };
	int i = -1;
	double v = (double)bytes;

	while (v >= 1023.95 && i < (int)S2V_ARRAY_SIZE(unit) - 1) {
		v /= 1024;
		i++;
	}
	if (i < 0)
		fprintf(f, bytes ? "%llu B" : "%llu", ULL(bytes));
	else if (((__u64)(v * 10 + 0.5)) % 10)
		fprintf(f, "%.1f %s", v, unit[i]);
	else
		fprintf(f, "%.0f %s", v, unit[i]);
}

void html_ns(FILE *f, __u64 ns)
{
	char buf[S2V_SIZE_LEN];

	if (!ns) {
		putc('0', f);
	} else if (ns < 1000) {
		fprintf(f, "%llu ns", ULL(ns));
	} else if (ns < 1000000) {
		fprintf(f, "%.1f µs", (double)ns / 1e3);
	} else if (ns < 1000000000) {
		fprintf(f, "%.1f ms", (double)ns / 1e6);
	} else {
		s2v_format_duration(ns, buf);
		fputs(buf, f);
	}
}

void html_clock(FILE *f, __u64 realtime_ns)
{
	char buf[S2V_RFC3339_LEN];

	s2v_rfc3339(realtime_ns, buf);
	/* 2026-11-22T05:09:03.181049123Z, without the date: the verdict shows it. */
	fprintf(f, "<time datetime=\"%s\">%.12s</time>", buf, buf + 11);
}

void html_vm(FILE *f, const struct s2v_vm_ref *vm)
{
	fprintf(f, "VM&nbsp;%u (", vm->id);
	html_bytes(f, vm->comm[0] ? vm->comm : "?", sizeof(vm->comm));
	fprintf(f, ", pid&nbsp;%u)", vm->pid);
}

void html_severity(FILE *f, int sev)
{
	static const char *const sign[S2V_SEVERITY_NR] = { "i", "○", "●", "◆", "▲" };

	if (sev < 0 || sev >= S2V_SEVERITY_NR) {
		fputs("<span class=\"sev none\">–</span>", f);
		return;
	}
	fprintf(f,
		"<span class=\"sev %s\"><span class=\"sign\" aria-hidden=\"true\">%s</span> "
		"%s</span>",
		s2v_severity_name((enum s2v_severity)sev), sign[sev],
		s2v_severity_name((enum s2v_severity)sev));
}

void html_percent(FILE *f, const char *attr, double part, double whole)
{
	fprintf(f, " %s=\"%.2f%%\"", attr, whole > 0 ? 100 * part / whole : 0.0);
}

int html_worst(const struct s2v_rp_vm *vm)
{
	for (int i = S2V_SEVERITY_NR - 1; i >= 0; i--)
		if (vm->findings[i])
			return i;
	return -1;
}
