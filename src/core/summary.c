// SPDX-License-Identifier: BSD-2-Clause
/* Decides whether a run is complete, and gives the reasons if not, with what to do in brackets. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "core/correlate.h"

static void add_reason(struct s2v_summary *s, const char *fmt, ...)
{
	size_t n = strlen(s->incomplete);
	va_list ap;

	if (n && n + 2 < sizeof(s->incomplete)) {
		memcpy(s->incomplete + n, "; ", 3);
		n += 2;
	}
	va_start(ap, fmt);
	vsnprintf(s->incomplete + n, sizeof(s->incomplete) - n, fmt, ap);
	va_end(ap);
}

void s2v_summary_add_reason(struct s2v_summary *s, const char *why)
{
	add_reason(s, "%s", why);
	s->complete = s->only_unread_vms = false;
}

/* VMs that are not known, and mappings of known VMs that were not seen. */
static void judge_vms(struct s2v_summary *s)
{
	if (s->hidden)
		add_reason(s,
			   "KVM has %llu VM%s that no open file shows (one created by thread %u)",
			   ULL(s->hidden), s->hidden == 1 ? "" : "s", s->hidden_creator);
	if (s->census_errno)
		add_reason(
			s,
			"whether KVM has VMs that no open file shows is not known: debugfs, %s%s",
			strerror(s->census_errno),
			s->census_errno == ENOENT ? " (mount it on /sys/kernel/debug)" : "");
	if (s->bypassed)
		add_reason(s,
			   "the memory of %llu VM%s is mapped by a function that no hook observes "
			   "(one is VM %u, of process %u): only audits see it",
			   ULL(s->bypassed), s->bypassed == 1 ? "" : "s", s->bypassed_vm,
			   s->bypassed_tgid);
	if (s->preexisting > s->audited)
		add_reason(s,
			   "%llu VM%s already running: what was mapped before was not seen "
			   "(an audit may read it)",
			   ULL(s->preexisting - s->audited),
			   s->preexisting - s->audited == 1 ? " was" : "s were");
	if (s->protected_vms)
		add_reason(s, "%llu protected VM%s not audited: only EL2 has their tables",
			   ULL(s->protected_vms), s->protected_vms == 1 ? "" : "s");
	if (s->shadow)
		add_reason(s, "%llu shadow table%s of nested guests not audited (not supported)",
			   ULL(s->shadow), s->shadow == 1 ? "" : "s");
	if (s->inventory_failed)
		add_reason(
			s,
			"which VMs were running before is not known (s2verify check may say why)");
	if (s->audit_failed)
		add_reason(s, "the audit did not finish (run another)");
}

#define VMS_NAMED 3 /* at most, each with its own reason */

static void describe_unread(const struct s2v_unread_vm *v, char *buf, size_t len)
{
	char why[192];
	size_t n = 0;

	if (v->times)
		n = (size_t)snprintf(
			buf, len, "host attributes unreadable %llu time%s (an audit may read them)",
			ULL(v->times), v->times == 1 ? "" : "s");
	if (v->over_limit && n < len)
		n += (size_t)snprintf(
			buf + n, len - n,
			"%s%llu memslot%s or range%s of memory over the limit (its VMM must use fewer)",
			n ? ", " : "", ULL(v->over_limit), v->over_limit == 1 ? "" : "s",
			v->over_limit == 1 ? "" : "s");
	if (v->guest && n < len) {
		s2v_vcpu_words(v->guest_why, why, sizeof(why));
		snprintf(buf + n, len - n, "%sthe guest's own tables on %llu vCPU%s (%s)",
			 n ? ", " : "", ULL(v->guest), v->guest == 1 ? "" : "s", why);
	}
}

/* Reasons of single VMs. They come last: if they are the only ones, all other VMs are complete. */
static void judge_unread(struct s2v_summary *s)
{
	const struct s2v_unread *u = &s->unread;
	char what[448];

	s->only_unread_vms = u->n && !s->incomplete[0];
	for (__u32 i = 0; i < u->n && i < VMS_NAMED; i++) {
		describe_unread(&u->vm[i], what, sizeof(what));
		add_reason(s, "%sVM %u (process %u) is not verified: %s",
			   s->only_unread_vms && !i ? "complete but for this: " : "", u->vm[i].vm,
			   u->vm[i].tgid, what);
	}
	if (u->n > VMS_NAMED)
		add_reason(s, "%u more VM%s not verified", u->n - VMS_NAMED,
			   u->n - VMS_NAMED == 1 ? " is" : "s are");
}

