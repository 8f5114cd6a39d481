/* SPDX-License-Identifier: BSD-2-Clause */
/* Shared by the files of rules. Each of those has a family: decisions, reasons, long texts, and the rules made of them. */
#ifndef S2V_RULES_PRIVATE_H
#define S2V_RULES_PRIVATE_H

#include "core/rules.h"

/* VM_PFNMAP or VM_MIXEDMAP: mapped by a driver, and checked further by KVM. */
static inline bool s2v_is_driver_map(const struct s2v_vma *v)
{
	return v->flags & S2V_VMA_DRIVER;
}

/* As kvm_vma_is_cacheable(): by vm_page_prot, whatever the PTE says. */
static inline bool s2v_is_cacheable_pfnmap(const struct s2v_vma *v)
{
	return (v->flags & S2V_VMA_PFNMAP) && s2v_attr_is_cacheable(v->attr);
}

/* Returns whether it is known that the guest wrote and the host PTE is read-only. */
static inline bool s2v_pte_forbids(const struct s2v_rule_in *in)
{
	return (in->page_flags & S2V_PG_PROT) && (in->page_flags & S2V_PG_WRITE) &&
	       !(in->page_flags & S2V_PG_PTE_WRITE);
}

static inline bool s2v_has_fwb_and_dic(const struct s2v_host *h)
{
	return h->fwb == S2V_YES && h->dic == S2V_YES;
}

/* rules_pfnmap.c: cacheable device memory that KVM refused; other failed faults are fault-failed. */
bool s2v_decide_pfnmap_refused(const struct s2v_rule_in *in);
const char *s2v_na_pfnmap_refused(const struct s2v_host *h);

/* The rules themselves. */
#define RULE(id, object) extern const struct s2v_rule object;
#include "core/rules_table.h"
#undef RULE

#define OBS(o) (1U << S2V_OBS_##o)

#endif
