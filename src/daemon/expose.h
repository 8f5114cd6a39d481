/* SPDX-License-Identifier: BSD-2-Clause */
/* Metrics as text: Prometheus 0.0.4 and OpenMetrics 1.0. The caller checks ferror() at the end. */
#ifndef S2V_DAEMON_EXPOSE_H
#define S2V_DAEMON_EXPOSE_H

#include <stdio.h>

#include "util/types.h"
#include "s2v_hist.h"

enum s2v_metric_type { S2V_GAUGE, S2V_COUNTER, S2V_HISTOGRAM, S2V_INFO_METRIC };

struct s2v_expo {
	FILE *f;
	bool openmetrics;
	const char *name; /* of the current family */
	enum s2v_metric_type type;
	__u64 series; /* written so far */
};

struct s2v_label {
	const char *name, *value; /* value: any bytes, escaped here */
};

#define S2V_LABELS_MAX 4
#define S2V_VALUE_LEN 40

/* HELP, TYPE, UNIT. name: as in samples ("…_total", "…_info"). unit: "", or a suffix of the name. */
void s2v_expo_family(struct s2v_expo *x, const char *name, enum s2v_metric_type type,
		     const char *unit, const char *help);

/* One sample. l: ends with a NULL name, or is NULL. */
void s2v_expo_u64(struct s2v_expo *x, const struct s2v_label *l, __u64 v);
void s2v_expo_double(struct s2v_expo *x, const struct s2v_label *l, double v);
void s2v_expo_ns(struct s2v_expo *x, const struct s2v_label *l, __u64 ns); /* as seconds, exactly */
void s2v_expo_hist(struct s2v_expo *x, const struct s2v_hist *h);

/* Ends the exposition. */
void s2v_expo_end(struct s2v_expo *x);

/* Nanoseconds as seconds, exact, without trailing zeros: "0", "1.5", "0.000001". */
void s2v_seconds(__u64 ns, char buf[S2V_VALUE_LEN]);

#endif
