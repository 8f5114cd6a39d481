// SPDX-License-Identifier: BSD-2-Clause
/* The report's VMs: a table of all; for each VM drawings and tables of its memslots. */
#include <stdlib.h>

#include "report/html.h"
#include "util/util.h"

#define MAX_DRAWN 256 /* memslots of one VM; those with findings or unsafe ranges first */
#define MAX_LISTED 100 /* findings of one VM */
#define MAX_OPEN 3 /* VMs that are unfolded at first */

static __u64 memory_of(const struct s2v_rp_vm *vm)
{
	__u64 n = 0;

	for (const struct s2v_rp_slot *s = vm->slots; s; s = s->hh.next)
		n += s->size;
	return n;
}

static __u64 ranges_of(const struct s2v_rp_vm *vm)
{
	__u64 n = 0;

	for (const struct s2v_rp_slot *s = vm->slots; s; s = s->hh.next)
		n += s->n_range + s->more_ranges;
	for (const struct s2v_rp_slot *s = vm->gone; s; s = s->next)
		n += s->n_range + s->more_ranges;
	return n;
}

static __u64 findings_of(const struct s2v_rp_vm *vm)
{
	__u64 n = 0;

	for (int i = 0; i < S2V_SEVERITY_NR; i++)
		n += vm->findings[i];
	return n;
}

static void table_row(FILE *f, const struct s2v_rp_vm *vm)
{
	int worst = html_worst(vm);

	fprintf(f, "<tr data-vm=\"%u\" data-worst=\"%d\"><td data-sort=\"%d\">", vm->id, worst,
		worst);
	html_severity(f, worst);
	fprintf(f, "</td><th scope=\"row\" data-sort=\"%u\"><a href=\"#vm-%u\">", vm->id, vm->id);
	html_vm(f, &vm->ref);
	fputs("</a></th>", f);
	fprintf(f, "<td class=\"n\">%llu</td><td class=\"n\">", ULL(findings_of(vm)));
	html_num(f, vm->unsafe_maps);
	fprintf(f, "</td><td class=\"n\" data-sort=\"%llu\">", ULL(vm->unsafe_bytes));
	html_size(f, vm->unsafe_bytes);
	fprintf(f, "</td><td class=\"n\" data-sort=\"%llu\">", ULL(memory_of(vm)));
	html_size(f, memory_of(vm));
	fprintf(f, "</td><td class=\"n\">%u</td><td class=\"n\">", HASH_COUNT(vm->slots));
	html_num(f, vm->faults);
	fputs("</td><td class=\"n\">", f);
	html_num(f, vm->sum.resets);
	fprintf(f, "</td><td class=\"n\" data-sort=\"%llu\">", ULL(vm->total.tax_ns));
	html_ns(f, vm->total.tax_ns);
	fprintf(f, "</td><td>%s%s</td></tr>\n", vm->dead ? "ended" : "running",
		vm->preexisting ? ", existed before the run" : "");
}

static void table(const struct html_page *p)
{
	static const char *const heads[] = {
		"Worst",	 "VM",	       "Findings",   "Incoherent mappings",
		"Unsafe memory", "All memory", "Memslots",   "Faults",
		"Resets",	 "Reset cost", "At the end",
	};
	FILE *f = p->f;

	fputs("<p id=\"filter\" hidden><label>Find <input type=\"search\" id=\"find\" "
	      "placeholder=\"name, pid, driver, address\"></label> <label><input "
	      "type=\"checkbox\" id=\"only-bad\"> only with findings</label> <span id=\"shown\" "
	      "role=\"status\"></span></p>\n"
	      "<div class=\"scroll tall\" tabindex=\"0\" role=\"region\" aria-label=\"All VMs\"><table "
	      "id=\"vm-table\" class=\"sortable\"><thead><tr>",
	      f);
	for (size_t i = 0; i < S2V_ARRAY_SIZE(heads); i++)
		fprintf(f, "<th scope=\"col\">%s</th>", heads[i]);
	fputs("</tr></thead>\n<tbody>\n", f);
	for (__u32 i = 0; i < p->n_vm; i++)
		table_row(f, p->vm[i]);
	fputs("</tbody></table></div>\n", f);
	if (p->rp->more_vms) {
		fputs("<p class=\"limit\">Not listed: ", f);
		html_count(f, p->rp->more_vms, "event or result", "events and results");
		fprintf(f, " of VMs after the first %d.</p>\n", S2V_RP_VMS);
	}
}

