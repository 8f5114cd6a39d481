// SPDX-License-Identifier: BSD-2-Clause
/*
 * The daemon's start page. Style and many parts are those of the HTML report (src/report/html.h). It
 * has no script, and loads nothing.
 */
#include <stdlib.h>
#include <string.h>

#include "daemon/daemon.h"
#include "report/html.h"
#include "util/util.h"

#define VMS_MAX 50

struct page {
	FILE *f;
	const struct s2v_daemon *d;
	const struct s2v_now *now;
};

static void write_head(FILE *f)
{
	static const char *const part[][2] = {
		{ "vms", "VMs" },   { "findings", "Findings" }, { "daemon", "Daemon" },
		{ "host", "Host" }, { "coverage", "Coverage" }, { "counts", "Counts" },
	};

	fprintf(f,
		"<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
		"<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
		"<meta name=\"color-scheme\" content=\"light dark\">\n"
		"<link rel=\"icon\" href=\"data:,\">\n<title>s2verify daemon</title>\n"
		"<style>%s</style>\n</head>\n<body>\n<a class=\"skip\" href=\"#main\">Skip to the "
		"verdict</a>\n<header><p class=\"brand\">s2verify <span>daemon</span></p>"
		"<nav aria-label=\"Parts of the page\"><ul>",
		s2v_html_css);
	for (size_t i = 0; i < S2V_ARRAY_SIZE(part); i++)
		fprintf(f, "<li><a href=\"#%s\">%s</a></li>", part[i][0], part[i][1]);
	fputs("<li><a href=\"/metrics\">/metrics</a></li><li><a "
	      "href=\"/findings\">/findings</a></li></ul></nav></header>\n"
	      "<main id=\"main\" tabindex=\"-1\">\n",
	      f);
}

/* Findings of at least this severity since the start. */
static __u64 count_findings(const struct s2v_daemon *d, enum s2v_severity sev)
{
	__u64 n = 0;

	for (int i = 0; i < S2V_RULE_NR; i++) {
		if (s2v_rules[i]->severity >= sev)
			n += d->log.total[i] - d->log.mild[i];
		if (s2v_rules[i]->mild >= sev)
			n += d->log.mild[i];
	}
	return n;
}

/* With the date: a daemon runs for months. */
static void write_time(FILE *f, __u64 realtime_ns)
{
	char buf[S2V_RFC3339_LEN];

	s2v_rfc3339(realtime_ns, buf);
	fprintf(f, "<time datetime=\"%s\">%.10s %.8s</time> UTC", buf, buf, buf + 11);
}

static void write_ago(FILE *f, __u64 now, __u64 then)
{
	html_ns(f, now > then ? now - then : 0);
	fputs(" ago", f);
}

/* ---- verdict and key figures ---- */

static void write_list(FILE *f, const char *text)
{
	fputs("<ul class=\"what\">", f);
	while (*text) {
		size_t n = strcspn(text, "\n");

		fputs("<li>", f);
		html_bytes(f, text, n);
		fputs("</li>", f);
		text += n + (text[n] == '\n');
	}
	fputs("</ul>\n", f);
}

/* Existing VMs with a finding of at least this severity. */
static __u64 count_vms(const struct s2v_daemon *d, int sev)
{
	__u64 n = 0;

	for (const struct s2v_vm_stat *vm = d->vms.vms; vm; vm = vm->hh.next)
		n += vm->worst >= sev;
	return n;
}

static void write_headline(const struct page *p, __u64 bad, __u64 now, bool safe)
{
	FILE *f = p->f;

	if (bad) {
		fputs(now ? "Unsafe: " : "", f);
		html_count(f, bad, "finding", "findings");
		fputs(" of high or critical severity; VMs affected now: ", f);
		html_num(f, now);
		fputs(" of ", f);
		html_num(f, p->now->vms);
	} else if (safe) {
		fputs("Safe: every mapping was verified, and none conflicts", f);
	} else {
		fputs("Not proven safe: no high or critical finding, but not everything was seen",
		      f);
	}
}

