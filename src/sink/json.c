// SPDX-License-Identifier: BSD-2-Clause
/*
 * NDJSON: one object a line, each with "type". docs/schema.json is the reference. The order of fields
 * is fixed, so that equal results are byte-for-byte equal.
 */
#include <errno.h>
#include <inttypes.h>
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/sink.h"
#include "sink/sinks.h"
#include "sink/json.h"
#include "util/util.h"

struct json_sink {
	struct s2v_sink sink; /* first */
	FILE *out;
};

static struct s2v_json begin_line(const char *type)
{
	struct s2v_json j = { .o = json_object_new_object() };

	s2v_json_str(&j, j.o, "type", type);
	return j;
}

static void fail(struct json_sink *js, int err)
{
	if (!js->sink.failed)
		js->sink.failed = err ? err : EIO;
}

/* Writes the object as one line, and frees it. Writes nothing after a failed write. */
static void end_line(struct s2v_sink *s, struct s2v_json *j)
{
	struct json_sink *js = (struct json_sink *)s;
	const char *text = NULL;

	if (!j->broken)
		text = json_object_to_json_string_ext(j->o, JSON_C_TO_STRING_PLAIN |
								    JSON_C_TO_STRING_NOSLASHESCAPE);
	errno = 0;
	if (!text)
		fail(js, ENOMEM);
	else if (!s->failed &&
		 (fputs(text, js->out) == EOF || putc('\n', js->out) == EOF || fflush(js->out)))
		fail(js, errno);
	json_object_put(j->o);
}

static void num_or_null(struct s2v_json *j, const char *key, bool known, uint64_t v)
{
	if (known)
		s2v_json_num(j, j->o, key, v);
	else
		s2v_json_null(j, j->o, key);
}

static void on_host(struct s2v_sink *s, const struct s2v_host *h)
{
	struct s2v_json j = begin_line("host");
	json_object *a;

	s2v_json_bytes(&j, j.o, "kernel", h->kernel, sizeof(h->kernel));
	s2v_json_bytes(&j, j.o, "machine", h->machine, sizeof(h->machine));
	s2v_json_tri(&j, j.o, "s2fwb", h->fwb);
	s2v_json_tri(&j, j.o, "ctr_dic", h->dic);
	s2v_json_tri(&j, j.o, "ctr_idc", h->idc);
	s2v_json_str(&j, j.o, "kvm_mode", s2v_kvm_mode_name(h->kvm_mode));
	s2v_json_tri(&j, j.o, "cacheable_pfnmap_cap", h->pfnmap_cap);
	s2v_json_num(&j, j.o, "page_size", 1ULL << (h->page_shift & 63));
	s2v_json_bool(&j, j.o, "s1_calibrated", h->s1_calibrated == 1);
	s2v_json_bytes(&j, j.o, "s1_source", h->s1_source, sizeof(h->s1_source));
	a = s2v_json_array(&j, j.o, "s1_attr");
	for (size_t i = 0; i < S2V_ARRAY_SIZE(h->s1_attr); i++)
		s2v_json_append(&j, a, json_object_new_string(s2v_attr_name(h->s1_attr[i])));
	if (h->n_ram) {
		a = s2v_json_array(&j, j.o, "ram");
		for (size_t i = 0; i < h->n_ram; i++) {
			json_object *r = json_object_new_object();

			s2v_json_hex(&j, r, "start", h->ram[i].start);
			s2v_json_hex(&j, r, "end", h->ram[i].end);
			s2v_json_append(&j, a, r);
		}
	} else {
		s2v_json_null(&j, j.o, "ram");
	}
	s2v_json_tri(&j, j.o, "vcpu_init_icache", h->init_icache);
	s2v_json_str(&j, j.o, "vcpu_init_icache_source", h->init_icache_text);
	num_or_null(&j, "vm_exit_ns", h->exit_ns != 0, h->exit_ns);
	num_or_null(&j, "probe_ns", h->probe_ns != 0, h->probe_ns);
	if (h->lockdown[0])
		s2v_json_bytes(&j, j.o, "lockdown", h->lockdown, sizeof(h->lockdown));
	else
		s2v_json_null(&j, j.o, "lockdown");
	if (h->disagreement[0])
		s2v_json_bytes(&j, j.o, "disagreement", h->disagreement, sizeof(h->disagreement));
	else
		s2v_json_null(&j, j.o, "disagreement");
	end_line(s, &j);
}