/* ---- one VM ---- */

static bool is_past(const struct s2v_rp_slot *s)
{
	return s->gone || s->err;
}

static int by_weight(const void *pa, const void *pb)
{
	const struct s2v_rp_slot *a = *(struct s2v_rp_slot *const *)pa;
	const struct s2v_rp_slot *b = *(struct s2v_rp_slot *const *)pb;
	int wa = a->n_range ? S2V_SEVERITY_NR : a->worst,
	    wb = b->n_range ? S2V_SEVERITY_NR : b->worst;

	if (wa != wb)
		return wa > wb ? -1 : 1;
	if (is_past(a) != is_past(b))
		return is_past(a) ? 1 : -1;
	return a->gpa < b->gpa ? -1 : a->gpa > b->gpa;
}

static int by_address(const void *pa, const void *pb)
{
	const struct s2v_rp_slot *a = *(struct s2v_rp_slot *const *)pa;
	const struct s2v_rp_slot *b = *(struct s2v_rp_slot *const *)pb;

	if (is_past(a) != is_past(b))
		return is_past(a) ? 1 : -1;
	if (a->gpa != b->gpa)
		return a->gpa < b->gpa ? -1 : 1;
	return a->gen < b->gen ? -1 : a->gen > b->gen;
}

/* The *n memslots to show; numbers them. To be freed. NULL: out of memory. */
static struct s2v_rp_slot **pick(struct s2v_rp_vm *vm, size_t *n)
{
	struct s2v_rp_slot **a = calloc((size_t)vm->n_slots + 1, sizeof(struct s2v_rp_slot *));
	size_t i = 0;

	if (!a)
		return NULL;
	for (struct s2v_rp_slot *s = vm->slots; s; s = s->hh.next)
		a[i++] = s;
	for (struct s2v_rp_slot *s = vm->gone; s; s = s->next)
		a[i++] = s;
	*n = i;
	qsort(a, *n, sizeof(*a), by_weight);
	if (*n > MAX_DRAWN)
		*n = MAX_DRAWN;
	qsort(a, *n, sizeof(*a), by_address);
	for (i = 0; i < *n; i++)
		a[i]->nr = (__u32)i + 1;
	return a;
}

static const char *tri(int v)
{
	return v == S2V_YES ? "yes" : v == S2V_NO ? "no" : "?";
}

static void name_cell(FILE *f, const struct s2v_contract_row *r)
{
	fputs("<td>", f);
	if (r->driver[0])
		html_bytes(f, r->driver, sizeof(r->driver));
	if (r->driver[0] && r->name[0])
		fputs(", ", f);
	if (r->name[0])
		html_bytes(f, r->name, sizeof(r->name));
	else if (!r->driver[0])
		fputs("–", f);
	fputs("</td>", f);
}

static void state_cell(FILE *f, const struct s2v_rp_slot *s)
{
	if (s->err)
		fprintf(f, "<td>refused, %s</td>", s2v_errno_name(s->err));
	else if (s->gone)
		fputs("<td>gone</td>", f);
	else
		fprintf(f, "<td>registered%s</td>",
			s->flags & S2V_MEM_READONLY ? ", read-only" : "");
}