static void write_verdict(const struct page *p)
{
	const struct s2v_host *h = p->d->src->host;
	__u64 bad = count_findings(p->d, S2V_HIGH), now = count_vms(p->d, S2V_HIGH);
	bool safe = !bad && p->now->sum.complete && !p->now->unready[0];
	FILE *f = p->f;

	fprintf(f,
		"<section id=\"verdict\" class=\"%s\">\n<h1><span class=\"sign\" "
		"aria-hidden=\"true\">%s</span> ",
		now    ? "bad"
		: safe ? "good"
		       : "unsure",
		now    ? "▲"
		: safe ? "✓"
		       : "?");
	write_headline(p, bad, now, safe);
	fputs("</h1>\n<p class=\"when\">Linux ", f);
	html_bytes(f, h->kernel, sizeof(h->kernel));
	fputs(p->d->o->replay ? " · a recording, " : " · this host, ", f);
	fputs("since ", f);
	write_time(f, p->d->started);
	fputs("</p>\n", f);
	if (p->now->unready[0]) {
		fputs("<p class=\"whole no\"><b>✕ Not ready.</b> Findings may be missing:</p>", f);
		write_list(f, p->now->unready);
	} else {
		fputs("<p class=\"whole yes\"><b>✓ Ready.</b> ", f);
		fputs(!p->d->src->can_audit ? "Nothing was lost.</p>\n"
		      : p->d->n.audited_at
			      ? "All chosen hooks observe, an audit has ended, and nothing was "
				"lost since.</p>\n"
			      : "All chosen hooks observe, and nothing was lost.</p>\n",
		      f);
	}
	if (!p->now->sum.complete) {
		fputs("<p class=\"whole no\"><b>✕ Incomplete.</b> Since the start: ", f);
		html_bytes(f, p->now->sum.incomplete, sizeof(p->now->sum.incomplete));
		fputs(".</p>\n", f);
	}
	fputs("</section>\n", f);
}

static void open_tile(FILE *f, const char *title, const char *href)
{
	fprintf(f, "<li><a href=\"#%s\"><span class=\"label\">%s</span><b>", href, title);
}

static void write_tiles(const struct page *p)
{
	const struct s2v_now *now = p->now;
	FILE *f = p->f;
	__u64 slots = now->model.memslots[0] + now->model.memslots[1] + now->model.memslots[2];

	fputs("<ul class=\"tiles\">", f);
	open_tile(f, "VMs", "vms");
	html_num(f, now->vms);
	fputs("</b><small>", f);
	html_count(f, slots, "memslot", "memslots");
	fputs("</small></a></li>", f);
	open_tile(f, "Write-Back guaranteed", "vms");
	html_num(f, now->model.memslots[1 + S2V_YES]);
	fputs(now->model.memslots[1 + S2V_YES] == 1 ? "</b><small>memslot; "
						    : "</b><small>memslots; ",
	      f);
	html_num(f, now->model.memslots[1 + S2V_NO]);
	fputs(" not, ", f);
	html_num(f, now->model.memslots[1 + S2V_UNKNOWN]);
	fputs(" not known</small></a></li>", f);
	open_tile(f, "Findings", "findings");
	html_num(f, count_findings(p->d, S2V_INFO));
	fputs("</b><small>", f);
	html_num(f, count_findings(p->d, S2V_CRITICAL));
	fputs(" critical, ", f);
	html_num(f, count_findings(p->d, S2V_HIGH) - count_findings(p->d, S2V_CRITICAL));
	fputs(" high</small></a></li>", f);
	open_tile(f, "vCPU resets", "counts");
	html_num(f, p->d->n.vcpu_resets);
	fputs("</b><small>", f);
	html_ns(f, p->d->n.avoidable_ns);
	fputs(" avoidable</small></a></li>", f);
	open_tile(f, "Events lost", "counts");
	html_num(f, now->lost.events + now->lost.probes);
	fputs("</b><small>", f);
	html_count(f, p->d->n.events, "event", "events");
	fputs(" processed</small></a></li>", f);
	open_tile(f, "Last audit", "daemon");
	if (p->d->n.audited_at)
		write_ago(f, now->realtime, p->d->n.audited_at);
	else
		fputs("none", f);
	fputs("</b><small>", f);
	html_count(f, p->d->n.audits, "audit", "audits");
	fputs("</small></a></li></ul>\n", f);
}

