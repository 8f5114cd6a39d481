// SPDX-License-Identifier: BSD-2-Clause
/*
 * Trace files: the facts of the run, and its counters. A field is a key (2 bytes), a length (4) and
 * as many bytes; a reader skips unknown keys. Keys are part of the format: append only.
 */
#include <errno.h>
#include <stdio.h>

#include "trace/private.h"

enum {
	KEY_VERSION = 1,
	KEY_BOOT,
	KEY_BOOT_TO_REAL,
	KEY_PID,
	KEY_FLAGS,
	KEY_PART,
	KEY_KERNEL = 16,
	KEY_MACHINE,
	KEY_FWB,
	KEY_DIC,
	KEY_IDC,
	KEY_KVM_MODE,
	KEY_PFNMAP_CAP,
	KEY_PAGE_SHIFT,
	KEY_S1_ATTR,
	KEY_S1_CALIBRATED,
	KEY_S1_SOURCE,
	KEY_RAM,
	KEY_INIT_ICACHE,
	KEY_INIT_ICACHE_TEXT,
	KEY_LOCKDOWN,
	KEY_DISAGREEMENT,
	KEY_EXIT_NS,
	KEY_PROBE_NS,
	KEY_HOOK = 64, /* a field for each enum s2v_observe */
	KEY_IDLE, /* bits: hooks that the command did not need */
	KEY_CNT = 96, /* pairs of counter and value, if not 0 */
	KEY_MAPS, /* triples of stage-1 attribute, stage-2 attribute, and value, if not 0 */
	KEY_LOST,
	KEY_MISSED_PROBES,
	KEY_DURATION,
	KEY_INVENTORY_FAILED,
	KEY_DROPPED,
	KEY_STOPPED,
	KEY_AUDIT_FAILED,
	KEY_GAPS,
	KEY_GAP_WHY,
	KEY_HIDDEN,
	KEY_HIDDEN_CREATOR,
	KEY_CENSUS_ERRNO,
	KEY_BYPASSED,
	KEY_BYPASSED_VM,
	KEY_BYPASSED_TGID,
	KEY_UNREAD_VMS, /* of each VM: number, process, times, over_limit */
	KEY_OVER_LIMIT,
};

#define FLAG_ALL 1U
#define FLAG_RING 2U
#define FLAG_AUDIT 4U

struct field {
	__u16 key;
	__u32 len;
	struct s2t_cursor c;
};

static void put_field(struct s2t_buf *b, __u16 key, const void *p, size_t len)
{
	s2t_put_le(b, key, 2);
	s2t_put_le(b, len, 4);
	s2t_put(b, p, len);
}

static void put_num(struct s2t_buf *b, __u16 key, __u64 v)
{
	s2t_put_le(b, key, 2);
	s2t_put_le(b, 8, 4);
	s2t_put_le(b, v, 8);
}

static void put_text(struct s2t_buf *b, __u16 key, const char *s, size_t max)
{
	put_field(b, key, s, strnlen(s, max));
}

/* The next field; false at the end, or if the field is truncated (c->failed). */
static bool next_field(struct s2t_cursor *c, struct field *f)
{
	if (c->p == c->end)
		return false;
	f->key = (__u16)s2t_take_le(c, 2);
	f->len = (__u32)s2t_take_le(c, 4);
	f->c = (struct s2t_cursor){ .p = s2t_take(c, f->len) };
	if (!f->c.p)
		return false;
	f->c.end = f->c.p + f->len;
	return true;
}

static __u64 num(struct field *f)
{
	return s2t_take_le(&f->c, 8);
}

static void text(const struct field *f, char *to, size_t size)
{
	size_t n = f->len < size - 1 ? f->len : size - 1;

	memset(to, 0, size);
	memcpy(to, f->c.p, n);
}

/* ---- host, hooks, the run ---- */

