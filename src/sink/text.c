// SPDX-License-Identifier: BSD-2-Clause
/* Results for a person at a terminal: host, hooks, rules (check) and findings (trace). */
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "sink/text.h"
#include "sink/sinks.h"
#include "util/util.h"

#define DEFAULT_WIDTH 100
#define MIN_WIDTH 60
#define MAX_WIDTH 120 /* longer lines of prose are hard to read */

/* Prints a section's headline, once. */
static void begin_section(struct text_sink *t, int which, const char *title)
{
	if ((int)t->section == which)
		return;
	fprintf(t->out, "%s%s%s%s\n", t->section == TEXT_START ? "" : "\n", text_on(t, STYLE_BOLD),
		title, text_off(t, STYLE_BOLD));
	t->section = which;
}

/* ---- check: host, hooks, rules ---- */

#define FACT_COL 20

__attribute__((format(printf, 3, 4))) static void put_fact(struct text_sink *t, const char *name,
							   const char *fmt, ...)
{
	char buf[640], clean[2048];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(buf, sizeof(buf), fmt, ap);
	va_end(ap);
	s2v_clean_text(buf, strlen(buf), clean, sizeof(clean));
	fprintf(t->out, "  %-*s", FACT_COL - 2, name);
	text_wrap(t, FACT_COL, FACT_COL, clean);
}

static const char *tri_name(int v)
{
	return v == S2V_YES ? "yes" : v == S2V_NO ? "no" : "not known";
}

/* The attribute of each AttrIndx in use. */
static void stage1_facts(struct text_sink *t, const struct s2v_host *h)
{
	char buf[320];
	size_t n = 0;

	for (size_t i = 0; i < S2V_ARRAY_SIZE(h->s1_attr) && n < sizeof(buf); i++) {
		if (h->s1_attr[i] != S2V_ATTR_UNKNOWN && h->s1_attr[i] != S2V_ATTR_NONE)
			n += (size_t)snprintf(buf + n, sizeof(buf) - n, "%s%zu=%s", n ? ", " : "",
					      i, s2v_attr_name(h->s1_attr[i]));
	}
	if (!n)
		put_fact(t, "host stage 1", "AttrIndx not calibrated");
	else
		put_fact(t, "host stage 1", "AttrIndx %s (%s%s)", buf, h->s1_source,
			 h->s1_calibrated == 1 ? "" : "; NOT confirmed");
}

static void ram_facts(struct text_sink *t, const struct s2v_host *h)
{
	char size[S2V_SIZE_LEN];
	__u64 total = 0;

	for (size_t i = 0; i < h->n_ram; i++)
		total += h->ram[i].end - h->ram[i].start;
	s2v_format_size(total & ~((1ULL << 20) - 1), size);
	if (h->n_ram)
		put_fact(t, "memory map", "%zu range%s, %s", h->n_ram, h->n_ram == 1 ? "" : "s",
			 size);
	else
		put_fact(t, "memory map", "not known");
}

static void on_host(struct s2v_sink *s, const struct s2v_host *h)
{
	struct text_sink *t = (struct text_sink *)s;
	char size[S2V_SIZE_LEN];

	begin_section(t, TEXT_HOST, "Host");
	s2v_format_size(1ULL << (h->page_shift & 63), size);
	put_fact(t, "kernel", "%s (%s), %s pages", h->kernel, h->machine, size);
	put_fact(t, "KVM mode", "%s", s2v_kvm_mode_name(h->kvm_mode));
	put_fact(t, "S2FWB", "%s", tri_name(h->fwb));
	put_fact(t, "CTR_EL0.DIC", "%s", tri_name(h->dic));
	put_fact(t, "CTR_EL0.IDC", "%s", tri_name(h->idc));
	put_fact(t, "cacheable PFNMAP", "%s",
		 h->pfnmap_cap < 0    ? "no such capability in this kernel"
		 : h->pfnmap_cap == 0 ? "refused (KVM_CAP_ARM_CACHEABLE_PFNMAP_SUPPORTED is 0)"
				      : "supported (KVM_CAP_ARM_CACHEABLE_PFNMAP_SUPPORTED is 1)");
	stage1_facts(t, h);
	ram_facts(t, h);
	put_fact(t, "vCPU init", "%s", h->init_icache_text);
	put_fact(t, "lockdown", "%s",
		 h->lockdown[0] ? h->lockdown : "not known (no /sys/kernel/security/lockdown)");
	if (h->disagreement[0])
		put_fact(t, "DISAGREEMENT", "%s", h->disagreement);
	text_check(t);
}

