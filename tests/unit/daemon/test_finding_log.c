// SPDX-License-Identifier: BSD-2-Clause
/* The log of findings: all are counted, not all are written. Counts of each VM. */
/* needs: src/core src/host src/util src/daemon/finding_log.c src/daemon/vms.c src/daemon/notify.c src/sink/json.c src/sink/json_event.c src/sink/json_object.c */
/* libs: -ljson-c */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "daemon/finding_log.h"
#include "daemon/vms.h"

static __u64 written;
static int disk_errno; /* of writes */

static void on_finding(struct s2v_sink *s, const struct s2v_finding *f)
{
	(void)f;
	s->failed = disk_errno;
	written += !disk_errno;
}

static void on_close(struct s2v_sink *s)
{
	(void)s;
}

static struct s2v_finding_log begin(void)
{
	struct s2v_finding_log t;

	unsetenv("JOURNAL_STREAM");
	assert_int_equal(s2v_log_open(&t), 0);
	t.json->close(t.json);
	*t.json = (struct s2v_sink){ .finding = on_finding, .close = on_close };
	written = 0;
	disk_errno = 0;
	return t;
}

static struct s2v_finding a_finding(__u64 id, enum s2v_rule_id rule, bool update)
{
	return (struct s2v_finding){
		.id = id, .rule = s2v_rules[rule], .update = update, .vm = { .id = 1 }, .count = id
	};
}

#define SECOND 1000000000ULL

static void flood(void **state)
{
	struct s2v_finding_log t = begin();

	(void)state;
	for (__u64 i = 1; i <= 5000; i++) {
		struct s2v_finding f = a_finding(i, S2V_RULE_DEVICE_EXEC, false);

		s2v_log_finding(&t, &f, SECOND);
	}
	assert_int_equal(t.total[S2V_RULE_DEVICE_EXEC], 5000);
	assert_true(written >= 100 && written < 5000);
	assert_int_equal(written + t.suppressed, 5000);
	/* Tokens come back, but an hour without findings does not add up beyond the burst. */
	written = 0;
	for (__u64 i = 1; i <= 5000; i++) {
		struct s2v_finding f = a_finding(5000 + i, S2V_RULE_DEVICE_EXEC, false);

		s2v_log_finding(&t, &f, 3600 * SECOND);
	}
	assert_true(written >= 100 && written < 5000);
	s2v_log_close(&t);
}

/* Harmless findings of a rule are counted separately, and do not displace the others. */
static void harmless(void **state)
{
	struct s2v_finding_log t = begin();
	struct s2v_finding f = a_finding(1, S2V_RULE_ATTR_DRIFT, false);

	(void)state;
	s2v_log_finding(&t, &f, SECOND);
	f.mild = true;
	for (f.id = 2; f.id < 1000; f.id++)
		s2v_log_finding(&t, &f, SECOND);
	assert_int_equal(t.total[S2V_RULE_ATTR_DRIFT], 999);
	assert_int_equal(t.mild[S2V_RULE_ATTR_DRIFT], 998);
	f.mild = false;
	written = 0;
	s2v_log_finding(&t, &f, SECOND);
	assert_int_equal(written, 1);
	for (unsigned int i = 0; i < S2V_LOG_KEPT; i++)
		written += s2v_log_kept(&t, i)->id == 1;
	assert_int_equal(written, 2);
	s2v_log_close(&t);
}

/* Updates do not count as findings, and do not keep new findings from being written. */
static void updates(void **state)
{
	struct s2v_finding_log t = begin();
	struct s2v_finding f = a_finding(1, S2V_RULE_DEVICE_EXEC, false);

	(void)state;
	s2v_log_finding(&t, &f, SECOND);
	f.update = true;
	for (int i = 0; i < 5000; i++)
		s2v_log_finding(&t, &f, SECOND);
	assert_int_equal(t.total[S2V_RULE_DEVICE_EXEC], 1);
	assert_true(written < 1000);
	assert_int_equal(written + t.suppressed, 5001);
	written = 0;
	f = a_finding(2, S2V_RULE_DEVICE_EXEC, false);
	s2v_log_finding(&t, &f, SECOND);
	assert_int_equal(written, 1);
	s2v_log_close(&t);
}

