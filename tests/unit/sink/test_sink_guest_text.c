/* needs: src/sink/text.c src/sink/text_contract.c src/sink/text_summary.c src/sink/text_line.c src/sink/text_reset.c src/sink/text_audit.c src/sink/text_event.c src/sink/text_guest.c src/core/names.c src/host/observe.c src/util/util.c src/util/utf8.c src/host/host.c */
/* SPDX-License-Identifier: BSD-2-Clause */
/* The guest's own stage 1 as text: a column, lines below the contract, a finding, events. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "sink_guest_data.h"

static struct s2v_sink *start(unsigned int width)
{
	out.s = s2v_sink_text_to(memory(), false, width);
	assert_non_null(out.s);
	return out.s;
}

static void lacks_text(const char *text, const char *what)
{
	if (strstr(text, what))
		fail_msg("\"%s\" is in:\n%s", what, text);
}

/* The heading and the cells of a table with these rows. */
static char *table(const struct s2v_contract_row *r, size_t n, unsigned int width)
{
	struct s2v_sink *s = start(width);

	for (size_t i = 0; i < n; i++)
		s->memslot(s, &r[i]);
	s->memslots_end(s);
	return finish();
}

/* No column and no line where no audit walked the guest's tables. */
static void no_column(void **state)
{
	char *text;

	(void)state;
	text = table(&test_row, 1, 200);
	lacks_text(text, "guest");
	contains(text, "stage 2  WB");
	free(text);
}

static void column(void **state)
{
	static const struct {
		__u64 bytes[S2V_ATTR_NR];
		__u32 flags;
		const char *cell;
	} t[] = {
		{ { [WB] = 4096 }, 0, "  normal-wb  " },
		{ { [NC] = 4096 }, 0, "  normal-nc  " },
		{ { [WB] = 1 << 30, [NC] = 4096 }, 0, "  normal-nc*  " }, /* the weakest */
		{ { [WB] = 1, [NC] = 1, [S2V_ATTR_DEVICE_nGRE] = 1 }, 0, "  device-nGRE*  " },
		{ { [S2V_ATTR_UNKNOWN] = 1 }, 0, "  unknown  " },
		{ { [WB] = 4096 }, S2V_VC_UNREAD, "  normal-wb  " },
		{ { 0 }, S2V_VC_BOUND, "  ?  " },
		{ { 0 }, S2V_VC_BOUND | S2V_VC_MMU_OFF, "  ?  " },
		{ { 0 }, S2V_VC_MMU_OFF, "  MMU off  " },
		{ { 0 }, 0, "  -  " },
	};
	struct s2v_contract_row rows[2];
	char *text, *heading;

	(void)state;
	for (size_t i = 0; i < S2V_ARRAY_SIZE(t); i++) {
		char *row;

		rows[0] = rows[1] = walked_row();
		memcpy(rows[0].guest.bytes, t[i].bytes, sizeof(t[i].bytes));
		rows[0].guest_flags = t[i].flags;
		rows[1].gpa += rows[1].size;
		rows[1].guest_walked = false; /* of a memslot that came later */
		text = table(rows, 2, 200);
		heading = strstr(text, "stage 2");
		assert_non_null(heading);
		assert_non_null(strstr(heading, "  guest "));
		row = strstr(text, "0x50000000-");
		assert_non_null(row);
		*strchr(row, '\n') = 0;
		contains(row, t[i].cell);
		free(text);
	}
}

/* Columns of all rows stay below each other, also where a cell is empty. */
static void columns_are_aligned(void **state)
{
	struct s2v_contract_row rows[3];
	char *text, *line;
	int column = -1;

	(void)state;
	for (int i = 0; i < 3; i++) {
		rows[i] = walked_row();
		rows[i].gpa += i * rows[i].size;
		rows[i].backing = "anonymous";
		rows[i].name[0] = rows[i].driver[0] = 0;
		rows[i].needs_s2fwb = S2V_YES;
	}
	rows[1].guest_walked = false;
	rows[2].guest.bytes[S2V_ATTR_DEVICE_nGnRnE] = 1;
	text = table(rows, 3, 200);
	line = strstr(text, "slot ");
	for (int i = 0; i < 4; i++) {
		char *end = strchr(line, '\n'), *last;

		*end = 0;
		last = strrchr(line, ' ') + 1; /* FWB, and its values */
		if (column < 0)
			column = (int)(last - line);
		assert_int_equal(last - line, column);
		line = end + 3; /* rows begin two columns to the right, as the heading does */
	}
	free(text);
}

/* The longest names at the usual width. */
static void narrow(void **state)
{
	struct s2v_contract_row r = walked_row();
	char *text;

	(void)state;
	r.gpa = 0x50000000;
	r.vmm_cmo = S2V_CMO_DATA_ICACHE;
	r.guest.bytes[S2V_ATTR_DEVICE_nGnRnE] = 1;
	text = table(&r, 1, 80);
	for (char *p = strtok(text, "\n"); p; p = strtok(NULL, "\n"))
		if (strlen(p) > 80)
			fail_msg("%zu columns: %s", strlen(p), p);
	free(text);
}

