// SPDX-License-Identifier: BSD-2-Clause
/* Rules on resets: unmaps and invalidations that are redundant or missing. */
#include <stdio.h>

#include "core/rules_private.h"

static const char *na_without_fwb(const struct s2v_host *h)
{
	return h->fwb == S2V_NO ? "the host has no S2FWB: the unmap is needed" : NULL;
}

static const char *na_with_fwb(const struct s2v_host *h)
{
	return h->fwb == S2V_YES ? "the host has S2FWB: no unmap is needed" : NULL;
}

static const char *na_icache(const struct s2v_host *h)
{
	if (h->fwb == S2V_NO)
		return "the host has no S2FWB: the unmap takes its place";
	return h->dic == S2V_YES ? "the host has CTR_EL0.DIC: nothing is invalidated" : NULL;
}

static bool decide_unmap_fwb(const struct s2v_rule_in *in)
{
	return in->on == S2V_ON_UNMAP && in->host->fwb == S2V_YES;
}

static void why_unmap_fwb(const struct s2v_rule_in *in, char *buf, size_t len)
{
	(void)in;
	snprintf(buf, len,
		 "The reset of a vCPU unmapped the whole of the VM's memory, and each page costs "
		 "a fault to map again. With S2FWB the guest's accesses are always cacheable, so "
		 "nothing has to be cleaned. KVM has omitted this unmap since 892713e97ca1 (5.8): "
		 "find out how this kernel was modified.");
}

const struct s2v_rule s2v_rule_reset_unmap_fwb = {
	.id = S2V_RULE_RESET_UNMAP_FWB,
	.name = "reset-unmap-fwb",
	.severity = S2V_MEDIUM,
	.fires = "vCPU init called stage2_unmap_vm() on a host with S2FWB, where it is redundant "
		 "by architecture",
	.on = S2V_ON_UNMAP,
	.observes = OBS(UNMAP),
	.host_needs = S2V_NEED_FWB,
	.not_applicable = na_without_fwb,
	.decide = decide_unmap_fwb,
	.why = why_unmap_fwb,
	.explain = "KVM_ARM_VCPU_INIT on a vCPU that has run is a guest's reset. KVM then unmaps "
		   "the whole of the VM's stage 2 (stage2_unmap_vm()): the guest starts with its "
		   "MMU off, so its reads bypass the cache, and pages are cleaned to the PoC as it "
		   "faults them back in. With FEAT_S2FWB the guest's accesses are forced to be "
		   "cacheable, MMU on or off: nothing has to be cleaned, and the unmap only costs "
		   "the faults. KVM omits it since 892713e97ca1 (5.8).\n"
		   "\n"
		   "What to do: find out how this kernel was modified.",
};

static bool decide_unmap_repeated(const struct s2v_rule_in *in)
{
	return in->on == S2V_ON_UNMAP && in->host->fwb == S2V_NO && in->reset_known &&
	       in->reset_unmaps > 1 && !in->reset_mapped;
}

static void why_unmap_repeated(const struct s2v_rule_in *in, char *buf, size_t len)
{
	snprintf(
		buf, len,
		"This is unmap %u of one reset, and nothing was mapped since the one before: KVM "
		"unmaps once for each vCPU, although once for the VM is enough. It costs a walk of "
		"all memslots; a VMM cannot avoid it.",
		in->reset_unmaps);
}

const struct s2v_rule s2v_rule_reset_unmap_repeated = {
	.id = S2V_RULE_RESET_UNMAP_REPEATED,
	.name = "reset-unmap-repeated",
	.severity = S2V_LOW,
	.fires = "one reset called stage2_unmap_vm() again, with nothing mapped since the last "
		 "call",
	.on = S2V_ON_UNMAP,
	.observes = OBS(INIT) | OBS(UNMAP) | OBS(RUN) | OBS(MAP),
	.host_needs = S2V_NEED_FWB,
	.not_applicable = na_with_fwb,
	.decide = decide_unmap_repeated,
	.why = why_unmap_repeated,
	.explain =
		"Without S2FWB a reset has to unmap the VM's memory once. KVM does so for every vCPU that "
		"has run and is initialised again, so a VM of N vCPUs is unmapped N times. If no vCPU "
		"runs in between, all unmaps but the first find nothing, yet each walks every memslot and "
		"VMA under mmap_lock and the MMU lock.\n"
		"\n"
		"What to do: nothing in the VMM avoids it; `s2verify resets` reports what it costs. On a "
		"host with S2FWB nothing is unmapped.",
};

static bool decide_unmap_missing(const struct s2v_rule_in *in)
{
	return in->on == S2V_ON_INIT && in->host->fwb == S2V_NO && in->reset_known &&
	       in->reset_unmaps == 0;
}

static void why_unmap_missing(const struct s2v_rule_in *in, char *buf, size_t len)
{
	(void)in;
	snprintf(
		buf, len,
		"A vCPU that had run was initialised again, and nothing was unmapped. Without S2FWB "
		"the guest reboots with its MMU off and its reads bypass the cache: data that the VMM "
		"loaded may still be in the cache. KVM has unmapped here since 957db105c997 (3.19): "
		"find out how this kernel was modified.");
}