/* A finding over the limit is written later, once, with its totals of that time. */
static void late(void **state)
{
	struct s2v_finding_log t = begin();
	struct s2v_finding f = a_finding(1, S2V_RULE_DEVICE_EXEC, false);

	(void)state;
	s2v_log_finding(&t, &f, SECOND);
	f.update = true;
	for (int i = 0; i < 200; i++)
		s2v_log_finding(&t, &f, SECOND);
	assert_true(t.suppressed > 0);
	written = 0;
	s2v_log_flush(&t, SECOND);
	assert_int_equal(written, 0);
	s2v_log_flush(&t, 10 * SECOND);
	s2v_log_flush(&t, 20 * SECOND);
	assert_int_equal(written, 1);
	s2v_log_close(&t);
}

static void full_disk(void **state)
{
	struct s2v_finding_log t = begin();
	struct s2v_finding f = a_finding(1, S2V_RULE_DEVICE_EXEC, false);

	(void)state;
	disk_errno = ENOSPC;
	s2v_log_finding(&t, &f, SECOND);
	assert_int_equal(t.unwritten, 1);
	assert_int_equal(t.failed, ENOSPC);
	assert_int_equal(t.total[S2V_RULE_DEVICE_EXEC], 1);
	disk_errno = 0;
	s2v_log_finding(&t, &f, SECOND);
	assert_int_equal(written, 1);
	assert_int_equal(t.failed, 0);
	s2v_log_close(&t);
}

/* A pipe without a reader: findings count as unwritten, and the daemon does not block. */
static void nobody_reads(void **state)
{
	struct s2v_finding f = a_finding(1, S2V_RULE_DEVICE_EXEC, false);
	int fd[2], out = dup(STDOUT_FILENO);
	struct s2v_finding_log t = begin();
	char page[4096] = "";

	(void)state;
	fflush(stdout);
	assert_true(out >= 0);
	assert_int_equal(pipe(fd), 0);
	assert_int_equal(fcntl(fd[1], F_SETFL, O_NONBLOCK), 0);
	while (write(fd[1], page, sizeof(page)) > 0)
		;
	assert_int_equal(errno, EAGAIN);
	assert_int_equal(fcntl(fd[1], F_SETFL, 0), 0); /* blocking, like an inherited one */
	assert_int_equal(dup2(fd[1], STDOUT_FILENO), STDOUT_FILENO);
	s2v_log_finding(&t, &f, SECOND);
	s2v_log_finding(&t, &f, SECOND);
	assert_int_equal(written, 0);
	assert_int_equal(t.unwritten, 2);
	assert_int_equal(t.failed, EAGAIN);
	/* Once it is read, the next line is whole: no partial line was written. */
	assert_int_equal(read(fd[0], page, sizeof(page)), sizeof(page));
	s2v_log_finding(&t, &f, SECOND);
	assert_int_equal(written, 1);
	assert_int_equal(t.failed, 0);
	assert_false(t.partial);
	assert_int_equal(dup2(out, STDOUT_FILENO), STDOUT_FILENO);
	close(out);
	close(fd[0]);
	close(fd[1]);
	s2v_log_close(&t);
}

static void ring(void **state)
{
	struct s2v_finding_log t = begin();
	struct s2v_finding f;

	(void)state;
	assert_null(s2v_log_kept(&t, 0));
	for (__u64 i = 1; i <= 250; i++) {
		f = a_finding(i, S2V_RULE_DEVICE_EXEC, false);
		s2v_log_finding(&t, &f, SECOND);
	}
	for (unsigned int i = 0; i < S2V_LOG_KEPT; i++)
		assert_int_equal(s2v_log_kept(&t, i)->id, 250 - i);
	assert_null(s2v_log_kept(&t, S2V_LOG_KEPT));
	/* An update replaces the finding that it updates. */
	f = a_finding(200, S2V_RULE_DEVICE_EXEC, true);
	f.count = 77;
	s2v_log_finding(&t, &f, SECOND);
	assert_int_equal(s2v_log_kept(&t, 50)->count, 77);
	assert_int_equal(s2v_log_kept(&t, 0)->id, 250);
	s2v_log_close(&t);
}

