/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The parts of the HTML report. Write errors are checked at the end (ferror()). Strings from a
 * trace must be printed by html_bytes() or html_text(); everything else prints constants only.
 */
#ifndef S2V_HTML_H
#define S2V_HTML_H

#include "report/report.h"

/* src/report/assets, and their CSP sources ("sha256-…"), embedded by tools/embed. */
extern const char s2v_html_css[], s2v_html_css_csp[];
extern const char s2v_html_js[], s2v_html_js_csp[];
extern const char s2v_html_defs[];

/* html.c: escaped for content and quoted attributes. For s2verify's own text: keeps control characters. */
void html_text(FILE *f, const char *s);
void html_text_n(FILE *f, const char *s, size_t n);
/* For untrusted bytes, up to a NUL or max: control and bidi characters and bad UTF-8 become \xNN. */
void html_bytes(FILE *f, const char *s, size_t max);
void html_num(FILE *f, __u64 n); /* 1,234,567 */
void html_count(FILE *f, __u64 n, const char *one, const char *many); /* "1 fault", "2 faults" */
void html_size(FILE *f, __u64 bytes); /* 64 KiB, 1.5 GiB; rounded to a tenth */
void html_ns(FILE *f, __u64 ns); /* 845 ns, 12.3 µs, 4.6 ms, 1.2 s, 2 min 05 s */
void html_clock(FILE *f, __u64 realtime_ns); /* <time>05:09:03.181</time> */
void html_vm(FILE *f, const struct s2v_vm_ref *vm); /* VM 3 (comm, pid 4003), escaped */
void html_severity(FILE *f, int sev); /* a badge: sign and word; "–" for -1 */
/* Prints ` attr="NN.NN%"`: part of whole. */
void html_percent(FILE *f, const char *attr, double part, double whole);

/* A sink that writes the report to a file: see sink/sinks.h. docs/report.md describes it. */
struct s2v_sink *s2v_sink_html(const char *path);

struct html_page {
	FILE *f;
	const struct s2v_report *rp;
	struct s2v_rp_vm **vm; /* by severity, the highest first */
	__u32 n_vm;
	struct s2v_rp_finding **finding; /* by severity of the rule, rule, then id (time) */
	size_t n_finding;
};

int html_worst(const struct s2v_rp_vm *vm); /* highest enum s2v_severity of its findings, or -1 */

void html_verdict(const struct html_page *p); /* html_verdict.c */
void html_findings(const struct html_page *p); /* html_findings.c */
void html_finding_place(FILE *f, const struct s2v_rp_finding *k); /* memslot, GPA, driver */
void html_vms(const struct html_page *p); /* html_vms.c */
/* html_space.c: drawings of the VM's memslots. */
void html_space(FILE *f, const struct s2v_rp_vm *vm, struct s2v_rp_slot *const *slot, size_t n);
/* html_guest.c: the guest's own stage 1, where an audit looked at it. */
void html_guest_track(FILE *f, const struct s2v_rp_vm *vm,
		      const struct s2v_rp_slot *s); /* below the memslot's bar */
/*
 * "2 GiB normal-wb, 64 KiB normal-nc (64 KiB of it also cacheable)", or why nothing is mapped. flags: as guest_flags of
 * struct s2v_contract_row.
 */
void html_guest_maps(FILE *f, const struct s2v_guest_bytes *g, __u32 flags);
/* Cells of the memslot's row: what the guest maps, and the maintenance that is due now. */
void html_guest_type_cell(FILE *f, const struct s2v_rp_vm *vm, const struct s2v_rp_backing *b);
void html_guest_cmo_cell(FILE *f, const struct s2v_rp_vm *vm, const struct s2v_rp_backing *b);
void html_guest_tables(FILE *f, const struct s2v_rp_vm *vm, struct s2v_rp_slot *const *slot,
		       size_t n);
void html_guest_legend(const struct html_page *p);
void html_timeline(const struct html_page *p); /* html_time.c */
void html_data(const struct html_page *p); /* html_time.c: the timelines as JSON, for the script */
void html_resets(const struct html_page *p); /* html_resets.c */
void html_host(const struct html_page *p); /* html_host.c: host, hooks, rules, counters */

#endif
