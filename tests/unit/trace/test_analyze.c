// SPDX-License-Identifier: BSD-2-Clause
/* needs: src/core src/host src/util src/sink/filter.c src/sink/json.c src/sink/json_event.c src/sink/json_object.c src/trace */
/* libs: -ljson-c -lzstd -lz -lpthread */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>
#include <unistd.h>

#include "trace/analyze.h"
#include "cmd/cmd.h"
#include "sink/sinks.h"
#include "s2t_data.h"
#include "sink/filter.h"

static struct s2v_range ram[] = { { 0x40000000, 0x100000000 } };

static struct s2t_info an_info(void)
{
	struct s2t_info i = {
		.host = { .kernel = "test",
			  .machine = "aarch64",
			  .fwb = S2V_NO,
			  .dic = S2V_NO,
			  .idc = S2V_NO,
			  .pfnmap_cap = -1,
			  .page_shift = 12,
			  .s1_calibrated = 1,
			  .ram = ram,
			  .n_ram = 1,
			  .init_icache = S2V_UNKNOWN },
		.version = "test",
		.boot = 1000,
		.boot_to_real = 1700000000000000000LL,
		.all = true,
	};

	for (int o = 0; o < S2V_OBS_NR; o++)
		i.hooks[o] = (struct s2v_hook){ .observe = (enum s2v_observe)o,
						.method = S2V_METHOD_FENTRY };
	return i;
}

/* Times of S2T_REC_CONTRACT and S2T_REC_UPDATES. */
#define CONTRACT_TIME 4242
#define UPDATES_TIME 60000

static void reset(struct s2t_buf *ev, __u32 vm, __u64 time)
{
	struct s2v_ev_reset *r;

	for (__u32 i = 0; i < 2; i++) {
		r = add(ev, S2V_EV_UNMAP, vm, time + i);
		r->seq = 1 + 2 * i;
		r->vcpu = (int)i;
		r->mapped = !i;
		r->dur = 500;
		r = add(ev, S2V_EV_INIT, vm, time + i);
		r->seq = 2 + 2 * i;
		r->vcpu = (int)i;
		r->ran = 1;
	}
	r = add(ev, S2V_EV_RUN, vm, time + 5);
	r->seq = 5;
}

static void a_run(struct s2t_buf *ev)
{
	struct s2v_ev_page *p, again;
	__u64 time;

	time = guest(ev, 1, 2000, 30);
	p = add(ev, S2V_EV_MAP, 1, time + 1);
	*p = (struct s2v_ev_page){ .h = p->h, .slot = 1, .gen = 1, .slot_gpa = 0x40000000 };
	p->slot_size = 30 << 12;
	p->slot_hva = p->hva = 0xffff80000000;
	p->gpa = p->gpa_last = 0x40000000;
	p->size = 4096;
	p->count = 1;
	p->pa = 0x80000000;
	p->s2 = S2V_ATTR_DEVICE_nGnRE;
	p->vma = (struct s2v_vma){ p->hva, p->hva + p->slot_size, 0, S2V_ATTR_NORMAL_WB, 0, { 0 } };
	again = *p;
	add(ev, S2T_REC_CONTRACT, 0, CONTRACT_TIME);
	p = add(ev, S2V_EV_MAP, 1, time + 2);
	again.h = p->h;
	*p = again;
	add(ev, S2T_REC_UPDATES, 0, UPDATES_TIME);
	reset(ev, 1, time + 100);
	guest(ev, 2, time + 10000, 5);
	add(ev, S2V_EV_VM_DEAD, 2, time + 90000);
	any_event(ev, 1000); /* of unknown types: lost, live and here */
}

static struct s2v_summary a_summary(void)
{
	struct s2v_summary s = { .duration_ns = 123456789 };

	s.cnt[S2V_CNT_FAULTS] = 77;
	s.maps[S2V_ATTR_NORMAL_WB][S2V_ATTR_DEVICE_nGnRE] = 1;
	return s;
}

struct text {
	char *p;
	size_t len;
	FILE *f;
	struct s2v_sink *sink;
};

static void begin_text(struct text *t, bool resets)
{
	t->f = open_memstream(&t->p, &t->len);
	assert_non_null(t->f);
	t->sink = s2v_sink_json_to(t->f);
	assert_non_null(t->sink);
	s2v_run_narrow(t->sink, resets);
}

