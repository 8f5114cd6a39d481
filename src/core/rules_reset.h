/* SPDX-License-Identifier: BSD-2-Clause */
/* Rules on resets; only the catalogue in rules.c uses them. */
#ifndef S2V_RULES_RESET_H
#define S2V_RULES_RESET_H

#include "core/rules.h"

bool s2v_decide_unmap_fwb(const struct s2v_rule_in *in);
bool s2v_decide_unmap_repeated(const struct s2v_rule_in *in);
bool s2v_decide_unmap_missing(const struct s2v_rule_in *in);
bool s2v_decide_icache_missing(const struct s2v_rule_in *in);
bool s2v_decide_icache_repeated(const struct s2v_rule_in *in);

void s2v_why_unmap_fwb(const struct s2v_rule_in *in, char *buf, size_t len);
void s2v_why_unmap_repeated(const struct s2v_rule_in *in, char *buf, size_t len);
void s2v_why_unmap_missing(const struct s2v_rule_in *in, char *buf, size_t len);
void s2v_why_icache_missing(const struct s2v_rule_in *in, char *buf, size_t len);
void s2v_why_icache_repeated(const struct s2v_rule_in *in, char *buf, size_t len);

const char *s2v_na_without_fwb(const struct s2v_host *h); /* cannot fire without S2FWB */
const char *s2v_na_with_fwb(const struct s2v_host *h); /* cannot fire with it */
const char *s2v_na_icache(const struct s2v_host *h); /* only with S2FWB and without DIC */

#endif