static void put_host(struct s2t_buf *b, const struct s2v_host *h)
{
	put_text(b, KEY_KERNEL, h->kernel, sizeof(h->kernel));
	put_text(b, KEY_MACHINE, h->machine, sizeof(h->machine));
	put_num(b, KEY_FWB, (__u64)h->fwb);
	put_num(b, KEY_DIC, (__u64)h->dic);
	put_num(b, KEY_IDC, (__u64)h->idc);
	put_num(b, KEY_KVM_MODE, (__u64)h->kvm_mode);
	put_num(b, KEY_PFNMAP_CAP, (__u64)h->pfnmap_cap);
	put_num(b, KEY_PAGE_SHIFT, h->page_shift);
	put_field(b, KEY_S1_ATTR, h->s1_attr, sizeof(h->s1_attr));
	put_num(b, KEY_S1_CALIBRATED, (__u64)h->s1_calibrated);
	put_text(b, KEY_S1_SOURCE, h->s1_source, sizeof(h->s1_source));
	put_num(b, KEY_INIT_ICACHE, (__u64)h->init_icache);
	put_text(b, KEY_INIT_ICACHE_TEXT, h->init_icache_text, sizeof(h->init_icache_text));
	put_num(b, KEY_EXIT_NS, h->exit_ns);
	put_num(b, KEY_PROBE_NS, h->probe_ns);
	put_text(b, KEY_LOCKDOWN, h->lockdown, sizeof(h->lockdown));
	put_text(b, KEY_DISAGREEMENT, h->disagreement, sizeof(h->disagreement));
	s2t_put_le(b, KEY_RAM, 2);
	s2t_put_le(b, h->n_ram * 16, 4);
	for (size_t i = 0; i < h->n_ram; i++) {
		s2t_put_le(b, h->ram[i].start, 8);
		s2t_put_le(b, h->ram[i].end, 8);
	}
}

static void put_hook(struct s2t_buf *b, const struct s2v_hook *k)
{
	struct s2t_buf f = { 0 };

	s2t_put_le(&f, (__u64)k->observe, 4);
	s2t_put_le(&f, (__u64)k->method, 4);
	s2t_put_le(&f, (__u64)k->variant, 4);
	s2t_put_le(&f, strnlen(k->function, sizeof(k->function)), 4);
	s2t_put(&f, k->function, strnlen(k->function, sizeof(k->function)));
	s2t_put(&f, k->reason, strnlen(k->reason, sizeof(k->reason)));
	if (f.failed)
		b->failed = true;
	else
		put_field(b, KEY_HOOK, f.p, f.len);
	s2t_buf_free(&f);
}

void s2t_put_info(struct s2t_buf *b, const struct s2t_info *info)
{
	__u64 idle = 0;

	put_text(b, KEY_VERSION, info->version, sizeof(info->version));
	put_num(b, KEY_BOOT, info->boot);
	put_num(b, KEY_BOOT_TO_REAL, (__u64)info->boot_to_real);
	put_num(b, KEY_PID, info->pid);
	put_num(b, KEY_FLAGS,
		(info->all ? FLAG_ALL : 0) | (info->ring ? FLAG_RING : 0) |
			(info->audit ? FLAG_AUDIT : 0));
	put_num(b, KEY_PART, info->part);
	put_host(b, &info->host);
	for (int i = 0; i < S2V_OBS_NR; i++) {
		put_hook(b, &info->hooks[i]);
		idle |= (__u64)info->hooks[i].idle << i;
	}
	put_num(b, KEY_IDLE, idle);
}

static int get_ram(struct field *f, struct s2v_host *h)
{
	size_t n = f->len / 16;

	if (f->len % 16 || h->ram)
		return -EBADMSG;
	if (!n)
		return 0;
	h->ram = calloc(n, sizeof(*h->ram));
	if (!h->ram)
		return -ENOMEM;
	h->n_ram = n;
	for (size_t i = 0; i < n; i++) {
		h->ram[i].start = num(f);
		h->ram[i].end = num(f);
	}
	return 0;
}

static void get_hook(struct field *f, struct s2t_info *info)
{
	__u64 observe = s2t_take_le(&f->c, 4), method = s2t_take_le(&f->c, 4);
	__u64 variant = s2t_take_le(&f->c, 4), len = s2t_take_le(&f->c, 4);
	struct s2v_hook *k;
	const __u8 *p;
	size_t rest;

	if (f->c.failed || observe >= S2V_OBS_NR || method >= S2V_METHOD_NR)
		return; /* of a newer s2verify, as are the rules that need it */
	k = &info->hooks[observe];
	p = s2t_take(&f->c, len);
	if (!p)
		return;
	k->method = (enum s2v_method)method;
	k->variant = (int)variant;
	memset(k->function, 0, sizeof(k->function));
	memcpy(k->function, p, len < sizeof(k->function) ? len : sizeof(k->function) - 1);
	rest = (size_t)(f->c.end - f->c.p);
	memset(k->reason, 0, sizeof(k->reason));
	memcpy(k->reason, f->c.p, rest < sizeof(k->reason) ? rest : sizeof(k->reason) - 1);
}

