// SPDX-License-Identifier: BSD-2-Clause
/* SQLite: rows of results and events. Columns are in the order of src/sink/sql/schema.sql. */
#include <string.h>

#include "sink/sqlite.h"
#include "util/util.h"

static struct s2v_sql *to_sql(struct s2v_sink *s)
{
	return (struct s2v_sql *)s;
}

static struct s2v_sql_val error_name(int err)
{
	return err < 0 ? SQL_STR(s2v_errno_name(err)) : SQL_NULL;
}

static void on_host(struct s2v_sink *s, const struct s2v_host *h)
{
	struct s2v_sql *q = to_sql(s);

	SQL_ROW(q, S2V_SQL_HOSTS, SQL_INT(1), SQL_ARRAY(h->kernel), SQL_ARRAY(h->machine),
		SQL_TRI(h->fwb), SQL_TRI(h->dic), SQL_TRI(h->idc),
		SQL_STR(s2v_kvm_mode_name(h->kvm_mode)), SQL_OPT(h->pfnmap_cap >= 0, h->pfnmap_cap),
		SQL_INT(1ULL << (h->page_shift & 63)), SQL_INT(h->s1_calibrated == 1),
		SQL_ARRAY(h->s1_source), SQL_TRI(h->init_icache), SQL_ARRAY(h->init_icache_text),
		SQL_ARRAY(h->lockdown), SQL_ARRAY(h->disagreement));
	for (size_t i = 0; i < h->n_ram; i++)
		SQL_ROW(q, S2V_SQL_RAM, SQL_INT(1), SQL_INT(h->ram[i].start),
			SQL_INT(h->ram[i].end));
}

static void on_hook(struct s2v_sink *s, const struct s2v_hook *k)
{
	SQL_ROW(to_sql(s), S2V_SQL_HOOKS, SQL_STR(s2v_observe_name(k->observe)),
		SQL_ARRAY(k->function), SQL_STR(s2v_method_name(k->method)), SQL_ARRAY(k->reason));
}

static void on_rule(struct s2v_sink *s, const struct s2v_rule_state *r)
{
	SQL_ROW(to_sql(s), S2V_SQL_RULES, SQL_STR(r->rule->name),
		SQL_STR(s2v_severity_name(r->rule->severity)), SQL_INT(r->rule->severity),
		SQL_OPT(r->coverage != S2V_NOT_APPLICABLE, r->coverage == S2V_COVERED),
		SQL_ARRAY(r->reason), SQL_STR(r->rule->fires));
}

/* ---- events ---- */

static void on_slot(struct s2v_sql *q, const struct s2v_ev_slot *e, __u64 time)
{
	SQL_ROW(q, S2V_SQL_REGISTRATIONS, SQL_NULL, SQL_INT(time), SQL_INT(e->h.vm),
		SQL_INT(e->slot), SQL_INT(e->gen), SQL_STR(s2v_slot_change_name(e->change)),
		SQL_INT(e->gpa), SQL_INT(e->size), SQL_INT(e->hva), SQL_INT(e->flags),
		error_name(e->err));
}

static void on_page(struct s2v_sql *q, const struct s2v_ev_page *e, __u64 time)
{
	__u32 s1 = s2v_vma_s1(&e->vma);

	if (e->h.type == S2V_EV_FAULT) {
		SQL_ROW(q, S2V_SQL_FAULTS, SQL_NULL, SQL_INT(time), SQL_INT(e->h.vm),
			SQL_OPT(e->vcpu >= 0, e->vcpu), SQL_OPT(e->slot != S2V_NO_SLOT, e->slot),
			SQL_INT(e->gpa), SQL_INT(e->hva), SQL_OPT(e->pa != S2V_NO_PA, e->pa),
			SQL_INT(e->size), SQL_ATTR(s1), error_name(e->err), SQL_INT(e->count),
			SQL_OPT(e->dur, e->dur));
		return;
	}
	SQL_ROW(q, S2V_SQL_MAPS, SQL_NULL, SQL_INT(time), SQL_INT(e->h.vm),
		SQL_OPT(e->vcpu >= 0, e->vcpu), SQL_STR(e->h.type == S2V_EV_MAP ? "map" : "perm"),
		SQL_OPT(e->slot != S2V_NO_SLOT, e->slot), SQL_INT(e->gpa), SQL_INT(e->hva),
		SQL_OPT(e->pa != S2V_NO_PA, e->pa), SQL_INT(e->size), SQL_ATTR(s1), SQL_ATTR(e->s2),
		SQL_INT(e->h.type == S2V_EV_MAP && s2v_attr_conflict(s1, e->s2)),
		SQL_INT(!!(e->flags & S2V_PG_EXEC)), SQL_INT(!!(e->flags & S2V_PG_WRITE)),
		error_name(e->err), SQL_INT(e->count));
}

