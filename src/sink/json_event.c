// SPDX-License-Identifier: BSD-2-Clause
/* NDJSON: events (trace --all) and the summary. */
#include "sink/json.h"

struct flag_name {
	__u32 bit;
	const char *name;
};

static const struct flag_name slot_flags[] = {
	{ S2V_MEM_LOG_DIRTY_PAGES, "log-dirty-pages" },
	{ S2V_MEM_READONLY, "readonly" },
	{ S2V_MEM_GUEST_MEMFD, "guest_memfd" },
};

static const struct flag_name vma_flags[] = {
	{ S2V_VMA_PFNMAP, "pfnmap" },	 { S2V_VMA_MIXEDMAP, "mixedmap" },
	{ S2V_VMA_HUGETLB, "hugetlb" },	 { S2V_VMA_ANY_UNCACHED, "allow-any-uncached" },
	{ S2V_VMA_SHARED, "shared" },	 { S2V_VMA_FILE, "file" },
	{ S2V_VMA_GMEM, "guest_memfd" },
};

static const struct flag_name page_flags[] = {
	{ S2V_PG_EXEC, "exec" },
	{ S2V_PG_WRITE, "write" },
	{ S2V_PG_FIRST, "first" },
	{ S2V_PG_ALL, "all" },
	{ S2V_PG_NO_SLOT, "no-slot" },
	{ S2V_PG_NO_VMA, "no-vma" },
	{ S2V_PG_NO_PTE, "no-pte" },
	{ S2V_PG_HCR, "hcr" },
	{ S2V_PG_FWB, "fwb" },
	{ S2V_PG_PA_DIFFERS, "pa-differs" },
	{ S2V_PG_ABSENT, "absent" },
	{ S2V_PG_PROT, "prot" },
	{ S2V_PG_VMA_READ, "vma-read" },
	{ S2V_PG_VMA_WRITE, "vma-write" },
	{ S2V_PG_PTE_WRITE, "pte-write" },
};

static void put_flags(struct s2v_json *j, json_object *to, const struct flag_name *names, size_t n,
		      __u32 flags)
{
	json_object *a = s2v_json_array(j, to, "flags");

	for (size_t i = 0; i < n; i++) {
		if (flags & names[i].bit)
			s2v_json_append(j, a, json_object_new_string(names[i].name));
	}
}

static void put_vma(struct s2v_json *j, const struct s2v_vma *v)
{
	json_object *o;

	if (v->start == v->end && !v->flags)
		return; /* nothing mapped there, or not read */
	o = s2v_json_sub(j, j->o, "vma");
	s2v_json_hex(j, o, "start", v->start);
	s2v_json_hex(j, o, "end", v->end);
	put_flags(j, o, vma_flags, S2V_ARRAY_SIZE(vma_flags), v->flags);
	if (v->attr != S2V_ATTR_NONE)
		s2v_json_str(j, o, "attr", s2v_attr_name(v->attr));
	if (v->pte_attr != S2V_ATTR_NONE)
		s2v_json_str(j, o, "pte_attr", s2v_attr_name(v->pte_attr));
}

static void put_slot_event(struct s2v_json *j, const struct s2v_ev_slot *e)
{
	s2v_json_int(j, j->o, "slot", e->slot);
	s2v_json_num(j, j->o, "as_id", e->as_id);
	s2v_json_num(j, j->o, "gen", e->gen);
	s2v_json_str(j, j->o, "change", s2v_slot_change_name(e->change));
	s2v_json_hex(j, j->o, "gpa", e->gpa);
	s2v_json_num(j, j->o, "size", e->size);
	s2v_json_hex(j, j->o, "hva", e->hva);
	put_flags(j, j->o, slot_flags, S2V_ARRAY_SIZE(slot_flags), e->flags);
	s2v_json_bool(j, j->o, "vm_mte", e->vm_mte);
	s2v_json_num(j, j->o, "runs", e->runs);
	s2v_json_num(j, j->o, "vmas", e->vmas);
	s2v_json_num(j, j->o, "unread", e->unread);
	if (e->err)
		s2v_json_errno(j, j->o, "errno", e->err);
}

static void put_vma_event(struct s2v_json *j, const struct s2v_ev_vma *e)
{
	s2v_json_int(j, j->o, "slot", e->slot);
	s2v_json_num(j, j->o, "as_id", e->as_id);
	s2v_json_num(j, j->o, "gen", e->gen);
	put_vma(j, &e->vma);
	if (e->pa != S2V_NO_PA)
		s2v_json_hex(j, j->o, "pa", e->pa);
	if (e->name[0])
		s2v_json_bytes(j, j->o, "name", e->name, sizeof(e->name));
	if (e->driver[0])
		s2v_json_bytes(j, j->o, "driver", e->driver, sizeof(e->driver));
}