/* Returns whether the field is one of the host's texts or tables. */
static bool get_host_text(struct field *f, struct s2v_host *h)
{
	switch (f->key) {
	case KEY_KERNEL:
		text(f, h->kernel, sizeof(h->kernel));
		return true;
	case KEY_MACHINE:
		text(f, h->machine, sizeof(h->machine));
		return true;
	case KEY_S1_SOURCE:
		text(f, h->s1_source, sizeof(h->s1_source));
		return true;
	case KEY_INIT_ICACHE_TEXT:
		text(f, h->init_icache_text, sizeof(h->init_icache_text));
		return true;
	case KEY_LOCKDOWN:
		text(f, h->lockdown, sizeof(h->lockdown));
		return true;
	case KEY_DISAGREEMENT:
		text(f, h->disagreement, sizeof(h->disagreement));
		return true;
	case KEY_S1_ATTR:
		for (size_t i = 0; i < sizeof(h->s1_attr) && i < f->len; i++)
			h->s1_attr[i] = f->c.p[i] < S2V_ATTR_NR ? f->c.p[i] : S2V_ATTR_UNKNOWN;
		return true;
	default:
		return false;
	}
}

static void get_host_num(struct field *f, struct s2v_host *h)
{
	const struct {
		__u16 key;
		int *to, min, max;
	} numbers[] = {
		{ KEY_FWB, &h->fwb, S2V_UNKNOWN, S2V_YES },
		{ KEY_DIC, &h->dic, S2V_UNKNOWN, S2V_YES },
		{ KEY_IDC, &h->idc, S2V_UNKNOWN, S2V_YES },
		{ KEY_KVM_MODE, &h->kvm_mode, S2V_KVM_UNKNOWN, S2V_KVM_PROTECTED },
		{ KEY_PFNMAP_CAP, &h->pfnmap_cap, -1, 1 },
		{ KEY_S1_CALIBRATED, &h->s1_calibrated, -1, 1 },
		{ KEY_INIT_ICACHE, &h->init_icache, S2V_UNKNOWN, S2V_YES },
	};

	for (size_t i = 0; i < S2V_ARRAY_SIZE(numbers); i++) {
		__s64 v;

		if (numbers[i].key != f->key)
			continue;
		v = (__s64)num(f);
		if (v >= numbers[i].min && v <= numbers[i].max)
			*numbers[i].to = (int)v;
		return;
	}
}

static int get_field(struct field *f, struct s2t_info *info)
{
	__u64 v;

	switch (f->key) {
	case KEY_VERSION:
		text(f, info->version, sizeof(info->version));
		break;
	case KEY_BOOT:
		info->boot = num(f);
		break;
	case KEY_BOOT_TO_REAL:
		info->boot_to_real = (__s64)num(f);
		break;
	case KEY_PID:
		info->pid = (__u32)num(f);
		break;
	case KEY_FLAGS:
		v = num(f);
		info->all = v & FLAG_ALL;
		info->ring = v & FLAG_RING;
		info->audit = v & FLAG_AUDIT;
		break;
	case KEY_PART:
		info->part = (__u32)num(f);
		break;
	case KEY_PAGE_SHIFT:
		v = num(f);
		if (v < 12 || v > 16) /* arm64: 4K, 16K or 64K */
			return -EBADMSG;
		info->host.page_shift = (__u32)v;
		break;
	case KEY_RAM:
		return get_ram(f, &info->host);
	case KEY_HOOK:
		get_hook(f, info);
		break;
	case KEY_IDLE:
		v = num(f);
		for (int i = 0; i < S2V_OBS_NR; i++)
			info->hooks[i].idle = v >> i & 1;
		break;
	case KEY_EXIT_NS:
		info->host.exit_ns = num(f);
		break;
	case KEY_PROBE_NS:
		info->host.probe_ns = num(f);
		break;
	default:
		if (!get_host_text(f, &info->host))
			get_host_num(f, &info->host);
	}
	return 0;
}

