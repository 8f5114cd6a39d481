// SPDX-License-Identifier: BSD-2-Clause
/* The paths that the daemon serves. */
#include <event2/http.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "daemon/accept.h"
#include "sink/sinks.h"
#include "daemon/daemon.h"
#include "daemon/expose.h"
#include "report/html.h"
#include "util/util.h"

/* Fills d->now. On failure returns false and writes an error answer. */
static bool read_now(struct s2v_daemon *d, struct s2v_answer *a)
{
	int err = s2v_daemon_now(d, &d->now);

	if (!err)
		return true;
	a->code = HTTP_SERVUNAVAIL;
	fprintf(a->f, "the source cannot be read: %s\n", strerror(-err));
	return false;
}

static void write_page(void *arg, const char *accept, struct s2v_answer *a)
{
	struct s2v_daemon *d = arg;

	(void)accept;
	if (!read_now(d, a))
		return;
	a->type = "text/html; charset=utf-8";
	s2v_daemon_count_model(d, &d->now);
	if (s2v_page_write(a->f, d, &d->now))
		a->code = HTTP_INTERNAL;
}

static void write_metrics(void *arg, const char *accept, struct s2v_answer *a)
{
	struct s2v_daemon *d = arg;
	struct s2v_expo x = { .f = a->f, .openmetrics = s2v_accepts_openmetrics(accept) };

	if (!read_now(d, a))
		return;
	a->type = x.openmetrics ? "application/openmetrics-text; version=1.0.0; charset=utf-8"
				: "text/plain; version=0.0.4; charset=utf-8";
	s2v_daemon_count_model(d, &d->now);
	s2v_vms_rank(&d->vms, s2v_clock_ns(CLOCK_MONOTONIC));
	s2v_metrics_write(&x, d, &d->now);
}

static void write_findings(void *arg, const char *accept, struct s2v_answer *a)
{
	const struct s2v_daemon *d = arg;
	struct s2v_sink *json = s2v_sink_json_to(a->f);
	const struct s2v_finding *f;

	(void)accept;
	a->type = "application/json";
	fprintf(a->f, "{\"suppressed\":%llu,\"findings\":[", ULL(d->log.suppressed));
	for (unsigned int i = 0; json && (f = s2v_log_kept(&d->log, i)); i++) {
		if (i)
			putc(',', a->f);
		json->finding(json, f);
	}
	fputs("]}\n", a->f);
	if (!json || json->failed)
		a->code = HTTP_INTERNAL;
	if (json) {
		json->close(json);
		free(json);
	}
}

static void write_healthy(void *arg, const char *accept, struct s2v_answer *a)
{
	(void)arg;
	(void)accept;
	fputs("healthy\n", a->f);
}

static void write_ready(void *arg, const char *accept, struct s2v_answer *a)
{
	struct s2v_daemon *d = arg;

	(void)accept;
	if (!read_now(d, a))
		return;
	if (!d->now.unready[0]) {
		fputs("ready\n", a->f);
		return;
	}
	a->code = HTTP_SERVUNAVAIL;
	fputs(d->now.unready, a->f);
}

const struct s2v_route s2v_routes[] = {
	{ "/", write_page },
	{ "/metrics", write_metrics },
	{ "/findings", write_findings },
	{ "/-/healthy", write_healthy },
	{ "/-/ready", write_ready },
	{ NULL, NULL },
};
