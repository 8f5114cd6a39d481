/* needs: src/sink/json.c src/sink/json_event.c src/sink/json_object.c src/core/names.c src/host/observe.c src/util/util.c src/util/utf8.c src/host/host.c */
/* libs: -ljson-c */
/* SPDX-License-Identifier: BSD-2-Clause */
/* The guest's own stage 1 as JSON, whose keys are those of docs/schema.json. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "sink_guest_data.h"
#include "sink_json_out.h"

static struct s2v_sink *start(void)
{
	out.s = s2v_sink_json_to(memory());
	assert_non_null(out.s);
	return out.s;
}

static json_object *schema;

static bool has(json_object *j, const char *key)
{
	return json_object_object_get_ex(j, key, NULL);
}

/* An array of these strings, ending with NULL. */
static void has_strs(json_object *j, const char *key, const char *const *want)
{
	json_object *a = at(j, key);
	size_t n = 0;

	for (; want[n]; n++)
		assert_string_equal(json_object_get_string(json_object_array_get_idx(a, n)),
				    want[n]);
	assert_int_equal(json_object_array_length(a), n);
}

/* The keys of an object are those of a definition of the schema; `with` is the definition itself. */
static void fits(json_object *j, json_object *with)
{
	json_object *properties = at(with, "properties"), *required = at(with, "required"), *sub;

	json_object_object_foreach(j, key, value)
	{
		if (!has(properties, key))
			fail_msg("the schema has no \"%s\"", key);
		sub = at(properties, key);
		if (json_object_is_type(value, json_type_object) && has(sub, "required"))
			fits(value, sub);
	}
	for (size_t i = 0; i < json_object_array_length(required); i++)
		at(j, json_object_get_string(json_object_array_get_idx(required, i)));
}

static json_object *definition(const char *name)
{
	return at(at(schema, "$defs"), name);
}

static int load_schema(void **state)
{
	(void)state;
	schema = json_object_from_file("docs/schema.json");
	return schema ? 0 : -1;
}

static int free_schema(void **state)
{
	(void)state;
	json_object_put(schema);
	return 0;
}

static void vcpu_as_json(void **state)
{
	static const char *const flags[] = { "off", "mmu-off", "bound", NULL };
	struct s2v_vcpu_row v = vcpu_row(5, S2V_VC_BOUND | S2V_VC_OFF | S2V_VC_MMU_OFF, 21, 22, 23);
	struct s2v_sink *s = start();
	json_object *j;

	(void)state;
	v.tcr = 0x32b5103510;
	v.mair = ~0ULL;
	v.ttbr1 = 0xabcd000041000001;
	s->vcpu(s, &v);
	j = end_json();
	fits(j, definition("vcpu_state"));
	has_str(j, "type", "vcpu");
	has_str(j, "time", "2024-12-31T23:59:59.123456789Z");
	has_num(at(j, "vm"), "id", 1);
	has_num(j, "vcpu", 5);
	has_strs(j, "flags", flags);
	has_str(j, "sctlr_el1", "0x30d0591d");
	has_str(j, "tcr_el1", "0x32b5103510");
	has_str(j, "mair_el1", "0xffffffffffffffff");
	has_str(j, "ttbr0_el1", "0x0");
	has_str(j, "ttbr1_el1", "0xabcd000041000001");
	has_num(j, "tables", 21);
	has_num(j, "leaves", 22);
	has_num(j, "tables_absent", 23);
	json_object_put(j);
}

/* Each flag has a name of its own, which the schema has, too; both places of it. */
static void vcpu_flags_as_json(void **state)
{
	static const char *const defs[] = { "vcpu_state", "event-vcpu" };
	json_object *j, *names, *all;

	(void)state;
	for (size_t d = 0; d < S2V_ARRAY_SIZE(defs); d++) {
		struct s2v_vcpu_row v = vcpu_row(0, ~0U, 0, 0, 0);
		struct s2v_sink *s = start();

		s->vcpu(s, &v);
		j = end_json();
		names = at(j, "flags");
		all = at(at(at(at(definition(defs[d]), "properties"), "flags"), "items"), "enum");
		assert_int_equal(json_object_array_length(names), 16);
		assert_int_equal(json_object_array_length(all), 16);
		for (size_t i = 0; i < 16; i++)
			assert_string_equal(
				json_object_get_string(json_object_array_get_idx(names, i)),
				json_object_get_string(json_object_array_get_idx(all, i)));
		json_object_put(j);
	}
}

