// SPDX-License-Identifier: BSD-2-Clause
/* Rules on resets: unmaps and invalidations that are redundant or missing. */
#include <stdio.h>

#include "core/rules_reset.h"

bool s2v_decide_unmap_fwb(const struct s2v_rule_in *in)
{
	return in->on == S2V_ON_UNMAP && in->host->fwb == S2V_YES;
}

void s2v_why_unmap_fwb(const struct s2v_rule_in *in, char *buf, size_t len)
{
	(void)in;
	snprintf(
		buf, len,
		"The reset of a vCPU unmapped the whole of the VM's memory, and each page costs a fault "
		"to map again. With S2FWB the guest's accesses are always cacheable, so nothing has "
		"to be cleaned: use a kernel with 892713e97ca1 (5.8 on).");
}

bool s2v_decide_unmap_repeated(const struct s2v_rule_in *in)
{
	return in->on == S2V_ON_UNMAP && in->host->fwb == S2V_NO && in->reset_known &&
	       in->reset_unmaps > 1 && !in->reset_mapped;
}

void s2v_why_unmap_repeated(const struct s2v_rule_in *in, char *buf, size_t len)
{
	snprintf(
		buf, len,
		"This is unmap %u of one reset, and nothing was mapped since the one before: KVM "
		"unmaps once for each vCPU, although once for the VM is enough. It costs a walk of "
		"all memslots; a VMM cannot avoid it.",
		in->reset_unmaps);
}

bool s2v_decide_unmap_missing(const struct s2v_rule_in *in)
{
	return in->on == S2V_ON_INIT && in->host->fwb == S2V_NO && in->reset_known &&
	       in->reset_unmaps == 0;
}

void s2v_why_unmap_missing(const struct s2v_rule_in *in, char *buf, size_t len)
{
	(void)in;
	snprintf(
		buf, len,
		"A vCPU that had run was initialised again, and nothing was unmapped. Without S2FWB "
		"the guest reboots with its MMU off and its reads bypass the cache: data that the VMM "
		"loaded may still be in the cache. KVM has unmapped here since 957db105c997 (3.19): "
		"find out how this kernel was modified.");
}

/* An unmap takes the place of the invalidation: pages are invalidated when faulted back in. */
bool s2v_decide_icache_missing(const struct s2v_rule_in *in)
{
	return in->on == S2V_ON_INIT && in->host->fwb == S2V_YES && in->host->dic == S2V_NO &&
	       in->host->init_icache == S2V_NO && in->reset_known && in->reset_unmaps == 0;
}

void s2v_why_icache_missing(const struct s2v_rule_in *in, char *buf, size_t len)
{
	snprintf(
		buf, len,
		"A vCPU that had run was initialised again on a host with S2FWB and without "
		"CTR_EL0.DIC, and this kernel does not invalidate the instruction cache there (%s): "
		"the rebooted guest may execute stale instructions from before the reset. Use a kernel "
		"that does (5.8 on); if this is one, find out how it was modified.",
		in->host->init_icache_text);
}

bool s2v_decide_icache_repeated(const struct s2v_rule_in *in)
{
	return in->on == S2V_ON_INIT && in->host->fwb == S2V_YES && in->host->dic == S2V_NO &&
	       in->host->init_icache != S2V_NO && in->reset_known && in->reset_inits > 1;
}

void s2v_why_icache_repeated(const struct s2v_rule_in *in, char *buf, size_t len)
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

const char *s2v_na_without_fwb(const struct s2v_host *h)
{
	return h->fwb == S2V_NO ? "the host has no S2FWB: the unmap is needed" : NULL;
}

const char *s2v_na_with_fwb(const struct s2v_host *h)
{
	return h->fwb == S2V_YES ? "the host has S2FWB: no unmap is needed" : NULL;
}

const char *s2v_na_icache(const struct s2v_host *h)
{
	if (h->fwb == S2V_NO)
		return "the host has no S2FWB: the unmap takes its place";
	return h->dic == S2V_YES ? "the host has CTR_EL0.DIC: nothing is invalidated" : NULL;
}
