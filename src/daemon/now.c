// SPDX-License-Identifier: BSD-2-Clause
/* The daemon's current state, and whether it is ready. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "daemon/daemon.h"
#include "util/util.h"

#define COUNT_NS 1000000000ULL
__attribute__((format(printf, 2, 3))) static void add_reason(struct s2v_now *now, const char *fmt,
							     ...)
{
	size_t n = strlen(now->unready);
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(now->unready + n, sizeof(now->unready) - n, fmt, ap);
	va_end(ap);
	n = strlen(now->unready);
	if (n + 1 < sizeof(now->unready))
		memcpy(now->unready + n, "\n", 2);
}

/* Rules of hooks that are gone are not covered. The correlator uses the same array. */
static void update_coverage(struct s2v_daemon *d, const struct s2v_now *now)
{
	struct s2v_hook hooks[S2V_OBS_NR];

	memcpy(hooks, d->src->hooks, sizeof(hooks));
	for (int i = 0; i < S2V_OBS_NR; i++) {
		if (!now->fig.gone[i][0])
			continue;
		hooks[i].method = S2V_METHOD_NONE;
		memcpy(hooks[i].reason, now->fig.gone[i], sizeof(now->fig.gone[i]));
	}
	s2v_run_cover(d->src->host, hooks, d->src->by, d->rules);
}

static const char *audit_hint(const struct s2v_daemon *d)
{
	if (!d->src->can_audit)
		return "";
	return d->o->audit_interval ? "; the next audit makes up for it"
				    : "; an audit makes up for it (SIGHUP)";
}

/* Number of VMs from before the daemon that no audit has read completely. */
static __u64 not_audited(const struct s2v_daemon *d)
{
	__u64 n = 0;

	for (const struct s2v_vm *vm = s2v_correlator_vms(d->core); vm; vm = vm->hh.next)
		n += !vm->from_start && !vm->nothing_before && !vm->audited && !vm->is_protected;
	return n;
}

static void check_hooks(const struct s2v_daemon *d, struct s2v_now *now)
{
	bool gone = false;

	for (int i = 0; i < S2V_OBS_NR; i++) {
		if (!now->fig.gone[i][0])
			continue;
		gone = true;
		add_reason(now, "hook %s no longer observes: %s",
			   s2v_observe_name((enum s2v_observe)i), now->fig.gone[i]);
	}
	if (now->fig.gap[0] && !gone)
		add_reason(now, "%s%s", now->fig.gap, audit_hint(d));
}

static void check_audits(const struct s2v_daemon *d, struct s2v_now *now)
{
	bool first = !d->n.audited_at, wanted = d->src->can_audit && d->o->audit_interval;
	__u64 vms = not_audited(d);

	if (d->audit_failed)
		add_reason(now, "the %s audit failed%s", first ? "first" : "last",
			   wanted ? "; it is tried again" : audit_hint(d));
	else if (wanted && first)
		add_reason(now, "the first audit has not ended yet");
	else if (vms)
		add_reason(now, "earlier mappings of %llu VM%s are not known%s", ULL(vms),
			   vms == 1 ? "" : "s", audit_hint(d));
}

static void check_losses(const struct s2v_daemon *d, struct s2v_now *now)
{
	__u64 events = now->lost.events - d->repaired.events;
	__u64 probes = now->lost.probes - d->repaired.probes;
	__u64 unread = now->lost.unread - d->repaired.unread;

	if (events)
		add_reason(now, "%llu event%s lost%s", ULL(events), events == 1 ? " was" : "s were",
			   audit_hint(d));
	if (probes)
		add_reason(now, "%llu probe%s missed%s", ULL(probes),
			   probes == 1 ? " was" : "s were", audit_hint(d));
	if (unread)
		add_reason(now, "host attributes were unreadable %llu time%s%s", ULL(unread),
			   unread == 1 ? "" : "s", audit_hint(d));
}

/*
 * Of the reasons why a run is incomplete (summary.c): those that an audit or a restart can repair, and
 * with --replay those that another file would. The others only clear s2verify_complete. docs/daemon.md lists both.
 */
static void check_ready(const struct s2v_daemon *d, struct s2v_now *now)
{
	const struct s2v_summary *sum = &now->sum;

	now->unready[0] = 0;
	check_hooks(d, now);
	check_audits(d, now);
	check_losses(d, now);
	if (sum->inventory_failed)
		add_reason(now, "which VMs were running before is not known");
	if (sum->bypassed)
		add_reason(
			now,
			"the memory of %llu VM%s is mapped by a function that no hook observes (one is "
			"VM %u, of process %u): only audits see it",
			ULL(sum->bypassed), sum->bypassed == 1 ? "" : "s", sum->bypassed_vm,
			sum->bypassed_tgid);
	if (sum->fwb_disagrees)
		add_reason(now, "a vCPU's HCR_EL2.FWB contradicts the host's S2FWB: run "
				"s2verify check, then restart the daemon");
	if (sum->damaged)
		add_reason(now, "%s is damaged in %llu place%s", d->src->name, ULL(sum->damaged),
			   sum->damaged == 1 ? "" : "s");
	if (sum->stopped)
		add_reason(now, "recording %s was stopped: %s", d->src->name,
			   strerror(sum->stopped));
	else if (sum->cut_short)
		add_reason(now, "the end of %s is missing", d->src->name);
	if (sum->audit_failed && !d->src->can_audit)
		add_reason(now, "the audit in %s did not end", d->src->name);
}

