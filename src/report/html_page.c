// SPDX-License-Identifier: BSD-2-Clause
/* The sink for the HTML report: collects events and results, and writes the page on close. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "report/html.h"
#include "util/outfile.h"
#include "sink/sinks.h"

struct html_sink {
	struct s2v_sink sink; /* first */
	struct s2v_outfile out;
	struct s2v_report rp;
};

static int worst_first(const void *pa, const void *pb)
{
	const struct s2v_rp_vm *a = *(struct s2v_rp_vm *const *)pa;
	const struct s2v_rp_vm *b = *(struct s2v_rp_vm *const *)pb;

	for (int i = S2V_SEVERITY_NR - 1; i >= 0; i--)
		if (a->findings[i] != b->findings[i])
			return a->findings[i] > b->findings[i] ? -1 : 1;
	return a->id < b->id ? -1 : a->id > b->id;
}

static int by_rule(const void *pa, const void *pb)
{
	const struct s2v_finding *a = &(*(struct s2v_rp_finding *const *)pa)->f;
	const struct s2v_finding *b = &(*(struct s2v_rp_finding *const *)pb)->f;

	if (a->rule->severity != b->rule->severity)
		return a->rule->severity > b->rule->severity ? -1 : 1;
	if (a->rule->id != b->rule->id)
		return a->rule->id < b->rule->id ? -1 : 1;
	if (a->mild != b->mild)
		return a->mild ? 1 : -1;
	return a->id < b->id ? -1 : a->id > b->id;
}

static int sort(struct html_page *p)
{
	struct s2v_rp_finding *k, *next_k;
	struct s2v_rp_vm *vm, *next;

	p->vm = calloc(HASH_COUNT(p->rp->vms) + 1, sizeof(*p->vm));
	p->finding = calloc(HASH_COUNT(p->rp->findings) + 1, sizeof(*p->finding));
	if (!p->vm || !p->finding)
		return ENOMEM;
	HASH_ITER(hh, p->rp->vms, vm, next)
	p->vm[p->n_vm++] = vm;
	HASH_ITER(hh, p->rp->findings, k, next_k)
	p->finding[p->n_finding++] = k;
	qsort(p->vm, p->n_vm, sizeof(*p->vm), worst_first);
	qsort(p->finding, p->n_finding, sizeof(*p->finding), by_rule);
	return 0;
}

static void head(const struct html_page *p)
{
	FILE *f = p->f;

	fprintf(f,
		"<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
		"<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; img-src data:; "
		"style-src '%s'; script-src '%s'; base-uri 'none'; form-action 'none'\">\n"
		"<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
		"<meta name=\"color-scheme\" content=\"light dark\">\n"
		"<meta name=\"referrer\" content=\"no-referrer\">\n"
		"<link rel=\"icon\" href=\"data:,\">\n"
		"<title>s2verify report",
		s2v_html_css_csp, s2v_html_js_csp);
	if (p->rp->has_host) {
		fputs(": Linux ", f);
		html_bytes(f, p->rp->host.kernel, sizeof(p->rp->host.kernel));
	}
	fprintf(f, "</title>\n<style>%s</style>\n</head>\n<body>\n%s", s2v_html_css, s2v_html_defs);
}

static void nav(const struct html_page *p)
{
	static const char *const part[][2] = {
		{ "timeline", "Timeline" }, { "vms", "VMs" },	{ "findings", "Findings" },
		{ "resets", "Resets" },	    { "host", "Host" }, { "coverage", "Coverage" },
	};

	fputs("<nav aria-label=\"Parts of the report\"><ul>", p->f);
	for (size_t i = 0; i < S2V_ARRAY_SIZE(part); i++)
		fprintf(p->f, "<li><a href=\"#%s\">%s</a></li>", part[i][0], part[i][1]);
	fputs("</ul></nav>\n", p->f);
}

