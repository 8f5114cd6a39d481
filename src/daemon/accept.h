/* SPDX-License-Identifier: BSD-2-Clause */
/* What a client takes (RFC 9110, 12.5). Pure. header: its value, or NULL. */
#ifndef S2V_DAEMON_ACCEPT_H
#define S2V_DAEMON_ACCEPT_H

#include "util/types.h"

/* OpenMetrics 1.0, named and not liked less than the Prometheus text format? */
bool s2v_accepts_openmetrics(const char *header);
bool s2v_accepts_gzip(const char *header);

#endif
