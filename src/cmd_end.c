// SPDX-License-Identifier: BSD-2-Clause
/* How a command ends: what its exit status says, and whether its results were written. */
#include <stdlib.h>
#include <string.h>

#include "cmd.h"
#include "util.h"

int s2v_exit_status(const struct s2v_summary *sum, enum s2v_severity fail_on,
		    const struct s2v_sink *sink)
{
	for (int s = fail_on; s < S2V_SEVERITY_NR; s++)
		if (sum->findings[s])
			return S2V_EXIT_FINDINGS;
	return sum->complete && !sink->failed ? S2V_EXIT_OK : S2V_EXIT_INCOMPLETE;
}

int s2v_sink_end(struct s2v_sink *sink, int status)
{
	sink->close(sink);
	if (sink->failed) {
		s2v_err("results could not be written: %s", strerror(sink->failed));
		if (status == S2V_EXIT_OK)
			status = S2V_EXIT_INCOMPLETE;
	}
	free(sink);
	return status;
}
