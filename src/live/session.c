// SPDX-License-Identifier: BSD-2-Clause
#include <stdio.h>

#include "session.h"

int s2v_session_prepare(struct s2v_session *s, enum s2v_attach_mode mode, char *err, size_t errlen)
{
	if (s2v_host_preflight(err, errlen) || s2v_host_gather(&s->host, err, errlen))
		return -1;
	return s2v_observe_live(s->hooks, &s->host, mode, err, errlen) < 0 ? -1 : 0;
}

void s2v_session_cover(struct s2v_session *s)
{
	for (int i = 0; i < S2V_RULE_NR; i++) {
		struct s2v_rule_state *st = &s->rules[i];

		st->rule = &s2v_rules[i];
		st->coverage = s2v_rule_coverage(st->rule, &s->host, s->hooks, S2V_OBS_NR,
						 st->reason, sizeof(st->reason));
	}
}

void s2v_session_tell(const struct s2v_session *s, struct s2v_sink *sink)
{
	if (sink->host)
		sink->host(sink, &s->host);
	for (int i = 0; sink->hook && i < S2V_OBS_NR; i++)
		sink->hook(sink, &s->hooks[i]);
	for (int i = 0; sink->rule && i < S2V_RULE_NR; i++)
		sink->rule(sink, &s->rules[i]);
}

const char *s2v_session_hooks_line(struct s2v_session *s)
{
	unsigned int n[3] = { 0 };

	for (int i = 0; i < S2V_OBS_NR; i++)
		n[s->hooks[i].method]++;
	snprintf(s->line, sizeof(s->line), "%u hooks by fentry, %u by kprobe, %u not attached",
		 n[S2V_METHOD_FENTRY], n[S2V_METHOD_KPROBE], n[S2V_METHOD_NONE]);
	return s->line;
}

void s2v_session_free(struct s2v_session *s)
{
	s2v_host_free(&s->host);
}
