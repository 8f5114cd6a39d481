// SPDX-License-Identifier: BSD-2-Clause
/*
 * The metrics. docs/daemon.md has the same table. Labels have fixed values, except those of VMs
 * (--web.vm-labels), BPF programs and hooks, which are few. All series exist from the start.
 */
#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "daemon/daemon.h"
#include "daemon/expose.h"

struct metric {
	const char *name;
	enum s2v_metric_type type;
	const char *unit; /* suffix of the name (before _total), or "" */
	const char *labels; /* for --list-metrics */
	const char *help;
	void (*write)(struct s2v_expo *x, const struct s2v_daemon *d, const struct s2v_now *now);
};

#define L(...) ((const struct s2v_label[]){ __VA_ARGS__, { 0 } })

#define WRITE(name) \
	static void name(struct s2v_expo *x, const struct s2v_daemon *d, const struct s2v_now *now)
#define UNUSED ((void)d, (void)now)

/* ---- host, hooks, coverage ---- */

WRITE(build_info)
{
	UNUSED;
	s2v_expo_u64(x,
		     L({ "version", S2V_VERSION }, { "kernel", d->src->host->kernel },
		       { "source", d->o->replay ? "replay" : "live" }),
		     1);
}

WRITE(host_feature)
{
	const struct s2v_host *h = d->src->host;
	const struct {
		const char *name;
		int v;
	} f[] = {
		{ "s2fwb", h->fwb },
		{ "ctr_dic", h->dic },
		{ "ctr_idc", h->idc },
		{ "cacheable_pfnmap", h->pfnmap_cap < 0 ? S2V_NO : h->pfnmap_cap },
		{ "vhe",
		  h->kvm_mode == S2V_KVM_UNKNOWN ? S2V_UNKNOWN : h->kvm_mode == S2V_KVM_VHE },
		{ "protected_kvm",
		  h->kvm_mode == S2V_KVM_UNKNOWN ? S2V_UNKNOWN : h->kvm_mode == S2V_KVM_PROTECTED },
		{ "attributes_calibrated", h->s1_calibrated == 1 },
	};

	UNUSED;
	for (size_t i = 0; i < S2V_ARRAY_SIZE(f); i++)
		if (f[i].v != S2V_UNKNOWN)
			s2v_expo_u64(x, L({ "feature", f[i].name }), f[i].v == S2V_YES);
}

WRITE(hook_attached)
{
	for (int i = 0; i < S2V_OBS_NR; i++) {
		const struct s2v_hook *k = &d->src->hooks[i];

		if (k->idle || !k->function[0]) /* an older recording does not have the hook */
			continue;
		s2v_expo_u64(x,
			     L({ "observe", s2v_observe_name(k->observe) },
			       { "function", k->function },
			       { "method", s2v_method_name(k->method) }),
			     k->method != S2V_METHOD_NONE && !now->fig.gone[i][0]);
	}
}

WRITE(rule_covered)
{
	UNUSED;
	for (int i = 0; i < S2V_RULE_NR; i++)
		if (d->rules[i].coverage != S2V_NOT_APPLICABLE)
			s2v_expo_u64(x, L({ "rule", s2v_rules[i]->name }),
				     d->rules[i].coverage == S2V_COVERED);
}

WRITE(ready)
{
	UNUSED;
	s2v_expo_u64(x, NULL, !now->unready[0]);
}

WRITE(complete)
{
	UNUSED;
	s2v_expo_u64(x, NULL, now->sum.complete);
}

/* ---- findings and events ---- */

WRITE(findings)
{
	const struct s2v_rule *r;

	UNUSED;
	for (int i = 0; i < S2V_RULE_NR; i++) {
		r = s2v_rules[i];
		s2v_expo_u64(x,
			     L({ "rule", r->name }, { "severity", s2v_severity_name(r->severity) }),
			     d->log.total[i] - d->log.mild[i]);
		if (r->is_mild)
			s2v_expo_u64(x,
				     L({ "rule", r->name },
				       { "severity", s2v_severity_name(r->mild) }),
				     d->log.mild[i]);
	}
}