static int write_page(FILE *f, const struct s2v_report *rp)
{
	struct html_page p = { .f = f, .rp = rp };
	int err = sort(&p);

	if (!err) {
		head(&p);
		fputs("<a class=\"skip\" href=\"#main\">Skip to the verdict</a>\n<header>"
		      "<p class=\"brand\">s2verify <span>report</span></p>",
		      f);
		nav(&p);
		fputs("<button id=\"theme\" type=\"button\" hidden>Dark</button></header>\n"
		      "<main id=\"main\" tabindex=\"-1\">\n",
		      f);
		html_verdict(&p);
		html_timeline(&p);
		html_vms(&p);
		html_findings(&p);
		html_resets(&p);
		html_host(&p);
		fputs("</main>\n<aside id=\"facts\" hidden aria-live=\"polite\" "
		      "aria-label=\"Facts about the selected part\"></aside>\n"
		      "<footer>s2verify " S2V_VERSION
		      ". This file is self-contained and needs no network.</footer>\n",
		      f);
		html_data(&p);
		fprintf(f, "<script>%s</script>\n</body>\n</html>\n", s2v_html_js);
	}
	free(p.vm);
	free(p.finding);
	return err;
}

/* ---- the sink ---- */

static struct s2v_report *report_of(struct s2v_sink *s)
{
	return &((struct html_sink *)s)->rp;
}

static void on_host(struct s2v_sink *s, const struct s2v_host *h)
{
	s2v_report_host(report_of(s), h);
}

static void on_hook(struct s2v_sink *s, const struct s2v_hook *k)
{
	struct s2v_report *rp = report_of(s);

	if (rp->n_hooks < S2V_ARRAY_SIZE(rp->hooks))
		rp->hooks[rp->n_hooks++] = *k;
}

static void on_rule(struct s2v_sink *s, const struct s2v_rule_state *r)
{
	struct s2v_report *rp = report_of(s);

	rp->rules[r->rule->id] = *r;
	rp->has_rule[r->rule->id] = true;
}

static void on_event(struct s2v_sink *s, const struct s2v_ev_hdr *ev, const struct s2v_vm_ref *vm,
		     __u64 time)
{
	s2v_report_event(report_of(s), ev, vm, time);
}

static void on_finding(struct s2v_sink *s, const struct s2v_finding *f)
{
	s2v_report_finding(report_of(s), f);
}

static void on_memslot(struct s2v_sink *s, const struct s2v_contract_row *r)
{
	s2v_report_memslot(report_of(s), r);
}

static void on_reset(struct s2v_sink *s, const struct s2v_reset *r)
{
	s2v_report_reset(report_of(s), r);
}

static void on_reset_total(struct s2v_sink *s, const struct s2v_reset_total *t)
{
	s2v_report_reset_total(report_of(s), t);
}

static void on_summary(struct s2v_sink *s, const struct s2v_summary *sum)
{
	struct s2v_report *rp = report_of(s);

	rp->sum = *sum;
	rp->sum.rules = NULL;
	rp->has_summary = true;
}

static void on_close(struct s2v_sink *s)
{
	struct html_sink *hs = (struct html_sink *)s;
	int err = hs->rp.failed;

	if (!err)
		err = write_page(hs->out.f, &hs->rp);
	s->failed = s2v_outfile_end(&hs->out, err);
	s2v_report_free(&hs->rp);
}

struct s2v_sink *s2v_sink_html(const char *path)
{
	struct html_sink *hs = calloc(1, sizeof(*hs));
	int err;

	if (!hs)
		return NULL;
	err = s2v_outfile_open(&hs->out, path);
	if (err) {
		free(hs);
		errno = err;
		return NULL;
	}
	hs->sink = (struct s2v_sink){
		.host = on_host,
		.hook = on_hook,
		.rule = on_rule,
		.event = on_event,
		.finding = on_finding,
		.memslot = on_memslot,
		.reset = on_reset,
		.reset_total = on_reset_total,
		.summary = on_summary,
		.close = on_close,
	};
	return &hs->sink;
}