/* Prints the reason unless it only says that the first choice attaches. */
static void on_hook(struct s2v_sink *s, const struct s2v_hook *k)
{
	struct text_sink *t = (struct text_sink *)s;
	enum text_style style = k->method == S2V_METHOD_NONE ? STYLE_RED : STYLE_PLAIN;
	char buf[4 * sizeof(k->reason) + 1], plain[sizeof(k->function) + 16];

	begin_section(t, TEXT_HOOKS, "Hooks");
	s2v_clean_text(k->function, strnlen(k->function, sizeof(k->function)), buf, sizeof(buf));
	fprintf(t->out, "  %-18s%s%-8s%s%s\n", s2v_observe_name(k->observe), text_on(t, style),
		s2v_method_name(k->method), text_off(t, style), buf);
	snprintf(plain, sizeof(plain), "%s attaches", k->function);
	if (k->reason[0] && strcmp(k->reason, plain)) {
		s2v_clean_text(k->reason, strnlen(k->reason, sizeof(k->reason)), buf, sizeof(buf));
		fprintf(t->out, "%28s", "");
		text_wrap(t, 28, 28, buf);
	}
	text_check(t);
}

static void on_rule(struct s2v_sink *s, const struct s2v_rule_state *r)
{
	static const char *const words[] = {
		[S2V_COVERED] = "covered",
		[S2V_NOT_COVERED] = "NOT COVERED",
		[S2V_NOT_APPLICABLE] = "n/a",
	};
	struct text_sink *t = (struct text_sink *)s;
	enum text_style style = r->coverage == S2V_NOT_COVERED ? STYLE_RED : STYLE_PLAIN;
	char buf[4 * sizeof(r->reason) + 1];

	begin_section(t, TEXT_RULES, "Rules");
	s2v_clean_text(r->reason, strnlen(r->reason, sizeof(r->reason)), buf, sizeof(buf));
	fprintf(t->out, "  %-8s  %-27s%s", s2v_severity_name(r->rule->severity), r->rule->name,
		text_on(t, style));
	if (buf[0]) {
		fprintf(t->out, "%-13s%s", words[r->coverage], text_off(t, style));
		text_wrap(t, 52, 52, buf);
	} else {
		fprintf(t->out, "%s%s\n", words[r->coverage], text_off(t, style));
	}
	text_check(t);
}

/* ---- trace: findings ---- */

static void to_upper(const char *in, char *out, size_t len)
{
	size_t i = 0;

	for (; in[i] && i + 1 < len; i++)
		out[i] = in[i] >= 'a' && in[i] <= 'z' ? (char)(in[i] - 'a' + 'A') : in[i];
	out[i] = '\0';
}

/* Memslot, page, vCPU, count. */
static void put_place(struct text_line *l, const struct s2v_finding *f)
{
	char size[S2V_SIZE_LEN];

	if (f->slot.id != S2V_NO_SLOT)
		text_piece(l, STYLE_PLAIN, "memslot %d", f->slot.id);
	if (f->has_page) {
		s2v_format_size(f->bytes, size);
		if (f->gpa_end - f->gpa_low > f->size)
			text_piece(l, STYLE_PLAIN, "GPA 0x%llx to 0x%llx (%s)", f->gpa_low,
				   f->gpa_end - 1, size);
		else
			text_piece(l, STYLE_PLAIN, "GPA 0x%llx (%s)", f->gpa_low, size);
		if (f->pa != S2V_NO_PA)
			text_piece(l, STYLE_PLAIN, "PA 0x%llx", f->pa);
	} else if (f->slot.id != S2V_NO_SLOT) {
		s2v_format_size(f->slot.size, size);
		text_piece(l, STYLE_PLAIN, "GPA 0x%llx (%s)", f->slot.gpa, size);
	}
	if (f->vcpu >= 0)
		text_piece(l, STYLE_PLAIN, "vcpu %d", f->vcpu);
	if (f->count > 1)
		text_piece(l, STYLE_PLAIN, "%llu times", f->count);
	text_line_end(l);
}

/* Host and stage-2 attributes, errno. */
static void put_attrs(struct text_line *l, const struct s2v_finding *f)
{
	if (f->has_page && f->s1_vma != S2V_ATTR_NONE)
		text_piece(l, STYLE_PLAIN, "host: %s (%s; the VMA says %s)", s2v_attr_name(f->s1),
			   s2v_source_name(f->s1_source), s2v_attr_name(f->s1_vma));
	else if (f->has_page && f->s1 != S2V_ATTR_NONE)
		text_piece(l, STYLE_PLAIN, "host: %s (%s)", s2v_attr_name(f->s1),
			   s2v_source_name(f->s1_source));
	if (f->has_page && f->s2 != S2V_ATTR_NONE)
		text_piece(l, STYLE_PLAIN, "stage 2: %s (%s)", s2v_attr_name(f->s2),
			   s2v_source_name(f->s2_source));
	if (f->guest != S2V_ATTR_NONE)
		text_piece(l, STYLE_PLAIN, "guest: %s (VA 0x%llx)", s2v_attr_name(f->guest),
			   f->guest_va);
	if (f->err)
		text_piece(l, STYLE_PLAIN, "%s%s", s2v_errno_name(f->err),
			   !f->at		       ? ""
			   : !strcmp(f->at, "memslot") ? " at memslot registration"
						       : " at the fault");
	text_line_end(l);
}