static void put_page_event(struct s2v_json *j, const struct s2v_ev_page *e)
{
	if (e->vcpu >= 0)
		s2v_json_int(j, j->o, "vcpu", e->vcpu);
	if (e->slot != S2V_NO_SLOT) {
		json_object *o = s2v_json_sub(j, j->o, "memslot");

		s2v_json_int(j, o, "id", e->slot);
		s2v_json_hex(j, o, "gpa", e->slot_gpa);
		s2v_json_num(j, o, "size", e->slot_size);
		s2v_json_hex(j, o, "hva", e->slot_hva);
		s2v_json_num(j, j->o, "as_id", e->as_id);
		s2v_json_num(j, j->o, "gen", e->gen);
	}
	s2v_json_hex(j, j->o, "gpa", e->gpa);
	if (e->gpa_last != e->gpa)
		s2v_json_hex(j, j->o, "gpa_last", e->gpa_last);
	s2v_json_num(j, j->o, "size", e->size);
	if (e->gpa_end) {
		s2v_json_hex(j, j->o, "gpa_low", e->gpa_low);
		s2v_json_hex(j, j->o, "gpa_high", e->gpa_end - 1);
		s2v_json_num(j, j->o, "bytes", e->bytes);
	}
	s2v_json_hex(j, j->o, "hva", e->hva);
	if (e->pa != S2V_NO_PA)
		s2v_json_hex(j, j->o, "pa", e->pa);
	if (e->flags & S2V_PG_PA_DIFFERS) {
		s2v_json_hex(j, j->o, "differs_pa", e->differs_pa);
		s2v_json_hex(j, j->o, "host_pa", e->host_pa);
	}
	if (e->h.type != S2V_EV_FAULT) {
		s2v_json_hex(j, j->o, "prot", e->prot);
		s2v_json_str(j, j->o, "s2", s2v_attr_name(e->s2));
	}
	put_vma(j, &e->vma);
	put_flags(j, j->o, page_flags, S2V_ARRAY_SIZE(page_flags), e->flags);
	s2v_json_num(j, j->o, "count", e->count);
	if (e->h.type == S2V_EV_FAULT) {
		s2v_json_int(j, j->o, "ret", e->err);
		if (e->dur)
			s2v_json_num(j, j->o, "duration_ns", e->dur);
	}
	if (e->err < 0)
		s2v_json_errno(j, j->o, "errno", e->err);
}

static void put_reset_event(struct s2v_json *j, const struct s2v_ev_reset *ev)
{
	s2v_json_num(j, j->o, "seq", ev->seq);
	if (ev->vcpu >= 0)
		s2v_json_int(j, j->o, "vcpu", ev->vcpu);
	if (ev->h.type == S2V_EV_INIT) {
		s2v_json_bool(j, j->o, "ran", ev->ran);
		if (ev->err)
			s2v_json_errno(j, j->o, "errno", ev->err);
	} else if (ev->h.type == S2V_EV_UNMAP) {
		s2v_json_bool(j, j->o, "mapped", ev->mapped);
		s2v_json_num(j, j->o, "duration_ns", ev->dur);
	}
}

static const struct flag_name leaf_flags[] = {
	{ S2V_LF_READ, "read" },
	{ S2V_LF_WRITE, "write" },
	{ S2V_LF_EXEC, "exec" },
	{ S2V_LF_SPECIAL, "special" },
	{ S2V_LF_PA_RUN, "pa-run" },
	{ S2V_LF_PA_SAME, "pa-same" },
	{ S2V_LF_PA_DIFFERS, "pa-differs" },
	{ S2V_LF_ABSENT, "absent" },
	{ S2V_LF_SWAPPED, "swapped" },
	{ S2V_LF_UNREAD, "unread" },
	{ S2V_LF_AGAIN, "again" },
};