/* ---- VMs and findings ---- */

static const struct s2v_vm *find_vm(const struct s2v_vm *head, __u32 id)
{
	const struct s2v_vm *vm;

	HASH_FIND(hh, head, &id, sizeof(id), vm);
	return vm;
}

/* What its own stage 1 maps, by the last audit. */
static void write_guest_cell(FILE *f, const struct s2v_vm *vm)
{
	struct s2v_guest_bytes sum = { .alias = 0 };

	fputs("<td>", f);
	if (vm && vm->guest.n) {
		s2v_vm_guest_bytes(vm, &sum);
		html_guest_maps(f, &sum, s2v_guest_flags(vm));
	} else {
		fputs("–", f);
	}
	fputs("</td>", f);
}

static void write_vm_row(const struct page *p, const struct s2v_vm_stat *vm)
{
	const struct s2v_vm *model = find_vm(s2v_correlator_vms(p->d->core), vm->id);
	__u64 slots[3] = { 0 };
	FILE *f = p->f;

	for (const struct s2v_memslot *s = model ? model->slots : NULL; s; s = s->hh.next)
		slots[1 + s2v_slot_write_back(p->d->src->host, model, s)]++;
	fprintf(f, "<tr%s><th scope=\"row\">%u</th><td>",
		vm->worst >= S2V_HIGH ? " class=\"bad\"" : "", vm->id);
	html_bytes(f, vm->ref.comm[0] ? vm->ref.comm : "?", sizeof(vm->ref.comm));
	fprintf(f, "</td><td class=\"n\">%u</td><td>", vm->ref.pid);
	html_severity(f, vm->worst);
	fputs("</td>", f);
	for (int i = 0; i < 6; i++) {
		const __u64 n[] = { vm->n[S2V_VM_FINDINGS], slots[0] + slots[1] + slots[2],
				    slots[1 + S2V_YES],	    slots[1 + S2V_NO],
				    vm->n[S2V_VM_MAPS],	    vm->n[S2V_VM_RESETS] };

		fputs("<td class=\"n\">", f);
		html_num(f, n[i]);
		fputs("</td>", f);
	}
	if (p->d->src->host->fwb != S2V_YES)
		write_guest_cell(f, model);
	fputs("</tr>\n", f);
}

static void write_vms(const struct page *p)
{
	static const char *const heads[] = { "VM",
					     "Process",
					     "PID",
					     "Worst",
					     "Findings",
					     "Memslots",
					     "Write-Back guaranteed",
					     "not",
					     "Mappings reported",
					     "vCPU resets",
					     "The guest maps" };
	/* The last column is of audits on hosts without S2FWB. */
	const size_t columns = S2V_ARRAY_SIZE(heads) - (p->d->src->host->fwb == S2V_YES ? 1 : 0);
	const struct s2v_vm_stat *top[VMS_MAX];
	size_t n = s2v_vms_busiest(&p->d->vms, top, VMS_MAX);
	FILE *f = p->f;

	fputs("<section id=\"vms\"><h2>VMs</h2>\n", f);
	if (!n) {
		fputs("<p>No VMs.</p></section>\n", f);
		return;
	}
	if (p->now->vms > n)
		fprintf(f,
			"<p class=\"limit\">The %zu with the gravest findings, or the most "
			"mappings, of ",
			n);
	if (p->now->vms > n) {
		html_num(f, p->now->vms);
		fputs(".</p>\n", f);
	}
	fputs("<div class=\"scroll tall\" tabindex=\"0\" role=\"region\" aria-label=\"VMs\"><table>"
	      "<thead><tr>",
	      f);
	for (size_t i = 0; i < columns; i++)
		fprintf(f, "<th scope=\"col\">%s</th>", heads[i]);
	fputs("</tr></thead><tbody>\n", f);
	for (size_t i = 0; i < n; i++)
		write_vm_row(p, top[i]);
	fputs("</tbody></table></div></section>\n", f);
}