/* For the final table. An update replaces its finding. */
static void keep_finding(struct text_sink *t, const struct s2v_finding *f)
{
	struct text_finding *k = NULL;

	for (size_t i = t->n_findings; i-- > 0;) {
		if (t->findings[i].id == f->id) {
			k = &t->findings[i];
			break;
		}
	}
	if (!k) {
		void *p = text_grow(t->findings, t->n_findings, &t->cap_findings, sizeof(*k));

		if (!p) {
			text_nomem(t);
			return;
		}
		t->findings = p;
		k = &t->findings[t->n_findings++];
	}
	*k = (struct text_finding){
		.id = f->id,
		.count = f->count,
		.gpa_low = f->gpa_low,
		.gpa_end = f->gpa_end,
		.size = f->size,
		.bytes = f->bytes,
		.rule = f->rule,
		.severity = s2v_finding_severity(f),
		.vm = f->vm.id,
		.slot = f->slot.id,
		.has_page = f->has_page,
	};
}

static void on_finding(struct s2v_sink *s, const struct s2v_finding *f)
{
	struct text_sink *t = (struct text_sink *)s;
	struct text_line l = { .t = t };
	char buf[4 * sizeof(f->explain) + 1], name[TEXT_NAME_LEN], when[TEXT_TIME_LEN], sev[16];

	text_show_rows(t);
	keep_finding(t, f);
	if (f->update)
		return;
	if (t->section != TEXT_START)
		fputc('\n', t->out);
	t->section = TEXT_BODY;
	t->legend_given = false;
	to_upper(s2v_severity_name(s2v_finding_severity(f)), sev, sizeof(sev));
	text_piece(&l, text_severity_style(s2v_finding_severity(f)), "%s %s", sev, f->rule->name);
	text_piece(&l, STYLE_PLAIN, "%s", text_time(f->time, when));
	text_piece(&l, STYLE_PLAIN, "vm %u (%s, pid %u)", f->vm.id,
		   text_name(f->vm.comm, sizeof(f->vm.comm), name), f->vm.pid);
	text_line_end(&l);
	if (f->has_page || f->slot.id != S2V_NO_SLOT || f->vcpu >= 0 || f->count > 1) {
		fputs("  ", t->out);
		l.col = 2;
		put_place(&l, f);
	}
	if (f->err || (f->has_page && (f->s1 != S2V_ATTR_NONE || f->s2 != S2V_ATTR_NONE))) {
		fputs("  ", t->out);
		l.col = 2;
		put_attrs(&l, f);
	}
	s2v_clean_text(f->explain, strnlen(f->explain, sizeof(f->explain)), buf, sizeof(buf));
	fputs("  ", t->out);
	text_wrap(t, 2, 2, buf);
	text_check(t);
}

static void on_close(struct s2v_sink *s)
{
	struct text_sink *t = (struct text_sink *)s;

	text_show_rows(t);
	text_check(t);
	free(t->rows);
	free(t->findings);
	free(t->leaves.text);
	free(t->guest.text);
	t->rows = NULL;
	t->findings = NULL;
	t->leaves = t->guest = (struct text_buf){ 0 };
	t->n_rows = t->cap_rows = t->n_findings = t->cap_findings = 0;
}

struct s2v_sink *s2v_sink_text_to(FILE *out, bool colour, unsigned int width)
{
	struct text_sink *t = calloc(1, sizeof(*t));

	if (!t)
		return NULL;
	t->out = out;
	t->colour = colour;
	t->terminal = width != 0;
	t->width = !width	       ? DEFAULT_WIDTH
		   : width < MIN_WIDTH ? MIN_WIDTH
		   : width > MAX_WIDTH ? MAX_WIDTH
				       : width;
	t->sink = (struct s2v_sink){
		.host = on_host,
		.hook = on_hook,
		.rule = on_rule,
		.event = text_event,
		.finding = on_finding,
		.vcpu = text_vcpu,
		.memslot = text_memslot,
		.memslots_end = text_memslots_end,
		.reset = text_reset,
		.reset_total = text_reset_total,
		.audit = text_audit,
		.summary = text_summary,
		.close = on_close,
	};
	return &t->sink;
}

struct s2v_sink *s2v_sink_text(bool tty)
{
	const char *no = getenv("NO_COLOR"), *term = getenv("TERM");
	bool colour = tty && !(no && *no) && !(term && !strcmp(term, "dumb"));

	return s2v_sink_text_to(stdout, colour, tty ? s2v_terminal_width(STDOUT_FILENO) : 0);
}