int s2t_get_info(const __u8 *body, size_t len, struct s2t_info *info)
{
	struct s2t_cursor c = { .p = body, .end = body + len };
	struct field f;
	int err = 0;

	memset(info, 0, sizeof(*info));
	info->host.fwb = info->host.dic = info->host.idc = S2V_UNKNOWN;
	info->host.pfnmap_cap = info->host.init_icache = S2V_UNKNOWN;
	for (int i = 0; i < S2V_OBS_NR; i++) {
		info->hooks[i].observe = (enum s2v_observe)i;
		snprintf(info->hooks[i].reason, sizeof(info->hooks[i].reason),
			 "the s2verify that recorded this did not observe it");
	}
	while (!err && next_field(&c, &f))
		err = get_field(&f, info);
	if (!err && (c.failed || !info->host.page_shift))
		err = -EBADMSG;
	return err;
}

/* ---- counters ---- */

void s2t_totals_of(struct s2t_totals *t, const struct s2v_summary *sum)
{
	memset(t, 0, sizeof(*t));
	memcpy(t->cnt, sum->cnt, sizeof(t->cnt));
	memcpy(t->maps, sum->maps, sizeof(t->maps));
	t->lost = sum->lost;
	t->missed_probes = sum->missed_probes;
	t->duration_ns = sum->duration_ns;
	t->inventory_failed = sum->inventory_failed;
	t->audit_failed = sum->audit_failed;
	t->gaps = sum->gaps;
	memcpy(t->gap_why, sum->gap_why, sizeof(t->gap_why));
	t->hidden = sum->hidden;
	t->hidden_creator = sum->hidden_creator;
	t->census_errno = (__u32)sum->census_errno;
	t->bypassed = sum->bypassed;
	t->bypassed_vm = sum->bypassed_vm;
	t->bypassed_tgid = sum->bypassed_tgid;
	t->unread = sum->unread;
	t->over_limit = sum->over_limit;
}

void s2t_totals_between(struct s2t_totals *t)
{
	if (t->cnt[S2V_CNT_ENTERED] > t->cnt[S2V_CNT_RETURNED])
		t->cnt[S2V_CNT_ENTERED] = t->cnt[S2V_CNT_RETURNED];
}

static void put_unread(struct s2t_buf *b, const struct s2v_unread *u)
{
	if (!u->n)
		return;
	s2t_put_le(b, KEY_UNREAD_VMS, 2);
	s2t_put_le(b, u->n * 24, 4);
	for (__u32 i = 0; i < u->n; i++) {
		s2t_put_le(b, u->vm[i].vm, 4);
		s2t_put_le(b, u->vm[i].tgid, 4);
		s2t_put_le(b, u->vm[i].times, 8);
		s2t_put_le(b, u->vm[i].over_limit, 8);
	}
}

void s2t_put_totals(struct s2t_buf *b, const struct s2t_totals *t)
{
	struct s2t_buf cnt = { 0 }, maps = { 0 };

	for (__u32 i = 0; i < S2V_CNT_NR; i++) {
		if (!t->cnt[i])
			continue;
		s2t_put_le(&cnt, i, 4);
		s2t_put_le(&cnt, t->cnt[i], 8);
	}
	for (__u32 i = 0; i < S2V_ATTR_NR * S2V_ATTR_NR; i++) {
		if (!t->maps[i / S2V_ATTR_NR][i % S2V_ATTR_NR])
			continue;
		s2t_put_le(&maps, i / S2V_ATTR_NR, 2);
		s2t_put_le(&maps, i % S2V_ATTR_NR, 2);
		s2t_put_le(&maps, t->maps[i / S2V_ATTR_NR][i % S2V_ATTR_NR], 8);
	}
	b->failed |= cnt.failed || maps.failed;
	put_field(b, KEY_CNT, cnt.p, cnt.failed ? 0 : cnt.len);
	put_field(b, KEY_MAPS, maps.p, maps.failed ? 0 : maps.len);
	put_num(b, KEY_LOST, t->lost);
	put_num(b, KEY_MISSED_PROBES, t->missed_probes);
	put_num(b, KEY_DURATION, t->duration_ns);
	put_num(b, KEY_INVENTORY_FAILED, t->inventory_failed);
	put_num(b, KEY_AUDIT_FAILED, t->audit_failed);
	put_num(b, KEY_DROPPED, t->dropped);
	put_num(b, KEY_STOPPED, t->stopped);
	if (t->gaps) {
		put_num(b, KEY_GAPS, t->gaps);
		put_text(b, KEY_GAP_WHY, t->gap_why, sizeof(t->gap_why));
	}
	if (t->hidden) {
		put_num(b, KEY_HIDDEN, t->hidden);
		put_num(b, KEY_HIDDEN_CREATOR, t->hidden_creator);
	}
	if (t->census_errno)
		put_num(b, KEY_CENSUS_ERRNO, t->census_errno);
	if (t->bypassed) {
		put_num(b, KEY_BYPASSED, t->bypassed);
		put_num(b, KEY_BYPASSED_VM, t->bypassed_vm);
		put_num(b, KEY_BYPASSED_TGID, t->bypassed_tgid);
	}
	put_unread(b, &t->unread);
	if (t->over_limit)
		put_num(b, KEY_OVER_LIMIT, t->over_limit);
	s2t_buf_free(&cnt);
	s2t_buf_free(&maps);
}