/* The part that no VM accounts for; in a damaged recording VMs may account for more than `all`. */
static __u64 of_no_vm(__u64 all, __u64 of_vms)
{
	return all > of_vms ? all - of_vms : 0;
}

__u64 s2v_summary_unread(const struct s2v_summary *s)
{
	return of_no_vm(s->unreadable, s2v_unread_all(&s->unread).times);
}

/* Events that hooks did not report. An audit verifies what they left, if it is still mapped. */
static void judge_losses(struct s2v_summary *s)
{
	static const char audit[] = "an audit verifies what is still mapped";

	if (s->lost)
		add_reason(s, "%llu event%s lost (%s)", ULL(s->lost), s->lost == 1 ? "" : "s",
			   s->cnt[S2V_CNT_LOST_RINGBUF] ? "use a larger --buffer" : audit);
	if (s->missed_probes)
		add_reason(s, "%llu probe%s missed (%s)", ULL(s->missed_probes),
			   s->missed_probes == 1 ? "" : "s", audit);
}

void s2v_summary_judge(struct s2v_summary *s)
{
	unsigned int uncovered = 0;
	__u64 unread, over_limit;

	s->incomplete[0] = 0;
	s->lost += s2v_lost_in_kernel(s->cnt);
	s->missed_probes += s->cnt[S2V_CNT_LOST_CALL];
	if (s->cnt[S2V_CNT_ENTERED] > s->cnt[S2V_CNT_RETURNED])
		s->missed_probes += s->cnt[S2V_CNT_ENTERED] - s->cnt[S2V_CNT_RETURNED];
	s->unreadable += s2v_unread_in_kernel(s->cnt);
	unread = s2v_summary_unread(s);
	over_limit = of_no_vm(s->over_limit, s2v_unread_all(&s->unread).over_limit);
	for (int i = 0; s->rules && i < S2V_RULE_NR; i++)
		uncovered += s->rules[i].coverage == S2V_NOT_COVERED;
	if (uncovered)
		add_reason(s, "%u rule%s not covered (s2verify check says why)", uncovered,
			   uncovered == 1 ? "" : "s");
	judge_losses(s);
	if (over_limit)
		add_reason(s, "%llu range%s of memory over the limit (audit one process: -p PID)",
			   ULL(over_limit), over_limit == 1 ? "" : "s");
	if (s->gaps)
		add_reason(s, "hooks were gone for a while, %llu time%s%s%s%s", ULL(s->gaps),
			   s->gaps == 1 ? "" : "s", s->gap_why[0] ? " (" : "", s->gap_why,
			   s->gap_why[0] ? ")" : "");
	if (unread)
		add_reason(s, "host attributes unreadable %llu time%s (an audit may read them)",
			   ULL(unread), unread == 1 ? "" : "s");
	if (s->unmapped)
		add_reason(s,
			   "%llu page%s of device memory not mapped by the host, so not verified "
			   "(an audit verifies what the VMM has accessed)",
			   ULL(s->unmapped), s->unmapped == 1 ? "" : "s");
	if (s->cnt[S2V_CNT_UNKNOWN_ATTR])
		add_reason(s,
			   "%llu mapping%s with an attribute that is not understood "
			   "(a newer s2verify may know it)",
			   ULL(s->cnt[S2V_CNT_UNKNOWN_ATTR]),
			   s->cnt[S2V_CNT_UNKNOWN_ATTR] == 1 ? "" : "s");
	if (s->cnt[S2V_CNT_NESTED])
		add_reason(s, "%llu mapping%s of nested guests not verified (not supported)",
			   ULL(s->cnt[S2V_CNT_NESTED]), s->cnt[S2V_CNT_NESTED] == 1 ? "" : "s");
	judge_vms(s);
	if (s->fwb_disagrees)
		add_reason(
			s,
			"a vCPU's HCR_EL2.FWB contradicts the host's S2FWB (run s2verify check)");
	if (s->damaged)
		add_reason(
			s,
			"the recording is damaged in %llu place%s (copy it again or record again)",
			ULL(s->damaged), s->damaged == 1 ? "" : "s");
	if (s->stopped)
		add_reason(s, "recording was stopped: %s", strerror(s->stopped));
	else if (s->cut_short)
		add_reason(s, "the recording's end is missing (copy it again or record again)");
	judge_unread(s);
	s->complete = !s->incomplete[0];
}
