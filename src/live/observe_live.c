// SPDX-License-Identifier: BSD-2-Clause
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "live/btfproto.h"
#include "live/facts.h"
#include "live/needs.h"
#include "host/observe.h"
#include "s2v_shared.h"
#include "s2verify.skel.h"
#include "live/trial.h"

struct machine {
	struct btf *btf;
	const struct s2v_kallsyms *ks;
};

static int live_proto(void *ctx, const char *func, char *buf, size_t len)
{
	struct machine *m = ctx;

	return s2v_btf_proto(m->btf, func, buf, len);
}

static void live_symbol(void *ctx, const char *func, struct s2v_ksym *sym)
{
	struct machine *m = ctx;

	s2v_kallsyms_find(m->ks, func, sym);
}

static int live_trial(void *ctx, enum s2v_method method, const char *func, bool ret, char *why,
		      size_t len)
{
	struct machine *m = ctx;

	if (method == S2V_METHOD_FENTRY)
		return s2v_trial_tracing(m->btf, func, ret, why, len);
	why[0] = '\0';
	if (method == S2V_METHOD_TRACEPOINT)
		return s2v_trial_tracepoint(func);
	return s2v_trial_kprobe(func, ret);
}

static int quiet(enum libbpf_print_level level, const char *fmt, va_list ap)
{
	(void)level;
	(void)fmt;
	(void)ap;
	return 0;
}

static int load_btf(struct machine *m, char *err, size_t errlen)
{
	libbpf_print_fn_t old = libbpf_set_print(quiet);

	m->btf = btf__load_vmlinux_btf();
	libbpf_set_print(old);
	if (m->btf)
		return 0;
	snprintf(
		err, errlen,
		"cannot read the kernel's type information (BTF, /sys/kernel/btf/vmlinux): %s; the "
		"kernel must be built with CONFIG_DEBUG_INFO_BTF",
		strerror(errno));
	return -1;
}

/* Before any hook is tried: a clear message instead of libbpf's unresolved relocation. */
static int meets_needs(const struct machine *m, char *err, size_t errlen)
{
	struct s2verify_bpf *skel = s2verify_bpf__open();
	int ret;

	if (!skel) {
		snprintf(err, errlen, "the BPF object could not be opened: %s", strerror(errno));
		return -1;
	}
	ret = s2v_needs(m->btf, bpf_object__btf(skel->obj), err, errlen);
	s2verify_bpf__destroy(skel);
	return ret;
}

int s2v_observe_live(struct s2v_hook hooks[S2V_OBS_NR], const struct s2v_host *host,
		     enum s2v_attach_mode mode, bool every_fault, const struct s2v_kallsyms *ks,
		     char *err, size_t errlen)
{
	struct machine m = { .ks = ks };
	const struct s2v_observe_ops ops = {
		.ctx = &m,
		.proto = live_proto,
		.symbol = live_symbol,
		.trial = live_trial,
		.error = s2v_errno_text,
	};
	int ret = -1;

	if (!load_btf(&m, err, errlen) && !meets_needs(&m, err, errlen))
		ret = s2v_observe_choose(hooks, host, mode, every_fault, &ops);
	btf__free(m.btf);
	return ret;
}

int s2v_observe_nothing(struct s2v_hook hooks[S2V_OBS_NR], const char *reason, char *err,
			size_t errlen)
{
	struct machine m = { 0 };
	int ret = -1;

	for (int i = 0; i < S2V_OBS_NR; i++) {
		hooks[i] = (struct s2v_hook){ .observe = i };
		snprintf(hooks[i].reason, sizeof(hooks[i].reason), "%s", reason);
	}
	if (!load_btf(&m, err, errlen) && !meets_needs(&m, err, errlen))
		ret = 0;
	btf__free(m.btf);
	return ret;
}
