// SPDX-License-Identifier: BSD-2-Clause
#include "daemon.h"
#include "html.h"

void s2v_page_write(FILE *f, const struct s2v_daemon *d, const struct s2v_now *now)
{
	(void)d;
	(void)now;
	fprintf(f, "<!DOCTYPE html><title>s2verify</title><style>%s</style><p>s2verify %s",
		s2v_html_css, S2V_VERSION);
}