static void end_text(struct text *t)
{
	assert_int_equal(s2v_run_close(t->sink, 0), 0);
	assert_int_equal(fclose(t->f), 0);
}

/* As a live command: events go directly to the correlator. */
static void live(struct text *t, const struct s2t_buf *ev, bool resets)
{
	struct s2t_info info = an_info();
	struct s2v_rule_state rules[S2V_RULE_NR];
	struct s2v_summary sum = a_summary();
	struct s2v_correlator_opts o = {
		.host = &info.host,
		.rules = rules,
		.boot_to_real = info.boot_to_real,
		.events = !resets,
		.only = resets ? S2V_ON_UNMAP | S2V_ON_INIT : 0,
		.every_map = true,
		.refault_window = S2V_REFAULT_WINDOW,
	};
	struct s2v_correlator *c;

	begin_text(t, resets);
	o.sink = t->sink;
	s2v_run_cover(&info.host, info.hooks, S2V_BY_HOOKS | (resets ? S2V_OF_RESETS : 0), rules);
	s2v_run_announce(t->sink, &info.host, info.hooks, rules);
	c = s2v_correlator_new(&o);
	assert_non_null(c);
	for (size_t at = 0; at < ev->len; at += s2t_round8(event_at(ev, at)->len)) {
		if (event_at(ev, at)->type == S2T_REC_CONTRACT)
			s2v_correlator_contract(c);
		else if (event_at(ev, at)->type == S2T_REC_UPDATES)
			s2v_correlator_updates(c, UPDATES_TIME);
		else
			s2v_correlator_event(c, event_at(ev, at));
	}
	s2v_correlator_finish(c, &sum);
	s2v_correlator_free(c);
	end_text(t);
}

/* Writes the events to a file in memory. */
static void record(struct s2t_buf *file, const struct s2t_buf *ev)
{
	char path[64], err[256];
	struct s2t_info info = an_info();
	struct s2t_writer_opts o = { .path = path, .info = &info, .patient = true };
	struct s2v_summary sum = a_summary();
	struct s2t_facts facts;
	struct s2t_writer *w;
	__u8 buf[4096];
	size_t n;
	FILE *f;

	snprintf(path, sizeof(path), "/tmp/analyze-test-%d.s2t", (int)getpid());
	w = s2t_create(&o, err, sizeof(err));
	assert_non_null(w);
	for (size_t at = 0; at < ev->len; at += s2t_round8(event_at(ev, at)->len)) {
		if (event_at(ev, at)->type >= S2T_REC_FIRST)
			s2t_mark(w, event_at(ev, at)->type, event_at(ev, at)->time);
		else
			s2t_append(w, event_at(ev, at));
	}
	assert_int_equal(s2t_close(w, &sum, &facts), 0);
	f = fopen(path, "re");
	assert_non_null(f);
	while ((n = fread(buf, 1, sizeof(buf), f)) > 0)
		s2t_put(file, buf, n);
	fclose(f);
	unlink(path);
}

static struct s2v_summary analyze(struct text *t, const struct s2t_buf *file, struct s2v_analysis a,
				  const struct s2v_filter *f, __u64 *findings)
{
	struct memory m = { .p = file->p, .len = file->len };
	char err[256] = "";
	struct s2t_reader *r = open_memory(&m, err, sizeof(err));
	struct s2v_sink_filter filter;
	struct s2v_summary sum;

	if (!r)
		fail_msg("%s", err);
	begin_text(t, a.resets);
	s2v_sink_filter(&filter, t->sink, f);
	a.sink = &filter.sink;
	a.tell = true;
	a.refault_window = S2V_REFAULT_WINDOW;
	assert_int_equal(s2v_analyze(r, &a, &sum), 0);
	memcpy(findings, filter.findings, sizeof(filter.findings));
	end_text(t);
	s2t_free(r);
	return sum;
}

static const struct s2v_filter everything = { .until = ~0ULL };

