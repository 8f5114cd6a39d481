/* needs: src/sink/text.c src/sink/text_contract.c src/sink/text_summary.c src/sink/text_line.c src/sink/text_reset.c src/sink/text_audit.c src/sink/text_event.c src/sink/text_guest.c src/core/names.c src/host/observe.c src/util/util.c src/util/utf8.c src/host/host.c */
/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "sink_data.h"
#include "sink_out.h"
#include "util/util.h"

static struct s2v_sink *start(bool colour, unsigned int width)
{
	out.s = s2v_sink_text_to(memory(), colour, width);
	assert_non_null(out.s);
	return out.s;
}

/* Nothing but printable text and newlines, no line longer than width. */
static void is_plain(const char *text, unsigned int width)
{
	unsigned int col = 0;

	for (const unsigned char *p = (const unsigned char *)text; *p; p++) {
		if (*p == '\n') {
			col = 0;
			continue;
		}
		assert_true(*p >= 0x20 && *p != 0x7f);
		assert_false(*p == 0xc2 && p[1] < 0xa0); /* C1 */
		col += (*p & 0xc0) != 0x80;
		if (col > width)
			fail_msg("longer than %u:\n%s", width, text);
	}
}

static void everything(struct s2v_sink *s, struct s2v_summary *sum, struct s2v_rule_state *rules)
{
	struct s2v_hook hook = { .observe = S2V_OBS_MAP, .method = S2V_METHOD_NONE };
	struct s2v_finding update = test_finding;

	for (size_t i = 0; i < S2V_RULE_NR; i++)
		rules[i] = (struct s2v_rule_state){ .rule = &test_rule };
	rules[0].coverage = S2V_NOT_COVERED;
	strcpy(rules[0].reason, HOSTILE " and more, so that it is broken into several lines");
	strcpy(hook.function, "kvm_arch_prepare_memory_region");
	strcpy(hook.reason, HOSTILE);
	update.update = true;
	update.count = 128;
	sum->rules = rules;
	s->host(s, &test_host);
	s->hook(s, &hook);
	s->rule(s, &rules[0]);
	s->rule(s, &rules[1]);
	s->finding(s, &test_finding);
	s->finding(s, &test_refusal);
	s->finding(s, &update);
	s->memslot(s, &test_row);
	s->memslots_end(s);
	s->summary(s, sum);
}

static void hostile_names(void **state)
{
	static const unsigned int widths[] = { 80, 100, 120 };
	struct s2v_rule_state rules[S2V_RULE_NR];

	(void)state;
	for (size_t i = 0; i < S2V_ARRAY_SIZE(widths); i++) {
		struct s2v_summary sum = { .incomplete = HOSTILE };
		struct s2v_sink *s = start(false, widths[i]);
		char *text;

		sum.findings[S2V_CRITICAL] = 1;
		everything(s, &sum, rules);
		text = finish();
		is_plain(text, widths[i]);
		contains(text, "CRITICAL s2-noncacheable");
		contains(text, "\"\\x0a\\x1b[2J\\\\xff\xc3\xa9\\xc2\\x9b");
		contains(text, "EINVAL at memslot registration");
		contains(text, "NOT COVERED");
		free(text);
	}
}

static void updates_only_in_the_table(void **state)
{
	struct s2v_rule_state rules[S2V_RULE_NR];
	struct s2v_summary sum = { .complete = true };
	struct s2v_sink *s = start(false, 80);
	char *text, *first;

	(void)state;
	everything(s, &sum, rules);
	text = finish();
	first = strstr(text, "CRITICAL s2-noncacheable");
	assert_non_null(first);
	assert_null(strstr(first + 1, "CRITICAL s2-noncacheable"));
	contains(text, "critical  s2-noncacheable               1        3      128  0x50001000");
	free(text);
}