static void backing_row(FILE *f, const struct s2v_rp_vm *vm, const struct s2v_rp_slot *s,
			const struct s2v_rp_backing *b, __u32 nr)
{
	const struct s2v_contract_row *r = &b->row;
	bool unsafe = b->judged && r->vmm_cmo == S2V_CMO_UNSAFE;

	fprintf(f,
		"<tr%s id=\"vm-%u-s%u-t%u\"><th scope=\"row\">%d</th><td><code>0x%llx</code></td><td "
		"class=\"n\">",
		unsafe ? " class=\"bad\"" : "", vm->id, s->nr, nr, s->id, ULL(r->gpa));
	html_size(f, r->size);
	fprintf(f, "</td><td><code>0x%llx</code></td><td>%s</td>", ULL(r->hva), r->backing);
	name_cell(f, r);
	fprintf(f, "<td>%s</td>", r->s1 == S2V_ATTR_NONE ? "?" : s2v_attr_name(r->s1));
	if (!b->judged)
		fputs("<td>–</td>", f);
	else
		fprintf(f, "<td>%s%s</td>",
			r->s2 == S2V_ATTR_NONE ? "not mapped" : s2v_attr_name(r->s2),
			r->s2_mixed ? ", others too" : "");
	html_guest_type_cell(f, vm, b);
	if (!b->judged)
		fputs("<td>–</td><td>–</td>", f);
	else
		fprintf(f, "<td>%s</td><td>%s%s</td>", tri(r->write_back_guaranteed),
			unsafe ? "▲ " : "",
			r->vmm_cmo == S2V_CMO_UNKNOWN ? "?" : s2v_cmo_name(r->vmm_cmo));
	html_guest_cmo_cell(f, vm, b);
	fprintf(f, "<td>%s</td>", b->judged ? tri(r->needs_s2fwb) : "–");
	state_cell(f, s);
	fputs("</tr>\n", f);
}

static void slot_table(FILE *f, const struct s2v_rp_vm *vm, struct s2v_rp_slot *const *slot,
		       size_t n)
{
	static const struct {
		const char *name;
		bool guest; /* only where an audit looked at the guest's own stage 1 */
	} heads[] = {
		{ "Slot", false },	{ "GPA", false },     { "Size", false },
		{ "HVA", false },	{ "Backing", false }, { "Driver or file", false },
		{ "Stage 1", false },	{ "Stage 2", false }, { "Guest", true },
		{ "WB", false },	{ "CMO", false },     { "CMO now", true },
		{ "Needs FWB", false }, { "State", false },
	};
	int columns = 0;

	fprintf(f,
		"<h4>Memslots and the coherence contract</h4><div class=\"scroll\" tabindex=\"0\" "
		"role=\"region\" aria-label=\"Memslots of VM %u\"><table><thead><tr>",
		vm->id);
	for (size_t i = 0; i < S2V_ARRAY_SIZE(heads); i++) {
		if (heads[i].guest && !vm->n_vcpus)
			continue;
		fprintf(f, "<th scope=\"col\">%s</th>", heads[i].name);
		columns++;
	}
	fputs("</tr></thead><tbody>\n", f);
	for (size_t i = 0; i < n; i++) {
		for (__u32 k = 0; k < slot[i]->n_backing; k++)
			backing_row(f, vm, slot[i], &slot[i]->backing[k], k + 1);
		if (!slot[i]->n_backing) {
			struct s2v_rp_backing none = { .row = { .gpa = slot[i]->gpa,
								.size = slot[i]->size,
								.hva = slot[i]->hva,
								.backing = "?" } };

			backing_row(f, vm, slot[i], &none, 1);
		}
		if (slot[i]->more_backings) {
			fprintf(f, "<tr><td colspan=\"%d\" class=\"limit\">", columns);
			html_count(f, slot[i]->more_backings, "more part", "more parts");
			fprintf(f, " of memslot %d</td></tr>\n", slot[i]->id);
		}
	}
	fputs("</tbody></table></div>\n<p class=\"key\">WB: whether Write-Back is guaranteed at stage 2. "
	      "CMO: cache maintenance that the VMM must do. Needs FWB: whether coherence depends on "
	      "S2FWB.",
	      f);
	if (vm->n_vcpus)
		fputs(" Guest: the weakest memory type by the guest's own stage 1. CMO now: what the VMM "
		      "must do as long as the guest maps it so.",
		      f);
	fputs("</p>\n", f);
}

/* The finding of the range's memslot, of the rule that its attributes break; NULL: none is kept. */
static const struct s2v_rp_finding *
finding_of(const struct s2v_rp_vm *vm, const struct s2v_rp_slot *s, const struct s2v_rp_range *r)
{
	enum s2v_rule_id rule = s2v_attr_is_cacheable(r->s1) ? S2V_RULE_S2_NONCACHEABLE
							     : S2V_RULE_S2_CACHEABLE;

	for (const struct s2v_rp_finding *k = vm->first; k; k = k->next)
		if (k->slot == s && k->f.rule->id == rule)
			return k;
	return NULL;
}

