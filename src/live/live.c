// SPDX-License-Identifier: BSD-2-Clause
/* Loads, attaches and detaches the BPF side. */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <cap-ng.h>
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "live/calibrate.h"
#include "live/figures.h"
#include "live/health.h"
#include "live/keep.h"
#include "live/live.h"
#include "live/live_private.h"
#include "live/pending.h"
#include "live/trial.h"
#include "live/vcpu_text.h"
#include "util/util.h"

/* The programs of each observation, by method. NULL: not needed. */
static const struct {
	const char *fentry, *fexit, *kprobe, *kretprobe, *tracepoint;
	bool entry_suffices; /* the kprobe alone, except with `all` (bpf/map.h) */
} programs[S2V_OBS_NR] = {
	/* The entry is optional; failures always come from the tracepoint. */
	[S2V_OBS_FAULT] = { "fault_fentry", NULL, "fault_kprobe", NULL, "fault_exit" },
	[S2V_OBS_MAP] = { NULL, "map_fexit", "map_kprobe", "map_kretprobe",
			  .entry_suffices = true },
	[S2V_OBS_PERM] = { NULL, "perm_fexit", "perm_kprobe", "perm_kretprobe",
			   .entry_suffices = true },
	[S2V_OBS_SLOT] = { NULL, "slot_fexit", "slot_kprobe", "slot_kretprobe" },
	[S2V_OBS_CAP] = { NULL, "cap_fexit", "cap_kprobe", "cap_kretprobe" },
	[S2V_OBS_VM_GONE] = { "vm_gone_fentry", NULL, "vm_gone_kprobe", NULL },
	[S2V_OBS_INIT] = { NULL, "init_fexit", "init_kprobe", "init_kretprobe" },
	[S2V_OBS_UNMAP] = { "unmap_fentry", "unmap_fexit", "unmap_kprobe", "unmap_kretprobe" },
	[S2V_OBS_RUN] = { "run_fentry", NULL, "run_kprobe", NULL },
	[S2V_OBS_HOST_UNMAP] = { "host_unmap_fentry", NULL, "host_unmap_kprobe", NULL },
};

static bool verbose;

static int print_libbpf(enum libbpf_print_level level, const char *fmt, va_list ap)
{
	return verbose && level != LIBBPF_DEBUG ? vfprintf(stderr, fmt, ap) : 0;
}

/* The program that observes the entry (or the return) of a hook, or NULL. */
static struct bpf_program *program_of(struct s2v_live *l, const struct s2v_hook *h, bool ret)
{
	const char *name = NULL;

	if (h->idle || h->method == S2V_METHOD_NONE ||
	    (ret && h->method == S2V_METHOD_KPROBE && !l->all &&
	     programs[h->observe].entry_suffices))
		return NULL;
	if (h->method == S2V_METHOD_FENTRY)
		name = ret ? programs[h->observe].fexit : programs[h->observe].fentry;
	else if (h->method == S2V_METHOD_KPROBE)
		name = ret ? programs[h->observe].kretprobe : programs[h->observe].kprobe;
	if (ret && programs[h->observe].tracepoint)
		name = programs[h->observe].tracepoint;
	return name ? bpf_object__find_program_by_name(l->skel->obj, name) : NULL;
}

static int choose_programs(struct s2v_live *l, struct s2v_hook hooks[S2V_OBS_NR])
{
	struct bpf_program *p;
	int err;

	bpf_object__for_each_program(p, l->skel->obj)
	{
		enum bpf_prog_type t = bpf_program__type(p);

		bool iter = bpf_program__expected_attach_type(p) == BPF_TRACE_ITER;

		/* Programs that only test_run runs, and the iterators that are used. */
		bpf_program__set_autoload(
			p,
			(t == BPF_PROG_TYPE_RAW_TRACEPOINT && p != l->skel->progs.fault_exit &&
			 (l->timed || p != l->skel->progs.fault_start)) ||
				p == l->skel->progs.inventory || p == l->skel->progs.bypass_check ||
				p == l->skel->progs.memory_owner ||
				p == l->skel->progs.memory_vmas ||
				(p == l->skel->progs.pending_report ? !l->all : iter && l->audit));
	}
	for (int i = 0; i < S2V_OBS_NR; i++) {
		for (int ret = 0; ret < 2; ret++) {
			p = program_of(l, &hooks[i], ret);
			if (!p)
				continue;
			bpf_program__set_autoload(p, true);
			if (bpf_program__type(p) != BPF_PROG_TYPE_TRACING)
				continue;
			err = bpf_program__set_attach_target(p, 0, hooks[i].function);
			if (err)
				return err;
		}
	}
	return 0;
}