static void verdict_is(struct s2v_summary *sum, const char *want)
{
	struct s2v_sink *s = start(false, 0);
	char *text, *last;

	s->summary(s, sum);
	text = finish();
	last = strrchr(text, '\n');
	assert_non_null(last);
	assert_string_equal(last, "\n"); /* the text ends with a newline */
	*last = '\0';
	last = strrchr(text, '\n');
	assert_non_null(last);
	assert_string_equal(last + 1, want);
	free(text);
}

static void verdicts(void **state)
{
	struct s2v_rule_state rules[S2V_RULE_NR];
	struct s2v_summary sum = { .complete = true, .rules = rules };

	(void)state;
	for (size_t i = 0; i < S2V_RULE_NR; i++)
		rules[i] = (struct s2v_rule_state){ .rule = &test_rule };
	verdict_is(&sum, "nothing found; complete: every rule covered, no event lost");
	rules[3].coverage = S2V_NOT_APPLICABLE;
	verdict_is(&sum, "nothing found; complete: every applicable rule covered, no event lost");
	sum.findings[S2V_INFO] = 1;
	verdict_is(&sum,
		   "1 finding (1 info); complete: every applicable rule covered, no event lost");
	sum.findings[S2V_CRITICAL] = 2;
	sum.complete = false;
	strcpy(sum.incomplete, "1 event lost");
	verdict_is(&sum, "3 findings (2 critical, 1 info); INCOMPLETE: 1 event lost");
	memset(sum.findings, 0, sizeof(sum.findings));
	verdict_is(&sum, "nothing found, but INCOMPLETE: 1 event lost");
	memset(sum.incomplete, 'x', sizeof(sum.incomplete) - 1); /* longest possible */
	for (int i = 0; i < S2V_SEVERITY_NR; i++)
		sum.findings[i] = UINT64_MAX / 5;
	{
		struct s2v_sink *s = start(true, 80);

		s->summary(s, &sum);
		free(finish());
	}
}

static void colours_only_when_asked(void **state)
{
	struct s2v_rule_state rules[S2V_RULE_NR];
	struct s2v_summary sum = { .complete = true };
	struct s2v_sink *s = start(true, 80);
	char *text;

	(void)state;
	everything(s, &sum, rules);
	text = finish();
	contains(text, "\033[1;31mCRITICAL s2-noncacheable\033[0m");
	free(text);
}

/* Lowest and highest address in any order, and the affected size. */
static void where_a_finding_is(void **state)
{
	struct s2v_rule_state rules[S2V_RULE_NR];
	struct s2v_summary sum = { .complete = true, .rules = rules };
	struct s2v_finding f = test_finding;
	struct s2v_sink *s = start(false, 100);
	char *text;

	(void)state;
	for (int i = 0; i < S2V_RULE_NR; i++)
		rules[i] = (struct s2v_rule_state){ .rule = &test_rule };
	f.gpa = 0x40008000;
	f.gpa_last = f.gpa_low = 0x40005000;
	f.gpa_end = 0x40009000;
	f.bytes = 0x2000;
	f.count = 2;
	s->finding(s, &f);
	s->summary(s, &sum);
	text = finish();
	contains(text, "GPA 0x40005000 to 0x40008fff (8K)");
	contains(text, "        2  0x40005000 to 0x40008fff, 8K\n");
	free(text);
}

/* A table per VM, printed at the latest before the next output. */
static void contracts(void **state)
{
	struct s2v_contract_row row = test_row;
	struct s2v_sink *s = start(false, 80);
	char *text;

	(void)state;
	s->memslot(s, &row);
	row.vm.id = 2;
	row.readonly = true;
	row.s2 = S2V_ATTR_NORMAL_WB;
	row.s2_mixed = true;
	row.size = 0; /* invalid: must not crash */
	s->memslot(s, &row);
	row.vm.id = 3;
	row.gone = true;
	s->memslot(s, &row);
	row = test_row;
	row.vm.id = 3;
	row.backing = "none";
	row.driver[0] = row.name[0] = 0;
	s->memslot(s, &row);
	text = finish();
	contains(text, "3 ro gone");
	contains(text, "nothing mapped");
	contains(text, "Coherence contract of vm 1 ");
	contains(text, "Coherence contract of vm 2 ");
	contains(text, "normal-wb*");
	is_plain(text, 80);
	free(text);
}