/* Many minor findings do not displace severe ones, and the newest is always kept. */
static void severe_ones_stay(void **state)
{
	struct s2v_finding_log t = begin();
	struct s2v_finding f;

	(void)state;
	for (__u64 i = 1; i <= 1000; i++) {
		f = a_finding(
			i, i == 3 || i == 500 ? S2V_RULE_S2_NONCACHEABLE : S2V_RULE_CAP_UNQUERIED,
			false);
		s2v_log_finding(&t, &f, SECOND);
	}
	assert_int_equal(s2v_log_kept(&t, 0)->id, 1000);
	assert_int_equal(s2v_log_kept(&t, 97)->id, 903);
	assert_int_equal(s2v_log_kept(&t, 98)->id, 500);
	assert_int_equal(s2v_log_kept(&t, 99)->id, 3);
	assert_null(s2v_log_kept(&t, 100));
	for (__u64 i = 1001; i <= 1200; i++) {
		f = a_finding(i, S2V_RULE_S2_NONCACHEABLE, false);
		s2v_log_finding(&t, &f, SECOND);
	}
	f = a_finding(1201, S2V_RULE_CAP_UNQUERIED, false);
	s2v_log_finding(&t, &f, SECOND);
	assert_int_equal(s2v_log_kept(&t, 0)->id, 1201);
	assert_int_equal(s2v_log_kept(&t, 99)->id, 1102);
	s2v_log_close(&t);
}

/* Many minor findings do not keep a severe one from being written. */
static void severe_ones_are_written(void **state)
{
	struct s2v_finding_log t = begin();
	struct s2v_finding f;

	(void)state;
	for (__u64 i = 1; i <= 5000; i++) {
		f = a_finding(i, S2V_RULE_CAP_UNQUERIED, false);
		s2v_log_finding(&t, &f, SECOND);
	}
	assert_true(t.suppressed > 0);
	written = 0;
	f = a_finding(5001, S2V_RULE_S2_NONCACHEABLE, false);
	s2v_log_finding(&t, &f, SECOND);
	assert_int_equal(written, 1);
	s2v_log_close(&t);
}

/* ---- VMs ---- */

static void map(struct s2v_vm_stats *s, __u32 vm, __u64 count)
{
	struct s2v_ev_page ev = { .h = { .type = S2V_EV_MAP, .len = sizeof(ev), .vm = vm },
				  .count = count };

	s2v_vms_event(s, &ev.h);
}

static void dead(struct s2v_vm_stats *s, __u32 vm)
{
	struct s2v_ev_vm ev = { .h = { .type = S2V_EV_VM_DEAD, .len = sizeof(ev), .vm = vm } };

	s2v_vms_event(s, &ev.h);
	s2v_vms_gone(s, &ev.h);
}

static const struct s2v_vm_stat *stat_of(const struct s2v_vm_stats *s, __u32 id)
{
	const struct s2v_vm_stat *vm;

	HASH_FIND(hh, s->vms, &id, sizeof(id), vm);
	return vm;
}

static unsigned int n_series(const struct s2v_vm_stats *s)
{
	unsigned int n = 0;

	for (const struct s2v_vm_stat *vm = s->vms; vm; vm = vm->hh.next)
		n += vm->labelled;
	return n;
}

#define MINUTE (60 * SECOND)

static void labels(void **state)
{
	struct s2v_finding f = a_finding(1, S2V_RULE_S2_NONCACHEABLE, false);
	struct s2v_vm_stats s = { .labels = 3 };

	(void)state;
	for (__u32 vm = 1; vm <= 10; vm++)
		map(&s, vm, vm * 100);
	f.vm.id = 2;
	s2v_vms_finding(&s, &f);
	s2v_vms_rank(&s, MINUTE);
	assert_int_equal(n_series(&s), 3);
	/* The VM with the finding has a series from the first scrape on. */
	assert_true(stat_of(&s, 2)->labelled);
	assert_int_equal(stat_of(&s, 2)->own[S2V_VM_FINDINGS], 1);
	assert_int_equal(stat_of(&s, 10)->own[S2V_VM_MAPS], 1000);
	assert_int_equal(s.other[S2V_VM_MAPS], 5500);
	assert_int_equal(s.other[S2V_VM_FINDINGS], 1);
	/* From then on each count goes to one series only. */
	map(&s, 10, 5);
	map(&s, 1, 5000);
	s2v_vms_rank(&s, MINUTE + SECOND);
	assert_int_equal(stat_of(&s, 10)->own[S2V_VM_MAPS], 1005);
	assert_int_equal(s.other[S2V_VM_MAPS], 10500);
	/* VM 1 is busier than VM 9, but VM 9 keeps its series for a minute, for slow scrapers. */
	assert_true(stat_of(&s, 9)->labelled);
	assert_false(stat_of(&s, 1)->labelled);
	map(&s, 9, 3);
	s2v_vms_rank(&s, 2 * MINUTE);
	assert_false(stat_of(&s, 9)->labelled);
	assert_int_equal(s.other[S2V_VM_MAPS], 10503);
	assert_int_equal(stat_of(&s, 1)->own[S2V_VM_MAPS], 5100);
	/* Its series continues where it stopped; what `other` counted meanwhile stays there. */
	map(&s, 9, 9000);
	s2v_vms_rank(&s, 3 * MINUTE);
	assert_true(stat_of(&s, 9)->labelled);
	assert_int_equal(stat_of(&s, 9)->own[S2V_VM_MAPS], 900);
	assert_int_equal(s.other[S2V_VM_MAPS], 19503);
	/* Counts that no scrape has seen go to `other` when the VM ends; its place is free at once. */
	map(&s, 9, 40);
	dead(&s, 9);
	assert_int_equal(s.other[S2V_VM_MAPS], 19543);
	s2v_vms_rank(&s, 3 * MINUTE + SECOND);
	assert_int_equal(n_series(&s), 3);
	for (__u32 vm = 1; vm <= 10; vm++)
		dead(&s, vm);
	assert_null(s.vms);
	s2v_vms_free(&s);
}