/* Attaches one half of a hook; the return first, so that no return is missed. */
static int attach_half(struct s2v_live *l, const struct s2v_hook *h, bool ret)
{
	struct bpf_program *p = program_of(l, h, ret);
	struct bpf_link *link;

	if (!p)
		return 0;
	if (bpf_program__type(p) == BPF_PROG_TYPE_RAW_TRACEPOINT)
		link = bpf_program__attach_raw_tracepoint(p, S2V_FAULT_TRACEPOINT);
	else if (h->method == S2V_METHOD_FENTRY)
		link = bpf_program__attach_trace(p);
	else
		link = bpf_program__attach_kprobe(p, ret, h->function);
	if (!link)
		return -errno;
	l->links[h->observe][ret] = link;
	l->progs[l->n_progs++] = p;
	return 0;
}

static void detach(struct s2v_live *l, int observe, bool ret)
{
	bpf_link__destroy(l->links[observe][ret]);
	l->links[observe][ret] = NULL;
}

static void attach(struct s2v_live *l, struct s2v_hook *h)
{
	int err = attach_half(l, h, true);

	if (!err)
		err = attach_half(l, h, false);
	if (!err)
		return;
	detach(l, h->observe, true);
	detach(l, h->observe, false);
	snprintf(h->reason, sizeof(h->reason), "%s: attaching the %s failed: %s", h->function,
		 s2v_method_name(h->method), s2v_errno_text(err));
	h->method = S2V_METHOD_NONE;
}

static void configure(struct s2v_live *l, const struct s2v_live_opts *o,
		      const struct s2v_host *host, const struct s2v_hook hooks[S2V_OBS_NR])
{
	struct s2v_cfg *cfg = (struct s2v_cfg *)&l->skel->rodata->cfg;

	cfg->tgid = o->pid;
	cfg->all = o->all;
	cfg->timed = o->timed && !o->all;
	cfg->page_shift = host->page_shift;
	cfg->fault_variant = hooks[S2V_OBS_FAULT].variant;
	cfg->init_variant = hooks[S2V_OBS_INIT].variant;
	cfg->fwb = host->fwb == S2V_YES;
	cfg->slot_hook = hooks[S2V_OBS_SLOT].method != S2V_METHOD_NONE && !hooks[S2V_OBS_SLOT].idle;
	cfg->run_hook = hooks[S2V_OBS_RUN].method != S2V_METHOD_NONE && !hooks[S2V_OBS_RUN].idle;
	cfg->wake_bytes = o->buffer / 8;
	cfg->repeat_ns = 1000000000ULL;
	cfg->cast = s2v_kernel_symbol(o->ks, "bpf_rdonly_cast") != 0;
	cfg->vma_iter = s2v_kernel_symbol(o->ks, "bpf_iter_task_vma_new") != 0;
	cfg->vm_release = s2v_kernel_symbol(o->ks, "kvm_vm_release");
	cfg->vcpu_release = s2v_kernel_symbol(o->ks, "kvm_vcpu_release");
}

/* A fault's time starts at this tracepoint. If it does not attach, only the histogram of faults is missing. */
static void attach_timer(struct s2v_live *l)
{
	l->timer =
		bpf_program__attach_raw_tracepoint(l->skel->progs.fault_start, "kvm_guest_fault");
	if (l->timer)
		l->progs[l->n_progs++] = l->skel->progs.fault_start;
	else
		s2v_err("stage-2 faults are not timed: attaching to the tracepoint kvm_guest_fault "
			"failed: %s",
			s2v_errno_text(errno));
}

/* With S2FWB: finds whether the vCPU-init path invalidates the instruction cache. */
static void read_init_path(struct s2v_live *l, const struct s2v_kallsyms *ks, struct s2v_host *host)
{
	struct s2v_icache ic;
	int err;

	host->init_icache = S2V_UNKNOWN;
	if (host->fwb != S2V_YES) {
		snprintf(host->init_icache_text, sizeof(host->init_icache_text),
			 "no S2FWB: the unmap replaces an invalidation");
		return;
	}
	err = s2v_vcpu_text(l->skel, ks, &ic);
	if (err) {
		snprintf(host->init_icache_text, sizeof(host->init_icache_text),
			 "the kernel's text could not be read: %s",
			 err == -ENOENT ? "its address is not known" : strerror(-err));
		return;
	}
	/* Code behind branches that cannot be followed may contain an invalidation. */
	if (!s2v_icache_missing(&ic))
		host->init_icache = S2V_YES;
	else if (!ic.leaves && !ic.indirect)
		host->init_icache = S2V_NO;
	s2v_icache_text(&ic, host->init_icache_text, sizeof(host->init_icache_text));
}