static void on_leaves(struct s2v_sql *q, const struct s2v_ev_leaves *e, __u64 time)
{
	SQL_ROW(q, S2V_SQL_MAPS, SQL_NULL, SQL_INT(time), SQL_INT(e->h.vm), SQL_NULL,
		SQL_STR("leaf"), SQL_INT(e->slot), SQL_INT(e->gpa), SQL_INT(e->hva),
		SQL_OPT(e->pa != S2V_NO_PA, e->pa), SQL_INT(e->size), SQL_ATTR(e->s1),
		SQL_ATTR(e->s2), SQL_INT(s2v_attr_conflict(e->s1, e->s2)),
		SQL_INT(!!(e->flags & S2V_LF_EXEC)), SQL_INT(!!(e->flags & S2V_LF_WRITE)), SQL_NULL,
		SQL_INT(e->leaves));
}

static void on_guest(struct s2v_sql *q, const struct s2v_ev_guest *e, __u64 time)
{
	SQL_ROW(q, S2V_SQL_GUEST_RANGES, SQL_NULL, SQL_INT(time), SQL_INT(e->h.vm),
		SQL_INT(e->slot), SQL_INT(e->gen), SQL_INT(e->gpa), SQL_INT(e->size),
		SQL_INT(e->bytes), SQL_INT(e->alias), SQL_INT(e->va), SQL_INT(e->vcpu),
		SQL_STR(s2v_attr_name(e->attr)));
}

static void on_event(struct s2v_sink *s, const struct s2v_ev_hdr *ev, const struct s2v_vm_ref *vm,
		     __u64 time)
{
	struct s2v_sql *q = to_sql(s);

	switch (ev->type) {
	case S2V_EV_VM_NEW:
		s2v_sql_vm(q, vm, !!((const struct s2v_ev_vm *)ev)->preexisting, time, 0);
		return;
	case S2V_EV_VM_DEAD:
		s2v_sql_vm(q, vm, -1, 0, time);
		return;
	}
	s2v_sql_vm(q, vm, -1, 0, 0);
	switch (ev->type) {
	case S2V_EV_SLOT:
		on_slot(q, (const struct s2v_ev_slot *)ev, time);
		break;
	case S2V_EV_MAP:
	case S2V_EV_PERM:
	case S2V_EV_FAULT:
		on_page(q, (const struct s2v_ev_page *)ev, time);
		break;
	case S2V_EV_LEAVES:
		on_leaves(q, (const struct s2v_ev_leaves *)ev, time);
		break;
	case S2V_EV_GUEST:
		on_guest(q, (const struct s2v_ev_guest *)ev, time);
		break;
	case S2V_EV_UNMAP: {
		const struct s2v_ev_reset *e = (const struct s2v_ev_reset *)ev;

		SQL_ROW(q, S2V_SQL_UNMAPS, SQL_NULL, SQL_INT(time), SQL_INT(ev->vm),
			SQL_OPT(e->vcpu >= 0, e->vcpu), SQL_INT(e->mapped), SQL_INT(e->dur));
		break;
	}
	}
}

/* ---- results ---- */

/* Names of flags, separated by commas. */
struct flags {
	char names[256];
};