static unsigned int occurrences(const char *text, const char *what)
{
	unsigned int n = 0;

	for (; (text = strstr(text, what)); text++)
		n++;
	return n;
}

/* Once for consecutive contracts, again after other output. The heading says why it comes now. */
static void legend_once(void **state)
{
	struct s2v_contract_row row = test_row;
	struct s2v_sink *s = start(false, 120);
	char *text;

	(void)state;
	s->memslots_end(s); /* no VM: no legend */
	s->memslot(s, &row);
	s->memslots_end(s);
	row.vm.id = 2;
	row.why = S2V_CONTRACT_VM_GONE;
	s->memslot(s, &row);
	s->memslots_end(s);
	fflush(out.f);
	assert_int_equal(occurrences(out.text, "FWB: whether"), 1);
	s->finding(s, &test_finding);
	row.why = S2V_CONTRACT_RUN_ENDS;
	s->memslot(s, &row);
	s->memslots_end(s);
	text = finish();
	assert_int_equal(occurrences(text, "pid 1234): as of now (SIGUSR1)\n"), 1);
	assert_int_equal(occurrences(text, "pid 1234): the VM is gone\n"), 1);
	assert_int_equal(occurrences(text, "pid 1234): the run ends\n"), 1);
	contains(text, "?: not known.");
	assert_int_equal(occurrences(text, "FWB: whether"), 2);
	assert_int_equal(occurrences(text, "Coherence contract of"), 3);
	free(text);
}

static void resets(void **state)
{
	struct s2v_reset r = test_reset;
	struct s2v_reset_total t = test_total;
	struct s2v_sink *s = start(false, 120);
	char *text;

	(void)state;
	s->reset(s, &r);
	s->reset_total(s, &t);
	text = finish();
	contains(text, "2 vCPUs  redundant-repeat");
	contains(text, "4 unmaps, 5 redundant, 6.0 ms  8M unmapped  9 refaults, 10 ms");
	contains(text, "21 resets took 25 ms");
	contains(text, "unmapping 22 ms, refaults 24 ms; avoidable here: 23 ms");
	contains(text, "with S2FWB 26 ms would be saved");
	contains(text, "ADVICE");
	free(text);
	r.pages_known = t.pages_known = t.fwb_known = false;
	s = start(false, 120);
	s->reset(s, &r);
	s->reset_total(s, &t);
	text = finish();
	contains(text, "6.0 ms  earlier mappings are not known, so refaults are not counted\n");
	contains(text, "21 resets took at least 22 ms");
	contains(text, "refaults not all known;");
	assert_int_equal(occurrences(text, "would be saved"), 0);
	free(text);
}

static void full_disk(void **state)
{
	FILE *f = fopen("/dev/full", "w");
	struct s2v_sink *s;

	(void)state;
	assert_non_null(f);
	s = s2v_sink_text_to(f, false, 0);
	assert_non_null(s);
	s->finding(s, &test_finding);
	assert_int_equal(s->failed, ENOSPC);
	s->close(s);
	assert_int_equal(s->failed, ENOSPC);
	free(s);
	fclose(f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(hostile_names), cmocka_unit_test(updates_only_in_the_table),
		cmocka_unit_test(verdicts),	 cmocka_unit_test(colours_only_when_asked),
		cmocka_unit_test(contracts),	 cmocka_unit_test(where_a_finding_is),
		cmocka_unit_test(legend_once),	 cmocka_unit_test(resets),
		cmocka_unit_test(full_disk),
	};

	return cmocka_run_group_tests_name("sink_text", tests, NULL, NULL);
}
