/* SPDX-License-Identifier: BSD-2-Clause */
/* Trace files on disk for tests: written with all fields set, and opened again. */
#ifndef S2V_TEST_S2T_FILE_H
#define S2V_TEST_S2T_FILE_H

#include <stdio.h>
#include <unistd.h>

#include "s2t_data.h"

static char path[64];

static inline int setup(void **state)
{
	(void)state;
	snprintf(path, sizeof(path), "/tmp/s2t-test-%d.s2t", (int)getpid());
	return 0;
}

static inline int teardown(void **state)
{
	char part[80];

	(void)state;
	unlink(path);
	for (int i = 1; i < 20; i++) {
		snprintf(part, sizeof(part), "%s.%d", path, i);
		unlink(part);
	}
	return 0;
}

/* ---- writing ---- */

static struct s2v_range ram[] = { { 0x40000000, 0x80000000 }, { 0x100000000, ~0ULL } };

static inline struct s2t_info an_info(void)
{
	struct s2t_info i = {
		.host = { .kernel = "6.12.0-test",
			  .machine = "aarch64",
			  .fwb = S2V_YES,
			  .dic = S2V_NO,
			  .idc = S2V_UNKNOWN,
			  .kvm_mode = S2V_KVM_PROTECTED,
			  .pfnmap_cap = -1,
			  .page_shift = 14,
			  .s1_attr = { 1, 2, 3, 4, 5, 6, 7, 8 },
			  .s1_calibrated = 1,
			  .s1_source = "a source",
			  .ram = ram,
			  .n_ram = 2,
			  .init_icache = S2V_NO,
			  .init_icache_text = "an instruction",
			  .lockdown = "none",
			  .disagreement = "two sources" },
		.version = "1.2",
		.boot = 123456789,
		.boot_to_real = -5,
		.pid = 77,
		.all = true,
	};

	for (int o = 0; o < S2V_OBS_NR; o++) {
		i.hooks[o].observe = (enum s2v_observe)o;
		i.hooks[o].method = (enum s2v_method)(o % 3);
		i.hooks[o].variant = o;
		snprintf(i.hooks[o].function, sizeof(i.hooks[o].function), "function_%d", o);
		snprintf(i.hooks[o].reason, sizeof(i.hooks[o].reason), "reason %d", o);
	}
	return i;
}

static inline struct s2v_summary a_summary(void)
{
	struct s2v_summary s = {
		.missed_probes = 3,
		.duration_ns = 4,
		.inventory_failed = true,
		.gaps = 5,
		.gap_why = "kprobes were disabled",
		.hidden = 7,
		.hidden_creator = 888,
		.census_errno = 13,
		.bypassed = 9,
		.bypassed_vm = 10,
		.bypassed_tgid = 1111,
		.unread = { .n = 2, .vm = { { 3, 812, 118, 0 }, { 5, 77, 1ULL << 40, 9 } } }
	};

	for (int i = 0; i < S2V_CNT_NR; i++)
		s.cnt[i] = (__u64)i * 1000000007;
	s.maps[1][7] = 11;
	s.maps[S2V_ATTR_NR - 1][S2V_ATTR_NR - 1] = ~0ULL;
	s.lost = 6;
	return s;
}

static struct s2t_facts facts;

/* Writes all events, a counters chunk after every `every` of them, and closes. */
static inline int record(const struct s2t_writer_opts *o, const struct s2t_buf *ev, __u32 every)
{
	char err[256] = "";
	struct s2v_summary sum = a_summary();
	struct s2t_writer_opts patient = *o;
	struct s2t_writer *w;
	__u32 n = 0;

	patient.patient = true;
	w = s2t_create(&patient, err, sizeof(err));

	if (!w)
		fail_msg("%s", err);
	for (size_t at = 0; at < ev->len; at += s2t_round8(event_at(ev, at)->len)) {
		s2t_append(w, event_at(ev, at));
		if (every && ++n % every == 0)
			s2t_counters(w, &sum);
	}
	return s2t_close(w, &sum, &facts);
}

static inline void slurp(const char *from, struct s2t_buf *to)
{
	FILE *f = fopen(from, "re");
	__u8 buf[4096];
	size_t n;

	to->len = 0;
	assert_non_null(f);
	while ((n = fread(buf, 1, sizeof(buf), f)) > 0)
		s2t_put(to, buf, n);
	fclose(f);
}

static inline void a_file(struct s2t_buf *file, const struct s2t_buf *ev, __u32 every)
{
	struct s2t_info info = an_info();
	struct s2t_writer_opts o = { .path = path, .info = &info };

	assert_int_equal(record(&o, ev, every), 0);
	slurp(path, file);
}

static inline struct s2t_reader *must_open(struct memory *m)
{
	char err[256] = "";
	struct s2t_reader *r = open_memory(m, err, sizeof(err));

	if (!r)
		fail_msg("%s", err);
	return r;
}

#endif