WRITE(suppressed)
{
	UNUSED;
	s2v_expo_u64(x, L({ "reason", "rate" }), d->log.suppressed);
	s2v_expo_u64(x, L({ "reason", "write" }), d->log.unwritten);
}

/* Attributes that KVM and Linux use. Others count as "other". */
static const __u8 s1_named[] = { S2V_ATTR_NORMAL_WB, S2V_ATTR_NORMAL_TAGGED, S2V_ATTR_NORMAL_NC,
				 S2V_ATTR_DEVICE_nGnRE, S2V_ATTR_DEVICE_nGnRnE };
static const __u8 s2_named[] = { S2V_ATTR_NORMAL_WB, S2V_ATTR_NORMAL_NC, S2V_ATTR_DEVICE_nGnRE };

static size_t attr_index(const __u8 *named, size_t n, __u32 attr)
{
	size_t i = 0;

	while (i < n && named[i] != attr)
		i++;
	return i;
}

static void write_attr_pairs(struct s2v_expo *x, const __u64 n[S2V_ATTR_NR][S2V_ATTR_NR])
{
	enum { N1 = sizeof(s1_named), N2 = sizeof(s2_named) };
	__u64 sum[N1 + 1][N2 + 1] = { { 0 } };

	for (__u32 a = 0; a < S2V_ATTR_NR; a++)
		for (__u32 b = 0; b < S2V_ATTR_NR; b++)
			sum[attr_index(s1_named, N1, a)][attr_index(s2_named, N2, b)] += n[a][b];
	for (size_t a = 0; a <= N1; a++)
		for (size_t b = 0; b <= N2; b++)
			s2v_expo_u64(x,
				     L({ "s1", a < N1 ? s2v_attr_name(s1_named[a]) : "other" },
				       { "s2", b < N2 ? s2v_attr_name(s2_named[b]) : "other" }),
				     sum[a][b]);
}

WRITE(maps)
{
	UNUSED;
	write_attr_pairs(x, now->sum.maps);
}

WRITE(leaves)
{
	UNUSED;
	write_attr_pairs(x, now->sum.leaves);
}

WRITE(fault_seconds)
{
	UNUSED;
	s2v_expo_hist(x, &now->fig.hist[S2V_HIST_FAULT]);
}

WRITE(refault_seconds)
{
	UNUSED;
	s2v_expo_hist(x, &now->fig.hist[S2V_HIST_REFAULT]);
}

WRITE(unmap_seconds)
{
	UNUSED;
	s2v_expo_hist(x, &now->fig.hist[S2V_HIST_RESET_UNMAP]);
}

WRITE(vcpu_resets)
{
	UNUSED;
	s2v_expo_u64(x, NULL, d->n.vcpu_resets);
}

WRITE(unmaps)
{
	static const char *const verdict[S2V_UNMAP_NR] = { "needed", "redundant-fwb",
							   "redundant-repeat", "unknown" };

	UNUSED;
	for (int i = 0; i < S2V_UNMAP_NR; i++)
		s2v_expo_u64(x, L({ "verdict", verdict[i] }), d->n.unmaps[i]);
}

WRITE(avoidable)
{
	UNUSED;
	s2v_expo_ns(x, NULL, d->n.avoidable_ns);
}

WRITE(events)
{
	UNUSED;
	s2v_expo_u64(x, NULL, d->n.events);
}

