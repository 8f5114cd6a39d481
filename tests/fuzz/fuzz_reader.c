// SPDX-License-Identifier: BSD-2-Clause
/* Reads any bytes as a trace file to the end, within the limits of src/trace/s2t.h. */
#include <stdint.h>
#include <stdlib.h>

#include "source.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bytes b = { .p = data, .len = size, .piece = size % 3 ? 0 : 7 };
	struct s2t_source src = { .read = read_bytes, .ctx = &b };
	struct s2v_summary sum = { 0 };
	const struct s2v_ev_hdr *ev;
	struct s2t_reader *r;
	char err[256];
	uint64_t n = 0;

	r = s2t_open(&src, err, sizeof(err));
	if (!r)
		return 0;
	while ((ev = s2t_next(r))) {
		const uint8_t *last = (const uint8_t *)ev + ev->len - 1;

		if (ev->len < sizeof(*ev) || ev->len > S2T_EVENT_MAX)
			abort();
		n += *last != 0;
	}
	s2t_totals(r, &sum);
	if (s2t_state(r)->bytes > size)
		abort();
	s2t_free(r);
	return n > size * S2T_CHUNK_EVENTS;
}
