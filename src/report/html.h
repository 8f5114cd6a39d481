/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The pieces of the HTML report. Write errors are found at the end (ferror()). Whatever comes
 * from a trace goes through html_bytes() or html_text(): nothing else may print a string that is
 * not a constant.
 */
#ifndef S2V_HTML_H
#define S2V_HTML_H

#include "report/report.h"

/* Files of assets, and the CSP sources ("sha256-…") that allow them (tools/embed). */
extern const char s2v_html_css[], s2v_html_css_csp[];
extern const char s2v_html_js[], s2v_html_js_csp[];
extern const char s2v_html_defs[];

#define ULL(x) ((unsigned long long)(x))

/* html.c: our own text, escaped for content and quoted attributes. */
void html_text(FILE *f, const char *s);
void html_text_n(FILE *f, const char *s, size_t n);
/* Any bytes up to the first NUL: control characters, bidi controls, bad UTF-8 become \xNN. */
void html_bytes(FILE *f, const char *s, size_t max);
void html_num(FILE *f, __u64 n); /* 1,234,567 */
void html_count(FILE *f, __u64 n, const char *one, const char *many); /* "1 fault", "2 faults" */
void html_size(FILE *f, __u64 bytes); /* 64 KiB, 1.5 GiB; rounded to a tenth */
void html_ns(FILE *f, __u64 ns); /* 845 ns, 12.3 µs, 4.6 ms, 1.2 s, 2 min 05 s */
void html_clock(FILE *f, __u64 realtime_ns); /* <time>05:09:03.181</time> */
void html_vm(FILE *f, const struct s2v_vm_ref *vm); /* VM 3 (comm, pid 4003), escaped */
void html_severity(FILE *f, int sev); /* a badge: sign and word */
const char *html_plural(__u64 n); /* "" or "s" */
/* A percentage as an attribute's value, to a hundredth: part of whole. */
void html_percent(FILE *f, const char *attr, double part, double whole);

/* A sink that writes the report to a file: see sink/sinks.h. docs/report.md describes it. */
struct s2v_sink *s2v_sink_html(const char *path);

/* What the parts of the page share. */
struct html_page {
	FILE *f;
	const struct s2v_report *rp;
	struct s2v_rp_vm **vm; /* the worst first */
	__u32 n_vm;
	struct s2v_rp_finding **finding; /* by rule, and then by time; the gravest rule first */
	size_t n_finding;
};

int html_worst(const struct s2v_rp_vm *vm); /* enum s2v_severity, or -1 */

void html_verdict(const struct html_page *p); /* html_verdict.c */
void html_findings(const struct html_page *p); /* html_findings.c */
void html_finding_place(FILE *f, const struct s2v_rp_finding *k); /* memslot, GPA, driver */
void html_vms(const struct html_page *p); /* html_vms.c */
/* html_space.c: the VM's memslots, drawn. */
void html_space(FILE *f, const struct s2v_rp_vm *vm, struct s2v_rp_slot *const *slot, size_t n);
void html_timeline(const struct html_page *p); /* html_time.c */
void html_data(const struct html_page *p); /* html_time.c: what the script draws from */
void html_resets(const struct html_page *p); /* html_resets.c */
void html_host(const struct html_page *p); /* html_host.c: host, hooks, rules, counters */

#endif