static void row_as_json(void **state)
{
	struct s2v_contract_row r = walked_row();
	struct s2v_sink *s = start();
	json_object *j, *guest;

	(void)state;
	r.guest.bytes[NC] = 0x3000;
	r.guest.alias = 0x2000;
	s->memslot(s, &r);
	j = end_json();
	fits(j, definition("memslot"));
	guest = at(j, "guest");
	has_num(at(guest, "bytes"), "normal-wb", 0x10000);
	has_num(at(guest, "bytes"), "normal-nc", 0x3000);
	assert_int_equal(json_object_object_length(at(guest, "bytes")), 2);
	has_num(guest, "alias_bytes", 0x2000);
	has_str(j, "vmm_cmo_required", "data+icache");
	has_str(j, "vmm_cmo_now", "icache");
	json_object_put(j);
	/* Nothing mapped is an empty object; not walked is none. */
	memset(&r.guest, 0, sizeof(r.guest));
	s = start();
	s->memslot(s, &r);
	j = end_json();
	assert_int_equal(json_object_object_length(at(at(j, "guest"), "bytes")), 0);
	json_object_put(j);
	r.guest_walked = false;
	s = start();
	s->memslot(s, &r);
	j = end_json();
	fits(j, definition("memslot"));
	assert_false(has(j, "guest"));
	assert_false(has(j, "vmm_cmo_now"));
	json_object_put(j);
}

static void finding_as_json(void **state)
{
	struct s2v_finding f = guest_finding();
	struct s2v_sink *s;
	json_object *j;

	(void)state;
	for (int ttbr = 0; ttbr < 2; ttbr++) {
		f.guest_va = ttbr ? 0xff7f000012345000 | 1ULL << 55 : 0xff7fffff12345000;
		s = start();
		s->finding(s, &f);
		j = end_json();
		fits(j, definition("finding"));
		has_str(at(j, "guest"), "attr", "normal-nc");
		has_str(at(j, "guest"), "va", ttbr ? "0xffff000012345000" : "0xff7fffff12345000");
		has_num(at(j, "guest"), "ttbr", (uint64_t)ttbr); /* bit 55 */
		has_num(at(j, "guest"), "alias_bytes", 0x800);
		json_object_put(j);
	}
	s = start();
	s->finding(s, &test_finding);
	j = end_json();
	assert_false(has(j, "guest"));
	json_object_put(j);
}

static void events_as_json(void **state)
{
	static const char *const flags[] = { "mmu-off", "tvm", NULL };
	struct s2v_sink *s = start();
	json_object *j;

	(void)state;
	s->event(s, &vcpu_event.h, &test_finding.vm, 0);
	j = end_json();
	fits(j, definition("event-vcpu"));
	has_str(j, "event", "vcpu");
	has_num(j, "vcpu", 5);
	has_strs(j, "flags", flags);
	has_str(j, "sctlr_el1", "0x30d0591d");
	has_str(j, "tcr_el1", "0x32b5103510");
	has_str(j, "mair_el1", "0xff00000000000000");
	has_str(j, "ttbr0_el1", "0x0");
	has_str(j, "ttbr1_el1", "0xabcd000041000001");
	has_num(j, "tables", 21);
	has_num(j, "leaves", 22);
	has_num(j, "tables_absent", 23);
	json_object_put(j);
	s = start();
	s->event(s, &guest_event.h, &test_finding.vm, 0);
	j = end_json();
	fits(j, definition("event-guest"));
	has_str(j, "event", "guest");
	has_num(j, "slot", 3);
	has_num(j, "as_id", 1);
	has_num(j, "gen", 9);
	has_str(j, "gpa", "0x50001000");
	has_num(j, "size", 0x8000);
	has_num(j, "bytes", 0x3000);
	has_num(j, "alias_bytes", 0x2000);
	has_str(j, "va", "0xffff000012345000");
	has_num(j, "vcpu", 5);
	has_str(j, "attr", "device-nGRE");
	json_object_put(j);
}

static void unverified_as_json(void **state)
{
	struct s2v_summary sum = { .incomplete = "because", .only_unread_vms = true };
	struct s2v_sink *s = start();
	json_object *j, *m;

	(void)state;
	sum.unread = (struct s2v_unread){
		.n = 1, .vm = { { .vm = 3, .tgid = 812, .guest = 2, .guest_why = S2V_VC_BOUND } }
	};
	s->summary(s, &sum);
	j = end_json();
	m = json_object_array_get_idx(at(j, "unverified_vms"), 0);
	fits(m, at(at(at(definition("summary"), "properties"), "unverified_vms"), "items"));
	has_num(m, "unreadable", 0);
	has_num(m, "not_kept", 0);
	has_num(m, "guest_vcpus", 2);
	json_object_put(j);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(vcpu_as_json),	  cmocka_unit_test(vcpu_flags_as_json),
		cmocka_unit_test(row_as_json),	  cmocka_unit_test(finding_as_json),
		cmocka_unit_test(events_as_json), cmocka_unit_test(unverified_as_json),
	};

	return cmocka_run_group_tests_name("sink_guest_json", tests, load_schema, free_schema);
}