static void on_hook(struct s2v_sink *s, const struct s2v_hook *k)
{
	struct s2v_json j = begin_line("hook");

	s2v_json_str(&j, j.o, "observe", s2v_observe_name(k->observe));
	s2v_json_bytes(&j, j.o, "function", k->function, sizeof(k->function));
	s2v_json_str(&j, j.o, "method", s2v_method_name(k->method));
	s2v_json_bytes(&j, j.o, "reason", k->reason, sizeof(k->reason));
	end_line(s, &j);
}

static void on_rule(struct s2v_sink *s, const struct s2v_rule_state *r)
{
	struct s2v_json j = begin_line("rule");

	s2v_json_str(&j, j.o, "rule", r->rule->name);
	s2v_json_str(&j, j.o, "severity", s2v_severity_name(r->rule->severity));
	if (r->coverage == S2V_NOT_APPLICABLE)
		s2v_json_null(&j, j.o, "covered");
	else
		s2v_json_bool(&j, j.o, "covered", r->coverage == S2V_COVERED);
	s2v_json_bytes(&j, j.o, "reason", r->reason, sizeof(r->reason));
	end_line(s, &j);
}

static void on_event(struct s2v_sink *s, const struct s2v_ev_hdr *ev, const struct s2v_vm_ref *vm,
		     __u64 time)
{
	struct s2v_json j = begin_line("event");

	s2v_json_event(&j, ev, vm, time);
	end_line(s, &j);
}

/* The page of a finding, and both attributes. */
static void put_page(struct s2v_json *j, const struct s2v_finding *f)
{
	json_object *side;

	s2v_json_hex(j, j->o, "gpa", f->gpa);
	if (f->gpa_last != f->gpa)
		s2v_json_hex(j, j->o, "gpa_last", f->gpa_last);
	s2v_json_num(j, j->o, "size", f->size);
	s2v_json_hex(j, j->o, "gpa_low", f->gpa_low);
	s2v_json_hex(j, j->o, "gpa_high", f->gpa_end - 1);
	s2v_json_num(j, j->o, "bytes", f->bytes);
	s2v_json_hex(j, j->o, "hva", f->hva);
	if (f->pa != S2V_NO_PA)
		s2v_json_hex(j, j->o, "pa", f->pa);
	if (f->s1 != S2V_ATTR_NONE) {
		side = s2v_json_sub(j, j->o, "s1");
		s2v_json_str(j, side, "attr", s2v_attr_name(f->s1));
		s2v_json_str(j, side, "source", s2v_source_name(f->s1_source));
		if (f->s1_vma != S2V_ATTR_NONE)
			s2v_json_str(j, side, "vma", s2v_attr_name(f->s1_vma));
	}
	if (f->s2 != S2V_ATTR_NONE) {
		side = s2v_json_sub(j, j->o, "s2");
		s2v_json_str(j, side, "attr", s2v_attr_name(f->s2));
		s2v_json_str(j, side, "source", s2v_source_name(f->s2_source));
	}
	if (f->guest != S2V_ATTR_NONE) {
		side = s2v_json_sub(j, j->o, "guest");
		s2v_json_str(j, side, "attr", s2v_attr_name(f->guest));
		s2v_json_hex(j, side, "va", f->guest_va);
		s2v_json_num(j, side, "ttbr", f->guest_va >> 55 & 1);
		s2v_json_num(j, side, "alias_bytes", f->guest_alias);
	}
}