static void put_leaves_event(struct s2v_json *j, const struct s2v_ev_leaves *e)
{
	s2v_json_int(j, j->o, "slot", e->slot);
	s2v_json_num(j, j->o, "as_id", e->as_id);
	s2v_json_num(j, j->o, "gen", e->gen);
	s2v_json_hex(j, j->o, "gpa", e->gpa);
	s2v_json_num(j, j->o, "size", e->size);
	s2v_json_hex(j, j->o, "hva", e->hva);
	s2v_json_hex(j, j->o, "pa", e->pa);
	if (e->host_pa != S2V_NO_PA)
		s2v_json_hex(j, j->o, "host_pa", e->host_pa);
	s2v_json_num(j, j->o, "leaves", e->leaves);
	s2v_json_int(j, j->o, "level", e->level);
	if (e->host_level != S2V_NO_LEVEL)
		s2v_json_int(j, j->o, "host_level", e->host_level);
	s2v_json_str(j, j->o, "s1", s2v_attr_name(e->s1));
	s2v_json_str(j, j->o, "s2", s2v_attr_name(e->s2));
	put_flags(j, j->o, leaf_flags, S2V_ARRAY_SIZE(leaf_flags), e->flags);
}

static const struct flag_name audit_flags[] = {
	{ S2V_AU_PROTECTED, "protected" },
	{ S2V_AU_NO_TABLES, "no-tables" },
	{ S2V_AU_GONE, "gone" },
	{ S2V_AU_UNREAD, "unread" },
};

void s2v_json_audit(struct s2v_json *j, const struct s2v_audit_row *r)
{
	put_flags(j, j->o, audit_flags, S2V_ARRAY_SIZE(audit_flags), r->flags);
	s2v_json_num(j, j->o, "shadow_tables", r->shadow);
	s2v_json_num(j, j->o, "leaves", r->leaves);
	s2v_json_num(j, j->o, "rereads", r->rereads);
	s2v_json_num(j, j->o, "steps", r->steps);
	s2v_json_num(j, j->o, "duration_ns", r->dur);
	s2v_json_num(j, j->o, "leaves_per_second", s2v_audit_speed(r));
}

struct flag_array {
	struct s2v_json *j;
	json_object *a;
};

static void put_vcpu_flag(void *arg, const char *name, const char *words)
{
	struct flag_array *f = arg;

	(void)words;
	s2v_json_append(f->j, f->a, json_object_new_string(name));
}

void s2v_json_vcpu(struct s2v_json *j, const struct s2v_vcpu_row *r)
{
	struct flag_array f = { .j = j };

	s2v_json_int(j, j->o, "vcpu", r->vcpu);
	f.a = s2v_json_array(j, j->o, "flags");
	s2v_vcpu_flags(r->flags, put_vcpu_flag, &f);
	s2v_json_hex(j, j->o, "sctlr_el1", r->sctlr);
	s2v_json_hex(j, j->o, "tcr_el1", r->tcr);
	s2v_json_hex(j, j->o, "mair_el1", r->mair);
	s2v_json_hex(j, j->o, "ttbr0_el1", r->ttbr0);
	s2v_json_hex(j, j->o, "ttbr1_el1", r->ttbr1);
	s2v_json_num(j, j->o, "tables", r->tables);
	s2v_json_num(j, j->o, "leaves", r->leaves);
	s2v_json_num(j, j->o, "tables_absent", r->absent);
}

static void put_vcpu_event(struct s2v_json *j, const struct s2v_ev_vcpu *e)
{
	const struct s2v_vcpu_row row = s2v_vcpu_row_of(e);

	s2v_json_vcpu(j, &row);
}

static void put_guest_event(struct s2v_json *j, const struct s2v_ev_guest *e)
{
	s2v_json_int(j, j->o, "slot", e->slot);
	s2v_json_num(j, j->o, "as_id", e->as_id);
	s2v_json_num(j, j->o, "gen", e->gen);
	s2v_json_hex(j, j->o, "gpa", e->gpa);
	s2v_json_num(j, j->o, "size", e->size);
	s2v_json_num(j, j->o, "bytes", e->bytes);
	s2v_json_num(j, j->o, "alias_bytes", e->alias);
	s2v_json_hex(j, j->o, "va", e->va);
	s2v_json_int(j, j->o, "vcpu", e->vcpu);
	s2v_json_str(j, j->o, "attr", s2v_attr_name(e->attr));
	if (e->idle)
		s2v_json_bool(j, j->o, "idle", true);
}

static void put_guest_leaves_event(struct s2v_json *j, const struct s2v_ev_guest_leaves *e)
{
	s2v_json_hex(j, j->o, "va", e->va);
	s2v_json_hex(j, j->o, "ipa", e->ipa);
	s2v_json_num(j, j->o, "size", e->size);
	s2v_json_num(j, j->o, "leaves", e->leaves);
	s2v_json_int(j, j->o, "level", e->level);
	s2v_json_int(j, j->o, "vcpu", e->vcpu);
	s2v_json_str(j, j->o, "attr", s2v_attr_name(e->attr));
}