static void range_row(FILE *f, const struct s2v_rp_vm *vm, const struct s2v_rp_slot *s, __u32 i)
{
	const struct s2v_rp_range *r = &s->range[i];
	const struct s2v_rp_finding *k = finding_of(vm, s, r);
	const struct s2v_rp_backing *b = s2v_rp_backing_at(s, r->gpa);

	fprintf(f, "<tr class=\"bad\" id=\"vm-%u-s%u-r%u\"", vm->id, s->nr, i + 1);
	if (k)
		fprintf(f, " data-why=\"why-%llu\"", ULL(k->f.id));
	fprintf(f, "><th scope=\"row\"><code>0x%llx</code></th><td class=\"n\">", ULL(r->gpa));
	html_size(f, r->end - r->gpa);
	fprintf(f, "</td><td>%d</td><td class=\"n\">", s->id);
	html_num(f, r->count);
	fprintf(f, "</td><td><code>0x%llx</code></td><td>", ULL(r->hva));
	if (r->pa != S2V_NO_PA)
		fprintf(f, "<code>0x%llx</code>", ULL(r->pa));
	else
		fputs("not known", f);
	fprintf(f, "</td><td>%s</td><td>%s</td>", s2v_attr_name(r->s1), s2v_attr_name(r->s2));
	if (b)
		name_cell(f, &b->row);
	else
		fputs("<td>?</td>", f);
	if (k)
		fprintf(f, "<td><a href=\"#f-%llu\">%s #%llu</a></td></tr>\n", ULL(k->f.id),
			k->f.rule->name, ULL(k->f.id));
	else
		fputs("<td>–</td></tr>\n", f);
}

static void range_table(FILE *f, const struct s2v_rp_vm *vm, struct s2v_rp_slot *const *slot,
			size_t n)
{
	if (!ranges_of(vm))
		return;
	fprintf(f,
		"<h4>Unsafe ranges</h4><div class=\"scroll\" tabindex=\"0\" role=\"region\" "
		"aria-label=\"Unsafe ranges of VM %u\"><table><thead><tr><th scope=\"col\">GPA</th><th "
		"scope=\"col\">Size</th><th scope=\"col\">Memslot</th><th "
		"scope=\"col\">Mappings</th><th scope=\"col\">HVA</th><th scope=\"col\">PA</th><th "
		"scope=\"col\">Stage 1 (host)</th><th scope=\"col\">Stage 2</th><th "
		"scope=\"col\">Driver or file</th><th scope=\"col\">Finding</th></tr></thead><tbody>\n",
		vm->id);
	for (size_t i = 0; i < n; i++) {
		for (__u32 k = 0; k < slot[i]->n_range; k++)
			range_row(f, vm, slot[i], k);
		if (slot[i]->more_ranges) {
			fputs("<tr><td colspan=\"10\" class=\"limit\">Not listed: ", f);
			html_count(f, slot[i]->more_ranges, "more unsafe mapping",
				   "more unsafe mappings");
			fprintf(f, " of memslot %d; its bar shows where, approximately</td></tr>\n",
				slot[i]->id);
		}
	}
	fputs("</tbody></table></div>\n", f);
}

static void vm_summary(FILE *f, const struct s2v_rp_vm *vm)
{
	fputs("<summary>", f);
	html_severity(f, html_worst(vm));
	fputs(" <b>", f);
	html_vm(f, &vm->ref);
	fputs("</b> <span class=\"facts\">", f);
	html_size(f, memory_of(vm));
	fputs(" in ", f);
	html_count(f, HASH_COUNT(vm->slots), "memslot", "memslots");
	if (ranges_of(vm)) {
		fputs(", ", f);
		html_count(f, ranges_of(vm), "unsafe range", "unsafe ranges");
		fputs(" (", f);
		html_size(f, vm->unsafe_bytes);
		fputs(")", f);
	}
	fputs(", ", f);
	html_count(f, vm->faults, "fault", "faults");
	if (vm->sum.resets) {
		fputs(", ", f);
		html_count(f, vm->sum.resets, "reset", "resets");
	}
	fputs("</span></summary>\n", f);
}