static void the_same_as_live(void **state)
{
	struct s2t_buf ev = { 0 }, file = { 0 };
	__u64 findings[S2V_SEVERITY_NR];

	(void)state;
	a_run(&ev);
	record(&file, &ev);
	for (int resets = 0; resets < 2; resets++) {
		struct s2v_analysis a = { .events = !resets, .resets = resets };
		struct text want = { 0 }, got = { 0 };

		live(&want, &ev, resets);
		analyze(&got, &file, a, &everything, findings);
		assert_string_equal(got.p, want.p);
		assert_non_null(
			strstr(want.p, resets ? "\"type\":\"reset\"" : "\"type\":\"event\""));
		assert_non_null(
			strstr(want.p, resets ? "reset-unmap-repeated" : "s2-noncacheable"));
		assert_non_null(strstr(want.p, "1 event lost"));
		free(want.p);
		free(got.p);
	}
	s2t_buf_free(&ev);
	s2t_buf_free(&file);
}

static unsigned int lines_with(const char *text, const char *what)
{
	unsigned int n = 0;

	for (const char *p = text; (p = strstr(p, what)); p++)
		n++;
	return n;
}

static void filters(void **state)
{
	const struct s2v_filter rule = { .until = ~0ULL, .rule = s2v_rules[S2V_RULE_S2_CACHEABLE] };
	const struct s2v_filter late = { .since = 1700000000000000000ULL + 999999999,
					 .until = ~0ULL };
	const struct s2v_filter early = { .until = 1700000000000000000ULL + 2500 };
	const struct s2v_filter second = { .until = ~0ULL, .vm = 2 };
	const struct s2v_filter of_1001 = { .until = ~0ULL, .pid = 1001 };
	struct s2v_analysis all = { .events = true };
	struct s2t_buf ev = { 0 }, file = { 0 };
	__u64 findings[S2V_SEVERITY_NR];
	struct text t = { 0 };

	(void)state;
	a_run(&ev);
	record(&file, &ev);
	analyze(&t, &file, all, &everything, findings);
	assert_int_equal(findings[S2V_CRITICAL], 1);
	assert_int_equal(lines_with(t.p, "\"type\":\"event\""), 3 + 60 + 2 + 5 + 3 + 10 + 1);
	free(t.p);
	analyze(&t, &file, all, &rule, findings);
	assert_int_equal(findings[S2V_CRITICAL], 0);
	assert_int_equal(lines_with(t.p, "\"type\":\"finding\""), 0);
	assert_non_null(strstr(t.p, "\"critical\":0"));
	free(t.p);
	analyze(&t, &file, all, &late, findings);
	assert_int_equal(lines_with(t.p, "\"type\":\"event\""), 0);
	assert_int_equal(findings[S2V_CRITICAL], 0);
	free(t.p);
	analyze(&t, &file, all, &early, findings);
	assert_int_equal(lines_with(t.p, "\"type\":\"event\""), 3);
	free(t.p);
	analyze(&t, &file, all, &second, findings);
	assert_int_equal(lines_with(t.p, "\"type\":\"event\""), 3 + 10 + 1);
	assert_int_equal(findings[S2V_CRITICAL], 0);
	free(t.p);
	analyze(&t, &file, all, &of_1001, findings);
	assert_int_equal(lines_with(t.p, "\"type\":\"event\""), 3 + 60 + 2 + 5);
	free(t.p);
	s2t_buf_free(&ev);
	s2t_buf_free(&file);
}

static void a_torn_file_is_incomplete(void **state)
{
	struct s2t_buf ev = { 0 }, file = { 0 };
	struct s2v_analysis a = { 0 };
	__u64 findings[S2V_SEVERITY_NR];
	struct s2v_summary sum;
	struct text t = { 0 };

	(void)state;
	guest(&ev, 1, 2000, 30);
	record(&file, &ev);
	sum = analyze(&t, &file, a, &everything, findings);
	assert_true(sum.complete);
	assert_int_equal(s2v_run_status(findings, sum.complete, S2V_INFO), S2V_EXIT_OK);
	free(t.p);
	file.len /= 2;
	sum = analyze(&t, &file, a, &everything, findings);
	assert_false(sum.complete);
	assert_non_null(strstr(sum.incomplete, "the recording's end is missing"));
	assert_int_equal(s2v_run_status(findings, sum.complete, S2V_INFO), S2V_EXIT_INCOMPLETE);
	free(t.p);
	s2t_buf_free(&ev);
	s2t_buf_free(&file);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_same_as_live),
		cmocka_unit_test(filters),
		cmocka_unit_test(a_torn_file_is_incomplete),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
