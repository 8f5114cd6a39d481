/* SPDX-License-Identifier: BSD-2-Clause */
/* Shared by the files of rules. Only the catalogue in rules.c uses the decisions. */
#ifndef S2V_RULES_PRIVATE_H
#define S2V_RULES_PRIVATE_H

#include "core/rules.h"

/* VM_PFNMAP or VM_MIXEDMAP: mapped by a driver, and checked further by KVM. */
static inline bool s2v_is_driver_map(const struct s2v_vma *v)
{
	return v->flags & (S2V_VMA_PFNMAP | S2V_VMA_MIXEDMAP);
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

/* rules_pfnmap.c: cacheable device memory, accepted or refused. */
bool s2v_decide_pfnmap_admitted(const struct s2v_rule_in *in);
void s2v_why_pfnmap_admitted(const struct s2v_rule_in *in, char *buf, size_t len);
const char *s2v_na_pfnmap_admitted(const struct s2v_host *h);
bool s2v_decide_pfnmap_refused(const struct s2v_rule_in *in);
void s2v_why_pfnmap_refused(const struct s2v_rule_in *in, char *buf, size_t len);
const char *s2v_na_pfnmap_refused(const struct s2v_host *h);

/* rules_fault.c: a fault that failed. */
bool s2v_decide_fault_failed(const struct s2v_rule_in *in);
void s2v_why_fault_failed(const struct s2v_rule_in *in, char *buf, size_t len);

/* rules_leaf.c: the memory that leaves map. */
bool s2v_decide_foreign_memory(const struct s2v_rule_in *in);
void s2v_why_foreign_memory(const struct s2v_rule_in *in, char *buf, size_t len);
bool s2v_decide_alias_conflict(const struct s2v_rule_in *in);
void s2v_why_alias_conflict(const struct s2v_rule_in *in, char *buf, size_t len);

#endif