static void on_finding(struct s2v_sink *s, const struct s2v_finding *f)
{
	struct s2v_json j = begin_line("finding");

	s2v_json_num(&j, j.o, "id", f->id);
	if (f->update)
		s2v_json_bool(&j, j.o, "update", true);
	s2v_json_str(&j, j.o, "rule", f->rule->name);
	s2v_json_str(&j, j.o, "severity", s2v_severity_name(s2v_finding_severity(f)));
	s2v_json_time(&j, j.o, "time", f->time);
	s2v_json_vm(&j, j.o, &f->vm);
	if (f->vcpu >= 0)
		s2v_json_int(&j, j.o, "vcpu", f->vcpu);
	if (f->slot.id != S2V_NO_SLOT) {
		json_object *o = s2v_json_sub(&j, j.o, "memslot");

		s2v_json_int(&j, o, "id", f->slot.id);
		s2v_json_hex(&j, o, "gpa", f->slot.gpa);
		s2v_json_num(&j, o, "size", f->slot.size);
		s2v_json_hex(&j, o, "hva", f->slot.hva);
	}
	if (f->has_page)
		put_page(&j, f);
	if (f->err)
		s2v_json_errno(&j, j.o, "errno", f->err);
	if (f->at)
		s2v_json_str(&j, j.o, "errno_at", f->at);
	s2v_json_num(&j, j.o, "count", f->count);
	s2v_json_bytes(&j, j.o, "explain", f->explain, sizeof(f->explain));
	end_line(s, &j);
}

static void put_guest(struct s2v_json *j, const struct s2v_contract_row *r)
{
	json_object *o = s2v_json_sub(j, j->o, "guest"), *bytes = s2v_json_sub(j, o, "bytes");

	for (__u32 i = 0; i < S2V_ATTR_NR; i++)
		if (r->guest.bytes[i])
			s2v_json_num(j, bytes, s2v_attr_name(i), r->guest.bytes[i]);
	s2v_json_num(j, o, "alias_bytes", r->guest.alias);
	s2v_json_str(j, j->o, "vmm_cmo_now", s2v_cmo_name(r->vmm_cmo_now));
}

static void put_leaves(struct s2v_json *j, const struct s2v_contract_row *r)
{
	json_object *a = s2v_json_array(j, j->o, "leaves");

	for (size_t i = 0; i < r->n_leaves; i++) {
		json_object *o = json_object_new_object();

		s2v_json_int(j, o, "level", r->leaves[i].level);
		s2v_json_str(j, o, "s1", s2v_attr_name(r->leaves[i].s1));
		s2v_json_str(j, o, "s2", s2v_attr_name(r->leaves[i].s2));
		s2v_json_num(j, o, "count", r->leaves[i].n);
		s2v_json_append(j, a, o);
	}
	s2v_json_num(j, j->o, "present", r->present);
	s2v_json_num(j, j->o, "unreadable", r->unreadable);
}

static void on_memslot(struct s2v_sink *s, const struct s2v_contract_row *r)
{
	struct s2v_json j = begin_line("memslot");

	s2v_json_vm(&j, j.o, &r->vm);
	s2v_json_int(&j, j.o, "id", r->id);
	s2v_json_bool(&j, j.o, "readonly", r->readonly);
	if (r->gone)
		s2v_json_bool(&j, j.o, "gone", true);
	s2v_json_hex(&j, j.o, "gpa", r->gpa);
	s2v_json_num(&j, j.o, "size", r->size);
	s2v_json_hex(&j, j.o, "hva", r->hva);
	s2v_json_str(&j, j.o, "backing", r->backing);
	if (r->name[0])
		s2v_json_bytes(&j, j.o, "name", r->name, sizeof(r->name));
	if (r->driver[0])
		s2v_json_bytes(&j, j.o, "driver", r->driver, sizeof(r->driver));
	if (r->s1 != S2V_ATTR_NONE)
		s2v_json_str(&j, j.o, "s1", s2v_attr_name(r->s1));
	else
		s2v_json_null(&j, j.o, "s1");
	if (r->s2 != S2V_ATTR_NONE)
		s2v_json_str(&j, j.o, "s2", s2v_attr_name(r->s2));
	else
		s2v_json_null(&j, j.o, "s2");
	s2v_json_bool(&j, j.o, "s2_mixed", r->s2_mixed);
	s2v_json_tri(&j, j.o, "write_back_guaranteed", r->write_back_guaranteed);
	s2v_json_str(&j, j.o, "vmm_cmo_required", s2v_cmo_name(r->vmm_cmo));
	s2v_json_tri(&j, j.o, "needs_s2fwb", r->needs_s2fwb);
	if (r->audited)
		put_leaves(&j, r);
	if (r->guest_walked)
		put_guest(&j, r);
	end_line(s, &j);
}

