/* SPDX-License-Identifier: BSD-2-Clause */
/* What a client accepts (RFC 9110, 12.5). header: the field's value, or NULL. No I/O. */
#ifndef S2V_DAEMON_ACCEPT_H
#define S2V_DAEMON_ACCEPT_H

#include "util/types.h"

/* Whether the header names OpenMetrics 1.0, with at least the weight of the Prometheus text format. */
bool s2v_accepts_openmetrics(const char *header);
bool s2v_accepts_gzip(const char *header);

#endif