/* Counts of leaves or maps by (s1, s2). */
static void put_pairs(struct s2v_json *j, const char *key, const __u64 n[S2V_ATTR_NR][S2V_ATTR_NR])
{
	json_object *a = s2v_json_array(j, j->o, key);

	for (__u32 s1 = 0; s1 < S2V_ATTR_NR; s1++) {
		for (__u32 s2 = 0; s2 < S2V_ATTR_NR; s2++) {
			json_object *o;

			if (!n[s1][s2])
				continue;
			o = json_object_new_object();
			s2v_json_str(j, o, "s1", s2v_attr_name(s1));
			s2v_json_str(j, o, "s2", s2v_attr_name(s2));
			s2v_json_num(j, o, "count", n[s1][s2]);
			s2v_json_append(j, a, o);
		}
	}
}

static const char *event_name(__u32 type)
{
	static const char *const names[] = {
		[S2V_EV_VM_NEW] = "vm-new",
		[S2V_EV_VM_DEAD] = "vm-dead",
		[S2V_EV_SLOT] = "memslot",
		[S2V_EV_VMA] = "vma",
		[S2V_EV_MAP] = "map",
		[S2V_EV_PERM] = "perm",
		[S2V_EV_FAULT] = "fault",
		[S2V_EV_CAP] = "cap",
		[S2V_EV_INIT] = "init",
		[S2V_EV_UNMAP] = "unmap",
		[S2V_EV_RUN] = "run",
		[S2V_EV_LEAVES] = "leaves",
		[S2V_EV_AUDIT] = "audit",
		[S2V_EV_HOST_UNMAP] = "host-unmap",
		[S2V_EV_VCPU] = "vcpu",
		[S2V_EV_GUEST] = "guest",
		[S2V_EV_GUEST_LEAVES] = "guest-leaves",
	};

	return type < S2V_ARRAY_SIZE(names) && names[type] ? names[type] : "unknown";
}

void s2v_json_event(struct s2v_json *j, const struct s2v_ev_hdr *ev, const struct s2v_vm_ref *vm,
		    uint64_t time)
{
	s2v_json_str(j, j->o, "event", event_name(ev->type));
	s2v_json_time(j, j->o, "time", time);
	if (vm)
		s2v_json_vm(j, j->o, vm);
	switch (ev->type) {
	case S2V_EV_VM_NEW:
		s2v_json_bool(j, j->o, "preexisting", ((const struct s2v_ev_vm *)ev)->preexisting);
		break;
	case S2V_EV_SLOT:
		put_slot_event(j, (const struct s2v_ev_slot *)ev);
		break;
	case S2V_EV_VMA:
		put_vma_event(j, (const struct s2v_ev_vma *)ev);
		break;
	case S2V_EV_MAP:
	case S2V_EV_PERM:
	case S2V_EV_FAULT:
		put_page_event(j, (const struct s2v_ev_page *)ev);
		break;
	case S2V_EV_LEAVES:
		put_leaves_event(j, (const struct s2v_ev_leaves *)ev);
		break;
	case S2V_EV_VCPU:
		put_vcpu_event(j, (const struct s2v_ev_vcpu *)ev);
		break;
	case S2V_EV_GUEST_LEAVES:
		put_guest_leaves_event(j, (const struct s2v_ev_guest_leaves *)ev);
		break;
	case S2V_EV_GUEST:
		put_guest_event(j, (const struct s2v_ev_guest *)ev);
		break;
	case S2V_EV_CAP:
		s2v_json_int(j, j->o, "cap", ((const struct s2v_ev_cap *)ev)->cap);
		s2v_json_int(j, j->o, "ret", ((const struct s2v_ev_cap *)ev)->ret);
		break;
	case S2V_EV_INIT:
	case S2V_EV_UNMAP:
	case S2V_EV_RUN:
		put_reset_event(j, (const struct s2v_ev_reset *)ev);
		break;
	case S2V_EV_HOST_UNMAP:
		s2v_json_hex(j, j->o, "gpa", ((const struct s2v_ev_range *)ev)->gpa);
		s2v_json_num(j, j->o, "size", ((const struct s2v_ev_range *)ev)->size);
		break;
	default:
		break;
	}
}