static void write_finding(FILE *f, const struct s2v_finding *k)
{
	fputs("<li>", f);
	html_severity(f, (int)s2v_finding_severity(k));
	fprintf(f, " <b>%s</b> in ", k->rule->name);
	html_vm(f, &k->vm);
	fputs(" <span class=\"when\">", f);
	write_time(f, k->time);
	fputs("</span><span class=\"often\">", f);
	if (k->slot.id != S2V_NO_SLOT)
		fprintf(f, "memslot %d, ", k->slot.id);
	if (k->has_page) {
		fprintf(f, "GPA <code>0x%llx</code>", ULL(k->gpa_low));
		if (k->gpa_end - k->gpa_low > k->size)
			fprintf(f, " to <code>0x%llx</code>", ULL(k->gpa_end - 1));
		fputs(" (", f);
		html_size(f, k->bytes);
		fprintf(f, "), host %s, ", s2v_attr_name(k->s1));
	}
	if (k->has_page && k->s2 != S2V_ATTR_NONE)
		fprintf(f, "stage 2 %s, ", s2v_attr_name(k->s2));
	if (k->guest != S2V_ATTR_NONE)
		fprintf(f, "guest %s (VA <code>0x%llx</code>), ", s2v_attr_name(k->guest),
			ULL(k->guest_va));
	if (k->err)
		fprintf(f, "%s, ", s2v_errno_name(k->err));
	html_count(f, k->count, "occurrence", "occurrences");
	fputs("</span><span class=\"fires\">", f);
	html_bytes(f, k->explain, sizeof(k->explain));
	fputs("</span></li>\n", f);
}

static void write_findings(const struct page *p)
{
	const struct s2v_finding_log *t = &p->d->log;
	__u64 all = count_findings(p->d, S2V_INFO);
	const struct s2v_finding *k;
	FILE *f = p->f;

	fputs("<section id=\"findings\"><h2>Last findings</h2>\n", f);
	if (!t->n)
		fputs("<p>No rule fired.</p>\n", f);
	if (all > t->n)
		fprintf(f,
			"<p class=\"limit\">The last %u of %llu; the most severe are kept "
			"longest.</p>\n",
			t->n, ULL(all));
	if (t->suppressed + t->unwritten) {
		fputs("<p class=\"limit\">Not written to standard output or the journal: ", f);
		html_count(f, t->suppressed + t->unwritten, "line", "lines");
		fputs(" (rate limit, or a failed write).</p>\n", f);
	}
	fputs("<ul class=\"what\">\n", f);
	for (unsigned int i = 0; (k = s2v_log_kept(t, i)); i++)
		write_finding(f, k);
	fputs("</ul>\n<p>What a rule means, and what to do: <code>s2verify explain "
	      "RULE</code>.</p></section>\n",
	      f);
}

/* ---- the daemon itself ---- */

static void write_audits(const struct page *p)
{
	const struct s2v_daemon *d = p->d;
	FILE *f = p->f;

	fputs("<dt>Audits</dt><dd>", f);
	if (!d->src->can_audit) {
		fputs("a recording cannot be audited", f);
	} else if (d->o->audit_interval) {
		fputs("every ", f);
		html_ns(f, d->o->audit_interval);
		fputs(", at most ", f);
		html_count(f, d->o->audit_rate, "leaf a second", "leaves a second");
	} else {
		fputs("only on SIGHUP", f);
	}
	fputs(d->auditing ? "; an audit is running</dd>" : "</dd>", f);
	if (!d->n.audited_at)
		return;
	fputs("<dt>Last audit</dt><dd>", f);
	write_time(f, d->n.audited_at);
	if (d->n.audit_ns) {
		fputs(", took ", f);
		html_ns(f, d->n.audit_ns);
	}
	if (d->n.audits_failed) {
		fputs("; ", f);
		html_count(f, d->n.audits_failed, "failed", "failed");
	}
	fputs("</dd>", f);
}