const struct s2v_rule s2v_rule_reset_unmap_missing = {
	.id = S2V_RULE_RESET_UNMAP_MISSING,
	.name = "reset-unmap-missing",
	.severity = S2V_CRITICAL,
	.fires = "a vCPU that had run was initialised again on a host without S2FWB, with no "
		 "stage2_unmap_vm() since any vCPU of its VM last ran",
	.on = S2V_ON_INIT,
	.observes = OBS(INIT) | OBS(UNMAP) | OBS(RUN),
	.host_needs = S2V_NEED_FWB,
	.not_applicable = na_with_fwb,
	.decide = decide_unmap_missing,
	.why = why_unmap_missing,
	.explain =
		"Without S2FWB a guest that reboots with its MMU off reads memory as Device or "
		"Non-cacheable: its reads bypass the cache, and miss the data that the VMM, or the guest "
		"before its reset, left in the cache. So KVM has to unmap the VM's stage 2 when a vCPU "
		"that has run is initialised again: pages are then cleaned to the PoC as they are faulted "
		"back in (957db105c997). This rule fires when such an init returned and stage2_unmap_vm() "
		"was not called since any vCPU of the VM last ran.\n"
		"\n"
		"What to do: compare the kernel with its distributor's; do not reboot guests on it.",
};

/* An unmap takes the place of the invalidation: pages are invalidated when faulted back in. */
static bool decide_icache_missing(const struct s2v_rule_in *in)
{
	return in->on == S2V_ON_INIT && in->host->fwb == S2V_YES && in->host->dic == S2V_NO &&
	       in->host->init_icache == S2V_NO && in->reset_known && in->reset_unmaps == 0;
}

static void why_icache_missing(const struct s2v_rule_in *in, char *buf, size_t len)
{
	snprintf(buf, len,
		 "A vCPU that had run was initialised again on a host with S2FWB and without "
		 "CTR_EL0.DIC, and this kernel does not invalidate the instruction cache there "
		 "(%s): the rebooted guest may execute stale instructions from before the reset. "
		 "KVM has done so since 5.8: find out how this kernel was modified.",
		 in->host->init_icache_text);
}

const struct s2v_rule s2v_rule_reset_icache_missing = {
	.id = S2V_RULE_RESET_ICACHE_MISSING,
	.name = "reset-icache-missing",
	.severity = S2V_CRITICAL,
	.fires = "a vCPU that had run was initialised again on a host with S2FWB and without DIC, "
		 "and the running kernel's vCPU-init path does not invalidate the instruction "
		 "cache",
	.on = S2V_ON_INIT,
	.observes = OBS(INIT) | OBS(UNMAP) | OBS(RUN),
	.host_needs = S2V_NEED_FWB | S2V_NEED_DIC | S2V_NEED_INIT_TEXT,
	.not_applicable = na_icache,
	.decide = decide_icache_missing,
	.why = why_icache_missing,
	.explain =
		"With S2FWB KVM does not unmap a VM's memory at a reset, so pages do not come back "
		"through a fault, which would do their instruction-cache maintenance. S2FWB does not "
		"cover the instruction cache: without CTR_EL0.DIC it has to be invalidated explicitly. "
		"KVM does that with IC IALLUIS in the path of KVM_ARM_VCPU_INIT (5.8 on). The instruction "
		"is inline and cannot be probed, so s2verify looks for it in the running kernel's text, "
		"together with the branch that skips it if the host has DIC. This rule fires at a reset "
		"on a kernel that lacks it.\n"
		"\n"
		"What to do: compare the kernel with its distributor's; do not reboot guests on it.",
};

static bool decide_icache_repeated(const struct s2v_rule_in *in)
{
	return in->on == S2V_ON_INIT && in->host->fwb == S2V_YES && in->host->dic == S2V_NO &&
	       in->host->init_icache != S2V_NO && in->reset_known && in->reset_inits > 1;
}

static void why_icache_repeated(const struct s2v_rule_in *in, char *buf, size_t len)
{
	snprintf(
		buf, len,
		"For the %u%s vCPU of one reset KVM invalidated the instruction caches of all CPUs "
		"again, although once is enough: without CTR_EL0.DIC it does so at each "
		"KVM_ARM_VCPU_INIT. It slows every CPU of the host for a moment.",
		in->reset_inits,
		in->reset_inits == 2   ? "nd"
		: in->reset_inits == 3 ? "rd"
				       : "th");
}

const struct s2v_rule s2v_rule_reset_icache_repeated = {
	.id = S2V_RULE_RESET_ICACHE_REPEATED,
	.name = "reset-icache-repeated",
	.severity = S2V_LOW,
	.fires = "on a host with S2FWB and without DIC one reset invalidated all instruction "
		 "caches more than once",
	.on = S2V_ON_INIT,
	.observes = OBS(INIT) | OBS(RUN),
	.host_needs = S2V_NEED_FWB | S2V_NEED_DIC | S2V_NEED_INIT_TEXT,
	.not_applicable = na_icache,
	.decide = decide_icache_repeated,
	.why = why_icache_repeated,
	.explain =
		"S2FWB saves the unmap at a reset, but not the invalidation of the instruction caches: it "
		"does not imply CTR_EL0.DIC. Without DIC KVM executes IC IALLUIS at each "
		"KVM_ARM_VCPU_INIT of a vCPU that has run, and all CPUs of the host take part in it. Once "
		"per reset is enough.\n"
		"\n"
		"What to do: nothing in the VMM avoids it. It is cheap compared with an unmap, and "
		"reported because it slows other VMs.",
};