static void on_finding(struct s2v_sink *s, const struct s2v_finding *f)
{
	bool slot = f->slot.id != S2V_NO_SLOT;

	s2v_sql_vm(to_sql(s), &f->vm, -1, 0, 0);
	SQL_ROW(to_sql(s), S2V_SQL_FINDINGS, SQL_INT(f->id), SQL_STR(f->rule->name),
		SQL_STR(s2v_severity_name(s2v_finding_severity(f))),
		SQL_INT(s2v_finding_severity(f)), SQL_INT(f->time), SQL_INT(f->vm.id),
		SQL_OPT(f->vcpu >= 0, f->vcpu), SQL_OPT(slot, f->slot.id),
		SQL_OPT(slot, f->slot.gpa), SQL_OPT(slot, f->slot.size), SQL_OPT(slot, f->slot.hva),
		SQL_OPT(f->has_page, f->gpa), SQL_OPT(f->has_page, f->gpa_last),
		SQL_OPT(f->has_page, f->size), SQL_OPT(f->has_page, f->hva),
		SQL_OPT(f->has_page && f->pa != S2V_NO_PA, f->pa), SQL_ATTR(f->s1),
		f->s1 ? SQL_STR(s2v_source_name(f->s1_source)) : SQL_NULL, SQL_ATTR(f->s1_vma),
		SQL_ATTR(f->s2), f->s2 ? SQL_STR(s2v_source_name(f->s2_source)) : SQL_NULL,
		error_name(f->err), SQL_STR(f->at), SQL_INT(f->count), SQL_ARRAY(f->explain),
		SQL_OPT(f->has_page, f->gpa_low), SQL_OPT(f->has_page, f->gpa_end - 1),
		SQL_OPT(f->has_page, f->bytes), SQL_ATTR(f->guest), SQL_OPT(f->guest, f->guest_va),
		SQL_OPT(f->guest, f->guest_alias));
}

static void add_flag(void *arg, const char *name, const char *words)
{
	struct flags *x = arg;
	size_t n = strlen(x->names);

	(void)words;
	snprintf(x->names + n, sizeof(x->names) - n, "%s%s", n ? "," : "", name);
}

static void on_vcpu(struct s2v_sink *s, const struct s2v_vcpu_row *r)
{
	struct flags x = { "" };

	s2v_vcpu_flags(r->flags, add_flag, &x);
	s2v_sql_vm(to_sql(s), &r->vm, -1, 0, 0);
	SQL_ROW(to_sql(s), S2V_SQL_VCPUS, SQL_INT(r->vm.id), SQL_INT(r->vcpu), SQL_INT(r->time),
		SQL_STR(x.names), SQL_INT(r->sctlr), SQL_INT(r->tcr), SQL_INT(r->mair),
		SQL_INT(r->ttbr0), SQL_INT(r->ttbr1), SQL_INT(r->tables), SQL_INT(r->leaves),
		SQL_INT(r->absent));
}

/* As in JSON: {"normal-wb":4096}. */
static void format_bytes(const struct s2v_guest_bytes *g, char *buf, size_t len)
{
	size_t n = (size_t)snprintf(buf, len, "{");

	for (__u32 i = 0; i < S2V_ATTR_NR; i++)
		if (g->bytes[i] && n < len)
			n += (size_t)snprintf(buf + n, len - n, "%s\"%s\":%llu", n > 1 ? "," : "",
					      s2v_attr_name(i), ULL(g->bytes[i]));
	if (n < len)
		snprintf(buf + n, len - n, "}");
}