static void write_daemon_facts(const struct page *p)
{
	const struct s2v_daemon *d = p->d;
	const struct s2v_web_counts *w = s2v_web_counts(d->web);
	FILE *f = p->f;
	const char *where;

	fputs("<section id=\"daemon\"><h2>Daemon</h2>\n<dl class=\"facts-list\"><dt>Version</dt><dd>",
	      f);
	html_text(f, S2V_VERSION);
	fputs("</dd><dt>Source</dt><dd>", f);
	html_bytes(f, d->src->name, strlen(d->src->name));
	fputs("</dd><dt>Started</dt><dd>", f);
	write_time(f, d->started);
	fputs(", ", f);
	write_ago(f, p->now->realtime, d->started);
	fputs("</dd>", f);
	write_audits(p);
	fputs("<dt>Privileges kept</dt><dd>", f);
	html_bytes(f, d->priv.kept[0] ? d->priv.kept : "none", sizeof(d->priv.kept));
	fputs("</dd><dt>Listens on</dt><dd>", f);
	for (unsigned int i = 0; (where = s2v_web_where(d->web, i)); i++) {
		fputs(i ? ", " : "", f);
		html_bytes(f, where, strlen(where));
	}
	fputs("</dd><dt>Requests</dt><dd>", f);
	html_num(f, w->ok);
	fputs(" answered, ", f);
	html_num(f, w->refused + w->failed);
	fputs(" refused; connections closed: ", f);
	html_num(f, w->over_limit);
	fputs(" over the limit, ", f);
	html_num(f, w->timeouts);
	fputs(" too slow</dd></dl></section>\n", f);
}

/* Host, coverage and counts: sections of the HTML report. 0, or -1: out of memory. */
static int write_host_sections(const struct page *p)
{
	const struct s2v_host *h = p->d->src->host;
	struct s2v_report *rp = calloc(1, sizeof(*rp));
	struct html_page page = { .f = p->f, .rp = rp };

	if (!rp)
		return -1;
	rp->host = *h;
	rp->has_host = true;
	rp->ram = h->ram;
	rp->n_ram = h->n_ram;
	for (int i = 0; i < S2V_OBS_NR; i++) {
		const struct s2v_hook *k = &p->d->src->hooks[i];
		struct s2v_hook *to = &rp->hooks[rp->n_hooks];

		if (k->idle || !k->function[0])
			continue;
		*to = *k;
		rp->n_hooks++;
		if (!p->now->fig.gone[i][0])
			continue;
		to->method = S2V_METHOD_NONE;
		memcpy(to->reason, p->now->fig.gone[i], sizeof(p->now->fig.gone[i]));
	}
	for (int i = 0; i < S2V_RULE_NR; i++) {
		rp->rules[i] = p->d->rules[i];
		rp->has_rule[i] = true;
	}
	rp->sum = p->now->sum;
	rp->has_summary = true;
	html_host(&page);
	free(rp); /* the source owns what it points to */
	return 0;
}

int s2v_page_write(FILE *f, const struct s2v_daemon *d, const struct s2v_now *now)
{
	struct page p = { .f = f, .d = d, .now = now };

	write_head(f);
	write_verdict(&p);
	write_tiles(&p);
	write_vms(&p);
	write_findings(&p);
	write_daemon_facts(&p);
	if (write_host_sections(&p))
		return -1;
	fputs("</main>\n<footer>s2verify " S2V_VERSION ". As of ", f);
	write_time(f, now->realtime);
	fputs("; reload the page to update it. It loads nothing else.</footer>\n"
	      "</body>\n</html>\n",
	      f);
	return 0;
}