/* No series ever decreases, and all increases add up to the number of events. */
static void sums_of_rates(void **state)
{
	static __u64 shown[200];
	static bool gone[200]; /* VM numbers are not reused */
	__u64 happened = 0, grown = 0, other = 0, n;
	struct s2v_vm_stats s = { .labels = 4 };

	(void)state;
	srandom(1);
	for (__u64 t = 1; t < 5000; t++) {
		__u32 vm = 1 + (__u32)(t / 50) + (__u32)random() % 20;

		if (random() % 40 == 0 && t < 4999) {
			dead(&s, vm);
			gone[vm] = true;
		}
		if (gone[vm] && t < 4999)
			continue;
		n = (__u64)random() % 1000;
		map(&s, vm, n);
		happened += n;
		if (random() % 5 && t < 4999)
			continue;
		s2v_vms_rank(&s, t * SECOND);
		assert_true(s.other[S2V_VM_MAPS] >= other);
		grown += s.other[S2V_VM_MAPS] - other;
		other = s.other[S2V_VM_MAPS];
		for (const struct s2v_vm_stat *v = s.vms; v; v = v->hh.next) {
			if (!v->labelled)
				continue;
			assert_true(v->own[S2V_VM_MAPS] >= shown[v->id]);
			/* rate() takes the first value of a series as its start. */
			grown += shown[v->id] ? v->own[S2V_VM_MAPS] - shown[v->id] : 0;
			shown[v->id] = v->own[S2V_VM_MAPS];
		}
	}
	s2v_vms_free(&s);
	assert_int_equal(grown, happened);
}

/* The end of an audit that comes after the end of its VM does not create a VM. */
static void audited_late(void **state)
{
	struct s2v_ev_audit ev = { .h = { .type = S2V_EV_AUDIT, .len = sizeof(ev), .vm = 1 },
				   .flags = S2V_AU_GONE };
	struct s2v_vm_stats s = { 0 };

	(void)state;
	map(&s, 1, 1);
	dead(&s, 1);
	s2v_vms_event(&s, &ev.h);
	assert_null(s.vms);
}

/* Findings before mappings. */
static void busiest(void **state)
{
	struct s2v_finding f = a_finding(1, S2V_RULE_S2_NONCACHEABLE, false);
	const struct s2v_vm_stat *top[4];
	struct s2v_vm_stats s = { 0 };

	(void)state;
	assert_int_equal(s2v_vms_busiest(&s, top, 4), 0);
	for (__u32 vm = 1; vm <= 10; vm++)
		map(&s, vm, vm * 100);
	f.vm.id = 2;
	s2v_vms_finding(&s, &f);
	f.update = true; /* does not count */
	f.vm.id = 3;
	s2v_vms_finding(&s, &f);
	assert_int_equal(s2v_vms_busiest(&s, top, 4), 4);
	assert_int_equal(top[0]->id, 2);
	assert_int_equal(top[1]->id, 10);
	assert_int_equal(top[2]->id, 9);
	assert_int_equal(top[3]->id, 8);
	assert_int_equal(top[0]->worst, S2V_CRITICAL);
	assert_int_equal(top[1]->worst, -1);
	s2v_vms_free(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(flood),	cmocka_unit_test(updates),
		cmocka_unit_test(full_disk),	cmocka_unit_test(nobody_reads),
		cmocka_unit_test(ring),		cmocka_unit_test(severe_ones_stay),
		cmocka_unit_test(labels),	cmocka_unit_test(sums_of_rates),
		cmocka_unit_test(busiest),	cmocka_unit_test(severe_ones_are_written),
		cmocka_unit_test(audited_late), cmocka_unit_test(harmless),
		cmocka_unit_test(late),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