/* Losses can decrease: unfinished calls and reads count until they end. */
static void cap_repaired(struct s2v_losses *repaired, const struct s2v_losses *lost)
{
	if (repaired->events > lost->events)
		repaired->events = lost->events;
	if (repaired->probes > lost->probes)
		repaired->probes = lost->probes;
	if (repaired->unread > lost->unread)
		repaired->unread = lost->unread;
}

int s2v_slot_write_back(const struct s2v_host *h, const struct s2v_vm *vm,
			const struct s2v_memslot *slot)
{
	struct s2v_contract_row row;
	int all = slot->n_ranges ? S2V_YES : S2V_UNKNOWN;

	for (size_t i = 0; i < slot->n_ranges && all != S2V_NO; i++) {
		s2v_contract_row(h, vm, slot, &slot->ranges[i], &row);
		if (row.write_back_guaranteed != S2V_YES)
			all = row.write_back_guaranteed;
	}
	return all;
}

void s2v_vm_guest_bytes(const struct s2v_vm *vm, struct s2v_guest_bytes *to)
{
	if (!vm->guest.n)
		return;
	for (const struct s2v_memslot *s = vm->slots; s; s = s->hh.next)
		for (size_t i = 0; i < s->n_ranges; i++)
			if (s->ranges[i].guest)
				s2v_guest_bytes_add(to, s->ranges[i].guest);
}

static enum s2v_vcpu_state vcpu_state(__u32 flags)
{
	if (flags & S2V_VC_OFF)
		return S2V_VCPU_NO_TABLES;
	if (flags & S2V_VC_UNREAD)
		return S2V_VCPU_UNWALKED;
	return flags & (S2V_VC_MMU_OFF | S2V_VC_CACHE_OFF) ? S2V_VCPU_NO_TABLES : S2V_VCPU_WALKED;
}

static void count_vm(const struct s2v_daemon *d, const struct s2v_vm *vm,
		     struct s2v_model_counts *to)
{
	for (const struct s2v_memslot *s = vm->slots; s; s = s->hh.next)
		to->memslots[1 + s2v_slot_write_back(d->src->host, vm, s)]++;
	s2v_vm_guest_bytes(vm, &to->guest);
	for (size_t i = 0; i < vm->guest.n; i++)
		to->vcpus[vcpu_state(vm->guest.vcpu[i].flags)]++;
}

void s2v_daemon_count_model(struct s2v_daemon *d, struct s2v_now *now)
{
	__u64 t = s2v_clock_ns(CLOCK_MONOTONIC);

	if (!d->counted_at || t - d->counted_at >= COUNT_NS) {
		d->counted_at = t;
		memset(&d->model, 0, sizeof(d->model));
		for (const struct s2v_vm *vm = s2v_correlator_vms(d->core); vm; vm = vm->hh.next)
			count_vm(d, vm, &d->model);
	}
	now->model = d->model;
}

int s2v_daemon_now(struct s2v_daemon *d, struct s2v_now *now)
{
	const struct s2v_vm *vms = s2v_correlator_vms(d->core);
	__u64 before;
	int err;

	memset(now, 0, sizeof(*now));
	now->realtime = s2v_clock_ns(CLOCK_REALTIME);
	err = d->src->figures(d->src, &now->fig);
	if (err)
		return err;
	update_coverage(d, now);
	now->sum = now->fig.sum;
	now->sum.lost += d->vms.no_memory;
	s2v_correlator_totals(d->core, &now->sum);
	for (const struct s2v_vm *vm = vms; vm; vm = vm->hh.next)
		now->vms += vm->is_guest;
	now->lost.events = now->sum.lost;
	now->lost.probes = now->sum.missed_probes;
	/* Without what was unreadable of single VMs: that is s2verify_unverified_vms_total. */
	now->lost.unread = s2v_summary_unread(&now->sum);
	before = now->fig.sum.unreadable + s2v_unread_in_kernel(now->fig.sum.cnt) -
		 s2v_unread_all(&now->fig.sum.unread).times;
	now->lost.by_audits = now->lost.unread > before ? now->lost.unread - before : 0;
	cap_repaired(&d->repaired, &now->lost);
	check_ready(d, now);
	return 0;
}

int s2v_daemon_audited(struct s2v_daemon *d, const struct s2v_losses *before, struct s2v_now *now)
{
	int err = s2v_daemon_now(d, now);

	/* An audit that could not read everything does not make up for losses. */
	if (!err && now->lost.by_audits == before->by_audits)
		d->repaired = *before;
	return err;
}