static void get_counts(struct field *f, struct s2t_totals *t)
{
	while (f->c.p != f->c.end && !f->c.failed) {
		__u64 a = s2t_take_le(&f->c, f->key == KEY_CNT ? 4 : 2);
		__u64 b = f->key == KEY_CNT ? 0 : s2t_take_le(&f->c, 2), v = num(f);

		if (f->key == KEY_CNT && a < S2V_CNT_NR)
			t->cnt[a] = v;
		else if (f->key == KEY_MAPS && a < S2V_ATTR_NR && b < S2V_ATTR_NR)
			t->maps[a][b] = v;
	}
}

/* Without room for a VM its unread memory is counted in the totals only. */
static void get_unread(struct field *f, struct s2v_unread *u)
{
	while (f->c.p != f->c.end && !f->c.failed) {
		struct s2v_unread_vm v = { .vm = (__u32)s2t_take_le(&f->c, 4) };

		v.tgid = (__u32)s2t_take_le(&f->c, 4);
		v.times = num(f);
		v.over_limit = num(f);
		if (!f->c.failed)
			s2v_unread_add(u, &v);
	}
}

int s2t_get_totals(const __u8 *body, size_t len, struct s2t_totals *t)
{
	struct s2t_cursor c = { .p = body, .end = body + len };
	struct field f;

	memset(t, 0, sizeof(*t));
	while (next_field(&c, &f)) {
		if (f.key == KEY_CNT || f.key == KEY_MAPS)
			get_counts(&f, t);
		else if (f.key == KEY_LOST)
			t->lost = num(&f);
		else if (f.key == KEY_MISSED_PROBES)
			t->missed_probes = num(&f);
		else if (f.key == KEY_DURATION)
			t->duration_ns = num(&f);
		else if (f.key == KEY_INVENTORY_FAILED)
			t->inventory_failed = num(&f) != 0;
		else if (f.key == KEY_AUDIT_FAILED)
			t->audit_failed = num(&f) != 0;
		else if (f.key == KEY_DROPPED)
			t->dropped = num(&f);
		else if (f.key == KEY_STOPPED)
			t->stopped = (__u32)num(&f);
		else if (f.key == KEY_GAPS)
			t->gaps = num(&f);
		else if (f.key == KEY_GAP_WHY)
			text(&f, t->gap_why, sizeof(t->gap_why));
		else if (f.key == KEY_HIDDEN)
			t->hidden = num(&f);
		else if (f.key == KEY_HIDDEN_CREATOR)
			t->hidden_creator = (__u32)num(&f);
		else if (f.key == KEY_CENSUS_ERRNO)
			t->census_errno = (__u32)num(&f);
		else if (f.key == KEY_BYPASSED)
			t->bypassed = num(&f);
		else if (f.key == KEY_BYPASSED_VM)
			t->bypassed_vm = (__u32)num(&f);
		else if (f.key == KEY_BYPASSED_TGID)
			t->bypassed_tgid = (__u32)num(&f);
		else if (f.key == KEY_UNREAD_VMS)
			get_unread(&f, &t->unread);
		else if (f.key == KEY_OVER_LIMIT)
			t->over_limit = num(&f);
	}
	return c.failed ? -EBADMSG : 0;
}