WRITE(lost)
{
	const __u64 *c = now->fig.sum.cnt;
	__u64 kernel = s2v_lost_in_kernel(c);

	UNUSED;
	s2v_expo_u64(x, L({ "stage", "ring-buffer" }), c[S2V_CNT_LOST_RINGBUF]);
	s2v_expo_u64(x, L({ "stage", "aggregation" }), c[S2V_CNT_LOST_AGG]);
	s2v_expo_u64(x, L({ "stage", "call" }), c[S2V_CNT_LOST_SCRATCH]);
	s2v_expo_u64(x, L({ "stage", "vm" }), c[S2V_CNT_LOST_VM]);
	s2v_expo_u64(x, L({ "stage", "probe" }), now->sum.missed_probes);
	s2v_expo_u64(x, L({ "stage", "recording" }), now->fig.sum.lost);
	s2v_expo_u64(x, L({ "stage", "user" }),
		     now->sum.lost > kernel + now->fig.sum.lost
			     ? now->sum.lost - kernel - now->fig.sum.lost
			     : 0);
}

WRITE(unreadable)
{
	UNUSED;
	s2v_expo_u64(x, NULL, now->sum.unreadable);
}

WRITE(unverified)
{
	UNUSED;
	s2v_expo_u64(x, NULL, now->sum.unread.n);
}

WRITE(bypassed)
{
	UNUSED;
	s2v_expo_u64(x, NULL, now->sum.bypassed);
}

WRITE(vms)
{
	UNUSED;
	s2v_expo_u64(x, NULL, now->vms);
}

WRITE(memslots)
{
	UNUSED;
	s2v_expo_u64(x, L({ "write_back_guaranteed", "true" }), now->model.memslots[1 + S2V_YES]);
	s2v_expo_u64(x, L({ "write_back_guaranteed", "false" }), now->model.memslots[1 + S2V_NO]);
	s2v_expo_u64(x, L({ "write_back_guaranteed", "unknown" }),
		     now->model.memslots[1 + S2V_UNKNOWN]);
}

/* With S2FWB the guest's own stage 1 has no say, and no audit looks at it. */
static bool guests_decide(const struct s2v_daemon *d)
{
	return d->src->host->fwb != S2V_YES;
}

WRITE(guest_bytes)
{
	enum { N = sizeof(s1_named) };
	__u64 sum[N + 1] = { 0 };

	for (__u32 a = 0; a < S2V_ATTR_NR; a++)
		sum[attr_index(s1_named, N, a)] += now->model.guest.bytes[a];
	for (size_t a = 0; a <= N && guests_decide(d); a++)
		s2v_expo_u64(x, L({ "attr", a < N ? s2v_attr_name(s1_named[a]) : "other" }),
			     sum[a]);
}

WRITE(guest_vcpus)
{
	static const char *const state[S2V_VCPU_STATES] = { "walked", "no-tables", "not-walked" };

	for (int i = 0; i < S2V_VCPU_STATES && guests_decide(d); i++)
		s2v_expo_u64(x, L({ "state", state[i] }), now->model.vcpus[i]);
}

/* ---- audits ---- */

WRITE(audits)
{
	UNUSED;
	s2v_expo_u64(x, L({ "result", "complete" }), d->n.audits);
	s2v_expo_u64(x, L({ "result", "failed" }), d->n.audits_failed);
}

WRITE(audited_at)
{
	UNUSED;
	s2v_expo_ns(x, NULL, d->n.audited_at);
}

WRITE(audit_seconds)
{
	UNUSED;
	s2v_expo_ns(x, NULL, d->n.audit_ns);
}

/* ---- cost ---- */

WRITE(bpf_seconds)
{
	UNUSED;
	for (__u32 i = 0; d->o->bpf_stats && i < now->fig.n_progs && i < S2V_PROGS_MAX; i++)
		s2v_expo_ns(x, L({ "program", now->fig.prog[i].name }), now->fig.prog[i].ns);
}

WRITE(bpf_runs)
{
	UNUSED;
	for (__u32 i = 0; d->o->bpf_stats && i < now->fig.n_progs && i < S2V_PROGS_MAX; i++)
		s2v_expo_u64(x, L({ "program", now->fig.prog[i].name }), now->fig.prog[i].runs);
}