/* Below the contract: the vCPUs, and what they map of each memslot. */
static void lines(void **state)
{
	struct s2v_contract_row r = walked_row();
	struct s2v_vcpu_row v;
	struct s2v_sink *s = start(200);
	char *text;

	(void)state;
	v = vcpu_row(0, 0, 1, 2, 0);
	s->vcpu(s, &v);
	v = vcpu_row(1, S2V_VC_SHARED, 0, 0, 0);
	s->vcpu(s, &v);
	v = vcpu_row(2, 0, 3, 4, 1);
	s->vcpu(s, &v);
	v = vcpu_row(3, S2V_VC_OFF, 0, 0, 0);
	s->vcpu(s, &v);
	v = vcpu_row(5, S2V_VC_OFF, 0, 0, 0); /* there is no 4 */
	s->vcpu(s, &v);
	v = vcpu_row(6, S2V_VC_BOUND | S2V_VC_STALE, 1000, 1, 0);
	s->vcpu(s, &v);
	v = vcpu_row(7, 0, 0, 1, 2);
	s->vcpu(s, &v);
	r.guest.bytes[NC] = 0x3000;
	r.guest.alias = 0x2000;
	s->memslot(s, &r);
	r.gpa += 0x10000;
	memset(&r.guest, 0, sizeof(r.guest));
	r.vmm_cmo_now = S2V_CMO_NONE;
	s->memslot(s, &r);
	r.gpa += 0x10000;
	r.guest_walked = false;
	s->memslot(s, &r);
	s->memslots_end(s);
	text = finish();
	contains(text, "  the guest's own stage 1:\n"
		       "  vCPUs 0 to 2: 4 tables, 6 leaves; 1 table not in memory\n"
		       "  vCPU 3: powered off\n"
		       "  vCPU 5: powered off\n"
		       "  vCPU 6: was running: registers as of its last exit, more tables than its "
		       "memory needs (they lead to each other?); 1000 tables, 1 leaf\n"
		       "  vCPU 7: 0 tables, 1 leaf; 2 tables not in memory\n"
		       "  memslot 3 from GPA 0x50000000: 64K normal-wb, 12K normal-nc "
		       "(8K of it cacheable, too); CMO now: icache\n"
		       "  memslot 3 from GPA 0x50010000: nothing mapped; CMO now: none\n");
	lacks_text(text, "memslot 3 from GPA 0x50020000: 64K");
	free(text);
}

/* A VM without memslots has no contract; its vCPUs are not those of the next VM. */
static void vcpus_without_rows(void **state)
{
	struct s2v_contract_row r = walked_row();
	struct s2v_vcpu_row v = vcpu_row(0, S2V_VC_OFF, 0, 0, 0);
	struct s2v_sink *s = start(200);
	char *text;

	(void)state;
	s->vcpu(s, &v);
	v.vcpu = 1;
	v.flags = 0;
	s->vcpu(s, &v);
	s->memslots_end(s);
	v.vm.id = r.vm.id = 2;
	v.vcpu = 2;
	v.tables = 9;
	s->vcpu(s, &v);
	s->memslot(s, &r);
	s->memslots_end(s);
	text = finish();
	contains(text, "  vCPU 2: 9 tables, 0 leaves\n");
	lacks_text(text, "powered off");
	lacks_text(text, "vCPUs 1 to 2");
	free(text);
}

/* Contracts of several VMs in turn, as for SIGUSR1. */
static void vms_in_turn(void **state)
{
	struct s2v_sink *s = start(200);
	char *text, *second;

	(void)state;
	for (__u32 vm = 1; vm <= 2; vm++) {
		struct s2v_vcpu_row v = vcpu_row((int)vm, 0, 10 + vm, 0, 0);
		struct s2v_contract_row r = walked_row();

		v.vm.id = r.vm.id = vm;
		s->vcpu(s, &v);
		s->memslot(s, &r);
	}
	s->memslots_end(s);
	text = finish();
	second = strstr(text, "Coherence contract of vm 2 ");
	assert_non_null(second);
	contains(second, "vCPU 2: 12 tables");
	lacks_text(second, "vCPU 1:");
	*second = 0;
	contains(text, "vCPU 1: 11 tables");
	free(text);
}

static void finding_as_text(void **state)
{
	struct s2v_finding f = guest_finding();
	struct s2v_sink *s = start(200);
	char *text;

	(void)state;
	s->finding(s, &f);
	text = finish();
	contains(text, "MEDIUM guest-noncacheable");
	contains(text, "guest: normal-nc (VA 0xffff000012345000)");
	free(text);
	s = start(200);
	s->finding(s, &test_finding);
	text = finish();
	lacks_text(text, "guest:");
	free(text);
}

static void events_as_text(void **state)
{
	struct s2v_sink *s = start(200);
	struct s2v_vm_ref vm = { .id = 1 };
	struct s2v_ev_vcpu e = vcpu_event;
	char *text;

	(void)state;
	s->event(s, &vcpu_event.h, &vm, 0);
	s->event(s, &guest_event.h, &vm, 0);
	e.tables = e.leaves = 1;
	s->event(s, &e.h, &vm, 0);
	text = finish();
	contains(text, "vCPU 5");
	contains(text, "21 tables, 22 leaves");
	contains(text, "  1 table, 1 leaf  ");
	contains(text, "MMU off, KVM traps its MMU registers (TVM)");
	contains(text, "memslot 3");
	contains(text, "GPA 0x50001000 (12K)");
	contains(text, "the guest maps it device-nGRE");
	contains(text, "VA 0xffff000012345000");
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_column),
		cmocka_unit_test(column),
		cmocka_unit_test(columns_are_aligned),
		cmocka_unit_test(narrow),
		cmocka_unit_test(lines),
		cmocka_unit_test(vcpus_without_rows),
		cmocka_unit_test(vms_in_turn),
		cmocka_unit_test(finding_as_text),
		cmocka_unit_test(events_as_text),
	};

	return cmocka_run_group_tests_name("sink_guest_text", tests, NULL, NULL);
}
