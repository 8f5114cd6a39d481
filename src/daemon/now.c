// SPDX-License-Identifier: BSD-2-Clause
/* What is known now, and whether that is enough to be called ready. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "daemon.h"
#include "util.h"

#define CENSUS_NS 1000000000ULL
#define ULL(x) ((unsigned long long)(x))

__attribute__((format(printf, 2, 3))) static void because(struct s2v_now *now, const char *fmt, ...)
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

/* Hooks that went away take their rules with them, as the correlator sees them, too. */
static void cover(struct s2v_daemon *d, const struct s2v_now *now)
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

static const char *what_next(const struct s2v_daemon *d)
{
	if (!d->src->can_audit)
		return "";
	return d->o->audit_interval ? "; the next audit makes up for it"
				    : "; an audit makes up for it (SIGHUP)";
}

static __u64 since(__u64 now, __u64 then)
{
	return now > then ? now - then : 0;
}

static void judge(const struct s2v_daemon *d, struct s2v_now *now)
{
	__u64 events = since(now->lost.events, d->made_up.events);
	__u64 probes = since(now->lost.probes, d->made_up.probes);
	bool gone = false;

	now->unready[0] = 0;
	for (int i = 0; i < S2V_OBS_NR; i++) {
		if (!now->fig.gone[i][0])
			continue;
		gone = true;
		because(now, "hook %s does not observe any more: %s",
			s2v_observe_name((enum s2v_observe)i), now->fig.gone[i]);
	}
	if (now->fig.gap[0] && !gone)
		because(now, "%s%s", now->fig.gap, what_next(d));
	if (d->src->can_audit && d->o->audit_interval && !d->n.audited_at)
		because(now, d->audit_failed ? "the first audit failed; it is tried again"
					     : "the first audit has not ended yet");
	if (events)
		because(now, "%llu event%s lost%s", ULL(events), events == 1 ? " was" : "s were",
			what_next(d));
	if (probes)
		because(now, "%llu probe%s missed%s", ULL(probes), probes == 1 ? " was" : "s were",
			what_next(d));
	if (now->sum.inventory_failed)
		because(now, "which VMs were running before is not known");
	if (now->sum.damaged)
		because(now, "%s is damaged in %llu place%s", d->src->name, ULL(now->sum.damaged),
			now->sum.damaged == 1 ? "" : "s");
}

int s2v_slot_write_back(const struct s2v_host *h, const struct s2v_vm *vm,
			const struct s2v_memslot *slot)
{
	struct s2v_contract_row row;
	int all = slot->n_runs ? S2V_YES : S2V_UNKNOWN;

	for (size_t i = 0; i < slot->n_runs && all != S2V_NO; i++) {
		s2v_contract_row(h, vm, slot, &slot->runs[i], &row);
		if (row.write_back_guaranteed != S2V_YES)
			all = row.write_back_guaranteed;
	}
	return all;
}

void s2v_daemon_census(struct s2v_daemon *d, struct s2v_now *now)
{
	__u64 t = s2v_clock_ns(CLOCK_MONOTONIC);

	if (!d->census_at || t - d->census_at >= CENSUS_NS) {
		d->census_at = t;
		memset(d->census, 0, sizeof(d->census));
		for (const struct s2v_vm *vm = s2v_correlator_vms(d->core); vm; vm = vm->hh.next)
			for (const struct s2v_memslot *s = vm->slots; s; s = s->hh.next)
				d->census[1 + s2v_slot_write_back(d->src->host, vm, s)]++;
	}
	memcpy(now->memslots, d->census, sizeof(now->memslots));
}

int s2v_daemon_now(struct s2v_daemon *d, struct s2v_now *now)
{
	const struct s2v_vm *vms = s2v_correlator_vms(d->core);
	int err;

	memset(now, 0, sizeof(*now));
	now->realtime = s2v_clock_ns(CLOCK_REALTIME);
	err = d->src->figures(d->src, &now->fig);
	if (err)
		return err;
	cover(d, now);
	now->sum = now->fig.sum;
	now->sum.lost += d->vms.no_memory;
	s2v_correlator_totals(d->core, &now->sum);
	now->vms = vms ? HASH_COUNT(vms) : 0;
	now->lost.events = now->sum.lost;
	now->lost.probes = now->sum.missed_probes;
	judge(d, now);
	return 0;
}