static void on_vcpu(struct s2v_sink *s, const struct s2v_vcpu_row *r)
{
	struct s2v_json j = begin_line("vcpu");

	s2v_json_time(&j, j.o, "time", r->time);
	s2v_json_vm(&j, j.o, &r->vm);
	s2v_json_vcpu(&j, r);
	end_line(s, &j);
}

static void on_audit(struct s2v_sink *s, const struct s2v_audit_row *r)
{
	struct s2v_json j = begin_line("audit");

	s2v_json_time(&j, j.o, "time", r->time);
	s2v_json_vm(&j, j.o, &r->vm);
	s2v_json_audit(&j, r);
	end_line(s, &j);
}

static void on_reset(struct s2v_sink *s, const struct s2v_reset *r)
{
	struct s2v_json j = begin_line("reset");

	s2v_json_time(&j, j.o, "time", r->time);
	s2v_json_vm(&j, j.o, &r->vm);
	s2v_json_num(&j, j.o, "vcpus", r->vcpus);
	s2v_json_num(&j, j.o, "inits", r->inits);
	s2v_json_num(&j, j.o, "unmaps", r->unmaps);
	s2v_json_num(&j, j.o, "redundant", r->redundant);
	s2v_json_num(&j, j.o, "unmap_ns", r->unmap_ns);
	s2v_json_num(&j, j.o, "longest_unmap_ns", r->longest_unmap_ns);
	num_or_null(&j, "unmapped_bytes", r->pages_known, r->unmapped_bytes);
	num_or_null(&j, "refaults", r->pages_known, r->refaults);
	num_or_null(&j, "refault_ns", r->pages_known, r->refault_ns);
	s2v_json_num(&j, j.o, "window_ns", r->window_ns);
	s2v_json_str(&j, j.o, "verdict", s2v_reset_verdict_name(r->verdict));
	s2v_json_num(&j, j.o, "avoidable_ns", r->avoidable_ns);
	num_or_null(&j, "s2fwb_saves_ns", r->fwb_known, r->fwb_saves_ns);
	end_line(s, &j);
}

static void on_reset_total(struct s2v_sink *s, const struct s2v_reset_total *t)
{
	struct s2v_json j = begin_line("reset_total");

	s2v_json_vm(&j, j.o, &t->vm);
	s2v_json_num(&j, j.o, "resets", t->resets);
	s2v_json_num(&j, j.o, "unmap_ns", t->unmap_ns);
	num_or_null(&j, "refault_ns", t->pages_known, t->refault_ns);
	num_or_null(&j, "tax_ns", t->pages_known, t->tax_ns);
	s2v_json_num(&j, j.o, "avoidable_ns", t->avoidable_ns);
	num_or_null(&j, "s2fwb_saves_ns", t->fwb_known, t->fwb_saves_ns);
	s2v_json_str(&j, j.o, "advice", t->advice);
	end_line(s, &j);
}

static void on_summary(struct s2v_sink *s, const struct s2v_summary *sum)
{
	struct s2v_json j = begin_line("summary");

	s2v_json_summary(&j, sum);
	end_line(s, &j);
}

static void on_close(struct s2v_sink *s)
{
	struct json_sink *js = (struct json_sink *)s;

	errno = 0;
	if (fflush(js->out) || ferror(js->out))
		fail(js, errno);
}

struct s2v_sink *s2v_sink_json_to(FILE *out)
{
	struct json_sink *js = calloc(1, sizeof(*js));

	if (!js)
		return NULL;
	js->out = out;
	js->sink = (struct s2v_sink){
		.host = on_host,
		.hook = on_hook,
		.rule = on_rule,
		.event = on_event,
		.finding = on_finding,
		.vcpu = on_vcpu,
		.memslot = on_memslot,
		.reset = on_reset,
		.reset_total = on_reset_total,
		.audit = on_audit,
		.summary = on_summary,
		.close = on_close,
	};
	return &js->sink;
}

struct s2v_sink *s2v_sink_json(void)
{
	return s2v_sink_json_to(stdout);
}