/* Everything before attaching. Returns 0 or -errno, with a message in err. */
static int load(struct s2v_live *l, const struct s2v_live_opts *o, struct s2v_host *host,
		struct s2v_hook hooks[S2V_OBS_NR], char *err, size_t errlen)
{
	int rc;

	l->skel = s2verify_bpf__open();
	if (!l->skel) {
		rc = -errno;
		snprintf(err, errlen, "the BPF object could not be opened: %s", strerror(-rc));
		return rc;
	}
	configure(l, o, host, hooks);
	rc = choose_programs(l, hooks);
	if (!rc)
		rc = bpf_map__set_max_entries(l->skel->maps.events, o->buffer);
	if (!rc)
		rc = s2verify_bpf__load(l->skel);
	if (rc) {
		/* Before 6.2 libbpf reads the BTF of modules, which needs CAP_SYS_ADMIN. */
		snprintf(
			err, errlen,
			"the kernel did not load the BPF programs: %s%s (-v shows details)",
			s2v_errno_text(rc),
			!capng_get_caps_process() &&
					!capng_have_capability(CAPNG_EFFECTIVE, CAP_SYS_ADMIN)
				? "; this process is without CAP_SYS_ADMIN, which Linux before 6.2 "
				  "wants in addition to CAP_BPF and CAP_PERFMON"
				: "");
		return rc;
	}
	s2v_calibrate(l->skel, o->ks, host);
	read_init_path(l, o->ks, host);
	memcpy(l->skel->bss->s1_attr, host->s1_attr, sizeof(l->skel->bss->s1_attr));
	return 0;
}

struct s2v_live *s2v_live_open(const struct s2v_live_opts *o, struct s2v_host *host,
			       struct s2v_hook hooks[S2V_OBS_NR], s2v_event_fn fn, void *arg,
			       char *err, size_t errlen)
{
	struct s2v_live *l = calloc(1, sizeof(*l));
	int rc;

	if (!l) {
		snprintf(err, errlen, "out of memory");
		return NULL;
	}
	verbose = o->verbose;
	libbpf_set_print(print_libbpf);
	l->fn = fn;
	l->arg = arg;
	l->host = host;
	l->audit = o->audit;
	l->kvm = l->switches[0] = l->switches[1] = -1;
	l->all = o->all;
	l->timed = o->timed && !o->all;
	rc = l->all ? s2v_briefs_init(&l->briefs, libbpf_num_possible_cpus(), host->page_shift) : 0;
	if (rc) {
		snprintf(err, errlen,
			 "the table of each CPU's last maps could not be allocated: %s",
			 strerror(-rc));
		goto fail;
	}
	if (load(l, o, host, hooks, err, errlen))
		goto fail;
	l->ring = ring_buffer__new(bpf_map__fd(l->skel->maps.events), s2v_ring_event, l, NULL);
	if (!l->ring) {
		snprintf(err, errlen, "the ring buffer could not be mapped: %s", strerror(errno));
		goto fail;
	}
	rc = l->all ? 0 : s2v_pending_open(l);
	if (rc) {
		snprintf(err, errlen,
			 "the iterator over kinds of mappings could not be attached: %s",
			 s2v_errno_text(rc));
		goto fail;
	}
	for (int i = 0; i < S2V_OBS_NR; i++)
		if (hooks[i].method != S2V_METHOD_NONE)
			attach(l, &hooks[i]);
	if (l->timed)
		attach_timer(l);
	return l;
fail:
	s2v_live_close(l);
	return NULL;
}

int s2v_live_stop(struct s2v_live *l)
{
	const struct timespec ms10 = { .tv_nsec = 10000000 };
	int err;

	l->skel->bss->ending = true;
	/* Detach entries first; calls that are inside get a second to return. */
	for (int i = 0; i < S2V_OBS_NR; i++)
		detach(l, i, false);
	for (int i = 0; i < 100 && s2v_live_inside(l); i++)
		nanosleep(&ms10, NULL);
	l->skel->bss->ready = false;
	for (int i = 0; i < S2V_OBS_NR; i++)
		detach(l, i, true);
	err = s2v_live_drain(l);
	return err ? err : s2v_keep_report_all(l);
}

void s2v_live_close(struct s2v_live *l)
{
	if (!l)
		return;
	for (int i = 0; i < S2V_OBS_NR; i++) {
		detach(l, i, false);
		detach(l, i, true);
	}
	bpf_link__destroy(l->timer);
	s2v_pending_close(l);
	s2v_briefs_free(&l->briefs);
	s2v_keep_free(l);
	s2v_health_close(l);
	ring_buffer__free(l->ring);
	s2verify_bpf__destroy(l->skel);
	free(l);
}
