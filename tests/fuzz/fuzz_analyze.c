// SPDX-License-Identifier: BSD-2-Clause
/* Analyzes any bytes as a trace file, with the JSON and the text sink. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "sink/sinks.h"
#include "trace/analyze.h"
#include "source.h"

static void analyze_with(const uint8_t *data, size_t size, struct s2v_sink *sink, bool resets)
{
	struct bytes b = { .p = data, .len = size };
	struct s2t_source src = { .read = read_bytes, .ctx = &b };
	struct s2v_analysis a = { .sink = sink,
				  .tell = true,
				  .events = !resets,
				  .resets = resets,
				  .refault_window = S2V_REFAULT_WINDOW };
	struct s2v_summary sum;
	struct s2t_reader *r;
	char err[256];

	if (!sink)
		abort();
	s2v_run_narrow(sink, resets);
	r = s2t_open(&src, err, sizeof(err));
	if (r)
		s2v_analyze(r, &a, &sum);
	s2t_free(r);
	sink->close(sink);
	free(sink);
}

/*
 * A few bytes can describe millions of VMs and pages, and the model grows with them. Large inputs
 * are skipped, so that the fuzzer finds bugs and not memory limits.
 */
static bool is_small(const uint8_t *data, size_t size, bool *few_pages)
{
	struct bytes b = { .p = data, .len = size };
	struct s2t_source src = { .read = read_bytes, .ctx = &b };
	const struct s2v_ev_hdr *ev;
	uint64_t events = 0, pages = 0;
	struct s2t_reader *r;
	char err[256];

	r = s2t_open(&src, err, sizeof(err));
	while (r && (ev = s2t_next(r)) && events < 20000) {
		events++;
		if (ev->len >= sizeof(struct s2v_ev_page))
			pages += ((const struct s2v_ev_page *)ev)->size >> 12;
	}
	s2t_free(r);
	*few_pages = events < 2000 && pages < 1000000;
	return r && events < 20000;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static FILE *null;
	bool few_pages;

	if (!null)
		null = fopen("/dev/null", "we");
	if (!null)
		abort();
	if (!is_small(data, size, &few_pages))
		return 0;
	analyze_with(data, size, s2v_sink_json_to(null), false);
	if (few_pages)
		analyze_with(data, size, s2v_sink_text_to(null, true, 80), true);
	return 0;
}