static void on_memslot(struct s2v_sink *s, const struct s2v_contract_row *r)
{
	char bytes[512];

	format_bytes(&r->guest, bytes, sizeof(bytes));
	s2v_sql_vm(to_sql(s), &r->vm, -1, 0, 0);
	SQL_ROW(to_sql(s), S2V_SQL_MEMSLOTS, SQL_INT(r->vm.id), SQL_INT(r->id),
		SQL_INT(r->readonly), SQL_INT(r->gpa), SQL_INT(r->size), SQL_INT(r->hva),
		SQL_STR(r->backing), r->name[0] ? SQL_ARRAY(r->name) : SQL_NULL,
		r->driver[0] ? SQL_ARRAY(r->driver) : SQL_NULL, SQL_ATTR(r->s1), SQL_ATTR(r->s2),
		SQL_INT(r->s2_mixed), SQL_TRI(r->write_back_guaranteed),
		SQL_STR(s2v_cmo_name(r->vmm_cmo)), SQL_TRI(r->needs_s2fwb), SQL_INT(r->gone),
		r->guest_walked ? SQL_STR(bytes) : SQL_NULL,
		SQL_OPT(r->guest_walked, r->guest.alias),
		r->guest_walked ? SQL_STR(s2v_cmo_name(r->vmm_cmo_now)) : SQL_NULL);
}

static void on_reset(struct s2v_sink *s, const struct s2v_reset *r)
{
	s2v_sql_vm(to_sql(s), &r->vm, -1, 0, 0);
	SQL_ROW(to_sql(s), S2V_SQL_RESETS, SQL_NULL, SQL_INT(r->time), SQL_INT(r->vm.id),
		SQL_INT(r->vcpus), SQL_INT(r->inits), SQL_INT(r->unmaps), SQL_INT(r->redundant),
		SQL_INT(r->unmap_ns), SQL_INT(r->longest_unmap_ns),
		SQL_OPT(r->pages_known, r->unmapped_bytes), SQL_INT(r->refaults),
		SQL_INT(r->refault_ns), SQL_INT(r->window_ns),
		SQL_STR(s2v_reset_verdict_name(r->verdict)), SQL_INT(r->avoidable_ns));
}

static void on_reset_total(struct s2v_sink *s, const struct s2v_reset_total *t)
{
	s2v_sql_vm(to_sql(s), &t->vm, -1, 0, 0);
	SQL_ROW(to_sql(s), S2V_SQL_RESET_TOTALS, SQL_INT(t->vm.id), SQL_INT(t->resets),
		SQL_INT(t->unmap_ns), SQL_INT(t->refault_ns), SQL_INT(t->tax_ns),
		SQL_INT(t->avoidable_ns), SQL_STR(t->advice));
}

static void on_summary(struct s2v_sink *s, const struct s2v_summary *sum)
{
	struct s2v_sql *q = to_sql(s);
	const struct {
		const char *key;
		__u64 n;
	} meta[] = {
		{ "complete", sum->complete },
		{ "vms", sum->vms },
		{ "preexisting_vms", sum->preexisting },
		{ "faults", sum->cnt[S2V_CNT_FAULTS] },
		{ "lost", sum->lost },
		{ "unreadable", sum->unreadable },
		{ "unmapped", sum->unmapped },
		{ "missed_probes", sum->missed_probes },
		{ "fwb_disagrees", sum->fwb_disagrees },
		{ "duration_ns", sum->duration_ns },
	};

	q->has_summary = true;
	for (size_t i = 0; i < S2V_ARRAY_SIZE(meta); i++)
		SQL_ROW(q, S2V_SQL_META, SQL_STR(meta[i].key), SQL_INT(meta[i].n));
	SQL_ROW(q, S2V_SQL_META, SQL_STR("incomplete"), SQL_ARRAY(sum->incomplete));
	for (__u32 s1 = 0; s1 < S2V_ATTR_NR; s1++)
		for (__u32 s2 = 0; s2 < S2V_ATTR_NR; s2++)
			if (sum->maps[s1][s2])
				SQL_ROW(q, S2V_SQL_MAP_TOTALS, SQL_STR(s2v_attr_name(s1)),
					SQL_STR(s2v_attr_name(s2)),
					SQL_INT(s2v_attr_conflict(s1, s2)),
					SQL_INT(sum->maps[s1][s2]));
}

void s2v_sql_rows(struct s2v_sink *s)
{
	s->host = on_host;
	s->hook = on_hook;
	s->rule = on_rule;
	s->event = on_event;
	s->finding = on_finding;
	s->vcpu = on_vcpu;
	s->memslot = on_memslot;
	s->reset = on_reset;
	s->reset_total = on_reset_total;
	s->summary = on_summary;
}