/* Names of the rules in one state of coverage. */
static void put_rules(struct s2v_json *j, const char *key, const struct s2v_summary *sum,
		      enum s2v_coverage c)
{
	json_object *a = s2v_json_array(j, j->o, key);

	for (size_t i = 0; sum->rules && i < S2V_RULE_NR; i++) {
		if (sum->rules[i].coverage == c)
			s2v_json_append(j, a, json_object_new_string(sum->rules[i].rule->name));
	}
}

/* VMs with unread memory. */
static void put_unread(struct s2v_json *j, const struct s2v_summary *sum)
{
	json_object *a = s2v_json_array(j, j->o, "unverified_vms");

	for (__u32 i = 0; i < sum->unread.n; i++) {
		json_object *o = json_object_new_object();

		s2v_json_num(j, o, "id", sum->unread.vm[i].vm);
		s2v_json_num(j, o, "pid", sum->unread.vm[i].tgid);
		s2v_json_num(j, o, "unreadable", sum->unread.vm[i].times);
		s2v_json_num(j, o, "not_kept", sum->unread.vm[i].over_limit);
		s2v_json_num(j, o, "guest_vcpus", sum->unread.vm[i].guest);
		s2v_json_append(j, a, o);
	}
	s2v_json_bool(j, j->o, "complete_but_for_these", sum->only_unread_vms);
}

void s2v_json_summary(struct s2v_json *j, const struct s2v_summary *sum)
{
	/* in output order */
	static const struct {
		const char *key;
		enum s2v_counter c;
	} counters[] = {
		{ "fault_errors", S2V_CNT_FAULT_ERRORS },
		{ "map_calls", S2V_CNT_MAPS },
		{ "map_errors", S2V_CNT_MAP_ERRORS },
		{ "permission_changes", S2V_CNT_PERMS },
		{ "nested_maps", S2V_CNT_NESTED },
		{ "maps_outside_memslots", S2V_CNT_NO_SLOT },
		{ "lost_ringbuf", S2V_CNT_LOST_RINGBUF },
		{ "lost_aggregation", S2V_CNT_LOST_AGG },
		{ "lost_scratch", S2V_CNT_LOST_SCRATCH },
		{ "lost_calls", S2V_CNT_LOST_CALL },
		{ "lost_vm", S2V_CNT_LOST_VM },
		{ "unreadable_vma", S2V_CNT_UNREAD_VMA },
		{ "unreadable_pte", S2V_CNT_UNREAD_PTE },
		{ "failed_reads", S2V_CNT_UNREAD_READ },
		{ "unknown_attr", S2V_CNT_UNKNOWN_ATTR },
	};
	json_object *o;

	s2v_json_bool(j, j->o, "complete", sum->complete);
	if (!sum->complete)
		s2v_json_bytes(j, j->o, "incomplete", sum->incomplete, sizeof(sum->incomplete));
	if (sum->unread.n)
		put_unread(j, sum);
	o = s2v_json_sub(j, j->o, "findings");
	for (int i = 0; i < S2V_SEVERITY_NR; i++)
		s2v_json_num(j, o, s2v_severity_name((enum s2v_severity)i), sum->findings[i]);
	s2v_json_num(j, j->o, "vms", sum->vms);
	s2v_json_num(j, j->o, "preexisting_vms", sum->preexisting);
	if (sum->without_tables)
		s2v_json_num(j, j->o, "vms_without_tables", sum->without_tables);
	s2v_json_num(j, j->o, "audited_vms", sum->audited);
	put_pairs(j, "leaves", sum->leaves);
	s2v_json_num(j, j->o, "faults", sum->cnt[S2V_CNT_FAULTS]);
	put_pairs(j, "maps", sum->maps);
	s2v_json_num(j, j->o, "lost", sum->lost);
	s2v_json_num(j, j->o, "unreadable", sum->unreadable);
	s2v_json_num(j, j->o, "unmapped", sum->unmapped);
	s2v_json_num(j, j->o, "missed_probes", sum->missed_probes);
	s2v_json_bool(j, j->o, "fwb_disagrees", sum->fwb_disagrees);
	put_rules(j, "uncovered", sum, S2V_NOT_COVERED);
	put_rules(j, "not_applicable", sum, S2V_NOT_APPLICABLE);
	s2v_json_num(j, j->o, "duration_ns", sum->duration_ns);
	o = s2v_json_sub(j, j->o, "counters");
	for (size_t i = 0; i < S2V_ARRAY_SIZE(counters); i++)
		s2v_json_num(j, o, counters[i].key, sum->cnt[counters[i].c]);
}