static void vm_findings(FILE *f, const struct s2v_rp_vm *vm)
{
	unsigned int n = 0;

	if (!vm->first)
		return;
	fputs("<h4>Findings</h4><ul class=\"vm-findings\">\n", f);
	for (const struct s2v_rp_finding *k = vm->first; k && n < MAX_LISTED; k = k->next, n++) {
		fputs("<li>", f);
		html_severity(f, (int)s2v_finding_severity(&k->f));
		fprintf(f, " <a href=\"#f-%llu\">#%llu</a> ", ULL(k->f.id), ULL(k->f.id));
		html_finding_place(f, k);
		fprintf(f, "<p class=\"why\" id=\"why-%llu\">", ULL(k->f.id));
		html_bytes(f, k->f.explain, sizeof(k->f.explain));
		fputs("</p></li>\n", f);
	}
	fputs("</ul>", f);
	if (findings_of(vm) > n) {
		fputs("<p class=\"limit\">Not listed here: ", f);
		html_count(f, findings_of(vm) - n, "more finding", "more findings");
		fputs(" of this VM.</p>\n", f);
	}
}

static void one_vm(const struct html_page *p, struct s2v_rp_vm *vm, bool open)
{
	struct s2v_rp_slot **slot;
	size_t n = 0;

	fprintf(p->f, "<details class=\"vm\" id=\"vm-%u\" data-vm=\"%u\" data-worst=\"%d\"%s>",
		vm->id, vm->id, html_worst(vm), open ? " open" : "");
	vm_summary(p->f, vm);
	slot = pick(vm, &n);
	if (slot && n) {
		html_space(p->f, vm, slot, n);
		vm_findings(p->f, vm);
		range_table(p->f, vm, slot, n);
		slot_table(p->f, vm, slot, n);
		html_guest_tables(p->f, vm, slot, n);
	} else {
		fputs(slot ? "<p>No memslot of this VM was seen.</p>"
			   : "<p class=\"limit\">Out of memory: its memslots are not shown.</p>",
		      p->f);
		vm_findings(p->f, vm);
	}
	if (vm->n_slots + vm->more_slots > n) {
		fputs("<p class=\"limit\">Not shown: ", p->f);
		html_count(p->f, vm->n_slots + vm->more_slots - n, "more registration",
			   "more registrations");
		fputs(" of memslots, without findings or after too many others.</p>\n", p->f);
	}
	free(slot);
	fputs("</details>\n", p->f);
}

void html_vms(const struct html_page *p)
{
	fputs("<section id=\"vms\"><h2>VMs</h2>\n", p->f);
	if (!p->n_vm)
		fputs("<p>No VM was seen.</p>\n", p->f);
	else
		table(p);
	fputs("<h3>Guest memory, VM by VM</h3>\n"
	      "<ul class=\"legend\" aria-label=\"Signs\">"
	      "<li><svg><rect class=\"ground\"/><rect class=\"m wb\"/></svg> Write-Back on both sides"
	      "<li><svg><rect class=\"ground\"/><rect class=\"m nc\"/></svg> uncached on both sides"
	      "<li><svg><rect class=\"ground\"/><rect class=\"m both\"/></svg> both kinds"
	      "<li><svg><rect class=\"ground\"/><rect class=\"m unclear\"/></svg> one side not known"
	      "<li><svg><rect class=\"ground\"/></svg> registered, no mapping seen"
	      "<li><svg><rect class=\"ground\"/><rect class=\"m unsafe\"/></svg> ▼ unsafe: the sides "
	      "conflict"
	      "<li><svg><path class=\"mark critical\" d=\"M7 12H17L12 2Z\"/></svg> a finding</ul>\n",
	      p->f);
	html_guest_legend(p);
	for (__u32 i = 0; i < p->n_vm; i++)
		one_vm(p, p->vm[i], i < MAX_OPEN && html_worst(p->vm[i]) >= S2V_HIGH);
	fputs("</section>\n", p->f);
}