WRITE(http_requests)
{
	const struct s2v_web_counts *w = s2v_web_counts(d->web);

	UNUSED;
	s2v_expo_u64(x, L({ "code", "200" }), w->ok);
	s2v_expo_u64(x, L({ "code", "4xx" }), w->refused);
	s2v_expo_u64(x, L({ "code", "5xx" }), w->failed);
}

WRITE(http_closed)
{
	const struct s2v_web_counts *w = s2v_web_counts(d->web);

	UNUSED;
	s2v_expo_u64(x, L({ "reason", "limit" }), w->over_limit);
	s2v_expo_u64(x, L({ "reason", "timeout" }), w->timeouts);
}

WRITE(cpu)
{
	struct rusage u = { 0 };

	UNUSED;
	getrusage(RUSAGE_SELF, &u);
	s2v_expo_ns(x, NULL,
		    (__u64)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) * 1000000000 +
			    (__u64)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) * 1000);
}

WRITE(resident)
{
	FILE *f = fopen("/proc/self/statm", "re");
	unsigned long pages = 0;

	UNUSED;
	if (f) {
		if (fscanf(f, "%*u %lu", &pages) != 1)
			pages = 0;
		fclose(f);
	}
	s2v_expo_u64(x, NULL, (__u64)pages * (__u64)sysconf(_SC_PAGESIZE));
}

WRITE(open_fds)
{
	DIR *dir = opendir("/proc/self/fd");
	__u64 n = 0;

	UNUSED;
	while (dir && readdir(dir))
		n++;
	if (dir)
		closedir(dir);
	s2v_expo_u64(x, NULL, n > 3 ? n - 3 : 0); /* without ., .. and the directory itself */
}

WRITE(start_time)
{
	UNUSED;
	s2v_expo_ns(x, NULL, d->started);
}

/* ---- VMs ---- */

static void write_per_vm(struct s2v_expo *x, const struct s2v_daemon *d, enum s2v_vm_count c)
{
	if (!d->vms.labels)
		return;
	for (const struct s2v_vm_stat *vm = d->vms.vms; vm; vm = vm->hh.next) {
		char id[16], pid[16];

		if (!vm->labelled)
			continue;
		snprintf(id, sizeof(id), "%u", vm->id);
		snprintf(pid, sizeof(pid), "%u", vm->ref.pid);
		s2v_expo_u64(x, L({ "vm", id }, { "pid", pid }, { "comm", vm->ref.comm }),
			     vm->own[c]);
	}
	s2v_expo_u64(x, L({ "vm", "other" }, { "pid", "" }, { "comm", "" }), d->vms.other[c]);
}

WRITE(vm_maps)
{
	UNUSED;
	write_per_vm(x, d, S2V_VM_MAPS);
}

WRITE(vm_findings)
{
	UNUSED;
	write_per_vm(x, d, S2V_VM_FINDINGS);
}

WRITE(vm_resets)
{
	UNUSED;
	write_per_vm(x, d, S2V_VM_RESETS);
}

#include "daemon/metrics_table.h"

void s2v_metrics_write(struct s2v_expo *x, const struct s2v_daemon *d, const struct s2v_now *now)
{
	for (size_t i = 0; i < S2V_ARRAY_SIZE(metrics); i++) {
		const struct metric *m = &metrics[i];

		s2v_expo_family(x, m->name, m->type, m->unit, m->help);
		m->write(x, d, now);
	}
	s2v_expo_end(x);
}

void s2v_metrics_list(FILE *f)
{
	static const char *const type[] = { "gauge", "counter", "histogram", "gauge" };

	for (size_t i = 0; i < S2V_ARRAY_SIZE(metrics); i++)
		fprintf(f, "%s\t%s\t%s\t%s\n", metrics[i].name, type[metrics[i].type],
			metrics[i].labels, metrics[i].help);
}
